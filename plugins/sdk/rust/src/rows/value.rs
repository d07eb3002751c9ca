//! Values of any type, copied out of rows: for steps that do not know the columns beforehand.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::read::{Cell, Nested};
use crate::array::Values;

/// A value of any type.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "each is named after the layout that it is a value of")]
pub enum Value {
    Null,
    Boolean(bool),
    Int8(i8),
    Int16(i16),
    Int32(i32),
    Int64(i64),
    UInt8(u8),
    UInt16(u16),
    UInt32(u32),
    UInt64(u64),
    Float32(f32),
    Float64(f64),
    Utf8(String),
    /// A value of type `binary` or `fixed`.
    Binary(Vec<u8>),
    /// A value of type `list` or `vector`.
    List(Vec<Value>),
    /// The members, in order.
    Struct(Vec<(String, Value)>),
}

/// A row of values with their columns' names. What a step writes as one it has to announce:
/// [`RowTransform::writes`](super::RowTransform::writes).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowBuf(pub Vec<(String, Value)>);

impl Value {
    pub(super) fn copy_of(cell: Cell<'_>) -> Self {
        let i = cell.i;
        if cell.is_null() {
            return Value::Null;
        }
        macro_rules! leaf {
            ($leaf:expr, $($kind:ident),*) => {
                match $leaf {
                    $(Values::$kind(view) => Value::$kind(view.value(i)),)*
                    Values::Booleans(view) => Value::Boolean(view.value(i)),
                    Values::Strings(view) => Value::Utf8(view.value(i).into()),
                    Values::Binaries(view) => Value::Binary(view.value(i).into()),
                    Values::Nulls | Values::Lists(_) | Values::Structs(_) => unreachable!("null, or no leaf"),
                }
            };
        }
        match cell.values {
            Nested::Leaf(leaf) => {
                leaf!(leaf, Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64, Float32, Float64)
            }
            Nested::List(lists, items) => {
                Value::List(lists.value(i).map(|i| Cell { values: items, i }.value()).collect())
            }
            Nested::Struct(_, members) => {
                let member = |(name, values): &'_ (&str, _)| (name.to_string(), Cell { values, i }.value());
                Value::Struct(members.iter().map(member).collect())
            }
        }
    }
}

impl JsonSchema for RowBuf {
    fn schema_name() -> Cow<'static, str> {
        "RowBuf".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        true.into()
    }
}
