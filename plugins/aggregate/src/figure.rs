//! One figure: what it is made of, and its values, group after group.

use std::ops::Range;

use callboard_sdk::prelude::*;
use callboard_sdk::rows::{ColumnBuilder, Value};

use crate::config::{Function, Of};
use crate::order::{compare, extreme, has_order};

/// A figure, resolved against the columns.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// The column that is written.
    field: Field,
    /// The column that is read, if it is of one.
    column: Option<Column<Any>>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Rows,
    Count,
    Sum(Number),
    Mean(Number),
    /// The largest or smallest value.
    Extreme {
        largest: bool,
        decimal: bool,
    },
    First,
    List,
}

/// What is added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    Integer {
        unsigned: bool,
    },
    Float,
    /// Integers of `10^-scale`.
    Decimal {
        scale: i32,
    },
    /// Integers that stay what they are.
    Duration,
}

/// Precision of a decimal of 16 bytes.
const PRECISION: u32 = 38;

impl Number {
    fn of(ty: &Type) -> Option<Number> {
        let decimal = |logical: &str| logical.strip_prefix("d:")?.split(',').nth(1)?.parse().ok();
        match (&ty.layout, ty.logical.as_deref()) {
            (Layout::Fixed(..=16), Some(logical)) => Some(Number::Decimal { scale: decimal(logical)? }),
            (Layout::Int64, Some("tDs" | "tDm" | "tDu" | "tDn")) => Some(Number::Duration),
            (_, Some(_)) => None,
            (Layout::Float32 | Layout::Float64, None) => Some(Number::Float),
            (Layout::UInt8 | Layout::UInt16 | Layout::UInt32 | Layout::UInt64, None) => {
                Some(Number::Integer { unsigned: true })
            }
            (Layout::Int8 | Layout::Int16 | Layout::Int32 | Layout::Int64 | Layout::Boolean | Layout::Null, None) => {
                Some(Number::Integer { unsigned: false })
            }
            _ => None,
        }
    }

    /// The type of a sum of these.
    fn sum(self, of: &Type) -> Type {
        match self {
            Number::Integer { unsigned: true } => Type::new(Layout::UInt64),
            Number::Integer { unsigned: false } => Type::new(Layout::Int64),
            Number::Float => Type::new(Layout::Float64),
            Number::Decimal { scale } => {
                Type { logical: Some(format!("d:{PRECISION},{scale}")), ..Type::new(Layout::Fixed(16)) }
            }
            Number::Duration => Type { nullable: true, ..of.clone() },
        }
    }

    /// The sum as a value, if its type holds it.
    fn value(self, sum: i128) -> Option<Value> {
        match self {
            Number::Integer { unsigned: true } => u64::try_from(sum).ok().map(Value::UInt64),
            Number::Integer { unsigned: false } | Number::Duration => i64::try_from(sum).ok().map(Value::Int64),
            Number::Decimal { .. } => {
                (sum.unsigned_abs() < 10u128.pow(PRECISION)).then(|| Value::Binary(sum.to_le_bytes().to_vec()))
            }
            Number::Float => None,
        }
    }
}

impl Wanted {
    /// Finds the column of a figure.
    ///
    /// # Errors
    /// `input`, if there is none, or one of another type.
    pub(crate) fn resolve(name: &str, of: &Of, input: &Schema) -> Result<Wanted> {
        let Of::Column(function) = of else {
            return Ok(Wanted { field: Field::int64(name).not_null(), column: None, kind: Kind::Rows });
        };
        let (called, column) = match function {
            Function::Count(column) => ("count", column),
            Function::Sum(column) => ("sum", column),
            Function::Mean(column) => ("mean", column),
            Function::Min(column) => ("min", column),
            Function::Max(column) => ("max", column),
            Function::First(column) => ("first", column),
            Function::List(column) => ("list", column),
        };
        let pointer = format!("/figures/{}/{called}", escaped(name));
        let resolved = input.any(column).at(&pointer)?;
        let ty = &resolved.field().ty;
        let unfit = |takes: &str| {
            StepError::input(format!("column `{column}` is {ty}, and `{called}` takes {takes}")).at(&pointer)
        };
        let (kind, written) = match function {
            Function::Count(_) => (Kind::Count, Type::new(Layout::Int64).not_null()),
            Function::Sum(_) => {
                let takes = "integers, booleans, floats, decimals of up to 38 digits and durations";
                let number = Number::of(ty).ok_or_else(|| unfit(takes))?;
                (Kind::Sum(number), number.sum(ty))
            }
            Function::Mean(_) => {
                let number = Number::of(ty).filter(|number| *number != Number::Duration);
                let takes = "integers, booleans, floats and decimals of up to 38 digits";
                (Kind::Mean(number.ok_or_else(|| unfit(takes))?), Type::new(Layout::Float64))
            }
            Function::Min(_) | Function::Max(_) => {
                if !has_order(ty) {
                    return Err(unfit("values that have an order"));
                }
                let largest = matches!(function, Function::Max(_));
                let decimal = ty.logical.as_deref().is_some_and(|logical| logical.starts_with("d:"));
                (Kind::Extreme { largest, decimal }, ty.clone())
            }
            Function::First(_) => (Kind::First, ty.clone()),
            Function::List(_) => (Kind::List, Type::list(ty.clone()).not_null()),
        };
        Ok(Wanted { field: Field::new(name, written), column: Some(resolved), kind })
    }

    pub(crate) fn column(&self) -> Option<&Column<Any>> {
        self.column.as_ref()
    }

    pub(crate) fn field(&self) -> &Field {
        &self.field
    }

    /// The column's values in a batch.
    pub(crate) fn array<'a>(&self, batch: &'a Batch) -> Result<Option<(Array<'a>, Values<'a>)>> {
        let Some(column) = &self.column else { return Ok(None) };
        let array = batch.get(column)?;
        Ok(Some((array, array.values()?)))
    }
}

/// The values of a figure: those of groups that ended, and what the group at hand has so far.
pub(crate) struct Figure<'a> {
    wanted: &'a Wanted,
    ended: ColumnBuilder,
    /// Rows, or values that are not null.
    count: u64,
    integers: i128,
    floats: f64,
    extreme: Option<Value>,
}

impl Figure<'_> {
    pub(crate) fn new(wanted: &Wanted) -> Figure<'_> {
        let ended = ColumnBuilder::new(&wanted.field.ty);
        Figure { wanted, ended, count: 0, integers: 0, floats: 0.0, extreme: None }
    }

    /// About how many bytes the values take.
    pub(crate) fn bytes(&self) -> usize {
        self.ended.bytes() + self.ended.len() * 8
    }

    /// Adds rows of the group at hand.
    pub(crate) fn add(&mut self, column: &Option<(Array<'_>, Values<'_>)>, rows: Range<usize>) -> Result<()> {
        let Some((array, values)) = column else {
            self.count += rows.len() as u64;
            return Ok(());
        };
        match self.wanted.kind {
            Kind::Rows => self.count += rows.len() as u64,
            Kind::Count => self.count += rows.filter(|i| !values.is_null(*i)).count() as u64,
            Kind::Sum(number) | Kind::Mean(number) => self.sum(number, values, rows)?,
            Kind::Extreme { largest, decimal } => {
                let next = extreme(values, rows, decimal, largest);
                let wins = match (&next, &self.extreme) {
                    (Some(next), Some(before)) if largest => compare(next, before, decimal).is_gt(),
                    (Some(next), Some(before)) => compare(next, before, decimal).is_lt(),
                    (next, _) => next.is_some(),
                };
                if wins {
                    self.extreme = next;
                }
            }
            Kind::First if self.count == 0 => {
                self.count = 1;
                self.ended.push_from(*array, rows.start)?;
            }
            Kind::First => {}
            Kind::List => {
                for i in rows {
                    self.ended.push_item_from(*array, i)?;
                }
            }
        }
        Ok(())
    }

    fn sum(&mut self, number: Number, values: &Values<'_>, rows: Range<usize>) -> Result<()> {
        macro_rules! add {
            ($view:expr, $to:ident, $as:expr) => {
                for value in rows.filter_map(|i| $view.get(i)) {
                    self.$to += $as(value);
                    self.count += 1;
                }
            };
        }
        match values {
            Values::Booleans(view) => add!(view, integers, i128::from),
            Values::Int8(view) => add!(view, integers, i128::from),
            Values::Int16(view) => add!(view, integers, i128::from),
            Values::Int32(view) => add!(view, integers, i128::from),
            Values::Int64(view) => add!(view, integers, i128::from),
            Values::UInt8(view) => add!(view, integers, i128::from),
            Values::UInt16(view) => add!(view, integers, i128::from),
            Values::UInt32(view) => add!(view, integers, i128::from),
            Values::UInt64(view) => add!(view, integers, i128::from),
            Values::Float32(view) => add!(view, floats, f64::from),
            Values::Float64(view) => add!(view, floats, f64::from),
            Values::Binaries(view) if matches!(number, Number::Decimal { .. }) => {
                for value in rows.filter_map(|i| view.get(i)) {
                    self.integers = self.integers.checked_add(decimal(value)).ok_or_else(|| {
                        let name = self.wanted.column.as_ref().map_or("", Column::name);
                        StepError::input(format!("column `{name}`: a sum has more digits than a decimal holds"))
                    })?;
                    self.count += 1;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Ends the group at hand. `row` is where a row of it stands.
    pub(crate) fn end(&mut self, row: impl Fn() -> u64) -> Result<()> {
        let (count, integers) = (std::mem::take(&mut self.count), std::mem::take(&mut self.integers));
        let (floats, extreme) = (std::mem::take(&mut self.floats), self.extreme.take());
        let value = match self.wanted.kind {
            Kind::First => return Ok(()),
            Kind::List => {
                self.ended.close();
                return Ok(());
            }
            Kind::Rows | Kind::Count => Value::Int64(count as i64),
            Kind::Sum(_) | Kind::Mean(_) if count == 0 => Value::Null,
            Kind::Sum(Number::Float) => Value::Float64(floats),
            Kind::Sum(number) => number.value(integers).ok_or_else(|| {
                let (of, written) = (self.wanted.column.as_ref().map_or("", Column::name), &self.wanted.field);
                StepError::input(format!(
                    "column `{of}`: the sum of a group is more than `{}`, {}, can hold; row {} of the input, counted from 0, is of that group",
                    written.name,
                    written.ty,
                    row(),
                ))
            })?,
            Kind::Mean(Number::Float) => Value::Float64(floats / count as f64),
            Kind::Mean(Number::Decimal { scale }) => {
                Value::Float64(integers as f64 / 10f64.powi(scale) / count as f64)
            }
            Kind::Mean(_) => Value::Float64(integers as f64 / count as f64),
            Kind::Extreme { .. } => extreme.unwrap_or(Value::Null),
        };
        self.ended.push(&value)
    }

    pub(crate) fn finish(self) -> ArrayBuf {
        self.ended.finish()
    }
}

/// A name as a part of a JSON pointer.
pub(crate) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// An integer in two's complement, of up to 16 bytes, the least significant first.
fn decimal(bytes: &[u8]) -> i128 {
    let mut wide = if bytes.last().is_some_and(|last| *last >= 0x80) { [0xff; 16] } else { [0; 16] };
    let width = bytes.len().min(16);
    wide[..width].copy_from_slice(&bytes[..width]);
    i128::from_le_bytes(wide)
}
