//! What every package has: the command, its completions and manual pages, the licences.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::licences::licences;
use super::program::Program;
use crate::{Result, command};

/// Completions by shell, with the names of their files.
pub(super) const COMPLETIONS: [(&str, &str); 3] =
    [("bash", "callboard.bash"), ("zsh", "_callboard"), ("fish", "callboard.fish")];

/// The contents, as files.
pub(super) struct Contents {
    /// Where they lie.
    pub(super) folder: PathBuf,
    pub(super) version: String,
    /// The glibc that the command was linked for, if it was built for distribution.
    pub(super) glibc: Option<&'static str>,
}

impl Contents {
    /// Writes them to an empty folder: `callboard`, `completions/`, `man/`, `LICENSE`, `LICENCES.txt`, `README.md`, `CHANGELOG.md`.
    pub(super) fn gather(root: &Path, program: &Program, folder: &Path) -> Result<Contents> {
        let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
        if folder.exists() {
            fs::remove_dir_all(folder).map_err(failed)?;
        }
        fs::create_dir_all(folder.join("completions")).map_err(failed)?;
        let said = |arguments: &[&str]| {
            command::output(Command::new(&program.file).args(arguments)).ok_or(format!(
                "`{} {}` failed",
                program.file.display(),
                arguments.join(" ")
            ))
        };
        let version = said(&["--version"])?;
        let version = version.strip_prefix("callboard ").ok_or("the program is not callboard")?.to_owned();
        for (shell, file) in COMPLETIONS {
            let script = said(&["completions", shell])?;
            fs::write(folder.join("completions").join(file), script + "\n").map_err(failed)?;
        }
        let man = folder.join("man");
        command::run(Command::new(&program.file).arg("man").arg(&man))?;
        fs::copy(&program.file, folder.join("callboard")).map_err(failed)?;
        for page in ["README.md", "CHANGELOG.md", "LICENSE"] {
            fs::copy(root.join(page), folder.join(page)).map_err(failed)?;
        }
        fs::write(folder.join("LICENCES.txt"), licences(root)?).map_err(failed)?;
        Ok(Contents { folder: folder.to_owned(), version, glibc: program.glibc })
    }
}
