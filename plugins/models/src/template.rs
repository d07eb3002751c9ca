//! Prompts: templates in the language of Jinja over the columns of a row.

use std::collections::BTreeSet;

use callboard_sdk::{Batch, Result, Schema, StepError};
use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value, escape_formatter};

use crate::value;

/// A template over columns.
///
/// A name is a column. What is not there is an error and not an empty text, and so is a null that would be printed.
pub struct Template {
    environment: Environment<'static>,
    columns: Vec<String>,
}

const NAME: &str = "template";

impl Template {
    /// Parses a template, and finds the columns that it uses.
    ///
    /// # Errors
    /// `config`, with the line: what is no template, a name that is no column (nor one of `more`, which the step sets itself), a
    /// column that has no text.
    pub fn new(source: &str, input: &Schema, more: &[&str]) -> Result<Template> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.add_filter("fromjson", from_json);
        environment.set_formatter(|out, state, value| match value.is_none() {
            true => Err(minijinja::Error::new(
                ErrorKind::InvalidOperation,
                "a null would be printed: write {{ name or '' }}, or ask with {% if name %}",
            )),
            false => escape_formatter(out, state, value),
        });
        environment.add_template_owned(NAME, source.to_owned()).map_err(|error| StepError::config(said(&error)))?;
        let names = environment.get_template(NAME).map_err(|error| StepError::config(said(&error)))?;
        let known: BTreeSet<&str> = environment.globals().map(|(name, _)| name).collect();
        let names: BTreeSet<String> = names.undeclared_variables(false).into_iter().collect();
        let mut columns = Vec::new();
        for name in names {
            if more.contains(&name.as_str()) {
                continue;
            }
            let at = || line_of(source, &name).map_or(String::new(), |line| format!("line {line}: "));
            match input.get(&name) {
                Some(field) => match value::unfit(&field.ty) {
                    Some(why) => return Err(StepError::config(format!("{}column `{name}` {why}", at()))),
                    None => columns.push(name),
                },
                None if known.contains(name.as_str()) => {}
                None => {
                    let error = input.field(&name).expect_err("it is not there");
                    return Err(StepError::config(format!("{}{}", at(), error.message)));
                }
            }
        }
        Ok(Template { environment, columns })
    }

    /// The columns that it uses.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The text for a row.
    ///
    /// # Errors
    /// What went wrong, with the line.
    pub fn render(&self, row: &Row) -> Result<String, String> {
        let template = self.environment.get_template(NAME).map_err(|error| said(&error))?;
        template.render(row.0.clone()).map_err(|error| said(&error))
    }
}

/// The values that templates see of a row.
pub struct Row(Value);

impl Row {
    /// Those of row `i` of a batch, of these columns, with others that a step sets itself.
    ///
    /// # Errors
    /// `failed`, if a column is not in the batch; `input`, if its text is no UTF-8.
    pub fn of(batch: &Batch, i: usize, columns: &BTreeSet<String>, more: Vec<(&str, Value)>) -> Result<Row> {
        let mut values: Vec<(Value, Value)> = Vec::with_capacity(columns.len() + more.len());
        for name in columns {
            values.push((Value::from(name), value::value(batch.array(name)?, i)?));
        }
        values.extend(more.into_iter().map(|(name, value)| (Value::from(name), value)));
        Ok(Row(Value::from_pairs(values)))
    }
}

/// JSON text as a value.
fn from_json(text: &str) -> Result<Value, minijinja::Error> {
    let value: serde_json::Value = serde_json::from_str(text)
        .map_err(|error| minijinja::Error::new(ErrorKind::InvalidOperation, format!("no JSON: {error}")))?;
    Ok(of_json(&value))
}

fn of_json(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::from(()),
        serde_json::Value::Bool(value) => Value::from(*value),
        serde_json::Value::Number(value) => match (value.as_i64(), value.as_u64()) {
            (Some(value), _) => Value::from(value),
            (None, Some(value)) => Value::from(value),
            (None, None) => Value::from(value.as_f64().unwrap_or(f64::NAN)),
        },
        serde_json::Value::String(value) => Value::from(value),
        serde_json::Value::Array(values) => Value::from(values.iter().map(of_json).collect::<Vec<_>>()),
        serde_json::Value::Object(members) => {
            Value::from_pairs(members.iter().map(|(name, value)| (Value::from(name), of_json(value))))
        }
    }
}

/// An error in words, with its line.
fn said(error: &minijinja::Error) -> String {
    let line = error.line().map_or(String::new(), |line| format!("line {line}: "));
    let what = match (error.kind(), error.detail()) {
        (ErrorKind::UndefinedError, None) => "a value that is used is not there".to_owned(),
        (ErrorKind::SyntaxError | ErrorKind::InvalidOperation, Some(detail)) => detail.to_owned(),
        (kind, Some(detail)) => format!("{kind}: {detail}"),
        (kind, None) => kind.to_string(),
    };
    format!("{line}{what}")
}

/// The line of the template that has this name as a word first.
fn line_of(source: &str, name: &str) -> Option<usize> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let has = |line: &str| line.split(|c: char| !is_part(c)).any(|word| word == name);
    source.lines().position(has).map(|line| line + 1)
}
