//! Paths and patterns to files.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};

use crate::IoError;
use crate::format::Format;
use crate::formats::implementation;
use crate::parted::listed;
use crate::pattern::{Pattern, is_pattern};
use crate::places::{self, First, Found, Source};
use crate::spec::InputSpec;

/// For each of an input's paths, what is found where it leads to a place that is far.
pub(crate) struct Asked(Vec<Option<Found>>);

impl Asked {
    /// Asks all these places side by side.
    pub(crate) fn begin(spec: &InputSpec) -> Result<Asked, IoError> {
        let ask = |path: &String| {
            let first = first(path, spec.format);
            let found = places::address(path).map(|address| Found::begin(address?, &spec.access, first)).transpose();
            found.map_err(|error| error.of_path(path))
        };
        spec.paths.iter().map(ask).collect::<Result<_, _>>().map(Asked)
    }

    /// Whether there is an answer to wait for.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.0.iter().any(Option::is_some)
    }
}

/// The files that an input's paths name, in order. A file with two names, or named twice, is there twice.
pub(crate) fn resolve(spec: &InputSpec, asked: Asked) -> Result<Vec<Source>, IoError> {
    let go_on = || spec.stop.check();
    let mut files = Vec::new();
    for (path, found) in spec.paths.iter().zip(asked.0) {
        go_on()?;
        let found = match found {
            Some(found) => found.wait(path, &spec.stop),
            None => matches(&spec.base, path, &go_on).map(|files| files.into_iter().map(Source::disk).collect()),
        };
        files.extend(found.map_err(|error| error.of_path(path))?);
    }
    match files.is_empty() {
        true => Err(IoError::spec("an input needs at least one path")),
        false => listed(files, spec),
    }
}

/// Pairs of files that are one, under two names or named twice: each with the first of its names.
pub(crate) fn twice(files: &[Source]) -> Vec<(PathBuf, PathBuf)> {
    #[derive(PartialEq, Eq, Hash)]
    enum Is<'a> {
        OnDisk((u64, u64)),
        Named(&'a Path),
    }
    let mut first: HashMap<Is<'_>, &Path> = HashMap::new();
    let mut twice = Vec::new();
    for file in files {
        let is = match file.is_on_disk() {
            false => Is::Named(file.path()),
            true => {
                let Some(id) = file.id() else { continue };
                Is::OnDisk(id)
            }
        };
        match first.entry(is) {
            Entry::Vacant(entry) => drop(entry.insert(file.path())),
            Entry::Occupied(entry) => twice.push(((*entry.get()).to_owned(), file.path().to_owned())),
        }
    }
    twice
}

fn matches(base: &Path, path: &str, go_on: &dyn Fn() -> Result<(), IoError>) -> Result<Vec<PathBuf>, IoError> {
    let literal = base.join(path);
    if literal.is_dir() {
        return Err(IoError::spec("this is a folder, not a file").in_file(&literal).with_help(format!(
            "name its files: path = \"{}/*{}\"",
            path.trim_end_matches('/'),
            usual_end(&literal)
        )));
    }
    // A file whose name happens to look like a pattern is that file, unless the pattern matches others.
    if let Ok(file) = literal.metadata() {
        return match file.is_file() {
            true if is_pattern(path) => literal_or(base, path, literal, go_on),
            true => Ok(vec![literal]),
            // Files are read more than once (their schema, their size); a pipe would be waited for, for ever.
            false => Err(IoError::spec("this is not a regular file: inputs are read more than once").in_file(&literal)),
        };
    }
    let (error, matched_folders) = if is_pattern(path) {
        match Pattern::new(base, path) {
            Ok(pattern) => match pattern.files(go_on)? {
                (files, _) if !files.is_empty() => return Ok(files),
                (_, folder) => (IoError::spec("the pattern matches no file"), folder),
            },
            Err(wrong) => (
                IoError::spec(format!("is not a pattern: {wrong}"))
                    .with_help("a `[` that stands for itself is written `[[]`"),
                false,
            ),
        }
    } else {
        let missing = match literal.symlink_metadata() {
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                return Err(IoError::system("cannot open", &error).in_file(&literal));
            }
            Ok(_) => "this is a link to what is not there",
            Err(_) => "there is no such file",
        };
        (IoError::spec(missing), false)
    };
    let help = match matched_folders {
        true => Some(format!("it matches folders: name their files: \"{}/*.jsonl\"", path.trim_end_matches('/'))),
        false => bracketed(base, path, go_on)?.or_else(|| braces(path)),
    };
    let relative = || (!Path::new(path).is_absolute()).then(|| RELATIVE.to_owned());
    let help = help.or_else(|| relative().filter(|_| error.help().is_none()));
    let error = error.in_file(&literal);
    Err(match help {
        Some(help) => error.with_help(help),
        None => error,
    })
}

/// The file of a pattern's own name, or all that the pattern matches.
fn literal_or(
    base: &Path,
    path: &str,
    literal: PathBuf,
    go_on: &dyn Fn() -> Result<(), IoError>,
) -> Result<Vec<PathBuf>, IoError> {
    let Ok(pattern) = Pattern::new(base, path) else { return Ok(vec![literal]) };
    let (files, _) = pattern.files(go_on)?;
    match files.first() {
        None => Ok(vec![literal]),
        Some(_) if files.contains(&literal) => Ok(files),
        Some(other) => {
            let message = format!("this is a file, and also a pattern, which matches `{}`", other.display());
            let help = format!("for the file of this name: \"{}\"", path.replace('[', "[[]"));
            Err(IoError::spec(message).in_file(&literal).with_help(help))
        }
    }
}

const RELATIVE: &str = "paths are relative to the pipeline file's folder";

/// What the names of a folder's files end in: those of the first that a format reads.
fn usual_end(folder: &Path) -> String {
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut read: Vec<PathBuf> = names.filter(|path| Format::of(path, None).is_ok()).collect();
    read.sort();
    let name = read.first().and_then(|path| path.file_name()).map(|name| name.to_string_lossy().into_owned());
    let end = name.as_deref().and_then(|name| {
        let stem = [".gz", ".zst"].into_iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        name.get(stem.rfind('.')?..)
    });
    end.unwrap_or(".jsonl").to_owned()
}

/// The pattern that was meant, where names have brackets in them: the first way of taking them as they stand that matches a file.
fn bracketed(base: &Path, path: &str, go_on: &dyn Fn() -> Result<(), IoError>) -> Result<Option<String>, IoError> {
    let parts: Vec<&str> = path.split('/').collect();
    let with = parts.iter().enumerate().filter(|(_, part)| part.contains('['));
    let with: Vec<usize> = with.map(|(at, _)| at).collect();
    let only = with.iter().map(std::slice::from_ref);
    for plain in std::iter::once(&with[..]).chain(only).filter(|plain| !plain.is_empty()) {
        let written = parts.iter().enumerate().map(|(at, part)| match plain.contains(&at) {
            true => part.replace('[', "[[]"),
            false => (*part).to_owned(),
        });
        let written = written.collect::<Vec<_>>().join("/");
        let Ok(pattern) = Pattern::new(base, &written) else { continue };
        if !pattern.files(go_on)?.0.is_empty() {
            return Ok(Some(format!(
                "`[…]` stands for one of the characters in it; where it is part of a name: path = \"{written}\""
            )));
        }
    }
    Ok(None)
}

/// What to write instead of `{a,b}` and `{name}`.
fn braces(path: &str) -> Option<String> {
    let (before, rest) = path.split_once('{')?;
    let (inside, after) = rest.split_once('}')?;
    if inside.contains(',') && !after.contains('{') {
        let listed = inside.split(',').map(|word| format!("\"{before}{}{after}\"", word.trim()));
        return Some(format!(
            "`{{…}}` is used literally; list the paths: path = [{}]",
            listed.collect::<Vec<_>>().join(", ")
        ));
    }
    Some("`{…}` is used literally; write `*` for any name, or list the paths".to_owned())
}

/// What of a file in a place is read first, as far as its name says it.
pub(crate) fn first(path: &str, format: Option<Format>) -> First {
    match Format::of(Path::new(path), format) {
        Ok(format) => implementation(format).first(),
        Err(_) => First::Whole,
    }
}

/// The one format of the files: the given, or the one that every file's extension says.
pub(crate) fn format(files: &[Source], given: Option<Format>) -> Result<Format, IoError> {
    let mut format: Option<(Format, &Path)> = None;
    for file in files {
        let this = Format::of(file.path(), given)?;
        match format {
            Some((first, path)) if first != this => {
                let message = format!("is {this}, but `{}` is {first}: an input has one format", path.display());
                return Err(IoError::spec(message).in_file(file));
            }
            _ => format = format.or(Some((this, file.path()))),
        }
    }
    format.map(|(format, _)| format).ok_or_else(|| IoError::spec("an input needs at least one path"))
}
