//! What is told of a component, and of one that does not fit.

use serde_json::Value;

use crate::bench::{Bench, component, repository, twice};

#[test]
fn a_step_shows_what_it_is_and_what_its_configuration_may_be() {
    let said = Bench::new().callboard(&["step", "inspect", "hash"], "");
    assert_eq!(said.code, 0, "{}", said.error);
    for words in
        ["kind       transform", "contract   0.2.0", "language   Rust", "at the start", "\"sha256\" | \"xxh3\""]
    {
        assert!(said.out.contains(words), "{words}: {}", said.out);
    }
}

#[test]
fn what_it_imports_is_told_with_the_line_that_grants_it() {
    let reach = repository("target/guests/reach.wasm").display().to_string();
    let said = Bench::new().callboard(&["step", "inspect", &reach, "--json"], "");
    let found: Value = serde_json::from_str(&said.out).unwrap();
    let needs = |name: &str| {
        let imports = found["imports"].as_array().unwrap();
        let import = imports.iter().find(|import| import["name"].as_str().unwrap().starts_with(name)).unwrap();
        import["needs"].as_str().unwrap_or_default().to_owned()
    };
    assert!(needs("wasi:http/outgoing-handler@").starts_with("grant.http = ["));
    assert!(needs("wasi:filesystem/types@").starts_with("grant.files = ["));
    assert!(needs("wasi:cli/environment@").starts_with("grant.env = ["));
    assert_eq!(needs("wasi:clocks/wall-clock@"), "grant.clock = true");
    assert_eq!(needs("callboard:step/log@"), "");
    assert_eq!((&found["kind"], said.code), (&"transform".into(), 0), "{}", said.error);
}

#[test]
fn what_does_not_fit_is_told_with_the_mend() {
    let bench = Bench::new();
    bench.put("module.wasm", wat::parse_str(twice()).unwrap());
    let instance = |export: &str| {
        wat::parse_str(format!("(component (instance $i) (export \"{export}\" (instance $i)))")).unwrap()
    };
    bench.put("cli.wasm", instance("wasi:cli/run@0.2.3"));
    bench.put("hollow.wasm", instance("callboard:step/transform@0.2.0"));
    bench.put("asks.wasm", wat::parse_str(
        "(component (import \"acme:gpu/run@1.0.0\" (instance)) (instance $i) \
         (export \"callboard:step/transform@0.2.0\" (instance $i)) (export \"callboard:step/manifest@0.2.0\" (instance $i)))",
    ).unwrap());
    bench.put("later.wasm", wat::parse_str(
        "(component (import \"callboard:step/log@0.3.0\" (instance)) (instance $i) \
         (export \"callboard:step/transform@0.2.0\" (instance $i)) (export \"callboard:step/manifest@0.2.0\" (instance $i)))",
    ).unwrap());
    bench.put("rows.wasm", "{\"text\": 1}\n");
    let cut = component(&twice(), callboard_plan::CONTRACT);
    bench.put("cut.wasm", &cut[..cut.len() / 2]);
    for (file, what, help) in [
        ("module.wasm", "is a core WebAssembly module, not a component", "make a component of it"),
        (
            "cli.wasm",
            "is a component, but no step: it exports `wasi:cli/run@0.2.3`",
            "a step exports `callboard:step/transform@0.2.0`",
        ),
        ("hollow.wasm", "exports no `callboard:step/manifest`", "export `callboard:step/manifest@0.2.0`"),
        ("hollow.wasm", "it is not a complete step", ""),
        ("asks.wasm", "imports `acme:gpu/run@1.0.0`, which this callboard does not have", "build it without"),
        ("later.wasm", "imports `callboard:step/log@0.3.0`, which is of another version of the contract", ""),
        ("rows.wasm", "looks like JSON", ""),
        ("cut.wasm", "is cut short", "build or copy it again"),
        ("absent.wasm", "there is no component `absent.wasm`", ""),
    ] {
        let said = bench.callboard(&["step", "inspect", file], "");
        let found = format!("{}{}", said.out, said.error);
        assert!(found.contains(what) && found.contains(help), "{file}: {found}");
        assert_eq!(said.code, 2, "{file}: {found}");
    }
}
