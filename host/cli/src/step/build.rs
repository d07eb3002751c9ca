//! `callboard step build`: components of steps, made with their languages' own toolchains.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use callboard_author::{Made, MakeError, make};
use callboard_runtime::Class;
use callboard_words::sizes::bytes;

use super::watch::watch;
use crate::arguments::BuildArguments;
use crate::exit::{Failure, quoted};
use crate::show::figures::time;
use crate::show::{err, print};

pub(crate) fn build(arguments: &BuildArguments) -> Result<ExitCode, Failure> {
    if !arguments.watch {
        for folder in &arguments.dirs {
            built(folder)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    watch(&arguments.dirs, |folders: &[PathBuf]| {
        for folder in folders {
            if let Err(failure) = built(folder) {
                failure.report();
            }
        }
        Ok(())
    })
    .map(|never| match never {})
}

/// Builds one step, and says what it became.
pub(crate) fn built(folder: &Path) -> Result<Made, Failure> {
    let made = make(folder).map_err(|error| failure(error, folder))?;
    print(&format!("{}  {}, {}", made.component.display(), bytes(made.size), time(made.took.as_secs_f64() * 1000.0)))?;
    Ok(made)
}

fn failure(error: MakeError, folder: &Path) -> Failure {
    let message = error.to_string();
    match error {
        MakeError::Project(problems) => Failure::Problems(problems),
        MakeError::Missing { install, .. } => {
            let enter = match folder == Path::new(".") {
                true => String::new(),
                false => format!("cd {} && ", quoted(folder)),
            };
            let lines: Vec<String> = install.iter().map(|line| format!("{enter}{line}")).collect();
            Failure::other(Class::System, message).help(format!("install it with\n{}", lines.join("\n")))
        }
        MakeError::Command { said, .. } => {
            // As it is but for what a terminal obeys, before the error.
            if !said.trim().is_empty() {
                err(said.trim_end());
            }
            Failure::other(Class::Data, format!("{}: {message}", folder.display()))
        }
        MakeError::NotAStep { help, .. } => {
            let failure = Failure::other(Class::Data, message);
            match help {
                Some(help) => failure.help(help),
                None => failure,
            }
        }
        MakeError::System { .. } => Failure::other(Class::System, message),
    }
}
