//! What the repository does for itself: `cargo xtask guests`, `cargo xtask demo`, `cargo xtask test` and more.
//!
//! 1. [`toolchain`] finds a compiler for wasm, or gets one.
//! 2. [`guests`] builds the bundled steps and the test guests with it, to `target/guests/NAME.wasm`.
//! 3. [`languages`] gets the toolchains of the other languages, and tests their SDKs; [`mod@bindings`] generates what some of these carry.
//! 4. [`demo`] runs the first example with them, [`mod@bench`] measures what is claimed, [`suites`] runs other people's tests; [`check`] runs every check there is.
//! 5. [`mod@dist`] makes what people install.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to whoever runs it")]

mod bench;
mod bindings;
mod browser;
mod check;
mod command;
mod components;
mod contract;
mod demo;
mod dependencies;
mod dist;
mod engines;
mod guests;
mod languages;
mod python;
mod stores;
mod suites;
mod toolchain;

use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  guests        build every component to target/guests/NAME.wasm
  demo [ARGS]   build all, and run examples/01-curate with ARGS (for instance --load eager)
  bench [ARGS]  build all, and measure it: sections by their names, --quick, --full, --python PATH (--help says more)
  bindings      generate what the SDKs in C and Go carry of the contract
  fixture       make the component under tests/fixtures that keeps the present contract
  dist [ARGS]   build the packages that people install, to target/packages (--to FOLDER)
  languages     get the toolchains of all languages, and run the SDKs' own tests
  python        build the Python package to target/python, and get what its tests use
  stores        get the servers of stores that the tests use
  browser       get the browser that looks at the page of a report in the tests
  suites ARGS   build the host, and run other people's test suites through it: --at FOLDER, --python PATH, --only PART
  test          run every check: format, clippy, languages, tests, documentation, licences
";

/// What goes wrong, in words for whoever runs it.
pub(crate) type Result<T, E = String> = std::result::Result<T, E>;

fn main() -> ExitCode {
    try_main().unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}

fn try_main() -> Result<ExitCode> {
    // Cargo says it at run time too, and rightly so where several checkouts share a target directory.
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or(env!("CARGO_MANIFEST_DIR").into());
    let root = Path::new(&manifest).parent().unwrap_or(Path::new("."));
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((command, [])) if command == "guests" => {
            guests::build(root, guests::Which::All).map(|_| ExitCode::SUCCESS)
        }
        Some((command, [])) if command == "fixture" => contract::fixture(root).map(|()| ExitCode::SUCCESS),
        Some((command, [])) if command == "test" => check::run(root),
        Some((command, arguments)) if command == "demo" => demo::run(root, arguments),
        Some((command, arguments)) if command == "suites" => suites::run(root, arguments),
        Some((command, arguments)) if command == "bench" => bench::run(root, arguments),
        Some((command, arguments)) if command == "dist" => dist::run(root, arguments),
        Some((command, [])) if command == "bindings" => bindings::write(root).map(|()| ExitCode::SUCCESS),
        Some((command, [])) if command == "python" => python::run(root).map(|()| ExitCode::SUCCESS),
        Some((command, [])) if command == "stores" => stores::environment(root).map(|()| ExitCode::SUCCESS),
        Some((command, [])) if command == "browser" => browser::environment(root).map(|()| ExitCode::SUCCESS),
        Some((command, [])) if command == "languages" => languages::check(root).map(|()| ExitCode::SUCCESS),
        _ => {
            eprint!("{USAGE}");
            Ok(ExitCode::from(2))
        }
    }
}
