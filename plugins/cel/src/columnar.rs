//! Simple conditions, decided for whole columns: comparisons with constants, joined by `&&`, `||` and `!`.
//!
//! The interpreter looks at one value after another. To compare a column with a constant needs none of that: each comparison is
//! a loop that the compiler makes SIMD of, over the values as they lie in memory. So a constant is made one of the column's own
//! kind first, exactly (`threshold`). What is joined are truths of one byte: `&&` is the smaller, `||` the larger. All other
//! expressions are the interpreter's.

mod threshold;

use callboard_sdk::Column;
use callboard_sdk::array::{Any, Binaries, Values};

use crate::compare::Is;
use crate::node::Node;
use crate::reader::Reader;
use crate::value::Value;

/// A condition on a row's values, each column by its place among those that the expression reads.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Condition {
    /// What is the same for all values but null, which no integer is: `n == 0.5`.
    Known(usize, bool),
    /// A column that lies in memory as integers of up to 64 bits with a sign, or up to 32 without.
    Integers(usize, Is, i64),
    /// `uint64`
    Unsigned(usize, Is, u64),
    /// `float32` and `float64`
    Floats(usize, Is, f64),
    /// Decimals of up to 16 bytes, by their digits.
    Decimals(usize, Is, i128),
    /// In the order of code points, which is that of bytes.
    Texts(usize, Is, String),
    Booleans(usize, Is, bool),
    Null(usize),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
}

/// False, unknown or true: in that order, so that `&&` is the smaller and `||` the larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Truth(u8);

impl Truth {
    /// The row is not meant.
    pub const FALSE: Truth = Truth(0);
    /// Something that it depends on is null.
    pub const UNKNOWN: Truth = Truth(1);
    /// The row is meant.
    pub const TRUE: Truth = Truth(2);

    fn of(holds: bool) -> Self {
        Truth(u8::from(holds) * 2)
    }
}

impl Condition {
    /// The condition that an expression over these columns is, if it is a simple one.
    pub(crate) fn of(node: &Node, columns: &[Column<Any>]) -> Option<Self> {
        let each = |parts: &[Node]| parts.iter().map(|part| Condition::of(part, columns)).collect::<Option<Vec<_>>>();
        let compare = |column: &Node, is, constant: &Node| match column {
            Node::Column(at) => threshold::compare(*at, &columns[*at].field().ty, is, &constant.constant()?),
            _ => None,
        };
        match node {
            Node::Column(_) => compare(node, Is::Equal, &Node::Constant(Value::Bool(true))),
            Node::Not(of) => Some(Condition::Not(Condition::of(of, columns)?.into())),
            Node::All(parts) => Some(Condition::All(each(parts)?)),
            Node::Any(parts) => Some(Condition::Any(each(parts)?)),
            Node::IsNull(of) => match **of {
                Node::Column(at) => Some(Condition::Null(at)),
                _ => None,
            },
            Node::Compare(is, sides) => match &sides[0] {
                Node::Column(_) => compare(&sides[0], *is, &sides[1]),
                _ => compare(&sides[1], is.turned(), &sides[0]),
            },
            Node::OneOf(of, items) => {
                let each = items.iter().map(|item| compare(of, Is::Equal, item));
                Some(Condition::Any(each.collect::<Option<_>>()?))
            }
            _ => None,
        }
    }

    /// For each row whether the condition is true.
    pub(crate) fn decide(&self, columns: &[Reader<'_>], rows: usize) -> Vec<Truth> {
        let values = |at: &usize| &columns[*at].values;
        match self {
            Condition::Known(at, holds) => known(values(at), vec![Truth::of(*holds); rows]),
            Condition::Integers(at, is, with) => known(values(at), integers(values(at), *is, *with)),
            Condition::Unsigned(at, is, with) => match values(at) {
                Values::UInt64(view) => known(values(at), is.each(view.values().iter().copied(), *with)),
                _ => unreachable!("a column of uint64"),
            },
            Condition::Floats(at, is, with) => match values(at) {
                Values::Float32(view) => {
                    known(values(at), is.each(view.values().iter().map(|value| f64::from(*value)), *with))
                }
                Values::Float64(view) => known(values(at), is.each(view.values().iter().copied(), *with)),
                _ => unreachable!("a column of floats"),
            },
            Condition::Decimals(at, is, with) => match values(at) {
                Values::Binaries(view) => known(values(at), is.each((0..rows).map(|i| digits(view, i)), *with)),
                _ => unreachable!("a column of decimals"),
            },
            Condition::Texts(at, is, with) => match values(at) {
                Values::Strings(texts) => known(values(at), is.each((0..rows).map(|i| texts.value(i)), with.as_str())),
                _ => unreachable!("a column of text"),
            },
            Condition::Booleans(at, is, with) => match values(at) {
                Values::Booleans(bits) => known(values(at), is.each((0..rows).map(|i| bits.value(i)), *with)),
                _ => unreachable!("a column of booleans"),
            },
            Condition::Null(at) => (0..rows).map(|i| Truth::of(values(at).is_null(i))).collect(),
            Condition::All(parts) => join(parts, Truth::TRUE, Truth::min, columns, rows),
            Condition::Any(parts) => join(parts, Truth::FALSE, Truth::max, columns, rows),
            Condition::Not(part) => {
                part.decide(columns, rows).into_iter().map(|truth| Truth(Truth::TRUE.0 - truth.0)).collect()
            }
        }
    }
}

/// These truths, and unknown where the value is null.
fn known(values: &Values<'_>, mut truths: Vec<Truth>) -> Vec<Truth> {
    if values.may_be_null() {
        for (i, truth) in truths.iter_mut().enumerate() {
            if values.is_null(i) {
                *truth = Truth::UNKNOWN;
            }
        }
    }
    truths
}

fn join(
    parts: &[Condition],
    none: Truth,
    with: impl Fn(Truth, Truth) -> Truth,
    columns: &[Reader<'_>],
    rows: usize,
) -> Vec<Truth> {
    let mut parts = parts.iter().map(|part| part.decide(columns, rows));
    let Some(mut joined) = parts.next() else { return vec![none; rows] };
    for part in parts {
        joined.iter_mut().zip(part).for_each(|(joined, part)| *joined = with(*joined, part));
    }
    joined
}

fn integers(values: &Values<'_>, is: Is, with: i64) -> Vec<Truth> {
    macro_rules! of_layout {
        ($($layout:ident)*) => {
            match values {
                $(Values::$layout(view) => is.each(view.values().iter().map(|value| i64::from(*value)), with),)*
                _ => unreachable!("a column of integers"),
            }
        };
    }
    of_layout!(Int8 Int16 Int32 Int64 UInt8 UInt16 UInt32)
}

/// A number in two's complement of up to 16 bytes, the least significant first.
fn digits(view: &Binaries<'_>, i: usize) -> i128 {
    let bytes = view.value(i);
    let sign = if bytes.last().is_some_and(|last| *last >= 0x80) { 0xff } else { 0 };
    let mut whole = [sign; 16];
    whole[..bytes.len()].copy_from_slice(bytes);
    i128::from_le_bytes(whole)
}

impl Is {
    /// For each value whether it compares so; a loop for each way, without a branch in it.
    fn each<T: PartialOrd + Copy>(self, values: impl Iterator<Item = T>, with: T) -> Vec<Truth> {
        match self {
            Is::Equal => values.map(|value| Truth::of(value == with)).collect(),
            Is::NotEqual => values.map(|value| Truth::of(value != with)).collect(),
            Is::Less => values.map(|value| Truth::of(value < with)).collect(),
            Is::LessOrEqual => values.map(|value| Truth::of(value <= with)).collect(),
            Is::Greater => values.map(|value| Truth::of(value > with)).collect(),
            Is::GreaterOrEqual => values.map(|value| Truth::of(value >= with)).collect(),
        }
    }
}
