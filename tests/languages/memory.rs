//! A step that has worked for long takes no more memory than one that has just begun.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};

use crate::bench::Bench;
use crate::built::{Built, in_every_language};
use crate::types;

/// The linear memory of the step's one instance at its most, over so many batches of 50 rows, under a limit.
fn peak(built: &Built, by: &str, batches: usize, limit: u64) -> u64 {
    let bench = Bench::new();
    bench.put("rows", &types::with_every_type(50 * batches, Vec::new()));
    let report = bench.run(&format!(
        "callboard = 1\nrun = {{ batch_rows = 50 }}\ninputs.rows.path = \"rows.arrow\"\n\
         [[steps]]\nname = \"step\"\nconfig = {{ by = \"{by}\" }}\nuse = \"{}\"\nlimits.memory = \"{limit}B\"\nreplicas = 1\n[outputs.out]\npath = \"out.arrow\"\n",
        built.step("mirror")
    ));
    let step = &report["stages"][0]["steps"][0];
    assert_eq!(step["batches"], batches);
    step["peak_linear_memory_bytes"].as_u64().unwrap()
}

/// The component of some languages never frees what it puts out: another instance is made between two calls.
#[test]
fn a_step_over_groups_takes_no_more_memory_for_more_rows() {
    in_every_language(|built| {
        let rows = if built.language.leaks.is_some() { 1_000_000 } else { 200_000 };
        let bench = Bench::new();
        let text = |row: usize| format!("a domain among many, of which each has two rows: {}", row / 2);
        let domains: StringArray = (0..rows).map(|row| Some(text(row))).collect();
        let lengths: Int64Array = (0..rows as i64).collect();
        let columns: Vec<(&str, ArrayRef)> = vec![("domain", Arc::new(domains)), ("n_chars", Arc::new(lengths))];
        bench.put("rows", &RecordBatch::try_from_iter(columns).unwrap());
        let report = bench.run(&format!(
            "callboard = 1\ninputs.rows.path = \"rows.arrow\"\n[[steps]]\nname = \"step\"\nconfig = {{ most = 1 }}\nuse = \"{}\"\n\
             [outputs.out]\npath = \"out.arrow\"\n",
            built.step("longest")
        ));
        let step = &report["stages"][0]["steps"][0];
        assert_eq!(step["rows_out"], rows / 2);
        let peak = step["peak_linear_memory_bytes"].as_u64().unwrap() / step["instances"].as_u64().unwrap();
        assert!(peak <= 48 << 20, "{peak} bytes in each instance");
    });
}

#[test]
fn memory_stays_flat_over_hundreds_of_batches() {
    in_every_language(|built| {
        for by in ["rows", "columns"] {
            let few = peak(built, by, 40, 1 << 30);
            // Where what is put out is never freed, half of what is left is taken sooner or later, and another instance is made.
            let limit = if built.language.leaks.is_some() { few + (4 << 20) } else { 1 << 30 };
            let many = peak(built, by, 600, limit);
            let most = if built.language.leaks.is_some() { few + (3 << 20) } else { few + few / 5 + (1 << 20) };
            assert!(many <= most, "by {by}: {few} bytes after 40 batches, {many} after 600");
        }
    });
}
