//! The contract's version stands for its text: one that changed has another version.
//!
//! `wit/versions.toml` has the digest of each version. What a comment or a line end says is not the contract.

use std::fs;
use std::path::Path;

use callboard_author::Kind;
use callboard_author::component::component;
use callboard_words::text::hex;
use sha2::{Digest, Sha256};

use crate::Result;

/// Where the digests are.
const VERSIONS: &str = "wit/versions.toml";

/// Compares the contract with the digest of its version.
pub(crate) fn check(root: &Path) -> Result<()> {
    let found = present(root)?;
    let text = fs::read_to_string(root.join(VERSIONS)).map_err(|error| format!("{VERSIONS}: {error}"))?;
    let listed = |line: &str| {
        let (version, digest) = line.split_once('=')?;
        let plain = |text: &str| text.trim().trim_matches('"').to_owned();
        Some((plain(version), plain(digest))).filter(|_| !line.starts_with('#'))
    };
    let known = text.lines().filter_map(listed).find(|(version, _)| *version == found.version);
    match known {
        Some((_, digest)) if digest == found.digest => Ok(()),
        Some(_) => Err(format!(
            "wit/*.wit have changed, and are still called {0}\nhelp: components out there are built for {0} as it was; call this one \
             another version in both files (`package callboard:step@…`), keep what the host needs to serve {0}, and add to {VERSIONS}:\n\
             \"NEW VERSION\" = \"{1}\"\nhelp: what was never released may change: put that digest in {0}'s place",
            found.version, found.digest
        )),
        None => Err(format!("{VERSIONS} has no version {0}\nhelp: add \"{0}\" = \"{1}\"", found.version, found.digest)),
    }
}

/// A version of the contract, and the digest of its text.
struct Contract {
    version: String,
    digest: String,
}

fn present(root: &Path) -> Result<Contract> {
    let entries = fs::read_dir(root.join("wit")).map_err(|error| format!("wit: {error}"))?;
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "wit"));
    files.sort();
    let (mut version, mut digest) = (None::<String>, Sha256::new());
    for path in files {
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let text = plain(&text);
        let package = text.strip_prefix("package callboard:step@").and_then(|rest| rest.split_once(';'));
        let of_file = package.ok_or_else(|| format!("{}: it does not begin with its package", path.display()))?.0;
        if version.get_or_insert_with(|| of_file.to_owned()) != of_file {
            return Err(format!("{}: it is of version {of_file}, and another file of another one", path.display()));
        }
        digest.update(text.as_bytes());
        digest.update([0]);
    }
    Ok(Contract { version: version.ok_or("wit has no .wit files")?, digest: hex(&digest.finalize()) })
}

/// The text without comments, all white space as single spaces.
fn plain(text: &str) -> String {
    let lines = text.lines().map(|line| line.split_once("//").map_or(line, |(before, _)| before));
    lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

/// Makes the components under `tests/fixtures` of the text beside them: once for each version of the contract, and then never again.
pub(crate) fn fixture(root: &Path) -> Result<()> {
    let version = present(root)?.version;
    let folder = root.join("tests/fixtures").join(format!("contract-{version}"));
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", folder.display());
    let module = wat::parse_file(folder.join("twice.wat")).map_err(|error| failed(&error))?;
    let made = component(module, Kind::Transform).map_err(|error| failed(&error))?;
    let to = folder.join("twice.wasm");
    if to.exists() && fs::read(&to).map_err(|error| failed(&error))? != made {
        return Err(failed(
            &"the component of a released version stays as it is: what is tested is that it goes on working",
        ));
    }
    fs::write(to, made).map_err(|error| failed(&error))
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn comments_and_white_space_are_not_the_contract() {
        let text = "package a:b@1.0.0;\n\n/// Says.\ninterface c {\n  // so\n  d: func();\n}\n";
        assert_eq!(plain(text), plain("package a:b@1.0.0; interface c { d: func(); }"));
        assert_ne!(plain(text), plain(&text.replace("d: func()", "d: func(e: u8)")));
    }
}
