//! Whether the programs that a language needs are here: in the step's own `.venv` and `node_modules`, or on the `PATH`.

use std::path::Path;
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
    /// What it says of its version; none where it is not here.
    pub version: Option<String>,
}

/// Looks for all programs that a language needs, as a step in this folder would find them.
pub fn find(language: &'static Language, folder: &Path) -> Vec<Found> {
    language.tools.iter().map(|tool| Found { tool, version: version(tool, folder) }).collect()
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

fn version(tool: &Tool, folder: &Path) -> Option<String> {
    let mut command = process::command(&tool.run, folder);
    let ended = process::run_at_most(&mut command, PATIENCE).ok()??;
    let first = ended.said.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    ended.status.success().then(|| first.to_owned())
}
