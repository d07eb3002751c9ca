//! Labels of texts by a fastText model, which is a granted file.
#![forbid(unsafe_code)]

#[cfg(test)]
mod tests;

use std::rc::Rc;

use callboard_sdk::prelude::*;
use callboard_sdk::{Layout, Type};
use fasttext_pure_rs::{Error, FastText};

/// What fastText puts before each label.
const PREFIX: &str = "__label__";

/// Which texts are given labels, and by which model.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The model that `grant.files` names: a `.bin` or `.ftz` of fastText.
    model: String,
    /// The text column.
    #[serde(default = "text")]
    column: String,
    /// The column of labels; scores are in the column of this name with `_score` behind it.
    #[serde(default = "label", rename = "as")]
    name: String,
    /// How many labels a text has: with more than one, both columns are lists, the likeliest label first.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1000))]
    labels: u32,
    /// The score from which a label counts, 0 to 1.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1))]
    threshold: f32,
}

fn text() -> String {
    "text".into()
}

fn label() -> String {
    "label".into()
}

fn one() -> u32 {
    1
}

/// Adds labels of texts.
pub struct Labels;

impl Transform for Labels {
    type Config = Config;

    fn bind(config: Config, input: &Schema) -> Result<BoundTransform> {
        let text = input.utf8(&config.column).at("/column")?;
        config.check()?;
        let many = config.labels > 1;
        let field = |name: String, layout| {
            let ty = Type::new(layout);
            Field::new(name, if many { Type::new(Layout::List(Box::new(ty.not_null()))) } else { ty })
        };
        let shape = Shape::new()
            .reads(&text)
            .writes(field(config.name.clone(), Layout::Utf8))
            .writes(field(format!("{}_score", config.name), Layout::Float64));
        let config = Rc::new(config);
        let opened = Rc::clone(&config);
        Ok(shape.load(move || opened.open()).process(move |model, batch| {
            let texts = batch.get(&text)?;
            let found = texts.iter().map(|text| text.map(|text| config.labels_of(model, text)).transpose());
            let found: Vec<Option<Found>> = found.collect::<Result<_>>()?;
            let (labels, scores) = if many { lists(found) } else { singles(found) };
            Ok(Output::new().column(labels).column(scores))
        }))
    }
}

/// Labels and their scores, the likeliest first.
type Found = Vec<(String, f64)>;

impl Config {
    fn check(&self) -> Result<()> {
        let wrong = |why: &str, at: &str| Err(StepError::config(why)).at(at);
        match () {
            () if self.name.is_empty() => wrong("a column has no name", "/as"),
            () if !(1..=1000).contains(&self.labels) => wrong("a text has 1 to 1000 labels", "/labels"),
            () if !(0.0..=1.0).contains(&self.threshold) => wrong("a score is from 0 to 1", "/threshold"),
            () => Ok(()),
        }
    }

    fn open(&self) -> Result<FastText> {
        let bytes = callboard_granted::read(&self.model).at("/model")?;
        let wrong = |error: Error| StepError::config(format!("it is not a model of fastText: {error}"));
        FastText::load_from_reader(&*bytes).map_err(wrong).at("/model")
    }

    fn labels_of(&self, model: &FastText, text: &str) -> Result<Found> {
        match model.predict(text, self.labels as usize, self.threshold) {
            // The scores of hierarchical models exceed 1 by what keeps their logarithms finite.
            Ok(found) => Ok(found
                .into_iter()
                .map(|found| (name_of(found.label), f64::from(found.probability).min(1.0)))
                .collect()),
            // Nothing in the text is known to the model.
            Err(Error::EmptyInput) => Ok(vec![]),
            Err(error) => Err(StepError::failed(format!("the model failed: {error}"))),
        }
    }
}

fn name_of(label: String) -> String {
    match label.strip_prefix(PREFIX) {
        Some(name) => name.to_owned(),
        None => label,
    }
}

fn singles(found: Vec<Option<Found>>) -> (ArrayBuf, ArrayBuf) {
    let (mut labels, mut scores) = (StringBuilder::with_capacity(found.len()), NumberBuilder::<f64>::new());
    for found in found {
        let first = found.and_then(|found| found.into_iter().next());
        labels.push_option(first.as_ref().map(|(label, _)| label.as_str()));
        scores.push_option(first.map(|(_, score)| score));
    }
    (labels.finish(), scores.finish())
}

fn lists(found: Vec<Option<Found>>) -> (ArrayBuf, ArrayBuf) {
    let mut labels: ListBuilder<StringBuilder> = ListBuilder::with_capacity(found.len());
    let mut scores: ListBuilder<NumberBuilder<f64>> = ListBuilder::with_capacity(found.len());
    for found in found {
        let Some(found) = found else {
            labels.push_null();
            scores.push_null();
            continue;
        };
        for (label, score) in found {
            labels.items.push(&label);
            scores.items.push(score);
        }
        labels.close();
        scores.close();
    }
    (labels.finish(), scores.finish())
}

callboard_sdk::transform!(Labels);
