//! One type for the same column of several files: the smallest that holds the values of all of them, so that nothing is lost.
//!
//! - A column of nulls takes the other file's type.
//! - Integers widen; those beside fractions become fractions, of which each must be exact (checked when it is read).
//! - Times and durations take the finest unit, decimals the most digits on both sides of the point; an integer is a decimal without
//!   a fraction. Instants of different zones become UTC's.
//! - Bytes of different fixed lengths are bytes of any length.
//! - Members of structs are told apart by their names, in the order of the first file. Lists of a fixed size beside others become lists.
//!
//! Whatever else differs is an error: text beside numbers, a date beside a timestamp, a timestamp with a zone beside one without. A column
//! that a file lacks is an error, unless the input is a `union`: then it is null in the file's rows. One that `types` names has that type, whatever the files say, and is null in the rows of a file without it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, Metadata, Schema, TimeUnit};

use super::declared::{both, convertible, own};
use crate::error::IoError;
use crate::names::Names;
use crate::spec::InputSpec;
use crate::types;

/// The columns that the files so far share.
pub(super) struct Merged<'a> {
    spec: &'a InputSpec,
    /// What `types` says, by column.
    declared: &'a BTreeMap<String, Field>,
    /// Whether a declared column keeps a type that it has in a file, if it has the same one in all.
    keeps: &'a dyn Fn(&str, &DataType) -> bool,
    fields: Vec<FieldRef>,
    places: Names,
    /// The types that files have for a column that is declared.
    found: BTreeMap<String, Vec<DataType>>,
}

impl<'a> Merged<'a> {
    /// The columns of the first file.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub(super) fn new(
        first: Schema,
        spec: &'a InputSpec,
        declared: &'a BTreeMap<String, Field>,
        keeps: &'a dyn Fn(&str, &DataType) -> bool,
    ) -> Result<Merged<'a>, IoError> {
        let fields: Vec<FieldRef> = first.fields().iter().cloned().collect();
        let (places, found) = (places(fields.iter()), BTreeMap::new());
        let mut merged = Merged { spec, declared, keeps, places, fields, found };
        first.fields().iter().try_for_each(|field| merged.declare(field).map(drop))?;
        Ok(merged)
    }

    /// Whether a column is declared: then what the file declares is kept apart.
    fn declare(&mut self, field: &Field) -> Result<bool, IoError> {
        let Some(declared) = self.declared.get(field.name()) else { return Ok(false) };
        if !(self.keeps)(field.name(), field.data_type()) && !convertible(field, declared) {
            let (is, says) = (types::field_words(field), types::field_words(declared));
            let message = format!("the column `{}` is {is}, and `types` says {says}", field.name());
            let help = match own(field).filter(|fit| self.spec.types.get(field.name()) != Some(fit)) {
                Some(fit) => types::fix(self.spec, field.name(), &fit),
                None => format!("leave `{}` out of `types`; a step can create a column of another type", field.name()),
            };
            return Err(IoError::spec(message).with_help(help));
        }
        let found = self.found.entry(field.name().clone()).or_default();
        if !found.contains(field.data_type()) {
            found.push(field.data_type().clone());
        }
        Ok(true)
    }

    /// Adds the columns of another file; `first` is the file that messages compare it with. Linear in its columns.
    pub(super) fn add(&mut self, found: &Schema, first: &Path) -> Result<(), IoError> {
        let wrong = |message: String| IoError::data(format!("{message} in `{}`", first.display()));
        let lacks = |spec: &InputSpec, field: &Field| match own(field) {
            Some(name) => format!(
                "to have null there: union = true; or, for this column, {}",
                types::fix(spec, field.name(), &name)
            ),
            None => format!("to have null there: union = true; or {SAME}"),
        };
        for (expected, field) in found.fields().iter().enumerate() {
            let declared = self.declare(field)?;
            let Some(place) = self.places.find(expected, field.name()) else {
                if declared || self.spec.union {
                    self.places.push(field.name());
                    self.fields.push(Arc::new(field.as_ref().clone().with_nullable(true)));
                    continue;
                }
                let error = wrong(format!("the column `{}` is here, but not", field.name()));
                return Err(error.with_help(lacks(self.spec, field)));
            };
            let known = &mut self.fields[place];
            if known != field && !declared {
                match merge(known, field, field.name()) {
                    Ok(merged) => *known = Arc::new(merged),
                    Err(differ) => {
                        let fix = both(known, field).map(|fit| types::fix(self.spec, field.name(), &fit));
                        let help = fix.unwrap_or_else(|| differ.help().to_owned());
                        return Err(wrong(differ.message()).with_help(help));
                    }
                }
            }
        }
        if found.fields().len() < self.fields.len() {
            let here = places(found.fields().iter());
            for (expected, field) in self.fields.iter_mut().enumerate() {
                if here.find(expected, field.name()).is_some() || self.declared.contains_key(field.name()) {
                    continue;
                }
                if !self.spec.union {
                    let error = wrong(format!("the column `{}` is not here, but is", field.name()));
                    return Err(error.with_help(lacks(self.spec, field)));
                }
                *field = Arc::new(field.as_ref().clone().with_nullable(true));
            }
        }
        Ok(())
    }

    /// The columns of all files.
    pub(super) fn schema(mut self) -> Schema {
        for (name, found) in &self.found {
            let (Some(place), Some(declared)) = (self.places.find(0, name), self.declared.get(name)) else { continue };
            if !matches!(&found[..], [only] if (self.keeps)(name, only)) {
                self.fields[place] = Arc::new(declared.clone());
            }
        }
        Schema::new(self.fields)
    }
}

/// Places by name. Names are unique where a schema was checked.
pub(super) fn places<'a>(fields: impl Iterator<Item = &'a FieldRef>) -> Names {
    Names::of(fields.map(|field| field.name()))
}

const SAME: &str = "name the others in an input of their own, or write them again with this column";

/// Two columns that have no common type.
struct Differ {
    path: String,
    found: String,
    known: String,
    members: bool,
}

impl Differ {
    fn message(&self) -> String {
        format!("the column `{}` is {}, but {}", self.path, self.found, self.known)
    }

    fn help(&self) -> &'static str {
        match self.members {
            true => {
                "all files of an input have the same members: name the others in an input of their own, or write them again with this member"
            }
            false => {
                "no type holds both without loss: name the files of each type in an input of their own, or write one of them again"
            }
        }
    }
}

/// What both fields can hold; nullable where one of them is.
fn merge(known: &Field, found: &Field, path: &str) -> Result<Field, Differ> {
    let data_type = merge_types(known.data_type(), found.data_type(), path)?;
    let plain = Metadata::default();
    // The meaning that a column of nulls declares does not matter.
    let metadata = match (known.data_type(), found.data_type()) {
        (DataType::Null, _) => found.metadata(),
        (_, DataType::Null) => known.metadata(),
        _ if known.metadata() == found.metadata() => known.metadata(),
        // Text that is JSON is written otherwise than other text; any other note says no more than what the values are for.
        _ if !types::is_json(known) && !types::is_json(found) => &plain,
        _ => {
            let name = |field: &Field| match field.extension_type_name() {
                Some(name) => format!("{} ({name})", types::words(field.data_type())),
                None => format!("plain {}", types::words(field.data_type())),
            };
            return Err(Differ { path: path.to_owned(), found: name(found), known: name(known), members: false });
        }
    };
    let nullable = known.is_nullable() || found.is_nullable();
    Ok(Field::new(known.name(), data_type, nullable).with_metadata(metadata.clone()))
}

fn merge_types(known: &DataType, found: &DataType, path: &str) -> Result<DataType, Differ> {
    use DataType::*;
    if known == found {
        return Ok(known.clone());
    }
    // The name of a list's items means nothing: writers differ.
    let items = |a: &FieldRef, b: &FieldRef| merge(a, b, path).map(Arc::new);
    let merged = match (known, found) {
        (Null, other) | (other, Null) => Some(other.clone()),
        (FixedSizeList(a, n), FixedSizeList(b, m)) if n == m => Some(FixedSizeList(items(a, b)?, *n)),
        (List(a) | FixedSizeList(a, _), List(b) | FixedSizeList(b, _)) => Some(List(items(a, b)?)),
        (Map(a, x), Map(b, y)) => Some(Map(Arc::new(entries(a, b, path)?), *x && *y)),
        (Struct(a), Struct(b)) => Some(Struct(members(a, b, path)?)),
        (Timestamp(a, x), Timestamp(b, y)) => match (x, y) {
            (None, None) => Some(Timestamp(finest(*a, *b), None)),
            (Some(x), Some(y)) if x == y => Some(Timestamp(finest(*a, *b), Some(x.clone()))),
            (Some(_), Some(_)) => Some(Timestamp(finest(*a, *b), Some("UTC".into()))),
            _ => None,
        },
        (Duration(a), Duration(b)) => Some(Duration(finest(*a, *b))),
        (Time32(a) | Time64(a), Time32(b) | Time64(b)) => Some(match finest(*a, *b) {
            unit @ (TimeUnit::Second | TimeUnit::Millisecond) => Time32(unit),
            unit => Time64(unit),
        }),
        (Date32 | Date64, Date32 | Date64) => Some(Date64),
        (Binary | FixedSizeBinary(_), Binary | FixedSizeBinary(_)) => Some(Binary),
        _ => numbers(known, found),
    };
    let differ =
        || Differ { path: path.into(), found: types::words(found), known: types::words(known), members: false };
    merged.ok_or_else(differ)
}

/// The members of both structs, which have the same names.
fn members(known: &Fields, found: &Fields, path: &str) -> Result<Fields, Differ> {
    let there = places(found.iter());
    let mut merged = Vec::with_capacity(known.len());
    for (expected, member) in known.iter().enumerate() {
        let path = format!("{path}.{}", member.name());
        match there.find(expected, member.name()) {
            Some(place) => merged.push(merge(member, &found[place], &path)?),
            None => return Err(Differ { path, found: "not here".into(), known: "is".into(), members: true }),
        }
    }
    if found.len() > known.len() {
        let here = places(known.iter());
        if let Some(extra) = found.iter().find(|member| here.find(0, member.name()).is_none()) {
            let path = format!("{path}.{}", extra.name());
            return Err(Differ { path, found: "here".into(), known: "not".into(), members: true });
        }
    }
    Ok(merged.into())
}

/// Entries of maps, whose two members are known by their places: writers name them differently.
fn entries(known: &Field, found: &Field, path: &str) -> Result<Field, Differ> {
    match (known.data_type(), found.data_type()) {
        (DataType::Struct(a), DataType::Struct(b)) if a.len() == b.len() => {
            let members: Result<Fields, Differ> =
                a.iter().zip(b).map(|(a, b)| merge(a, b, &format!("{path}.{}", a.name()))).collect();
            Ok(known.clone().with_data_type(DataType::Struct(members?)))
        }
        _ => merge(known, found, path),
    }
}

fn finest(a: TimeUnit, b: TimeUnit) -> TimeUnit {
    let fineness = |unit: &TimeUnit| match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 1,
        TimeUnit::Microsecond => 2,
        TimeUnit::Nanosecond => 3,
    };
    std::cmp::max_by_key(a, b, fineness)
}

/// Bits and sign of an integer's type.
fn integer(data_type: &DataType) -> Option<(u32, bool)> {
    use DataType::*;
    Some(match data_type {
        Int8 => (8, true),
        Int16 => (16, true),
        Int32 => (32, true),
        Int64 => (64, true),
        UInt8 => (8, false),
        UInt16 => (16, false),
        UInt32 => (32, false),
        UInt64 => (64, false),
        _ => return None,
    })
}

fn numbers(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType::*;
    match (integer(a), integer(b)) {
        (Some((n, x)), Some((m, y))) => {
            // An unsigned integer needs a bit more to have a sign; those of 64 bits are checked when they are read.
            let bits = if x == y {
                n.max(m)
            } else if x {
                n.max(2 * m)
            } else {
                m.max(2 * n)
            };
            Some(match (bits.min(64), x || y) {
                (16, true) => Int16,
                (32, true) => Int32,
                (_, true) => Int64,
                (16, false) => UInt16,
                (32, false) => UInt32,
                (_, false) => UInt64,
            })
        }
        (Some((bits, _)), None) if matches!(b, Float32 | Float64) => Some(if bits <= 16 { b.clone() } else { Float64 }),
        (None, Some(_)) if matches!(a, Float32 | Float64) => numbers(b, a),
        (None, None) if matches!((a, b), (Float32 | Float64, Float32 | Float64)) => Some(Float64),
        _ => decimals(a, b),
    }
}

/// Digits before and after the point.
fn digits(data_type: &DataType) -> Option<(i16, i16)> {
    use DataType::*;
    match data_type {
        Decimal32(precision, scale)
        | Decimal64(precision, scale)
        | Decimal128(precision, scale)
        | Decimal256(precision, scale) => Some((i16::from(*precision) - i16::from(*scale), i16::from(*scale))),
        _ => match integer(data_type)? {
            (8, _) => Some((3, 0)),
            (16, _) => Some((5, 0)),
            (32, _) => Some((10, 0)),
            (_, signed) => Some((if signed { 19 } else { 20 }, 0)),
        },
    }
}

fn decimals(a: &DataType, b: &DataType) -> Option<DataType> {
    let ((whole_a, scale_a), (whole_b, scale_b)) = (digits(a)?, digits(b)?);
    let (whole, scale) = (whole_a.max(whole_b), scale_a.max(scale_b));
    let (precision, scale) = (u8::try_from((whole + scale).max(1)).ok()?, i8::try_from(scale).ok()?);
    match precision {
        0..=38 => Some(DataType::Decimal128(precision, scale)),
        39..=76 => Some(DataType::Decimal256(precision, scale)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(a: &DataType, b: &DataType) -> Option<DataType> {
        let both = merge_types(a, b, "c").ok();
        assert_eq!(both, merge_types(b, a, "c").ok(), "{a} and {b}, the other way round");
        both
    }

    #[test]
    fn numbers_have_the_smallest_type_that_holds_both() {
        use DataType::*;
        let cases = [
            (Int8, Int32, Some(Int32)),
            (UInt8, Int8, Some(Int16)),
            (UInt32, Int8, Some(Int64)),
            (UInt16, UInt64, Some(UInt64)),
            (UInt64, Int64, Some(Int64)),
            (Int16, Float32, Some(Float32)),
            (Int32, Float32, Some(Float64)),
            (Int64, Float64, Some(Float64)),
            (Float32, Float64, Some(Float64)),
            (Decimal128(10, 2), Decimal128(8, 4), Some(Decimal128(12, 4))),
            (Decimal32(9, 0), Decimal256(40, 10), Some(Decimal256(40, 10))),
            (Decimal128(38, 0), Decimal128(38, 38), Some(Decimal256(76, 38))),
            (Decimal128(5, -2), Decimal128(3, 1), Some(Decimal128(8, 1))),
            (Int64, Decimal128(10, 2), Some(Decimal128(21, 2))),
            (Decimal256(76, 0), Decimal256(76, 1), None),
            (Float64, Decimal128(10, 2), None),
            (Boolean, Int8, None),
            (Utf8, Int64, None),
        ];
        for (a, b, both) in cases {
            assert_eq!(merged(&a, &b), both, "{a} and {b}");
        }
    }

    #[test]
    fn times_have_the_finest_unit() {
        use DataType::*;
        let zone = |unit, zone: &str| Timestamp(unit, Some(zone.into()));
        let (s, ms, us, ns) = (TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond);
        let cases = [
            (Timestamp(s, None), Timestamp(ns, None), Some(Timestamp(ns, None))),
            (zone(s, "UTC"), zone(us, "UTC"), Some(zone(us, "UTC"))),
            (zone(ms, "Asia/Tokyo"), zone(ms, "+02:00"), Some(zone(ms, "UTC"))),
            (zone(ms, "UTC"), Timestamp(ms, None), None),
            (Date32, Timestamp(ms, None), None),
            (Date32, Date64, Some(Date64)),
            (Time32(s), Time64(us), Some(Time64(us))),
            (Time32(s), Time32(ms), Some(Time32(ms))),
            (Duration(s), Duration(ns), Some(Duration(ns))),
            (FixedSizeBinary(2), FixedSizeBinary(3), Some(Binary)),
            (FixedSizeBinary(2), Binary, Some(Binary)),
        ];
        for (a, b, both) in cases {
            assert_eq!(merged(&a, &b), both, "{a} and {b}");
        }
    }
}
