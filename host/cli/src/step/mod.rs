//! `callboard step …`: making a step in any language, and trying it; one command a file.

mod build;
mod conform;
mod grants;
mod inspect;
pub(crate) mod list;
mod new;
mod pipeline;
mod run;
mod test;
pub(crate) mod watch;

use crate::show::flags::flag;
use std::path::PathBuf;
use std::process::ExitCode;

use callboard_bundled::BUNDLED;
use callboard_runtime::{CancellationToken, Class, Observer, Settings};
use callboard_trial::{Finding, Outcome, Subject};

use crate::arguments::{StepCommand, TriedArguments};
use crate::exit::Failure;
use crate::pipeline::interruptible;
use crate::show::inline;

pub(crate) fn step(command: &StepCommand) -> Result<ExitCode, Failure> {
    match command {
        StepCommand::New(arguments) if arguments.list => list::list(),
        StepCommand::New(arguments) => new::new(arguments),
        StepCommand::Build(arguments) => build::build(arguments),
        StepCommand::Run(arguments) => run::run(arguments),
        StepCommand::Test(arguments) => test::test(arguments),
        StepCommand::Inspect(arguments) => inspect::inspect(arguments),
        StepCommand::Conform(arguments) => conform::conform(arguments),
    }
}

/// The settings that a step is tried with. Nothing is kept of it but compiled code.
pub(crate) fn settings(observer: Observer) -> Result<Settings, Failure> {
    settings_until(interruptible()?, observer)
}

/// As [`settings`], with another token than that of signals.
pub(crate) fn settings_until(cancel: CancellationToken, observer: Observer) -> Result<Settings, Failure> {
    Ok(crate::pipeline::settings(PathBuf::new(), PathBuf::new(), cancel)?.observer(observer))
}

/// Finds a step, and gives it another configuration where one is given.
fn subject(tried: &TriedArguments) -> Result<Subject, Failure> {
    let mut subject = Subject::find(tried.step.as_deref(), BUNDLED)?;
    if let Some(bytes) = tried.max_component {
        subject.allow_component(bytes);
    }
    if let Some(config) = &tried.config {
        subject.configure(config)?;
    }
    Ok(subject)
}

/// What was tried, a line each, and what to do where it failed.
fn findings(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.what.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for Finding { what, outcome, help, .. } in findings {
        let (word, detail) = match outcome {
            Outcome::Passed(detail) => ("ok    ", detail),
            Outcome::Failed(detail) => ("FAILED", detail),
            Outcome::NotApplicable(detail) => ("-     ", detail),
        };
        let detail = inline(detail);
        text.push_str(&format!("{word}  {:width$}  {detail}\n", inline(what)));
        for line in help.iter().map(|help| help.said(flag)).collect::<String>().lines() {
            text.push_str(&format!("        help: {}\n", inline(line)));
        }
    }
    text
}

/// The end of a command that tried something: a failure where one of the findings is.
fn concluded(findings: &[Finding], what: &str) -> Result<ExitCode, Failure> {
    let failed = findings.iter().filter(|finding| finding.has_failed()).count();
    match failed {
        0 => Ok(ExitCode::SUCCESS),
        failed => Err(Failure::other(Class::Data, format!("{what}: {failed} of {} checks failed", findings.len()))),
    }
}
