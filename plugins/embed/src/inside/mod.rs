//! Vectors from a model inside the component: ONNX, carried out by rten.
//!
//! Only texts with equally many tokens go through it together: nothing is padded, and a text's vector does not depend on the texts
//! beside it. Through a model that finds the scale of its integers in what it is given, each goes by itself.

mod operators;
#[cfg(test)]
mod tests;
mod tokens;

use std::collections::BTreeMap;

use callboard_sdk::prelude::*;
use rten::{ModelOptions, NodeId, Value, ValueOrView};
use rten_tensor::AsView;
use rten_tensor::{Layout, NdTensor, Tensor};

use crate::Vectors;
use crate::config::{Config, Pooling};
use tokens::Tokens;

/// A model and its tokenizer.
pub(crate) struct Model {
    tokens: Tokens,
    model: rten::Model,
    inputs: Vec<(NodeId, Input)>,
    output: NodeId,
    width: usize,
    pooling: Pooling,
    /// The most tokens at once.
    batch_tokens: usize,
}

/// The operator of models that find the scale of their integers in all that they are given at once.
const DYNAMIC: &[u8] = b"DynamicQuantizeLinear";

/// What a model is given of each token.
#[derive(Clone, Copy)]
enum Input {
    Ids,
    /// 1: it belongs to the text.
    Mask,
    /// 0: it belongs to the first text, and there is no second.
    Types,
}

impl Model {
    /// Opens granted weights, and the tokenizer beside them.
    pub(crate) fn open(weights: &str, config: &Config) -> Result<Model> {
        let beside = || match weights.rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/tokenizer.json"),
            None => "tokenizer.json".to_owned(),
        };
        let tokenizer = config.tokenizer.clone().unwrap_or_else(beside);
        let json = callboard_granted::read(&tokenizer).at("/tokenizer")?;
        let tokens = Tokens::new(&json, config.max_tokens).at("/tokenizer")?;
        let bytes = callboard_granted::read(weights).at("/weights")?;
        Model::of(bytes, tokens, config).at("/weights")
    }

    fn of(bytes: Vec<u8>, tokens: Tokens, config: &Config) -> Result<Model> {
        let wrong = |why: String| StepError::config(format!("it is not a model that can be used: {why}"));
        let by_itself = memchr::memmem::find(&bytes, DYNAMIC).is_some();
        let mut options = ModelOptions::with_ops(operators::encoders());
        // A text by itself, and a short one, would spend most of its time on that.
        options.prepack_weights(true);
        let model = options.load(bytes).map_err(|error| wrong(error.to_string()))?;
        let name = |id: &NodeId| model.node_info(*id).and_then(|node| node.name()).unwrap_or_default().to_owned();
        let input = |id: &NodeId| match &*name(id) {
            "input_ids" => Ok((*id, Input::Ids)),
            "attention_mask" => Ok((*id, Input::Mask)),
            "token_type_ids" => Ok((*id, Input::Types)),
            other => Err(wrong(format!("it has an input `{other}`, and those of a BERT are expected"))),
        };
        let inputs = model.input_ids().iter().map(input).collect::<Result<_>>()?;
        // The vector of the text itself, where the model has one.
        let outputs = model.output_ids();
        let whole = outputs.iter().find(|id| name(id) == "sentence_embedding");
        let output = *whole.or(outputs.first()).ok_or_else(|| wrong("it has no output".into()))?;
        let Config { dimensions, pooling, batch_tokens, .. } = *config;
        let batch_tokens = if by_itself { 1 } else { batch_tokens };
        Ok(Model { tokens, inputs, output, model, width: dimensions as usize, pooling, batch_tokens })
    }

    /// The vectors of these texts.
    pub(crate) fn vectors(&self, texts: &[Option<String>]) -> Result<Vectors> {
        let mut vectors: Vectors = vec![None; texts.len()];
        let mut by_length: BTreeMap<usize, Vec<(usize, Vec<i32>)>> = BTreeMap::new();
        let mut tokens = 0;
        for (row, text) in texts.iter().enumerate() {
            let Some(text) = text else { continue };
            let ids = self.tokens.of(text);
            tokens += ids.len() as i64;
            by_length.entry(ids.len()).or_default().push((row, ids));
        }
        count("tokens", tokens);
        for (length, rows) in by_length {
            for rows in rows.chunks((self.batch_tokens / length).max(1)) {
                let ids: Vec<i32> = rows.iter().flat_map(|(_, ids)| ids).copied().collect();
                let found = self.run([rows.len(), length], &ids)?;
                for ((row, _), vector) in rows.iter().zip(found) {
                    vectors[*row] = Some(if vector.iter().all(|item| item.is_finite()) {
                        Ok(vector)
                    } else {
                        Err((false, "the model gave a number that is not finite".into()))
                    });
                }
            }
        }
        Ok(vectors)
    }

    /// The vectors of texts with equally many tokens.
    fn run(&self, shape: [usize; 2], ids: &[i32]) -> Result<Vec<Vec<f32>>> {
        let failed = |why: String| StepError::failed(format!("the model failed: {why}"));
        let input = |kind: Input| match kind {
            Input::Ids => NdTensor::from_data(shape, ids.to_vec()),
            Input::Mask => NdTensor::full(shape, 1),
            Input::Types => NdTensor::full(shape, 0),
        };
        let inputs = self.inputs.iter().map(|(id, kind)| (*id, ValueOrView::from(Value::from(input(*kind))))).collect();
        let outputs = self.model.run(inputs, &[self.output], None).map_err(|error| failed(error.to_string()))?;
        let output = outputs.into_iter().next().and_then(|output| output.into_tensor::<f32>());
        let output: Tensor<f32> = output.ok_or_else(|| failed("its output is not float32".into()))?;
        let [texts, tokens] = shape;
        let dimensions = output.shape().to_vec();
        let width = |found: usize| match found == self.width {
            true => Ok(()),
            false => {
                let message = format!("the model's vectors have {found} numbers, and `dimensions` says {}", self.width);
                Err(StepError::config(message).at("/dimensions"))
            }
        };
        let items = output.to_vec();
        match dimensions[..] {
            [of, found] if of == texts => {
                width(found)?;
                Ok(items.chunks(self.width).map(<[f32]>::to_vec).collect())
            }
            [of, each, found] if (of, each) == (texts, tokens) => {
                width(found)?;
                Ok(items.chunks(self.width * tokens).map(|text| self.pooled(text)).collect())
            }
            _ => {
                Err(failed(format!("its output is of the shape {dimensions:?}, for {texts} texts of {tokens} tokens")))
            }
        }
    }

    /// The vector of a text, from those of its tokens.
    fn pooled(&self, tokens: &[f32]) -> Vec<f32> {
        match self.pooling {
            Pooling::Cls => tokens[..self.width].to_vec(),
            Pooling::Mean => {
                let mut sums = vec![0f64; self.width];
                for token in tokens.chunks(self.width) {
                    sums.iter_mut().zip(token).for_each(|(sum, item)| *sum += f64::from(*item));
                }
                let count = (tokens.len() / self.width) as f64;
                sums.into_iter().map(|sum| (sum / count) as f32).collect()
            }
        }
    }
}
