//! Runs that read from a store and write to one: killed at any request, they end as one that nobody touched, and leave nothing behind.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;

use crate::bench::lines;
use crate::s3::meeting::Meeting;
use crate::s3::{Fault, Request, S3};
use crate::trial::{Trial, ended, killed_when, was_killed};

pub(crate) const PIPELINE: &str = r#"
callboard = 1

[inputs.docs]
path = "s3://b/in/*.jsonl"

[[steps]]
use = "text-stats"

[outputs.lines]
path = "s3://b/out/lines.jsonl"

[outputs.table]
path = "s3://b/out/table.parquet"

[outputs.here]
path = "out/here.csv"
"#;

/// What nobody may see.
pub(crate) const KEY: &str = "KEYOFTHETEST";
pub(crate) const SECRET: &str = "SECRETOFTHETEST";

pub(crate) struct Stage {
    pub(crate) server: S3,
    folder: tempfile::TempDir,
    trials: AtomicUsize,
}

impl Stage {
    /// A store with `in/`: documents of about this many bytes.
    pub(crate) fn new(documents: u64, bytes: usize) -> Stage {
        let server = S3::start();
        server.state().closed = true;
        for file in 0..3 {
            let rows =
                (0..documents).map(|id| json!({"id": 3 * id + file, "text": format!("{id} ").repeat(bytes / 4)}));
            server.put(&format!("in/{file}.jsonl"), lines(rows));
        }
        Stage { server, folder: tempfile::tempdir().unwrap(), trials: AtomicUsize::new(0) }
    }

    pub(crate) fn trial(&self, pipeline: &str) -> Trial {
        let number = self.trials.fetch_add(1, Ordering::Relaxed);
        Trial::new(self.folder.path().join(number.to_string()), pipeline, self.folder.path())
    }

    pub(crate) fn with_keys<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let home = self.folder.path();
        command.env("AWS_ACCESS_KEY_ID", KEY).env("AWS_SECRET_ACCESS_KEY", SECRET).env("HOME", home);
        command.env("AWS_ENDPOINT_URL", &self.server.endpoint).env_remove("AWS_PROFILE")
    }

    pub(crate) fn go_on(&self, trial: &Trial) -> Command {
        let mut command = trial.go_on();
        self.with_keys(&mut command);
        command
    }

    pub(crate) fn finish(&self, trial: &Trial) {
        let status = ended(self.go_on(trial).spawn().unwrap());
        assert!(status.success(), "{status}: {}", trial.said());
    }

    /// What was written, here and there; it is removed.
    pub(crate) fn take(&self, trial: &Trial) -> Vec<(String, Vec<u8>)> {
        let mut state = self.server.state();
        let written: Vec<String> = state.objects.keys().filter(|key| !key.starts_with("b/in/")).cloned().collect();
        let mut taken: Vec<_> =
            written.into_iter().map(|key| (key.clone(), state.objects.remove(&key).unwrap().0.to_vec())).collect();
        assert_eq!(state.uploads.len(), 0, "nothing is left in the store");
        taken.extend(trial.outputs());
        taken
    }

    /// Kills a run when the request of this number, of those that write, was received, or was answered but for the answer's way.
    pub(crate) fn kill_at(&self, trial: &Trial, number: usize, done: bool) -> bool {
        let seen = AtomicUsize::new(0);
        self.server.is_held();
        self.server.fault(move |request| {
            if !writes(request) || seen.fetch_add(1, Ordering::Relaxed) != number {
                return None;
            }
            Some(if done { Fault::Mute } else { Fault::Late(Duration::from_secs(3600)) })
        });
        let status = killed_when(self.go_on(trial).spawn().unwrap(), || self.server.is_held());
        self.server.right();
        was_killed(status)
    }
}

fn writes(request: &Request) -> bool {
    !["GET", "HEAD"].contains(&request.method.as_str())
}

#[test]
fn a_run_between_stores_that_is_killed_at_any_request_ends_as_one_that_nobody_touched() {
    let stage = Stage::new(100, 200);
    let trial = stage.trial(PIPELINE);
    stage.finish(&trial);
    let right = stage.take(&trial);
    assert_eq!(
        right.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["b/out/lines.jsonl", "b/out/table.parquet", "here.csv"]
    );
    let requests =
        stage.server.requests().iter().filter(|line| !line.starts_with("GET") && !line.starts_with("HEAD")).count();
    assert!(requests >= 6, "{requests}");
    for number in 0..requests {
        for done in [false, true] {
            let trial = stage.trial(PIPELINE);
            assert!(stage.kill_at(&trial, number, done), "request {number}: {}", trial.said());
            stage.finish(&trial);
            assert!(stage.take(&trial) == right, "killed at request {number}, done: {done}");
            assert!(!trial.path("run/uploads").exists());
        }
    }
}

#[test]
fn parts_that_were_sent_are_not_sent_again() {
    let stage = Stage::new(80, 160_000);
    let trial = stage.trial(PIPELINE);
    stage.finish(&trial);
    let right = stage.take(&trial);
    assert!(right[0].1.len() > 24 << 20, "{}", right[0].1.len());
    let parts = || stage.server.requests().iter().filter(|line| line.contains("lines.jsonl?partNumber")).count();
    let all = parts();
    assert!(all >= 4, "{all}");
    // Two uploads begin, and parts follow.
    let trial = stage.trial(PIPELINE);
    assert!(stage.kill_at(&trial, 2 + 4, false), "{}", trial.said());
    let before = parts();
    stage.finish(&trial);
    let after = parts();
    // Those that were on their way are sent again, and no others: two, and the last one.
    assert!(before >= 4 && after <= all - before + 3, "{all} parts: {before} before the kill, {after} after it");
    assert!(stage.take(&trial) == right);
}

/// One input and one output, both in a store.
const ONE_TO_ONE: &str = r#"
callboard = 1

[inputs.docs]
path = "s3://b/in/0.jsonl"

[[steps]]
use = "text-stats"

[outputs.lines]
path = "s3://b/out/lines.jsonl"
"#;

#[test]
fn a_run_asks_a_store_nothing_twice() {
    let stage = Stage::new(100, 200);
    let trial = stage.trial(ONE_TO_ONE);
    stage.finish(&trial);
    let mut requests = stage.server.requests();
    requests.sort();
    let expected = [
        // Whether something is in the place: before the run and before it commits.
        "GET b/in/0.jsonl",
        "HEAD b/out/lines.jsonl",
        "HEAD b/out/lines.jsonl",
        "POST b/out/lines.jsonl?uploadId=",
        "POST b/out/lines.jsonl?uploads=",
        "PUT b/out/lines.jsonl?partNumber=1&uploadId=",
    ];
    assert_eq!(requests.len(), expected.len(), "{requests:#?}");
    assert!(requests.iter().zip(expected).all(|(line, expected)| line.starts_with(expected)), "{requests:#?}");
    assert_eq!(stage.take(&trial).len(), 1);
}

/// Requests of which none needs the answer of another are sent together: while a run begins, and at its end.
#[test]
fn a_run_waits_for_few_answers_in_a_row() {
    // Those that columns are learnt from are in the first request, and the output has three parts.
    let stage = Stage::new(20_000, 800);
    let trial = stage.trial(ONE_TO_ONE);
    let meetings = [
        &["GET b/in/0.jsonl bytes=0-", "HEAD b/out/lines.jsonl"][..],
        &["POST b/out/lines.jsonl?uploads", "GET b/in/0.jsonl bytes=1048576-", "GET b/in/0.jsonl bytes=3145728-"],
        &["PUT b/out/lines.jsonl?partNumber=1", "PUT b/out/lines.jsonl?partNumber=2"],
        &["PUT b/out/lines.jsonl?partNumber=3", "HEAD b/out/lines.jsonl"],
    ]
    .map(Meeting::of);
    let (held, begun) = (meetings.clone(), AtomicBool::new(false));
    stage.server.fault(move |request| {
        let [begin, read, send, end] = &held;
        // The object is looked for twice: before the run, and before it commits.
        if begun.fetch_or(request.query.contains_key("uploads"), Ordering::Relaxed) {
            end.attend(request);
        }
        [begin, read, send].iter().for_each(|meeting| meeting.attend(request));
        None
    });
    stage.finish(&trial);
    stage.server.right();
    for meeting in meetings {
        assert!(meeting.was_held(), "{meeting:?}: {:#?}", stage.server.requests());
    }
    stage.take(&trial);
}

#[test]
fn inputs_are_asked_for_side_by_side() {
    let stage = Stage::new(100, 200);
    let input = |name: &str, path: &str| format!("[inputs.{name}]\npath = \"s3://b/in/{path}\"\n");
    let steps = "[[steps]]\nuse = \"text-stats\"\nfrom = [\"one\", \"more\"]\n";
    let inputs = input("one", "0.jsonl") + &input("more", "[12].jsonl");
    let trial =
        stage.trial(&format!("callboard = 1\n{inputs}{steps}[outputs.lines]\npath = \"s3://b/out/lines.jsonl\"\n"));
    let meeting = Meeting::of(&["GET b/in/0.jsonl bytes=0-", "GET b?", "HEAD b/out/lines.jsonl"]);
    let held = meeting.clone();
    stage.server.fault(move |request| {
        held.attend(request);
        None
    });
    stage.finish(&trial);
    stage.server.right();
    assert!(meeting.was_held(), "{meeting:?}: {:#?}", stage.server.requests());
    let taken = stage.take(&trial);
    assert_eq!(taken[0].1.iter().filter(|byte| **byte == b'\n').count(), 300);
}

#[test]
fn a_store_that_does_not_answer_is_named_while_it_is_waited_for() {
    let stage = Stage::new(10, 100);
    let trial = stage.trial(ONE_TO_ONE);
    let answers = Arc::new(AtomicBool::new(false));
    let may_answer = answers.clone();
    stage.server.fault(move |request| {
        while request.path == "b/in/0.jsonl" && !may_answer.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(10));
        }
        None
    });
    let mut run = trial.command(&["run", "pipeline.toml", "--run-dir", "run"]);
    let mut run = stage.with_keys(&mut run).spawn().unwrap();
    while !trial.said().contains("waiting for `s3://b/in/0.jsonl`") {
        assert!(run.try_wait().unwrap().is_none(), "{}", trial.said());
        std::thread::sleep(Duration::from_millis(50));
    }
    answers.store(true, Ordering::Relaxed);
    assert!(ended(run).success(), "{}", trial.said());
    stage.take(&trial);
}

#[test]
fn a_run_that_is_removed_leaves_no_upload() {
    let stage = Stage::new(10, 100);
    // Received, done, and the same of the first part.
    for (number, done) in [(0, true), (1, false), (2, true), (4, false)] {
        let trial = stage.trial(PIPELINE);
        assert!(stage.kill_at(&trial, number, done), "{}", trial.said());
        assert!(!stage.server.state().uploads.is_empty(), "an upload has begun");
        let mut remove = trial.command(&["runs", "remove", "run"]);
        let status = ended(stage.with_keys(&mut remove).spawn().unwrap());
        assert!(status.success(), "{}", trial.said());
        assert_eq!(stage.server.state().uploads.len(), 0);
        assert!(!trial.path("run").exists());
        stage.take(&trial);
    }
}

#[test]
fn a_run_that_cannot_be_resumed_leaves_no_upload_when_it_fails() {
    let stage = Stage::new(10, 100);
    let trial = stage.trial(PIPELINE);
    stage.server.put("in/9.jsonl", "{\"id\": 1, \"text\": 5}\n");
    let mut run = trial.command(&["run", "pipeline.toml", "--no-resume", "--quiet"]);
    let status = ended(stage.with_keys(&mut run).spawn().unwrap());
    assert!(!status.success(), "{}", trial.said());
    assert_eq!(stage.server.state().uploads.len(), 0);
    assert!(stage.take(&trial).is_empty());
}

/// As a rule of the bucket does that ends old uploads, or another run that writes there.
#[test]
fn an_upload_that_somebody_has_ended_is_sent_again() {
    let stage = Stage::new(10, 100);
    let trial = stage.trial(PIPELINE);
    stage.finish(&trial);
    let right = stage.take(&trial);
    let (trial, state) = (stage.trial(PIPELINE), stage.server.state.clone());
    let ended_once = AtomicUsize::new(0);
    stage.server.fault(move |request| {
        let completes = request.method == "POST" && request.query.contains_key("uploadId");
        if completes && ended_once.fetch_add(1, Ordering::Relaxed) == 0 {
            state.lock().unwrap().uploads.clear();
        }
        None
    });
    stage.finish(&trial);
    stage.server.right();
    assert!(stage.take(&trial) == right);
}

#[test]
fn what_is_there_is_replaced_only_where_that_is_wanted() {
    let stage = Stage::new(10, 100);
    stage.server.put("out/table.parquet", "somebody's");
    let trial = stage.trial(PIPELINE);
    let status = ended(stage.go_on(&trial).spawn().unwrap());
    assert_eq!(status.code(), Some(2), "{}", trial.said());
    assert!(trial.said().contains("`s3://b/out/table.parquet` is there already"), "{}", trial.said());
    assert!(!stage.server.requests().iter().any(|line| line.contains("uploads")), "nothing was begun");
    let mut run = trial.command(&["run", "pipeline.toml", "--run-dir", "run", "--overwrite", "--quiet"]);
    let status = ended(stage.with_keys(&mut run).spawn().unwrap());
    assert!(status.success(), "{}", trial.said());
    assert!(stage.server.get("out/table.parquet").unwrap().starts_with(b"PAR1"));

    stage.take(&trial);
    let own = stage.trial(&PIPELINE.replace("out/table.parquet", "in/0.jsonl"));
    let status = ended(stage.go_on(&own).spawn().unwrap());
    assert_eq!(status.code(), Some(2));
    assert!(own.said().contains("`s3://b/in/0.jsonl` is a file of input `docs`"), "{}", own.said());
}

/// A store that refuses ends the run before any work.
#[test]
fn a_store_that_cannot_be_written_is_known_before_any_work() {
    let stage = Stage::new(10, 100);
    for (code, said) in
        [("AccessDenied", "these credentials may not write there"), ("InvalidAccessKeyId", "check AWS_ACCESS_KEY_ID")]
    {
        let trial = stage.trial(PIPELINE);
        stage.server.fault(move |request| writes(request).then_some(Fault::Status(403, code, None)));
        let status = ended(stage.go_on(&trial).spawn().unwrap());
        assert_eq!(status.code(), Some(5), "{}", trial.said());
        assert!(trial.said().contains(said) && trial.said().contains("`s3://b/out/"), "{}", trial.said());
        stage.server.right();
        assert_eq!(trial.count("stage"), 0);
    }
}

#[test]
fn an_input_that_is_another_version_is_not_resumed() {
    let stage = Stage::new(10, 100);
    let trial = stage.trial(PIPELINE);
    assert!(stage.kill_at(&trial, 0, true));
    let same = stage.server.get("in/1.jsonl").unwrap();
    stage.server.put("in/1.jsonl", same);
    let status = ended(stage.go_on(&trial).spawn().unwrap());
    assert_eq!(status.code(), Some(3), "{}", trial.said());
    assert!(trial.said().contains("`s3://b/in/1.jsonl` is another version"), "{}", trial.said());
}

#[test]
fn secrets_are_written_nowhere() {
    let stage = Stage::new(10, 100);
    let trial = stage.trial(PIPELINE);
    assert!(stage.kill_at(&trial, 3, true), "{}", trial.said());
    look(&trial.folder);
    let mut plan = trial.command(&["plan", "pipeline.toml"]);
    let said = stage.with_keys(&mut plan).stdout(std::process::Stdio::piped()).output().unwrap();
    assert!(!String::from_utf8_lossy(&said.stdout).contains(SECRET));
    stage.server.fault(|request| writes(request).then_some(Fault::Status(403, "SignatureDoesNotMatch", None)));
    assert!(!ended(stage.go_on(&trial).spawn().unwrap()).success());
    look(&trial.folder);
    stage.server.right();
    stage.finish(&trial);
    look(&trial.folder);
}

/// Looks for a secret in all files of a folder.
fn look(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            look(&entry.path());
        } else if entry.file_type().unwrap().is_file() {
            let bytes = fs::read(entry.path()).unwrap();
            let has = |word: &str| bytes.windows(word.len()).any(|there| there == word.as_bytes());
            assert!(!has(SECRET) && !has(KEY), "{}", entry.path().display());
        }
    }
}

/// Credentials of all kinds, and none.
#[test]
fn credentials_come_from_the_environment_and_from_profiles() {
    let stage = Stage::new(10, 100);
    let aws = stage.folder.path().join(".aws");
    fs::create_dir(&aws).unwrap();
    fs::write(
        aws.join("credentials"),
        format!("[other]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n"),
    )
    .unwrap();
    let config = format!(
        "[profile other]\nendpoint_url = {}\nregion = eu-west-1\n[profile sso]\nsso_session = x\n",
        stage.server.endpoint
    );
    fs::write(aws.join("config"), config).unwrap();
    let run = |set: &[(&str, &str)]| {
        let trial = stage.trial(PIPELINE);
        let mut command = stage.go_on(&trial);
        command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
        command.envs(set.iter().copied());
        let code = ended(command.spawn().unwrap()).code();
        stage.take(&trial);
        (code, trial.said())
    };
    let (code, said) = run(&[("AWS_PROFILE", "other"), ("AWS_ENDPOINT_URL", &stage.server.endpoint)]);
    assert_eq!(code, Some(0), "{said}");
    for (set, words) in [
        (&[][..], "there are no credentials for S3"),
        (&[("AWS_PROFILE", "none")][..], "AWS_PROFILE is `none`, and there are no keys of that profile"),
        (&[("AWS_PROFILE", "sso")][..], "the profile `sso` gets its keys by `sso_session`, which is not known here"),
        (&[("AWS_ACCESS_KEY_ID", "x")][..], "AWS_ACCESS_KEY_ID is set, and AWS_SECRET_ACCESS_KEY is not"),
        (&[("AWS_SKIP_SIGNATURE", "true")][..], "S3 answers 403 AccessDenied"),
        (
            &[("AWS_ACCESS_KEY_ID", "x"), ("AWS_SECRET_ACCESS_KEY", "y"), ("AWS_ENDPOINT_URL", "http://192.0.2.1:9")][..],
            "the endpoint is not encrypted, and is not on this machine",
        ),
    ] {
        let (code, said) = run(set);
        assert_eq!(code, Some(5).filter(|_| !words.starts_with("the endpoint")).or(Some(2)), "{said}");
        assert!(said.contains(words), "{said}");
    }
}

/// A connection that is encrypted, as `localhost`. The certificates were made for these tests with openssl and end in 2126; the key of their
/// authority is nowhere.
fn encrypted(stream: TcpStream) -> Option<StreamOwned<ServerConnection, TcpStream>> {
    let chain = CertificateDer::pem_slice_iter(include_bytes!("../fixtures/tls/server.pem"));
    let chain = chain.collect::<Result<Vec<_>, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("../fixtures/tls/server.key")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let connection = ServerConnection::new(Arc::new(config.with_single_cert(chain, key).unwrap())).ok()?;
    Some(StreamOwned::new(connection, stream))
}

#[test]
fn an_encrypted_store_is_trusted_if_its_authority_is() {
    let stage = Stage { server: S3::start_behind(encrypted), ..Stage::new(50, 200) };
    let rows = lines((0..100).map(|id| json!({"id": id, "text": "x"})));
    stage.server.put("in/0.jsonl", &rows);
    let endpoint = stage.server.endpoint.replace("http://127.0.0.1", "https://localhost");
    let authority = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/tls/ca.pem");
    let run = |variable: Option<&str>| {
        let trial = stage.trial(PIPELINE);
        let mut command = stage.go_on(&trial);
        command.env("AWS_ENDPOINT_URL", &endpoint).env_remove("SSL_CERT_FILE");
        if let Some(variable) = variable {
            command.env(variable, &authority);
        }
        (ended(command.spawn().unwrap()).code(), trial.said(), stage.take(&trial).len())
    };
    let (code, said, written) = run(None);
    assert_eq!((code, written), (Some(5), 0), "{said}");
    assert!(said.contains("UnknownIssuer") && said.contains("SSL_CERT_FILE"), "{said}");
    for variable in ["SSL_CERT_FILE", "AWS_CA_BUNDLE"] {
        let (code, said, written) = run(Some(variable));
        assert_eq!((code, written), (Some(0), 3), "{said}");
    }
}

/// The interface of Google's store that S3's is like.
#[test]
fn googles_store_is_read_and_written() {
    let stage = Stage::new(300, 400);
    stage.server.state().closed = false;
    let at_s3 = stage.trial(PIPELINE);
    stage.finish(&at_s3);
    let right = stage.take(&at_s3);
    let account = json!({"private_key": "none", "private_key_id": "none", "client_email": "none", "disable_oauth": true,
        "gcs_base_url": stage.server.endpoint});
    let key = stage.folder.path().join("account.json");
    fs::write(&key, account.to_string()).unwrap();
    let trial = stage.trial(&PIPELINE.replace("s3://", "gs://"));
    let status = ended(stage.go_on(&trial).env("GOOGLE_SERVICE_ACCOUNT", &key).spawn().unwrap());
    assert!(status.success(), "{}", trial.said());
    assert!(stage.take(&trial) == right);
}
