//! Which folders a pattern of an input looks into.

use std::path::{Component, Path};

/// How parts of a pattern match: an input takes no hidden file that its pattern does not name.
pub(crate) const MATCHING: glob::MatchOptions =
    glob::MatchOptions { case_sensitive: true, require_literal_separator: false, require_literal_leading_dot: true };

/// Whether a path, or a pattern, can name something in this folder or in one below it. Both start from the same place.
pub fn can_match_below(pattern: &Path, folder: &Path) -> bool {
    let parts = |path: &Path| -> Vec<String> {
        let kept = path.components().filter(|part| !matches!(part, Component::CurDir));
        kept.map(|part| part.as_os_str().to_string_lossy().into_owned()).collect()
    };
    let pattern = parts(pattern);
    // The parts of the pattern that may come next; `**` stands for any number of folders, none among them.
    let open = |mut at: Vec<usize>| {
        let mut next = 0;
        while let Some(&part) = at.get(next) {
            if pattern.get(part).is_some_and(|part| part == "**") && !at.contains(&(part + 1)) {
                at.push(part + 1);
            }
            next += 1;
        }
        at
    };
    let mut at = open(vec![0]);
    for name in parts(folder) {
        let mut next = Vec::new();
        for part in at {
            let Some(text) = pattern.get(part) else { continue };
            let matches =
                *text == name || glob::Pattern::new(text).is_ok_and(|pattern| pattern.matches_with(&name, MATCHING));
            let to = if text == "**" { part } else { part + 1 };
            if (text == "**" || matches) && !next.contains(&to) {
                next.push(to);
            }
        }
        at = open(next);
    }
    at.iter().any(|part| *part < pattern.len())
}

#[cfg(test)]
mod tests {
    use super::can_match_below;

    #[test]
    fn a_pattern_looks_into_the_folders_that_it_names() {
        let looks = |pattern: &str, folder: &str| can_match_below(pattern.as_ref(), folder.as_ref());
        for (pattern, folder) in [
            ("data/*.jsonl", "data"),
            ("./data/*.jsonl", "data"),
            ("data/*.jsonl", ""),
            ("*/x.jsonl", "scratch"),
            ("data/**/*.jsonl", "data/a/b"),
            ("data/**/*.jsonl", "data"),
            ("**/x", "a/b/c"),
            ("a/**/b/**/c", "a/x/b/y"),
            ("s[ck]ratch/x", "scratch"),
            ("scratch/x", "scratch"),
            ("s[1]/x", "s[1]"),
        ] {
            assert!(looks(pattern, folder), "{pattern} in {folder}");
        }
        for (pattern, folder) in [
            ("data/*.jsonl", "data/scratch"),
            ("data/*.jsonl", "scratch"),
            ("*/x.jsonl", ".hidden"),
            ("data/x", "data/x"),
            ("a/**/b", "b"),
            ("in.jsonl", "in"),
        ] {
            assert!(!looks(pattern, folder), "{pattern} in {folder}");
        }
    }
}
