//! Rows that Python holds: in memory, or in files that are read when they are asked for.

use std::path::PathBuf;
use std::str::FromStr;

use arrow::array::{RecordBatch, RecordBatchIterator, RecordBatchReader};
use arrow::compute::concat_batches;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::writer::FileWriter;
use callboard_io::{BatchPolicy, Dataset, Format, InputSpec};
use callboard_runtime::{Class, RunError, display_type};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyTuple};

use crate::capsules;
use crate::failure::Failure;

/// Batches of one schema, in memory.
#[pyclass(frozen, module = "callboard._native")]
pub(crate) struct Batches {
    pub(crate) schema: SchemaRef,
    pub(crate) batches: Vec<RecordBatch>,
}

#[pymethods]
impl Batches {
    /// Takes the rows of any object that has them in Arrow's layout.
    #[new]
    fn new(rows: &Bound<'_, PyAny>) -> PyResult<Batches> {
        let (schema, batches) = capsules::rows(rows)?;
        Ok(Batches { schema, batches })
    }

    /// No rows of no columns.
    #[staticmethod]
    fn empty() -> Batches {
        Batches { schema: SchemaRef::new(Schema::empty()), batches: Vec::new() }
    }

    #[getter]
    fn num_rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    #[getter]
    fn columns(&self) -> Vec<(String, String)> {
        columns(&self.schema)
    }

    /// Writes the rows to a new Arrow file.
    fn write(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        let written = py.detach(|| {
            let file = std::fs::File::create_new(&path)?;
            let mut writer = FileWriter::try_new(file, &self.schema)?;
            self.batches.iter().try_for_each(|batch| writer.write(batch))?;
            writer.finish()
        });
        written.map_err(|error| {
            let message = format!("cannot write `{}`: {error}", path.display());
            Failure::Other(Class::System, message, None).raised(py)
        })
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        capsules::schema_capsule(py, &self.schema)
    }

    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        // The protocol leaves it to the producer whether another schema is given.
        drop(requested_schema);
        let whole = match &self.batches[..] {
            [one] => one.clone(),
            several => concat_batches(&self.schema, several).map_err(|error| refused(&error))?,
        };
        capsules::array_capsules(py, &whole)
    }

    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        drop(requested_schema);
        let batches: Vec<Result<RecordBatch, ArrowError>> = self.batches.iter().cloned().map(Ok).collect();
        capsules::stream_capsule(py, RecordBatchIterator::new(batches, self.schema.clone()))
    }
}

fn refused(error: &ArrowError) -> PyErr {
    pyo3::exceptions::PyValueError::new_err(error.to_string())
}

fn columns(schema: &SchemaRef) -> Vec<(String, String)> {
    schema.fields().iter().map(|field| (field.name().clone(), display_type(field.data_type()))).collect()
}

/// Files of rows: their schema is known, and rows are read each time they are asked for.
#[pyclass(frozen, module = "callboard._native")]
pub(crate) struct Files {
    dataset: Dataset,
}

/// Rows of a file are read in batches of this many.
const ROWS: usize = 65_536;
/// … or of about this many bytes.
const BYTES: usize = 32 << 20;

#[pymethods]
impl Files {
    #[new]
    #[pyo3(signature = (paths, base, format = None, delimiter = None, hive = false))]
    fn new(
        py: Python<'_>,
        paths: Vec<String>,
        base: PathBuf,
        format: Option<&str>,
        delimiter: Option<u8>,
        hive: bool,
    ) -> PyResult<Files> {
        let raised = |error| Failure::from(RunError::from(error)).raised(py);
        let format = format.map(Format::from_str).transpose().map_err(raised)?;
        let spec = InputSpec { name: "rows".to_owned(), base, paths, format, delimiter, hive, ..InputSpec::default() };
        let opened = py.detach(|| Dataset::open(&spec));
        let dataset = opened.map_err(raised)?;
        Ok(Files { dataset })
    }

    #[getter]
    fn columns(&self) -> Vec<(String, String)> {
        columns(&self.dataset.schema())
    }

    #[getter]
    fn paths(&self) -> Vec<PathBuf> {
        self.dataset.files().to_vec()
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        capsules::schema_capsule(py, &self.dataset.schema())
    }

    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        drop(requested_schema);
        let reader = self.dataset.read(BatchPolicy { rows: ROWS, bytes: BYTES });
        capsules::stream_capsule(py, FileRows { schema: self.dataset.schema(), reader })
    }
}

struct FileRows {
    schema: SchemaRef,
    reader: callboard_io::Reader,
}

impl Iterator for FileRows {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let chunk = self.reader.next()?;
        Some(chunk.map(|chunk| chunk.rows).map_err(|error| ArrowError::ExternalError(Box::new(error))))
    }
}

impl RecordBatchReader for FileRows {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}
