//! The sandbox alone, as an embedder has it: the program in docs/embedding.md is the one between the two marks here, and it runs.

// [EMBEDDING]
use arrow::array::RecordBatch;
use callboard_sandbox::{Fault, InstanceConfig, Step};
use std::time::Duration;

/// Runs a component that is a transform on batches of one schema, with 64 MiB and five seconds a call.
fn transform(component: &[u8], settings: &str, batches: &[RecordBatch]) -> Result<Vec<RecordBatch>, Fault> {
    let Some(first) = batches.first() else { return Ok(Vec::new()) };
    let config = InstanceConfig::new("step").memory(64 << 20).time(Duration::from_secs(5));
    let mut step = Step::open(component, settings, &first.schema(), config)?;
    batches.iter().map(|batch| Ok(step.process(batch)?.rows)).collect()
}
// [EMBEDDING]

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray};

#[test]
fn the_program_in_the_docs_is_this_one() {
    let program = include_str!("alone.rs").split("// [EMBEDDING]\n").nth(1).unwrap();
    let page = include_str!("../../docs/embedding.md");
    assert!(page.contains(program), "docs/embedding.md shows another program than tests/runtime/alone.rs");
}

fn batch(ids: &[i64], texts: &[&str]) -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from(ids.to_vec()));
    let texts: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
    RecordBatch::try_from_iter([("id", ids), ("text", texts)]).unwrap()
}

fn component(name: &str) -> Vec<u8> {
    let path =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/guests").join(format!("{name}.wasm"));
    std::fs::read(path).expect("the guests are built")
}

#[test]
fn a_step_runs_on_batches_without_a_pipeline() {
    let batches = [batch(&[1, 2, 3], &["a", "bb", "ccc"]), batch(&[4], &["dddd"])];
    let put_out = transform(&component("filter"), r#"{"where": "id != 2"}"#, &batches).unwrap();
    assert_eq!(put_out, [batch(&[1, 3], &["a", "ccc"]), batch(&[4], &["dddd"])]);
    let shorter = transform(&component("select"), r#"{"keep": ["id"]}"#, &batches).unwrap();
    assert_eq!(shorter[0].num_columns(), 1);
}

#[test]
fn a_step_alone_has_its_limits() {
    let refused = |memory: u64| {
        let config = InstanceConfig::new("step").memory(memory);
        Step::open(&component("normalise"), "{}", &batch(&[1], &["a"]).schema(), config).map(drop)
    };
    assert!(refused(64 << 20).is_ok());
    assert!(matches!(refused(64 << 10), Err(Fault::Limit(limit)) if limit.key == Some("limits.memory")));
    let settings = transform(&component("filter"), r#"{"where": "nothing > 1"}"#, &[batch(&[1], &["a"])]);
    assert!(matches!(settings, Err(Fault::Said { .. })), "{settings:?}");
    assert!(matches!(transform(b"no component", "{}", &[batch(&[1], &["a"])]), Err(Fault::Refused { .. })));
}
