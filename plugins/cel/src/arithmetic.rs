//! `+ - * / %`, on values of types that go together.

use crate::compare::instant;
use crate::decimal::Decimal;
use crate::syntax::Sign;
use crate::types::Type;
use crate::value::{List, Value};

/// What the result is of, if these go together.
pub(crate) fn result(sign: Sign, left: &Type, right: &Type) -> Option<Type> {
    let adds = matches!(sign, Sign::Plus | Sign::Minus);
    Some(match (left, right) {
        (Type::Null, ty) | (ty, Type::Null) => ty.clone(),
        (Type::Decimal, _) | (_, Type::Decimal) if matches!(sign, Sign::Over | Sign::Modulo) => return None,
        (Type::Float, other) | (other, Type::Float) if other.is_number() => Type::Float,
        (Type::Number, other) | (other, Type::Number) if other.is_number() => Type::Number,
        (Type::Decimal, other) | (other, Type::Decimal) if other.is_number() => Type::Decimal,
        (Type::Int, Type::Int) => Type::Int,
        (Type::Duration, Type::Duration) if adds => Type::Duration,
        (of, Type::Duration) if of.is_instant() && adds => Type::Timestamp,
        (Type::Duration, of) if of.is_instant() && sign == Sign::Plus => Type::Timestamp,
        (of, other) if of.is_instant() && other.is_instant() && sign == Sign::Minus => Type::Duration,
        (Type::Text, Type::Text) | (Type::Bytes, Type::Bytes) if sign == Sign::Plus => left.clone(),
        (Type::List(_), Type::List(_)) if sign == Sign::Plus => return left.clone().or(right.clone()),
        _ => return None,
    })
}

/// # Errors
/// A division by zero, and what is beyond 64 bits.
pub(crate) fn arithmetic<'r>(sign: Sign, left: Value<'r>, right: Value<'r>) -> Result<Value<'r>, String> {
    Ok(match (left, right) {
        (Value::Null, _) | (_, Value::Null) => Value::Null,
        (Value::Int(left), Value::Int(right)) => integers(sign, left, right)?,
        (Value::Decimal(left), Value::Decimal(right)) => decimals(sign, &left, &right)?,
        (Value::Decimal(left), Value::Int(right)) => decimals(sign, &left, &right.into())?,
        (Value::Int(left), Value::Decimal(right)) => decimals(sign, &left.into(), &right)?,
        (Value::Text(left), Value::Text(right)) => Value::text(left.into_owned() + &right),
        (Value::Bytes(left), Value::Bytes(right)) => Value::Bytes([left, right].concat().into()),
        (Value::List(left), Value::List(right)) => Value::List(List::Made(left.iter().chain(right.iter()).collect())),
        (Value::Duration(left), Value::Duration(right)) => Value::Duration(count(sign, left, right)?),
        (left, Value::Duration(right)) if instant(&left).is_some() => {
            Value::Timestamp(count(sign, instant(&left).unwrap_or_default(), right)?)
        }
        (Value::Duration(left), right) => Value::Timestamp(count(sign, left, instant(&right).unwrap_or_default())?),
        (left, right) => match (float(&left), float(&right)) {
            (Some(left), Some(right)) => Value::Float(floats(sign, left, right)),
            _ => {
                let (left, right) = (instant(&left).unwrap_or_default(), instant(&right).unwrap_or_default());
                Value::Duration(count(sign, left, right)?)
            }
        },
    })
}

/// # Errors
/// What is beyond 64 bits.
pub(crate) fn negate(value: Value<'_>) -> Result<Value<'_>, String> {
    Ok(match value {
        Value::Int(value) => integers(Sign::Minus, 0, value)?,
        Value::Float(value) => Value::Float(-value),
        Value::Decimal(value) => Value::Decimal(-value),
        Value::Duration(value) => Value::Duration(-value),
        _ => Value::Null,
    })
}

fn overflow(sign: Sign) -> String {
    format!("the result of `{}` is beyond 64 bits", sign.as_str())
}

fn integers(sign: Sign, left: i128, right: i128) -> Result<Value<'static>, String> {
    if right == 0 && matches!(sign, Sign::Over | Sign::Modulo) {
        return Err("division by zero".into());
    }
    // Both sides are of 64 bits: none of these is beyond 128.
    let result = match sign {
        Sign::Plus => left + right,
        Sign::Minus => left - right,
        Sign::Times => left.checked_mul(right).ok_or_else(|| overflow(sign))?,
        Sign::Over => left / right,
        Sign::Modulo => left % right,
    };
    match (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&result) {
        true => Ok(Value::Int(result)),
        false => Err(overflow(sign)),
    }
}

fn floats(sign: Sign, left: f64, right: f64) -> f64 {
    match sign {
        Sign::Plus => left + right,
        Sign::Minus => left - right,
        Sign::Times => left * right,
        Sign::Over => left / right,
        Sign::Modulo => left % right,
    }
}

fn decimals(sign: Sign, left: &Decimal, right: &Decimal) -> Result<Value<'static>, String> {
    Ok(Value::Decimal(match sign {
        Sign::Plus => left + right,
        Sign::Minus => left - right,
        Sign::Times => left * right,
        Sign::Over | Sign::Modulo => return Err("decimals are not divided: `double(…)` makes a float of one".into()),
    }))
}

/// Nanoseconds, of moments and of time between them.
fn count(sign: Sign, left: i128, right: i128) -> Result<i128, String> {
    let result = if sign == Sign::Plus { left.checked_add(right) } else { left.checked_sub(right) };
    // What 64 bits hold in seconds, and a sum or two beyond.
    result
        .filter(|result| result.unsigned_abs() < 1 << 100)
        .ok_or_else(|| "the time is beyond what can be counted".into())
}

/// The nearest float of any number.
pub(crate) fn float(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Int(value) => Some(*value as f64),
        Value::Float(value) => Some(*value),
        Value::Decimal(value) => Some(value.to_float()),
        _ => None,
    }
}
