//! Comparisons: exact between all numbers, as IEEE 754 has them with NaN, unknown with null.

use std::cmp::Ordering;

use crate::decimal::Decimal;
use crate::value::Value;

/// How two values have to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Is {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Is {
    pub(crate) fn of(sign: &str) -> Option<Self> {
        Some(match sign {
            "==" => Is::Equal,
            "!=" => Is::NotEqual,
            "<" => Is::Less,
            "<=" => Is::LessOrEqual,
            ">" => Is::Greater,
            ">=" => Is::GreaterOrEqual,
            _ => return None,
        })
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Is::Equal => "==",
            Is::NotEqual => "!=",
            Is::Less => "<",
            Is::LessOrEqual => "<=",
            Is::Greater => ">",
            Is::GreaterOrEqual => ">=",
        }
    }

    /// The same for the two sides in the other order.
    pub(crate) fn turned(self) -> Self {
        match self {
            Is::Equal | Is::NotEqual => self,
            Is::Less => Is::Greater,
            Is::LessOrEqual => Is::GreaterOrEqual,
            Is::Greater => Is::Less,
            Is::GreaterOrEqual => Is::LessOrEqual,
        }
    }

    /// Whether only order is asked for, and not equality.
    pub(crate) fn is_order(self) -> bool {
        !matches!(self, Is::Equal | Is::NotEqual)
    }

    /// Whether `left` and `right` compare so; `None` is unknown.
    pub(crate) fn holds(self, left: &Value<'_>, right: &Value<'_>) -> Option<bool> {
        match self {
            Is::Equal => is_equal(left, right),
            Is::NotEqual => is_equal(left, right).map(|equal| !equal),
            _ if left.is_null() || right.is_null() => None,
            _ => Some(order(left, right).is_some_and(|order| match self {
                Is::Less => order.is_lt(),
                Is::LessOrEqual => order.is_le(),
                Is::Greater => order.is_gt(),
                _ => order.is_ge(),
            })),
        }
    }
}

/// Whether two values of types that go together are equal: of lists, maps and structs, whether all parts are.
pub(crate) fn is_equal(left: &Value<'_>, right: &Value<'_>) -> Option<bool> {
    match (left, right) {
        (Value::Null, _) | (_, Value::Null) => None,
        (Value::List(left), Value::List(right)) => match left.len() == right.len() {
            true => Fold::all(left.iter().zip(right.iter()).map(|(left, right)| is_equal(&left, &right))),
            false => Some(false),
        },
        (Value::Map(left), Value::Map(right)) => left.is_equal(right),
        (Value::Struct(left), Value::Struct(right)) => left.is_equal(right),
        _ => Some(order(left, right) == Some(Ordering::Equal)),
    }
}

/// `None` where there is no order: with NaN.
pub(crate) fn order(left: &Value<'_>, right: &Value<'_>) -> Option<Ordering> {
    Some(match (left, right) {
        (Value::Int(left), Value::Int(right)) => left.cmp(right),
        (Value::Float(left), Value::Float(right)) => return left.partial_cmp(right),
        (Value::Int(left), Value::Float(right)) => return integer_and_float(*left, *right),
        (Value::Float(left), Value::Int(right)) => return integer_and_float(*right, *left).map(Ordering::reverse),
        (Value::Decimal(left), Value::Decimal(right)) => left.cmp(right),
        (Value::Decimal(left), Value::Int(right)) => left.cmp(&Decimal::from(*right)),
        (Value::Int(left), Value::Decimal(right)) => Decimal::from(*left).cmp(right),
        (Value::Decimal(left), Value::Float(right)) => return left.cmp_float(*right),
        (Value::Float(left), Value::Decimal(right)) => return right.cmp_float(*left).map(Ordering::reverse),
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        // By code points, which is the order of the bytes.
        (Value::Text(left), Value::Text(right)) => left.cmp(right),
        (Value::Bytes(left), Value::Bytes(right)) => left.cmp(right),
        (Value::Time(left), Value::Time(right)) => left.cmp(right),
        (Value::Duration(left), Value::Duration(right)) => left.cmp(right),
        _ => instant(left)?.cmp(&instant(right)?),
    })
}

const DAY: i128 = 86_400_000_000_000;

/// Nanoseconds since 1970; a date is its midnight in UTC.
pub(crate) fn instant(value: &Value<'_>) -> Option<i128> {
    match value {
        Value::Timestamp(at) => Some(*at),
        Value::Date(days) => Some(i128::from(*days) * DAY),
        _ => None,
    }
}

fn integer_and_float(integer: i128, float: f64) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    // The integer part of what is larger than any integer is its limit, which is larger than all of ours.
    let whole = float.trunc();
    Some(integer.cmp(&(whole as i128)).then_with(|| 0.0_f64.partial_cmp(&(float - whole)).unwrap_or(Ordering::Equal)))
}

/// Joins what is true, false, unknown or failed, as `&&` and `||` do, in whatever order: what decides comes before a
/// failure, a failure before what is unknown.
pub(crate) struct Fold {
    /// What decides: false for `&&`, true for `||`.
    decides: bool,
    unknown: bool,
    failed: Option<String>,
}

impl Fold {
    pub(crate) fn new(decides: bool) -> Self {
        Fold { decides, unknown: false, failed: None }
    }

    /// Takes one more; whether that decided it.
    pub(crate) fn take(&mut self, truth: Result<Option<bool>, String>) -> bool {
        match truth {
            Ok(Some(truth)) => return truth == self.decides,
            Ok(None) => self.unknown = true,
            Err(error) => {
                self.failed.get_or_insert(error);
            }
        }
        false
    }

    /// What nothing decided.
    pub(crate) fn end(self) -> Result<Option<bool>, String> {
        match self.failed {
            Some(error) => Err(error),
            None if self.unknown => Ok(None),
            None => Ok(Some(!self.decides)),
        }
    }

    /// All of what cannot fail.
    pub(crate) fn all(parts: impl IntoIterator<Item = Option<bool>>) -> Option<bool> {
        let mut unknown = false;
        for part in parts {
            match part {
                Some(false) => return Some(false),
                Some(true) => {}
                None => unknown = true,
            }
        }
        (!unknown).then_some(true)
    }
}
