//! Reads small files whole: regular ones alone, and no more of them than is allowed.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// Opens a regular file to be read. Nothing waits for what is none: a pipe without a writer, a device.
///
/// # Errors
///
/// What the system says, or that it is not a regular file.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let file = File::options().read(true).custom_flags(OFlags::NONBLOCK.bits() as i32).open(path)?;
    match file.metadata()?.file_type() {
        kind if kind.is_file() => Ok(file),
        kind if kind.is_dir() => Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder, not a file")),
        _ => Err(io::Error::other("it is a pipe or a device, not a regular file")),
    }
}

/// The bytes of a regular file of at most `most` bytes.
///
/// # Errors
///
/// As [`open_regular`]; a file that is larger, of the kind [`io::ErrorKind::FileTooLarge`], whatever size it says it has.
pub fn read_regular(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = open_regular(path)?;
    let too_large = || io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {most} bytes"));
    let length = file.metadata()?.len();
    if length > most {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(length as usize);
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(too_large()) } else { Ok(bytes) }
}
