//! Rows to JSON Lines, by arrow-json, with encoders of our own for what its words will not do ([`super::encode`]).

use std::io::Write;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch, StructArray};
use arrow::datatypes::{DataType, Field, SchemaRef};
use arrow_json::EncoderOptions;
use arrow_json::writer::make_encoder;

use super::encode::Words;
use crate::error::IoError;
use crate::formats::RowWriter;
use crate::text::Sink;
use crate::types::is_json;
use crate::values::{Rule, Text, double_key, first_fault};

/// Lines are handed on when there are so many bytes of them.
const LINES: usize = 256 << 10;

struct JsonlWriter<W> {
    sink: W,
    options: EncoderOptions,
    lines: Vec<u8>,
}

pub(super) fn create(sink: Sink, schema: &SchemaRef) -> Result<Box<dyn RowWriter>, IoError> {
    schema.fields().iter().try_for_each(|field| check(field, field.name()))?;
    Ok(Box::new(JsonlWriter::to(sink, false)))
}

/// Each row as the JSON object that a JSON Lines file has for it.
///
/// # Errors
/// A value that JSON cannot hold.
pub fn json_rows(rows: &RecordBatch) -> Result<Vec<String>, IoError> {
    rows.schema_ref().fields().iter().try_for_each(|field| check(field, field.name()))?;
    if let Some(fault) = first_fault(rows, &Json) {
        return Err(fault.into_error(0).with_help(Json.help()));
    }
    lines(rows, false)
}

/// Each row as a JSON object, for messages and lists of rows that went no further: where JSON has no form for a value, the object
/// says what it is. A time without text and text that should be JSON and is none are `{"raw": …, "type": …}`; a map that is no object
/// is a list of its pairs.
///
/// # Errors
/// A type that no step can return.
pub fn marked_rows(rows: &RecordBatch) -> Result<Vec<String>, IoError> {
    lines(rows, true)
}

fn lines(rows: &RecordBatch, marked: bool) -> Result<Vec<String>, IoError> {
    let mut writer = JsonlWriter::to(Vec::new(), marked);
    writer.append(rows)?;
    let text = String::from_utf8(writer.sink).expect("JSON is UTF-8");
    Ok(text.lines().map(str::to_owned).collect())
}

/// Refuses what JSON cannot say.
fn check(field: &Field, path: &str) -> Result<(), IoError> {
    match field.data_type() {
        DataType::Struct(fields) => fields.iter().try_for_each(|f| check(f, &format!("{path}.{}", f.name()))),
        DataType::List(items) | DataType::FixedSizeList(items, _) => check(items, path),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(pair) if pair[0].data_type() == &DataType::Utf8 => check(&pair[1], path),
            _ => Err(IoError::data(format!("`{path}` is a map whose keys are not strings, which JSON cannot hold"))
                .with_help("write parquet or arrow, or leave the column out")),
        },
        _ => Ok(()),
    }
}

impl<W: Write> JsonlWriter<W> {
    fn to(sink: W, marked: bool) -> JsonlWriter<W> {
        let options =
            EncoderOptions::default().with_explicit_nulls(true).with_encoder_factory(Arc::new(Words { marked }));
        JsonlWriter { sink, options, lines: Vec::new() }
    }

    fn append(&mut self, rows: &RecordBatch) -> Result<(), IoError> {
        // A row of no columns is an object all the same; arrow has no structs without members that know how many they are.
        if rows.num_columns() == 0 {
            self.lines.extend("{}\n".repeat(rows.num_rows()).as_bytes());
            return self.hand_on();
        }
        let row = Arc::new(Field::new_struct("", rows.schema_ref().fields().clone(), false));
        let (array, options) = (StructArray::from(rows.clone()), self.options.clone());
        let mut encoder = make_encoder(&row, &array, &options).map_err(IoError::from_arrow)?;
        for at in 0..rows.num_rows() {
            encoder.encode(at, &mut self.lines);
            self.lines.push(b'\n');
            if self.lines.len() >= LINES {
                self.hand_on()?;
            }
        }
        self.hand_on()
    }

    fn hand_on(&mut self) -> Result<(), IoError> {
        let written = self.sink.write_all(&self.lines);
        self.lines.clear();
        written.map_err(|error| IoError::system("cannot write", &error))
    }
}

impl RowWriter for JsonlWriter<Sink> {
    fn write(&mut self, rows: &RecordBatch) -> Result<(), IoError> {
        self.append(rows)
    }

    fn sink(&mut self) -> Option<&mut Sink> {
        Some(&mut self.sink)
    }

    fn finish(self: Box<Self>) -> Result<Sink, IoError> {
        Ok(self.sink)
    }
}

/// What JSON holds: times that have text, JSON text that is JSON (it comes from files and steps, and would break the line it stands
/// in), and objects that have each key once.
pub(super) struct Json;

impl Rule for Json {
    fn suspects(&self, field: &Field, array: &dyn Array) -> bool {
        match field.data_type() {
            DataType::Utf8 if is_json(field) => {
                let mut texts = array.as_string::<i32>().iter().flatten();
                texts.any(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_err())
            }
            DataType::Map(..) => {
                let map = array.as_map();
                map.keys().null_count() > 0 || (0..map.len()).any(|at| double_key(map, at).is_some())
            }
            _ => Text.suspects(field, array),
        }
    }

    fn fault(&self, field: &Field, array: &dyn Array, at: usize) -> Option<String> {
        match field.data_type() {
            DataType::Utf8 if is_json(field) => {
                let text = array.as_string::<i32>().value(at);
                let error = serde_json::from_str::<serde::de::IgnoredAny>(text).err()?;
                Some(format!("should hold JSON text, found {:?}: {error}", crate::columns::excerpt(text)))
            }
            DataType::Map(..) => {
                let map = array.as_map();
                let range = map.offsets()[at] as usize..map.offsets()[at + 1] as usize;
                if range.into_iter().any(|at| map.keys().is_null(at)) {
                    return Some("is a map with a key that is null, which an object of JSON cannot have".to_owned());
                }
                let key = crate::columns::excerpt(double_key(map, at)?);
                Some(format!("is a map with the key {key:?} twice, which an object of JSON cannot have"))
            }
            _ => Text.fault(field, array, at),
        }
    }

    fn help(&self) -> &'static str {
        Text.help()
    }
}
