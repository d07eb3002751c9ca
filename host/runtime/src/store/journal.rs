//! The journal of a run: what has been completed, a line each.
//!
//! A line is the XXH3-64 of its JSON in 16 hexadecimal digits, a space, and the JSON. A record counts when its whole line is
//! there; where a line does not match its checksum, the journal ends.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

use callboard_io::beneath::Dir;
use twox_hash::XxHash3_64;

use super::folder::alone;
use super::frames::named;
use super::records::Record;

const JOURNAL: &str = "journal";
/// No more of a journal is read, bytes.
const LONGEST: u64 = 256 << 20;

/// Writes a journal.
pub(crate) struct Journal {
    file: Arc<File>,
    path: PathBuf,
}

impl Journal {
    /// Opens the journal of a run's folder for more, or makes it. `length` bytes of it are good; what stands behind them is cut off.
    pub(crate) fn open(folder: &Dir, length: u64) -> io::Result<Journal> {
        let path = folder.path().join(JOURNAL);
        let opened = folder.file_to_append(JOURNAL, 0o600).and_then(alone).and_then(|file| {
            file.set_len(length)?;
            Ok(file)
        });
        let file = opened.map_err(|error| named(&path, &error))?;
        Ok(Journal { file: Arc::new(file), path })
    }

    pub(crate) fn file(&self) -> &Arc<File> {
        &self.file
    }

    pub(crate) fn append(&self, record: &Record) -> io::Result<()> {
        let line = line(&serde_json::to_string(record).expect("records are JSON"));
        (&*self.file).write_all(line.as_bytes()).map_err(|error| named(&self.path, &error))
    }
}

/// A line of a journal, of what it says: its checksum is right.
#[cfg(feature = "fuzzing")]
pub(crate) fn sealed(json: &[u8]) -> Vec<u8> {
    [format!("{:016x} ", XxHash3_64::oneshot(json)).as_bytes(), json, b"\n"].concat()
}

fn line(json: &str) -> String {
    format!("{:016x} {json}\n", XxHash3_64::oneshot(json.as_bytes()))
}

/// A journal, read.
#[derive(Debug, Default)]
pub(crate) struct Records {
    pub(crate) records: Vec<Record>,
    /// The bytes that they take.
    pub(crate) length: u64,
    /// Bytes behind them that are not records.
    pub(crate) torn: u64,
}

/// Reads the journal of a run's folder; one that is not there is empty.
pub(crate) fn read(folder: &Dir) -> io::Result<Records> {
    let mut bytes = Vec::new();
    let read = folder.file(JOURNAL).and_then(|file| file.take(LONGEST).read_to_end(&mut bytes));
    match read {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Records::default()),
        read => read.map_err(|error| named(&folder.path().join(JOURNAL), &error))?,
    };
    Ok(records(&bytes))
}

pub(crate) fn records(bytes: &[u8]) -> Records {
    let mut read = Records::default();
    let mut rest = bytes;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let Some(record) = record(&rest[..end]) else { break };
        read.records.push(record);
        rest = &rest[end + 1..];
    }
    read.torn = rest.len() as u64;
    read.length = bytes.len() as u64 - read.torn;
    read
}

fn record(line: &[u8]) -> Option<Record> {
    let (checksum, json) = std::str::from_utf8(line).ok()?.split_once(' ')?;
    let matches = checksum.len() == 16 && u64::from_str_radix(checksum, 16) == Ok(XxHash3_64::oneshot(json.as_bytes()));
    matches.then(|| serde_json::from_str(json).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes() -> Vec<u8> {
        let begun = Record::Begun { at: 7, version: "0.1.0".to_owned() };
        let stage = Record::Stage { stage: 1, ended: Box::default() };
        let lines = [&begun, &stage, &Record::Committing].map(|record| line(&serde_json::to_string(record).unwrap()));
        lines.concat().into_bytes()
    }

    #[test]
    fn a_cut_journal_ends_with_its_last_whole_record() {
        let bytes = bytes();
        assert_eq!(records(&bytes).records.len(), 3);
        for cut in 0..bytes.len() {
            let read = records(&bytes[..cut]);
            let whole = bytes[..cut].iter().filter(|byte| **byte == b'\n').count();
            assert_eq!((read.records.len(), read.length + read.torn), (whole, cut as u64), "cut at {cut}");
        }
    }

    #[test]
    fn no_flipped_bit_is_read_as_a_record() {
        let bytes = bytes();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let read = records(&flipped);
            // Upper-case digits of a checksum say the same.
            let same = flipped.eq_ignore_ascii_case(&bytes) && read.records.len() == 3;
            assert!(read.torn > 0 || same, "bit {bit}");
        }
    }
}
