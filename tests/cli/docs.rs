//! What the documentation shows: the pipeline of `docs/coming-from.md` runs, and links between pages lead somewhere.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::repository;
use crate::stage::Stage;

#[test]
fn the_pipeline_of_coming_from_keeps_long_texts_once() {
    let page = fs::read_to_string(repository("docs/coming-from.md")).unwrap();
    let (file, _) = page.split_once("```toml\n").unwrap().1.split_once("```").unwrap();
    let stage = Stage::empty();
    fs::create_dir(stage.folder.join("data")).unwrap();
    let words = |count: usize| (0..count).map(|n| format!("w{n}")).collect::<Vec<_>>().join(" ");
    let texts = [words(20), words(19), words(20), words(21)];
    let rows = texts.iter().enumerate().map(|(id, text)| format!("{}\n", serde_json::json!({"id": id, "text": text})));
    fs::write(stage.folder.join("data/docs.jsonl"), rows.collect::<String>()).unwrap();
    fs::write(stage.folder.join("clean.toml"), file).unwrap();
    let said = stage.sh("callboard run clean.toml --quiet");
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
    let kept = fs::read_to_string(stage.folder.join("clean.jsonl")).unwrap();
    let kept = kept.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let kept: Vec<Value> = kept.collect();
    let expected = [0, 3].map(|id| serde_json::json!({"id": id, "text": texts[id]}));
    assert_eq!(kept, expected);
}

/// Every page: `.md` files outside of folders that tools make, and of the templates, whose links are to files of a step.
fn pages() -> Vec<PathBuf> {
    let (mut pages, mut folders) = (Vec::new(), vec![repository("")]);
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let left_out = name.starts_with('.') || ["target", "node_modules", "templates"].contains(&name.as_str());
            match path.is_dir() {
                _ if left_out || path.is_symlink() => {}
                true => folders.push(path),
                false if name.ends_with(".md") => pages.push(path),
                false => {}
            }
        }
    }
    pages
}

/// The name by which GitHub links to a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    kept.chars().filter(|c| c.is_alphanumeric() || "-_ ".contains(*c)).map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn anchors(page: &Path) -> Vec<String> {
    let (text, mut fenced) = (fs::read_to_string(page).unwrap(), false);
    let headings = text.lines().filter(|line| {
        fenced ^= line.trim_start().starts_with("```");
        !fenced && line.starts_with('#')
    });
    headings.map(|line| anchor(line.trim_start_matches('#'))).collect()
}

#[test]
fn every_link_between_pages_leads_somewhere() {
    let (pages, mut broken) = (pages(), Vec::new());
    assert!(pages.len() > 20, "{pages:?}");
    for page in &pages {
        let text = fs::read_to_string(page).unwrap();
        for (link, _) in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')) {
            let (file, heading) = link.split_once('#').map_or((link, None), |(file, heading)| (file, Some(heading)));
            if link.contains("://") || link.contains(' ') {
                continue;
            }
            let target = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            let leads =
                target.exists() && heading.is_none_or(|heading| anchors(&target).iter().any(|of| of == heading));
            if !leads {
                broken.push(format!("{}: {link}", page.strip_prefix(repository("")).unwrap().display()));
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
}
