//! `callboard step conform`: a component against the contract, on rows that are made up.

use std::process::ExitCode;

use callboard_trial::Trial;

use crate::arguments::ConformArguments;
use crate::exit::Failure;
use crate::show::progress::{Detail, Progress};
use crate::show::{print, print_json};
use callboard_bundled::BUNDLED;

pub(crate) fn conform(arguments: &ConformArguments) -> Result<ExitCode, Failure> {
    let subject = super::subject(&arguments.tried)?;
    // What it logs of rows that nobody would give it is no use to anybody.
    let settings = super::settings(Progress::plain(Detail::Notes).observer())?;
    let said = Progress::plain(Detail::Warnings).observer();
    super::grants::tell(&subject, "a component is checked against the contract without any grant", &said);
    let trial = Trial::begin(subject, 1, BUNDLED, settings)?;
    let findings = callboard_trial::conform::conform(&trial)?;
    match arguments.json {
        true => print_json(&findings)?,
        false => print(&super::findings(&findings))?,
    };
    super::concluded(&findings, &trial.subject.name)
}
