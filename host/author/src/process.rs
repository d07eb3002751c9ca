//! Other programs, and what they say.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long the last words of a program that has ended are waited for.
const LINGER: Duration = Duration::from_secs(2);

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

/// What a program said, as it is read beside it.
struct Said {
    heard: Arc<Mutex<Vec<u8>>>,
    ended: Receiver<()>,
}

fn start(command: &mut Command) -> io::Result<(Child, Said)> {
    let (mut reader, writer) = io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let child = command.spawn();
    // The command holds the pipe's other end, which would never close.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let (heard, (end, ended)) = (Arc::new(Mutex::new(Vec::new())), channel());
    let said = heard.clone();
    let listening = std::thread::Builder::new().spawn(move || {
        let mut part = [0; 4096];
        while let Ok(count @ 1..) = reader.read(&mut part) {
            said.lock().expect("no holder panics").extend_from_slice(&part[..count]);
        }
        drop(end);
    });
    let mut child = child?;
    if let Err(error) = listening {
        let _ = child.kill();
        let _ = child.wait();
        return Err(io::Error::new(error.kind(), format!("cannot start a thread: {error}")));
    }
    Ok((child, Said { heard, ended }))
}

/// What a program left running in the background may hold the pipe for ever: what the program itself said is there by then.
fn finish(mut child: Child, said: Said) -> io::Result<Ended> {
    let status = child.wait()?;
    let _ = said.ended.recv_timeout(LINGER);
    let said = String::from_utf8_lossy(&said.heard.lock().expect("no holder panics")).into_owned();
    Ok(Ended { status, said })
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

#[cfg(test)]
mod tests {
    use super::*;

    /// If it waited for what was left behind, this test would never end.
    #[test]
    fn what_a_program_leaves_running_is_not_waited_for() {
        let ended = run(Command::new("sh").args(["-c", "sleep 1000000 & echo $!"])).unwrap();
        assert!(ended.status.success());
        let left = ended.said.trim();
        assert!(Command::new("kill").arg(left).status().unwrap().success(), "it said `{left}`");
    }
}
