//! Values as a person reads them in a message: short.

use callboard_sdk::{Batch, Result};

use crate::calendar;
use crate::expression::Expression;
use crate::reader::Reader;
use crate::value::Value;

/// How many characters of a text are shown.
const SHORT: usize = 40;

impl Expression {
    /// The columns that it reads, as they are in a row: `n = 3, text = "…"`.
    ///
    /// # Errors
    /// `input`, if text is not UTF-8.
    pub fn show(&self, batch: &Batch, row: usize) -> Result<String> {
        let shown = self.columns().iter().map(|column| {
            let values = Reader::new(batch.get(column)?)?;
            Ok(format!("{} = {}", column.name(), show(&values.value(row))))
        });
        Ok(shown.collect::<Result<Vec<_>>>()?.join(", "))
    }
}

fn show(value: &Value<'_>) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::Decimal(value) => value.to_string(),
        Value::Text(text) => match text.char_indices().nth(SHORT) {
            Some((end, _)) => format!("{:?}…", &text[..end]),
            None => format!("{text:?}"),
        },
        Value::Bytes(bytes) => format!("{} bytes", bytes.len()),
        Value::Date(date) => calendar::show_date(*date),
        Value::Time(time) => calendar::show_time(*time),
        Value::Timestamp(at) => calendar::show_timestamp(*at),
        Value::Duration(duration) => calendar::show_duration(*duration),
        Value::List(list) => format!("a list of {}", list.len()),
        Value::Map(map) => format!("a map of {}", map.len()),
        Value::Struct(_) => "a struct".to_owned(),
        Value::Json(_) => "JSON".to_owned(),
        Value::Opaque => "an interval".to_owned(),
    }
}
