use callboard_sdk::http::{self, Request};
use callboard_sdk::prelude::*;
use serde_json::{Value, json};

/// Where the model is, and which column it is asked about.
#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the model is.
    url: String,
    /// Its name.
    model: String,
    /// The column of prompts.
    column: String,
}

impl Default for Config {
    fn default() -> Self {
        Config { url: "http://localhost:8080/v1/chat/completions".into(), model: "small".into(), column: "prompt".into() }
    }
}

/// Asks a model about the prompt of each row.
pub struct AskModel;

impl Transform for AskModel {
    type Config = Config;

    fn bind(config: Config, input: &Schema) -> Result<BoundTransform> {
        let prompts = input.utf8(&config.column)?;
        let shape = Shape::new().reads(&prompts).writes(Field::utf8("reply"));
        Ok(shape.process(move |batch| {
            let (mut output, mut replies, mut rows, mut requests) = (Output::new(), vec![], vec![], vec![]);
            for (row, prompt) in batch.get(&prompts)?.iter().enumerate() {
                let Some(prompt) = prompt else {
                    output.reject(row, "no prompt");
                    continue;
                };
                let messages = json!([{ "role": "user", "content": prompt }]);
                let body = json!({ "model": config.model, "messages": messages, "max_tokens": 400 });
                rows.push(row);
                requests.push(Request::post(&config.url, &body));
            }
            for (row, outcome) in rows.into_iter().zip(http::all(requests)) {
                match outcome {
                    Ok(reply) => {
                        let reply: Value = reply.json()?;
                        replies.push(reply["choices"][0]["message"]["content"].as_str().map(str::to_owned));
                    }
                    Err(failure) if failure.is_passing() => output.postpone(row, failure.to_string()),
                    Err(failure) => output.reject(row, failure.to_string()),
                }
            }
            Ok(output.column(replies.into_iter().collect::<ArrayBuf>()))
        }))
    }
}

callboard_sdk::transform!(AskModel);
