//! Plans, case by case. A case is a folder:
//!
//! - `pipeline.toml` or `pipeline.json`; both, where the two must give the same plan;
//! - `catalog.toml`, if it uses more than the components of [`Shelf::standard`];
//! - the files of pipelines that it uses as steps;
//! - `args.toml`, if it has `set = ["…"]`, `params = "FILE"`, `load = "step"`, `budget = "1GiB"`, `replicas = 2`, `cores = 4`, or, by step, what earlier
//!   runs measured: `measured = { embed = "300MiB" }`;
//! - `plan.txt` or `error.txt`: what a user sees. `BLESS=1` writes it; look at what it wrote.
//!
//! A folder without an expectation fails. Those that are refused are named `refused-…`.
#![forbid(unsafe_code)]

mod bounds;
mod drawings;
mod effort;
mod model;
mod random;
mod schema;
mod shelf;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use callboard_plan::pipeline::{Text, TextLimits, is_pipeline};
use callboard_plan::{Load, Pipeline, Plan, Problem, Problems, Source, Terms, explain, mermaid};
use serde::Deserialize;
use serde_json::json;
use sha2::Digest;
use shelf::Shelf;

/// What a case says beside its pipeline.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Args {
    set: Vec<String>,
    params: Option<String>,
    load: Load,
    budget: Option<String>,
    replicas: Option<u32>,
    cores: Option<u32>,
    measured: BTreeMap<String, String>,
}

pub(crate) fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/plans");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut cases: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    cases.sort();
    cases
}

/// The pipelines of a case, with the file name that errors show.
pub(crate) fn sources(case: &Path) -> Vec<Source> {
    let names = ["pipeline.toml", "pipeline.json"].into_iter();
    names.filter_map(|name| Some(Source::new(name, fs::read_to_string(case.join(name)).ok()?))).collect()
}

/// With the pipelines of the case's folder that it uses in the places of their steps.
fn expanded(mut pipeline: Pipeline, case: &Path) -> Result<Pipeline, Problems> {
    loop {
        let files = pipeline.steps.iter().map(|step| step.uses.value.clone()).filter(|uses| is_pipeline(uses));
        let read = |uses: String| {
            let text = fs::read_to_string(case.join(&uses)).map(|text| Source::new(&*uses, text));
            let missing = |_| Problem {
                message: "No such file or directory".to_owned(),
                at: None,
                help: Some("paths are relative to the pipeline file's folder".into()),
            };
            (uses, text.map_err(missing))
        };
        let texts: BTreeMap<String, Text> = files.map(read).collect();
        if texts.is_empty() {
            return Ok(pipeline);
        }
        pipeline = pipeline.expanded(|step| texts.get(&step.uses.value), TextLimits::default())?;
    }
}

pub(crate) fn plan(source: Source, case: &Path) -> Result<Plan, Problems> {
    let args: Args = fs::read_to_string(case.join("args.toml"))
        .map_or_else(|_| Args::default(), |text| toml::from_str(&text).unwrap());
    let params = args.params.map(|file| Source::new(&*file, fs::read_to_string(case.join(&file)).unwrap()));
    let pipeline = Pipeline::parse_with_params(source, params, &args.set, TextLimits::default())?;
    let pipeline = expanded(pipeline, case)?;
    let catalog = Shelf::of(case).catalog(&pipeline);
    let size = |text: &String| text.parse::<bytesize::ByteSize>().unwrap().as_u64();
    let terms = Terms {
        load: args.load,
        budget: args.budget.as_ref().map(size),
        replicas: args.replicas,
        cores: args.cores.unwrap_or(1),
        needs: BTreeMap::new(),
    };
    if args.measured.is_empty() {
        return Plan::new(&pipeline, &catalog, terms);
    }
    // What a step's need is kept under is known to its plan, for which there is memory enough.
    let ample = Plan::new(&pipeline, &catalog, Terms { budget: Some(1 << 40), ..terms.clone() })?;
    let key = |(step, bytes): (&String, &String)| (ample.step(step).unwrap().need_key(ample.batch()), size(bytes));
    Plan::new(&pipeline, &catalog, Terms { needs: args.measured.iter().map(key).collect(), ..terms })
}

/// What `plan` shows a person, and the part of its JSON that programs are promised.
fn shown(plan: &Plan) -> String {
    let json = serde_json::to_value(plan).unwrap();
    let mut text = explain(plan, 100);
    for stage in json["stages"].as_array().unwrap() {
        text.push_str(&format!("\n{}", serde_json::json!({ "index": stage["index"], "steps": stage["steps"] })));
    }
    for edge in json["edges"].as_array().unwrap() {
        let edge = serde_json::json!({ "from": edge["from"], "to": edge["to"], "transport": edge["transport"] });
        text.push_str(&format!("\n{edge}"));
    }
    text.push('\n');
    text
}

#[test]
fn every_case_is_planned_or_refused_as_written() {
    let bless = std::env::var_os("BLESS").is_some();
    let mut failures = Vec::new();
    for case in cases() {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let sources = sources(&case);
        assert!(!sources.is_empty(), "{name} has no pipeline");
        let results: Vec<Result<Plan, Problems>> = sources.into_iter().map(|source| plan(source, &case)).collect();
        if let [Ok(first), Ok(second)] = &results[..] {
            assert_eq!(first, second, "{name}: TOML and JSON give two plans");
        }
        assert_eq!(results[0].is_err(), name.starts_with("refused-"), "{name}: {:?}", results[0].as_ref().err());
        let (file, text) = match &results[0] {
            Ok(plan) => {
                plan.verify().unwrap_or_else(|error| panic!("{name}: {error}"));
                assert_eq!(Plan::from_json(&serde_json::to_string(plan).unwrap()).unwrap(), *plan);
                ("plan.txt", shown(plan))
            }
            Err(problems) => ("error.txt", format!("{problems}\n")),
        };
        let expected = fs::read_to_string(case.join(file)).ok();
        if bless && expected.as_deref() != Some(&text) {
            for other in ["plan.txt", "error.txt"] {
                let _ = fs::remove_file(case.join(other));
            }
            fs::write(case.join(file), text).unwrap();
        } else if expected.as_deref() != Some(&text) {
            let expected = expected.unwrap_or_else(|| format!("(there is no {file})"));
            failures.push(format!("{name}\n--- expected\n{expected}\n--- found\n{text}"));
        }
    }
    assert!(
        failures.is_empty(),
        "{} cases differ (BLESS=1 rewrites them)\n\n{}",
        failures.len(),
        failures.join("\n\n")
    );
}

#[test]
fn a_diagram_has_a_box_for_each_stage_and_dots_for_spills() {
    let case = cases().into_iter().find(|case| case.ends_with("curate")).unwrap();
    let plan = plan(sources(&case).remove(0), &case).unwrap();
    assert_eq!(
        mermaid(&plan),
        r#"flowchart LR
  i0[/"docs"/]
  subgraph stage1["stage 1"]
    s0["normalise"]
  end
  subgraph stage2["stage 2"]
    s1[["■ dedup"]]
  end
  subgraph stage3["stage 3"]
    s2["label"]
  end
  o0[\"clean"\]
  i0 --> s0
  s0 -.-> s1
  s1 -.-> s2
  s2 --> o0
"#
    );
}

#[test]
fn a_diagram_says_by_which_door_rows_leave() {
    let case = cases().into_iter().find(|case| case.ends_with("doors-of-globals")).unwrap();
    let diagram = mermaid(&plan(sources(&case).remove(0), &case).unwrap());
    let (_, arrows) = diagram.split_once("  i0 ").unwrap();
    assert_eq!(
        arrows,
        r#"-.-> s0
  s0 -.->|"dropped"| s1
  s1 -.->|"one"| s2
  s0 -.->|"rejected → two"| s2
  s1 -.->|"dropped → two"| s2
  s0 --> o0
  s0 -->|"dropped"| o1
  s0 -->|"rejected"| o2
  s2 --> o3
  s2 -->|"dropped"| o4
"#
    );
}

/// Tables are merged, the step's own keys and the last block win, and what is set of a block is set in all that is like it.
#[test]
fn blocks_are_merged_deeply() {
    let case = cases().into_iter().find(|case| case.ends_with("like")).unwrap();
    let plan = plan(sources(&case).remove(0), &case).unwrap();
    let json = serde_json::to_value(&plan).unwrap();
    let options =
        |model: &str, temperature: f64| json!({ "model": model, "temperature": temperature, "max_tokens": 512 });
    for (nth, at_once, options) in [(0, 4, options("small", 0.7)), (1, 2, options("large", 0.2))] {
        assert_eq!(json["steps"][nth]["config"], json!({ "at_once": at_once, "options": options }));
        assert_eq!(json["steps"][nth]["columns"], json!({ "instruction": "prompt" }));
        assert_eq!(json["steps"][nth]["limits"]["time_ms"], 300_000);
    }
    assert_eq!([0, 1].map(|nth| json["steps"][nth]["on_error"].clone()), ["reject", "fail"]);
    assert_eq!([&json["inputs"][0]["format"], &json["outputs"][0]["format"]], ["jsonl", "jsonl"]);
}

#[test]
fn params_of_a_file_and_of_the_command_are_in_the_plan() {
    let case = cases().into_iter().find(|case| case.ends_with("params-with-types")).unwrap();
    let plan = plan(sources(&case).remove(0), &case).unwrap();
    let json = serde_json::to_value(&plan).unwrap();
    let plain = json!({ "type": "string", "of": "a value, since it has other keys" });
    assert_eq!(
        json["steps"][0]["config"],
        json!({ "least": 7, "share": 0.5, "strict": true, "words": ["b", "c"], "table": { "a": 1 }, "plain": plain, "any": "text" })
    );
    assert_eq!(json["inputs"][0]["paths"], json!(["docs.txt"]));
    assert_eq!([&json["inputs"][0]["format"], &json["outputs"][0]["format"]], ["jsonl", "csv"]);
    assert_eq!(json["seed"], 7);
}

/// What nobody grants is not there; a secret is the name of a variable.
#[test]
fn grants_are_data_of_the_plan_and_secrets_are_not() {
    let case = cases().into_iter().find(|case| case.ends_with("grants")).unwrap();
    let plan = plan(sources(&case).remove(0), &case).unwrap();
    let json = serde_json::to_value(&plan).unwrap();
    let step = |nth: usize| json["steps"][nth].as_object().unwrap();
    assert!(!step(0).contains_key("grants") && !step(0).contains_key("max_rejects") && step(0)["retries"] == 3);
    let http = |method: &str, scheme: &str, host: &str, port: Option<u16>, path: &str| serde_json::json!({ "method": method, "scheme": scheme, "host": host, "port": port, "path": path });
    assert_eq!(
        step(1)["grants"],
        serde_json::json!({
            "files": [
                { "path": "models/lid.bin", "write": false },
                { "path": "scratch", "write": true },
                { "path": "tables", "write": false },
            ],
            "http": [
                http("POST", "https", "api.openai.com", None, "/v1/"),
                http("GET", "https", "api.openai.com", None, "/"),
                http("HEAD", "http", "[::1]", Some(8080), "/a%20b"),
            ],
            "env": ["LANG", "TZ"],
            "secrets": {
                "[::1]": { "header": "X-Api-Key", "value": "${env.ID}:${env.KEY}" },
                "api.openai.com": { "header": "Authorization", "value": "Bearer ${env.OPENAI_API_KEY}" },
            },
            "clock": true,
        })
    );
}

#[test]
fn a_plan_that_was_altered_is_refused() {
    let case = cases().into_iter().find(|case| case.ends_with("curate")).unwrap();
    let plan = plan(sources(&case).remove(0), &case).unwrap();
    let json = serde_json::to_string(&plan).unwrap();
    for (from, to) in [("\"spill\"", "\"channel\""), ("\"stage\":3", "\"stage\":1"), ("nfkc", "nfc"), ("{", "")] {
        let altered = json.replacen(from, to, 1);
        assert_ne!(altered, json);
        Plan::from_json(&altered).unwrap_err();
    }
}

/// The second opinion says what is wrong, and not only that something is.
#[test]
fn an_altered_plan_is_refused_for_what_was_altered() {
    type Alter = fn(&mut serde_json::Value);
    let cases_of: &[(&str, Alter, &str)] = &[
        ("doors", |plan| plan["steps"][0]["on_error"] = "fail".into(), "`quality` rejects none"),
        (
            "doors",
            |plan| {
                plan["steps"][0]["kind"] = "source".into();
                plan["steps"][0]["ports"] = json!([]);
                plan["edges"].as_array_mut().unwrap().retain(|edge| edge["to"] != "quality");
            },
            "is a door of a source",
        ),
        ("doors", |plan| plan["steps"][0]["kind"] = "source".into(), "is a source step with 1 inputs"),
        ("doors", |plan| plan["steps"][0]["digest"] = "../../x".into(), "has a component with an invalid digest"),
        ("doors", |plan| plan["inputs"][0]["name"] = "../x".into(), "has an invalid name"),
        ("doors", |plan| plan["name"] = "a/b".into(), "has a name that no pipeline can have"),
        ("doors", |plan| plan["batch"]["rows"] = 0.into(), "its batches have 0 rows"),
        ("doors", |plan| plan["steps"][0]["limits"]["time_ms"] = 0.into(), "has limits that no step can have"),
        ("doors", |plan| plan["edges"].as_array_mut().unwrap().clear(), "nothing leads into"),
        ("doors", |plan| plan["edges"].as_array_mut().unwrap().reverse(), "nothing leads into"),
        (
            "doors",
            |plan| {
                let edges = plan["edges"].as_array_mut().unwrap();
                edges.push(edges[0].clone());
            },
            "is not where it belongs",
        ),
        (
            "doors",
            |plan| {
                let step = plan["stages"][0]["steps"].as_array_mut().unwrap().pop().unwrap();
                plan["stages"][0]["outputs"].as_array_mut().unwrap().push(step);
            },
            "does not lie in the stage that it names",
        ),
        ("doors", |plan| rename(plan, "quality.rejected", "quality.gone"), "has an end that is not there"),
        ("doors", |plan| rename(plan, "docs", "docs.dropped"), "is a door of something that is not a step"),
        ("budgets", |plan| plan["steps"][0]["on_error"] = "fail".into(), "may reject some rows, and rejects none"),
        (
            "grants",
            |plan| plan["steps"][1]["grants"]["secrets"]["[::1]"]["value"] = "sk-1".into(),
            "has a secret for `[::1]` that names no variable",
        ),
        (
            "grants",
            |plan| plan["steps"][1]["grants"]["files"][0]["path"] = "../a".into(),
            "is granted `../a`, which leads out of its folder",
        ),
        (
            "budget-splits",
            |plan| plan["budget"] = (300 << 20).into(),
            "the prediction of stage 1 does not match its steps",
        ),
        (
            "budget-splits",
            |plan| {
                plan["budget"] = (400 << 20).into();
                for stage in plan["stages"].as_array_mut().unwrap() {
                    stage["predicted"]["rows_bytes"] = stage["predicted"]["least_rows_bytes"].clone();
                }
            },
            "stage 1 does not fit the budget of 419430400 bytes",
        ),
        ("budget-splits", |plan| plan["steps"][0]["replicas"] = 0.into(), "has 0 instances"),
        ("budget-splits", |plan| plan["edges"][1]["transport"] = "spill".into(), "is a spill"),
        ("budget-splits", |plan| plan["edges"][2]["transport"] = "channel".into(), "is a channel"),
    ];
    for (case, alter, expected) in cases_of {
        let case = cases().into_iter().find(|path| path.ends_with(case)).unwrap();
        let mut json = serde_json::to_value(plan(sources(&case).remove(0), &case).unwrap()).unwrap();
        alter(&mut json);
        let error = Plan::from_json(&json.to_string()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}, and not {expected}");
    }
}

/// Whoever can write JSON can give it the fingerprint that it should have: what is read is valid, or is refused.
#[test]
fn whatever_is_altered_is_refused_or_as_good_as_planned() {
    let (mut refused, mut read) = (0, 0);
    for name in ["doors-of-globals", "grants", "named-inputs", "sources"] {
        let case = cases().into_iter().find(|path| path.ends_with(name)).unwrap();
        let plan = serde_json::to_value(plan(sources(&case).remove(0), &case).unwrap()).unwrap();
        for at in places_of(&plan) {
            for value in
                [json!(0), json!(1), json!(u64::MAX), json!(""), json!("../x"), json!([]), json!({}), json!(null)]
            {
                let mut altered = plan.clone();
                *altered.pointer_mut(&at).unwrap() = value;
                altered["fingerprint"] = fingerprint(&altered).into();
                match Plan::from_json(&altered.to_string()) {
                    Err(_) => refused += 1,
                    Ok(plan) => {
                        read += 1;
                        plan.verify().unwrap();
                        assert_eq!(Plan::from_json(&serde_json::to_string(&plan).unwrap()).unwrap(), plan, "{at}");
                        assert!(!explain(&plan, 100).is_empty() && !mermaid(&plan).is_empty());
                        let names = plan.stages().iter().flat_map(|stage| &stage.steps);
                        assert!(names.clone().all(|name| plan.step(name).is_some()), "{at}");
                        assert!(names.flat_map(|name| plan.doors_of(name)).count() <= 2 * plan.steps().len());
                    }
                }
            }
        }
    }
    assert!(refused > 1000 && read > 100, "{refused} refused, {read} read");
}

/// JSON pointers to all that is in a value.
fn places_of(value: &serde_json::Value) -> Vec<String> {
    let inner: Vec<(String, &serde_json::Value)> = match value {
        serde_json::Value::Array(items) => {
            items.iter().enumerate().map(|(nth, item)| (nth.to_string(), item)).collect()
        }
        serde_json::Value::Object(entries) => {
            entries.iter().map(|(key, value)| (key.replace('~', "~0").replace('/', "~1"), value)).collect()
        }
        _ => Vec::new(),
    };
    let deeper = |(key, value): (String, &serde_json::Value)| {
        let mut all = vec![format!("/{key}")];
        all.extend(places_of(value).into_iter().map(|at| format!("/{key}{at}")));
        all
    };
    inner.into_iter().flat_map(deeper).collect()
}

/// As any other program can compute it.
fn fingerprint(plan: &serde_json::Value) -> String {
    let mut rest = plan.clone();
    let remove = |value: &mut serde_json::Value, keys: &[&str]| {
        let Some(value) = value.as_object_mut() else { return };
        keys.iter().for_each(|key| drop(value.remove(*key)));
    };
    remove(&mut rest, &["fingerprint"]);
    for (list, keys) in [("steps", &["origin", "need"][..]), ("stages", &["predicted"])] {
        rest.get_mut(list).and_then(|list| list.as_array_mut()).into_iter().flatten().for_each(|one| remove(one, keys));
    }
    rest.sort_all_objects();
    sha2::Sha256::digest(rest.to_string().as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Wherever rows come from.
fn rename(plan: &mut serde_json::Value, from: &str, to: &str) {
    let swap = |value: &mut serde_json::Value| {
        if value == from {
            *value = to.into();
        }
    };
    plan["edges"].as_array_mut().unwrap().iter_mut().for_each(|edge| swap(&mut edge["from"]));
}
