//! The SHA-256 of what is read: that by which others know a file.

use std::io::{self, Read};

use callboard_words::text::hex;
use sha2::{Digest, Sha256};

/// The SHA-256 of bytes, in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The SHA-256 of what is read, in hexadecimal, and how much it is.
pub(crate) fn sha256_of(mut from: impl Read) -> io::Result<(String, u64)> {
    let (mut digest, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 256 << 10]);
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok((hex(&digest.finalize()), bytes)),
            Ok(read) => {
                digest.update(&buffer[..read]);
                bytes += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
