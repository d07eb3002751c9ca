//! From a pipeline file to a plan, and the settings of a run.

use std::io::Read;
use std::path::{Path, PathBuf};

use callboard_plan::{Load, Pipeline, Plan, Source, Terms};
use callboard_runtime::{CancellationToken, Class, CompileCommand, Components, Observer, Settings, measured_needs};

use crate::arguments::{MemoryBudget, PipelineArguments};
use crate::bundled::BUNDLED;
use crate::exit::{Failure, plain};

/// A pipeline can ask for no more instances of a step.
const MOST_CORES: u32 = 1024;

/// The most bytes that a pipeline file may have.
const PIPELINE_BYTES: u64 = 16 << 20;

/// A pipeline that is planned.
pub(crate) struct Planned {
    /// As the file has it, for the places of what goes wrong.
    pub(crate) pipeline: Pipeline,
    pub(crate) plan: Plan,
    pub(crate) components: Components,
    /// The folder that its paths start from.
    pub(crate) base: PathBuf,
}

/// Reads and plans a pipeline file.
pub(crate) fn planned(arguments: &PipelineArguments, load: Load) -> Result<Planned, Failure> {
    let file = &arguments.file;
    let (name, text) = match file.as_str() {
        "-" => {
            let read = read_text(std::io::stdin());
            ("<stdin>", read.map_err(|error| Failure::system("read standard input", &error))?)
        }
        path => {
            let text = std::fs::File::open(path).and_then(read_text).map_err(|error| {
                Failure::other(Class::Pipeline, format!("cannot read the pipeline file `{path}`: {}", plain(&error)))
            })?;
            (path, text)
        }
    };
    let mut pipeline = Pipeline::parse(Source::new(name, text), &arguments.set)?;
    if arguments.budget == Some(MemoryBudget::None) {
        pipeline.run.budget = None;
    }
    // An empty path is the current folder, and leaves messages without `./`.
    let base = match file.as_str() {
        "-" => PathBuf::new(),
        path => Path::new(path).parent().map(Path::to_owned).unwrap_or_default(),
    };
    let components = Components::of(&pipeline, BUNDLED, &base);
    let terms = Terms {
        load,
        budget: arguments.budget.and_then(|budget| match budget {
            MemoryBudget::None => None,
            MemoryBudget::Bytes(bytes) => Some(bytes),
        }),
        replicas: arguments.replicas,
        cores: std::thread::available_parallelism()
            .map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX))
            .min(MOST_CORES),
        needs: measured_needs(&cache_folder()),
    };
    let plan = Plan::new(&pipeline, &components.catalog, terms)?;
    Ok(Planned { pipeline, plan, components, base })
}

/// The text of a pipeline, which may come out of a pipe; no more of it than [`PIPELINE_BYTES`], whatever it is.
fn read_text(from: impl Read) -> std::io::Result<String> {
    let mut text = String::new();
    from.take(PIPELINE_BYTES + 1).read_to_string(&mut text)?;
    match text.len() as u64 > PIPELINE_BYTES {
        true => Err(std::io::Error::other(format!("it has more than {} MiB", PIPELINE_BYTES >> 20))),
        false => Ok(text),
    }
}

/// The settings that all commands share.
pub(crate) fn settings(base: PathBuf, run_folder: PathBuf, cancel: CancellationToken) -> Result<Settings, Failure> {
    let program = std::env::current_exe().map_err(|error| Failure::system("find this program", &error))?;
    Ok(Settings {
        base,
        pipeline: None,
        run_folder,
        cache_folder: cache_folder(),
        compile: CompileCommand { program, arguments: vec!["compile".to_owned()] },
        overwrite: false,
        limit: None,
        resumable: false,
        earlier: Vec::new(),
        max_spill: None,
        profile: None,
        observer: Observer::nobody(),
        cancel,
    })
}

/// A token that the first interrupt or termination cancels; the second ends the process at once.
pub(crate) fn interruptible() -> Result<CancellationToken, Failure> {
    let cancel = CancellationToken::new();
    let on_signal = cancel.clone();
    ctrlc::set_handler(move || {
        if on_signal.is_cancelled() {
            std::process::exit(130);
        }
        on_signal.cancel();
    })
    .map_err(|error| Failure::other(Class::System, format!("cannot listen for signals: {error}")))?;
    Ok(cancel)
}

/// Where compiled components are kept: `$CALLBOARD_CACHE`, or `callboard` in the user's cache folder.
fn cache_folder() -> PathBuf {
    let of = |variable: &str| std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    of("CALLBOARD_CACHE")
        .or_else(|| of("XDG_CACHE_HOME").map(|folder| folder.join("callboard")))
        .or_else(|| of("HOME").map(|folder| folder.join(".cache/callboard")))
        .unwrap_or_else(|| PathBuf::from(".callboard/cache"))
}
