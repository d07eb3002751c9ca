//! Which texts become vectors, and where.

use std::collections::BTreeMap;

use callboard_sdk::prelude::*;
use serde_json::{Map, Value};

/// Which texts become vectors, and where.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The model, by the server's name for it. With `weights` there is no server.
    #[serde(default)]
    pub(crate) model: Option<String>,
    /// A model that works inside the step: an ONNX file that `grant.files` names.
    #[serde(default)]
    pub(crate) weights: Option<String>,
    /// The `tokenizer.json` of that model, which `grant.files` names too; if it is not given, the one beside the weights.
    #[serde(default)]
    pub(crate) tokenizer: Option<String>,
    /// How many numbers a vector has.
    #[schemars(range(min = 1, max = 65536))]
    pub(crate) dimensions: u32,
    /// The column of text.
    #[serde(default = "text")]
    pub(crate) column: String,
    /// The column of vectors.
    #[serde(default = "embedding", rename = "as")]
    pub(crate) name: String,
    /// The server, without the protocol's path: `http://localhost:8080/v1`.
    #[serde(default = "url")]
    pub(crate) url: String,
    /// What stands before each text, such as `query: ` where a model wants that.
    #[serde(default)]
    pub(crate) prefix: String,
    /// Characters of a text behind which it is cut off, the prefix not counted; without it, texts are sent whole.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub(crate) truncate: Option<usize>,
    /// Tokens behind which a text is cut off, for `weights`; if it is not given, what the tokenizer says, or 512.
    #[serde(default)]
    #[schemars(range(min = 3))]
    pub(crate) max_tokens: Option<usize>,
    /// How the vectors of a text's tokens become that of the text, for `weights`.
    #[serde(default)]
    pub(crate) pooling: Pooling,
    /// The most tokens that go through the model at once, for `weights`; a text that is longer goes by itself.
    #[serde(default = "batch_tokens")]
    #[schemars(range(min = 1))]
    pub(crate) batch_tokens: usize,
    /// Whether vectors are made of length 1.
    #[serde(default)]
    pub(crate) normalise: bool,
    /// The most texts of a request.
    #[serde(default = "request_texts")]
    #[schemars(range(min = 1, max = 2048))]
    pub(crate) request_texts: usize,
    /// The most characters of a request; a text that is longer goes by itself.
    #[serde(default = "request_chars")]
    #[schemars(range(min = 1))]
    pub(crate) request_chars: usize,
    /// What else the server is given, as it is: `{ dimensions = 256 }`.
    #[serde(default)]
    pub(crate) parameters: Map<String, Value>,
    /// Headers of each request. Keys belong to `grant.secret`.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
}

/// How the vectors of a text's tokens become that of the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Pooling {
    /// Their mean: MiniLM, E5, GTE.
    #[default]
    Mean,
    /// The first one: BGE, Arctic.
    Cls,
}

fn text() -> String {
    "text".into()
}

fn embedding() -> String {
    "embedding".into()
}

fn url() -> String {
    "https://api.openai.com/v1".into()
}

fn batch_tokens() -> usize {
    2048
}

fn request_texts() -> usize {
    64
}

fn request_chars() -> usize {
    32_000
}

impl Config {
    pub(crate) fn check(&self) -> Result<()> {
        let wrong = |why: &str, at: &str| Err(StepError::config(why)).at(at);
        match () {
            () if self.model.is_none() && self.weights.is_none() => {
                wrong("a server's `model`, or the `weights` of one inside the step, are expected", "/model")
            }
            () if self.model.as_ref().is_some_and(String::is_empty) => wrong("`model` is empty", "/model"),
            () if self.model.is_some() && self.weights.is_some() => {
                wrong("a server has the `model`, or `weights` are granted: one of the two is expected", "/weights")
            }
            () if self.weights.is_none() && self.tokenizer.is_some() => {
                wrong("a `tokenizer` goes with `weights`; a server has its own", "/tokenizer")
            }
            () if self.max_tokens.is_some_and(|most| most < 3) => {
                wrong("a text has at least 3 tokens: one of its own between two that mark its ends", "/max_tokens")
            }
            () if self.batch_tokens == 0 => wrong("at least 1 token goes through the model", "/batch_tokens"),
            () if !(1..=65_536).contains(&self.dimensions) => wrong("a vector has 1 to 65536 numbers", "/dimensions"),
            () if self.name.is_empty() => wrong("a column has no name", "/as"),
            () if self.truncate == Some(0) => wrong("a text keeps at least 1 character", "/truncate"),
            () if !(1..=2048).contains(&self.request_texts) => wrong("a request has 1 to 2048 texts", "/request_texts"),
            () if self.request_chars == 0 => wrong("a request has at least 1 character", "/request_chars"),
            () if self.parameters.contains_key("model") => wrong("`model` is a key of its own", "/parameters/model"),
            () if self.parameters.contains_key("input") => wrong("texts are those of `column`", "/parameters/input"),
            () => callboard_models::check_headers(&self.headers),
        }
    }

    /// A text as it is sent.
    pub(crate) fn prepared(&self, text: &str) -> String {
        let end = self.truncate.and_then(|most| text.char_indices().nth(most)).map_or(text.len(), |(at, _)| at);
        format!("{}{}", self.prefix, &text[..end])
    }
}
