//! A folder with a component in it, and commands that try it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, SourceMap};

/// How a command ended.
pub(crate) struct Said {
    pub(crate) out: String,
    pub(crate) error: String,
    pub(crate) code: i32,
}

/// A folder, gone when this is dropped.
pub(crate) struct Bench(TempDir);

impl Bench {
    pub(crate) fn new() -> Bench {
        Bench(tempfile::tempdir().unwrap())
    }

    pub(crate) fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.0.path().join(name), bytes).unwrap();
    }

    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).unwrap()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.path().join(name).exists()
    }

    /// `callboard` with these arguments in the folder.
    pub(crate) fn callboard(&self, arguments: &[&str], input: &str) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_callboard"));
        command.args(arguments).current_dir(self.0.path()).env("NO_COLOR", "1");
        command.env("CALLBOARD_CACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that reads nothing closes its end, which is no failure.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let ended = child.wait_with_output().unwrap();
        Said {
            out: String::from_utf8(ended.stdout).unwrap(),
            error: String::from_utf8(ended.stderr).unwrap(),
            code: ended.status.code().unwrap(),
        }
    }
}

pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// The text of the fixture of the present contract.
pub(crate) fn twice() -> String {
    fs::read_to_string(repository(&format!("tests/fixtures/contract-{}/twice.wat", callboard_plan::CONTRACT))).unwrap()
}

/// A component of a core module, for the contract under another version.
pub(crate) fn component(text: &str, version: &str) -> Vec<u8> {
    let other = |text: &str| text.replace(&format!("@{}", callboard_plan::CONTRACT), &format!("@{version}"));
    let mut module = wat::parse_str(other(text)).unwrap();
    let mut sources = SourceMap::default();
    for (name, text) in callboard_author::Version::Present.files() {
        sources.push_str(name, other(text));
    }
    let mut resolve = Resolve::default();
    let package = resolve.push_group(sources.parse().map_err(|(_, error)| error).unwrap()).unwrap();
    let world = resolve.select_world(&[package], Some("transform-step")).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap()
}
