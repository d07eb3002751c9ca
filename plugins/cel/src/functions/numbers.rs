//! Functions of numbers.

use super::{Function, Gives, Takes};
use crate::arithmetic::{float, negate};
use crate::compare::order;
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "abs",
        takes: &[Takes::Number],
        gives: Gives::Same,
        run: |arguments| match &arguments[0] {
            Value::Float(value) => Ok(Value::Float(value.abs())),
            value if order(value, &Value::Int(0)).is_some_and(|order| order.is_lt()) => negate(value.clone()),
            value => Ok(value.clone()),
        },
    },
    Function {
        name: "floor",
        takes: &[Takes::Float],
        gives: Gives::Same,
        run: |arguments| rounded(arguments, f64::floor),
    },
    Function {
        name: "ceil",
        takes: &[Takes::Float],
        gives: Gives::Same,
        run: |arguments| rounded(arguments, f64::ceil),
    },
    Function {
        name: "round",
        takes: &[Takes::Float],
        gives: Gives::Same,
        run: |arguments| rounded(arguments, f64::round),
    },
    Function {
        name: "isNaN",
        takes: &[Takes::Number],
        gives: Gives::Bool,
        run: |arguments| is(arguments, f64::is_nan),
    },
    Function {
        name: "isInf",
        takes: &[Takes::Number],
        gives: Gives::Bool,
        run: |arguments| is(arguments, f64::is_infinite),
    },
    Function {
        name: "isFinite",
        takes: &[Takes::Number],
        gives: Gives::Bool,
        run: |arguments| is(arguments, f64::is_finite),
    },
];

fn rounded<'a>(arguments: &[Value<'a>], round: fn(f64) -> f64) -> Result<Value<'a>, String> {
    Ok(match &arguments[0] {
        Value::Float(value) => Value::Float(round(*value)),
        value => value.clone(),
    })
}

fn is<'a>(arguments: &[Value<'a>], is: fn(f64) -> bool) -> Result<Value<'a>, String> {
    Ok(float(&arguments[0]).map(is).into())
}
