//! Values of binary files in the types that `types` of the input names: exact, or an error with the row.
//!
//! Text becomes what the same text is in CSV, and any value becomes the text that CSV has for it, bytes the UTF-8 that they are; `json` is
//! what JSON Lines has. A number, a date or a timestamp becomes another if the way back gives the same value; a timestamp without a
//! zone is UTC, as text without an offset is.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::new_null_array;
use arrow::array::{Array, ArrayRef, AsArray, Int64Array, ListArray, RecordBatch, RecordBatchOptions, StringBuilder};
use arrow::buffer::OffsetBuffer;
use arrow::compute::kernels::cmp::distinct;
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{DataType, Field, FieldRef, Float32Type, Float64Type, Schema, SchemaRef, TimeUnit};

use super::{csv, jsonl};
use crate::canonical;
use crate::columns::Column;
use crate::error::{IoError, arrow_words};
use crate::limits;
use crate::misfit::excerpt;
use crate::spec::InputSpec;
use crate::types;
use crate::values::{Rule, Text, check_decimals, first_fault};

/// What rows of one file become.
pub(super) struct Declared {
    columns: Vec<Source>,
    /// The dataset's.
    schema: SchemaRef,
    /// That of the rows that are given to [`rows`](Self::rows).
    before: SchemaRef,
    spec: InputSpec,
}

/// Where a column's values are.
enum Source {
    /// Nowhere.
    Absent,
    /// In a column, as they are.
    Same(usize),
    /// In a column of the type of this field.
    Other(usize, FieldRef),
}

impl Declared {
    /// For rows of the schema `found`, into the dataset's; null if neither `types` nor `union` changes anything.
    pub(super) fn new(found: &Schema, schema: &SchemaRef, spec: &InputSpec) -> Result<Option<Declared>, IoError> {
        if spec.types.is_empty() && !spec.union {
            return Ok(None);
        }
        let there: HashMap<&str, &FieldRef> =
            found.fields().iter().map(|field| (field.name().as_str(), field)).collect();
        let (mut columns, mut before) = (Vec::new(), Vec::new());
        for field in schema.fields() {
            let is_declared = spec.types.contains_key(field.name());
            match there.get(field.name().as_str()) {
                Some(found) if is_declared => {
                    let found = Arc::new(canonical::field(found, field.name())?);
                    let same =
                        found.data_type() == field.data_type() && types::is_json(&found) == types::is_json(field);
                    before.push(if same { field.clone() } else { found.clone() });
                    columns.push(if same {
                        Source::Same(before.len() - 1)
                    } else {
                        Source::Other(before.len() - 1, found)
                    });
                }
                None if is_declared || spec.union => columns.push(Source::Absent),
                _ => {
                    before.push(field.clone());
                    columns.push(Source::Same(before.len() - 1));
                }
            }
        }
        if columns.iter().all(|source| matches!(source, Source::Same(_))) {
            return Ok(None);
        }
        let before = Arc::new(Schema::new(before));
        Ok(Some(Declared { columns, schema: schema.clone(), before, spec: spec.clone() }))
    }

    /// The schema that rows have before.
    pub(super) fn before(&self) -> &SchemaRef {
        &self.before
    }

    /// The bytes that the rows take once they are converted, about, and not less.
    pub(super) fn weight(&self, rows: &RecordBatch) -> u64 {
        let weight = |source: &Source| match source {
            Source::Other(place, _) => jsonl::most_text(rows.column(*place)),
            _ => 0,
        };
        self.columns.iter().map(weight).sum()
    }

    /// The rows in the dataset's schema; `first` is the number of the first row, for messages.
    pub(super) fn rows(&self, rows: &RecordBatch, first: u64) -> Result<RecordBatch, IoError> {
        let batch = self.spec.limits.batch;
        if rows.num_rows() == 1 && self.weight(rows) > batch {
            let message = format!("row {first} takes more than the {} allowed, as `types` has it", limits::size(batch));
            return Err(limits::indivisible(&self.spec, message, Some(self.weight(rows)), limits::SPLIT));
        }
        // As text, or as another number, nobody would see it any more.
        check_decimals(rows).map_err(|fault| fault.into_error(first - 1))?;
        let column = |(source, field): (&Source, &FieldRef)| match source {
            Source::Absent => Ok(new_null_array(field.data_type(), rows.num_rows())),
            Source::Same(place) => Ok(rows.column(*place).clone()),
            Source::Other(place, found) => convert(rows.column(*place), found, field).map_err(|misfit| {
                let row = first + misfit.row as u64;
                let error = IoError::data(format!(
                    "row {row}: the column `{}{}` {}",
                    field.name(),
                    misfit.path,
                    misfit.message
                ));
                match wider(found, field) {
                    Some(name) => error.with_help(types::fix(&self.spec, field.name(), name)),
                    None => error.with_help(
                        "write such values in a form of this type, or their column with one type in all files",
                    ),
                }
            }),
        };
        let columns = self.columns.iter().zip(self.schema.fields()).map(column).collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)
            .map_err(|error| IoError::data(arrow_words(error)))
    }
}

/// A type that holds what this one does not, and can be made of what the file has.
fn wider(found: &Field, to: &Field) -> Option<&'static str> {
    let name = match (types::is_json(to), to.data_type()) {
        (true, _) => "string",
        (false, DataType::Utf8) => return None,
        // Text is often no JSON, a number always.
        (false, _) if found.data_type() == &DataType::Utf8 => "string",
        (false, other) => canonical::wider(other),
    };
    let field = types::field(to.name(), name)?;
    canonical::convertible(found, &field).then_some(name)
}

/// A value that the type does not hold.
struct Misfit {
    row: usize,
    /// Below the column.
    path: String,
    message: String,
}

impl Misfit {
    fn new(row: usize, message: String) -> Misfit {
        Misfit { row, path: String::new(), message }
    }
}

/// Values of the type of `from`, in the layouts of this crate, in that of `to`.
fn convert(array: &ArrayRef, from: &FieldRef, to: &Field) -> Result<ArrayRef, Misfit> {
    use DataType::*;
    let is_text = from.data_type() == &Utf8;
    match (from.data_type(), to.data_type()) {
        (Null, _) => Ok(new_null_array(to.data_type(), array.len())),
        _ if types::is_json(to) && !is_text => json(array, from),
        _ if types::is_json(to) && !types::is_json(from) => parse(array, to),
        (a, b) if a == b => Ok(array.clone()),
        (FixedSizeList(item, width), List(_)) => {
            let list = List(item.clone());
            let values = array.as_fixed_size_list();
            let lengths = OffsetBuffer::from_lengths(std::iter::repeat_n((*width).max(0) as usize, values.len()));
            let list_array =
                ListArray::try_new(item.clone(), lengths, values.values().clone(), values.nulls().cloned());
            let list_array: ArrayRef = Arc::new(list_array.map_err(|error| Misfit::new(0, arrow_words(error)))?);
            convert(&list_array, &Arc::new(from.as_ref().clone().with_data_type(list)), to)
        }
        (List(item), List(wanted)) => {
            let list = array.as_list::<i32>();
            let offsets = list.value_offsets();
            let (first, last) = (offsets[0] as usize, offsets[offsets.len() - 1] as usize);
            let items = convert(&list.values().slice(first, last - first), item, wanted).map_err(|misfit| {
                let row = offsets.partition_point(|offset| *offset as usize <= misfit.row + first).saturating_sub(1);
                let path = format!("[{}]{}", misfit.row + first - offsets[row] as usize, misfit.path);
                Misfit { row, path, ..misfit }
            })?;
            let offsets = OffsetBuffer::from_lengths(offsets.windows(2).map(|pair| (pair[1] - pair[0]) as usize));
            let list = ListArray::try_new(wanted.clone(), offsets, items, list.nulls().cloned());
            Ok(Arc::new(list.map_err(|error| Misfit::new(0, arrow_words(error)))?))
        }
        (Utf8, _) => parse(array, to),
        (_, Utf8) => text(array, from),
        (Date32 | Date64 | Timestamp(..), _) => moments(array, to.data_type()),
        _ => numbers(array, to.data_type()),
    }
}

/// Text as CSV would be read, but for empty text, which is no value of any other type.
fn parse(array: &ArrayRef, to: &Field) -> Result<ArrayRef, Misfit> {
    let mut column = Column::new(to);
    for (row, text) in array.as_string::<i32>().iter().enumerate() {
        match text {
            None => column.push_null(),
            Some("") => {
                return Err(Misfit::new(row, format!("should be {}, found an empty text", types::field_words(to))));
            }
            Some(text) => csv::push(&mut column, text).map_err(|misfit| Misfit::new(row, misfit.message))?,
        }
    }
    Ok(column.finish())
}

/// The text that CSV has for each value.
fn text(array: &ArrayRef, from: &Field) -> Result<ArrayRef, Misfit> {
    let broken = |error: IoError| Misfit::new(0, error.message().to_owned());
    refuse(array, from, &Text)?;
    let bytes = match array.data_type() {
        DataType::FixedSizeBinary(_) if types::is_uuid(from) => None,
        DataType::Binary => Some(array.clone()),
        DataType::FixedSizeBinary(_) => {
            Some(cast(array, &DataType::Binary).map_err(|error| Misfit::new(0, arrow_words(error)))?)
        }
        _ => None,
    };
    let mut texts = StringBuilder::new();
    if let Some(bytes) = bytes {
        for (row, bytes) in bytes.as_binary::<i32>().iter().enumerate() {
            match bytes.map(std::str::from_utf8) {
                None => texts.append_null(),
                Some(Ok(text)) => texts.append_value(text),
                Some(Err(_)) => {
                    return Err(Misfit::new(row, "has bytes that are not UTF-8, which string cannot hold".into()));
                }
            }
        }
        return Ok(Arc::new(texts.finish()));
    }
    let mut words = csv::Words::of(from, array).map_err(broken)?;
    let mut text = Vec::new();
    for row in 0..array.len() {
        if array.is_null(row) {
            texts.append_null();
            continue;
        }
        text.clear();
        words.write(row, &mut text).map_err(broken)?;
        texts.append_value(String::from_utf8_lossy(&text));
    }
    Ok(Arc::new(texts.finish()))
}

/// What JSON Lines has for each value.
fn json(array: &ArrayRef, from: &FieldRef) -> Result<ArrayRef, Misfit> {
    refuse(array, from, &Json)?;
    let texts = jsonl::values(from, array).map_err(|error| Misfit::new(0, error.message().to_owned()))?;
    Ok(Arc::new(texts))
}

/// What JSON holds, in which NaN and the infinities would be null.
struct Json;

impl Rule for Json {
    fn suspects(&self, field: &Field, array: &dyn Array) -> bool {
        let not_finite = match array.data_type() {
            DataType::Float32 => array.as_primitive::<Float32Type>().values().iter().any(|value| !value.is_finite()),
            DataType::Float64 => array.as_primitive::<Float64Type>().values().iter().any(|value| !value.is_finite()),
            _ => false,
        };
        not_finite || jsonl::Json.suspects(field, array)
    }

    fn fault(&self, field: &Field, array: &dyn Array, at: usize) -> Option<String> {
        let value = match array.data_type() {
            DataType::Float32 => f64::from(array.as_primitive::<Float32Type>().value(at)),
            DataType::Float64 => array.as_primitive::<Float64Type>().value(at),
            _ => return jsonl::Json.fault(field, array, at),
        };
        (!value.is_finite()).then(|| format!("is {value}, which json cannot hold"))
    }

    fn help(&self) -> &'static str {
        jsonl::Json.help()
    }
}

fn refuse(array: &ArrayRef, from: &Field, rule: &dyn Rule) -> Result<(), Misfit> {
    let schema = Arc::new(Schema::new(vec![from.clone().with_nullable(true)]));
    let rows = RecordBatch::try_new(schema, vec![array.clone()]).map_err(|error| Misfit::new(0, arrow_words(error)))?;
    match first_fault(&rows, rule) {
        None => Ok(()),
        Some(fault) => {
            let path = fault.column.strip_prefix(from.name()).unwrap_or_default().to_owned();
            Err(Misfit { row: fault.row, path, message: fault.message })
        }
    }
}

/// Instants and days, by the nanosecond.
fn moments(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, Misfit> {
    let unexpected = |error| Misfit::new(0, arrow_words(error));
    let raw = cast(array, &DataType::Int64).map_err(unexpected)?;
    let (from, into) = (nanos(array.data_type()), nanos(to));
    let raw = raw.as_primitive::<arrow::datatypes::Int64Type>();
    let mut values = Int64Array::builder(raw.len());
    for row in 0..raw.len() {
        if raw.is_null(row) {
            values.append_null();
            continue;
        }
        let exact = i128::from(raw.value(row)) * from;
        let value = i64::try_from(exact / into).ok().filter(|_| exact % into == 0);
        let value = value.filter(|value| to != &DataType::Date32 || i32::try_from(*value).is_ok());
        values.append_value(value.ok_or_else(|| misfit(array, row, to))?);
    }
    cast(&values.finish(), to).map_err(unexpected)
}

fn nanos(of: &DataType) -> i128 {
    match of {
        DataType::Date32 => 86_400_000_000_000,
        DataType::Date64 | DataType::Timestamp(TimeUnit::Millisecond, _) => 1_000_000,
        DataType::Timestamp(TimeUnit::Second, _) => 1_000_000_000,
        DataType::Timestamp(TimeUnit::Microsecond, _) => 1_000,
        _ => 1,
    }
}

/// Numbers that are the same again on the way back.
fn numbers(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, Misfit> {
    let options = CastOptions { safe: true, ..Default::default() };
    let unexpected = |error| Misfit::new(0, arrow_words(error));
    let values = cast_with_options(array, to, &options).map_err(unexpected)?;
    let back = cast_with_options(&values, array.data_type(), &options).map_err(unexpected)?;
    let lost = distinct(&back, array).map_err(unexpected)?;
    match (0..array.len()).find(|row| lost.value(*row)) {
        None => Ok(values),
        Some(row) => Err(misfit(array, row, to)),
    }
}

/// An instant or a day as it is counted.
fn count(array: &ArrayRef, row: usize) -> Option<String> {
    let unit = match array.data_type() {
        DataType::Date32 => "days",
        DataType::Date64 | DataType::Timestamp(TimeUnit::Millisecond, _) => "milliseconds",
        DataType::Timestamp(TimeUnit::Second, _) => "seconds",
        DataType::Timestamp(TimeUnit::Microsecond, _) => "microseconds",
        DataType::Timestamp(TimeUnit::Nanosecond, _) => "nanoseconds",
        _ => return None,
    };
    let raw = cast(&array.slice(row, 1), &DataType::Int64).ok()?;
    Some(format!("{} {unit} since 1970", raw.as_primitive::<arrow::datatypes::Int64Type>().value(0)))
}

fn misfit(array: &ArrayRef, row: usize, to: &DataType) -> Misfit {
    let from = Field::new("", array.data_type().clone(), true);
    let mut text = Vec::new();
    if let Ok(mut words) = csv::Words::of(&from, array) {
        // What has no text is left out of the message.
        let _ = words.write(row, &mut text);
    }
    let (is, wanted) = (types::words(array.data_type()), types::words(to));
    let value = match text.is_empty() {
        // Outside of what a calendar has.
        true => count(array, row).unwrap_or_else(|| "a value without a text".to_owned()),
        false => excerpt(&String::from_utf8_lossy(&text)),
    };
    Misfit::new(row, format!("is {value} ({is}), which {wanted} cannot hold exactly"))
}
