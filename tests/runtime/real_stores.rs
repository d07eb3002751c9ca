//! Stores that others wrote, in processes of their own: moto as S3, azurite as Azure. Where one is not installed, its test is skipped, which
//! `target/stores` says and `cargo xtask test` reports.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::bench::lines;
use crate::stores::{KEY, PIPELINE, SECRET};
use crate::trial::{Trial, ended, killed_when, was_killed};

/// The account that azurite has, and its key, as its documentation has them.
const ACCOUNT: &str = "devstoreaccount1";
const ACCOUNT_KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
/// A signature that this key made: of all that may be done with blobs, until 2126.
const SAS: &str = "sv=2018-11-09&ss=b&srt=sco&sp=rwdlac&se=2126-01-01T00%3A00%3A00Z&sig=h6MCm2jx0gH15XHZINScikT5rXHx9kdedOJ%2FEDSbPsc%3D";
/// How long a server may take to listen.
const PATIENCE: Duration = Duration::from_secs(120);

fn toolchains() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/toolchains")
}

/// Says whether a store is tried.
#[allow(clippy::print_stderr, reason = "what is skipped is said")]
fn is_here(store: &str, is: bool, install: &str) -> bool {
    let why = if is { String::new() } else { format!("{store} is not here: `{install}` gets it") };
    if !is {
        eprintln!("SKIPPED: {why}");
    }
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/stores");
    fs::create_dir_all(&list).and_then(|()| fs::write(list.join(store), why)).unwrap();
    is
}

/// A server, which ends with this.
struct Server {
    process: Child,
    address: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    fn moto() -> Option<Server> {
        let python = std::env::var_os("PYTHON").map_or(toolchains().join("python/bin/python"), PathBuf::from);
        let there = Command::new(&python).args(["-c", "import moto.server"]).stderr(Stdio::null()).status();
        if !is_here("moto", there.is_ok_and(|status| status.success()), "cargo xtask python") {
            return None;
        }
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new(&python);
        command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &address.port().to_string()]);
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let server = Server { process, address };
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(began.elapsed() < PATIENCE, "moto does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(server)
    }

    fn azurite() -> Option<Server> {
        let program = toolchains().join("stores/node_modules/.bin/azurite-blob");
        if !is_here("azurite", program.exists(), "cargo xtask stores") {
            return None;
        }
        let mut command = Command::new(program);
        command.args(["--inMemoryPersistence", "--blobPort", "0", "--silent", "--disableTelemetry"]);
        let mut process = command.arg("--skipApiVersionCheck").stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        let address = said.find_map(|line| line.split_once("listens on http://")?.1.parse().ok());
        // What else it says goes nowhere.
        std::thread::spawn(move || said.for_each(drop));
        let address = address.expect("azurite says where it listens");
        Some(Server { process, address })
    }

    /// Asks it, with these headers; the body of its answer.
    fn ask(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
        let (host, length) = (self.address, body.len());
        let head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n{headers}content-length: {length}\r\n\r\n");
        let answer = passed_on(self.address, head.as_bytes(), body).unwrap();
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 20"), "{method} {path}: {}", String::from_utf8_lossy(&answer));
        answer[end + 4..].to_vec()
    }

    /// Asks moto, which wants a signature, and looks at none.
    fn ask_s3(&self, method: &str, path: &str, body: &[u8]) -> Vec<u8> {
        let credential =
            "AWS4-HMAC-SHA256 Credential=a/20261129/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=b";
        self.ask(method, path, &format!("authorization: {credential}\r\n"), body)
    }

    /// Asks azurite about a blob, or what the path says behind `?`.
    fn ask_azure(&self, method: &str, path: &str, body: &[u8]) -> Vec<u8> {
        let sign = if path.contains('?') { '&' } else { '?' };
        self.ask(method, &format!("/{ACCOUNT}/{path}{sign}{SAS}"), "x-ms-blob-type: BlockBlob\r\n", body)
    }

    fn blobs(&self) -> Vec<String> {
        let list = self.ask_azure("GET", "docs?restype=container&comp=list&prefix=out/", b"");
        let list = String::from_utf8(list).unwrap();
        list.split("<Name>").skip(1).map(|rest| rest.split_once("</Name>").unwrap().0.to_owned()).collect()
    }

    /// The blobs that were written; they are removed.
    fn take(&self) -> Vec<(String, Vec<u8>)> {
        let of = |name: String| {
            let bytes = self.ask_azure("GET", &format!("docs/{name}"), b"");
            self.ask_azure("DELETE", &format!("docs/{name}"), b"");
            (name, bytes)
        };
        self.blobs().into_iter().map(of).collect()
    }
}

/// Sends a request on a connection of its own; the whole answer.
fn passed_on(to: SocketAddr, head: &[u8], body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut server = TcpStream::connect(to)?;
    server.write_all(&head[..head.len() - 2])?;
    server.write_all(b"connection: close\r\n\r\n")?;
    server.write_all(body)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    Ok(answer)
}

/// What stands before a server, counts the requests that write, and holds one of them.
struct Gate {
    address: SocketAddr,
    state: Arc<GateState>,
}

#[derive(Default)]
struct GateState {
    seen: AtomicUsize,
    /// The number of the one that is held, from 1, and whether it is passed on first.
    held: AtomicUsize,
    done: AtomicBool,
    is_held: AtomicBool,
}

impl Gate {
    fn before(server: SocketAddr) -> Gate {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let gate = Gate { address: listener.local_addr().unwrap(), state: Arc::default() };
        let state = gate.state.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let state = state.clone();
                std::thread::spawn(move || state.pass(client, server));
            }
        });
        gate
    }

    /// From now on, the request of this number is held, when it is received or when it is done; none for 0.
    fn hold(&self, number: usize, done: bool) {
        self.state.held.store(number, Ordering::SeqCst);
        self.state.done.store(done, Ordering::SeqCst);
        self.state.is_held.store(false, Ordering::SeqCst);
        self.state.seen.store(0, Ordering::SeqCst);
    }

    fn is_held(&self) -> bool {
        self.state.is_held.load(Ordering::SeqCst)
    }

    fn seen(&self) -> usize {
        self.state.seen.load(Ordering::SeqCst)
    }
}

impl GateState {
    fn pass(&self, client: TcpStream, server: SocketAddr) -> Option<()> {
        let mut reader = BufReader::new(&client);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        let length = |line: &str| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok();
        let mut body = vec![0; head.lines().find_map(length).unwrap_or(0)];
        reader.read_exact(&mut body).ok()?;
        let writes = !head.starts_with("GET ") && !head.starts_with("HEAD ");
        let number = if writes { self.seen.fetch_add(1, Ordering::SeqCst) + 1 } else { 0 };
        let holds = writes && number == self.held.load(Ordering::SeqCst);
        let done = self.done.load(Ordering::SeqCst);
        let answer = (!holds || done).then(|| passed_on(server, head.as_bytes(), &body));
        if holds {
            self.is_held.store(true, Ordering::SeqCst);
            // Until the process that asked is gone.
            let _ = reader.read(&mut [0]);
            return None;
        }
        (&client).write_all(&answer?.ok()?).ok()
    }
}

/// What the same pipeline writes on the disk, with inputs that are put into a store by `put`.
fn on_disk(folder: &Path, mut put: impl FnMut(&str, &[u8])) -> Vec<(String, Vec<u8>)> {
    for file in 0..3 {
        let rows = lines((0..400).map(|id| json!({"id": 3 * id + file, "text": format!("{id} ").repeat(8_000)})));
        put(&format!("in/part%20{file}%2B.jsonl"), rows.as_bytes());
        fs::write(folder.join(format!("part {file}+.jsonl")), rows).unwrap();
    }
    let local = PIPELINE.replace("s3://b/in/*.jsonl", "data/*.jsonl").replace("s3://b/", "");
    let here = Trial::new(folder.join("here"), &local, folder);
    here.finish();
    let outputs = here.outputs().into_iter().filter(|(name, _)| name != "here.csv");
    outputs.map(|(name, bytes)| (format!("out/{name}"), bytes)).collect()
}

#[test]
fn a_real_s3_takes_the_same_requests() {
    let Some(server) = Server::moto() else { return };
    server.ask_s3("PUT", "/docs", b"");
    let folder = tempfile::tempdir().unwrap();
    let right = on_disk(folder.path(), |key, bytes| drop(server.ask_s3("PUT", &format!("/docs/{key}"), bytes)));
    let far = Trial::new(folder.path().join("far"), &PIPELINE.replace("s3://b/", "s3://docs/"), folder.path());
    let mut run = far.go_on();
    run.env("AWS_ACCESS_KEY_ID", KEY).env("AWS_SECRET_ACCESS_KEY", SECRET).env("AWS_REGION", "us-east-1");
    run.env("AWS_ENDPOINT_URL", format!("http://{}", server.address));
    let status = ended(run.spawn().unwrap());
    assert!(status.success(), "{}", far.said());
    for (name, bytes) in right {
        assert!(server.ask_s3("GET", &format!("/docs/{name}"), b"") == bytes, "{name}");
    }
    let uploads = String::from_utf8(server.ask_s3("GET", "/docs?uploads", b"")).unwrap();
    assert!(!uploads.contains("<UploadId>"), "{uploads}");
}

/// Azurite, runs that use it, and what they may know of it.
struct Azure {
    server: Server,
    gate: Gate,
    folder: tempfile::TempDir,
    trials: AtomicUsize,
}

impl Azure {
    fn trial(&self, pipeline: &str) -> Trial {
        let number = self.trials.fetch_add(1, Ordering::Relaxed);
        Trial::new(self.folder.path().join(number.to_string()), pipeline, self.folder.path())
    }

    fn with<'a>(&self, command: &'a mut Command, variables: &[(&str, &str)]) -> &'a mut Command {
        command.env_remove("AZURE_STORAGE_SAS_TOKEN").env_remove("AZURE_STORAGE_ACCOUNT_KEY");
        command.env("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT);
        command.env("AZURE_STORAGE_ENDPOINT", format!("http://{}/{ACCOUNT}", self.gate.address));
        command.envs(variables.iter().copied())
    }

    fn go_on(&self, trial: &Trial) -> ExitStatus {
        self.go_on_unless(trial, || false)
    }

    fn go_on_unless(&self, trial: &Trial, now: impl Fn() -> bool) -> ExitStatus {
        let mut command = trial.go_on();
        killed_when(self.with(&mut command, &[("AZURE_STORAGE_ACCOUNT_KEY", ACCOUNT_KEY)]).spawn().unwrap(), now)
    }

    /// Kills runs at these requests of those that write, before and after each is done. Resumed, each leaves what an untouched one does.
    fn kill_at_each(&self, pipeline: &str, at: impl Fn(usize) -> Vec<usize>) {
        self.gate.hold(0, false);
        let trial = self.trial(pipeline);
        assert!(self.go_on(&trial).success(), "{}", trial.said());
        let (right, requests) = (self.server.take(), self.gate.seen());
        for number in at(requests) {
            for done in [false, true] {
                let trial = self.trial(pipeline);
                self.gate.hold(number, done);
                let killed = self.go_on_unless(&trial, || self.gate.is_held());
                assert!(was_killed(killed), "request {number}: {}", trial.said());
                self.gate.hold(0, false);
                assert!(self.go_on(&trial).success(), "request {number}: {}", trial.said());
                assert!(self.server.take() == right, "killed at request {number}, done: {done}");
            }
        }
    }
}

/// All of it with one server, which takes two seconds to start.
#[test]
fn azure_is_read_and_written_and_kept_from_those_without_its_keys() {
    let Some(server) = Server::azurite() else { return };
    server.ask_azure("PUT", "docs?restype=container", b"");
    let gate = Gate::before(server.address);
    let azure = Azure { server, gate, folder: tempfile::tempdir().unwrap(), trials: AtomicUsize::new(0) };
    let folder = azure.folder.path();
    let right = on_disk(folder, |key, bytes| drop(azure.server.ask_azure("PUT", &format!("docs/{key}"), bytes)));
    let far = PIPELINE.replace("s3://b/", "az://docs/");
    let run = |pipeline: &str, more: &[&str], variables: &[(&str, &str)]| {
        let trial = azure.trial(pipeline);
        let arguments = [&["run", "pipeline.toml", "--quiet"], more].concat();
        let mut command = trial.command(&arguments);
        (ended(azure.with(&mut command, variables).spawn().unwrap()).code(), trial.said())
    };

    // With the account's key and with a signature; one that is there is replaced if that is wanted.
    let key = ("AZURE_STORAGE_ACCOUNT_KEY", ACCOUNT_KEY);
    let (code, said) = run(&far, &[], &[key]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = run(&far, &[], &[key]);
    assert!(code == Some(2) && said.contains("`az://docs/out/lines.jsonl` is there already"), "{said}");
    let (code, said) = run(&far, &["--overwrite"], &[("AZURE_STORAGE_SAS_TOKEN", SAS)]);
    assert_eq!(code, Some(0), "{said}");
    assert!(azure.server.take() == right);

    let some = far.replace("in/*.jsonl", "in/part 0+.jsonl").replace("[[steps]]", "rows = 40\n[[steps]]");
    let input = some.split_once("[[steps]]").unwrap().0;
    azure.kill_at_each(&some, |requests| (1..=requests).collect());
    let parted = format!("{input}[outputs.parts]\npath = \"az://docs/out/part-{{n}}.jsonl\"\nmax_rows = 20\n");
    azure.kill_at_each(&parted, |requests| vec![1, requests - 1, requests]);

    let other = "a2V5".repeat(22);
    let misnamed = far.replace("az://docs/in", "az://none/in");
    let nowhere = far.replace("az://docs/out", "az://none/out");
    for (pipeline, variables, words) in [
        (&far, &[][..], "there are no credentials for Azure"),
        (
            &far,
            &[("AZURE_STORAGE_ACCOUNT_KEY", &*other)][..],
            "403 AuthorizationFailure: Server failed to authenticate",
        ),
        (&far, &[("AZURE_STORAGE_SAS_TOKEN", "sv=2018-11-09&sig=x")][..], "403 "),
        (&far, &[("AZURE_STORAGE_ACCOUNT_KEY", "no base64")][..], "Invalid Access Key"),
        (&misnamed, &[key][..], "404 ContainerNotFound"),
        (&nowhere, &[key][..], "404 ContainerNotFound"),
        (
            &far,
            &[key, ("AZURE_STORAGE_ENDPOINT", "http://192.0.2.1:9/x")][..],
            "the endpoint is not encrypted, and is not on this machine",
        ),
    ] {
        let (code, said) = run(pipeline, &[], variables);
        assert!(matches!(code, Some(2 | 5)) && said.contains(words), "{words}: {code:?} {said}");
        assert!(!said.contains(&other) && !said.contains("sig="), "{said}");
    }
    assert_eq!(azure.server.blobs(), [] as [&str; 0]);
}
