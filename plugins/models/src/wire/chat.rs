//! OpenAI's chat completions, which most servers speak.

use serde_json::{Map, Value, json};

use super::{STRUCTURE, Unusable, common, text};
use crate::conversation::{Message, Part};
use crate::schema::Structure;
use crate::server::{Options, Said};

pub(crate) fn body(options: &Options, messages: &[Message], structure: Option<&Structure>) -> Map<String, Value> {
    let mut body = common(options);
    body.insert("messages".into(), messages.iter().map(message).collect());
    if let Some(most) = options.max_tokens {
        body.insert("max_tokens".into(), most.into());
    }
    if let Some(structure) = structure {
        let schema = json!({"name": STRUCTURE, "schema": structure.schema(), "strict": structure.is_strict()});
        body.insert("response_format".into(), json!({"type": "json_schema", "json_schema": schema}));
    }
    body
}

fn message(message: &Message) -> Value {
    let part = |part: &Part| match part {
        Part::Text(text) => json!({"type": "text", "text": text}),
        Part::Image(image) => json!({"type": "image_url", "image_url": {"url": image.to_url()}}),
    };
    let content: Value = match message.as_text() {
        Some(text) => text.into(),
        None => message.parts.iter().map(part).collect(),
    };
    json!({"role": message.role.name(), "content": content})
}

pub(crate) fn said(reply: &Value) -> Result<Said, Unusable> {
    let choice = &reply["choices"][0];
    let message = choice.get("message").ok_or(Unusable::Unknown)?;
    let finish = text(&choice["finish_reason"]);
    if let Some(refusal) = message["refusal"].as_str().filter(|refusal| !refusal.is_empty()) {
        return Err(Unusable::Refused(refusal.into()));
    }
    if let Some(word) = finish.as_deref().filter(|word| *word == "content_filter") {
        return Err(Unusable::Filtered(word.into()));
    }
    let usage = &reply["usage"];
    Ok(Said {
        text: text(&message["content"]).ok_or(Unusable::Unknown)?,
        finish,
        input_tokens: usage["prompt_tokens"].as_i64(),
        output_tokens: usage["completion_tokens"].as_i64(),
        model: text(&reply["model"]),
    })
}
