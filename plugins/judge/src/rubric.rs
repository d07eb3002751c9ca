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

/// The ratings that may be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scale {
    /// From the first to the second.
    Fixed(i64, i64),
    /// A place among the texts, from the first on, and one more for a text beyond that.
    Ranks(i64),
}

impl Scale {
    /// Reads `1-5` or `1-n+1`.
    fn read(text: &str) -> Option<Scale> {
        let (low, high) = text.split_once('-')?;
        let low = low.parse().ok()?;
        match high {
            "n+1" => Some(Scale::Ranks(low)),
            high => high.parse().ok().map(|high| Scale::Fixed(low, high)),
        }
    }

    /// The lowest and the highest rating of this many texts.
    fn of(self, texts: usize) -> (i64, i64) {
        match self {
            Scale::Fixed(low, high) => (low, high),
            Scale::Ranks(low) => (low, low + texts as i64),
        }
    }
}

/// A rubric.
#[derive(Clone, Debug)]
pub(crate) struct Rubric {
    pub(crate) judges: Judges,
    scale: Scale,
    /// Whether a text may have no rating: the rubric does not apply to it.
    may_abstain: bool,
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
        let scale = setting("scale");
        let (scale, may_abstain) = match scale.and_then(|scale| scale.strip_suffix(" or none")) {
            Some(scale) => (Scale::read(scale), true),
            None => (scale.and_then(Scale::read), false),
        };
        let scale = if judges == Judges::Pair { Some(Scale::Fixed(0, 1)) } else { scale };
        Ok(Rubric { judges, scale: scale.ok_or("no `scale`")?, may_abstain, prompt })
    }

    /// The schema of a judgement of this many texts.
    pub(crate) fn schema(&self, texts: usize) -> Value {
        let closed = |properties: Value, required: Value| json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false});
        let (low, high) = self.scale.of(texts);
        // The reason comes first, so that the model thinks before it rates.
        let whole = if self.may_abstain { json!(["integer", "null"]) } else { json!("integer") };
        let rating = json!({"reason": {"type": "string"}, "rating": {"type": whole, "minimum": low, "maximum": high}});
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

    /// Ranks among three texts go to three, and four is for one beyond that, as in DEITA.
    #[test]
    fn what_is_ranked_has_as_many_ratings_as_texts_and_one_more() {
        for (name, highest) in [("quality", 4), ("complexity", 4), ("helpfulness", 5)] {
            let schema = Rubric::named(name).unwrap().schema(3);
            assert_eq!(schema["properties"]["ratings"]["items"]["properties"]["rating"]["maximum"], highest, "{name}");
        }
    }

    #[test]
    fn every_file_is_a_rubric() {
        assert!(RUBRICS.len() >= 9);
        for (name, text) in RUBRICS {
            let rubric = Rubric::named(name).unwrap();
            let (low, high) = rubric.scale.of(3);
            assert!(low < high, "{name}");
            assert!(text.starts_with("summary: "), "{name}");
            callboard_models::Structure::new(rubric.schema(3), "").unwrap();
        }
    }
}
