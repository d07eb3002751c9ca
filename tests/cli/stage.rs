//! Where commands are run: a copy of a case's folder, and an environment without anything of this machine's user.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use crate::measured::{Measured, measure, measurer};
use crate::{BOUND, repository};

/// A folder to run commands in, gone when this is dropped.
pub(crate) struct Stage {
    pub(crate) folder: PathBuf,
    root: TempDir,
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
        Stage { folder: folder.canonicalize().unwrap(), root }
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

    /// `sh` with a line to run, in this folder, in a process group of its own, on one processor: what is planned and shown is the
    /// same on every machine.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new("taskset");
        command.args(["-c", &processor(), "sh", "-c", line]).process_group(0);
        self.place(&mut command);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Gives a command this folder, and an environment without anything of this machine's user.
    fn place(&self, command: &mut Command) {
        let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let program = Path::new(env!("CARGO_BIN_EXE_callboard"));
        command
            .current_dir(&self.folder)
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", program.parent().unwrap().display()));
        command.env("LC_ALL", "C.UTF-8").env("NO_COLOR", "1");
        command.env("HOME", scratch).env("CALLBOARD_CACHE", self.cache());
    }

    /// Runs a line of shell to its end, and measures what its processes have in memory.
    pub(crate) fn measure(&self, line: &str) -> Measured {
        let mut command = measurer();
        self.place(&mut command);
        measure(command, line)
    }

    /// Runs a line of shell to its end.
    pub(crate) fn sh(&self, line: &str) -> Said {
        let said = ended(self.command(line).spawn().unwrap(), line);
        link(&self.cache(), &shared_cache());
        said
    }

    /// A cache of its own, so that no case knows what steps needed in another; compiled components are shared.
    fn cache(&self) -> PathBuf {
        let cache = self.root.path().join("cache");
        for folder in [&cache, &shared_cache()] {
            DirBuilder::new().recursive(true).mode(0o700).create(folder).unwrap();
        }
        link(&shared_cache(), &cache);
        cache
    }
}

fn shared_cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli-cache")
}

/// Links the compiled components of one cache into another.
fn link(from: &Path, to: &Path) {
    let components = fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path());
    for component in components.filter(|path| path.extension().is_some_and(|extension| extension == "cwasm")) {
        // It may be there, or be going.
        let _ = fs::hard_link(&component, to.join(component.file_name().unwrap()));
    }
}

/// One of the processors that this process may use, each in turn.
fn processor() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap().trim();
    let number = |text: &str| text.parse::<usize>().unwrap();
    let range = |part: &str| match part.split_once('-') {
        Some((first, last)) => number(first)..=number(last),
        None => number(part)..=number(part),
    };
    let processors: Vec<usize> = list.split(',').flat_map(range).collect();
    processors[NEXT.fetch_add(1, Ordering::Relaxed) % processors.len()].to_string()
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
