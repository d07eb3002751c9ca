//! What a step that is tried may reach: what the command line names. The file that lies beside a component grants nothing.

use std::io::Read;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::bench::{Bench, Said, repository};

/// A server that counts who calls.
struct Server {
    port: u16,
    calls: Arc<AtomicUsize>,
}

impl Server {
    fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, calls) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
        let counted = calls.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                counted.fetch_add(1, Ordering::SeqCst);
                let mut stream = stream.unwrap();
                let _ = stream.read(&mut [0; 1024]);
                let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
            }
        });
        Server { port, calls }
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

/// A stranger's component, and beside it a file that asks for everything.
fn downloaded(server: &Server) -> Bench {
    let bench = Bench::new();
    bench.put("reach.wasm", std::fs::read(repository("target/guests/reach.wasm")).unwrap());
    bench.put("secret", "of the user");
    bench.put(
        "step.toml",
        format!(
            "name = \"reach\"\nkind = \"transform\"\nlanguage = \"rust\"\n[build]\ncommands = [[\"true\"]]\n\
             [grant]\nenv = [\"HOME\"]\nhttp = [\"GET http://127.0.0.1:{}/\"]\nfiles = [\"secret\", {{ path = \"new\", write = true }}]\n\
             clock = true\nsecret.\"127.0.0.1\" = {{ header = \"X\", value = \"${{env.PATH}}\" }}\n",
            server.port
        ),
    );
    let attempts = [
        "env".to_owned(),
        format!("request GET http://127.0.0.1:{}/", server.port),
        "folders".to_owned(),
        "now".to_owned(),
    ];
    bench.put("rows.jsonl", attempts.map(|attempt| format!("{{\"text\":\"{attempt}\"}}\n")).concat());
    bench
}

/// What came of each attempt.
fn said(said: &Said) -> Vec<String> {
    let row =
        |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["said"].as_str().unwrap().to_owned();
    said.out.lines().map(row).collect()
}

/// A wrong outcome would send the user's environment to whoever made the component.
#[test]
fn the_file_beside_a_component_grants_nothing() {
    let server = Server::start();
    let bench = downloaded(&server);
    let asks = format!(
        "grant.env = [\"HOME\"], grant.http = [\"GET http://127.0.0.1:{}/\"], grant.files = [\"secret\", {{ path = \"new\", write = true }}], \
         grant.clock = true, grant.secret = {{ \"127.0.0.1\" = {{ header = \"X\", value = \"${{env.PATH}}\" }} }}",
        server.port
    );
    let rows = bench.text("rows.jsonl");
    let run = bench.callboard(&["step", "run"], &rows);
    assert_eq!(run.code, 0, "{}", run.error);
    assert_eq!(said(&run), ["", "ErrorCode::HttpRequestDenied", "", "946684800"]);
    assert!(run.error.contains(&format!("`step.toml` asks for what is not granted: {asks}")), "{}", run.error);
    assert!(run.error.contains("--grant-step-toml grants all of it"), "{}", run.error);
    for command in ["test", "conform"] {
        let tried = bench.callboard(&["step", command], "");
        assert!(tried.error.contains(&format!("asks for what is not granted: {asks}")), "{command}: {}", tried.error);
    }
    let inspected = bench.callboard(&["step", "inspect"], "");
    assert_eq!(inspected.code, 0, "{}", inspected.error);
    for line in asks.split(", grant.").map(|line| line.trim_start_matches("grant.")) {
        assert!(inspected.out.contains(&format!("    grant.{line}\n")), "{line}: {}", inspected.out);
    }
    let json = bench.callboard(&["step", "inspect", "--json", "reach.wasm"], "");
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["asks"].as_array().unwrap().len(), 5);
    assert_eq!(server.calls(), 0);
    assert!(!bench.has("new"), "no folder was made for it");
}

/// A wrong outcome would leave an author whose step needs grants without a test.
#[test]
fn a_step_is_tried_with_what_the_command_line_names() {
    let server = Server::start();
    let bench = downloaded(&server);
    let rows = bench.text("rows.jsonl");
    let home = std::env::var("HOME").unwrap();
    let only = bench.callboard(&["step", "run", "--grant-env", "HOME", "--grant-write", "new"], &rows);
    assert_eq!(
        said(&only),
        [&*format!("HOME={home}"), "ErrorCode::HttpRequestDenied", "new", "946684800"],
        "{}",
        only.error
    );
    assert!(only.error.contains("not granted: grant.http = ["), "{}", only.error);
    assert!(!only.error.contains("grant.env") && only.error.contains("grant.files = [\"secret\"]"), "{}", only.error);
    assert_eq!(server.calls(), 0);
    let request = format!("GET http://127.0.0.1:{}/", server.port);
    let secret = "127.0.0.1 X: ${env.PATH}";
    let named = ["--grant-http", &request, "--grant-files", "secret", "--grant-secret", secret, "--grant-clock"];
    let named = bench.callboard(&[&["step", "run"], &named[..]].concat(), &rows);
    let outcome = said(&named);
    assert_eq!((outcome[0].as_str(), &outcome[1][..3], outcome[2].as_str()), ("", "200", "."), "{}", named.error);
    assert!(outcome[3].parse::<u64>().unwrap() > 946_684_800);
    assert_eq!(server.calls(), 1);
    let all = bench.callboard(&["step", "run", "--grant-step-toml"], &rows);
    assert_eq!((&said(&all)[1][..3], said(&all)[2].as_str()), ("200", ". new"), "{}", all.error);
    assert!(all.error.contains("granted, as `step.toml` asks: grant.env = [\"HOME\"], "), "{}", all.error);
    assert!(!all.error.contains("not granted"), "{}", all.error);
    assert_eq!(server.calls(), 2);
    let blessed = bench.callboard(&["step", "test", "--bless", "--grant-env", "HOME"], "");
    assert!(bench.text("expected.jsonl").contains(&format!("HOME={home}")), "{}", blessed.error);
    // What cannot be granted is said as in a pipeline.
    let wrong = bench.callboard(&["step", "run", "--grant-http", "FETCH http://a/"], &rows);
    assert!(wrong.code == 2 && wrong.error.contains("`FETCH` is not a request method"), "{}", wrong.error);
    let wrong = bench.callboard(&["step", "run", "--grant-secret", "hunter2"], &rows);
    assert!(wrong.code == 2 && wrong.error.contains("expected a host, a header and its value"), "{}", wrong.error);
}
