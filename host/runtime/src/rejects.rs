//! Rows that go no further: why, how many, and, where the pipeline keeps them, what they were.

use callboard_sandbox::clipped;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, UInt32Array};
use callboard_io::BadRow;
use callboard_plan::pipeline::OnError;
use serde::Serialize;
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;

use crate::error::{Fault, RunError};
use crate::rows::Batch;
use crate::rows::flight::Flight;
use crate::store::{Digested, Removed, make_dir, named, regular};
use callboard_sandbox::{Fate, Removal, Removals};

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

    /// The files that a path names: a whole one, or the end of one.
    pub(crate) fn named(&self, path: &str) -> Vec<u32> {
        let at = |wanted: &dyn Fn(&Path) -> bool| -> Vec<u32> {
            let files = self.0.iter().enumerate().filter(|(_, (_, file))| wanted(file));
            files.map(|(at, _)| at as u32).collect()
        };
        let exact = at(&|file| file == Path::new(path));
        if exact.is_empty() { at(&|file| file.ends_with(path)) } else { exact }
    }

    /// Some of the files, as they are shown.
    pub(crate) fn shown(&self, most: usize) -> Vec<String> {
        let shown = self.0.iter().take(most).map(|(_, file)| format!("`{}`", file.display()));
        let more = self.0.len().checked_sub(most + 1).map(|more| format!("and {} more", more + 1));
        shown.chain(more).collect()
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
    /// Where the memory is counted that lines take while they are made.
    pub(crate) flight: Option<Arc<Flight>>,
    /// Ends what takes long.
    pub(crate) cancel: CancellationToken,
}

/// Lines are made of rows that have about this many bytes of text, or of one row.
const LINES: u64 = 4 << 20;
/// Rows that an error names beside the first.
const NAMED: usize = 3;
/// A row's text is in memory this many times while its line is made.
const COPIES: u64 = 4;

/// A line of `rejects.jsonl`.
#[derive(Serialize)]
struct Reject<'a> {
    /// None of a row that its input could not read.
    step: Option<&'a str>,
    reason: &'a str,
    input: Option<&'a str>,
    file: Option<String>,
    line: Option<u64>,
    row: Option<Box<RawValue>>,
    /// What there is of a row that could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

impl Remover {
    /// The rejected rows among those that go no further, with their reasons.
    ///
    /// # Errors
    ///
    /// The first of them, where the pipeline lets no row be rejected.
    pub(crate) fn rejected(&self, batch: &Batch, removed: &[Removed]) -> Result<Vec<(u32, Arc<str>)>, Fault> {
        let mut rejected = removed.iter().filter(|removed| removed.rejected);
        match self.on_error {
            OnError::Fail => rejected.next().map_or(Ok(Vec::new()), |first| {
                let (row, reason) = (self.place(batch, first.row as usize), first.reason.to_string());
                let more: Vec<usize> = rejected.map(|removed| removed.row as usize).collect();
                let more = if more.is_empty() { String::new() } else { self.more(batch, &more) };
                Err(Fault::Rejected { row, reason: reason + &more })
            }),
            OnError::Reject => Ok(rejected.map(|removed| (removed.row as u32, removed.reason.clone())).collect()),
        }
    }

    /// Gives rejected rows to `put` as lines of `rejects.jsonl`, each with its line feed, a few at a time: names and values may be long.
    ///
    /// # Errors
    ///
    /// Lines that exceed the budget; what `put` says.
    pub(crate) fn lines(
        &self,
        step: &str,
        batch: &Batch,
        rejected: &[(u32, Arc<str>)],
        mut put: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), RunError> {
        let unkept = |error: io::Error| RunError::unwritten("keep rejected rows", &error);
        let mut charge = self.flight.as_ref().map(Flight::charge);
        let seen = batch.seen();
        let text = |row: u32| callboard_io::json_bytes(&seen.slice(row as usize, 1));
        let mut done = 0;
        while done < rejected.len() {
            if self.cancel.is_cancelled() {
                return Err(RunError::interrupted());
            }
            let mut bytes = text(rejected[done].0);
            let mut end = done + 1;
            while end < rejected.len() && bytes < LINES {
                bytes = bytes.saturating_add(text(rejected[end].0));
                end += 1;
            }
            if let Some(charge) = &mut charge {
                charge.set(bytes.saturating_mul(COPIES))?;
            }
            let lines = self.json(step, batch, &rejected[done..end]).map_err(unkept)?;
            put(&lines).map_err(|error| RunError::unwritten("write rejected rows", &error))?;
            done = end;
        }
        Ok(())
    }

    /// `row 17 (docs.jsonl:21) ` for an error's message.
    pub(crate) fn place(&self, batch: &Batch, row: usize) -> String {
        match self.files.origin(batch, row) {
            Some((_, file, line)) => format!("row {} ({}:{line}) ", row + 1, file.display()),
            None => format!("row {} ", row + 1),
        }
    }

    /// `; 3 more rows of its batch are rejected too: docs.jsonl:22, docs.jsonl:25 …`
    fn more(&self, batch: &Batch, rows: &[usize]) -> String {
        let place = |row: &usize| match self.files.origin(batch, *row) {
            Some((_, file, line)) => format!("{}:{line}", file.display()),
            None => format!("row {}", row + 1),
        };
        let named: Vec<String> = rows.iter().take(NAMED).map(place).collect();
        let (are, others) =
            (if rows.len() == 1 { "row of its batch is" } else { "rows of its batch are" }, rows.len() > NAMED);
        format!("; {} more {are} rejected too: {}{}", rows.len(), named.join(", "), if others { " …" } else { "" })
    }

    fn json(&self, step: &str, batch: &Batch, rejected: &[(u32, Arc<str>)]) -> io::Result<Vec<u8>> {
        let mut lines = Vec::new();
        let rows = UInt32Array::from_iter_values(rejected.iter().map(|(row, _)| *row));
        let taken = batch.take(&rows).map_err(io::Error::other)?;
        // A value that JSON has no form for must not end a run that continues without the row.
        let json = callboard_io::marked_rows(&taken.seen()).map_err(io::Error::other)?;
        for (at, (json, (_, reason))) in json.into_iter().zip(rejected).enumerate() {
            let origin = self.files.origin(&taken, at);
            let reject = Reject {
                step: Some(step),
                reason,
                text: None,
                input: origin.map(|(input, ..)| input),
                file: origin.map(|(_, file, _)| file.display().to_string()),
                line: origin.map(|(.., line)| line),
                row: Some(RawValue::from_string(json)?),
            };
            serde_json::to_writer(&mut lines, &reject)?;
            lines.push(b'\n');
        }
        Ok(lines)
    }
}

/// A row of a file that its input could not read, as a line of `rejects.jsonl`.
pub(crate) fn unread(input: &str, file: &Path, bad: &BadRow) -> io::Result<Vec<u8>> {
    let reject = Reject {
        step: None,
        reason: &bad.message,
        input: Some(input),
        file: Some(file.display().to_string()),
        line: Some(bad.origin),
        row: None,
        text: Some(&bad.text),
    };
    let mut line = serde_json::to_vec(&reject)?;
    line.push(b'\n');
    Ok(line)
}

/// The rejected rows of a run, `rejects.jsonl` in its folder: each input and step has a file of its own, and at the end they
/// stand in the order of these.
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

    /// Forgets what these inputs and steps rejected when they ran before.
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

    /// Closes the files of these inputs and steps, and says what is in them.
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
        Removed { row, rejected: fate == Fate::Rejected, reason }
    }
}

/// What a global step removes, row by row.
pub(crate) fn removed(Removals { rows, fate, reason }: Removals) -> impl Iterator<Item = Removed> {
    let reason = Arc::<str>::from(clipped(reason));
    rows.into_iter().map(move |row| Removed { row, rejected: fate == Fate::Rejected, reason: reason.clone() })
}

impl Removed {
    /// A row that the step said nothing of.
    pub(crate) fn unlisted(row: u64) -> Removed {
        Removed { row, rejected: false, reason: Arc::from("") }
    }

    pub(crate) fn fate(&self) -> Fate {
        if self.rejected { Fate::Rejected } else { Fate::Dropped }
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, NullArray, RecordBatch};
    use callboard_plan::Predicted;

    use super::*;
    use crate::error::Class;

    /// A thousand rows of a name of 40 kB: 40 MB of lines, of a batch that weighs next to nothing.
    #[test]
    fn rejected_rows_become_lines_a_few_at_a_time() {
        let column: ArrayRef = Arc::new(NullArray::new(1000));
        let batch = Batch::created(RecordBatch::try_from_iter([("n".repeat(40_000), column)]).unwrap());
        let rejected: Vec<(u32, Arc<str>)> = (0..1000).map(|row| (row, Arc::from(format!("reason {row}")))).collect();
        let flight = Arc::new(Flight::new(Arc::default(), Arc::default()));
        let cancel = CancellationToken::new();
        let remover = Remover {
            on_error: OnError::Reject,
            files: Arc::default(),
            flight: Some(flight.clone()),
            cancel: cancel.clone(),
        };
        let (mut lines, mut largest) = (0, 0);
        let put = |text: &[u8]| {
            assert!(text.ends_with(b"}\n"));
            lines += text.split(|byte| *byte == b'\n').count() - 1;
            largest = largest.max(text.len() as u64);
            Ok(())
        };
        remover.lines("step", &batch, &rejected, put).unwrap();
        assert_eq!(lines, 1000);
        assert!(largest <= LINES, "{largest} bytes at once");
        assert_eq!(flight.peak() / LINES, COPIES, "what was in memory was counted");

        let predicted = Predicted { steps_bytes: 0, host_bytes: 0, rows_bytes: 0, least_rows_bytes: 0 };
        flight.begin(Some(8 << 20), &predicted, 1);
        let error = remover.lines("step", &batch, &rejected, |_| Ok(())).unwrap_err();
        assert_eq!(error.class, Class::Limit, "{error}");
        cancel.cancel();
        let error = remover.lines("step", &batch, &rejected, |_| panic!("nothing more is written")).unwrap_err();
        assert_eq!(error.class, Class::Interrupted, "{error}");
    }
}
