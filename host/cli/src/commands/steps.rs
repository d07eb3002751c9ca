//! `callboard steps`: the bundled steps, and the page of one.

use std::process::ExitCode;

use callboard_plan::scan;
use callboard_runtime::Class;
use callboard_trial::inspect::{Inspection, Key, inspect};
use callboard_trial::{Subject, toml};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::arguments::StepsArguments;
use crate::exit::Failure;
use crate::show::print;
use crate::show::progress::{Detail, Progress};
use crate::show::report::aligned;
use crate::step::settings;
use callboard_bundled::{BUNDLED, PAGES, Page};

/// A cell that is longer does not widen its column.
const WIDEST: usize = 32;

/// What a step's `example.json` holds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Example {
    config: Map<String, Value>,
    /// What it is granted.
    #[serde(default)]
    grant: Map<String, Value>,
    /// What it is given; a source is given none.
    rows: Vec<Value>,
    /// The rows of a second input.
    #[serde(default)]
    others: Vec<Value>,
    out: Vec<Value>,
}

pub(crate) fn steps(arguments: &StepsArguments) -> Result<ExitCode, Failure> {
    match &arguments.name {
        None => print(&list()),
        Some(name) => page(name),
    }
}

/// The bundled steps, a line each.
fn list() -> String {
    let row = |page: &Page| [page.name, kind(page.name), page.summary].map(str::to_owned).to_vec();
    let heads = ["step", "kind", "what it does"].map(str::to_owned).to_vec();
    let rows: Vec<Vec<String>> = std::iter::once(heads).chain(PAGES.iter().map(row)).collect();
    format!("{}\n`callboard steps NAME` shows the configuration of one, with an example\n", aligned(&rows, 3))
}

fn kind(name: &str) -> &'static str {
    let step = BUNDLED.iter().find(|step| step.name == name);
    if step.is_some_and(|step| step.bytes.is_none() && step.pipeline.is_some()) {
        return "pipeline";
    }
    step.and_then(|step| step.bytes)
        .and_then(|bytes| scan(bytes()).ok())
        .map_or("not built", |facts| facts.kind.as_str())
}

/// What one step does, how it is configured, and an example.
fn page(name: &str) -> Result<ExitCode, Failure> {
    let Some(page) = PAGES.iter().find(|page| page.name == name) else {
        let names: Vec<String> = PAGES.iter().map(|page| format!("`{}`", page.name)).collect();
        let failure = Failure::other(Class::Pipeline, format!("there is no bundled step `{name}`"));
        let help = format!("bundled steps: {}\n`callboard step inspect FILE` describes a component", names.join(", "));
        return Err(failure.help(help));
    };
    let example: Example = serde_json::from_str(page.example)
        .map_err(|error| Failure::other(Class::Bug, format!("the example of `{name}`: {error}")))?;
    let subject = Subject::bundled(page.described_by);
    let Inspection { config, problems, .. } =
        inspect(subject, BUNDLED, settings(Progress::plain(Detail::Errors).observer())?)?;
    if let Some(problem) = problems.first() {
        return Err(Failure::other(Class::Bug, format!("the bundled step `{name}`: {}", problem.message)));
    }
    let Page { summary, .. } = page;
    let kind = kind(name);
    print(&format!(
        "{name} ({kind}): {summary}\n\nconfiguration\n{}\nin a pipeline\n{}\nexample\n{}",
        table(&config),
        indented(&step(name, &example)),
        indented(&command(name, &example)),
    ))
}

/// The keys of a configuration, in columns.
fn table(keys: &[Key]) -> String {
    let heads = ["key", "type", "default", "meaning"].map(str::to_owned);
    // An object whose keys are listed needs no more than its meaning.
    let has_keys = |key: &Key| keys.iter().any(|other| other.key.starts_with(&format!("{}.", key.key)));
    let row = |key: &Key| {
        let default = match &key.default {
            _ if key.required => "required".to_owned(),
            _ if has_keys(key) => String::new(),
            None | Some(Value::Null) => "none".to_owned(),
            Some(value) => value.to_string(),
        };
        let of = if key.bounds.is_empty() { key.of.clone() } else { format!("{}, {}", key.of, key.bounds) };
        [key.key.clone(), of, default, key.meaning.clone()]
    };
    let rows: Vec<[String; 4]> = std::iter::once(heads).chain(keys.iter().map(row)).collect();
    let length = |cell: &String| cell.chars().count();
    let width =
        |at: usize| rows.iter().map(|row| length(&row[at])).filter(|length| *length <= WIDEST).max().unwrap_or(0);
    let widths = [0, 1, 2].map(width);
    let line = |row: &[String; 4]| {
        let cells: String = (0..3).map(|at| format!("{:1$}  ", row[at], widths[at])).collect();
        format!("  {cells}{}", row[3]).trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

/// The lines of a pipeline file.
fn step(name: &str, example: &Example) -> String {
    let from = if example.others.is_empty() { "" } else { "from = { rows = \"rows\", others = \"others\" }\n" };
    let config = match example.config.is_empty() {
        true => String::new(),
        false => format!("config = {}\n", toml(&Value::Object(example.config.clone()))),
    };
    let grant: String = example.grant.iter().map(|(key, value)| format!("grant.{key} = {}\n", toml(value))).collect();
    format!("[[steps]]\nuse = \"{name}\"\n{from}{config}{grant}")
}

/// A command line for a shell, and what it prints.
fn command(name: &str, example: &Example) -> String {
    let quoted = |text: String| format!("'{}'", text.replace('\'', r"'\''"));
    let printed = |rows: &[Value], to: &str| {
        let rows: Vec<String> = rows.iter().map(|row| quoted(row.to_string())).collect();
        let indent = if rows.len() == 1 { "" } else { "\\\n    " };
        format!("printf '%s\\n' {indent}{} {to}", rows.join(" \\\n    "))
    };
    let config = match example.config.is_empty() {
        true => String::new(),
        false => format!(" --config {}", quoted(Value::Object(example.config.clone()).to_string())),
    };
    let (others, input) = match example.others.is_empty() {
        true => (String::new(), ""),
        false => (printed(&example.others, "> others.jsonl &&\n  "), " --input others.jsonl"),
    };
    let granted = |kind: &str| {
        let values = example.grant.get(kind).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        values.map(|value| format!(" --grant-{kind} {}", quoted(value.into()))).collect::<String>()
    };
    let grant = granted("http") + &granted("files");
    let rows = match example.rows.len() {
        0 => String::new(),
        1 => printed(&example.rows, "|") + " ",
        _ => printed(&example.rows, "|") + "\n    ",
    };
    let out: String = example.out.iter().map(|row| format!("{row}\n")).collect();
    format!("$ {others}{rows}callboard step run {name}{input}{config}{grant}\n{out}")
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}
