//! What a component is: from its bytes, and from what it declares when it is asked.

use callboard_words::Help;
use std::collections::BTreeMap;

use callboard_plan::{ComponentFacts, ImportNeed, Kind, component_names, import_need, scan};
use callboard_runtime::{Bundled, Class, Described, RunError, Settings};
use serde::Serialize;
use serde_json::Value;
use wasmparser::{Parser, Payload, ProducersSectionReader};

use crate::{Result, Subject, Trial};

/// A component, looked at.
#[derive(Debug, Serialize)]
pub struct Inspection {
    /// Its file, or the name of a bundled step.
    pub component: String,
    /// Bytes.
    pub size: u64,
    /// Its kind, if it is a step.
    pub kind: Option<Kind>,
    /// The version of the contract that it is built for.
    pub contract: Option<String>,
    /// The version of the contract that this host speaks.
    pub host_contract: &'static str,
    /// What it declares.
    pub manifest: Option<Manifest>,
    /// The keys of its configuration.
    pub config: Vec<Key>,
    /// The JSON Schema of its configuration, as it declares it.
    #[serde(skip)]
    pub config_schema: Option<Value>,
    /// What it imports.
    pub imports: Vec<Import>,
    /// What the `step.toml` beside it asks to be granted, as lines of a pipeline file. Nothing of it is granted here.
    pub asks: Vec<String>,
    /// Languages that it was written in, and tools that made it, as its own sections say.
    pub producers: BTreeMap<String, Vec<String>>,
    /// The memory that an instance begins with, bytes.
    pub memory_at_start_bytes: Option<u64>,
    /// What is wrong with it, if it does not fit.
    pub problems: Vec<Wrong>,
}

/// What a component declares.
#[derive(Debug, Serialize)]
pub struct Manifest {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it does.
    pub summary: String,
}

/// A key of a configuration.
#[derive(Debug, PartialEq, Serialize)]
pub struct Key {
    /// Its name; of a key within another, both with a dot between.
    pub key: String,
    /// `string`, `integer`, `"none" | "nfc"`.
    #[serde(rename = "type")]
    pub of: String,
    /// As JSON; `None` if there is none.
    pub default: Option<Value>,
    /// Whether it must be given.
    pub required: bool,
    /// `0 to 100`.
    pub bounds: String,
    /// What it means.
    pub meaning: String,
}

/// Something that a component imports.
#[derive(Debug, Serialize)]
pub struct Import {
    /// Its name, with its version.
    pub name: String,
    /// What it takes to have it: nothing, or lines of the pipeline file.
    pub needs: Option<String>,
    /// What those lines would allow.
    pub what: &'static str,
    /// Whether the host has it at all.
    pub there: bool,
}

/// Why a component does not fit.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct Wrong {
    /// What is wrong.
    pub message: String,
    /// What fixes it.
    pub help: Option<Help>,
}

/// Looks at a component; asks it what it is, if it is a step.
///
/// # Errors
///
/// A file that cannot be read; what the system refuses; an interruption. What is wrong with the component is in the answer.
pub fn inspect(subject: Subject, bundled: &[Bundled], settings: Settings) -> Result<Inspection> {
    let bytes = subject.bytes(bundled)?;
    let mut inspection = Inspection {
        component: subject.uses.clone(),
        size: bytes.len() as u64,
        kind: None,
        contract: None,
        host_contract: callboard_plan::CONTRACT,
        manifest: None,
        config: Vec::new(),
        config_schema: None,
        imports: Vec::new(),
        asks: subject.asks_in_vain(),
        producers: producers(&bytes),
        memory_at_start_bytes: None,
        problems: Vec::new(),
    };
    let (imports, exports) = component_names(&bytes).unwrap_or_default();
    inspection.imports = imports.iter().map(|name| import(name)).collect();
    match scan(&bytes) {
        Ok(ComponentFacts { kind, contract, .. }) => {
            inspection.kind = Some(kind);
            if !exports.iter().any(|export| export.starts_with("callboard:step/manifest@")) {
                let message = "it exports no `callboard:step/manifest`, and so cannot say what it is".to_owned();
                let help =
                    Some(format!("export `callboard:step/manifest@{contract}`, as the worlds of the contract do"));
                inspection.problems.push(Wrong { message, help: help.map(Into::into) });
            }
            inspection.contract = Some(contract);
        }
        Err(unfit) => {
            inspection.problems.push(Wrong { message: format!("it {unfit}"), help: Some(unfit.help().into()) })
        }
    }
    for import in inspection.imports.iter().filter(|import| !import.there) {
        let help = "build it without; nothing in a pipeline file grants it".to_owned();
        let message = format!("it imports `{}`, {}", import.name, import.what);
        inspection.problems.push(Wrong { message, help: Some(help.into()) });
    }
    if inspection.kind.is_some() && inspection.imports.iter().all(|import| import.there) {
        asked(&mut inspection, subject, bundled, settings)?;
    }
    Ok(inspection)
}

/// What is wrong with the component. What this machine refused, or an interruption, says nothing about it.
fn wrong(error: RunError, of: &str) -> Result<Wrong> {
    match error.class {
        Class::System | Class::Interrupted | Class::Waiting | Class::Bug => Err(error),
        Class::Pipeline | Class::Data | Class::Limit => {
            Ok(Wrong { message: format!("{of}{}", error.message), help: error.help })
        }
    }
}

/// What is known by running it, with no grant at all.
fn asked(inspection: &mut Inspection, mut subject: Subject, bundled: &[Bundled], settings: Settings) -> Result<()> {
    subject.grant(serde_json::Map::new());
    let begun = match Trial::begin(subject, 1, bundled, settings) {
        Ok(trial) => trial,
        Err(error) => {
            inspection.problems.push(wrong(error, "")?);
            return Ok(());
        }
    };
    match begun.probe.start() {
        Ok((bytes, _)) => inspection.memory_at_start_bytes = Some(bytes),
        Err(error) => {
            inspection.problems.push(wrong(error.error, "no instance of it starts: ")?);
            return Ok(());
        }
    }
    match begun.probe.describe() {
        Ok(Described { name, version, summary, config_schema }) => {
            inspection.manifest = Some(Manifest { name, version, summary });
            match serde_json::from_str::<Value>(&config_schema) {
                Ok(schema) => {
                    inspection.config = keys(&schema);
                    inspection.config_schema = Some(schema);
                }
                Err(error) => {
                    let message = format!("the schema of its configuration is not JSON: {error}");
                    inspection.problems.push(Wrong { message, help: None });
                }
            }
        }
        Err(_) if inspection.problems.iter().any(|wrong| wrong.message.contains("manifest")) => {}
        Err(error) => inspection.problems.push(wrong(error.error, "")?),
    }
    Ok(())
}

fn import(name: &str) -> Import {
    let (needs, what, there) = match import_need(name) {
        ImportNeed::Contract => (None, "the contract's own", true),
        ImportNeed::Inert => (None, "without effect unless granted", true),
        ImportNeed::Files => {
            (Some("grant.files = [\"FILE or FOLDER\"]".to_owned()), "without effect unless granted", true)
        }
        ImportNeed::Environment => (Some("grant.env = [\"NAME\"]".to_owned()), "without effect unless granted", true),
        ImportNeed::Clock => (Some("grant.clock = true".to_owned()), "clocks stand still unless granted", true),
        ImportNeed::Http => {
            (Some("grant.http = [\"GET https://example.org/\"]".to_owned()), "it is refused unless granted", true)
        }
        ImportNeed::OtherContract => {
            (None, "which is of another version of the contract than this callboard speaks", false)
        }
        ImportNeed::Unknown => (None, "which this callboard does not have", false),
    };
    Import { name: name.to_owned(), needs, what, there }
}

/// The languages and tools that a component speaks of: itself, and the largest module in it. Adapters and the like, which come from
/// elsewhere, are smaller.
fn producers(bytes: &[u8]) -> BTreeMap<String, Vec<String>> {
    let mut modules: Vec<(usize, BTreeMap<String, Vec<String>>)> = Vec::new();
    let mut own = BTreeMap::new();
    let mut open: Vec<Option<usize>> = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        match payload {
            Err(_) => break,
            Ok(Payload::ModuleSection { unchecked_range, .. }) => {
                open.push(Some(modules.len()));
                modules.push((unchecked_range.len(), BTreeMap::new()));
            }
            Ok(Payload::ComponentSection { .. }) => open.push(None),
            Ok(Payload::End(_)) => drop(open.pop()),
            Ok(Payload::CustomSection(section)) if section.name() == "producers" => {
                let data = wasmparser::BinaryReader::new(section.data(), section.data_offset());
                match open.last() {
                    Some(Some(module)) => note(data, &mut modules[*module].1),
                    Some(None) => {}
                    None => note(data, &mut own),
                }
            }
            Ok(_) => {}
        }
    }
    let largest = modules.into_iter().max_by_key(|(size, _)| *size).map(|(_, found)| found).unwrap_or_default();
    for (field, values) in largest {
        let known: &mut Vec<String> = own.entry(field).or_default();
        values.into_iter().for_each(|value| {
            if !known.contains(&value) {
                known.push(value)
            }
        });
    }
    own
}

/// What a section says, under its fields; what cannot be read says nothing.
fn note(section: wasmparser::BinaryReader<'_>, found: &mut BTreeMap<String, Vec<String>>) {
    let Ok(fields) = ProducersSectionReader::new(section) else { return };
    for field in fields.into_iter().flatten() {
        let values = found.entry(field.name.to_owned()).or_default();
        for value in field.values.into_iter().flatten() {
            values.push(format!("{} {}", value.name, value.version).trim().to_owned());
        }
    }
}

/// The keys of a JSON Schema of an object, those within other keys behind them.
fn keys(schema: &Value) -> Vec<Key> {
    let mut keys = Vec::new();
    gather(schema, schema, "", 0, &mut keys);
    keys
}

fn gather(root: &Value, schema: &Value, before: &str, depth: usize, keys: &mut Vec<Key>) {
    let required = schema.get("required").and_then(Value::as_array);
    for (name, of) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let (key, target) = (format!("{before}{name}"), resolved(root, of));
        let said = |what: &str| of.get(what).or_else(|| target.get(what));
        keys.push(Key {
            of: type_of(root, target),
            default: said("default").cloned(),
            required: required.is_some_and(|names| names.iter().any(|required| required == name)),
            bounds: bounds(target),
            meaning: said("description").and_then(Value::as_str).unwrap_or_default().replace('\n', " "),
            key: key.clone(),
        });
        if depth < 3 {
            gather(root, target, &format!("{key}."), depth + 1, keys);
        }
    }
}

/// What a `$ref` into the same schema, or the only thing that is not null, leads to.
fn resolved<'a>(root: &'a Value, of: &'a Value) -> &'a Value {
    let target = of.get("$ref").and_then(Value::as_str).and_then(|to| root.pointer(to.strip_prefix('#')?));
    let one = || {
        let several = of.get("anyOf").or_else(|| of.get("oneOf")).or_else(|| of.get("allOf"))?.as_array()?;
        let mut others = several.iter().filter(|of| of.get("type").is_none_or(|of| of != "null"));
        others.next().filter(|_| others.next().is_none())
    };
    match target.or_else(one) {
        Some(target) if !std::ptr::eq(target, of) => target.get("$ref").map_or(target, |_| resolved(root, target)),
        _ => of,
    }
}

fn type_of(root: &Value, of: &Value) -> String {
    let listed = |values: &[Value]| values.iter().map(Value::to_string).collect::<Vec<_>>().join(" | ");
    if let Some(values) = of.get("enum").and_then(Value::as_array) {
        return listed(values);
    }
    if let Some(value) = of.get("const") {
        return value.to_string();
    }
    if let Some(several) = of.get("oneOf").or_else(|| of.get("anyOf")).and_then(Value::as_array) {
        return several.iter().map(|of| type_of(root, resolved(root, of))).collect::<Vec<_>>().join(" | ");
    }
    let of_items = || of.get("items").map(|items| type_of(root, resolved(root, items)));
    match of.get("type") {
        Some(Value::String(name)) if name == "array" => {
            format!("list of {}", of_items().unwrap_or("anything".to_owned()))
        }
        Some(Value::String(name)) => name.clone(),
        Some(Value::Array(names)) => {
            let names = names.iter().filter_map(Value::as_str).filter(|name| *name != "null");
            let name = |name| match (name, of_items()) {
                ("array", Some(items)) => format!("list of {items}"),
                _ => name.to_owned(),
            };
            names.map(name).collect::<Vec<_>>().join(" | ")
        }
        _ => "anything".to_owned(),
    }
}

/// The bounds that a schema sets, in words.
fn bounds(of: &Value) -> String {
    let number = |key: &str| of.get(key).map(Value::to_string);
    let mut words = Vec::new();
    match (number("minimum"), number("maximum")) {
        (Some(least), Some(most)) => words.push(format!("{least} to {most}")),
        (Some(least), None) => words.push(format!("{least} or more")),
        (None, Some(most)) => words.push(format!("{most} or less")),
        (None, None) => {}
    }
    words.extend(number("exclusiveMinimum").map(|least| format!("over {least}")));
    words.extend(number("exclusiveMaximum").map(|most| format!("under {most}")));
    words.extend(number("minLength").map(|least| format!("{least} letters or more")));
    words.extend(number("maxLength").map(|most| format!("{most} letters at most")));
    let items = |count: String| format!("{count} item{}", if count == "1" { "" } else { "s" });
    words.extend(match (number("minItems"), number("maxItems")) {
        (Some(least), Some(most)) if least == most => Some(items(least)),
        (Some(least), Some(most)) => Some(format!("{least} to {}", items(most))),
        (Some(least), None) => Some(format!("{} or more", items(least))),
        (None, Some(most)) => Some(format!("at most {}", items(most))),
        (None, None) => None,
    });
    words.extend(of.get("pattern").and_then(Value::as_str).map(|pattern| format!("like {pattern}")));
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::keys;

    #[test]
    fn a_schema_becomes_a_table_of_keys() {
        let schema = json!({
            "type": "object",
            "required": ["column"],
            "properties": {
                "column": { "type": "string", "description": "The column\nof text." },
                "min": { "type": "integer", "minimum": 0, "maximum": 9, "default": 1 },
                "mode": { "$ref": "#/$defs/Mode", "default": "drop" },
                "limits": { "anyOf": [{ "$ref": "#/$defs/Limits" }, { "type": "null" }] },
                "names": { "type": ["array", "null"], "items": { "type": "string" } },
            },
            "$defs": {
                "Mode": { "enum": ["drop", "flag"] },
                "Limits": { "type": "object", "properties": { "most": { "type": "number", "exclusiveMinimum": 0 } } },
            },
        });
        let lines: Vec<String> = keys(&schema)
            .into_iter()
            .map(|key| {
                let default = key.default.map(|value| value.to_string()).unwrap_or_default();
                format!("{} {} {} {} {} {}", key.key, key.of, default, key.required, key.bounds, key.meaning)
            })
            .collect();
        assert_eq!(
            lines,
            [
                "column string  true  The column of text.",
                "min integer 1 false 0 to 9 ",
                "mode \"drop\" | \"flag\" \"drop\" false  ",
                "limits object  false  ",
                "limits.most number  false over 0 ",
                "names list of string  false  ",
            ]
        );
    }
}
