//! A row's values, as an expression sees them.

use std::collections::HashMap;

use callboard_sdk::array::{Array, Values};
use callboard_sdk::{Field, Layout, Type};
use cel::Value;
use cel::common::types::{CelBool, CelBytes, CelDouble, CelInt, CelNull, CelString};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;

/// A row: its values are looked at when they are asked for.
pub(crate) struct Row<'a> {
    names: &'a [String],
    values: &'a [Values<'a>],
    row: usize,
}

impl<'a> Row<'a> {
    /// Row number `row` of columns of these names.
    pub(crate) fn new(names: &'a [String], values: &'a [Values<'a>], row: usize) -> Self {
        Row { names, values, row }
    }

    /// Whether there is a null in any of the columns.
    pub(crate) fn has_null(&self) -> bool {
        self.values.iter().any(|values| values.is_null(self.row))
    }
}

impl VariableResolver for Row<'_> {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        let column = self.names.iter().position(|known| known == name)?;
        let (values, row) = (&self.values[column], self.row);
        if values.is_null(row) {
            return Some(CowVal::owned(CelNull));
        }
        Some(match values {
            Values::Booleans(values) => CowVal::owned(CelBool::from(values.value(row))),
            Values::Int64(values) => CowVal::owned(CelInt::from(values.value(row))),
            Values::Float64(values) => CowVal::owned(CelDouble::from(values.value(row))),
            Values::Strings(values) => CowVal::owned(CelString::from(values.value(row))),
            Values::Binaries(values) => CowVal::owned(CelBytes::from(values.value(row).to_vec())),
            values => CowVal::Owned(owned(value(values, row))),
        })
    }
}

/// Values that columns of some types may have: zero, false, the empty text, the empty list.
pub(crate) struct Examples(HashMap<String, Value>);

impl Examples {
    pub(crate) fn new<'a>(columns: impl IntoIterator<Item = &'a Field>) -> Self {
        Examples(columns.into_iter().map(|field| (field.name.clone(), example(&field.ty))).collect())
    }
}

impl VariableResolver for Examples {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        self.0.get(name).map(|value| CowVal::Owned(owned(value.clone())))
    }
}

fn owned(value: Value) -> Box<dyn Val> {
    Box::<dyn Val>::try_from(value).expect("a value that is no function")
}

fn example(ty: &Type) -> Value {
    match &ty.layout {
        Layout::Null => Value::Null,
        Layout::Boolean => Value::Bool(false),
        Layout::Float32 | Layout::Float64 => Value::Float(0.0),
        Layout::Utf8 => Value::from(""),
        Layout::Binary | Layout::Fixed(_) => Value::from(Vec::<u8>::new()),
        Layout::List(_) => Value::from(Vec::<Value>::new()),
        Layout::Vector(items, width) => Value::from(vec![example(items); *width as usize]),
        Layout::Struct(fields) => {
            Value::from(fields.iter().map(|field| (field.name.clone(), example(&field.ty))).collect::<HashMap<_, _>>())
        }
        _integers => Value::Int(0),
    }
}

/// Any value. All integers are CEL's `int`; an unsigned one that does not fit is its `uint`, which compares with it.
fn value(values: &Values<'_>, i: usize) -> Value {
    if values.is_null(i) {
        return Value::Null;
    }
    let part = |array: Array<'_>, i| array.values().map_or(Value::Null, |values| value(&values, i));
    match values {
        Values::Nulls => Value::Null,
        Values::Booleans(values) => Value::Bool(values.value(i)),
        Values::Int8(values) => Value::Int(values.value(i).into()),
        Values::Int16(values) => Value::Int(values.value(i).into()),
        Values::Int32(values) => Value::Int(values.value(i).into()),
        Values::Int64(values) => Value::Int(values.value(i)),
        Values::UInt8(values) => Value::Int(values.value(i).into()),
        Values::UInt16(values) => Value::Int(values.value(i).into()),
        Values::UInt32(values) => Value::Int(values.value(i).into()),
        Values::UInt64(values) => {
            let value = values.value(i);
            i64::try_from(value).map_or(Value::UInt(value), Value::Int)
        }
        Values::Float32(values) => Value::Float(values.value(i).into()),
        Values::Float64(values) => Value::Float(values.value(i)),
        Values::Strings(values) => Value::from(values.value(i)),
        Values::Binaries(values) => Value::from(values.value(i).to_vec()),
        Values::Lists(lists) => Value::from(lists.value(i).map(|item| part(lists.items(), item)).collect::<Vec<_>>()),
        Values::Structs(structs) => {
            let members = structs.members().map(|(name, member)| (name.to_owned(), part(member, i)));
            Value::from(members.collect::<HashMap<_, _>>())
        }
    }
}
