//! What tests take, measured from outside: by a process that starts them, waits for them, and asks the system for the most memory that
//! any of them had.

use std::process::Command;
use std::sync::Mutex;

use nix::sys::resource::{UsageWho, getrusage};

/// The most memory that a test, a fuzz target or a command that only looks may have, bytes, however hostile its input is: what a
/// process has by itself, batches in flight, and what the limits of an input let one row or page take.
pub(crate) const MOST: u64 = 256 << 20;

const LINE: &str = "CALLBOARD_TEST_MEASURED";

/// A line of shell that was run.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) success: bool,
    /// What its processes said on both streams.
    pub(crate) said: String,
    /// The most memory that one of its processes had, bytes.
    pub(crate) peak: u64,
}

/// Runs a line of shell in the folder and the environment of `command`, and measures it. A process of its own does, which starts nothing
/// else: the system counts for a child what the process had that started it, and this one may have much.
///
/// `command` is [`measurer`]'s.
pub(crate) fn measure(mut command: Command, line: &str) -> Measured {
    let output = command.env(LINE, line).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (said, figures) =
        text.rsplit_once("\nMEASURED|").unwrap_or_else(|| panic!("`{line}` was not measured\n{text}"));
    let mut figures = figures.lines().next().unwrap().split('|');
    let (success, peak) = (figures.next() == Some("true"), figures.next().unwrap().parse().unwrap());
    Measured { success, said: said.to_owned(), peak }
}

/// The process that measures: this suite's, asked for the one test below.
pub(crate) fn measurer() -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "measured::measures_in_a_process_of_its_own", "--nocapture"]);
    command
}

/// The line of shell that runs one test of this suite alone.
pub(crate) fn alone(test: &str) -> String {
    format!("exec '{}' --exact '{test}' --test-threads 1 --nocapture", std::env::current_exe().unwrap().display())
}

/// Fails for what did not succeed, or took more than [`MOST`].
pub(crate) fn judged(what: &str, measured: &Measured) -> Result<(), String> {
    let Measured { success, said, peak } = measured;
    match success {
        _ if *peak > MOST => Err(format!("`{what}` had {} MiB in memory, of {} allowed", peak >> 20, MOST >> 20)),
        false => Err(format!("`{what}` failed\n{said}")),
        true => Ok(()),
    }
}

/// Judges each of `names`, several at once.
///
/// # Panics
/// With what is said of those that failed.
pub(crate) fn each(names: Vec<String>, judge: impl Fn(&str) -> Result<(), String> + Sync) {
    let (names, wrong) = (Mutex::new(names), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(name) = { names.lock().unwrap().pop() } {
                    if let Err(error) = judge(&name) {
                        wrong.lock().unwrap().push(error);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Not a test of its own: runs the line that the variable names, and says what that took.
#[test]
#[allow(clippy::print_stdout, reason = "the process that started this one reads it")]
fn measures_in_a_process_of_its_own() {
    let Some(line) = std::env::var_os(LINE) else { return };
    let status = Command::new("sh").arg("-c").arg(line).env_remove(LINE).status().unwrap();
    let peak = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss() as u64 * 1024;
    println!("\nMEASURED|{}|{peak}", status.success());
}

/// Not a test of its own: has a little more than is allowed, if it is asked to.
#[test]
fn has_more_than_is_allowed() {
    if std::env::var_os("CALLBOARD_TEST_HUNGRY").is_some() {
        std::hint::black_box(vec![1u8; MOST as usize]);
    }
}

/// The measure itself: one that takes too much is found.
#[test]
fn more_than_is_allowed_is_found() {
    let alone = |variable: &str| {
        let mut command = measurer();
        command.env(variable, "1");
        measure(command, &alone("measured::has_more_than_is_allowed"))
    };
    let (little, much) = (alone("UNUSED"), alone("CALLBOARD_TEST_HUNGRY"));
    assert!(little.success && much.success, "{little:?} {much:?}");
    assert!(little.peak < 64 << 20, "nothing takes {} MiB", little.peak >> 20);
    assert_eq!(judged("little", &little), Ok(()));
    let error = judged("much", &much).unwrap_err();
    assert!(error.starts_with("`much` had 2") && error.ends_with(" MiB in memory, of 256 allowed"), "{error}");
}
