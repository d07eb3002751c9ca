//! Contract → Arrow, schemas: what a component declares, checked.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, TimeUnit};
use callboard_words::text::excerpt;

use super::MAX_DEPTH;
use super::layout::{Leaf, data_type};
use crate::bindings::callboard::step::columns::{ArrayResult, BatchResult, ColumnResult, ValuesResult};

/// Names of columns longer than this are refused, bytes.
const MAX_NAME: usize = 4096;

/// Columns that a step may declare, with all that is nested in them.
const MOST_ARRAYS: usize = 120_000;
/// The bytes of all their names and of what they stand for.
const MOST_TEXT: usize = 8 << 20;
/// What a column stands for is named in fewer bytes: the longest is a time zone.
const MAX_LOGICAL: usize = 200;

/// The Arrow schema that a declared one stands for; an error is a phrase that says what is wrong with it.
pub(crate) fn schema_of(declared: BatchResult) -> Result<Schema, String> {
    if declared.rows != 0 {
        return Err(format!("a schema is a batch of no rows, and this one has {}", declared.rows));
    }
    if declared.arrays.len() > MOST_ARRAYS {
        let count = declared.arrays.len();
        return Err(format!("it declares {count} columns and nested values, of {MOST_ARRAYS} allowed"));
    }
    let text = text_of(&declared);
    if text > MOST_TEXT {
        return Err(format!("the names of what it declares have {text} bytes, of {MOST_TEXT} allowed"));
    }
    let mut arrays: Vec<Option<ArrayResult>> = declared.arrays.into_iter().map(Some).collect();
    let fields = fields_of(&declared.columns, arrays.len(), &mut arrays, 1)?;
    match arrays.iter().position(Option::is_some) {
        Some(unused) => Err(format!("array {unused} is named by no column")),
        None => Ok(Schema::new(fields)),
    }
}

/// The bytes of all names in a declared schema.
fn text_of(declared: &BatchResult) -> usize {
    let names = |columns: &[ColumnResult]| columns.iter().map(|column| column.name.len()).sum::<usize>();
    let of = |array: &ArrayResult| {
        let members = match &array.values {
            ValuesResult::Structs(members) => names(members),
            _ => 0,
        };
        members + array.logical.as_ref().map_or(0, String::len)
    };
    names(&declared.columns) + declared.arrays.iter().map(of).sum::<usize>()
}

fn fields_of(
    members: &[ColumnResult],
    before: usize,
    arrays: &mut [Option<ArrayResult>],
    depth: usize,
) -> Result<Fields, String> {
    let mut names = HashSet::new();
    let mut fields = Vec::with_capacity(members.len());
    for member in members {
        if member.name.is_empty() || member.name.len() > MAX_NAME {
            return Err(format!("a column's name has {} bytes, of 1 to {MAX_NAME} allowed", member.name.len()));
        }
        if !names.insert(member.name.as_str()) {
            return Err(format!("two columns are named `{}`", member.name));
        }
        fields.push(Arc::new(field_of(&member.name, member.values, before, arrays, depth)?));
    }
    Ok(fields.into())
}

fn field_of(
    name: &str,
    id: u32,
    before: usize,
    arrays: &mut [Option<ArrayResult>],
    depth: usize,
) -> Result<Field, String> {
    if depth > MAX_DEPTH {
        return Err(format!("`{name}` is nested more than {MAX_DEPTH} deep"));
    }
    let array = claim(id, before, arrays)?;
    if array.length != 0 {
        return Err(format!("a schema has no values, and array {id} (`{name}`) has {}", array.length));
    }
    let before = id as usize;
    let logical = array.logical.as_deref();
    let nested = |data_type: DataType| match logical {
        None => Ok(data_type),
        Some(other) => Err(format!("array {id} (`{name}`) cannot stand for `{}`", excerpt(other, 60))),
    };
    let of = match &array.values {
        ValuesResult::Lists(lists) => {
            let item = field_of("item", lists.items, before, arrays, depth + 1)?;
            match logical {
                Some("+m") => map_of(name, item)?,
                _ => nested(DataType::List(Arc::new(item)))?,
            }
        }
        ValuesResult::Vectors(vectors) => {
            let width =
                i32::try_from(vectors.width).map_err(|_| format!("`{name}` has vectors of {}", vectors.width))?;
            let item = field_of("item", vectors.items, before, arrays, depth + 1)?;
            nested(DataType::FixedSizeList(Arc::new(item), width))?
        }
        ValuesResult::Structs(members) => nested(DataType::Struct(fields_of(members, before, arrays, depth + 1)?))?,
        leaf => {
            let layout = leaf_of(leaf);
            let known = logical.is_none_or(|logical| logical.len() <= MAX_LOGICAL);
            known.then(|| data_type(layout, logical)).flatten().ok_or_else(|| {
                format!("array {id} (`{name}`) cannot stand for `{}`", excerpt(logical.unwrap_or_default(), 60))
            })?
        }
    };
    let nullable = array.validity.is_some() || of == DataType::Null;
    Ok(Field::new(name, of, nullable))
}

fn map_of(name: &str, item: Field) -> Result<DataType, String> {
    match item.data_type() {
        DataType::Struct(members) if members.len() == 2 && !members[0].is_nullable() => {
            let entries = Field::new("entries", item.data_type().clone(), false);
            Ok(DataType::Map(Arc::new(entries), false))
        }
        _ => Err(format!("`{name}` is a map, so its items are structs of a key, never null, and a value")),
    }
}

/// Takes array `id`, which must stand before `before` and not have been taken.
pub(super) fn claim(id: u32, before: usize, arrays: &mut [Option<ArrayResult>]) -> Result<ArrayResult, String> {
    if id as usize >= before {
        return Err(format!("array {id} is named where only arrays before {before} may be"));
    }
    arrays[id as usize].take().ok_or_else(|| format!("array {id} is named twice"))
}

/// The layout of values without children.
///
/// # Panics
///
/// On lists, vectors and structs.
pub(super) fn leaf_of(values: &ValuesResult) -> Leaf {
    match values {
        ValuesResult::Nulls => Leaf::Nulls,
        ValuesResult::Booleans(_) => Leaf::Booleans,
        ValuesResult::Int8(_) => Leaf::Int8,
        ValuesResult::Int16(_) => Leaf::Int16,
        ValuesResult::Int32(_) => Leaf::Int32,
        ValuesResult::Int64(_) => Leaf::Int64,
        ValuesResult::Uint8(_) => Leaf::UInt8,
        ValuesResult::Uint16(_) => Leaf::UInt16,
        ValuesResult::Uint32(_) => Leaf::UInt32,
        ValuesResult::Uint64(_) => Leaf::UInt64,
        ValuesResult::Float32(_) => Leaf::Float32,
        ValuesResult::Float64(_) => Leaf::Float64,
        ValuesResult::Utf8(_) => Leaf::Utf8,
        ValuesResult::Binary(_) => Leaf::Binary,
        ValuesResult::Fixed(fixed) => Leaf::Fixed(fixed.width),
        ValuesResult::Lists(_) | ValuesResult::Vectors(_) | ValuesResult::Structs(_) => {
            unreachable!("nested values are matched before")
        }
    }
}

/// A type as users read it: `utf8`, `int64`, `list<utf8>`, `{score: float64}`, `timestamp[us, UTC]`.
pub fn display(of: &DataType) -> String {
    let unit = |unit: &TimeUnit| match unit {
        TimeUnit::Second => "s",
        TimeUnit::Millisecond => "ms",
        TimeUnit::Microsecond => "us",
        TimeUnit::Nanosecond => "ns",
    };
    match of {
        DataType::List(item) => format!("list<{}>", display(item.data_type())),
        DataType::FixedSizeList(item, width) => format!("vector<{}, {width}>", display(item.data_type())),
        DataType::Struct(fields) => {
            let members: Vec<_> = fields.iter().map(|f| format!("{}: {}", f.name(), display(f.data_type()))).collect();
            format!("{{{}}}", members.join(", "))
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(pair) if pair.len() == 2 => {
                format!("map<{}, {}>", display(pair[0].data_type()), display(pair[1].data_type()))
            }
            other => format!("map<{}>", display(other)),
        },
        DataType::FixedSizeBinary(width) => format!("fixed<{width}>"),
        DataType::Date32 => "date".to_owned(),
        DataType::Timestamp(of, Some(zone)) if !zone.is_empty() => format!("timestamp[{}, {zone}]", unit(of)),
        DataType::Timestamp(of, _) => format!("timestamp[{}]", unit(of)),
        DataType::Time32(of) => format!("time32[{}]", unit(of)),
        DataType::Time64(of) => format!("time64[{}]", unit(of)),
        DataType::Duration(of) => format!("duration[{}]", unit(of)),
        DataType::Decimal128(precision, scale) => format!("decimal({precision}, {scale})"),
        // One word each, or decimals of another width with it: decimal256(40, 2).
        other => other.to_string().to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(columns: usize, name: usize, logical: usize) -> BatchResult {
        let logical = |values| ArrayResult {
            length: 0,
            validity: Some(Vec::new()),
            values,
            logical: (logical > 0).then(|| format!("tsu:{}", "Z".repeat(logical))),
        };
        let column = |at: usize| ColumnResult { name: format!("{at:0>name$}"), values: at as u32 };
        let arrays = (0..columns).map(|_| logical(ValuesResult::Int64(Vec::new())));
        BatchResult { rows: 0, columns: (0..columns).map(column).collect(), arrays: arrays.collect() }
    }

    /// A declaration is kept for the whole run, several times over: it is bounded before anything is made of it.
    #[test]
    fn what_is_declared_is_bounded() {
        for (columns, name, logical) in [(1, 1, 0), (120_000, 6, 0), (2_000, 4_000, 0)] {
            assert!(
                schema_of(declared(columns, name, logical)).is_ok(),
                "{columns} columns, names of {name}, {logical}"
            );
        }
        for (columns, name, logical, says) in [
            (120_001, 6, 0, "it declares 120001 columns and nested values, of 120000 allowed"),
            (700_000, 6, 0, "it declares 700000 columns"),
            (20_000, 4_000, 0, "the names of what it declares have 80000000 bytes, of 8388608 allowed"),
            (100, 1, 100_000, "the names of what it declares have"),
            (1, 1, 100_000, "cannot stand for `tsu:ZZZ"),
        ] {
            let error = schema_of(declared(columns, name, logical)).unwrap_err();
            assert!(error.contains(says) && error.len() < 500, "{error}");
        }
    }
    /// As io and the SDK name them.
    #[test]
    fn types_have_the_names_that_messages_have() {
        use DataType::*;
        let entries = Field::new_struct(
            "entries",
            vec![Field::new("key", Utf8, false), Field::new("value", Timestamp(TimeUnit::Nanosecond, None), true)],
            false,
        );
        let cases = [
            (Date32, "date"),
            (Date64, "date64"),
            (Timestamp(TimeUnit::Microsecond, Some("Europe/Berlin".into())), "timestamp[us, Europe/Berlin]"),
            (Time32(TimeUnit::Second), "time32[s]"),
            (Time64(TimeUnit::Nanosecond), "time64[ns]"),
            (Duration(TimeUnit::Millisecond), "duration[ms]"),
            (Decimal128(9, 2), "decimal(9, 2)"),
            (Decimal256(50, 2), "decimal256(50, 2)"),
            (FixedSizeBinary(16), "fixed<16>"),
            (Map(entries.into(), false), "map<utf8, timestamp[ns]>"),
            (List(Field::new_list_field(Boolean, true).into()), "list<boolean>"),
        ];
        for (of, name) in cases {
            assert_eq!(display(&of), name);
        }
    }
}
