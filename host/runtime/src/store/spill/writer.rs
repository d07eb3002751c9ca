//! Writes a spill.

use std::collections::BTreeSet;
use std::hash::Hasher;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use arrow::array::{Array, ArrayRef};
use arrow::buffer::Buffer;
use arrow::datatypes::SchemaRef;
use callboard_io::{array_bits, rows_bits};
use callboard_plan::Feed;
use twox_hash::XxHash3_64;

use super::{BaseLog, HIDDEN, HOLDS, Quota, REFERS, Sealed, Spill, broken, own_schema, segment_path, stored_schema};
use crate::rows::digest::ColumnDigests;
use crate::rows::{Batch, record_batch};
use crate::store::LogColumn;
use crate::store::frames::{FrameFile, FrameWriter, make_dir, named};
use crate::store::ipc::{RowEncoder, schema_digest};
use crate::store::records::Frame;
use crate::store::records::{Column, InLog, Reference};
use crate::store::sync::Syncer;
use crate::store::view::SpillView;
use crate::store::work::{Log, Logged};

/// A segment is full when it has this many bytes.
const SEGMENT_BYTES: u64 = 64 << 20;
/// What the hidden columns take for each row.
const HIDDEN_BYTES: u64 = 12;
/// A column of fewer bytes is written, wherever it lies already: to look it up costs more.
const LONG: u64 = 64 << 10;

/// A spill that is being written.
pub(crate) struct SpillWriter {
    feed: Feed,
    folder: PathBuf,
    schema: SchemaRef,
    stored: SchemaRef,
    encoder: RowEncoder,
    /// The encoder of the columns that stand beside a reference, as the last one had them.
    beside: Option<(SchemaRef, RowEncoder)>,
    bases: Vec<Arc<Spill>>,
    logs: Vec<Arc<Log>>,
    open: Option<FrameWriter>,
    files: Vec<FrameFile>,
    frames: Vec<(usize, Frame)>,
    rows: u64,
    bytes: u64,
    checksum: XxHash3_64,
    digests: Vec<ColumnDigests>,
    quota: Arc<Quota>,
    syncer: Option<Syncer>,
}

impl SpillWriter {
    /// Begins a spill in a folder of its own, which is emptied. Columns are digested on their way, under each of the seeds.
    pub(crate) fn create(
        feed: Feed,
        folder: PathBuf,
        schema: SchemaRef,
        seeds: BTreeSet<u64>,
        quota: Arc<Quota>,
        syncer: Option<Syncer>,
    ) -> io::Result<SpillWriter> {
        if folder.exists() {
            std::fs::remove_dir_all(&folder).map_err(|error| named(&folder, &error))?;
        }
        make_dir(&folder)?;
        let stored = stored_schema(&schema);
        let columns = schema.fields().len();
        Ok(SpillWriter {
            feed,
            folder,
            encoder: RowEncoder::new(&stored)?,
            schema,
            stored,
            beside: None,
            bases: Vec::new(),
            logs: Vec::new(),
            open: None,
            files: Vec::new(),
            frames: Vec::new(),
            rows: 0,
            bytes: 0,
            checksum: XxHash3_64::new(),
            digests: seeds.into_iter().map(|seed| ColumnDigests::new(seed, columns)).collect(),
            quota,
            syncer,
        })
    }

    /// Whether columns are digested on their way.
    pub(crate) fn digests(&self) -> bool {
        !self.digests.is_empty()
    }

    /// Appends a batch of the schema; of its columns those that no log holds.
    pub(crate) fn push(&mut self, batch: &Batch) -> io::Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        self.digest(batch);
        let mut columns: Vec<ArrayRef> = vec![Arc::new(batch.file.clone()), Arc::new(batch.line.clone())];
        columns.extend(batch.rows.columns().iter().cloned());
        let sizes: Vec<u64> = columns.iter().map(bytes_of).collect();
        let bytes = rows_bits(&batch.rows, 0, batch.len()).div_ceil(8) + HIDDEN_BYTES * batch.len() as u64;
        let place = |at: usize| {
            let place = batch.known[at.checked_sub(HIDDEN)?].place.as_ref()?;
            place.get::<LogColumn>().filter(|_| sizes[at] >= LONG)
        };
        let mut reference = Reference { columns: Vec::new(), picks: Vec::new(), logged: Vec::new() };
        for at in 0..columns.len() {
            let column = place(at).map_or(Column::Own, |place| self.in_log(&mut reference.logged, place));
            reference.columns.push(column);
        }
        if reference.logged.is_empty() {
            let stored = record_batch(self.stored.clone(), columns, batch.len()).map_err(broken)?;
            let body = self.encoder.encode(&stored)?;
            return self.append(HOLDS, batch.len(), (batch.len() as u64, bytes), &body);
        }
        let is_own = |(_, column): &(ArrayRef, &Column)| **column == Column::Own;
        let own = columns.into_iter().zip(&reference.columns).filter(is_own).map(|(column, _)| column).collect();
        let body = self.referring(&reference, own, batch.len())?;
        self.append(REFERS, batch.len(), (batch.len() as u64, bytes), &body)
    }

    /// A column of a frame of a log, which is noted among those that are referred to.
    fn in_log(&mut self, logged: &mut Vec<InLog>, place: &LogColumn) -> Column {
        let Logged { log, frame } = &place.logged;
        let known = self.logs.iter().position(|other| Arc::ptr_eq(other, log));
        let log = known.unwrap_or_else(|| {
            self.logs.push(log.clone());
            self.logs.len() - 1
        });
        let at = InLog { log: log as u32, frame: *frame };
        let frame = logged.iter().position(|other| *other == at).unwrap_or_else(|| {
            logged.push(at);
            logged.len() - 1
        });
        Column::Logged { frame: frame as u32, column: place.column as u32 }
    }

    /// Appends rows of other spills, which are not written again. `rows` are the same rows, needed where they are digested.
    pub(crate) fn refer(&mut self, view: &SpillView, rows: Option<&Batch>) -> io::Result<()> {
        if self.digests() {
            self.digest(rows.expect("rows that are digested have been read"));
        }
        if self.bases.is_empty() {
            self.bases.clone_from(&view.bases);
        }
        let own: u64 = view.own.iter().map(bytes_of).sum();
        let body = self.referring(&view.reference, view.own.clone(), view.rows)?;
        self.append(REFERS, view.rows, (view.weight(), view.bytes + own), &body)
    }

    /// The body of a frame that refers to others, beside columns of its own.
    fn referring(&mut self, reference: &Reference, own: Vec<ArrayRef>, rows: usize) -> io::Result<Vec<Buffer>> {
        let mut body = vec![reference.encode()?];
        if !own.is_empty() {
            let schema = own_schema(&self.stored, reference);
            let encoder = match &mut self.beside {
                Some((other, encoder)) if *other == schema => encoder,
                beside => &mut beside.insert((schema.clone(), RowEncoder::new(&schema)?)).1,
            };
            body.extend(encoder.encode(&record_batch(schema, own, rows).map_err(broken)?)?);
        }
        Ok(body)
    }

    fn digest(&mut self, batch: &Batch) {
        self.digests.iter_mut().for_each(|digests| digests.add(batch));
    }

    /// `weight` is how many rows are to be read for these, `bytes` what these take.
    fn append(&mut self, kind: u8, rows: usize, (weight, bytes): (u64, u64), body: &[Buffer]) -> io::Result<()> {
        let upper = |number: u64, shift: u32| u128::from(u32::try_from(number).unwrap_or(u32::MAX)) << shift;
        let tag = upper(weight, 96) | upper(bytes, 64) | u128::from(self.rows);
        self.quota.take(body.iter().map(|part| part.len() as u64).sum())?;
        let segment = self.files.len();
        let file = match &mut self.open {
            Some(open) => open,
            None => {
                let file = FrameWriter::create(segment_path(&self.folder, segment))?;
                self.syncer.iter().for_each(|syncer| syncer.watch(file.file()));
                self.open.insert(file)
            }
        };
        let frame = file.append(kind, rows as u32, tag, body)?;
        self.checksum.write(&frame.checksum.to_le_bytes());
        self.frames.push((segment, frame));
        self.rows += rows as u64;
        self.bytes += frame.length;
        if file.len() >= SEGMENT_BYTES {
            self.end_segment();
        }
        Ok(())
    }

    fn end_segment(&mut self) {
        self.files.extend(self.open.take().map(|open| open.reader()));
    }

    /// Ends the spill: from here on it can be read.
    pub(crate) fn seal(mut self) -> Spill {
        self.end_segment();
        let sealed = Sealed {
            segments: self.files.len() as u32,
            frames: self.frames.len() as u64,
            rows: self.rows,
            bytes: self.bytes,
            checksum: format!("{:016x}", self.checksum.finish()),
            columns: schema_digest(&self.schema),
            digests: self.digests.iter().map(ColumnDigests::finish).collect(),
            bases: self.bases.iter().map(|base| base.as_base()).collect(),
            logs: self.logs.iter().map(|log| BaseLog::of(log)).collect(),
        };
        Spill {
            feed: self.feed,
            bases: self.bases,
            logs: self.logs.into_iter().map(|log| (log, OnceLock::new())).collect(),
            folder: self.folder,
            schema: self.schema,
            stored: self.stored,
            frames: self.frames,
            files: self.files,
            parts: Vec::new(),
            sealed,
            quota: self.quota,
        }
    }
}

fn bytes_of(column: &ArrayRef) -> u64 {
    array_bits(column, 0, column.len()).div_ceil(8)
}
