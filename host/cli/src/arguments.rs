//! The command line.

mod looking;
mod planning;
mod running;
mod step;
mod tasks;
mod values;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

pub(crate) use looking::{
    DiffArguments, FigureFormat, PeekArguments, RowFormat, StatsArguments, TraceArguments, TryArguments,
};
pub(crate) use planning::{
    CheckArguments, CompareArguments, LoadArgument, PipelineArguments, PlanArguments, PlanFormat,
};
pub(crate) use running::{ProgressFormat, ResumeArguments, RunArguments, RunsCommand, ServeArguments, ShownArguments};
pub(crate) use step::{
    BuildArguments, ConformArguments, GrantArguments, InspectArguments, NewArguments, StepCommand, StepRunArguments,
    TestArguments, TriedArguments,
};
pub(crate) use tasks::{ElsewhereArguments, On, SubmitArguments, TaskArguments, TaskName, TasksArguments, TasksFormat};
pub(crate) use values::MemoryBudget;

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

impl Arguments {
    /// Reads a command line. What looks like a negative number is a value, which the option before it refuses in its own words.
    pub(crate) fn read(line: impl IntoIterator<Item = OsString>) -> Result<Arguments, clap::Error> {
        let mut command = taking_numbers(Arguments::command());
        let mut matches = command.try_get_matches_from_mut(line)?;
        Arguments::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
    }
}

fn taking_numbers(command: clap::Command) -> clap::Command {
    let one = |arg: Arg| match arg.get_long().is_some() && arg.get_action().takes_values() {
        true => arg.allow_negative_numbers(true),
        false => arg,
    };
    command.mut_args(one).mut_subcommands(taking_numbers)
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
    /// Print the JSON Schema of pipeline files and bundled steps
    #[command(after_help = "\
Examples:
  callboard schema > pipeline.schema.json
  callboard schema --for curate.toml > curate.schema.json     with that of its own components")]
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
pub(crate) struct StepsArguments {
    /// The step to show
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct SchemaArguments {
    /// Add the configuration of the components that this pipeline file uses
    #[arg(long = "for", value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
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
    /// Leave NaNs as the processor makes them
    #[arg(long)]
    pub(crate) native_nans: bool,
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
