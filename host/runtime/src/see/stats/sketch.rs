//! The values of one column, in bounded memory: sketches of how many there are, how they are spread and which are frequent.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};

use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::compute::{cast, max, min};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit, UInt64Type};
use callboard_io::is_json;
use callboard_sandbox::display;
use datasketches::frequencies::{ErrorType, FrequentItemsSketch};
use datasketches::hll::{HllSketch, HllType};
use twox_hash::XxHash3_64;

use super::spread::Sketched;
use crate::tell::stats::{ColumnStats, FrequentValue, Measure};

/// 2¹² registers of a byte: within 1.6 % for two of three columns.
const REGISTERS: u8 = 12;
/// Texts that are counted at a time, a power of two: those of more than about one in a hundred rows are never lost.
const COUNTED: usize = 512;
/// No more frequent texts are named, and no more bytes of one.
const NAMED: usize = 10;
const HEAD: usize = 120;

/// What has been seen of a column.
pub(super) struct Sketch {
    name: String,
    shown_type: String,
    reads: Reads,
    nulls: u64,
    distinct: Option<HllSketch>,
    spread: Option<Sketched>,
    frequent: Option<FrequentItemsSketch<Text>>,
}

/// How a column is read.
#[derive(Clone, Copy, PartialEq)]
enum Reads {
    /// Whole numbers that fit into 64 bits with a sign.
    Integers,
    Unsigned,
    /// All other numbers.
    Floats,
    /// This many to a second.
    Times(Measure, f64),
    Texts,
    Booleans,
    Bytes,
    Lists,
    /// Nothing but whether it is null.
    Nothing,
}

impl Reads {
    fn of(data_type: &DataType) -> Reads {
        use DataType::*;
        let each = |unit: &TimeUnit| match unit {
            TimeUnit::Second => 1.0,
            TimeUnit::Millisecond => 1e3,
            TimeUnit::Microsecond => 1e6,
            TimeUnit::Nanosecond => 1e9,
        };
        match data_type {
            Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 => Reads::Integers,
            UInt64 => Reads::Unsigned,
            Float16 | Float32 | Float64 | Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..) => {
                Reads::Floats
            }
            Date32 => Reads::Times(Measure::Moments, 1.0 / 86_400.0),
            Date64 => Reads::Times(Measure::Moments, 1e3),
            Timestamp(unit, _) => Reads::Times(Measure::Moments, each(unit)),
            Time32(unit) | Time64(unit) | Duration(unit) => Reads::Times(Measure::Seconds, each(unit)),
            Utf8 => Reads::Texts,
            Boolean => Reads::Booleans,
            Binary | FixedSizeBinary(_) => Reads::Bytes,
            List(_) | FixedSizeList(..) | Map(..) => Reads::Lists,
            _ => Reads::Nothing,
        }
    }

    fn measure(self) -> Option<Measure> {
        match self {
            Reads::Integers | Reads::Unsigned | Reads::Floats => Some(Measure::Numbers),
            Reads::Times(measure, _) => Some(measure),
            Reads::Texts => Some(Measure::Characters),
            Reads::Bytes => Some(Measure::Bytes),
            Reads::Lists => Some(Measure::Items),
            Reads::Booleans | Reads::Nothing => None,
        }
    }

    fn is_whole(self) -> bool {
        !matches!(self, Reads::Floats | Reads::Times(..))
    }
}

/// A text, known by its digest.
#[derive(Clone)]
struct Text {
    digest: u64,
    head: Box<str>,
    /// Characters of the whole, if the head is not all of it.
    of: Option<u64>,
}

impl Borrow<u64> for Text {
    fn borrow(&self) -> &u64 {
        &self.digest
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Text) -> bool {
        self.digest == other.digest
    }
}

impl Eq for Text {}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.digest.hash(state);
    }
}

impl Sketch {
    pub(super) fn new(name: String, field: &arrow::datatypes::Field) -> Sketch {
        let reads = Reads::of(field.data_type());
        let distinct = !matches!(reads, Reads::Lists | Reads::Nothing);
        let frequent = matches!(reads, Reads::Texts | Reads::Booleans);
        Sketch {
            name,
            shown_type: if is_json(field) { "json".to_owned() } else { display(field.data_type()) },
            reads,
            nulls: 0,
            distinct: distinct.then(|| HllSketch::new(REGISTERS, HllType::Hll8).expect("the registers are allowed")),
            spread: reads.measure().map(|_| Sketched::new(reads.is_whole())),
            frequent: frequent.then(|| FrequentItemsSketch::new(COUNTED).expect("a power of two")),
        }
    }

    /// Adds the values of a batch.
    pub(super) fn add(&mut self, column: &ArrayRef) {
        self.nulls += column.logical_null_count() as u64;
        match self.reads {
            Reads::Integers => {
                let Ok(column) = cast(column, &DataType::Int64) else { return };
                let values = column.as_primitive::<Int64Type>();
                values.iter().flatten().for_each(|value| self.number(value as u64, value as f64));
                self.between(min(values).zip(max(values)));
            }
            Reads::Unsigned => {
                let values = column.as_primitive::<UInt64Type>();
                values.iter().flatten().for_each(|value| self.number(value, value as f64));
                self.between(min(values).zip(max(values)));
            }
            Reads::Floats | Reads::Times(..) => {
                let scale = if let Reads::Times(_, each) = self.reads { each } else { 1.0 };
                let Some(values) = numbers(column) else { return };
                // Zero has two signs, and NaN many forms.
                let same = |value: f64| if value.is_nan() { f64::NAN } else { value + 0.0 };
                values.iter().flatten().map(same).for_each(|value| self.number(value.to_bits(), value / scale));
            }
            Reads::Texts => column.as_string::<i32>().iter().flatten().for_each(|text| self.text(text)),
            Reads::Booleans => {
                let words = |value| if value { "true" } else { "false" };
                column.as_boolean().iter().flatten().for_each(|value| self.text(words(value)));
            }
            Reads::Bytes => {
                let Ok(column) = cast(column, &DataType::Binary) else { return };
                for value in column.as_binary::<i32>().iter().flatten() {
                    self.number(XxHash3_64::oneshot(value), value.len() as f64);
                }
            }
            Reads::Lists => {
                lengths(column, |length| self.spread.iter_mut().for_each(|spread| spread.add(length as f64)))
            }
            Reads::Nothing => {}
        }
    }

    fn between<T: Into<i128>>(&mut self, extremes: Option<(T, T)>) {
        if let Some((spread, (min, max))) = self.spread.as_mut().zip(extremes) {
            spread.between((min.into(), max.into()));
        }
    }

    fn number(&mut self, digest: u64, value: f64) {
        self.distinct.iter_mut().for_each(|distinct| distinct.update(digest));
        self.spread.iter_mut().for_each(|spread| spread.add(value));
    }

    fn text(&mut self, text: &str) {
        let digest = XxHash3_64::oneshot(text.as_bytes());
        let characters = text.chars().count() as u64;
        self.number(digest, characters as f64);
        let Some(frequent) = &mut self.frequent else { return };
        // One that is being counted is there already, with its text.
        let (head, of) = match frequent.lower_bound(&digest) {
            0 => {
                let end = text.floor_char_boundary(HEAD);
                (text[..end].into(), (end < text.len()).then_some(characters))
            }
            _ => ("".into(), None),
        };
        frequent.update(Text { digest, head, of });
    }

    /// What there was, of `rows` rows.
    pub(super) fn stats(mut self, rows: u64) -> ColumnStats {
        let values = rows - self.nulls.min(rows);
        let distinct = self.distinct.map(|distinct| (distinct.estimate().round() as u64).min(values));
        let spread = self.reads.measure().zip(self.spread.as_mut());
        ColumnStats {
            column: self.name,
            column_type: self.shown_type,
            nulls: self.nulls,
            distinct,
            spread: spread.and_then(|(measure, spread)| spread.stats(measure)),
            frequent: self.frequent.as_ref().map(frequent).unwrap_or_default(),
        }
    }
}

/// The most frequent texts, without those of a single row.
fn frequent(sketch: &FrequentItemsSketch<Text>) -> Vec<FrequentValue> {
    let mut rows = sketch.frequent_items(ErrorType::NoFalsePositives);
    rows.retain(|row| row.lower_bound() > 1);
    // Whoever is equal stands in the order of the texts: the table's own order says nothing.
    rows.sort_by(|a, b| b.lower_bound().cmp(&a.lower_bound()).then_with(|| a.item().head.cmp(&b.item().head)));
    let value = |row: &datasketches::frequencies::Row<Text>| FrequentValue {
        value: row.item().head.to_string(),
        characters: row.item().of,
        at_least: row.lower_bound(),
        at_most: row.upper_bound(),
    };
    rows.iter().take(NAMED).map(value).collect()
}

/// Numbers, or times in their own unit.
pub(super) fn numbers(column: &ArrayRef) -> Option<Float64Array> {
    let whole = match column.data_type() {
        DataType::Date32 | DataType::Time32(_) => cast(column, &DataType::Int32).ok()?,
        DataType::Date64 | DataType::Time64(_) | DataType::Timestamp(..) | DataType::Duration(_) => {
            cast(column, &DataType::Int64).ok()?
        }
        _ => column.clone(),
    };
    Some(cast(&whole, &DataType::Float64).ok()?.as_primitive::<Float64Type>().clone())
}

/// The lengths of lists and maps.
pub(super) fn lengths(column: &ArrayRef, mut each: impl FnMut(usize)) {
    for row in (0..column.len()).filter(|row| column.is_valid(*row)) {
        each(match column.data_type() {
            DataType::List(_) => column.as_list::<i32>().value_length(row) as usize,
            DataType::Map(..) => column.as_map().value_length(row) as usize,
            DataType::FixedSizeList(_, width) => *width as usize,
            _ => return,
        });
    }
}
