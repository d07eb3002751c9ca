//! `callboard step inspect`: what a component is.

use std::process::ExitCode;

use callboard_runtime::Class;
use callboard_trial::Subject;
use callboard_trial::inspect::{Inspection, Key, inspect as look_at};
use callboard_words::sizes::bytes;
use callboard_words::text::excerpt;

use crate::arguments::InspectArguments;
use crate::exit::Failure;
use crate::show::progress::{Detail, Progress};
use crate::show::{inline, print, print_json, short};
use callboard_bundled::BUNDLED;

/// The name of an import is cut at this many characters.
const LONGEST_NAME: usize = 200;

pub(crate) fn inspect(arguments: &InspectArguments) -> Result<ExitCode, Failure> {
    let mut subject = Subject::find(arguments.step.as_deref(), BUNDLED)?;
    if let Some(bytes) = arguments.max_component {
        subject.allow_component(bytes);
    }
    let settings = super::settings(Progress::plain(Detail::Notes).observer())?;
    let inspection = look_at(subject, BUNDLED, settings)?;
    match arguments.json {
        true => print_json(&inspection)?,
        false => print(&shown(&inspection))?,
    };
    let Some(first) = inspection.problems.first() else { return Ok(ExitCode::SUCCESS) };
    let more = match inspection.problems.len() {
        1 => String::new(),
        count => format!("; {} more above", count - 1),
    };
    let failure =
        Failure::other(Class::Pipeline, format!("`{}` does not fit: {}{more}", inspection.component, first.message));
    Err(match &first.help {
        Some(help) => failure.help(help.clone()),
        None => failure,
    })
}

fn shown(inspection: &Inspection) -> String {
    let Inspection {
        component,
        size,
        kind,
        contract,
        host_contract,
        manifest,
        config,
        imports,
        asks,
        producers,
        memory_at_start_bytes,
        problems,
        config_schema: _,
    } = inspection;
    let mut text = format!("{}  {}\n", inline(component), bytes(*size));
    let mut line = |key: &str, value: &str| {
        let line = format!("  {key:10} {}", inline(value));
        text.push_str(&format!("{}\n", line.trim_end()));
    };
    if let Some(manifest) = manifest {
        line("step", &format!("{} {}: {}", manifest.name, manifest.version, manifest.summary));
    }
    if let (Some(kind), Some(contract)) = (kind, contract) {
        line("kind", kind.as_str());
        line("contract", &format!("{contract}; this callboard speaks {host_contract}"));
    }
    for (key, values) in [("language", "language"), ("made by", "processed-by"), ("with", "sdk")] {
        if let Some(values) = producers.get(values) {
            line(key, &values.join(", "));
        }
    }
    if let Some(memory) = memory_at_start_bytes {
        line("memory", &format!("{} at the start", bytes(*memory)));
    }
    if kind.is_some() && problems.is_empty() {
        line("config", if config.is_empty() { "no keys" } else { "" });
        text.push_str(&table(config));
    }
    if !imports.is_empty() {
        text.push_str("  imports\n");
    }
    for import in imports {
        let needs = import.needs.as_ref().map_or(String::new(), |needs| format!(": {}", inline(needs)));
        let name = excerpt(&import.name, LONGEST_NAME);
        text.push_str(&format!("    {}  {}{needs}\n", inline(&name), inline(import.what)));
    }
    if !asks.is_empty() {
        text.push_str(
            "  asks for, in its step.toml; granted by a pipeline file, or `--grant-…` of step run and test\n",
        );
    }
    for line in asks {
        text.push_str(&format!("    {}\n", inline(line)));
    }
    if problems.len() > 1 {
        let listed = problems.iter().map(|wrong| format!("    {}\n", inline(&short(&wrong.message))));
        text.push_str(&format!("  it does not fit\n{}", listed.collect::<String>()));
    }
    text
}

/// The keys of a configuration, in columns.
fn table(keys: &[Key]) -> String {
    let rows: Vec<[String; 5]> = keys
        .iter()
        .map(|key| {
            let default = match (&key.default, key.required) {
                (Some(value), _) => value.to_string(),
                (None, true) => "required".to_owned(),
                (None, false) => "-".to_owned(),
            };
            [&key.key, &key.of, &default, &key.bounds, &key.meaning].map(|text| inline(text))
        })
        .collect();
    let head = ["key", "type", "default", "bounds", "meaning"].map(str::to_owned);
    let all: Vec<&[String; 5]> = std::iter::once(&head).filter(|_| !rows.is_empty()).chain(&rows).collect();
    let width = |at: usize| all.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let widths = [0, 1, 2, 3].map(width);
    let line = |row: &[String; 5]| {
        let cells: String = (0..4).map(|at| format!("{:1$}  ", row[at], widths[at])).collect();
        format!("    {cells}{}", row[4]).trim_end().to_owned() + "\n"
    };
    all.into_iter().map(line).collect()
}
