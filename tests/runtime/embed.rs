//! The program in README.md is the one between the two marks here, and it runs. `BLESS=1` writes it into README.md.
#![allow(clippy::print_stderr, reason = "the program shows what happens to whoever reads it")]

// [README]
use callboard_plan::{Load, Pipeline, Plan, Source};
use callboard_runtime::{CompileCommand, Components, Observer, Report, Run, Settings, run_folders};
use std::path::Path;

/// Runs a pipeline whose paths are relative to `folder`; components are compiled by the command `callboard`.
fn run(toml: &str, folder: &Path, callboard: &Path) -> Result<Report, Box<dyn std::error::Error>> {
    let pipeline = Pipeline::parse(Source::new("inline.toml", toml), &[])?;
    let components = Components::of(&pipeline, &[], folder);
    let plan = Plan::new(&pipeline, &components.catalog, Load::Staged)?;
    let compile = CompileCommand { program: callboard.into(), arguments: vec!["compile".into()] };
    let settings = Settings::new(folder, folder.join("runs/1"), folder.join("cache"), compile)
        .earlier(run_folders(&folder.join("runs"))?)
        .observer(Observer::new(|event| eprintln!("{event:?}")));
    Ok(Run::prepare(plan, components, settings)?.execute()?)
}
// [README]

#[test]
fn the_program_in_the_readme_is_this_one() {
    let program = include_str!("embed.rs").split("// [README]\n").nth(1).unwrap();
    let readme = include_str!("../../README.md");
    let (before, rest) = readme.split_once("```rust\n").unwrap();
    let (shown, after) = rest.split_once("```").unwrap();
    if std::env::var_os("BLESS").is_some() && shown != program {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
        return std::fs::write(file, format!("{before}```rust\n{program}```{after}")).unwrap();
    }
    assert_eq!(shown, program, "README.md shows another program than tests/runtime/embed.rs (BLESS=1 rewrites)");
}

#[test]
fn the_program_in_the_readme_runs() {
    let bench = crate::bench::Bench::with_rows(3);
    let callboard = Path::new(env!("CARGO_BIN_EXE_callboard"));
    let file = |output: &str| {
        format!(
            "callboard = 1\n[inputs.docs]\npath = 'docs.jsonl'\n[[steps]]\nuse = './guests/echo.wasm'\n[outputs.out]\npath = '{output}'"
        )
    };
    let report = run(&file("out.jsonl"), &bench.path(""), callboard).unwrap();
    assert_eq!((report.inputs["docs"].rows, report.outputs["out"].rows), (3, 3));
    assert_eq!(bench.rows("out.jsonl"), bench.rows("docs.jsonl"));
    // A run that does not go well is an error.
    let error = run(&file("docs.jsonl"), &bench.path(""), callboard).unwrap_err();
    assert!(error.to_string().contains("output `out` is the file that input `docs` reads"), "{error}");
}
