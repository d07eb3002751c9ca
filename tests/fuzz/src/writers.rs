//! Any rows of any types go through each writer: refused with their place, or written, and the same when they are read again.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, make_array};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, TimeUnit};
use callboard_io::beneath::Dir;
use callboard_io::{
    BatchPolicy, Dataset, InputSpec, IoError, OutputSpec, Staged, Writer, check_schema, check_writable, json_rows,
    marked_rows,
};

use super::made::{self, Bytes, Kinds};

thread_local! {
    static FOLDER: tempfile::TempDir = tempfile::tempdir().expect("there is a folder for temporary files");
}

const POLICY: BatchPolicy = BatchPolicy { rows: 5, bytes: 1 << 20 };

const FORMATS: &[&str] = &["out.jsonl", "out.csv", "out.parquet", "out.arrow"];

/// Makes rows of the bytes, and takes them through an Arrow file and each writer.
pub fn fuzz(bytes: &[u8]) {
    FOLDER.with(|folder| {
        let mut bytes = Bytes(bytes);
        // Each file is brought to the disk, so one at a time is enough.
        let format = bytes.below(FORMATS.len() + 1);
        let formats = FORMATS.get(format..=format).unwrap_or(FORMATS);
        let kinds = if bytes.below(2) == 0 { Kinds::Inside } else { Kinds::Files };
        let schema = made::schema(&mut bytes, kinds);
        let count = bytes.below(12);
        let rows = made::rows(&mut bytes, &schema, count);
        match kinds {
            Kinds::Inside => writers(folder.path(), formats, &rows),
            Kinds::Files => {
                let file = File::create(folder.path().join("made.arrow")).expect("the folder can be written");
                let mut writer = arrow::ipc::writer::FileWriter::try_new(file, &schema).expect("a schema of Arrow's");
                writer.write(&rows).expect("rows of Arrow's");
                writer.finish().expect("a file of Arrow's");
                match read(folder.path(), "made.arrow") {
                    Ok(read) => {
                        assert_eq!(read.num_rows(), rows.num_rows());
                        writers(folder.path(), formats, &read);
                    }
                    Err(error) => said(&error),
                }
            }
        }
    });
}

fn writers(folder: &Path, formats: &[&str], rows: &RecordBatch) {
    for name in formats {
        if let Err(error) = write(folder, name, rows) {
            said(&error);
            continue;
        }
        match *name {
            "out.jsonl" => lines(&fs::read_to_string(folder.join(name)).expect("JSON Lines are text"), rows),
            "out.csv" => text(&fs::read_to_string(folder.join(name)).expect("CSV is text")),
            _ => again(folder, name, rows),
        }
    }
    match json_rows(rows) {
        Ok(written) => written.iter().for_each(line),
        Err(error) => said(&error),
    }
    // Rows that went no further are told whatever they hold.
    let marked = marked_rows(rows).expect("there is a form for every value");
    assert_eq!(marked.len(), rows.num_rows());
    marked.iter().for_each(line);
}

/// Writes a file in a folder, in two batches.
pub fn write(folder: &Path, name: &str, rows: &RecordBatch) -> Result<(), IoError> {
    let spec = OutputSpec {
        name: "out".to_owned(),
        path: folder.join(name),
        access: Default::default(),
        format: None,
        compression: None,
        level: None,
        parts: callboard_io::Parts::default(),
    };
    check_schema(&spec, &rows.schema())?;
    let staged = Staged::new(&Dir::open(folder).expect("the folder is there"), "staged");
    let mut writer = Writer::create(&spec, rows.schema(), &staged)?;
    let half = rows.num_rows() / 2;
    writer.write(&rows.slice(0, half))?;
    writer.write(&rows.slice(half, rows.num_rows() - half))?;
    writer.finish()?.commit(&check_writable(&spec)?, true).map(drop)
}

fn read(base: &Path, name: &str) -> Result<RecordBatch, IoError> {
    read_as(base, name, InputSpec::default())
}

/// Reads a file of a folder; the rest of what is said of it is in `spec`.
pub fn read_as(base: &Path, name: &str, spec: InputSpec) -> Result<RecordBatch, IoError> {
    let spec = InputSpec { base: base.to_owned(), paths: vec![name.to_owned()], ..spec };
    let dataset = Dataset::open(&spec)?;
    let chunks: Vec<RecordBatch> =
        dataset.read(POLICY).map(|chunk| chunk.map(|chunk| chunk.rows)).collect::<Result<_, _>>()?;
    Ok(concat_batches(&dataset.schema(), &chunks).expect("chunks of one schema"))
}

/// A line is JSON, without any error's text.
fn line(line: &String) {
    text(line);
    let json = serde_json::from_str::<&serde_json::value::RawValue>(line);
    json.unwrap_or_else(|error| panic!("{line} is not JSON: {error}"));
}

fn text(text: &str) {
    assert!(!text.contains("ERROR") && !text.contains("<invalid>"), "an error's text: {text}");
}

fn lines(text: &str, rows: &RecordBatch) {
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), rows.num_rows(), "{text}");
    lines.iter().for_each(line);
}

/// What a binary format gives back is what went in, in the types that it has.
pub fn again(folder: &Path, name: &str, rows: &RecordBatch) {
    let back = match read(folder, name) {
        Ok(back) => back,
        // A step may return intervals, and a decimal of too many digits is nothing that a reader takes.
        Err(error) => return said(&error),
    };
    let fields = rows
        .schema()
        .fields()
        .iter()
        .map(|field| known(&if name.ends_with("parquet") { stored(field) } else { field.clone() }))
        .collect::<Fields>();
    for (at, field) in fields.iter().enumerate() {
        let expected = cast(rows.column(at), field.data_type()).expect("units are cast");
        let found = back.column(at);
        assert_eq!(back.schema().field(at).data_type(), field.data_type(), "of {name}");
        assert_eq!(&plain(found), &plain(&expected), "column {} of {name}", field.name());
    }
}

/// The same values in an array of their own: a slice of lists that are null may hold anything.
fn plain(array: &ArrayRef) -> ArrayRef {
    make_array(array.to_data())
}

/// As Parquet stores it.
fn stored(field: &FieldRef) -> FieldRef {
    use DataType::*;
    each(field, &|leaf| match leaf {
        Timestamp(TimeUnit::Second, zone) => Timestamp(TimeUnit::Millisecond, zone.clone()),
        Time32(TimeUnit::Second) => Time32(TimeUnit::Millisecond),
        Date64 => Date32,
        other => other.clone(),
    })
}

/// As a reader takes it: a zone that nobody knows is UTC.
fn known(field: &FieldRef) -> FieldRef {
    each(field, &|leaf| match leaf {
        DataType::Timestamp(unit, Some(zone)) if &**zone == "Mars/Phobos" => {
            DataType::Timestamp(*unit, Some("UTC".into()))
        }
        other => other.clone(),
    })
}

fn each(field: &FieldRef, leaf: &dyn Fn(&DataType) -> DataType) -> FieldRef {
    use DataType::*;
    let data_type = match field.data_type() {
        List(item) => List(each(item, leaf)),
        FixedSizeList(item, width) => FixedSizeList(each(item, leaf), *width),
        Map(entries, sorted) => Map(each(entries, leaf), *sorted),
        Struct(fields) => Struct(fields.iter().map(|field| each(field, leaf)).collect()),
        other => leaf(other),
    };
    Arc::new(Field::clone(field).with_data_type(data_type))
}

/// Whatever is wrong is said in words, and of values with the row.
fn said(error: &IoError) {
    let words = error.to_string();
    assert!(!words.is_empty() && words.len() < 16 << 10, "{} bytes of message", words.len());
    assert!(!words.contains("panicked") && !words.contains("ERROR"), "{words}");
}
