//! What Arrow IPC announces of itself, looked at before anybody makes room for it: the library takes its word, and one flipped bit
//! asks for terabytes, which ends the process; a few kilobytes of zeros, compressed, are as many gigabytes of them.
//!
//! Whatever else is wrong with a file is the library's to say.

use std::io::{self, Read, Seek, SeekFrom};

use arrow::ipc::reader::read_footer_length;
use arrow::ipc::{Block, CompressionType, Endianness, RecordBatch, Schema, root_as_footer, root_as_message};

use super::joined;
use crate::error::IoError;
use crate::limits::{self, size};
use crate::places::Opened;
use crate::spec::InputSpec;

const CONTINUATION: [u8; 4] = [0xff; 4];
/// The end of a stream, and how it ended before Arrow 0.15.
const STREAM_ENDS: [&[u8]; 2] = [&[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], &[0; 4]];

/// What a compressed record batch, or pages of Parquet, larger than `limits.batch` may take of each of their bytes in the file.
pub(super) const LARGEST_RATIO: u64 = 16;

/// What an Arrow file announces about its rows.
#[derive(Debug, Default)]
pub(super) struct Announced {
    /// All of them; null if it could not be looked through.
    pub(super) rows: Option<u64>,
    /// Whether it is a stream that ends behind a whole message, without an end mark: its writer may have closed it, which is allowed, or
    /// it was cut there.
    pub(super) is_unmarked: bool,
    /// Whether it is a file whose messages are of another version than its footer, and stand as in a stream: as pyarrow writes version 4.
    pub(super) is_mixed: bool,
}

pub(super) fn cut_short(why: impl std::fmt::Display) -> IoError {
    IoError::data(format!("is not Arrow IPC, or was cut short: {why}"))
}

/// What can end a look through a file.
enum Fault {
    /// It is not as it should be, which the library will notice.
    Broken,
    /// It ends before all that it announces.
    Short,
    /// What the library would not notice, or not survive.
    Wrong(IoError),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Fault::Short,
            _ => Fault::Broken,
        }
    }
}

impl From<IoError> for Fault {
    fn from(error: IoError) -> Fault {
        Fault::Wrong(error)
    }
}

/// Looks through a file, and leaves it at its beginning.
///
/// # Errors
/// A block that is not there whole, a buffer that cannot hold what it says, a batch that takes too much, another byte order.
pub(super) fn of_file(file: &mut Opened, spec: &InputSpec) -> Result<Announced, IoError> {
    let found = whole_file(file, spec);
    let _ = file.rewind();
    match found {
        Ok(announced) => Ok(announced),
        Err(Fault::Wrong(error)) => Err(error),
        // What cannot be read here cannot be read later, and is said then.
        Err(Fault::Broken | Fault::Short) => Ok(Announced::default()),
    }
}

/// Looks through a stream, whose last 8 bytes are `tail`, and leaves it at its beginning.
///
/// # Errors
/// As of a file; a stream that ends within a message, or has something behind its end mark.
pub(super) fn of_stream(file: &mut Opened, tail: &[u8], spec: &InputSpec) -> Result<Announced, IoError> {
    let found = whole_stream(file, spec);
    let _ = file.rewind();
    match found {
        Ok(announced) => Ok(announced),
        Err(Fault::Wrong(error)) => Err(error),
        // A stream that ends between two messages looks whole but for this mark.
        Err(Fault::Broken) if STREAM_ENDS.iter().any(|end| tail.ends_with(end)) => Ok(Announced::default()),
        Err(Fault::Broken | Fault::Short) => Err(cut_short("the stream ends within a message")),
    }
}

fn whole_file(file: &mut Opened, spec: &InputSpec) -> Result<Announced, Fault> {
    let length = file.seek(SeekFrom::End(0))?;
    let end = at(file, length.saturating_sub(10), 10)?;
    let footer_length = read_footer_length(end.try_into().map_err(|_| cut())?).map_err(io::Error::other)? as u64;
    let Some(footer_begin) = length.checked_sub(10 + footer_length) else {
        return Err(cut_short(format!("its footer has {footer_length} bytes, and the file {length}")).into());
    };
    let footer = at(file, footer_begin, footer_length)?;
    let footer = root_as_footer(&footer).map_err(|_| Fault::Broken)?;
    footer.schema().map_or(Ok(()), byte_order)?;
    let blocks = || [footer.dictionaries(), footer.recordBatches()].into_iter().flatten().flatten();
    let size = |size: i64| u64::try_from(size).unwrap_or(u64::MAX);
    let mut last = FILE_MAGIC;
    for block in blocks() {
        let head = size(block.metaDataLength().into());
        let end = size(block.offset()).saturating_add(head).saturating_add(size(block.bodyLength()));
        if end > length {
            return Err(cut_short(format!("a block ends at byte {end}, and the file has {length}")).into());
        }
        last = last.max(end);
    }
    // Behind the blocks stands an end mark of up to 8 bytes.
    if joined::is_second(file, last.min(footer_begin), footer_begin, 8, b"ARROW1ARROW1\0\0", 6)? {
        return Err(joined::error("Arrow").into());
    }
    let mut announced = Announced { rows: Some(0), ..Default::default() };
    // In a stream batches follow one another.
    let is_in_order = footer.recordBatches().into_iter().flatten().map(Block::offset).is_sorted();
    // Side by side: where a request takes long, one after another would take that for each block.
    let head =
        |block: &Block| size(block.offset())..size(block.offset()).saturating_add(size(block.metaDataLength().into()));
    file.will_read(|| blocks().map(head).collect(), false)?;
    for block in blocks() {
        spec.stop.check()?;
        let (begin, head) = (size(block.offset()), size(block.metaDataLength().into()));
        let metadata = at(file, begin, head)?;
        let prefix = if metadata.starts_with(&CONTINUATION) { 8 } else { 4 };
        let of = metadata.get(prefix..).unwrap_or_default();
        announced.is_mixed |= is_in_order && root_as_message(of).is_ok_and(|of| of.version() != footer.version());
        // The library would look for the rest of it in what stands behind.
        match message(file, of, begin + head, spec, &mut announced) {
            Ok(_) => {}
            Err(Fault::Broken | Fault::Short) => return Err(cut_short("the metadata of a block are not whole").into()),
            Err(wrong) => return Err(wrong),
        }
    }
    file.will_not_read_again(1);
    Ok(announced)
}

/// The length of the mark that a file begins with, filled up.
pub(super) const FILE_MAGIC: u64 = 8;

fn whole_stream(file: &mut Opened, spec: &InputSpec) -> Result<Announced, Fault> {
    let mut announced = Announced { rows: Some(0), ..Default::default() };
    let length = file.seek(SeekFrom::End(0))?;
    let mut begin = 0;
    loop {
        spec.stop.check()?;
        if begin > 0 && begin == length {
            announced.is_unmarked = true;
            return Ok(announced);
        }
        let mut prefix = at(file, begin, 4)?;
        begin += 4;
        if prefix == CONTINUATION {
            prefix = at(file, begin, 4)?;
            begin += 4;
        }
        let size = u32::from_le_bytes(prefix.try_into().map_err(|_| cut())?);
        if size == 0 {
            let rest = length.saturating_sub(begin);
            if rest > 0 {
                let message = format!("the stream ends at byte {begin}, and {rest} bytes follow its end mark");
                return Err(IoError::data(message)
                    .with_help("one file holds one stream: split what was appended to it")
                    .into());
            }
            return Ok(announced);
        }
        let metadata = at(file, begin, size.into())?;
        begin += u64::from(size);
        let body = message(file, &metadata, begin, spec, &mut announced)?;
        begin = begin.checked_add(body).ok_or(Fault::Short)?;
    }
}

fn byte_order(schema: Schema<'_>) -> Result<(), Fault> {
    match schema.endianness() {
        Endianness::Little => Ok(()),
        _ => {
            let error = IoError::data("is big-endian, and only little-endian Arrow data can be read");
            Err(error.with_help("write it again on a little-endian machine, or as Parquet").into())
        }
    }
}

/// Looks at one message, whose body begins at `body`; returns the body's length.
fn message(
    file: &mut Opened,
    metadata: &[u8],
    body: u64,
    spec: &InputSpec,
    announced: &mut Announced,
) -> Result<u64, Fault> {
    let message = root_as_message(metadata).map_err(|_| Fault::Broken)?;
    let dictionary = || message.header_as_dictionary_batch().and_then(|dictionary| dictionary.data());
    let length = u64::try_from(message.bodyLength()).map_err(io::Error::other)?;
    message.header_as_schema().map_or(Ok(()), byte_order)?;
    let rows = message.header_as_record_batch();
    if let Some(rows) = rows {
        let Ok(rows) = u64::try_from(rows.length()) else {
            return Err(cut_short(format!("a record batch has {} rows", rows.length())).into());
        };
        announced.rows = announced.rows.map(|sum| sum.saturating_add(rows));
    }
    if let Some(batch) = rows.or_else(dictionary) {
        buffers(file, batch, body, length, spec)?;
    }
    Ok(length)
}

/// The most that compressed bytes can hold: LZ4 repeats a byte at most 255 times for another; a block of zstd has at least 4 bytes,
/// and holds at most 128 KiB.
fn most(codec: CompressionType, compressed: u64) -> u64 {
    let ratio = if codec == CompressionType::LZ4_FRAME { 255 } else { 32 << 10 };
    compressed.saturating_mul(ratio).saturating_add(128 << 10)
}

/// Looks at each compressed buffer of a batch; one that is not there may be one that nobody reads.
fn buffers(file: &mut Opened, batch: RecordBatch<'_>, body: u64, length: u64, spec: &InputSpec) -> Result<(), Fault> {
    let Some(compression) = batch.compression() else { return Ok(()) };
    let mut whole = 0u64;
    for buffer in batch.buffers().into_iter().flatten().filter(|buffer| buffer.length() > 8) {
        let Some(begin) = body.checked_add_signed(buffer.offset()) else { continue };
        let Some(said) = at(file, begin, 8).ok().and_then(|bytes| bytes.try_into().ok()) else { continue };
        let said = i64::from_le_bytes(said);
        let compressed = (buffer.length() as u64 - 8).min(length);
        if said > 0 && said as u64 > most(compression.codec(), compressed) {
            let what = format!("a compressed buffer of {compressed} bytes says that it holds {said}, which it cannot");
            return Err(cut_short(what).into());
        }
        whole = whole.saturating_add(said.max(0) as u64);
    }
    if whole > spec.limits.batch.max(length.saturating_mul(LARGEST_RATIO)) {
        let message = format!(
            "a record batch of {length} bytes unfolds to {} MiB; allowed are {}, or {LARGEST_RATIO} times its bytes in the file",
            whole >> 20,
            size(spec.limits.batch)
        );
        let otherwise = "write the file with fewer rows in a record batch";
        return Err(limits::indivisible(spec, message, Some(whole), otherwise).into());
    }
    Ok(())
}

/// That many bytes at a place of the file, or an error; never room for more than there are.
fn at(file: &mut Opened, begin: u64, length: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(begin))?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length { Ok(bytes) } else { Err(cut()) }
}

fn cut() -> io::Error {
    io::ErrorKind::UnexpectedEof.into()
}
