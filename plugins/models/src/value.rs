//! Values of columns as templates see them.

use callboard_sdk::array::{Array, Values};
use callboard_sdk::{Layout, Type};
use minijinja::Value;

/// Why values of this type cannot stand in a template, and what helps; `None` if they can.
pub(crate) fn unfit(ty: &Type) -> Option<String> {
    if ty.logical.is_some() {
        return Some(format!("is {ty}: make it text by `compute`, with `string(…)`"));
    }
    match &ty.layout {
        Layout::Binary | Layout::Fixed(_) => Some(format!("is {ty}, which is no text")),
        Layout::List(items) | Layout::Vector(items, _) => unfit(items),
        Layout::Struct(fields) => {
            fields.iter().find_map(|field| Some(format!("has a member `{}` that {}", field.name, unfit(&field.ty)?)))
        }
        _ => None,
    }
}

/// Value `i` of an array.
pub fn value(array: Array<'_>, i: usize) -> callboard_sdk::Result<Value> {
    if array.is_null(i) {
        return Ok(Value::from(()));
    }
    Ok(match array.values()? {
        Values::Nulls | Values::Binaries(_) => Value::from(()),
        Values::Booleans(view) => Value::from(view.value(i)),
        Values::Int8(view) => Value::from(view.value(i)),
        Values::Int16(view) => Value::from(view.value(i)),
        Values::Int32(view) => Value::from(view.value(i)),
        Values::Int64(view) => Value::from(view.value(i)),
        Values::UInt8(view) => Value::from(view.value(i)),
        Values::UInt16(view) => Value::from(view.value(i)),
        Values::UInt32(view) => Value::from(view.value(i)),
        Values::UInt64(view) => Value::from(view.value(i)),
        // As it is written, and not with the digits that appear when it is widened.
        Values::Float32(view) => Value::from(view.value(i).to_string().parse().unwrap_or(f64::from(view.value(i)))),
        Values::Float64(view) => Value::from(view.value(i)),
        Values::Strings(view) => Value::from(view.value(i)),
        Values::Lists(view) => {
            let items: callboard_sdk::Result<Vec<Value>> =
                view.value(i).map(|item| value(view.items(), item)).collect();
            Value::from(items?)
        }
        Values::Structs(view) => {
            let members: callboard_sdk::Result<Vec<(Value, Value)>> =
                view.members().map(|(name, member)| Ok((Value::from(name), value(member, i)?))).collect();
            Value::from_pairs(members?)
        }
    })
}
