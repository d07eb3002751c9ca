//! Members that may not be null, in objects that are null: the library gives an inner object no nulls of its own, though its members have
//! some, and Arrow refuses to put such arrays together. Each object gets the nulls of what it lies in.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, FixedSizeListArray, ListArray, MapArray, RecordBatch, StructArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Schema};

/// Whether a schema has objects that may not be null in objects or lists, so that its rows have to be looked at.
pub(super) fn needed(schema: &Schema) -> bool {
    schema.fields().iter().any(|field| holds(field.data_type(), false))
}

fn holds(of: &DataType, within: bool) -> bool {
    match of {
        DataType::Struct(members) => {
            let inner = |member: &arrow::datatypes::FieldRef| {
                let is_object = matches!(member.data_type(), DataType::Struct(_));
                (is_object && !member.is_nullable()) || holds(member.data_type(), true)
            };
            members.iter().any(inner)
        }
        DataType::List(items) | DataType::Map(items, _) => holds(items.data_type(), true),
        DataType::FixedSizeList(items, _) => {
            (within || !items.is_nullable()) && matches!(items.data_type(), DataType::Struct(_))
                || holds(items.data_type(), true)
        }
        _ => false,
    }
}

/// The rows, each object in them with the nulls that its members have.
pub(super) fn masked(rows: &RecordBatch) -> RecordBatch {
    let columns = rows.columns().iter().map(|column| of(column, None)).collect();
    RecordBatch::try_new(rows.schema(), columns).unwrap_or_else(|_| rows.clone())
}

/// An array under these nulls.
fn of(array: &ArrayRef, above: Option<&NullBuffer>) -> ArrayRef {
    match array.data_type() {
        DataType::Struct(fields) => {
            let object = array.as_struct();
            let nulls = NullBuffer::union(object.nulls(), above);
            let members = object.columns().iter().map(|member| of(member, nulls.as_ref())).collect();
            match StructArray::try_new_with_length(fields.clone(), members, nulls, array.len()) {
                Ok(made) => Arc::new(made),
                Err(_) => array.clone(),
            }
        }
        DataType::List(field) => {
            let list = array.as_list::<i32>();
            let items = of(list.values(), None);
            match ListArray::try_new(field.clone(), list.offsets().clone(), items, list.nulls().cloned()) {
                Ok(made) => Arc::new(made),
                Err(_) => array.clone(),
            }
        }
        DataType::Map(field, sorted) => {
            let map = array.as_map();
            let entries = of(&(Arc::new(map.entries().clone()) as ArrayRef), None).as_struct().clone();
            match MapArray::try_new(field.clone(), map.offsets().clone(), entries, map.nulls().cloned(), *sorted) {
                Ok(made) => Arc::new(made),
                Err(_) => array.clone(),
            }
        }
        DataType::FixedSizeList(field, width) => {
            let list = array.as_fixed_size_list();
            let nulls = NullBuffer::union(list.nulls(), above);
            let spread = nulls.as_ref().map(|nulls| nulls.expand(*width as usize));
            let items = of(list.values(), spread.as_ref());
            match FixedSizeListArray::try_new_with_length(
                field.clone(),
                *width,
                items,
                list.nulls().cloned(),
                list.len(),
            ) {
                Ok(made) => Arc::new(made),
                Err(_) => array.clone(),
            }
        }
        _ => array.clone(),
    }
}
