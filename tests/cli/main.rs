//! What `callboard` says, as its users see it. A case is a folder:
//!
//! - `console.txt`: command lines, each behind `$ `, and below each what it says and its exit code. `BLESS=1` writes
//!   the answers; look at what it wrote. `CASE=name` runs the cases whose name contains that. Lines that begin with `# ` explain.
//! - The files that the commands need. A `.wat` file becomes a `.wasm` beside it.
//!
//! The commands are run by `sh` in a copy of the folder, with an environment of its own; `../guests` is the folder of built
//! components, and `../data` that of the texts which the cases share. What differs from run to run is [`redact`]ed.
//!
//! After every command that fails, the folder must be as it was before, save `.callboard/`. A command that has not ended
//! after [`BOUND`] is killed, and fails its case.
#![forbid(unsafe_code)]

mod bad_ends;
mod console;
mod docs;
mod edges;
mod engines;
mod followed;
mod forgeries;
mod hosts;
mod json;
mod kernels;
mod live;
mod looks;
mod mistakes;
mod mistakes_around;
mod page;
mod peers;
mod promises;
mod redact;
mod shell;
mod signals;
mod stage;
mod steps;
mod strangers;
mod terminal;
mod thresholds;
mod traps;
mod watching;

#[path = "../support/hostile.rs"]
mod hostile;
#[path = "../support/s3/mod.rs"]
mod s3;

#[path = "../support/measured.rs"]
mod measured;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use stage::Stage;

/// The longest that a command may take. None comes near: it only keeps a fault from being a hang.
pub(crate) const BOUND: Duration = Duration::from_secs(60);

/// A folder of the repository.
pub(crate) fn repository(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder)
}

pub(crate) fn cases() -> Vec<PathBuf> {
    let wanted = std::env::var("CASE").unwrap_or_default();
    let entries = fs::read_dir(repository("tests/cli")).unwrap().map(|entry| entry.unwrap().path());
    let is_case = |path: &PathBuf| path.is_dir() && !path.ends_with("data");
    let mut cases: Vec<PathBuf> =
        entries.filter(is_case).filter(|path| path.to_string_lossy().contains(&wanted)).collect();
    cases.sort();
    cases
}

#[test]
fn every_command_says_what_is_written() {
    let (cases, failures) = (Mutex::new(cases()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(case) = { cases.lock().unwrap().pop() } {
                    if let Err(failure) = check(&case) {
                        let name = case.file_name().unwrap().to_string_lossy();
                        failures.lock().unwrap().push(format!("== {name}\n{failure}"));
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().unwrap();
    failures.sort();
    assert!(failures.is_empty(), "{} cases differ (BLESS=1 rewrites)\n\n{}", failures.len(), failures.join("\n"));
}

/// Plays a case, and holds what was said against what is written.
fn check(case: &Path) -> Result<(), String> {
    let file = case.join("console.txt");
    let expected = fs::read_to_string(&file).map_err(|_| "there is no console.txt".to_owned())?;
    let commands = console::commands(&expected);
    if commands.is_empty() {
        return Err("console.txt has no command: no line begins with `$ `".to_owned());
    }
    let stage = Stage::set(case);
    let mut found = String::new();
    let mut changed = Vec::new();
    for command in &commands {
        let before = stage.files();
        let said = stage.sh(&command.line);
        let after = stage.files();
        if said.code != Some(0) && before != after {
            let of = |(path, _): &(&PathBuf, &Vec<u8>)| path.display().to_string();
            let differ = after.iter().filter(|(path, bytes)| before.get(*path) != Some(*bytes));
            let gone = before.iter().filter(|(path, _)| !after.contains_key(*path));
            let names: Vec<String> = differ.chain(gone).map(|file| of(&file)).collect();
            changed.push(format!("`{}` failed, and yet changed {}", command.line, names.join(", ")));
        }
        found.push_str(&console::render(command, &said, &stage));
    }
    if !changed.is_empty() {
        return Err(changed.join("\n"));
    }
    match () {
        () if found == expected => Ok(()),
        () if std::env::var_os("BLESS").is_some() => fs::write(&file, found).map_err(|error| error.to_string()),
        () => Err(console::difference(&expected, &found)),
    }
}
