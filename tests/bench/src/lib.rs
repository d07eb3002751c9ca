//! Measures what Callboard claims, so that anybody can do it again: `cargo xtask bench`.
//!
//! 1. [`Options`] say which sections, how much, and where things are.
//! 2. [`Bench`] makes rows ([`data`]) and pipelines ([`pipelines`]), and runs the command on them ([`process`]) or single steps in this
//!    process ([`step`], and natively in [`native`]).
//! 3. A section (a file under [`sections`]) measures things in turn ([`pair`]), makes figures of them ([`measure`]), and
//!    sets these beside the targets ([`targets`]).
//! 4. The [`Report`] is written as JSON and as a page ([`markdown`]).
//!
//! It depends on the host as an embedder does, and on nothing outside of the repository; peers are measured where they are installed.

#![forbid(unsafe_code)]

mod bench;
pub mod collector;
pub mod data;
pub mod machine;
pub mod markdown;
pub mod measure;
pub mod native;
mod options;
pub mod pair;
pub mod pipelines;
pub mod process;
pub mod report;
pub mod sections;
pub mod step;
pub mod stub;
pub mod targets;

use std::path::{Path, PathBuf};

pub use bench::{Bench, Done};
pub use options::{Arguments, Options, Sizes};
pub use report::Report;

/// What goes wrong, in words for whoever runs it.
pub type Result<T, E = String> = std::result::Result<T, E>;

impl Report {
    /// Writes `bench.json` and `bench.md` to a folder, and returns their places.
    ///
    /// # Errors
    ///
    /// They cannot be written.
    pub fn write(&self, folder: &Path) -> Result<[PathBuf; 2]> {
        let json = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        let files = [("bench.json", json + "\n"), ("bench.md", markdown::page(self))];
        let paths = files.map(|(name, text)| {
            let path = folder.join(name);
            std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display())).map(|()| path)
        });
        let [json, page] = paths;
        Ok([json?, page?])
    }
}

/// How many targets were met, and which were not.
pub fn summary(report: &Report) -> String {
    let count = |met: Option<bool>| report.targets.iter().filter(|reached| reached.met == met).count();
    let mut text = String::new();
    for missed in report.targets.iter().filter(|reached| reached.met == Some(false)) {
        let figure = markdown::short(missed.figure.unwrap_or(f64::NAN));
        text += &format!("MISSED  {}: {figure} {}, {}\n", missed.what, missed.unit, missed.target);
    }
    for left in &report.targets {
        if let Some(why) = &left.left_out {
            text += &format!("left out  {}: {why}\n", left.what);
        }
    }
    text + &format!("{} targets met, {} missed, {} left out", count(Some(true)), count(Some(false)), count(None))
}
