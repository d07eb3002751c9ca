//! Imports what nobody grants: an interface of which no host has heard.
#![forbid(unsafe_code)]

use callboard_sdk::prelude::*;

mod ghost {
    #![allow(missing_docs, reason = "generated")]
    wit_bindgen::generate!({ world: "haunted" });
}

/// Nothing to configure.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// Knocks before it passes rows through.
pub struct Stranger;

impl Transform for Stranger {
    type Config = Config;

    fn bind(Config {}: Config, _input: &Schema) -> Result<BoundTransform> {
        Ok(Shape::new().process(|_batch| {
            count("knocks", ghost::acme::ghost::knock::knock().into());
            Ok(Output::new())
        }))
    }
}

callboard_sdk::transform!(Stranger);
