//! Values that a type can carry and a format cannot: who finds them, and where.
//!
//! A [`Rule`] says what is wrong with one value; [`first_fault`] applies it to rows, at every depth. Rows that cannot break it
//! are looked at once, whole arrays at a time; only where something might be wrong are they walked value by value.

mod decimal;
pub(crate) mod time;

use std::collections::HashSet;

use arrow::array::{Array, ArrayRef, AsArray, MapArray, RecordBatch};
use arrow::datatypes::{DataType, Field};

use crate::error::{InFile, IoError};
use time::Times;

pub(crate) use decimal::Decimals;
pub(crate) use decimal::check_decimals;

/// What a format, or a type, asks of single values.
pub(crate) trait Rule {
    /// Whether a value of the array might break the rule; of nested arrays, apart from what their children hold. May be wrong only
    /// in saying yes.
    fn suspects(&self, field: &Field, array: &dyn Array) -> bool;

    /// What is wrong with a value that is not null, as what follows the column's name.
    fn fault(&self, field: &Field, array: &dyn Array, at: usize) -> Option<String>;

    /// What fixes it.
    fn help(&self) -> &'static str;
}

/// What any format holds that keeps the bytes as they are in memory.
pub(crate) struct Anything;

impl Rule for Anything {
    fn suspects(&self, _: &Field, _: &dyn Array) -> bool {
        false
    }

    fn fault(&self, _: &Field, _: &dyn Array, _: usize) -> Option<String> {
        None
    }

    fn help(&self) -> &'static str {
        ""
    }
}

/// What formats of text hold: times that have text.
pub(crate) struct Text;

impl Rule for Text {
    fn suspects(&self, _: &Field, array: &dyn Array) -> bool {
        Times::of(array).is_some_and(|times| !times.all_have_text())
    }

    fn fault(&self, field: &Field, array: &dyn Array, at: usize) -> Option<String> {
        let times = Times::of(array)?;
        let why = times.fault(at)?;
        Some(format!("is {} as {}, which {why}: it cannot be text", times.number(at), time::name(field.data_type())))
    }

    fn help(&self) -> &'static str {
        "write parquet or arrow, which hold it as it is; or drop such rows in a step, or leave the column out"
    }
}

/// Appends a UUID in its usual form.
pub(crate) fn write_uuid(bytes: &[u8], out: &mut Vec<u8>) {
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        out.extend([byte >> 4, byte & 15].map(|half| b"0123456789abcdef"[usize::from(half)]));
    }
}

/// A value that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ValueFault {
    /// The column, and the way to the value in it: `t`, `s.t`, `l[2]`.
    pub(crate) column: String,
    /// The row in its batch, from 0.
    pub(crate) row: usize,
    /// What is wrong with it: `has the value …, which …`.
    pub(crate) message: String,
}

impl ValueFault {
    /// As an error at a row; `before` rows precede the batch.
    pub(crate) fn into_error(self, before: u64) -> IoError {
        IoError::data(format!("`{}` {}", self.column, self.message)).at(InFile::Row(before + self.row as u64 + 1))
    }
}

/// The first row that breaks the rule.
pub(crate) fn first_fault(rows: &RecordBatch, rule: &dyn Rule) -> Option<ValueFault> {
    let mut first: Option<ValueFault> = None;
    for (field, column) in rows.schema_ref().fields().iter().zip(rows.columns()) {
        if !suspects(rule, field, column) {
            continue;
        }
        let end = first.as_ref().map_or(rows.num_rows(), |fault| fault.row);
        let found = (0..end).find_map(|row| Some((row, fault(rule, field, column, row)?)));
        if let Some((row, (path, message))) = found {
            first = Some(ValueFault { column: format!("{}{path}", field.name()), row, message });
        }
    }
    first
}

fn suspects(rule: &dyn Rule, field: &Field, array: &dyn Array) -> bool {
    if rule.suspects(field, array) {
        return true;
    }
    match field.data_type() {
        DataType::Struct(fields) => {
            let mut members = fields.iter().zip(array.as_struct().columns());
            members.any(|(field, array)| suspects(rule, field, array))
        }
        DataType::List(item) => {
            let list = array.as_list::<i32>();
            suspects(rule, item, &between(list.values(), list.offsets()))
        }
        DataType::Map(entries, _) => {
            let map = array.as_map();
            suspects(rule, entries, &between(map.entries(), map.offsets()))
        }
        DataType::FixedSizeList(item, _) => suspects(rule, item, array.as_fixed_size_list().values()),
        _ => false,
    }
}

/// The values that offsets name: a slice's array has those of the whole.
fn between(values: &dyn Array, offsets: &[i32]) -> ArrayRef {
    let (begin, end) = (offsets[0] as usize, offsets[offsets.len() - 1] as usize);
    values.slice(begin, end - begin)
}

/// The way to what is wrong within a value, and what it is.
fn fault(rule: &dyn Rule, field: &Field, array: &dyn Array, at: usize) -> Option<(String, String)> {
    if array.is_null(at) {
        return None;
    }
    if let Some(message) = rule.fault(field, array, at) {
        return Some((String::new(), message));
    }
    let items = |item: &Field, values: &dyn Array, begin: usize, end: usize| {
        (begin..end).find_map(|at| {
            let (path, message) = fault(rule, item, values, at)?;
            Some((format!("[{}]{path}", at - begin), message))
        })
    };
    match field.data_type() {
        DataType::Struct(fields) => fields.iter().zip(array.as_struct().columns()).find_map(|(field, array)| {
            let (path, message) = fault(rule, field, array, at)?;
            Some((format!(".{}{path}", field.name()), message))
        }),
        DataType::List(item) => {
            let list = array.as_list::<i32>();
            items(item, list.values(), list.offsets()[at] as usize, list.offsets()[at + 1] as usize)
        }
        DataType::Map(entries, _) => {
            let map = array.as_map();
            items(entries, map.entries(), map.offsets()[at] as usize, map.offsets()[at + 1] as usize)
        }
        DataType::FixedSizeList(item, width) => {
            let width = *width as usize;
            items(item, array.as_fixed_size_list().values(), at * width, (at + 1) * width)
        }
        _ => None,
    }
}

/// The key that a map has twice, for maps with keys of text: an object of JSON has each once.
pub(crate) fn double_key(map: &MapArray, at: usize) -> Option<&str> {
    let keys = map.keys().as_string_opt::<i32>()?;
    let (begin, end) = (map.offsets()[at] as usize, map.offsets()[at + 1] as usize);
    let mut seen = HashSet::with_capacity(end - begin);
    (begin..end).map(|at| keys.value(at)).find(|key| !seen.insert(*key))
}
