//! Paths in JSON: text where they are UTF-8, and otherwise their bytes, as a list of numbers. A path may have any bytes but zero.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Bytes(Vec<u8>),
}

impl From<&Path> for Written {
    fn from(path: &Path) -> Written {
        match path.to_str() {
            Some(text) => Written::Text(text.to_owned()),
            None => Written::Bytes(path.as_os_str().as_bytes().to_owned()),
        }
    }
}

impl From<Written> for PathBuf {
    fn from(written: Written) -> PathBuf {
        match written {
            Written::Text(text) => text.into(),
            Written::Bytes(bytes) => OsString::from_vec(bytes).into(),
        }
    }
}

/// A path: `#[serde(with = "paths")]`.
pub(crate) fn serialize<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
    Written::from(path).serialize(to)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
    Written::deserialize(from).map(PathBuf::from)
}

/// A path that need not be there.
pub(crate) mod optional {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(path: &Option<PathBuf>, to: S) -> Result<S::Ok, S::Error> {
        path.as_deref().map(Written::from).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<PathBuf>, D::Error> {
        Option::<Written>::deserialize(from).map(|path| path.map(PathBuf::from))
    }
}

/// Paths, in order.
pub(crate) mod list {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(paths: &[PathBuf], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(paths.iter().map(|path| Written::from(path.as_path())))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<PathBuf>, D::Error> {
        Vec::<Written>::deserialize(from).map(|paths| paths.into_iter().map(PathBuf::from).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct All {
        #[serde(with = "super")]
        one: PathBuf,
        #[serde(with = "optional")]
        some: Option<PathBuf>,
        #[serde(with = "list")]
        list: Vec<PathBuf>,
    }

    #[test]
    fn any_path_is_read_as_it_was_written() {
        let latin: PathBuf = OsStr::from_bytes(b"caf\xe9").into();
        let all = All { one: latin.clone(), some: Some(latin.clone()), list: vec!["café".into(), latin] };
        let json = serde_json::to_string(&all).unwrap();
        assert_eq!(json, r#"{"one":[99,97,102,233],"some":[99,97,102,233],"list":["café",[99,97,102,233]]}"#);
        assert_eq!(serde_json::from_str::<All>(&json).unwrap(), all);
    }
}
