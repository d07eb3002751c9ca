//! The folder that a test works in, and runs of pipelines in it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use callboard_io::FilePlace;
use callboard_plan::pipeline::TextLimits;
use callboard_plan::{Load, Pipeline, Plan, Problems, Source, Terms};
use callboard_runtime::{
    Allowed, AlsoWritten, CancellationToken, CompileCommand, Components, Event, Observer, Profile, Report, Run,
    RunError, Settings, Status, StepReport, compose, measured_needs,
};
use serde_json::Value;

/// Far beyond what any run here takes: what lasts so long hangs.
pub(crate) const HANGS: Duration = Duration::from_secs(120);

/// A folder; the components are in it as `guests/NAME.wasm`.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
    runs: AtomicUsize,
}

impl Bench {
    pub(crate) fn new() -> Bench {
        let bench = Bench { folder: tempfile::tempdir().unwrap(), runs: AtomicUsize::new(0) };
        std::os::unix::fs::symlink(guests(), bench.path("guests")).unwrap();
        bench
    }

    /// With `docs.jsonl`: so many rows, `{"id": 0, "text": "row 0"}`.
    pub(crate) fn with_rows(rows: usize) -> Bench {
        let bench = Bench::new();
        bench.put_rows("docs.jsonl", rows);
        bench
    }

    pub(crate) fn put_rows(&self, name: &str, rows: usize) {
        self.put(name, lines((0..rows).map(|id| serde_json::json!({"id": id, "text": format!("row {id}")}))));
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The rows of a JSONL file.
    pub(crate) fn rows(&self, name: &str) -> Vec<Value> {
        String::from_utf8(self.bytes(name)).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// A column of a JSONL file.
    pub(crate) fn column(&self, name: &str, column: &str) -> Vec<Value> {
        self.rows(name).into_iter().map(|row| row[column].clone()).collect()
    }

    /// `NAME.toml`: the pipeline that a bundled step is, of components in `guests`.
    pub(crate) fn put_bundled_pipeline(&self, name: &str) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins").join(name);
        let file =
            ["pipeline.toml", "with-key.toml"].map(|file| folder.join(file)).into_iter().find(|file| file.exists());
        let line = |line: &str| match line.strip_prefix("use = \"").and_then(|uses| uses.strip_suffix('"')) {
            Some(uses) => format!("use = \"guests/{uses}.wasm\"\n"),
            None => format!("{line}\n"),
        };
        let text: String = std::fs::read_to_string(file.unwrap()).unwrap().lines().map(line).collect();
        self.put(&format!("{name}.toml"), text);
    }

    /// A pipeline of this folder, to be run in one way or another.
    pub(crate) fn pipeline(&self, text: impl Into<String>) -> Case<'_> {
        Case {
            bench: self,
            text: text.into(),
            terms: Terms::default(),
            limit: None,
            overwrite: false,
            profile: None,
            also_written: Vec::new(),
            confined: false,
            cancel: CancellationToken::new(),
            compile: CompileCommand {
                program: env!("CARGO_BIN_EXE_callboard").into(),
                arguments: vec!["compile".to_owned()],
            },
            // Shared by all tests, and kept: each component is compiled once.
            cache: Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled"),
            listener: Arc::new(|_| ()),
            revise: Arc::new(|plan| plan),
            earlier: Vec::new(),
            resumed: None,
            run_folder: None,
            trusted: None,
        }
    }

    /// What goes on with the run of a folder; only how it is carried out is to be said.
    pub(crate) fn resume(&self, run_folder: &Path) -> Case<'_> {
        Case { resumed: Some(run_folder.to_owned()), ..self.pipeline("") }
    }

    /// The names of everything in the folder and in those below it.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_dir() {
                    folders.push(entry.path());
                }
                names.push(entry.path().strip_prefix(self.folder.path()).unwrap().display().to_string());
            }
        }
        names.sort();
        names
    }
}

/// A run to be: the pipeline, and what an embedder decides.
pub(crate) struct Case<'a> {
    bench: &'a Bench,
    text: String,
    terms: Terms,
    limit: Option<u64>,
    overwrite: bool,
    profile: Option<Profile>,
    also_written: Vec<AlsoWritten>,
    confined: bool,
    cancel: CancellationToken,
    compile: CompileCommand,
    cache: PathBuf,
    listener: Arc<dyn Fn(&Event) + Send + Sync>,
    revise: Arc<dyn Fn(Plan) -> Plan + Send + Sync>,
    earlier: Vec<PathBuf>,
    resumed: Option<PathBuf>,
    run_folder: Option<PathBuf>,
    trusted: Option<u128>,
}

impl Case<'_> {
    pub(crate) fn load(mut self, load: Load) -> Self {
        self.terms.load = load;
        self
    }

    /// The most memory that a stage may take, in bytes.
    pub(crate) fn budget(mut self, bytes: u64) -> Self {
        self.terms.budget = Some(bytes);
        self
    }

    /// Cores of the machine that is planned for.
    pub(crate) fn cores(mut self, cores: u32) -> Self {
        self.terms.cores = cores;
        self
    }

    /// Plans with what steps needed in earlier runs that used the cache of this one.
    pub(crate) fn with_measured_needs(mut self) -> Self {
        self.terms.needs = measured_needs(&self.cache);
        self
    }

    pub(crate) fn limit(self, rows: u64) -> Self {
        Self { limit: Some(rows), ..self }
    }

    pub(crate) fn overwrite(self) -> Self {
        Self { overwrite: true, ..self }
    }

    pub(crate) fn profile(self, step: &str, path: Option<PathBuf>) -> Self {
        Self { profile: Some(Profile { step: step.to_owned(), path }), ..self }
    }

    /// The run's folder, instead of a new one.
    pub(crate) fn run_folder(self, folder: &Path) -> Self {
        Self { run_folder: Some(folder.to_owned()), ..self }
    }

    /// What a user confirms who resumes it.
    pub(crate) fn trust(self, digest: u128) -> Self {
        Self { trusted: Some(digest), ..self }
    }

    /// With a report that the embedder writes afterwards.
    pub(crate) fn reporting_to(self, path: &Path) -> Self {
        let place = FilePlace::find(path).unwrap();
        Self { also_written: vec![AlsoWritten { what: "the report (`--report`)".to_owned(), place }], ..self }
    }

    /// Under Landlock, in the thread that carries it out.
    pub(crate) fn confined(self) -> Self {
        Self { confined: true, ..self }
    }

    pub(crate) fn cancel(self, cancel: CancellationToken) -> Self {
        Self { cancel, ..self }
    }

    pub(crate) fn cache(self, cache: PathBuf) -> Self {
        Self { cache, ..self }
    }

    pub(crate) fn compile(self, program: &str, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|argument| argument.to_string()).collect();
        Self { compile: CompileCommand { program: program.into(), arguments }, ..self }
    }

    pub(crate) fn listen(self, listener: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        Self { listener: Arc::new(listener), ..self }
    }

    /// Lets work be taken over from a run.
    pub(crate) fn after(mut self, run_folder: &Path) -> Self {
        self.earlier.insert(0, run_folder.to_owned());
        self
    }

    /// Changes the plan before it is prepared.
    pub(crate) fn revise(self, revise: impl Fn(Plan) -> Plan + Send + Sync + 'static) -> Self {
        Self { revise: Arc::new(revise), ..self }
    }

    /// Runs it to the end. Whatever runs here must end, and leave no half-written output.
    pub(crate) fn end(self) -> Ended {
        let resumed = self.resumed.is_some();
        let new = || self.bench.path(&format!("run-{}", self.bench.runs.fetch_add(1, Ordering::Relaxed)));
        let run_folder = self.resumed.or(self.run_folder).unwrap_or_else(new);
        let trusted = self.trusted;
        let events = Arc::new(Mutex::new(Vec::new()));
        let (told, listener) = (events.clone(), self.listener);
        let settings = Settings::new(self.bench.path(""), &run_folder, self.cache, self.compile)
            .overwrite(self.overwrite)
            .limit(self.limit)
            .earlier(self.earlier)
            .profile(self.profile)
            .also_written(self.also_written)
            .confined(self.confined)
            .observer(Observer::new(move |event| {
                listener(&event);
                told.lock().unwrap().push(event);
            }))
            .cancel(self.cancel);
        let (text, terms, revise) = (self.text, self.terms, self.revise);
        let text_of = text.clone();
        let outcome = bounded(&text_of, move || {
            if resumed {
                let allowed = Allowed { budget: terms.budget, trusted, ..Allowed::default() };
                return Ok(Run::resume(&[], settings, allowed).map_err(Refused::Prepare)?.execute());
            }
            let (plan, components) = planned(&text, terms, &settings.base).map_err(Refused::Plan)?;
            Ok(Run::prepare(revise(plan), components, settings).map_err(Refused::Prepare)?.execute())
        });
        let half_written = self.bench.names().into_iter().find(|name| name.contains(".partial-"));
        assert_eq!(half_written, None, "left behind by\n{text_of}");
        let events = std::mem::take(&mut *events.lock().unwrap());
        let (outcome, failure) = match outcome {
            Ok(Ok(report)) => (Ok(report), None),
            Ok(Err(failed)) => (Ok(failed.report), Some(failed.error)),
            Err(refused) => (Err(refused), None),
        };
        Ended { text: text_of, outcome, failure, events, run_folder }
    }

    /// The report of a run that must finish.
    pub(crate) fn report(self) -> Report {
        self.end().report()
    }

    /// The error of a run that must fail, at whichever moment after planning.
    pub(crate) fn error(self) -> RunError {
        self.end().error()
    }

    /// What planning finds wrong.
    pub(crate) fn problems(self) -> String {
        let ended = self.end();
        match ended.outcome {
            Err(Refused::Plan(problems)) => problems.to_string(),
            _ => panic!("it was planned, and should not have been:\n{}", ended.text),
        }
    }
}

pub(crate) enum Refused {
    Plan(Problems),
    Prepare(RunError),
}

/// How a run ended, and what it told on the way.
pub(crate) struct Ended {
    text: String,
    /// What it did, well or badly ended; or why it did not begin.
    pub(crate) outcome: Result<Report, Refused>,
    /// Why it ended badly.
    pub(crate) failure: Option<RunError>,
    pub(crate) events: Vec<Event>,
    pub(crate) run_folder: PathBuf,
}

impl Ended {
    /// The report of a run that must have finished: its accounts add up, and everything was given back.
    pub(crate) fn report(self) -> Report {
        let Ended { text, outcome, failure, events, run_folder } = self;
        let report = match outcome {
            Ok(report) => report,
            Err(Refused::Plan(problems)) => panic!("{problems}\nin\n{text}"),
            Err(Refused::Prepare(error)) => panic!("not begun: {error}\nhelp: {:?}\nin\n{text}", error.help),
        };
        assert_eq!(report.status, Status::Finished, "{:?}\nin\n{text}", report.error);
        assert_eq!(failure.map(|error| error.to_string()), None);
        for step in report.stages.iter().flat_map(|stage| &stage.steps) {
            assert!(step.adds_up, "`{}` does not add up: {step:#?}\nin\n{text}", step.name);
        }
        for event in &events {
            if let Event::Ended { linear_memory, stage, .. } = event {
                let held = report.load == Load::Eager;
                assert!(held || *linear_memory == 0, "stage {stage} kept {linear_memory} bytes\nin\n{text}");
            }
        }
        let spilled = run_folder.join("spill");
        let left = spilled.is_dir().then(|| std::fs::read_dir(&spilled).unwrap().count());
        assert!(left.is_none_or(|left| left == 0), "spills are left in {}\nin\n{text}", spilled.display());
        report
    }

    pub(crate) fn error(self) -> RunError {
        match self.outcome {
            Ok(report) => {
                let status = report.status;
                let error =
                    self.failure.unwrap_or_else(|| panic!("it ended well, and should not have:\n{}", self.text));
                assert_ne!(status, Status::Finished);
                let said = report.error.expect("a report says what the failure is");
                assert_eq!(
                    (&said.message, &said.help),
                    (&error.to_string(), &error.help.as_ref().map(ToString::to_string))
                );
                assert!(report.outputs.is_empty());
                error
            }
            Err(Refused::Prepare(error)) => error,
            Err(Refused::Plan(problems)) => panic!("{problems}\nin\n{}", self.text),
        }
    }

    pub(crate) fn compiling(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, Event::Compiling { .. })).count()
    }
}

fn planned(text: &str, terms: Terms, base: &Path) -> Result<(Plan, Components), Problems> {
    let pipeline =
        compose(Pipeline::parse(Source::new("pipeline.toml", text), &[])?, &[], base, TextLimits::default())?;
    let mut components = Components::of(&pipeline, &[], base);
    // `reach` imports HTTP in every test, whatever it is granted there: what the host does is tried, not what the planner refuses.
    for component in components.catalog.components.values_mut().filter_map(|component| component.as_mut().ok()) {
        component.facts.imports.retain(|import| !import.starts_with("wasi:http/"));
    }
    let plan = Plan::new(&pipeline, &components.catalog, terms)?;
    Ok((plan, components))
}

/// What `job` returns; panics where it hangs, since nothing may.
fn bounded<T: Send + 'static>(what: &str, job: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, done) = channel();
    let worker = std::thread::spawn(move || send.send(job()).expect("somebody waits"));
    match done.recv_timeout(HANGS) {
        Ok(value) => value,
        Err(RecvTimeoutError::Timeout) => panic!("it hangs:\n{what}"),
        Err(RecvTimeoutError::Disconnected) => std::panic::resume_unwind(worker.join().expect_err("it sent nothing")),
    }
}

/// The folder of built components.
pub(crate) fn guests() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/guests");
    let list = std::fs::read(folder.join("guests.json")).unwrap_or_default();
    let list: Value = serde_json::from_slice(&list).unwrap_or_default();
    let names = ["steps", "tests"].map(|kind| list[kind].as_array().cloned().unwrap_or_default()).concat();
    let all = names.iter().all(|name| folder.join(format!("{}.wasm", name.as_str().unwrap())).is_file());
    assert!(all && !names.is_empty(), "the components are not built: run `cargo xtask guests`");
    folder.canonicalize().unwrap()
}

/// Rows as JSON lines.
pub(crate) fn lines(rows: impl IntoIterator<Item = Value>) -> String {
    rows.into_iter().map(|row| format!("{row}\n")).collect()
}

/// A pipeline from `docs.jsonl` through these steps to `out.jsonl`.
pub(crate) fn straight(steps: &str) -> String {
    let ends = "[inputs.docs]\npath = \"docs.jsonl\"\n\n[outputs.out]\npath = \"out.jsonl\"\n";
    format!("callboard = 1\n\n{ends}\n{steps}")
}

/// A pipeline of several inputs, `NAME.jsonl` each, and several outputs, likewise.
pub(crate) fn wired(inputs: &[&str], outputs: &[(&str, &str)], steps: &str) -> String {
    let inputs = inputs.iter().map(|name| format!("[inputs.{name}]\npath = \"{name}.jsonl\"\n\n"));
    let outputs = outputs.iter().map(|(name, rest)| format!("[outputs.{name}]\npath = \"{name}.jsonl\"\n{rest}\n\n"));
    format!("callboard = 1\n\n{}{}{steps}", inputs.collect::<String>(), outputs.collect::<String>())
}

/// A step of this name, and the rest of its table.
pub(crate) fn use_step(name: &str, guest: &str, rest: &str) -> String {
    format!("[[steps]]\nname = \"{name}\"\nuse = \"guests/{guest}.wasm\"\n{rest}\n\n")
}

/// What a report says of a step.
pub(crate) fn step<'a>(report: &'a Report, name: &str) -> &'a StepReport {
    let mut steps = report.stages.iter().flat_map(|stage| &stage.steps);
    steps.find(|step| step.name == name).unwrap_or_else(|| panic!("no step `{name}` in the report"))
}

/// Runs an ignored test in a process that does nothing else; it must pass.
pub(crate) fn alone(test: &str, variables: &[(&str, &str)]) {
    let alone = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&alone.stdout) + String::from_utf8_lossy(&alone.stderr);
    assert!(alone.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{said}");
}
