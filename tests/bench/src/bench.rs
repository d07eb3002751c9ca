//! What all sections share: rows, pipelines, and runs of the command on them.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::data::{Documents, Expected};
use crate::machine::Machine;
use crate::options::{Options, Sizes};
use crate::process::{self, Ran, Watch};
use crate::report::Report;
use crate::sections::SECTIONS;
use crate::{Result, sections};

/// A run of the benchmark.
pub struct Bench {
    /// What is asked for.
    pub options: Options,
    scratch: tempfile::TempDir,
    tell: Box<dyn Fn(&str)>,
    documents: Documents,
    made: RefCell<HashMap<u64, (PathBuf, Expected)>>,
    runs: Cell<usize>,
    /// Whether the command is to have a single core.
    one_core: Cell<bool>,
    peers: RefCell<Vec<(String, String)>>,
}

/// A run of the command that ended well.
#[derive(Debug)]
pub struct Done {
    /// What it took.
    pub ran: Ran,
    /// When it was started, seconds since 1970.
    pub started: f64,
    /// Its report.
    pub report: Value,
}

impl Bench {
    /// Begins. `tell` is told what goes on.
    ///
    /// # Errors
    ///
    /// There is no place to work in.
    pub fn new(options: Options, tell: impl Fn(&str) + 'static) -> Result<Bench> {
        let scratch = tempfile::Builder::new().prefix("work-").tempdir_in(&options.out);
        let scratch = scratch.map_err(|error| format!("{}: {error}", options.out.display()))?;
        Ok(Bench {
            options,
            scratch,
            tell: Box::new(tell),
            documents: Documents::new(),
            made: RefCell::default(),
            runs: Cell::new(0),
            one_core: Cell::new(false),
            peers: RefCell::default(),
        })
    }

    /// Runs the sections that are asked for.
    ///
    /// # Errors
    ///
    /// What a section says, with its name.
    pub fn run(&self) -> Result<Report> {
        let mut found = Vec::new();
        for section in SECTIONS.iter().filter(|section| self.options.sections.contains(&section.name)) {
            self.tell(section.name);
            found.push(sections::run(self, section).map_err(|error| format!("in `{}`: {error}", section.name))?);
        }
        let mut machine = Machine::here(&self.options.program, &self.options.root.join("Cargo.lock"));
        machine.versions.append(&mut self.peers.borrow_mut());
        Ok(Report::of(self.options.sizes.quick, machine, found))
    }

    /// How much is to be done.
    pub fn sizes(&self) -> &Sizes {
        &self.options.sizes
    }

    /// Says what goes on.
    pub fn tell(&self, what: &str) {
        (self.tell)(what);
    }

    /// Notes the version of something that was measured.
    pub fn used(&self, name: &str, version: &str) {
        self.peers.borrow_mut().push((name.to_owned(), version.to_owned()));
    }

    /// A place for a file.
    pub fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// The documents that rows are made of.
    pub fn documents(&self) -> &Documents {
        &self.documents
    }

    /// A file of so many rows, made once, and what must come of them.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn rows(&self, rows: u64) -> Result<(PathBuf, Expected)> {
        if let Some(made) = self.made.borrow().get(&rows) {
            return Ok(made.clone());
        }
        self.tell(&format!("making {rows} rows"));
        let path = self.path(&format!("rows-{rows}.jsonl"));
        let made = (path.clone(), self.documents.write(&path, rows)?);
        self.made.borrow_mut().insert(rows, made.clone());
        Ok(made)
    }

    /// Removes a file of rows that is not needed any more.
    pub fn forget(&self, rows: u64) {
        if let Some((path, _)) = self.made.borrow_mut().remove(&rows) {
            let _ = std::fs::remove_file(path);
        }
    }

    /// Writes a pipeline file.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn pipeline(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.path(&format!("{name}.toml"));
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(path)
    }

    /// A component that `cargo xtask guests` built.
    ///
    /// # Errors
    ///
    /// It is not there.
    pub fn guest(&self, name: &str) -> Result<PathBuf> {
        let path = self.options.root.join("target/guests").join(format!("{name}.wasm"));
        match path.is_file() {
            true => Ok(path),
            false => Err(format!("there is no `{}`\nhelp: cargo xtask guests", path.display())),
        }
    }

    /// The command, with a cache of its own.
    pub fn callboard(&self) -> Command {
        let mut command = match self.one_core.get() {
            true => Command::new("taskset"),
            false => Command::new(&self.options.program),
        };
        if self.one_core.get() {
            command.args(["-c", "0"]).arg(&self.options.program);
        }
        command.env("CALLBOARD_CACHE", &self.options.cache).current_dir(self.scratch.path());
        command
    }

    /// Does something with commands that have one core.
    pub fn on_one_core<T>(&self, work: impl FnOnce() -> T) -> T {
        self.one_core.set(true);
        let done = work();
        self.one_core.set(false);
        done
    }

    /// Whether commands can be given one core.
    pub fn can_pin() -> bool {
        Command::new("taskset").args(["-c", "0", "true"]).status().is_ok_and(|status| status.success())
    }

    /// A folder for a run, that has no run beside it.
    pub fn run_folder(&self) -> PathBuf {
        self.runs.set(self.runs.get() + 1);
        let parent = self.path(&format!("run-{}", self.runs.get()));
        let _ = std::fs::create_dir_all(&parent);
        parent.join("run")
    }

    /// Runs a pipeline with these options, and forgets its folder.
    ///
    /// # Errors
    ///
    /// It fails.
    pub fn run_pipeline(&self, pipeline: &Path, flags: &[&str]) -> Result<Done> {
        let folder = self.run_folder();
        let done = self.run_in(&folder, "run", pipeline, flags);
        self.forget_run(&folder);
        done
    }

    /// Runs `callboard run PIPELINE`, or `callboard resume FOLDER`, with its report.
    ///
    /// # Errors
    ///
    /// It fails.
    pub fn run_in(&self, folder: &Path, verb: &str, of: &Path, flags: &[&str]) -> Result<Done> {
        let mut command = self.callboard();
        command.arg(verb).arg(of).args(["--quiet", "--overwrite"]).args(flags);
        if verb == "run" {
            command.arg("--run-dir").arg(folder);
        }
        let report = folder.with_file_name("report.json");
        command.arg("--report").arg(&report);
        let started = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let ran = process::run(&mut command, Watch::Process)?;
        let text = std::fs::read(&report).map_err(|error| format!("{}: {error}", report.display()))?;
        let report = serde_json::from_slice(&text).map_err(|error| format!("the run's report: {error}"))?;
        Ok(Done { ran, started: started.map_or(f64::NAN, |time| time.as_secs_f64()), report })
    }

    /// Forgets a run: of its files, and those beside it, nothing is left but their names. These go when all has been measured: for
    /// some minutes after many files are removed, ext4 takes longer to make one.
    pub fn forget_run(&self, folder: &Path) {
        folder.parent().into_iter().for_each(empty);
    }
}

/// Empties all files in a folder.
fn empty(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            true => empty(&entry.path()),
            false => drop(std::fs::File::create(entry.path())),
        }
    }
}

impl Done {
    /// A figure of the report, by its place in it.
    ///
    /// # Errors
    ///
    /// It is not there.
    pub fn figure(&self, pointer: &str) -> Result<f64> {
        let figure = self.report.pointer(pointer).and_then(Value::as_f64);
        figure.ok_or_else(|| format!("the run's report has no number at `{pointer}`"))
    }

    /// The stages of the report.
    pub fn stages(&self) -> &[Value] {
        self.report["stages"].as_array().map_or(&[], Vec::as_slice)
    }

    /// A figure of each stage, added up.
    pub fn sum(&self, figure: &str) -> f64 {
        self.stages().iter().filter_map(|stage| stage[figure].as_f64()).sum()
    }
}
