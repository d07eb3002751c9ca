//! What lies behind a step's grants: its work depends on that as well.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use callboard_io::beneath::{Dir, Kind};
use callboard_plan::Grants;
use twox_hash::XxHash3_128;

use super::frames::named;
use crate::rows::digest;

/// Bytes of a step's granted files that are read to compare them; further files are compared by their size and times. A sparse file has
/// any size, and reading it would take for ever.
const CONTENTS: u64 = 1 << 30;
/// Bytes that are read before it is asked whether to stop.
const READ: usize = 1 << 20;

/// The files and variables that a step can read, each with a digest of what it holds.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) things: BTreeMap<String, String>,
    /// How many files were compared by their size and times.
    pub(crate) by_times: u64,
    read: u64,
}

/// Looks at what a step can read. What a step writes, and what it asks for over the network, is not compared. `stop` is asked again and
/// again whether to give up, which is an error of the kind `Interrupted`.
pub(crate) fn found(grants: &Grants, base: &Path, stop: &dyn Fn() -> bool) -> io::Result<Found> {
    // All of them: what is not compared here is reused though it has changed. Secrets are not, nor what answers requests, nor the clock.
    let Grants { files, env, http: _, secrets: _, clock: _ } = grants;
    let mut found = Found::default();
    for grant in files.iter().filter(|grant| !grant.write) {
        let path = callboard_files::resolved(&base.join(&grant.path));
        found.add(&path, &grant.path, stop).map_err(|error| named(&path, &error))?;
    }
    for name in env {
        let value = std::env::var_os(name).map(|value| digest::of_text(&value.to_string_lossy()));
        found.things.insert(format!("${name}"), value.map_or("not set".to_owned(), |value| format!("{value:032x}")));
    }
    Ok(found)
}

impl Found {
    /// Adds a granted file, or all that lies in a granted folder. A link may lead in a circle, or out, where the step cannot go; a pipe or a
    /// device cannot be opened by a step.
    fn add(&mut self, path: &Path, name: &str, stop: &dyn Fn() -> bool) -> io::Result<()> {
        let Some((parent, last)) = path.parent().zip(path.file_name()) else {
            return self.add_folder(&Dir::open(path)?, name, stop);
        };
        let parent = Dir::open(parent)?;
        match parent.kind(last)? {
            Some(Kind::Folder) => self.add_folder(&parent.dir(last)?, name, stop),
            Some(Kind::File) => self.add_file(&parent.file(last)?, name.to_owned(), stop),
            Some(_) => Ok(()),
            None => Err(rustix::io::Errno::NOENT.into()),
        }
    }

    fn add_folder(&mut self, root: &Dir, name: &str, stop: &dyn Fn() -> bool) -> io::Result<()> {
        let mut folders = vec![PathBuf::new()];
        while let Some(below) = folders.pop() {
            let folder = if below.as_os_str().is_empty() { root.clone() } else { root.dir(&below)? };
            for (entry, kind) in folder.entries()? {
                let below = below.join(&entry);
                // A name that is not UTF-8 is written with its bytes, so that no two are the same.
                let name = format!("{name}/{}", below.to_str().map_or_else(|| format!("{below:?}"), str::to_owned));
                match kind {
                    Kind::File => self.add_file(&folder.file(&entry)?, name, stop)?,
                    Kind::Folder => folders.push(below),
                    Kind::Link => {
                        let to = folder.read_link(&entry)?;
                        let to = to.to_str().map_or_else(|| format!("{to:?}"), str::to_owned);
                        drop(self.things.insert(name, format!("→ {to}")));
                    }
                    Kind::Pipe | Kind::Device | Kind::Socket => {}
                }
                if stop() {
                    return Err(io::ErrorKind::Interrupted.into());
                }
            }
        }
        Ok(())
    }

    fn add_file(&mut self, file: &File, name: String, stop: &dyn Fn() -> bool) -> io::Result<()> {
        let is = file.metadata()?;
        let contents =
            if is.len() <= CONTENTS - self.read { contents(file, CONTENTS - self.read, stop)? } else { None };
        let what = match contents {
            Some((digest, bytes)) => {
                self.read += bytes;
                format!("{digest:032x}")
            }
            None => {
                self.by_times += 1;
                times(&is)
            }
        };
        self.things.insert(name, what);
        Ok(())
    }
}

/// The digest of a file, and its bytes; `None` if it has more than `most`, whatever size the system reported.
fn contents(file: &File, most: u64, stop: &dyn Fn() -> bool) -> io::Result<Option<(u128, u64)>> {
    let (mut digest, mut bytes, mut buffer) = (XxHash3_128::new(), 0, Vec::new());
    loop {
        buffer.clear();
        let count = file.take(READ as u64).read_to_end(&mut buffer)?;
        if count == 0 {
            return Ok(Some((digest.finish_128(), bytes)));
        }
        digest.write(&buffer);
        bytes += count as u64;
        if bytes > most {
            return Ok(None);
        }
        if stop() {
            return Err(io::ErrorKind::Interrupted.into());
        }
    }
}

/// What changes whenever a file is written; nobody but the system sets the last of them.
fn times(is: &Metadata) -> String {
    let (modified, changed) = ((is.mtime(), is.mtime_nsec()), (is.ctime(), is.ctime_nsec()));
    format!("{} bytes, {}.{:09}, {}.{:09}", is.len(), modified.0, modified.1, changed.0, changed.1)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::os::unix::fs::symlink;

    use callboard_plan::FileGrant;

    use super::*;

    fn granted(path: &str) -> Grants {
        Grants { files: vec![FileGrant { path: path.to_owned(), write: false }], ..Grants::default() }
    }

    #[test]
    fn a_file_that_is_too_large_to_be_read_is_compared_by_its_times() {
        let base = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(base.path().join("g/deep")).unwrap();
        std::fs::write(base.path().join("g/deep/small"), "x").unwrap();
        let sparse = File::create(base.path().join("g/sparse")).unwrap();
        sparse.set_len(4 << 40).unwrap();
        symlink("/etc", base.path().join("g/link")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            base.path().join("g/pipe"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
        let asked = Cell::new(0);
        let stop = || {
            asked.set(asked.get() + 1);
            false
        };
        let first = found(&granted("g"), base.path(), &stop).unwrap();
        assert_eq!(first.by_times, 1);
        assert!(asked.get() < 20, "{} reads", asked.get());
        let names: Vec<&str> = first.things.keys().map(String::as_str).collect();
        assert_eq!(names, ["g/deep/small", "g/link", "g/sparse"]);
        assert!(first.things["g/sparse"].starts_with(&format!("{} bytes, ", 4u64 << 40)));
        assert_eq!(first.things["g/link"], "→ /etc");
        let again = found(&granted("g"), base.path(), &stop).unwrap();
        assert_eq!(again.things, first.things);
        // Its size and the time of its last change may be put back; that of the change of the file itself may not.
        let before = sparse.metadata().unwrap().modified().unwrap();
        let changed = || {
            let is = sparse.metadata().unwrap();
            (is.ctime(), is.ctime_nsec())
        };
        let then = changed();
        // The system's clock may stand still for some milliseconds.
        while changed() == then {
            std::os::unix::fs::FileExt::write_at(&sparse, b"y", 7).unwrap();
            sparse.set_modified(before).unwrap();
        }
        let changed = found(&granted("g"), base.path(), &stop).unwrap();
        assert_ne!(changed.things["g/sparse"], first.things["g/sparse"]);
        assert_eq!(changed.things["g/deep/small"], first.things["g/deep/small"]);
    }

    #[test]
    fn looking_at_what_is_granted_can_be_stopped() {
        let base = tempfile::tempdir().unwrap();
        File::create(base.path().join("zeros")).unwrap().set_len(CONTENTS).unwrap();
        let asked = Cell::new(0);
        let stop = || {
            asked.set(asked.get() + 1);
            asked.get() == 3
        };
        let error = found(&granted("zeros"), base.path(), &stop).unwrap_err();
        assert_eq!((error.kind(), asked.get()), (io::ErrorKind::Interrupted, 3));
    }
}
