//! `callboard completions` and the manual pages: both are made of the command line's own description.

use std::path::Path;
use std::process::ExitCode;

use clap::{Command, CommandFactory};
use clap_complete::aot::{Bash, Fish, Generator, Zsh};

use crate::arguments::{Arguments, Shell};
use crate::exit::Failure;
use crate::show::print;

/// Prints the script that completes `callboard` in a shell.
pub(crate) fn completions(shell: Shell) -> Result<ExitCode, Failure> {
    match shell {
        Shell::Bash => script(Bash),
        Shell::Zsh => script(Zsh),
        Shell::Fish => script(Fish),
    }
}

fn script(shell: impl Generator) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut shown(&Arguments::command()), "callboard", &mut script);
    print(&String::from_utf8_lossy(&script))
}

/// A command without what `--help` hides, which clap_complete would offer: commands and options for other programs.
fn shown(command: &Command) -> Command {
    let arguments = command.get_arguments().filter(|argument| !argument.is_hide_set());
    let shown = Command::new(command.get_name().to_owned())
        .about(command.get_about().cloned().unwrap_or_default())
        .args(arguments.cloned())
        .subcommands(command.get_subcommands().filter(|command| !command.is_hide_set()).map(shown));
    match command.get_version() {
        Some(version) => shown.version(version.to_owned()),
        None => shown,
    }
}

/// Writes a manual page for each command into a folder: `callboard.1`, `callboard-run.1` and so on.
pub(crate) fn man(folder: &Path) -> Result<ExitCode, Failure> {
    let written = std::fs::create_dir_all(folder);
    written
        .and_then(|()| clap_mangen::generate_to(Arguments::command(), folder))
        .map(|()| ExitCode::SUCCESS)
        .map_err(|error| Failure::system("write the manual pages", &error))
}
