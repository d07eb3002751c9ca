//! Keeps, drops and renames columns.
//!
//! What is kept or dropped never crosses into this step: the step tells the host which columns go no further. A renamed column
//! crosses once and is moved out as it came, under its new name, behind the columns that keep theirs.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};

use callboard_sdk::prelude::*;

/// Which columns go on, and under which names. All names are those of the input.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The columns to keep besides the renamed ones; by default all.
    keep: Option<Vec<String>>,
    /// The columns to drop.
    drop: Vec<String>,
    /// Columns to rename: `{ old = "new" }`.
    rename: BTreeMap<String, String>,
}

impl Config {
    /// The names of the columns that go on as they are.
    fn unchanged<'a>(&'a self, input: &'a Schema) -> BTreeSet<&'a str> {
        let names = || input.fields().iter().map(|field| field.name.as_str());
        let keep: Option<BTreeSet<&str>> = self.keep.as_ref().map(|keep| keep.iter().map(String::as_str).collect());
        let drop: BTreeSet<&str> = self.drop.iter().map(String::as_str).collect();
        let is_kept = |name: &&str| keep.as_ref().is_none_or(|keep| keep.contains(name));
        names().filter(is_kept).filter(|name| !drop.contains(name) && !self.rename.contains_key(*name)).collect()
    }
}

/// Keeps, drops and renames columns.
pub struct Select;

impl Transform for Select {
    type Config = Config;

    fn check(config: &Config, input: &Schema) -> Result<()> {
        for (i, name) in config.keep.iter().flatten().enumerate() {
            input.field(name).at(format!("/keep/{i}"))?;
        }
        for (i, name) in config.drop.iter().enumerate() {
            input.field(name).at(format!("/drop/{i}"))?;
            if config.keep.is_some() || config.rename.contains_key(name) {
                let wish = if config.rename.contains_key(name) { "renamed" } else { "left out by `keep`" };
                return Err(StepError::config(format!("`{name}` is dropped, and {wish} too")).at(format!("/drop/{i}")));
            }
        }
        let mut taken = config.unchanged(input);
        for (old, new) in &config.rename {
            if new.is_empty() || !taken.insert(new) {
                let message = match new.as_str() {
                    "" => "a column needs a name".to_owned(),
                    new => format!("there would be two columns `{new}`"),
                };
                return Err(
                    StepError::config(message).at(format!("/rename/{}", old.replace('~', "~0").replace('/', "~1")))
                );
            }
        }
        Ok(())
    }

    fn bind(config: Config, input: &Schema) -> Result<BoundTransform> {
        let renamed: Vec<_> =
            config.rename.iter().map(|(old, new)| Ok((input.any(old).at("/rename")?, new))).collect::<Result<_>>()?;
        let names = input.fields().iter().map(|field| field.name.as_str());
        // A name that another column takes over is written in its place, and so not dropped.
        let mut stays = config.unchanged(input);
        stays.extend(config.rename.values().map(String::as_str));
        let dropped = names.filter(|name| !stays.contains(name));
        let shape = Shape::new()
            .drops_all(dropped)
            .reads_all(renamed.iter().map(|(old, _)| old))
            .writes_all(renamed.iter().map(|(old, new)| old.field().clone().renamed(*new)));
        let renamed: Vec<_> = renamed.into_iter().map(|(old, _)| old).collect();
        Ok(shape.process(move |mut batch| {
            renamed.iter().try_fold(Output::new(), |output, old| Ok(output.column(batch.move_out(old)?)))
        }))
    }
}

callboard_sdk::transform!(Select);

#[cfg(test)]
mod tests {
    use super::*;
    use callboard_sdk::testing;
    use serde_json::{Value, json};

    fn run(config: Value) -> Result<Value> {
        let rows = json!([{ "a": 1, "b": "x", "c": [true] }]);
        Ok(testing::transform::<Select>(config, rows)?.rows.remove(0))
    }

    #[test]
    fn keeps_drops_and_renames() {
        assert_eq!(run(json!({})).unwrap(), json!({ "a": 1, "b": "x", "c": [true] }));
        assert_eq!(run(json!({ "keep": ["c", "a"] })).unwrap(), json!({ "a": 1, "c": [true] }));
        assert_eq!(run(json!({ "drop": ["b"] })).unwrap(), json!({ "a": 1, "c": [true] }));
        assert_eq!(
            run(json!({ "keep": ["b"], "rename": { "c": "flags" } })).unwrap(),
            json!({ "b": "x", "flags": [true] })
        );
        assert_eq!(run(json!({ "rename": { "a": "b", "b": "a" } })).unwrap(), json!({ "a": "x", "b": 1, "c": [true] }));
        assert_eq!(run(json!({ "drop": ["b"], "rename": { "a": "b" } })).unwrap(), json!({ "b": 1, "c": [true] }));
    }

    #[test]
    fn refuses_what_makes_no_sense() {
        let place = |config| run(config).unwrap_err().at.unwrap();
        assert_eq!(place(json!({ "keep": ["a", "z"] })), "/keep/1");
        assert_eq!(place(json!({ "drop": ["z"] })), "/drop/0");
        assert_eq!(place(json!({ "keep": ["a"], "drop": ["b"] })), "/drop/0");
        assert_eq!(place(json!({ "rename": { "a": "b" } })), "/rename/a");
        assert_eq!(place(json!({ "rename": { "a": "d", "b": "d" } })), "/rename/b");
        assert_eq!(place(json!({ "rename": { "z": "d" } })), "/rename");
    }
}
