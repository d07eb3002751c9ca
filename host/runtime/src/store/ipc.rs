//! Record batches as bytes, by Arrow's IPC messages.

use std::io;

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::convert::try_schema_from_ipc_buffer;
use arrow::ipc::reader::FileDecoder;
use arrow::ipc::writer::StreamEncoder;
use arrow::ipc::{Block, MetadataVersion};
use twox_hash::XxHash3_64;

/// Makes bytes of the batches of a schema.
pub(crate) struct RowEncoder(StreamEncoder);

impl RowEncoder {
    pub(crate) fn new(schema: &SchemaRef) -> io::Result<RowEncoder> {
        let mut encoder = StreamEncoder::try_new(schema).map_err(broken)?;
        // The first time, the schema comes with it; ours is known to the reader.
        encoder.encode(&RecordBatch::new_empty(schema.clone())).map_err(broken)?;
        Ok(RowEncoder(encoder))
    }

    /// The parts of the message of a batch, in order: the batch's own buffers, not copied.
    pub(crate) fn encode(&mut self, rows: &RecordBatch) -> io::Result<Vec<Buffer>> {
        self.0.encode(rows).map_err(broken)
    }
}

/// The batch of a message; of its columns those whose indices are given, in that order, or all.
pub(crate) fn decode(schema: &SchemaRef, message: &Buffer, columns: Option<Vec<usize>>) -> io::Result<RecordBatch> {
    let none = || io::Error::new(io::ErrorKind::InvalidData, "there are no rows where they should be");
    let metadata: [u8; 4] = message.get(4..8).and_then(|bytes| bytes.try_into().ok()).ok_or_else(none)?;
    let metadata = i32::from_le_bytes(metadata).checked_add(8).ok_or_else(none)?;
    let body = (message.len() as i64).checked_sub(i64::from(metadata)).filter(|body| *body >= 0).ok_or_else(none)?;
    // Rows are not written compressed; a small message that says so could be of any size.
    let head = message.get(8..usize::try_from(metadata).ok().ok_or_else(none)?).ok_or_else(none)?;
    let head = arrow::ipc::root_as_message(head).map_err(|_| none())?;
    if head.header_as_record_batch().is_none_or(|batch| batch.compression().is_some()) {
        return Err(none());
    }
    let mut decoder = FileDecoder::new(schema.clone(), MetadataVersion::V5);
    if let Some(columns) = columns {
        decoder = decoder.with_projection(columns);
    }
    decoder.read_record_batch(&Block::new(0, metadata, body), message).map_err(broken)?.ok_or_else(none)
}

/// A schema as text.
pub(crate) fn schema_text(schema: &Schema) -> String {
    let bytes = StreamEncoder::try_new(schema)
        .and_then(|mut encoder| encoder.encode(&RecordBatch::new_empty(schema.clone().into())));
    let bytes = bytes.expect("schemas that run can be written");
    callboard_sandbox::hex(&bytes.iter().flat_map(|part| part.iter().copied()).collect::<Vec<u8>>())
}

/// A digest of a schema, to the last detail.
pub(crate) fn schema_digest(schema: &Schema) -> String {
    format!("{:016x}", XxHash3_64::oneshot(schema_text(schema).as_bytes()))
}

/// The schema of [`schema_text`].
pub(crate) fn schema_of_text(text: &str) -> Option<Schema> {
    let bytes: Option<Vec<u8>> =
        text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect();
    try_schema_from_ipc_buffer(&bytes?).ok()
}

fn broken(error: ArrowError) -> io::Error {
    io::Error::other(error)
}
