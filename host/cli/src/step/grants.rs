//! What a step that is tried may reach: what the command line names, never what the file beside the component says.

use callboard_runtime::{Event, Observer};
use callboard_trial::Subject;
use serde_json::{Map, Value, json};

use crate::arguments::GrantArguments;

/// Grants what the arguments name, and says what `step.toml` asks for beside that, or gets.
pub(super) fn grant(subject: &mut Subject, arguments: &GrantArguments, observer: &Observer) {
    let mut grant = match arguments.grant_step_toml {
        true => subject.asks().clone(),
        false => Map::new(),
    };
    if arguments.grant_step_toml {
        let asks = subject.asks_in_vain();
        let message = match asks.is_empty() {
            true => "the step has no `step.toml` that asks for anything: --grant-step-toml grants nothing".to_owned(),
            false => format!("granted, as `step.toml` asks: {}", asks.join(", ")),
        };
        observer.tell(Event::Note { message });
    }
    let files = arguments.grant_files.iter().map(|path| json!(path));
    let folders = arguments.grant_write.iter().map(|path| json!({ "path": path, "write": true }));
    add(&mut grant, "files", files.chain(folders));
    add(&mut grant, "http", arguments.grant_http.iter().map(|request| json!(request)));
    add(&mut grant, "env", arguments.grant_env.iter().map(|name| json!(name)));
    if arguments.grant_clock {
        grant.insert("clock".to_owned(), json!(true));
    }
    if !arguments.grant_secret.is_empty()
        && let Value::Object(secrets) = grant.entry("secret").or_insert_with(|| json!({}))
    {
        for secret in &arguments.grant_secret {
            secrets.insert(secret.host.clone(), json!({ "header": secret.header, "value": secret.value }));
        }
    }
    subject.grant(grant);
    tell(subject, "--grant-step-toml grants all of it, if you trust the step", observer);
}

/// Says what `step.toml` asks for and is not granted.
pub(super) fn tell(subject: &Subject, how: &str, observer: &Observer) {
    let asks = subject.asks_in_vain();
    if !asks.is_empty() {
        let message = format!("`step.toml` asks for what is not granted: {}\n{how}", asks.join(", "));
        observer.tell(Event::Note { message });
    }
}

/// Adds what is not there yet to a list of the table.
fn add(grant: &mut Map<String, Value>, key: &str, items: impl Iterator<Item = Value>) {
    let mut items = items.peekable();
    if items.peek().is_none() {
        return;
    }
    if let Value::Array(list) = grant.entry(key).or_insert_with(|| json!([])) {
        for item in items {
            if !list.contains(&item) {
                list.push(item);
            }
        }
    }
}
