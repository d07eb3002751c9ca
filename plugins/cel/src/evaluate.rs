//! The value of an expression for a row. What a row is, one value after another; `columnar` does the same for whole columns.

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::Arc;

use callboard_sdk::serde_json;
use regex::Captures;

use crate::arithmetic::{arithmetic, negate};
use crate::compare::{Fold, is_equal};
use crate::functions::text::within;
use crate::node::{Each, Node, Step, What};
use crate::reader::Reader;
use crate::value::{List, Value};

/// A row, and what names stand for within `exists` and its like.
pub(crate) struct Row<'r> {
    columns: &'r [Reader<'r>],
    row: usize,
    locals: Vec<Value<'r>>,
    /// What may still be done for this row.
    left: &'r Cell<u64>,
}

/// What may be done for one row: a part of an expression that is evaluated counts as one, and so do [`BYTES`] of a text that is
/// made. A condition of a route runs in the host, without the limits of a sandbox.
pub(crate) const ROW: u64 = 20_000_000;
const BYTES: u64 = 16;

impl<'r> Row<'r> {
    /// `left` is set to what may be done for this row.
    pub(crate) fn new(columns: &'r [Reader<'r>], row: usize, left: &'r Cell<u64>) -> Self {
        left.set(ROW);
        Row { columns, row, locals: vec![], left }
    }

    fn spend(&self, work: u64) -> Result<(), String> {
        let left = self.left.get().checked_sub(work);
        // What is joined by `||` goes on after a failure: nothing may be left then.
        self.left.set(left.unwrap_or(0));
        match left {
            Some(_) => Ok(()),
            None => Err("the expression takes too much work on this row".to_owned()),
        }
    }

    /// Counts what was made.
    fn made(&self, value: Value<'r>) -> Outcome<'r> {
        let bytes = match &value {
            Value::Text(Cow::Owned(text)) => text.len(),
            Value::Bytes(Cow::Owned(bytes)) => bytes.len(),
            Value::List(List::Made(items)) => items.len() * size_of::<Value<'_>>(),
            _ => 0,
        };
        self.spend(bytes as u64 / BYTES)?;
        Ok(value)
    }
}

type Outcome<'r> = Result<Value<'r>, String>;

impl Node {
    /// # Errors
    /// Why there is no value: a division by zero, a text that is not a date.
    pub(crate) fn evaluate<'r>(&'r self, row: &mut Row<'r>) -> Outcome<'r> {
        row.spend(1)?;
        Ok(match self {
            Node::Constant(value) => value.borrowed(),
            Node::Written(value, _) => Value::Float(*value),
            Node::Column(place) => row.columns[*place].value(row.row),
            Node::Local(place) => row.locals[*place].clone(),
            Node::Member(of, place) => match of.evaluate(row)? {
                Value::Struct(of) => of.member(*place),
                _ => Value::Null,
            },
            Node::List(items) => Value::list(all(items, row)?),
            Node::Index(parts) => {
                let [of, index] = both(parts, row)?;
                at(of, index)?
            }
            Node::Not(of) => of.truth(row)?.map(|truth| !truth).into(),
            Node::Negate(of) => negate(of.evaluate(row)?)?,
            Node::All(parts) => fold(false, parts.iter().map(|part| part.truth(row)))?,
            Node::Any(parts) => fold(true, parts.iter().map(|part| part.truth(row)))?,
            Node::IsNull(of) => Value::Bool(of.evaluate(row)?.is_null()),
            Node::Compare(is, sides) => {
                let [left, right] = both(sides, row)?;
                is.holds(&left, &right).into()
            }
            Node::OneOf(of, items) => {
                let of = of.evaluate(row)?;
                fold(true, items.iter().map(|item| Ok(is_equal(&of, &item.evaluate(row)?))))?
            }
            Node::Among(sides) => match both(sides, row)? {
                [of, Value::List(list)] => fold(true, list.iter().map(|item| Ok(is_equal(&of, &item))))?,
                [of, Value::Map(map)] => fold(true, map.keys().map(|key| Ok(is_equal(&of, &key))))?,
                _ => Value::Null,
            },
            Node::Arithmetic(sign, sides) => {
                let [left, right] = both(sides, row)?;
                row.made(arithmetic(*sign, left, right)?)?
            }
            Node::If(parts) => {
                let [condition, then, otherwise] = &**parts;
                if condition.truth(row)? == Some(true) { then.evaluate(row)? } else { otherwise.evaluate(row)? }
            }
            Node::Coalesce(parts) => {
                for part in parts {
                    let value = part.evaluate(row)?;
                    if !value.is_null() {
                        return Ok(value);
                    }
                }
                Value::Null
            }
            Node::Matches(of, pattern) => match of.evaluate(row)? {
                Value::Text(text) => Value::Bool(pattern.is_match(&text)),
                _ => Value::Null,
            },
            Node::Extract(of, pattern) => match of.evaluate(row)? {
                Value::Text(text) => match pattern.captures(&text) {
                    Some(found) => row.made(first_group(&found))?,
                    None => Value::Null,
                },
                _ => Value::Null,
            },
            Node::ExtractAll(of, pattern) => match of.evaluate(row)? {
                Value::Text(text) => {
                    let mut found = vec![];
                    for part in pattern.captures_iter(&text) {
                        row.spend(2)?;
                        found.push(row.made(first_group(&part))?);
                    }
                    row.made(Value::list(found))?
                }
                _ => Value::Null,
            },
            Node::Replace(of, pattern, template) => match of.evaluate(row)? {
                Value::Text(text) => {
                    let (mut made, mut end) = (String::new(), 0);
                    for found in pattern.captures_iter(&text) {
                        let whole = found.get_match();
                        made += &text[end..whole.start()];
                        let before = made.len();
                        template.expand(&found, &mut made);
                        end = whole.end();
                        row.spend(1 + (made.len() - before) as u64 / BYTES)?;
                        within("regexReplace", made.len())?;
                    }
                    made += &text[end..];
                    row.made(Value::text(made))?
                }
                _ => Value::Null,
            },
            Node::Json(of, path) => match of.evaluate(row)? {
                Value::Text(text) => {
                    // What is read takes many times the memory of the text.
                    row.spend(text.len() as u64 / 2)?;
                    let json: serde_json::Value = serde_json::from_str(&text)
                        .map_err(|error| format!("`json` is given text that is not JSON: {error}"))?;
                    at_path(&json, path)
                }
                Value::Json(json) => at_path(&json, path),
                _ => Value::Null,
            },
            Node::Call(function, arguments) => {
                let arguments = all(arguments, row)?;
                if arguments.iter().any(Value::is_null) {
                    return Ok(Value::Null);
                }
                row.made((function.run)(&arguments)?)?
            }
            Node::Each(each) => each.evaluate(row)?,
        })
    }

    /// True, false, or unknown.
    ///
    /// # Errors
    /// Why there is no value.
    pub(crate) fn truth<'r>(&'r self, row: &mut Row<'r>) -> Result<Option<bool>, String> {
        Ok(self.evaluate(row)?.truth())
    }
}

fn all<'r>(nodes: &'r [Node], row: &mut Row<'r>) -> Result<Vec<Value<'r>>, String> {
    nodes.iter().map(|node| node.evaluate(row)).collect()
}

/// Both values, whether the other is null or not: a null hides no failure.
fn both<'r>(nodes: &'r [Node; 2], row: &mut Row<'r>) -> Result<[Value<'r>; 2], String> {
    Ok([nodes[0].evaluate(row)?, nodes[1].evaluate(row)?])
}

/// What is joined by `||` if `decides`, and else by `&&`.
fn fold<'r>(decides: bool, parts: impl Iterator<Item = Result<Option<bool>, String>>) -> Outcome<'r> {
    let mut fold = Fold::new(decides);
    for part in parts {
        if fold.take(part) {
            return Ok(Value::Bool(decides));
        }
    }
    Ok(fold.end()?.into())
}

/// The first group, or all that matches where the pattern has none.
fn first_group(found: &Captures<'_>) -> Value<'static> {
    let part = found.get(1).or_else(|| found.get(0).filter(|_| found.len() == 1));
    part.map_or(Value::Null, |part| Value::text(part.as_str().to_owned()))
}

fn at<'r>(of: Value<'r>, index: Value<'r>) -> Outcome<'r> {
    match (of, index) {
        (Value::List(list), Value::Int(place)) => {
            let item = usize::try_from(place).ok().and_then(|place| list.get(place));
            item.ok_or_else(|| "the index is outside of the list".to_owned())
        }
        (Value::Map(map), key) if !key.is_null() => Ok(map.get(&key)),
        _ => Ok(Value::Null),
    }
}

/// Null where there is nothing, or null.
fn at_path<'r>(json: &serde_json::Value, path: &[Step]) -> Value<'r> {
    let found = path.iter().try_fold(json, |json, step| match step {
        Step::Member(name) => json.get(name),
        Step::Item(place) => json.get(place),
    });
    found.filter(|json| !json.is_null()).map_or(Value::Null, |json| Value::Json(Arc::new(json.clone())))
}

impl Each {
    fn evaluate<'r>(&'r self, row: &mut Row<'r>) -> Outcome<'r> {
        let items: Vec<Value<'r>> = match self.of.evaluate(row)? {
            Value::List(List::Made(items)) => items.to_vec(),
            Value::List(list) => list.iter().collect(),
            Value::Map(map) => map.keys().collect(),
            _ => return Ok(Value::Null),
        };
        row.spend((items.len() * (1 + row.locals.len())) as u64)?;
        let truths = items.iter().map(|item| self.body.truth(&mut row.within(item)));
        Ok(match self.what {
            What::All => fold(false, truths)?,
            What::Exists => fold(true, truths)?,
            What::ExistsOne => {
                let truths = truths.collect::<Result<Vec<_>, _>>()?;
                let count = |wanted| truths.iter().filter(|truth| **truth == wanted).count();
                match (count(Some(true)), count(None)) {
                    (2.., _) => Value::Bool(false),
                    (_, 1..) => Value::Null,
                    (trues, _) => Value::Bool(trues == 1),
                }
            }
            What::Filter | What::Map => {
                let mut made = vec![];
                for item in &items {
                    let mut within = row.within(item);
                    if self.body.truth(&mut within)? == Some(true) {
                        made.push(match &self.made {
                            Some(of) => of.evaluate(&mut within)?,
                            None => item.clone(),
                        });
                    }
                }
                Value::list(made)
            }
        })
    }
}

impl<'r> Row<'r> {
    /// This row, with one more name for a value.
    fn within(&self, item: &Value<'r>) -> Row<'r> {
        let mut locals = self.locals.clone();
        locals.push(item.clone());
        Row { columns: self.columns, row: self.row, locals, left: self.left }
    }
}
