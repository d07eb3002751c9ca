//! The seal of a run's folder: it proves that this user began the run with this plan.
//!
//! A plan decides what steps may reach and where outputs go, and it lies in a folder that may come from elsewhere. So `seal` holds, for
//! the bytes of `plan.json` and `run.json` together, an HMAC-SHA256 under a key of the user's own, which is in the cache. A line is
//! one HMAC, in hexadecimal digits; while the two files are being replaced there is one for each pair of them that a kill could leave.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;

use callboard_io::beneath::Dir;
use hmac_sha256::HMAC;
use sha2::{Digest, Sha256};

use super::records::FORMAT;
use crate::error::{Class, RunError};
use callboard_sandbox::hex;

pub(super) const SEAL: &str = "seal";
/// The key's file, in the cache.
const KEY: &str = "key";
/// A seal is no longer than this, bytes.
const LONGEST: u64 = 4096;
/// Keeps apart what else the key may ever be used for.
const PURPOSE: &[u8] = b"callboard run";

/// How a run was begun, as its folder has it: the bytes of `plan.json` and `run.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Begun {
    pub(crate) plan: Vec<u8>,
    pub(crate) run: Vec<u8>,
}

impl Begun {
    /// What a user confirms where no seal proves it.
    pub(crate) fn digest(&self) -> u128 {
        let digest = Sha256::digest(self.bytes());
        digest[..16].iter().fold(0, |number, byte| number << 8 | u128::from(*byte))
    }

    /// Both files, told apart by the length of the first.
    fn bytes(&self) -> Vec<u8> {
        [PURPOSE, &[FORMAT, 0], &(self.plan.len() as u64).to_le_bytes(), &self.plan, &self.run].concat()
    }
}

/// A user's own key.
#[derive(Clone)]
pub(crate) struct Key([u8; 32]);

impl Key {
    /// One that nobody has, for a fuzzer.
    #[cfg(feature = "fuzzing")]
    pub(crate) fn nobodys() -> Key {
        Key([7; 32])
    }

    /// The key in a cache, if there is one: a file that nobody else can read.
    pub(crate) fn read(cache: &Dir) -> Result<Option<Key>, RunError> {
        let path = cache.path().join(KEY);
        let unusable = |error: io::Error| RunError::system("read the key", &path, &error);
        let file = match cache.file(KEY) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            file => file.map_err(unusable)?,
        };
        let owner = file.metadata().map_err(unusable)?;
        let us = rustix::process::geteuid().as_raw();
        if owner.uid() != us && owner.uid() != 0 {
            let message = format!("the key `{}` belongs to another user, {}", path.display(), owner.uid());
            return Err(RunError::new(Class::System, message).help("use a cache of your own: CALLBOARD_CACHE=DIR"));
        }
        if owner.mode() & 0o077 != 0 {
            let message =
                format!("the key `{}` can be read by others, who could grant steps what you did not", path.display());
            let help = format!("remove it, and confirm the runs that it sealed: rm {}", path.display());
            return Err(RunError::new(Class::System, message).help(help));
        }
        let mut text = String::new();
        file.take(100).read_to_string(&mut text).map_err(unusable)?;
        let bytes = text.trim_end().as_bytes().chunks(2).map(|pair| {
            let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.bytes().all(|byte| byte.is_ascii_hexdigit()));
            pair.and_then(|pair| u8::from_str_radix(pair, 16).ok())
        });
        let key = bytes.collect::<Option<Vec<u8>>>().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        key.map(|key| Some(Key(key))).ok_or_else(|| {
            let message = format!("the key `{}` is damaged", path.display());
            RunError::new(Class::System, message)
                .help(format!("remove it, and confirm the runs that it sealed: rm {}", path.display()))
        })
    }

    /// As [`Key::read`]; the first time, a key is made.
    pub(crate) fn read_or_make(cache: &Dir) -> Result<Key, RunError> {
        if let Some(key) = Key::read(cache)? {
            return Ok(key);
        }
        let path = cache.path().join(KEY);
        let make = || -> io::Result<()> {
            let mut key = [0; 32];
            std::fs::File::open("/dev/urandom")?.read_exact(&mut key)?;
            let mut file = tempfile::Builder::new().prefix(".writing-").tempfile_in(cache.path())?;
            writeln!(file, "{}", hex(&key))?;
            file.as_file().sync_all()?;
            match file.persist_noclobber(&path) {
                // Another process was first, and its key is everybody's.
                Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(()),
                made => made.map(drop).map_err(|error| error.error),
            }
        };
        make().map_err(|error| RunError::system("make the key", &path, &error))?;
        let missing = || RunError::system("read the key", &path, &ErrorKind::NotFound.into());
        Key::read(cache)?.ok_or_else(missing)
    }

    /// A key of a test's own.
    #[cfg(test)]
    pub(crate) fn of(key: [u8; 32]) -> Key {
        Key(key)
    }

    /// The HMAC-SHA256 of these parts, told apart by their lengths; `purpose` keeps apart what the key is used for.
    pub(super) fn mac(&self, purpose: &[&[u8]], parts: &[&[u8]]) -> [u8; 32] {
        let mut hmac = hmac_sha256::HMAC::new(self.0);
        for part in purpose.iter().chain(parts) {
            hmac.update((part.len() as u64).to_le_bytes());
            hmac.update(part);
        }
        hmac.finalize()
    }

    /// The line that seals how a run was begun.
    pub(super) fn seal(&self, begun: &Begun) -> String {
        hex(&HMAC::mac(begun.bytes(), self.0))
    }

    /// Whether the seal in a run's folder is of this key, and for this.
    pub(crate) fn has_sealed(&self, begun: &Begun, dir: &Dir) -> bool {
        let mut text = String::new();
        let read = dir.file(SEAL).and_then(|file| file.take(LONGEST).read_to_string(&mut text));
        let seal = self.seal(begun);
        read.is_ok() && text.lines().any(|line| line.len() == seal.len() && same(line.as_bytes(), seal.as_bytes()))
    }
}

/// Whether bytes are the same, in a time that does not say where they differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.iter().zip(b).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}
