//! Unicode form, case and white space of a text column.
//!
//! 1. `Config` says which; Unicode form comes first, then case, then white space, as each may make work for the next.
//! 2. `rewrite` does case and white space of a whole column in one pass, into one buffer.
#![forbid(unsafe_code)]

mod rewrite;

use callboard_sdk::array::Strings;
use callboard_sdk::prelude::*;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick, is_nfkc_quick};

use rewrite::Rewriter;

/// What is made equal.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The text column to rewrite.
    column: String,
    /// The Unicode normalization form: `nfc` composes characters, `nfkc` also replaces compatibility characters (ligatures,
    /// full-width letters).
    unicode: Unicode,
    /// Converts letters to lower case.
    lowercase: bool,
    /// `collapse` replaces each run of Unicode white space with one space and trims both ends.
    whitespace: Whitespace,
}

impl Default for Config {
    fn default() -> Self {
        Config { column: "text".into(), unicode: Unicode::None, lowercase: false, whitespace: Whitespace::Keep }
    }
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "explained where they are used, in `Config`")]
enum Unicode {
    None,
    Nfc,
    Nfkc,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Whitespace {
    Keep,
    Collapse,
}

/// Normalises a text column: Unicode form, lower case, white space.
pub struct Normalise;

impl Transform for Normalise {
    type Config = Config;

    fn bind(config: Config, input: &Schema) -> Result<BoundTransform> {
        let text = input.utf8(&config.column).at("/column")?;
        let shape = Shape::new().reads(&text).writes(&text);
        Ok(shape.process(move |batch| Ok(Output::new().column(normalise(&config, batch.get(&text)?)))))
    }
}

fn normalise(config: &Config, texts: Strings<'_>) -> ArrayBuf {
    let collapse = config.whitespace == Whitespace::Collapse;
    let mut rewriter = Rewriter::new(config.lowercase, collapse, texts.total_bytes());
    let mut offsets = Vec::with_capacity(texts.len() + 1);
    offsets.push(0);
    for (i, text) in texts.iter().enumerate() {
        match text.map(|text| composed(config.unicode, text)) {
            Some(Some(composed)) => rewriter.push(&composed, 0..composed.len()),
            Some(None) => rewriter.push(texts.text(), texts.span(i)),
            None => {}
        }
        offsets.push(rewriter.len() as u32);
    }
    ArrayBuf::utf8(offsets, rewriter.finish(), texts.validity())
}

/// The text in this form, or `None` if it is in it already.
fn composed(form: Unicode, text: &str) -> Option<String> {
    let normal = match form {
        Unicode::None => IsNormalized::Yes,
        // ASCII is its own normal form, and by far the quickest to see.
        _ if text.is_ascii() => IsNormalized::Yes,
        Unicode::Nfc => is_nfc_quick(text.chars()),
        Unicode::Nfkc => is_nfkc_quick(text.chars()),
    };
    match (normal, form) {
        (IsNormalized::Yes, _) | (_, Unicode::None) => None,
        (_, Unicode::Nfc) => Some(text.nfc().collect()),
        (_, Unicode::Nfkc) => Some(text.nfkc().collect()),
    }
}

callboard_sdk::transform!(Normalise);

#[cfg(test)]
mod tests {
    use super::*;
    use callboard_sdk::testing;
    use serde_json::{Value, json};

    fn run(config: Value, text: Value) -> Value {
        let rows = json!([{ "id": 1, "text": text }, { "id": 2, "text": null }, { "id": 3, "text": "" }]);
        let outcome = testing::transform::<Normalise>(config, rows).unwrap();
        assert_eq!(outcome.rows[1..], [json!({ "id": 2, "text": null }), json!({ "id": 3, "text": "" })]);
        outcome.rows[0]["text"].clone()
    }

    #[test]
    fn does_nothing_unasked() {
        assert_eq!(run(json!({}), json!("  Ａ\tB ")), "  Ａ\tB ");
    }

    #[test]
    fn form_case_and_white_space_come_in_this_order() {
        let config = json!({ "unicode": "nfkc", "lowercase": true, "whitespace": "collapse" });
        // A full-width letter becomes a plain one, then small; a no-break space becomes a space, then part of a run.
        assert_eq!(run(config, json!(" Ａ\u{a0} \tB e\u{301}ﬁ ")), "a b éfi");
        assert_eq!(run(json!({ "unicode": "nfc" }), json!("e\u{301}ﬁ")), "éﬁ");
    }

    #[test]
    fn wants_a_column_of_text() {
        let error = |config| testing::transform::<Normalise>(config, json!([{ "text": 1 }])).unwrap_err();
        assert_eq!(error(json!({})).at.as_deref(), Some("/column"));
        assert_eq!(error(json!({ "unicode": "nfd" })).at.as_deref(), Some("/unicode"));
        assert!(error(json!({ "lower": true })).message.contains("unknown field `lower`"));
    }
}
