//! Runs in processes of their own, which can be killed: a folder with a pipeline, and the binary at work in it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::bench::guests;

/// Far beyond what any process here takes: what lasts so long hangs.
const HANGS: Duration = Duration::from_secs(120);
/// How often a process is looked at: what it does between two looks is not seen.
const LOOK: Duration = Duration::from_micros(200);

/// A folder to run a pipeline in: `pipeline.toml`, `data` and `guests` beside it; outputs go to `out`, the run's folder is `run`.
pub(crate) struct Trial {
    pub(crate) folder: PathBuf,
}

impl Trial {
    /// Makes the folder, which must not be there; `data` is linked into it.
    pub(crate) fn new(folder: PathBuf, pipeline: &str, data: &Path) -> Trial {
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("pipeline.toml"), pipeline).unwrap();
        symlink(data, folder.join("data")).unwrap();
        symlink(guests(), folder.join("guests")).unwrap();
        Trial { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// `callboard`, in this folder; what it says is kept in `said`.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_callboard"));
        command.args(arguments).current_dir(&self.folder).env("CALLBOARD_CACHE", cache());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(self.path("said")).unwrap());
        command
    }

    /// Begins the run, or goes on with it once it can be resumed.
    pub(crate) fn go_on(&self) -> Command {
        match self.path("run/run.json").exists() && !self.path("run/.removing").exists() {
            true => self.command(&["resume", "run", "--quiet"]),
            // It was killed before it had written down how it begins, and begins again in the same folder.
            false => self.command(&["run", "pipeline.toml", "--run-dir", "run", "--quiet"]),
        }
    }

    /// Runs `callboard` in this folder, to its end; as `program`, with other arguments before its own, where there are some.
    pub(crate) fn output(&self, before: &[&str], arguments: &[&str]) -> Output {
        let mut words: Vec<&str> = before.to_vec();
        words.push(env!("CARGO_BIN_EXE_callboard"));
        words.extend(arguments);
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).current_dir(&self.folder).env("CALLBOARD_CACHE", cache());
        command.stdin(Stdio::null()).output().unwrap()
    }

    /// What the last process said on its standard error.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.path("said")).unwrap_or_default()
    }

    /// Goes on to the end, which must be a good one.
    pub(crate) fn finish(&self) {
        let status = ended(self.go_on().spawn().unwrap());
        assert!(status.success(), "{status}: {}", self.said());
    }

    /// Every file of `out/` and the rejected rows, by name. Nothing else may lie there.
    pub(crate) fn results(&self) -> BTreeMap<String, Vec<u8>> {
        let mut results = self.outputs();
        results.insert("rejects.jsonl".to_owned(), fs::read(self.path("run/rejects.jsonl")).unwrap());
        results
    }

    /// Every file of `out/`.
    pub(crate) fn outputs(&self) -> BTreeMap<String, Vec<u8>> {
        let files = fs::read_dir(self.path("out")).into_iter().flatten().map(|entry| entry.unwrap());
        files.map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap())).collect()
    }

    /// The report of the last process that came to its own end.
    pub(crate) fn report(&self) -> Value {
        serde_json::from_slice(&fs::read(self.path("run/report.json")).unwrap()).unwrap()
    }

    /// The whole records of the journal.
    pub(crate) fn records(&self) -> Vec<Value> {
        let journal = fs::read_to_string(self.path("run/journal")).unwrap_or_default();
        let lines = journal.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        lines.map(|line| serde_json::from_str(line.split_once(' ').unwrap().1).unwrap()).collect()
    }

    /// How many records of a kind the journal has.
    pub(crate) fn count(&self, what: &str) -> usize {
        self.records().iter().filter(|record| record["what"] == what).count()
    }

    /// The size of the logs of a step's work, bytes.
    pub(crate) fn work(&self, step: &str) -> u64 {
        let logs = fs::read_dir(self.path("run/work").join(step)).into_iter().flatten().flatten();
        let logs = logs.filter(|log| log.path().extension().is_some_and(|extension| extension == "log"));
        logs.filter_map(|log| log.metadata().ok()).map(|log| log.len()).sum()
    }
}

/// Compiled components: shared by all tests, and kept.
pub(crate) fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled")
}

/// Waits for a process's own end.
pub(crate) fn ended(child: Child) -> ExitStatus {
    killed_when(child, || false)
}

/// Kills a process as soon as `now`; gives how it ended, which may be before that.
pub(crate) fn killed_when(mut child: Child, now: impl Fn() -> bool) -> ExitStatus {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if now() {
            child.kill().unwrap();
            return child.wait().unwrap();
        }
        if began.elapsed() > HANGS {
            child.kill().unwrap();
            panic!("it hangs");
        }
        std::thread::sleep(LOOK);
    }
}

/// Whether somebody killed it, and it did not end by itself.
pub(crate) fn was_killed(status: ExitStatus) -> bool {
    status.signal() == Some(9)
}
