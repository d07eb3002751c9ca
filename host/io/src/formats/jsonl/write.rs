//! Rows to JSON Lines, by arrow-json, with encoders of our own for what its words will not do ([`super::encode`]).

use std::collections::VecDeque;
use std::io::Write;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray, StringBuilder, StructArray};
use arrow::datatypes::{DataType, Field, FieldRef, SchemaRef};
use arrow_json::EncoderOptions;
use arrow_json::writer::make_encoder;

use super::encode::Words;
use crate::cores::{Task, threads};
use crate::cut::heaviest_row_within;
use crate::error::IoError;
use crate::formats::RowWriter;
use crate::stop::Stop;
use crate::text::Sink;
use crate::types::is_json;
use crate::values::{Rule, Text, double_key, first_fault};

/// Lines are handed on when they reach this many bytes.
const LINES: usize = 256 << 10;

/// Rows whose lines are made by another core have this many bytes, escapes aside: for fewer it is not worth it.
const MANY: u64 = 64 << 10;
/// They have at most this many together: their lines wait in memory until it is their turn.
const WAITING: u64 = 4 << 20;

struct JsonlWriter {
    sink: Sink,
    lines: Vec<u8>,
    /// Lines that other cores are making, which come next.
    coming: VecDeque<Coming>,
    stop: Stop,
}

/// Lines that another core is making.
struct Coming {
    rows: u64,
    /// About how long they are.
    bytes: u64,
    lines: Task<Result<Vec<u8>, IoError>>,
}

pub(super) fn create(sink: Sink, schema: &SchemaRef) -> Result<Box<dyn RowWriter>, IoError> {
    schema.fields().iter().try_for_each(|field| check(field, field.name()))?;
    Ok(Box::new(JsonlWriter { sink, lines: Vec::new(), coming: VecDeque::new(), stop: Stop::default() }))
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
/// says what it is. A time without text and text that should be JSON and is none are `{"raw": …, "type": …}`; a map that is not an object
/// is a list of its pairs.
///
/// # Errors
/// A type that no step can return.
pub fn marked_rows(rows: &RecordBatch) -> Result<Vec<String>, IoError> {
    lines(rows, true)
}

/// About how many bytes the lines of these rows have, names included.
pub fn json_bytes(rows: &RecordBatch) -> u64 {
    text_bits(rows, 0, rows.num_rows()).div_ceil(8)
}

fn lines(rows: &RecordBatch, marked: bool) -> Result<Vec<String>, IoError> {
    let mut lines = Vec::new();
    encode(rows, marked, &mut lines, |_| Ok(()))?;
    let text = String::from_utf8(lines).expect("JSON is UTF-8");
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

impl JsonlWriter {
    /// Hands on lines that other cores have made, until those that are left have at most this many bytes, and are one for each core.
    fn settle(&mut self, most: u64) -> Result<(), IoError> {
        while let bytes = self.coming.iter().map(|coming| coming.bytes).sum::<u64>()
            && (bytes > most || self.coming.len() > threads())
            && let Some(next) = self.coming.pop_front()
        {
            self.hand_on(&mut next.lines.wait()?)?;
        }
        Ok(())
    }

    /// A batch of few bytes may have long names, and therefore long lines.
    fn hand_on(&mut self, lines: &mut Vec<u8>) -> Result<(), IoError> {
        self.stop.check()?;
        let written = self.sink.write_all(lines);
        lines.clear();
        // One long line is no reason to keep as much.
        lines.shrink_to(4 * LINES);
        written.map_err(|error| IoError::system("cannot write", &error))
    }
}

/// Appends the line of each row; `full` is called whenever there are many.
fn encode(
    rows: &RecordBatch,
    marked: bool,
    lines: &mut Vec<u8>,
    mut full: impl FnMut(&mut Vec<u8>) -> Result<(), IoError>,
) -> Result<(), IoError> {
    // A row of no columns is an object all the same; arrow has no structs without members that know how many they are.
    if rows.num_columns() == 0 {
        lines.extend("{}\n".repeat(rows.num_rows()).as_bytes());
        return Ok(());
    }
    let row = Arc::new(Field::new_struct("", rows.schema_ref().fields().clone(), false));
    let (array, options) = (StructArray::from(rows.clone()), options(marked));
    let mut encoder = make_encoder(&row, &array, &options).map_err(IoError::from_arrow)?;
    for at in 0..rows.num_rows() {
        encoder.encode(at, lines);
        lines.push(b'\n');
        if lines.len() >= LINES {
            full(lines)?;
        }
    }
    Ok(())
}

fn options(marked: bool) -> EncoderOptions {
    EncoderOptions::default().with_explicit_nulls(true).with_encoder_factory(Arc::new(Words { marked }))
}

impl RowWriter for JsonlWriter {
    fn takes(&self, rows: &RecordBatch) -> u64 {
        heaviest_row_within(rows, most_text_bits, text_bits)
    }

    fn write(&mut self, rows: &RecordBatch) -> Result<(), IoError> {
        let bytes = plain_bytes(rows);
        if threads() > 1 && (MANY..=WAITING).contains(&bytes) {
            self.settle(WAITING - bytes)?;
            let (count, rows) = (rows.num_rows() as u64, rows.clone());
            let lines = Task::begin(move || {
                let mut lines = Vec::new();
                encode(&rows, false, &mut lines, |_| Ok(())).map(|()| lines)
            });
            self.coming.push_back(Coming { rows: count, bytes, lines });
            return Ok(());
        }
        self.settle(0)?;
        let mut lines = std::mem::take(&mut self.lines);
        encode(rows, false, &mut lines, |lines| self.hand_on(lines))?;
        self.hand_on(&mut lines)?;
        self.lines = lines;
        Ok(())
    }

    fn waiting(&self) -> u64 {
        self.coming.iter().map(|coming| coming.rows).sum()
    }

    fn stop_when(&mut self, stop: Stop) {
        self.stop = stop;
    }

    fn sink(&mut self) -> Option<&mut Sink> {
        Some(&mut self.sink)
    }

    fn finish(mut self: Box<Self>) -> Result<Sink, IoError> {
        self.settle(0)?;
        Ok(self.sink)
    }
}

/// The JSON of each value of a column, null where it is; what JSON cannot hold was refused before.
pub(in crate::formats) fn values(field: &FieldRef, array: &ArrayRef) -> Result<StringArray, IoError> {
    let options = options(false);
    let mut encoder = make_encoder(field, array, &options).map_err(IoError::from_arrow)?;
    let mut texts = StringBuilder::new();
    let mut text = Vec::new();
    for at in 0..array.len() {
        if encoder.is_null(at) {
            texts.append_null();
            continue;
        }
        text.clear();
        encoder.encode(at, &mut text);
        texts.append_value(String::from_utf8_lossy(&text));
    }
    Ok(texts.finish())
}

/// The bytes that a column takes as JSON, about, and not less.
pub(in crate::formats) fn most_text(array: &dyn Array) -> u64 {
    text_bytes("", array, 0, array.len(), |text| 6 * text.len() as u64)
}

/// The text of rows from `start` to before `end`, in bits, about, and not less.
fn text_bits(rows: &RecordBatch, start: usize, end: usize) -> u64 {
    bits_with(rows, start, end, |text| {
        let escaped = |byte: &u8| if *byte < b' ' { 6 } else { 1 + u64::from(b"\"\\".contains(byte)) };
        text.iter().map(escaped).sum()
    })
}

/// What the lines of rows take at least, about: bytes, found without looking at texts.
fn plain_bytes(rows: &RecordBatch) -> u64 {
    bits_with(rows, 0, rows.num_rows(), |text| text.len() as u64) / 8
}

/// At least as much, found without looking at texts.
fn most_text_bits(rows: &RecordBatch, start: usize, end: usize) -> u64 {
    bits_with(rows, start, end, |text| 6 * text.len() as u64)
}

fn bits_with(rows: &RecordBatch, start: usize, end: usize, escaped: fn(&[u8]) -> u64) -> u64 {
    let columns = rows.schema_ref().fields().iter().zip(rows.columns());
    columns.map(|(field, column)| 8 * text_bytes(field.name(), column, start, end, escaped)).sum()
}

/// The text of the values of an array from `start` to before `end`, each with a name; `escaped` says what a text takes.
fn text_bytes(name: &str, array: &dyn Array, start: usize, end: usize, escaped: fn(&[u8]) -> u64) -> u64 {
    let range = |offsets: &[i32]| (offsets[start] as usize, offsets[end] as usize);
    let values: u64 = match array.data_type() {
        DataType::Boolean | DataType::Null => 0,
        DataType::Utf8 => {
            let text = array.as_string::<i32>();
            let (from, to) = range(text.value_offsets());
            escaped(&text.value_data()[from..to])
        }
        DataType::Binary => {
            let (from, to) = range(array.as_binary::<i32>().value_offsets());
            2 * (to - from) as u64
        }
        DataType::FixedSizeBinary(width) => (end - start) as u64 * (2 * *width as u64 + 4),
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            let (from, to) = range(list.value_offsets());
            text_bytes("", list.values(), from, to, escaped)
        }
        DataType::FixedSizeList(_, width) => {
            let width = *width as usize;
            text_bytes("", array.as_fixed_size_list().values(), start * width, end * width, escaped)
        }
        DataType::Map(..) => {
            let map = array.as_map();
            let (from, to) = range(map.value_offsets());
            text_bytes("", map.keys(), from, to, escaped) + text_bytes("", map.values(), from, to, escaped)
        }
        DataType::Struct(fields) => {
            let members = fields.iter().zip(array.as_struct().columns());
            members.map(|(field, member)| text_bytes(field.name(), member, start, end, escaped)).sum()
        }
        // An instant has 35 letters, a fraction 24, an integer of one byte four, of sixteen 40.
        other if other.is_temporal() => 40 * (end - start) as u64,
        other if other.is_floating() => 24 * (end - start) as u64,
        other => (end - start) as u64 * (5 * other.primitive_width().unwrap_or(8) as u64 / 2 + 2),
    };
    // A comma, and quotes, brackets or a word; a name with a colon.
    let around = if array.data_type().is_integer() { 1 } else { 6 };
    // It is asked for row by row: what is long is not looked at.
    let named = match name.len() {
        0 => 0,
        1..=64 => escaped(name.as_bytes()) + 3,
        long => 6 * long as u64,
    };
    values + (end - start) as u64 * (around + named)
}

/// What JSON holds: times that have text, JSON text that is JSON (it comes from files and steps, and would break the line it stands
/// in), and objects that have each key once.
pub(in crate::formats) struct Json;

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
                Some(format!("should hold JSON text, found {:?}: {error}", crate::misfit::excerpt(text)))
            }
            DataType::Map(..) => {
                let map = array.as_map();
                let range = map.offsets()[at] as usize..map.offsets()[at + 1] as usize;
                if range.into_iter().any(|at| map.keys().is_null(at)) {
                    return Some("is a map with a key that is null, which an object of JSON cannot have".to_owned());
                }
                let key = crate::misfit::excerpt(double_key(map, at)?);
                Some(format!("is a map with the key {key:?} twice, which an object of JSON cannot have"))
            }
            _ => Text.fault(field, array, at),
        }
    }

    fn help(&self) -> &'static str {
        Text.help()
    }
}
