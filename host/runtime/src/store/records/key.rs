//! What makes two steps do the same to the same rows.

use std::collections::BTreeMap;

use callboard_plan::{PlannedStep, contract_line};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use twox_hash::XxHash3_64;

use super::CallLimits;
use crate::store::ipc::schema_text;
use callboard_sandbox::{Bound, columns_of};

/// All that a step's work depends on, but the rows. Work is taken over from a step with an equal key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StepKey {
    pub(crate) contract: String,
    /// The component's digest.
    pub(crate) component: String,
    pub(crate) config: Value,
    pub(crate) seed: u64,
    /// For each input, the columns that the step is given, under its own names.
    pub(crate) given: Vec<String>,
    /// The columns that it writes.
    pub(crate) writes: String,
    /// A digest of those schemas to the last detail, whether there may be nulls among them.
    pub(crate) schemas: String,
    /// What it may reach outside.
    pub(crate) granted: Value,
    /// What was there: digests of files and variables.
    pub(crate) found: BTreeMap<String, String>,
}

/// What `key.json` says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// [`FORMAT`](super::FORMAT), as it was then.
    pub(crate) format: u8,
    pub(crate) key: StepKey,
    pub(crate) limits: CallLimits,
    /// The seed of the digests of rows in the run that did the work first.
    pub(crate) seed: u64,
}

/// A part of a key that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// `component`, `config`, `contract`, `seed`, `columns`, `grants`.
    pub what: String,
    /// As it was.
    pub from: String,
    /// As it is.
    pub to: String,
}

impl StepKey {
    pub(crate) fn of(step: &PlannedStep, bound: &Bound, seed: u64, found: BTreeMap<String, String>) -> StepKey {
        let mut config = step.config.clone();
        config.sort_all_objects();
        let schemas: Vec<String> =
            bound.given.iter().chain([&bound.writes]).map(|schema| schema_text(schema)).collect();
        let granted = serde_json::to_value(&step.grants).expect("grants are JSON");
        StepKey {
            contract: contract_line(),
            component: step.digest.clone(),
            config,
            seed,
            given: bound.given.iter().map(|schema| columns_of(schema)).collect(),
            writes: columns_of(&bound.writes),
            schemas: format!("{:016x}", XxHash3_64::oneshot(schemas.concat().as_bytes())),
            granted,
            found,
        }
    }

    /// How this one differs from an earlier one; nothing where they are equal.
    pub(crate) fn changes(&self, earlier: &StepKey) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut note = |what: &str, from: String, to: String| {
            if from != to {
                changes.push(Change { what: what.to_owned(), from, to });
            }
        };
        let short = |digest: &str| digest.chars().take(12).collect();
        note("component", short(&earlier.component), short(&self.component));
        config_changes("config", &earlier.config, &self.config, &mut note);
        note("contract", earlier.contract.clone(), self.contract.clone());
        note("seed", earlier.seed.to_string(), self.seed.to_string());
        note("columns given", earlier.given.join("; "), self.given.join("; "));
        note("columns written", earlier.writes.clone(), self.writes.clone());
        if (&earlier.given, &earlier.writes) == (&self.given, &self.writes) {
            note("details of columns", earlier.schemas.clone(), self.schemas.clone());
        }
        note("grants", earlier.granted.to_string(), self.granted.to_string());
        let short =
            |found: Option<&String>| found.map_or("not there".to_owned(), |digest| digest.chars().take(12).collect());
        let names: std::collections::BTreeSet<&String> = earlier.found.keys().chain(self.found.keys()).collect();
        for name in names {
            note(name, short(earlier.found.get(name)), short(self.found.get(name)));
        }
        changes
    }
}

/// The keys of two configurations that differ, each by its own name.
fn config_changes(at: &str, from: &Value, to: &Value, note: &mut impl FnMut(&str, String, String)) {
    let (Value::Object(old), Value::Object(new)) = (from, to) else {
        return note(at, from.to_string(), to.to_string());
    };
    let keys: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for key in keys {
        let at = format!("{at}.{key}");
        match (old.get(key), new.get(key)) {
            (Some(from), Some(to)) => config_changes(&at, from, to, note),
            (from, to) => {
                let shown = |value: Option<&Value>| value.map_or("not set".to_owned(), Value::to_string);
                note(&at, shown(from), shown(to));
            }
        }
    }
}
