//! What is different between two plans.

use std::collections::{BTreeMap, BTreeSet};

use callboard_plan::{Edge, Plan};
use serde_json::{Map, Value, json};

use crate::tell::diff::{PlanChange, SettingChange};

/// Settings of the plan that say where a run was planned, not what it does.
const LEFT_OUT: &[&str] = &["need", "stage", "stages", "transport", "predicted", "fingerprint"];

/// The inputs, steps and outputs that were added or removed, or whose settings differ.
pub(super) fn changes(before: &Plan, after: &Plan) -> Vec<PlanChange> {
    let (before, after) = (parts(before), parts(after));
    let names: BTreeSet<&(String, String)> = before.keys().chain(after.keys()).collect();
    let of = |name: &(String, String)| {
        let settings = match (before.get(name), after.get(name)) {
            (Some(old), Some(new)) => {
                let mut found = Vec::new();
                compare("", old, new, &mut found);
                Some(found)
            }
            _ => None,
        };
        if settings.as_ref().is_some_and(Vec::is_empty) {
            return None;
        }
        let (added, removed) = (!before.contains_key(name), !after.contains_key(name));
        Some(PlanChange {
            kind: name.0.clone(),
            name: name.1.clone(),
            added,
            removed,
            settings: settings.unwrap_or_default(),
        })
    };
    names.into_iter().filter_map(of).collect()
}

/// Each input, step and output with its settings, and for what reads rows, where they come from.
fn parts(plan: &Plan) -> BTreeMap<(String, String), Value> {
    let mut parts = BTreeMap::new();
    let json = |value: serde_json::Result<Value>| value.expect("a plan is JSON");
    for input in plan.inputs() {
        parts.insert(("input".to_owned(), input.name.clone()), json(serde_json::to_value(input)));
    }
    let with_from = |mut value: Value, from: Vec<Value>| {
        if let Value::Object(settings) = &mut value {
            settings.insert("from".to_owned(), from.into());
        }
        value
    };
    for step in plan.steps() {
        let from = plan.edges_into(&step.name).map(read_from).collect();
        parts.insert(("step".to_owned(), step.name.clone()), with_from(json(serde_json::to_value(step)), from));
    }
    for output in plan.outputs() {
        let from = plan.edges_into_output(&output.name).map(read_from).collect();
        parts.insert(("output".to_owned(), output.name.clone()), with_from(json(serde_json::to_value(output)), from));
    }
    parts
}

/// What an edge carries: a feed, or some of its rows.
fn read_from(edge: &Edge) -> Value {
    let feed = Value::from(edge.from.whole().to_string());
    match edge.route.as_ref().and_then(|route| serde_json::to_value(route).ok()) {
        None => feed,
        Some(route) => json!({ "feed": feed, "route": route }),
    }
}

fn compare(at: &str, old: &Value, new: &Value, found: &mut Vec<SettingChange>) {
    let (Value::Object(was), Value::Object(is)) = (old, new) else {
        if old != new {
            found.push(SettingChange { setting: at.to_owned(), from: Some(old.clone()), to: Some(new.clone()) });
        }
        return;
    };
    for key in keys(was, is) {
        if at.is_empty() && LEFT_OUT.contains(&key.as_str()) {
            continue;
        }
        let at = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
        match (was.get(key), is.get(key)) {
            (Some(old), Some(new)) => compare(&at, old, new, found),
            (from, to) => found.push(SettingChange { setting: at, from: from.cloned(), to: to.cloned() }),
        }
    }
}

fn keys<'a>(one: &'a Map<String, Value>, other: &'a Map<String, Value>) -> Vec<&'a String> {
    one.keys().chain(other.keys().filter(|key| !one.contains_key(*key))).collect()
}
