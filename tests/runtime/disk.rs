//! The disk: full, read-only, not to be filled; and a run's folder that goes on elsewhere.
//!
//! A disk of its own is a small tmpfs in a mount namespace. Where the system allows neither, a test says so and tries nothing.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::kills::{documents, three_stages};
use crate::trial::{Trial, ended, killed_when, was_killed};

/// A folder with `data/docs.jsonl`, and what a pipeline comes to when the disk is good.
struct Place {
    scratch: tempfile::TempDir,
    pipeline: String,
    good: Trial,
}

impl Place {
    fn new(pipeline: String, rows: u64) -> Place {
        let scratch = tempfile::tempdir().unwrap();
        fs::create_dir(scratch.path().join("data")).unwrap();
        fs::write(scratch.path().join("data/docs.jsonl"), documents(rows, 7)).unwrap();
        let good = Trial::new(scratch.path().join("good"), &pipeline, &scratch.path().join("data"));
        good.finish();
        Place { scratch, pipeline, good }
    }

    fn trial(&self, name: &str) -> Trial {
        Trial::new(self.scratch.path().join(name), &self.pipeline, &self.scratch.path().join("data"))
    }

    fn assert_same(&self, trial: &Trial) {
        assert!(trial.outputs() == self.good.outputs(), "the outputs are not what they are on a good disk");
    }
}

/// Runs a script in a mount namespace of its own, in the folder of a trial; `$RUN` and `$RESUME` run the binary. Gives what it printed;
/// none where there are no such namespaces.
#[expect(clippy::print_stderr, reason = "a test that tries nothing says so")]
fn in_namespace(trial: &Trial, script: &str) -> Option<String> {
    let has = |flags: &str| {
        let mounts = "mount -t tmpfs none /mnt";
        let tried = Command::new("unshare").args([flags, "sh", "-c", mounts]).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    };
    let Some(flags) = ["-rm", "-m"].into_iter().find(|flags| has(flags)) else {
        eprintln!("SKIPPED: no mount namespaces here, so nothing is known of full and read-only disks");
        return None;
    };
    let callboard = env!("CARGO_BIN_EXE_callboard");
    let script = format!("callboard() {{ {callboard} \"$@\" 2>&1; echo \"[exit $?]\"; }}\n{script}");
    let mut command = Command::new("unshare");
    command.args([flags, "sh", "-c", &script]).current_dir(&trial.folder);
    command.env("CALLBOARD_CACHE", crate::trial::cache()).stdin(Stdio::null());
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    Some(said)
}

/// What was said up to each exit code, and the code.
fn parts(said: &str) -> Vec<(&str, &str)> {
    let ends = said.split_inclusive("[exit ").map(|part| part.trim_end_matches("[exit ")).collect::<Vec<_>>();
    let codes: Vec<&str> = ends[1..].iter().map(|part| part.split(']').next().unwrap()).collect();
    ends.iter().map(|part| part.split_once("]\n").map_or(*part, |(_, rest)| rest)).zip(codes).collect()
}

/// The disk is full while rows flow, and again while a part of the rest is done; then there is room.
#[test]
fn a_disk_that_is_full_in_the_middle_of_a_stage_costs_nothing_that_was_done() {
    let place = Place::new(three_stages(1), 3_000);
    for (name, size) in [("early", 300), ("later", 800)] {
        let trial = place.trial(name);
        let Some(said) = in_namespace(
            &trial,
            &format!(
                "mkdir small && mount -t tmpfs -o size={size}k none small\n\
                 callboard run pipeline.toml --run-dir small/run --quiet\n\
                 cp -a small/run run\n\
                 callboard resume small/run --quiet\n\
                 mount -o remount,size=64m none small\n\
                 callboard resume small/run --quiet --report report.json\n\
                 mv out out-remounted\n"
            ),
        ) else {
            return;
        };
        let parts = parts(&said);
        for (words, code) in &parts[..2] {
            assert_eq!(*code, "5", "{words}");
            assert!(words.contains("No space left on device") && words.contains("small/run"), "{words}");
            assert!(words.contains("help: free some space and resume the run: no finished work is lost"), "{words}");
            assert!(words.ends_with("\n  callboard resume small/run\n"), "{words}");
        }
        assert_eq!(parts[2], ("", "0"), "{said}");
        // On another disk, with what was copied.
        assert!(!trial.path("out").exists(), "an output appeared before all were complete");
        trial.finish();
        place.assert_same(&trial);
        fs::remove_dir_all(trial.path("out")).unwrap();
        fs::rename(trial.path("out-remounted"), trial.path("out")).unwrap();
        place.assert_same(&trial);
    }
}

/// Nothing but the output takes room, and that one writes all of it when its rows have ended.
#[test]
fn a_disk_that_is_full_at_the_end_of_a_stage_leaves_nothing_torn() {
    let pipeline =
        "callboard = 1\n[inputs.docs]\npath = \"data/docs.jsonl\"\n[outputs.all]\npath = \"out/all.parquet\"\n";
    let place = Place::new(pipeline.to_owned(), 20_000);
    let bytes = place.good.outputs()["all.parquet"].len();
    let trial = place.trial("full");
    let Some(said) = in_namespace(
        &trial,
        &format!(
            "mkdir small && mount -t tmpfs -o size={}k none small\n\
             callboard run pipeline.toml --run-dir small/run --quiet\n\
             ls out 2>/dev/null\n\
             mount -o remount,size=64m none small\n\
             callboard resume small/run --quiet\n",
            bytes / 1024 / 2
        ),
    ) else {
        return;
    };
    let parts = parts(&said);
    let (words, code) = parts[0];
    assert_eq!(code, "5", "{words}");
    assert!(words.contains("output `all`") && words.contains("No space left on device"), "{words}");
    assert!(words.contains("help: make room"), "{words}");
    assert_eq!(parts[1], ("", "0"), "{said}");
    place.assert_same(&trial);
}

/// A mount that is read-only is laid over the folder of a run that goes on: what is open is written, and nothing new is made.
#[test]
fn a_folder_that_turns_read_only_ends_the_run_and_loses_nothing() {
    let place = Place::new(three_stages(1), 20_000);
    let trial = place.trial("read-only");
    let Some(said) = in_namespace(
        &trial,
        "callboard run pipeline.toml --run-dir run --quiet & \n\
         until [ -s run/work/normalise/000.log ]; do sleep 0.001; done\n\
         process=$(cat run/lock)\n\
         kill -STOP $process || echo it has ended\n\
         mount --bind run run && mount -o remount,bind,ro run\n\
         kill -CONT $process\n\
         wait\n\
         umount run\n\
         callboard resume run --quiet\n",
    ) else {
        return;
    };
    let parts = parts(&said);
    let (words, code) = parts[0];
    assert_eq!(code, "5", "{words}");
    assert!(words.contains("Read-only file system") && words.contains("`run"), "{words}");
    assert!(words.ends_with("\n  callboard resume run\n"), "{words}");
    assert_eq!(parts[1], ("", "0"), "{said}");
    place.assert_same(&trial);
}

#[test]
fn a_quota_of_rows_between_stages_is_kept_to() {
    let place = Place::new(three_stages(1), 3_000);
    let trial = place.trial("quota");
    let status = ended(
        trial
            .command(&["run", "pipeline.toml", "--run-dir", "run", "--quiet", "--max-spill", "64KiB"])
            .spawn()
            .unwrap(),
    );
    let said = trial.said();
    assert_eq!(status.code(), Some(5), "{said}");
    assert!(said.contains("of 64 KiB allowed") && said.contains("--max-spill"), "{said}");
    assert!(said.ends_with("\n  callboard resume run\n"), "{said}");
    assert!(trial.outputs().is_empty());
    // As small as before, unless it is said.
    assert_eq!(ended(trial.go_on().spawn().unwrap()).code(), Some(5));
    let larger = trial.command(&["resume", "run", "--quiet", "--max-spill", "64MiB"]).spawn().unwrap();
    assert!(ended(larger).success(), "{}", trial.said());
    place.assert_same(&trial);
    let reused = trial.report()["stages"][0]["steps"][0]["rows_reused"].as_u64().unwrap();
    assert!(reused > 0, "what was done before the quota was met is taken over");
}

/// What a global step keeps takes no more of the disk than what it was given.
#[test]
fn a_quota_that_holds_the_rows_once_holds_what_is_kept_of_them() {
    let place = Place::new(three_stages(1), 3_000);
    let report = place.good.report();
    let spilled = |stage: usize| report["stages"][stage]["spilled_bytes"].as_u64().unwrap();
    assert!(spilled(1) * 10 < spilled(0), "{} bytes are kept of {}", spilled(1), spilled(0));
    let trial = place.trial("quota");
    // And what is noted of its calls.
    let enough = format!("{}KiB", (spilled(0) + spilled(1)).div_ceil(1024) + 4);
    let most = ["run", "pipeline.toml", "--run-dir", "run", "--quiet", "--max-spill", &enough];
    assert!(ended(trial.command(&most).spawn().unwrap()).success(), "{}", trial.said());
    place.assert_same(&trial);
}

/// More rows than are put in order in memory: they go through files, which a kill leaves behind and a good end does not.
#[test]
fn a_kill_while_rows_are_put_in_order_costs_nothing() {
    let pipeline = "callboard = 1\n[inputs.docs]\npath = \"data/docs.jsonl\"\n[[steps]]\nuse = \"sort\"\n\
                    config = { by = [{ column = \"key\", descending = true }] }\n\
                    [outputs.all]\npath = \"out/all.jsonl\"\n";
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    fs::create_dir(&data).unwrap();
    let text = "0123456789abcdef".repeat(1 << 10);
    let rows = (0..3_000).map(|id| serde_json::json!({"id": id, "key": id * 617 % 3_000, "text": text}));
    fs::write(data.join("docs.jsonl"), crate::bench::lines(rows)).unwrap();
    let good = Trial::new(scratch.path().join("good"), pipeline, &data);
    good.finish();
    let trial = Trial::new(scratch.path().join("killed"), pipeline, &data);
    let sorting = trial.path("run/sorting/sort");
    let killed = (0..50).any(|_| {
        let _ = fs::remove_dir_all(trial.path("run"));
        let _ = fs::remove_dir_all(trial.path("out"));
        was_killed(killed_when(trial.go_on().spawn().unwrap(), || sorting.join("window-00000").exists()))
    });
    assert!(killed && sorting.exists(), "it was always through before it was killed");
    trial.finish();
    assert!(trial.outputs() == good.outputs());
    assert!(!trial.path("run/sorting").exists());
}

/// The output of a global step is killed at several lengths, in one run; each process continues the file of the one before.
#[test]
fn an_output_behind_a_global_step_is_continued_wherever_a_kill_leaves_it() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    fs::create_dir(&data).unwrap();
    let text = "0123456789abcdef".repeat(1 << 10);
    let rows = (0..3_000).map(|id| serde_json::json!({"id": id, "key": id * 617 % 2_900, "text": text}));
    fs::write(data.join("docs.jsonl"), crate::bench::lines(rows)).unwrap();
    for (name, step) in [
        ("sort", "use = \"sort\"\nconfig = { by = [\"key\"] }"),
        ("exact-dedup", "use = \"exact-dedup\"\nconfig = { columns = [\"key\"] }"),
    ] {
        let pipeline = format!(
            "callboard = 1\n[inputs.docs]\npath = \"data/docs.jsonl\"\n[[steps]]\n{step}\n\
             [outputs.all]\npath = \"out/all.jsonl\"\n"
        );
        let good = Trial::new(scratch.path().join(format!("good-{name}")), &pipeline, &data);
        good.finish();
        let trial = Trial::new(scratch.path().join(format!("killed-{name}")), &pipeline, &data);
        let (staged, mut files) = (trial.path("run/outputs/all"), Vec::new());
        for part in 1..4 {
            let is_long = || staged.metadata().is_ok_and(|file| file.len() >= part * (12 << 20));
            if was_killed(killed_when(trial.go_on().spawn().unwrap(), is_long)) {
                files.extend(staged.metadata().map(|file| file.ino()));
            }
        }
        trial.finish();
        assert!(trial.outputs() == good.outputs(), "{name}");
        files.push(trial.path("out/all.jsonl").metadata().unwrap().ino());
        files.dedup();
        assert_eq!(files.len(), 1, "{name}: a file was begun again");
        assert!(!trial.path("run/sorting").exists());
    }
}

/// Inputs that have been read, components and the pipeline file are gone: the run's folder suffices.
#[test]
fn a_run_goes_on_on_another_machine() {
    let pipeline = three_stages(1).replace("use = \"filter\"", "use = \"guests/filter.wasm\"");
    let place = Place::new(pipeline, 3_000);
    let trial = place.trial("here");
    // Past its only input, and not at its end: 50 tries, as the process may be faster than who looks.
    let killed = (0..50).any(|_| {
        let _ = fs::remove_dir_all(trial.path("run"));
        let _ = fs::remove_dir_all(trial.path("out"));
        let run = trial.go_on().spawn().unwrap();
        was_killed(killed_when(run, || trial.count("stage") == 1)) && trial.count("stage") < 3
    });
    assert!(killed, "it was always through before it was killed");
    let there = place.scratch.path().join("there");
    fs::create_dir_all(there.join("work")).unwrap();
    fs::rename(trial.path("run"), there.join("run")).unwrap();
    fs::remove_dir_all(&trial.folder).unwrap();

    let there = Trial { folder: there };
    assert_eq!(ended(there.go_on().spawn().unwrap()).code(), Some(2));
    let said = there.said();
    assert!(said.contains("is not here") && said.contains("callboard resume run --base DIR"), "{said}");
    let resumed = there.command(&["resume", "run", "--base", "work", "--quiet"]).spawn().unwrap();
    assert!(ended(resumed).success(), "{}", there.said());
    let found = fs::read(there.path("work/out/clean.jsonl")).unwrap();
    assert!(found == place.good.outputs()["clean.jsonl"]);
    assert!(!Path::new(&trial.folder).exists());
}

/// The run's folder lies on another disk than the output, which is copied there; what a kill leaves of the copy is gone in the end.
#[test]
fn a_copy_that_was_cut_off_by_a_kill_is_not_left_beside_its_place() {
    let pipeline =
        "callboard = 1\n[inputs.docs]\npath = \"data/docs.jsonl\"\n[outputs.all]\npath = \"out/all.jsonl\"\n";
    let place = Place::new(pipeline.to_owned(), 60_000);
    let trial = place.trial("copied");
    let Some(said) = in_namespace(
        &trial,
        "mkdir small && mount -t tmpfs none small\n\
         for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do\n\
           rm -rf small/run out\n\
           callboard run pipeline.toml --run-dir small/run --quiet > /dev/null &\n\
           until [ -s small/run/lock ]; do :; done\n\
           process=$(cat small/run/lock)\n\
           while kill -0 $process 2>/dev/null; do\n\
             set -- out/.all.jsonl.partial-*\n\
             if [ -e \"$1\" ]; then kill -KILL $process; fi\n\
           done\n\
           wait\n\
           set -- out/.all.jsonl.partial-*\n\
           if [ -e \"$1\" ]; then echo hit; break; fi\n\
         done\n\
         callboard resume small/run --quiet\n",
    ) else {
        return;
    };
    assert_eq!(said, "hit\n[exit 0]\n");
    place.assert_same(&trial);
}
