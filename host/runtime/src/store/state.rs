//! What a folder is: a run's, one that a run was only begun in, or somebody else's. Everything that a run makes has a known name.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use callboard_io::beneath::{Dir, Kind};

use super::lock::{self, LOCK};

/// Says that a run is being removed: from then on nothing of it counts.
pub(super) const REMOVING: &str = ".removing";
/// What a file is called until it is whole.
pub(super) const WRITING: &str = ".writing-";

/// What a folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Empty,
    /// A run was begun in it, and its process ended before its plan was there: nothing was done.
    Begun,
    Run,
    /// Whoever removed it was stopped.
    Removing,
    /// No run's.
    Foreign,
}

impl State {
    /// What an open folder is. Nothing in it is altered.
    pub(crate) fn of(dir: &Dir) -> io::Result<State> {
        let entries = dir.entries()?;
        if entries.is_empty() {
            return Ok(State::Empty);
        }
        if !lock::marks(dir)? {
            return Ok(State::Foreign);
        }
        let has = |name: &str| entries.iter().any(|(entry, kind)| entry == name && *kind == Kind::File);
        let begins = |(name, kind): &(OsString, Kind)| match kind {
            Kind::File => {
                ["plan.json", "seal", "journal", LOCK].iter().any(|begun| name == *begun) || is_being_written(name)
            }
            Kind::Folder => {
                name == "components" || (name == "outputs" && dir.dir(name).is_ok_and(|dir| is_empty(&dir)))
            }
            _ => false,
        };
        Ok(match () {
            () if has(REMOVING) => State::Removing,
            () if has("run.json") => State::Run,
            () if entries.iter().all(begins) => State::Begun,
            () => State::Foreign,
        })
    }
}

fn is_empty(dir: &Dir) -> bool {
    dir.entries().is_ok_and(|entries| entries.is_empty())
}

fn is_being_written(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(WRITING.as_bytes())
}

/// Whether a run makes a file of this name, from its folder.
fn is_made(name: &Path) -> bool {
    let Some(last) = name.file_name() else { return false };
    let ends = |extension: &str| Path::new(last).extension().is_some_and(|found| found == extension);
    let parts: Vec<&str> = name.iter().map(|part| part.to_str().unwrap_or("")).collect();
    match parts.as_slice() {
        [
            LOCK | REMOVING | "run.json" | "plan.json" | "columns.json" | "seal" | "journal" | "report.json"
            | ".report.json" | "report.html" | ".report.html",
        ] => true,
        ["rejects.jsonl" | "work.json" | "kept.json"] | ["tasks", _, ..] => true,
        [one] => (one.starts_with("profile-") && ends("json")) || is_being_written(last),
        ["components", _] => ends("wasm") || is_being_written(last),
        ["seen" | "positions" | "lengths" | "outputs" | "uploads", _] => true,
        ["rejects", _] => ends("jsonl"),
        ["work", _, file] => *file == "key.json" || ends("log"),
        ["spill", _, _] => ends("segment"),
        ["sorting", _, _] => true,
        _ => false,
    }
}

/// Whether a run makes a folder of this name, from its own.
fn is_made_folder(name: &Path) -> bool {
    let parts: Vec<&str> = name.iter().map(|part| part.to_str().unwrap_or("")).collect();
    matches!(
        parts.as_slice(),
        ["components"
            | "seen"
            | "positions"
            | "lengths"
            | "outputs"
            | "uploads"
            | "rejects"
            | "work"
            | "spill"
            | "sorting",]
            | ["work" | "spill" | "sorting", _]
            | ["tasks", ..]
    )
}

/// What may have a second name: logs of steps are linked into the folders of later runs, those of tasks into that of their run, and a manifest
/// into its place.
fn may_have_two_names(name: &Path) -> bool {
    let ends = |extension: &str| name.extension().is_some_and(|found| found == extension);
    (name.starts_with("work") && ends("log")) || (name.starts_with("tasks") && (ends("json") || ends("log")))
}

/// What is in a run's folder: files that a run makes, and what it does not.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// What the run's files take of the disk, bytes: one with two names counts once.
    pub(crate) bytes: u64,
    /// What removing them frees: a log that another run refers to is not freed by one of them.
    pub(crate) only_here: u64,
    /// By file (its device and number), how many names it had when it was seen first, and how many of them were seen.
    names: HashMap<(u64, u64), (u64, u64)>,
    /// What no run makes, from the folder.
    pub(crate) strange: Vec<PathBuf>,
    /// Where something else than a file or a folder stands, or a file that has a second name elsewhere and may not.
    pub(crate) traps: Vec<(PathBuf, &'static str)>,
}

impl Contents {
    /// Looks at what is in a run's folder. No link is followed, no folder entered that a run does not make.
    pub(crate) fn of(dir: &Dir) -> io::Result<Contents> {
        let mut contents = Contents::default();
        contents.walk(dir, Path::new(""), &mut |_, _| Ok(()))?;
        Ok(contents)
    }

    /// Removes what a run made, but for what `stays`; the rest is left where it is.
    pub(super) fn remove(dir: &Dir, stays: &[&str]) -> io::Result<Contents> {
        let mut contents = Contents::default();
        contents.walk(dir, Path::new(""), &mut |parent, name| {
            let top = stays.iter().any(|stays| name == Path::new(stays));
            let last = name.file_name().unwrap_or_default();
            match parent.kind(last)? {
                _ if top => Ok(()),
                Some(Kind::Folder) => match parent.remove_dir(last) {
                    Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
                    removed => removed,
                },
                _ => parent.remove_file(last),
            }
        })?;
        Ok(contents)
    }

    fn count(&mut self, file: &Metadata) {
        let (all, seen) = self.names.entry((file.dev(), file.ino())).or_insert((file.nlink(), 0));
        *seen += 1;
        self.bytes += if *seen == 1 { file.len() } else { 0 };
        self.only_here += if seen == all { file.len() } else { 0 };
    }

    /// Calls `each` for what a run makes, a folder after what is in it.
    fn walk(&mut self, dir: &Dir, at: &Path, each: &mut impl FnMut(&Dir, &Path) -> io::Result<()>) -> io::Result<()> {
        for (name, kind) in dir.entries()? {
            let place = at.join(&name);
            match kind {
                Kind::Folder if is_made_folder(&place) => {
                    self.walk(&dir.dir(&name)?, &place, each)?;
                    each(dir, &place)?;
                }
                Kind::File if is_made(&place) => {
                    // It may be gone by now.
                    if let Some(file) = dir.metadata(&name)? {
                        self.count(&file);
                        if file.nlink() > 1 && !may_have_two_names(&place) {
                            self.traps.push((place.clone(), "a file that has a second name elsewhere"));
                        }
                    }
                    each(dir, &place)?;
                }
                Kind::File | Kind::Folder => self.strange.push(place),
                _ => {
                    let what = match kind {
                        Kind::Link => "a link",
                        Kind::Pipe => "a pipe",
                        Kind::Socket => "a socket",
                        _ => "a device",
                    };
                    self.traps.push((place.clone(), what));
                    self.strange.push(place);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_with_two_names_counts_once_and_is_freed_with_its_last() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["run/work/tidy", "run/tasks/1.0000/attempt-0/work/tidy", "elsewhere"] {
            fs::create_dir_all(path(name)).unwrap();
        }
        let (of_task, of_run) = ("run/tasks/1.0000/attempt-0/work/tidy/000.log", "run/work/tidy/1.0000.log");
        fs::write(path(of_task), [0; 100]).unwrap();
        fs::hard_link(path(of_task), path(of_run)).unwrap();
        fs::write(path("run/work/tidy/000.log"), [0; 10]).unwrap();
        fs::hard_link(path("run/work/tidy/000.log"), path("elsewhere/000.log")).unwrap();
        fs::write(path("run/work/tidy/key.json"), [0; 1]).unwrap();
        let dir = Dir::open(&path("run")).unwrap();
        for contents in [Contents::of(&dir).unwrap(), Contents::remove(&dir, &[]).unwrap()] {
            assert_eq!((contents.bytes, contents.only_here), (111, 101));
            assert!(contents.strange.is_empty() && contents.traps.is_empty(), "{contents:?}");
        }
        assert_eq!(fs::read_dir(path("run")).unwrap().count(), 0);
    }
}
