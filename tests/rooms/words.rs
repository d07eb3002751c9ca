//! The phrases to leave, from the table of CONTRIBUTING's section "Words": none is in the documentation, in a message or the help, or
//! in a comment of the host, the steps, the SDKs, the templates, the contract or `xtask`.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

use super::{host, imports, prose};

/// The left column of the table, with what finds each phrase.
const PHRASES: &[(&str, &str)] = &[
    (
        r#"who (of things: "who resumes", "for who asks")"#,
        r"\b(?:for|to|from|of|by|with) who\b|(?:^|[.:;] )Who [a-z]+s\b|\bwho (?:asks?|resumes?)\b",
    ),
    ("so many, so much, as many as", r"\b[Ss]o (?:many|much)\b|\b[Aa]s (?:many|much) as\b"),
    ("is gone on with, go on with", r"\b(?:gone|going|goes|go|went) on with\b"),
    ("mend, mends", r"\bmend(?:s|ed|ing)?\b"),
    ("whose affair", r"\baffairs?\b"),
    ("none where, of … (as the start of a sentence)", r"\b[Nn]one where\b|(?:^|[.!?] )Of \w"),
    (
        "what it came to, what becomes of",
        r"\b[Ww]hat (?:\w+ ){1,3}(?:came|comes|come) to\b|\bcame to\b|\b[Ww]hat (?:becomes?|became) of\b",
    ),
    ("told, tells of, says of", r"\btold\b|\b(?:tells?|says?|said) of\b"),
    ("is others, is another one's", r"\b(?:is|are|was|were) others\b|\b(?:is|are) another one\b|\banother one's\b"),
    (r#"as fast ("is as fast, 2.8 ×")"#, r"\bas (?:fast|often)\b"),
    ("made anew, done anew", r"\banew\b"),
    ("cannot be had", r"\b(?:can|could|cannot) (?:not )?be had\b|\bto be had\b"),
    ("hold against", r"\b(?:hold|holds|held|holding) (?:\w+ ){0,3}against\b"),
];
/// Where such words are right.
const RIGHT: &[&str] = &[
    "Who has to act",
    "told apart",
    "Of course",
    "counts against",
    "times as many as",
    "times as much as",
    "as fast as",
    "as often as",
    // a function of the SDK in Go that is called so
    "Of calls a program's main",
];

#[test]
fn nothing_is_said_in_a_phrase_that_contributing_leaves() {
    let root = host("runtime").join("../../..").canonicalize().unwrap();
    let phrases = phrases();
    let (mut pages, mut comments, mut texts, mut elsewhere) = (0, 0, 0, 0);
    let mut faults = Vec::new();
    let mut look = |file: &Path, line: usize, text: &str, count: &mut usize| {
        *count += 1;
        for (phrase, found) in faults_in(text, &phrases) {
            let file = file.strip_prefix(&root).unwrap().display();
            faults.push(format!("{file}:{line}: `{found}` (leave: {phrase})"));
        }
    };
    for page in pages_of(&root) {
        let text = fs::read_to_string(&page).unwrap();
        // The table itself, at the end of its page.
        let text = if page.ends_with("CONTRIBUTING.md") { text.split("\n## Words\n").next().unwrap() } else { &text };
        for (at, line) in text.lines().enumerate() {
            look(&page, at + 1, line.trim_start_matches(['-', '#', '|', '>', '*', ' ']), &mut pages);
        }
    }
    for file in imports::sources(&root.join("host")) {
        let source = fs::read_to_string(&file).unwrap();
        for (at, line) in source.lines().enumerate() {
            match comment(line) {
                Some(comment) => look(&file, at + 1, comment, &mut comments),
                // The whole line of a text: code has none of the phrases.
                None if line.contains('"') || line.ends_with('\\') => {
                    look(&file, at + 1, line.trim_start(), &mut texts)
                }
                None => {}
            }
        }
    }
    for file in ["plugins", "wit", "xtask"].iter().flat_map(|folder| prose::sources(&root.join(folder))) {
        let source = fs::read_to_string(&file).unwrap();
        let extension = file.extension().unwrap().to_str().unwrap();
        for (line, text) in prose::of(&source, extension) {
            look(&file, line, &text, &mut elsewhere);
        }
    }
    let all = format!("{pages} lines of pages, {comments} comments, {texts} texts, {elsewhere} elsewhere");
    assert!(pages > 4_000 && comments > 5_000 && texts > 3_000 && elsewhere > 8_000, "{all} are hardly all");
    assert!(faults.is_empty(), "see the table in CONTRIBUTING, under Words:\n{}", faults.join("\n"));
}

fn phrases() -> Vec<(&'static str, Regex)> {
    PHRASES.iter().map(|(phrase, pattern)| (*phrase, Regex::new(pattern).unwrap())).collect()
}

fn faults_in(text: &str, phrases: &[(&'static str, Regex)]) -> Vec<(&'static str, String)> {
    let text = RIGHT.iter().fold(text.to_owned(), |text, right| text.replace(right, "…"));
    let find = |(phrase, pattern): &(&'static str, Regex)| Some((*phrase, pattern.find(&text)?.as_str().to_owned()));
    phrases.iter().filter_map(find).collect()
}

/// What users and contributors read.
fn pages_of(root: &Path) -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"]
        .map(|page| root.join(page))
        .into();
    for folder in ["docs", "plugins", "examples", "wit"] {
        pages.extend(prose::files(&root.join(folder), &["md"]));
    }
    pages
}

/// The comment of a line that is nothing else.
fn comment(line: &str) -> Option<&str> {
    let line = line.trim_start().strip_prefix("//")?;
    Some(line.trim_start_matches(['/', '!']).trim_start_matches(['-', '*', '|', ' ']))
}

#[test]
fn each_phrase_of_the_table_is_looked_for_and_found() {
    let contributing = fs::read_to_string(host("runtime").join("../../../CONTRIBUTING.md")).unwrap();
    let (_, words) = contributing.split_once("\n## Words\n").expect("CONTRIBUTING has a section `Words`");
    let rows = words.lines().filter_map(|line| line.strip_prefix("| ")).filter_map(|line| line.split(" | ").next());
    let table: Vec<&str> = rows.filter(|left| *left != "leave").collect();
    let known: Vec<&str> = PHRASES.iter().map(|(phrase, _)| *phrase).collect();
    assert_eq!(table, known, "the table of CONTRIBUTING and PHRASES are the same");

    let phrases = phrases();
    let examples = [
        "for who wants them",
        "at most so many rows",
        "a file that cannot be gone on with",
        "with the mend",
        "that is its affair",
        "Of each column, its place",
        "what the run came to",
        "a mistake is told at once",
        "its columns are others",
        "Callboard is as fast, 2.8 ×",
        "the folder is made anew",
        "its plan cannot be had",
        "held against their checksum",
    ];
    for (example, (phrase, _)) in examples.iter().zip(PHRASES) {
        let found: Vec<&str> = faults_in(example, &phrases).into_iter().map(|(phrase, _)| phrase).collect();
        assert_eq!(found, [*phrase], "{example}");
    }
    for right in
        ["who has to act", "Who has to act.", "files that cannot be told apart", "three times as many as before"]
    {
        assert!(faults_in(right, &phrases).is_empty(), "{right}");
    }
}
