//! Keeps one row of each distinct value, and none of those that another input has.
//!
//! The host brings rows together that agree in the columns compared; no column crosses.

#![forbid(unsafe_code)]

use callboard_sdk::prelude::*;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};

/// Rows named to the host in one call.
const KEPT_AT_ONCE: usize = 8192;

/// What makes two rows equal, and which of them stays.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The columns to compare, of any type. Two nulls are equal.
    #[schemars(length(min = 1))]
    columns: Vec<String>,
    /// Which of equal rows stays: `"first"`, `"last"`, or `{ max = "COLUMN" }`, the one with the largest value in a column (the first of those; nulls count least).
    keep: Keep,
    /// What makes texts equal that are not the same. They are compared so, and not changed. Columns of text alone can be compared then.
    key: Key,
}

/// What makes texts equal that are not the same. With any of it, the bundled step is the pipeline `with-key.toml`, of which this
/// component is a step without it.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Key {
    /// Upper and lower case are equal, by way of upper case: ς is σ, and ß is ss.
    lowercase: bool,
    /// Letters alone are compared: no white space, digits or punctuation. A text without letters is compared as it is.
    letters_only: bool,
    /// Characters that Unicode takes for the same (its form NFKC) are equal, and so is all white space; none counts at the ends.
    normalise: bool,
}

impl Default for Config {
    fn default() -> Self {
        Config { columns: vec!["text".into()], keep: Keep::Named(Named::First), key: Key::default() }
    }
}

/// Which of equal rows stays.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
enum Keep {
    Named(Named),
    Of(Extreme),
}

/// By its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "explained where it is used, in `Config`")]
enum Named {
    First,
    Last,
}

/// By a value.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Extreme {
    /// The column with the value.
    max: String,
}

/// By hand, so that an error names the place of the mistake.
impl<'de> Deserialize<'de> for Keep {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NamedOrOf;

        impl<'de> Visitor<'de> for NamedOrOf {
            type Value = Keep;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("`first`, `last`, or `{ max = \"COLUMN\" }`")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Keep, E> {
                match name {
                    "first" => Ok(Keep::Named(Named::First)),
                    "last" => Ok(Keep::Named(Named::Last)),
                    _ => Err(E::invalid_value(de::Unexpected::Str(name), &self)),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Keep, A::Error> {
                Extreme::deserialize(MapAccessDeserializer::new(map)).map(Keep::Of)
            }
        }

        deserializer.deserialize_any(NamedOrOf)
    }
}

/// Keeps one row of each distinct value of some columns, in order.
pub struct ExactDedup;

impl Global for ExactDedup {
    type Config = Config;

    fn check(config: &Config, inputs: &[Schema]) -> Result<()> {
        if !(1..=2).contains(&inputs.len()) {
            let given = inputs.len();
            return Err(StepError::config(format!(
                "this step takes 1 or 2 inputs (the rows, and rows that are known), and is given {given}"
            )));
        }
        if config.key != Key::default() {
            let message = "the component alone cannot compare by a `key`: the bundled step `exact-dedup` can";
            return Err(StepError::config(message).at("/key"));
        }
        if config.columns.is_empty() {
            return Err(StepError::config("at least 1 column is needed to compare rows by").at("/columns"));
        }
        for (i, name) in config.columns.iter().enumerate() {
            let field = inputs[0].field(name).at(format!("/columns/{i}"))?;
            if let Some(known) = inputs.get(1) {
                let known = known.get(name).ok_or_else(|| {
                    let message = format!("the second input, of rows that are known, has no column `{name}`");
                    StepError::input(message).at(format!("/columns/{i}"))
                })?;
                if (&known.ty.layout, &known.ty.logical) != (&field.ty.layout, &field.ty.logical) {
                    let (ty, other) = (&field.ty, &known.ty);
                    let message = format!(
                        "column `{name}` is {ty}, and {other} in the second input, of rows that are known; the types must be the same"
                    );
                    return Err(StepError::input(message).at(format!("/columns/{i}")));
                }
            }
        }
        if let Keep::Of(Extreme { max }) = &config.keep {
            inputs[0].field(max).at("/keep/max")?;
        }
        Ok(())
    }

    fn bind(config: Config, inputs: &[Schema]) -> Result<BoundGlobal> {
        let gather = Gather::by_key(config.columns.iter().cloned());
        let gather = if inputs.len() == 2 { gather.with(config.columns) } else { gather };
        let (gather, keep) = match config.keep {
            Keep::Named(named) => (gather, named),
            // Equal values keep their order.
            Keep::Of(Extreme { max }) => (gather.sorted_by(Order::descending(max)), Named::First),
        };
        Ok(Shape::new().gather(gather).run(move |inputs, output| {
            let known = known(inputs);
            let mut rows = Kept { keep, waiting: None, kept: vec![] };
            for batch in inputs[0].batches() {
                for (group, of_group) in batch.groups() {
                    let of_group = of_group.map(|i| batch.first_row() + i as u64);
                    match known.get(group as usize) {
                        Some(true) => of_group.for_each(|row| output.drop(row, "known")),
                        _ => of_group.for_each(|row| rows.see(group, row, output)),
                    }
                }
                if rows.kept.len() >= KEPT_AT_ONCE {
                    output.keep(&std::mem::take(&mut rows.kept))?;
                }
            }
            rows.kept.extend(rows.waiting.map(|(_, row)| row));
            output.keep(&rows.kept)
        }))
    }
}

/// For each group of this call, whether the second input has rows of it.
fn known(inputs: &mut [Reader]) -> Vec<bool> {
    let mut known = vec![];
    for batch in inputs[1..].iter_mut().flat_map(Reader::batches) {
        for (group, _) in batch.groups() {
            known.resize(known.len().max(group as usize + 1), false);
            known[group as usize] = true;
        }
    }
    known
}

/// Decides which row of each group stays.
struct Kept {
    keep: Named,
    /// The group at hand, and which of its rows stays so far.
    waiting: Option<(u32, u64)>,
    /// Rows that stay.
    kept: Vec<u64>,
}

impl Kept {
    fn see(&mut self, group: u32, row: u64, output: &mut Writer) {
        match (self.waiting, self.keep) {
            (Some((current, _)), Named::First) if current == group => output.drop(row, "duplicate"),
            (Some((current, before)), Named::Last) if current == group => {
                output.drop(before, "duplicate");
                self.waiting = Some((group, row));
            }
            (before, _) => {
                self.kept.extend(before.map(|(_, row)| row));
                self.waiting = Some((group, row));
            }
        }
    }
}

callboard_sdk::global!(ExactDedup);

#[cfg(test)]
mod tests {
    use super::*;
    use callboard_sdk::testing::{self, dropped};
    use serde_json::json;

    #[test]
    fn the_first_of_each_stays() {
        let rows = json!([
            { "id": 1, "text": "a" }, { "id": 2, "text": null }, { "id": 3, "text": "" }, { "id": 4, "text": "a" },
            { "id": 5, "text": null }, { "id": 6, "text": "b" }
        ]);
        let outcome = testing::global::<ExactDedup>(json!({}), [rows]).unwrap();
        let ids: Vec<_> = outcome.rows.iter().map(|row| &row["id"]).collect();
        assert_eq!(ids, [1, 2, 3, 6]);
        assert_eq!(outcome.removed, [dropped(3, "duplicate"), dropped(4, "duplicate")]);
    }

    #[test]
    fn compares_several_columns_of_any_type() {
        let rows = json!([
            { "a": ["x", "y"], "b": { "c": 1.0 } }, { "a": ["xy"], "b": { "c": 1.0 } }, { "a": ["x", "y"], "b": { "c": null } },
            { "a": ["x", "y"], "b": null }, { "a": ["x", "y"], "b": { "c": 1.0 } }, { "a": [], "b": { "c": 0.0 } },
            { "a": null, "b": { "c": 0.0 } }, { "a": [], "b": { "c": -0.0 } }
        ]);
        let outcome = testing::global::<ExactDedup>(json!({ "columns": ["a", "b"] }), [rows]).unwrap();
        assert_eq!(outcome.removed, [dropped(4, "duplicate"), dropped(7, "duplicate")]);
    }

    #[test]
    fn the_last_or_the_largest_stays() {
        let rows = json!([
            { "id": 1, "text": "a", "n": 2 }, { "id": 2, "text": "b", "n": null }, { "id": 3, "text": "a", "n": 3 },
            { "id": 4, "text": "a", "n": 3 }, { "id": 5, "text": "b", "n": null }, { "id": 6, "text": "c", "n": 1 }
        ]);
        let ids = |keep| {
            let outcome = testing::global::<ExactDedup>(json!({ "keep": keep }), [rows.clone()]).unwrap();
            assert_eq!((outcome.rows.len(), outcome.removed.len()), (3, 3));
            outcome.rows.iter().map(|row| row["id"].as_u64().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(ids(json!("first")), [1, 2, 6]);
        assert_eq!(ids(json!("last")), [4, 5, 6]);
        assert_eq!(ids(json!({ "max": "n" })), [2, 3, 6]);
    }

    #[test]
    fn what_another_input_has_is_known() {
        let rows = json!([
            { "id": 1, "text": "a" }, { "id": 2, "text": "b" }, { "id": 3, "text": null }, { "id": 4, "text": "b" },
            { "id": 5, "text": "a" }
        ]);
        let known = json!([{ "text": "a" }, { "text": "z" }, { "text": null }, { "text": "a" }]);
        let outcome = testing::global::<ExactDedup>(json!({ "keep": "last" }), [rows.clone(), known]).unwrap();
        assert_eq!(outcome.rows, [json!({ "id": 4, "text": "b" })]);
        let removed = [(0, "known"), (1, "duplicate"), (2, "known"), (4, "known")];
        assert_eq!(outcome.removed, removed.map(|(row, why)| dropped(row, why)));
        let none = testing::global::<ExactDedup>(json!({}), [rows, json!([{ "text": "y" }])]).unwrap();
        assert_eq!(none.rows.len(), 3);
    }

    #[test]
    fn mistakes_have_their_places() {
        let of = |config, inputs: Vec<serde_json::Value>| {
            let error = testing::global::<ExactDedup>(config, inputs).unwrap_err();
            (error.at.unwrap_or_default(), error.message)
        };
        let rows = json!([{ "text": "a" }]);
        assert_eq!(of(json!({ "keep": { "max": "n" } }), vec![rows.clone()]).0, "/keep/max");
        assert_eq!(of(json!({ "keep": { "min": "n" } }), vec![rows.clone()]).0, "/keep/min");
        let (at, message) = of(json!({ "keep": "best" }), vec![rows.clone()]);
        assert_eq!(at, "/keep");
        assert!(message.contains("expected `first`, `last`, or `{ max = \"COLUMN\" }`"), "{message}");
        let (at, message) = of(json!({}), vec![rows.clone(), json!([{ "text": 1 }])]);
        assert_eq!(at, "/columns/0");
        assert!(message.starts_with("column `text` is utf8, and int64 in the second input"), "{message}");
        let (at, message) = of(json!({}), vec![rows.clone(), json!([{ "id": 1 }])]);
        assert_eq!((at.as_str(), message.contains("has no column `text`")), ("/columns/0", true));
        assert!(of(json!({}), vec![rows.clone(), rows.clone(), rows]).1.contains("takes 1 or 2 inputs"));
    }

    #[test]
    fn nothing_comes_of_nothing() {
        assert_eq!(testing::global::<ExactDedup>(json!({}), [json!([{ "text": "a" }])]).unwrap().rows.len(), 1);
        let error = testing::global::<ExactDedup>(json!({ "columns": ["text", "id"] }), [json!([{ "text": "a" }])]);
        assert_eq!(error.unwrap_err().at.as_deref(), Some("/columns/1"));
        let error = testing::global::<ExactDedup>(json!({ "columns": [] }), [json!([{ "text": "a" }])]);
        assert_eq!(error.unwrap_err().at.as_deref(), Some("/columns"));
    }
}
