//! The digest of a file: the XXH3-128 of those of its pieces, so that all cores can look at one that is there.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rayon::prelude::*;
use twox_hash::XxHash3_128;

use crate::cores::cores;

/// Bytes of a piece; the last one may have fewer.
const PIECE: u64 = 4 << 20;
/// Bytes that are read at a time.
const READ: usize = 256 << 10;

/// The digest of what has been written to a file so far.
#[derive(Clone)]
pub(crate) struct FileDigest {
    pieces: XxHash3_128,
    /// The piece that is not complete, and its bytes.
    piece: XxHash3_128,
    in_piece: u64,
}

/// The digest of all that is read.
pub(crate) fn digest_of(mut from: impl io::Read) -> io::Result<u128> {
    let (mut digest, mut buffer) = (FileDigest::new(), vec![0; READ]);
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(digest.finish()),
            read => digest.write(&buffer[..read]),
        }
    }
}

impl FileDigest {
    /// The digest of no bytes.
    pub(crate) fn new() -> FileDigest {
        FileDigest { pieces: XxHash3_128::new(), piece: XxHash3_128::new(), in_piece: 0 }
    }

    /// The digest of the first `bytes` bytes of a file; `None` if the file is shorter.
    pub(crate) fn of_first(file: &File, bytes: u64) -> io::Result<Option<FileDigest>> {
        match FileDigest::read(file, bytes) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            read => read.map(Some),
        }
    }

    fn read(file: &File, bytes: u64) -> io::Result<FileDigest> {
        if file.metadata()?.len() < bytes {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (whole, in_piece) = (bytes / PIECE, bytes % PIECE);
        let of_piece = |buffer: &mut Vec<u8>, at| Ok(piece_at(file, at * PIECE, PIECE, buffer)?.finish_128());
        let pieces: Vec<u128> = match cores() {
            Some(cores) => cores.install(|| {
                (0..whole).into_par_iter().map_init(|| vec![0; READ], of_piece).collect::<io::Result<_>>()
            })?,
            None => {
                let mut buffer = vec![0; READ];
                (0..whole).map(|at| of_piece(&mut buffer, at)).collect::<io::Result<_>>()?
            }
        };
        let piece = piece_at(file, whole * PIECE, in_piece, &mut vec![0; READ])?;
        let mut digest = FileDigest { piece, in_piece, ..FileDigest::new() };
        pieces.into_iter().for_each(|piece| digest.add(piece));
        Ok(digest)
    }

    /// Adds bytes.
    pub(crate) fn write(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (these, rest) = bytes.split_at(bytes.len().min((PIECE - self.in_piece) as usize));
            self.piece.write(these);
            self.in_piece += these.len() as u64;
            if self.in_piece == PIECE {
                let piece = std::mem::replace(&mut self.piece, XxHash3_128::new());
                self.add(piece.finish_128());
                self.in_piece = 0;
            }
            bytes = rest;
        }
    }

    fn add(&mut self, piece: u128) {
        self.pieces.write(&piece.to_le_bytes());
    }

    /// The digest of all that was added.
    pub(crate) fn finish(&self) -> u128 {
        let mut whole = self.clone();
        if whole.in_piece > 0 {
            whole.add(self.piece.finish_128());
        }
        whole.pieces.finish_128()
    }
}

/// The digest of a whole file, and its size.
///
/// # Errors
/// It cannot be read.
pub fn file_digest(file: &File) -> io::Result<(u128, u64)> {
    let mut bytes = file.metadata()?.len();
    // Some have more to read than they say, or less.
    let mut digest = match FileDigest::of_first(file, bytes)? {
        Some(digest) => digest,
        None => {
            bytes = 0;
            FileDigest::new()
        }
    };
    let mut buffer = vec![0; READ];
    loop {
        match file.read_at(&mut buffer, bytes)? {
            0 => return Ok((digest.finish(), bytes)),
            read => {
                digest.write(&buffer[..read]);
                bytes += read as u64;
            }
        }
    }
}

/// The digest of some bytes of a file.
fn piece_at(file: &File, mut at: u64, bytes: u64, buffer: &mut [u8]) -> io::Result<XxHash3_128> {
    let (mut digest, end) = (XxHash3_128::new(), at + bytes);
    while at < end {
        let part = (end - at).min(buffer.len() as u64) as usize;
        file.read_exact_at(&mut buffer[..part], at)?;
        digest.write(&buffer[..part]);
        at += part as u64;
    }
    Ok(digest)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_file_has_the_digest_of_what_was_written_to_it() {
        let bytes: Vec<u8> = (0..2 * PIECE as usize + 70_000).map(|at| ((at * at) >> 7) as u8).collect();
        let mut digests = Vec::new();
        for length in [0, 1, 70_000, PIECE as usize, PIECE as usize + 1, 2 * PIECE as usize, bytes.len()] {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&bytes[..length]).unwrap();
            let mut written = FileDigest::new();
            bytes[..length].chunks(99_991).for_each(|part| written.write(part));
            assert_eq!(file_digest(&file).unwrap(), (written.finish(), length as u64));

            // As far as it was known, whatever stands behind it; and what is written then is added.
            for first in [0, length / 3, PIECE as usize, 2 * length / 3, length].into_iter().filter(|at| *at <= length)
            {
                let mut going_on = FileDigest::of_first(&file, first as u64).unwrap().unwrap();
                going_on.write(&bytes[first..length]);
                assert_eq!(going_on.finish(), written.finish(), "{first} of {length} bytes");
            }
            assert!(FileDigest::of_first(&file, length as u64 + 1).unwrap().is_none());

            if length > 0 {
                file.write_at(&[bytes[length / 2] ^ 1], length as u64 / 2).unwrap();
                assert_ne!(file_digest(&file).unwrap().0, written.finish());
            }
            digests.push(written.finish());
        }
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), 7);
    }
}
