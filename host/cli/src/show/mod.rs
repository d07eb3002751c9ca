//! Words, tables and colours: all that a person sees is made here.

pub(crate) mod comparison;
pub(crate) mod figures;
pub(crate) mod problems;
pub(crate) mod progress;
pub(crate) mod report;

use std::io::Write;
use std::process::ExitCode;

use crate::exit::Failure;

/// Text from elsewhere, without the characters by which it could move the cursor or colour what follows.
pub(crate) fn harmless(text: &str) -> String {
    let shown = |c: char| if c.is_control() && c != '\n' && c != '\t' { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().map(shown).collect()
}

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
