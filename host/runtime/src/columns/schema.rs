//! Contract → Arrow, schemas: what a component declares, checked.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema};

use super::MAX_DEPTH;
use super::layout::{Leaf, data_type};
use crate::bindings::callboard::step::columns::{ArrayResult, BatchResult, ColumnResult, ValuesResult};

/// Names of columns longer than this are refused, bytes.
const MAX_NAME: usize = 4096;

/// The Arrow schema that a declared one stands for; an error is a phrase that says what is wrong with it.
pub(crate) fn schema_of(declared: BatchResult) -> Result<Schema, String> {
    if declared.rows != 0 {
        return Err(format!("a schema is a batch of no rows, and this one has {}", declared.rows));
    }
    let mut arrays: Vec<Option<ArrayResult>> = declared.arrays.into_iter().map(Some).collect();
    let fields = fields_of(&declared.columns, arrays.len(), &mut arrays, 1)?;
    match arrays.iter().position(Option::is_some) {
        Some(unused) => Err(format!("array {unused} is named by no column")),
        None => Ok(Schema::new(fields)),
    }
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
        Some(other) => Err(format!("array {id} (`{name}`) cannot stand for `{}`", clip(other))),
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
            data_type(layout, logical).ok_or_else(|| {
                format!("array {id} (`{name}`) cannot stand for `{}`", clip(logical.unwrap_or_default()))
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

/// A type as users read it: `utf8`, `int64`, `list<utf8>`, `{score: float64}`.
pub fn display(of: &DataType) -> String {
    match of {
        DataType::List(item) => format!("list<{}>", display(item.data_type())),
        DataType::FixedSizeList(item, width) => format!("vector<{}, {width}>", display(item.data_type())),
        DataType::Struct(fields) => {
            let members: Vec<_> = fields.iter().map(|f| format!("{}: {}", f.name(), display(f.data_type()))).collect();
            format!("{{{}}}", members.join(", "))
        }
        DataType::Null => "null".to_owned(),
        other => other.to_string().to_lowercase(),
    }
}

fn clip(text: &str) -> String {
    text.chars().take(60).collect()
}
