//! What somebody put where the host reads or writes, before a run and while it goes on: links, pipes, devices; and grants that would let a
//! step put it there.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use callboard_plan::{FileGrant, Grants};
use callboard_runtime::{Class, Event, RunError};
use serde_json::json;

use crate::bench::{Bench, Case, guests, lines, straight, use_step};

fn grant(path: &str, write: bool) -> Grants {
    Grants { files: vec![FileGrant { path: path.to_owned(), write }], ..Grants::default() }
}

/// A pipeline of one step that may reach this, from `data/docs.jsonl` to `made/out.jsonl`.
fn granted<'a>(bench: &'a Bench, path: &str, write: bool) -> Case<'a> {
    granted_beside(bench, "\"data/*.jsonl\"", path, write)
}

/// As [`granted`], of the files that these paths lead to.
fn granted_beside<'a>(bench: &'a Bench, paths: &str, path: &str, write: bool) -> Case<'a> {
    fs::create_dir_all(bench.path("data")).unwrap();
    fs::create_dir_all(bench.path("own")).unwrap();
    fs::copy(guests().join("reach.wasm"), bench.path("own/reach.wasm")).unwrap();
    bench.put("data/docs.jsonl", lines([json!({"text": "folders"})]));
    let text = format!(
        "callboard = 1\n[inputs.docs]\npath = {paths}\n[[steps]]\nname = \"reach\"\nuse = \"./own/reach.wasm\"\n\
         grant.http = [\"GET http://localhost:9/\"]\n[outputs.out]\npath = \"made/out.jsonl\"\n"
    );
    let grants = grant(path, write);
    bench.pipeline(text).revise(move |plan| plan.with_grants("reach", grants.clone()).unwrap())
}

/// A wrong outcome would let a step plant what the host, or the next run, reads and writes.
#[test]
fn no_step_may_write_where_the_run_reads_or_writes() {
    let cases = [
        (".", "holds the component of step `reach`"),
        ("own", "holds the component of step `reach`"),
        ("data", "holds a file of input `docs`"),
        ("made", "holds the place of output `out`"),
        ("run-0", "holds the run's folder"),
        ("run-0/outputs", "is in the run's folder"),
        ("old/run/work", "is in the folder of an earlier run"),
        ("old", "holds the folder of an earlier run"),
        ("cache", "holds the cache of compiled components"),
        ("cache/x", "is in the cache of compiled components"),
        ("linked", "holds a file of input `docs`"),
    ];
    for (path, expected) in cases {
        let bench = Bench::new();
        symlink("data", bench.path("linked")).unwrap();
        let case = granted(&bench, path, true).cache(bench.path("cache")).after(&bench.path("old/run"));
        let error = case.error();
        let start = format!("`grant.files` lets the step write `{path}`, which {expected}");
        assert!(error.message.starts_with(&start), "{path}: {error}");
        assert_eq!((error.class, error.place.step.as_deref()), (Class::Pipeline, Some("reach")), "{error}");
        assert_eq!(error.place.grant.as_deref(), Some(path));
        assert!(error.help.is_some_and(|help| help.contains("grant.files = [")));
        assert!(
            !bench.path("made").exists() && !bench.path("cache/x").exists(),
            "it is refused before anything is made"
        );
    }
    // A step that may write beside all of these may run, also where it may read the data.
    let bench = Bench::new();
    granted(&bench, "scratch", true).report();
    assert!(bench.path("scratch").is_dir());
    let bench = Bench::new();
    granted(&bench, "data", false).report();
}

/// A wrong outcome would let a step put a link where the host writes the report or the profile.
#[test]
fn no_step_may_write_where_a_report_or_a_profile_goes() {
    for (report, profile, expected) in [
        ("told/report.json", None, "which holds the report (`--report`), "),
        ("told/deep/report.json", None, "which holds the report (`--report`), "),
        ("way/report.json", None, "which holds the report (`--report`), "),
        ("up/report.json", None, "which holds the report (`--report`), "),
        ("report.json", Some("told/profile.json"), "which holds the profile, "),
    ] {
        let bench = Bench::new();
        fs::create_dir_all(bench.path("told/deep")).unwrap();
        symlink("told/deep", bench.path("way")).unwrap();
        symlink(".", bench.path("told/here")).unwrap();
        symlink("told/here", bench.path("up")).unwrap();
        let case = granted(&bench, "told", true).reporting_to(&bench.path(report));
        let case = match profile {
            Some(path) => case.profile("reach", Some(bench.path(path))),
            None => case,
        };
        let error = case.error();
        let start = format!("`grant.files` lets the step write `told`, {expected}");
        assert!(error.message.starts_with(&start), "{report}: {error}");
        assert_eq!((error.class, error.place.grant.as_deref()), (Class::Pipeline, Some("told")));
        assert!(!bench.path("made").exists() && !bench.path("run-0").exists(), "it is refused before anything is made");
    }
}

/// A wrong outcome would replace what the run reads, or makes, by its report.
#[test]
fn a_report_and_a_profile_are_none_of_the_files_of_the_run() {
    let places = [
        ("data/docs.jsonl", "is a file of input `docs`"),
        ("up/docs.jsonl", "is a file of input `docs`"),
        ("own/reach.wasm", "is the component of step `reach`"),
        ("made/out.jsonl", "is the place of output `out`"),
        ("cache/report.json", "lies in the cache of compiled components"),
        ("old/run/journal", "lies in the folder of an earlier run"),
    ];
    for (path, expected) in places {
        for profiled in [false, true] {
            let bench = Bench::new();
            for folder in ["data", "made", "old/run"] {
                fs::create_dir_all(bench.path(folder)).unwrap();
            }
            fs::DirBuilder::new().mode(0o700).create(bench.path("cache")).unwrap();
            symlink("data", bench.path("up")).unwrap();
            let case = granted(&bench, "scratch", true).cache(bench.path("cache")).after(&bench.path("old/run"));
            let case = match profiled {
                true => case.profile("reach", Some(bench.path(path))),
                false => case.reporting_to(&bench.path(path)),
            };
            let (error, before) = (case.error(), lines([json!({"text": "folders"})]));
            let option = if profiled { "the profile: " } else { "the report (`--report`): " };
            assert!(error.message.starts_with(option) && error.message.contains(expected), "{path}: {error}");
            assert_eq!(error.class, Class::Pipeline);
            assert_eq!(bench.bytes("data/docs.jsonl"), before.into_bytes());
        }
    }
    // One that is named for both.
    let bench = Bench::new();
    let both = bench.path("both.json");
    let error = granted(&bench, "scratch", true).reporting_to(&both).profile("reach", Some(both)).error();
    assert!(error.message.contains("is the report (`--report`)"), "{error}");
}

/// A wrong outcome would show a step what other steps were given, and the seed that keeps anybody from making rows that pass for others.
#[test]
fn no_step_may_read_what_a_run_keeps() {
    for (path, expected) in
        [(".", "holds the run's folder"), ("run-0", "holds the run's folder"), ("cache", "holds the cache")]
    {
        let bench = Bench::new();
        let error = granted(&bench, path, false).cache(bench.path("cache")).error();
        assert!(error.message.contains(&format!("shows the step `{path}`, which {expected}")), "{error}");
        assert!(error.help.is_some_and(|help| help.contains("the run's folder")));
    }
}

/// A wrong outcome would let a step leave a file that the next run takes for an input.
#[test]
fn no_step_may_write_where_an_input_looks_for_files() {
    let bench = Bench::new();
    fs::create_dir_all(bench.path("more")).unwrap();
    let error = granted_beside(&bench, "[\"more/**/*.jsonl\", \"data/*.jsonl\"]", "more/deep", true);
    // The pattern finds nothing yet: a file that is there makes the input whole.
    fs::create_dir_all(bench.path("more/other")).unwrap();
    bench.put("more/other/docs.jsonl", lines([json!({"text": "folders"})]));
    let error = error.error();
    let expected = "lets the step write `more/deep`, where input `docs` looks for `more/**/*.jsonl`";
    assert!(error.message.contains(expected), "{error}");
    assert!(!bench.path("more/deep").exists());
}

/// A wrong outcome would replace, or write to, what the path of an output happens to lead to.
#[test]
fn an_output_is_none_of_the_files_of_the_run() {
    for (path, expected) in [
        ("echo.wasm", "is the component of step `copy`"),
        ("same.jsonl", "is a file of input `docs`"),
        ("up/docs.jsonl", "is a file of input `docs`"),
        ("run-0/plan.jsonl", "lies in the run's folder"),
        ("cache/out.jsonl", "lies in the cache of compiled components"),
    ] {
        let bench = Bench::with_rows(3);
        fs::hard_link(bench.path("docs.jsonl"), bench.path("same.jsonl")).unwrap();
        symlink(".", bench.path("up")).unwrap();
        fs::copy(guests().join("echo.wasm"), bench.path("echo.wasm")).unwrap();
        let text = straight(&use_step("copy", "echo", "")).replace("guests/echo.wasm", "./echo.wasm");
        let text = text.replace("\"out.jsonl\"", &format!("\"{path}\"\nformat = \"jsonl\""));
        let error = bench.pipeline(text).overwrite().cache(bench.path("cache")).error();
        assert!(error.message.contains(expected), "{path}: {error}");
        assert_eq!((error.class, error.place.output.as_deref()), (Class::Pipeline, Some("out")));
    }
}

/// Everything that is not a regular file, under a name.
pub(crate) const KINDS: [&str; 7] =
    ["link", "dangling link", "link to a folder", "link to a pipe", "pipe", "socket", "device"];

/// Puts it there; false where only root may.
pub(crate) fn plant(bench: &Bench, kind: &str, at: &Path) -> bool {
    let pipe = |at: &Path| assert!(Command::new("mkfifo").arg(at).status().unwrap().success());
    match kind {
        "link" => symlink(bench.path("private/key"), at).unwrap(),
        "dangling link" => symlink(bench.path("private/new"), at).unwrap(),
        "link to a folder" => symlink(bench.path("private"), at).unwrap(),
        "link to a pipe" => {
            let _ = fs::remove_file(bench.path("private/pipe"));
            pipe(&bench.path("private/pipe"));
            symlink(bench.path("private/pipe"), at).unwrap();
        }
        "pipe" => pipe(at),
        "socket" => drop(std::os::unix::net::UnixListener::bind(at).unwrap()),
        "device" => return Command::new("mknod").arg(at).args(["c", "1", "3"]).output().unwrap().status.success(),
        _ => unreachable!("{kind}"),
    }
    true
}

pub(crate) fn private(bench: &Bench) {
    fs::create_dir(bench.path("private")).unwrap();
    bench.put("private/key", "secret");
}

/// Nothing was written where no output is, and what was planted is still there.
fn untouched(bench: &Bench, at: &Path, kind: &str) {
    assert_eq!(bench.bytes("private/key"), b"secret", "{kind}");
    assert!(!bench.path("private/new").exists(), "{kind}");
    let is = at.symlink_metadata().unwrap().file_type();
    let same = match kind {
        "pipe" => is.is_fifo(),
        "socket" => is.is_socket(),
        "device" => is.is_char_device(),
        _ => is.is_symlink(),
    };
    assert!(same, "{kind} was replaced");
}

fn refused(error: &RunError, kind: &str) {
    let expected = if kind.contains("link") { "and a link is never replaced" } else { "which is never replaced" };
    assert!(error.message.contains(expected), "{kind}: {error}");
    assert_eq!((error.class, error.place.output.as_deref()), (Class::Pipeline, Some("out")), "{kind}");
    assert!(error.help.is_some(), "{kind}: {error}");
}

/// A wrong outcome would replace `/dev/null` for everybody, or what a link stands for.
#[test]
#[expect(clippy::print_stderr, reason = "a test that tries nothing says so")]
fn an_output_replaces_a_regular_file_or_nothing() {
    for overwrite in [false, true] {
        for kind in KINDS {
            let bench = Bench::with_rows(3);
            private(&bench);
            if !plant(&bench, kind, &bench.path("out.jsonl")) {
                eprintln!("SKIPPED: only root makes devices");
                continue;
            }
            let case = bench.pipeline(straight(""));
            refused(&if overwrite { case.overwrite() } else { case }.error(), kind);
            untouched(&bench, &bench.path("out.jsonl"), kind);
            assert!(!bench.path("run-0").exists(), "{kind}: nothing was begun");
        }
    }
}

/// Runs it, and does something as soon as its first stage is loaded.
pub(crate) fn meanwhile<'a>(case: Case<'a>, act: impl Fn() + Send + Sync + 'static) -> Case<'a> {
    let done = AtomicBool::new(false);
    case.listen(move |event| {
        if matches!(event, Event::Loaded { .. }) && !done.swap(true, Ordering::SeqCst) {
            act();
        }
    })
}

/// As above, when the run has begun: what was checked is checked again.
#[test]
fn what_appears_in_an_outputs_place_while_it_is_made_is_not_replaced() {
    for kind in KINDS {
        let bench = Arc::new(Bench::with_rows(3));
        private(&bench);
        let (planted, at) = (bench.clone(), bench.path("out.jsonl"));
        let place = at.clone();
        let case = bench.pipeline(straight(&use_step("copy", "echo", ""))).overwrite();
        let ended = meanwhile(case, move || {
            plant(&planted, kind, &place);
        })
        .end();
        if kind == "device" && at.symlink_metadata().is_err() {
            continue;
        }
        let run = ended.run_folder.clone();
        refused(&ended.error(), kind);
        untouched(&bench, &at, kind);
        // When it is out of the way, the run is resumed, and nothing is lost.
        fs::remove_file(&at).unwrap();
        bench.resume(&run).report();
        assert_eq!(bench.bytes("out.jsonl"), bench.bytes("docs.jsonl"), "{kind}");
    }
    // A file that somebody made meanwhile is not replaced without --overwrite.
    let bench = Arc::new(Bench::with_rows(3));
    let made = bench.clone();
    let case = bench.pipeline(straight(&use_step("copy", "echo", "")));
    let error = meanwhile(case, move || made.put("out.jsonl", "precious")).error();
    assert!(error.message.contains("this is there already"), "{error}");
    assert_eq!(bench.bytes("out.jsonl"), b"precious");
}

/// A wrong outcome would put an output wherever a link leads that took the place of its folder.
#[test]
fn an_output_appears_in_the_folder_that_was_checked() {
    let bench = Arc::new(Bench::with_rows(3));
    private(&bench);
    fs::create_dir_all(bench.path("made/deep")).unwrap();
    let text = straight(&use_step("copy", "echo", "")).replace("\"out.jsonl\"", "\"made/deep/new/out.jsonl\"");
    let swapped = bench.clone();
    let case = meanwhile(bench.pipeline(text.clone()), move || {
        fs::rename(swapped.path("made"), swapped.path("moved")).unwrap();
        symlink("private", swapped.path("made")).unwrap();
    });
    case.report();
    assert_eq!(bench.bytes("moved/deep/new/out.jsonl"), bench.bytes("docs.jsonl"));
    let listed = |name: &str| fs::read_dir(bench.path(name)).unwrap().count();
    assert_eq!(listed("private"), 1, "nothing came there");
    // And a link that appears below it is not followed.
    let bench = Arc::new(Bench::with_rows(3));
    private(&bench);
    fs::create_dir_all(bench.path("made/deep")).unwrap();
    let planted = bench.clone();
    let case = meanwhile(bench.pipeline(text), move || {
        symlink("../../private", planted.path("made/deep/new")).unwrap();
    });
    let error = case.error();
    assert!(error.message.contains("expected a folder, found a symbolic link"), "{error}");
    assert_eq!(fs::read_dir(bench.path("private")).unwrap().count(), 1);
}

/// A wrong outcome would write a profile wherever a link leads, or wait for a pipe.
#[test]
fn a_profile_replaces_a_regular_file_or_nothing() {
    for kind in KINDS {
        let bench = Bench::with_rows(3);
        private(&bench);
        let at: PathBuf = bench.path("profile.json");
        if plant(&bench, kind, &at) {
            let case = bench.pipeline(straight(&use_step("copy", "echo", ""))).profile("copy", Some(at.clone()));
            let error = case.error();
            assert!(error.message.contains("never replaced"), "{kind}: {error}");
            untouched(&bench, &at, kind);
        }
    }
}

/// A wrong outcome would leave the host's own checks alone between a step and the user's files.
#[test]
#[expect(clippy::print_stderr, reason = "a test that tries nothing says so")]
fn a_run_is_kept_to_its_folders_where_the_kernel_can() {
    let (bench, outside) = (Arc::new(Bench::with_rows(3)), tempfile::tempdir().unwrap());
    let key = outside.path().join("key");
    fs::write(&key, "secret").unwrap();
    let (tried, there) = (bench.clone(), outside.path().to_owned());
    let case = bench.pipeline(straight(&use_step("copy", "echo", ""))).confined();
    // Listeners are called by the threads that carry the run.
    let case = meanwhile(case, move || {
        let attempts = [
            fs::write(there.join("key"), "changed"),
            fs::create_dir(there.join("new")),
            fs::remove_file(there.join("key")),
            fs::rename(there.join("key"), tried.path("run-0/key")),
            symlink("x", tried.path("run-0/link")),
            fs::write(tried.path("run-0/inside"), "x"),
        ];
        let said =
            attempts.map(|attempt| attempt.map_or_else(|error| format!("{:?}", error.kind()), |()| "ok".to_owned()));
        fs::write(tried.path("run-0/said"), said.join(" ")).unwrap();
    });
    let ended = case.end();
    let absent = |event: &Event| matches!(event, Event::Note { message } if message.contains("has no Landlock"));
    let absent = ended.events.iter().any(absent);
    ended.report();
    let said = String::from_utf8(bench.bytes("run-0/said")).unwrap();
    if absent {
        eprintln!("SKIPPED: this kernel has no Landlock");
        return;
    }
    // Some kernels say of a rename across the border that it crosses devices.
    let said = said.replace("CrossesDevices", "PermissionDenied");
    assert_eq!(said, "PermissionDenied ".repeat(5) + "ok");
    assert_eq!(bench.bytes("out.jsonl"), bench.bytes("docs.jsonl"));
    assert_eq!(fs::read(&key).unwrap(), b"secret");
}

/// A wrong outcome would leave the host unwatched while it reads strangers' files, has their components compiled and asks them.
#[test]
#[expect(clippy::print_stderr, reason = "a test that tries nothing says so")]
fn a_run_is_kept_to_its_folders_before_its_first_component_is_compiled() {
    let (bench, outside) = (Bench::with_rows(3), tempfile::tempdir().unwrap());
    fs::DirBuilder::new().mode(0o700).create(bench.path("cache")).unwrap();
    fs::create_dir(bench.path("told")).unwrap();
    let (said, heard) = std::sync::mpsc::channel();
    let there = outside.path().to_owned();
    let told = bench.path("told/new");
    let case = bench.pipeline(straight(&use_step("copy", "echo", ""))).confined().cache(bench.path("cache"));
    let case = case.reporting_to(&bench.path("told/report.json")).listen(move |event| {
        if matches!(event, Event::Compiling { .. }) {
            let tried = |path: &Path| fs::write(path, "x").map_err(|error| error.kind());
            said.send((tried(&there.join("new")), tried(&told))).unwrap();
        }
    });
    let ended = case.end();
    let absent = ended
        .events
        .iter()
        .any(|event| matches!(event, Event::Note { message } if message.contains("has no Landlock")));
    ended.report();
    let (elsewhere, beside_the_report) = heard.recv().unwrap();
    assert_eq!(beside_the_report, Ok(()));
    match absent {
        true => eprintln!("SKIPPED: this kernel has no Landlock"),
        false => assert_eq!(elsewhere, Err(std::io::ErrorKind::PermissionDenied)),
    }
}

/// A step that could alter the pipeline that is another step would decide what that step is in the next run.
#[test]
fn the_file_of_a_pipeline_that_is_a_step_is_kept_from_steps_and_outputs() {
    let bench = Bench::with_rows(3);
    fs::create_dir_all(bench.path("steps")).unwrap();
    bench.put("steps/as-it-is.toml", "callboard = 1\n[inputs.rows]\n[outputs.out]\nfrom = \"rows\"\n");
    let pipeline = |grant: &str, out: &str| {
        format!(
            "callboard = 1\n[inputs.docs]\npath = \"docs.jsonl\"\n[[steps]]\nname = \"echo\"\nuse = \"guests/echo.wasm\"\n{grant}\n\
             [[steps]]\nuse = \"./steps/as-it-is.toml\"\n[outputs.out]\npath = \"{out}\"\nformat = \"jsonl\"\n"
        )
    };
    let granted = |folder: &str| format!("grant.files = [{{ path = \"{folder}\", write = true }}]");
    let error = bench.pipeline(pipeline(&granted("steps"), "out.jsonl")).error();
    let expected = "`grant.files` lets the step write `steps`, which holds the file of a pipeline that is a step";
    assert!(error.message.starts_with(expected), "{error}");
    let error = bench.pipeline(pipeline("", "steps/as-it-is.toml")).overwrite().error();
    assert!(error.message.contains("is the file of a pipeline that is a step"), "{error}");
    bench.pipeline(pipeline(&granted("scratch"), "out.jsonl")).report();
    assert_eq!(bench.rows("out.jsonl").len(), 3);
}

/// What is no regular file, or is too large, is refused before it is read.
#[test]
fn a_pipeline_that_is_a_step_is_a_file_of_limited_size() {
    let bench = Bench::with_rows(1);
    let step = |uses: &str| straight(&format!("[[steps]]\nname = \"a\"\nuse = \"{uses}\"\n"));
    assert!(Command::new("mkfifo").arg(bench.path("pipe.toml")).status().unwrap().success());
    fs::File::create(bench.path("large.toml")).unwrap().set_len(5 << 20).unwrap();
    for (file, expected) in
        [("pipe.toml", "not a regular file"), ("large.toml", "it is too large"), ("no.toml", "No such file")]
    {
        let problems = bench.pipeline(step(file)).problems();
        let start = format!("pipeline.toml:11:7: the pipeline `{file}` cannot be read: ");
        assert!(problems.starts_with(&start) && problems.contains(expected), "{problems}");
    }
    // Many spellings of one file of 3 MiB would be many times its size.
    bench.put(
        "many.toml",
        format!("callboard = 1\n# {}\n[inputs.rows]\n[outputs.out]\nfrom = \"rows\"\n", "x".repeat(3 << 20)),
    );
    let steps = ["./many.toml", "././many.toml"]
        .map(|uses| format!("[[steps]]\nname = \"s{}\"\nuse = \"{uses}\"\n", uses.len()));
    let problems = bench.pipeline(straight(&steps.concat())).problems();
    assert!(problems.contains("it is too large, with the other pipelines that are used"), "{problems}");
}
