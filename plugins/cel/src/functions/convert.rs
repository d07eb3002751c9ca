//! Functions that make a value of another type.

use super::{Function, Gives, Takes};
use crate::arithmetic::float;
use crate::calendar;
use crate::compare::instant;
use crate::decimal::Decimal;
use crate::value::Value;

/// One function for each type of its argument.
macro_rules! convert {
    ($($name:literal => $gives:ident, [$($takes:ident),*], $run:ident;)*) => {
        &[$($(Function { name: $name, takes: &[Takes::$takes], gives: Gives::$gives, run: |arguments| $run(&arguments[0]) }),*),*]
    };
}

pub(super) const FUNCTIONS: &[Function] = convert! {
    "int" => Int, [Number, Text, Bool, Instant, Json], int;
    "double" => Float, [Number, Text, Json], double;
    "decimal" => Decimal, [Number, Text], decimal;
    "string" => Text, [Text, Number, Bool, Bytes, Instant, Time, Duration, Json], string;
    "bool" => Bool, [Bool, Text, Json], bool;
    "bytes" => Bytes, [Text, Bytes], bytes;
    "timestamp" => Timestamp, [Text, Int, Instant], timestamp;
    "date" => Date, [Text, Instant], date;
    "time" => Time, [Text, Time, Instant], time;
    "duration" => Duration, [Text, Duration], duration;
};

const SECOND: i128 = 1_000_000_000;
const DAY: i128 = 86_400 * SECOND;

/// What a value of JSON is otherwise; lists and objects are their text.
fn plain<'a>(of: &Value<'a>) -> Value<'a> {
    use callboard_sdk::serde_json::Value as Json;

    let Value::Json(json) = of else { return of.clone() };
    match &**json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::String(text) => Value::text(text.clone()),
        Json::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(int), ..) => Value::Int(int.into()),
            (_, Some(int), _) => Value::Int(int.into()),
            (.., float) => float.map_or(Value::Null, Value::Float),
        },
        other => Value::text(other.to_string()),
    }
}

fn int<'a>(of: &Value<'a>) -> Result<Value<'a>, String> {
    let of = &plain(of);
    let value = match of {
        Value::Int(value) => Some(*value),
        Value::Bool(value) => Some(i128::from(*value)),
        // A larger value becomes the last integer there is, which is out of range.
        Value::Float(value) => (!value.is_nan()).then_some(*value as i128),
        Value::Decimal(value) => {
            let (below, exact) = value.floor(0);
            i128::try_from(below).ok().map(|below| below + i128::from(!exact && below < 0))
        }
        Value::Text(text) => text.parse().ok(),
        moment => instant(moment).map(|at| at.div_euclid(SECOND)),
    };
    let range = i128::from(i64::MIN)..=i128::from(u64::MAX);
    value
        .filter(|value| range.contains(value))
        .map(Value::Int)
        .ok_or_else(|| "`int` is given what is not a 64-bit integer".into())
}

fn double<'a>(of: &Value<'a>) -> Result<Value<'a>, String> {
    let of = &plain(of);
    let value = match of {
        Value::Text(text) => text.parse().ok(),
        number => float(number),
    };
    value.map(Value::Float).ok_or_else(|| "`double` is given a text that is not a number".into())
}

fn decimal<'a>(of: &Value<'a>) -> Result<Value<'a>, String> {
    let value = match of {
        Value::Text(text) => Decimal::parse(text),
        Value::Int(value) => Some((*value).into()),
        Value::Float(value) => Decimal::of_float(*value),
        Value::Decimal(value) => Some(value.clone()),
        _ => None,
    };
    value.map(Value::Decimal).ok_or_else(|| "`decimal` is given what is not a number, such as \"12.30\"".into())
}

fn string<'a>(of: &Value<'a>) -> Result<Value<'a>, String> {
    let of = &plain(of);
    Ok(Value::text(match of {
        Value::Text(_) => return Ok(of.clone()),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::Decimal(value) => value.to_string(),
        Value::Bytes(bytes) => {
            let text = std::str::from_utf8(bytes).map(str::to_owned);
            text.map_err(|_| "`string` is given bytes that are not UTF-8")?
        }
        Value::Date(_) | Value::Time(_) | Value::Timestamp(_) => calendar::text("string", of)?,
        Value::Duration(duration) => calendar::show_duration(*duration),
        _ => return Ok(Value::Null),
    }))
}

fn bool<'a>(of: &Value<'a>) -> Result<Value<'a>, String> {
    let of = &plain(of);
    Ok(match of {
        Value::Text(text) => match &**text {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => return Err("`bool` is given a text that is neither \"true\" nor \"false\"".into()),
        },
        value => value.clone(),
    })
}

fn bytes<'a>(of: &Value<'a>) -> Result<Value<'a>, String> {
    Ok(match of {
        Value::Text(text) => Value::Bytes(text.as_bytes().to_vec().into()),
        value => value.clone(),
    })
}

fn timestamp<'a>(of: &Value<'a>) -> Result<Value<'a>, String> {
    let at = match of {
        Value::Text(text) => calendar::parse_timestamp(text),
        Value::Int(seconds) => Some(seconds * SECOND),
        moment => instant(moment),
    };
    at.map(Value::Timestamp)
        .ok_or_else(|| "`timestamp` is given a text that is none, such as \"2024-01-31T12:30:00Z\"".into())
}

fn date<'a>(of: &Value<'a>) -> Result<Value<'a>, String> {
    let date = match of {
        Value::Text(text) => calendar::parse_date(text),
        moment => instant(moment).map(|at| at.div_euclid(DAY) as i64),
    };
    date.map(Value::Date).ok_or_else(|| "`date` is given a text that is none, such as \"2024-01-31\"".into())
}

fn time<'a>(of: &Value<'a>) -> Result<Value<'a>, String> {
    let time = match of {
        Value::Text(text) => calendar::parse_time(text),
        Value::Time(time) => Some(*time),
        moment => instant(moment).map(|at| at.rem_euclid(DAY) as i64),
    };
    time.map(Value::Time).ok_or_else(|| "`time` is given a text that is none, such as \"12:30:00\"".into())
}

fn duration<'a>(of: &Value<'a>) -> Result<Value<'a>, String> {
    let duration = match of {
        Value::Text(text) => calendar::parse_duration(text),
        Value::Duration(duration) => Some(*duration),
        _ => None,
    };
    duration.map(Value::Duration).ok_or_else(|| "`duration` is given a text that is none, such as \"1h30m\"".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_that_outputs_have_no_text_for_have_none() {
        for moment in [
            Value::Date(2_932_897),
            Value::Date(-719_529),
            Value::Time(-1_000),
            Value::Time(DAY as i64),
            Value::Timestamp(i128::from(2_932_897_i64) * DAY),
        ] {
            assert!(string(&moment).is_err(), "{moment:?}");
        }
        let text = |of| string(&of).map(|text| format!("{text:?}"));
        assert_eq!(text(Value::Date(2_932_896)), Ok("Text(\"9999-12-31\")".to_owned()));
        assert_eq!(text(Value::Time(DAY as i64 - 1)), Ok("Text(\"23:59:59.999999999\")".to_owned()));
    }
}
