//! Work places in a store: tasks and drivers on any machines, which share nothing else. What they leave is what `run` writes.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::bench::lines;
use crate::kills::{BRANCHES, documents, folder_with, three_stages};
use crate::s3::{Fault, Request, S3};
use crate::stores::{KEY, SECRET};
use crate::tasks::Whole;
use crate::trial::{Trial, cache, ended, killed_when, was_killed};

/// A store, and the name of a work place in it; it is no other's, since copies of it lie in the cache.
struct Away {
    server: S3,
    name: String,
}

impl Away {
    fn new(name: &str) -> Away {
        let server = S3::start();
        server.state().closed = true;
        Away { server, name: name.to_owned() }
    }

    fn address(&self) -> String {
        format!("s3://b/{}", self.name)
    }

    /// A command that may use the store.
    fn command(&self, trial: &Trial, arguments: &[&str]) -> Command {
        let mut command = trial.command(arguments);
        command.env("AWS_ACCESS_KEY_ID", KEY).env("AWS_SECRET_ACCESS_KEY", SECRET).env_remove("AWS_PROFILE");
        command.env("AWS_ENDPOINT_URL", &self.server.endpoint);
        command
    }

    fn output(&self, trial: &Trial, arguments: &[&str]) -> (Output, String) {
        let mut command = self.command(trial, arguments);
        let output = command.stdout(std::process::Stdio::piped()).output().unwrap();
        (output, trial.said())
    }

    fn submit(&self, trial: &Trial, slices: u32) -> Command {
        let (work, slices) = (self.address(), slices.to_string());
        let submit = ["submit", "pipeline.toml", "--on", "local=2", "--work", &work, "--slices", &slices, "--quiet"];
        self.command(trial, &submit)
    }

    fn drive(&self, trial: &Trial) -> Command {
        self.command(trial, &["task", &self.address(), "drive", "--on", "local=2", "--quiet"])
    }

    fn resume(&self, trial: &Trial) -> Command {
        self.command(trial, &["resume", &self.address(), "--quiet"])
    }

    fn finishes(&self, trial: &Trial, mut command: Command) {
        let status = ended(command.spawn().unwrap());
        assert!(status.success(), "{status}: {}", trial.said());
    }

    /// What stands in the work place.
    fn names(&self) -> Vec<String> {
        let (state, folder) = (self.server.state(), format!("b/{}/", self.name));
        state.objects.keys().filter_map(|key| key.strip_prefix(&folder)).map(str::to_owned).collect()
    }

    fn has(&self, begin: &str) -> bool {
        self.names().iter().any(|name| name.starts_with(begin))
    }

    fn get(&self, name: &str) -> Vec<u8> {
        self.server.get(&format!("{}/{name}", self.name)).unwrap_or_else(|| panic!("no {name} in {:?}", self.names()))
    }

    /// The outputs, the rejected rows and the report are those of `run`, and no rows are left anywhere.
    fn is(&self, whole: &Whole, trial: &Trial) {
        let mut found: BTreeMap<String, Vec<u8>> = trial.outputs();
        found.insert("rejects.jsonl".to_owned(), self.get("rejects.jsonl"));
        let report: Value = serde_json::from_slice(&self.get("report.json")).unwrap();
        whole.is(&found, &report);
        assert_eq!(report["rejects"]["path"], format!("{}/rejects.jsonl", self.address()));
        assert_eq!(report["run_folder"], self.address());
        for folder in ["manifests/", "failed/"] {
            assert!(!self.has(folder), "{:?}", self.names());
        }
        let is_log =
            |name: &String| name.contains("/work/") && (name.ends_with(".log") || name.ends_with(".log.heads"));
        let left = |name: &&String| name.starts_with("tasks/") && !is_log(name);
        assert_eq!(self.names().iter().find(left), None, "{:?}", self.names());
        assert_eq!(self.server.state().uploads.len(), 0);
        let left: Vec<PathBuf> = copies(trial);
        assert!(left.is_empty(), "{left:?} are left");
    }
}

/// The copies of work places that a trial's processes have left in the cache.
fn copies(trial: &Trial) -> Vec<PathBuf> {
    let all = fs::read_dir(cache().join("places")).into_iter().flatten().flatten().map(|entry| entry.path());
    let base = trial.folder.display().to_string();
    all.filter(|copy| fs::read_to_string(copy.join("run.json")).is_ok_and(|run| run.contains(&base))).collect()
}

#[test]
fn tasks_that_share_a_store_alone_come_to_what_run_makes() {
    let data = folder_with(&[("docs.jsonl", documents(900, 11))]);
    let whole = Whole::of(&three_stages(1), data.path());
    let (away, trial) = (Away::new("three"), whole.again("three"));
    // Pages of a list, and a store that is overloaded for a while.
    away.server.state().page = 3;
    let seen = AtomicUsize::new(0);
    away.server.fault(move |_| {
        let busy = matches!(seen.fetch_add(1, Ordering::Relaxed), 20 | 40 | 60 | 80);
        busy.then_some(Fault::Status(503, "SlowDown", None))
    });
    away.finishes(&trial, away.submit(&trial, 3));
    away.is(&whole, &trial);
    let secrets = |name: &String| String::from_utf8_lossy(&away.get(name)).contains(SECRET);
    assert!(!away.names().iter().any(secrets), "a secret is in the work place");

    // What has finished is shown, and nothing is done again.
    let (shown, said) = away.output(&trial, &["runs", "show", &away.address()]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("accounts"), "{said}");
    let (again, said) = away.output(&trial, &["task", &away.address(), "1.0000"]);
    assert!(String::from_utf8_lossy(&again.stdout).contains("done before"), "{said}");
    let refused = ended(away.submit(&trial, 3).spawn().unwrap());
    assert_eq!(refused.code(), Some(2), "{}", trial.said());
    assert!(trial.said().contains("is not empty"), "{}", trial.said());
    let (removed, said) = away.output(&trial, &["runs", "remove", &away.address()]);
    assert!(removed.status.success() && away.names().is_empty(), "{said}: {:?}", away.names());
    let (gone, said) = away.output(&trial, &["runs", "show", &away.address()]);
    assert!(gone.status.code() == Some(2) && said.contains("is no work place"), "{said}");
}

#[test]
fn rejected_rows_side_doors_and_outputs_of_all_kinds_come_out_of_a_store() {
    let data = folder_with(&[("a.jsonl", documents(900, 3)), ("b.jsonl", documents(900, 4))]);
    let whole = Whole::of(BRANCHES, data.path());
    let (away, trial) = (Away::new("branches"), whole.again("branches"));
    away.finishes(&trial, away.submit(&trial, 3));
    away.is(&whole, &trial);
    // A look at it finds what a look at the run of one process does: rows by their numbers, and those that a replay finds.
    let (address, base) =
        (away.address(), |trial: &Trial| format!("{}/", trial.path("data").canonicalize().unwrap().display()));
    let look = |trial: &Trial, run: &str, command: &str, more: &[&str]| {
        let (output, said) = away.output(trial, &[&[command, run], more].concat());
        assert!(output.status.success(), "{said}");
        (String::from_utf8(output.stdout).unwrap().replace(&base(trial), ""), said)
    };
    for (command, more) in [
        ("peek", &["quality.dropped", "-n", "5", "--seed", "7"][..]),
        ("peek", &["dedup.dropped", "-n", "20", "--where", "id > 7"]),
        ("peek", &["strict.rejected", "-n", "5"]),
        ("trace", &["--row", "data/a.jsonl:81"]),
        ("stats", &["dedup", "--format", "json"]),
    ] {
        assert_eq!(
            look(&trial, &address, command, more),
            whole.look(&|trial| look(trial, "run", command, more)),
            "{command} {more:?}"
        );
    }
}

#[test]
fn tasks_fetch_the_rows_that_they_read() {
    let text = |id: u64| format!("{} ", id % 2700).repeat(1000);
    let rows = lines((0..3000).map(|id| json!({"id": id, "text": text(id), "lang": "no"})));
    let data = folder_with(&[("docs.jsonl", rows)]);
    let whole = Whole::of(&three_stages(1), data.path());
    let (away, trial) = (Away::new("large"), whole.again("large"));
    away.finishes(&trial, away.submit(&trial, 2));
    away.is(&whole, &trial);
    let requests = std::mem::take(&mut away.server.state().requests);
    // Rows lie in segments, or in the logs that these refer to.
    let has_rows = |path: &str| path.ends_with(".segment") || path.ends_with(".log");
    let of = |method: &'static str| {
        requests.iter().filter(move |request| request.method == method && has_rows(&request.path))
    };
    let size = |request: &Request| request.headers["content-length"].parse::<u64>().unwrap();
    let sizes: BTreeMap<&str, u64> = of("PUT").map(|request| (request.path.as_str(), size(request))).collect();
    let written: u64 = sizes.values().sum();
    let read = |request: &Request| {
        request.range().map_or(0, |(from, to)| (to + 1).min(sizes[request.path.as_str()]).saturating_sub(from))
    };
    let read: u64 = of("GET").map(|request| read(request)).sum();
    assert!(written > 8 << 20, "only {written} bytes were written");
    // One task reads all rows, and those of two groups a share each, in blocks; all of them for each task would be seven times as much.
    assert!(read < 5 * written, "{read} bytes were read of {written}");
}

/// Of an input's files each is asked for when the run is cut, and by the task that reads it; nobody lists them again.
#[test]
fn a_task_opens_the_files_alone_that_its_rows_lie_in() {
    let (away, folder) = (Away::new("opens"), tempfile::tempdir().unwrap());
    let names: Vec<String> = (0..9).map(|file| format!("in/{file}.jsonl")).collect();
    let texts: Vec<String> = (0..9).map(|file| documents(40, file)).collect();
    names.iter().zip(&texts).for_each(|(name, text)| away.server.put(name, text.clone()));
    let pipeline = "callboard = 1\n[inputs.docs]\npath = \"s3://b/in/*.jsonl\"\n[[steps]]\nuse = \"filter\"\n\
                    config = { where = \"true\" }\n[outputs.out]\npath = \"out/out.jsonl\"\n";
    let trial = Trial::new(folder.path().join("trial"), pipeline, folder.path());
    away.finishes(&trial, away.submit(&trial, 3));
    assert!(trial.outputs()["out.jsonl"] == texts.concat().into_bytes(), "{}", trial.said());
    let requests = std::mem::take(&mut away.server.state().requests);
    let of = |name: &str| requests.iter().filter(|request| request.path == format!("b/{name}")).count();
    let counts: Vec<usize> = names.iter().map(|name| of(name)).collect();
    assert!(counts.iter().all(|count| *count == 2), "{counts:?}");
    let lists = requests.iter().filter(|request| request.query.get("prefix").is_some_and(|prefix| prefix == "in/"));
    assert_eq!(lists.count(), 1);
}

/// Whether a request is one by which a task, or one by which a driver, leaves something in the work place.
fn writes(request: &Request, of_task: bool) -> bool {
    let folders = ["/tasks/", "/manifests/", "/failed/"];
    !["GET", "HEAD"].contains(&request.method.as_str())
        && folders.iter().any(|folder| request.path.contains(folder)) == of_task
}

impl Away {
    /// Kills a process at its request of this number, of those that write: when it was received, or when all but its answer was done.
    fn killed_at(&self, mut command: Command, number: usize, done: bool, of_task: bool) -> bool {
        let seen = AtomicUsize::new(0);
        self.server.is_held();
        self.server.fault(move |request| {
            let is_it = writes(request, of_task) && seen.fetch_add(1, Ordering::Relaxed) == number;
            is_it.then(|| if done { Fault::Mute } else { Fault::Late(Duration::from_secs(3600)) })
        });
        let status = killed_when(command.spawn().unwrap(), || self.server.is_held());
        self.server.right();
        was_killed(status)
    }
}

#[test]
fn a_driver_that_is_killed_at_any_request_is_followed_by_another() {
    let data = folder_with(&[("docs.jsonl", documents(300, 12))]);
    let whole = Whole::of(&three_stages(1), data.path());
    let (mut number, mut kills) = (0, 0);
    loop {
        let name = format!("killed-{number}");
        let (away, trial) = (Away::new(&name), whole.again(&name));
        if !away.killed_at(away.submit(&trial, 2), number, number % 2 == 1, false) {
            away.is(&whole, &trial);
            break;
        }
        kills += 1;
        if !away.has("run.json") {
            // It was killed before all of it was there: what is left is removed, and it is submitted again.
            let status = ended(away.resume(&trial).spawn().unwrap());
            assert_eq!(status.code(), Some(2), "{}", trial.said());
            let (_, said) = away.output(&trial, &["runs", "remove", &away.address()]);
            assert!(away.names().is_empty(), "{said}: {:?}", away.names());
            away.finishes(&trial, away.submit(&trial, 2));
        } else {
            away.finishes(&trial, if kills % 2 == 0 { away.drive(&trial) } else { away.resume(&trial) });
        }
        away.is(&whole, &trial);
        // Some of them.
        number += 3;
    }
    assert!(kills > 4, "only {kills} kills");
}

#[test]
fn one_whose_driver_was_killed_is_removed_at_once_where_that_is_known() {
    let data = folder_with(&[("docs.jsonl", documents(30, 15))]);
    let whole = Whole::of(&three_stages(1), data.path());
    let (away, trial) = (Away::new("gone"), whole.again("gone"));
    assert!(away.killed_at(away.submit(&trial, 2), 7, true, false), "{}", trial.said());
    assert!(away.has("drivers/00000001.json"), "{:?}", away.names());
    away.server.state().written = Some(humantime::format_rfc3339_millis(SystemTime::now()).to_string());
    // Another machine knows only that something was heard of it a moment ago.
    let mut elsewhere = away.command(&trial, &["runs", "remove", &away.address()]);
    let status = ended(elsewhere.env("CALLBOARD_CACHE", trial.path("cache")).spawn().unwrap());
    let said = trial.said();
    assert!(status.code() == Some(2) && said.contains("goes on: ") && said.contains(" s ago"), "{said}");
    let (removed, said) = away.output(&trial, &["runs", "remove", &away.address()]);
    assert!(removed.status.success() && away.names().is_empty() && copies(&trial).is_empty(), "{said}");
}

#[test]
fn a_task_that_is_killed_leaves_nothing_that_counts_and_another_machine_drives_on() {
    let data = folder_with(&[("docs.jsonl", documents(600, 13))]);
    let whole = Whole::of(&three_stages(1), data.path());
    let (away, trial) = (Away::new("by-hand"), whole.again("by-hand"));
    // A driver that is killed when it has said that it goes on.
    assert!(away.killed_at(away.submit(&trial, 2), 7, true, false), "{}", trial.said());
    assert!(away.has("drivers/00000001.json"), "{:?}", away.names());
    let task = |id: &str| away.command(&trial, &["task", &away.address(), id]);
    let mut kills = 0;
    while !away.has("manifests/1.0001.json") {
        away.killed_at(task("1.0001"), kills, kills % 2 == 0, true);
        kills += 1;
    }
    assert!(kills > 1, "only {kills} kills");
    let (again, said) = away.output(&trial, &["task", &away.address(), "1.0001"]);
    assert!(String::from_utf8_lossy(&again.stdout).contains("done before"), "{said}");
    let (early, said) = away.output(&trial, &["task", &away.address(), "4.0000"]);
    assert!(early.status.code() == Some(5) && said.contains("has not ended"), "{said}");

    // Another machine has neither the key nor a copy. The driver before has been silent for long.
    let held = String::from_utf8(away.get("drivers/00000001.json")).unwrap();
    away.server.put(&format!("{}/drivers/00000001.json", away.name), held.replace("\"ended\":false", "\"ended\":true"));
    let other = trial.path("cache");
    let drive = |more: &[&str]| {
        let address = away.address();
        let mut command =
            away.command(&trial, &[&["task", &address, "drive", "--on", "local=2", "--quiet"], more].concat());
        command.env("CALLBOARD_CACHE", &other);
        command
    };
    let status = ended(drive(&[]).spawn().unwrap());
    let said = trial.said();
    assert_eq!(status.code(), Some(2), "{said}");
    let digest = said.split("--trust").nth(1).expect("it says what to trust").trim_start_matches(['=', ' ']);
    let digest: String = digest.chars().take_while(char::is_ascii_hexdigit).collect();
    away.finishes(&trial, drive(&[&format!("--trust={digest}")]));
    // The copy of the driver that was killed is this machine's, and goes with the work place.
    away.output(&trial, &["runs", "show", &away.address()]);
    let (results, report) = (trial.outputs(), away.get("report.json"));
    let mut results = results;
    results.insert("rejects.jsonl".to_owned(), away.get("rejects.jsonl"));
    whole.is(&results, &serde_json::from_slice(&report).unwrap());
    let (removed, said) = away.output(&trial, &["runs", "remove", &away.address()]);
    assert!(removed.status.success() && away.names().is_empty() && copies(&trial).is_empty(), "{said}");
}

#[test]
fn what_cannot_be_a_work_place_is_refused() {
    let data = folder_with(&[("docs.jsonl", documents(30, 14))]);
    let whole = Whole::of(&three_stages(1), data.path());
    let (away, trial) = (Away::new("refused"), whole.again("refused"));
    // A store that makes an object though one is there cannot say who was first.
    away.server.fault(|_| Some(Fault::NoConditions));
    let status = ended(away.submit(&trial, 2).spawn().unwrap());
    assert_eq!(status.code(), Some(5), "{}", trial.said());
    assert!(trial.said().contains("If-None-Match") && !away.has("work.json"), "{}", trial.said());
    away.server.right();
    for (work, words) in [
        ("https://example.com/runs", "no store that several processes can share"),
        ("s3://b/runs/*", "a pattern names no folder"),
        ("s3://b", "names no object"),
        ("s3://nobody/runs/x", "NoSuchBucket"),
    ] {
        let submit = ["submit", "pipeline.toml", "--on", "local=2", "--work", work, "--quiet"];
        let status = ended(away.command(&trial, &submit).spawn().unwrap());
        assert!(status.code() == Some(2) && trial.said().contains(words), "{work}: {}", trial.said());
    }
    // A task that fails for good says why, as `run` does; what was rejected until then is there.
    let pipeline = three_stages(1).replace("n_words >= 3", "n_words / 0 >= 3");
    fs::write(trial.path("pipeline.toml"), pipeline).unwrap();
    let status = ended(away.submit(&trial, 2).spawn().unwrap());
    assert!(status.code() == Some(3) && trial.said().contains("divi"), "{}", trial.said());
    let (shown, said) = away.output(&trial, &["runs", "show", &away.address()]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains(&format!("callboard resume {}", away.address())), "{shown}{said}");
    let (again, said) = away.output(&trial, &["resume", &away.address(), "--on", "local=1"]);
    assert!(again.status.code() == Some(3) && said.contains("divi"), "{said}");
}
