//! Limits of requests to a server, as the schema has them.

use schemars::JsonSchema;
use serde::Deserialize;

use super::values::{Count, OrParam, Retries};

/// What requests to a server may take together.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CallLimits {
    /// Requests in flight; 64 by default.
    #[serde(default)]
    #[schemars(with = "OrParam<Count>")]
    at_once: Option<u64>,
    /// Requests over a time, such as "500/min"; `s`, `min`, `h` or `day`.
    #[serde(default)]
    #[schemars(with = "String")]
    rate: Option<String>,
    /// Tokens over a time, such as "200k/min": reserved before a request is sent, settled by its reply.
    #[serde(default)]
    #[schemars(with = "String")]
    tokens: Option<String>,
    /// Repetitions of a request that failed for a passing reason: 408, 429, 5xx, a connection that broke off; 4 by default.
    #[serde(default)]
    #[schemars(with = "OrParam<Retries>")]
    retry: Option<u64>,
    /// Where a reply has its numbers of tokens, if not where OpenAI or Anthropic have them.
    #[serde(default)]
    #[schemars(with = "Usage")]
    usage: Option<Usage>,
    /// What tokens cost.
    #[serde(default)]
    #[schemars(with = "Price")]
    price: Option<Price>,
    /// The most that a run may cost, such as 20 or "0.50", in the unit of `price`: it stops before it exceeds that.
    #[serde(default)]
    #[schemars(with = "Amount")]
    max_cost: Option<Amount>,
    /// Whether replies are kept, and not asked for again; true by default.
    #[serde(default)]
    #[schemars(with = "OrParam<bool>")]
    journal: Option<bool>,
    /// `online`, the default, or `batch`: requests of transforms are sent as offline batches, and the run continues when they have ended.
    #[serde(default)]
    #[schemars(with = "Mode")]
    mode: Option<Mode>,
}

/// How requests are sent.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    /// Each by itself.
    Online,
    /// As offline batches.
    Batch,
}

/// JSON pointers into a reply.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Usage {
    /// To the tokens of the request, such as "/usage/prompt_tokens".
    input: String,
    /// To the tokens of the reply, such as "/usage/completion_tokens".
    output: String,
}

/// What tokens cost, such as "0.15/M" for a million of them.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Price {
    /// Tokens of requests; nothing by default.
    #[serde(default)]
    #[schemars(with = "String")]
    input: Option<String>,
    /// Tokens of replies; nothing by default.
    #[serde(default)]
    #[schemars(with = "String")]
    output: Option<String>,
    /// The part of both that tokens of an offline batch cost, such as 0.5; 1 by default.
    #[serde(default)]
    #[schemars(with = "f64", range(min = 0, max = 1))]
    batch: Option<f64>,
}

/// An amount of money.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum Amount {
    /// As text.
    Text(String),
    /// As a number.
    Number(#[schemars(range(min = 0))] f64),
}
