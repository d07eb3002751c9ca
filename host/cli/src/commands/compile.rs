//! `callboard compile`: the child process that compiles a component.

use std::process::ExitCode;

use callboard_plan::Nans;
use callboard_runtime::{RunError, compile_file};

use crate::arguments::CompileArguments;
use crate::exit::Failure;

pub(crate) fn compile(arguments: &CompileArguments) -> Result<ExitCode, Failure> {
    let nans = if arguments.native_nans { Nans::Native } else { Nans::Canonical };
    compile_file(&arguments.component, &arguments.made, nans).map_err(RunError::from)?;
    Ok(ExitCode::SUCCESS)
}
