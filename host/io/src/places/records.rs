//! What is written down of uploads, in the folder of a run: so they are continued when it is resumed, and ended when it is removed.

use std::io::{self, Read};

use super::Keep;
use crate::beneath::Dir;

/// No record is longer: bytes. What is kept of an upload of the most parts takes less.
const LONGEST: u64 = 4 << 20;
/// Records are for the user alone.
const MODE: u32 = 0o600;

/// Records of uploads: in a folder, by name.
#[derive(Debug, Clone)]
pub struct UploadRecords(Dir);

impl UploadRecords {
    /// Those in a folder.
    pub fn of(folder: &Dir) -> UploadRecords {
        UploadRecords(folder.clone())
    }

    /// What writes the record of this name down.
    pub fn keep(&self, name: &str) -> Keep {
        let (folder, name) = (self.0.clone(), name.to_owned());
        Box::new(move |bytes: &[u8]| folder.write_whole(&name, bytes, MODE))
    }

    /// The record of this name, if there is one.
    ///
    /// # Errors
    /// The system's.
    pub fn kept(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        match self.0.file(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            file => file?.take(LONGEST).read_to_end(&mut bytes).map(|_| Some(bytes)),
        }
    }

    /// The names of those whose names begin like this.
    pub(crate) fn names(&self, begin: &str) -> io::Result<Vec<String>> {
        let names = self.0.entries()?.into_iter().filter_map(|(name, _)| name.into_string().ok());
        Ok(names.filter(|name| name.starts_with(begin)).collect())
    }

    /// Removes a record.
    ///
    /// # Errors
    /// The system's.
    pub fn forget(&self, name: &str) -> io::Result<()> {
        self.0.remove_file(name)
    }
}
