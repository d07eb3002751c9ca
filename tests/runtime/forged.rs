//! A run's folder that somebody else made, or altered, decides nothing: neither what steps may reach, nor where anything is written.

use std::fs;
use std::path::{Path, PathBuf};

use callboard_plan::Plan;
use callboard_runtime::{CancellationToken, Class, Event, RunError, RunSummary};
use serde_json::{Value, json};
use sha2::Digest;
use twox_hash::XxHash3_64;

use crate::bench::{Bench, straight, use_step};
use crate::folders::{copy, refused};

/// A run of `reach`, interrupted before it did anything; a variable and a folder lie there for what is not granted.
fn interrupted(bench: &Bench) -> PathBuf {
    bench.put("docs.jsonl", "{\"text\": \"env\"}\n{\"text\": \"read secrets key\"}\n");
    fs::create_dir(bench.path("secrets")).unwrap();
    bench.put("secrets/key", "TOPSECRET");
    let steps =
        use_step("reach", "reach", "grant.http = [\"GET http://localhost:9/\"]") + &use_step("all", "echo-global", "");
    let cancel = CancellationToken::new();
    let on_event = cancel.clone();
    let case = bench.pipeline(straight(&steps)).cancel(cancel).listen(move |event| {
        if let Event::Loaded { .. } = event {
            on_event.cancel();
        }
    });
    let ended = case.end();
    let folder = ended.run_folder.clone();
    assert_eq!(ended.error().class, Class::Interrupted);
    folder
}

/// Alters a plan, and gives it the fingerprint that it should have.
fn forge(folder: &Path, alter: impl Fn(&mut Value)) {
    let path = folder.join("plan.json");
    let mut plan: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    alter(&mut plan);
    let error = Plan::from_json(&plan.to_string()).unwrap_err().to_string();
    assert!(error.contains("fingerprint"), "{error}");
    // What any other program can compute: the SHA-256 of the rest.
    plan["fingerprint"] = json!(fingerprint(&plan));
    let forged = serde_json::to_vec_pretty(&plan).unwrap();
    Plan::from_json(std::str::from_utf8(&forged).unwrap()).unwrap();
    fs::write(path, forged).unwrap();
}

fn fingerprint(plan: &Value) -> String {
    let mut rest = plan.clone();
    let object = |value: &mut Value, key: &str| drop(value.as_object_mut().unwrap().remove(key));
    object(&mut rest, "fingerprint");
    for step in rest["steps"].as_array_mut().unwrap() {
        object(step, "origin");
        object(step, "need");
    }
    rest["stages"].as_array_mut().unwrap().iter_mut().for_each(|stage| object(stage, "predicted"));
    rest.sort_all_objects();
    sha2::Sha256::digest(rest.to_string().as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn alter_json(path: &Path, alter: impl Fn(&mut Value)) {
    let mut json: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    alter(&mut json);
    fs::write(path, serde_json::to_vec_pretty(&json).unwrap()).unwrap();
}

fn grant(plan: &mut Value, what: Value) {
    let grants = plan["steps"][0]["grants"].as_object_mut().unwrap();
    grants.extend(what.as_object().unwrap().clone());
}

/// Resuming is refused, and nothing is written anywhere.
fn is_doubted(bench: &Bench, folder: &Path, what: &str) -> RunError {
    let before = bench.names();
    let error = refused(bench.resume(folder).end());
    assert!(error.message.contains("nothing proves that you began the run as its `plan.json`"), "{what}: {error}");
    assert_eq!(error.class, Class::Pipeline, "{what}");
    assert_eq!(bench.names(), before, "{what}");
    error
}

type Forgery<'a> = (&'static str, &'a dyn Fn(&Path));
type Alteration<'a> = (&'static str, &'a dyn Fn(&mut Value));

#[test]
fn no_forged_plan_is_carried_out() {
    let bench = Bench::new();
    let folder = interrupted(&bench);
    let elsewhere = bench.path("elsewhere").join("pwned.jsonl");
    let to = json!(elsewhere);
    let run = |folder: &Path| folder.join("run.json");
    let other_base = json!(bench.path("secrets"));
    let forgeries: [Forgery<'_>; 9] = [
        ("a variable", &|folder| forge(folder, |plan| grant(plan, json!({"env": ["HOME"]})))),
        ("a folder", &|folder| {
            forge(folder, |plan| grant(plan, json!({"files": [{"path": "secrets", "write": true}]})));
        }),
        ("a server", &|folder| {
            forge(folder, |plan| plan["steps"][0]["grants"]["http"][0]["host"] = json!("evil.example"));
        }),
        ("a secret", &|folder| {
            let secret = json!({"localhost": {"header": "X", "value": "${env.HOME}"}});
            forge(folder, |plan| grant(plan, json!({"secrets": secret})));
        }),
        ("a place", &|folder| forge(folder, |plan| plan["outputs"][0]["path"] = to.clone())),
        ("an input", &|folder| forge(folder, |plan| plan["inputs"][0]["paths"] = json!(["secrets/key"]))),
        ("the folder that paths start from", &|folder| {
            alter_json(&run(folder), |run| run["base"] = other_base.clone())
        }),
        ("replacing outputs", &|folder| alter_json(&run(folder), |run| run["overwrite"] = json!(true))),
        ("no seal", &|folder| fs::remove_file(folder.join("seal")).unwrap()),
    ];
    for (what, forgery) in forgeries {
        let forged = bench.path("forged");
        copy(&folder, &forged);
        forgery(&forged);
        let error = is_doubted(&bench, &forged, what);
        let help = error.help.unwrap();
        let shown = match what {
            "a variable" => "let `reach` read $HOME",
            "a folder" => "let `reach` read and write",
            "a server" => "let `reach` send GET http://evil.example:9/",
            "a secret" => "send X to localhost for `reach`: ${env.HOME}",
            "a place" => "/elsewhere/pwned.jsonl",
            "an input" => "/secrets/key",
            _ => "/out.jsonl",
        };
        assert!(help.contains(shown), "{what}: {help}");
        assert!(!elsewhere.exists());
        fs::remove_dir_all(&forged).unwrap();
    }
    // A seal of another run's does not fit.
    let other = bench.pipeline(straight("").replace("out.jsonl", "other.jsonl")).end();
    let (forged, seal) = (bench.path("forged"), fs::read(other.run_folder.join("seal")).unwrap());
    other.report();
    copy(&folder, &forged);
    fs::write(forged.join("seal"), seal).unwrap();
    is_doubted(&bench, &forged, "another seal");
    bench.resume(&folder).report();
}

/// What was granted, and no more, on a machine whose cache has another key: after it was confirmed.
#[test]
fn elsewhere_a_run_is_resumed_when_it_is_confirmed() {
    let bench = Bench::new();
    let folder = interrupted(&bench);
    let scratch = tempfile::tempdir().unwrap();
    let cache = scratch.path().join("cache");
    let trust = RunSummary::of(&folder).unwrap().trust.unwrap();
    let error = refused(bench.resume(&folder).cache(cache.clone()).end());
    let help = error.help.unwrap();
    assert!(help.ends_with(&format!("`trusted` = {trust}")), "{help}");
    assert!(help.contains("let `reach` send GET http://localhost:9/"), "{help}");
    let digest = u128::from_str_radix(&trust, 16).unwrap();
    let error = refused(bench.resume(&folder).cache(cache.clone()).trust(digest ^ 1).end());
    assert!(error.message.contains("nothing proves"), "{error}");

    let cancel = CancellationToken::new();
    cancel.cancel();
    let resumed = bench.resume(&folder).cache(cache.clone()).trust(digest).cancel(cancel).end();
    assert_eq!(resumed.error().class, Class::Interrupted);
    // Once is enough, where it came to be this user's run.
    if bench.resume(&folder).cache(cache.clone()).end().outcome.is_err() {
        bench.resume(&folder).cache(cache).trust(digest).report();
    }
    assert_eq!(bench.rows("out.jsonl").len(), 2);
}

/// The key is a file that nobody else reads.
#[test]
fn a_key_that_others_can_read_seals_nothing() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::with_rows(5);
    let scratch = tempfile::tempdir().unwrap();
    let cache = scratch.path().join("cache");
    let run = || bench.pipeline(straight("")).overwrite().cache(cache.clone()).end();
    run().report();
    let key = cache.join("key");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    let error = refused(run());
    assert!(error.message.contains("can be read by others"), "{error}");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    for text in ["", "12", &"x".repeat(64), &"0".repeat(66)] {
        fs::write(&key, text).unwrap();
        let error = refused(run());
        assert!(error.message.ends_with("is damaged"), "{text}: {error}");
    }
}

#[test]
fn the_copy_of_a_component_is_the_one_that_was_kept() {
    let bench = Bench::with_rows(50);
    let guest = |name: &str| fs::read(bench.path("guests").join(format!("{name}.wasm"))).unwrap();
    bench.put("mine.wasm", guest("echo"));
    let steps =
        "[[steps]]\nname = \"mine\"\nuse = \"./mine.wasm\"\n\n".to_owned() + &use_step("all", "echo-global", "");
    let cancel = CancellationToken::new();
    let on_event = cancel.clone();
    let case = bench.pipeline(straight(&steps)).cancel(cancel).listen(move |event| {
        if let Event::Loaded { .. } = event {
            on_event.cancel();
        }
    });
    let ended = case.end();
    let folder = ended.run_folder.clone();
    assert_eq!(ended.error().class, Class::Interrupted);
    fs::remove_file(bench.path("mine.wasm")).unwrap();
    let echo = folder.join("components").join(format!("{}.wasm", digest_of(&folder, 0)));
    fs::write(&echo, guest("text-stats")).unwrap();
    let error = refused(bench.resume(&folder).end());
    assert!(error.message.contains("is not what the run began with"), "{error}");
    fs::write(&echo, guest("echo")).unwrap();
    bench.resume(&folder).report();
    assert_eq!(bench.rows("out.jsonl").len(), 50);
}

fn digest_of(folder: &Path, step: usize) -> String {
    let plan: Value = serde_json::from_slice(&fs::read(folder.join("plan.json")).unwrap()).unwrap();
    plan["steps"][step]["digest"].as_str().unwrap().to_owned()
}

/// Names in a journal lead to folders; those of a plan are the only ones that are believed.
#[test]
fn a_forged_journal_leads_nowhere() {
    let bench = Bench::with_rows(200);
    let steps = use_step("one", "echo", "") + &use_step("two", "echo-global", "") + &use_step("three", "echo", "");
    let cancel = CancellationToken::new();
    let on_event = cancel.clone();
    let case = bench.pipeline(straight(&steps)).cancel(cancel).listen(move |event| {
        if let Event::Loaded { stage: 2, .. } = event {
            on_event.cancel();
        }
    });
    let ended = case.end();
    let folder = ended.run_folder.clone();
    assert_eq!(ended.error().class, Class::Interrupted);
    fs::create_dir(bench.path("precious")).unwrap();
    bench.put("precious/00000.segment", "thesis");
    let up = "../../precious";
    let forgeries: [Alteration<'_>; 9] = [
        ("rows elsewhere", &|stage| {
            let spill = stage["ended"]["spills"]["one"].clone();
            stage["ended"]["spills"][up] = spill;
        }),
        ("a base elsewhere", &|stage| {
            stage["ended"]["spills"]["one"]["bases"] = json!([{"feed": up, "checksum": "0"}]);
        }),
        ("a log elsewhere", &|stage| {
            stage["ended"]["spills"]["one"]["logs"] = json!([{"path": "../../precious/00000.segment", "schema": ""}]);
        }),
        ("an absolute log", &|stage| {
            stage["ended"]["spills"]["one"]["logs"] = json!([{"path": "/etc/passwd", "schema": ""}]);
        }),
        ("an output elsewhere", &|stage| {
            stage["ended"]["outputs"][up] = json!({"rows": 0, "bytes": 0, "digest": ""});
        }),
        ("rejected rows elsewhere", &|stage| {
            stage["ended"]["rejects"][up] = json!({"rows": 0, "bytes": 0, "digest": ""});
        }),
        ("no steps", &|stage| stage["ended"]["cost"]["steps"] = json!({})),
        ("a stage that is not there", &|stage| stage["stage"] = json!(7)),
        ("stage 0", &|stage| stage["stage"] = json!(0)),
    ];
    let journal = fs::read_to_string(folder.join("journal")).unwrap();
    for (what, forgery) in forgeries {
        let mut lines = String::new();
        for line in journal.lines() {
            let mut record: Value = serde_json::from_str(line.split_once(' ').unwrap().1).unwrap();
            if record["what"] == "stage" {
                forgery(&mut record);
            }
            let json = record.to_string();
            lines.push_str(&format!("{:016x} {json}\n", XxHash3_64::oneshot(json.as_bytes())));
        }
        assert_ne!(lines, journal, "{what}");
        let forged = bench.path("forged");
        copy(&folder, &forged);
        fs::write(forged.join("journal"), lines).unwrap();
        let before = bench.names();
        let error = refused(bench.resume(&forged).end());
        assert!(error.message.contains("journal` is damaged: record "), "{what}: {error}");
        assert_eq!(bench.names(), before, "{what}");
        assert_eq!(bench.bytes("precious/00000.segment"), b"thesis", "{what}");
        fs::remove_dir_all(&forged).unwrap();
    }
    bench.resume(&folder).report();
    assert_eq!(bench.rows("out.jsonl").len(), 200);
}

/// A link, a pipe, a device or a file of somebody's in the place of what a run reads or writes: found before anything is.
#[test]
fn traps_in_a_folder_are_refused() {
    let bench = Bench::new();
    let folder = interrupted(&bench);
    bench.put("precious", "thesis");
    let fifo = |path: &Path| {
        let fifo = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, path, fifo, rustix::fs::Mode::RUSR, 0).unwrap();
    };
    let traps: [Forgery<'_>; 3] = [
        ("a link", &|path| std::os::unix::fs::symlink(bench.path("precious"), path).unwrap()),
        ("a pipe", &fifo),
        ("a file that has a second name", &|path| fs::hard_link(bench.path("precious"), path).unwrap()),
    ];
    let places = [
        "journal",
        "seen/docs",
        "positions/out",
        "lengths/reach",
        "outputs/out",
        "rejects/reach.jsonl",
        "spill/reach/00000.segment",
        "work/reach/key.json",
        "sorting/all/notes",
        "sorting/all.gathered/put-out",
        "rejects.jsonl",
    ];
    for (what, trap) in traps {
        for place in places {
            let trapped = bench.path("trapped");
            copy(&folder, &trapped);
            let at = trapped.join(place);
            drop(fs::remove_file(&at));
            fs::create_dir_all(at.parent().unwrap()).unwrap();
            trap(&at);
            let error = refused(bench.resume(&trapped).end());
            assert!(error.message.contains(what) && error.message.contains(place), "{what} at {place}: {error}");
            assert_eq!(bench.bytes("precious"), b"thesis", "{what} at {place}");
            fs::remove_dir_all(&trapped).unwrap();
        }
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that tries nothing says so")]
fn a_folder_that_others_can_write_is_to_be_confirmed() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    let folder = interrupted(&bench);
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o770)).unwrap();
    let error = refused(bench.resume(&folder).end());
    assert!(error.message.contains("can be written by others; to change that: chmod go-w "), "{error}");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    match std::os::unix::fs::chown(&folder, Some(4711), None) {
        Ok(()) => {
            let error = refused(bench.resume(&folder).end());
            assert!(error.message.contains("its folder belongs to another user, 4711"), "{error}");
            std::os::unix::fs::chown(&folder, Some(0), None).unwrap();
        }
        Err(_) => eprintln!("SKIPPED: only root can give a folder to another user"),
    }
    bench.resume(&folder).report();
}

#[test]
fn work_is_taken_over_from_ones_own_runs() {
    let bench = Bench::with_rows(50);
    let text = straight(&use_step("one", "echo", ""));
    let ended = bench.pipeline(text.clone()).end();
    let earlier = ended.run_folder.clone();
    ended.report();
    let reused = || {
        let report = bench.pipeline(text.clone()).overwrite().after(&earlier).report();
        report.stages[0].steps[0].rows_reused
    };
    assert_eq!(reused(), 50);
    let seal = fs::read(earlier.join("seal")).unwrap();
    fs::remove_file(earlier.join("seal")).unwrap();
    assert_eq!(reused(), 0, "nothing proves whose work it is");
    fs::write(earlier.join("seal"), seal).unwrap();
    assert_eq!(reused(), 50);
}
