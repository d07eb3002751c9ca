//! OpenAI's responses.

use serde_json::{Map, Value, json};

use super::{STRUCTURE, Unusable, common, text};
use crate::conversation::{Message, Part, Role};
use crate::schema::Structure;
use crate::server::{Options, Said};

pub(crate) fn body(options: &Options, messages: &[Message], structure: Option<&Structure>) -> Map<String, Value> {
    let mut body = common(options);
    body.insert("input".into(), messages.iter().map(message).collect());
    // The server would keep each reply for a month.
    body.insert("store".into(), false.into());
    if let Some(most) = options.max_tokens {
        body.insert("max_output_tokens".into(), most.into());
    }
    if let Some(structure) = structure {
        let strict = structure.is_strict();
        let format = json!({"type": "json_schema", "name": STRUCTURE, "schema": structure.schema(), "strict": strict});
        body.insert("text".into(), json!({"format": format}));
    }
    body
}

fn message(message: &Message) -> Value {
    let kind = if message.role == Role::Assistant { "output_text" } else { "input_text" };
    let part = |part: &Part| match part {
        Part::Text(text) => json!({"type": kind, "text": text}),
        Part::Image(image) => json!({"type": "input_image", "image_url": image.to_url()}),
    };
    let content: Value = message.parts.iter().map(part).collect();
    json!({"type": "message", "role": message.role.name(), "content": content})
}

pub(crate) fn said(reply: &Value) -> Result<Said, Unusable> {
    let outputs = reply["output"].as_array().ok_or(Unusable::Unknown)?;
    let incomplete = text(&reply["incomplete_details"]["reason"]);
    if let Some(word) = incomplete.as_deref().filter(|word| *word == "content_filter") {
        return Err(Unusable::Filtered(word.into()));
    }
    let mut said = String::new();
    let mut any = false;
    let messages = outputs.iter().filter(|output| output["type"] == "message");
    for part in messages.filter_map(|message| message["content"].as_array()).flatten() {
        if let Some(refusal) = part["refusal"].as_str() {
            return Err(Unusable::Refused(refusal.into()));
        }
        if let Some(text) = part["text"].as_str() {
            said += text;
            any = true;
        }
    }
    // Whatever it thought before took all tokens: that is a reply which ended early.
    if !any && incomplete.is_none() {
        return Err(Unusable::Unknown);
    }
    let usage = &reply["usage"];
    Ok(Said {
        text: said,
        finish: incomplete.or(text(&reply["status"])),
        input_tokens: usage["input_tokens"].as_i64(),
        output_tokens: usage["output_tokens"].as_i64(),
        model: text(&reply["model"]),
    })
}
