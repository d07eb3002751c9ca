//! What is prose in a source of any language: comments, documentation and quoted texts; and which sources there are.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// Folders that tools make beside sources.
const MADE: &[&str] = &["target", "node_modules", "__pycache__"];
const LANGUAGES: &[&str] = &["rs", "py", "ts", "mjs", "go", "c", "h", "cpp", "hpp", "wit", "toml"];

/// The sources below a folder, in every language.
pub(crate) fn sources(folder: &Path) -> Vec<PathBuf> {
    files(folder, LANGUAGES)
}

/// The files below a folder with one of these extensions, without those in hidden folders and in folders that tools make.
pub(crate) fn files(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if !name.starts_with('.') && !MADE.contains(&name.as_str()) {
                found.extend(files(&path, extensions));
            }
        } else if path.extension().is_some_and(|extension| extensions.iter().any(|wanted| extension == *wanted)) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Each piece of prose with its line, from 1. `extension` says in which language the source is.
pub(crate) fn of(source: &str, extension: &str) -> Vec<(usize, String)> {
    let mark = if matches!(extension, "py" | "toml") { "#" } else { "//" };
    let quoted = Regex::new(r#""(?:[^"\\]|\\.)*"|`[^`]*`"#).unwrap();
    let mut pieces = Vec::new();
    let mut in_docstring = false;
    for (at, line) in source.lines().enumerate() {
        let mut add = |text: &str| {
            let text = text.trim_start_matches(['/', '!', '#', '*', '-', '|', '"', ' ']);
            pieces.push((at + 1, text.to_owned()));
        };
        let trimmed = line.trim_start();
        let docstrings = if extension == "py" { line.matches("\"\"\"").count() } else { 0 };
        // The inner lines of `/** … */` begin with a star.
        let inner = mark == "//" && (trimmed == "*" || ["* ", "*/", "/*"].iter().any(|mark| trimmed.starts_with(mark)));
        if in_docstring || docstrings > 0 || inner || trimmed.starts_with(mark) {
            add(trimmed);
        } else {
            // A comment behind code. One in the middle of a text, such as an address, is found twice, which does no harm.
            if let Some((_, comment)) = line.split_once(mark) {
                add(comment);
            }
            quoted.find_iter(line).for_each(|text| add(&text.as_str()[1..text.len() - 1]));
        }
        in_docstring ^= docstrings % 2 == 1;
    }
    pieces
}

#[test]
fn prose_is_found_in_every_language() {
    let found = |source: &str, extension: &str| -> Vec<String> {
        of(source, extension).into_iter().map(|(line, text)| format!("{line} {text}")).collect()
    };
    assert_eq!(found("let a = \"one\"; // two\n/// three\n", "rs"), ["1 two", "1 one", "2 three"]);
    let python = "\"\"\"One\ntwo\n\"\"\"\ntold = 1  # three\nsay(\"four\")\n";
    assert_eq!(found(python, "py"), ["1 One", "2 two", "3 ", "4 three", "5 four"]);
    assert_eq!(found("/**\n * one\n */\nconst told = `two`\n", "ts"), ["1 ", "2 one", "3 ", "4 two"]);
    assert_eq!(found("/// one\nlength: u32,\n", "wit"), ["1 one"]);
    assert_eq!(found("# one\na = \"two\"\n", "toml"), ["1 one", "2 two"]);
}
