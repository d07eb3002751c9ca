//! The log of a step's work: the results of its calls, so that none is made twice.
//!
//! A step has a folder, `work/STEP`: `key.json` says what the work depends on ([`StepKey`]), and each `NNN.log` is a file of
//! frames. A transform's work is found by the digest of the rows that it was done on; what a source or a global step did lies in order.
//! A later run, or this one when it is resumed, links the files of an equal key and appends to one of its own, which is made when there is
//! something to append. A frame is written when the work is done, in one piece; before that, a frame without a body says that it was
//! begun.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::datatypes::SchemaRef;

use super::folder::alone;
use super::frames::{Body, FrameFile, FrameWriter, make_dir, named, regular};
use super::head;
use super::ipc::{self, RowEncoder};
use super::records::{Deed, FORMAT, Frame, HEADER, Header, Outcome};
use super::spill::Quota;
use super::sync::Syncer;
use crate::rows::weight;

const BEGUN: u8 = 0;
const DONE: u8 = 1;
const ENDED: u8 = 2;
/// A part of a global step's work: it counts when the end is there.
const PART: u8 = 3;
/// The end of one of its calls.
const CALLED: u8 = 4;

/// If there are more logs than this, each is opened when something is read of it, and at no other time.
const OPEN: usize = 64;
/// The folder of all work, in that of a run.
pub(crate) const WORK: &str = "work";
/// What says, beside the logs of a step, what its work depends on.
pub(crate) const KEY: &str = "key.json";
/// The log of a process before which there were none.
pub(crate) const FIRST_LOG: &str = "000.log";
/// No more of `key.json` is read, bytes.
const LONGEST_KEY: u64 = 64 << 20;
/// What may be noted of each row beside its values, bytes.
const OF_A_ROW: u64 = 64;

/// A log of a step, to read single frames of it.
#[derive(Debug)]
pub(crate) struct Log {
    /// From the run's folder.
    pub(crate) path: PathBuf,
    /// The schema of the columns that its frames hold.
    pub(crate) schema: SchemaRef,
}

/// A frame of a log.
#[derive(Clone, Debug)]
pub(crate) struct Logged {
    pub(crate) log: Arc<Log>,
    pub(crate) frame: Frame,
}

/// A column of a frame of a log.
#[derive(Clone, Debug)]
pub(crate) struct LogColumn {
    pub(crate) logged: Logged,
    pub(crate) column: usize,
}

/// The work of a step, open for more.
pub(crate) struct Work {
    pub(crate) header: Header,
    folder: PathBuf,
    schema: SchemaRef,
    files: Vec<FrameFile>,
    /// The files, and at last our own.
    logs: Vec<Arc<Log>>,
    used: Vec<AtomicBool>,
    found: HashMap<u128, (usize, Frame)>,
    ordered: Vec<(usize, Frame)>,
    /// Rows whose work was begun and is not done.
    begun: HashMap<u128, u32>,
    again: AtomicU64,
    encoder: Mutex<RowEncoder>,
    /// None until something is appended.
    own: Mutex<Option<FrameWriter>>,
    /// `None` of work that is only read, or that nobody takes over before all of it is there.
    syncer: Option<Syncer>,
    /// For a step that decides itself how often it does something.
    quota: Option<Arc<Quota>>,
    damage: Mutex<Vec<String>>,
}

impl Work {
    /// Opens the work of a step in the run's folder. `from` are folders of equal work in other runs, the latest first: all that is
    /// digested with the seed of the latest is taken over.
    pub(crate) fn open(
        folder: PathBuf,
        header: Header,
        schema: SchemaRef,
        from: &[&Path],
        syncer: Option<&Syncer>,
        quota: Option<Arc<Quota>>,
    ) -> io::Result<Work> {
        let own = read_header(&folder).filter(|own| own.key == header.key);
        if own.is_none() && folder.exists() {
            std::fs::remove_dir_all(&folder).map_err(|error| named(&folder, &error))?;
        }
        let earlier: Vec<(&Path, Header)> = from.iter().filter_map(|from| Some((*from, read_header(from)?))).collect();
        let header = match (own, earlier.first()) {
            (Some(own), _) => own,
            (None, None) => header,
            (None, Some((_, latest))) => {
                let equal = || earlier.iter().filter(|(_, header)| header.seed == latest.seed).rev();
                make_dir(&folder)?;
                link(equal().map(|(from, _)| *from), &folder)?;
                Header { seed: latest.seed, ..header }
            }
        };
        if folder.exists() {
            write_header(&folder, &header)?;
        }
        let files = logs(&folder)?.into_iter().map(FrameFile::open);
        Work::found(folder, header, schema, files, syncer.cloned(), quota)
    }

    /// The work of a step in the folder of a run, to be read and nothing else; `None` if there is none.
    pub(crate) fn kept(folder: PathBuf, schema: SchemaRef) -> io::Result<Option<Work>> {
        let header = read_header(&folder);
        let Some(header) = header else { return Ok(None) };
        let paths = logs(&folder)?;
        Work::of_files(folder, header, schema, paths.into_iter().map(FrameFile::open)).map(Some)
    }

    /// The work of a step in these logs, to be read and nothing else.
    pub(crate) fn of_files(
        folder: PathBuf,
        header: Header,
        schema: SchemaRef,
        files: impl ExactSizeIterator<Item = io::Result<FrameFile>>,
    ) -> io::Result<Work> {
        Work::found(folder, header, schema, files, None, None)
    }

    /// What is in logs; a log of our own goes into the folder.
    fn found(
        folder: PathBuf,
        header: Header,
        schema: SchemaRef,
        logs: impl ExactSizeIterator<Item = io::Result<FrameFile>>,
        syncer: Option<Syncer>,
        quota: Option<Arc<Quota>>,
    ) -> io::Result<Work> {
        let (mut damage, are_many) = (Vec::new(), logs.len() > OPEN);
        let (mut files, mut ordered, mut found, mut begun) = (Vec::new(), Vec::new(), HashMap::new(), HashMap::new());
        for file in logs {
            let file = file?;
            let (frames, torn) = file.scan()?;
            if torn > 0 {
                damage.push(format!(
                    "`{}`: the last {torn} bytes are not a complete record, and are ignored",
                    file.path().display()
                ));
            }
            for frame in frames {
                match frame.kind {
                    BEGUN => drop(begun.insert(frame.tag, frame.rows)),
                    PART => ordered.push((files.len(), frame)),
                    _ => {
                        begun.remove(&frame.tag);
                        found.insert(frame.tag, (files.len(), frame));
                        ordered.push((files.len(), frame));
                    }
                }
            }
            files.push(if are_many { file.at_rest() } else { file });
        }
        let last = files.last().map(FrameFile::path);
        let next = last.and_then(|path| path.file_stem()?.to_str()?.parse::<u32>().ok()).map_or(0, |n| n + 1);
        let own = PathBuf::from(format!("{next:03}.log"));
        let place = Path::new(WORK).join(folder.file_name().unwrap_or_default());
        let log = |path: &Path| {
            Arc::new(Log { path: place.join(path.file_name().unwrap_or_default()), schema: schema.clone() })
        };
        let logs = files.iter().map(FrameFile::path).chain([own.as_path()]).map(log).collect();
        Ok(Work {
            header,
            folder,
            used: files.iter().map(|_| AtomicBool::new(false)).collect(),
            files,
            logs,
            found,
            ordered,
            begun,
            again: AtomicU64::new(0),
            encoder: Mutex::new(RowEncoder::new(&schema)?),
            own: Mutex::new(None),
            syncer,
            quota,
            schema,
            damage: Mutex::new(damage),
        })
    }

    /// Whether anything was done before.
    pub(crate) fn is_empty(&self) -> bool {
        self.ordered.is_empty()
    }

    /// What was done on rows of this digest, if it was, and where it is written. Damage is noted, and the work is to be done again.
    pub(crate) fn find(&self, digest: u128) -> Option<(Deed, RecordBatch, Logged)> {
        let (file, frame) = self.found.get(&digest)?;
        let (deed, rows) = self.read(*file, frame)?;
        match deed {
            // With other limits the rows may go through.
            Deed::Processed(Outcome { narrowed: Some(limits), .. }) if limits != self.header.limits => None,
            deed => Some((deed, rows, Logged { log: self.logs[*file].clone(), frame: *frame })),
        }
    }

    /// What was done under a tag, in order, up to the first that is damaged. With `file`, what was done there alone.
    pub(crate) fn in_order(&self, tag: u128, file: Option<usize>) -> impl Iterator<Item = (Deed, RecordBatch)> {
        let wanted = move |at: usize, frame: &Frame| frame.tag == tag && file.is_none_or(|file| file == at);
        let frames = self.ordered.iter().filter(move |(at, frame)| wanted(*at, frame));
        frames.map_while(|(file, frame)| self.read(*file, frame))
    }

    /// Where work under a tag ended, in one piece that is intact.
    pub(crate) fn ended(&self, tag: u128) -> Option<usize> {
        // Most work of many calls is asked for in vain.
        self.found.get(&tag)?;
        let is_end = |frame: &Frame| frame.tag == tag && matches!(frame.kind, ENDED | CALLED);
        let mut files = self.ordered.iter().rev().filter(|(_, frame)| is_end(frame)).map(|(file, _)| *file);
        files.find(|file| self.is_whole(tag, *file))
    }

    /// Whether all that a file has under a tag is intact, and its end stands last. It is read, and not yet understood.
    fn is_whole(&self, tag: u128, file: usize) -> bool {
        let (mut body, mut last) = (Vec::new(), None);
        for (_, frame) in self.ordered.iter().filter(|(at, frame)| *at == file && frame.tag == tag) {
            if let Err(error) = self.files[file].check(frame, &mut body) {
                self.damaged(&error);
                return false;
            }
            last = Some(frame.kind);
        }
        matches!(last, Some(ENDED | CALLED))
    }

    fn damaged(&self, error: &io::Error) {
        self.damage.lock().expect("no holder panics").push(format!("{error}; it is repeated"));
    }

    /// Where the last work that ended under a tag did so, and on how many rows; not whether all of it is intact.
    pub(crate) fn last_end(&self) -> Option<(u128, usize, u32)> {
        let mut ends = self.ordered.iter().rev().filter(|(_, frame)| frame.kind == ENDED);
        ends.next().map(|(file, frame)| (frame.tag, *file, frame.rows))
    }

    /// The parts of work under a tag, in order: how many rows each put out, as far as that is noted, and where it is read.
    pub(crate) fn parts(&self, tag: u128, file: usize) -> impl Iterator<Item = (u32, &Frame)> {
        let frames = self.ordered.iter().filter(move |(at, frame)| *at == file && frame.tag == tag);
        frames.filter(|(_, frame)| frame.kind == PART).map(|(_, frame)| (frame.rows, frame))
    }

    /// The pages of a source, in order, and the file that each is in.
    pub(crate) fn pages(&self) -> impl Iterator<Item = (usize, &Frame)> {
        let is_page = |frame: &Frame| frame.tag == 0 && frame.kind == DONE;
        self.ordered.iter().filter(move |(_, frame)| is_page(frame)).map(|(file, frame)| (*file, frame))
    }

    /// What a frame of a file holds; damage is noted.
    pub(crate) fn part(&self, file: usize, frame: &Frame) -> Option<(Deed, RecordBatch)> {
        self.read(file, frame)
    }

    fn read(&self, file: usize, frame: &Frame) -> Option<(Deed, RecordBatch)> {
        let from = &self.files[file];
        let read = from.read(frame).and_then(|body| decode(&self.schema, &body));
        match read {
            Ok(done) => {
                self.used[file].store(true, Ordering::Relaxed);
                Some(done)
            }
            Err(error) => {
                self.damaged(&error);
                None
            }
        }
    }

    /// Notes that work is begun.
    pub(crate) fn begin(&self, tag: u128, rows: u32) -> io::Result<()> {
        if let Some(rows) = self.begun.get(&tag) {
            self.again.fetch_add(u64::from(*rows), Ordering::Relaxed);
        }
        self.append(BEGUN, rows, tag, &Body::of(&[[0u8; 0]])).map(drop)
    }

    /// Appends to the log of our own.
    fn append<B: AsRef<[u8]>>(&self, kind: u8, rows: u32, tag: u128, body: &Body<'_, B>) -> io::Result<Frame> {
        let mut own = self.own.lock().expect("no holder panics");
        let writer = match own.take() {
            Some(writer) => writer,
            None => {
                make_dir(&self.folder)?;
                write_header(&self.folder, &self.header)?;
                let name = self.own_log().path.file_name().unwrap_or_default();
                let writer = FrameWriter::create(self.folder.join(name))?;
                self.syncer.iter().for_each(|syncer| syncer.watch(writer.file()));
                writer
            }
        };
        own.insert(writer).append_sealed(kind, rows, tag, body)
    }

    fn own_log(&self) -> &Arc<Log> {
        &self.logs[self.files.len()]
    }

    /// Notes what was done, on `rows` rows: for a part of a global step's work the rows that it wrote, for its end all. Says where.
    pub(crate) fn done(&self, tag: u128, rows: u32, deed: &Deed, written: &RecordBatch) -> io::Result<Logged> {
        let mut body = vec![head::encode(deed)?];
        body.extend(self.encoder.lock().expect("no holder panics").encode(written)?);
        let kind = match deed {
            Deed::Processed(_) | Deed::Page { .. } => DONE,
            Deed::Kept { .. } | Deed::Wrote | Deed::Removed { .. } | Deed::Placed { .. } => PART,
            Deed::Called { .. } => CALLED,
            Deed::Ended { .. } => ENDED,
        };
        let body = Body::of(&body);
        if let Some(quota) = &self.quota {
            // Rows are paid for where they go; what is left is for calls that do little, made again and again.
            let of_rows = weight(written) / 8 + OF_A_ROW * deed.rows(written);
            quota.take_noted((body.len() + HEADER as u64).saturating_sub(of_rows))?;
        }
        let frame = self.append(kind, rows, tag, &body)?;
        Ok(Logged { log: self.own_log().clone(), frame })
    }

    /// Rows whose work had been begun before, not ended, and was begun again.
    pub(crate) fn again(&self) -> u64 {
        self.again.load(Ordering::Relaxed)
    }

    /// What was found damaged since this was last asked.
    pub(crate) fn take_damage(&self) -> Vec<String> {
        std::mem::take(&mut self.damage.lock().expect("no holder panics"))
    }

    /// Removes the files of earlier runs that nothing was found in.
    pub(crate) fn tidy(&self) {
        for (file, used) in self.files.iter().zip(&self.used) {
            if !used.load(Ordering::Relaxed) {
                let _ = std::fs::remove_file(file.path());
            }
        }
    }
}

/// What the folder of a step's work says it depends on.
pub(crate) fn read_header(folder: &Path) -> Option<Header> {
    let mut json = Vec::new();
    let file = regular(&folder.join(KEY), File::options().read(true)).ok()?;
    file.take(LONGEST_KEY).read_to_end(&mut json).ok()?;
    serde_json::from_slice(&json).ok().filter(|header: &Header| header.format == FORMAT)
}

/// Writes down what the work in a folder depends on. One that is cut off by a power cut is not a header, and the work beside it is nobody's.
pub(crate) fn write_header(folder: &Path, header: &Header) -> io::Result<()> {
    let path = folder.join(KEY);
    let json = serde_json::to_vec_pretty(header).expect("a key is JSON");
    let write = || {
        let mut options = File::options();
        let mut file = regular(&path, options.write(true).create(true).mode(0o600)).and_then(alone)?;
        file.set_len(0)?;
        file.write_all(&json)
    };
    write().map_err(|error| named(&path, &error))
}

/// The rows that work in some folders was done on.
pub(crate) fn count(folders: &[&Path]) -> u64 {
    let logs = folders.iter().flat_map(|folder| logs(folder).unwrap_or_default());
    let files = logs.filter_map(|path| FrameFile::open(path).ok()?.scan().ok());
    let frames: Vec<Frame> = files.flat_map(|(frames, _)| frames).collect();
    // A global step's end says it; the pages of a source all have the tag 0.
    let is_global = frames.iter().any(|frame| frame.kind == ENDED && frame.tag != 0);
    let counted = if is_global { ENDED } else { DONE };
    let mut seen = std::collections::HashSet::new();
    let once = frames.iter().filter(|frame| frame.kind == counted && (frame.tag == 0 || seen.insert(frame.tag)));
    once.map(|frame| u64::from(frame.rows)).sum()
}

/// Links the logs of some folders into another, each once, in order.
fn link<'a>(from: impl Iterator<Item = &'a Path>, to: &Path) -> io::Result<()> {
    let mut seen = std::collections::HashSet::new();
    for from in from {
        for log in logs(from)? {
            let file = log.metadata().map_err(|error| named(&log, &error))?;
            if file.len() > 0 && seen.insert((file.dev(), file.ino())) {
                let link = to.join(format!("{:03}.log", seen.len() - 1));
                // Another file system takes no link.
                std::fs::hard_link(&log, &link)
                    .or_else(|_| std::fs::copy(&log, &link).map(drop))
                    .map_err(|error| named(&link, &error))?;
            }
        }
    }
    Ok(())
}

/// The logs of a step, in order; no logs if there is no folder.
fn logs(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| named(folder, &error))?,
    };
    let mut logs = Vec::new();
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        // A run makes no links.
        if entry.file_type()?.is_file() && path.extension().is_some_and(|extension| extension == "log") {
            logs.push(path);
        }
    }
    logs.sort();
    Ok(logs)
}

pub(crate) fn decode(schema: &SchemaRef, body: &Buffer) -> io::Result<(Deed, RecordBatch)> {
    let broken = || io::Error::new(io::ErrorKind::InvalidData, "a record of work cannot be read");
    let (deed, rows) = head::decode(body).ok_or_else(broken)?;
    Ok((deed, ipc::decode(schema, &rows, None)?))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use arrow::array::Int64Array;
    use arrow::datatypes::{DataType, Field, Schema};

    use super::*;
    use crate::rows::record_batch;
    use crate::store::sync::Syncing;

    /// For a step of which nothing is known.
    pub(crate) fn header(seed: u64) -> Header {
        let key = serde_json::json!({
            "contract": "", "component": "", "config": null, "seed": 0, "given": [], "writes": "", "schemas": "",
            "granted": null, "found": {}
        });
        Header { format: FORMAT, key: serde_json::from_value(key).unwrap(), limits: (0, 0), seed }
    }

    /// A process that ends between any two of the writes that a log begins with leaves work that is whole, or none.
    #[test]
    fn a_log_that_was_only_begun_is_gone_on_with_or_nobodys() {
        let run = tempfile::tempdir().unwrap();
        let folder = run.path().join("work/step");
        let schema: SchemaRef = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]));
        let rows = record_batch(schema.clone(), vec![Arc::new(Int64Array::from(vec![1, 2]))], 2).unwrap();
        let syncing = Syncing::begin().unwrap();
        let open =
            |seed| Work::open(folder.clone(), header(seed), schema.clone(), &[], Some(&syncing.syncer), None).unwrap();
        let found = |work: &Work| work.find(7).map(|(deed, rows, _)| (deed, rows));
        let deed = Deed::Processed(Outcome {
            kept: None,
            removed: vec![],
            counters: BTreeMap::new(),
            narrowed: None,
            passing: false,
        });

        open(1);
        assert!(!folder.exists(), "a step that was never called leaves nothing");
        open(1).done(7, 2, &deed, &rows).unwrap();
        // Whoever goes on does so under the seed that the digests were made with.
        let again = open(2);
        assert_eq!((again.header.seed, found(&again)), (1, Some((deed.clone(), rows.clone()))));

        // A key and no log yet, or an empty one.
        for empty in [false, true] {
            std::fs::remove_file(folder.join("000.log")).unwrap();
            if empty {
                std::fs::write(folder.join("000.log"), "").unwrap();
            }
            let work = open(2);
            assert_eq!((work.header.seed, work.is_empty()), (1, true), "empty: {empty}");
            work.done(7, 2, &deed, &rows).unwrap();
            assert_eq!(found(&open(2)), Some((deed.clone(), rows.clone())));
        }

        // A key that was cut off: what lies beside it may be of another step.
        let key = std::fs::read(folder.join(KEY)).unwrap();
        std::fs::write(folder.join(KEY), &key[..key.len() / 2]).unwrap();
        let work = open(3);
        assert_eq!((work.header.seed, work.is_empty(), folder.exists()), (3, true, false));
    }
}
