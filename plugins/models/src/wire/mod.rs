//! The protocols: what a request holds, and what a reply says.

pub(crate) mod anthropic;
pub(crate) mod chat;
pub(crate) mod responses;

use serde_json::{Map, Value};

use crate::server::Options;

/// Why a reply says nothing that can be used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// The model would not, in these words.
    Refused(String),
    /// The server took it away, and calls that so.
    Filtered(String),
    /// It is not what the protocol has.
    Unknown,
}

/// The name of a structure where a protocol wants one.
pub(crate) const STRUCTURE: &str = "reply";

/// What all protocols call the same.
fn common(options: &Options) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("model".into(), options.model.clone().into());
    if let Some(temperature) = options.temperature {
        body.insert("temperature".into(), temperature.into());
    }
    if let Some(top_p) = options.top_p {
        body.insert("top_p".into(), top_p.into());
    }
    body
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}
