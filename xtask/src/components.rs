//! Components of other people's test suites, which are texts (`.wast`): each becomes a file of its own.

use std::fs;
use std::path::{Path, PathBuf};

use wast::parser::{self, ParseBuffer};
use wast::{QuoteWat, Wast, WastDirective};

use crate::Result;

/// Where such suites lie in a folder of suites.
const SUITES: [&str; 3] =
    ["component-model/test", "wasm-tools/tests/cli/component-model", "wasm-tools/tests/cli/missing-features"];

/// Writes the components of all suites that are there to `to`, right and wrong ones, and says which suites are not.
pub(crate) fn extract(at: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        fs::remove_dir_all(to).map_err(|error| format!("`{}` cannot be emptied: {error}", to.display()))?;
    }
    for suite in SUITES {
        let root = at.join(suite);
        if !root.is_dir() {
            println!("SKIPPED: {suite}: it is not at {}", at.display());
            continue;
        }
        let (mut written, mut unread) = (0, 0);
        for path in texts(&root)? {
            let name = path.strip_prefix(&root).unwrap_or(&path).with_extension("");
            match of(&path, &to.join(suite).join(name))? {
                Some(components) => written += components,
                None => unread += 1,
            }
        }
        println!("{suite}: {written} components, {unread} files in a newer syntax");
    }
    Ok(())
}

fn texts(folder: &Path) -> Result<Vec<PathBuf>> {
    let cannot = |error| format!("`{}` cannot be read: {error}", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        if path.is_dir() {
            found.extend(texts(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "wast") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The number of components that a text has; none if this parser cannot read it.
fn of(path: &Path, to: &Path) -> Result<Option<usize>> {
    let text = fs::read_to_string(path).map_err(|error| format!("`{}` cannot be read: {error}", path.display()))?;
    let Ok(buffer) = ParseBuffer::new(&text) else { return Ok(None) };
    let Ok(script) = parser::parse::<Wast<'_>>(&buffer) else { return Ok(None) };
    let mut written = 0;
    for directive in script.directives {
        let mut component = match directive {
            WastDirective::Module(component)
            | WastDirective::ModuleDefinition(component)
            | WastDirective::AssertMalformed { module: component, .. }
            | WastDirective::AssertInvalid { module: component, .. } => component,
            WastDirective::AssertUnlinkable { module, .. } => QuoteWat::Wat(module),
            _ => continue,
        };
        // What is malformed as a text has no bytes.
        let Ok(bytes) = component.encode() else { continue };
        fs::create_dir_all(to)
            .and_then(|()| fs::write(to.join(format!("{written}.wasm")), bytes))
            .map_err(|error| format!("`{}` cannot be written: {error}", to.display()))?;
        written += 1;
    }
    Ok(Some(written))
}
