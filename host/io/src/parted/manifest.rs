//! What belongs to an output of several files: its manifest.

use std::collections::BTreeMap;

use callboard_words::template::MANIFEST;
use serde::{Deserialize, Serialize};

use crate::error::IoError;
use crate::sha256::sha256;

/// The version of the manifest's format.
const VERSION: u32 = 1;
/// No manifest is longer, bytes.
pub(crate) const LONGEST: u64 = 256 << 20;

/// The files of an output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of its format.
    callboard_manifest: u32,
    /// Rows of all files.
    pub rows: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// What tells the files from others of the folder, if they were added to it; it is in their names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) added: Option<String>,
    /// In the order of their paths.
    pub files: Vec<Part>,
}

/// One of the files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its path, from the manifest's folder.
    pub path: String,
    /// Rows.
    pub rows: u64,
    /// Size.
    pub bytes: u64,
    /// The SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// The values of the columns that its path names, as text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub partition: BTreeMap<String, Option<String>>,
}

impl Manifest {
    /// The manifest of these files.
    pub(crate) fn of(mut files: Vec<Part>) -> Manifest {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let rows = files.iter().map(|file| file.rows).sum();
        let bytes = files.iter().map(|file| file.bytes).sum();
        Manifest { callboard_manifest: VERSION, rows, bytes, added: None, files }
    }

    /// As it is written: a line for each file.
    pub(crate) fn to_text(&self) -> String {
        let json = |part: &Part| serde_json::to_string(part).unwrap_or_default();
        let files: Vec<String> = self.files.iter().map(|part| format!("    {}", json(part))).collect();
        let files = if files.is_empty() { "[]".to_owned() } else { format!("[\n{}\n  ]", files.join(",\n")) };
        let Manifest { callboard_manifest, rows, bytes, added, .. } = self;
        let added = added.as_ref().map_or(String::new(), |key| format!("  \"added\": \"{key}\",\n"));
        format!(
            "{{\n  \"callboard_manifest\": {callboard_manifest},\n  \"rows\": {rows},\n  \"bytes\": {bytes},\n{added}  \"files\": {files}\n}}\n"
        )
    }

    /// The manifest of a text.
    ///
    /// # Errors
    /// What is no manifest, or names what is not below its folder.
    pub(crate) fn read(text: &[u8]) -> Result<Manifest, IoError> {
        let manifest: Manifest = serde_json::from_slice(text)
            .map_err(|error| IoError::data(format!("this is not the manifest of an output: {error}")))?;
        if manifest.callboard_manifest != VERSION {
            let message = format!("this manifest is of version {}", manifest.callboard_manifest);
            return Err(IoError::data(message).with_help("a newer callboard reads it"));
        }
        if manifest.added.as_ref().is_some_and(|key| !is_manifest(&added_name(key))) {
            return Err(IoError::data("this manifest has a key that none has"));
        }
        match manifest.files.iter().find(|part| !is_below(&part.path)) {
            None => Ok(manifest),
            Some(part) => {
                let message =
                    format!("this manifest names `{}`, which is not below its folder", part.path.escape_debug());
                Err(IoError::data(message))
            }
        }
    }

    /// The name of its file.
    pub(crate) fn name(&self) -> String {
        self.added.as_ref().map_or_else(|| MANIFEST.to_owned(), |key| added_name(key))
    }

    /// What tells it from others: a number of what it holds, whatever the run is called.
    pub(crate) fn key(&self) -> String {
        sha256(self.to_text().as_bytes())[..16].to_owned()
    }
}

/// Whether a path leads to a file below the folder that it starts from.
fn is_below(path: &str) -> bool {
    !path.contains(char::is_control)
        && !path.contains('\\')
        && path.split('/').all(|name| !name.is_empty() && name != "." && name != "..")
}

/// Whether a file's name is that of a manifest: `_manifest.json`, or one of those that were added, `_manifest-KEY.json`.
pub(crate) fn is_manifest(name: &str) -> bool {
    let middle = name.strip_prefix("_manifest").and_then(|rest| rest.strip_suffix(".json"));
    let is_key = |key: &str| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_hexdigit());
    middle.is_some_and(|middle| middle.is_empty() || middle.strip_prefix('-').is_some_and(is_key))
}

/// The name of the manifest of what was added.
fn added_name(key: &str) -> String {
    format!("_manifest-{key}.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(path: &str) -> Part {
        Part { path: path.into(), rows: 1, bytes: 2, sha256: sha256(b""), partition: BTreeMap::new() }
    }

    #[test]
    fn a_manifest_comes_back() {
        let partition = BTreeMap::from([("a\"".to_owned(), None), ("b".to_owned(), Some("x\ny".to_owned()))]);
        for manifest in [Manifest::of(vec![]), Manifest::of(vec![part("b"), Part { partition, ..part("a/ü") }])] {
            assert_eq!(Manifest::read(manifest.to_text().as_bytes()).unwrap(), manifest);
        }
    }

    #[test]
    fn what_leads_elsewhere_is_no_manifest() {
        for path in ["/etc/passwd", "../x", "a/../../x", "a//b", "", "./a", "a\nb", "a\\..\\b"] {
            assert!(Manifest::read(Manifest::of(vec![part(path)]).to_text().as_bytes()).is_err(), "{path:?}");
        }
        for text in ["", "{}", "[1]", "{\"callboard_manifest\": 2, \"rows\": 0, \"bytes\": 0, \"files\": []}"] {
            assert!(Manifest::read(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn manifests_are_known_by_their_names() {
        for (name, is) in [
            ("_manifest.json", true),
            ("_manifest-0123456789abcdef.json", true),
            ("_manifest-.json", false),
            ("manifest.json", false),
            ("_manifest-x.json", false),
        ] {
            assert_eq!(is_manifest(name), is, "{name}");
        }
    }
}
