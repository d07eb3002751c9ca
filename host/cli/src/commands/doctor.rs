//! `callboard doctor`: what is installed, whether it works here, and what a bug report needs.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use callboard_bundled::{BUNDLED, PAGES};
use callboard_plan::CONTRACT;
use callboard_runtime::{Class, default_cache_folder, has_landlock};
use callboard_trial::Subject;
use callboard_trial::inspect::inspect;
use callboard_words::sizes::bytes;

use crate::exit::{Failure, plain};
use crate::show::progress::{Detail, Progress};
use crate::show::{inline, print};
use crate::step::{list, settings};

/// The bundled step that is started, to see whether a component can be: the smallest.
const TRIED: &str = "select";

const REPORT: &str = "\
A bug report needs this page, the pipeline file, the command and all that it printed; the file of `--report FILE`
if a run ended; and the input, cut with `--limit ROWS` to the rows that show the bug.";

pub(crate) fn doctor() -> Result<ExitCode, Failure> {
    let (works, failure) = match sandbox() {
        Ok(detail) => (detail, None),
        Err(error) => ("FAILED, see below".to_owned(), Some(error)),
    };
    let lines = [
        ("callboard", version()),
        ("program", program()),
        ("system", system()),
        ("machine", machine()),
        ("landlock", landlock().to_owned()),
        ("cache", cache(&default_cache_folder())),
        ("sandbox", works),
    ];
    let mut text = String::new();
    for (key, value) in lines {
        text.push_str(&format!("{key:<10} {}\n", inline(&value)));
    }
    text.push_str(&format!("\nsteps of your own\n{}\n{REPORT}\n", list::toolchains()));
    print(&text)?;
    failure.map_or(Ok(ExitCode::SUCCESS), Err)
}

fn version() -> String {
    let built = BUNDLED.iter().filter(|step| step.bytes.is_some()).count();
    let missing = match BUNDLED.iter().filter(|step| step.bytes.is_none() && step.pipeline.is_none()).count() {
        0 => String::new(),
        missing => format!(", {missing} components missing: build with `cargo xtask guests` first"),
    };
    let version = env!("CARGO_PKG_VERSION");
    format!("{version}, contract {CONTRACT}, {} bundled steps of {built} components{missing}", PAGES.len())
}

fn program() -> String {
    match std::env::current_exe() {
        Ok(path) => {
            let size = fs::metadata(&path).map_or(0, |file| file.len());
            format!("{}, {}", path.display(), bytes(size))
        }
        Err(error) => format!("its path was not found: {}", plain(&error)),
    }
}

fn system() -> String {
    let line = |file: &str| fs::read_to_string(file).unwrap_or_default();
    let release = line("/etc/os-release");
    let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    let name = name.map_or("Linux of an unknown distribution", |name| name.trim_matches('"'));
    format!("{name}, Linux {}, {}", line("/proc/sys/kernel/osrelease").trim(), std::env::consts::ARCH)
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kibibytes = |key: &str| -> Option<u64> {
        let line = memory.lines().find_map(|line| line.strip_prefix(key))?;
        line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().ok()
    };
    let memory = match (kibibytes("MemTotal"), kibibytes("MemAvailable")) {
        (Some(all), Some(free)) => format!("{} of memory, {} available", bytes(all * 1024), bytes(free * 1024)),
        _ => "memory unknown".to_owned(),
    };
    format!("{cores} {}, {memory}", if cores == 1 { "core" } else { "cores" })
}

fn landlock() -> &'static str {
    match has_landlock() {
        true => "yes: a run can write only where it has to",
        false => "no: this kernel lacks it, and only Callboard's own checks keep a run from writing elsewhere",
    }
}

/// What the cache of compiled components holds.
fn cache(folder: &Path) -> String {
    let shown = folder.display();
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return format!("{shown}, empty"),
        Err(error) => return format!("{shown} cannot be read: {}", plain(&error)),
    };
    let compiled = entries.flatten().filter(|entry| entry.file_name().to_string_lossy().ends_with(".cwasm"));
    let sizes: Vec<u64> = compiled.filter_map(|entry| Some(entry.metadata().ok()?.len())).collect();
    format!("{shown}, {} compiled components, {}", sizes.len(), bytes(sizes.iter().sum()))
}

/// Starts a component in its sandbox.
fn sandbox() -> Result<String, Failure> {
    let begun = Instant::now();
    let subject = Subject::bundled(TRIED);
    let inspection = inspect(subject, BUNDLED, settings(Progress::plain(Detail::Errors).observer())?)?;
    match inspection.problems.first() {
        None => Ok(format!("works: `{TRIED}` started in {} ms", begun.elapsed().as_millis())),
        Some(problem) => {
            let failure = Failure::other(Class::System, format!("`{TRIED}` cannot be started: {}", problem.message));
            Err(match &problem.help {
                Some(help) => failure.help(help.clone()),
                None => failure,
            })
        }
    }
}
