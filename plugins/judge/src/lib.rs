//! Has a model judge texts: a rubric is rendered with them, and the judgement, whose form a JSON Schema says, becomes columns.
//!
//! 1. `rubric`: the files of `rubrics/`, and the form of a judgement.
//! 2. `texts`: what is judged of a row.
#![forbid(unsafe_code)]

mod config;
mod rubric;
#[cfg(test)]
mod tests;
mod texts;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use callboard_models::{Ask, Message, Role, Row, Server, Structure, Template, ask_all, column};
use callboard_sdk::prelude::*;
use callboard_sdk::{Layout, Type};
use serde_json::Value;

pub use config::Config;
use rubric::{Judges, Rubric};
use texts::Texts;

/// Has a model judge texts.
pub struct Judge;

impl Transform for Judge {
    type Config = Config;

    fn bind(config: Config, input: &Schema) -> Result<BoundTransform> {
        if config.repairs > 10 {
            return Err(StepError::config(format!("`repairs` is at most 10, found {}", config.repairs))).at("/repairs");
        }
        let server = Server::new(config.options())?;
        let rubric = Rubric::named(&config.rubric).at("/rubric")?;
        let texts = Texts::new(&config, rubric.judges, input)?;
        let source = config.prompt.as_deref().unwrap_or(rubric.prompt);
        let prompt = Template::new(source, input, &texts::NAMES).at("/prompt")?;
        let system =
            config.system.as_ref().map(|source| Template::new(source, input, &[]).at("/system")).transpose()?;
        let templates = [Some(&prompt), system.as_ref()];
        let names: BTreeSet<String> =
            templates.into_iter().flatten().flat_map(|template| template.columns().to_vec()).collect();
        let fields = fields(rubric.judges);
        let shape =
            Shape::new().reads_all(texts.columns()).reads_all(names.iter().map(String::as_str)).writes_all(&fields);
        // The form of a judgement depends on how many texts there are.
        let mut forms: BTreeMap<usize, Rc<Structure>> = BTreeMap::new();
        Ok(shape.process(move |batch| {
            let mut output = Output::new();
            let (mut asks, mut asked) = (Vec::new(), Vec::new());
            for row in 0..batch.rows() {
                let judged = match texts.of(&batch, row)? {
                    Ok(judged) => judged,
                    Err(why) => {
                        output.reject(row, why);
                        continue;
                    }
                };
                let values = Row::of(&batch, row, &names, judged.values())?;
                let mut messages = Vec::new();
                let rendered = system.iter().map(|system| (Role::System, system)).chain([(Role::User, &prompt)]);
                let rendered = rendered.map(|(role, template)| Ok(Message::text(role, template.render(&values)?)));
                match rendered.collect::<Result<Vec<_>, String>>() {
                    Ok(rendered) => messages.extend(rendered),
                    Err(why) => {
                        output.reject(row, format!("the prompt, {why}"));
                        continue;
                    }
                }
                let form = match forms.get(&judged.texts.len()) {
                    Some(form) => form.clone(),
                    None => {
                        let form = Rc::new(Structure::new(rubric.schema(judged.texts.len()), "")?);
                        forms.insert(judged.texts.len(), form.clone());
                        form
                    }
                };
                asks.push(Ask { messages, sample: 0, structure: Some(form) });
                asked.push((row, judged));
            }
            let mut rows = Vec::with_capacity(asked.len());
            for ((row, judged), answer) in asked.into_iter().zip(ask_all(&server, config.repairs, asks)) {
                match answer {
                    Ok(answer) => rows.push(judgement(rubric.judges, answer, judged.places)),
                    Err(refusal) if refusal.passing => output.postpone(row, refusal.reason),
                    Err(refusal) => output.reject(row, refusal.reason),
                }
            }
            for (at, field) in fields.iter().enumerate() {
                let values: Vec<Option<&Value>> = rows.iter().map(|row| Some(&row[at])).collect();
                output = output.column(column(&values, &field.ty)?);
            }
            Ok(output)
        }))
    }
}

/// The columns that are written.
fn fields(judges: Judges) -> [Field; 3] {
    let judge = Field::utf8("judge");
    match judges {
        Judges::Responses | Judges::Instructions => {
            let lists = |layout| Type::list(Type::new(layout));
            [Field::new("ratings", lists(Layout::Int64)), Field::new("rationales", lists(Layout::Utf8)), judge]
        }
        Judges::Response => [Field::int64("rating"), Field::utf8("rationale"), judge],
        Judges::Pair => [Field::int64("preferred"), Field::utf8("rationale"), judge],
    }
}

/// The values of those columns. A text that was not there has no rating, in its place.
fn judgement(judges: Judges, answer: callboard_models::Answer, places: Vec<Option<usize>>) -> [Value; 3] {
    let judge = answer.said.model.map_or(Value::Null, Value::from);
    let value = answer.value.unwrap_or_default();
    match judges {
        Judges::Response => [value["rating"].clone(), value["reason"].clone(), judge],
        Judges::Pair => [Value::from(i64::from(value["better"] == "B")), value["reason"].clone(), judge],
        Judges::Responses | Judges::Instructions => {
            let all = |key: &str| {
                places
                    .iter()
                    .map(|place| place.map_or(Value::Null, |place| value["ratings"][place][key].clone()))
                    .collect()
            };
            [all("rating"), all("reason"), judge]
        }
    }
}

callboard_sdk::transform!(Judge);
