//! A step that has worked for long takes no more memory than one that has just begun.

use crate::bench::Bench;
use crate::built::{Built, in_every_language};
use crate::types;

/// The step's linear memory at its most, over so many batches of 50 rows.
fn peak(built: &Built, by: &str, batches: usize) -> u64 {
    let bench = Bench::new();
    bench.put("rows", &types::with_every_type(50 * batches, Vec::new()));
    let report = bench.run(&format!(
        "callboard = 1\nrun = {{ batch_rows = 50 }}\ninputs.rows.path = \"rows.arrow\"\n\
         [[steps]]\nname = \"step\"\nconfig = {{ by = \"{by}\" }}\nuse = \"{}\"\n[outputs.out]\npath = \"out.arrow\"\n",
        built.step("mirror")
    ));
    let step = &report["stages"][0]["steps"][0];
    assert_eq!(step["batches"], batches);
    step["peak_linear_memory_bytes"].as_u64().unwrap()
}

#[test]
fn memory_stays_flat_over_hundreds_of_batches() {
    in_every_language(|built| {
        for by in ["rows", "columns"] {
            let (few, many) = (peak(built, by, 40), peak(built, by, 600));
            assert!(many <= few + few / 5 + (1 << 20), "by {by}: {few} bytes after 40 batches, {many} after 600");
        }
    });
}
