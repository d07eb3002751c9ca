//! The command line.

use std::path::PathBuf;

use callboard_plan::MaxRejects;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Runs dataset pipelines whose steps are WebAssembly components: a stage at a time, each step in a sandbox of its own.
#[derive(Debug, Parser)]
#[command(name = "callboard", version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a pipeline
    Run(RunArguments),
    /// Go on with a run that was interrupted, was killed or failed
    Resume(ResumeArguments),
    /// List, show and remove runs
    #[command(subcommand)]
    Runs(RunsCommand),
    /// Show the stages of a pipeline, without opening its data
    Plan(PlanArguments),
    /// Check a pipeline against its data and components, without running it
    Check(CheckArguments),
    /// Run a pipeline staged and eager, and show what loading late saves
    Compare(CompareArguments),
    /// Make steps in any language, and try them
    #[command(subcommand)]
    Step(StepCommand),
    /// Print the JSON Schema of pipeline files
    Schema,
    /// Compile a component: what `run` does in a process of its own
    #[command(hide = true)]
    Compile(CompileArguments),
}

/// A pipeline, and what is changed of it.
#[derive(Args, Debug)]
pub(crate) struct PipelineArguments {
    /// The pipeline file, TOML or JSON; `-` reads JSON from standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Set `params.KEY=VALUE`, `steps.NAME.config.KEY=VALUE`, `inputs.NAME.path=VALUE` and the like; can be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Plan stages that take at most so much memory, such as 1GiB, or `none`, whatever the pipeline says
    #[arg(long, value_name = "SIZE", value_parser = memory_budget)]
    pub(crate) budget: Option<MemoryBudget>,
    /// Make so many instances of each transform, where its step does not say it [default: as many as there are cores]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) replicas: Option<u32>,
}

/// How much memory a stage may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MemoryBudget {
    /// As much as it likes.
    None,
    /// So many bytes.
    Bytes(u64),
}

fn memory_budget(text: &str) -> Result<MemoryBudget, String> {
    match text {
        "none" => Ok(MemoryBudget::None),
        text => size(text)
            .map(MemoryBudget::Bytes)
            .map_err(|_| "expected a size with its unit, such as 1GiB, or `none`".to_owned()),
    }
}

fn rows(text: &str) -> Result<u64, &'static str> {
    text.parse().map_err(|_| "expected a number of rows, such as 1000")
}

/// When components are in memory.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum LoadArgument {
    /// One stage at a time
    #[default]
    Staged,
    /// All of them, from the first moment to the last
    Eager,
    /// One step at a time
    Step,
}

impl From<LoadArgument> for callboard_plan::Load {
    fn from(load: LoadArgument) -> Self {
        match load {
            LoadArgument::Staged => Self::Staged,
            LoadArgument::Eager => Self::Eager,
            LoadArgument::Step => Self::Step,
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct RunArguments {
    #[command(flatten)]
    pub(crate) pipeline: PipelineArguments,
    /// When components are in memory
    #[arg(long, value_enum, default_value_t)]
    pub(crate) load: LoadArgument,
    /// The run's own folder, new or empty [default: .callboard/runs/NAME-…]
    #[arg(long, value_name = "DIR")]
    pub(crate) run_dir: Option<PathBuf>,
    /// Read at most so many rows of each input
    #[arg(long, value_name = "ROWS", value_parser = rows)]
    pub(crate) limit: Option<u64>,
    /// Replace outputs that exist
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Do everything anew, even what an earlier run did on the same rows
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Keep nothing for resuming or for later runs, and take nothing over
    #[arg(long)]
    pub(crate) no_resume: bool,
    /// Let rows between stages take at most so much of the disk, such as 20GiB
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) max_spill: Option<u64>,
    /// Profile a step: write which of its functions take the time, for Firefox's profiler (profiler.firefox.com)
    #[arg(long, value_name = "STEP")]
    pub(crate) profile: Option<String>,
    /// Write the profile to this file [default: profile-STEP.json in the run's folder]
    #[arg(long, value_name = "FILE", requires = "profile")]
    pub(crate) profile_out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) shown: ShownArguments,
    /// Write outputs to this folder instead of their places
    #[arg(long, value_name = "DIR", hide = true)]
    pub(crate) outputs_to: Option<PathBuf>,
}

/// How a run is shown.
#[derive(Args, Debug)]
pub(crate) struct ShownArguments {
    /// Write the report as JSON to a file
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Show nothing but errors
    #[arg(long, short, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Show what steps log, debugging included
    #[arg(long, short)]
    pub(crate) verbose: bool,
    /// Do not let Landlock keep this process to the folders that the run writes
    #[arg(long)]
    pub(crate) no_landlock: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ResumeArguments {
    /// The run's folder
    #[arg(value_name = "RUN-DIR")]
    pub(crate) run_dir: PathBuf,
    /// The folder that the pipeline's paths start from [default: the same as when the run began]
    #[arg(long, value_name = "DIR")]
    pub(crate) base: Option<PathBuf>,
    /// Let rows between stages take at most so much of the disk, such as 20GiB
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) max_spill: Option<u64>,
    /// Replace outputs that exist
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Let all steps together reject at most so many rows, such as 100 or 0.5%, whatever the pipeline says
    #[arg(long, value_name = "ROWS", value_parser = budget)]
    pub(crate) max_rejects: Option<MaxRejects>,
    /// Let a stage take at most so much memory, such as 2GiB, whatever the run began with
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) budget: Option<u64>,
    /// Resume a run that you did not begin on this machine; without it, what it may reach is shown, and the digest
    #[arg(long, value_name = "DIGEST", value_parser = trust)]
    pub(crate) trust: Option<u128>,
    #[command(flatten)]
    pub(crate) shown: ShownArguments,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunsCommand {
    /// List them, the latest first
    List {
        /// The folder that they are in
        #[arg(long, value_name = "DIR", default_value = ".callboard/runs")]
        dir: PathBuf,
        /// Print JSON, for a program
        #[arg(long)]
        json: bool,
    },
    /// Show what became of one
    Show {
        /// The run's folder
        #[arg(value_name = "RUN-DIR")]
        run_dir: PathBuf,
    },
    /// Remove runs, with all that they keep
    Remove {
        /// The runs' folders
        #[arg(value_name = "RUN-DIR", required = true)]
        run_dirs: Vec<PathBuf>,
    },
}

fn trust(text: &str) -> Result<u128, &'static str> {
    let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let digest = digits.then(|| u128::from_str_radix(text, 16).ok()).flatten();
    digest.ok_or("expected the 32 digits that `callboard resume RUN-DIR` shows")
}

fn size(text: &str) -> Result<u64, String> {
    let unit = text.bytes().any(|byte| byte.is_ascii_alphabetic());
    let size = text.parse::<bytesize::ByteSize>().ok().filter(|_| unit);
    size.map(|size| size.as_u64()).ok_or_else(|| "expected a size with its unit, such as 20GiB".to_owned())
}

fn budget(text: &str) -> Result<MaxRejects, String> {
    let expected = || "expected a number of rows, such as 100, or a share, such as 0.5%".to_owned();
    match text.strip_suffix('%') {
        Some(percent) => {
            let percent = percent.trim().parse::<f64>().ok().filter(|percent| *percent > 0.0 && *percent <= 100.0);
            percent.map(MaxRejects::Percent).ok_or_else(expected)
        }
        None => text.parse().map(MaxRejects::Rows).map_err(|_| expected()),
    }
}

#[derive(Args, Debug)]
pub(crate) struct PlanArguments {
    #[command(flatten)]
    pub(crate) pipeline: PipelineArguments,
    /// When components are in memory
    #[arg(long, value_enum, default_value_t)]
    pub(crate) load: LoadArgument,
    /// How to show it
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: PlanFormat,
    /// Say for each step what a run would take over from earlier runs, and why not the rest; opens data and components
    #[arg(long, conflicts_with = "format")]
    pub(crate) why: bool,
    /// The folder that earlier runs are in
    #[arg(long, value_name = "DIR", default_value = ".callboard/runs", requires = "why")]
    pub(crate) runs: PathBuf,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum PlanFormat {
    /// For a person
    #[default]
    Text,
    /// For a program
    Json,
    /// A diagram
    Mermaid,
}

#[derive(Args, Debug)]
pub(crate) struct CheckArguments {
    #[command(flatten)]
    pub(crate) pipeline: PipelineArguments,
}

#[derive(Args, Debug)]
pub(crate) struct CompareArguments {
    #[command(flatten)]
    pub(crate) pipeline: PipelineArguments,
    /// Read at most so many rows of each input
    #[arg(long, value_name = "ROWS", value_parser = rows)]
    pub(crate) limit: Option<u64>,
    /// Write both reports as JSON to a file
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StepCommand {
    /// Begin a step: a folder that builds as it is
    New(NewArguments),
    /// Make components of steps, with their languages' own toolchains
    Build(BuildArguments),
    /// Send rows of JSON Lines through a step, from standard input to standard output
    Run(StepRunArguments),
    /// Hold a step against its golden test, and drive it over hundreds of batches
    Test(TestArguments),
    /// Show what a component is, what it asks for, and what is wrong with one that does not fit
    Inspect(InspectArguments),
    /// Hold a component against the contract, on rows that are made up
    Conform(ConformArguments),
}

/// A step that is tried.
#[derive(Args, Debug)]
pub(crate) struct TriedArguments {
    /// A component, the folder of a step, or the name of a bundled step [default: the current folder]
    #[arg(value_name = "STEP")]
    pub(crate) step: Option<PathBuf>,
    /// Configure it with a JSON object instead of what its step.toml says
    #[arg(long, value_name = "JSON")]
    pub(crate) config: Option<String>,
}

/// What a step that is tried may reach: the keys of a pipeline's `grant`.
#[derive(Args, Debug)]
#[command(next_help_heading = "Grants")]
pub(crate) struct GrantArguments {
    /// Let it read a file or folder of the step's folder; can be repeated
    #[arg(long, value_name = "PATH")]
    pub(crate) grant_files: Vec<String>,
    /// Let it read and write a folder of the step's folder; can be repeated
    #[arg(long, value_name = "PATH")]
    pub(crate) grant_write: Vec<String>,
    /// Let it send requests, such as `GET https://api.example.org/v1/`; can be repeated
    #[arg(long, value_name = "REQUEST")]
    pub(crate) grant_http: Vec<String>,
    /// Let it see a variable of the environment; can be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) grant_env: Vec<String>,
    /// Add a header to its requests to a host: 'api.example.org Authorization: Bearer ${env.KEY}'; can be repeated
    #[arg(long, value_name = "HOST HEADER: VALUE", value_parser = secret)]
    pub(crate) grant_secret: Vec<SecretArgument>,
    /// Let its clocks go
    #[arg(long)]
    pub(crate) grant_clock: bool,
    /// Grant all that the step's own step.toml asks for: for a step that you wrote, or trust
    #[arg(long)]
    pub(crate) grant_step_toml: bool,
}

/// A secret of the command line.
#[derive(Clone, Debug)]
pub(crate) struct SecretArgument {
    pub(crate) host: String,
    pub(crate) header: String,
    pub(crate) value: String,
}

fn secret(text: &str) -> Result<SecretArgument, String> {
    let parts = text.split_once(' ').and_then(|(host, rest)| {
        let (header, value) = rest.split_once(':')?;
        Some((host.trim(), header.trim(), value.trim()))
    });
    match parts {
        Some((host, header, value)) if ![host, header, value].contains(&"") => {
            Ok(SecretArgument { host: host.to_owned(), header: header.to_owned(), value: value.to_owned() })
        }
        // The text itself is not repeated: it may be the secret.
        _ => {
            Err("expected a host, a header and its value: 'api.example.org Authorization: Bearer ${env.KEY}'"
                .to_owned())
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct StepRunArguments {
    #[command(flatten)]
    pub(crate) tried: TriedArguments,
    #[command(flatten)]
    pub(crate) grants: GrantArguments,
    /// Another input of a global step, behind the one on standard input; can be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Vec<PathBuf>,
    /// Show what the step logs, debugging included
    #[arg(long, short)]
    pub(crate) verbose: bool,
}

#[derive(Args, Debug)]
pub(crate) struct TestArguments {
    #[command(flatten)]
    pub(crate) tried: TriedArguments,
    #[command(flatten)]
    pub(crate) grants: GrantArguments,
    /// Write down what comes out as what is expected
    #[arg(long, conflicts_with = "config")]
    pub(crate) bless: bool,
    /// Build and test again whenever a file of the step's folder changes
    #[arg(long)]
    pub(crate) watch: bool,
}

#[derive(Args, Debug)]
pub(crate) struct InspectArguments {
    /// A component, the folder of a step, or the name of a bundled step [default: the current folder]
    #[arg(value_name = "STEP")]
    pub(crate) step: Option<PathBuf>,
    /// Print JSON, for a program
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ConformArguments {
    #[command(flatten)]
    pub(crate) tried: TriedArguments,
    /// Print JSON, for a program
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct NewArguments {
    /// What the step is called, such as word-count; lower-case letters, digits and hyphens
    #[arg(value_name = "NAME", required_unless_present = "list")]
    pub(crate) name: Option<String>,
    /// The language to write it in; `--list` shows them
    #[arg(long, value_name = "LANGUAGE", required_unless_present = "list")]
    pub(crate) lang: Option<String>,
    /// What the step is to do
    #[arg(long, value_enum, default_value_t)]
    pub(crate) kind: KindArgument,
    /// The folder to make [default: NAME]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// List the languages, and whether their toolchains are here
    #[arg(long, exclusive = true)]
    pub(crate) list: bool,
}

/// What a step is.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum KindArgument {
    /// Work on one batch of rows at a time
    #[default]
    Transform,
    /// See every row before the first is put out
    Global,
    /// Make rows from nothing but its configuration
    Source,
}

impl From<KindArgument> for callboard_author::Kind {
    fn from(kind: KindArgument) -> Self {
        match kind {
            KindArgument::Transform => Self::Transform,
            KindArgument::Global => Self::Global,
            KindArgument::Source => Self::Source,
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct BuildArguments {
    /// The steps' folders
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) dirs: Vec<PathBuf>,
    /// Build again whenever a file changes
    #[arg(long)]
    pub(crate) watch: bool,
}

#[derive(Args, Debug)]
pub(crate) struct CompileArguments {
    /// The component
    pub(crate) component: PathBuf,
    /// The file to make
    pub(crate) made: PathBuf,
}
