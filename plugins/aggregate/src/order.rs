//! The order of values: that of the step `sort`.

use std::cmp::Ordering;

use callboard_sdk::prelude::*;
use callboard_sdk::rows::Value;

/// Whether values of this type have an order.
pub(crate) fn has_order(ty: &Type) -> bool {
    let is_interval = matches!(ty.logical.as_deref(), Some("tiD" | "tin"));
    !is_interval && !matches!(ty.layout, Layout::List(_) | Layout::Vector(..) | Layout::Struct(_))
}

/// Numbers by their size, NaN behind them all, 0 and −0 equal.
fn floats(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

/// Integers in two's complement, of one width, the least significant byte first.
fn decimals(a: &[u8], b: &[u8]) -> Ordering {
    let sign = |bytes: &[u8]| bytes.last().is_some_and(|last| *last >= 0x80);
    sign(b).cmp(&sign(a)).then_with(|| a.iter().rev().cmp(b.iter().rev()))
}

/// Compares two values of one type that has an order. `decimal`: bytes are those of decimals.
pub(crate) fn compare(a: &Value, b: &Value, decimal: bool) -> Ordering {
    macro_rules! same {
        ($($kind:ident),*) => {
            match (a, b) {
                $((Value::$kind(a), Value::$kind(b)) => a.cmp(b),)*
                (Value::Float32(a), Value::Float32(b)) => floats(f64::from(*a), f64::from(*b)),
                (Value::Float64(a), Value::Float64(b)) => floats(*a, *b),
                (Value::Binary(a), Value::Binary(b)) if decimal => decimals(a, b),
                (Value::Binary(a), Value::Binary(b)) => a.cmp(b),
                _ => Ordering::Equal,
            }
        };
    }
    same!(Boolean, Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64, Utf8)
}

/// The first of the smallest values of some rows, or of the largest; none if all are null.
pub(crate) fn extreme(
    values: &Values<'_>,
    rows: std::ops::Range<usize>,
    decimal: bool,
    largest: bool,
) -> Option<Value> {
    fn best<T: Copy>(
        rows: std::ops::Range<usize>,
        largest: bool,
        get: impl Fn(usize) -> Option<T>,
        compare: impl Fn(T, T) -> Ordering,
    ) -> Option<T> {
        let wins = if largest { Ordering::Greater } else { Ordering::Less };
        rows.filter_map(get).reduce(|best, next| if compare(next, best) == wins { next } else { best })
    }
    macro_rules! of {
        ($($kind:ident),*) => {
            match values {
                $(Values::$kind(view) => {
                    best(rows, largest, |i| view.get(i), |a, b| a.cmp(&b)).map(Value::$kind)
                })*
                Values::Float32(view) => {
                    let compare = |a, b| floats(f64::from(a), f64::from(b));
                    best(rows, largest, |i| view.get(i), compare).map(Value::Float32)
                }
                Values::Float64(view) => best(rows, largest, |i| view.get(i), floats).map(Value::Float64),
                Values::Booleans(view) => {
                    best(rows, largest, |i| view.get(i), |a: bool, b| a.cmp(&b)).map(Value::Boolean)
                }
                Values::Strings(view) => {
                    best(rows, largest, |i| view.get(i), |a: &str, b| a.cmp(b)).map(|text| Value::Utf8(text.into()))
                }
                Values::Binaries(view) => {
                    let compare = |a: &[u8], b: &[u8]| if decimal { decimals(a, b) } else { a.cmp(b) };
                    best(rows, largest, |i| view.get(i), compare).map(|bytes| Value::Binary(bytes.into()))
                }
                Values::Nulls | Values::Lists(_) | Values::Structs(_) => None,
            }
        };
    }
    of!(Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64)
}
