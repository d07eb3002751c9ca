//! Other programs, run with a word about what they are run for.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::Result;

/// Runs a program to its end, its output the caller's.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{}` failed ({status})", words(command))),
        Err(error) => Err(format!("`{}` could not be run: {error}", words(command))),
    }
}

/// What a program prints; `None` if it cannot be run or fails.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs a program that may never come back: it is killed after `limit`, with all that it started, and `None` returned.
pub(crate) fn run_at_most(command: &mut Command, limit: Duration) -> Result<Option<ExitStatus>> {
    let words = words(command);
    let fail = |error| format!("`{words}` could not be run: {error}");
    let mut child = command.stdin(Stdio::null()).process_group(0).spawn().map_err(&fail)?;
    let begun = Instant::now();
    while begun.elapsed() < limit {
        if let Some(status) = child.try_wait().map_err(&fail)? {
            return Ok(Some(status));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let group = Pid::from_child(&child);
    kill_process_group(group, Signal::KILL).map_err(|error| fail(error.into()))?;
    child.wait().map_err(fail)?;
    Ok(None)
}

/// Whether a program is there to be run.
pub(crate) fn exists(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

fn words(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
