//! Adds vectors of texts: embeddings from a server, or from a model inside the component.
//!
//! 1. `server`: texts are asked about in few requests.
//! 2. `inside`: texts become tokens, and go through a model whose weights are granted files.
#![forbid(unsafe_code)]

mod config;
mod inside;
mod server;
#[cfg(test)]
mod tests;

use std::rc::Rc;

use callboard_models::endpoint;
use callboard_sdk::prelude::*;
use callboard_sdk::{Layout, Type};

pub use config::Config;

/// Adds vectors of texts.
pub struct Embed;

/// Why a text has no vector, and whether the next run should try again.
type Refusal = (bool, String);

/// A vector for each text that has one, or why it has none.
type Vectors = Vec<Option<Result<Vec<f32>, Refusal>>>;

impl Transform for Embed {
    type Config = Config;

    fn bind(config: Config, input: &Schema) -> Result<BoundTransform> {
        let text = input.utf8(&config.column).at("/column")?;
        config.check()?;
        let url = endpoint(&config.url, "/embeddings")?;
        let items = Type::new(Layout::Float32).not_null();
        let vector = Type::new(Layout::Vector(Box::new(items), config.dimensions));
        let shape = Shape::new().reads(&text).writes(Field::new(&config.name, vector));
        let config = Rc::new(config);
        let opened = Rc::clone(&config);
        let open = move || opened.weights.as_ref().map(|weights| inside::Model::open(weights, &opened)).transpose();
        Ok(shape.load(open).process(move |model, batch| {
            let texts: Vec<Option<String>> =
                batch.get(&text)?.iter().map(|text| text.map(|text| config.prepared(text))).collect();
            let vectors = match model {
                None => server::vectors(&config, &url, &texts),
                Some(model) => model.vectors(&texts)?,
            };
            Ok(write(Output::new(), &config, &texts, vectors))
        }))
    }
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
fn write(mut output: Output, config: &Config, texts: &[Option<String>], vectors: Vectors) -> Output {
    let width = config.dimensions as usize;
    let mut items: Vec<f32> = Vec::with_capacity(texts.len() * width);
    let mut present = Vec::with_capacity(texts.len());
    for (row, (text, vector)) in texts.iter().zip(vectors).enumerate() {
        match (text, vector) {
            (_, Some(Ok(vector))) => {
                items.extend(if config.normalise { unit(vector) } else { vector });
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
