//! Expressions that give a value of any type: parsed and checked once, computed for the rows of a batch.

use std::cell::Cell;

use callboard_sdk::array::Any;
use callboard_sdk::builders::{Builder, ListBuilder};
use callboard_sdk::{ArrayBuf, Batch, Column, Layout, Result, Schema, Type};

use crate::check::{Checked, check_value};
use crate::evaluate::Row;
use crate::expression::{parsed, unfit};
use crate::node::Node;
use crate::reader::Reader;
use crate::syntax::Fault;
use crate::types;
use crate::value::Value;

/// An expression on the rows of an input, and what a column of its values is.
pub struct Formula {
    node: Node,
    columns: Vec<Column<Any>>,
    gives: Gives,
}

/// What is put into a column.
enum Gives {
    /// The values of a column, as they are.
    Column(Type),
    Made(Made),
}

/// The types that are made.
#[derive(Clone, Debug, PartialEq)]
enum Made {
    Bool,
    Int,
    Float,
    Text,
    Bytes,
    Date,
    Time,
    Timestamp,
    Duration,
    List(Box<Made>),
}

impl Formula {
    /// A formula on rows of this schema.
    ///
    /// # Errors
    /// `config`: what does not parse or cannot work on these columns, or has a value that no column can hold; and where.
    pub fn new(source: &str, input: &Schema) -> Result<Self> {
        let part = parsed(source)?;
        let (Checked { node, columns }, ty) = check_value(&part, input).map_err(|fault| unfit(source, &fault))?;
        let gives = match &node {
            Node::Column(place) => Gives::Column(columns[*place].field().ty.clone()),
            _ => Gives::Made(Made::of(&ty).map_err(|what| unfit(source, &Fault::new(part.at, what)))?),
        };
        Ok(Formula { node, columns, gives })
    }

    /// The columns that it reads, in the order in which it names them.
    pub fn columns(&self) -> &[Column<Any>] {
        &self.columns
    }

    /// The type of the column that it gives.
    pub fn ty(&self) -> Type {
        match &self.gives {
            Gives::Column(ty) => ty.clone(),
            Gives::Made(made) => made.ty(),
        }
    }

    /// The values for all rows; and the rows for which there is none, in order, with the reason. Those have a null.
    ///
    /// # Errors
    /// `input`, if text is not UTF-8.
    pub fn compute(&self, batch: &Batch) -> Result<(ArrayBuf, Vec<(usize, String)>)> {
        let made = match &self.gives {
            Gives::Column(_) => return Ok((batch.get(&self.columns[0])?.to_buf(), Vec::new())),
            Gives::Made(made) => made,
        };
        let columns: Vec<Reader<'_>> =
            self.columns.iter().map(|column| Reader::new(batch.get(column)?)).collect::<Result<_>>()?;
        let left = Cell::new(0);
        let (mut values, mut failed) = (Vec::with_capacity(batch.rows()), Vec::new());
        for i in 0..batch.rows() {
            let value = self.node.evaluate(&mut Row::new(&columns, i, &left));
            values.push(value.and_then(|value| made.fit(value)).unwrap_or_else(|why| {
                failed.push((i, why));
                Value::Null
            }));
        }
        Ok((made.build(&values), failed))
    }
}

/// A column counts moments in these, nanoseconds.
const MICROSECOND: i128 = 1_000;

impl Made {
    /// # Errors
    /// Why no column holds values of this type, and what to write.
    fn of(ty: &types::Type) -> std::result::Result<Self, String> {
        use types::Type as Of;
        Ok(match ty {
            Of::Bool => Made::Bool,
            Of::Int => Made::Int,
            Of::Float | Of::Number => Made::Float,
            Of::Text => Made::Text,
            Of::Bytes => Made::Bytes,
            Of::Date => Made::Date,
            Of::Time => Made::Time,
            Of::Timestamp => Made::Timestamp,
            Of::Duration => Made::Duration,
            Of::List(items) => Made::List(Box::new(Made::of(items)?)),
            Of::Null => return Err("it gives nothing but null, which has no type: write `string(null)`, say".into()),
            Of::Decimal => {
                return Err(
                    "it gives a decimal, whose digits after the point vary: write `double(…)` or `string(…)`".into()
                );
            }
            Of::Map(..) | Of::Struct(_) => return Err("it gives a map or a struct: name its members one by one".into()),
            Of::Json => {
                return Err("it gives JSON: write `string(…)`, `int(…)`, `double(…)` or `bool(…)` around it".into());
            }
            Of::Opaque => return Err("it gives an interval, of which nothing can be computed".into()),
        })
    }

    fn ty(&self) -> Type {
        let logical = |layout: Layout, logical: &str| Type { logical: Some(logical.to_owned()), ..Type::new(layout) };
        match self {
            Made::Bool => Type::new(Layout::Boolean),
            Made::Int => Type::new(Layout::Int64),
            Made::Float => Type::new(Layout::Float64),
            Made::Text => Type::new(Layout::Utf8),
            Made::Bytes => Type::new(Layout::Binary),
            Made::Date => logical(Layout::Int32, "tdD"),
            Made::Time => logical(Layout::Int64, "ttn"),
            Made::Timestamp => logical(Layout::Int64, "tsu:UTC"),
            Made::Duration => logical(Layout::Int64, "tDu"),
            Made::List(items) => Type::list(items.ty()),
        }
    }

    /// A value that the column holds exactly.
    fn fit<'a>(&self, value: Value<'a>) -> std::result::Result<Value<'a>, String> {
        let fits = match (self, &value) {
            (_, Value::Null) => true,
            (Made::Int, Value::Int(int)) => i64::try_from(*int).is_ok(),
            (Made::Float, Value::Int(int)) => *int as f64 as i128 == *int,
            (Made::Date, Value::Date(date)) => i32::try_from(*date).is_ok(),
            (Made::Date, _) => {
                return Err("the date has a time of day: write `date(…)` or `timestamp(…)` around it".into());
            }
            (Made::Timestamp, Value::Timestamp(at)) | (Made::Duration, Value::Duration(at)) => micros(*at).is_some(),
            (Made::Timestamp, Value::Date(_)) => true,
            (Made::List(items), Value::List(list)) => {
                for item in list.iter() {
                    items.fit(item)?;
                }
                true
            }
            _ => true,
        };
        match (fits, self) {
            (true, _) => Ok(value),
            (false, Made::Int) => Err("the value is beyond what an int64 holds".into()),
            (false, Made::Float) => Err("the value is an integer that no float64 is equal to".into()),
            (false, Made::Date) => Err("the date is beyond what a column holds".into()),
            (false, _) => Err("the time is beyond what microseconds of 64 bits hold exactly".into()),
        }
    }

    /// A column of values that fit.
    fn build(&self, values: &[Value<'_>]) -> ArrayBuf {
        let numbers = |number: fn(&Value<'_>) -> Option<i64>| -> ArrayBuf { values.iter().map(number).collect() };
        let column = match self {
            Made::Bool => values.iter().map(Value::truth).collect(),
            Made::Int => numbers(|value| match value {
                Value::Int(int) => i64::try_from(*int).ok(),
                _ => None,
            }),
            Made::Float => {
                let float = |value: &Value<'_>| crate::arithmetic::float(value);
                values.iter().map(float).collect()
            }
            Made::Text => {
                let text = |value| match value {
                    Value::Text(text) => Some(text),
                    _ => None,
                };
                values.iter().map(|value| text(value.borrowed())).collect()
            }
            Made::Bytes => {
                let bytes = |value: &Value<'_>| match value {
                    Value::Bytes(bytes) => Some(bytes.to_vec()),
                    _ => None,
                };
                values.iter().map(bytes).collect()
            }
            Made::Date => {
                let date = |value: &Value<'_>| match value {
                    Value::Date(date) => i32::try_from(*date).ok(),
                    _ => None,
                };
                values.iter().map(date).collect()
            }
            Made::Time => numbers(|value| match value {
                Value::Time(time) => Some(*time),
                _ => None,
            }),
            Made::Timestamp | Made::Duration => numbers(|value| match value {
                Value::Timestamp(at) | Value::Duration(at) => micros(*at),
                Value::Date(date) => date.checked_mul(86_400_000_000),
                _ => None,
            }),
            Made::List(items) => {
                let mut lists = ListBuilder::<Counted>::with_capacity(values.len());
                let mut all = Vec::new();
                for value in values {
                    match value {
                        Value::List(list) => {
                            all.extend(list.iter());
                            lists.items.count = all.len();
                            lists.close();
                        }
                        _ => lists.push_null(),
                    }
                }
                lists.items.built = Some(items.build(&all));
                lists.finish()
            }
        };
        column.with_logical(self.ty().logical)
    }
}

fn micros(nanoseconds: i128) -> Option<i64> {
    (nanoseconds % MICROSECOND == 0).then(|| i64::try_from(nanoseconds / MICROSECOND).ok()).flatten()
}

/// The items of lists, which are built when all of them are known.
#[derive(Default)]
struct Counted {
    count: usize,
    built: Option<ArrayBuf>,
}

impl Builder for Counted {
    fn with_capacity(_: usize) -> Self {
        Counted::default()
    }

    fn len(&self) -> usize {
        self.count
    }

    fn push_null(&mut self) {
        self.count += 1;
    }

    fn finish(self) -> ArrayBuf {
        self.built.unwrap_or_else(|| ArrayBuf::nulls(self.count))
    }
}
