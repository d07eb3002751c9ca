//! Rows across the Arrow C data interface, in the capsules of the Arrow PyCapsule protocol: no copy, and no library in between.
//!
//! The one place of this crate with unsafe code. Python's libraries are trusted to fill the structures as the interface says: they are
//! native code in the same process. What the structures describe is validated.

use std::sync::Arc;

use arrow::array::{Array, ArrayData, RecordBatch, RecordBatchOptions, RecordBatchReader, StructArray};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi};
use arrow::ffi_stream::{FFI_ArrowArrayStream, RecordBatchStreamReader};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyTuple};

const SCHEMA: &std::ffi::CStr = c"arrow_schema";
const ARRAY: &std::ffi::CStr = c"arrow_array";
const STREAM: &std::ffi::CStr = c"arrow_array_stream";

/// The rows of an object that has `__arrow_c_array__` or `__arrow_c_stream__`.
pub(crate) fn rows(object: &Bound<'_, PyAny>) -> PyResult<(SchemaRef, Vec<RecordBatch>)> {
    if object.hasattr("__arrow_c_array__")? {
        let pair = object.call_method0("__arrow_c_array__")?.cast_into::<PyTuple>()?;
        let batch = array(&pair.get_item(0)?.cast_into()?, &pair.get_item(1)?.cast_into()?)?;
        return Ok((batch.schema(), vec![batch]));
    }
    if object.hasattr("__arrow_c_stream__")? {
        let capsule = object.call_method0("__arrow_c_stream__")?.cast_into::<PyCapsule>()?;
        return stream(&capsule);
    }
    let of = object.get_type().fully_qualified_name()?.to_string();
    Err(PyTypeError::new_err(format!(
        "rows are Arrow: a table or record batch of PyArrow, Polars, DuckDB, pandas or another library with \
         `__arrow_c_stream__`, and not `{of}`"
    )))
}

fn array(schema: &Bound<'_, PyCapsule>, array: &Bound<'_, PyCapsule>) -> PyResult<RecordBatch> {
    let schema = schema.pointer_checked(Some(SCHEMA))?.cast::<FFI_ArrowSchema>();
    let array = array.pointer_checked(Some(ARRAY))?.cast::<FFI_ArrowArray>();
    // SAFETY: a capsule of this name holds a pointer to such a structure, which lives as long as the capsule; nobody else uses it while
    // the lock of the interpreter is held. `from_raw` moves the array out, and marks what is left as released.
    let (schema, array) = unsafe { (schema.as_ref(), FFI_ArrowArray::from_raw(array.as_ptr())) };
    let fields = Schema::try_from(schema).map_err(unfit)?;
    // SAFETY: both were made by a library that follows the interface.
    let data = unsafe { from_ffi(array, schema) }.map_err(unfit)?;
    batch(data, Arc::new(fields))
}

/// The rows of a struct array.
fn batch(data: ArrayData, schema: SchemaRef) -> PyResult<RecordBatch> {
    data.validate_full().map_err(unfit)?;
    let rows = StructArray::from(data);
    if rows.logical_null_count() > 0 {
        return Err(PyValueError::new_err("these rows are a struct column in which rows themselves are null"));
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(schema, rows.columns().to_vec(), &options).map_err(unfit)
}

fn stream(capsule: &Bound<'_, PyCapsule>) -> PyResult<(SchemaRef, Vec<RecordBatch>)> {
    let pointer = capsule.pointer_checked(Some(STREAM))?.cast::<FFI_ArrowArrayStream>();
    // SAFETY: as in `array`; `from_raw` moves the stream out, and leaves an empty one.
    let reader = unsafe { RecordBatchStreamReader::from_raw(pointer.as_ptr()) }.map_err(unfit)?;
    let schema = reader.schema();
    let mut batches = Vec::new();
    for read in reader {
        let read = read.map_err(unfit)?;
        read.columns().iter().try_for_each(|column| column.to_data().validate_full()).map_err(unfit)?;
        batches.push(read);
    }
    Ok((schema, batches))
}

fn unfit(error: ArrowError) -> PyErr {
    PyValueError::new_err(format!("these rows cannot be read as Arrow: {error}"))
}

/// A schema in a capsule.
pub(crate) fn schema_capsule<'py>(py: Python<'py>, schema: &Schema) -> PyResult<Bound<'py, PyCapsule>> {
    PyCapsule::new_with_value(py, FFI_ArrowSchema::try_from(schema).map_err(unfit)?, SCHEMA)
}

/// A batch in two capsules, of its schema and its rows.
pub(crate) fn array_capsules<'py>(py: Python<'py>, rows: &RecordBatch) -> PyResult<Bound<'py, PyTuple>> {
    let array = FFI_ArrowArray::new(&StructArray::from(rows.clone()).into_data());
    let array = PyCapsule::new_with_value(py, array, ARRAY)?;
    PyTuple::new(py, [schema_capsule(py, rows.schema_ref())?, array])
}

/// A stream of batches in a capsule.
pub(crate) fn stream_capsule<'py>(
    py: Python<'py>,
    batches: impl RecordBatchReader + Send + 'static,
) -> PyResult<Bound<'py, PyCapsule>> {
    PyCapsule::new_with_value(py, FFI_ArrowArrayStream::new(Box::new(batches)), STREAM)
}
