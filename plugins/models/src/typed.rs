//! Values in JSON as columns.

use callboard_sdk::builders::{Builder, ListBuilder, Push, StringBuilder};
use callboard_sdk::{ArrayBuf, Batch, Layout, Result, Type};
use serde_json::Value;

use crate::schema::integer;

/// A column of this type of values that were checked against the schema which it is made of; those that are not there are null.
///
/// # Errors
/// None but what the SDK has.
pub fn column(values: &[Option<&Value>], ty: &Type) -> Result<ArrayBuf> {
    let values: Vec<Option<&Value>> = values.iter().map(|value| value.filter(|value| !value.is_null())).collect();
    Ok(match &ty.layout {
        Layout::Boolean => values.iter().map(|value| value.and_then(Value::as_bool)).collect(),
        Layout::Int64 => values.iter().map(|value| value.and_then(integer)).collect(),
        Layout::Float64 => values.iter().map(|value| value.and_then(Value::as_f64)).collect(),
        Layout::List(items) => {
            let mut lists = ListBuilder::<Items>::with_capacity(values.len());
            lists.items.ty = Some((**items).clone());
            for value in values {
                match value.and_then(Value::as_array) {
                    Some(list) => {
                        lists.items.values.extend(list.iter().cloned().map(Some));
                        lists.close();
                    }
                    None => lists.push_null(),
                }
            }
            lists.finish()
        }
        Layout::Struct(fields) => {
            // Structs that are not there are taken out first, and come back as nulls.
            let there: Vec<&Value> = values.iter().copied().flatten().collect();
            let member = |field: &callboard_sdk::Field| {
                let members: Vec<Option<&Value>> = there.iter().map(|value| value.get(&field.name)).collect();
                Ok((field.name.clone(), column(&members, &field.ty)?))
            };
            let structs = ArrayBuf::structs(fields.iter().map(member).collect::<Result<_>>()?);
            if there.len() == values.len() {
                return Ok(structs);
            }
            let mut next = 0..;
            let rows: Vec<Option<u32>> = values.iter().map(|value| value.and_then(|_| next.next())).collect();
            Batch::of([("", structs)]).array("")?.take_or_null(&rows)
        }
        _ => {
            let mut texts = StringBuilder::with_capacity(values.len());
            for value in values {
                match value {
                    Some(Value::String(text)) => texts.push(text),
                    Some(json) => texts.push(json.to_string()),
                    None => texts.push_null(),
                }
            }
            texts.finish()
        }
    })
}

/// The items of lists, whatever their type.
#[derive(Default)]
struct Items {
    ty: Option<Type>,
    values: Vec<Option<Value>>,
}

impl Builder for Items {
    fn with_capacity(_: usize) -> Self {
        Items::default()
    }
    fn len(&self) -> usize {
        self.values.len()
    }
    fn push_null(&mut self) {
        self.values.push(None);
    }
    fn finish(self) -> ArrayBuf {
        let ty = self.ty.unwrap_or(Type::new(Layout::Utf8));
        let values: Vec<Option<&Value>> = self.values.iter().map(Option::as_ref).collect();
        column(&values, &ty).unwrap_or_else(|_| ArrayBuf::nulls(values.len()))
    }
}
