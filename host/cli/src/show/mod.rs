//! Words, tables and colours: all that a person sees is made here.

pub(crate) mod comparison;
pub(crate) mod figures;
pub(crate) mod problems;
pub(crate) mod progress;
pub(crate) mod report;

use std::io::Write;
use std::process::ExitCode;

use crate::exit::Failure;

/// Prints a command's result. A reader that has gone away (`| head`) is no failure.
pub(crate) fn print(text: &str) -> Result<ExitCode, Failure> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::system("write the result", &error))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}
