//! What is judged, by which rubric, and who judges.

use std::collections::BTreeMap;

use callboard_models::{Api, Options};
use callboard_sdk::prelude::*;
use serde_json::{Map, Value};

/// What is judged, by which rubric, and who judges.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The model, by the server's name for it.
    pub(crate) model: String,
    /// `helpfulness`, `honesty`, `instruction-following`, `truthfulness` and `overall` (UltraFeedback), `complexity` and `quality` (DEITA), `absolute` and `relative` (Prometheus).
    pub(crate) rubric: String,
    /// What is graded by, for `absolute` and `relative`: what each grade means, say.
    #[serde(default)]
    pub(crate) criteria: Option<String>,
    /// Another prompt for the rubric: a template over `instruction`, `texts` (or `text`), `criteria`, `reference` and columns.
    #[serde(default)]
    pub(crate) prompt: Option<String>,
    /// What the model is to be: a template over columns.
    #[serde(default)]
    pub(crate) system: Option<String>,
    /// The column of what was asked.
    #[serde(default = "instruction")]
    pub(crate) instruction: String,
    /// The column of the text that is judged (`absolute`), or of a list of them (all others).
    #[serde(default)]
    pub(crate) texts: Option<String>,
    /// A column of very good answers, for `absolute` and `relative`.
    #[serde(default)]
    pub(crate) reference: Option<String>,
    /// The protocol that the server speaks.
    #[serde(default)]
    pub(crate) api: Api,
    /// The server, without the protocol's path: `http://localhost:8080/v1`. By default the one whose protocol it is.
    #[serde(default)]
    pub(crate) url: Option<String>,
    /// How much chance there is in a judgement: 0 to 2.
    #[serde(default)]
    pub(crate) temperature: Option<f64>,
    /// The share of likely tokens that a judgement is drawn from: 0 to 1.
    #[serde(default)]
    pub(crate) top_p: Option<f64>,
    /// The most tokens of a judgement; `anthropic` wants a limit, which is 1024 by default.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub(crate) max_tokens: Option<u64>,
    /// Makes judgements the same again where a server can (`openai-chat`).
    #[serde(default)]
    pub(crate) seed: Option<i64>,
    /// What else the server is given, as it is.
    #[serde(default)]
    pub(crate) parameters: Map<String, Value>,
    /// Headers of each request. Keys belong to `grant.secret`.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    /// How often a model is shown what is wrong with the form of its judgement, and asked again.
    #[serde(default = "repairs")]
    #[schemars(range(max = 10))]
    pub(crate) repairs: u32,
}

fn instruction() -> String {
    "instruction".into()
}

fn repairs() -> u32 {
    2
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
