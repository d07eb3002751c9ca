//! Takes memory when it is opened, as a model would, and passes rows through: what staging saves becomes visible.
#![forbid(unsafe_code)]

use std::hint::black_box;

use callboard_sdk::prelude::*;

/// How much to take.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Mebibytes of memory to take, and to write to.
    mib: usize,
}

/// Takes memory when it is opened.
pub struct Ballast;

impl Transform for Ballast {
    type Config = Config;

    fn bind(config: Config, _input: &Schema) -> Result<BoundTransform> {
        let loaded = Shape::new().load(move || Ok(black_box(vec![1_u8; config.mib << 20])));
        Ok(loaded.process(|ballast, _batch| {
            black_box(ballast);
            Ok(Output::new())
        }))
    }
}

callboard_sdk::transform!(Ballast);
