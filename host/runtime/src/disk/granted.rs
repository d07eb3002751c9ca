//! What lies behind a step's grants: its work depends on that as well.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use callboard_plan::Grants;

use super::digest;
use super::folder::Digested;
use super::frames::named;

/// The files and variables that a step can read, each with a digest of what it holds. What a step writes, and what it asks for over
/// the network, is not compared.
pub(crate) fn found(grants: &Grants, base: &Path) -> io::Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for grant in grants.files.iter().filter(|grant| !grant.write) {
        add(&base.join(&grant.path), &grant.path, &mut found)?;
    }
    for name in &grants.env {
        let value = std::env::var_os(name).map(|value| digest::of_text(&value.to_string_lossy()));
        found.insert(format!("${name}"), value.map_or("not set".to_owned(), |value| format!("{value:032x}")));
    }
    Ok(found)
}

fn add(path: &Path, name: &str, found: &mut BTreeMap<String, String>) -> io::Result<()> {
    let kind = path.metadata().map_err(|error| named(path, &error))?;
    if kind.is_file() {
        found.insert(name.to_owned(), Digested::of(path, 0)?.digest);
    } else if kind.is_dir() {
        for entry in std::fs::read_dir(path).map_err(|error| named(path, &error))? {
            let entry = entry.map_err(|error| named(path, &error))?;
            // A name that is not UTF-8 is written with its bytes, so that no two are the same.
            let own = entry.file_name();
            let name = format!("{name}/{}", own.to_str().map_or_else(|| format!("{own:?}"), str::to_owned));
            // A link may lead in a circle, or out, where the step cannot go; a pipe is waited for.
            match entry.file_type().map_err(|error| named(path, &error))? {
                kind if kind.is_file() || kind.is_dir() => add(&entry.path(), &name, found)?,
                kind if kind.is_symlink() => {
                    let to = std::fs::read_link(entry.path()).map_err(|error| named(path, &error))?;
                    let to = to.to_str().map_or_else(|| format!("{to:?}"), str::to_owned);
                    found.insert(name, format!("→ {to}"));
                }
                _ => {}
            }
        }
    }
    Ok(())
}
