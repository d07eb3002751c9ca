//! Paths and patterns to files.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::IoError;
use crate::formats::Format;

/// The files that `paths` name, in order, each once.
pub(crate) fn resolve(base: &Path, paths: &[String]) -> Result<Vec<PathBuf>, IoError> {
    let mut files = Vec::new();
    for path in paths {
        files.extend(matches(base, path)?);
    }
    let mut seen = HashSet::new();
    files.retain(|file| seen.insert(file.canonicalize().unwrap_or_else(|_| file.clone())));
    match files.is_empty() {
        true => Err(IoError::spec("an input needs at least one path")),
        false => Ok(files),
    }
}

fn matches(base: &Path, path: &str) -> Result<Vec<PathBuf>, IoError> {
    let literal = base.join(path);
    if literal.is_dir() {
        return Err(IoError::spec("this is a folder, not a file")
            .in_file(&literal)
            .with_help(format!("name its files: \"{}/*.jsonl\"", path.trim_end_matches('/'))));
    }
    // A file whose name happens to look like a pattern is that file.
    if let Ok(file) = literal.metadata() {
        // Files are read more than once (their schema, their size); a pipe would be waited for, for ever.
        return match file.is_file() {
            true => Ok(vec![literal]),
            false => Err(IoError::spec("this is no regular file: inputs are read more than once").in_file(&literal)),
        };
    }
    if !path.contains(['*', '?', '[']) {
        return Err(match literal.symlink_metadata() {
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                IoError::system("cannot open", &error)
            }
            _ => IoError::spec("there is no such file"),
        }
        .in_file(&literal));
    }
    let bad = |message: String| IoError::spec(message).in_file(&literal);
    let escaped = PathBuf::from(glob::Pattern::escape(&base.to_string_lossy()));
    let pattern = match Path::new(path).is_absolute() {
        true => PathBuf::from(path),
        false => escaped.join(path),
    };
    // Hidden files are left out: an output that is being written is one.
    let options = glob::MatchOptions { require_literal_leading_dot: true, ..Default::default() };
    let found = glob::glob_with(&pattern.to_string_lossy(), options)
        .map_err(|error| bad(format!("is not a pattern: {}", error.msg)))?;
    let mut files = Vec::new();
    for entry in found {
        let entry = entry.map_err(|e| IoError::system("cannot open", e.error()).in_file(e.path()))?;
        if entry.is_file() {
            files.push(entry);
        }
    }
    files.sort();
    match files.is_empty() {
        true => Err(bad("the pattern matches no file".into())),
        false => Ok(files),
    }
}

/// The one format of the files: the given, or the one that every file's extension says.
pub(crate) fn format(files: &[PathBuf], given: Option<Format>) -> Result<Format, IoError> {
    let mut format: Option<(Format, &Path)> = None;
    for file in files {
        let this = Format::of(file, given)?;
        match format {
            Some((first, path)) if first != this => {
                let message = format!("is {this}, but `{}` is {first}: an input has one format", path.display());
                return Err(IoError::spec(message).in_file(file));
            }
            _ => format = format.or(Some((this, file))),
        }
    }
    format.map(|(format, _)| format).ok_or_else(|| IoError::spec("an input needs at least one path"))
}

/// The file's size in bytes.
pub(crate) fn size(file: &Path) -> Result<u64, IoError> {
    let metadata = file.metadata().map_err(|error| IoError::system("cannot open", &error).in_file(file))?;
    Ok(metadata.len())
}
