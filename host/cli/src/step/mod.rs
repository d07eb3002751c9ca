//! `callboard step …`: making a step in any language, one command a file.

mod build;
mod list;
mod new;
pub(crate) mod watch;

use std::process::ExitCode;

use crate::arguments::StepCommand;
use crate::exit::Failure;

pub(crate) fn step(command: &StepCommand) -> Result<ExitCode, Failure> {
    match command {
        StepCommand::New(arguments) if arguments.list => list::list(),
        StepCommand::New(arguments) => new::new(arguments),
        StepCommand::Build(arguments) => build::build(arguments),
    }
}
