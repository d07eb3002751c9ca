//! What a step may reach outside of its sandbox: what it was granted, and nothing else. The guest `reach` makes an attempt for
//! each row, and tells what came of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use callboard_plan::{CallLimits, FileGrant, Grants, HttpGrant, Plan, SecretGrant, StepLimits};
use callboard_runtime::{CancellationToken, Class, Event, Level};
use serde_json::{Value, json};

use crate::bench::{Bench, Case, Ended, lines, straight, use_step};
use crate::server::Server;

/// A pipeline of one step that makes these attempts.
fn attempt<'a>(bench: &'a Bench, attempts: &[&str], grants: Grants) -> Case<'a> {
    bench.put("docs.jsonl", lines(attempts.iter().map(|attempt| json!({"text": attempt}))));
    let case = bench.pipeline(straight(&use_step("reach", "reach", "limits = { time = \"20s\" }")));
    case.revise(move |plan| once(plan.with_grants("reach", grants.clone()).unwrap()))
}

/// With requests that are sent once each: what is attempted is counted here.
fn once(plan: Plan) -> Plan {
    let limits = CallLimits { retry: 0, journal: false, ..CallLimits::default() };
    plan.with_calls(["127.0.0.1", "localhost"].map(|host| (host.to_owned(), limits.clone())).into())
}

/// What came of each attempt, in a run that must finish.
fn said(bench: &Bench, attempts: &[&str], grants: Grants) -> Vec<String> {
    let ended = attempt(bench, attempts, grants).end();
    finished(bench, ended)
}

fn finished(bench: &Bench, ended: Ended) -> Vec<String> {
    ended.report();
    let said = bench.column("out.jsonl", "said");
    std::fs::remove_file(bench.path("out.jsonl")).unwrap();
    said.iter().map(|said| said.as_str().unwrap().to_owned()).collect()
}

/// Like `said`, beside each attempt.
fn each(bench: &Bench, expected: &[(&str, &str)], grants: Grants) {
    let attempts: Vec<&str> = expected.iter().map(|(attempt, _)| *attempt).collect();
    let said = said(bench, &attempts, grants);
    for ((attempt, expected), said) in expected.iter().zip(&said) {
        assert_eq!(said, expected, "{attempt}");
    }
}

fn files(grants: &[(&str, bool)]) -> Grants {
    let files = grants.iter().map(|(path, write)| FileGrant { path: (*path).to_owned(), write: *write });
    Grants { files: files.collect(), ..Grants::default() }
}

fn http(grants: &[(&str, &str, u16, &str)]) -> Grants {
    let grant = |(method, host, port, path): &(&str, &str, u16, &str)| HttpGrant {
        method: (*method).to_owned(),
        scheme: "http".to_owned(),
        host: (*host).to_owned(),
        port: Some(*port),
        path: (*path).to_owned(),
    };
    Grants { http: grants.iter().map(grant).collect(), ..Grants::default() }
}

fn warnings(events: &[Event]) -> Vec<String> {
    let warning = |event: &Event| match event {
        Event::Log { level: Level::Warn, message, .. } => Some(message.clone()),
        _ => None,
    };
    events.iter().filter_map(warning).collect()
}

/// A folder with files in and around what is granted.
fn furnished() -> Bench {
    let bench = Bench::new();
    for folder in ["models/deep", "scratch", "private"] {
        std::fs::create_dir_all(bench.path(folder)).unwrap();
    }
    for file in ["models/lid.bin", "models/other.bin", "models/deep/down.txt", "private/key", "scratch/old"] {
        bench.put(file, format!("this is {file}"));
    }
    let link = |to: &str, at: &str| std::os::unix::fs::symlink(to, bench.path(at)).unwrap();
    link("../private/key", "models/out");
    link("deep/down.txt", "models/in");
    link("/etc/hostname", "models/absolute");
    link("../private", "models/folder-out");
    bench
}

/// A wrong outcome would let any step read what is on the machine.
#[test]
fn nothing_is_there_that_was_not_granted() {
    let bench = furnished();
    std::fs::create_dir_all(bench.path("empty")).unwrap();
    // Cargo sets it for every test, so that the host has it.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    let nothing = [
        ("folders", ""),
        ("read models lid.bin", "no such folder"),
        ("read . models/lid.bin", "no such folder"),
        ("read / etc/hostname", "no such folder"),
        ("env", ""),
        ("now", "946684800"),
        ("ticks", "1"),
        ("connect", "access-denied access-denied"),
        ("request GET http://127.0.0.1:1/", "ErrorCode::HttpRequestDenied"),
    ];
    each(&bench, &nothing, Grants::default());
}

/// A wrong outcome would let a step out of its folder: by `..`, by an absolute path, by a link that was there or that it made.
#[test]
fn a_granted_folder_is_all_that_is_reached() {
    let bench = furnished();
    let attempts = [
        ("folders", "models scratch"),
        ("read models lid.bin", "this is models/lid.bin"),
        ("read models deep/down.txt", "this is models/deep/down.txt"),
        ("read models in", "this is models/deep/down.txt"),
        ("read models deep/../lid.bin", "this is models/lid.bin"),
        ("list models .", "absolute deep folder-out in lid.bin other.bin out"),
        ("read models ../private/key", "not-permitted"),
        ("read models deep/../../private/key", "not-permitted"),
        ("read models /etc/hostname", "not-permitted"),
        ("read models out", "not-permitted"),
        ("read models absolute", "not-permitted"),
        ("read models folder-out/key", "not-permitted"),
        ("list models ..", "not-permitted"),
        ("list models folder-out", "not-permitted"),
        ("read-huge models lid.bin", "22"),
        ("write scratch ../private/new x", "not-permitted"),
        ("read scratch up", "not-permitted"),
        ("write scratch up x", "not-permitted"),
        ("read scratch side", "this is scratch/old"),
        // Whoever looks into the folder later would follow it.
        ("link scratch made ../private/key", "not-permitted"),
        ("link scratch made old", "not-permitted"),
        ("link scratch abs /etc/hostname", "not-permitted"),
        ("list scratch .", "old side up"),
    ];
    std::os::unix::fs::symlink("../private/key", bench.path("scratch/up")).unwrap();
    std::os::unix::fs::symlink("old", bench.path("scratch/side")).unwrap();
    each(&bench, &attempts, files(&[("models", false), ("./scratch/", true)]));
    assert_eq!(bench.bytes("private/key"), b"this is private/key");
    assert!(!bench.path("private/new").exists());
}

/// A wrong outcome would let a step change what it was granted to read, or write where nobody told it.
#[test]
fn what_is_granted_to_be_read_cannot_be_changed() {
    let bench = furnished();
    let attempts = [
        ("write models lid.bin x", "not-permitted"),
        ("truncate models lid.bin", "not-permitted"),
        ("write models new x", "not-permitted"),
        ("mkdir models new", "not-permitted"),
        ("delete models lid.bin", "not-permitted"),
        ("link models new lid.bin", "not-permitted"),
        ("rename models lid.bin scratch moved", "not-permitted"),
        ("rename scratch old models moved", "not-permitted"),
        // A second name in a folder that can be written would be a way to write it.
        ("hard-link models lid.bin scratch second", "not-permitted"),
        ("write scratch new hello", "written"),
        ("read scratch new", "hello"),
        ("delete scratch old", "deleted"),
    ];
    each(&bench, &attempts, files(&[("models", false), ("scratch", true)]));
    assert_eq!(bench.bytes("models/lid.bin"), b"this is models/lid.bin");
    assert_eq!(bench.bytes("scratch/new"), b"hello");
    assert!(!bench.path("scratch/old").exists() && !bench.path("models/moved").exists());
}

/// A wrong outcome would let a step alter a file that somebody gave a second name in its folder.
#[test]
fn a_file_that_has_a_second_name_is_not_altered() {
    use std::os::unix::fs::MetadataExt;
    let bench = furnished();
    let planted = bench.path("scratch/planted");
    std::fs::hard_link(bench.path("private/key"), &planted).unwrap();
    std::os::unix::fs::symlink("planted", bench.path("scratch/way")).unwrap();
    let before = planted.metadata().unwrap();
    let attempts = [
        ("write scratch planted x", "not-permitted"),
        ("write scratch way x", "not-permitted"),
        ("truncate scratch planted", "not-permitted"),
        ("append scratch planted x", "not-permitted"),
        ("age scratch planted", "not-permitted"),
        ("age scratch way", "not-permitted"),
        ("age-open scratch planted", "not-permitted"),
        ("rename scratch planted scratch moved", "renamed"),
        ("append scratch moved x", "not-permitted"),
        // Files of its own, and its folder, are not hindered; with a second name they are not different.
        ("write scratch new hello", "written"),
        ("append scratch new x", "appended"),
        ("age scratch new", "aged"),
        ("age-open scratch new", "aged"),
        ("hard-link scratch new scratch second", "linked"),
        ("append scratch new x", "not-permitted"),
        ("read scratch second", "hellox"),
        ("delete scratch second", "deleted"),
        ("append scratch new x", "appended"),
        ("age scratch .", "aged"),
    ];
    each(&bench, &attempts, files(&[("scratch", true)]));
    let after = bench.path("private/key").metadata().unwrap();
    assert_eq!((before.len(), before.mtime_nsec()), (after.len(), after.mtime_nsec()));
}

/// A wrong outcome would grant a whole folder where one file was named.
#[test]
#[allow(clippy::print_stderr, reason = "a skipped test reports that it was skipped")]
fn a_granted_file_is_alone_in_its_folder() {
    let bench = furnished();
    let attempts = [
        ("folders", ". models models/deep"),
        ("list models .", "in lid.bin"),
        ("read models lid.bin", "this is models/lid.bin"),
        ("read models in", "this is models/deep/down.txt"),
        ("read models other.bin", "no-entry"),
        ("read models ../private/key", "not-permitted"),
        ("read models deep/down.txt", "no-entry"),
        ("list models/deep .", "down.txt"),
        ("write models lid.bin x", "not-permitted"),
        ("delete models lid.bin", "not-permitted"),
        ("list . .", "docs.jsonl"),
    ];
    let granted =
        files(&[("models/lid.bin", false), ("models/in", false), ("models/deep", false), ("docs.jsonl", false)]);
    each(&bench, &attempts, granted);
    assert_eq!(bench.bytes("models/lid.bin"), b"this is models/lid.bin");
    // The folder that held them is gone with the run.
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled");
    let mut entries = std::fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().path());
    assert!(entries.all(|path| !holds(&path, "this is models/lid.bin")), "a copy of a granted file is left behind");
}

fn holds(folder: &Path, content: &str) -> bool {
    let mut entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.any(|path| holds(&path, content) || std::fs::read(&path).is_ok_and(|bytes| bytes == content.as_bytes()))
}

/// A wrong outcome would run for hours before a missing file is noticed, or follow a link out of the pipeline's folder.
#[test]
fn grants_are_looked_at_before_anything_runs() {
    let bench = furnished();
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("file"), "x").unwrap();
    std::os::unix::fs::symlink(outside.path(), bench.path("away")).unwrap();
    std::os::unix::fs::symlink(outside.path().join("file"), bench.path("away.bin")).unwrap();
    let cases = [
        (("models/ghost.bin", false), "`models/ghost.bin`, which cannot be opened: No such file or directory"),
        (("away", false), "`away`, which is a link out of the pipeline's folder"),
        (("away", true), "`away`, which is a link out of the pipeline's folder"),
        (("away.bin", false), "`away.bin`, which is a link out of the pipeline's folder"),
        (("away/file", false), "`away/file`, which is a link out of the pipeline's folder"),
        (("away/new", true), "`away/new`, which is a link out of the pipeline's folder"),
        (("models/lid.bin", true), "`models/lid.bin`, and only folders can be written"),
    ];
    for (grant, expected) in cases {
        let error = attempt(&bench, &["folders"], files(&[grant])).error();
        assert!(error.message.contains(expected), "{error}");
        assert_eq!((error.class, error.place.step.as_deref()), (Class::Pipeline, Some("reach")), "{error}");
        assert!(error.help.is_some(), "{error}");
    }
    assert!(!outside.path().join("new").exists(), "a folder was made outside of the pipeline's");
    // A folder to write is made.
    each(&bench, &[("write new/below a x", "written"), ("list new/below .", "a")], files(&[("new/below", true)]));
    assert!(bench.path("new/below").is_dir());
}

/// A wrong outcome would leave a thread of the host behind for each call: opening a pipe waits for somebody who writes. And opening a device
/// may do something.
#[test]
fn what_is_neither_a_file_nor_a_folder_is_not_opened() {
    let bench = furnished();
    for folder in ["models", "scratch"] {
        assert!(Command::new("mkfifo").arg(bench.path(&format!("{folder}/pipe"))).status().unwrap().success());
        let listener = std::os::unix::net::UnixListener::bind(bench.path(&format!("{folder}/socket"))).unwrap();
        std::os::unix::fs::symlink("pipe", bench.path(&format!("{folder}/to-pipe"))).unwrap();
        drop(listener);
    }
    // Only root makes devices.
    let device = Command::new("mknod").arg(bench.path("models/device")).args(["c", "1", "5"]).output().unwrap();
    let mut attempts = vec![
        ("read models pipe", "not-permitted"),
        ("read models to-pipe", "not-permitted"),
        ("read models socket", "not-permitted"),
        ("read scratch pipe", "not-permitted"),
        ("write scratch pipe x", "not-permitted"),
        ("write scratch to-pipe x", "not-permitted"),
        ("truncate scratch pipe", "not-permitted"),
        ("write scratch socket x", "not-permitted"),
        ("read models lid.bin", "this is models/lid.bin"),
        ("delete scratch pipe", "deleted"),
    ];
    if device.status.success() {
        attempts.push(("read models device", "not-permitted"));
    }
    each(&bench, &attempts, files(&[("models", false), ("scratch", true)]));
    assert!(bench.path("scratch/to-pipe").symlink_metadata().is_ok() && !bench.path("scratch/pipe").exists());
}

fn limited(plan: Plan, grants: Grants, limit: impl Fn(&mut StepLimits)) -> Plan {
    let mut limits = plan.steps()[0].limits;
    limit(&mut limits);
    plan.with_grants("reach", grants).and_then(|plan| plan.with_limits("reach", limits)).unwrap()
}

/// A wrong outcome would hand a step the keys that lie in the environment.
#[test]
fn variables_are_seen_by_their_granted_names() {
    let bench = Bench::new();
    let of =
        |names: &[&str]| Grants { env: names.iter().map(|name| (*name).to_owned()).collect(), ..Grants::default() };
    let package = std::env::var("CARGO_PKG_NAME").unwrap();
    each(&bench, &[("env", &format!("CARGO_PKG_NAME={package}"))], of(&["CARGO_PKG_NAME"]));
    let error = attempt(&bench, &["env"], of(&["CALLBOARD_UNHEARD_OF"])).error();
    let unset = "step `reach`: `grant.env` needs the environment's variable `CALLBOARD_UNHEARD_OF`, which is not set";
    assert_eq!(error.to_string(), unset);
    assert_eq!(error.class, Class::Pipeline);
}

/// A wrong outcome would be a run that nobody can repeat, or a step that waits for a moment that never comes.
#[test]
fn clocks_go_when_granted_and_a_sleep_ends_either_way() {
    let bench = Bench::new();
    let attempts = ["now", "ticks", "sleep 20", "ticks", "now"];
    let stopped = said(&bench, &attempts, Grants::default());
    assert_eq!(stopped, ["946684800", "1", "slept", "1", "946684800"]);
    let going = said(&bench, &attempts, Grants { clock: true, ..Grants::default() });
    let number = |at: usize| going[at].parse::<u64>().unwrap();
    let today = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert!(number(0) <= today && number(0) > today - 3600, "{going:?}");
    assert!(number(3) - number(1) >= 20_000_000, "20 ms of sleep took {} ns", number(3) - number(1));
    for grants in [Grants::default(), Grants { clock: true, ..Grants::default() }] {
        let case = attempt(&bench, &["sleep forever"], grants.clone());
        let error = case.revise(move |plan| limited(plan, grants.clone(), |limits| limits.time_ms = 300)).error();
        assert_eq!((error.class, error.message.as_str()), (Class::Limit, "`process` took longer than 0.3 s"));
    }
}

/// A wrong outcome would let a signal wait for a step that waits.
#[test]
fn a_step_that_waits_in_the_host_is_interrupted() {
    let (bench, server) = (Bench::new(), Server::start());
    let request = format!("request GET http://127.0.0.1:{}/silent", server.port());
    for wait in ["sleep forever", &request] {
        let cancel = CancellationToken::new();
        let case = attempt(&bench, &["stderr now", wait], http(&[("GET", "127.0.0.1", server.port(), "/")]));
        let cancelled = cancel.clone();
        let error = case.cancel(cancel).listen(move |event| {
            if matches!(event, Event::Log { .. }) {
                cancelled.cancel();
            }
        });
        assert_eq!(error.error().class, Class::Interrupted, "{wait}");
    }
}

/// A wrong outcome would let a step call whom it likes.
#[test]
fn a_request_needs_a_grant_for_all_of_it() {
    let (bench, server) = (Bench::new(), Server::start());
    let port = server.port();
    let url = |rest: &str| format!("http://127.0.0.1:{port}{rest}");
    let granted = http(&[("GET", "127.0.0.1", port, "/v1/"), ("POST", "127.0.0.1", port, "/chat")]);
    let denied = "ErrorCode::HttpRequestDenied";
    let attempts = [
        (format!("request GET {} x-mine=1", url("/v1/a?b=c")), "200 hello headers: x-mine"),
        (format!("request POST {}", url("/chat/x")), "200 hello headers: "),
        (format!("request GET {}", url("/v2/")), denied),
        (format!("request GET {}", url("/v1")), denied),
        (format!("request POST {}", url("/chatter")), denied),
        (format!("request POST {}", url("/v1/a")), denied),
        (format!("request DELETE {}", url("/v1/a")), denied),
        (format!("request GET {}", url("/v1/../admin")), denied),
        (format!("request GET {}", url("/v1/%2e%2E/admin")), denied),
        (format!("request GET {}", url("/v1/..%2fadmin")), denied),
        (format!("request GET {}", url("/v1/%252e%252e/admin")), denied),
        (format!("request GET http://me@127.0.0.1:{port}/v1/a"), denied),
        (format!("request GET https://127.0.0.1:{port}/v1/a"), denied),
        (format!("request GET http://localhost:{port}/v1/a"), denied),
        (format!("request GET http://[::ffff:127.0.0.1]:{port}/v1/a"), denied),
        (format!("request GET {} host=elsewhere", url("/v1/a")), "such headers are refused"),
    ];
    let attempts: Vec<(&str, &str)> = attempts.iter().map(|(attempt, said)| (attempt.as_str(), *said)).collect();
    each(&bench, &attempts, granted);
    let requests = server.requests();
    let lines: Vec<&str> = requests.iter().filter_map(|request| request.lines().next()).collect();
    assert_eq!(lines, ["GET /v1/a?b=c HTTP/1.1", "POST /chat/x HTTP/1.1"], "nothing else arrived");
    assert!(requests[0].contains(&format!("host: 127.0.0.1:{port}\r\n")) && requests[0].contains("x-mine: 1\r\n"));
    assert!(requests[1].contains("posted"));
}

/// A wrong outcome would lead a step to this machine, or to a cloud's metadata, by a name that somebody else chose.
#[test]
fn a_name_does_not_lead_to_this_machine_unless_it_says_so() {
    let (bench, server) = (Bench::new(), Server::start());
    let port = server.port();
    // Each of these is looked up without any server of names, and is 127.0.0.1.
    let names = ["127.1", "2130706433", "0x7f.1"];
    let mut grants: Vec<_> = names.iter().map(|name| ("GET", *name, port, "/")).collect();
    grants.push(("GET", "localhost", port, "/"));
    let mut attempts: Vec<String> = names.iter().map(|name| format!("request GET http://{name}:{port}/")).collect();
    attempts.push(format!("request GET http://127.1:{port}/again"));
    attempts.push(format!("request GET http://localhost:{port}/"));
    let attempts: Vec<&str> = attempts.iter().map(String::as_str).collect();
    let ended = attempt(&bench, &attempts, http(&grants)).end();
    let warned = warnings(&ended.events);
    let said = finished(&bench, ended);
    assert_eq!(said[..4], ["ErrorCode::HttpRequestDenied"; 4]);
    assert_eq!(said[4], "200 hello headers: ", "`localhost` was named, and is this machine");
    assert_eq!(server.requests().len(), 1);
    let expected = format!(
        "`GET http://127.1:{port}/` was refused: `127.1` is 127.0.0.1, a loopback address; such an address is reached only where \
         the grant says it in figures, or says `localhost`: grant.http = [\"GET http://ADDRESS/\"]"
    );
    assert_eq!(warned.len(), 3, "each destination once: {warned:#?}");
    assert_eq!(warned[0], expected);
}

/// A wrong outcome would leave the user to guess, or fill the log with one refusal a row.
#[test]
fn a_refusal_is_told_once_with_the_line_that_would_grant_it() {
    let bench = Bench::new();
    let attempts = ["request GET https://api.example.com/v1/models?key=1"; 3];
    let ended = attempt(&bench, &attempts, Grants::default()).end();
    let asked = "GET https://api.example.com/v1/models";
    let expected = format!("`{asked}` was refused; to allow it, add to the step: grant.http = [\"{asked}\"]");
    assert_eq!(warnings(&ended.events), [expected]);
    assert_eq!(finished(&bench, ended), ["ErrorCode::HttpRequestDenied"; 3]);
}

/// A wrong outcome would send a step, and a secret with it, wherever a server points.
#[test]
fn a_redirect_is_shown_and_not_followed() {
    let (bench, server) = (Bench::new(), Server::start());
    let url = format!("http://127.0.0.1:{}", server.port());
    let granted = http(&[("GET", "127.0.0.1", server.port(), "/redirect")]);
    let attempts = [format!("request GET {url}/redirect"), format!("request GET {url}/moved")];
    let said = said(&bench, &[&attempts[0], &attempts[1]], granted);
    assert_eq!(said, ["302 /moved headers: ", "ErrorCode::HttpRequestDenied"]);
    assert_eq!(server.requests().len(), 1);
}

/// A wrong outcome would hang, or take half an answer for a whole one.
#[test]
fn a_server_that_is_silent_gone_or_breaks_off_ends_in_an_error() {
    let (bench, server) = (Bench::new(), Server::start());
    let (port, url) = (server.port(), format!("http://127.0.0.1:{}", server.port()));
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut granted =
        http(&[("GET", "127.0.0.1", port, "/"), ("GET", "127.0.0.1", closed, "/"), ("GET", "127.0.0.1", port, "/")]);
    granted.http[2].scheme = "https".into();
    let attempts = [
        format!("request GET {url}/torn"),
        format!("request GET http://127.0.0.1:{closed}/"),
        format!("request GET {url}/large"),
        format!("request GET https://127.0.0.1:{port}/"),
    ];
    let outcome = said(&bench, &attempts.each_ref().map(String::as_str), granted.clone());
    assert!(outcome[0].contains("error reading a body from connection") || outcome[0].contains("Error"), "{outcome:?}");
    assert!(!outcome[0].starts_with("200"), "{outcome:?}");
    assert_eq!(outcome[1], "ErrorCode::ConnectionRefused");
    assert_eq!(outcome[2].len(), "200  headers: ".len() + (8 << 20));
    assert_eq!(outcome[3], "ErrorCode::TlsProtocolError", "what is not TLS is not taken for it");
    let case = attempt(&bench, &[&format!("request GET {url}/silent")], Grants::default());
    let error = case.revise(move |plan| limited(plan, granted.clone(), |limits| limits.time_ms = 500)).error();
    assert_eq!((error.class, error.message.as_str()), (Class::Limit, "`process` took longer than 0.5 s"));
}

/// A wrong outcome would tell the secret: to the step, to another host, or to whoever reads the run's folder.
#[test]
fn a_secret_reaches_its_host_and_nobody_else() {
    let (bench, server) = (Bench::new(), Server::start());
    let port = server.port();
    // Cargo sets it for every test, and it occurs nowhere else.
    let (variable, value) = ("CARGO_PKG_DESCRIPTION", std::env::var("CARGO_PKG_DESCRIPTION").unwrap());
    assert!(value.len() > 10);
    let secret = SecretGrant { header: "X-Secret".into(), value: format!("Bearer ${{env.{variable}}}!") };
    let mut granted = http(&[("GET", "127.0.0.1", port, "/"), ("GET", "localhost", port, "/")]);
    granted.secrets = BTreeMap::from([("127.0.0.1".to_owned(), secret)]);
    let attempts = [
        format!("request GET http://127.0.0.1:{port}/with x-secret=mine"),
        format!("request GET http://localhost:{port}/without x-secret=mine"),
    ];
    let mut ended = attempt(&bench, &attempts.each_ref().map(String::as_str), granted).end();
    let (events, folder) = (format!("{:?}", ended.events), ended.run_folder.clone());
    let report = ended.outcome.as_mut().map(|report| serde_json::to_string(report).unwrap()).unwrap_or_default();
    assert_eq!(finished(&bench, ended), ["200 hello headers: x-secret", "200 hello headers: x-secret"]);
    let requests = server.requests();
    assert!(requests[0].contains(&format!("x-secret: Bearer {value}!\r\n")), "{}", requests[0]);
    assert!(!requests[0].contains("mine"), "what the step set under that name is replaced: {}", requests[0]);
    assert!(requests[1].contains("x-secret: mine\r\n") && !requests[1].contains(&value), "{}", requests[1]);
    assert!(!events.contains(&value) && !report.contains(&value) && report.len() > 100);
    let mut folders = vec![folder];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
                continue;
            }
            let bytes = std::fs::read(&entry).unwrap();
            seen += 1;
            let told = bytes.windows(value.len()).any(|window| window == value.as_bytes());
            assert!(!told, "the secret is in {}", entry.display());
        }
    }
    assert!(seen > 0, "the run's folder holds its plan at least");
}

/// A wrong outcome would run for hours before the key is missed, or send it where anybody listens.
#[test]
fn secrets_are_looked_at_before_anything_runs() {
    let bench = Bench::new();
    let with = |host: &str, value: &str| {
        let mut grants = http(&[("GET", host, 80, "/")]);
        let secret = SecretGrant { header: "Authorization".into(), value: value.into() };
        grants.secrets = BTreeMap::from([(host.to_owned(), secret)]);
        attempt(&bench, &["env"], grants).error()
    };
    let unset = with("localhost", "Bearer ${env.CALLBOARD_UNHEARD_OF}");
    assert_eq!(
        unset.to_string(),
        "step `reach`: `grant.secret.\"localhost\"` needs the environment's variable `CALLBOARD_UNHEARD_OF`, which is not set"
    );
    let clear = with("api.example.com", "s3cr3t ${env.CARGO_PKG_NAME}");
    assert!(clear.message.contains("would go in clear"), "{clear}");
    assert_eq!((unset.class, clear.class), (Class::Pipeline, Class::Pipeline));
    assert!(!format!("{clear:?}").contains("s3cr3t"));
}

/// A wrong outcome would lose what a step says of itself, or keep all of what a hostile one says.
#[test]
fn standard_streams_go_to_the_log_and_count_there() {
    let bench = Bench::new();
    let ended = attempt(&bench, &["stdout one", "stderr two", "stdout three"], Grants::default()).end();
    let logged = |events: &[Event]| -> Vec<Value> {
        let line = |event: &Event| match event {
            Event::Log { step, level, message } => Some(json!([**step, format!("{level:?}"), message])),
            _ => None,
        };
        events.iter().filter_map(line).collect()
    };
    let expected = ["one", "two", "three"].map(|line| json!(["reach", "Info", line]));
    assert_eq!(logged(&ended.events), expected);
    finished(&bench, ended);

    let flood = |limit: fn(&mut StepLimits)| {
        let case = attempt(&bench, &["flood stderr"], Grants::default());
        case.revise(move |plan| limited(plan, Grants::default(), limit)).end()
    };
    let ended = flood(|limits| limits.log_bytes = 10 << 10);
    assert_eq!(logged(&ended.events).len(), 10);
    let error = ended.error();
    let expected = "log: 10 KiB are in use and 1 KiB more were asked for, of 10 KiB allowed";
    assert_eq!((error.class, error.message.as_str()), (Class::Limit, expected));
    assert_eq!(error.help.as_deref(), Some("raise it in the step: limits.log_bytes = \"1MiB\""));
    let error = flood(|limits| limits.log_lines = 5).error();
    assert_eq!(error.message, "lines of log: 5 are in use and 1 more were asked for, of 5 allowed");
    assert_eq!(error.help.as_deref(), Some("raise it in the step: limits.log_lines = 8"));
}

/// A wrong outcome would let a step fill the host's memory, or use up its open files.
#[test]
fn what_an_instance_holds_of_the_host_is_bounded() {
    let bench = Bench::new();
    let error = attempt(&bench, &["hoard"], Grants::default()).error();
    let expected = "open files, streams and requests: 500 are in use and 1 more were asked for, of 500 allowed";
    assert_eq!((error.class, error.message.as_str()), (Class::Limit, expected));
    let case = attempt(&bench, &["ticks"; 2_000], Grants::default());
    let error = case.revise(|plan| limited(plan, Grants::default(), |limits| limits.returned_bytes = 2 << 10)).error();
    let expected = "data handed to the host in one call: more than the 2 KiB allowed";
    assert_eq!((error.class, error.message.as_str()), (Class::Limit, expected));
    assert_eq!(error.help.as_deref(), Some("raise it in the step: limits.returned = \"1MiB\""));
}
