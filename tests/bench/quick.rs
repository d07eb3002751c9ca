//! The benchmark with sizes that show only that it works. What a figure comes to is nobody's affair here: the machine is shared.

use std::path::{Path, PathBuf};

use callboard_bench::{Arguments, Bench, Options};

/// What needs something that is not here: peers, toolchains, an hour.
const MAY_BE_LEFT_OUT: [&str; 7] = [
    "lifecycle/python",
    "models/memory",
    "scale/memory",
    "scale/replicas",
    "remote/polars",
    "remote/duckdb",
    "look/quantiles",
];

#[test]
fn every_section_sets_a_figure_beside_each_of_its_targets() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let out = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let sections =
        ["tax", "boundary", "lifecycle", "staging", "scale", "models", "resume", "live", "remote", "tasks", "look"];
    let arguments = Arguments {
        sections: sections.map(str::to_owned).into(),
        quick: true,
        full: false,
        python: None,
        out: out.path().to_owned(),
    };
    let program = PathBuf::from(env!("CARGO_BIN_EXE_callboard"));
    // Shared with other tests, and kept: each component is compiled once.
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled");
    let options = Options { cache, ..Options::with(arguments, program, root).unwrap() };
    let report = Bench::new(options, |_| ()).unwrap().run().unwrap();

    assert_eq!(report.sections.iter().map(|section| section.name).collect::<Vec<_>>(), sections);
    for reached in &report.targets {
        match (reached.figure, &reached.left_out) {
            (Some(figure), None) => assert!(figure.is_finite() && figure >= 0.0, "{reached:?}"),
            (_, Some(why)) => assert!(MAY_BE_LEFT_OUT.contains(&reached.id) && !why.is_empty(), "{reached:?}"),
            (None, None) => panic!("{reached:?}"),
        }
    }
    let [json, page] = report.write(out.path()).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    assert_eq!(json["targets"].as_array().unwrap().len(), report.targets.len());
    let page = std::fs::read_to_string(page).unwrap();
    for reached in &report.targets {
        assert!(page.contains(&format!("| {} | {} |", reached.what, reached.target)), "{}\n{page}", reached.id);
    }
    assert!(!page.contains("NaN") && !page.contains("inf"), "{page}");
}

#[test]
fn a_section_that_there_is_not_is_refused_with_those_that_there_are() {
    let out = tempfile::tempdir().unwrap();
    let arguments =
        Arguments { sections: vec!["taxes".into()], quick: true, full: false, python: None, out: out.path().into() };
    let error = Options::with(arguments, "callboard".into(), ".".into()).unwrap_err();
    assert!(error.starts_with("there is no section `taxes`") && error.contains("tax, boundary"), "{error}");
}
