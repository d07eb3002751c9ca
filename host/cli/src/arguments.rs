//! The command line.

mod step;
mod tasks;
mod values;

use std::path::PathBuf;

use callboard_plan::MaxRejects;
use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use step::{
    BuildArguments, ConformArguments, GrantArguments, InspectArguments, NewArguments, StepCommand, StepRunArguments,
    TestArguments, TriedArguments,
};
pub(crate) use tasks::{ElsewhereArguments, On, SubmitArguments, TaskArguments, TaskName, TasksArguments, TasksFormat};
pub(crate) use values::MemoryBudget;
use values::{max_rejects, memory_budget, pipeline_size, rows, size, trust};

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
    /// Resume a run that was interrupted, was killed, failed or waits
    #[command(after_help = "\
Examples:
  callboard resume .callboard/runs/curate-mwuqt4bp
  callboard resume .callboard/runs/curate-mwuqt4bp --max-rejects 0.5%")]
    Resume(ResumeArguments),
    /// Show the tasks that a pipeline is cut into, for several processes or machines
    #[command(after_help = "\
Examples:
  callboard tasks curate.toml --slices 8
  callboard tasks curate.toml --slice-bytes 1GiB --format json
  callboard tasks curate.toml --simulate .callboard/runs/curate-mwuqt4bp --for-rows 1000000000 --workers 64
                                    what a billion rows would take, from the figures of a run")]
    Tasks(TasksArguments),
    /// Run a pipeline in several processes, here or on a cluster
    #[command(after_help = "\
Examples:
  callboard submit curate.toml --on local=4 --work /shared/runs/curate
  callboard submit curate.toml --on ray=http://HEAD:8265 --work /shared/runs/curate --follow
  callboard submit curate.toml --on slurm --work /shared/runs/curate --slices 16")]
    Submit(SubmitArguments),
    /// Carry out one task of a submitted pipeline, or drive all of them
    #[command(after_help = "\
Examples:
  callboard task /shared/runs/curate 1.0003
  callboard task /shared/runs/curate drive --on local=4")]
    Task(TaskArguments),
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
  callboard plan curate.toml --why                why it is so, and what a run would take over from earlier runs
  callboard plan curate.toml --svg plan.svg       a drawing
  callboard plan curate.toml --format mermaid     a diagram for Markdown")]
    Plan(PlanArguments),
    /// Check a pipeline against its data and components without running it
    #[command(after_help = "\
Examples:
  callboard check curate.toml
  callboard check curate.toml --set inputs.docs.path=sample.jsonl")]
    Check(CheckArguments),
    /// Show what each step does to a few rows, with examples, without writing outputs
    #[command(after_help = "\
Examples:
  callboard try curate.toml
  callboard try curate.toml --rows 1000 --step quality --set steps.quality.config.min=5
  callboard try curate.toml --watch               again whenever the file is saved")]
    Try(TryArguments),
    /// Show rows of data files, or of a run at any of its nodes
    #[command(after_help = "\
Examples:
  callboard peek docs.jsonl
  callboard peek .callboard/runs/curate-mwuqt4bp quality.dropped       the rows that a step dropped, and why
  callboard peek 'shards/*.parquet' -n 50 --seed 1 --where 'n_words < 20' --columns text,n_words
  callboard peek docs.jsonl.zst --format text")]
    Peek(PeekArguments),
    /// Show what is in the columns of data files, or of a run's rows: nulls, distinct values, quantiles, frequent texts
    #[command(after_help = "\
Examples:
  callboard stats docs.jsonl
  callboard stats 'shards/*.parquet' --by language --columns n_words,text
  callboard stats .callboard/runs/curate-mwuqt4bp quality                the rows that a step puts out
  callboard stats .callboard/runs/curate-mwuqt4bp long --format json     with other thresholds of a `filter`")]
    Stats(StatsArguments),
    /// Follow one row through a run: what each step did to it, and why it is gone
    #[command(after_help = "\
Examples:
  callboard trace .callboard/runs/curate-mwuqt4bp --row docs.jsonl:12
  callboard trace .callboard/runs/curate-mwuqt4bp --where 'id == \"de/README#2\"'")]
    Trace(TraceArguments),
    /// Compare two runs: their plans, the rows of each step, and the rows of each output
    #[command(after_help = "\
Examples:
  callboard diff .callboard/runs/curate-mwuqt4bp .callboard/runs/curate-mwuqw0c5
  callboard diff .callboard/runs/curate-mwuqt4bp .callboard/runs/curate-mwuqw0c5 --format json")]
    Diff(DiffArguments),
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
Examples:
  callboard schema > pipeline.schema.json
  callboard schema --for curate.toml > curate.schema.json     with the configuration of steps")]
    Schema(SchemaArguments),
    /// Print a script that completes commands in your shell
    #[command(after_help = "\
Examples:
  callboard completions bash > ~/.local/share/bash-completion/completions/callboard
  callboard completions zsh > ~/.zfunc/_callboard
  callboard completions fish > ~/.config/fish/completions/callboard.fish")]
    Completions(CompletionsArguments),
    /// Check this installation, and print what a bug report needs
    #[command(after_help = "\
Example:
  callboard doctor")]
    Doctor,
    /// Write the manual pages: for packages
    #[command(hide = true)]
    Man(ManArguments),
    /// Compile a component: what `run` does in a process of its own
    #[command(hide = true)]
    Compile(CompileArguments),
}

impl Command {
    /// Whether a program reads what it says on standard error.
    pub(crate) fn says_json(&self) -> bool {
        match self {
            Command::Run(RunArguments { shown, .. }) | Command::Resume(ResumeArguments { shown, .. }) => {
                shown.progress == ProgressFormat::Json
            }
            _ => false,
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct PeekArguments {
    /// Files and patterns, as an input's `path` has them; or the folder of a run, and an input, a step or an output of it:
    /// `quality`, `quality.dropped`, `quality.rejected`
    #[arg(value_name = "FILE", required = true)]
    pub(crate) places: Vec<String>,
    /// Show at most N rows
    #[arg(short = 'n', long = "rows", value_name = "N", default_value = "20", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) rows: u32,
    /// Show rows for which a condition holds, in the language of `filter`
    #[arg(long = "where", value_name = "CONDITION")]
    pub(crate) condition: Option<String>,
    /// Show rows drawn from all of them, the same for the same N; by default the first
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Show these columns, in this order
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    pub(crate) columns: Vec<String>,
    /// How rows are shown
    #[arg(long, value_enum, default_value_t = RowFormat::Table)]
    pub(crate) format: RowFormat,
    /// Read the inputs of a run that nothing proves to be yours, if its digest is this
    #[arg(long, value_name = "DIGEST", value_parser = trust)]
    pub(crate) trust: Option<u128>,
}

#[derive(Args, Debug)]
pub(crate) struct StatsArguments {
    /// Files and patterns, as an input's `path` has them; or the folder of a run, and an input, a step or an output of it:
    /// `quality`, `quality.dropped`, `quality.rejected`
    #[arg(value_name = "FILE", required = true)]
    pub(crate) places: Vec<String>,
    /// Also show the rows of each value of a column by themselves
    #[arg(long, value_name = "COLUMN")]
    pub(crate) by: Option<String>,
    /// Show these columns, in this order; `meta.language` is a member of a struct
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    pub(crate) columns: Vec<String>,
    /// How figures are shown
    #[arg(long, value_enum, default_value_t = FigureFormat::Table)]
    pub(crate) format: FigureFormat,
    /// Read the inputs of a run that nothing proves to be yours, if its digest is this
    #[arg(long, value_name = "DIGEST", value_parser = trust)]
    pub(crate) trust: Option<u128>,
}

#[derive(Args, Debug)]
pub(crate) struct DiffArguments {
    /// The folder of the earlier run
    #[arg(value_name = "RUN-DIR")]
    pub(crate) before: PathBuf,
    /// The folder of the later run
    #[arg(value_name = "RUN-DIR")]
    pub(crate) after: PathBuf,
    /// Show at most N rows of each output that changed, came and went
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub(crate) examples: u32,
    /// How the difference is shown
    #[arg(long, value_enum, default_value_t = FigureFormat::Table)]
    pub(crate) format: FigureFormat,
    /// Read the inputs of a run that nothing proves to be yours, if its digest is this
    #[arg(long, value_name = "DIGEST", value_parser = trust)]
    pub(crate) trust: Option<u128>,
}

/// How figures are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FigureFormat {
    /// As wide as the terminal
    Table,
    /// JSON
    Json,
}

#[derive(Args, Debug)]
pub(crate) struct TryArguments {
    #[command(flatten)]
    pub(crate) pipeline: PipelineArguments,
    /// Read the first ROWS rows of each input
    #[arg(long, value_name = "ROWS", default_value = "200", value_parser = rows)]
    pub(crate) rows: u64,
    /// Show this step alone
    #[arg(long, value_name = "NAME")]
    pub(crate) step: Option<String>,
    /// Try again whenever the pipeline file is saved
    #[arg(long)]
    pub(crate) watch: bool,
    /// Do not keep it to the places that it writes, in addition to the sandbox
    #[arg(long)]
    pub(crate) no_landlock: bool,
}

#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("followed").required(true))]
pub(crate) struct TraceArguments {
    /// The run's folder
    #[arg(value_name = "RUN-DIR")]
    pub(crate) run_dir: PathBuf,
    /// The row's file, or the end of its path, and its line
    #[arg(long, value_name = "FILE:LINE", group = "followed")]
    pub(crate) row: Option<String>,
    /// The first row of an input for which a condition holds, in the language of `filter`
    #[arg(long = "where", value_name = "CONDITION", group = "followed")]
    pub(crate) condition: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Read the inputs of a run that nothing proves to be yours, if its digest is this
    #[arg(long, value_name = "DIGEST", value_parser = trust)]
    pub(crate) trust: Option<u128>,
}

/// How rows are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RowFormat {
    /// As wide as the terminal; long values are cut
    Table,
    /// JSON Lines, whole
    Jsonl,
    /// Each row by itself, with more of its text
    Text,
}

#[derive(Args, Debug)]
pub(crate) struct StepsArguments {
    /// The step to show
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct SchemaArguments {
    /// Add the configuration of each bundled step, and of the components that this pipeline file uses
    #[arg(long = "for", value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

/// A pipeline, and what the command line changes in it.
#[derive(Args, Debug)]
pub(crate) struct PipelineArguments {
    /// The pipeline file, TOML or JSON; `-` reads JSON from standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// A file of params, TOML or JSON: `KEY = VALUE`; `--set` overrides it
    #[arg(long, value_name = "FILE")]
    pub(crate) params: Option<PathBuf>,
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
    /// Take nothing over from earlier runs, and ask servers again
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Keep nothing for resuming or for later runs, and take nothing over from earlier ones
    #[arg(long)]
    pub(crate) no_resume: bool,
    /// The most disk space for rows between stages, such as 20GiB
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) max_spill: Option<u64>,
    /// Wait for offline batches, and continue when they have ended
    #[arg(long)]
    pub(crate) wait: bool,
    /// How long a batch needs to appear at its server
    #[arg(long, value_name = "TIME", hide = true, default_value = "30s", value_parser = humantime::parse_duration)]
    pub(crate) batch_grace: std::time::Duration,
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

/// What is said while a run goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressFormat {
    /// Lines that move on a terminal, and plain ones elsewhere
    #[default]
    Auto,
    /// Plain lines
    Plain,
    /// One object of JSON on each line of standard error, errors included
    Json,
}

/// How a run is shown.
#[derive(Args, Debug)]
pub(crate) struct ShownArguments {
    /// Write the report as JSON to a file
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Write the report as a page for a browser to a file
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// How progress is shown on standard error
    #[arg(long, value_enum, default_value_t)]
    pub(crate) progress: ProgressFormat,
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
    /// Wait for offline batches, and continue when they have ended
    #[arg(long)]
    pub(crate) wait: bool,
    /// How long a batch needs to appear at its server
    #[arg(long, value_name = "TIME", hide = true, default_value = "30s", value_parser = humantime::parse_duration)]
    pub(crate) batch_grace: std::time::Duration,
    /// The most rows that all steps together may reject, such as 100 or 0.5%; overrides the pipeline
    #[arg(long, value_name = "ROWS", value_parser = max_rejects)]
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
Examples:
  callboard runs show .callboard/runs/curate-mwuqt4bp
  callboard runs show .callboard/runs/curate-mwuqt4bp --html report.html --examples 5")]
    Show {
        /// The run's folder
        #[arg(value_name = "RUN-DIR")]
        run_dir: PathBuf,
        /// Write the report as a page for a browser to a file
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
        /// Put this many rejected rows on the page
        #[arg(long, value_name = "ROWS", requires = "html", default_value_t = 0)]
        examples: u32,
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
    /// Forget replies of servers, which later runs then ask for again
    #[command(after_help = "\
Examples:
  callboard runs forget                     all of them
  callboard runs forget --older-than 30d")]
    Forget {
        /// The folder that holds the runs
        #[arg(value_name = "DIR", default_value = ".callboard/runs")]
        dir: PathBuf,
        /// Only those of processes whose last reply came longer ago than this, such as 30d or 12h
        #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
        older_than: Option<std::time::Duration>,
    },
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
    /// Write a drawing to a file, as SVG
    #[arg(long, value_name = "FILE", conflicts_with_all = ["format", "why"])]
    pub(crate) svg: Option<PathBuf>,
    /// Show why each stage begins, how each edge carries its rows, and for each step what a run would take over from earlier runs, and why
    /// not the rest; opens data and components
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
    /// A drawing, as SVG
    Svg,
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

#[derive(Args, Debug)]
pub(crate) struct CompletionsArguments {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub(crate) shell: Shell,
}

/// A shell that commands can be completed in.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
}

#[derive(Args, Debug)]
pub(crate) struct ManArguments {
    /// The folder to write them to
    pub(crate) folder: PathBuf,
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
