//! Simple conditions, decided for whole columns: comparisons with literals, joined by `&&`, `||` and `!`.
//!
//! The interpreter looks names up and boxes values for every row. To compare a column with a literal of a type that goes
//! with it needs none of that, and cannot fail where no value is null or NaN: such rows are decided here, in loops that the
//! compiler makes SIMD of. All other rows, and all other expressions, are the interpreter's.

use callboard_sdk::array::{Array, Values};
use callboard_sdk::{Field, Layout};
use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, operators};

/// A condition on a row's values, each column by its place among those that the expression names.
#[derive(Debug, PartialEq)]
pub(crate) enum Condition {
    /// A column of integers against an integer.
    Integers(usize, Is, i64),
    /// A column of integers or floats against a float: integers are made floats, as CEL does it.
    Floats(usize, Is, f64),
    /// In the order of code points, which is that of bytes.
    Texts(usize, Is, String),
    Booleans(usize, Is, bool),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
}

/// How a value and a literal have to compare.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Is {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Condition {
    /// The condition that an expression over these columns is, if it is a simple one.
    pub(crate) fn of(expression: &IdedExpr, columns: &[&Field]) -> Option<Self> {
        match &expression.expr {
            Expr::Ident(_) => Condition::compare(expression, Is::Equal, &LiteralValue::Boolean(true.into()), columns),
            Expr::Call(call) if call.target.is_none() => Condition::of_call(call, columns),
            _ => None,
        }
    }

    fn of_call(call: &CallExpr, columns: &[&Field]) -> Option<Self> {
        match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::LOGICAL_NOT, [of]) => Some(Condition::Not(Condition::of(of, columns)?.into())),
            (operators::LOGICAL_AND, args) => Some(Condition::All(each(args, |arg| Condition::of(arg, columns))?)),
            (operators::LOGICAL_OR, args) => Some(Condition::Any(each(args, |arg| Condition::of(arg, columns))?)),
            (operators::IN, [column, list]) => {
                let Expr::List(list) = &list.expr else { return None };
                let item = |item: &IdedExpr| Condition::compare(column, Is::Equal, &literal(item)?, columns);
                Some(Condition::Any(each(&list.elements, item)?))
            }
            (name, [left, right]) => {
                let is = Is::of(name)?;
                match (literal(left), literal(right)) {
                    (None, Some(literal)) => Condition::compare(left, is, &literal, columns),
                    (Some(literal), None) => Condition::compare(right, is.turned(), &literal, columns),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn compare(column: &IdedExpr, is: Is, with: &LiteralValue, columns: &[&Field]) -> Option<Self> {
        let Expr::Ident(name) = &column.expr else { return None };
        let at = columns.iter().position(|field| field.name == *name)?;
        let integers = match &columns[at].ty.layout {
            Layout::Int8 | Layout::Int16 | Layout::Int32 | Layout::Int64 => true,
            // Not 64 bits without a sign: what is too large for an `int` is an `uint`.
            Layout::UInt8 | Layout::UInt16 | Layout::UInt32 => true,
            Layout::Float32 | Layout::Float64 => false,
            Layout::Utf8 => match with {
                LiteralValue::String(text) => return Some(Condition::Texts(at, is, text.inner().to_owned())),
                _ => return None,
            },
            Layout::Boolean => match with {
                LiteralValue::Boolean(value) => return Some(Condition::Booleans(at, is, *value.inner())),
                _ => return None,
            },
            _ => return None,
        };
        match with {
            LiteralValue::Int(value) if integers => Some(Condition::Integers(at, is, *value.inner())),
            LiteralValue::Int(value) => Some(Condition::Floats(at, is, *value.inner() as f64)),
            LiteralValue::Double(value) => Some(Condition::Floats(at, is, *value.inner())),
            _ => None,
        }
    }

    /// For each row whether the condition is true; `None` where that is for the interpreter to say.
    pub(crate) fn decide(&self, arrays: &[Array<'_>], values: &[Values<'_>], rows: usize) -> Vec<Option<bool>> {
        let holds = self.holds(values, rows);
        match comparable(arrays, values, rows) {
            None => holds.into_iter().map(Some).collect(),
            Some(comparable) => holds.into_iter().zip(comparable).map(|(holds, may)| may.then_some(holds)).collect(),
        }
    }

    /// For each row whether the condition is true; what it says where a value is null or NaN means nothing.
    fn holds(&self, values: &[Values<'_>], rows: usize) -> Vec<bool> {
        match self {
            Condition::Integers(at, is, with) => integers(&values[*at], *is, *with),
            Condition::Floats(at, is, with) => floats(&values[*at], *is, *with),
            Condition::Texts(at, is, with) => match &values[*at] {
                Values::Strings(texts) => is.hold((0..rows).map(|i| texts.value(i)), with.as_str()),
                _ => unreachable!("a column of text"),
            },
            Condition::Booleans(at, is, with) => match &values[*at] {
                Values::Booleans(bits) => is.hold((0..rows).map(|i| bits.value(i)), *with),
                _ => unreachable!("a column of booleans"),
            },
            Condition::All(parts) => join(parts, true, |all, part| all & part, values, rows),
            Condition::Any(parts) => join(parts, false, |any, part| any | part, values, rows),
            Condition::Not(part) => part.holds(values, rows).into_iter().map(|decided| !decided).collect(),
        }
    }
}

/// For each row whether none of its values is null or NaN; `None` where that is so for all.
fn comparable(arrays: &[Array<'_>], values: &[Values<'_>], rows: usize) -> Option<Vec<bool>> {
    let is_nan = |values: &Values<'_>, i: usize| match values {
        Values::Float32(floats) => floats.value(i).is_nan(),
        Values::Float64(floats) => floats.value(i).is_nan(),
        _ => false,
    };
    let mut comparable: Option<Vec<bool>> = None;
    for (array, values) in arrays.iter().zip(values) {
        let floats = matches!(values, Values::Float32(_) | Values::Float64(_));
        if !array.validity().is_absent() || floats && (0..rows).any(|i| is_nan(values, i)) {
            let comparable = comparable.get_or_insert_with(|| vec![true; rows]);
            comparable.iter_mut().enumerate().for_each(|(i, may)| *may &= !(array.is_null(i) || is_nan(values, i)));
        }
    }
    comparable
}

fn each<'e>(parts: &'e [IdedExpr], of: impl FnMut(&'e IdedExpr) -> Option<Condition>) -> Option<Vec<Condition>> {
    parts.iter().map(of).collect()
}

/// A literal, with a minus or without.
fn literal(expression: &IdedExpr) -> Option<LiteralValue> {
    match &expression.expr {
        Expr::Literal(literal) => Some(literal.clone()),
        Expr::Call(call) if call.func_name == operators::NEGATE => match &call.args[..] {
            [of] => match literal(of)? {
                LiteralValue::Int(value) => Some(LiteralValue::Int(value.inner().checked_neg()?.into())),
                LiteralValue::Double(value) => Some(LiteralValue::Double((-value.inner()).into())),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

fn join(
    parts: &[Condition],
    none: bool,
    with: impl Fn(bool, bool) -> bool,
    values: &[Values<'_>],
    rows: usize,
) -> Vec<bool> {
    let mut joined = vec![none; rows];
    for part in parts {
        joined.iter_mut().zip(part.holds(values, rows)).for_each(|(joined, part)| *joined = with(*joined, part));
    }
    joined
}

fn integers(values: &Values<'_>, is: Is, with: i64) -> Vec<bool> {
    macro_rules! of_layout {
        ($($layout:ident)*) => {
            match values {
                $(Values::$layout(view) => is.hold(view.values().iter().map(|value| i64::from(*value)), with),)*
                _ => unreachable!("a column of integers"),
            }
        };
    }
    of_layout!(Int8 Int16 Int32 Int64 UInt8 UInt16 UInt32)
}

fn floats(values: &Values<'_>, is: Is, with: f64) -> Vec<bool> {
    macro_rules! of_layout {
        ($($layout:ident)*) => {
            match values {
                $(Values::$layout(view) => is.hold(view.values().iter().map(|value| *value as f64), with),)*
                _ => unreachable!("a column of numbers"),
            }
        };
    }
    of_layout!(Int8 Int16 Int32 Int64 UInt8 UInt16 UInt32 Float32 Float64)
}

impl Is {
    fn of(operator: &str) -> Option<Self> {
        Some(match operator {
            operators::EQUALS => Is::Equal,
            operators::NOT_EQUALS => Is::NotEqual,
            operators::LESS => Is::Less,
            operators::LESS_EQUALS => Is::LessOrEqual,
            operators::GREATER => Is::Greater,
            operators::GREATER_EQUALS => Is::GreaterOrEqual,
            _ => return None,
        })
    }

    /// The same for literal and value in the other order.
    fn turned(self) -> Self {
        match self {
            Is::Equal | Is::NotEqual => self,
            Is::Less => Is::Greater,
            Is::LessOrEqual => Is::GreaterOrEqual,
            Is::Greater => Is::Less,
            Is::GreaterOrEqual => Is::LessOrEqual,
        }
    }

    /// For each value whether it compares so; a loop for each way, without a branch in it.
    fn hold<T: PartialOrd + Copy>(self, values: impl Iterator<Item = T>, with: T) -> Vec<bool> {
        match self {
            Is::Equal => values.map(|value| value == with).collect(),
            Is::NotEqual => values.map(|value| value != with).collect(),
            Is::Less => values.map(|value| value < with).collect(),
            Is::LessOrEqual => values.map(|value| value <= with).collect(),
            Is::Greater => values.map(|value| value > with).collect(),
            Is::GreaterOrEqual => values.map(|value| value >= with).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
