//! What somebody put into a run's folder, or where a run begins: links, pipes, devices, second names of files. Nothing is written outside,
//! and nothing waits.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use callboard_runtime::{CancellationToken, Class, Event};
use serde_json::json;

use crate::bench::{Bench, lines, straight, use_step};
use crate::folders::copy;
use crate::planted::{KINDS, meanwhile, plant, private};

/// A run that was interrupted when its second stage had begun: all that a run keeps of itself lies in its folder.
fn interrupted(bench: &Bench) -> PathBuf {
    bench.put("docs.jsonl", lines((0..200).map(|row| json!({ "text": format!("row {row}") }))));
    let steps = use_step("first", "echo", "") + &use_step("all", "echo-global", "") + &use_step("last", "echo", "");
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    let case = bench.pipeline(straight(&steps)).cancel(cancel).listen(move |event| {
        if matches!(event, Event::Loaded { stage: 2, .. }) {
            stop.cancel();
        }
    });
    let ended = case.end();
    let folder = ended.run_folder.clone();
    assert_eq!(ended.error().class, Class::Interrupted);
    folder
}

/// Everything in a folder, itself left out; links are not followed.
fn within(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
        found.push(entry.path());
        if entry.file_type().unwrap().is_dir() {
            found.extend(within(&entry.path()));
        }
    }
    found
}

fn clear(at: &Path) {
    match at.symlink_metadata() {
        Ok(found) if found.is_dir() => fs::remove_dir_all(at).unwrap(),
        Ok(_) => fs::remove_file(at).unwrap(),
        Err(_) => fs::create_dir_all(at.parent().unwrap()).unwrap(),
    }
}

/// Whatever lay outside is as it was.
fn nothing_came_out(bench: &Bench, what: &str) {
    let names: Vec<PathBuf> = within(&bench.path("private"));
    let keys = names.iter().filter(|path| !path.ends_with("pipe")).count();
    assert_eq!((keys, bench.bytes("private/key").as_slice()), (1, &b"secret"[..]), "{what}: {names:?}");
}

/// A wrong outcome would write through what was planted, for every file and folder of a run, or wait for a pipe for ever. (What a case
/// does must end, or it fails.)
#[test]
fn nothing_planted_in_a_runs_folder_leads_out_of_it() {
    let bench = Bench::new();
    private(&bench);
    let folder = interrupted(&bench);
    let there = within(&folder).into_iter().map(|path| path.strip_prefix(&folder).unwrap().to_owned());
    // What is still to be made, too.
    let later = [
        "report.json",
        "rejects.jsonl",
        "rejects",
        "sorting",
        "spill/last",
        "outputs/out",
        "positions/out",
        "lengths/last",
    ];
    let later =
        later.iter().chain(&[".writing-run.json", ".writing-plan.json", ".writing-report.json", "profile-first.json"]);
    let mut places: Vec<PathBuf> = there.chain(later.map(PathBuf::from)).collect();
    places.sort();
    places.dedup();
    assert!(places.len() > 25, "{places:?}");
    let mut tried = 0;
    for place in &places {
        for kind in KINDS.into_iter().chain(["second name"]) {
            let what = format!("{kind} at {}", place.display());
            let trapped = bench.path("trapped");
            copy(&folder, &trapped);
            let at = trapped.join(place);
            clear(&at);
            match kind {
                "second name" => fs::hard_link(bench.path("private/key"), &at).unwrap(),
                kind if !plant(&bench, kind, &at) => continue,
                _ => {}
            }
            // It ends, one way or the other: what stands in the way of nothing may stay.
            let ended = bench.resume(&trapped).overwrite().end();
            if ended.outcome.is_ok() {
                assert!(ended.failure.is_some() || bench.path("out.jsonl").is_file(), "{what}");
            }
            nothing_came_out(&bench, &what);
            let _ = fs::remove_file(bench.path("out.jsonl"));
            fs::remove_dir_all(&trapped).unwrap();
            tried += 1;
        }
    }
    assert!(tried > 7 * places.len() - 1, "{tried}");
}

/// As above, before there is a run: where its folder, or the cache, is to be.
#[test]
fn nothing_planted_where_a_run_begins_leads_out_of_it() {
    for place in ["run", "run/lock", "run/run.json", "cache", ".run.begun", ".run.begun/lock", "out.jsonl"] {
        for kind in KINDS.into_iter().chain(["second name"]) {
            let what = format!("{kind} at {place}");
            let bench = Bench::with_rows(3);
            private(&bench);
            let at = bench.path(place);
            clear(&at);
            match kind {
                "second name" => fs::hard_link(bench.path("private/key"), &at).unwrap(),
                kind if !plant(&bench, kind, &at) => continue,
                _ => {}
            }
            // A folder behind a link is the user's, and not to be told from one that is not.
            if kind == "link to a folder" && ["run", "cache"].contains(&place) {
                continue;
            }
            let case = bench.pipeline(straight(&use_step("copy", "echo", ""))).run_folder(&bench.path("run"));
            let case = if place == "cache" { case.cache(bench.path("cache")) } else { case };
            drop(case.end());
            nothing_came_out(&bench, &what);
        }
    }
}

/// As above, while it goes on: in every place that is written at its end.
#[test]
fn nothing_planted_in_a_runs_folder_while_it_goes_on_leads_out_of_it() {
    for place in [
        "rejects.jsonl",
        "report.json",
        ".writing-report.json",
        "outputs/out",
        "rejects/copy.jsonl",
        "profile-copy.json",
    ] {
        for kind in KINDS.into_iter().chain(["second name"]) {
            let what = format!("{kind} at {place}");
            let bench = Arc::new(Bench::with_rows(3));
            private(&bench);
            let at = bench.path("run").join(place);
            let planting = bench.clone();
            let case = bench.pipeline(straight(&use_step("copy", "echo", ""))).run_folder(&bench.path("run"));
            let case = meanwhile(case.profile("copy", None), move || {
                // A file that is written at this moment keeps its open descriptor.
                clear(&at);
                match kind {
                    "second name" => fs::hard_link(planting.path("private/key"), &at).unwrap(),
                    kind => drop(plant(&planting, kind, &at)),
                }
            });
            drop(case.end());
            nothing_came_out(&bench, &what);
        }
    }
}
