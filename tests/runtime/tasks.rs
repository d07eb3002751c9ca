//! A pipeline that is cut into tasks, which processes carry out by themselves, comes to what `run` makes of it, byte for byte.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use callboard_runtime::{Looking, RowsWanted, peek_run};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use serde_json::{Value, json};

use crate::bench::lines;
use crate::kills::{BRANCHES, REFERENCES, documents, folder_with, three_stages};
use crate::trial::{Trial, cache, ended, killed_when, was_killed};

/// A pipeline and what `run` makes of it.
pub(crate) struct Whole {
    root: tempfile::TempDir,
    pipeline: String,
    trial: Trial,
}

impl Whole {
    pub(crate) fn of(pipeline: &str, data: &Path) -> Whole {
        let root = tempfile::tempdir().unwrap();
        let trial = Trial::new(root.path().join("whole"), pipeline, data);
        trial.finish();
        Whole { pipeline: pipeline.to_owned(), trial, root }
    }

    /// A folder for the same pipeline in tasks.
    pub(crate) fn again(&self, name: &str) -> Trial {
        let data = self.trial.path("data").canonicalize().unwrap();
        Trial::new(self.root.path().join(name), &self.pipeline, &data)
    }

    /// What is seen of the run of one process.
    pub(crate) fn look<T>(&self, look: &dyn Fn(&Trial) -> T) -> T {
        look(&self.trial)
    }

    /// These are the results and the report of `run`.
    pub(crate) fn is(&self, found: &BTreeMap<String, Vec<u8>>, report: &Value) {
        let expected = self.trial.results();
        assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
        for (name, bytes) in found {
            assert!(bytes == &expected[name], "`{name}` is not what `run` writes");
        }
        assert_eq!(accounts(report), accounts(&self.trial.report()));
    }

    fn check(&self, trial: &Trial) {
        self.is(&trial.results(), &trial.report());
        self.looks_like(&trial.folder, &trial.path("run"));
        assert!(!trial.path("run/tasks").exists(), "rows of tasks are left");
    }

    /// A look at a run in a folder of trial finds what a look at the run of one process does: rows by their numbers, and those that a replay finds.
    pub(crate) fn looks_like(&self, folder: &Path, run: &Path) {
        let names = |run: &Path| {
            fs::read_dir(run.join("lengths")).unwrap().map(|file| file.unwrap().file_name()).collect::<BTreeSet<_>>()
        };
        assert_eq!(names(run), names(&self.trial.path("run")), "rows are found by their numbers");
        let report = self.trial.report();
        let steps = report["stages"].as_array().unwrap().iter().flat_map(|stage| stage["steps"].as_array().unwrap());
        let doors = steps.flat_map(|step| {
            ["", ".dropped", ".rejected"].map(|door| (step["name"].as_str().unwrap().to_owned(), door))
        });
        let inputs = report["inputs"].as_object().unwrap().keys().map(|input| (input.clone(), ""));
        let numbered = RowsWanted { rows: 7, seed: Some(3), ..RowsWanted::default() };
        let replayed = RowsWanted { rows: 50, condition: Some("true".to_owned()), ..numbered.clone() };
        for (node, door) in inputs.chain(doors) {
            let node = format!("{node}{door}");
            for wanted in [&numbered, &replayed] {
                let look = |run: &Path, folder: &Path| {
                    let shown = peek_run(&Looking::at(run, cache()), &node, wanted);
                    let shown = shown.unwrap_or_else(|error| panic!("{node} of {}: {error}", run.display()));
                    let base = folder.display().to_string();
                    let places = shown.places.iter().map(|place| place.replace(&base, "")).collect::<Vec<_>>();
                    (shown.json().unwrap(), places, shown.notes)
                };
                let expected = look(&self.trial.path("run"), &self.trial.folder);
                assert_eq!(look(run, folder), expected, "{node}, {wanted:?}");
            }
        }
    }

    /// Submits it, in at most this many slices, and returns the number of tasks.
    fn stands(&self, slices: u32) -> usize {
        let trial = self.again(&format!("slices-{slices}"));
        let tasks = tasks(&trial, slices);
        let slices = slices.to_string();
        let submit = ["submit", "pipeline.toml", "--on", "local=2", "--work", "run", "--slices", &slices, "--quiet"];
        let status = ended(trial.command(&submit).spawn().unwrap());
        assert!(status.success(), "{status}: {}", trial.said());
        self.check(&trial);
        tasks
    }
}

/// How many tasks there are, by what `callboard tasks` says.
fn tasks(trial: &Trial, slices: u32) -> usize {
    let listed = trial.output(&[], &["tasks", "pipeline.toml", "--slices", &slices.to_string(), "--format", "json"]);
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    listed["groups"].as_array().unwrap().iter().map(|group| group["tasks"].as_u64().unwrap() as usize).sum()
}

/// What does not depend on how long anything took, and how much memory that was.
fn accounts(report: &Value) -> Value {
    const FIGURES: [&str; 14] = [
        "name",
        "rows_in",
        "rows_out",
        "rows_dropped",
        "rows_rejected",
        "rows_elsewhere",
        "rows_repeated",
        "rows_created",
        "batches",
        "counters",
        "dropped",
        "rejected",
        "zipped",
        "adds_up",
    ];
    let step =
        |step: &Value| FIGURES.iter().map(|key| ((*key).to_owned(), step[*key].clone())).collect::<BTreeMap<_, _>>();
    // What is known of memory by then may make other stages of the same steps.
    let steps = report["stages"].as_array().unwrap().iter().flat_map(|stage| stage["steps"].as_array().unwrap());
    let steps: BTreeMap<String, _> = steps.map(|of| (of["name"].to_string(), step(of))).collect();
    json!({
        "status": report["status"], "steps": steps, "inputs": report["inputs"], "rejects": report["rejects"]["rows"],
        "outputs": report["outputs"].as_object().unwrap().iter()
            .map(|(name, output)| (name.clone(), json!([output["rows"], output["bytes"], output["files"]])))
            .collect::<BTreeMap<_, _>>(),
    })
}

#[test]
fn branches_side_doors_rejected_rows_and_formats_come_out_as_of_one_process() {
    let data = folder_with(&[("a.jsonl", documents(900, 3)), ("b.jsonl", documents(900, 4))]);
    let tasks = Whole::of(BRANCHES, data.path()).stands(3);
    assert!(tasks > 12, "only {tasks} tasks");
}

#[test]
fn rows_that_lie_in_the_spills_of_earlier_stages_are_found_in_those_of_other_tasks() {
    let data = folder_with(&[("docs.jsonl", documents(900, 5))]);
    Whole::of(REFERENCES, data.path()).stands(3);
}

/// Inputs of many files, of which each slice takes some; branches that are zipped; a file of several parts.
const FILES: &str = r#"
callboard = 1
name = "files"

[inputs.docs]
path = "data/*.jsonl"
on_bad_row = "reject"

[[steps]]
name = "stats"
use = "text-stats"

[[steps]]
name = "mark"
use = "hash"
from = "stats"

[[steps]]
name = "long"
use = "filter"
from = { zip = ["stats", "mark"] }
config = { where = "n_words >= 3" }

[outputs.parts]
path = "out/part-{n}.jsonl"
max_rows = 200

[run]
batch_rows = 40
"#;

#[test]
fn files_are_shared_out_and_branches_zipped_in_each_slice() {
    let mut files: Vec<(String, String)> =
        (0..7).map(|file| (format!("{file}.jsonl"), documents(100 + 30 * file, file))).collect();
    files[2].1 += "not a row\n";
    let files: Vec<(&str, String)> = files.iter().map(|(name, text)| (name.as_str(), text.clone())).collect();
    let data = folder_with(&files);
    let tasks = Whole::of(FILES, data.path()).stands(3);
    assert_eq!(tasks, 4, "three shares of the files, and the output");
}

/// One large file of lines, and one of Parquet.
const LARGE: &str = r#"
callboard = 1
name = "large"

[inputs.docs]
path = "data/docs.jsonl"
on_bad_row = "reject"

[inputs.table]
path = "data/table.parquet"

[[steps]]
name = "stats"
use = "text-stats"
from = "docs"

[[steps]]
name = "strict"
use = "filter"
from = "table"
config = { where = "100 / (id % 33) >= 0" }
on_error = "reject"

[outputs.docs]
from = "stats"
path = "out/docs.jsonl"

[outputs.table]
from = "strict"
path = "out/table.jsonl"

[run]
batch_rows = 40
"#;

#[test]
fn large_files_are_cut_into_parts_whose_rows_keep_their_lines() {
    // Lines that are blank, and lines that are no rows, near every cut.
    let text = documents(900, 9).replace("\"id\":7", "\n\"id\":7").replace("{\"id\":3", "\n{\"id\":3");
    let data = folder_with(&[("docs.jsonl", text)]);
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..4000));
    let rows = RecordBatch::try_from_iter([("id", ids)]).unwrap();
    let groups = WriterProperties::builder().set_max_row_group_row_count(Some(100)).build();
    let file = fs::File::create(data.path().join("table.parquet")).unwrap();
    let mut writer = ArrowWriter::try_new(file, rows.schema(), Some(groups)).unwrap();
    writer.write(&rows).unwrap();
    writer.close().unwrap();
    let whole = Whole::of(LARGE, data.path());
    let lines = whole.trial.results()["rejects.jsonl"].split(|byte| *byte == b'\n').count();
    assert!(lines > 200, "only {lines} rows are rejected");
    // Three parts of each file, written by whoever reads them; more parts than there are batches.
    assert_eq!(whole.stands(3), 6);
    whole.stands(60);
}

/// Global steps whose rows are brought together by key, one by each of many; two of them and another one read an input that nothing else reads.
const KEYED: &str = r#"
callboard = 1
name = "keyed"

[inputs.docs]
path = "data/docs.jsonl"

[inputs.more]
path = "data/more.jsonl"

[[steps]]
name = "distinct"
use = "exact-dedup"
from = "docs"
config = { columns = ["key"] }

[[steps]]
name = "counted"
use = "aggregate"
from = "docs"
config = { by = ["key"], figures = { n = "count", ids = { list = "id" } } }

[[steps]]
name = "largest"
use = "sort"
from = "docs"
config = { by = [{ column = "id", descending = true }], per = ["key"], top = 3 }

[[steps]]
name = "sorted"
use = "sort"
from = "docs"
config = { by = ["key"] }

[[steps]]
name = "joined"
use = "join"
from = { left = "distinct", right = "more" }
config = { on = ["key"] }

[[steps]]
name = "near"
use = "minhash-dedup"
from = "more"

[outputs.joined]
from = "joined"
path = "out/joined.jsonl"

[outputs.twice]
from = "distinct.dropped"
path = "out/twice.jsonl"

[outputs.counted]
from = "counted"
path = "out/counted.parquet"

[outputs.largest]
from = "largest"
path = "out/largest.jsonl"

[outputs.sorted]
from = "sorted"
path = "out/sorted.jsonl.gz"

[outputs.near]
from = "near"
path = "out/near.jsonl"

[outputs.same]
from = "near.dropped"
path = "out/same.jsonl"

[run]
batch_rows = 700
"#;

#[test]
fn steps_whose_rows_are_brought_together_by_key_are_shared_out() {
    let docs = (0..50_000_u64).map(|id| json!({"id": id, "key": id * 7919 % 9973 % 7000}));
    let more = documents(600, 3).replace("\"id\"", "\"key\"");
    let data = folder_with(&[("docs.jsonl", lines(docs)), ("more.jsonl", more)]);
    let whole = Whole::of(KEYED, data.path());
    let listed = whole.trial.output(&[], &["tasks", "pipeline.toml", "--slices", "3"]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    for expected in ["bring together for distinct", "each some keys", "put together results of counted"] {
        assert!(listed.contains(expected), "{listed}");
    }
    whole.stands(3);
}

#[test]
fn drivers_and_tasks_that_are_killed_are_followed_by_others() {
    let data = folder_with(&[("docs.jsonl", documents(900, 1))]);
    let whole = Whole::of(&three_stages(1), data.path());
    let trial = whole.again("killed");
    let manifests = || {
        let tasks = fs::read_dir(trial.path("run/tasks")).into_iter().flatten().flatten();
        tasks.filter(|task| task.path().join("manifest.json").exists()).count()
    };
    let submit = ["submit", "pipeline.toml", "--on", "local=1", "--work", "run", "--slices", "3", "--quiet"];
    let drive = ["task", "run", "drive", "--on", "local=1", "--quiet"];
    let mut killed = killed_when(trial.command(&submit).spawn().unwrap(), || manifests() >= 1);
    assert!(was_killed(killed), "{killed}: {}", trial.said());
    assert!(trial.outputs().is_empty(), "an output is there before all are complete");

    // Tasks of a killed driver end by themselves, and whoever carries one out again is told so.
    let one = |id: &str| trial.output(&[], &["task", "run", id]);
    let said = |output: &std::process::Output| {
        String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
    };
    let attempts = || fs::read_dir(trial.path("run/tasks/2.0000")).into_iter().flatten().count();
    ["1.0000", "1.0001", "1.0002"].iter().for_each(|id| drop(one(id)));
    let status = killed_when(trial.command(&["task", "run", "2.0000"]).spawn().unwrap(), || attempts() > 0);
    let first = one("2.0000");
    assert!(first.status.success(), "{status}: {}", said(&first));
    assert_eq!(said(&one("2.0000")), "task 2.0000: done before\n");
    // A kill in the middle of a commit leaves a manifest with two names.
    let manifest = trial.path("run/tasks/2.0000/manifest.json");
    let counts: Value = serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
    let attempt = manifest.with_file_name(counts["attempt"].as_str().unwrap());
    fs::hard_link(&manifest, attempt.join("manifest.json")).unwrap();
    // What the disk need not have had when its machine was started again is done again; so is what the disk does not have.
    let mut lost = counts;
    lost["boot"] = json!("another");
    for left in [lost.to_string(), String::new()] {
        fs::write(&manifest, left).unwrap();
        assert_eq!(String::from_utf8_lossy(&one("2.0000").stdout), "task 2.0000: done\n");
    }
    let early = one("5.0000");
    assert!(said(&early).contains("that has not ended"), "{}", said(&early));
    assert_eq!(early.status.code(), Some(5));
    assert!(said(&one("99.0000")).contains("has no task 99.0000"));
    let wrong = said(&trial.output(&[], &["resume", "run", "--budget", "1GiB"]));
    assert!(wrong.contains("`--budget` is for runs of one process"), "{wrong}");

    for wanted in [4, 6] {
        killed = killed_when(trial.command(&drive).spawn().unwrap(), || manifests() >= wanted);
        assert!(was_killed(killed), "{killed}: {}", trial.said());
    }
    // The first slice of the output is there; stages have ended.
    let appends = || trial.path("run/outputs/clean").exists();
    for killed in [
        killed_when(trial.command(&drive).spawn().unwrap(), appends),
        killed_when(trial.command(&drive).spawn().unwrap(), || trial.count("stage") > 0),
    ] {
        assert!(was_killed(killed) || killed.success(), "{killed}: {}", trial.said());
    }
    let status = ended(trial.command(&["resume", "run", "--quiet"]).spawn().unwrap());
    assert!(status.success(), "{status}: {}", trial.said());
    whole.check(&trial);
    assert_eq!(said(&one("2.0000")), "task 2.0000: done before\n");
}

#[test]
fn a_slice_that_is_not_what_its_task_wrote_is_not_appended() {
    const SHORT: &str = "callboard = 1\n[inputs.docs]\npath = \"data/*.jsonl\"\n[[steps]]\nuse = \"normalise\"\n\
                         [outputs.clean]\npath = \"out/clean.jsonl\"\n";
    let data = folder_with(&["a.jsonl", "b.jsonl", "c.jsonl"].map(|name| (name, documents(300, 1))));
    let whole = Whole::of(SHORT, data.path());
    let trial = whole.again("damaged");
    let submit = ["submit", "pipeline.toml", "--on", "local=1", "--work", "run", "--slices", "3", "--quiet"];
    let killed = killed_when(trial.command(&submit).spawn().unwrap(), || trial.path("run/work.json").exists());
    assert!(was_killed(killed), "{killed}: {}", trial.said());
    for task in ["1.0000", "1.0001", "1.0002"] {
        assert!(trial.output(&[], &["task", "run", task]).status.success());
    }
    let manifest = trial.path("run/tasks/1.0001/manifest.json");
    let counts: Value = serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
    let slice = manifest.with_file_name(counts["attempt"].as_str().unwrap()).join("outputs/clean");
    let text = fs::read_to_string(&slice).unwrap();
    assert!(!text.is_empty());
    fs::write(&slice, &text[..text.len() / 2]).unwrap();
    let drive = || trial.output(&[], &["task", "run", "drive", "--on", "local=1", "--quiet"]);
    let failed = drive();
    let said = String::from_utf8_lossy(&failed.stderr);
    assert!(!failed.status.success() && said.contains("/outputs/clean` is not what the task wrote"), "{said}");
    assert!(said.contains("1.0001") && trial.outputs().is_empty(), "{said}");
    fs::remove_file(manifest).unwrap();
    let again = drive();
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    assert!(trial.results() == whole.trial.results(), "an output is not what `run` writes");
}

/// Rows that a task leaves refer to the log of its work, and to no other file, whatever its manifest says.
#[test]
fn rows_are_read_in_the_logs_of_tasks_and_nowhere_else() {
    let rows = (0..300).map(|id| json!({"id": id, "text": format!("{} ", id % 270).repeat(1000)}));
    let data = folder_with(&[("docs.jsonl", lines(rows))]);
    let whole = Whole::of(&three_stages(1), data.path());
    let trial = whole.again("logs");
    let submit = ["submit", "pipeline.toml", "--on", "local=1", "--work", "run", "--slices", "2", "--quiet"];
    let killed = killed_when(trial.command(&submit).spawn().unwrap(), || trial.path("run/work.json").exists());
    assert!(was_killed(killed), "{killed}: {}", trial.said());
    for task in ["1.0000", "1.0001"] {
        assert!(trial.output(&[], &["task", "run", task]).status.success());
    }
    let refused = |what: &str| {
        let output = trial.output(&[], &["task", "run", "2.0000"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(5) && said.contains(what), "{said}");
        said
    };
    let place = trial.path("run/tasks/1.0000/manifest.json");
    let manifest: Value = serde_json::from_slice(&fs::read(&place).unwrap()).unwrap();
    let log = &manifest["ended"]["spills"]["text-stats"]["logs"][0]["path"];
    assert_eq!(log, "work/normalise/000.log");
    for elsewhere in ["../../../../secret.log", "work/../../secret.log", "/etc/passwd"] {
        let mut forged = manifest.clone();
        forged["ended"]["spills"]["text-stats"]["logs"][0]["path"] = json!(elsewhere);
        fs::write(&place, forged.to_string()).unwrap();
        let said = refused(&format!("left rows of `text-stats` in `{elsewhere}`, where no work lies"));
        assert!(said.contains("help: without `tasks/1.0000/manifest.json`, the task runs again"), "{said}");
    }
    fs::write(&place, manifest.to_string()).unwrap();
    let log = place.with_file_name(manifest["attempt"].as_str().unwrap()).join("work/normalise/000.log");
    let mut bytes = fs::read(&log).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&log, bytes).unwrap();
    refused("work/normalise/000.log` is damaged at byte");
    fs::remove_file(place).unwrap();
    let status = ended(trial.command(&["resume", "run", "--quiet"]).spawn().unwrap());
    assert!(status.success(), "{status}: {}", trial.said());
    whole.check(&trial);
}

#[test]
fn a_work_place_is_refused_that_another_version_made_or_that_nobody_trusts() {
    let data = folder_with(&[("docs.jsonl", documents(90, 1))]);
    let root = tempfile::tempdir().unwrap();
    let trial = Trial::new(root.path().join("elsewhere"), &three_stages(1), data.path());
    let submit = ["submit", "pipeline.toml", "--on", "local=1", "--work", "run", "--slices", "3", "--quiet"];
    let killed = killed_when(trial.command(&submit).spawn().unwrap(), || trial.path("run/work.json").exists());
    assert!(was_killed(killed), "{killed}: {}", trial.said());
    let work = trial.path("run/work.json");
    let text = fs::read_to_string(&work).unwrap();
    let version = format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(text.contains(&version), "{text}");
    let said = |arguments: &[&str]| String::from_utf8(trial.output(&[], arguments).stderr).unwrap();
    fs::write(&work, text.replace(&version, "\"version\": \"0.0.7\"")).unwrap();
    let refused = said(&["task", "run", "1.0000"]);
    assert!(refused.contains("0.0.7") && refused.contains(env!("CARGO_PKG_VERSION")), "{refused}");
    fs::write(&work, text).unwrap();
    // On another machine this user has another key.
    fs::remove_file(trial.path("run/seal")).unwrap();
    let refused = said(&["task", "run", "1.0000"]);
    let digest = &refused.split("--trust ").nth(1).unwrap_or_else(|| panic!("{refused}"))[..32];
    let trusted = trial.output(&[], &["task", "run", "1.0000", "--trust", digest]);
    // Where the driver had started it before it was killed, it may have ended by itself.
    assert!(String::from_utf8_lossy(&trusted.stdout).starts_with("task 1.0000: done"), "{trusted:?}");
}

#[test]
fn rejected_rows_are_counted_over_all_tasks() {
    let rows = (0..400).map(|id| json!({"id": id, "text": "a b c d e f"}));
    let data = folder_with(&[("docs.jsonl", lines(rows))]);
    let pipeline = "callboard = 1\nname = \"strict\"\n[inputs.docs]\npath = \"data/docs.jsonl\"\n[[steps]]\nuse = \"filter\"\n\
                    config = { where = \"100 / (id % 40) >= 0\" }\non_error = \"reject\"\nMOST\n\
                    [outputs.out]\npath = \"out/n.jsonl\"\n[run]\nbatch_rows = 40\n";
    // One row of each batch: in none of the slices are there more than six, in all of them ten.
    Whole::of(&pipeline.replace("MOST", "max_rejects = 10"), data.path()).stands(2);
    let root = tempfile::tempdir().unwrap();
    let trial = Trial::new(root.path().join("all"), &pipeline.replace("MOST", "max_rejects = 9"), data.path());
    let submit = ["submit", "pipeline.toml", "--on", "local=2", "--work", "run", "--slices", "2", "--quiet"];
    let status = ended(trial.command(&submit).spawn().unwrap());
    assert_eq!(status.code(), Some(3), "{}", trial.said());
    assert!(trial.said().contains("10 of 400 rows were rejected"), "{}", trial.said());
    assert!(trial.outputs().is_empty());
    assert_eq!(trial.results()["rejects.jsonl"].split(|byte| *byte == b'\n').count(), 11);
}

#[test]
fn figures_that_tasks_do_not_gather_are_named() {
    let data = folder_with(&[("docs.jsonl", lines((0..40).map(|id| json!({ "id": id }))))]);
    let root = tempfile::tempdir().unwrap();
    let pipeline = "callboard = 1\nname = \"figures\"\n[inputs.docs]\npath = \"data/docs.jsonl\"\nstats = true\n[[steps]]\n\
                    use = \"filter\"\nconfig = { where = \"id > 3\" }\nstats = true\n[outputs.out]\npath = \"out/n.jsonl\"\n\
                    stats = true\n[run]\nbatch_rows = 10\n";
    let trial = Trial::new(root.path().join("tasks"), pipeline, data.path());
    let submit = ["submit", "pipeline.toml", "--on", "local=1", "--work", "run", "--slices", "2", "--quiet"];
    let status = ended(trial.command(&submit).spawn().unwrap());
    assert!(status.success(), "{status}: {}", trial.said());
    let report = trial.report();
    let named = "no figures of columns were gathered of `docs`, `filter`, `out`: tasks do not gather them";
    assert_eq!(report["notes"], json!([named]));
    assert_eq!(report["outputs"]["out"].get("stats"), None);
}
