//! Writing.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    DataType, Field, FieldRef, Fields, IntervalDayTimeType, IntervalUnit, IntervalYearMonthType, Schema, SchemaRef,
    TimeUnit,
};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};

use super::groups::{self, Groups};
use super::{RowWriter, words};
use crate::codec::{Codec, Packing};
use crate::cut::Cutter;
use crate::error::IoError;
use crate::spec::BatchPolicy;
use crate::text::Sink;
use crate::values::time::{self, Times};
use crate::values::{Decimals, Rule};

/// Writes rows of a schema to `sink`; refuses a schema that the format cannot hold.
pub(super) fn writer(sink: Sink, schema: &SchemaRef, packing: Packing) -> Result<Box<dyn RowWriter>, IoError> {
    schema.fields().iter().try_for_each(|field| check(field, field.name()))?;
    if schema.fields().is_empty() {
        return Err(IoError::data("there are no columns, and parquet cannot hold rows without"));
    }
    let schema = stored_schema(schema);
    let options = ArrowWriterOptions::new().with_properties(properties(packing).build());
    let options = options.with_parquet_schema(groups::file_schema(&schema).map_err(write_fault)?);
    let made = ArrowWriter::try_new_with_options(sink, schema.clone(), options);
    let (file, _) = made.and_then(ArrowWriter::into_serialized_writer).map_err(write_fault)?;
    let groups = Groups::new(file, &schema, packing);
    let cutter = Cutter::weighing(schema.clone(), BatchPolicy { rows: 8 << 10, bytes: 4 << 20 }, groups::weight);
    Ok(Box::new(ParquetWriter { groups, schema, cutter }))
}

/// The metadata of every file.
pub(super) fn properties(Packing { codec, level }: Packing) -> WriterPropertiesBuilder {
    // A level is one that the codec has.
    let compression = match codec {
        Codec::None => Compression::UNCOMPRESSED,
        Codec::Snappy => Compression::SNAPPY,
        Codec::Lz4 => Compression::LZ4_RAW,
        Codec::Gzip => {
            let level = level.and_then(|level| GzipLevel::try_new(level).ok());
            Compression::GZIP(level.unwrap_or_default())
        }
        Codec::Brotli => {
            let level = level.and_then(|level| BrotliLevel::try_new(level).ok());
            Compression::BROTLI(level.unwrap_or_default())
        }
        Codec::Zstd => {
            let level = level.and_then(|level| ZstdLevel::try_new(level as i32).ok());
            Compression::ZSTD(level.unwrap_or_default())
        }
    };
    WriterProperties::builder().set_compression(compression)
}

/// The schema as it is stored: Parquet's times have no seconds, and its dates no milliseconds, so other readers would find numbers.
fn stored_schema(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().map(stored).collect::<Fields>();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

fn stored(field: &FieldRef) -> FieldRef {
    use DataType::*;
    let data_type = match field.data_type() {
        Timestamp(TimeUnit::Second, zone) => Timestamp(TimeUnit::Millisecond, zone.clone()),
        Time32(TimeUnit::Second) => Time32(TimeUnit::Millisecond),
        Date64 => Date32,
        List(item) => List(stored(item)),
        FixedSizeList(item, width) => FixedSizeList(stored(item), *width),
        Map(entries, sorted) => Map(stored(entries), *sorted),
        Struct(fields) => Struct(fields.iter().map(stored).collect()),
        _ => return field.clone(),
    };
    Arc::new((**field).clone().with_data_type(data_type))
}

/// What Parquet holds: decimals of their precision; seconds that are milliseconds, dates that are days, intervals without a sign.
pub(super) struct Stored;

impl Stored {
    /// Values that may be stored, as the numbers that they are in memory.
    fn range(data_type: &DataType) -> Option<(i64, i64)> {
        match data_type {
            DataType::Timestamp(TimeUnit::Second, _) => Some((i64::MIN / 1_000, i64::MAX / 1_000)),
            DataType::Time32(TimeUnit::Second) => Some(((i32::MIN / 1_000).into(), (i32::MAX / 1_000).into())),
            DataType::Date64 => Some((i64::from(i32::MIN) * DAY, i64::from(i32::MAX) * DAY)),
            _ => None,
        }
    }
}

const DAY: i64 = 86_400_000;

impl Rule for Stored {
    fn suspects(&self, field: &Field, array: &dyn Array) -> bool {
        match array.data_type() {
            DataType::Interval(_) => (0..array.len()).any(|at| self.fault(field, array, at).is_some()),
            other if Stored::range(other).is_some() => {
                (0..array.len()).any(|at| self.fault(field, array, at).is_some())
            }
            _ => Decimals.suspects(field, array),
        }
    }

    fn fault(&self, field: &Field, array: &dyn Array, at: usize) -> Option<String> {
        if let Some((low, high)) = Stored::range(array.data_type()) {
            let number = Times::of(array)?.number(at);
            let name = time::name(array.data_type());
            return match (low..=high).contains(&number) {
                false => Some(format!("is {number} as {name}, which is more than parquet holds")),
                true if array.data_type() == &DataType::Date64 && number % DAY != 0 => {
                    Some(format!("is {number} as {name}, which is not a whole day: parquet's dates have no time"))
                }
                true => None,
            };
        }
        let negative = match array.data_type() {
            DataType::Interval(IntervalUnit::YearMonth) => array.as_primitive::<IntervalYearMonthType>().value(at) < 0,
            DataType::Interval(IntervalUnit::DayTime) => {
                let value = array.as_primitive::<IntervalDayTimeType>().value(at);
                value.days < 0 || value.milliseconds < 0
            }
            _ => return Decimals.fault(field, array, at),
        };
        negative.then(|| "is a negative interval, which parquet cannot hold".to_owned())
    }

    fn help(&self) -> &'static str {
        "write arrow, which holds it as it is; or drop such rows in a step, or leave the column out"
    }
}

pub(super) fn write_fault(error: ParquetError) -> IoError {
    match error {
        ParquetError::External(source) => match source.downcast::<std::io::Error>() {
            Ok(error) => IoError::system("cannot write", &error),
            Err(other) => IoError::data(format!("cannot be written as parquet: {other}")),
        },
        other => IoError::data(format!("cannot be written as parquet: {}", words(other))),
    }
}

/// Refuses what the format has no place for.
fn check(field: &Field, path: &str) -> Result<(), IoError> {
    let refuse = |what: &str, instead: &str| {
        let help = format!("write {instead}, or leave the column out");
        Err(IoError::data(format!("`{path}` {what}, which parquet cannot hold")).with_help(help))
    };
    match field.data_type() {
        DataType::Struct(fields) if fields.is_empty() => refuse("is an object without members", "jsonl or arrow"),
        DataType::Struct(fields) => fields.iter().try_for_each(|f| check(f, &format!("{path}.{}", f.name()))),
        DataType::List(f) | DataType::FixedSizeList(f, _) | DataType::Map(f, _) => check(f, path),
        DataType::FixedSizeBinary(0) => refuse("holds values of no bytes", "jsonl or arrow"),
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            refuse("is an interval of months, days and nanoseconds", "jsonl or arrow")
        }
        data_type => match decimal(data_type) {
            Some((precision, scale)) if scale < 0 || scale.unsigned_abs() > precision => {
                refuse(&format!("is a decimal({precision}, {scale})"), "jsonl or arrow")
            }
            _ => Ok(()),
        },
    }
}

fn decimal(data_type: &DataType) -> Option<(u8, i8)> {
    match data_type {
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => Some((*precision, *scale)),
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => Some((*precision, *scale)),
        _ => None,
    }
}

struct ParquetWriter {
    groups: Groups,
    schema: SchemaRef,
    cutter: Cutter,
}

impl ParquetWriter {
    fn drain(&mut self) -> Result<(), IoError> {
        while let Some(batch) = self.cutter.next() {
            self.groups.push(&batch)?;
        }
        Ok(())
    }
}

impl RowWriter for ParquetWriter {
    fn held(&self) -> u64 {
        self.groups.held()
    }

    fn takes(&self, rows: &RecordBatch) -> u64 {
        groups::takes(rows)
    }

    fn write(&mut self, rows: &RecordBatch) -> Result<(), IoError> {
        // What does not fit was refused before; what is under a null may be anything.
        let lenient = CastOptions { safe: true, ..CastOptions::default() };
        let columns = rows.columns().iter().zip(self.schema.fields()).map(|(column, field)| {
            match column.data_type() == field.data_type() {
                true => Ok(column.clone()),
                false => cast_with_options(column, field.data_type(), &lenient),
            }
        });
        let columns = columns.collect::<Result<Vec<_>, _>>().map_err(IoError::from_arrow)?;
        let stored = RecordBatch::try_new(self.schema.clone(), columns).map_err(IoError::from_arrow)?;
        self.cutter.push(&stored)?;
        self.drain()
    }

    fn finish(mut self: Box<Self>) -> Result<Sink, IoError> {
        self.cutter.end()?;
        self.drain()?;
        self.groups.finish()
    }
}
