//! `callboard schema`: the JSON Schema of pipeline files and of the configuration of bundled steps, for any file or for one with its own steps.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use callboard_bundled::{BUNDLED, PAGES};
use callboard_plan::{Pipeline, Source};
use callboard_runtime::{CancellationToken, Class};
use callboard_trial::Subject;
use callboard_trial::inspect::inspect;
use serde_json::{Map, Value, json};

use crate::arguments::SchemaArguments;
use crate::exit::{Failure, plain};
use crate::pipeline::interruptible;
use crate::show::progress::{Detail, Progress};
use crate::show::{err, inline, print};
use crate::step::settings_until;

/// A string that stands for a value: a param, alone or within a text.
const PARAM: &str = r"\$\{";

pub(crate) fn schema(arguments: &SchemaArguments) -> Result<ExitCode, Failure> {
    let mut schema = callboard_plan::schema();
    let own = arguments.file.as_deref().map(used).transpose()?.unwrap_or_default();
    let folder = arguments.file.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
    let conditions = configurations(&own, folder)?.into_iter().map(|(name, config)| {
        json!({ "if": { "properties": { "use": { "const": name } }, "required": ["use"] }, "then": { "properties": { "config": config } } })
    });
    schema["$defs"]["Step"]["allOf"] = conditions.collect();
    print(&serde_json::to_string_pretty(&schema).expect("a schema is JSON"))
}

/// The components that a file uses, as it names them.
fn used(file: &Path) -> Result<Vec<String>, Failure> {
    let text = std::fs::read(file).map_err(|error| {
        let message = format!("cannot read the pipeline file `{}`: {}", file.display(), plain(&error));
        Failure::other(Class::Pipeline, message)
    })?;
    let source = Source::from_bytes(file.display().to_string(), &text).map_err(Failure::Problems)?;
    let pipeline = Pipeline::parse(source, &[])?;
    Ok(pipeline.steps.iter().map(|step| step.uses.value.clone()).filter(|uses| uses.ends_with(".wasm")).collect())
}

/// The schemas of the configuration of each bundled step, and of the components of a file in `folder`, by what `use` calls them. One that does not
/// say it is left out, with a note.
fn configurations(own: &[String], folder: &Path) -> Result<BTreeMap<String, Value>, Failure> {
    let cancel = interruptible()?;
    let bundled = PAGES.iter().map(|page| (page.name.to_owned(), Path::new(page.described_by).to_owned()));
    let own = own.iter().map(|uses| (uses.clone(), folder.join(uses)));
    let mut found = BTreeMap::new();
    for (uses, component) in bundled.chain(own) {
        match configuration(&component, &cancel) {
            Ok(Some(schema)) => drop(found.insert(uses.clone(), embedded(&uses, schema))),
            Ok(None) => err(&format!("note: `{}` does not describe its configuration", inline(&uses))),
            Err(failure) if cancel.is_cancelled() => return Err(failure),
            Err(_) => err(&format!("note: `{}` cannot be asked about its configuration", inline(&uses))),
        }
    }
    Ok(found)
}

fn configuration(component: &Path, cancel: &CancellationToken) -> Result<Option<Value>, Failure> {
    let settings = settings_until(cancel.clone(), Progress::plain(Detail::Errors).observer())?;
    Ok(inspect(Subject::find(Some(component), BUNDLED)?, BUNDLED, settings)?.config_schema.filter(Value::is_object))
}

/// A step's schema as a part of another: its references stay within it, and a string with a param may stand for any value.
fn embedded(uses: &str, mut schema: Value) -> Value {
    with_params(&mut schema);
    if let Value::Object(of) = &mut schema {
        of.remove("$schema");
        let id: String =
            uses.chars().map(|c| if c.is_ascii_alphanumeric() || "-._".contains(c) { c } else { '-' }).collect();
        of.insert("$id".to_owned(), format!("callboard:step:{id}").into());
    }
    schema
}

/// Lets a string with a param stand for each property, item and member.
fn with_params(schema: &mut Value) {
    let Value::Object(of) = schema else { return };
    for key in ["properties", "$defs", "definitions"] {
        let parts = of.get_mut(key).and_then(Value::as_object_mut);
        for part in parts.into_iter().flat_map(Map::values_mut) {
            with_params(part);
            if key == "properties" {
                or_param(part);
            }
        }
    }
    for key in ["items", "additionalProperties"] {
        if let Some(part) = of.get_mut(key).filter(|part| part.is_object()) {
            with_params(part);
            or_param(part);
        }
    }
    for key in ["anyOf", "oneOf", "allOf", "prefixItems"] {
        of.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten().for_each(with_params);
    }
}

/// The same, or a string with a param; what an editor shows stays in front.
fn or_param(schema: &mut Value) {
    let mut either = Map::new();
    for key in ["description", "default"] {
        either.extend(schema.get(key).map(|value| (key.to_owned(), value.clone())));
    }
    let whole = std::mem::take(schema);
    either.insert("anyOf".to_owned(), json!([whole, { "type": "string", "pattern": PARAM }]));
    *schema = Value::Object(either);
}
