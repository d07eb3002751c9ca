//! `callboard step new --list`: the languages, and whether their toolchains are here.

use std::path::Path;
use std::process::ExitCode;

use callboard_author::toolchain::{Found, find, install_lines, path};
use callboard_author::{Language, templates};

use crate::exit::Failure;
use crate::show::print;
use crate::show::report::aligned;

pub(crate) fn list() -> Result<ExitCode, Failure> {
    print(&toolchains())
}

/// A line for each language: whether its toolchain is here, and the versions or what installs it.
pub(crate) fn toolchains() -> String {
    let row = |language: &'static Language| {
        let found = find(language, Path::new("."), &path(Path::new(".")));
        let (is_here, what) = match install_lines(&found).as_slice() {
            [] => ("here", versions(&found)),
            lines => ("missing", lines.join("; ")),
        };
        vec![language.id.clone(), language.name.clone(), is_here.to_owned(), what]
    };
    let heads = ["lang", "language", "toolchain", "versions, or what installs it in a step's folder"]
        .map(str::to_owned)
        .to_vec();
    let rows: Vec<Vec<String>> = std::iter::once(heads).chain(templates::languages().iter().map(row)).collect();
    aligned(&rows, 4)
}

/// The versions that the tools report, each once.
fn versions(found: &[Found]) -> String {
    let mut versions: Vec<&str> = found.iter().filter_map(|found| found.version.as_deref()).collect();
    versions.dedup();
    versions.join(", ")
}
