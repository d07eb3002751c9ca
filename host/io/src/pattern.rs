//! A pattern of an input, and the files that it matches.
//!
//! `*`, `?` and `[a-z]` match within one name, `**` matches any number of folders. Names need not be UTF-8. A link to a file is a file; a
//! link to a folder is a folder, but `**` enters each folder once, by its own name where it has one below, so that links cannot make it
//! walk in circles.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, FileType};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern as Name};

use crate::IoError;

/// Entries of folders that one pattern may look at, and files that it may match.
const LOOKED_AT: usize = 10_000_000;
const MATCHED: usize = 1_000_000;

/// Hidden files are left out: an output that is being written is one.
const OPTIONS: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// Whether a path is a pattern.
pub(crate) fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '['])
}

/// A part of a pattern, between two slashes.
#[derive(Debug)]
enum Part {
    /// A name as it stands.
    Literal(String),
    /// Names.
    Names(Name),
    /// Any number of folders.
    Folders,
}

/// A pattern that has been read.
pub(crate) struct Pattern {
    from: PathBuf,
    parts: Vec<Part>,
}

/// The parts of a pattern.
fn parts(text: &str) -> Result<Vec<Part>, &'static str> {
    let mut parts = Vec::new();
    for part in text.split('/').filter(|part| !part.is_empty() && *part != ".") {
        match part {
            "**" if matches!(parts.last(), Some(Part::Folders)) => {}
            "**" => parts.push(Part::Folders),
            part if is_pattern(part) => parts.push(Part::Names(Name::new(part).map_err(|error| error.msg)?)),
            part => parts.push(Part::Literal(part.to_owned())),
        }
    }
    // Files below, not folders.
    if matches!(parts.last(), Some(Part::Folders)) {
        parts.push(Part::Names(Name::new("*").map_err(|error| error.msg)?));
    }
    Ok(parts)
}

/// A pattern of keys, which are names with slashes in them: there are no folders to look into, only names that begin alike.
#[derive(Debug)]
pub(crate) struct KeyPattern {
    prefix: String,
    parts: Vec<Part>,
}

impl KeyPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn new(text: &str) -> Result<KeyPattern, &'static str> {
        let literal = text.find(['*', '?', '[']).unwrap_or(text.len());
        // `a/**` matches below `a`, and what begins like it.
        Ok(KeyPattern { prefix: text[..literal].to_owned(), parts: parts(text)? })
    }

    /// What all names that it matches begin with.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Whether what it matches lies in the folder of its prefix, and not below.
    pub(crate) fn is_of_one_folder(&self) -> bool {
        let above = self.parts.len().saturating_sub(1);
        self.parts[..above].iter().all(|part| matches!(part, Part::Literal(_)))
    }

    /// Whether it matches a name.
    pub(crate) fn matches(&self, key: &str) -> bool {
        let names: Vec<&str> = key.split('/').collect();
        // The parts that the names so far lead up to.
        let mut at = vec![false; self.parts.len() + 1];
        at[0] = true;
        self.skip(&mut at);
        for (number, name) in names.iter().enumerate() {
            let mut next = vec![false; at.len()];
            for (part, _) in self.parts.iter().enumerate().filter(|(part, _)| at[*part]) {
                match &self.parts[part] {
                    Part::Literal(text) => next[part + 1] |= text == name,
                    Part::Names(names) => next[part + 1] |= names.matches_with(name, OPTIONS),
                    Part::Folders => next[part] |= number + 1 < names.len() && !name.starts_with('.'),
                }
            }
            self.skip(&mut next);
            at = next;
        }
        at[self.parts.len()]
    }

    /// `**` may stand for no folder.
    fn skip(&self, at: &mut [bool]) {
        for (part, kind) in self.parts.iter().enumerate() {
            at[part + 1] |= at[part] && matches!(kind, Part::Folders);
        }
    }
}

impl Pattern {
    /// Reads a pattern whose relative paths start at `base`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn new(base: &Path, text: &str) -> Result<Pattern, &'static str> {
        Ok(Pattern { from: if text.starts_with('/') { "/".into() } else { base.to_owned() }, parts: parts(text)? })
    }

    /// The files that it matches, sorted by their paths, and whether it matched a folder. `go_on` is asked now and then, and ends it.
    ///
    /// # Errors
    /// A folder that cannot be read; a link to what is not there; too much to look at.
    pub(crate) fn files(&self, go_on: &dyn Fn() -> Result<(), IoError>) -> Result<(Vec<PathBuf>, bool), IoError> {
        let walk =
            Walk { pattern: self, go_on, looked_at: 0, entered: HashSet::new(), files: Vec::new(), folder: false };
        walk.walk()
    }
}

/// A folder that is to be looked at, from a part of the pattern on.
struct Ahead {
    folder: PathBuf,
    part: usize,
}

struct Walk<'a> {
    pattern: &'a Pattern,
    go_on: &'a dyn Fn() -> Result<(), IoError>,
    looked_at: usize,
    /// By device and inode, the folders that a `**` has entered.
    entered: HashSet<(usize, u64, u64)>,
    files: Vec<PathBuf>,
    folder: bool,
}

impl Walk<'_> {
    fn walk(mut self) -> Result<(Vec<PathBuf>, bool), IoError> {
        let mut ahead = vec![Ahead { folder: self.pattern.from.clone(), part: 0 }];
        // What links lead `**` to comes last: most of it lies below by its own name.
        let mut by_link: Vec<Ahead> = Vec::new();
        while let Some(next) = ahead.pop().or_else(|| by_link.pop()) {
            self.look(next, &mut ahead, &mut by_link)?;
        }
        self.files.sort();
        Ok((self.files, self.folder))
    }

    fn look(
        &mut self,
        Ahead { folder, part }: Ahead,
        ahead: &mut Vec<Ahead>,
        by_link: &mut Vec<Ahead>,
    ) -> Result<(), IoError> {
        let last = part + 1 == self.pattern.parts.len();
        match &self.pattern.parts[part] {
            Part::Literal(name) => {
                let path = folder.join(name);
                match path.metadata() {
                    Ok(metadata) if !last && metadata.is_dir() => ahead.push(Ahead { folder: path, part: part + 1 }),
                    Ok(metadata) if last => self.matched(path, metadata.file_type())?,
                    Ok(_) => {}
                    Err(error) if is_missing(&error) => {}
                    Err(error) => return Err(cannot_open(&error, &path)),
                }
            }
            Part::Names(names) => {
                for (name, kind) in self.entries(&folder)? {
                    if !names.matches_with(&name.to_string_lossy(), OPTIONS) {
                        continue;
                    }
                    let path = folder.join(name);
                    // Only what a link leads to has to be looked at.
                    match if kind.is_symlink() { path.metadata().map(|found| found.file_type()) } else { Ok(kind) } {
                        Ok(kind) if last => self.matched(path, kind)?,
                        Ok(kind) if kind.is_dir() => ahead.push(Ahead { folder: path, part: part + 1 }),
                        Ok(_) => {}
                        // It may have been removed since.
                        Err(_) if path.symlink_metadata().is_err() => {}
                        Err(_) if !last => {}
                        Err(error) => return Err(cannot_open(&error, &path)),
                    }
                }
            }
            Part::Folders => {
                let metadata = match shown(&folder).metadata() {
                    Err(error) if is_missing(&error) => return Ok(()),
                    metadata => metadata.map_err(|error| cannot_open(&error, &folder))?,
                };
                if !self.entered.insert((part, metadata.dev(), metadata.ino())) {
                    return Ok(());
                }
                for (name, kind) in self.entries(&folder)?.into_iter().filter(|(name, _)| !is_hidden(name)) {
                    let path = folder.join(name);
                    match () {
                        () if kind.is_dir() => ahead.push(Ahead { folder: path, part }),
                        () if kind.is_symlink() && path.is_dir() => by_link.push(Ahead { folder: path, part }),
                        () => {}
                    }
                }
                self.look(Ahead { folder, part: part + 1 }, ahead, by_link)?;
            }
        }
        Ok(())
    }

    fn matched(&mut self, path: PathBuf, kind: FileType) -> Result<(), IoError> {
        match () {
            () if kind.is_dir() => self.folder = true,
            // Pipes, sockets and devices hold no rows, and a pipe would be waited for, for ever.
            () if !kind.is_file() => {}
            () if self.files.len() == MATCHED => {
                let message = format!("the pattern matches more than {MATCHED} files");
                return Err(IoError::spec(message)
                    .in_file(path)
                    .with_help("split the input, or put its rows into fewer files"));
            }
            () => self.files.push(path),
        }
        Ok(())
    }

    /// What is in a folder, the last name first, as it is taken from the end then; nothing if it is not a folder.
    fn entries(&mut self, folder: &Path) -> Result<Vec<(OsString, FileType)>, IoError> {
        let shown = shown(folder);
        let cannot = |error: io::Error| cannot_open(&error, shown);
        let read = match fs::read_dir(shown) {
            Err(error) if is_missing(&error) => return Ok(Vec::new()),
            read => read.map_err(cannot)?,
        };
        let mut entries = Vec::new();
        for entry in read {
            let entry = entry.map_err(cannot)?;
            entries.push((entry.file_name(), entry.file_type().map_err(cannot)?));
            self.looked_at += 1;
            if self.looked_at.is_multiple_of(1024) {
                (self.go_on)()?;
            }
            if self.looked_at > LOOKED_AT {
                let message = format!(
                    "the pattern leads to more than {LOOKED_AT} entries of folders; this is where it was given up"
                );
                return Err(IoError::spec(message).in_file(shown).with_help("name the folders that hold the files"));
            }
        }
        entries.sort_by(|(one, _), (other, _)| other.cmp(one));
        Ok(entries)
    }
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().first() == Some(&b'.')
}

/// The current folder has no name in the paths of its files.
fn shown(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn cannot_open(error: &io::Error, path: &Path) -> IoError {
    match error.kind() {
        // The link is there; what it leads to is not.
        io::ErrorKind::NotFound => IoError::spec("this is a link to what is not there"),
        _ => IoError::system("cannot open", error),
    }
    .in_file(path)
}

#[cfg(test)]
mod tests {
    use super::KeyPattern;

    #[test]
    fn keys_are_matched_as_files_are() {
        let matches = |pattern: &str, key: &str| KeyPattern::new(pattern).unwrap().matches(key);
        for (pattern, key) in [
            ("a/*.jsonl", "a/x.jsonl"),
            ("a/part-?[0-3].jsonl", "a/part-a2.jsonl"),
            ("a/**/x", "a/x"),
            ("a/**/x", "a/b/c/x"),
            ("**", "a/b/c"),
            ("a/**", "a/b"),
            ("d=*/x", "d=2024/x"),
            ("[[]a]*", "[a]b"),
            (".hidden/*", ".hidden/x"),
        ] {
            assert!(matches(pattern, key), "{pattern} {key}");
        }
        for (pattern, key) in [
            ("a/*.jsonl", "a/b/x.jsonl"),
            ("a/*.jsonl", "a/.x.jsonl"),
            ("a/**/x", "a/.b/x"),
            ("a/**/x", "b/x"),
            ("a/*", "a"),
            ("**", "a/.b"),
            ("a*", "A"),
        ] {
            assert!(!matches(pattern, key), "{pattern} {key}");
        }
        let of_one_folder = |pattern: &str| {
            let pattern = KeyPattern::new(pattern).unwrap();
            (pattern.prefix().to_owned(), pattern.is_of_one_folder())
        };
        assert_eq!(of_one_folder("a/b/part-*.x"), ("a/b/part-".to_owned(), true));
        assert_eq!(of_one_folder("a/*/x"), ("a/".to_owned(), false));
        assert_eq!(of_one_folder("a/**"), ("a/".to_owned(), false));
    }
}
