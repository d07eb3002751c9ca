//! The schema of JSON Lines, from a sample of their rows and what `types` declares.

use std::path::{Path, PathBuf};

use arrow::datatypes::{DataType, Field, Schema};
use serde_json::Value;

use super::decode;
use crate::columns::Misfit;
use crate::dataset::InputSpec;
use crate::error::IoError;
use crate::text::{Lines, SAMPLE_BYTES, sample_rows};
use crate::types;

pub(super) fn schema(files: &[PathBuf], spec: &InputSpec) -> Result<Schema, IoError> {
    let declared = types::declared(spec)?;
    let mut columns: Vec<(String, Guess)> = Vec::new();
    for file in files {
        sample(file, sample_rows(files.len()), spec, &mut columns).map_err(|error| error.in_file(file))?;
    }
    let mut unseen = declared.clone();
    unseen.retain(|field| !columns.iter().any(|(name, _)| name == field.name()));
    let seen = columns.into_iter().map(|(name, guess)| {
        let declared = declared.iter().find(|field| *field.name() == name);
        declared.cloned().unwrap_or_else(|| Field::new(name, guess.data_type(), true))
    });
    Ok(Schema::new(seen.chain(unseen).collect::<Vec<_>>()))
}

fn sample(file: &Path, rows: usize, spec: &InputSpec, columns: &mut Vec<(String, Guess)>) -> Result<(), IoError> {
    let mut lines = Lines::open(file)?;
    let (mut seen, mut bytes) = (0, 0);
    while seen < rows && bytes < SAMPLE_BYTES {
        let Some((number, line)) = lines.next_line()? else { break };
        if line.trim_ascii().is_empty() {
            continue;
        }
        (seen, bytes) = (seen + 1, bytes + line.len());
        let object = serde_json::from_slice(line).map_err(|error| decode::malformed(line, &error).at_line(number))?;
        let observed = members(columns, object, |name| spec.types.contains_key(name));
        observed.map_err(|misfit| misfit.into_error(spec, "json").at_line(number))?;
    }
    Ok(())
}

/// What the values seen so far have in common.
#[derive(Debug, PartialEq)]
enum Guess {
    Null,
    Bool,
    Int,
    Float,
    Text,
    List(Box<Guess>),
    Struct(Vec<(String, Guess)>),
}

fn members(
    columns: &mut Vec<(String, Guess)>,
    object: serde_json::Map<String, Value>,
    declared: impl Fn(&str) -> bool,
) -> Result<(), Misfit> {
    for (position, (name, value)) in object.into_iter().enumerate() {
        // Objects mostly keep the order of the first.
        let index = match columns.get(position).is_some_and(|(column, _)| *column == name) {
            true => position,
            false => columns.iter().position(|(column, _)| *column == name).unwrap_or_else(|| {
                columns.push((name.clone(), Guess::Null));
                columns.len() - 1
            }),
        };
        if !declared(&name) {
            columns[index].1.observe(value).map_err(|mut misfit| {
                misfit.path.push(name);
                misfit
            })?;
        }
    }
    Ok(())
}

impl Guess {
    fn observe(&mut self, value: Value) -> Result<(), Misfit> {
        match (&mut *self, value) {
            (_, Value::Null) => {}
            (Guess::Null | Guess::List(_), Value::Array(items)) => {
                if *self == Guess::Null {
                    *self = Guess::List(Box::new(Guess::Null));
                }
                let Guess::List(guess) = self else { unreachable!("just made one") };
                items.into_iter().try_for_each(|item| guess.observe(item))?;
            }
            (Guess::Null | Guess::Struct(_), Value::Object(object)) => {
                if *self == Guess::Null {
                    *self = Guess::Struct(Vec::new());
                }
                let Guess::Struct(columns) = self else { unreachable!("just made one") };
                members(columns, object, |_| false)?;
            }
            (guess, value) => {
                let seen = match &value {
                    Value::Bool(_) => Guess::Bool,
                    Value::Number(number) if number.is_f64() => Guess::Float,
                    Value::Number(_) => Guess::Int,
                    Value::String(_) => Guess::Text,
                    Value::Array(_) => Guess::List(Box::new(Guess::Null)),
                    Value::Object(_) => Guess::Struct(Vec::new()),
                    Value::Null => unreachable!("seen above"),
                };
                *guess = match (&*guess, seen) {
                    (Guess::Null, seen) => seen,
                    (Guess::Int, Guess::Float) | (Guess::Float, Guess::Int) => Guess::Float,
                    (guess, seen) if *guess == seen => seen,
                    (guess, seen) => {
                        let message = format!("is {} here and {} in a row before", seen.words(), guess.words());
                        return Err(Misfit::new(message, "json"));
                    }
                };
            }
        }
        Ok(())
    }

    fn words(&self) -> &'static str {
        match self {
            Guess::Null => "null",
            Guess::Bool => "a boolean",
            Guess::Int => "an integer",
            Guess::Float => "a float",
            Guess::Text => "a string",
            Guess::List(_) => "a list",
            Guess::Struct(_) => "an object",
        }
    }

    fn data_type(self) -> DataType {
        match self {
            Guess::Null => DataType::Null,
            Guess::Bool => DataType::Boolean,
            Guess::Int => DataType::Int64,
            Guess::Float => DataType::Float64,
            Guess::Text => DataType::Utf8,
            Guess::List(items) => DataType::List(Field::new_list_field(items.data_type(), true).into()),
            Guess::Struct(columns) => {
                let field = |(name, guess): (String, Guess)| Field::new(name, guess.data_type(), true);
                DataType::Struct(columns.into_iter().map(field).collect())
            }
        }
    }
}
