//! INT96: timestamps of a day and nanoseconds in it, which reach further than any count of 64 bits.
//!
//! A column of them is read in microseconds, or in nanoseconds where the first values of a file have finer ones, or as `types` of the
//! input says. Arrow's reader wraps around where the unit does not reach, and cuts what is finer: so each value is looked at before.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use chrono::{DateTime, SecondsFormat};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, RowGroups};
use parquet::basic::Type;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use parquet::data_type::{Int96, Int96Type};
use parquet::errors::ParquetError;
use parquet::schema::types::SchemaDescriptor;

use super::logical::leaves;
use super::pages::{Account, Counted, Views};
use super::words;
use crate::error::{InFile, IoError};
use crate::names::Names;
use crate::places::Opened;
use crate::spec::InputSpec;
use crate::types;

/// The names that `types` may have for such a column.
const MICROS: &str = "timestamp";
const NANOS: &str = "timestamp_ns";

/// Values of a file that are looked at to find a column's unit.
const SAMPLE: usize = 1_024;
const READ: usize = 4_096;
const NANOS_OF_DAY: i128 = 86_400_000_000_000;
/// 1970-01-01 as a Julian day.
const EPOCH: i128 = 2_440_588;

/// A column of INT96: its number among the file's columns, and its dotted name.
struct Column {
    leaf: usize,
    path: String,
}

fn columns(schema: &Schema, file: &SchemaDescriptor) -> Vec<Column> {
    if !file.columns().iter().any(|column| column.physical_type() == Type::INT96) {
        return Vec::new();
    }
    let is_int96 = |leaf: &usize| file.columns().get(*leaf).is_some_and(|c| c.physical_type() == Type::INT96);
    let numbered = paths_of(schema).into_iter().enumerate().filter(|(leaf, _)| is_int96(leaf));
    numbered.map(|(leaf, path)| Column { leaf, path }).collect()
}

/// The dotted names of a field's leaves, in their order.
fn collect_paths(field: &Field, path: String, paths: &mut Vec<String>) {
    use DataType::*;
    match field.data_type() {
        Struct(fields) => fields.iter().for_each(|f| collect_paths(f, format!("{path}.{}", f.name()), paths)),
        List(item) | LargeList(item) | ListView(item) | LargeListView(item) | FixedSizeList(item, _) | Map(item, _) => {
            collect_paths(item, path, paths)
        }
        _ => paths.push(path),
    }
}

/// The dotted names of a schema's leaves, in their order.
fn paths_of(schema: &Schema) -> Vec<String> {
    let mut paths = Vec::new();
    schema.fields().iter().for_each(|field| collect_paths(field, field.name().clone(), &mut paths));
    paths
}

/// The place of a leaf among columns, which are in its schema's order.
fn at(columns: &[Column], leaf: usize) -> Option<usize> {
    columns.binary_search_by_key(&leaf, |column| column.leaf).ok()
}

/// The schema with other units for some of its columns, by their numbers among all, and their dotted names.
fn in_units(schema: &Schema, unit: impl Fn(usize, &str) -> Option<TimeUnit>) -> Schema {
    let paths = paths_of(schema);
    let mut leaf = 0;
    let fields = schema.fields().iter().map(|field| {
        Arc::new(leaves(field, &mut leaf, &mut |leaf, field| match (field.data_type(), unit(leaf, &paths[leaf])) {
            (DataType::Timestamp(_, zone), Some(unit)) => {
                field.clone().with_data_type(DataType::Timestamp(unit, zone.clone()))
            }
            _ => field.clone(),
        }))
    });
    Schema::new_with_metadata(fields.collect::<Fields>(), schema.metadata().clone())
}

/// What is found of the units of an input's columns, file by file.
#[derive(Default)]
pub(super) struct Units {
    /// Columns of INT96,
    found: Names,
    /// and of each, whether some value is finer than a microsecond.
    fine: Vec<bool>,
}

impl Units {
    /// Looks at the first values of a file. Its schema, in microseconds for now.
    pub(super) fn look(
        &mut self,
        file: Opened,
        metadata: &ArrowReaderMetadata,
        schema: Schema,
        spec: &InputSpec,
    ) -> Result<Schema, IoError> {
        let descriptor = metadata.metadata().file_metadata().schema_descr();
        let columns = columns(&schema, descriptor);
        if columns.is_empty() {
            return Ok(schema);
        }
        let file = Arc::new(file);
        for column in &columns {
            let mut fine = false;
            if metadata.metadata().num_row_groups() > 0 {
                let look = |values: &[Int96], _: &[i16], _: &[i16]| {
                    fine = fine || values.iter().any(|value| nanos(value) % 1_000 != 0);
                    None::<IoError>
                };
                values(&file, metadata, 0, column.leaf, SAMPLE, spec, look)?;
            }
            match self.found.find(column.leaf, &column.path) {
                Some(known) => self.fine[known] |= fine,
                None => {
                    self.found.push(&column.path);
                    self.fine.push(fine);
                }
            }
        }
        Ok(in_units(&schema, |leaf, _| at(&columns, leaf).map(|_| TimeUnit::Microsecond)))
    }

    /// The schema of all files in the units that were found, or that `types` says.
    pub(super) fn settle(&self, schema: Schema, spec: &InputSpec) -> Result<Schema, IoError> {
        if self.fine.is_empty() {
            return Ok(schema);
        }
        for path in self.found.all() {
            if let Some(name) = spec.types.get(path).filter(|name| ![MICROS, NANOS].contains(&name.as_str())) {
                let message = format!("`types` says {name} for `{path}`, which is INT96 in Parquet");
                return Err(IoError::spec(message).with_help(format!("types of INT96: {MICROS}, {NANOS}")));
            }
        }
        Ok(in_units(&schema, |leaf, path| {
            let fine = self.fine[self.found.find(leaf, path)?];
            Some(match spec.types.get(path).map(String::as_str) {
                Some(NANOS) => TimeUnit::Nanosecond,
                None if fine => TimeUnit::Nanosecond,
                _ => TimeUnit::Microsecond,
            })
        }))
    }

    /// Whether a column has this type in some file.
    pub(super) fn is_int96(&self, path: &str) -> bool {
        self.found.find(0, path).is_some()
    }

    /// The types of an input without those of INT96, which are none of the schema's business.
    pub(super) fn others(&self, spec: &InputSpec) -> InputSpec {
        let mut spec = spec.clone();
        spec.types.retain(|name, _| self.found.find(0, name).is_none());
        spec
    }
}

/// How the columns of INT96 of one file are read.
pub(super) struct Checked {
    columns: Vec<Column>,
    /// The unit that each is read in.
    units: Vec<TimeUnit>,
    spec: InputSpec,
}

impl Checked {
    /// Has the reader give the units of the dataset's schema.
    pub(super) fn of(
        metadata: ArrowReaderMetadata,
        dataset: &Schema,
        spec: &InputSpec,
    ) -> Result<(Checked, ArrowReaderMetadata), ParquetError> {
        let descriptor = metadata.metadata().file_metadata().schema_descr();
        let columns = columns(metadata.schema(), descriptor);
        if columns.is_empty() {
            return Ok((Checked { columns, units: Vec::new(), spec: InputSpec::default() }, metadata));
        }
        let paths = Names::of(&paths_of(dataset));
        let mut wanted = Vec::new();
        let mut leaf = 0;
        for field in dataset.fields() {
            leaves(field, &mut leaf, &mut |_, field| {
                wanted.push(match field.data_type() {
                    DataType::Timestamp(TimeUnit::Nanosecond, _) => TimeUnit::Nanosecond,
                    _ => TimeUnit::Microsecond,
                });
                field.clone()
            });
        }
        let unit = |column: &Column| {
            let there = paths.find(column.leaf, &column.path);
            there.map_or(TimeUnit::Microsecond, |there| wanted[there])
        };
        let units: Vec<TimeUnit> = columns.iter().map(unit).collect();
        let asked: SchemaRef = Arc::new(in_units(metadata.schema(), |leaf, _| Some(units[at(&columns, leaf)?])));
        let options = ArrowReaderOptions::new().with_schema(asked);
        let metadata = ArrowReaderMetadata::try_new(metadata.metadata().clone(), options)?;
        Ok((Checked { columns, units, spec: spec.clone() }, metadata))
    }

    /// Leaves out columns that are not read, by their numbers among the file's columns.
    pub(super) fn keep(&mut self, is_read: impl Fn(usize) -> bool) {
        let kept = std::mem::take(&mut self.columns).into_iter().zip(std::mem::take(&mut self.units));
        (self.columns, self.units) = kept.filter(|(column, _)| is_read(column.leaf)).unzip();
    }

    /// Looks at every value of a row group, before which there are `before` rows.
    ///
    /// # Errors
    /// The first that the unit of its column does not hold, with its row.
    pub(super) fn look(
        &self,
        file: &Arc<Opened>,
        metadata: &ArrowReaderMetadata,
        group: usize,
        before: u64,
    ) -> Result<(), IoError> {
        for (column, unit) in self.columns.iter().zip(&self.units) {
            let descriptor = metadata.metadata().file_metadata().schema_descr();
            let (most, flat) = {
                let descriptor = descriptor.column(column.leaf);
                (descriptor.max_def_level(), descriptor.max_rep_level() == 0)
            };
            let mut rows = before;
            let look = |values: &[Int96], defined: &[i16], repeated: &[i16]| {
                let starts = |levels: &[i16]| levels.iter().filter(|level| **level == 0).count();
                if let Some(at) = values.iter().position(|value| !fits(value, *unit)) {
                    // The level that this value has among all, with the rows that begin up to it.
                    let there = (0..defined.len()).filter(|level| defined[*level] == most).nth(at).unwrap_or(at);
                    let row = if flat { there + 1 } else { starts(&repeated[..=there]) };
                    return Some(self.misfit(column, &values[at], *unit).at(InFile::Row(rows + row as u64)));
                }
                rows += match (flat, defined.len()) {
                    (true, 0) => values.len(),
                    (true, levels) => levels,
                    (false, _) => starts(repeated),
                } as u64;
                None
            };
            if let Some(misfit) = values(file, metadata, group, column.leaf, usize::MAX, &self.spec, look)? {
                return Err(misfit);
            }
        }
        Ok(())
    }

    fn misfit(&self, column: &Column, value: &Int96, unit: TimeUnit) -> IoError {
        let nanos = nanos(value);
        let text = i64::try_from(nanos.div_euclid(1_000_000_000)).ok();
        let text = text.and_then(|seconds| DateTime::from_timestamp(seconds, nanos.rem_euclid(1_000_000_000) as u32));
        let text = match text {
            Some(instant) => instant.to_rfc3339_opts(SecondsFormat::AutoSi, true),
            None => format!("{nanos} ns since 1970"),
        };
        let (what, other, other_unit) = match unit {
            TimeUnit::Nanosecond => ("which nanoseconds do not reach", MICROS, TimeUnit::Microsecond),
            _ if nanos % 1_000 != 0 => ("finer than a microsecond", NANOS, TimeUnit::Nanosecond),
            _ => ("which microseconds do not reach", NANOS, TimeUnit::Nanosecond),
        };
        let error = IoError::data(format!("`{}` is the INT96 timestamp {text}, {what}", column.path));
        match self.spec.types.contains_key(&column.path) || !fits(value, other_unit) {
            true => error.with_help("no unit holds all values of the column: write it with another type"),
            false => error.with_help(types::fix(&self.spec, &column.path, other)),
        }
    }
}

fn unreadable(error: &ParquetError) -> IoError {
    IoError::data(format!("cannot be read: {}", words(ParquetError::General(error.to_string()))))
}

/// Nanoseconds since 1970.
fn nanos(value: &Int96) -> i128 {
    let data = value.data();
    let of_day = (u64::from(data[1]) << 32) | u64::from(data[0]);
    (i128::from(data[2] as i32) - EPOCH) * NANOS_OF_DAY + i128::from(of_day as i64)
}

fn fits(value: &Int96, unit: TimeUnit) -> bool {
    let nanos = nanos(value);
    match unit {
        TimeUnit::Nanosecond => i64::try_from(nanos).is_ok(),
        _ => nanos % 1_000 == 0 && i64::try_from(nanos / 1_000).is_ok(),
    }
}

/// Gives the values of a column in a row group to `look`, with the levels that they lie at, some at a time, until it returns something.
fn values<T>(
    file: &Arc<Opened>,
    metadata: &ArrowReaderMetadata,
    group: usize,
    leaf: usize,
    most: usize,
    spec: &InputSpec,
    look: impl FnMut(&[Int96], &[i16], &[i16]) -> Option<T>,
) -> Result<Option<T>, IoError> {
    // As of one row: what stands in memory are a page and a dictionary.
    let columns = metadata.parquet_schema().num_columns();
    let account = Arc::new(Account::new(1, Views::None, 0, columns, spec.limits.batch));
    let found = values_of(file, metadata, group, leaf, most, account.clone(), look);
    found.map_err(|error| account.refused(spec).unwrap_or_else(|| unreadable(&error)))
}

fn values_of<T>(
    file: &Arc<Opened>,
    metadata: &ArrowReaderMetadata,
    group: usize,
    leaf: usize,
    most: usize,
    account: Arc<Account>,
    mut look: impl FnMut(&[Int96], &[i16], &[i16]) -> Option<T>,
) -> Result<Option<T>, ParquetError> {
    let descriptor = metadata.metadata().file_metadata().schema_descr().column(leaf);
    let (max_defined, max_repeated) = (descriptor.max_def_level(), descriptor.max_rep_level());
    let size = file.size()?;
    let counted = Counted { file: file.clone(), size, metadata: metadata.metadata().clone(), group, account };
    let Some(pages) = counted.column_chunks(leaf)?.next().transpose()? else { return Ok(None) };
    let ColumnReader::Int96ColumnReader(mut reader) = get_column_reader(descriptor, pages) else {
        return Ok(None);
    };
    let reader: &mut ColumnReaderImpl<Int96Type> = &mut reader;
    let (mut defined, mut repeated, mut found) = (Vec::new(), Vec::new(), Vec::new());
    let mut seen = 0;
    while seen < most {
        defined.clear();
        repeated.clear();
        found.clear();
        let defined_at = (max_defined > 0).then_some(&mut defined);
        let repeated_at = (max_repeated > 0).then_some(&mut repeated);
        let (records, ..) = reader.read_records(READ.min(most - seen), defined_at, repeated_at, &mut found)?;
        if records == 0 {
            break;
        }
        seen += records;
        if let Some(stop) = look(&found, &defined, &repeated) {
            return Ok(Some(stop));
        }
    }
    Ok(None)
}
