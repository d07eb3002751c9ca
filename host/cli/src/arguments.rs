//! The command line.

use std::path::PathBuf;

use callboard_plan::MaxRejects;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Runs dataset pipelines whose steps are WebAssembly components, each in its own sandbox.
#[derive(Debug, Parser)]
#[command(name = "callboard", version, max_term_width = 100)]
#[command(after_help = "\
Examples:
  callboard run curate.toml         run a pipeline
  callboard steps                   list the bundled steps
  callboard steps filter            show how to configure one
  callboard step new word-count --lang python
                                    start a step of your own")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a pipeline
    #[command(after_help = "\
Examples:
  callboard run curate.toml
  callboard run curate.toml --limit 1000 --overwrite
  callboard run curate.toml --set steps.filter.config.where='n_words >= 5'
  callboard run curate.toml --budget 2GiB --report report.json")]
    Run(RunArguments),
    /// Resume a run that was interrupted, was killed or failed
    #[command(after_help = "\
Examples:
  callboard resume .callboard/runs/curate-mwuqt4bp
  callboard resume .callboard/runs/curate-mwuqt4bp --max-rejects 0.5%")]
    Resume(ResumeArguments),
    /// List, show and remove runs
    #[command(
        subcommand,
        after_help = "\
Examples:
  callboard runs list
  callboard runs show .callboard/runs/curate-mwuqt4bp"
    )]
    Runs(RunsCommand),
    /// Show the stages of a pipeline without opening its data
    #[command(after_help = "\
Examples:
  callboard plan curate.toml
  callboard plan curate.toml --why                what a run would take over from earlier runs
  callboard plan curate.toml --format mermaid     a diagram")]
    Plan(PlanArguments),
    /// Check a pipeline against its data and components without running it
    #[command(after_help = "\
Examples:
  callboard check curate.toml
  callboard check curate.toml --set inputs.docs.path=sample.jsonl")]
    Check(CheckArguments),
    /// Run a pipeline staged and eager, and show the memory that staging saves
    #[command(after_help = "\
Examples:
  callboard compare curate.toml
  callboard compare curate.toml --limit 1000 --report comparison.json")]
    Compare(CompareArguments),
    /// List the bundled steps, or show the configuration of one
    #[command(after_help = "\
Examples:
  callboard steps
  callboard steps filter")]
    Steps(StepsArguments),
    /// Write steps in any language, and try them
    #[command(
        subcommand,
        after_help = "\
Examples:
  callboard step new word-count --lang python     start a step
  callboard step build                            build the step in the current folder
  callboard step test                             test it"
    )]
    Step(StepCommand),
    /// Print the JSON Schema of pipeline files
    #[command(after_help = "\
Example:
  callboard schema > pipeline.schema.json")]
    Schema,
    /// Compile a component: what `run` does in a process of its own
    #[command(hide = true)]
    Compile(CompileArguments),
}

#[derive(Args, Debug)]
pub(crate) struct StepsArguments {
    /// The step to show
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
}

/// A pipeline, and what the command line changes in it.
#[derive(Args, Debug)]
pub(crate) struct PipelineArguments {
    /// The pipeline file, TOML or JSON; `-` reads JSON from standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Override a value of the pipeline, such as `params.KEY=VALUE`, `steps.NAME.config.KEY=VALUE` or
    /// `inputs.NAME.path=VALUE`; can be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Plan stages that take at most SIZE of memory, such as 1GiB, or `none` for no budget; overrides the pipeline
    #[arg(long, value_name = "SIZE", value_parser = memory_budget)]
    pub(crate) budget: Option<MemoryBudget>,
    /// The instances of each transform that has no `replicas` of its own [default: one per core]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) replicas: Option<u32>,
    /// The most text that the pipeline may have, alone and with its params inserted [default: 4MiB and 16MiB]
    #[arg(long, value_name = "SIZE", value_parser = pipeline_size)]
    pub(crate) max_pipeline: Option<u64>,
}

/// The memory that a stage may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MemoryBudget {
    /// No limit.
    None,
    /// At most this many bytes.
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
    /// All steps, from start to end
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
    /// Read at most ROWS rows from each input
    #[arg(long, value_name = "ROWS", value_parser = rows)]
    pub(crate) limit: Option<u64>,
    /// Replace existing outputs
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Take nothing over from earlier runs
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Keep nothing for resuming or for later runs, and take nothing over from earlier ones
    #[arg(long)]
    pub(crate) no_resume: bool,
    /// The most disk space for rows between stages, such as 20GiB
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) max_spill: Option<u64>,
    /// Profile a step: write where it spends its time, for the Firefox Profiler (profiler.firefox.com)
    #[arg(long, value_name = "STEP")]
    pub(crate) profile: Option<String>,
    /// The file to write the profile to [default: profile-STEP.json in the run's folder]
    #[arg(long, value_name = "FILE", requires = "profile")]
    pub(crate) profile_out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) shown: ShownArguments,
    /// Write outputs to this folder instead
    #[arg(long, value_name = "DIR", hide = true)]
    pub(crate) outputs_to: Option<PathBuf>,
    /// End when the process of this number does, which started this one
    #[arg(long, value_name = "PROCESS", hide = true)]
    pub(crate) end_with: Option<u32>,
}

/// How a run is shown.
#[derive(Args, Debug)]
pub(crate) struct ShownArguments {
    /// Write the report as JSON to a file
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Show only errors
    #[arg(long, short, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Show all that steps log, including debug messages
    #[arg(long, short)]
    pub(crate) verbose: bool,
    /// Do not use Landlock to confine this process to the folders that the run writes
    #[arg(long)]
    pub(crate) no_landlock: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ResumeArguments {
    /// The run's folder
    #[arg(value_name = "RUN-DIR")]
    pub(crate) run_dir: PathBuf,
    /// The folder that the pipeline's paths are relative to [default: the one that the run began with]
    #[arg(long, value_name = "DIR")]
    pub(crate) base: Option<PathBuf>,
    /// The most disk space for rows between stages, such as 20GiB
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) max_spill: Option<u64>,
    /// Replace existing outputs
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// The most rows that all steps together may reject, such as 100 or 0.5%; overrides the pipeline
    #[arg(long, value_name = "ROWS", value_parser = budget)]
    pub(crate) max_rejects: Option<MaxRejects>,
    /// The most memory that a stage may take, such as 2GiB; overrides the budget that the run began with
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) budget: Option<u64>,
    /// Resume a run that you did not begin on this machine; without this option, its grants and DIGEST are shown
    #[arg(long, value_name = "DIGEST", value_parser = trust)]
    pub(crate) trust: Option<u128>,
    #[command(flatten)]
    pub(crate) shown: ShownArguments,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunsCommand {
    /// List runs, the latest first
    #[command(after_help = "\
Examples:
  callboard runs list
  callboard runs list --json")]
    List {
        /// The folder that holds the runs
        #[arg(long, value_name = "DIR", default_value = ".callboard/runs")]
        dir: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show the report or the state of a run
    #[command(after_help = "\
Example:
  callboard runs show .callboard/runs/curate-mwuqt4bp")]
    Show {
        /// The run's folder
        #[arg(value_name = "RUN-DIR")]
        run_dir: PathBuf,
    },
    /// Remove runs, with everything that they keep
    #[command(after_help = "\
Example:
  callboard runs remove .callboard/runs/curate-mwuqt4bp")]
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

fn component_size(text: &str) -> Result<u64, String> {
    within(text, callboard_plan::MOST_COMPONENT_BYTES, "256MiB", "512MiB")
}

fn pipeline_size(text: &str) -> Result<u64, String> {
    within(text, 64 << 20, "32MiB", "64MiB")
}

fn within(text: &str, most: u64, example: &str, words: &str) -> Result<u64, String> {
    let expected = || format!("expected a size with its unit, such as {example}; at most {words}");
    size(text).ok().filter(|size| (1..=most).contains(size)).ok_or_else(expected)
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
    /// The output format
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: PlanFormat,
    /// Show for each step what a run would take over from earlier runs, and why not the rest; opens data and components
    #[arg(long, conflicts_with = "format")]
    pub(crate) why: bool,
    /// The folder that holds earlier runs
    #[arg(long, value_name = "DIR", default_value = ".callboard/runs", requires = "why")]
    pub(crate) runs: PathBuf,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum PlanFormat {
    /// A listing
    #[default]
    Text,
    /// JSON
    Json,
    /// A Mermaid diagram
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
    /// Read at most ROWS rows from each input
    #[arg(long, value_name = "ROWS", value_parser = rows)]
    pub(crate) limit: Option<u64>,
    /// Write both reports as JSON to a file
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StepCommand {
    /// Create a step: a folder that builds and tests as it is
    #[command(after_help = "\
Examples:
  callboard step new --list                       the languages
  callboard step new word-count --lang python
  callboard step new top-ten --lang rust --kind global")]
    New(NewArguments),
    /// Build steps into components, with the toolchains of their languages
    #[command(after_help = "\
Examples:
  callboard step build
  callboard step build steps/word-count --watch")]
    Build(BuildArguments),
    /// Send JSON Lines through a step, from standard input to standard output
    #[command(after_help = r#"Examples:
  callboard step run < rows.jsonl
  echo '{"text": "Hello  World"}' | callboard step run normalise --config '{"lowercase": true}'"#)]
    Run(StepRunArguments),
    /// Run a step's golden test, and drive it over hundreds of batches
    #[command(after_help = "\
Examples:
  callboard step test
  callboard step test --bless       accept the output as the expected one
  callboard step test --watch")]
    Test(TestArguments),
    /// Describe a component: its kind, configuration and imports, and what is wrong with it
    #[command(after_help = "\
Examples:
  callboard step inspect embed.wasm
  callboard step inspect --json embed.wasm")]
    Inspect(InspectArguments),
    /// Check a component against the contract, on generated rows
    #[command(after_help = "\
Examples:
  callboard step conform embed.wasm
  callboard step conform embed.wasm --config '{\"min\": 3}'")]
    Conform(ConformArguments),
}

/// The step to try.
#[derive(Args, Debug)]
pub(crate) struct TriedArguments {
    /// A component, the folder of a step, or the name of a bundled step [default: the current folder]
    #[arg(value_name = "STEP")]
    pub(crate) step: Option<PathBuf>,
    /// The configuration, a JSON object [default: that of the step's step.toml]
    #[arg(long, value_name = "JSON")]
    pub(crate) config: Option<String>,
    /// The most bytes that the component may have, such as 256MiB [default: 64MiB]
    #[arg(long, value_name = "SIZE", value_parser = component_size)]
    pub(crate) max_component: Option<u64>,
}

/// What the step may reach: the keys of a pipeline's `grant`.
#[derive(Args, Debug)]
#[command(next_help_heading = "Grants")]
pub(crate) struct GrantArguments {
    /// Let the step read a file or folder below its own folder; can be repeated
    #[arg(long, value_name = "PATH")]
    pub(crate) grant_files: Vec<String>,
    /// Let the step read and write a folder below its own folder; can be repeated
    #[arg(long, value_name = "PATH")]
    pub(crate) grant_write: Vec<String>,
    /// Let the step send requests, such as `GET https://api.example.org/v1/`; can be repeated
    #[arg(long, value_name = "REQUEST")]
    pub(crate) grant_http: Vec<String>,
    /// Let the step read an environment variable; can be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) grant_env: Vec<String>,
    /// Add a header to the step's requests to a host: 'api.example.org Authorization: Bearer ${env.KEY}'; can be repeated
    #[arg(long, value_name = "HOST HEADER: VALUE", value_parser = secret)]
    pub(crate) grant_secret: Vec<SecretArgument>,
    /// Give the step a running clock
    #[arg(long)]
    pub(crate) grant_clock: bool,
    /// Grant everything that the step's step.toml asks for: only for a step that you wrote or trust
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
    /// A further input of a global step, after standard input; can be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Vec<PathBuf>,
    /// Show all that the step logs, including debug messages
    #[arg(long, short)]
    pub(crate) verbose: bool,
}

#[derive(Args, Debug)]
pub(crate) struct TestArguments {
    #[command(flatten)]
    pub(crate) tried: TriedArguments,
    #[command(flatten)]
    pub(crate) grants: GrantArguments,
    /// Accept the output as the expected one
    #[arg(long, conflicts_with = "config")]
    pub(crate) bless: bool,
    /// Build and test again whenever a file in the step's folder changes
    #[arg(long)]
    pub(crate) watch: bool,
}

#[derive(Args, Debug)]
pub(crate) struct InspectArguments {
    /// A component, the folder of a step, or the name of a bundled step [default: the current folder]
    #[arg(value_name = "STEP")]
    pub(crate) step: Option<PathBuf>,
    /// The most bytes that the component may have, such as 256MiB [default: 64MiB]
    #[arg(long, value_name = "SIZE", value_parser = component_size)]
    pub(crate) max_component: Option<u64>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ConformArguments {
    #[command(flatten)]
    pub(crate) tried: TriedArguments,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct NewArguments {
    /// The name of the step, such as word-count: lower-case letters, digits and hyphens
    #[arg(value_name = "NAME", required_unless_present = "list")]
    pub(crate) name: Option<String>,
    /// The language to write it in; `--list` shows all languages
    #[arg(long, value_name = "LANGUAGE", required_unless_present = "list")]
    pub(crate) lang: Option<String>,
    /// The kind of step
    #[arg(long, value_enum, default_value_t)]
    pub(crate) kind: KindArgument,
    /// The folder to create [default: NAME]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// List the languages, and whether their toolchains are installed
    #[arg(long, exclusive = true)]
    pub(crate) list: bool,
}

/// What a step is.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum KindArgument {
    /// Works on one batch of rows at a time
    #[default]
    Transform,
    /// Sees every row before it returns the first
    Global,
    /// Makes rows from its configuration alone
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

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory};

    use super::Arguments;

    /// Every command that `--help` shows, with the words that lead to it.
    fn commands(command: &Command, before: &[String], found: &mut Vec<(Vec<String>, Command)>) {
        let words = [before, &[command.get_name().to_owned()]].concat();
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help") {
            commands(sub, &words, found);
        }
        found.push((words, command.clone()));
    }

    #[test]
    fn every_command_has_an_example_that_is_one() {
        let mut found = Vec::new();
        commands(&Arguments::command(), &[], &mut found);
        assert!(found.len() > 15, "{found:?}");
        for (words, command) in found {
            let words = words.join(" ");
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.starts_with("Example"), "`{words}` has no example: add an `after_help`");
            let lines = help.lines().filter_map(|line| Some(&line[line.find("callboard ")?..]));
            let lines: Vec<&str> = lines.collect();
            assert!(lines.iter().any(|line| line.starts_with(&words)), "`{words}` has no example of itself: {help}");
            for line in lines {
                // Behind two spaces stands what an example does; behind `>` or `<` a file.
                let line = line.split("  ").next().unwrap_or(line).split(['>', '<']).next().unwrap_or(line);
                let parsed = Arguments::command().try_get_matches_from(shell_words(line));
                assert!(parsed.is_ok(), "`{line}`: {}", parsed.unwrap_err());
            }
        }
    }

    /// The words of a command line, as a shell parts them by spaces and single quotes.
    fn shell_words(line: &str) -> Vec<String> {
        let mut words = vec![String::new()];
        for (at, part) in line.split('\'').enumerate() {
            if at % 2 == 1 {
                words.last_mut().expect("there is one").push_str(part);
                continue;
            }
            for c in part.chars() {
                match c {
                    ' ' => words.push(String::new()),
                    c => words.last_mut().expect("there is one").push(c),
                }
            }
        }
        words.retain(|word| !word.is_empty());
        words
    }
}
