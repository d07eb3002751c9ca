//! Where commands are run: a copy of a case's folder, and an environment without anything of this machine's user.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use crate::{BOUND, repository};

/// A folder to run commands in, gone when this is dropped.
pub(crate) struct Stage {
    pub(crate) folder: PathBuf,
    _root: TempDir,
}

/// How a command ended.
pub(crate) struct Said {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// `None` when a signal ended it.
    pub(crate) code: Option<i32>,
}

impl Stage {
    /// An empty folder, with `../guests` and `../data` beside it.
    pub(crate) fn empty() -> Stage {
        let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let root = tempfile::Builder::new().prefix("cli-").tempdir_in(scratch).unwrap();
        symlink(repository("target/guests").canonicalize().unwrap(), root.path().join("guests")).unwrap();
        symlink(repository("tests/cli/data").canonicalize().unwrap(), root.path().join("data")).unwrap();
        let folder = root.path().join("case");
        fs::create_dir(&folder).unwrap();
        Stage { folder: folder.canonicalize().unwrap(), _root: root }
    }

    /// A copy of a case's folder.
    pub(crate) fn set(case: &Path) -> Stage {
        let stage = Stage::empty();
        for entry in fs::read_dir(case).unwrap() {
            let entry = entry.unwrap();
            if entry.file_name() == "console.txt" {
                continue;
            }
            let to = stage.folder.join(entry.file_name());
            fs::copy(entry.path(), &to).unwrap();
            if to.extension().is_some_and(|extension| extension == "wat") {
                fs::write(to.with_extension("wasm"), wat::parse_file(&to).unwrap()).unwrap();
            }
        }
        stage
    }

    /// Every file of the folder and what is in it, save what lies in `.callboard/`; links by where they point.
    pub(crate) fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let (mut files, mut folders) = (BTreeMap::new(), vec![self.folder.clone()]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
                let kind = entry.file_type().unwrap();
                let bytes = match () {
                    () if entry.file_name() == ".callboard" => continue,
                    () if kind.is_dir() => {
                        folders.push(entry.path());
                        b"a folder".to_vec()
                    }
                    () if kind.is_symlink() => {
                        fs::read_link(entry.path()).unwrap().into_os_string().into_encoded_bytes()
                    }
                    () => fs::read(entry.path()).unwrap(),
                };
                files.insert(entry.path(), bytes);
            }
        }
        files
    }

    /// `sh` with a line to run, in this folder, in a process group of its own.
    pub(crate) fn command(&self, line: &str) -> Command {
        let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let program = Path::new(env!("CARGO_BIN_EXE_callboard"));
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir(&self.folder).process_group(0);
        command.env_clear().env("PATH", format!("{}:/usr/bin:/bin", program.parent().unwrap().display()));
        command.env("LC_ALL", "C.UTF-8").env("NO_COLOR", "1");
        // Shared, so that each component is compiled once for all cases.
        command.env("HOME", scratch).env("CALLBOARD_CACHE", scratch.join("cli-cache"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a line of shell to its end.
    pub(crate) fn sh(&self, line: &str) -> Said {
        ended(self.command(line).spawn().unwrap(), line)
    }
}

/// What a child said, when it has ended.
///
/// # Panics
///
/// When it has not ended within [`BOUND`]; it is killed then, and all that it has started.
pub(crate) fn ended(child: Child, line: &str) -> Said {
    let group = Pid::from_raw(child.id() as i32).unwrap();
    let begun = Instant::now();
    let waiting = std::thread::spawn(move || child.wait_with_output().unwrap());
    while !waiting.is_finished() {
        if begun.elapsed() > BOUND {
            let _ = kill_process_group(group, Signal::KILL);
            panic!("`{line}` had not ended after {} s", BOUND.as_secs());
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let output = waiting.join().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("what is said is UTF-8");
    Said { stdout: text(output.stdout), stderr: text(output.stderr), code: output.status.code() }
}
