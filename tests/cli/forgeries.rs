//! Folders of runs that somebody altered, in every file and field: every command on them ends in time, with an error or the right rows,
//! and leaves what is not the run's as it was.
//!
//! A run that stopped is copied, altered in one way, listed, shown, looked at for its work, resumed and removed. What resuming gives is
//! what the run would have given without it, or nothing.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};
use twox_hash::XxHash3_64;

use crate::stage::{Said, Stage};

const FORGED: &str = ".callboard/runs/forged";

/// A run of three stages that stopped in its last one, and what it gives once it is resumed.
struct Stopped {
    stage: Stage,
    rows: Vec<u8>,
    rejects: Vec<u8>,
}

impl Stopped {
    fn new() -> Stopped {
        let stage = Stage::empty();
        let step = |name: &str, guest: &str, rest: &str| {
            format!("[[steps]]\nname = \"{name}\"\nuse = \"../guests/{guest}.wasm\"\n{rest}\n")
        };
        let steps = step("one", "echo", "")
            + &step("all", "echo-global", "")
            + &step("last", "picky", "config = { reject = [\"row 41\"] }\non_error = \"reject\"\nmax_rejects = 0");
        let text = format!(
            "callboard = 1\n[inputs.docs]\npath = \"docs.jsonl\"\n{steps}[outputs.out]\npath = \"out.jsonl\"\n[run]\nbatch_rows = 10\n"
        );
        fs::write(stage.folder.join("pipeline.toml"), text).unwrap();
        let rows: String = (0..50).map(|row| format!("{{\"text\": \"row {row}\"}}\n")).collect();
        fs::write(stage.folder.join("docs.jsonl"), rows).unwrap();
        fs::write(stage.folder.join("precious"), "thesis").unwrap();
        let stopped = stage.sh("callboard run pipeline.toml -q --run-dir kept");
        assert!(stopped.code.is_some_and(|code| (3..=4).contains(&code)), "{}", stopped.stderr);
        let mut stopped = Stopped { stage, rows: Vec::new(), rejects: Vec::new() };
        stopped.copied();
        let said = stopped.stage.sh(&format!("callboard resume {FORGED} --max-rejects 5 -q"));
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        stopped.rows = stopped.read("out.jsonl").unwrap();
        stopped.rejects = stopped.read(&format!("{FORGED}/rejects.jsonl")).unwrap();
        assert_eq!(stopped.rows.split(|byte| *byte == b'\n').count(), 50);
        stopped
    }

    fn read(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.stage.folder.join(name)).ok()
    }

    /// A copy of the run as it stopped, without an output beside it.
    fn copied(&self) -> PathBuf {
        let forged = self.stage.folder.join(FORGED);
        let _ = fs::remove_dir_all(&forged);
        let _ = fs::remove_file(&forged);
        let _ = fs::remove_dir_all(self.stage.folder.join("elsewhere"));
        let _ = fs::remove_file(self.stage.folder.join("out.jsonl"));
        copy(&self.stage.folder.join("kept"), &forged);
        forged
    }

    /// Every file of the run, or every folder, from its folder.
    fn names(&self, folders: bool) -> Vec<PathBuf> {
        let top = self.stage.folder.join("kept");
        let (mut names, mut open) = (Vec::new(), vec![top.clone()]);
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
                let is_folder = entry.file_type().unwrap().is_dir();
                if is_folder {
                    open.push(entry.path());
                }
                if is_folder == folders {
                    names.push(entry.path().strip_prefix(&top).unwrap().to_owned());
                }
            }
        }
        names.sort();
        names
    }

    /// What is wrong with how commands end on a copy that was altered so. `Some(code)` says how many of them resumed it to its end.
    fn fault(&self, alter: &dyn Fn(&Path)) -> Result<bool, String> {
        let forged = self.copied();
        alter(&forged);
        let before = self.files();
        let read = self.stage.sh(&format!(
            "callboard runs list > /dev/null; echo list $?; callboard runs show {FORGED} > /dev/null; echo show $?; \
             callboard plan pipeline.toml --why > /dev/null; echo plan $?"
        ));
        sound(&read)?;
        if self.files() != before {
            return Err("a command that reads altered something".to_owned());
        }
        let resumed = self.stage.sh(&format!("callboard resume {FORGED} --max-rejects 5 -q; echo resume $?"));
        sound(&resumed)?;
        let is_done = resumed.stdout.ends_with("resume 0\n");
        match (is_done, self.read("out.jsonl")) {
            (true, Some(rows)) if rows == self.rows => {
                let rejects = self.read(&format!("{FORGED}/rejects.jsonl"));
                if rejects.as_ref() != Some(&self.rejects) {
                    return Err("other rows were rejected".to_owned());
                }
            }
            (true, rows) => {
                return Err(format!("resumed to other rows: {:?}", rows.map(|rows| rows.len())));
            }
            (false, None) => {}
            (false, Some(_)) => return Err(format!("an output of a run that failed: {}", resumed.stderr)),
        }
        let removed = self.stage.sh(&format!("callboard runs remove {FORGED}; echo remove $?"));
        sound(&removed)?;
        if self.read("precious").as_deref() != Some(b"thesis") {
            return Err("what was precious is gone".to_owned());
        }
        Ok(is_done)
    }

    /// What is not the run's.
    fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files: Vec<_> = self.stage.files().into_iter().collect();
        let forged = self.stage.folder.join(FORGED);
        if let Ok(entries) = fs::read_dir(forged) {
            files.extend(entries.map(|entry| (entry.unwrap().path(), Vec::new())));
        }
        files.sort();
        files
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to.join(entry.file_name())),
            false => drop(fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
        }
    }
}

/// Every command ended by itself, with a code of the table, and an error if it failed.
fn sound(said: &Said) -> Result<(), String> {
    let is_code = |line: &&str| line.rsplit_once(' ').is_some_and(|(_, code)| code.parse::<u8>().is_ok());
    let codes: Vec<&str> = said.stdout.lines().filter(is_code).collect();
    let bad = |line: &&&str| !(0..=5).any(|code| line.ends_with(&format!(" {code}")));
    match codes.iter().find(bad) {
        _ if said.code != Some(0) => Err(format!("ended with {:?}: {}", said.code, said.stderr)),
        Some(line) => Err(format!("{line}: {}", said.stderr)),
        None if codes.iter().any(|line| !line.ends_with(" 0")) && !said.stderr.contains("error: ") => {
            Err(format!("{codes:?} without an error: {}", said.stderr))
        }
        None if said.stderr.contains("panicked at") => Err(said.stderr.clone()),
        None => Ok(()),
    }
}

/// How many of the alterations were resumed all the same, after all of them were tried.
fn tried(alterations: Vec<Alteration<'_>>) -> (usize, usize) {
    let count = alterations.len();
    let (queue, failures, resumed) = (Mutex::new(alterations), Mutex::new(Vec::new()), Mutex::new(0));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from).min(4) {
            scope.spawn(|| {
                let stopped = Stopped::new();
                while let Some((what, alter)) = { queue.lock().unwrap().pop() } {
                    match stopped.fault(&*alter) {
                        Ok(done) => *resumed.lock().unwrap() += usize::from(done),
                        Err(fault) => failures.lock().unwrap().push(format!("== {what}: {fault}")),
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} of {count}\n{}", failures.len(), failures.join("\n"));
    (resumed.into_inner().unwrap(), count)
}

type Alteration<'a> = (String, Box<dyn Fn(&Path) + Send + Sync + 'a>);
type Change = fn(&mut Vec<u8>);

const CHANGES: &[(&str, Change)] = &[
    ("emptied", |bytes| bytes.clear()),
    ("cut in half", |bytes| bytes.truncate(bytes.len() / 2)),
    ("without its last byte", |bytes| bytes.truncate(bytes.len().saturating_sub(1))),
    ("with another first byte", |bytes| flip(bytes, 0)),
    ("with another byte in the middle", |bytes| {
        let middle = bytes.len() / 2;
        flip(bytes, middle)
    }),
    ("with another last byte", |bytes| {
        let last = bytes.len().saturating_sub(1);
        flip(bytes, last)
    }),
    ("twice", |bytes| bytes.extend_from_within(..)),
    ("zeros", |bytes| bytes.fill(0)),
    ("with more behind it", |bytes| bytes.extend(vec![b'x'; 1 << 20])),
];

fn flip(bytes: &mut [u8], at: usize) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 0x10;
    }
}

#[test]
fn every_file_that_is_altered_is_refused_or_made_again() {
    let names = Stopped::new().names(false);
    assert!(names.len() >= 10, "{names:?}");
    let mut alterations: Vec<Alteration<'_>> = Vec::new();
    for name in &names {
        for (what, change) in CHANGES {
            let alter = move |folder: &Path| {
                let path = folder.join(name);
                let mut bytes = fs::read(&path).unwrap();
                change(&mut bytes);
                fs::write(path, bytes).unwrap();
            };
            alterations.push((format!("{} {what}", name.display()), Box::new(alter)));
        }
    }
    let (resumed, count) = tried(alterations);
    assert!(count >= 90 && (count / 10..count).contains(&resumed), "{resumed} of {count} were resumed");
}

/// A place of a run's folder that holds something else than what the run put there.
#[test]
fn whatever_stands_in_the_place_of_a_file_or_folder_is_not_followed() {
    let stopped = Stopped::new();
    let names = [stopped.names(false), stopped.names(true)].concat();
    type Put = fn(&Path, &Path);
    let kinds: [(&str, Put); 8] = [
        ("is gone", |_, _| {}),
        // What it was, elsewhere: following it would give the right rows from a place that others may write.
        ("is a link", |path, elsewhere| symlink(elsewhere, path).unwrap()),
        ("is a link to nothing", |path, _| symlink("/nonexistent/nothing", path).unwrap()),
        ("is a link to itself", |path, _| symlink(path, path).unwrap()),
        ("is a link to a device", |path, _| symlink("/dev/zero", path).unwrap()),
        ("is a link to what is precious", |path, _| symlink("../../../precious", path).unwrap()),
        ("is a pipe", |path, _| mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap()),
        ("is a folder", |path, _| fs::create_dir_all(path.join("inner")).unwrap()),
    ];
    let mut alterations: Vec<Alteration<'_>> = Vec::new();
    for name in &names {
        for (what, make) in kinds {
            let alter = move |folder: &Path| {
                let path = folder.join(name);
                let elsewhere = folder.join("../../../elsewhere");
                fs::rename(&path, &elsewhere).unwrap();
                make(&path, &elsewhere);
            };
            alterations.push((format!("{} {what}", name.display()), Box::new(alter)));
        }
    }
    let (resumed, count) = tried(alterations);
    assert!(count >= 100 && (1..count / 2).contains(&resumed), "{resumed} of {count} were resumed");
}

/// Every value in a JSON text, by its pointer.
fn pointers(json: &Value, at: &str, found: &mut Vec<String>) {
    match json {
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            pointers(value, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), found);
        }),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(nth, value)| pointers(value, &format!("{at}/{nth}"), found));
        }
        _ => {}
    }
    found.push(at.to_owned());
}

fn forged_values() -> Vec<Value> {
    vec![
        json!(null),
        json!("../../precious"),
        json!(0),
        json!(u64::MAX),
        json!([]),
        json!(""),
        json!(-1),
        json!({}),
        json!("\u{1b}[2J\nerror: FORGED"),
        json!(1e300),
        json!([[[[]]]]),
        json!(true),
    ]
}

/// What decides about authority is sealed: no field of it can be another.
#[test]
fn every_field_of_the_plan_and_of_how_it_began_is_sealed() {
    let stopped = Stopped::new();
    let mut alterations: Vec<Alteration<'_>> = Vec::new();
    for (file, every) in [("plan.json", 3), ("run.json", 1)] {
        let json: Value = serde_json::from_slice(&stopped.read(&format!("kept/{file}")).unwrap()).unwrap();
        let mut found = Vec::new();
        pointers(&json, "", &mut found);
        for (nth, pointer) in found.into_iter().enumerate().filter(|(nth, _)| nth % every == 0) {
            let values = forged_values();
            let value = values[nth / every % values.len()].clone();
            if json.pointer(&pointer) == Some(&value) {
                continue;
            }
            let what = format!("{file}{pointer} = {value}");
            let mut forged = json.clone();
            *forged.pointer_mut(&pointer).unwrap() = value;
            let alter = move |folder: &Path| fs::write(folder.join(file), forged.to_string()).unwrap();
            alterations.push((what, Box::new(alter)));
        }
    }
    let (resumed, count) = tried(alterations);
    assert!(count >= 40, "{count}");
    assert_eq!(resumed, 0, "of {count}");
}

/// A journal decides what is done already. Its lines have the checksums that they should have, which anybody can compute.
#[test]
fn every_field_of_a_journal_is_refused_or_changes_no_row() {
    let stopped = Stopped::new();
    let journal = String::from_utf8(stopped.read("kept/journal").unwrap()).unwrap();
    let records: Vec<Value> =
        journal.lines().map(|line| serde_json::from_str(line.split_once(' ').unwrap().1).unwrap()).collect();
    let written = |records: &[Value]| {
        let line = |record: &Value| {
            let json = record.to_string();
            format!("{:016x} {json}\n", XxHash3_64::oneshot(json.as_bytes()))
        };
        records.iter().map(line).collect::<String>()
    };
    assert_eq!(written(&records), journal, "the checksums are those of the host");
    let mut forgeries: Vec<(String, Vec<Value>)> = Vec::new();
    let mut turn = 0;
    for (nth, record) in records.iter().enumerate() {
        let mut found = Vec::new();
        pointers(record, "", &mut found);
        for pointer in found {
            let values = forged_values();
            let value = values[turn % values.len()].clone();
            turn += 1;
            let mut forged = records.clone();
            *forged[nth].pointer_mut(&pointer).unwrap() = value.clone();
            forgeries.push((format!("record {nth}{pointer} = {value}"), forged));
        }
        let without = [&records[..nth], &records[nth + 1..]].concat();
        forgeries.push((format!("without record {nth}"), without));
        let twice = [&records[..=nth], &records[nth..]].concat();
        forgeries.push((format!("record {nth} twice"), twice));
        let first = [std::slice::from_ref(record), &records[..nth], &records[nth + 1..]].concat();
        forgeries.push((format!("record {nth} first"), first));
    }
    let mut alterations: Vec<Alteration<'_>> = Vec::new();
    for (what, forged) in forgeries {
        let lines = written(&forged);
        alterations.push((what, Box::new(move |folder| fs::write(folder.join("journal"), &lines).unwrap())));
    }
    let (resumed, count) = tried(alterations);
    assert!(count >= 40 && resumed >= 1, "{resumed} of {count} were resumed");
}
