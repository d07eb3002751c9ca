//! The steps that put out what comes in, over every type of the contract.

use crate::bench::Bench;
use crate::built::{Built, in_every_language};
use crate::types;

/// A pipeline of this step, or of none.
fn pipeline(mirror: Option<(&Built, &str)>, batch_rows: usize) -> String {
    let step = mirror.map(|(built, by)| {
        format!("[[steps]]\nname = \"step\"\nconfig = {{ by = \"{by}\" }}\nuse = \"{}\"\n", built.step("mirror"))
    });
    format!(
        "callboard = 1\nrun = {{ batch_rows = {batch_rows} }}\ninputs.rows.path = \"rows.arrow\"\n{}\
         [outputs.out]\npath = \"out.arrow\"\n",
        step.unwrap_or_default()
    )
}

#[test]
fn every_type_comes_out_as_it_went_in() {
    in_every_language(|built| {
        for (rows, batch_rows) in [(0, 8192), (1, 8192), (40, 1), (2_000, 7), (2_000, 8192)] {
            let bench = Bench::new();
            bench.put("rows", &types::with_every_type(rows, Vec::new()));
            bench.run(&pipeline(None, batch_rows));
            let expected = bench.rows("out.arrow");
            assert_eq!(expected.num_rows(), rows);
            for by in ["rows", "columns"] {
                bench.run(&pipeline(Some((built, by)), batch_rows));
                let found = bench.rows("out.arrow");
                assert_eq!(found.schema(), expected.schema(), "by {by}");
                for (field, (found, expected)) in
                    found.schema().fields().iter().zip(found.columns().iter().zip(expected.columns()))
                {
                    assert!(
                        found == expected,
                        "by {by}, {rows} rows: `{}` is\n{found:?}\nand was\n{expected:?}",
                        field.name()
                    );
                }
            }
        }
    });
}

/// Go looks for files in the first granted folder, unless its SDK says otherwise. A wrong outcome would read another list, or none.
#[test]
fn a_go_step_reads_a_granted_file_by_its_path_and_no_other() {
    in_every_language(|built| {
        if built.language.id != "go" {
            return;
        }
        let bench = Bench::new();
        bench.put("rows", &types::with_every_type(10, Vec::new()));
        bench.put_text("data/lists/words.txt", "one two three\n");
        bench.put_text("words.txt", "four\n");
        bench.put_text("data/secret.txt", "none of it");
        let reading = |path: &str| {
            let step = built.step("mirror");
            bench.try_run(&format!(
                "callboard = 1\ninputs.rows.path = \"rows.arrow\"\n[[steps]]\nname = \"step\"\nuse = \"{step}\"\n\
                 config.words = \"{path}\"\ngrant.files = [\"data/lists\", \"words.txt\"]\n[outputs.out]\npath = \"out.arrow\"\n"
            ))
        };
        for (path, words) in [("data/lists/words.txt", 3), ("words.txt", 1)] {
            let report = reading(path).unwrap_or_else(|said| panic!("{said}"));
            assert_eq!(report["stages"][0]["steps"][0]["counters"]["words"], words, "{path}: {report:#}");
        }
        let said = reading("data/secret.txt").unwrap_err();
        assert!(said.contains("open data/secret.txt: ") && said.contains("config `words`"), "{said}");
    });
}
