//! The pipelines of `examples/04-peers` run, on a few rows and with pipelines that stand in for models; and are planned in lines of 120.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::repository;
use crate::stage::Stage;

/// Lines of all eight together: what a curator has to read.
const MOST_LINES: usize = 300;

/// The example's folder, with data beside it.
fn stage() -> Stage {
    let stage = Stage::empty();
    let example = repository("examples/04-peers");
    fs::create_dir(stage.folder.join("steps")).unwrap();
    for folder in ["", "steps"] {
        for entry in fs::read_dir(example.join(folder)).unwrap().map(|entry| entry.unwrap()) {
            if entry.path().extension().is_some_and(|extension| extension == "toml") {
                fs::copy(entry.path(), stage.folder.join(folder).join(entry.file_name())).unwrap();
            }
        }
    }
    let texts = stage.folder.join("texts.toml");
    let data = repository("examples/01-curate/data/state-of-the-union.jsonl.gz").canonicalize().unwrap();
    let copy = format!(
        "callboard = 1\n[inputs.texts]\npath = {data:?}\nrows = 240\n[outputs.texts]\npath = 'texts.jsonl'\ncolumns = ['text']\n"
    );
    fs::write(texts, copy).unwrap();
    let said = stage.sh("callboard run texts.toml --quiet");
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    put_data(&stage.folder);
    stage
}

fn rows(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn put_data(folder: &Path) {
    let texts: Vec<String> =
        rows(&folder.join("texts.jsonl")).iter().map(|row| row["text"].as_str().unwrap().to_owned()).collect();
    let lines = |rows: &mut dyn Iterator<Item = Value>| rows.map(|row| format!("{row}\n")).collect::<String>();
    let data = folder.join("data");
    fs::create_dir_all(data.join("warc")).unwrap();
    fs::create_dir_all(data.join("base_processing")).unwrap();

    let mut warc = String::new();
    for (nth, text) in texts.chunks(4).take(40).enumerate() {
        let host = if nth % 10 == 3 { "www.bad-domain.com" } else { "site.example.com" };
        let paragraphs: String = text.iter().map(|text| format!("<p>{text}</p>")).collect();
        let page = format!(
            "<html><head><title>{nth}</title><script>enable()</script></head><body><nav>Home About</nav>{paragraphs}</body></html>"
        );
        let http = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n{page}");
        warc += &format!(
            "WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:{nth}>\r\nWARC-Date: 2023-12-01T00:00:00Z\r\n\
             WARC-Target-URI: http://{host}/{nth}\r\nContent-Type: application/http; msgtype=response\r\nContent-Length: {}\r\n\r\n{http}\r\n\r\n",
            http.len()
        );
    }
    fs::write(data.join("warc/pages.warc"), warc).unwrap();

    let twice = || texts.iter().take(60).chain(texts.iter().take(10)).enumerate();
    let rows = &mut twice().map(|(id, text)| json!({ "id": id, "text": text, "metadata": { "n": id } }));
    fs::write(data.join("base_processing/00000.jsonl"), lines(rows)).unwrap();
    let alpaca = |(id, text): (usize, &String)| {
        let text = if id >= 60 { text.to_uppercase() } else { text.clone() };
        json!({ "text": text, "meta": { "id": id } })
    };
    let short = ["Short.", "!!!! ???? **** ---- !!!! ???? **** ----"].map(|text| json!({ "text": text, "meta": {} }));
    fs::write(data.join("alpaca.jsonl"), lines(&mut twice().map(alpaca).chain(short))).unwrap();

    let law = texts.iter().take(120).enumerate().map(|(id, text)| {
        json!({ "id": format!("qa-{id}"), "title": "Is it &quot;legal&quot;?", "question": format!("<p>{text}</p>"), "answer": text,
            "question_score": id % 7, "answer_score": id % 5 })
    });
    fs::write(data.join("law-stackexchange.json"), serde_json::to_string(&law.collect::<Vec<_>>()).unwrap()).unwrap();
    let prompts = |count: usize| texts.iter().take(count).map(|text| json!({ "prompt": text, "completion": "x" }));
    fs::write(data.join("instruction-50.jsonl"), lines(&mut prompts(50))).unwrap();
    fs::write(data.join("instruction-dataset.jsonl"), lines(&mut prompts(100))).unwrap();
    let pairs = texts.iter().take(30).map(|text| json!({ "question": text, "chosen": text, "rejected": "no" }));
    fs::write(data.join("orca_dpo_pairs.jsonl"), lines(&mut pairs.into_iter())).unwrap();
}

/// Rows out of each output.
fn run(stage: &Stage, pipeline: &str, more: &str) -> BTreeMap<String, u64> {
    let said = stage.sh(&format!("callboard run {pipeline} --quiet --report report.json {more}"));
    assert_eq!(said.code, Some(0), "{pipeline}: {}", said.stderr);
    let report: Value = serde_json::from_slice(&fs::read(stage.folder.join("report.json")).unwrap()).unwrap();
    for stage in report["stages"].as_array().unwrap() {
        for step in stage["steps"].as_array().unwrap() {
            assert_eq!(step["adds_up"], true, "{pipeline}: {step}");
        }
    }
    let outputs = report["outputs"].as_object().unwrap().iter();
    outputs.map(|(name, output)| (name.clone(), output["rows"].as_u64().unwrap())).collect()
}

#[test]
fn the_pipelines_of_the_peers_run_and_are_short() {
    let stage = stage();
    let files: Vec<String> = {
        let entries = fs::read_dir(repository("examples/04-peers")).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
        names.retain(|name| name.ends_with(".toml"));
        names.sort();
        names
    };
    assert_eq!(files.len(), 8);
    let lines: usize =
        files.iter().map(|file| fs::read_to_string(stage.folder.join(file)).unwrap().lines().count()).sum();
    assert!(lines <= MOST_LINES, "{lines} lines");
    for file in &files {
        let said = stage.sh(&format!("callboard plan {file}"));
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        let widest = said.stdout.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(120), "{file}:\n{}", said.stdout);
    }

    let warc = "--set inputs.pages.path=data/warc/pages.warc";
    let out = run(&stage, "1-fineweb.toml", warc);
    assert_eq!((out["deduped"], out["removed"]), (36, 4));

    let out = run(&stage, "2-minhash.toml", "--set inputs.docs.path=data/base_processing/*.jsonl");
    assert_eq!((out["deduplicated"], out["removed"]), (60, 10));

    let out = run(&stage, "3-sentence-dedup.toml", warc);
    assert!(out["final"] > 10 && out["final"] <= out["intermediate"], "{out:?}");

    let out = run(&stage, "4-alpaca-cot.toml", "");
    assert_eq!(out["data"] + out["traced"], 72, "{out:?}");
    assert!(out["data"] >= 40, "{out:?}");
    let trace = rows(&stage.folder.join("out/alpaca/trace.jsonl"));
    let by_step = |step: &str| trace.iter().filter(|row| row["_step"] == step).count();
    assert!(trace.iter().all(|row| row["_reason"].is_string()), "{trace:?}");
    assert_eq!(by_step("exact-dedup:compare"), 10);
    assert_eq!(by_step("line_length"), 1);

    let out = run(&stage, "5-nemo-peft-sdg.toml", "--set params.fraction=0.5");
    assert!(out["train"] > 20 && out["val"] > 2 && out["test"] > 2, "{out:?}");
    let train = rows(&stage.folder.join("out/nemo/train.jsonl"));
    assert!(train.iter().any(|row| row["id"].as_str().unwrap().ends_with("-synth-2")));

    assert_eq!(run(&stage, "6-deita.toml", "")["deita"], 200);
    assert_eq!(run(&stage, "7-ultrafeedback.toml", "")["rated"], 100);
    assert_eq!(run(&stage, "8-clean-dataset.toml", "")["data"], 20);
}
