//! Waits for somebody to make the file `gate/open`, busily, in `run`, when half of the rows have been put out. With the file there
//! it keeps every row.
#![forbid(unsafe_code)]

use callboard_sdk::prelude::*;
use wasip2::filesystem::preopens;
use wasip2::filesystem::types::PathFlags;

/// There is nothing to say.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// Waits.
pub struct Wait;

impl Global for Wait {
    type Config = Config;

    fn bind(_config: Config, inputs: &[Schema]) -> Result<BoundGlobal> {
        let text = Schema::only(inputs)?.utf8("text")?;
        Ok(Shape::new().reads(&text).run(|inputs, output| {
            let rows: Vec<u64> = (0..inputs[0].rows()).collect();
            let (half, rest) = rows.split_at(rows.len() / 2);
            output.keep(half)?;
            while !is_open() {}
            output.keep(rest)
        }))
    }
}

callboard_sdk::global!(Wait);

/// The only folder that it is granted is `gate`.
fn is_open() -> bool {
    preopens::get_directories().iter().any(|(gate, _)| gate.stat_at(PathFlags::empty(), "open").is_ok())
}
