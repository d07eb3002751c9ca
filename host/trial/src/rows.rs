//! Rows: read from JSON Lines, put together, taken apart, as JSON.

use callboard_words::{Help, Setting};
use std::path::Path;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::{concat_batches, take};
use arrow::datatypes::SchemaRef;
use callboard_io::{BatchPolicy, Dataset, Format, InputSpec};
use callboard_runtime::{Class, PutOut, RunError};
use serde_json::Value;

use crate::{Result, Subject, error};

/// Where a run cuts batches, where its pipeline does not say.
const CUT: BatchPolicy = BatchPolicy { rows: 8192, bytes: 1 << 20 };

/// The rows of a file: JSON Lines, unless its name says otherwise.
pub(crate) fn dataset(subject: &Subject, path: &Path) -> Result<Dataset> {
    let format = Format::of(path, None).unwrap_or(Format::Jsonl);
    let text = matches!(format, Format::Jsonl | Format::Json | Format::Csv);
    Ok(Dataset::open(&InputSpec {
        name: subject.name.clone(),
        base: "".into(),
        paths: vec![escaped(path)],
        format: Some(format),
        types: if text { subject.types.clone() } else { Default::default() },
        ..Default::default()
    })?)
}

/// A path that is not a pattern, whatever it is called.
fn escaped(path: &Path) -> String {
    path.display().to_string().chars().fold(String::new(), |mut text, c| {
        match c {
            '*' | '?' | '[' | ']' => text.extend(['[', c, ']']),
            c => text.push(c),
        }
        text
    })
}

/// Its batches, as a run cuts them.
pub(crate) fn batches(dataset: &Dataset) -> impl Iterator<Item = Result<RecordBatch>> {
    dataset.read(CUT).map(|chunk| chunk.map(|chunk| chunk.rows).map_err(RunError::from))
}

/// All rows of a file, in one batch.
pub(crate) fn all(dataset: &Dataset) -> Result<RecordBatch> {
    let batches = batches(dataset).collect::<Result<Vec<_>>>()?;
    Ok(joined(&dataset.schema(), &batches))
}

/// Batches of one schema, as one.
pub(crate) fn joined(schema: &SchemaRef, batches: &[RecordBatch]) -> RecordBatch {
    concat_batches(schema, batches).expect("they have one schema, and fit into memory already")
}

/// The named rows, in that order.
pub(crate) fn taken(rows: &RecordBatch, which: &[u32]) -> RecordBatch {
    let indices = UInt32Array::from(which.to_vec());
    let columns: Vec<ArrayRef> =
        rows.columns().iter().map(|column| take(column, &indices, None).expect("the rows are there")).collect();
    made(rows.schema(), columns, which.len())
}

/// A batch of columns that are known to fit.
pub(crate) fn made(schema: SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> RecordBatch {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema, columns, &options).expect("its columns were made for it")
}

/// The rows put out, each as the JSON of a line.
///
/// # Errors
///
/// Values that JSON cannot hold.
pub(crate) fn lines(put_out: &PutOut) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for batch in &put_out.rows {
        lines.extend(callboard_io::json_rows(batch)?);
    }
    Ok(lines)
}

/// The most that a file of expected rows may have, bytes.
const LONGEST: u64 = 256 << 20;

/// The text of a file of expected rows. Nothing waits for a pipe or a device in its place.
pub(crate) fn read(path: &Path) -> std::io::Result<String> {
    let bytes = callboard_io::read_regular(path, LONGEST)?;
    String::from_utf8(bytes).map_err(|error| std::io::Error::other(format!("it is not UTF-8: {error}")))
}

/// The objects of a JSON Lines file; `None` if there is no such file.
pub(crate) fn objects(path: &Path) -> Result<Option<Vec<Value>>> {
    let text = match read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(crate::unread("read", path, &error)),
    };
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let objects = lines.map(|(at, line)| {
        serde_json::from_str(line).map_err(|wrong| {
            let message = format!("{}:{}: {wrong}", path.display(), at + 1);
            error(Class::Data, message, Some(Help::from("fix it, or rewrite it: ").set(Setting::Bless)))
        })
    });
    objects.collect::<Result<_>>().map(Some)
}
