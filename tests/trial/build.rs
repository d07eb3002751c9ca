//! A language that Callboard does not know: its step brings its own commands.
#![forbid(unsafe_code)]

use crate::bench::{Bench, twice};

#[test]
fn a_step_builds_with_the_commands_that_it_brings() {
    let bench = Bench::new();
    bench.put("made.wasm", wat::parse_str(twice()).unwrap());
    bench.put("rows.jsonl", "{\"n\":21}\n");
    let toml = |language: &str| format!("name = \"twice\"\nkind = \"transform\"\n{language}");
    let build = "language = \"wat\"\n[build]\ncommands = [[\"cp\", \"made.wasm\", \"{out}\"]]\n";
    bench.put("step.toml", toml(build));
    let built = bench.callboard(&["step", "build"], "");
    assert_eq!(built.code, 0, "{}", built.error);
    let ran = bench.callboard(&["step", "run"], "{\"n\":21}\n");
    assert_eq!((ran.out.as_str(), ran.code), ("{\"n\":21,\"twice\":42}\n", 0), "{}", ran.error);

    bench.put("step.toml", toml("language = \"wat\"\n"));
    let unknown = bench.callboard(&["step", "build"], "");
    assert!(unknown.code == 2 && unknown.error.contains("`wat` is not a language"), "{}", unknown.error);
    assert!(unknown.error.contains("a `[build]` with its `commands`"), "{}", unknown.error);
    bench.put("step.toml", toml("language = \"wat\"\nsdk = \"none\"\n[build]\ncommands = [[\"true\"]]\n"));
    let sdk = bench.callboard(&["step", "build"], "");
    assert!(sdk.code == 2 && sdk.error.contains("there is no SDK `none`"), "{}", sdk.error);
    bench.put("step.toml", toml("language = \"wat\"\n[build]\ncommands = [[]]\n"));
    let empty = bench.callboard(&["step", "build"], "");
    assert!(empty.code == 2 && empty.error.contains("empty command"), "{}", empty.error);
}
