//! What steps needed in earlier runs: a small file in the cache, for whoever plans.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use callboard_io::beneath::Dir;

/// More is not kept: what was learnt longest ago goes first.
const MOST: usize = 4096;

/// The most linear memory that one instance of a step held in any earlier run that used this cache, in bytes, by
/// [`PlannedStep::need_key`](callboard_plan::PlannedStep::need_key): for [`Terms::needs`](callboard_plan::Terms::needs). A file that
/// is not there, or damaged, knows nothing.
pub fn measured_needs(cache_folder: &Path) -> BTreeMap<String, u64> {
    read(cache_folder).into_iter().collect()
}

fn read(cache_folder: &Path) -> Vec<(String, u64)> {
    let bytes = Dir::open(cache_folder).and_then(|cache| cache.read("needs.json")).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

/// Keeps what was measured, where it is more than before.
pub(crate) fn keep(cache_folder: &Path, measured: &BTreeMap<String, u64>) -> io::Result<()> {
    let lacks = |known: &[(String, u64)]| {
        let known: BTreeMap<&str, u64> = known.iter().map(|(key, bytes)| (key.as_str(), *bytes)).collect();
        let is_more = |(key, bytes): &(&String, &u64)| known.get(key.as_str()).is_none_or(|known| known < bytes);
        measured.iter().filter(is_more).map(|(key, bytes)| (key.clone(), *bytes)).collect::<Vec<_>>()
    };
    if lacks(&read(cache_folder)).is_empty() {
        return Ok(());
    }
    // One at a time: what another run learns meanwhile is not lost.
    let cache = Dir::open(cache_folder)?;
    let lock = cache.file_to_append("needs.lock", 0o600)?;
    lock.lock()?;
    let mut known = read(cache_folder);
    let more = lacks(&known);
    known.retain(|(key, _)| !more.iter().any(|(other, _)| other == key));
    known.extend(more);
    known.drain(..known.len().saturating_sub(MOST));
    cache.write_whole("needs.json", &serde_json::to_vec(&known).expect("needs are JSON"), 0o600)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_is_kept_and_damage_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let of = |needs: &[(&str, u64)]| needs.iter().map(|(key, bytes)| (key.to_string(), *bytes)).collect();
        assert!(measured_needs(folder.path()).is_empty());
        keep(folder.path(), &of(&[("a", 10), ("b", 20)])).unwrap();
        keep(folder.path(), &of(&[("a", 5), ("b", 30), ("c", 1)])).unwrap();
        assert_eq!(measured_needs(folder.path()), of(&[("a", 10), ("b", 30), ("c", 1)]));
        std::fs::write(folder.path().join("needs.json"), "[[\"a\", ").unwrap();
        assert!(measured_needs(folder.path()).is_empty());
        keep(folder.path(), &of(&[("a", 5)])).unwrap();
        assert_eq!(measured_needs(folder.path()), of(&[("a", 5)]));
    }

    #[test]
    fn it_stays_small() {
        let folder = tempfile::tempdir().unwrap();
        let many: BTreeMap<String, u64> = (0..MOST as u64 + 10).map(|nth| (format!("{nth:032x}"), nth + 1)).collect();
        keep(folder.path(), &many).unwrap();
        keep(folder.path(), &BTreeMap::from([("last".to_owned(), 1)])).unwrap();
        let kept = measured_needs(folder.path());
        assert_eq!((kept.len(), kept.get("last")), (MOST, Some(&1)));
    }
}
