//! Messages for an expression that cannot work: what the values are, and what to write.

use crate::compare::Is;
use crate::functions::Function;
use crate::syntax::{Kind, Part, Sign};
use crate::types::Type;

/// `` `n` is an integer ``
pub(super) fn shown(part: &Part, ty: &Type) -> String {
    match (named(part), &part.kind) {
        (Some(name), _) => format!("`{name}` is {ty}"),
        (None, Kind::Int(value)) => format!("`{value}` is {ty}"),
        (None, Kind::Float(text)) => format!("`{text}` is {ty}"),
        (None, Kind::Text(text)) if text.len() <= 40 => format!("{text:?} is {ty}"),
        (None, Kind::Call(name, _)) => format!("`{name}(…)` gives {ty}"),
        _ => format!("this part of the expression gives {ty}"),
    }
}

/// Whether a column's name can be written as it is.
pub(super) fn is_plain(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_numeric()) && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// `meta.score`
pub(super) fn named(part: &Part) -> Option<String> {
    match &part.kind {
        Kind::Name(name) => Some(name.clone()),
        Kind::Member(of, name) => Some(format!("{}.{name}", named(of)?)),
        _ => None,
    }
}

pub(super) fn incomparable(is: Is, left: (&Part, &Type), right: (&Part, &Type)) -> String {
    let both =
        format!("{} and {}: `{}` does not compare them", shown(left.0, left.1), shown(right.0, right.1), is.as_str());
    match instead(left.1, right.1).or_else(|| instead(right.1, left.1)) {
        Some(instead) => format!("{both}; {instead}"),
        None if is.is_order() && left.1.goes_with(right.1, false) => format!("{both}, only `==` and `!=` do"),
        None => both,
    }
}

/// What to write to compare a value of the first type.
fn instead(with: &Type, other: &Type) -> Option<&'static str> {
    Some(match (with, other) {
        (Type::Opaque, _) => {
            "an interval of months and days has no one length, and can only be asked whether it is null"
        }
        (Type::Timestamp | Type::Date, Type::Int | Type::Float | Type::Decimal | Type::Number) => {
            "write `timestamp(\"2024-01-31T12:30:00Z\")`, `date(\"2024-01-31\")`, or `timestamp(1706704200)` of seconds since 1970"
        }
        (Type::Timestamp | Type::Date, Type::Text) => {
            "write `timestamp(\"2024-01-31T12:30:00Z\")` or `date(\"2024-01-31\")`"
        }
        (Type::Time, _) => "write a time of day as `time(\"12:30:00\")`, and take that of a timestamp with `time(…)`",
        (Type::Duration, _) => "write a duration as `duration(\"1h30m\")`",
        (Type::Decimal, Type::Text) => "write a decimal as a number, `12.30`, or make one of a text with `decimal(…)`",
        (Type::Text, ty) if ty.is_number() => {
            "write a text in quotes, `\"3\"`, or make a number of it with `int(…)` or `double(…)`"
        }
        (Type::Text, Type::Bytes) => "write bytes as `b\"…\"`, or make them of a text with `bytes(…)`",
        (Type::Text, Type::Bool) => "a bool is `true` or `false`, without quotes",
        _ => return None,
    })
}

pub(super) fn incalculable(sign: Sign, left: &Type, right: &Type) -> String {
    let both = format!("`{}` is not for {left} and {right}", sign.as_str());
    let decimals = matches!((left, right), (Type::Decimal, _) | (_, Type::Decimal));
    let moments = left.is_instant() || right.is_instant();
    if decimals && matches!(sign, Sign::Over | Sign::Modulo) {
        format!("{both}, since few results are exact; write `double(…)` around the decimal")
    } else if moments && matches!(sign, Sign::Plus | Sign::Minus) {
        format!("{both}; write what is added to a moment as `duration(\"1h30m\")`")
    } else if sign == Sign::Plus && (*left == Type::Text || *right == Type::Text) {
        format!("{both}; write `string(…)` around what is not text")
    } else {
        both
    }
}

pub(super) fn uncallable(name: &str, given: &[String], known: &[&Function]) -> String {
    let given = if given.is_empty() { "nothing".to_owned() } else { given.join(", ") };
    let takes = |function: &&Function| function.takes.iter().map(|takes| takes.as_str()).collect::<Vec<_>>().join(", ");
    let known: Vec<String> = known.iter().map(takes).collect();
    format!("`{name}` is given {given}, and takes {}", known.join("; or "))
}

/// What to write where a column has the name of a value.
pub(super) fn instead_of_word(word: &str) -> &'static str {
    match word {
        "null" => "`` `null` `` for the column, and `has(x)` to ask whether x is null",
        "true" => "`` `true` `` for the column, and `1 == 1` for the value",
        _ => "`` `false` `` for the column, and `1 == 0` for the value",
    }
}
