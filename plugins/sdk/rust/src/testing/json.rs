//! Values in JSON as columns, and back.

use serde_json::Value;

use crate::array::{Array, Values};
use crate::array_buf::{ArrayBuf, ValuesBuf};
use crate::builders::{Bits, Builder, NumberBuilder, Push};
use crate::types::{Field, Layout, Type};

/// The type that these values suggest.
pub(super) fn infer(values: &[&Value]) -> Type {
    let present: Vec<&Value> = values.iter().copied().filter(|value| !value.is_null()).collect();
    let layout = match present.first() {
        None => Layout::Null,
        Some(Value::Bool(_)) => Layout::Boolean,
        Some(Value::String(_)) => Layout::Utf8,
        Some(Value::Number(_)) if present.iter().all(|value| value.is_i64()) => Layout::Int64,
        Some(Value::Number(_)) => Layout::Float64,
        Some(Value::Array(_)) => {
            let items: Vec<_> = present.iter().flat_map(|value| value.as_array().into_iter().flatten()).collect();
            Layout::List(Box::new(infer(&items)))
        }
        Some(Value::Object(_)) => {
            let mut names: Vec<&String> = vec![];
            for name in present.iter().filter_map(|value| value.as_object()).flat_map(|object| object.keys()) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            let member = |name: &&String| {
                let values: Vec<_> = present.iter().map(|value| &value[name.as_str()]).collect();
                Field::new((*name).clone(), infer(&values))
            };
            Layout::Struct(names.iter().map(member).collect())
        }
        Some(Value::Null) => unreachable!("nulls were left out"),
    };
    Type::new(layout)
}

/// A column of this type. A value that is not of it is a mistake of the test, and panics.
pub(super) fn column(values: &[&Value], ty: &Type) -> ArrayBuf {
    let wrong = |value: &Value| -> ! { panic!("{value} is no {ty}") };
    macro_rules! numbers {
        ($number:ty, $get:ident) => {{
            let mut builder = NumberBuilder::<$number>::with_capacity(values.len());
            for value in values {
                match (value, value.$get()) {
                    (Value::Null, _) => builder.push_null(),
                    (_, Some(number)) => builder.push(number as $number),
                    _ => wrong(value),
                }
            }
            builder.finish()
        }};
    }
    let present = |value: &Value| !value.is_null();
    let text = |value: &Value| present(value).then(|| value.as_str().unwrap_or_else(|| wrong(value)).to_owned());
    let array = match &ty.layout {
        Layout::Null => ArrayBuf::nulls(values.len()),
        Layout::Boolean => {
            values.iter().map(|value| present(value).then(|| value.as_bool().unwrap_or_else(|| wrong(value)))).collect()
        }
        Layout::Int8 => numbers!(i8, as_i64),
        Layout::Int16 => numbers!(i16, as_i64),
        Layout::Int32 => numbers!(i32, as_i64),
        Layout::Int64 => numbers!(i64, as_i64),
        Layout::UInt8 => numbers!(u8, as_u64),
        Layout::UInt16 => numbers!(u16, as_u64),
        Layout::UInt32 => numbers!(u32, as_u64),
        Layout::UInt64 => numbers!(u64, as_u64),
        Layout::Float32 => numbers!(f32, as_f64),
        Layout::Float64 => numbers!(f64, as_f64),
        Layout::Utf8 => values.iter().map(|value| text(value)).collect(),
        Layout::Binary => values.iter().map(|value| text(value).map(String::into_bytes)).collect(),
        Layout::Fixed(_) => panic!("there are no {ty} columns in JSON"),
        Layout::List(items) | Layout::Vector(items, _) => {
            let mut offsets = vec![0];
            let mut all: Vec<&Value> = vec![];
            for value in values {
                match (value, &ty.layout) {
                    (Value::Array(list), _) => all.extend(list),
                    (Value::Null, Layout::Vector(_, width)) => {
                        all.extend(std::iter::repeat_n(&Value::Null, *width as usize))
                    }
                    (Value::Null, _) => {}
                    _ => wrong(value),
                }
                offsets.push(all.len() as u32);
            }
            let items = Box::new(column(&all, items));
            let nested = match ty.layout {
                Layout::Vector(_, width) => ValuesBuf::Vectors(width, items),
                _ => ValuesBuf::Lists(offsets, items),
            };
            parent(values, nested)
        }
        Layout::Struct(fields) => {
            let member = |field: &Field| {
                let values: Vec<_> = values.iter().map(|value| &value[&field.name]).collect();
                (field.name.clone(), column(&values, &field.ty))
            };
            parent(values, ValuesBuf::Structs(fields.iter().map(member).collect()))
        }
    };
    array.with_logical(ty.logical.clone())
}

fn parent(values: &[&Value], nested: ValuesBuf) -> ArrayBuf {
    let has_nulls = values.iter().any(|value| value.is_null());
    let validity = has_nulls.then(|| Bits::pack(values.iter().map(|value| !value.is_null())));
    ArrayBuf { length: values.len() as u32, validity, values: nested, logical: None }
}

/// Value `i` of an array.
pub(super) fn value(array: Array<'_>, i: usize) -> Value {
    if array.is_null(i) {
        return Value::Null;
    }
    match array.values().unwrap_or_else(|error| panic!("{error}")) {
        Values::Nulls => Value::Null,
        Values::Booleans(view) => view.value(i).into(),
        Values::Int8(view) => view.value(i).into(),
        Values::Int16(view) => view.value(i).into(),
        Values::Int32(view) => view.value(i).into(),
        Values::Int64(view) => view.value(i).into(),
        Values::UInt8(view) => view.value(i).into(),
        Values::UInt16(view) => view.value(i).into(),
        Values::UInt32(view) => view.value(i).into(),
        Values::UInt64(view) => view.value(i).into(),
        Values::Float32(view) => view.value(i).into(),
        Values::Float64(view) => view.value(i).into(),
        Values::Strings(view) => view.value(i).into(),
        Values::Binaries(view) => String::from_utf8_lossy(view.value(i)).into(),
        Values::Lists(view) => view.value(i).map(|item| value(view.items(), item)).collect(),
        Values::Structs(view) => {
            Value::Object(view.members().map(|(name, member)| (name.to_owned(), value(member, i))).collect())
        }
    }
}
