//! `examples/02-any-language`: four languages in one pipeline.

use std::fs;

use crate::bench::Bench;
use crate::built::{project, repository};

#[test]
fn one_pipeline_mixes_four_languages() {
    let example = repository("examples/02-any-language");
    let mut pipeline = fs::read_to_string(example.join("any-language.toml")).unwrap();
    for step in ["lead", "chunk", "fingerprint", "near-dedup"] {
        // Where a language is not here, that is reported as of every test.
        let Some(component) = project(&example.join("steps").join(step)) else { return };
        let component = component.unwrap_or_else(|error| panic!("{step}: {error}"));
        let written = format!("steps/{step}/{step}.wasm");
        assert!(pipeline.contains(&written), "{step} is not in the pipeline");
        pipeline = pipeline.replace(&written, &component.display().to_string());
    }
    let inputs = repository("examples/01-curate/data").display().to_string();
    let bench = Bench::new();
    let report = bench.run(&pipeline.replace("../01-curate/data", &inputs));
    let steps: Vec<_> =
        report["stages"].as_array().unwrap().iter().flat_map(|stage| stage["steps"].as_array().unwrap()).collect();
    assert!(steps.iter().all(|step| step["adds_up"] == true), "{report:#}");
    let [lead, chunk, _, dedup] = steps.as_slice() else { panic!("{report:#}") };
    assert_eq!(lead["rows_in"], 15_136);
    assert!(chunk["rows_repeated"].as_u64().unwrap() > 1_000, "long texts become several pieces: {chunk:#}");
    assert!(
        dedup["rows_dropped"].as_u64().unwrap() > 1_000,
        "much of the documentation was never translated: {dedup:#}"
    );
    let pieces = bench.lines("out/pieces.jsonl");
    assert!(pieces.iter().all(|piece| piece["text"].as_str().unwrap().split_whitespace().count() <= 120));
    assert!(pieces.iter().all(|piece| piece["lead"].as_str().is_some_and(|lead| lead.chars().count() <= 160)));
}
