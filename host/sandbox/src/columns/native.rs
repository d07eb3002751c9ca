//! Arrow → the Rust SDK's own batches, for code of steps that the host calls itself: the language of `filter`, in routes.

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use callboard_sdk::raw::columns as sdk;

use super::Flat;
use crate::bindings::callboard::step::columns as wit;

/// A copy of a batch whose columns have canonical types.
pub fn native(batch: &RecordBatch) -> callboard_sdk::Batch {
    callboard_sdk::Batch::of_raw(raw(Flat::of(batch).to_owned_batch()))
}

/// The same of a schema of canonical types.
pub fn native_schema(schema: &Schema) -> callboard_sdk::Schema {
    let batch = callboard_sdk::Batch::of_raw(raw(Flat::of_schema(schema).to_owned_batch()));
    callboard_sdk::Schema::new(batch.schema().fields().to_vec())
}

fn raw(batch: wit::BatchResult) -> sdk::Batch {
    let arrays = batch.arrays.into_iter().map(|array| sdk::Array {
        length: array.length,
        validity: array.validity,
        values: values(array.values),
        logical: array.logical,
    });
    sdk::Batch { rows: batch.rows, columns: columns(batch.columns), arrays: arrays.collect() }
}

fn columns(columns: Vec<wit::ColumnResult>) -> Vec<sdk::Column> {
    columns.into_iter().map(|column| sdk::Column { name: column.name, values: column.values }).collect()
}

fn values(values: wit::ValuesResult) -> sdk::Values {
    use sdk::Values as To;
    use wit::ValuesResult as Of;

    let bytes = |bytes: wit::BytesResult| sdk::Bytes { offsets: bytes.offsets, data: bytes.data };
    match values {
        Of::Nulls => To::Nulls,
        Of::Booleans(bits) => To::Booleans(bits),
        Of::Int8(values) => To::Int8(values),
        Of::Int16(values) => To::Int16(values),
        Of::Int32(values) => To::Int32(values),
        Of::Int64(values) => To::Int64(values),
        Of::Uint8(values) => To::Uint8(values),
        Of::Uint16(values) => To::Uint16(values),
        Of::Uint32(values) => To::Uint32(values),
        Of::Uint64(values) => To::Uint64(values),
        Of::Float32(values) => To::Float32(values),
        Of::Float64(values) => To::Float64(values),
        Of::Utf8(text) => To::Utf8(bytes(text)),
        Of::Binary(binary) => To::Binary(bytes(binary)),
        Of::Fixed(fixed) => To::Fixed(sdk::FixedBytes { width: fixed.width, data: fixed.data }),
        Of::Lists(lists) => To::Lists(sdk::Lists { offsets: lists.offsets, items: lists.items }),
        Of::Vectors(vectors) => To::Vectors(sdk::Vectors { width: vectors.width, items: vectors.items }),
        Of::Structs(members) => To::Structs(columns(members)),
    }
}
