//! Adds vectors of texts: embeddings from a server that speaks OpenAI's protocol.
//!
//! 1. `groups`: texts that are asked about in one request.
//! 2. `reply`: the vectors of a reply, checked.
#![forbid(unsafe_code)]

mod config;
mod groups;
mod reply;
#[cfg(test)]
mod tests;

use callboard_models::{endpoint, refusal_of};
use callboard_sdk::http::{self, Request};
use callboard_sdk::prelude::*;
use callboard_sdk::{Layout, Type};
use serde_json::{Map, Value};

pub use config::Config;

/// Adds vectors of texts.
pub struct Embed;

/// Why a text has no vector, and whether the next run should ask again.
type Refusal = (bool, String);

impl Transform for Embed {
    type Config = Config;

    fn bind(config: Config, input: &Schema) -> Result<BoundTransform> {
        let text = input.utf8(&config.column).at("/column")?;
        let url = endpoint(&config.url, "/embeddings")?;
        config.check()?;
        let items = Type::new(Layout::Float32).not_null();
        let vector = Type::new(Layout::Vector(Box::new(items), config.dimensions));
        let shape = Shape::new().reads(&text).writes(Field::new(&config.name, vector));
        Ok(shape.process(move |batch| {
            let texts: Vec<Option<String>> =
                batch.get(&text)?.iter().map(|text| text.map(|text| config.prepared(text))).collect();
            let mut vectors: Vec<Option<Result<Vec<f32>, Refusal>>> = vec![None; texts.len()];
            let groups = groups::of(&texts, config.request_texts, config.request_chars);
            let alone = ask(&config, &url, &texts, groups, &mut vectors);
            // What a server refuses because of one text is asked again one by one.
            ask(&config, &url, &texts, alone, &mut vectors);
            Ok(write(Output::new(), &config, &texts, vectors))
        }))
    }
}

/// Asks about groups of rows, and gives back the rows of those that were refused for good, each by itself.
fn ask(
    config: &Config,
    url: &str,
    texts: &[Option<String>],
    groups: Vec<Vec<usize>>,
    vectors: &mut [Option<Result<Vec<f32>, Refusal>>],
) -> Vec<Vec<usize>> {
    let request = |group: &Vec<usize>| {
        let mut body = Map::new();
        body.insert("model".into(), config.model.clone().into());
        body.insert("input".into(), group.iter().map(|row| Value::from(texts[*row].as_deref())).collect());
        body.extend(config.parameters.clone());
        let request = Request::post(url, &Value::Object(body));
        config.headers.iter().fold(request, |request, (name, value)| request.header(name, value))
    };
    let outcomes = http::all(groups.iter().map(request));
    let mut alone = Vec::new();
    for (group, outcome) in groups.into_iter().zip(outcomes) {
        let outcome = outcome.map_err(|failure| refusal_of(&failure)).and_then(|reply| {
            reply::vectors(&reply, group.len(), config.dimensions as usize).map_err(|why| (false, why))
        });
        match outcome {
            Ok(found) => {
                for (row, vector) in group.into_iter().zip(found) {
                    vectors[row] = Some(Ok(if config.normalise { unit(vector) } else { vector }));
                }
            }
            Err((false, _)) if group.len() > 1 => alone.extend(group.into_iter().map(|row| vec![row])),
            Err(refusal) => group.into_iter().for_each(|row| vectors[row] = Some(Err(refusal.clone()))),
        }
    }
    alone
}

/// A vector of length 1 in the same direction, if it has one.
fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|item| f64::from(*item).powi(2)).sum::<f64>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|item| *item = (f64::from(*item) / length) as f32);
    }
    vector
}

/// Puts out the vectors: null where there is no text.
fn write(
    mut output: Output,
    config: &Config,
    texts: &[Option<String>],
    vectors: Vec<Option<Result<Vec<f32>, Refusal>>>,
) -> Output {
    let width = config.dimensions as usize;
    let mut items: Vec<f32> = Vec::with_capacity(texts.len() * width);
    let mut present = Vec::with_capacity(texts.len());
    for (row, (text, vector)) in texts.iter().zip(vectors).enumerate() {
        match (text, vector) {
            (_, Some(Ok(vector))) => {
                items.extend(vector);
                present.push(true);
            }
            (None, _) => {
                items.resize(items.len() + width, 0.0);
                present.push(false);
            }
            (_, Some(Err((true, why)))) => output.postpone(row, why),
            (_, Some(Err((false, why)))) => output.reject(row, why),
            (Some(_), None) => output.postpone(row, "the host gave no outcome"),
        }
    }
    output.column(ArrayBuf::vectors(config.dimensions, items.into(), &present))
}

callboard_sdk::transform!(Embed);
