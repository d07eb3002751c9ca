//! What steps needed in earlier runs: a small file in the cache, for whoever plans.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::learnt;

/// The most linear memory that one instance of a step held in any earlier run that used this cache, in bytes, by
/// [`PlannedStep::need_key`](callboard_plan::PlannedStep::need_key): for [`Terms::needs`](callboard_plan::Terms::needs). A file that
/// is not there, or damaged, knows nothing.
pub fn measured_needs(cache_folder: &Path) -> BTreeMap<String, u64> {
    read(cache_folder).into_iter().collect()
}

fn read(cache_folder: &Path) -> Vec<(String, u64)> {
    learnt::read(cache_folder, "needs")
}

/// Keeps what was measured, where it is more than before.
pub(crate) fn keep(cache_folder: &Path, measured: &BTreeMap<String, u64>) -> io::Result<()> {
    let lacks = |known: &[(String, u64)]| {
        let known: BTreeMap<&str, u64> = known.iter().map(|(key, bytes)| (key.as_str(), *bytes)).collect();
        let is_more = |(key, bytes): &(&String, &u64)| known.get(key.as_str()).is_none_or(|known| known < bytes);
        measured.iter().filter(is_more).map(|(key, bytes)| (key.clone(), *bytes)).collect::<Vec<_>>()
    };
    learnt::keep(cache_folder, "needs", lacks)
}

#[cfg(test)]
mod tests {
    use super::super::learnt::MOST;
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
