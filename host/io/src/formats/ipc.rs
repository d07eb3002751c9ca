//! Arrow IPC: the file format (`ARROW1`), and when read the stream format too. A record batch is read whole, then cut.
//!
//! Written as a file, uncompressed so that others may map it into memory, in record batches of up to 64 Ki rows or about 1 MiB that depend on the rows
//! alone: equal rows give equal bytes.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use arrow::array::{RecordBatch, UInt64Array};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::reader::{FileReader, StreamReader};
use arrow::ipc::writer::FileWriter;

use super::{FileFormat, RowWriter, Rows, guarded, inflated};
use crate::canonical;
use crate::cut::Cutter;
use crate::dataset::{BatchPolicy, InputSpec};
use crate::error::{IoError, Place};
use crate::text::Sink;

pub(super) struct Ipc;

impl FileFormat for Ipc {
    fn schema(&self, files: &[PathBuf], spec: &InputSpec) -> Result<Schema, IoError> {
        canonical::one_schema(files, spec, |file| guarded(|| Ok(open(file)?.1)))
    }

    fn read(&self, file: &Path, schema: &SchemaRef, _: &InputSpec, policy: BatchPolicy) -> Result<Rows, IoError> {
        let (batches, _) = guarded(|| open(file))?;
        let cutter = Cutter::new(schema.clone(), policy);
        Ok(Box::new(IpcRows { batches, schema: schema.clone(), cutter, batch: 0, row: 1, done: false }))
    }

    fn write(&self, sink: Sink, schema: &SchemaRef, _: &Path) -> Result<Box<dyn RowWriter>, IoError> {
        let writer = FileWriter::try_new(sink, schema).map_err(IoError::from_arrow)?;
        let cutter = Cutter::new(schema.clone(), BatchPolicy { rows: 64 << 10, bytes: 1 << 20 });
        Ok(Box::new(IpcWriter { writer, cutter }))
    }
}

type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send>;

const STREAM_END: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

fn open(path: &Path) -> Result<(Batches, SchemaRef), IoError> {
    let system = |error: io::Error| IoError::system("cannot open", &error).in_file(path);
    let mut file = BufReader::new(File::open(path).map_err(system)?);
    let mut head = Vec::new();
    file.by_ref().take(6).read_to_end(&mut head).map_err(system)?;
    let length = file.seek(SeekFrom::End(0)).map_err(system)?;
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(length.saturating_sub(8))).map_err(system)?;
    file.read_to_end(&mut tail).map_err(system)?;
    file.rewind().map_err(system)?;

    let cut = |why: String| IoError::data(format!("is not Arrow IPC, or was cut short: {why}")).in_file(path);
    let fault = |error: ArrowError| cut(crate::error::arrow_words(error));
    if head.starts_with(b"FEA1") {
        return Err(IoError::data("is Feather of version 1, which is not Arrow IPC").in_file(path));
    }
    if head == b"ARROW1" {
        if !tail.ends_with(b"ARROW1") {
            return Err(cut("the file has no footer".into()));
        }
        inflated::check(file.get_mut(), false).map_err(cut)?;
        let reader = FileReader::try_new(file, None).map_err(fault)?;
        let schema = reader.schema();
        return Ok((Box::new(reader), schema));
    }
    // A stream that ends between two messages looks whole but for this mark.
    if tail != STREAM_END {
        return Err(cut("the stream has no end mark".into()));
    }
    inflated::check(file.get_mut(), true).map_err(cut)?;
    let reader = StreamReader::try_new(file, None).map_err(fault)?;
    let schema = reader.schema();
    Ok((Box::new(reader), schema))
}

struct IpcRows {
    batches: Batches,
    schema: SchemaRef,
    cutter: Cutter,
    batch: u64,
    row: u64,
    done: bool,
}

impl IpcRows {
    /// Reads until a batch is ready, or to the end.
    fn fill(&mut self) -> Result<Option<RecordBatch>, IoError> {
        loop {
            if let Some(batch) = self.cutter.next() {
                return Ok(Some(batch));
            }
            if self.done {
                return Ok(None);
            }
            self.batch += 1;
            match self.batches.next() {
                Some(rows) => {
                    let fault = |error| IoError::data(format!("cannot be read: {}", crate::error::arrow_words(error)));
                    self.cutter.push(&canonical::conform(&rows.map_err(fault)?, &self.schema)?)?;
                }
                None => {
                    self.cutter.end()?;
                    self.done = true;
                }
            }
        }
    }
}

impl Iterator for IpcRows {
    type Item = Result<(UInt64Array, RecordBatch), IoError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = match guarded(|| self.fill()) {
            Ok(batch) => batch?,
            Err(error) => return Some(Err(error.at(Place::Batch(self.batch)))),
        };
        let first = self.row;
        self.row += batch.num_rows() as u64;
        Some(Ok((UInt64Array::from_iter_values(first..self.row), batch)))
    }
}

struct IpcWriter {
    writer: FileWriter<Sink>,
    cutter: Cutter,
}

impl IpcWriter {
    fn drain(&mut self) -> Result<(), IoError> {
        while let Some(batch) = self.cutter.next() {
            let batch = crate::cut::compact(&batch)?;
            self.writer.write(&batch).map_err(IoError::from_arrow)?;
        }
        Ok(())
    }
}

impl RowWriter for IpcWriter {
    fn write(&mut self, rows: &RecordBatch) -> Result<(), IoError> {
        self.cutter.push(rows)?;
        self.drain()
    }

    fn finish(mut self: Box<Self>) -> Result<Sink, IoError> {
        self.cutter.end()?;
        self.drain()?;
        self.writer.into_inner().map_err(IoError::from_arrow)
    }
}
