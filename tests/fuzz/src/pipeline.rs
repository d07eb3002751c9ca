//! Any text is a pipeline that can be planned, or a list of what is wrong; whatever is planned keeps the rules.

use std::collections::BTreeMap;

use callboard_plan::{Catalog, Component, ComponentFacts, Kind, Load, Missing, Origin, Pipeline, Plan, Problems};
use callboard_plan::{ScanError, Source, explain, is_path, mermaid};

/// What parts a pipeline's text from the values of `--set` behind it, a line each.
const SETS: &str = "\n--set\n";

/// Plans the text in the bytes.
pub fn fuzz(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (text, sets) = text.split_once(SETS).unwrap_or((text, ""));
    let sets: Vec<String> = sets.lines().map(str::to_owned).collect();
    let pipeline = match Pipeline::parse(Source::new("pipeline.toml", text), &sets) {
        Ok(pipeline) => pipeline,
        Err(problems) => return said(&problems),
    };
    let names = pipeline.steps.iter().map(|step| &step.name.value);
    for name in names.chain(pipeline.inputs.iter().map(|input| &input.name.value)) {
        pipeline.place_of(name, Some("/a/0"));
    }
    let catalog = catalog(&pipeline);
    for load in [Load::Staged, Load::Eager, Load::Step] {
        match Plan::new(&pipeline, &catalog, load) {
            Ok(plan) => keeps_the_rules(&plan, &pipeline, &catalog),
            Err(problems) => said(&problems),
        }
    }
}

fn keeps_the_rules(plan: &Plan, pipeline: &Pipeline, catalog: &Catalog) {
    plan.verify().unwrap_or_else(|error| panic!("a plan contradicts itself: {error}\n{plan:#?}"));
    assert_eq!(plan.steps().len(), pipeline.steps.len());
    assert_eq!(plan.outputs().len(), pipeline.outputs.len());
    let json = serde_json::to_string(plan).expect("a plan is JSON");
    assert_eq!(Plan::from_json(&json).as_ref().ok(), Some(plan), "a plan is another one when it is read again\n{json}");
    assert_eq!(Plan::new(pipeline, catalog, plan.load()).as_ref().ok(), Some(plan), "the same pipeline, another plan");
    assert!(!explain(plan, 100).is_empty() && mermaid(plan).starts_with("flowchart"));
}

/// Every problem has words and a place within the text.
fn said(problems: &Problems) {
    assert!(!problems.to_string().is_empty());
    assert!((1..=Problems::MOST).contains(&problems.problems.len()), "{} problems", problems.problems.len());
    for problem in &problems.problems {
        assert!(!problem.message.is_empty());
        if let Some(at) = problem.at {
            let text = &problems.source.text;
            assert!(text.get(at.start..at.end).is_some() && at.line >= 1 && at.column >= 1, "{problem:?}");
        }
    }
}

/// The components that the cases of `tests/plans` use, and one for each reason not to have it.
fn catalog(pipeline: &Pipeline) -> Catalog {
    let bundled = ["normalise", "text-stats", "filter", "exact-dedup", "sample", "generate", "dressed"];
    let component = |uses: &str| {
        let (kind, import) = match uses {
            "normalise" | "text-stats" | "filter" | "./label.wasm" => (Kind::Transform, "callboard:step/log@0.1.0"),
            "exact-dedup" | "sample" | "./global.wasm" => (Kind::Global, "wasi:io/poll@0.2.6"),
            "generate" => (Kind::Source, "callboard:step/counters@0.1.0"),
            "dressed" => (Kind::Transform, "wasi:http/outgoing-handler@0.2.6"),
            "unbuilt" => return Err(Missing::NotBuilt("build it".to_owned())),
            _ if uses.ends_with("unfit.wasm") => {
                return Err(Missing::Unfit { path: uses.to_owned(), error: ScanError::Module });
            }
            _ if is_path(uses) => {
                return Err(Missing::Unreadable { path: uses.to_owned(), error: "no such file".to_owned() });
            }
            _ => return Err(Missing::Unknown),
        };
        let facts = ComponentFacts { kind, contract: "0.1.0".to_owned(), imports: vec![import.to_owned()], size: 1000 };
        let origin = if is_path(uses) { Origin::Path(uses.to_owned()) } else { Origin::Bundled };
        Ok(Component { facts, digest: format!("{:064x}", uses.len()), origin })
    };
    let uses = pipeline.steps.iter().map(|step| step.uses.value.clone());
    Catalog {
        bundled: bundled.map(str::to_owned).to_vec(),
        formats: ["jsonl", "csv", "parquet", "arrow"].map(str::to_owned).to_vec(),
        components: uses.map(|uses| (uses.clone(), component(&uses))).collect::<BTreeMap<_, _>>(),
    }
}
