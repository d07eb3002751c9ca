//! Files that were put one behind the other (`cat a b`): a reader that begins at the end sees the last one alone, and loses the rows of
//! those before.

use std::io;

use memchr::memmem;

use crate::error::IoError;
use crate::places::Opened;

/// Bytes that are looked at together.
const BLOCK: usize = 256 << 10;

/// Whether another file stands before the one that the footer at `footer` describes, which ends what it has at `end`, up to `slack` bytes
/// before the footer. `mark` is the end of a file and the beginning of the next one, of which `first` bytes are the end.
pub(super) fn is_second(file: &Opened, end: u64, footer: u64, slack: u64, mark: &[u8], first: u64) -> io::Result<bool> {
    // The distance by which the footer is further back than it would be by itself is the length of what precedes it.
    let before = footer.saturating_sub(end);
    for length in before.saturating_sub(slack)..=before {
        let mut there = vec![0; mark.len()];
        let at = length.checked_sub(first).filter(|at| at + mark.len() as u64 <= footer);
        if at.is_some_and(|at| file.read_exact_at(&mut there, at).is_ok()) && there == mark {
            return Ok(true);
        }
    }
    holds(file, end, footer, mark)
}

/// Whether the bytes from `begin` to before `end` hold `mark`.
fn holds(file: &Opened, begin: u64, end: u64, mark: &[u8]) -> io::Result<bool> {
    let mut block = vec![0; BLOCK];
    let mut at = begin;
    while at + mark.len() as u64 <= end {
        let length = BLOCK.min(usize::try_from(end - at).unwrap_or(BLOCK));
        file.read_exact_at(&mut block[..length], at)?;
        if memmem::find(&block[..length], mark).is_some() {
            return Ok(true);
        }
        at += (length - (mark.len() - 1)) as u64;
    }
    Ok(false)
}

pub(super) fn error(what: &str) -> IoError {
    IoError::data(format!("is several {what} files, one after another, of which only the last would be read"))
        .with_help("name each file in `path`: files are not joined by their bytes")
}
