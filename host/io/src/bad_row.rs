//! Rows that cannot be read, where the input lets them be left out.

use arrow::array::{AsArray, BooleanArray, RecordBatch, UInt64Array};
use arrow::compute::{filter, filter_record_batch};

use crate::error::{ErrorKind, InFile, IoError};
use crate::formats::Taken;
use crate::places::Source;
use crate::spec::{InputSpec, OnBadRow};

/// Only the beginning of a longer row is kept: its line says where all of it is.
const KEPT: usize = 64 << 10;

/// A row that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// Its line, or its number where rows have no lines, from 1.
    pub origin: u64,
    /// What is wrong with it, without its value: the same for many rows.
    pub reason: String,
    /// The same with the value, and the byte of the line where it is.
    pub message: String,
    /// The row as it is in the file; what is not UTF-8 is replaced, and only the first 64 KiB are kept.
    pub text: String,
}

impl BadRow {
    /// The row that an error is about, if it may be left out.
    ///
    /// # Errors
    /// The error itself, if the input does not reject bad rows, or the row is not what is wrong.
    pub(crate) fn of(error: IoError, spec: &InputSpec, origin: u64, text: &[u8]) -> Result<BadRow, IoError> {
        if spec.on_bad_row == OnBadRow::Fail || error.kind() != ErrorKind::Data {
            return Err(error);
        }
        let message = error.message();
        let reason = message.split_once(", found ").map_or(message, |(reason, _)| reason).to_owned();
        let message = match error.place() {
            Some(InFile::Line { column: Some(column), .. }) => format!("{message} (column {column})"),
            _ => message.to_owned(),
        };
        let text = String::from_utf8_lossy(&text[..text.len().min(KEPT)]).trim_end().to_owned();
        Ok(BadRow { origin, reason, message, text })
    }
}

/// The rows of a batch while it is built: which of them are to be left out.
#[derive(Default)]
pub(crate) struct Sieve {
    keep: Vec<bool>,
    bad: Vec<BadRow>,
}

impl Sieve {
    /// The next row is one.
    pub(crate) fn keep(&mut self) {
        self.keep.push(true);
    }

    /// The next row is to be left out.
    pub(crate) fn leave_out(&mut self, bad: BadRow) {
        self.keep.push(false);
        self.bad.push(bad);
    }

    /// Leaves them out of the rows.
    pub(crate) fn sift(self, origin: UInt64Array, rows: RecordBatch) -> Taken {
        if self.bad.is_empty() {
            return (origin, rows).into();
        }
        let keep = BooleanArray::from(self.keep);
        let origin = filter(&origin, &keep).expect("each row has an origin").as_primitive().clone();
        let rows = filter_record_batch(&rows, &keep).expect("each row is kept or not");
        Taken { origin, rows, bad: self.bad, at: None }
    }
}

/// The rows of a sample that cannot be read. A few are left out; if most are bad, it is what they are compared with that is wrong.
#[derive(Default)]
pub(crate) struct BadSample {
    rows: u64,
    bad: u64,
    first: Option<IoError>,
}

impl BadSample {
    /// A row of the sample, and what is wrong with it.
    ///
    /// # Errors
    /// That, if it may not be left out.
    pub(crate) fn add(&mut self, row: Result<(), IoError>, spec: &InputSpec) -> Result<(), IoError> {
        self.rows += 1;
        match row {
            Err(error) if spec.on_bad_row == OnBadRow::Reject && error.kind() == ErrorKind::Data => {
                self.bad += 1;
                self.first.get_or_insert(error);
                Ok(())
            }
            row => row,
        }
    }

    /// The rows of another sample, if all of them can be read.
    #[must_use]
    pub(crate) fn take(&mut self, other: &BadSample) -> bool {
        self.rows += if other.bad == 0 { other.rows } else { 0 };
        other.bad == 0
    }

    /// The rows so far were of this file.
    pub(crate) fn in_file(&mut self, file: &Source) {
        self.first = self.first.take().map(|first| first.in_file(file));
    }

    /// # Errors
    /// The first of them, if there are more than rows that can be read.
    pub(crate) fn check(self) -> Result<(), IoError> {
        match self.first {
            Some(first) if self.bad * 2 > self.rows => Err(first.of_many(self.bad, self.rows)),
            _ => Ok(()),
        }
    }
}
