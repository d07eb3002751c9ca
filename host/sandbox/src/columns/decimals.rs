//! Decimals that a guest returned have no more digits than it declared: whoever takes the type's word would cut the others.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DecimalType};

/// Checks all decimals of a batch, at any depth.
pub(super) fn check(batch: &RecordBatch) -> Result<(), String> {
    for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        if !has_decimals(field.data_type()) {
            continue;
        }
        if let Some((row, what)) = (0..column.len()).find_map(|row| Some((row, excess(column, row)?))) {
            return Err(format!("column `{}`: row {} {what}", field.name(), row + 1));
        }
    }
    Ok(())
}

fn has_decimals(of: &DataType) -> bool {
    match of {
        DataType::Struct(fields) => fields.iter().any(|field| has_decimals(field.data_type())),
        DataType::List(item) | DataType::FixedSizeList(item, _) | DataType::Map(item, _) => {
            has_decimals(item.data_type())
        }
        other => other.is_decimal(),
    }
}

/// What is wrong with the decimals of a value, if anything is. Under a null there is no value, whatever the bytes are.
fn excess(array: &dyn Array, at: usize) -> Option<String> {
    if array.is_null(at) {
        return None;
    }
    let any = |items: &dyn Array, begin: usize, end: usize| (begin..end).find_map(|at| excess(items, at));
    match array.data_type() {
        DataType::Decimal32(precision, scale) => of::<Decimal32Type>(array, at, *precision, *scale),
        DataType::Decimal64(precision, scale) => of::<Decimal64Type>(array, at, *precision, *scale),
        DataType::Decimal128(precision, scale) => of::<Decimal128Type>(array, at, *precision, *scale),
        DataType::Decimal256(precision, scale) => of::<Decimal256Type>(array, at, *precision, *scale),
        DataType::Struct(_) => array.as_struct().columns().iter().find_map(|member| excess(member, at)),
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            any(list.values(), list.value_offsets()[at] as usize, list.value_offsets()[at + 1] as usize)
        }
        DataType::Map(..) => {
            let map = array.as_map();
            any(map.entries(), map.value_offsets()[at] as usize, map.value_offsets()[at + 1] as usize)
        }
        DataType::FixedSizeList(_, width) => {
            let width = *width as usize;
            any(array.as_fixed_size_list().values(), at * width, (at + 1) * width)
        }
        _ => None,
    }
}

fn of<T: DecimalType>(array: &dyn Array, at: usize, precision: u8, scale: i8) -> Option<String> {
    let value = array.as_primitive::<T>().value(at);
    T::validate_decimal_precision(value, precision, scale).err()?;
    let text = T::format_decimal(value, T::MAX_PRECISION, scale);
    Some(format!("has {text}, which has more digits than the {precision} of its type, decimal({precision}, {scale})"))
}
