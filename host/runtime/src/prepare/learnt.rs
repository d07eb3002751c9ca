//! What runs learn of steps for later runs: small files in the cache.

use std::io;
use std::path::Path;

use callboard_io::beneath::Dir;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// More is not kept: what was learnt longest ago goes first.
pub(super) const MOST: usize = 4096;

/// What is known, by key. A file that is not there, or damaged, knows nothing.
pub(super) fn read<T: DeserializeOwned>(cache_folder: &Path, what: &str) -> Vec<(String, T)> {
    let bytes = Dir::open(cache_folder).and_then(|cache| cache.read(format!("{what}.json"))).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

/// Keeps what is `lacking` of what is known.
pub(super) fn keep<T: Serialize + DeserializeOwned>(
    cache_folder: &Path,
    what: &str,
    lacking: impl Fn(&[(String, T)]) -> Vec<(String, T)>,
) -> io::Result<()> {
    if lacking(&read(cache_folder, what)).is_empty() {
        return Ok(());
    }
    // One at a time: what another run learns meanwhile is not lost.
    let cache = Dir::open(cache_folder)?;
    let lock = cache.file_to_append(format!("{what}.lock"), 0o600)?;
    lock.lock()?;
    let mut known = read(cache_folder, what);
    let more = lacking(&known);
    known.retain(|(key, _)| !more.iter().any(|(other, _)| other == key));
    known.extend(more);
    known.drain(..known.len().saturating_sub(MOST));
    cache.write_whole(format!("{what}.json"), &serde_json::to_vec(&known).expect("it is JSON"), 0o600)
}
