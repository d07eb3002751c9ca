//! What is fuzzed. A target takes bytes, any bytes, and panics where the project breaks a promise about them.
//!
//! The same functions run in two ways: under libFuzzer (`fuzz_targets/`, see CONTRIBUTING.md), which looks for new inputs, and in
//! every test run (`main.rs`), over the kept inputs of `corpus/NAME/` and thousands of changes to them.

pub mod components;
pub mod made;
mod pipeline;
mod readers;
mod scanner;
mod writers;

use std::cell::RefCell;
use std::panic::AssertUnwindSafe;
use std::sync::Once;

/// A function to be fuzzed.
pub struct Target {
    /// Its corpus is `corpus/NAME`, its program `fuzz_targets/NAME.rs`.
    pub name: &'static str,
    /// Takes any bytes.
    pub run: fn(&[u8]),
    /// What it may allocate for an input of 16 KiB, in MiB. (That much of zstd can hold half a gigabyte.)
    pub memory: usize,
}

/// All there are. One more is a function, a line here, a file in `fuzz_targets/`, its `[[bin]]` in `Cargo.toml`, and some inputs in
/// `corpus/NAME/`.
pub const TARGETS: &[Target] = &[
    Target { name: "pipeline", run: pipeline::fuzz, memory: 16 },
    Target { name: "scan", run: scanner::fuzz, memory: 16 },
    // Modules of a few bytes are compiled.
    Target { name: "components", run: components::fuzz, memory: 64 },
    Target { name: "columns", run: callboard_runtime::fuzz_columns, memory: 16 },
    Target { name: "disk", run: callboard_runtime::fuzz_disk, memory: 64 },
    Target { name: "folder", run: callboard_runtime::fuzz_folder, memory: 64 },
    // The two ways to decide a condition. A regular expression of few bytes may be compiled to 10 MiB.
    Target { name: "filter", run: step_filter::fuzz, memory: 64 },
    Target { name: "jsonl", run: |bytes| readers::fuzz("jsonl", bytes), memory: 64 },
    Target { name: "json", run: |bytes| readers::fuzz("json", bytes), memory: 64 },
    Target { name: "warc", run: |bytes| readers::fuzz("warc", bytes), memory: 64 },
    Target { name: "tar", run: |bytes| readers::fuzz("tar", bytes), memory: 64 },
    Target { name: "csv", run: |bytes| readers::fuzz("csv", bytes), memory: 64 },
    // A page says its size in 31 bits, and the library makes room for it before it looks at what is there: up to 2 GiB.
    Target { name: "parquet", run: |bytes| readers::fuzz("parquet", bytes), memory: 2100 },
    Target { name: "arrow", run: |bytes| readers::fuzz("arrow", bytes), memory: 600 },
    Target { name: "writers", run: writers::fuzz, memory: 64 },
];

/// Runs the target of this name: what a fuzzer's program does. What a panic says is printed if nothing catches it: panics of
/// libraries that read are errors of ours, and libFuzzer's hook would end the program at each of them.
///
/// # Panics
/// Where there is no such target. Where a promise is broken, the process is aborted.
#[allow(dead_code, reason = "tests go through all targets")]
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("the program is named after a target");
    guarded(|| (target.run)(bytes));
}

/// Runs anything as [`run`] does.
#[allow(dead_code, reason = "tests go through all targets")]
#[allow(clippy::print_stderr, reason = "a fuzzer says what it found")]
pub fn guarded(run: impl FnOnce()) {
    thread_local! {
        static LAST: RefCell<String> = const { RefCell::new(String::new()) };
    }
    static HOOK: Once = Once::new();
    HOOK.call_once(|| std::panic::set_hook(Box::new(|panic| LAST.set(panic.to_string()))));
    if std::panic::catch_unwind(AssertUnwindSafe(run)).is_err() {
        eprintln!("{}", LAST.take());
        std::process::abort();
    }
}
