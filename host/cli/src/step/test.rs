//! `callboard step test`: a step against its golden test, and over hundreds of batches.

use std::process::ExitCode;

use callboard_author::templates::language;
use callboard_plan::{Kind, scan};
use callboard_runtime::{CancellationToken, Class};
use callboard_trial::drive::{MEMORY, drive};
use callboard_trial::golden::{Golden, golden, inputs};
use callboard_trial::{Finding, Replies, Subject, Trial};

use super::watch::watch;
use crate::arguments::TestArguments;
use crate::exit::{Failure, quoted};
use crate::show::progress::{Detail, Progress};
use crate::show::{inline, print};
use callboard_bundled::BUNDLED;

pub(crate) fn test(arguments: &TestArguments) -> Result<ExitCode, Failure> {
    if !arguments.watch {
        return tested(arguments, &super::settings(Progress::plain(Detail::Warnings).observer())?);
    }
    let folder = match &arguments.tried.step {
        Some(step) if step.is_dir() => step.clone(),
        Some(step) => {
            let message = format!("`{}` is not a folder, and only a step's folder can be watched", step.display());
            return Err(Failure::other(Class::Pipeline, message));
        }
        None => ".".into(),
    };
    // A signal ends the watching itself: nothing is left behind that would have to be sealed.
    let settings = super::settings_until(CancellationToken::new(), Progress::plain(Detail::Warnings).observer())?;
    watch(std::slice::from_ref(&folder), |_| {
        let done = super::build::built(&folder).and_then(|_| tested(arguments, &settings));
        if let Err(failure) = done {
            failure.report();
        }
        Ok(())
    })
    .map(|never| match never {})
}

fn tested(arguments: &TestArguments, settings: &callboard_runtime::Settings) -> Result<ExitCode, Failure> {
    let mut subject = super::subject(&arguments.tried)?;
    super::grants::grant(&mut subject, &arguments.grants, &settings.observer);
    if arguments.bless && subject.language.is_none() {
        let message = format!("`{}` has no `step.toml`, so the golden files here may be another step's", subject.name);
        return Err(Failure::other(Class::Pipeline, message)
            .help("callboard step test DIR --bless, with the step's own folder"));
    }
    let source = scan(&subject.bytes(BUNDLED)?).is_ok_and(|facts| facts.kind == Kind::Source);
    let count = if source { 1 } else { inputs(&subject).len().max(1) };
    // Requests are never sent but to be recorded: once, for the rows that lie beside the step.
    let replies = Replies::of(&subject)?;
    if arguments.record {
        let mut recorded = super::subject(&arguments.tried)?;
        super::grants::grant(&mut recorded, &arguments.grants, &settings.observer);
        let trial = Trial::begin(recorded, count, BUNDLED, settings.clone().calls(Some(replies.calls(true))))?;
        golden(&trial)?;
        let written = replies.write()?;
        print(&format!("recorded {written} {} in replies.jsonl", if written == 1 { "reply" } else { "replies" }))?;
    }
    let settings = settings.clone().calls(Some(replies.calls(false)));
    let trial = Trial::begin(subject, count, BUNDLED, settings)?;
    let golden = golden(&trial)?;
    let figures = golden.figures.clone();
    match golden.differences.is_empty() {
        _ if arguments.bless => blessed(&golden, &trial.subject)?,
        true => print(&format!("ok      golden test  {figures}"))?,
        false => return Err(differs(arguments, &golden, &trial.subject)),
    };
    let mut findings = drive(&trial, &golden.rows)?;
    let leaks = trial.subject.language.as_deref().and_then(language).and_then(|language| language.leaks.clone());
    if let Some(why) = leaks {
        let excused = |finding: Finding| if finding.what == MEMORY { finding.excused(&why) } else { finding };
        findings = findings.into_iter().map(excused).collect();
    }
    print(&super::findings(&findings))?;
    super::concluded(&findings, &trial.subject.name)
}

fn blessed(golden: &Golden, subject: &Subject) -> Result<ExitCode, Failure> {
    let changes = golden.bless(subject)?;
    match changes.is_empty() {
        true => print(&format!("ok      golden test  {}; nothing changed", golden.figures)),
        false => print(&format!("blessed golden test  {}\n        {}", golden.figures, changes.join("\n        "))),
    }
}

fn differs(arguments: &TestArguments, golden: &Golden, subject: &Subject) -> Failure {
    let lines: Vec<String> = golden.differences.iter().map(|line| format!("\n  {}", inline(line))).collect();
    let message = format!("{}: the golden test differs ({}){}", subject.name, golden.figures, lines.concat());
    let step = arguments.tried.step.as_ref().map_or(String::new(), |step| format!(" {}", quoted(step)));
    let failure = Failure::other(Class::Data, message);
    match subject.language {
        Some(_) => failure.help(format!("if that is what it should do: callboard step test{step} --bless")),
        None => failure,
    }
}
