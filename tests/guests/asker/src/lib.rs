//! Asks a server about each row's `text`, all rows of a batch at once: the reply's text is the column `said`.
#![forbid(unsafe_code)]

use callboard_sdk::http::{self, Request};
use callboard_sdk::prelude::*;
use serde_json::json;

/// Whom it asks, and how.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where requests are posted.
    url: String,
    /// Replies to each row.
    #[serde(default = "one")]
    samples: u32,
    /// Whether it asks where nothing is asked: in `declare`.
    #[serde(default)]
    in_declare: bool,
}

fn one() -> u32 {
    1
}

/// Asks.
pub struct Asker;

impl Transform for Asker {
    type Config = Config;

    fn bind(config: Config, input: &Schema) -> Result<BoundTransform> {
        let text = input.utf8("text")?;
        if config.in_declare {
            http::get(&config.url)?;
        }
        let shape = Shape::new().reads(&text).writes(Field::utf8("said"));
        Ok(shape.process(move |batch| {
            let texts: Vec<&str> = batch.get(&text)?.iter().map(Option::unwrap_or_default).collect();
            let request = |text: &&str| {
                let request = Request::post(&config.url, &json!({"text": text, "max_tokens": 10}));
                (0..config.samples).map(move |sample| request.clone().attempt(sample)).collect::<Vec<_>>()
            };
            let mut outcomes = http::all(texts.iter().flat_map(request)).into_iter();
            let (mut output, mut said) = (Output::new(), Vec::new());
            for row in 0..texts.len() {
                let replies: Result<Vec<_>, _> = outcomes.by_ref().take(config.samples as usize).collect();
                match replies {
                    Ok(replies) => {
                        let texts: Vec<&str> = replies.iter().map(http::Reply::text).collect::<Result<_>>()?;
                        said.push(Some(texts.join("|")));
                    }
                    Err(failure) if failure.is_passing() => output.postpone(row, failure.to_string()),
                    Err(failure) => output.reject(row, failure.to_string()),
                }
            }
            Ok(output.column(said.into_iter().collect::<ArrayBuf>()))
        }))
    }
}

callboard_sdk::transform!(Asker);
