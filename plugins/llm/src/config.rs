//! How a model is asked.

use std::collections::BTreeMap;

use callboard_models::{Api, Options};
use callboard_sdk::prelude::*;
use serde_json::{Map, Value};

/// What a model is asked, and where it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The model, by the server's name for it.
    pub(crate) model: String,
    /// What is asked: a template over columns, such as `Summarise: {{ text }}`. Behind the conversation of `messages`, if there is one.
    #[serde(default)]
    pub(crate) prompt: Option<String>,
    /// What the model is to be: a template over columns.
    #[serde(default)]
    pub(crate) system: Option<String>,
    /// A column of messages, each with a `role` (`system`, `user`, `assistant`) and `content`: lists of structs, or JSON text.
    #[serde(default)]
    pub(crate) messages: Option<String>,
    /// Columns of images, or of lists of them, shown with the last question: URLs, or bytes of PNG, JPEG, GIF or WebP.
    #[serde(default)]
    pub(crate) images: Vec<String>,
    /// The protocol that the server speaks.
    #[serde(default)]
    pub(crate) api: Api,
    /// The server, without the protocol's path: `http://localhost:8080/v1`. By default the one whose protocol it is.
    #[serde(default)]
    pub(crate) url: Option<String>,
    /// How much chance there is in a reply: 0 to 2.
    #[serde(default)]
    pub(crate) temperature: Option<f64>,
    /// The share of likely tokens that a reply is drawn from: 0 to 1.
    #[serde(default)]
    pub(crate) top_p: Option<f64>,
    /// The most tokens of a reply; `anthropic` wants a limit, which is 1024 by default.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub(crate) max_tokens: Option<u64>,
    /// Makes replies the same again where a server can (`openai-chat`); further `samples` count up from it.
    #[serde(default)]
    pub(crate) seed: Option<i64>,
    /// What else the server is given, as it is: `{ reasoning_effort = "low", stop = ["###"] }`.
    #[serde(default)]
    pub(crate) parameters: Map<String, Value>,
    /// Headers of each request. Keys belong to `grant.secret`.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    /// A JSON Schema of an object that each reply has to fit. Its properties become columns.
    #[serde(default)]
    pub(crate) schema: Option<Map<String, Value>>,
    /// How often a model is shown what does not fit in its reply, and asked again.
    #[serde(default = "repairs")]
    #[schemars(range(max = 10))]
    pub(crate) repairs: u32,
    /// Replies for each row; with more than one, all columns are lists.
    #[serde(default = "samples")]
    #[schemars(range(min = 1, max = 100))]
    pub(crate) samples: u32,
    /// The column of the reply, and what the columns beside it begin with: `reply_model`, `reply_finish`, `reply_input_tokens`,
    /// `reply_output_tokens`.
    #[serde(default = "reply", rename = "as")]
    pub(crate) name: String,
}

fn repairs() -> u32 {
    2
}

fn samples() -> u32 {
    1
}

fn reply() -> String {
    "reply".into()
}

impl Config {
    pub(crate) fn options(&self) -> Options {
        Options {
            api: self.api,
            url: self.url.clone(),
            model: self.model.clone(),
            temperature: self.temperature,
            top_p: self.top_p,
            max_tokens: self.max_tokens,
            seed: self.seed,
            parameters: self.parameters.clone(),
            headers: self.headers.clone(),
        }
    }
}
