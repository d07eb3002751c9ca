//! The global twin of `ballast`: takes memory when it is opened, and passes all rows through.
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

impl Global for Ballast {
    type Config = Config;

    fn bind(config: Config, inputs: &[Schema]) -> Result<BoundGlobal> {
        Schema::only(inputs)?;
        let loaded = Shape::new().load(move || Ok(black_box(vec![1_u8; config.mib << 20])));
        Ok(loaded.run(|ballast, inputs, output| {
            for batch in inputs[0].batches() {
                let rows: Vec<u64> = (batch.first_row()..batch.first_row() + batch.rows() as u64).collect();
                output.keep(&rows)?;
            }
            black_box(ballast);
            Ok(())
        }))
    }
}

callboard_sdk::global!(Ballast);
