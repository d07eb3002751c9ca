//! Puts the rows in the order of some columns.
//!
//! Only what rows are sorted by is read, as bytes in the order of the rows (`key`). Memory is bounded: where not all keys have
//! room, each pass over the rows puts out those that come next (`smallest`).
#![forbid(unsafe_code)]

mod key;
mod smallest;
#[cfg(test)]
mod tests;

use callboard_sdk::prelude::*;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use key::{Encoding, Keys};
use smallest::{Room, Smallest};

/// Rows named to the host in one call.
const KEPT_AT_ONCE: usize = 1 << 16;

/// What the rows are sorted by.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The columns to sort by, the most significant first: a name, or `{ column = "NAME", descending = true, nulls = "first" }`. The sort is stable.
    #[schemars(length(min = 1))]
    by: Vec<By>,
    /// The bytes of keys to hold at a time: 24 per row, plus the part of a key beyond 12 bytes (a value takes 1 byte more
    /// than its size, text 3 more). If there are more, the rows are read again.
    #[serde(default = "memory")]
    #[schemars(range(min = 1))]
    memory: u64,
}

fn memory() -> u64 {
    256 << 20
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

/// By hand, since a mistake is then told with its place.
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

/// A column to sort by, resolved.
struct Order {
    column: String,
    encoding: Encoding,
    descending: bool,
    nulls: Nulls,
}

/// Puts the rows in the order of some columns.
pub struct Sort;

impl Global for Sort {
    type Config = Config;

    fn bind(config: Config, inputs: &[Schema]) -> Result<BoundGlobal> {
        let orders = orders(config.by, Schema::only(inputs)?)?;
        let width = orders.iter().map(|order| order.encoding.width()).sum();
        let room = Room::new(config.memory, width);
        let shape = Shape::new().reads_all(orders.iter().map(|order| order.column.as_str()));
        Ok(shape.run(move |inputs, output| sort(&orders, room, &mut inputs[0], output)))
    }
}

fn orders(by: Vec<By>, input: &Schema) -> Result<Vec<Order>> {
    if by.is_empty() {
        return Err(StepError::config("at least 1 column is needed to sort by").at("/by"));
    }
    let mut orders: Vec<Order> = vec![];
    for (i, by) in by.into_iter().enumerate() {
        let (pointer, Ordered { column, descending, nulls }) = match by {
            By::Name(column) => (format!("/by/{i}"), Ordered { column, descending: false, nulls: Nulls::default() }),
            By::Order(order) => (format!("/by/{i}/column"), order),
        };
        if orders.iter().any(|order| order.column == column) {
            return Err(StepError::config(format!("rows are sorted by `{column}` already")).at(pointer));
        }
        let encoding = input.field(&column).and_then(|field| Encoding::of(&column, &field.ty)).at(pointer)?;
        orders.push(Order { column, encoding, descending, nulls });
    }
    Ok(orders)
}

fn sort(orders: &[Order], room: Room, input: &mut Reader, output: &mut Writer) -> Result<()> {
    let rows = usize::try_from(u32::try_from(input.rows())?)?;
    let mut smallest = Smallest::new(room, rows);
    let (mut key, mut kept) = (vec![], Vec::with_capacity(KEPT_AT_ONCE.min(rows)));
    loop {
        input.seek(0);
        for batch in input.batches() {
            let keys = Keys::new(&batch, orders)?;
            for i in 0..batch.rows() {
                keys.write(i, &mut key);
                smallest.push(&key, batch.first_row() as u32 + i as u32);
            }
        }
        for row in smallest.rows() {
            kept.push(u64::from(row));
            if kept.len() == KEPT_AT_ONCE {
                output.keep(&kept)?;
                kept.clear();
            }
        }
        if !smallest.go_on() {
            return output.keep(&kept);
        }
    }
}

callboard_sdk::global!(Sort);
