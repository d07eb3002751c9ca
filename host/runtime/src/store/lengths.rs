//! How many rows each batch of a node had, and where they went: a look at the run finds a row by its number, without those before it.
//!
//! `lengths/NODE` holds frames of many entries, four numbers each, written while the node works. Nothing depends on the file: what does not
//! add up is not used.

use std::io;
use std::path::{Path, PathBuf};

use callboard_io::Mark;

use super::frames::{FrameFile, FrameWriter};

/// The folder of these files, in that of a run.
pub(crate) const LENGTHS: &str = "lengths";
/// Entries of a frame.
const ENTRIES: usize = 1024;
/// Numbers of an entry.
const NUMBERS: usize = 4;
/// Stands for a place that a file cannot be read from.
const NOWHERE: u64 = u64::MAX;

/// The rows of a batch of a step, of its first input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Length {
    pub(crate) rows_in: u64,
    pub(crate) rows_out: u64,
    pub(crate) dropped: u64,
    pub(crate) rejected: u64,
}

/// Rows of an input that were read together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretched {
    pub(crate) rows: u64,
    /// Their file, among the input's.
    pub(crate) file: u64,
    /// From where they can be read, if not from the beginning of the file alone.
    pub(crate) from: Option<Mark>,
}

/// Writes the entries of a node.
pub(crate) struct Lengths {
    writer: FrameWriter,
    waiting: Vec<u8>,
}

impl Lengths {
    /// Begins the file of a node; what an earlier process wrote of it is gone.
    pub(crate) fn begin(path: PathBuf) -> io::Result<Lengths> {
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(super::named(&path, &error)),
            _ => {}
        }
        Ok(Lengths { writer: FrameWriter::create(path)?, waiting: Vec::new() })
    }

    /// Notes a batch of a step.
    pub(crate) fn batch(&mut self, length: Length) -> io::Result<()> {
        let Length { rows_in, rows_out, dropped, rejected } = length;
        self.note([rows_in, rows_out, dropped, rejected])
    }

    /// Notes rows of an input.
    pub(crate) fn stretch(&mut self, stretch: &Stretched) -> io::Result<()> {
        let (at, before) = stretch.from.map_or((NOWHERE, 0), |from| (from.at, from.before));
        self.note([stretch.rows, stretch.file, at, before])
    }

    fn note(&mut self, entry: [u64; NUMBERS]) -> io::Result<()> {
        self.waiting.extend(entry.iter().flat_map(|number| number.to_le_bytes()));
        if self.waiting.len() >= ENTRIES * NUMBERS * 8 { self.end() } else { Ok(()) }
    }

    /// Writes what waits.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        match waiting.is_empty() {
            true => Ok(()),
            false => self.writer.append(0, (waiting.len() / NUMBERS / 8) as u32, 0, &[waiting]).map(drop),
        }
    }
}

/// What is noted of the zip that a step reads is called so.
pub(crate) fn zip_name(step: &str) -> String {
    format!("{step}.zip")
}

/// The batches of a step of the run in a folder, in order; `None` if they are not whole.
pub(crate) fn lengths(run: &Path, step: &str) -> Option<Vec<Length>> {
    let of = |[rows_in, rows_out, dropped, rejected]: [u64; NUMBERS]| Length { rows_in, rows_out, dropped, rejected };
    Some(entries(run, step)?.into_iter().map(of).collect())
}

/// The rows of an input of the run in a folder, in order; `None` if they are not whole.
pub(crate) fn stretches(run: &Path, input: &str) -> Option<Vec<Stretched>> {
    let of = |[rows, file, at, before]: [u64; NUMBERS]| {
        let from = (at != NOWHERE).then_some(Mark { file: usize::try_from(file).ok()?, at, before });
        Some(Stretched { rows, file, from })
    };
    entries(run, input)?.into_iter().map(of).collect()
}

fn entries(run: &Path, node: &str) -> Option<Vec<[u64; NUMBERS]>> {
    let file = FrameFile::open(run.join(LENGTHS).join(node)).ok()?;
    let (frames, torn) = file.scan().ok()?;
    let mut entries = Vec::new();
    for frame in frames {
        let body = file.read(&frame).ok()?;
        let (numbers, rest) = body.as_chunks::<8>();
        let (all, more) = numbers.as_chunks::<NUMBERS>();
        entries.extend(all.iter().map(|entry| entry.map(u64::from_le_bytes)));
        if !rest.is_empty() || !more.is_empty() {
            return None;
        }
    }
    (torn == 0).then_some(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_read_and_what_is_not_whole_is_not() {
        let run = tempfile::tempdir().unwrap();
        std::fs::create_dir(run.path().join(LENGTHS)).unwrap();
        let path = run.path().join(LENGTHS).join("step");
        let batch = |at| Length { rows_in: at, rows_out: at / 2, dropped: 1, rejected: 0 };
        for batches in [3, 3000] {
            let mut writer = Lengths::begin(path.clone()).unwrap();
            (0..batches).try_for_each(|at| writer.batch(batch(at))).unwrap();
            writer.end().unwrap();
            assert_eq!(lengths(run.path(), "step"), Some((0..batches).map(batch).collect()));
        }
        let bytes = std::fs::read(&path).unwrap();
        for cut in [1, 40, 20_000] {
            std::fs::write(&path, &bytes[..bytes.len() - cut]).unwrap();
            assert_eq!(lengths(run.path(), "step"), None, "{cut} bytes less");
        }
        assert_eq!(lengths(run.path(), "another"), None);

        let from = |at| (at % 2 == 0).then_some(Mark { file: 3, at, before: at * 2 });
        let stretch = |at| Stretched { rows: at, file: 3, from: from(at) };
        let mut writer = Lengths::begin(run.path().join(LENGTHS).join("input")).unwrap();
        (0..5).try_for_each(|at| writer.stretch(&stretch(at))).unwrap();
        writer.end().unwrap();
        assert_eq!(stretches(run.path(), "input"), Some((0..5).map(stretch).collect()));
    }
}
