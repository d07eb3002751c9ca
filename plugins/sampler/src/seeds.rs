//! Columns of a file of seed rows.

use std::ops::Range;

use callboard_sdk::builders::{Builder, Push, StringBuilder};
use callboard_sdk::prelude::*;
use serde_json::{Map, Value};

use crate::chance::Chance;
use crate::config::{Config, Order, SeedRows};

/// Seed rows that are not read yet.
pub(crate) struct Seeds {
    path: String,
    names: Vec<String>,
    order: Order,
    chance: Chance,
}

/// Seed rows in memory.
pub(crate) struct Loaded {
    /// The columns' values, each column by itself.
    columns: Vec<Vec<Option<String>>>,
    rows: u64,
    order: Order,
    chance: Chance,
}

impl Seeds {
    pub(crate) fn new(rows: &SeedRows, config: &Config) -> Result<Seeds> {
        let SeedRows { path, columns, order } = rows;
        if columns.is_empty() {
            return Err(StepError::config("no column of the file is named")).at("/seed_rows/columns");
        }
        for (i, name) in columns.iter().enumerate() {
            if name.is_empty() || config.columns.contains_key(name) || columns[..i].contains(name) {
                let why = format!("`{name}` is a column twice, or has no name");
                return Err(StepError::config(why)).at(format!("/seed_rows/columns/{i}"));
            }
        }
        let chance = Chance::of(path, config.seed);
        Ok(Seeds { path: path.clone(), names: columns.clone(), order: *order, chance })
    }

    pub(crate) fn fields(&self) -> Vec<Field> {
        self.names.iter().map(Field::utf8).collect()
    }

    pub(crate) fn load(self) -> Result<Loaded> {
        let bytes = callboard_granted::read(&self.path).at("/seed_rows/path")?;
        let mut columns: Vec<Vec<Option<String>>> = vec![vec![]; self.names.len()];
        let mut rows = 0;
        for (i, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let row: Map<String, Value> = serde_json::from_slice(line)
                .map_err(|error| {
                    StepError::config(format!("{}:{}: a seed row is an object: {error}", self.path, i + 1))
                })
                .at("/seed_rows/path")?;
            for (name, column) in self.names.iter().zip(&mut columns) {
                column.push(match row.get(name) {
                    None | Some(Value::Null) => None,
                    Some(Value::String(text)) => Some(text.clone()),
                    Some(other) => Some(other.to_string()),
                });
            }
            rows += 1;
        }
        let all_null = |column: &Vec<Option<String>>| column.iter().all(Option::is_none);
        match columns.iter().position(all_null) {
            _ if rows == 0 => Err(StepError::config(format!("{} has no rows", self.path))).at("/seed_rows/path"),
            Some(at) => {
                let why = format!("no row of {} has `{}`", self.path, self.names[at]);
                Err(StepError::config(why)).at(format!("/seed_rows/columns/{at}"))
            }
            None => Ok(Loaded { columns, rows, order: self.order, chance: self.chance }),
        }
    }
}

impl Loaded {
    pub(crate) fn columns(&self, rows: Range<u64>) -> Vec<ArrayBuf> {
        let seed = |row: u64| match self.order {
            Order::InTurn => row % self.rows,
            Order::Random => self.chance.below(row, 0, u128::from(self.rows)) as u64,
        };
        let column = |column: &Vec<Option<String>>| {
            let mut texts = StringBuilder::with_capacity(rows.clone().count());
            rows.clone().for_each(|row| texts.push_option(column[seed(row) as usize].as_deref()));
            texts.finish()
        };
        self.columns.iter().map(column).collect()
    }
}
