//! Offline batches: requests that are submitted together, while the run waits. Nothing is submitted twice, whenever a process is killed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use callboard_plan::{CallLimits, Grants, HttpGrant, Mode, PARTS, Plan, Price};
use callboard_runtime::{Class, RunSummary};
use serde_json::json;

use crate::bench::{Bench, Case, straight, use_step};
use crate::offline::{Came, Offline};

/// The endpoints of both forms.
const FORMS: [&str; 2] = ["/v1/chat/completions", "/v1/messages"];

fn limits() -> CallLimits {
    CallLimits { mode: Mode::Batch, ..CallLimits::default() }
}

fn asks<'a>(bench: &'a Bench, server: &Offline, endpoint: &str, limits: CallLimits) -> Case<'a> {
    let port = server.port;
    let config = format!(
        "config = {{ url = \"http://127.0.0.1:{port}{endpoint}\" }}\non_error = \"reject\"\nmax_rejects = \"30%\""
    );
    let text = straight(&use_step("ask", "asker", &config)) + "[run]\nbatch_rows = 7\n";
    let with = move |plan: Plan| {
        let (method, scheme, host, path) = ("POST".into(), "http".into(), "127.0.0.1".into(), "/v1/".into());
        let http = vec![HttpGrant { method, scheme, host, port: Some(port), path }];
        let plan = plan.with_grants("ask", Grants { http, ..Grants::default() }).unwrap();
        plan.with_calls(BTreeMap::from([(format!("127.0.0.1:{port}"), limits.clone())]))
    };
    bench.pipeline(text).revise(with).overwrite()
}

fn all_said(bench: &Bench, rows: usize) {
    let said = bench.column("out.jsonl", "said");
    let ids: Vec<_> = (0..rows).map(|id| json!(id)).collect();
    assert_eq!(bench.column("out.jsonl", "id"), ids);
    for (id, said) in said.iter().enumerate() {
        assert!(said.as_str().unwrap().contains(&format!("said to row {id}\"")), "{said}");
    }
}

/// A wrong outcome would pay the full price, or twice, or lose a row.
#[test]
fn a_run_submits_its_requests_as_a_batch_and_continues_when_that_has_ended() {
    for endpoint in FORMS {
        let bench = Bench::with_rows(40);
        let server = Offline::start(|_, _| Came::Reply, |_, _| true);
        server.state.lock().unwrap().looks = 1;
        let price = Price { input: PARTS / 1000, output: PARTS / 100, batch: Some(500) };
        let limits = CallLimits { price: Some(price), ..limits() };
        let ended = asks(&bench, &server, endpoint, limits.clone()).end();
        let folder = ended.run_folder.clone();
        let submitted = ended.outcome.as_ref().ok().unwrap().calls.values().next().unwrap().batches.clone().unwrap();
        assert_eq!((submitted.submitted, submitted.requests, submitted.cost), (1, 40, 0.0));
        let error = ended.error();
        assert_eq!(error.class, Class::Waiting, "{error}");
        assert!(error.message.contains("an offline batch has not ended: 40 requests to `127.0.0.1:"), "{error}");
        assert_eq!(RunSummary::of(&folder).unwrap().state.as_str(), "waiting");
        // It has not ended; neither whoever resumes the run nor who begins another submits it again.
        assert_eq!(bench.resume(&folder).error().class, Class::Waiting);
        server.state.lock().unwrap().looks = 100;
        assert_eq!(asks(&bench, &server, endpoint, limits.clone()).error().class, Class::Waiting);
        server.state.lock().unwrap().looks = 0;
        let report = bench.resume(&folder).report();
        all_said(&bench, 40);
        assert_eq!((server.accepted(), server.state.lock().unwrap().online), ((1, 1), 0));
        let calls = report.calls.values().next().unwrap();
        let batches = calls.batches.clone().unwrap();
        assert_eq!((batches.ended, batches.replies, batches.unanswered, batches.submitted), (1, 40, 0, 0));
        let step = &calls.steps["ask"];
        assert_eq!((step.replies, step.known, step.input_tokens), (40, 0, 120));
        assert!((step.cost - 40.0 * 0.073 / 2.0).abs() < 1e-9, "{}", step.cost);
        // The replies are kept as any others.
        let report = asks(&bench, &server, endpoint, limits).report();
        assert_eq!((report.calls.values().next().unwrap().steps["ask"].known, server.accepted()), (40, (1, 1)));
        let removed: Vec<String> = server.state.lock().unwrap().removed.iter().cloned().collect();
        let files: &[&str] = if endpoint == FORMS[0] { &["file-0", "out-0"] } else { &[] };
        assert_eq!(removed, files, "what the server has of the batch");
        let left: Vec<String> = bench.names().into_iter().filter(|name| name.contains(".batch")).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// A wrong outcome would lose rows to what passes, ask for ever, or say nothing of a row that the server refuses.
#[test]
fn what_a_batch_did_not_reply_to_is_part_of_the_next_one() {
    for endpoint in FORMS {
        let bench = Bench::with_rows(10);
        let script = |text: &str, before: usize| match (text, before) {
            ("row 1", 0) => Came::Status(500),
            ("row 2", 0) => Came::Expired,
            ("row 8", _) => Came::Status(400),
            ("row 4", _) => Came::Status(503),
            _ => Came::Reply,
        };
        let server = Offline::start(script, |_, _| true);
        let ended = asks(&bench, &server, endpoint, CallLimits { retry: 1, ..limits() }).end();
        let folder = ended.run_folder.clone();
        assert_eq!(ended.error().class, Class::Waiting);
        assert_eq!(bench.resume(&folder).error().class, Class::Waiting, "three are part of another batch");
        let report = bench.resume(&folder).report();
        assert_eq!(report.rejects.rows, 2);
        let ids = bench.column("out.jsonl", "id");
        assert_eq!(ids, [0, 1, 2, 3, 5, 6, 7, 9].map(|id| json!(id)));
        let rejects = bench.rows("run-0/rejects.jsonl");
        let reasons: Vec<&str> = rejects.iter().map(|reject| reject["reason"].as_str().unwrap()).collect();
        assert!(reasons[0].starts_with("the server replied 5"), "{reasons:?}");
        assert!(reasons[1].starts_with("the server replied 400: "), "{reasons:?}");
        let lines: Vec<usize> = server.state.lock().unwrap().batches.iter().map(|batch| batch.lines.len()).collect();
        assert_eq!((lines, server.accepted().1), (vec![10, 3], 2));
        assert_eq!(server.state.lock().unwrap().removed.len(), if endpoint == FORMS[0] { 4 } else { 0 });
    }
}

/// A wrong outcome would spend more than is allowed.
#[test]
fn a_batch_that_may_cost_too_much_is_not_submitted() {
    let bench = Bench::with_rows(10);
    let server = Offline::start(|_, _| Came::Reply, |_, _| true);
    let price = Price { input: PARTS / 1000, output: PARTS / 100, batch: None };
    let limits = CallLimits { price: Some(price), max_cost: Some(PARTS / 10), ..limits() };
    let error = asks(&bench, &server, FORMS[0], limits).error();
    assert_eq!((error.class, server.accepted().0), (Class::Limit, 0), "{error}");
}

/// A wrong outcome would submit a batch again because nobody heard that it was accepted.
#[test]
fn a_batch_whose_acceptance_got_lost_is_found_at_the_server() {
    for (endpoint, submits) in FORMS.into_iter().zip([1, 0]) {
        let bench = Bench::with_rows(10);
        let server = Offline::start(|_, _| Came::Reply, move |nth, done| !(nth == submits && done));
        let ended = asks(&bench, &server, endpoint, limits()).end();
        let folder = ended.run_folder.clone();
        assert_eq!(ended.error().class, Class::Waiting);
        bench.resume(&folder).report();
        all_said(&bench, 10);
        assert_eq!(server.accepted(), (1, 1), "{endpoint}");
    }
}

/// A wrong outcome would submit a batch twice. The server kills whoever asks: at each request, before and after it has done what is asked.
#[test]
fn a_process_that_is_killed_at_any_request_submits_nothing_twice() {
    for endpoint in FORMS {
        let mut moments = 0;
        while killed_at(endpoint, moments) {
            moments += 1;
        }
        assert!(moments >= 6, "{moments} moments for {endpoint}");
    }
}

/// Whether there was such a moment.
fn killed_at(endpoint: &str, moment: usize) -> bool {
    let bench = Bench::with_rows(12);
    let process: Arc<Mutex<(Option<u32>, bool)>> = Arc::default();
    let victim = process.clone();
    let kill = move |nth: usize, done: bool| {
        let mut victim = victim.lock().unwrap();
        let is_now = 2 * nth + usize::from(done) == moment && !victim.1;
        if is_now {
            let pid = rustix::process::Pid::from_raw(victim.0.expect("it asks") as i32).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
            victim.1 = true;
        }
        !is_now
    };
    let server = Offline::start(|_, _| Came::Reply, kill);
    let host = format!("127.0.0.1:{}", server.port);
    let step = format!(
        "config = {{ url = \"http://{host}{endpoint}\" }}\ngrant.http = [\"POST http://{host}/v1/\"]\n[calls.\"{host}\"]\nmode = \"batch\"\n"
    );
    bench.put("ask.toml", straight(&use_step("ask", "asker", &step)));
    let begin: &[&str] = &["run", "ask.toml", "--run-dir", "run", "--quiet", "--batch-grace", "0s"];
    let resume: &[&str] = &["resume", "run", "--quiet", "--batch-grace", "0s"];
    let mut arguments = begin;
    loop {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_callboard"));
        command.args(arguments).current_dir(bench.path("")).stderr(std::process::Stdio::piped());
        command.env("CALLBOARD_CACHE", std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled"));
        let mut lock = process.lock().unwrap();
        let child = command.spawn().unwrap();
        lock.0 = Some(child.id());
        drop(lock);
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        match (ended.status.code(), std::os::unix::process::ExitStatusExt::signal(&ended.status)) {
            (Some(0), _) => break,
            (Some(75), _) => assert!(said.contains("callboard resume run --wait"), "{said}"),
            (None, Some(9)) => {}
            other => panic!("{endpoint}, moment {moment}: {other:?}: {said}"),
        }
        arguments = resume;
    }
    all_said(&bench, 12);
    assert_eq!(server.accepted(), (1, 1), "{endpoint}, moment {moment}");
    assert_eq!(server.state.lock().unwrap().online, 0);
    process.lock().unwrap().1
}

/// A wrong outcome would end a run that is to wait, or wait for ever.
#[test]
fn a_run_waits_for_its_batches_if_that_is_asked_for() {
    let bench = Bench::with_rows(5);
    let server = Offline::start(|_, _| Came::Reply, |_, _| true);
    server.state.lock().unwrap().looks = 2;
    let host = format!("127.0.0.1:{}", server.port);
    let step = format!(
        "config = {{ url = \"http://{host}/v1/messages\" }}\ngrant.http = [\"POST http://{host}/v1/\"]\n[calls.\"{host}\"]\nmode = \"batch\"\n"
    );
    bench.put("ask.toml", straight(&use_step("ask", "asker", &step)));
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_callboard"));
    command.args(["run", "ask.toml", "--wait"]).current_dir(bench.path(""));
    command.env("CALLBOARD_CACHE", std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled"));
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("offline batches: 1 ended with 5 replies"), "{said}");
    all_said(&bench, 5);
    assert_eq!(server.accepted(), (1, 1));
}
