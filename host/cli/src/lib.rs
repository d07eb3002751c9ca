//! `callboard`: dataset pipelines whose steps are WebAssembly components.
//!
//! 1. `arguments` are read; each command is a file under `commands`, and those about making steps under `step`.
//! 2. A pipeline file becomes a plan (`pipeline`), and a plan a run of the runtime's.
//! 3. What happened is shown (`show`): results on standard output, everything else on standard error.
//! 4. The exit code says who has to act on a failure (`exit`).
//!
//! It is a library because two programs are made of it: `callboard` (`main.rs`), and the one in a wheel, which shares the native module of the
//! Python package (`host/python/src/command.rs`).

mod arguments;
mod commands;
mod engines;
mod exit;
mod last_words;
mod memory;
mod pipeline;
mod show;
mod step;

use std::process::ExitCode;

use arguments::{Arguments, Command};

/// Carries out the command that this process was started as. Nothing else may run in it.
pub fn main() -> ExitCode {
    memory::give_back();
    last_words::listen();
    last_words::guarded(command)
}

fn command() -> ExitCode {
    let arguments = Arguments::read(std::env::args_os()).unwrap_or_else(|error| show::arguments::unread(error).exit());
    if arguments.command.says_json() {
        show::say_json();
    }
    let outcome = match arguments.command {
        Command::Run(arguments) => commands::run::run(&arguments),
        Command::Resume(arguments) => commands::resume::resume(&arguments),
        Command::Tasks(arguments) => commands::tasks::tasks(&arguments),
        Command::Submit(arguments) => commands::submit::submit(&arguments),
        Command::Task(arguments) => commands::task::task(&arguments),
        Command::Runs(command) => commands::runs::runs(&command),
        Command::Plan(arguments) => commands::plan::plan(&arguments),
        Command::Check(arguments) => commands::check::check(&arguments),
        Command::Peek(arguments) => commands::peek::peek(&arguments),
        Command::Stats(arguments) => commands::stats::stats(&arguments),
        Command::Diff(arguments) => commands::diff::diff(&arguments),
        Command::Try(arguments) => commands::try_out::try_out(&arguments),
        Command::Trace(arguments) => commands::trace::trace(&arguments),
        Command::Compare(arguments) => commands::compare::compare(&arguments),
        Command::Step(command) => step::step(&command),
        Command::Steps(arguments) => commands::steps::steps(&arguments),
        Command::Schema(arguments) => commands::schema::schema(&arguments),
        Command::Completions(arguments) => commands::shell::completions(arguments.shell),
        Command::Doctor => commands::doctor::doctor(),
        Command::Man(arguments) => commands::shell::man(&arguments.folder),
        Command::Compile(arguments) => commands::compile::compile(&arguments),
    };
    outcome.unwrap_or_else(|failure| failure.report())
}
