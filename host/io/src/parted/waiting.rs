//! Rows of partitions that no writer is open for: in memory while they are few, then on the disk, each partition's apart.

use std::fs::File;
use std::hash::Hasher;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::compute::interleave_record_batch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::reader::FileDecoder;
use arrow::ipc::writer::StreamEncoder;
use arrow::ipc::{Block, MetadataVersion};
use twox_hash::XxHash3_64;

/// What stays in memory, bytes.
const IN_MEMORY: u64 = 8 << 20;

/// Rows that wait.
pub(super) struct Waiting {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    /// For each partition, where its rows in `batches` are; and where those on the disk are.
    of: Vec<OfPartition>,
    /// Partitions that have rows in memory.
    in_memory: Vec<usize>,
    bytes: u64,
    disk: Option<(File, StreamEncoder)>,
    written: u64,
}

#[derive(Default)]
struct OfPartition {
    rows: Vec<(usize, usize)>,
    chunks: Vec<Chunk>,
}

#[derive(Clone, Copy)]
struct Chunk {
    at: u64,
    bytes: u64,
    checksum: u64,
}

impl Waiting {
    pub(super) fn new(schema: SchemaRef) -> Waiting {
        let (batches, of, in_memory) = (Vec::new(), Vec::new(), Vec::new());
        Waiting { schema, batches, of, in_memory, bytes: 0, disk: None, written: 0 }
    }

    /// Bytes in memory.
    pub(super) fn held(&self) -> u64 {
        self.bytes
    }

    /// Bytes on the disk.
    pub(super) fn on_disk(&self) -> u64 {
        self.written
    }

    /// Takes rows, each of which is of the partition at its place in `partitions`.
    pub(super) fn push(
        &mut self,
        rows: RecordBatch,
        partitions: &[usize],
        file: impl FnOnce() -> io::Result<File>,
    ) -> io::Result<()> {
        let batch = self.batches.len();
        for (row, partition) in partitions.iter().enumerate() {
            if self.of.len() <= *partition {
                self.of.resize_with(partition + 1, OfPartition::default);
            }
            let of = &mut self.of[*partition];
            if of.rows.is_empty() {
                self.in_memory.push(*partition);
            }
            of.rows.push((batch, row));
        }
        self.bytes += rows.get_array_memory_size() as u64 + 16 * partitions.len() as u64;
        self.batches.push(rows);
        if self.bytes > IN_MEMORY { self.spill(file) } else { Ok(()) }
    }

    fn spill(&mut self, file: impl FnOnce() -> io::Result<File>) -> io::Result<()> {
        if self.disk.is_none() {
            let mut encoder = StreamEncoder::try_new(&self.schema).map_err(broken)?;
            // The first time, the schema comes with it; it is known here.
            encoder.encode(&RecordBatch::new_empty(self.schema.clone())).map_err(broken)?;
            self.disk = Some((file()?, encoder));
        }
        let Some((file, encoder)) = &mut self.disk else { return Ok(()) };
        let mut file = io::BufWriter::with_capacity(256 << 10, file);
        let batches: Vec<&RecordBatch> = self.batches.iter().collect();
        for partition in self.in_memory.drain(..) {
            let of = &mut self.of[partition];
            let rows = interleave_record_batch(&batches, &of.rows).map_err(broken)?;
            of.rows = Vec::new();
            let (mut bytes, mut checksum) = (0, XxHash3_64::new());
            for part in encoder.encode(&rows).map_err(broken)? {
                file.write_all(&part)?;
                checksum.write(&part);
                bytes += part.len() as u64;
            }
            of.chunks.push(Chunk { at: self.written, bytes, checksum: checksum.finish() });
            self.written += bytes;
        }
        file.flush()?;
        drop(file);
        self.batches.clear();
        self.bytes = 0;
        Ok(())
    }

    /// Gives the rows of a partition, in order.
    pub(super) fn take<E>(
        &mut self,
        partition: usize,
        mut each: impl FnMut(&RecordBatch) -> Result<(), E>,
        broken_as: impl Fn(io::Error) -> E,
    ) -> Result<(), E> {
        let Some(of) = self.of.get_mut(partition).map(std::mem::take) else { return Ok(()) };
        if let Some((file, _)) = &self.disk {
            for chunk in of.chunks {
                each(&read(file, chunk, &self.schema).map_err(&broken_as)?)?;
            }
        }
        if !of.rows.is_empty() {
            let batches: Vec<&RecordBatch> = self.batches.iter().collect();
            each(&interleave_record_batch(&batches, &of.rows).map_err(|error| broken_as(broken(error)))?)?;
        }
        Ok(())
    }
}

fn read(file: &File, chunk: Chunk, schema: &SchemaRef) -> io::Result<RecordBatch> {
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, "rows that waited there are not what was written");
    let mut bytes = vec![0; usize::try_from(chunk.bytes).map_err(|_| damaged())?];
    file.read_exact_at(&mut bytes, chunk.at)?;
    if XxHash3_64::oneshot(&bytes) != chunk.checksum {
        return Err(damaged());
    }
    let message = Buffer::from_vec(bytes);
    let metadata: [u8; 4] = message.get(4..8).and_then(|bytes| bytes.try_into().ok()).ok_or_else(damaged)?;
    let metadata = i32::from_le_bytes(metadata).checked_add(8).ok_or_else(damaged)?;
    let body = message.len() as i64 - i64::from(metadata);
    let decoder = FileDecoder::new(schema.clone(), MetadataVersion::V5);
    let rows = decoder.read_record_batch(&Block::new(0, metadata, body), &message).map_err(broken)?;
    rows.ok_or_else(damaged)
}

fn broken(error: ArrowError) -> io::Error {
    io::Error::other(error)
}
