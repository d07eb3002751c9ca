//! CSV with a header, by tabs in a `.tsv`. Blank lines are skipped, and counted as lines.
//!
//! Read as it stands: a column is int64, float64 or bool only if every value of the sample is one exactly (`007` is none), else
//! string; an empty field is null, quoted or not. Files of one input have the same columns, in any order. A column without a name is given one
//! ([`header`]); text behind a closing quote and rows of another width are errors ([`records`]).
//!
//! A first line such as `sep=;`, which Excel writes, says the delimiter and is no row.
//!
//! Written with line feeds and quotes where needed; null and the empty string are both empty fields. Binary values are lower-case hex digits,
//! times are in ISO 8601. Lists, objects and maps have no place in a field and are refused.

mod header;
mod infer;
mod other;
mod records;
mod write;

pub(super) use write::Words;

use std::collections::BTreeSet;
use std::path::Path;

use arrow::array::UInt64Array;
use arrow::datatypes::{Schema, SchemaRef};

use super::{FileFormat, Reading, RowWriter, Rows, Taken};
use crate::bad_row::{BadRow, Sieve};
use crate::codec::Packing;
use crate::columns::{Column, StructColumn};
use crate::error::IoError;
use crate::misfit::{Misfit, excerpt};
use crate::places::Source;
use crate::section::Section;
use crate::spec::{BatchPolicy, InputSpec};
use crate::text::{Compression, Sink};
use crate::values::{Rule, Text};
use records::{BadRecord, Records};

pub(super) struct Csv;

impl FileFormat for Csv {
    fn schema(&self, files: &[Source], spec: &InputSpec) -> Result<Schema, IoError> {
        infer::schema(files, spec)
    }

    fn read(&self, of: Reading<'_>) -> Result<Rows, IoError> {
        self.read_section(of, Section::default())
    }

    fn is_indexed(&self, file: &Source, _: &SchemaRef) -> bool {
        is_plain(file)
    }

    fn read_section(&self, of: Reading<'_>, section: Section) -> Result<Rows, IoError> {
        let Reading { file, schema, spec, policy } = of;
        let (mut records, header) = Records::open(file, spec)?;
        if section.from > 0 {
            records.go_to(file, spec, section)?;
        }
        let columns = StructColumn::new(schema.fields());
        let position = |(at, name): (usize, &String)| {
            let found = columns.names.find(at, name);
            found.ok_or_else(|| IoError::data(format!("`{}` is a new column", excerpt(name))))
        };
        let places: Vec<usize> = header.iter().enumerate().map(position).collect::<Result<_, _>>()?;
        let there: BTreeSet<usize> = places.iter().copied().collect();
        let absent = (0..columns.columns.len()).filter(|place| !there.contains(place)).collect();
        let (schema, spec) = (schema.clone(), spec.clone());
        Ok(Box::new(CsvRows { records, places, absent, schema, spec, policy, columns, is_plain: is_plain(file) }))
    }

    fn write(&self, sink: Sink, schema: &SchemaRef, path: &Path, _: Packing) -> Result<Box<dyn RowWriter>, IoError> {
        write::create(sink, schema, delimiter(path))
    }

    fn rule(&self) -> &'static dyn Rule {
        &Text
    }
}

/// Whether a byte of the file is a byte of its text.
fn is_plain(file: &Source) -> bool {
    Compression::split(file.path()).1 == Compression::None
}

/// The delimiter that a file's name says.
fn delimiter(path: &Path) -> u8 {
    match Compression::split(path).0.to_lowercase().ends_with(".tsv") {
        true => b'\t',
        false => b',',
    }
}

struct CsvRows {
    records: Records,
    /// The column that each field goes to.
    places: Vec<usize>,
    /// The columns that the file lacks.
    absent: Vec<usize>,
    schema: SchemaRef,
    spec: InputSpec,
    policy: BatchPolicy,
    columns: StructColumn,
    is_plain: bool,
}

impl CsvRows {
    fn batch(&mut self) -> Result<Option<Taken>, IoError> {
        let at = self.is_plain.then(|| self.records.passed());
        let (mut origins, mut sieve) = (Vec::new(), Sieve::default());
        let mut bytes = 0;
        while origins.len() < self.policy.rows && bytes < self.policy.bytes {
            let before = self.columns.len();
            let (error, line, text) = match self.records.next_record()? {
                None => break,
                Some(Ok(record)) => {
                    bytes += record.bytes;
                    let mut fields = record.fields().zip(&self.places);
                    let misfit = fields.find_map(|(field, place)| {
                        let misfit = push(&mut self.columns.columns[*place], field).err()?;
                        Some(Misfit { path: vec![self.schema.field(*place).name().clone()], ..misfit })
                    });
                    match misfit {
                        None => {
                            self.absent.iter().for_each(|place| self.columns.columns[*place].push_null());
                            self.columns.end(true);
                            origins.push(record.line);
                            sieve.keep();
                            continue;
                        }
                        Some(misfit) => {
                            let error = misfit.into_error(&self.spec, "string").at_line(record.line);
                            (error, record.line, record.text.as_bytes().to_owned())
                        }
                    }
                }
                Some(Err(BadRecord { error, line, text })) => (error, line, text),
            };
            sieve.leave_out(BadRow::of(error, &self.spec, line, &text)?);
            self.columns.abandon_row(before);
            origins.push(line);
        }
        if origins.is_empty() {
            return Ok(None);
        }
        let taken = sieve.sift(UInt64Array::from(origins), self.columns.finish_rows(&self.schema));
        Ok(Some(Taken { at, ..taken }))
    }
}

impl Iterator for CsvRows {
    type Item = Result<Taken, IoError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batch().transpose()
    }
}

/// A field into its column.
pub(super) fn push(column: &mut Column, text: &str) -> Result<(), Misfit> {
    let misfit = |column: &Column| {
        let fits = match (column, infer::kind(text)) {
            (Column::Int(..) | Column::Uint64(_), infer::Kind::Float) => "float64",
            _ => "string",
        };
        Err(Misfit::new(format!("should be {}, found {:?}", column.type_name(), excerpt(text)), fits))
    };
    let as_string = |misfit: Misfit| Misfit { would_fit: Some("string"), ..misfit };
    match column {
        _ if text.is_empty() => column.push_null(),
        Column::Text(b) => b.append_value(text),
        Column::Bool(b) => match text {
            "true" => b.append_value(true),
            "false" => b.append_value(false),
            _ => return misfit(column),
        },
        Column::Int(..) | Column::Uint64(_) if !infer::is_integer(text) => return misfit(column),
        Column::Int(..) | Column::Uint64(_) => match (text.parse::<i64>(), text.parse::<u64>()) {
            (Ok(value), _) => column.push_int(value).map_err(as_string)?,
            (_, Ok(value)) => column.push_uint(value).map_err(as_string)?,
            _ => return misfit(column),
        },
        Column::Float(..) if is_number(text) => column.push_float(text).map_err(as_string)?,
        // As CSV is written.
        Column::Float(b, _) if ["NaN", "inf", "-inf"].contains(&text) => {
            b.append_value(text.parse().unwrap_or(f64::NAN))
        }
        Column::Float(..) => return misfit(column),
        Column::Json(b) => match serde_json::from_str::<serde::de::IgnoredAny>(text) {
            Ok(_) if text.trim() == "null" => b.append_null(),
            Ok(_) => b.append_value(text),
            Err(_) => return misfit(column),
        },
        _ => column.push_text(text)?,
    }
    Ok(())
}

/// Whether JSON calls it a number: no leading zeros, no plus, no words.
fn is_number(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    starts && text.trim() == text && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}
