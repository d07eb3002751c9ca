//! Functions of lists.

use std::cmp::Ordering;

use super::{Function, Gives, Takes};
use crate::arithmetic::arithmetic;
use crate::compare::{is_equal, order};
use crate::syntax::Sign;
use crate::value::{List, Value};

macro_rules! list {
    ($name:literal, $takes:ident => $gives:ident, $of:expr) => {
        Function {
            name: $name,
            takes: &[Takes::$takes],
            gives: Gives::$gives,
            run: |arguments| match arguments {
                [Value::List(list)] => $of(list),
                _ => Ok(Value::Null),
            },
        }
    };
}

pub(super) const FUNCTIONS: &[Function] = &[
    list!("distinct", List => Same, distinct),
    list!("sum", Numbers => Item, sum),
    list!("min", Ordered => Item, |list| Ok(extreme(list, Ordering::Less))),
    list!("max", Ordered => Item, |list| Ok(extreme(list, Ordering::Greater))),
    Function {
        name: "slice",
        takes: &[Takes::List, Takes::Int, Takes::Int],
        gives: Gives::Same,
        run: |arguments| match arguments {
            [Value::List(list), Value::Int(start), Value::Int(end)] => {
                let place =
                    |at: i128| usize::try_from(at).unwrap_or(if at < 0 { 0 } else { usize::MAX }).min(list.len());
                Ok(Value::list((place(*start)..place(*end)).filter_map(|i| list.get(i))))
            }
            _ => Ok(Value::Null),
        },
    },
];

/// The most items that `distinct` compares with each other.
const MOST_DISTINCT: usize = 1 << 10;

/// The first of equal items; two nulls are equal here, and so are two NaN.
fn distinct<'a>(list: &List<'a>) -> Result<Value<'a>, String> {
    let is_nan = |value: &Value<'_>| matches!(value, Value::Float(float) if float.is_nan());
    let same = |a: &Value<'a>, b: &Value<'a>| match (a, b) {
        (Value::Null, Value::Null) => true,
        (a, b) => is_nan(a) && is_nan(b) || is_equal(a, b) == Some(true),
    };
    let mut kept: Vec<Value<'a>> = Vec::new();
    for item in list.iter() {
        if !kept.iter().any(|known| same(known, &item)) {
            kept.push(item);
        }
        if kept.len() > MOST_DISTINCT {
            return Err(format!("`distinct` is given a list of more than {MOST_DISTINCT} different items"));
        }
    }
    Ok(Value::list(kept))
}

/// Nulls are left out; of no item, it is null.
fn sum<'a>(list: &List<'a>) -> Result<Value<'a>, String> {
    let mut items = list.iter().filter(|item| !item.is_null());
    let Some(first) = items.next() else { return Ok(Value::Null) };
    items.try_fold(first, |sum, item| arithmetic(Sign::Plus, sum, item))
}

/// The first of the smallest items, or the largest. Nulls and NaN are left out; of no item, it is null.
fn extreme<'a>(list: &List<'a>, wins: Ordering) -> Value<'a> {
    let items = list.iter().filter(|item| !item.is_null() && order(item, item).is_some());
    items.reduce(|best, item| if order(&item, &best) == Some(wins) { item } else { best }).unwrap_or(Value::Null)
}
