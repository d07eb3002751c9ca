//! Other programs, and what they say.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How a program ended, and what it said, on both of its channels as it came.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) said: String,
}

/// Runs a program to its end. Nothing is typed into it.
pub(crate) fn run(command: &mut Command) -> io::Result<Ended> {
    let (child, reader) = start(command)?;
    finish(child, reader)
}

/// Runs a program that answers at once where it is sound; `None` when it has not ended by then, and is killed.
pub(crate) fn run_at_most(command: &mut Command, limit: Duration) -> io::Result<Option<Ended>> {
    let (mut child, reader) = start(command)?;
    let begun = Instant::now();
    while child.try_wait()?.is_none() {
        if begun.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    finish(child, reader).map(Some)
}

fn start(command: &mut Command) -> io::Result<(std::process::Child, std::thread::JoinHandle<io::Result<Vec<u8>>>)> {
    let (mut reader, writer) = io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let child = command.spawn();
    // The command holds the pipe's other end, which would never close.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let said = std::thread::spawn(move || {
        let mut said = Vec::new();
        reader.read_to_end(&mut said).map(|_| said)
    });
    Ok((child?, said))
}

fn finish(mut child: std::process::Child, said: std::thread::JoinHandle<io::Result<Vec<u8>>>) -> io::Result<Ended> {
    let status = child.wait()?;
    let said = said.join().expect("reading does not panic")?;
    Ok(Ended { status, said: String::from_utf8_lossy(&said).into_owned() })
}

/// A command of a toolchain, to be run in a step's folder, with its program from the folders of `path`; that is its `PATH` too.
pub(crate) fn command(argv: &[String], folder: &Path, path: &[PathBuf]) -> Command {
    let (program, arguments) = argv.split_first().expect("no command is empty");
    let found = match program.contains('/') {
        true => None,
        false => path.iter().map(|bin| bin.join(program)).find(|program| program.is_file()),
    };
    let mut command = Command::new(found.unwrap_or_else(|| program.into()));
    command.args(arguments).current_dir(folder);
    if let Ok(path) = std::env::join_paths(path) {
        command.env("PATH", path);
    }
    command
}

/// A command as a shell takes it.
pub(crate) fn line(argv: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@%".contains(c);
    let quoted = |word: &String| match !word.is_empty() && word.chars().all(plain) {
        true => word.clone(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    };
    argv.iter().map(quoted).collect::<Vec<_>>().join(" ")
}
