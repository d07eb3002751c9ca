//! Decimals have at most as many digits as their type says; whoever takes the type's word cuts others to different numbers.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DecimalType, Field};

use super::{Rule, ValueFault, first_fault};

/// Decimals have no more digits than their precision.
pub(crate) struct Decimals;

impl Rule for Decimals {
    fn suspects(&self, _: &Field, array: &dyn Array) -> bool {
        match array.data_type() {
            DataType::Decimal32(precision, _) => {
                array.as_primitive::<Decimal32Type>().validate_decimal_precision(*precision).is_err()
            }
            DataType::Decimal64(precision, _) => {
                array.as_primitive::<Decimal64Type>().validate_decimal_precision(*precision).is_err()
            }
            DataType::Decimal128(precision, _) => {
                array.as_primitive::<Decimal128Type>().validate_decimal_precision(*precision).is_err()
            }
            DataType::Decimal256(precision, _) => {
                array.as_primitive::<Decimal256Type>().validate_decimal_precision(*precision).is_err()
            }
            _ => false,
        }
    }

    fn fault(&self, _: &Field, array: &dyn Array, at: usize) -> Option<String> {
        match array.data_type() {
            DataType::Decimal32(precision, scale) => of::<Decimal32Type>(array, at, *precision, *scale),
            DataType::Decimal64(precision, scale) => of::<Decimal64Type>(array, at, *precision, *scale),
            DataType::Decimal128(precision, scale) => of::<Decimal128Type>(array, at, *precision, *scale),
            DataType::Decimal256(precision, scale) => of::<Decimal256Type>(array, at, *precision, *scale),
            _ => None,
        }
    }

    fn help(&self) -> &'static str {
        "give the column a decimal type with more digits where it is made"
    }
}

fn of<T: DecimalType>(array: &dyn Array, at: usize, precision: u8, scale: i8) -> Option<String> {
    let value = array.as_primitive::<T>().value(at);
    T::validate_decimal_precision(value, precision, scale).err()?;
    let text = T::format_decimal(value, T::MAX_PRECISION, scale);
    Some(format!("is {text}, which has more digits than the {precision} of its type, decimal({precision}, {scale})"))
}

/// Whether values of the type are decimals, at any depth.
fn precise(data_type: &DataType) -> bool {
    match data_type {
        DataType::Struct(fields) => fields.iter().any(|field| precise(field.data_type())),
        DataType::List(item) | DataType::FixedSizeList(item, _) | DataType::Map(item, _) => precise(item.data_type()),
        other => other.is_decimal(),
    }
}

/// Looks for a decimal that has more digits than its type says.
///
/// # Errors
/// The first row with one.
pub(crate) fn check_decimals(rows: &RecordBatch) -> Result<(), ValueFault> {
    match rows.schema_ref().fields().iter().any(|field| precise(field.data_type())) {
        true => first_fault(rows, &Decimals).map_or(Ok(()), Err),
        false => Ok(()),
    }
}
