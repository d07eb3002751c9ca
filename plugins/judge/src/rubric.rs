//! Rubrics: files with a few lines of settings, `---`, and a prompt.

use callboard_sdk::prelude::*;
use serde_json::{Value, json};

include!(concat!(env!("OUT_DIR"), "/rubrics.rs"));

/// What is judged together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judges {
    /// A list of answers to an instruction.
    Responses,
    /// A list of instructions.
    Instructions,
    /// One answer to an instruction.
    Response,
    /// Two answers to an instruction, of which one is better.
    Pair,
}

/// A rubric.
#[derive(Clone, Debug)]
pub(crate) struct Rubric {
    pub(crate) judges: Judges,
    pub(crate) scale: (i64, i64),
    pub(crate) prompt: &'static str,
}

impl Rubric {
    /// The rubric of this name.
    pub(crate) fn named(name: &str) -> Result<Rubric> {
        let found = RUBRICS.iter().find(|(known, _)| *known == name);
        let (_, text) = found.ok_or_else(|| {
            let names: Vec<String> = RUBRICS.iter().map(|(name, _)| format!("`{name}`")).collect();
            StepError::config(format!("there is no rubric `{name}`; there are {}", names.join(", ")))
        })?;
        Rubric::parse(text).map_err(|why| StepError::failed(format!("the rubric `{name}`: {why}")))
    }

    fn parse(text: &'static str) -> Result<Rubric, String> {
        let (head, prompt) = text.split_once("\n---\n").ok_or("no line `---`")?;
        let setting = |key: &str| head.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
        let judges = match setting("judges") {
            Some("responses") => Judges::Responses,
            Some("instructions") => Judges::Instructions,
            Some("response") => Judges::Response,
            Some("pair") => Judges::Pair,
            other => return Err(format!("`judges` is {other:?}")),
        };
        let scale = setting("scale").and_then(|scale| scale.split_once('-'));
        let scale = scale.and_then(|(low, high)| Some((low.parse().ok()?, high.parse().ok()?)));
        let scale = if judges == Judges::Pair { Some((0, 1)) } else { scale };
        Ok(Rubric { judges, scale: scale.ok_or("no `scale`")?, prompt })
    }

    /// The schema of a judgement of this many texts.
    pub(crate) fn schema(&self, texts: usize) -> Value {
        let closed = |properties: Value, required: Value| json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false});
        let (low, high) = self.scale;
        // The reason comes first, so that the model thinks before it rates.
        let rating =
            json!({"reason": {"type": "string"}, "rating": {"type": "integer", "minimum": low, "maximum": high}});
        match self.judges {
            Judges::Response => closed(rating, json!(["reason", "rating"])),
            Judges::Pair => {
                let better = json!({"reason": {"type": "string"}, "better": {"enum": ["A", "B"]}});
                closed(better, json!(["reason", "better"]))
            }
            Judges::Responses | Judges::Instructions => {
                let one = closed(rating, json!(["reason", "rating"]));
                let all = json!({"type": "array", "items": one, "minItems": texts, "maxItems": texts});
                closed(json!({"ratings": all}), json!(["ratings"]))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_a_rubric() {
        assert!(RUBRICS.len() >= 9);
        for (name, text) in RUBRICS {
            let rubric = Rubric::named(name).unwrap();
            assert!(rubric.scale.0 < rubric.scale.1, "{name}");
            assert!(text.starts_with("summary: "), "{name}");
            callboard_models::Structure::new(rubric.schema(3), "").unwrap();
        }
    }
}
