//! Components of every version of the contract: those of then go on working, and of others it is said which they are.

use std::fs;

use crate::bench::{Bench, component, repository, twice};

const ROWS: &str = "{\"n\":1,\"text\":\"one\"}\n{\"n\":null,\"text\":\"none\"}\n{\"n\":-3,\"text\":\"less\"}\n";
const TWICE: &str = "{\"n\":1,\"text\":\"one\",\"twice\":2}\n{\"n\":null,\"text\":\"none\",\"twice\":null}\n{\"n\":-3,\"text\":\"less\",\"twice\":-6}\n";

#[test]
fn the_component_of_each_version_still_runs() {
    let folders = fs::read_dir(repository("tests/fixtures")).unwrap().map(|entry| entry.unwrap().path());
    let mut tried = 0;
    for folder in folders.filter(|folder| folder.join("twice.wasm").exists()) {
        let bench = Bench::new();
        bench.put("twice.wasm", fs::read(folder.join("twice.wasm")).unwrap());
        bench.put("rows.jsonl", ROWS);
        bench.put(
            "pipeline.toml",
            "callboard = 1\n[inputs.rows]\npath = \"rows.jsonl\"\n[[steps]]\nuse = \"./twice.wasm\"\n[outputs.out]\npath = \"out.jsonl\"\n",
        );
        let ran = bench.callboard(&["run", "pipeline.toml", "--quiet"], "");
        assert_eq!((ran.code, bench.text("out.jsonl").as_str()), (0, TWICE), "{}: {}", folder.display(), ran.error);
        let conforms = bench.callboard(&["step", "conform", "twice.wasm"], "");
        assert_eq!(conforms.code, 0, "{}: {}{}", folder.display(), conforms.out, conforms.error);
        tried += 1;
    }
    assert!(tried > 0, "there is no fixture: cargo xtask fixture");
}

#[test]
fn the_fixture_is_what_its_text_makes() {
    let file = repository(&format!("tests/fixtures/contract-{}/twice.wasm", callboard_plan::CONTRACT));
    let module = |bytes: &[u8]| {
        let found = wat::parse_str(twice()).unwrap();
        // The component carries the module, whose code is the text's; what wraps it may be of any version of the tools.
        let code = &found[8..found.len() / 2];
        bytes.windows(code.len()).any(|window| window == code)
    };
    assert!(module(&fs::read(file).unwrap()), "the text beside the component is another one");
}

#[test]
fn a_later_revision_that_changes_nothing_is_served() {
    let bench = Bench::new();
    bench.put("later.wasm", component(&twice(), "0.2.9"));
    let ran = bench.callboard(&["step", "run", "later.wasm"], ROWS);
    assert_eq!((ran.out.as_str(), ran.code), (TWICE, 0), "{}", ran.error);
    let inspected = bench.callboard(&["step", "inspect", "later.wasm"], "");
    assert!(inspected.out.contains("contract   0.2.9; this callboard speaks 0.2.0"), "{}", inspected.out);
}

#[test]
fn other_contracts_are_told_apart_with_both_versions() {
    for (version, help) in [
        ("0.3.0", "use a newer callboard, or build the step for 0.2.0"),
        ("1.0.0", "use a newer callboard, or build the step for 0.2.0"),
        ("0.0.4", "build the step for 0.2.0"),
    ] {
        let bench = Bench::new();
        bench.put("other.wasm", component(&twice(), version));
        let words = format!("is built for contract {version}, and this callboard speaks 0.2.0");
        for command in ["run", "inspect", "conform"] {
            let said = bench.callboard(&["step", command, "other.wasm"], ROWS);
            let found = format!("{}{}", said.out, said.error);
            assert!(found.contains(&words) && found.contains(help) && said.code == 2, "{command}: {found}");
        }
    }
}
