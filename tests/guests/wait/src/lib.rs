//! Waits for somebody to make the file `gate/open`, busily unless it is told to sleep, in the call that it is told to wait in. With the
//! file there it keeps every row.
#![forbid(unsafe_code)]

use callboard_sdk::prelude::*;
use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::filesystem::preopens;
use wasip2::filesystem::types::PathFlags;

/// Where to wait.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The call.
    at: Call,
    /// Whether it sleeps between two looks at the file.
    #[serde(default)]
    sleeps: bool,
}

/// A call of a transform.
#[derive(Clone, Copy, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Call {
    Open,
    Process,
}

/// Waits.
pub struct Wait;

impl Transform for Wait {
    type Config = Config;

    fn bind(config: Config, input: &Schema) -> Result<BoundTransform> {
        let text = input.utf8("text")?;
        let wait = move |here| {
            while config.at == here && !is_open() {
                if config.sleeps {
                    subscribe_duration(10_000_000).block();
                }
            }
        };
        let loaded = Shape::new().reads(&text).load(move || {
            wait(Call::Open);
            Ok(())
        });
        Ok(loaded.process(move |(), _| {
            wait(Call::Process);
            Ok(Output::new())
        }))
    }
}

callboard_sdk::transform!(Wait);

/// The only folder that it is granted is `gate`.
fn is_open() -> bool {
    preopens::get_directories().iter().any(|(gate, _)| gate.stat_at(PathFlags::empty(), "open").is_ok())
}
