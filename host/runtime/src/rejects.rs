//! Rows that go no further: why, how many, and, where the pipeline keeps them, what they were.

use callboard_sandbox::clipped;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, UInt32Array};
use callboard_plan::pipeline::OnError;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::error::Fault;
use crate::rows::Batch;
use crate::store::{Digested, Removed, make_dir, named, regular};
use callboard_sandbox::{Fate, Removal};

/// Where rows come from: the files of every input, in one table that [`Batch::file`] points into.
#[derive(Debug, Default)]
pub(crate) struct Files(Vec<(String, PathBuf)>);

impl Files {
    /// Adds the files of an input; its first file has the index returned.
    pub(crate) fn add(&mut self, input: &str, files: &[PathBuf]) -> u32 {
        let base = self.0.len() as u32;
        self.0.extend(files.iter().map(|file| (input.to_owned(), file.clone())));
        base
    }

    /// The input, file and line that a row came from.
    pub(crate) fn origin(&self, batch: &Batch, row: usize) -> Option<(&str, &Path, u64)> {
        if batch.file.is_null(row) || batch.line.is_null(row) {
            return None;
        }
        let (input, file) = self.0.get(batch.file.value(row) as usize)?;
        Some((input, file, batch.line.value(row)))
    }
}

/// What a step does with the rows it removes.
#[derive(Clone)]
pub(crate) struct Remover {
    pub(crate) on_error: OnError,
    pub(crate) files: Arc<Files>,
}

/// A line of `rejects.jsonl`.
#[derive(Serialize)]
struct Reject<'a> {
    step: &'a str,
    reason: &'a str,
    input: Option<&'a str>,
    file: Option<String>,
    line: Option<u64>,
    row: Box<RawValue>,
}

impl Remover {
    /// The rejected rows among those that go no further, as lines of `rejects.jsonl`, each with its line feed.
    ///
    /// # Errors
    ///
    /// The first of them, where the pipeline lets no row be rejected.
    pub(crate) fn lines(&self, step: &str, batch: &Batch, removed: &[Removed]) -> Result<Vec<u8>, Fault> {
        let rejected = removed.iter().filter(|removed| removed.rejected);
        let rejected: Vec<(u32, &str)> = rejected.map(|removed| (removed.row as u32, &*removed.reason)).collect();
        match rejected.first() {
            Some((row, reason)) if self.on_error == OnError::Fail => {
                Err(Fault::Rejected { row: self.place(batch, *row as usize), reason: (*reason).to_owned() })
            }
            _ => self
                .json(step, batch, &rejected)
                .map_err(|error| Fault::Host(format!("cannot keep rejected rows: {error}"))),
        }
    }

    /// `row 17 (docs.jsonl:21) ` for an error's message.
    pub(crate) fn place(&self, batch: &Batch, row: usize) -> String {
        match self.files.origin(batch, row) {
            Some((_, file, line)) => format!("row {} ({}:{line}) ", row + 1, file.display()),
            None => format!("row {} ", row + 1),
        }
    }

    fn json(&self, step: &str, batch: &Batch, rejected: &[(u32, &str)]) -> io::Result<Vec<u8>> {
        let mut lines = Vec::new();
        if rejected.is_empty() {
            return Ok(lines);
        }
        let rows = UInt32Array::from_iter_values(rejected.iter().map(|(row, _)| *row));
        let taken = batch.take(&rows).map_err(io::Error::other)?;
        // A value that JSON has no form for must not end a run that was told to go on without the row.
        let json = callboard_io::marked_rows(&taken.rows).map_err(io::Error::other)?;
        for (at, (json, (_, reason))) in json.into_iter().zip(rejected).enumerate() {
            let origin = self.files.origin(&taken, at);
            let reject = Reject {
                step,
                reason,
                input: origin.map(|(input, ..)| input),
                file: origin.map(|(_, file, _)| file.display().to_string()),
                line: origin.map(|(.., line)| line),
                row: RawValue::from_string(json)?,
            };
            serde_json::to_writer(&mut lines, &reject)?;
            lines.push(b'\n');
        }
        Ok(lines)
    }
}

/// The rejected rows of a run, `rejects.jsonl` in its folder: each step has a file of its own, and at the end they stand in
/// the order of the steps.
pub(crate) struct Rejects {
    folder: PathBuf,
    open: HashMap<String, BufWriter<File>>,
}

impl Rejects {
    /// `folder` is where the steps' own files are.
    pub(crate) fn new(folder: PathBuf) -> Rejects {
        Rejects { folder, open: HashMap::new() }
    }

    fn file(&self, step: &str) -> PathBuf {
        self.folder.join(format!("{step}.jsonl"))
    }

    /// Forgets what these steps rejected when they ran before.
    pub(crate) fn begin(&mut self, steps: &[String]) -> io::Result<()> {
        for step in steps {
            match std::fs::remove_file(self.file(step)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(named(&self.file(step), &error)),
                _ => drop(self.open.remove(step)),
            }
        }
        Ok(())
    }

    pub(crate) fn write(&mut self, step: &str, lines: &[u8]) -> io::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let path = self.file(step);
        let mut write = || {
            if !self.open.contains_key(step) {
                make_dir(&self.folder)?;
                self.open.insert(step.to_owned(), BufWriter::new(created(&path)?));
            }
            self.open.get_mut(step).expect("it was just opened").write_all(lines)
        };
        write().map_err(|error| named(&path, &error))
    }

    /// Closes the files of these steps, and says what is in them.
    pub(crate) fn end(&mut self, steps: &[String]) -> io::Result<BTreeMap<String, Digested>> {
        let mut ended = BTreeMap::new();
        for step in steps {
            if let Some(mut file) = self.open.remove(step) {
                file.flush().map_err(|error| named(&self.file(step), &error))?;
                ended.insert(step.clone(), Digested::of(&self.file(step), 0)?);
            }
        }
        Ok(ended)
    }

    /// Puts the files together at `path`, in the order of `steps`. It is there even when nothing was rejected.
    pub(crate) fn gather<'a>(&mut self, path: &Path, steps: impl Iterator<Item = &'a str>) -> io::Result<()> {
        let gather = || {
            let mut all = created(path)?;
            for step in steps {
                if let Some(mut open) = self.open.remove(step) {
                    open.flush()?;
                }
                match regular(&self.file(step), File::options().read(true)) {
                    Ok(mut part) => drop(io::copy(&mut part, &mut all)?),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        };
        gather().map_err(|error| named(path, &error))
    }
}

/// A new file for this user alone, in place of what is there: that is removed, never written, since it may have another name elsewhere.
fn created(path: &Path) -> io::Result<File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        removed => removed?,
    }
    File::options().write(true).create_new(true).mode(0o600).open(path)
}

impl From<Removal> for Removed {
    fn from(Removal { row, fate, reason }: Removal) -> Removed {
        Removed { row, rejected: fate == Fate::Rejected, reason: clipped(reason) }
    }
}

impl Removed {
    /// A row that the step said nothing of.
    pub(crate) fn unlisted(row: u64) -> Removed {
        Removed { row, rejected: false, reason: String::new() }
    }

    pub(crate) fn fate(&self) -> Fate {
        if self.rejected { Fate::Rejected } else { Fate::Dropped }
    }
}
