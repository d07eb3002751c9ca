//! From a pipeline file to a plan, and the settings of a run.

use std::io::Read;
use std::path::{Path, PathBuf};

use callboard_plan::pipeline::TextLimits;
use callboard_plan::{Load, Pipeline, Plan, Source, Terms};
use callboard_runtime::{
    CancellationToken, Class, CompileCommand, Components, Report, Settings, compose, default_cache_folder,
    measured_needs,
};

use crate::arguments::{MemoryBudget, PipelineArguments};
use crate::exit::{Failure, plain};
use callboard_bundled::BUNDLED;

/// A pipeline can ask for no more instances of a step.
const MOST_CORES: u32 = 1024;

/// A pipeline that is planned.
pub(crate) struct Planned {
    /// As the file has it, for the places of what goes wrong.
    pub(crate) pipeline: Pipeline,
    pub(crate) plan: Plan,
    pub(crate) components: Components,
    /// The folder that its paths start from.
    pub(crate) base: PathBuf,
    /// Its file, if it was one.
    pub(crate) file: Option<PathBuf>,
}

/// Reads and plans a pipeline file.
pub(crate) fn planned(arguments: &PipelineArguments, load: Load) -> Result<Planned, Failure> {
    let file = &arguments.file;
    let limits = arguments.max_pipeline.map_or_else(TextLimits::default, TextLimits::of);
    let text_of = |file: &mut dyn Read| text_of(file, limits);
    let piped = file.as_os_str() == "-";
    let (name, text) = if piped {
        let text = text_of(&mut std::io::stdin()).map_err(|error| Failure::system("read standard input", &error))?;
        ("<stdin>".to_owned(), text)
    } else {
        let text = std::fs::File::open(file).and_then(|mut file| text_of(&mut file)).map_err(|error| {
            let message = format!("cannot read the pipeline file `{}`: {}", file.display(), plain(&error));
            Failure::other(Class::Pipeline, message)
        })?;
        (file.display().to_string(), text)
    };
    let source = Source::from_bytes(name, &text).map_err(Failure::Problems)?;
    let params = arguments.params.as_deref().map(|file| params(file, limits)).transpose()?;
    let mut pipeline = Pipeline::parse_with_params(source, params, &arguments.set, limits)?;
    if arguments.budget == Some(MemoryBudget::None) {
        pipeline.run.budget = None;
    }
    // An empty path is the current folder, and leaves messages without `./`.
    let base = if piped { PathBuf::new() } else { file.parent().map(Path::to_owned).unwrap_or_default() };
    let pipeline = compose(pipeline, BUNDLED, &base, limits)?;
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
        needs: measured_needs(&default_cache_folder()),
    };
    let plan = Plan::new(&pipeline, &components.catalog, terms)?;
    let file = Some(file).filter(|file| *file != "-").and_then(|file| std::path::absolute(file).ok());
    Ok(Planned { pipeline, plan, components, base, file })
}

/// The text of a file of params.
fn params(file: &Path, limits: TextLimits) -> Result<Source, Failure> {
    let text = std::fs::File::open(file).and_then(|mut file| text_of(&mut file, limits)).map_err(|error| {
        let message = format!("cannot read the file of params `{}`: {}", file.display(), plain(&error));
        Failure::other(Class::Pipeline, message)
    })?;
    Source::from_bytes(file.display().to_string(), &text).map_err(Failure::Problems)
}

/// As much of a text as a pipeline may have, and a byte more.
fn text_of(file: &mut dyn Read, limits: TextLimits) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    file.take(limits.text as u64 + 1).read_to_end(&mut text)?;
    Ok(text)
}

/// The settings that all commands share.
pub(crate) fn settings(base: PathBuf, run_folder: PathBuf, cancel: CancellationToken) -> Result<Settings, Failure> {
    let program = std::env::current_exe().map_err(|error| Failure::system("find this program", &error))?;
    let compile = CompileCommand { program, arguments: vec!["compile".to_owned()] };
    Ok(Settings::new(base, run_folder, default_cache_folder(), compile).resumable(false).cancel(cancel))
}

/// The page that lies beside each report.
pub(crate) fn page(report: &Report, plan: &Plan) -> String {
    callboard_page::page(report, Some(plan), &[])
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
    .map_err(|error| match error {
        // What listens is a thread.
        ctrlc::Error::System(error) => Failure::system("listen for signals", &error),
        other => Failure::other(Class::System, format!("cannot listen for signals: {other}")),
    })?;
    Ok(cancel)
}
