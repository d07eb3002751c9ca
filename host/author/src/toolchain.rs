//! Whether the programs that a language needs are here: in the step's own `.venv` and `node_modules`, or on the `PATH`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::language::{Language, Tool};
use crate::process;

/// A program that is asked for its version answers at once; one that does not is as good as none.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program that a language needs, and whether it is here.
#[derive(Clone, Debug)]
pub struct Found {
    /// What it is.
    pub tool: &'static Tool,
    /// The version that it reports; `None` if it is not installed.
    pub version: Option<String>,
}

/// The folders in which a step in `folder` looks for programs: its own, then those of `PATH`.
pub fn path(folder: &Path) -> Vec<PathBuf> {
    let own = [".venv/bin", "node_modules/.bin"].map(|bin| folder.join(bin));
    // Commands are run in the step's folder, wherever that is.
    let own = own.into_iter().filter_map(|bin| bin.canonicalize().ok());
    own.chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())).collect()
}

/// Looks for all programs that a language needs in the folders of `path`, while in `folder`.
pub fn find(language: &'static Language, folder: &Path, path: &[PathBuf]) -> Vec<Found> {
    language.tools.iter().map(|tool| Found { tool, version: version(tool, folder, path) }).collect()
}

/// The lines of shell that install what is missing, each once.
pub fn install_lines(found: &[Found]) -> Vec<&'static str> {
    let mut lines: Vec<&str> = Vec::new();
    for missing in found.iter().filter(|found| found.version.is_none()) {
        if !lines.contains(&missing.tool.install.as_str()) {
            lines.push(&missing.tool.install);
        }
    }
    lines
}

fn version(tool: &Tool, folder: &Path, path: &[PathBuf]) -> Option<String> {
    let mut command = process::command(&tool.run, folder, path);
    let ended = process::run_at_most(&mut command, PATIENCE).ok()??;
    let first = ended.said.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    ended.status.success().then(|| first.to_owned())
}
