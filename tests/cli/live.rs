//! A run that is looked at while it goes on: who may, what they see, and that nobody can hold it up.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::signals::{Bounded, end, interrupt, open, start, waiting};
use crate::stage::Stage;

/// What a server answers to a request of these lines.
fn ask(address: &str, lines: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "{lines}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn get(address: &str, path: &str, host: &str) -> String {
    ask(address, &format!("GET {path} HTTP/1.1\r\nHost: {host}"))
}

/// The address and the path of the page, of what a command has said.
fn place(heard: &str) -> (String, String) {
    let url = heard.split("the run is shown at http://").nth(1).unwrap().lines().next().unwrap();
    let (address, path) = url.split_once('/').unwrap();
    (address.to_owned(), format!("/{path}"))
}

/// The page that shows how the run ended; whoever has seen it is waited for no longer.
fn last_page(address: &str, path: &str) -> String {
    loop {
        let page = get(address, path, address);
        if !page.contains("http-equiv=\"refresh\"") {
            return page;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// A figure of the metrics.
fn figure(metrics: &str, name: &str) -> Option<f64> {
    metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

#[test]
fn whoever_has_the_url_sees_a_run_and_nobody_else_does() {
    let stage = waiting("wait", "{ at = \"process\" }");
    let command = "callboard run pipeline.toml --overwrite --run-dir run --serve";
    let (child, heard) = start(&stage, command, "stage 2 of 2: wait");
    let (address, path) = place(&heard);
    assert!(address.starts_with("127.0.0.1:") && path.len() > 32, "{heard}");
    let ok = |answer: &str| answer.starts_with("HTTP/1.1 200 ");
    let page = get(&address, &path, &address);
    assert!(ok(&page) && page.contains("http-equiv=\"refresh\""), "{page}");
    for part in [">running<", "stage <strong>2</strong> of 2", "exact-dedup", "default-src 'none'"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let metrics = get(&address, &format!("{path}metrics"), "localhost:1");
    assert!(ok(&metrics) && metrics.contains("text/plain; version=0.0.4"), "{metrics}");
    let read = figure(&metrics, "callboard_step_rows_in_total{step=\"exact-dedup\"}").unwrap();
    let kept = figure(&metrics, "callboard_step_rows_out_total{step=\"exact-dedup\"}").unwrap();
    let dropped = figure(&metrics, "callboard_step_rows_dropped_total{step=\"exact-dedup\"}").unwrap();
    assert!(read > 0.0 && read == kept + dropped, "{metrics}");
    assert_eq!(figure(&metrics, "callboard_stage"), Some(2.0), "{metrics}");
    assert_eq!(figure(&metrics, "callboard_stages_ended"), Some(1.0), "{metrics}");
    assert!(figure(&metrics, "callboard_memory_bytes{of=\"steps\"}").unwrap() > 0.0, "{metrics}");

    let forbidden = [
        get(&address, "/", &address),
        get(&address, "/metrics", &address),
        get(&address, &format!("{}x/", path.trim_end_matches('/')), &address),
        // A page that has its own name point to this machine.
        get(&address, &path, "evil.example"),
        get(&address, &path, "127.0.0.1.evil.example"),
        ask(&address, &format!("GET {path} HTTP/1.0")),
    ];
    for answer in forbidden {
        assert!(answer.starts_with("HTTP/1.") && answer.contains(" 403 ") && !answer.contains("dedup"), "{answer}");
    }
    assert!(get(&address, &format!("{path}x"), &address).contains(" 404 "));
    assert!(ask(&address, &format!("POST {path} HTTP/1.1\r\nHost: {address}")).contains(" 405 "));

    // Whoever looks at the page sees how the run ends.
    open(&stage);
    let last = last_page(&address, &path);
    assert!(last.contains(">finished<"), "{last}");
    let said = end(child, heard, command);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(TcpStream::connect(&address).is_err(), "the server is gone with the run");
}

/// Connections that others keep open as long as this test likes: a run whose end waited for them would not end.
#[test]
fn nobody_who_reads_slowly_or_not_at_all_holds_up_a_run_or_another_reader() {
    let stage = waiting("wait", "{ at = \"process\" }");
    let command = "callboard run pipeline.toml --overwrite --run-dir run --serve";
    let (child, heard) = start(&stage, command, "stage 2 of 2: wait");
    let _bounded = Bounded::of(&child);
    let (address, path) = place(&heard);
    let begun = |request: String| {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream
    };
    let silent = || begun(String::new());
    let half = || begun(format!("GET {path} HTTP/1.1\r\nHost: 127.0"));
    let deaf = || begun(format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n"));
    let mut held: Vec<TcpStream> = (0..3).flat_map(|_| [silent(), half(), deaf()]).collect();
    // One that takes its answer in pieces, and has had the first.
    let mut slow = deaf();
    let mut piece = [0; 9];
    slow.read_exact(&mut piece).unwrap();
    assert_eq!(&piece, b"HTTP/1.1 ");
    open(&stage);
    assert!(last_page(&address, &path).contains(">finished<"));
    let said = end(child, heard, command);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    // All of them are there until now, and it is the server that has gone.
    for stream in held.iter_mut().chain([&mut slow]) {
        let _ = stream.read_to_end(&mut Vec::new());
    }
    assert!(TcpStream::connect(&address).is_err());
}

/// An answer that never ends: a run whose end waited for it would not end either.
#[test]
fn a_collector_that_answers_without_end_is_given_up() {
    let stage = Stage::set(&crate::repository("tests/cli/run"));
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = collector.local_addr().unwrap();
    let (tells, hears) = std::sync::mpsc::channel();
    thread::spawn(move || {
        for stream in collector.incoming() {
            let (mut stream, tells) = (stream.unwrap(), tells.clone());
            thread::spawn(move || {
                let _ = stream.read(&mut [0; 4096]);
                let mut sent = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n");
                while sent.is_ok() {
                    thread::sleep(Duration::from_millis(5));
                    sent = stream.write_all(b"0");
                }
                tells.send(()).unwrap();
            });
        }
    });
    let variables = format!("OTEL_EXPORTER_OTLP_ENDPOINT=http://{address} OTEL_EXPORTER_OTLP_TIMEOUT=100");
    let said = stage.sh(&format!("{variables} callboard run pipeline.toml --overwrite --fresh"));
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    // The collector would go on.
    hears.recv().unwrap();
    let about: Vec<&str> = said.stderr.lines().filter(|line| line.contains("OpenTelemetry")).collect();
    assert!(about.len() == 1 && about[0].ends_with("the run is not affected"), "{}", said.stderr);
}

#[test]
fn sums_continue_where_a_run_is_resumed() {
    let stage = waiting("wait", "{ at = \"process\" }");
    let said = interrupt(&stage, "callboard run pipeline.toml --overwrite --run-dir run", "stage 2 of 2: wait");
    assert_eq!(said.code, Some(130), "{}", said.stderr);
    let command = "env CALLBOARD_SERVE_TOKEN=0123456789abcdef callboard resume run --overwrite --serve=0";
    let (child, heard) = start(&stage, command, "stage 2 of 2: wait");
    let (address, path) = place(&heard);
    assert_eq!(path, "/0123456789abcdef/");
    let metrics =
        ask(&address, &format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer 0123456789abcdef"));
    assert!(figure(&metrics, "callboard_step_rows_in_total{step=\"exact-dedup\"}").unwrap() > 0.0, "{metrics}");
    assert!(figure(&metrics, "callboard_input_rows_total{input=\"docs\"}").unwrap() > 0.0, "{metrics}");
    assert_eq!(figure(&metrics, "callboard_resumed"), Some(1.0), "{metrics}");
    open(&stage);
    assert_eq!(end(child, heard, command).code, Some(0));
}

#[test]
fn an_address_that_others_reach_has_to_be_meant() {
    let stage = Stage::set(&crate::repository("tests/cli/run"));
    let said = |arguments: &str| stage.sh(&format!("callboard run pipeline.toml {arguments}"));
    let refused = said("--serve=0.0.0.0:0");
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert_eq!(
        refused.stderr,
        "error: other machines reach 0.0.0.0\n  help: use 127.0.0.1:0; or, to let them see the run, unencrypted, add: --serve-remote\n"
    );
    for wrong in ["--serve=example.org:1", "--serve=x", "--serve=127.0.0.1", "--serve-remote"] {
        assert_eq!(said(wrong).code, Some(2), "{wrong}");
    }
    let weak = stage.sh("CALLBOARD_SERVE_TOKEN=short callboard run pipeline.toml --serve");
    assert!(weak.code == Some(2) && weak.stderr.contains("at least 16"), "{}", weak.stderr);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = said(&format!("--serve={}", taken.local_addr().unwrap()));
    assert!(taken.code == Some(5) && taken.stderr.contains("cannot listen at 127.0.0.1:"), "{}", taken.stderr);
    let served = said("--serve=0.0.0.0:0 --serve-remote --quiet");
    assert!(
        served.code == Some(0) && served.stderr.starts_with("the run is shown at http://0.0.0.0:"),
        "{}",
        served.stderr
    );
    assert_eq!(served.stderr.lines().count(), 1, "{}", served.stderr);
}

#[test]
fn a_collector_that_is_down_silent_or_not_one_harms_no_run() {
    let stage = Stage::set(&crate::repository("tests/cli/run"));
    let run = |endpoint: &str| {
        let began = Instant::now();
        let line = format!("OTEL_EXPORTER_OTLP_ENDPOINT={endpoint} callboard run pipeline.toml --overwrite --fresh");
        let said = stage.sh(&line);
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        // Far from what it takes, and from what a request may take that is not given up.
        assert!(began.elapsed() < Duration::from_secs(60), "{endpoint}");
        let about = said.stderr.lines().filter(|line| line.contains("OpenTelemetry")).collect::<Vec<_>>();
        assert_eq!(about.len(), 1, "{}", said.stderr);
        about[0].to_owned()
    };
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let down = run(&format!("http://{gone}"));
    assert!(down.contains("Connection refused") && down.ends_with("the run is not affected"), "{down}");
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let said = run(&format!("http://{}", silent.local_addr().unwrap()));
    assert!(said.contains("no answer within 5 seconds"), "{said}");
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    thread::spawn(move || {
        for stream in other.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    assert!(run(&format!("http://{address}")).contains("it answers 404 Not Found"));
    assert!(run("nonsense").contains("`OTEL_EXPORTER_OTLP_ENDPOINT` is not an address"));
    assert!(fs::metadata(stage.folder.join("out/clean.jsonl")).unwrap().len() > 0);
}
