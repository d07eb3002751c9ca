//! Rows of a file on the disk, which nobody may write to while they are read: they would be of two versions.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::error::IoError;
use crate::formats::{Rows, Taken};

/// What tells versions of a file apart, as long as it is the same one.
#[derive(PartialEq, Eq)]
struct Version {
    bytes: u64,
    modified: (i64, i64),
}

/// A file on the disk as it was before it was opened.
pub(crate) struct Before {
    path: PathBuf,
    file: (u64, u64),
    version: Version,
}

impl Before {
    /// `None` of what cannot be looked at: whoever opens it says why.
    pub(crate) fn of(path: &Path) -> Option<Before> {
        let found = path.metadata().ok()?;
        Some(Before { path: path.to_owned(), file: (found.dev(), found.ino()), version: Version::of(&found) })
    }

    /// The same rows; behind the last of them is an error if the file has changed since. Another file that was put in its place is no
    /// change: the one that is open stays as it was.
    pub(crate) fn watch(self, rows: Rows) -> Rows {
        Box::new(Watched { rows, before: Some(self) })
    }

    fn check(&self) -> Result<(), IoError> {
        let Ok(now) = self.path.metadata() else { return Ok(()) };
        if self.file != (now.dev(), now.ino()) || self.version == Version::of(&now) {
            return Ok(());
        }
        let message = match (self.version.bytes, now.len()) {
            (before, now) if before != now => {
                format!("it was written to while it was read: it had {before} bytes, and has {now}")
            }
            _ => "it was written to while it was read".to_owned(),
        };
        Err(IoError::data(message).with_help("run the pipeline again when nothing writes to it any more"))
    }
}

impl Version {
    fn of(found: &Metadata) -> Version {
        Version { bytes: found.len(), modified: (found.mtime(), found.mtime_nsec()) }
    }
}

struct Watched {
    rows: Rows,
    before: Option<Before>,
}

impl Iterator for Watched {
    type Item = Result<Taken, IoError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.rows.next().or_else(|| self.before.take()?.check().err().map(Err))
    }
}
