//! Anthropic's messages.

use serde_json::{Map, Value, json};

use super::{STRUCTURE, Unusable, common, text};
use crate::conversation::{Message, Part, Role};
use crate::image::Image;
use crate::schema::Structure;
use crate::server::{Options, Said};

/// The protocol wants a limit.
const MAX_TOKENS: u64 = 1024;

pub(crate) fn body(options: &Options, messages: &[Message], structure: Option<&Structure>) -> Map<String, Value> {
    let mut body = common(options);
    body.insert("max_tokens".into(), options.max_tokens.unwrap_or(MAX_TOKENS).into());
    let (rules, spoken): (Vec<&Message>, Vec<&Message>) =
        messages.iter().partition(|message| message.role == Role::System);
    let rules: Vec<&str> = rules.iter().flat_map(|message| &message.parts).filter_map(as_text).collect();
    if !rules.is_empty() {
        body.insert("system".into(), rules.join("\n\n").into());
    }
    body.insert("messages".into(), spoken.into_iter().map(message).collect());
    if let Some(structure) = structure {
        // The way that every version of the protocol has: the input of a tool, which has to be called.
        let tool = json!({"name": STRUCTURE, "description": "Gives the reply.", "input_schema": structure.schema()});
        body.insert("tools".into(), json!([tool]));
        body.insert("tool_choice".into(), json!({"type": "tool", "name": STRUCTURE}));
    }
    body
}

fn as_text(part: &Part) -> Option<&str> {
    match part {
        Part::Text(text) => Some(text),
        Part::Image(_) => None,
    }
}

fn message(message: &Message) -> Value {
    let part = |part: &Part| match part {
        Part::Text(text) => json!({"type": "text", "text": text}),
        Part::Image(Image::Url(url)) => json!({"type": "image", "source": {"type": "url", "url": url}}),
        Part::Image(Image::Data { media_type, base64 }) => {
            json!({"type": "image", "source": {"type": "base64", "media_type": media_type, "data": base64}})
        }
    };
    let content: Value = match message.as_text() {
        Some(text) => text.into(),
        None => message.parts.iter().map(part).collect(),
    };
    json!({"role": message.role.name(), "content": content})
}

pub(crate) fn said(reply: &Value) -> Result<Said, Unusable> {
    let parts = reply["content"].as_array().ok_or(Unusable::Unknown)?;
    let finish = text(&reply["stop_reason"]);
    let words: String = parts.iter().filter_map(|part| part["text"].as_str()).collect();
    if finish.as_deref() == Some("refusal") {
        return Err(Unusable::Refused(words));
    }
    let tool = parts.iter().find(|part| part["type"] == "tool_use" && part["name"] == STRUCTURE);
    let usage = &reply["usage"];
    Ok(Said {
        text: tool.map_or(words, |tool| tool["input"].to_string()),
        finish,
        input_tokens: usage["input_tokens"].as_i64(),
        output_tokens: usage["output_tokens"].as_i64(),
        model: text(&reply["model"]),
    })
}
