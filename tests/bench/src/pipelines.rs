//! The pipelines that are measured. Those that are files are under `tests/bench/pipelines`.

use std::path::Path;

/// The reference work: normalise, count, keep the first of each text, keep what has 20 words, digest.
pub fn reference(rows: &Path, out: &Path) -> String {
    filled(include_str!("../pipelines/reference.toml"), &[("ROWS", rows), ("OUT", out)])
}

/// One step that is the bottleneck, in so many replicas.
pub fn bottleneck(rows: &Path, out: &Path, replicas: usize) -> String {
    let text = include_str!("../pipelines/bottleneck.toml").replace("REPLICAS", &replicas.to_string());
    filled(&text, &[("ROWS", rows), ("OUT", out)])
}

/// The first row of each text.
pub fn distinct(rows: &Path, out: &Path) -> String {
    filled(include_str!("../pipelines/distinct.toml"), &[("ROWS", rows), ("OUT", out)])
}

/// Rows in the order of their texts.
pub fn sorted(rows: &Path, out: &Path) -> String {
    filled(include_str!("../pipelines/sorted.toml"), &[("ROWS", rows), ("OUT", out)])
}

/// Near-duplicates, as datatrove's defaults find them.
pub fn near_duplicates(rows: &Path, out: &Path) -> String {
    filled(include_str!("../pipelines/near-duplicates.toml"), &[("ROWS", rows), ("OUT", out)])
}

/// A text with paths in the place of words in capitals.
pub fn filled(text: &str, paths: &[(&str, &Path)]) -> String {
    let mut text = text.to_owned();
    for (word, path) in paths {
        text = text.replace(word, &path.display().to_string());
    }
    text
}
