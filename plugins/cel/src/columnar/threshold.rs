//! A constant as one of a column's own kind, such that comparing with it gives what comparing the values would.

use callboard_sdk::{Layout, Type};
use num_bigint::BigInt;

use super::Condition;
use crate::compare::{Is, instant};
use crate::decimal::Decimal;
use crate::types::Meaning;
use crate::value::Value;

/// Column `at`, of this type, compared with a constant; `None` for what is left to the interpreter.
pub(super) fn compare(at: usize, ty: &Type, is: Is, with: &Value<'_>) -> Option<Condition> {
    match (&ty.layout, Meaning::of(ty), with) {
        (Layout::Utf8, Meaning::Plain, Value::Text(text)) => Some(Condition::Texts(at, is, text.to_string())),
        (Layout::Boolean, Meaning::Plain, Value::Bool(value)) => Some(Condition::Booleans(at, is, *value)),
        (Layout::Float32 | Layout::Float64, Meaning::Plain, Value::Float(value)) => {
            Some(Condition::Floats(at, is, *value))
        }
        (Layout::Float32 | Layout::Float64, Meaning::Plain, Value::Int(value)) => Some(float(at, is, *value)),
        (Layout::Fixed(1..=16), Meaning::Decimal(scale), with) => Some(match below(with, scale)?.turn(is) {
            Ok((is, digits)) => match i128::try_from(&digits) {
                Ok(digits) => Condition::Decimals(at, is, digits),
                Err(_) => beyond(at, is, digits > BigInt::ZERO),
            },
            Err(known) => Condition::Known(at, known),
        }),
        (layout, meaning, with) => Some(match counts(layout, meaning, with)?.turn(is) {
            Ok((is, count)) => integer(at, layout, is, &count),
            Err(known) => Condition::Known(at, known),
        }),
    }
}

/// The integer at a constant or below it, in what a column counts.
struct Below {
    count: BigInt,
    exact: bool,
}

impl Below {
    /// How integers compare with it; or what is true of all of them.
    fn turn(self, is: Is) -> Result<(Is, BigInt), bool> {
        match is {
            _ if self.exact => Ok((is, self.count)),
            Is::Equal => Err(false),
            Is::NotEqual => Err(true),
            Is::Less | Is::LessOrEqual => Ok((Is::LessOrEqual, self.count)),
            Is::Greater | Is::GreaterOrEqual => Ok((Is::Greater, self.count)),
        }
    }
}

/// A number times ten to the power of `scale`.
fn below(number: &Value<'_>, scale: i32) -> Option<Below> {
    let number = match number {
        Value::Int(value) => Decimal::from(*value),
        Value::Float(value) => Decimal::of_float(*value)?,
        Value::Decimal(value) => value.clone(),
        _ => return None,
    };
    let (count, exact) = number.floor(scale);
    Some(Below { count, exact })
}

/// A constant in what a column of integers counts: one, days, or its unit of time.
fn counts(layout: &Layout, meaning: Meaning, with: &Value<'_>) -> Option<Below> {
    let (nanoseconds, unit) = match (meaning, with) {
        (Meaning::Plain, number) if is_integer(layout) => return below(number, 0),
        (Meaning::Date(true), moment) => (instant(moment)?, 86_400_000_000_000),
        (Meaning::Timestamp(unit), moment) => (instant(moment)?, unit),
        (Meaning::Time(unit), Value::Time(time)) => (i128::from(*time), unit),
        (Meaning::Duration(unit), Value::Duration(duration)) => (*duration, unit),
        // Milliseconds of a date are whole days, and whether they are nobody checked.
        _ => return None,
    };
    let unit = i128::from(unit);
    Some(Below { count: nanoseconds.div_euclid(unit).into(), exact: nanoseconds.rem_euclid(unit) == 0 })
}

fn is_integer(layout: &Layout) -> bool {
    use Layout::{Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64};
    matches!(layout, Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64)
}

fn integer(at: usize, layout: &Layout, is: Is, count: &BigInt) -> Condition {
    let condition = match layout {
        Layout::UInt64 => u64::try_from(count).map(|count| Condition::Unsigned(at, is, count)),
        _ => i64::try_from(count).map(|count| Condition::Integers(at, is, count)),
    };
    condition.unwrap_or_else(|_| beyond(at, is, *count > BigInt::ZERO))
}

/// What is true of all values if they are compared with what none of them can be.
fn beyond(at: usize, is: Is, above: bool) -> Condition {
    Condition::Known(
        at,
        match is {
            Is::Equal => false,
            Is::NotEqual => true,
            Is::Less | Is::LessOrEqual => above,
            Is::Greater | Is::GreaterOrEqual => !above,
        },
    )
}

/// Floats compared with an integer: with the float that it is, or with the nearest below or above.
fn float(at: usize, is: Is, with: i128) -> Condition {
    let near = with as f64;
    let (low, high) = match (near as i128).cmp(&with) {
        std::cmp::Ordering::Equal => return Condition::Floats(at, is, near),
        std::cmp::Ordering::Less => (near, near.next_up()),
        std::cmp::Ordering::Greater => (near.next_down(), near),
    };
    match is {
        Is::Equal => Condition::Known(at, false),
        // NaN too is not equal to it.
        Is::NotEqual => Condition::Known(at, true),
        Is::Less | Is::LessOrEqual => Condition::Floats(at, Is::LessOrEqual, low),
        Is::Greater | Is::GreaterOrEqual => Condition::Floats(at, Is::GreaterOrEqual, high),
    }
}
