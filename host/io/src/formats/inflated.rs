//! What compressed buffers of Arrow IPC say of their size, looked at before anybody makes room for it: the library takes their word,
//! and one flipped bit asks for terabytes, which ends the process.
//!
//! Whatever else is wrong with a file is the library's to say.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use arrow::ipc::reader::read_footer_length;
use arrow::ipc::{CompressionType, RecordBatch, root_as_footer, root_as_message};

const CONTINUATION: [u8; 4] = [0xff; 4];

/// The most that compressed bytes can hold: LZ4 repeats a byte at most 255 times for another; a block of zstd has at least 4 bytes,
/// and holds at most 128 KiB.
fn most(codec: CompressionType, compressed: u64) -> u64 {
    let ratio = if codec == CompressionType::LZ4_FRAME { 255 } else { 32 << 10 };
    compressed.saturating_mul(ratio).saturating_add(128 << 10)
}

/// Looks through a file (or a stream), and leaves it where it was.
///
/// # Errors
/// A buffer that cannot hold what it says, in words.
pub(super) fn check(file: &mut File, stream: bool) -> Result<(), String> {
    let mut wrong = None;
    let mut look = |file: &mut File| match stream {
        true => whole_stream(file, &mut wrong),
        false => whole_file(file, &mut wrong),
    };
    // What cannot be read here cannot be read later, and is said then.
    let _ = look(file).and_then(|_| file.rewind()).or_else(|_| file.rewind());
    wrong.map_or(Ok(()), Err)
}

fn whole_file(file: &mut File, wrong: &mut Option<String>) -> io::Result<()> {
    let length = file.seek(SeekFrom::End(0))?;
    let end = at(file, length.saturating_sub(10), 10)?;
    let footer_length = read_footer_length(end.try_into().map_err(|_| cut())?).map_err(io::Error::other)? as u64;
    let footer = at(file, length.checked_sub(10 + footer_length).ok_or_else(cut)?, footer_length)?;
    let footer = root_as_footer(&footer).map_err(|_| cut())?;
    for block in [footer.dictionaries(), footer.recordBatches()].into_iter().flatten().flatten() {
        let begin = u64::try_from(block.offset()).map_err(io::Error::other)?;
        let metadata = at(file, begin, u64::try_from(block.metaDataLength()).map_err(io::Error::other)?)?;
        let prefix = if metadata.starts_with(&CONTINUATION) { 8 } else { 4 };
        message(file, metadata.get(prefix..).ok_or_else(cut)?, begin + metadata.len() as u64, wrong)?;
    }
    Ok(())
}

fn whole_stream(file: &mut File, wrong: &mut Option<String>) -> io::Result<()> {
    let mut begin = 0;
    loop {
        let mut prefix = at(file, begin, 4)?;
        begin += 4;
        if prefix == CONTINUATION {
            prefix = at(file, begin, 4)?;
            begin += 4;
        }
        let length = u32::from_le_bytes(prefix.try_into().map_err(|_| cut())?);
        if length == 0 {
            return Ok(());
        }
        let metadata = at(file, begin, length.into())?;
        begin += u64::from(length);
        let body = message(file, &metadata, begin, wrong)?;
        begin = begin.checked_add(body).ok_or_else(cut)?;
    }
}

/// Looks at one message, whose body begins at `body`; returns the body's length.
fn message(file: &mut File, metadata: &[u8], body: u64, wrong: &mut Option<String>) -> io::Result<u64> {
    let message = root_as_message(metadata).map_err(|_| cut())?;
    let dictionary = || message.header_as_dictionary_batch().and_then(|dictionary| dictionary.data());
    if let Some(batch) = message.header_as_record_batch().or_else(dictionary) {
        buffers(file, batch, body, wrong)?;
    }
    u64::try_from(message.bodyLength()).map_err(io::Error::other)
}

fn buffers(file: &mut File, batch: RecordBatch<'_>, body: u64, wrong: &mut Option<String>) -> io::Result<()> {
    let Some(compression) = batch.compression() else { return Ok(()) };
    for buffer in batch.buffers().into_iter().flatten().filter(|buffer| buffer.length() > 8) {
        let begin = body.checked_add_signed(buffer.offset()).ok_or_else(cut)?;
        let said = i64::from_le_bytes(at(file, begin, 8)?.try_into().map_err(|_| cut())?);
        let compressed = buffer.length() as u64 - 8;
        if said > 0 && said as u64 > most(compression.codec(), compressed) {
            let what = format!("a compressed buffer of {compressed} bytes says that it holds {said}, which it cannot");
            wrong.get_or_insert(what);
        }
    }
    Ok(())
}

/// So many bytes at a place of the file, or an error; never room for more than there are.
fn at(file: &mut File, begin: u64, length: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(begin))?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length { Ok(bytes) } else { Err(cut()) }
}

fn cut() -> io::Error {
    io::ErrorKind::UnexpectedEof.into()
}
