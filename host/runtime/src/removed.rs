//! Rows that go no further: why, how many, and, where the pipeline keeps them, what they were.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, UInt32Array};
use callboard_plan::pipeline::OnError;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::bindings::callboard::step::types::{Fate, Removal};
use crate::disk::{Digested, Removed, make_dir, named};
use crate::error::Fault;
use crate::rows::Batch;

/// Different reasons that are counted apart; the rest is counted together.
const REASONS: usize = 1_000;
/// A reason longer than this is cut, bytes.
const REASON: usize = 1_000;
/// What counts the reasons past [`REASONS`].
const OTHERS: &str = "other reasons";

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

/// How many rows went no further, by fate and reason.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Tally {
    pub(crate) dropped: BTreeMap<String, u64>,
    pub(crate) rejected: BTreeMap<String, u64>,
}

impl Tally {
    pub(crate) fn count(&mut self, fate: Fate, reason: &str, rows: u64) {
        let of = match fate {
            Fate::Dropped => &mut self.dropped,
            Fate::Rejected => &mut self.rejected,
        };
        let reason = if of.contains_key(reason) || of.len() < REASONS { reason } else { OTHERS };
        match of.get_mut(reason) {
            Some(count) => *count += rows,
            None => drop(of.insert(reason.to_owned(), rows)),
        }
    }

    pub(crate) fn add(&mut self, other: &Tally) {
        other.dropped.iter().for_each(|(reason, rows)| self.count(Fate::Dropped, reason, *rows));
        other.rejected.iter().for_each(|(reason, rows)| self.count(Fate::Rejected, reason, *rows));
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.values().sum()
    }

    pub(crate) fn rejected(&self) -> u64 {
        self.rejected.values().sum()
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
    /// Counts the removals of a batch. Rejected rows become lines of `rejects.jsonl`, each with its line feed,
    /// or, where the pipeline lets no row be rejected, an error that names the first.
    pub(crate) fn removed(&self, step: &str, batch: &Batch, removals: &[Removed]) -> Result<(Tally, Vec<u8>), Fault> {
        let mut tally = Tally::default();
        let mut rejected: Vec<(u32, &str)> = Vec::new();
        for removal in removals {
            let (row, reason) = (removal.row as u32, &removal.reason);
            if removal.rejected {
                if self.on_error == OnError::Fail {
                    return Err(Fault::Rejected { row: self.place(batch, row as usize), reason: reason.clone() });
                }
                rejected.push((row, reason));
            }
            tally.count(removal.fate(), reason, 1);
        }
        let lines = self
            .lines(step, batch, &rejected)
            .map_err(|error| Fault::Host(format!("cannot keep rejected rows: {error}")))?;
        Ok((tally, lines))
    }

    /// `row 17 (docs.jsonl:21) ` for an error's message.
    pub(crate) fn place(&self, batch: &Batch, row: usize) -> String {
        match self.files.origin(batch, row) {
            Some((_, file, line)) => format!("row {} ({}:{line}) ", row + 1, file.display()),
            None => format!("row {} ", row + 1),
        }
    }

    fn lines(&self, step: &str, batch: &Batch, rejected: &[(u32, &str)]) -> io::Result<Vec<u8>> {
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
                match File::open(self.file(step)) {
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

/// The rows and reasons of removals, checked against a batch of `rows` rows: each in range, and named once.
pub(crate) fn check_removals(removals: Vec<Removal>, rows: usize) -> Result<Vec<Removed>, Fault> {
    let mut seen = vec![false; if removals.is_empty() { 0 } else { rows }];
    let check = |removal: Removal| match usize::try_from(removal.row).ok().filter(|row| *row < rows) {
        None => Err(Fault::Contract(format!("it removed row {} of a batch of {rows}, counted from 0", removal.row))),
        Some(row) if std::mem::replace(&mut seen[row], true) => {
            Err(Fault::Contract(format!("it removed row {row} twice, counted from 0")))
        }
        Some(_) => Ok(removal.into()),
    };
    removals.into_iter().map(check).collect()
}

impl From<Removal> for Removed {
    fn from(Removal { row, fate, reason }: Removal) -> Removed {
        Removed { row, rejected: fate == Fate::Rejected, reason: clipped(reason) }
    }
}

impl Removed {
    pub(crate) fn fate(&self) -> Fate {
        if self.rejected { Fate::Rejected } else { Fate::Dropped }
    }
}

/// A reason that is not longer than a reason may be.
pub(crate) fn clipped(reason: String) -> String {
    match reason.floor_char_boundary(REASON) {
        whole if whole == reason.len() => reason,
        // A copy: a long text that shrinks where it lies leaves gaps that are too small for the next one.
        end => reason[..end].to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A batch may have thousands of reasons: what is kept of each is all the memory it takes.
    #[test]
    fn a_long_reason_takes_the_memory_of_what_is_kept() {
        let reason = clipped("ä".repeat(50_000));
        assert_eq!((reason.len(), reason.capacity() <= REASON), (REASON, true));
        assert_eq!(clipped("short".to_owned()), "short");
    }
}
