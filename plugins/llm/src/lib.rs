//! Asks a model about each row: a prompt is rendered, sent with those of all rows of the batch, and the reply becomes columns.
#![forbid(unsafe_code)]

mod config;
mod question;
#[cfg(test)]
mod tests;

use std::rc::Rc;

use callboard_models::{Answer, Ask, Server, Structure, ask_all, column};
use callboard_sdk::Type;
use callboard_sdk::prelude::*;
use serde_json::Value;

pub use config::Config;
use question::Question;

/// Asks a model about each row.
pub struct Llm;

impl Transform for Llm {
    type Config = Config;

    fn bind(config: Config, input: &Schema) -> Result<BoundTransform> {
        if config.samples == 0 || config.samples > 100 {
            return Err(StepError::config(format!("`samples` is 1 to 100, found {}", config.samples))).at("/samples");
        }
        if config.repairs > 10 {
            return Err(StepError::config(format!("`repairs` is at most 10, found {}", config.repairs))).at("/repairs");
        }
        let server = Server::new(config.options())?;
        let structure = match &config.schema {
            Some(schema) => Some(Rc::new(Structure::new(Value::Object(schema.clone()), "/schema")?)),
            None => None,
        };
        let question = Question::new(&config, input)?;
        let fields = fields(&config, structure.as_deref())?;
        let shape = Shape::new().reads_all(question.columns()).writes_all(&fields);
        Ok(shape.process(move |batch| {
            let mut output = Output::new();
            let mut asks = Vec::new();
            let mut asked = Vec::new();
            for row in 0..batch.rows() {
                match question.of(&batch, row)? {
                    Ok(messages) => {
                        asked.push(row);
                        let ask = |sample| Ask { messages: messages.clone(), sample, structure: structure.clone() };
                        asks.extend((0..config.samples).map(ask));
                    }
                    Err(why) => output.reject(row, why),
                }
            }
            let mut answers = ask_all(&server, config.repairs, asks).into_iter();
            let mut kept: Vec<Vec<Answer>> = Vec::with_capacity(asked.len());
            for row in asked {
                let samples: Vec<_> = answers.by_ref().take(config.samples as usize).collect();
                // What passes is what decides: the replies that came are known to the next run.
                let worst =
                    samples.iter().filter_map(|answer| answer.as_ref().err()).max_by_key(|refusal| refusal.passing);
                match worst {
                    None => kept.push(samples.into_iter().filter_map(Result::ok).collect()),
                    Some(refusal) if refusal.passing => output.postpone(row, &refusal.reason),
                    Some(refusal) => output.reject(row, &refusal.reason),
                }
            }
            write(output, &fields, &kept, config.samples > 1)
        }))
    }
}

/// The columns that are written: the reply, its fields, and what is known of it.
fn fields(config: &Config, structure: Option<&Structure>) -> Result<Vec<Field>> {
    if config.name.is_empty() {
        return Err(StepError::config("a column has no name")).at("/as");
    }
    let about = |what: &str| format!("{}_{what}", config.name);
    let mut fields = vec![Field::utf8(&config.name)];
    fields.extend(structure.map_or(&[][..], Structure::fields).iter().cloned());
    fields.extend([
        Field::utf8(about("model")),
        Field::utf8(about("finish")),
        Field::int64(about("input_tokens")),
        Field::int64(about("output_tokens")),
    ]);
    if let Some(twice) =
        fields.iter().enumerate().find(|(i, field)| fields[..*i].iter().any(|other| other.name == field.name))
    {
        let name = &twice.1.name;
        let why = format!(
            "two columns would be called `{name}`: a property of the schema, and one of the reply's own; rename these with `as`"
        );
        return Err(StepError::config(why)).at("/as");
    }
    if config.samples > 1 {
        for field in &mut fields {
            field.ty = Type::list(field.ty.clone());
        }
    }
    Ok(fields)
}

/// Puts out the columns of the rows that were answered.
fn write(mut output: Output, fields: &[Field], rows: &[Vec<Answer>], lists: bool) -> Result<Output> {
    let count = |tokens: Option<i64>| tokens.map_or(Value::Null, Value::from);
    let text = |text: &Option<String>| text.clone().map_or(Value::Null, Value::from);
    let last = fields.len() - 4;
    for (at, field) in fields.iter().enumerate() {
        let one = |answer: &Answer| match at {
            0 => answer.said.text.clone().into(),
            at if at == last => text(&answer.said.model),
            at if at == last + 1 => text(&answer.said.finish),
            at if at == last + 2 => count(answer.said.input_tokens),
            at if at == last + 3 => count(answer.said.output_tokens),
            _ => answer.value.as_ref().and_then(|value| value.get(&field.name)).cloned().unwrap_or(Value::Null),
        };
        let values: Vec<Value> = rows
            .iter()
            .map(|samples| match lists {
                true => samples.iter().map(one).collect(),
                false => samples.first().map_or(Value::Null, one),
            })
            .collect();
        output = output.column(column(&values.iter().map(Some).collect::<Vec<_>>(), &field.ty)?);
    }
    Ok(output)
}

callboard_sdk::transform!(Llm);
