//! A run's folder at every moment: from its first file to its last one, what is there is known, and can be gone on with, begun again,
//! or removed.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use callboard_runtime::{CancellationToken, Class, Event, RunError, RunState, RunSummary, remove_run};

use crate::bench::{Bench, Ended, Refused, straight, use_step};

fn text() -> String {
    straight(&(use_step("one", "echo", "") + &use_step("two", "echo-global", "") + "[run]\nbatch_rows = 10\n"))
}

/// The folder of a run that was interrupted in its first stage, and those of its files that are there before any row is read.
fn begun(bench: &Bench) -> PathBuf {
    let cancel = CancellationToken::new();
    let on_event = cancel.clone();
    let ended = bench.pipeline(text()).cancel(cancel).listen(move |event| {
        if let Event::Loaded { .. } = event {
            on_event.cancel();
        }
    });
    let ended = ended.end();
    let folder = ended.run_folder.clone();
    assert_eq!(ended.error().class, Class::Interrupted);
    folder
}

pub(crate) fn refused(ended: Ended) -> RunError {
    match ended.outcome {
        Err(Refused::Prepare(error)) => error,
        Ok(_) => ended.failure.expect("it was not refused"),
        Err(Refused::Plan(problems)) => panic!("{problems}"),
    }
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to.join(entry.file_name())),
            false => drop(fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
        }
    }
}

fn state(folder: &Path) -> Option<RunState> {
    let parent = folder.parent().unwrap();
    let before = names(parent);
    let runs = RunSummary::all(parent).unwrap();
    assert_eq!(names(parent), before, "listing runs alters nothing");
    runs.into_iter().find(|run| run.folder == folder).map(|run| run.state)
}

/// Names, sizes and what files hold.
fn names(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            all.extend(names(&entry.path()));
        } else {
            all.push((entry.path(), if kind.is_file() { fs::read(entry.path()).unwrap() } else { Vec::new() }));
        }
    }
    all.sort();
    all
}

/// What a process leaves that is killed between any two steps of beginning a run, this version's and older ones'.
#[test]
fn whatever_a_kill_leaves_of_a_beginning_is_begun_again_listed_and_removed() {
    let bench = Bench::with_rows(50);
    let folder = begun(&bench);
    let file = |name: &str| fs::read(folder.join(name)).unwrap();
    let (lock, seal, plan, run) = (file("lock"), file("seal"), file("plan.json"), file("run.json"));
    let half = &plan[..plan.len() / 2];
    let none: &[u8] = b"";
    let writing: &[(&str, &[u8])] =
        &[("lock", &lock), (".writing-seal", &seal), (".writing-plan.json", &plan), (".writing-run.json", &run)];
    let moments: Vec<Vec<(&str, &[u8])>> = vec![
        vec![],
        vec![("lock", none)],
        vec![("lock", &lock)],
        vec![("lock", &lock), (".writing-seal", none)],
        vec![("lock", &lock), (".writing-seal", &seal), (".writing-plan.json", half)],
        writing.to_vec(),
        vec![("lock", &lock), ("seal", &seal), (".writing-plan.json", &plan), (".writing-run.json", &run)],
        vec![("lock", &lock), ("seal", &seal), ("plan.json", &plan), (".writing-run.json", &run)],
        // As earlier versions left it.
        vec![("lock", b"4711\n"), ("journal", none), ("outputs/", none)],
        vec![("lock", b"4711\n"), ("journal", none), ("outputs/", none), ("plan.json", &plan), (".writing-x", half)],
    ];
    for (nth, moment) in moments.iter().enumerate() {
        let parent = bench.path(&format!("moment-{nth}"));
        let killed = parent.join("run");
        let make = || {
            fs::create_dir_all(&killed).unwrap();
            for (name, bytes) in moment {
                match name.strip_suffix('/') {
                    Some(name) => fs::create_dir(killed.join(name)).unwrap(),
                    None => fs::write(killed.join(name), bytes).unwrap(),
                }
            }
        };
        make();
        assert_eq!(state(&killed), (!moment.is_empty()).then_some(RunState::Begun), "{nth}");
        let error = refused(bench.resume(&killed).end());
        let help = error.help.as_deref().unwrap_or_default();
        assert!(help.contains("run the pipeline again: with the run's folder `"), "{nth}: {error}, {help}");
        if !moment.is_empty() {
            assert_eq!(remove_run(&killed).unwrap().left, Vec::<PathBuf>::new());
            assert!(!killed.exists());
            make();
        }
        bench.pipeline(text()).overwrite().run_folder(&killed).report();
        assert_eq!(bench.rows("out.jsonl").len(), 50);
        assert_eq!(state(&killed), Some(RunState::Finished), "{nth}");
    }
    // With `run.json` it is a run, and is resumed.
    fs::remove_file(bench.path("out.jsonl")).unwrap();
    let whole = bench.path("whole/run");
    fs::create_dir_all(&whole).unwrap();
    for (name, bytes) in [("lock", &lock), ("seal", &seal), ("plan.json", &plan), ("run.json", &run)] {
        fs::write(whole.join(name), bytes).unwrap();
    }
    assert_eq!(state(&whole), Some(RunState::Killed));
    bench.resume(&whole).report();
    assert_eq!(bench.rows("out.jsonl").len(), 50);
}

/// The folder is made beside its place, and renamed: what a kill leaves there is used the next time, and listed until then.
#[test]
fn a_folder_that_was_never_renamed_is_used_the_next_time() {
    let bench = Bench::with_rows(5);
    for lock in [None, Some(""), Some("4711\n")] {
        let beside = bench.path("runs/.mine.begun");
        fs::create_dir_all(&beside).unwrap();
        if let Some(lock) = lock {
            fs::write(beside.join("lock"), lock).unwrap();
            assert_eq!(state(&beside), Some(RunState::Begun));
        }
        bench.pipeline(text()).overwrite().run_folder(&bench.path("runs/mine")).report();
        assert!(!beside.exists());
        remove_run(&bench.path("runs/mine")).unwrap();
    }
}

#[test]
fn a_process_that_is_killed_while_it_removes_a_run_leaves_what_is_removed_or_begun_again() {
    let bench = Bench::with_rows(50);
    let folder = begun(&bench);
    let mut files: Vec<PathBuf> =
        names(&folder).into_iter().map(|(path, _)| path.strip_prefix(&folder).unwrap().to_owned()).collect();
    files.retain(|name| name != Path::new("lock"));
    for gone in 0..=files.len() {
        let killed = bench.path("removing/run");
        let make = || {
            copy(&folder, &killed);
            fs::write(killed.join(".removing"), "").unwrap();
            files[..gone].iter().for_each(|name| fs::remove_file(killed.join(name)).unwrap());
        };
        make();
        assert_eq!(state(&killed), Some(RunState::Removing), "{gone}");
        let error = refused(bench.resume(&killed).end());
        assert!(error.message.ends_with("is being removed"), "{gone}: {error}");
        assert_eq!(remove_run(&killed).unwrap().left, Vec::<PathBuf>::new());
        assert!(!killed.exists(), "{gone}");
        if [0, files.len() / 2, files.len()].contains(&gone) {
            make();
            bench.pipeline(text()).overwrite().run_folder(&killed).report();
            assert!(!killed.join(".removing").exists());
            remove_run(&killed).unwrap();
        }
    }
}

#[test]
fn what_is_not_empty_and_no_run_is_not_taken() {
    let bench = Bench::with_rows(5);
    for (name, files) in
        [("mine", vec!["notes.txt"]), ("begun", vec!["lock", "notes.txt"]), ("sub", vec!["lock", "x/y"])]
    {
        let folder = bench.path(name);
        for file in &files {
            let file = folder.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        let before = names(&folder);
        let error = refused(bench.pipeline(text()).run_folder(&folder).end());
        assert!(error.message.ends_with("is not empty"), "{error}");
        assert_eq!(names(&folder), before);
    }
    // A link that leads nowhere is not a place for a folder; one to an empty folder is the user's own.
    symlink("nowhere", bench.path("dangling")).unwrap();
    assert_eq!(refused(bench.pipeline(text()).run_folder(&bench.path("dangling")).end()).class, Class::System);
    fs::create_dir(bench.path("real")).unwrap();
    symlink("real", bench.path("link")).unwrap();
    bench.pipeline(text()).run_folder(&bench.path("link")).report();
    assert!(bench.path("real/report.json").exists());
}

/// Nothing but what a run makes goes, and what does not goes on lying there.
#[test]
fn removing_takes_what_a_run_made() {
    let bench = Bench::with_rows(50);
    let removed = |name: &str| remove_run(&bench.path(name));
    let error = |name: &str| removed(name).unwrap_err().to_string();
    bench.pipeline(text()).run_folder(&bench.path("run")).report();

    fs::create_dir_all(bench.path("precious/.git")).unwrap();
    for (name, text) in [("run.json", "{}"), ("data.txt", "thesis"), (".git/config", "")] {
        bench.put(&format!("precious/{name}"), text);
    }
    let before = names(&bench.path("precious"));
    assert!(error("precious").ends_with("is not a run's folder"));
    // With a file of that name, which a run's lock is not.
    bench.put("precious/lock", "locked by somebody");
    assert!(error("precious").ends_with("is not a run's folder"));
    fs::remove_file(bench.path("precious/lock")).unwrap();
    for lock in ["lock", "run.json"] {
        symlink(bench.path("run").join(lock), bench.path("precious").join("link")).unwrap();
        fs::rename(bench.path("precious/link"), bench.path("precious").join(lock)).unwrap();
        assert!(error("precious").ends_with("is not a run's folder"), "{lock}");
    }
    fs::remove_file(bench.path("precious/lock")).unwrap();
    bench.put("precious/link", "{}");
    fs::rename(bench.path("precious/link"), bench.path("precious/run.json")).unwrap();
    assert_eq!(names(&bench.path("precious")), before);

    symlink("run", bench.path("link")).unwrap();
    for link in ["link", "link/", "link/."] {
        assert!(error(link).ends_with("is a link, and no run's folder"), "{link}: {}", error(link));
    }
    for name in [".", "..", "run/..", "/"] {
        assert!(remove_run(Path::new(name)).is_err(), "{name}");
    }
    assert!(bench.path("run/report.json").exists());

    bench.put("run/notes.txt", "mine");
    fs::create_dir(bench.path("run/work/mine")).unwrap();
    bench.put("run/work/mine/too.txt", "mine");
    symlink(bench.path("docs.jsonl"), bench.path("run/outputs")).unwrap();
    let left = removed("run").unwrap().left;
    assert_eq!(left, ["notes.txt", "outputs", "work/mine/too.txt"].map(PathBuf::from));
    assert_eq!(names(&bench.path("run")).len(), 3);
    assert_eq!(bench.rows("docs.jsonl").len(), 50);
    assert!(error("run").ends_with("is not a run's folder"));
}

/// Work that two runs have is one file.
#[test]
fn removing_says_what_it_freed() {
    let bench = Bench::with_rows(5_000);
    let text = straight(&use_step("one", "text-stats", ""));
    let run = |name: &str| bench.pipeline(text.clone()).overwrite().run_folder(&bench.path(name));
    run("first").report();
    run("second").after(&bench.path("first")).report();
    let log = fs::metadata(bench.path("second/work/one/000.log")).unwrap().len();
    assert!(log > 10_000);
    let bytes = |name: &str| RunSummary::of(&bench.path(name)).unwrap().bytes;
    let (first, second) = (bytes("first"), bytes("second"));
    assert_eq!(remove_run(&bench.path("first")).unwrap().freed, first - log, "the second run has the log still");
    assert_eq!(remove_run(&bench.path("second")).unwrap().freed, second);
}

/// Whatever stands in the place of the lock is not waited for, not followed, and not written.
#[test]
fn commands_that_read_follow_and_alter_nothing() {
    let bench = Bench::with_rows(5);
    bench.pipeline(text()).run_folder(&bench.path("runs/run")).report();
    let folder = bench.path("runs/run");
    let lock = folder.join("lock");
    bench.put("precious", "thesis");
    let fifo = |path: &Path| {
        let fifo = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, path, fifo, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR, 0).unwrap();
    };
    let place: [&dyn Fn(&Path); 5] = [
        &|path| symlink(bench.path("precious"), path).unwrap(),
        &|path| symlink("/dev/zero", path).unwrap(),
        &|path| fs::create_dir(path).unwrap(),
        &fifo,
        &|path| fs::hard_link(bench.path("precious"), path).unwrap(),
    ];
    for (nth, place) in place.iter().enumerate() {
        for name in ["lock", "run.json", "plan.json", "journal", "report.json"] {
            let (at, aside) = (folder.join(name), bench.path("aside"));
            fs::rename(&at, &aside).unwrap();
            place(&at);
            let before = fs::read(bench.path("precious")).unwrap();
            let listed = RunSummary::all(&bench.path("runs")).unwrap();
            assert!(listed.len() <= 1, "{nth}, {name}");
            drop((RunSummary::of(&folder), callboard_runtime::run_report(&folder), bench.resume(&folder).end()));
            assert_eq!(fs::read(bench.path("precious")).unwrap(), before, "{nth}, {name}");
            if at.is_dir() {
                fs::remove_dir(&at).unwrap()
            } else {
                fs::remove_file(&at).unwrap()
            }
            fs::rename(&aside, &at).unwrap();
        }
    }
    fs::remove_file(&lock).unwrap();
    assert_eq!(RunSummary::all(&bench.path("runs")).unwrap().len(), 0);
    assert!(!lock.exists(), "a lock was made");
}

/// Of any umask: others see nothing of the rows.
#[test]
fn a_folder_is_its_owners_alone() {
    let bench = Bench::with_rows(50);
    bench.put("pipeline.toml", text());
    let callboard = env!("CARGO_BIN_EXE_callboard");
    let script = format!("umask 000; exec {callboard} run pipeline.toml --quiet --run-dir some/runs/run");
    let status = std::process::Command::new("sh")
        .args(["-c", &script])
        .current_dir(bench.path(""))
        .env("CALLBOARD_CACHE", crate::trial::cache())
        .status();
    assert!(status.unwrap().success());
    let mut folders = vec![bench.path("some"), bench.path("some/runs"), bench.path("some/runs/run")];
    while let Some(folder) = folders.pop() {
        let mode = |path: &Path| fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder) & 0o077, 0, "{}", folder.display());
        for entry in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else {
                assert_eq!(mode(&entry) & 0o022, 0, "{}", entry.display());
            }
        }
    }
    let out = fs::metadata(bench.path("out.jsonl")).unwrap().permissions().mode() & 0o777;
    assert_eq!(out, 0o666, "an output is an ordinary file of its user's");
}

/// A folder that another version of Callboard has written is not guessed at.
#[test]
fn a_folder_of_another_format_is_not_resumed_and_its_work_is_not_taken_over() {
    let bench = Bench::with_rows(50);
    let folder = begun(&bench);
    let alter = |path: &Path, format: Option<u8>| {
        let before = fs::read_to_string(path).unwrap();
        let mut json: serde_json::Value = serde_json::from_str(&before).unwrap();
        let members = json.as_object_mut().unwrap();
        assert!(members.remove("format").is_some(), "{before}");
        members.extend(format.map(|format| ("format".to_owned(), format.into())));
        fs::write(path, json.to_string()).unwrap();
        before
    };
    for (format, word) in [(None, "format 0"), (Some(1), "format 1"), (Some(200), "format 200")] {
        let before = alter(&folder.join("run.json"), format);
        let error = refused(bench.resume(&folder).end());
        assert_eq!(error.class, Class::System);
        assert!(error.message.contains(word) && error.message.contains("another version of Callboard"), "{error}");
        assert_eq!(state(&folder), Some(RunState::Damaged));
        fs::write(folder.join("run.json"), before).unwrap();
    }
    bench.resume(&folder).report();

    let text = straight(&use_step("one", "echo", ""));
    let ended = bench.pipeline(text.clone()).overwrite().end();
    let earlier = ended.run_folder.clone();
    ended.report();
    let reused = || bench.pipeline(text.clone()).overwrite().after(&earlier).report().stages[0].steps[0].rows_reused;
    assert_eq!(reused(), 50);
    let key = earlier.join("work/one/key.json");
    for format in [None, Some(200)] {
        let before = alter(&key, format);
        assert_eq!(reused(), 0, "{format:?}");
        fs::write(&key, before).unwrap();
    }
    assert_eq!(reused(), 50);
}
