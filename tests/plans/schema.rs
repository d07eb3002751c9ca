//! The published schema and the reader are of one opinion.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use callboard_plan::{Pipeline, Source, schema};
use serde_json::Value;

/// A pipeline as a JSON value, if it has the right form.
fn as_json(source: &Source) -> Option<Value> {
    if source.text.trim_start().starts_with('{') {
        return serde_json::from_str(&source.text).ok();
    }
    let table: toml::Table = toml::from_str(&source.text).ok()?;
    serde_json::to_value(table).ok()
}

#[test]
fn what_is_planned_fits_the_schema_and_an_unknown_key_does_not() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let (mut fit, mut unfit) = (0, 0);
    for case in crate::cases() {
        for source in crate::sources(&case) {
            let Some(json) = as_json(&source) else { continue };
            let errors: Vec<String> = validator.iter_errors(&json).map(|error| error.to_string()).collect();
            match crate::plan(source.clone(), &case) {
                Ok(_) => {
                    assert!(errors.is_empty(), "{}: {errors:?}", case.display());
                    fit += 1;
                }
                // A pipeline that is used as a step has its own file.
                Err(problems) if problems.source == source && problems.to_string().contains("unknown key") => {
                    assert!(!errors.is_empty(), "{}: the schema allows an unknown key", case.display());
                    unfit += 1;
                }
                Err(_) => {}
            }
        }
    }
    assert!(fit >= 15 && unfit >= 1, "{fit} cases fit and {unfit} do not");
}

#[test]
fn the_examples_are_read_and_fit_the_schema() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut seen = 0;
    for example in std::fs::read_dir(folder).unwrap() {
        for file in std::fs::read_dir(example.unwrap().path()).into_iter().flatten() {
            let path = file.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "toml") || path.ends_with("step.toml") {
                continue;
            }
            let source = Source::new(path.display().to_string(), std::fs::read_to_string(&path).unwrap());
            let errors: Vec<String> =
                validator.iter_errors(&as_json(&source).unwrap()).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{}: {errors:?}", path.display());
            Pipeline::parse(source, &[]).unwrap_or_else(|problems| panic!("{problems}"));
            seen += 1;
        }
    }
    assert!(seen > 0);
}

/// Every key that the schema has is read, and every key that is read is in the schema: the reader itself lists its keys
/// where it is given one that it does not know.
#[test]
fn schema_and_reader_know_the_same_keys() {
    let schema = schema();
    let keys =
        |table: &Value| -> BTreeSet<String> { table["properties"].as_object().unwrap().keys().cloned().collect() };
    let read = |text: &str| -> BTreeSet<String> {
        let problems = Pipeline::parse(Source::new("p", text), &[]).unwrap_err();
        let help = problems
            .problems
            .iter()
            .find(|problem| problem.message.contains("unknown key"))
            .and_then(|problem| problem.help.as_deref())
            .unwrap();
        let (_, list) = help.split_once("keys of ").unwrap();
        list.split('`').skip(1).step_by(2).map(str::to_owned).filter(|key| !key.contains(' ')).collect()
    };
    let mut step = read("callboard = 1\n[[steps]]\nuse = \"a\"\nqqqqqqqqqq = 1");
    assert_eq!(keys(&schema["$defs"]["Step"]), step.clone());
    step.clear();
    let pairs = [
        ("Input", "callboard = 1\n[inputs.a]\npath = \"a\"\nqqqqqqqqqq = 1"),
        ("Output", "callboard = 1\n[outputs.a]\npath = \"a\"\nqqqqqqqqqq = 1"),
    ];
    for (name, text) in pairs {
        assert_eq!(keys(&schema["$defs"][name]), read(text), "{name}");
    }
    assert_eq!(keys(&schema), read("callboard = 1\nqqqqqqqqqq = 1"));
    // The titles of these are code themselves.
    let quoted = |mut keys: BTreeSet<String>, title: &str| {
        keys.insert(title.to_owned());
        keys
    };
    assert_eq!(quoted(keys(&schema["$defs"]["Run"]), "run"), read("callboard = 1\n[run]\nqqqqqqqqqq = 1"));
    assert_eq!(
        quoted(keys(&schema["$defs"]["Limits"]), "limits"),
        read("callboard = 1\n[[steps]]\nuse = \"a\"\nlimits = { qqqqqqqqqq = 1 }")
    );
    let limits = read("callboard = 1\n[inputs.a]\npath = \"a\"\nlimits = { qqqqqqqqqq = 1 }");
    assert_eq!(quoted(keys(&schema["$defs"]["InputLimits"]), "limits"), limits);
    let of_grant = |grant: &str| read(&format!("callboard = 1\n[[steps]]\nuse = \"a\"\ngrant = {{ {grant} }}"));
    assert_eq!(quoted(keys(&schema["$defs"]["Grant"]), "grant"), of_grant("qqqqqqqqqq = 1"));
    let file = of_grant("files = [{ path = \"a\", qqqqqqqqqq = 1 }]");
    assert_eq!(quoted(keys(&schema["$defs"]["File"]), "grant.files"), file);
    let secret = of_grant("secret.a = { header = \"A\", value = \"${env.A}\", qqqqqqqqqq = 1 }");
    assert_eq!(keys(&schema["$defs"]["Secret"]), secret);
}

/// `docs/pipeline.schema.json` is what editors and programs are pointed to; `BLESS=1` writes it.
#[test]
fn the_published_schema_is_the_one_of_this_version() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/pipeline.schema.json");
    let current = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &current).unwrap();
    }
    let published = fs::read_to_string(&path).unwrap_or_default();
    assert!(published == current, "docs/pipeline.schema.json is not the schema of pipeline files: BLESS=1 writes it");
}
