//! The report as a page: what stands on it, what strangers cannot put there, and what a real browser says of it.

#![allow(clippy::print_stderr, reason = "what is left out is said")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::signals::{Bounded, end, start};
use crate::stage::Stage;
use crate::{BOUND, repository};

/// A browser loads nothing for the page, and obeys nothing on it.
fn is_inert(page: &str) {
    let lower = page.to_lowercase().replace("url(#arrow)", "");
    for word in ["<script", "<iframe", "<object", "<img", "<link", " src=", "javascript:", "@import", "url("] {
        assert!(!lower.contains(word), "{word}");
    }
    // What a page is addressed by is a section of its own, and the name of SVG is no address.
    assert!(!lower.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "").contains("href=\"http"));
    assert!(!page.chars().any(|c| c == '\u{1b}' || ('\u{202a}'..='\u{202e}').contains(&c) || c == '\u{200f}'));
}

/// A run of many steps, with texts of strangers wherever a pipeline and its data can have them.
fn large() -> Stage {
    let stage = Stage::empty();
    let hostile = "<script>alert(1)</script>\u{202e}\u{1b}[31m\u{200f}&amp;\"'";
    let file = "in<script>alert(2)<.jsonl".replace('/', "");
    let row = |text: &str, n: u32| serde_json::json!({ "text": text, "n": n, hostile: hostile }).to_string() + "\n";
    fs::write(stage.folder.join(&file), row("a", 1) + &row("b", 2)).unwrap();
    let quoted = |text: &str| serde_json::to_string(text).unwrap();
    let mut steps: Vec<serde_json::Value> = (0..100)
        .map(|nth| {
            let text = if nth == 50 { "x".repeat(60_000) } else { hostile.to_owned() };
            let rule = format!("n > 0 && text != {}", quoted(&text));
            serde_json::json!({ "name": format!("rule-{nth}"), "use": "filter", "config": { "where": rule } })
        })
        .collect();
    let last = format!("n > 1 || text == {}", quoted(hostile));
    steps.push(serde_json::json!({ "name": "last", "use": "filter", "config": { "where": last } }));
    let pipeline = serde_json::json!({
        "callboard": 1,
        "inputs": { "docs": { "path": file, "stats": true } },
        "steps": steps,
        "outputs": { "kept": { "path": "<b>kept.jsonl" } },
    });
    fs::write(stage.folder.join("p.json"), pipeline.to_string()).unwrap();
    let ran = stage.sh("callboard run p.json --run-dir run --html page.html");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    stage
}

#[test]
fn the_page_is_one_small_inert_file_that_says_what_happened() {
    let stage = large();
    let read = |name: &str| fs::read_to_string(stage.folder.join(name)).unwrap();
    let page = read("page.html");
    is_inert(&page);
    assert!(page.len() < 300_000, "{} bytes", page.len());
    assert_eq!(page, read("run/report.html"), "the page in the run's folder is the same");
    for part in [
        "finished",
        "rule-99",
        "Adds up at every step",
        "in&lt;script&gt;alert(2)",
        "&lt;b&gt;kept.jsonl",
        "<svg",
        "columns-title",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(page.contains("n &gt; 1 || text == "), "the reason is missing");
    let again = stage.sh("callboard runs show run --html again.html");
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert_eq!(read("again.html"), page);
}

#[test]
fn a_run_that_failed_has_a_page_and_a_resumed_one_goes_on() {
    let stage = Stage::empty();
    let rows: String = (0..40).map(|nth| format!("{{\"text\": \"row {nth}\", \"n\": {nth}}}\n")).collect();
    fs::write(stage.folder.join("docs.jsonl"), format!("{rows}{{\"text\": \"<i>bad</i>\", \"n\": \"x\"}}\n")).unwrap();
    let pipeline = "callboard = 1\n[run]\nmax_rejects = 0\n[inputs.docs]\npath = \"docs.jsonl\"\ntypes = { n = \"int64\" }\n\
                    on_bad_row = \"reject\"\n[[steps]]\nuse = \"exact-dedup\"\n[outputs.kept]\npath = \"kept.jsonl\"\n";
    fs::write(stage.folder.join("p.toml"), pipeline).unwrap();
    let failed = stage.sh("callboard run p.toml --run-dir run --html page.html");
    assert_ne!(failed.code, Some(0));
    for page in ["page.html", "run/report.html"] {
        let page = fs::read_to_string(stage.folder.join(page)).unwrap();
        is_inert(&page);
        for part in [">failed<", "Error", "callboard resume", "Help: "] {
            assert!(page.contains(part), "{part}: {page}");
        }
    }
    let resumed = stage.sh("callboard resume run --max-rejects 5 --html page.html");
    assert_eq!(resumed.code, Some(0), "{}", resumed.stderr);
    let page = fs::read_to_string(stage.folder.join("page.html")).unwrap();
    for part in [">finished<", "resumed once", "<strong>41</strong> read", "<strong>1</strong> rejected"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    // Rows are shown to those who ask for them.
    assert!(!page.contains("bad&lt;/i&gt;"));
    let shown = stage.sh("callboard runs show run --html page.html --examples 3");
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    let page = fs::read_to_string(stage.folder.join("page.html")).unwrap();
    is_inert(&page);
    assert!(page.contains("bad&lt;/i&gt;"), "{page}");
}

/// A pipeline of four stages that waits in the second one for `gate/open`, and in the last for `second/open`.
fn going_on() -> Stage {
    let stage = Stage::empty();
    let wait = |name: &str, folder: &str| {
        fs::create_dir(stage.folder.join(folder)).unwrap();
        format!(
            "[[steps]]\nname = \"{name}\"\nuse = \"../guests/wait.wasm\"\nconfig = {{ at = \"process\", sleeps = true }}\n\
             grant.files = [\"{folder}\"]\nlimits = {{ time = \"1h\" }}\n"
        )
    };
    let again = "[[steps]]\nname = \"again\"\nuse = \"exact-dedup\"\n";
    let text = format!(
        "callboard = 1\n[inputs.docs]\npath = \"../data/docs.jsonl\"\n[[steps]]\nuse = \"exact-dedup\"\n{}{again}{}\
         [outputs.kept]\npath = \"<script>alert(1)<.jsonl\"\n[outputs.dropped]\nfrom = \"exact-dedup.dropped\"\n\
         path = \"dropped.jsonl\"\n",
        wait("wait", "gate"),
        wait("wait-again", "second")
    );
    fs::write(stage.folder.join("p.toml"), text).unwrap();
    stage
}

#[test]
#[ignore = "`cargo xtask test` runs it by itself: beside the other tests, a browser takes minutes"]
fn a_browser_finds_nothing_wrong_with_it_in_a_file_and_live() {
    let tools = repository("target/toolchains/browser");
    let browser = "/usr/bin/chromium";
    let has = |module: &str| tools.join("node_modules").join(module).is_dir();
    if !fs::exists(browser).is_ok_and(|is| is) || !has("playwright-core") || !has("axe-core") {
        eprintln!("SKIPPED: no browser has looked at the page: `cargo xtask browser` installs what that takes");
        return;
    }
    let (stage, live) = (large(), going_on());
    let command = "callboard run p.toml --run-dir run --serve";
    let (child, heard) = start(&live, command, "stage 2 of 4: wait");
    let bounded = Bounded::of(&child);
    let url = heard.split_whitespace().find(|word| word.starts_with("http://")).unwrap();
    let mut node = Command::new("timeout");
    node.arg((5 * BOUND.as_secs()).to_string()).arg("node").arg(repository("tests/cli/page.mjs"));
    node.args([&*tools.canonicalize().unwrap(), browser.as_ref(), &stage.folder.join("page.html")]).arg(url);
    let mut node = node.stdout(Stdio::piped()).spawn().unwrap();
    let mut said = Vec::new();
    for line in BufReader::new(node.stdout.take().unwrap()).lines().map(Result::unwrap) {
        match line.strip_prefix("open ") {
            Some(gate) => fs::write(live.folder.join(gate).join("open"), "").unwrap(),
            None => said.push(line),
        }
    }
    assert!(node.wait().unwrap().success(), "{said:#?}");
    assert!(said.len() >= 5 && said.iter().all(|line| line.ends_with(": ok")), "{said:#?}");
    let ended = end(child, heard, command);
    drop(bounded);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    is_inert(&fs::read_to_string(live.folder.join("run/report.html")).unwrap());
}
