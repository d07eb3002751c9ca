//! Outputs of several files: parted by columns, cut by rows and bytes, whole or absent by their manifest, added to a folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::bench::lines;
use crate::s3::Fault;
use crate::s3::meeting::Meeting;
use crate::stores::Stage;
use crate::trial::{Trial, ended, killed_when, was_killed};

const HEAD: &str = "callboard = 1\n[inputs.docs]\npath = \"data/docs.jsonl\"\ntypes = { lang = \"string\" }\n[[steps]]\nuse = \"text-stats\"\n";

/// Rows whose language is one of these, in turn.
fn rows(count: u64, languages: &[Value]) -> String {
    lines((0..count).map(|id| {
        let lang = &languages[(id % languages.len() as u64) as usize];
        json!({"id": id, "lang": lang, "w": 0.5, "text": format!("text {id} ").repeat((id % 7) as usize)})
    }))
}

fn folder(docs: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("docs.jsonl"), docs).unwrap();
    folder
}

fn trial(folder: &Path, name: &str, output: &str) -> Trial {
    Trial::new(folder.join(name), &format!("{HEAD}[outputs.clean]\n{output}\n"), folder)
}

/// All files below `out/`.
fn tree(trial: &Trial) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![trial.path("out")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false => {
                    let path = entry.path();
                    let name = path.strip_prefix(trial.path("out")).unwrap().to_str().unwrap().to_owned();
                    files.insert(name, fs::read(entry.path()).unwrap());
                }
            }
        }
    }
    files
}

fn manifest(files: &BTreeMap<String, Vec<u8>>) -> Value {
    serde_json::from_slice(&files["_manifest.json"]).unwrap()
}

fn run(trial: &Trial, more: &[&str]) -> (Option<i32>, String) {
    let mut arguments = vec!["run", "pipeline.toml", "--quiet"];
    arguments.extend(more);
    let code = ended(trial.command(&arguments).spawn().unwrap()).code();
    (code, trial.said())
}

fn ids(bytes: &[u8]) -> Vec<u64> {
    let rows = String::from_utf8(bytes.to_vec()).unwrap();
    rows.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].as_u64().unwrap()).collect()
}

#[test]
fn rows_are_parted_by_a_column_and_cut_into_parts_in_order() {
    let folder = folder(&rows(1000, &[json!("en"), json!("de"), json!(null), json!("../x"), json!("EN"), json!("")]));
    let trial = trial(folder.path(), "a", "path = \"out/{lang}/part-{n}.jsonl\"\nmax_rows = 60");
    assert_eq!(run(&trial, &[]), (Some(0), String::new()));
    let files = tree(&trial);
    let folders: std::collections::BTreeSet<&str> =
        files.keys().filter_map(|name| Some(name.split_once('/')?.0)).collect();
    let wanted = ["%2E.%2Fx", "%45%4E", "__EMPTY__", "__HIVE_DEFAULT_PARTITION__", "de", "en"];
    assert_eq!(folders.into_iter().collect::<Vec<_>>(), wanted);
    for (nth, folder) in
        ["en", "de", "__HIVE_DEFAULT_PARTITION__", "%2E.%2Fx", "%45%4E", "__EMPTY__"].iter().enumerate()
    {
        let of: Vec<_> = files.iter().filter(|(name, _)| name.starts_with(&format!("{folder}/"))).collect();
        let counts: Vec<usize> = of.iter().map(|(_, bytes)| ids(bytes).len()).collect();
        assert_eq!(counts, if nth < 4 { [60, 60, 47] } else { [60, 60, 46] });
        let all: Vec<u64> = of.iter().flat_map(|(_, bytes)| ids(bytes)).collect();
        assert_eq!(all, (nth as u64..1000).step_by(6).collect::<Vec<_>>(), "{folder}");
        assert_eq!(of[1].0, &format!("{folder}/part-00001.jsonl"));
    }
    let manifest = manifest(&files);
    let listed = manifest["files"].as_array().unwrap();
    assert_eq!((manifest["rows"].as_u64(), listed.len() + 1), (Some(1000), files.len()));
    for part in listed {
        let bytes = &files[part["path"].as_str().unwrap()];
        assert_eq!(part["bytes"].as_u64(), Some(bytes.len() as u64));
        assert_eq!(part["rows"].as_u64(), Some(ids(bytes).len() as u64));
        assert!(part["partition"].as_object().unwrap().contains_key("lang"));
    }
    assert!(listed.iter().any(|part| part["partition"]["lang"].is_null()));
}

/// However many cores there are, however rows come in batches, and whether they had to wait: files are cut by rows alone.
#[test]
fn batches_do_not_show_in_files() {
    let languages: Vec<Value> = (0..40).map(|n| json!(format!("l{n}"))).collect();
    let folder = folder(&rows(20_000, &languages));
    for (format, part) in [
        ("jsonl", "max_bytes = \"6KiB\""),
        ("parquet", "max_bytes = \"20KiB\""),
        ("csv.gz", "max_rows = 100"),
        ("arrow", ""),
    ] {
        let mut seen = Vec::new();
        for (nth, batch) in [1000, 77].iter().enumerate() {
            let output = format!(
                "path = \"out/{{lang}}/part-{{n}}.{format}\"\n{part}\n[run]\nbatch_rows = {batch}\nreplicas = {}",
                nth + 1
            );
            let trial = trial(folder.path(), &format!("{format}-{batch}"), &output);
            assert_eq!(run(&trial, &[]), (Some(0), String::new()));
            seen.push(tree(&trial));
        }
        assert!(seen[0] == seen[1], "{format}");
        assert!(seen[0].len() > if part.is_empty() { 40 } else { 80 }, "{format}: {}", seen[0].len());
    }
}

#[test]
fn what_cannot_be_parted_is_refused_with_its_place() {
    let folder = folder(&rows(100, &[json!("en"), json!("de"), json!("fr")]));
    for (nth, (output, code, said)) in [
        (
            "path = \"out/{language}.jsonl\"",
            2,
            "its path names the column `language`, which is not there; the columns are",
        ),
        ("path = \"out/{Lang}.jsonl\"", 2, "did you mean `{lang}`?"),
        ("path = \"out/{}.jsonl\"", 2, "`{}` names no column"),
        (
            "path = \"out/{lang}.jsonl\"\nmax_rows = 1",
            2,
            "`max_rows` makes numbered parts, and the path has no place for the number",
        ),
        ("path = \"out/{lang}.jsonl\"\nmax_partitions = 2", 4, "allow more: max_partitions = 20"),
        ("path = \"out/{w}.jsonl\"", 2, "names are made of strings, integers, booleans and dates"),
        ("path = \"data/{lang}.jsonl\"", 2, "one of its files may be"),
        ("path = \"out/{lang}.jsonl\"\n[outputs.b]\npath = \"out/x-{n}.jsonl\"", 2, "have their files in one folder"),
        ("path = \"s3://{lang}/x.jsonl\"", 2, "its bucket is filled in"),
    ]
    .into_iter()
    .enumerate()
    {
        let trial = trial(folder.path(), &nth.to_string(), output);
        let (found, words) = run(&trial, &[]);
        assert!(found == Some(code) && words.contains(said), "{output}: {found:?} {words}");
        assert!(tree(&trial).is_empty());
    }
}

#[test]
fn folders_of_hive_come_back() {
    let folder = folder(&rows(300, &[json!("en"), json!("de/x"), json!(null), json!("")]));
    let trial = trial(folder.path(), "a", "path = \"out/lang={lang}/part-{n}.parquet\"\ncolumns = [\"id\", \"lang\"]");
    assert_eq!(run(&trial, &[]), (Some(0), String::new()));
    let back = "callboard = 1\n[inputs.parts]\npath = \"../a/out/lang=*/*.parquet\"\nhive = true\n[outputs.back]\npath = \"out/back.jsonl\"\n";
    let back = Trial::new(folder.path().join("b"), back, folder.path());
    assert_eq!(run(&back, &[]), (Some(0), String::new()));
    let rows = String::from_utf8(tree(&back).remove("back.jsonl").unwrap()).unwrap();
    let mut rows: Vec<Value> = rows.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    rows.sort_by_key(|row| row["id"].as_u64());
    let langs = [json!("en"), json!("de/x"), json!(null), json!("")];
    assert_eq!(rows.len(), 300);
    for (id, row) in rows.iter().enumerate() {
        assert_eq!(*row, json!({"id": id, "lang": langs[id % 4]}));
    }
}

#[test]
fn an_input_reads_what_a_manifest_names_and_nothing_else() {
    let folder = folder(&rows(90, &[json!("en"), json!("de")]));
    let parts = trial(folder.path(), "a", "path = \"out/lang={lang}/part-{n}.jsonl\"\nmax_rows = 20\nappend = true");
    assert_eq!(run(&parts, &[]), (Some(0), String::new()));
    fs::write(folder.path().join("docs.jsonl"), rows(10, &[json!("en")])).unwrap();
    assert_eq!(run(&parts, &[]), (Some(0), String::new()));
    fs::write(parts.path("out/lang=en/stray.jsonl"), "{\"id\": 7}\n").unwrap();
    let back = "callboard = 1\n[inputs.parts]\npath = \"../a/out/_manifest*.json\"\nhive = true\n[outputs.back]\npath = \"out/back.jsonl\"\n";
    let back = Trial::new(folder.path().join("b"), back, folder.path());
    assert_eq!(run(&back, &[]), (Some(0), String::new()));
    let rows = tree(&back).remove("back.jsonl").unwrap();
    let mut all = ids(&rows);
    all.sort_unstable();
    let mut wanted: Vec<u64> = (0..90).chain(0..10).collect();
    wanted.sort_unstable();
    assert_eq!(all, wanted);
    assert!(String::from_utf8(rows).unwrap().lines().all(|line| line.contains("\"lang\":\"")));

    // What is there may be read by a run that adds to it.
    let more = "callboard = 1\n[inputs.parts]\npath = \"../a/out/_manifest*.json\"\nhive = true\nrows = 5\n[outputs.more]\npath = \"../a/out/lang={lang}/part-{n}.jsonl\"\nappend = true\n";
    let more = Trial::new(folder.path().join("c"), more, folder.path());
    assert_eq!(run(&more, &[]), (Some(0), String::new()));
    assert_eq!(run(&back, &["--overwrite"]), (Some(0), String::new()));
    assert_eq!(ids(&tree(&back)["back.jsonl"]).len(), 105);

    let some = fs::read_dir(parts.path("out/lang=de")).unwrap().next().unwrap().unwrap().path();
    fs::write(&some, "{}\n").unwrap();
    let (code, said) = run(&back, &["--overwrite"]);
    assert!(code == Some(3) && said.contains("it has 3 bytes, and"), "{said}");
    fs::remove_file(&some).unwrap();
    let (code, said) = run(&back, &["--overwrite"]);
    assert!(code == Some(3) && said.contains("names it, and it is not there"), "{said}");
}

#[test]
fn what_is_there_is_replaced_whole_or_not_at_all() {
    let folder = folder(&rows(100, &[json!("en"), json!("de"), json!("fr")]));
    let trial = trial(folder.path(), "a", "path = \"out/{lang}/part-{n}.jsonl\"\nmax_rows = 10");
    assert_eq!(run(&trial, &[]), (Some(0), String::new()));
    let before = tree(&trial);
    let (code, said) = run(&trial, &[]);
    assert!(code == Some(2) && said.contains("`out/_manifest.json` is there already"), "{said}");
    assert!(tree(&trial) == before);
    fs::write(trial.path("out/mine.txt"), "mine").unwrap();
    fs::write(trial.path("out/de/part-00001.jsonl"), "mine, too").unwrap();
    fs::write(folder.path().join("docs.jsonl"), rows(15, &[json!("en"), json!("it")])).unwrap();
    let (code, _) = run(&trial, &["--overwrite", "--run-dir", "again"]);
    assert_eq!(code, Some(0));
    let after = tree(&trial);
    let names: Vec<&str> = after.keys().map(String::as_str).collect();
    // What somebody has altered stays, and is named.
    let left = ["_manifest.json", "de/part-00001.jsonl", "en/part-00000.jsonl", "it/part-00000.jsonl", "mine.txt"];
    assert_eq!(names, left);
    let report: Value = serde_json::from_slice(&fs::read(trial.path("again/report.json")).unwrap()).unwrap();
    let note =
        "output `clean`: `out/de/part-00001.jsonl` was left there: it is not the file that the manifest before named";
    assert!(report["notes"].as_array().unwrap().contains(&json!(note)), "{}", report["notes"]);
    assert!(!trial.path("out/fr").exists());

    // A file in the way that no manifest names is refused before anything is altered.
    fs::remove_file(trial.path("out/_manifest.json")).unwrap();
    let (code, said) = run(&trial, &[]);
    assert!(code == Some(2) && said.contains("this is there already"), "{code:?} {said}");
    assert_eq!(tree(&trial).len(), 4);
}

/// Those of the first eight partitions are written at once, those of further ones wait: here 20 MiB of them.
#[test]
fn rows_that_wait_on_the_disk_count_as_rows_between_stages() {
    let text = "word ".repeat(2000);
    let folder = folder(&lines((0..2600).map(|id| json!({"lang": format!("{}", id % 40), "text": text}))));
    let trial = trial(folder.path(), "a", "path = \"out/{lang}/{n}.jsonl\"");
    let (code, said) = run(&trial, &["--run-dir", "run", "--max-spill", "1MiB"]);
    assert!(code == Some(5) && said.contains("cannot keep rows of further partitions"), "{code:?} {said}");
    assert!(said.contains("--max-spill") && tree(&trial).is_empty(), "{said}");
    assert!(ended(trial.command(&["resume", "run", "--max-spill", "100MiB", "--quiet"]).spawn().unwrap()).success());
    assert_eq!(tree(&trial).len(), 41);
}

#[test]
fn a_run_that_is_killed_between_two_files_ends_as_one_that_nobody_touched_or_leaves_nothing() {
    let languages: Vec<Value> = (0..300).map(|n| json!(format!("l{n}"))).collect();
    let folder = folder(&rows(600, &languages));
    let output = "path = \"out/{lang}/part-{n}.jsonl\"\nmax_rows = 1";
    let whole = trial(folder.path(), "whole", output);
    whole.finish();
    let right = tree(&whole);
    assert_eq!(right.len(), 601);
    let mut between = 0;
    for (nth, most) in [1, 50, 150, 290].into_iter().enumerate() {
        let trial = trial(folder.path(), &nth.to_string(), output);
        let there = || fs::read_dir(trial.path("out")).is_ok_and(|entries| entries.count() >= most);
        let killed = was_killed(killed_when(trial.go_on().spawn().unwrap(), there));
        between += usize::from(killed && !trial.path("out/_manifest.json").exists());
        assert!(!killed || trial.path("out/_manifest.json").exists() == (tree(&trial).len() == 601));
        if nth % 2 == 0 || !killed {
            trial.finish();
            assert!(tree(&trial) == right);
            assert!(!trial.path("run/outputs").exists());
        } else {
            let is_whole = trial.path("out/_manifest.json").exists();
            assert!(ended(trial.command(&["runs", "remove", "run"]).spawn().unwrap()).success(), "{}", trial.said());
            assert_eq!(tree(&trial).len(), if is_whole { 601 } else { 0 });
            assert!(!trial.path("run").exists());
        }
    }
    assert!(between > 0, "none was killed between two files");
}

const STORED: &str = r#"
callboard = 1
[inputs.docs]
path = "s3://b/in/*.jsonl"
[[steps]]
use = "text-stats"
[[steps]]
use = "compute"
config = { set = { kind = "id % 3 == 0 ? 'x/y' : 'z'" } }
[outputs.parts]
path = "s3://b/out/{kind}/part-{n}.jsonl"
max_rows = 70
"#;

/// The first parts are sent when they are complete, and the last ones, which are small, when the run commits.
#[test]
fn a_store_has_all_of_it_or_no_manifest() {
    let stage = Stage::new(30, 80_000);
    let stored = STORED.replace("max_rows = 70", "max_rows = 25");
    let trial = stage.trial(&stored);
    stage.finish(&trial);
    let right = stage.take(&trial);
    let names: Vec<&str> = right.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names[..2], ["b/out/_manifest.json", "b/out/x%2Fy/part-00000.jsonl"]);
    assert_eq!(names.len(), 1 + 2 + 3);
    assert_eq!(right.iter().filter(|(_, bytes)| bytes.len() > 1 << 20).count(), 3);
    for (name, bytes) in &right {
        stage.server.put(name.trim_start_matches("b/"), bytes);
    }
    let back = "callboard = 1\n[inputs.parts]\npath = \"s3://b/out/_manifest.json\"\n[outputs.back]\npath = \"out/back.jsonl\"\n";
    let back = stage.trial(back);
    stage.finish(&back);
    assert_eq!(stage.take(&back).pop().unwrap().1.iter().filter(|byte| **byte == b'\n').count(), 90);
    let requests =
        stage.server.requests().iter().filter(|line| !line.starts_with("GET") && !line.starts_with("HEAD")).count();
    for number in 0..requests {
        for done in [false, true] {
            let trial = stage.trial(&stored);
            assert!(stage.kill_at(&trial, number, done), "request {number}: {}", trial.said());
            let there = stage.server.state().objects.keys().filter(|key| key.starts_with("b/out/")).count();
            let has_manifest = stage.server.get("out/_manifest.json").is_some();
            assert!(!has_manifest || there == 6, "{there} objects beside a manifest");
            if number % 2 == 0 {
                stage.finish(&trial);
                assert!(stage.take(&trial) == right, "killed at request {number}, done: {done}");
            } else {
                let mut remove = trial.command(&["runs", "remove", "run"]);
                let status = ended(stage.with_keys(&mut remove).spawn().unwrap());
                assert!(status.success(), "{}", trial.said());
                let left = stage.take(&trial);
                assert!(left.is_empty() || has_manifest, "{number}, done: {done}: {:?}", left.len());
            }
        }
    }
}

/// A request for rows that are read last is answered only when a file of the first ones is on its way. If the last row is a bad one, the
/// run ends its uploads, since it cannot be resumed.
#[test]
fn files_are_sent_while_others_are_written() {
    let stage = Stage::new(30, 80_000);
    let stored = format!("{STORED}[run]\nbatch_rows = 10\n").replace("max_rows = 70", "max_rows = 25");
    let stored = stored.replace("in/*.jsonl\"", "in/*.jsonl\"\ntypes = { text = \"string\" }");
    let run = |code: i32| {
        let meeting = Meeting::of(&["PUT b/out/x%2Fy/part-00000.jsonl?partNumber=1", "GET b/in/2.jsonl bytes=262144-"]);
        let (held, begun) = (meeting.clone(), AtomicBool::new(false));
        stage.server.fault(move |request| {
            // Before the run begins, columns are learnt from the same objects.
            let begins = request.query.contains_key("uploads");
            if begun.fetch_or(begins, Ordering::Relaxed) {
                held.attend(request);
            }
            None
        });
        let trial = stage.trial(&stored);
        let mut run = trial.command(&["run", "pipeline.toml", "--no-resume", "--quiet"]);
        let status = ended(stage.with_keys(&mut run).spawn().unwrap());
        assert_eq!(status.code(), Some(code), "{}", trial.said());
        stage.server.right();
        assert!(meeting.was_held(), "{meeting:?}: {:#?}", stage.server.requests());
        stage.take(&trial).len()
    };
    assert_eq!(run(0), 1 + 2 + 3);
    let bad = [stage.server.get("in/2.jsonl").unwrap(), b"{\"id\": 1, \"text\": 5}\n".to_vec()].concat();
    stage.server.put("in/2.jsonl", bad);
    assert_eq!(run(3), 0);
}

/// A run that is killed while it writes makes its files again, and the store has one of them.
#[test]
fn a_file_that_was_sent_is_not_sent_again() {
    let stage = Stage::new(30, 80_000);
    let stored = format!("{STORED}[run]\nbatch_rows = 10\n").replace("max_rows = 70", "max_rows = 25");
    let (trial, begun) = (stage.trial(&stored), AtomicBool::new(false));
    stage.server.fault(move |request| {
        let begins = request.query.contains_key("uploads");
        let is_last = request.path == "b/in/2.jsonl" && request.range().is_some_and(|(from, _)| from == 256 << 10);
        (begun.fetch_or(begins, Ordering::Relaxed) && is_last).then_some(Fault::Late(Duration::from_secs(3600)))
    });
    let is_noted = || {
        let records = fs::read_dir(trial.path("run/uploads")).into_iter().flatten().flatten();
        // One that is hidden is still being written.
        let whole = records.filter(|record| !record.file_name().as_encoded_bytes().starts_with(b"."));
        let mut records = whole.filter_map(|record| fs::read_to_string(record.path()).ok());
        records.any(|record| record.contains("x%2Fy/part-00000") && !record.contains("\"parts\":[]"))
    };
    assert!(was_killed(killed_when(stage.go_on(&trial).spawn().unwrap(), is_noted)), "{}", trial.said());
    stage.server.right();
    let before = stage.server.requests();
    stage.finish(&trial);
    let sent = |lines: &[String]| lines.iter().filter(|line| line.contains("x%2Fy/part-00000.jsonl?part")).count();
    let after = stage.server.requests();
    assert_eq!((sent(&before), sent(&after)), (1, 0), "{before:#?} {after:#?}");
    assert_eq!(stage.take(&trial).len(), 1 + 2 + 3);
}

#[test]
fn a_store_is_replaced_whole() {
    let stage = Stage::new(100, 200);
    let trial = stage.trial(STORED);
    stage.finish(&trial);
    let altered = "out/x%2Fy/part-00001.jsonl";
    let mine = vec![b'x'; stage.server.get(altered).unwrap().len()];
    stage.server.put(altered, &mine);
    let again = stage.trial(&STORED.replace("% 3", "% 2").replace("max_rows = 70", "max_rows = 500"));
    let status = ended(stage.go_on(&again).spawn().unwrap());
    assert!(status.code() == Some(2) && again.said().contains("is there already"), "{}", again.said());
    let mut run = again.command(&["run", "pipeline.toml", "--overwrite", "--quiet"]);
    assert!(ended(stage.with_keys(&mut run).spawn().unwrap()).success(), "{}", again.said());
    let written = stage.take(&again);
    let names: Vec<&str> = written.iter().map(|(name, _)| name.as_str()).collect();
    let altered = format!("b/{altered}");
    assert_eq!(names, ["b/out/_manifest.json", "b/out/x%2Fy/part-00000.jsonl", &*altered, "b/out/z/part-00000.jsonl"]);
    assert_eq!(written[2].1, mine);
}

#[test]
fn files_are_added_once_and_what_is_there_stays() {
    let folder = folder(&rows(100, &[json!("en"), json!("de")]));
    let trial = trial(folder.path(), "a", "path = \"out/{lang}/part-{n}.jsonl\"\nmax_rows = 20\nappend = true");
    assert_eq!(run(&trial, &[]), (Some(0), String::new()));
    let first = tree(&trial);
    assert_eq!(first.len(), 2 * 3 + 1);
    assert_eq!(run(&trial, &["--fresh"]), (Some(0), String::new()));
    assert!(tree(&trial) == first, "the same is added once");
    assert_eq!(run(&trial, &["--overwrite"]), (Some(0), String::new()));
    assert!(tree(&trial) == first);
    fs::write(folder.path().join("docs.jsonl"), rows(50, &[json!("en"), json!("it")])).unwrap();
    assert_eq!(run(&trial, &["--run-dir", "second"]), (Some(0), String::new()));
    let second = tree(&trial);
    assert_eq!(second.len(), first.len() + 2 * 2 + 1);
    assert!(first.iter().all(|(name, bytes)| second.get(name) == Some(bytes)));
    let report: Value = serde_json::from_slice(&fs::read(trial.path("second/report.json")).unwrap()).unwrap();
    assert_eq!(report["outputs"]["clean"]["files"], 4);
}

#[test]
fn what_is_added_to_a_store_is_added_once_wherever_the_run_was_killed() {
    let stage = Stage::new(60, 100);
    let pipeline = format!("{STORED}append = true\n");
    let trial = stage.trial(&pipeline);
    stage.finish(&trial);
    let right = stage.take(&trial);
    assert_eq!(right.len(), 1 + 1 + 2);
    let requests =
        stage.server.requests().iter().filter(|line| !line.starts_with("GET") && !line.starts_with("HEAD")).count();
    for number in 0..requests {
        let trial = stage.trial(&pipeline);
        stage.server.put("out/z/part-00000.jsonl", "somebody's");
        assert!(stage.kill_at(&trial, number, true), "request {number}: {}", trial.said());
        stage.finish(&trial);
        let mut there = stage.take(&trial);
        let mine = there.iter().position(|(name, _)| name == "b/out/z/part-00000.jsonl").unwrap();
        assert_eq!(there.remove(mine).1, b"somebody's");
        assert!(there == right, "killed at request {number}");
    }
}

const PRINTED: &str = "path = \"-\"\ncolumns = [\"id\"]";

#[test]
fn rows_go_to_standard_output_and_the_report_does_not() {
    let folder = folder(&rows(50_000, &[json!("en")]));
    let trial = trial(folder.path(), "a", PRINTED);
    let said = trial.output(&[], &["run", "pipeline.toml"]);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    assert_eq!(ids(&said.stdout), (0..50_000).collect::<Vec<_>>());
    assert!(String::from_utf8_lossy(&said.stderr).contains("accounts"));
    for (format, begins) in [("csv", &b"id\n0\n"[..]), ("parquet", b"PAR1"), ("arrow", b"ARROW1")] {
        let trial = self::trial(folder.path(), format, &format!("{PRINTED}\nformat = \"{format}\""));
        let said = trial.output(&[], &["run", "pipeline.toml", "--quiet"]);
        assert!(said.status.success() && said.stdout.starts_with(begins) && said.stderr.is_empty(), "{format}");
    }
    // A reader that has had enough.
    let head = trial.output(&["sh", "-c", "\"$0\" run pipeline.toml --quiet | head -n 3; exit 0"], &[]);
    assert_eq!(ids(&head.stdout), [0, 1, 2]);
    assert!(head.stderr.is_empty(), "{}", String::from_utf8_lossy(&head.stderr));
    let two = self::trial(folder.path(), "two", &format!("{PRINTED}\n[outputs.b]\npath = \"-\""));
    let (code, said) = run(&two, &[]);
    assert!(code == Some(2) && said.contains("are written to one file"), "{said}");
}

const ON_THE_HUB: &str = r#"
callboard = 1
[inputs.docs]
path = "s3://b/in/*.jsonl"
[[steps]]
use = "compute"
config = { set = { kind = "id % 3 == 0 ? 'x/y' : 'z'" } }
[outputs.parts]
path = "hf://datasets/o/n/data/{kind}/part-{n}.jsonl"
max_rows = 70
[outputs.one]
path = "hf://datasets/o/n/all.parquet"
"#;

fn on_hub(stage: &Stage, trial: &Trial, more: &[&str]) -> std::process::Command {
    let mut command = match more {
        [] => stage.go_on(trial),
        more => {
            let mut command = trial.command(more);
            stage.with_keys(&mut command);
            command
        }
    };
    command.env("HF_ENDPOINT", &stage.server.endpoint).env("HF_TOKEN", "TOKENOFTHETEST");
    command
}

/// What lies on the hub, which is emptied.
fn taken(stage: &Stage) -> Vec<(String, Vec<u8>)> {
    let mut state = stage.server.state();
    let there: Vec<String> = state.objects.keys().filter(|key| key.starts_with("b/hub/")).cloned().collect();
    there.into_iter().map(|key| (key.clone(), state.objects.remove(&key).unwrap().0.to_vec())).collect()
}

#[test]
fn the_hub_has_all_files_of_an_output_by_one_commit_wherever_the_run_was_killed() {
    let stage = Stage::new(100, 1500);
    let trial = stage.trial(ON_THE_HUB);
    assert!(ended(on_hub(&stage, &trial, &[]).spawn().unwrap()).success(), "{}", trial.said());
    let right = taken(&stage);
    let names: Vec<&str> = right.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names[..3], ["b/hub/all.parquet", "b/hub/data/_manifest.json", "b/hub/data/x%2Fy/part-00000.jsonl"]);
    assert_eq!(names.len(), 2 + 2 + 3);
    let commits = std::mem::take(&mut stage.server.state().commits);
    assert_eq!(commits.iter().map(Vec::len).collect::<Vec<_>>(), [1, 6]);
    let sent = |line: &&String| line.starts_with("PUT lfs/");
    let all = stage.server.requests().iter().filter(sent).count();
    assert!(all > 10, "{all}");
    let writing =
        stage.server.requests().iter().filter(|line| !line.starts_with("GET") && !line.starts_with("HEAD")).count();
    for number in (0..writing).step_by(3) {
        {
            let mut state = stage.server.state();
            (state.large, state.large_parts) = Default::default();
            state.commits.clear();
        }
        let trial = stage.trial(ON_THE_HUB);
        let seen = std::sync::atomic::AtomicUsize::new(0);
        stage.server.is_held();
        stage.server.fault(move |request| {
            let writes = !["GET", "HEAD"].contains(&request.method.as_str());
            let is_it = writes && seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == number;
            is_it.then_some(Fault::Mute)
        });
        let killed = killed_when(on_hub(&stage, &trial, &[]).spawn().unwrap(), || stage.server.is_held());
        stage.server.right();
        assert!(was_killed(killed), "request {number}: {}", trial.said());
        let has: Vec<String> = stage.server.state().large.keys().cloned().collect();
        let before = stage.server.requests().len();
        assert!(ended(on_hub(&stage, &trial, &[]).spawn().unwrap()).success(), "{}", trial.said());
        assert!(taken(&stage) == right, "killed at request {number}");
        assert_eq!(stage.server.state().commits.len(), 2);
        let again = stage.server.requests()[before..]
            .iter()
            .filter(sent)
            .filter(|line| has.iter().any(|oid| line.contains(oid)))
            .count();
        assert_eq!(again, 0, "what the store has is not sent again");
    }
}

#[test]
fn the_hub_is_replaced_by_one_commit_and_refuses_before_any_work() {
    let stage = Stage::new(20, 100);
    let trial = stage.trial(ON_THE_HUB);
    let mut refused = on_hub(&stage, &trial, &[]);
    refused.env("HF_TOKEN", "ANOTHER");
    let status = ended(refused.spawn().unwrap());
    assert!(!status.success() && trial.said().contains("this token may not write"), "{}", trial.said());
    assert!(!trial.said().contains("ANOTHER"));
    assert_eq!(trial.count("stage"), 0);
    assert!(ended(on_hub(&stage, &trial, &[]).spawn().unwrap()).success(), "{}", trial.said());
    let again = stage.trial(&ON_THE_HUB.replace("% 3", "% 1"));
    let status = ended(on_hub(&stage, &again, &[]).spawn().unwrap());
    assert!(status.code() == Some(2) && again.said().contains("is there already"), "{}", again.said());
    let run = ["run", "pipeline.toml", "--quiet", "--overwrite"];
    assert!(ended(on_hub(&stage, &again, &run).spawn().unwrap()).success(), "{}", again.said());
    let names: Vec<String> = taken(&stage).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["b/hub/all.parquet", "b/hub/data/_manifest.json", "b/hub/data/x%2Fy/part-00000.jsonl"]);
    assert_eq!(stage.server.state().commits.len(), 4);
}
