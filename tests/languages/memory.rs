//! A step that has worked for long takes no more memory than one that has just begun.

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
