//! Requests that the host sends: together, within limits, again where they failed, and never where their reply is known.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use callboard_plan::{CallLimits, Grants, HttpGrant, PARTS, Plan, Price};
use callboard_runtime::{CancellationToken, Class, Event, Report};
use serde_json::json;

use crate::bench::{Bench, Case, lines, straight, use_step};
use crate::model::{Act, Model};

fn granted(port: u16) -> Grants {
    let (method, scheme, host, path) = ("POST".into(), "http".into(), "127.0.0.1".into(), "/v1/".into());
    Grants { http: vec![HttpGrant { method, scheme, host, port: Some(port), path }], ..Grants::default() }
}

/// A pipeline of one step that asks the model about each row.
fn asks<'a>(bench: &'a Bench, model: &Model, more: &str, limits: CallLimits) -> Case<'a> {
    asks_in_batches(bench, model, more, limits, "")
}

/// As [`asks`], with these settings of the run.
fn asks_in_batches<'a>(bench: &'a Bench, model: &Model, more: &str, limits: CallLimits, run: &str) -> Case<'a> {
    let (port, url) = (model.port, model.url());
    let config =
        format!("config = {{ url = \"{url}\" }}\ngrant.http = [\"POST http://127.0.0.1:{port}/v1/\"]\n{more}\n{run}");
    let text = straight(&use_step("ask", "asker", &config));
    bench.pipeline(text).revise(move |plan| with(plan, port, &limits)).overwrite()
}

fn with(plan: Plan, port: u16, limits: &CallLimits) -> Plan {
    let plan = plan.with_grants("ask", granted(port)).unwrap();
    plan.with_calls(BTreeMap::from([(format!("127.0.0.1:{port}"), limits.clone())]))
}

fn at_once(at_once: u32) -> CallLimits {
    CallLimits { at_once, ..CallLimits::default() }
}

/// What the model said first to each of this many rows.
fn all_said(bench: &Bench, rows: usize) {
    let said = bench.column("out.jsonl", "said");
    assert_eq!(said.len(), rows);
    for (id, said) in bench.column("out.jsonl", "id").iter().zip(said) {
        let said = said.as_str().unwrap();
        assert!(said.contains(&format!(" to row {id}\"")), "row {id}: {said}");
    }
}

fn step_calls(report: &Report) -> (u64, u64, u64) {
    let (mut replies, mut known, mut failed) = (0, 0, 0);
    for step in report.calls.values().filter_map(|server| server.steps.get("ask")) {
        (replies, known, failed) = (replies + step.replies, known + step.known, failed + step.failed);
    }
    (replies, known, failed)
}

/// A wrong outcome would ask one after the other, or more at once than is allowed, or mix the replies up.
#[test]
fn requests_are_sent_together_and_no_more_at_once_than_allowed() {
    let bench = Bench::with_rows(300);
    let model = Model::together(40, |_, _| Act::Reply);
    let report = asks(&bench, &model, "replicas = 2", at_once(40)).cores(2).report();
    all_said(&bench, 300);
    assert_eq!((model.requests(), model.look(|seen| seen.most_in_flight)), (300, 40));
    assert!(
        model.look(|seen| seen.connections) <= 80,
        "connections are kept: one for each in flight, of each instance"
    );
    let calls = report.calls.values().next().unwrap();
    assert_eq!((calls.sent, calls.most_in_flight, calls.retried.len()), (300, 40, 0));
    let step = &calls.steps["ask"];
    assert_eq!((step.replies, step.input_tokens, step.output_tokens), (300, 900, 2100));
}

/// A wrong outcome would leave people in the dark: the last reply comes when the run has said what it waits for.
#[test]
fn a_run_says_how_far_the_requests_are() {
    let bench = Bench::with_rows(40);
    let said = Arc::new((Mutex::new(None), std::sync::Condvar::new()));
    let heard = said.clone();
    let model = Model::start(move |text, _| {
        if text == "row 7" {
            let said = heard.0.lock().unwrap();
            drop(heard.1.wait_timeout_while(said, crate::bench::HANGS, |said| said.is_none()).unwrap());
        }
        Act::Reply
    });
    let price = Price { input: PARTS / 1000, output: PARTS / 100, batch: None };
    let limits = CallLimits { price: Some(price), ..at_once(4) };
    let told = said.clone();
    let case = asks(&bench, &model, "", limits).listen(move |event| {
        if let Event::Calls { servers, left } = event
            && servers[0].replies == 39
        {
            told.0.lock().unwrap().get_or_insert((servers[0].clone(), *left));
            told.1.notify_all();
        }
    });
    case.report();
    let (now, left) = said.0.lock().unwrap().clone().expect("it is said twice a second");
    assert_eq!(now.server, format!("127.0.0.1:{}", model.port));
    assert_eq!((now.sent, now.in_flight, now.failed, now.known), (40, 1, 0, 0));
    assert_eq!((now.input_tokens, now.output_tokens), (39 * 3, 39 * 7));
    assert!((now.cost - 39.0 * 0.073).abs() < 1e-9, "{}", now.cost);
    assert!(now.waiting.is_empty(), "{:?}", now.waiting);
    assert_eq!(now.under_way, 1);
    assert!(left.is_some(), "all rows are read, so it is known what is left");
}

/// A server that is down for one row, until it is told to be up.
fn down_for_one() -> (Model, Arc<AtomicBool>) {
    let up = Arc::new(AtomicBool::new(false));
    let is_up = up.clone();
    let model = Model::start(move |text, _| match text {
        "row 17" if !is_up.load(Ordering::SeqCst) => Act::Status(503, ""),
        _ => Act::Reply,
    });
    (model, up)
}

/// A wrong outcome would end as if the row were bad, and not say that what was paid for is kept.
#[test]
fn a_postponed_row_ends_a_run_that_rejects_none_and_the_next_run_asks_for_it_alone() {
    let bench = Bench::with_rows(20);
    let (model, up) = down_for_one();
    let limits = CallLimits { retry: 0, ..at_once(8) };
    let ended = asks(&bench, &model, "", limits).end();
    let folder = ended.run_folder.clone();
    let error = ended.error();
    assert_eq!(error.class, Class::System, "nobody has to change a row: {error}");
    assert!(error.message.contains("rejected for the time being: the server replied 503: no"), "{error}");
    assert!(error.help.as_ref().unwrap().to_string().contains("run it again"), "{error}");
    up.store(true, Ordering::SeqCst);
    let report = bench.resume(&folder).report();
    all_said(&bench, 20);
    assert_eq!((model.requests(), step_calls(&report)), (21, (1, 19, 0)));
}

/// A wrong outcome would leave a server idle because batches are small: it replies to nothing before 60 requests are there.
#[test]
fn small_batches_are_asked_about_together_and_stay_in_order() {
    for (rows, batch_rows, together) in [(600, 7, 60), (90, 1, 60), (600, 64, 60)] {
        let bench = Bench::with_rows(rows);
        let model = Model::together(together, |_, _| Act::Reply);
        let run = format!("[run]\nbatch_rows = {batch_rows}\n");
        let report = asks_in_batches(&bench, &model, "", at_once(60), &run).report();
        all_said(&bench, rows);
        let ids: Vec<_> = (0..rows).map(|id| json!(id)).collect();
        assert_eq!(bench.column("out.jsonl", "id"), ids);
        assert_eq!((model.requests(), model.look(|seen| seen.most_in_flight)), (rows, 60), "{batch_rows} rows a batch");
        assert_eq!(step_calls(&report), (rows as u64, 0, 0));
    }
}

/// A wrong outcome would let all rows wait for the slowest: its reply comes when those to seven other batches are there.
#[test]
fn a_slow_reply_holds_up_no_other_batch() {
    let bench = Bench::with_rows(400);
    let replies = Arc::new((Mutex::new(0), std::sync::Condvar::new()));
    let model = Model::start(move |text, _| {
        let mut replied = replies.0.lock().unwrap();
        match text {
            "row 3" => {
                let all = replies.1.wait_timeout_while(replied, crate::bench::HANGS, |replied| *replied < 399).unwrap();
                assert!(!all.1.timed_out(), "{} replies while one was awaited", *all.0);
            }
            _ => {
                *replied += 1;
                replies.1.notify_all();
            }
        }
        Act::Reply
    });
    asks_in_batches(&bench, &model, "", at_once(20), "[run]\nbatch_rows = 50\n").report();
    all_said(&bench, 400);
    assert_eq!(model.requests(), 400, "none is sent again");
}

/// A wrong outcome would open instances that have nothing to do: as many as there are, where one call fills the server.
#[test]
fn a_step_with_a_number_of_instances_has_that_many() {
    let bench = Bench::with_rows(120);
    let model = Model::start(|_, _| Act::Reply);
    asks_in_batches(&bench, &model, "replicas = 1", at_once(40), "[run]\nbatch_rows = 10\n").report();
    all_said(&bench, 120);
    assert!(model.look(|seen| seen.most_in_flight) <= 10);
}

/// A wrong outcome would lose rows to what passes.
#[test]
fn what_fails_for_the_time_being_is_sent_again() {
    let bench = Bench::with_rows(12);
    let model = Model::start(|text, before| match (text.trim_start_matches("row ").parse::<u32>().unwrap(), before) {
        (0, 0) => Act::Status(429, "retry-after: 0\r\n"),
        (1, 0) => Act::Status(429, "retry-after-ms: 5\r\n"),
        (2, 0) => Act::Status(500, ""),
        (3, 0) => Act::Status(503, ""),
        (4, 0) => Act::Cut,
        (5, 0) => Act::Reset,
        (6, 0 | 1) => Act::Reset,
        (7, 0) => Act::Status(408, ""),
        _ => Act::Reply,
    });
    let report = asks(&bench, &model, "", at_once(3)).report();
    all_said(&bench, 12);
    assert_eq!((model.requests(), model.paid_twice()), (12 + 9, 0));
    let retried = &report.calls.values().next().unwrap().retried;
    assert_eq!((retried["429"], retried["500"], retried["503"], retried["408"]), (2, 1, 1, 1));
    assert_eq!(retried.values().sum::<u64>(), 9);
    assert_eq!(step_calls(&report), (12, 0, 0));
}

/// A wrong outcome would take what no server said for its reply, or hang.
#[test]
fn what_fails_for_good_is_a_typed_outcome() {
    let bench = Bench::with_rows(4);
    let model = Model::start(|text, _| match text {
        "row 0" => Act::Status(400, ""),
        "row 1" => Act::Large(200_000_000),
        "row 2" => Act::Status(301, "location: /v1/other\r\n"),
        _ => Act::Reply,
    });
    asks(&bench, &model, "on_error = \"reject\"", at_once(3)).report();
    assert_eq!(bench.column("out.jsonl", "id"), [json!(3)]);
    let rejects = bench.rows("run-0/rejects.jsonl");
    let reasons: Vec<&str> = rejects.iter().map(|reject| reject["reason"].as_str().unwrap()).collect();
    assert_eq!(
        reasons,
        ["the server replied 400: no", "the reply has more than the 64 MiB allowed", "the server replied 301: no"]
    );
    assert_eq!(model.requests(), 4, "none of them is sent again");
}

/// A wrong outcome would send what nobody granted.
#[test]
fn what_is_not_granted_is_refused_and_nothing_is_sent_in_declare() {
    let bench = Bench::with_rows(2);
    let model = Model::start(|_, _| Act::Reply);
    let config = format!("config = {{ url = \"{}\" }}\non_error = \"reject\"", model.url());
    bench.pipeline(straight(&use_step("ask", "asker", &config))).report();
    let reject = bench.rows("run-0/rejects.jsonl")[0]["reason"].as_str().unwrap().to_owned();
    assert!(reject.contains("add to the step: grant.http = [\"POST "), "{reject}");
    let port = model.port;
    let config = format!("config = {{ url = \"{}\", in_declare = true }}", model.url());
    let case = bench.pipeline(straight(&use_step("ask", "asker", &config)));
    let error = case.overwrite().revise(move |plan| with(plan, port, &at_once(1))).error();
    assert!(error.message.contains("`declare` and `describe` send no requests"), "{error}");
    assert_eq!(model.requests(), 0);
}

/// A wrong outcome would pay twice: for rows that stand elsewhere now, in other batches, beside others.
#[test]
fn a_reply_that_is_known_is_not_asked_for_again() {
    let bench = Bench::with_rows(200);
    let model = Model::start(|_, _| Act::Reply);
    asks(&bench, &model, "", at_once(16)).report();
    assert_eq!(model.requests(), 200);
    // A row before, rows behind, batches cut elsewhere, another number at once: in a run that takes over no work.
    let mut rows = bench.rows("docs.jsonl");
    rows.insert(0, json!({"id": 200, "text": "row 200"}));
    rows.extend((201..211).map(|id| json!({"id": id, "text": format!("row {id}")})));
    bench.put("docs.jsonl", lines(rows));
    let text = format!("config = {{ url = \"{}\" }}", model.url());
    let text = straight(&use_step("ask", "asker", &text)) + "[run]\nbatch_rows = 7\n";
    let port = model.port;
    let report = bench.pipeline(text).revise(move |plan| with(plan, port, &at_once(3))).overwrite().report();
    all_said(&bench, 211);
    assert_eq!((model.requests(), model.paid_twice()), (211, 0));
    assert_eq!(step_calls(&report), (11, 200, 0));
}

/// A wrong outcome would keep asking for what is asked for already, or make one reply of several that are wanted.
#[test]
fn equal_requests_are_sent_once_and_several_samples_are_several_requests() {
    let bench = Bench::new();
    bench.put("docs.jsonl", lines((0..50).map(|id| json!({"id": id, "text": "the same"}))));
    let model = Model::start(|_, _| Act::Reply);
    let config = format!("config = {{ url = \"{}\", samples = 3 }}", model.url());
    let port = model.port;
    let text = straight(&use_step("ask", "asker", &config));
    bench.pipeline(text).revise(move |plan| with(plan, port, &at_once(16))).report();
    assert_eq!(model.requests(), 3);
    let said = bench.column("out.jsonl", "said");
    assert!(said.iter().all(|one| *one == said[0]));
    let each: std::collections::BTreeSet<&str> = said[0].as_str().unwrap().split('|').collect();
    assert_eq!(each.len(), 3);
}

/// A wrong outcome would ask for good rows again because of one that failed, or never ask for that one again.
#[test]
fn a_row_that_failed_for_the_time_being_is_tried_again_by_the_next_run() {
    let bench = Bench::with_rows(63);
    let (model, up) = down_for_one();
    let limits = CallLimits { retry: 0, ..at_once(8) };
    let first = asks(&bench, &model, "on_error = \"reject\"", limits.clone()).end();
    let folder = first.run_folder.clone();
    let report = first.report();
    assert_eq!((report.rejects.rows, step_calls(&report)), (1, (62, 0, 1)));
    let reject = bench.rows("run-0/rejects.jsonl")[0]["reason"].as_str().unwrap().to_owned();
    assert_eq!(reject, "the server replied 503: no");
    up.store(true, Ordering::SeqCst);
    let report = asks(&bench, &model, "on_error = \"reject\"", limits.clone()).after(&folder).report();
    all_said(&bench, 63);
    assert_eq!((report.rejects.rows, step_calls(&report), model.requests()), (0, (1, 62, 0), 64));
    // Now that it is done, it is work that is taken over.
    let report = asks(&bench, &model, "on_error = \"reject\"", limits).after(&bench.path("run-1")).report();
    assert_eq!((report.stages[0].steps[0].rows_reused, model.requests()), (63, 64));
}

/// A wrong outcome would spend more than is allowed, or pay again for what was spent before.
#[test]
fn a_run_stops_before_it_exceeds_its_cost_and_goes_on_with_more() {
    let bench = Bench::with_rows(100);
    let model = Model::start(|_, _| Act::Reply);
    // A reply is 3 tokens in and 7 out.
    let price = Price { input: PARTS / 1000, output: PARTS / 100, batch: None };
    let a_reply = price.of(3, 7);
    let limits = |most: u64| CallLimits { price: Some(price), max_cost: Some(most), ..at_once(8) };
    let ended = asks(&bench, &model, "", limits(20 * a_reply)).end();
    let folder = ended.run_folder.clone();
    let calls = ended.outcome.as_ref().ok().map(|report| report.calls.clone()).unwrap();
    let cost = calls.values().next().unwrap().steps["ask"].cost;
    let error = ended.error();
    assert_eq!(error.class, Class::Limit);
    assert!(error.message.contains("max_cost"), "{error}");
    let first = model.requests();
    assert!((1..=20).contains(&first), "{first} requests");
    assert!(cost <= 20.0 * a_reply as f64 / PARTS as f64);
    // Whoever resumes it has no more to spend.
    let again = bench.resume(&folder).error();
    assert_eq!((again.class, model.requests()), (Class::Limit, first));
    let report = asks(&bench, &model, "", limits(1000 * a_reply)).report();
    all_said(&bench, 100);
    assert_eq!((model.requests(), step_calls(&report)), (100, (100 - first as u64, first as u64, 0)));
}

/// A wrong outcome would lose what was paid for, or wait for ever.
#[test]
fn an_interrupted_run_keeps_the_replies_that_came() {
    let bench = Bench::with_rows(400);
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    let model = Model::start(move |text, before| match (text, before) {
        ("row 99", 0) => {
            stop.cancel();
            Act::Hang
        }
        _ => Act::Reply,
    });
    let ended = asks(&bench, &model, "", at_once(10)).cancel(cancel).end();
    assert_eq!(ended.error().class, Class::Interrupted);
    let first = model.requests();
    assert!(first < 400, "what was not sent is not sent any more: {first}");
    let report = asks(&bench, &model, "", at_once(10)).report();
    all_said(&bench, 400);
    assert_eq!((model.requests(), model.paid_twice()), (401, 0), "only what hung is asked for again");
    assert_eq!(step_calls(&report), (401 - first as u64, first as u64 - 1, 0));
}

/// A wrong outcome would pay twice for what a killed process had been given. The server kills it: at seeded requests.
#[test]
fn a_killed_run_asks_again_for_no_more_than_was_in_flight() {
    const AT_ONCE: usize = 8;
    // `CALLBOARD_KILLS=200` kills that often; nobody has the time each time.
    let wanted: usize = std::env::var("CALLBOARD_KILLS").map_or(5, |kills| kills.parse().unwrap());
    let rows = 120 * wanted;
    let bench = Bench::with_rows(rows);
    let process: Arc<Mutex<Option<u32>>> = Arc::default();
    let deadly: Arc<Mutex<Vec<usize>>> = Arc::default();
    let (victim, at, count) = (process.clone(), deadly.clone(), AtomicUsize::new(0));
    let model = Model::start(move |_, _| {
        let now = count.fetch_add(1, Ordering::SeqCst);
        if at.lock().unwrap().contains(&now) {
            let pid = victim.lock().unwrap().expect("it asks");
            let pid = rustix::process::Pid::from_raw(pid as i32).unwrap();
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        Act::Reply
    });
    let server = format!("127.0.0.1:{}", model.port);
    let step = format!(
        "config = {{ url = \"{}\" }}\ngrant.http = [\"POST http://{server}/v1/\"]\n[calls.\"{server}\"]\nat_once = {AT_ONCE}\n",
        model.url()
    );
    bench.put("ask.toml", straight(&use_step("ask", "asker", &step)));
    let mut numbers = crate::victim::random(20);
    let moments: Vec<usize> = (0..wanted).map(|nth| 120 * nth + 1 + (numbers.next().unwrap() % 100) as usize).collect();
    deadly.lock().unwrap().clone_from(&moments);
    let mut kills = 0;
    loop {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_callboard"));
        command.args(["run", "ask.toml", "--overwrite", "--quiet"]).current_dir(bench.path(""));
        command.env("CALLBOARD_CACHE", std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled"));
        let mut child = command.spawn().unwrap();
        *process.lock().unwrap() = Some(child.id());
        let status = child.wait().unwrap();
        if status.success() {
            break;
        }
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9), "it ends as it is told to");
        kills += 1;
    }
    assert_eq!(kills, moments.len());
    all_said(&bench, rows);
    let again = model.requests() - rows;
    assert!(again <= kills * AT_ONCE, "{again} requests were sent again after {kills} kills");
    assert!(model.paid_twice() <= again);
}

/// A wrong outcome would ask a server in each test of a step, or leave a row without its reply.
#[test]
fn replies_are_recorded_once_and_played_by_every_test_of_a_step() {
    let bench = Bench::with_rows(3);
    std::fs::rename(bench.path("docs.jsonl"), bench.path("rows.jsonl")).unwrap();
    std::fs::copy(crate::bench::guests().join("asker.wasm"), bench.path("ask.wasm")).unwrap();
    let model = Model::start(|text, before| match (text, before) {
        ("row 1", _) => Act::Status(400, ""),
        ("row 2", 0) => Act::Status(503, "retry-after: 0\r\n"),
        _ => Act::Reply,
    });
    bench.put(
        "step.toml",
        format!("name = \"ask\"\nlanguage = \"rust\"\nkind = \"transform\"\n[config]\nurl = \"{}\"\n", model.url()),
    );
    let test = |more: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_callboard"));
        command.args(["step", "test", "./ask.wasm"]).args(more).current_dir(bench.path(""));
        command.env("CALLBOARD_CACHE", std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled"));
        let output = command.output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert!(!test(&[]).0 && model.requests() == 0, "without `--record` nothing is sent");
    let grant = format!("POST http://127.0.0.1:{}/v1/", model.port);
    let (recorded, said) = test(&["--record", "--grant-http", &grant, "--bless"]);
    assert!(recorded, "{said}");
    assert_eq!(model.requests(), 4, "the golden rows alone, one of them twice");
    assert_eq!(bench.rows("replies.jsonl").len(), 3);
    let (passes, said) = test(&[]);
    assert!(passes, "{said}");
    assert_eq!(model.requests(), 4);
    assert_eq!(bench.column("expected.jsonl", "id"), [json!(0), json!(2)]);
    assert_eq!(bench.rows("expected-removed.jsonl")[0]["reason"], json!("the server replied 400: no"));
}

/// A wrong outcome would put a secret on the disk.
#[test]
fn the_journal_has_no_secret_and_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::with_rows(3);
    let model = Model::start(|_, _| Act::Reply);
    // Cargo sets it for every test.
    let value = std::env::var("CARGO_PKG_DESCRIPTION").unwrap();
    let limits = at_once(2);
    let port = model.port;
    let secret = callboard_plan::SecretGrant {
        header: "Authorization".into(),
        value: "Bearer ${env.CARGO_PKG_DESCRIPTION}".into(),
    };
    let config = format!("config = {{ url = \"{}\" }}", model.url());
    let case = bench.pipeline(straight(&use_step("ask", "asker", &config)));
    case.revise(move |plan| {
        let secrets = [("127.0.0.1".to_owned(), secret.clone())].into();
        let plan = plan.with_grants("ask", Grants { secrets, ..granted(port) }).unwrap();
        plan.with_calls(BTreeMap::from([(format!("127.0.0.1:{port}"), limits.clone())]))
    })
    .report();
    let heads = model.look(|seen| seen.heads.clone());
    assert!(heads.iter().all(|head| head.contains(&format!("authorization: Bearer {value}\r\n"))), "{heads:?}");
    let folder = bench.path(".replies");
    assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    for file in std::fs::read_dir(&folder).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let bytes = std::fs::read(file.path()).unwrap();
        assert!(bytes.windows(8).any(|part| part == b"reply 0 "), "the reply is there");
        assert!(!bytes.windows(value.len()).any(|part| part == value.as_bytes()), "so is the secret");
    }
}

/// A wrong outcome would keep what is not to be kept.
#[test]
fn without_a_journal_the_server_is_asked_again() {
    let bench = Bench::with_rows(5);
    let model = Model::start(|_, _| Act::Reply);
    for run in 1..3 {
        asks(&bench, &model, "", CallLimits { journal: false, ..at_once(2) }).report();
        assert_eq!(model.requests(), 5 * run);
    }
}

/// Of the time of a call, what the host needs to send requests does not count: a wrong outcome would end a large batch.
#[test]
fn the_time_of_requests_is_not_the_steps() {
    let bench = Bench::with_rows(6);
    let held = std::time::Duration::from_millis(400);
    let model = Model::start(move |_, _| {
        std::thread::sleep(held);
        Act::Reply
    });
    asks(&bench, &model, "limits = { time = \"1s\" }", at_once(1)).report();
    all_said(&bench, 6);
}

/// A wrong outcome would pay twice for a step that sends requests by itself, or show it one reply for ever where it looks again.
#[test]
fn what_a_step_asks_by_wasi_http_is_kept_as_well() {
    let bench = Bench::new();
    let server = crate::server::Server::start();
    let attempt = format!("request GET http://127.0.0.1:{}/v1/a", server.port());
    let attempts = [attempt.as_str(), attempt.as_str(), &attempt.replace("/a", "/b")];
    bench.put("docs.jsonl", lines(attempts.iter().map(|attempt| json!({"text": attempt}))));
    let mut granted = granted(server.port());
    granted.http[0].method = "GET".into();
    for run in 0..2 {
        let granted = granted.clone();
        let case = bench.pipeline(straight(&use_step("reach", "reach", ""))).overwrite();
        let report = case.revise(move |plan| plan.with_grants("reach", granted.clone()).unwrap()).report();
        assert_eq!(bench.column("out.jsonl", "said"), vec![json!("200 hello headers: "); 3]);
        assert_eq!(
            server.requests().len(),
            3,
            "the same twice in one call is two requests; run {run} asks for nothing new"
        );
        let known: u64 = report.calls.values().flat_map(|server| server.steps.values()).map(|step| step.known).sum();
        assert_eq!(known, 3 * run);
    }
}
