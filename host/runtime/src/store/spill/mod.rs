//! Rows between stages: segments of frames in the run's folder.
//!
//! A frame holds rows, or refers to rows of other spills ([`SpillView`](super::SpillView)), which stay as long as this one, or to columns
//! of logs. A spill is readable when it is sealed: then its journal's [`Sealed`] says what it must hold, and whoever opens it
//! again compares it with that.

mod intact;
mod joined;
mod quota;
mod read;
mod writer;

use std::collections::BTreeSet;
use std::hash::Hasher;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use callboard_plan::{Feed, Plan};
use twox_hash::XxHash3_64;

use super::frames::FrameFile;
use super::ipc::{schema_digest, schema_of_text, schema_text};
use super::records::Frame;
use super::records::{Base, BaseLog, Column, Reference, Sealed};
use super::work::Log;

pub(crate) use intact::intact;
pub(crate) use quota::{Quota, Room};
pub(crate) use writer::SpillWriter;

/// The hidden columns stand first.
pub(super) const HIDDEN: usize = 2;

// The tag of a frame has, above its first row, what its rows take, bytes, wherever they lie, and how many rows are to be read for them.
/// A frame that holds its rows.
const HOLDS: u8 = 0;
/// A frame that refers to rows of other spills, or to columns of logs.
const REFERS: u8 = 1;

/// A sealed spill.
pub(crate) struct Spill {
    feed: Feed,
    folder: PathBuf,
    schema: SchemaRef,
    stored: SchemaRef,
    frames: Vec<(usize, Frame)>,
    files: Vec<FrameFile>,
    /// The spills that the frames lie in, if they lie in others.
    parts: Vec<joined::Part>,
    sealed: Sealed,
    bases: Vec<Arc<Spill>>,
    logs: Logs,
    quota: Arc<Quota>,
}

/// The logs that a spill refers to, and their files, opened when first read.
type Logs = Vec<(Arc<Log>, OnceLock<FrameFile>)>;

impl BaseLog {
    fn of(log: &Log) -> BaseLog {
        BaseLog { path: log.path.clone(), schema: schema_text(&log.schema) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it lies where the logs of a step of this plan lie.
    pub(crate) fn is_of(&self, plan: &Plan) -> bool {
        let parts: Option<Vec<&str>> = self.path.iter().map(|part| part.to_str()).collect();
        match parts.as_deref() {
            Some(["work", step, file]) => plan.step(step).is_some() && file.ends_with(".log"),
            _ => false,
        }
    }

    fn log(&self) -> Option<Log> {
        Some(Log { path: self.path.clone(), schema: Arc::new(schema_of_text(&self.schema)?) })
    }
}

impl Spill {
    /// Opens a spill that was sealed before; `bases` are the spills that it refers to. Its frames are checked against what they
    /// must be by their headers; rows when they are read.
    pub(crate) fn open(
        feed: Feed,
        folder: PathBuf,
        schema: SchemaRef,
        sealed: Sealed,
        bases: Vec<Arc<Spill>>,
        quota: Arc<Quota>,
    ) -> io::Result<Spill> {
        Spill::opened(&FrameFile::open, (feed, folder, schema), sealed, bases, quota)
    }

    /// The same, of which `open` opens the segments, and the logs that it refers to, at once.
    pub(crate) fn open_by(
        open: &dyn Fn(PathBuf) -> io::Result<FrameFile>,
        of: (Feed, PathBuf, SchemaRef),
        sealed: Sealed,
        bases: Vec<Arc<Spill>>,
        quota: Arc<Quota>,
    ) -> io::Result<Spill> {
        let spill = Spill::opened(open, of, sealed, bases, quota)?;
        for (log, file) in &spill.logs {
            let _ = file.set(open(run_of(&spill.folder).join(&log.path))?);
        }
        Ok(spill)
    }

    fn opened(
        open: &dyn Fn(PathBuf) -> io::Result<FrameFile>,
        (feed, folder, schema): (Feed, PathBuf, SchemaRef),
        sealed: Sealed,
        bases: Vec<Arc<Spill>>,
        quota: Arc<Quota>,
    ) -> io::Result<Spill> {
        if sealed.columns != schema_digest(&schema) {
            let words = format!("the rows of `{feed}` were kept without columns that are needed now");
            return Err(io::Error::new(io::ErrorKind::Unsupported, words));
        }
        if !bases.iter().map(|base| base.as_base()).eq(sealed.bases.iter().cloned()) {
            return Err(damaged(&folder, "the rows that it refers to are not those that were there"));
        }
        let (files, frames) = scan(&folder, &sealed, open)?;
        let logs = logs(&folder, &sealed)?;
        quota.take(sealed.bytes)?;
        let (stored, parts) = (stored_schema(&schema), Vec::new());
        Ok(Spill { feed, stored, folder, schema, frames, files, parts, sealed, bases, logs, quota })
    }

    /// What a spill notes that refers to it.
    fn as_base(&self) -> Base {
        Base { feed: self.feed.clone(), checksum: self.sealed.checksum.clone() }
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Whose rows it holds.
    pub(crate) fn feed(&self) -> &Feed {
        &self.feed
    }

    pub(crate) fn sealed(&self) -> &Sealed {
        &self.sealed
    }

    pub(crate) fn rows(&self) -> u64 {
        self.sealed.rows
    }

    pub(crate) fn frames(&self) -> usize {
        self.frames.len()
    }

    /// The first row of a frame, counted over the whole spill.
    pub(crate) fn first_row(&self, frame: usize) -> u64 {
        self.frames[frame].1.tag as u64
    }

    pub(crate) fn frame_rows(&self, frame: usize) -> usize {
        self.frames[frame].1.rows as usize
    }

    /// The size of a row of a frame, on average, in bytes, wherever it lies.
    pub(crate) fn row_bytes(&self, frame: usize) -> u64 {
        let Frame { rows, tag, .. } = self.frames[frame].1;
        u64::from((tag >> 64) as u32).div_ceil(u64::from(rows))
    }

    /// About what the rows of a frame take, bytes, wherever they lie.
    pub(crate) fn frame_bytes(&self, frame: usize) -> u64 {
        self.row_bytes(frame) * self.frame_rows(frame) as u64
    }

    /// How many rows are to be read for a frame: its own, or those of the frames that it refers to.
    pub(crate) fn weight(&self, frame: usize) -> u64 {
        u64::from((self.frames[frame].1.tag >> 96) as u32)
    }

    /// The frame that holds a row; `row` is less than [`Spill::rows`].
    pub(crate) fn frame_of(&self, row: u64) -> usize {
        self.frames.partition_point(|(_, frame)| frame.tag as u64 <= row) - 1
    }

    /// Removes its files. What cannot be removed is left until the run's folder is removed.
    pub(crate) fn remove(&self) {
        if !self.parts.is_empty() {
            return;
        }
        let _ = std::fs::remove_dir_all(&self.folder);
        self.quota.give_back(self.sealed.bytes);
    }
}

/// The segments of a spill, and its frames, each with the index of its segment.
type Segments = (Vec<FrameFile>, Vec<(usize, Frame)>);

/// The logs that a spill refers to.
fn logs(folder: &Path, sealed: &Sealed) -> io::Result<Logs> {
    let logs = sealed.logs.iter().map(|log| Some((Arc::new(log.log()?), OnceLock::new())));
    logs.collect::<Option<Logs>>().ok_or_else(|| damaged(folder, "a log that it refers to has no columns"))
}

/// The segments and frames of a sealed spill, which are those that were written, by their headers.
fn scan(folder: &Path, sealed: &Sealed, open: &dyn Fn(PathBuf) -> io::Result<FrameFile>) -> io::Result<Segments> {
    let (mut files, mut frames, mut checksum, mut rows) = (Vec::new(), Vec::new(), XxHash3_64::new(), 0);
    for segment in 0..sealed.segments as usize {
        let file = open(segment_path(folder, segment))?;
        for frame in file.scan()?.0 {
            // The lower half of its tag is its first row, counted over the whole spill.
            if frame.rows == 0 || frame.tag as u64 != rows {
                return Err(damaged(folder, "its frames are not in order"));
            }
            rows += u64::from(frame.rows);
            checksum.write(&frame.checksum.to_le_bytes());
            frames.push((segment, frame));
        }
        files.push(file);
    }
    if (frames.len() as u64, rows) != (sealed.frames, sealed.rows) {
        return Err(damaged(folder, &format!("{rows} rows are there of {}", sealed.rows)));
    }
    if format!("{:016x}", checksum.finish()) != sealed.checksum {
        return Err(damaged(folder, "these are not the rows that were written"));
    }
    Ok((files, frames))
}

fn damaged(folder: &Path, what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("`{}` is damaged: {what}", folder.display()))
}

fn segment_path(folder: &Path, segment: usize) -> PathBuf {
    folder.join(format!("{segment:05}.segment"))
}

/// The hidden columns, then the visible ones, by place: names need not be unique beside them.
pub(super) fn stored_schema(schema: &Schema) -> SchemaRef {
    let hidden = [Field::new("file", DataType::UInt32, true), Field::new("line", DataType::UInt64, true)];
    let visible = schema.fields().iter().enumerate().map(|(i, f)| f.as_ref().clone().with_name(i.to_string()));
    Arc::new(Schema::new(hidden.into_iter().chain(visible).collect::<Vec<_>>()))
}

/// The columns that stand beside a reference, of those that are stored otherwise.
fn own_schema(stored: &Schema, reference: &Reference) -> SchemaRef {
    let own = stored.fields().iter().zip(&reference.columns).filter(|(_, column)| **column == Column::Own);
    Arc::new(Schema::new(own.map(|(field, _)| field.clone()).collect::<Vec<_>>()))
}

fn broken(error: ArrowError) -> io::Error {
    io::Error::other(error)
}

/// The feeds of some spills, and of those that they refer to, however far.
pub(crate) fn with_bases<'a>(
    spills: impl IntoIterator<Item = Feed>,
    sealed: impl Fn(&Feed) -> Option<&'a Sealed>,
) -> BTreeSet<Feed> {
    let mut all = BTreeSet::new();
    let mut more: Vec<Feed> = spills.into_iter().collect();
    while let Some(spill) = more.pop() {
        more.extend(sealed(&spill).into_iter().flat_map(|sealed| &sealed.bases).map(|base| base.feed.clone()));
        all.insert(spill);
    }
    all
}

/// The folder of the spill of a feed.
pub(crate) fn folder(run: &Path, feed: &Feed) -> PathBuf {
    run.join("spill").join(feed.to_string())
}

/// The name of a segment of the spill of a feed, from the folder in which that of the run has the name `run`.
pub(crate) fn segment(run: &str, feed: &Feed, segment: u32) -> String {
    segment_path(&folder(Path::new(run), feed), segment as usize).to_string_lossy().into_owned()
}

/// The run's folder, of that of a spill.
fn run_of(folder: &Path) -> &Path {
    folder.parent().and_then(Path::parent).unwrap_or(folder)
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, StringArray, UInt32Array, UInt64Array};

    use super::*;
    use crate::rows::Location;
    use crate::rows::{Batch, record_batch};
    use crate::store::Deed;
    use crate::store::LogColumn;
    use crate::store::sync::Syncing;
    use crate::store::work::Work;
    use crate::store::work::tests::header;

    /// A column that a step's log has is not written again; what is read is the log's, or an error.
    #[test]
    fn a_column_of_a_log_is_read_there_and_damage_to_it_is_noticed() {
        let run = tempfile::tempdir().unwrap();
        let syncing = Syncing::begin().unwrap();
        let texts = StringArray::from_iter_values((0..500).map(|row| format!("{row} {}", "x".repeat(200))));
        let counts = Int64Array::from_iter_values(0..500);
        let fields = [Field::new("n", DataType::Int64, true), Field::new("text", DataType::Utf8, true)];
        let schema: SchemaRef = Arc::new(Schema::new(fields.to_vec()));
        let rows = record_batch(schema.clone(), vec![Arc::new(counts), Arc::new(texts)], 500).unwrap();
        let work =
            Work::open(run.path().join("work/tidy"), header(0), schema.clone(), &[], Some(&syncing.syncer), None)
                .unwrap();
        let logged = work.done(7, 500, &Deed::Wrote, &rows).unwrap();

        let quota = Arc::new(Quota::new(None));
        let feed = Feed::node("tidy");
        let folder = folder(run.path(), &feed);
        let mut writer =
            SpillWriter::create(feed.clone(), folder.clone(), schema.clone(), BTreeSet::new(), quota.clone(), None)
                .unwrap();
        let (file, line) = (UInt32Array::from_value(0, 500), UInt64Array::from_iter_values(1..=500));
        let mut batch = Batch::new(rows.clone(), file, line);
        let places = (0..2).map(|column| Some(Location::new(LogColumn { logged: logged.clone(), column })));
        batch.known.iter_mut().zip(places).for_each(|(known, place)| known.place = place);
        writer.push(&batch).unwrap();
        let spill = writer.seal();
        assert!(spill.sealed().bytes < 20_000, "the text is not in it: {} bytes", spill.sealed().bytes);
        let sealed: Sealed = serde_json::from_str(&serde_json::to_string(spill.sealed()).unwrap()).unwrap();
        let open =
            || Spill::open(feed.clone(), folder.clone(), schema.clone(), sealed.clone(), Vec::new(), quota.clone());
        let again = open().unwrap();
        assert_eq!(again.read(0, None).unwrap().rows, rows);
        assert_eq!(again.read(0, Some(&[1])).unwrap().rows, rows.project(&[1]).unwrap());
        assert_eq!((again.row_bytes(0), again.weight(0)), (spill.row_bytes(0), 500));
        intact(&folder, &sealed).unwrap();

        let log = run.path().join(&logged.log.path);
        let mut bytes = std::fs::read(&log).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&log, &bytes).unwrap();
        for damaged in [intact(&folder, &sealed), open().unwrap().read(0, Some(&[1])).map(drop)] {
            let words = damaged.unwrap_err().to_string();
            assert!(words.contains("work/tidy/000.log` is damaged at byte"), "{words}");
        }
        assert_eq!(open().unwrap().read(0, Some(&[0])).unwrap().rows, rows.project(&[0]).unwrap());
    }
}
