//! A profile says where a guest's time goes, whatever becomes of the run.

use callboard_runtime::{Class, ProfileReport};
use serde_json::{Value, json};

use crate::bench::{Bench, straight, use_step};

/// The names of the functions that each sample of a thread met, the outermost first, as Firefox's profiler reads them.
fn stacks(thread: &Value) -> Vec<Vec<String>> {
    let at = |table: &str, column: &str, index: &Value| thread[table][column][index.as_u64().unwrap() as usize].clone();
    let samples = thread["samples"]["stack"].as_array().unwrap();
    let of_sample = |sample: &Value| {
        let (mut names, mut stack) = (Vec::new(), sample.clone());
        while !stack.is_null() {
            let function = at("frameTable", "func", &at("stackTable", "frame", &stack));
            let name = at("funcTable", "name", &function);
            names.insert(0, thread["stringArray"][name.as_u64().unwrap() as usize].as_str().unwrap().to_owned());
            stack = at("stackTable", "prefix", &stack);
        }
        names
    };
    samples.iter().map(of_sample).collect()
}

fn read(profile: &ProfileReport) -> Value {
    serde_json::from_slice(&std::fs::read(&profile.path).unwrap()).unwrap()
}

/// Who loops can only be stopped at a tick, and at each of them it is sampled first: there is a sample, however busy the machine.
#[test]
fn shows_what_a_step_was_doing_when_its_time_was_over() {
    let bench = Bench::with_rows(10);
    let step = "[[steps]]\nname = \"busy\"\nuse = \"guests/hostile.wasm\"\nconfig = { misdeed = \"loop-process\" }\n\
                limits = { time = \"1s\" }\nreplicas = 3\n[run]\nbatch_rows = 1\n";
    let ended = bench.pipeline(straight(step)).profile("busy", None).end();
    let report = ended.outcome.as_ref().ok().unwrap();
    assert_eq!(ended.failure.as_ref().unwrap().class, Class::Limit);
    let profile = report.profile.clone().expect("a profile of a run that failed");
    assert_eq!(profile.path, ended.run_folder.join("profile-busy.json").display().to_string());
    assert_eq!((profile.step.as_str(), profile.instances, profile.interval_ms), ("busy", 3, 1.0));
    let read = read(&profile);
    assert_eq!((&read["meta"]["preprocessedProfileVersion"], &read["meta"]["interval"]), (&json!(55), &json!(1.0)));
    let threads = read["threads"].as_array().unwrap();
    let names: Vec<_> = threads.iter().map(|thread| &thread["name"]).collect();
    assert_eq!(names, ["instance 1", "instance 2", "instance 3"]);
    let stacks: Vec<_> = threads.iter().flat_map(stacks).collect();
    assert_eq!(stacks.len(), profile.samples);
    let looping = |stack: &Vec<String>| stack.last().is_some_and(|name| name == "guest_hostile::misdeed::forever");
    assert!(stacks.iter().any(looping), "{stacks:?}");
    let libraries = read["libs"].as_array().unwrap().len() as u64;
    for number in threads.iter().flat_map(|thread| thread["resourceTable"]["lib"].as_array().unwrap()) {
        assert!(number.as_u64().is_some_and(|number| number < libraries), "{number} of {libraries}");
    }
}

#[test]
fn is_of_work_that_is_done_anew() {
    let bench = Bench::with_rows(1_000);
    let text = straight(&(use_step("first", "echo", "") + &use_step("second", "echo", "")));
    let first = bench.pipeline(&*text).end();
    assert_eq!(first.outcome.as_ref().ok().unwrap().profile, None);
    let rows = bench.bytes("out.jsonl");
    let path = bench.path("profile.json");
    let case = bench.pipeline(text).overwrite().after(&first.run_folder).profile("second", Some(path.clone()));
    let report = case.report();
    let reused: Vec<_> = report.stages.iter().flat_map(|stage| &stage.steps).map(|step| step.rows_reused).collect();
    assert_eq!(reused, [1_000, 0]);
    let profile = report.profile.unwrap();
    assert_eq!((profile.path, profile.instances), (path.display().to_string(), 1));
    assert_eq!(bench.bytes("out.jsonl"), rows);
}

#[test]
fn of_a_step_that_is_not_there_is_refused() {
    let bench = Bench::with_rows(1);
    let text = straight(&use_step("echo", "echo", ""));
    let error = bench.pipeline(&*text).profile("echoes", None).error();
    assert_eq!((error.class, error.to_string()), (Class::Pipeline, "there is no step `echoes` to profile".to_owned()));
    assert_eq!(error.help.as_deref(), Some("the steps are `echo`"));
    let error = bench.pipeline(text).profile("echo", Some(bench.path("nowhere/profile.json"))).error();
    assert!(error.message.starts_with("cannot open the profile's folder"), "{error}");
}
