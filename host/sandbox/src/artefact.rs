//! A compiled component as it is loaded: checked, and in a copy that nobody can change.
//!
//! A file of the cache is what the compiler made and, behind that, a trailer: `CBA1`, four zeros, the length of the artefact in eight
//! bytes, and its XXH3-128, all little-endian.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::io::Errno;
use twox_hash::XxHash3_128;

use crate::compile::ARTEFACT;

const MAGIC: [u8; 8] = *b"CBA1\0\0\0\0";
const TRAILER: usize = 32;
/// Bytes that are copied at a time.
const PART: usize = 256 << 10;

/// A compiled component, ready to be mapped.
#[derive(Debug)]
pub enum Artefact {
    /// A file in memory, sealed: not even this process can write it.
    Sealed(File),
    /// Where the system has no such files.
    Bytes(Vec<u8>),
}

/// Why a file of the cache is not loaded.
#[derive(Debug)]
pub(crate) enum Unfit {
    /// Its bytes are not those that were written: it is to be made again.
    Damaged,
    /// Somebody else can write it.
    Written,
    /// It belongs to a user of this number.
    Belongs(u32),
    System(io::Error),
}

impl From<io::Error> for Unfit {
    fn from(error: io::Error) -> Unfit {
        Unfit::System(error)
    }
}

impl Artefact {
    /// Checks an open file of the cache, and copies it: what was compiled of the component with this digest, and of no other.
    pub(crate) fn of(mut file: File, component: &str) -> Result<Artefact, Unfit> {
        let about = file.metadata()?;
        if ![rustix::process::geteuid().as_raw(), 0].contains(&about.uid()) {
            return Err(Unfit::Belongs(about.uid()));
        }
        if about.mode() & 0o022 != 0 {
            return Err(Unfit::Written);
        }
        let length = about.len().checked_sub(TRAILER as u64).ok_or(Unfit::Damaged)?;
        // Nothing is copied into memory that the compiler cannot have made: a file may be longer than all of it.
        let mut end = [0; TRAILER];
        file.read_exact_at(&mut end, length)?;
        if length > ARTEFACT || end[..16] != trailer_of(length, 0)[..16] {
            return Err(Unfit::Damaged);
        }
        let memory = memfd_create("callboard-component", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING);
        let mut copy = memory.map_or_else(|_| Artefact::Bytes(Vec::new()), |memory| Artefact::Sealed(memory.into()));
        let (mut checksum, mut part) = (of_component(component), vec![0; PART]);
        let mut rest = (&mut file).take(length);
        loop {
            let read = rest.read(&mut part)?;
            match &mut copy {
                _ if read == 0 => break,
                Artefact::Sealed(memory) => memory.write_all(&part[..read])?,
                Artefact::Bytes(bytes) => bytes.extend_from_slice(&part[..read]),
            }
            checksum.write(&part[..read]);
        }
        let mut end = Vec::new();
        file.take(TRAILER as u64 + 1).read_to_end(&mut end)?;
        if end != trailer_of(length, checksum.finish_128()) {
            return Err(Unfit::Damaged);
        }
        let Artefact::Sealed(mut memory) = copy else { return Ok(copy) };
        match fcntl_add_seals(&memory, SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL) {
            Ok(()) => Ok(Artefact::Sealed(memory)),
            // The kernel itself holds some of its pages, and has waited for them: memory of ours is as safe.
            Err(Errno::BUSY) => {
                let mut bytes = Vec::with_capacity(length as usize);
                memory.rewind()?;
                memory.read_to_end(&mut bytes)?;
                Ok(Artefact::Bytes(bytes))
            }
            Err(error) => Err(Unfit::System(error.into())),
        }
    }

    /// A path under which a sealed one is opened.
    pub(crate) fn path(file: &File) -> PathBuf {
        format!("/proc/self/fd/{}", file.as_raw_fd()).into()
    }
}

/// What stands behind an artefact.
pub(crate) fn trailer(artefact: &[u8], component: &str) -> [u8; TRAILER] {
    let mut checksum = of_component(component);
    checksum.write(artefact);
    trailer_of(artefact.len() as u64, checksum.finish_128())
}

/// A checksum that begins with what was compiled: a file under another's name is not taken for it.
fn of_component(digest: &str) -> XxHash3_128 {
    let mut checksum = XxHash3_128::new();
    checksum.write(digest.as_bytes());
    checksum
}

fn trailer_of(length: u64, checksum: u128) -> [u8; TRAILER] {
    let mut trailer = [0; TRAILER];
    trailer[..8].copy_from_slice(&MAGIC);
    trailer[8..16].copy_from_slice(&length.to_le_bytes());
    trailer[16..].copy_from_slice(&checksum.to_le_bytes());
    trailer
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn file(bytes: &[u8], mode: u32) -> File {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file.as_file().set_permissions(Permissions::from_mode(mode)).unwrap();
        File::open(file.path()).unwrap()
    }

    fn whole(artefact: &[u8]) -> Vec<u8> {
        [artefact, &trailer(artefact, "digest")].concat()
    }

    #[test]
    fn what_was_written_is_loaded_and_cannot_be_changed() {
        // If it belongs to another component, it is as good as damaged.
        assert!(matches!(Artefact::of(file(&whole(b"code"), 0o600), "another"), Err(Unfit::Damaged)));
        match Artefact::of(file(&whole(b"code"), 0o600), "digest").unwrap() {
            Artefact::Bytes(bytes) => assert_eq!(bytes, b"code"),
            Artefact::Sealed(mut sealed) => {
                assert_eq!(std::fs::read(Artefact::path(&sealed)).unwrap(), b"code");
                assert!(sealed.write_all(b"x").is_err() && sealed.set_len(0).is_err());
            }
        }
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_noticed() {
        let whole = whole(b"code");
        for cut in 0..whole.len() {
            assert!(matches!(Artefact::of(file(&whole[..cut], 0o600), "digest"), Err(Unfit::Damaged)), "cut at {cut}");
        }
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(Artefact::of(file(&flipped, 0o600), "digest"), Err(Unfit::Damaged)), "bit {bit}");
        }
    }

    /// 64 GiB that take nothing on the disk filled all memory of the machine.
    #[test]
    fn a_file_that_no_compiler_made_is_not_copied_into_memory() {
        for length in [ARTEFACT + 1, 1 << 36] {
            for end in [[0; TRAILER], trailer_of(length, 0)] {
                let huge = tempfile::NamedTempFile::new().unwrap();
                huge.as_file().set_len(length).unwrap();
                huge.as_file().write_all_at(&end, length).unwrap();
                huge.as_file().set_permissions(Permissions::from_mode(0o600)).unwrap();
                let file = File::open(huge.path()).unwrap();
                assert!(matches!(Artefact::of(file.try_clone().unwrap(), "digest"), Err(Unfit::Damaged)), "{length}");
                // It shares its place with the clone: what lies before the end was not read.
                assert_eq!(std::io::Seek::stream_position(&mut &file).unwrap(), 0);
            }
        }
    }

    #[test]
    #[expect(clippy::print_stderr, reason = "a test that tries nothing says so")]
    fn a_file_that_somebody_else_can_write_is_not_loaded() {
        for mode in [0o620, 0o602] {
            assert!(matches!(Artefact::of(file(&whole(b"code"), mode), "digest"), Err(Unfit::Written)), "{mode:o}");
        }
        let theirs = file(&whole(b"code"), 0o600);
        if std::os::unix::fs::fchown(&theirs, Some(4711), None).is_err() {
            eprintln!("SKIPPED: only root can give a file to another user");
            return;
        }
        assert!(matches!(Artefact::of(theirs, "digest"), Err(Unfit::Belongs(4711))));
    }
}
