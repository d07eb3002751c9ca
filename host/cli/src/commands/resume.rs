//! `callboard resume`: a run that was begun before, taken up where it stopped.

use std::process::ExitCode;

use callboard_runtime::{Run, Settings};

use super::run::Watched;
use crate::arguments::ResumeArguments;
use crate::bundled::BUNDLED;
use crate::exit::Failure;
use crate::pipeline::{interruptible, settings};

pub(crate) fn resume(arguments: &ResumeArguments) -> Result<ExitCode, Failure> {
    let watched = Watched::begin(&arguments.shown)?;
    let base = arguments.base.clone().unwrap_or_default();
    let settings = Settings {
        max_spill: arguments.max_spill,
        overwrite: arguments.overwrite,
        observer: watched.progress.observer(),
        ..settings(base, arguments.run_dir.clone(), interruptible()?)?
    };
    let prepared = Run::resume(BUNDLED, settings, arguments.max_rejects)?;
    watched.end(prepared.execute(), None)
}
