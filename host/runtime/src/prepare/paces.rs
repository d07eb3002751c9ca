//! How long the phases of global steps took in earlier runs: the time that is left of one is estimated by them.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::learnt;
use crate::course::Took;

/// Those of the last run of each step that used this cache, by [`PlannedStep::need_key`](callboard_plan::PlannedStep::need_key).
pub(crate) fn measured(cache_folder: &Path) -> BTreeMap<String, Took> {
    learnt::read(cache_folder, "paces").into_iter().collect()
}

/// Keeps what was measured, in place of what was known.
pub(crate) fn keep(cache_folder: &Path, took: BTreeMap<String, Took>) -> io::Result<()> {
    learnt::keep(cache_folder, "paces", |_| took.clone().into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_run_counts() {
        let folder = tempfile::tempdir().unwrap();
        let took = |call: u64| Took::from([("call".to_owned(), call), ("read".to_owned(), 10)]);
        let of = |took: &[(&str, Took)]| took.iter().map(|(key, took)| (key.to_string(), took.clone())).collect();
        keep(folder.path(), of(&[("a", took(9)), ("b", took(8))])).unwrap();
        keep(folder.path(), of(&[("a", took(7))])).unwrap();
        keep(folder.path(), BTreeMap::new()).unwrap();
        assert_eq!(measured(folder.path()), of(&[("a", took(7)), ("b", took(8))]));
        std::fs::write(folder.path().join("paces.json"), "[[\"a\", {\"call\": -1}]]").unwrap();
        assert!(measured(folder.path()).is_empty());
    }
}
