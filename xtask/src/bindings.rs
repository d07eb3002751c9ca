//! The bindings that the SDKs in C and Go carry: generated from the contract, and kept with the SDKs.

use std::fs;
use std::path::Path;

use callboard_author::Kind;
use callboard_author::bindings::{Generated, generate};

use crate::Result;

/// Whose bindings are generated, and where they are kept.
const KEPT: [(Generated, &str); 2] =
    [(Generated::C, "plugins/sdk/c/bindings"), (Generated::Go, "plugins/sdk/go/internal/wit")];

/// Writes all of them.
pub(crate) fn write(root: &Path) -> Result<()> {
    for (path, bytes) in generated() {
        let to = root.join(&path);
        let folder = to.parent().expect("it is in a folder");
        fs::create_dir_all(folder).and_then(|()| fs::write(&to, bytes)).map_err(|error| format!("{path}: {error}"))?;
    }
    Ok(())
}

/// Whether what is kept is what the contract gives.
pub(crate) fn check(root: &Path) -> Result<()> {
    let differs = |(path, bytes): &(String, Vec<u8>)| fs::read(root.join(path)).ok().as_ref() != Some(bytes);
    let differing: Vec<String> = generated().into_iter().filter(differs).map(|(path, _)| path).collect();
    match differing.is_empty() {
        true => Ok(()),
        false => {
            let differing = differing.join(", ");
            Err(format!("not what the contract gives: {differing}\nhelp: cargo xtask bindings"))
        }
    }
}

/// Path from the root, and content.
fn generated() -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for (language, folder) in KEPT {
        for kind in Kind::ALL {
            files.extend(generate(language, kind).into_iter().map(|(path, bytes)| (format!("{folder}/{path}"), bytes)));
        }
    }
    files
}
