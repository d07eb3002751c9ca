//! The folder that a test works in, and what it does there over and over.

use std::io::Write;
use std::path::PathBuf;

use arrow::array::{Array, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use callboard_io::beneath::Dir;
use callboard_io::{BatchPolicy, Chunk, Dataset, InputSpec, IoError, OutputSpec, Staged, Writer, check_writable};

use crate::both;

pub(crate) const POLICY: BatchPolicy = BatchPolicy { rows: 8192, bytes: 1 << 20 };

pub(crate) struct Bench {
    folder: tempfile::TempDir,
    elsewhere: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new() -> Bench {
        Bench { folder: tempfile::tempdir().unwrap(), elsewhere: tempfile::tempdir().unwrap() }
    }

    /// With one file.
    pub(crate) fn with(name: &str, bytes: impl AsRef<[u8]>) -> Bench {
        let bench = Bench::new();
        bench.put(name, bytes);
        bench
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    pub(crate) fn text(&self, name: &str) -> String {
        String::from_utf8(self.bytes(name)).unwrap()
    }

    /// Everything in the folder, hidden files too.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(crate) fn spec(&self, paths: &[&str], types: &[(&str, &str)]) -> InputSpec {
        InputSpec {
            name: "docs".into(),
            base: self.folder.path().into(),
            paths: paths.iter().map(|path| path.to_string()).collect(),
            format: None,
            types: types.iter().map(|(column, name)| (column.to_string(), name.to_string())).collect(),
            ..Default::default()
        }
    }

    pub(crate) fn open(&self, paths: &[&str]) -> Result<Dataset, IoError> {
        both::open(&self.spec(paths, &[]))
    }

    pub(crate) fn read(&self, paths: &[&str]) -> Result<Vec<Chunk>, IoError> {
        self.read_as(paths, &[])
    }

    pub(crate) fn read_as(&self, paths: &[&str], types: &[(&str, &str)]) -> Result<Vec<Chunk>, IoError> {
        both::rows(&self.spec(paths, types), POLICY)
    }

    /// The error, in words, with the folder left out of them; and its help.
    pub(crate) fn error(&self, paths: &[&str], types: &[(&str, &str)]) -> (String, String) {
        let error = self.read_as(paths, types).expect_err("this input is wrong");
        self.words(&error)
    }

    pub(crate) fn words(&self, error: &IoError) -> (String, String) {
        let folder = format!("{}/", self.folder.path().display());
        (error.to_string().replace(&folder, ""), error.help().unwrap_or_default().replace(&folder, ""))
    }

    pub(crate) fn output(&self, name: &str) -> OutputSpec {
        OutputSpec {
            name: "out".into(),
            path: self.path(name),
            access: Default::default(),
            format: None,
            compression: None,
            level: None,
            parts: callboard_io::Parts::default(),
        }
    }

    /// A file that is in another folder.
    pub(crate) fn staged(&self) -> Staged {
        Staged::new(&Dir::open(self.elsewhere.path()).unwrap(), "staged")
    }

    /// Writes somewhere else than in the folder, until it is committed.
    pub(crate) fn writer(&self, output: &OutputSpec, schema: SchemaRef) -> Result<Writer, IoError> {
        Writer::create(output, schema, &self.staged())
    }

    pub(crate) fn write(&self, name: &str, batches: &[RecordBatch]) -> Result<(), IoError> {
        let mut writer = self.writer(&self.output(name), batches[0].schema())?;
        batches.iter().try_for_each(|batch| writer.write(batch))?;
        writer.finish()?.commit(&check_writable(&self.output(name))?, true).map(drop)
    }
}

/// All rows in one batch.
pub(crate) fn join(chunks: &[Chunk]) -> RecordBatch {
    let batches: Vec<_> = chunks.iter().map(|chunk| chunk.rows.clone()).collect();
    concat_batches(&batches[0].schema(), &batches).unwrap()
}

/// A column's values as text, `∅` for null.
pub(crate) fn column(rows: &RecordBatch, name: &str) -> Vec<String> {
    show(rows.column_by_name(name).unwrap_or_else(|| panic!("there is no column {name}")))
}

pub(crate) fn show(array: &dyn Array) -> Vec<String> {
    let options = FormatOptions::default().with_null("∅");
    let formatter = ArrayFormatter::try_new(array, &options).unwrap();
    (0..array.len()).map(|row| formatter.value(row).to_string()).collect()
}

/// `name: type` of each column.
pub(crate) fn types(rows: &arrow::datatypes::Schema) -> Vec<String> {
    rows.fields().iter().map(|field| format!("{}: {}", field.name(), field.data_type())).collect()
}

pub(crate) fn gz(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes.as_ref()).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zst(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    zstd::encode_all(bytes.as_ref(), 3).unwrap()
}
