//! Puts the rows in the order of some columns, all of them or the first few.
//!
//! The host sorts; the step names the columns, and how many rows go on. No column crosses.
#![forbid(unsafe_code)]

#[cfg(test)]
mod tests;

use callboard_sdk::prelude::*;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};

/// Rows named to the host in one call.
const KEPT_AT_ONCE: usize = 1 << 16;

/// What the rows are sorted by.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The columns to sort by, the most significant first: a name, or `{ column = "NAME", descending = true, nulls = "first" }`. The sort is stable.
    #[schemars(length(min = 1))]
    by: Vec<By>,
    /// How many rows go on: the first in this order. All of them, unless this is set.
    #[schemars(range(min = 1))]
    top: Option<u64>,
    /// The columns of any type that make groups: rows are sorted within each group, and `top` applies to each. Groups follow
    /// one another in the order of their first rows in the input.
    #[serde(default)]
    per: Vec<String>,
}

/// A column to sort by: its name, or how.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
enum By {
    Name(String),
    Order(Ordered),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Ordered {
    /// The column's name.
    column: String,
    /// Sorts the largest value first.
    #[serde(default)]
    descending: bool,
    /// Where rows without a value stand, in either direction.
    #[serde(default)]
    nulls: Nulls,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Nulls {
    First,
    #[default]
    Last,
}

/// By hand, so that an error names the place of the mistake.
impl<'de> Deserialize<'de> for By {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameOrOrder;

        impl<'de> Visitor<'de> for NameOrOrder {
            type Value = By;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("the name of a column, or `{ column, descending, nulls }`")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<By, E> {
                Ok(By::Name(name.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<By, A::Error> {
                Ordered::deserialize(MapAccessDeserializer::new(map)).map(By::Order)
            }
        }

        deserializer.deserialize_any(NameOrOrder)
    }
}

impl By {
    fn column(&self) -> &str {
        match self {
            By::Name(column) => column,
            By::Order(order) => &order.column,
        }
    }

    fn order(&self) -> Order {
        match self {
            By::Name(column) => Order::ascending(column),
            By::Order(Ordered { column, descending, nulls }) => {
                let order = if *descending { Order::descending(column) } else { Order::ascending(column) };
                if *nulls == Nulls::First { order.nulls_first() } else { order }
            }
        }
    }
}

/// Puts the rows in the order of some columns.
pub struct Sort;

impl Global for Sort {
    type Config = Config;

    fn check(config: &Config, inputs: &[Schema]) -> Result<()> {
        let input = Schema::only(inputs)?;
        if config.by.is_empty() {
            return Err(StepError::config("at least 1 column is needed to sort by").at("/by"));
        }
        for (i, by) in config.by.iter().enumerate() {
            let pointer = match by {
                By::Name(_) => format!("/by/{i}"),
                By::Order(_) => format!("/by/{i}/column"),
            };
            let column = by.column();
            if config.by[..i].iter().any(|other| other.column() == column) {
                return Err(StepError::config(format!("rows are sorted by `{column}` already")).at(pointer));
            }
            let ordered = |field: &Field| match has_order(&field.ty) {
                true => Ok(()),
                false => {
                    Err(StepError::input(format!("column `{column}` is {}, and such values have no order", field.ty)))
                }
            };
            input.field(column).and_then(ordered).at(pointer)?;
        }
        for (i, name) in config.per.iter().enumerate() {
            input.field(name).at(format!("/per/{i}"))?;
        }
        if config.top == Some(0) {
            return Err(StepError::config("`top` is 0, and at least 1 row is expected").at("/top"));
        }
        Ok(())
    }

    fn bind(config: Config, _inputs: &[Schema]) -> Result<BoundGlobal> {
        let gather = if config.per.is_empty() { Gather::all() } else { Gather::by_key(config.per).as_written() };
        let gather = config.by.iter().fold(gather, |gather, by| gather.sorted_by(by.order()));
        let top = config.top.unwrap_or(u64::MAX);
        Ok(Shape::new().gather(gather).run(move |inputs, output| put_out(top, &mut inputs[0], output)))
    }
}

/// Whether values of this type have an order.
fn has_order(ty: &Type) -> bool {
    let is_interval = matches!(ty.logical.as_deref(), Some("tiD" | "tin"));
    !is_interval && !matches!(ty.layout, Layout::List(_) | Layout::Vector(..) | Layout::Struct(_))
}

/// Puts out the first rows of each group, or of all.
fn put_out(top: u64, input: &mut Reader, output: &mut Writer) -> Result<()> {
    let mut kept = Vec::with_capacity(KEPT_AT_ONCE);
    // The group at hand, and how many of its rows were given.
    let (mut current, mut given) = (None, 0);
    for batch in input.batches() {
        let all = (0, 0..batch.rows());
        let mut groups: Vec<_> = batch.groups().collect();
        if groups.is_empty() && batch.rows() > 0 {
            groups.push(all);
        }
        for (group, rows) in groups {
            if current.replace(group) != Some(group) {
                given = 0;
            }
            for row in rows.map(|i| batch.first_row() + i as u64) {
                match given < top {
                    true => kept.push(row),
                    false => output.drop(row, "not among the first"),
                }
                given += 1;
            }
        }
        if kept.len() >= KEPT_AT_ONCE {
            output.keep(&std::mem::take(&mut kept))?;
        }
    }
    output.keep(&kept)
}

callboard_sdk::global!(Sort);
