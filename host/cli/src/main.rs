//! The program `callboard`: everything of it is in the library beside this file.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    callboard_cli::main()
}
