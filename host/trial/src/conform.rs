//! The contract's checks against any component, whatever language it is from: rows are made up.
//!
//! 1. What it declares: [`describe`](callboard_runtime::Probe::describe), and its configuration's schema.
//! 2. `declare`: the same twice, an answer for columns of every type, a refusal of configurations that its own schema refuses.
//! 3. Rows of every type and pattern of nulls, under every schema that it accepted.
//! 4. Many batches, as [`drive`](crate::drive) has them.

use callboard_words::{Help, Setting};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use callboard_plan::Kind;
use callboard_runtime::{CallError, Declaration, Failed, Probe, columns_of, display_type};
use serde_json::{Map, Value, json};

use crate::drive::{answer, exercise_global, exercise_source, exercise_transform};
use crate::finding::count;
use crate::kinds::{Nulls, array, types};
use crate::rows::{dataset, joined, made};
use crate::schema::Checker;
use crate::{Finding, Result, Trial, golden};
use callboard_words::sizes::bytes;

/// Rows of a batch that is made up.
const ROWS: [usize; 4] = [0, 1, 2, 100];

/// What was tried, or what was wrong.
type Tried<T = String> = std::result::Result<T, String>;

/// Checks a component against the contract.
///
/// # Errors
///
/// What is not the step's doing: an interruption, a full disk.
pub fn conform(trial: &Trial) -> Result<Vec<Finding>> {
    let probe = &trial.probe;
    let mut findings = Vec::new();
    let started = match probe.start() {
        Ok((memory, took)) => Ok(format!("{} of memory, {:.1} ms", bytes(memory), took.as_secs_f64() * 1e3)),
        Err(error) => wrong(error)?,
    };
    let starts = started.is_ok();
    findings.push(Finding::of("an instance starts", started));
    if !starts {
        return Ok(findings);
    }
    let (described, schema) = described(probe)?;
    findings.extend(described);
    let candidates = candidates(trial, schema.as_ref())?;
    let (answered, accepted) = declared(trial, &candidates)?;
    findings.extend(answered);
    findings.extend(refusals(trial, schema.as_ref(), &accepted)?);
    findings.extend(match (probe.kind(), accepted.first()) {
        (_, None) => {
            vec![Finding::not_applicable("rows", "it accepts none of the schemas that were tried")]
        }
        (Kind::Source, Some((_, declaration))) => exercise_source(probe, declaration)?,
        (Kind::Transform, Some(_)) => {
            let mut findings =
                vec![every_type(&accepted, |schema, declaration| transformed(probe, schema, declaration))?];
            let (schema, declaration) = widest(&accepted);
            findings.extend(exercise_transform(probe, declaration, &pool(schema))?);
            findings
        }
        (Kind::Global, Some(_)) => {
            let mut findings = vec![every_type(&accepted, |schema, declaration| whole(probe, schema, declaration))?];
            let (schema, declaration) = widest(&accepted);
            findings.extend(exercise_global(probe, declaration, &[pool(schema)])?);
            findings
        }
    });
    Ok(findings)
}

/// A call that had to go well, and did not.
fn wrong<T>(error: CallError) -> Result<Tried<T>> {
    match error.how {
        Failed::Host => Err(error.error),
        _ => Ok(Err(error.error.message)),
    }
}

fn described(probe: &Probe) -> Result<(Vec<Finding>, Option<Value>)> {
    let said = match probe.describe() {
        Ok(said) => said,
        Err(error) => return Ok((vec![Finding::of("describe", wrong(error)?)], None)),
    };
    let empty = [("name", &said.name), ("version", &said.version)].into_iter().find(|(_, text)| text.trim().is_empty());
    let whole = match empty {
        None => Ok(format!("`{}` {}: {}", said.name, said.version, said.summary)),
        Some((what, _)) => Err(format!("expected a {what}, found an empty text")),
    };
    let parsed = serde_json::from_str::<Value>(&said.config_schema);
    let schema = match &parsed {
        Err(error) => Err(format!("expected a JSON Schema, and it is not JSON: {error}")),
        Ok(schema) => match Checker::of(schema) {
            Err(error) => Err(format!("expected a JSON Schema: {error}")),
            Ok(_) => Ok(count(keys(schema).count(), "key")),
        },
    };
    let usable = parsed.ok().filter(|_| schema.is_ok());
    let findings = vec![Finding::of("describe", whole), Finding::of("the schema of its configuration", schema)];
    Ok((findings, usable))
}

/// The keys that a schema names, each with what the schema says about it.
fn keys(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema.get("properties").and_then(Value::as_object).into_iter().flatten()
}

/// Schemas to be declared for: under the names that its configuration speaks of, one for each type, with and without nulls; first the
/// columns of the golden test and those of all types at once.
fn candidates(trial: &Trial, schema: Option<&Value>) -> Result<Vec<SchemaRef>> {
    if trial.probe.kind() == Kind::Source {
        return Ok(Vec::new());
    }
    let mut names = vec!["text".to_owned()];
    let config = trial.subject.config();
    let given = config.as_object().into_iter().flatten().map(|(_, value)| value);
    let defaults = schema.into_iter().flat_map(keys).filter_map(|(_, of)| of.get("default"));
    for name in given.chain(defaults).flat_map(|value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]))
    {
        let name = name.as_str().unwrap_or_default();
        if !name.is_empty() && !names.iter().any(|known| known == name) && names.len() < 8 {
            names.push(name.to_owned());
        }
    }
    let mut candidates = Vec::new();
    if let Some(rows) = golden::inputs(&trial.subject).first() {
        candidates.push(dataset(&trial.subject, rows)?.schema());
    }
    let others: Vec<Field> =
        types().into_iter().enumerate().map(|(at, of)| Field::new(format!("c{at}"), of, true)).collect();
    for nullable in [true, false] {
        for of in types() {
            let named = names.iter().map(|name| Field::new(name, of.clone(), nullable || of.is_null()));
            let first = candidates.len() < 2 && nullable;
            let fields: Vec<Field> = named.chain(others.iter().filter(|_| first).cloned()).collect();
            candidates.push(Arc::new(Schema::new(fields)));
        }
    }
    Ok(candidates)
}

type Accepted = Vec<(SchemaRef, Declaration)>;

fn declared(trial: &Trial, candidates: &[SchemaRef]) -> Result<(Vec<Finding>, Accepted)> {
    let (probe, config) = (&trial.probe, trial.subject.config());
    let inputs: Vec<Vec<SchemaRef>> = match probe.kind() {
        Kind::Source => vec![Vec::new()],
        _ => candidates.iter().map(|schema| vec![schema.clone()]).collect(),
    };
    let (mut accepted, mut refused, mut wrong, mut twice) = (Vec::new(), Vec::new(), None, None);
    for inputs in &inputs {
        let columns = inputs.iter().map(|schema| columns_of(schema)).collect::<String>();
        match probe.declare(&config, inputs) {
            Ok(declaration) => {
                let again = probe.declare(&config, inputs);
                if !again.is_ok_and(|again| same(&again, &declaration)) {
                    twice.get_or_insert_with(|| format!("for {columns} it declared two different things"));
                }
                accepted.push((inputs.first().cloned().unwrap_or_else(|| Arc::new(Schema::empty())), declaration));
            }
            Err(error) => match (error.error.message.clone(), answer(error)?) {
                (said, Ok(_)) => refused.push(said),
                (_, Err(why)) => drop(wrong.get_or_insert_with(|| format!("for {columns}: {why}"))),
            },
        }
    }
    let schemas = count(inputs.len(), "schema");
    let is_configured = wrong.is_some() || !accepted.is_empty();
    let answers = match (wrong, accepted.len(), refused.first()) {
        (Some(wrong), ..) => Err(wrong),
        // Nothing more can be tried, and that is no pass.
        (None, 0, Some(said)) if probe.kind() == Kind::Source => {
            Err(format!("expected the schema of its rows, and it refuses what it is given: {said}"))
        }
        (None, 0, Some(said)) => {
            Err(format!("expected that it accepts one of {schemas}, and it refuses all, the first with `{said}`"))
        }
        (None, some, _) => Ok(format!("{schemas}: {some} accepted, {} refused with an error", refused.len())),
    };
    let config = Setting::Config("JSON".to_owned());
    let help = match is_configured {
        false if probe.kind() == Kind::Source => Help::from("configure it so that it makes rows: ").set(config),
        false => Help::from("configure it so that it works on rows: ")
            .set(config)
            .and("; and the columns of a `rows.jsonl` next to it are tried too"),
        true => Help::from("return an error of kind `config` for columns that it cannot work on"),
    };
    let what = if probe.kind() == Kind::Source { "declare" } else { "declare, for columns of every type" };
    let findings = vec![
        Finding::of(what, answers).help(help),
        match accepted.is_empty() {
            true => Finding::not_applicable("declare, twice", "it accepted no schema"),
            false => Finding::of("declare, twice", twice.map_or_else(|| Ok("the same both times".to_owned()), Err)),
        },
    ];
    Ok((findings, accepted))
}

fn same(one: &Declaration, other: &Declaration) -> bool {
    (&one.reads, &one.writes, &one.drops) == (&other.reads, &other.writes, &other.drops)
}

/// Configurations that its own schema refuses: one key that it does not have, and for each key a value that does not fit.
fn refusals(trial: &Trial, schema: Option<&Value>, accepted: &Accepted) -> Result<Vec<Finding>> {
    const WHAT: &str = "a wrong configuration is refused";
    let Some(schema) = schema else {
        return Ok(vec![Finding::not_applicable(WHAT, "there is no schema to tell what is wrong")]);
    };
    let Ok(checker) = Checker::of(schema) else {
        return Ok(vec![Finding::not_applicable(WHAT, "its schema cannot be used")]);
    };
    let right = trial.subject.config();
    let mut wrong: Vec<(String, Value)> = Vec::new();
    let mut add = |key: &str, value: Value| {
        let mut config = right.as_object().cloned().unwrap_or_else(Map::new);
        config.insert(key.to_owned(), value);
        let config = Value::Object(config);
        let refused = !checker.accepts(&config);
        if refused {
            wrong.push((key.to_owned(), config));
        }
        refused
    };
    add("no-such-key", json!(1));
    let values = [json!("no such value"), json!(-1), json!(1.5), json!(true), json!([]), json!({}), Value::Null];
    for (key, _) in keys(schema).take(20) {
        values.iter().any(|value| add(key, value.clone()));
    }
    if wrong.is_empty() {
        return Ok(vec![Finding::not_applicable(WHAT, "its schema accepts everything")]);
    }
    let inputs: Vec<SchemaRef> = match (trial.probe.kind(), accepted.first()) {
        (Kind::Source, Some(_)) => Vec::new(),
        (_, Some((schema, _))) => vec![schema.clone()],
        (_, None) => {
            return Ok(vec![Finding::not_applicable(
                WHAT,
                "what it is given is refused already, perhaps for another reason",
            )]);
        }
    };
    for (key, config) in &wrong {
        let expected = format!("expected an error of kind `config` at `/{key}` for {config}");
        let found = match trial.probe.declare(config, &inputs) {
            Ok(_) => Some("it was accepted".to_owned()),
            Err(CallError { how: Failed::Host, error }) => return Err(error),
            Err(CallError { how: Failed::Config, error }) => match error.place.config.as_deref() {
                Some(_) => None,
                None => Some(format!("found one that does not say where: {}", error.message)),
            },
            Err(CallError { how, error }) => {
                Some(format!("found {}: {}", format!("{how:?}").to_lowercase(), error.message))
            }
        };
        if let Some(found) = found {
            return Ok(vec![Finding::failed(WHAT, format!("{expected}; {found}")).help(
                "return an error of kind `config` whose `at` is a JSON pointer to the key; or say in the schema that it is allowed",
            )]);
        }
    }
    Ok(vec![Finding::passed(WHAT, format!("{} configurations, each with the place", wrong.len()))])
}

/// Calls for every schema that was accepted.
fn every_type(
    accepted: &Accepted,
    mut call: impl FnMut(&SchemaRef, &Declaration) -> Result<Tried<usize>>,
) -> Result<Finding> {
    const WHAT: &str = "rows of every type that it accepts";
    let mut calls = 0;
    for (schema, declaration) in accepted {
        match call(schema, declaration)? {
            Ok(count) => calls += count,
            Err(why) => {
                let of =
                    schema.fields().first().map_or("no columns".to_owned(), |field| display_type(field.data_type()));
                return Ok(Finding::failed(WHAT, format!("columns of {of}: {why}")));
            }
        }
    }
    Ok(Finding::passed(
        WHAT,
        format!("{} schemas, {calls} calls, no nulls, some and all, 0 to 100 rows", accepted.len()),
    ))
}

/// The batches of a schema: in each pattern of nulls that it allows, of each size.
fn batches(schema: &SchemaRef) -> Vec<RecordBatch> {
    let patterns = Nulls::EACH
        .into_iter()
        .filter(|nulls| *nulls == Nulls::None || schema.fields().iter().all(|field| field.is_nullable()));
    patterns.flat_map(|nulls| ROWS.map(|rows| batch(schema, rows, nulls))).collect()
}

fn batch(schema: &SchemaRef, rows: usize, nulls: Nulls) -> RecordBatch {
    let columns = schema.fields().iter().map(|field| array(field.data_type(), rows, nulls)).collect();
    made(schema.clone(), columns, rows)
}

fn transformed(probe: &Probe, schema: &SchemaRef, declaration: &Declaration) -> Result<Tried<usize>> {
    let mut opened = match probe.open(declaration, None) {
        Ok(opened) => opened,
        Err(error) => return Ok(answer(error)?.map(|_| 1).map_err(|why| format!("open: {why}"))),
    };
    let batches = batches(schema);
    for batch in &batches {
        if let Err(error) = opened.process(batch)
            && let Err(why) = answer(error)?
        {
            return Ok(Err(format!("{} rows: {why}", batch.num_rows())));
        }
    }
    Ok(Ok(batches.len()))
}

fn whole(probe: &Probe, schema: &SchemaRef, declaration: &Declaration) -> Result<Tried<usize>> {
    let mut calls = 0;
    for batch in batches(schema) {
        calls += 1;
        let ran = probe.open(declaration, None).and_then(|mut opened| opened.run(&[vec![batch.clone()]]));
        if let Err(error) = ran
            && let Err(why) = answer(error)?
        {
            return Ok(Err(format!("{} rows: {why}", batch.num_rows())));
        }
    }
    Ok(Ok(calls))
}

/// The widest of the schemas that were accepted: what is driven over is the widest.
fn widest(accepted: &Accepted) -> (&SchemaRef, &Declaration) {
    let (schema, declaration) =
        accepted.iter().rev().max_by_key(|(schema, _)| schema.fields().len()).expect("one was accepted");
    (schema, declaration)
}

/// Rows of a schema, with and without nulls.
fn pool(schema: &SchemaRef) -> RecordBatch {
    let nullable = schema.fields().iter().all(|field| field.is_nullable());
    let patterns = Nulls::EACH.into_iter().filter(|nulls| nullable || *nulls == Nulls::None);
    joined(schema, &patterns.map(|nulls| batch(schema, 40, nulls)).collect::<Vec<_>>())
}
