//! A step's configuration: JSON in, the step's own type out, and the JSON Schema of that type.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use crate::error::{Result, StepError};

/// Reads a configuration. Nothing at all is the same as `{}`: the defaults.
///
/// # Errors
/// `config`, with serde's message and the place in the configuration.
pub fn parse<C: DeserializeOwned>(json: &str) -> Result<C> {
    let json = if json.trim().is_empty() { "{}" } else { json };
    let value: serde_json::Value = serde_json::from_str(json)
        .map_err(|error| StepError::config(format!("the configuration is no JSON: {error}")))?;
    serde_path_to_error::deserialize(value).map_err(|error| {
        let pointer: String = error.path().iter().map(pointer_token).collect();
        StepError::config(error.into_inner().to_string()).at(pointer)
    })
}

fn pointer_token(segment: &Segment) -> String {
    match segment {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
        // The name of an enum's case is a key in JSON only where the case has a payload, and then `Map` says so too.
        Segment::Enum { .. } | Segment::Unknown => String::new(),
    }
}

/// The JSON Schema of a configuration.
pub fn schema<C: JsonSchema>() -> String {
    schemars::schema_for!(C).to_value().to_string()
}

/// A step's summary: its crate's description, or, where that says nothing, the first paragraph of the configuration's
/// documentation.
#[doc(hidden)]
pub fn summary<C: JsonSchema>(description: &str) -> String {
    if !description.is_empty() {
        return description.into();
    }
    let schema = schemars::schema_for!(C).to_value();
    let documentation = schema["description"].as_str().unwrap_or_default();
    documentation.split("\n\n").next().unwrap_or_default().replace('\n', " ")
}
