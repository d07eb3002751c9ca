//! Offline batches: requests that are written down, submitted together, and replied to within a day, mostly for half the price.
//!
//! 1. While a stage runs, a request whose reply is not known is written into the file of a batch ([`Offline::ask`]); its step's call
//!    comes to nothing, and the other rows follow.
//! 2. When the stage's rows are read, each batch is kept with a random key, and then submitted under that key ([`submit`]). A process that
//!    finds a batch without an identifier looks for its key at the server, and submits it if it is not there.
//! 3. A later process asks how far the batch is, and takes what came of it into the journal of replies ([`collect`]), where the step's
//!    request finds it. What failed for a passing reason becomes part of a new batch.

mod collect;
mod form;
mod manage;
mod submit;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use callboard_words::text::hex;
use hyper::Method;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST};
use serde::Deserialize;

pub use self::form::Form;

use super::Granted;
use super::calls::Asked;
use super::journal::{CallKey, is_aside};
use super::reply::{Failed, Reply};
use super::server::Server;
use super::usage::Need;
use crate::error::{Class, SandboxError};

/// What a batch's body has besides the requests, bytes, at most.
const ENVELOPE: u64 = 4_096;

/// What the requests of a batch have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    /// The step that asks.
    pub step: String,
    /// The server, as its limits name it.
    pub server: String,
    /// How the server is given batches.
    pub form: Form,
    /// What comes before the endpoint in the requests' URL.
    pub url: String,
    /// Such as `/chat/completions`.
    pub endpoint: String,
    /// Headers of all requests, but none with a secret.
    pub headers: Vec<(String, String)>,
    /// The model.
    pub model: String,
    /// How many batches had these requests before.
    pub tries: u32,
}

/// A batch of requests that is kept until all replies are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// A random key, by which it is found at the server.
    pub key: String,
    /// What its requests have in common.
    pub of: Group,
    /// When it was last about to be sent, seconds since 1970.
    pub at: u64,
    /// The most that it may cost.
    pub cost: u64,
    /// The server's identifier of the file of requests, once it has that.
    pub file: Option<String>,
    /// The server's identifier of the batch, once it has that.
    pub id: Option<String>,
    /// The requests, in order.
    pub requests: Vec<CallKey>,
    /// Those without a reply, once it has ended and the replies are kept.
    pub failed: Vec<Unanswered>,
}

/// A request that a batch has ended without a reply to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// Which of the batch's requests.
    pub request: u32,
    /// How many batches had it, if another one is to.
    pub tries: Option<u32>,
    /// The status that the server has refused it with; 0 if it said nothing.
    pub status: u16,
    /// What the server said, or why there is nothing.
    pub said: Vec<u8>,
}

impl Unanswered {
    /// The outcome for the step.
    fn outcome(&self) -> Result<Reply, Failed> {
        match self.status {
            0 => Err(Failed::late_batch(&String::from_utf8_lossy(&self.said))),
            status => Ok(Reply { status, headers: Vec::new(), body: self.said.clone().into() }),
        }
    }
}

/// Keeps batches. Called from several threads.
pub trait Shelf: Send + Sync {
    /// A new file for the requests of a batch. It is lost with this process unless the batch is kept.
    ///
    /// # Errors
    ///
    /// What the disk refuses.
    fn begin(&self, key: &str) -> io::Result<File>;

    /// Keeps a batch as it is now: when this returns, it is on the disk.
    ///
    /// # Errors
    ///
    /// What the disk refuses.
    fn keep(&self, batch: &Batch) -> io::Result<()>;

    /// The file of a batch's requests.
    ///
    /// # Errors
    ///
    /// It is not there, or cannot be read.
    fn requests(&self, key: &str) -> io::Result<File>;

    /// Whether a batch is still kept.
    fn has(&self, key: &str) -> bool;

    /// Forgets a batch: its replies are kept, or there are none.
    ///
    /// # Errors
    ///
    /// What the disk refuses.
    fn remove(&self, key: &str) -> io::Result<()>;
}

/// Batches that were found when a run began.
pub struct Batches {
    /// Where they are kept.
    pub shelf: Arc<dyn Shelf>,
    /// Each, and whether another process works on it.
    pub found: Vec<(Batch, bool)>,
    /// How long a batch that a process was about to submit when it was killed may need to appear at the server.
    pub grace: Duration,
}

/// The batches that requests of this run wait for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deferred {
    /// How many there are.
    pub batches: usize,
    /// Requests in them.
    pub requests: usize,
    /// Their servers.
    pub servers: BTreeSet<String>,
}

impl Deferred {
    fn of<'a>(batches: impl Iterator<Item = &'a Batch>) -> Deferred {
        let mut deferred = Deferred::default();
        for batch in batches {
            deferred.batches += 1;
            deferred.requests += batch.requests.len();
            deferred.servers.insert(batch.of.server.clone());
        }
        deferred
    }
}

/// The requests of a run that are sent as batches.
pub(super) struct Offline {
    shelf: Arc<dyn Shelf>,
    grace: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Requests that a batch has, by their key, and the batch's.
    in_batches: HashMap<CallKey, Arc<str>>,
    /// The batches that requests of this process wait for.
    awaited: BTreeSet<Arc<str>>,
    open: BTreeMap<Group, Open>,
    /// Written, but not kept.
    written: Vec<Batch>,
    /// Kept; with whether another process works on it.
    pending: Vec<(Batch, bool)>,
    /// Ended, and kept for what was not replied to.
    ended: Vec<String>,
    /// Requests whose replies this process has fetched, and not handed out.
    fetched: HashSet<CallKey>,
    /// How many batches had a request that is to be part of another one.
    tries: HashMap<CallKey, u32>,
    /// What came of requests that are not sent again.
    outcomes: HashMap<CallKey, Result<Reply, Failed>>,
}

/// A batch that is being written.
struct Open {
    batch: Batch,
    file: BufWriter<File>,
    bytes: u64,
    weight: usize,
}

/// What is read of a request's body.
#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    model: String,
    #[serde(default)]
    stream: bool,
    input: Option<serde_json::Value>,
}

impl Offline {
    pub(super) fn new(batches: Batches) -> Offline {
        let Batches { shelf, found, grace } = batches;
        let mut state = State::default();
        let (pending, ended): (Vec<_>, Vec<_>) = found.into_iter().partition(|(batch, _)| batch.failed.is_empty());
        for (batch, _) in &pending {
            let key: Arc<str> = batch.key.as_str().into();
            state.in_batches.extend(batch.requests.iter().map(|request| (*request, key.clone())));
        }
        state.pending = pending;
        ended.into_iter().for_each(|(batch, _)| state.ends(&batch));
        Offline { shelf, grace, state: Mutex::new(state) }
    }

    /// Forgets the requests without a reply: the run has ended, and another one asks for them again.
    pub(super) fn finish(&self) -> io::Result<()> {
        let ended = std::mem::take(&mut self.state().ended);
        ended.iter().try_for_each(|key| self.shelf.remove(key))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the reply to a request was fetched by this process and is handed out for the first time.
    pub(super) fn hands_out(&self, key: &CallKey) -> bool {
        self.state().fetched.remove(key)
    }

    /// The batches that requests of this process wait for.
    pub(super) fn deferred(&self) -> Deferred {
        let state = self.state();
        let batches = state.open.values().map(|open| &open.batch).chain(&state.written);
        let batches = batches.chain(state.pending.iter().map(|(batch, _)| batch));
        Deferred::of(batches.filter(|batch| state.awaited.contains(batch.key.as_str())))
    }

    /// Whether there are batches that have not ended.
    pub(super) fn awaits(&self) -> bool {
        !self.state().pending.is_empty()
    }

    /// What came of a request whose reply is not known: mostly that it is part of a batch now. None if it cannot be part of one.
    pub(super) fn ask(
        &self,
        step: &Granted,
        server: &Server,
        asked: &Asked,
    ) -> Result<Option<Result<Reply, Failed>>, SandboxError> {
        let uri = &asked.head.uri;
        let Some((form, base, endpoint)) = Form::of(uri.path()) else { return Ok(None) };
        if asked.head.method != Method::POST || uri.query().is_some() {
            return Ok(None);
        }
        let text = std::str::from_utf8(&asked.body).ok();
        let read = text.and_then(|text| Some((text, serde_json::from_str::<Body>(text).ok()?)));
        let Some((text, body)) = read.filter(|(_, body)| !body.stream) else { return Ok(None) };
        let mut state = self.state();
        if let Some(outcome) = state.outcomes.get(&asked.key) {
            return Ok(Some(outcome.clone()));
        }
        if let Some(batch) = state.in_batches.get(&asked.key).cloned() {
            state.awaited.insert(batch);
            return Ok(Some(Err(Failed::deferred())));
        }
        let secret = step.secret_for(&asked.target.host).map(|secret| secret.header.as_str());
        let mut headers = Vec::new();
        for (name, value) in &asked.head.headers {
            let is_secret = secret.is_some_and(|secret| secret.eq_ignore_ascii_case(name.as_str()));
            if is_secret || [HOST, CONTENT_TYPE, ACCEPT].contains(name) {
                continue;
            }
            if ["authorization", "x-api-key", "api-key", "cookie"].contains(&name.as_str()) {
                let message = format!(
                    "the step sets `{name}` itself, and an offline batch is submitted without the step: grant it as `grant.secret`"
                );
                return Ok(Some(Err(Failed::refused(message))));
            }
            if !is_aside(name) {
                headers.push((name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
            }
        }
        let origin = uri.authority().map_or("", |authority| authority.as_str());
        let of = Group {
            step: step.step.to_string(),
            server: server.name.clone(),
            form,
            url: format!("{}://{origin}{base}", uri.scheme_str().unwrap_or("https")),
            endpoint: endpoint.to_owned(),
            headers,
            model: body.model,
            tries: state.tries.get(&asked.key).copied().unwrap_or(0),
        };
        // Each text of embeddings counts.
        let texts = body.input.and_then(|input| input.as_array().map(Vec::len)).unwrap_or(1).max(1);
        let weight = if endpoint == "/embeddings" { texts } else { 1 };
        let need = Need::of(uri.path(), &asked.body, &server.limits);
        let cost = server.limits.price.map_or(0, |price| price.of_batch(need.most.input, need.most.output));
        let (most, most_bytes) = form.most();
        let longest = text.len() as u64 + 300;
        if weight > most || longest + ENVELOPE > most_bytes {
            return Ok(None);
        }
        if let Some(open) = state.open.get(&of)
            && (open.weight + weight > most || open.bytes + longest + ENVELOPE > most_bytes)
        {
            let full = state.open.remove(&of).expect("it was just there");
            state.written.push(full.close().map_err(|error| unkept(&error))?);
        }
        if !state.open.contains_key(&of) {
            state.open.insert(of.clone(), self.begin(of.clone()).map_err(|error| unkept(&error))?);
        }
        let open = state.open.get_mut(&of).expect("it was just put there");
        let nth = open.batch.requests.len();
        let line = form.line(&format!("{}-{nth}", open.batch.key), endpoint, text, nth == 0);
        open.file.write_all(line.as_bytes()).map_err(|error| unkept(&error))?;
        open.bytes += line.len() as u64;
        open.weight += weight;
        open.batch.cost = open.batch.cost.saturating_add(cost);
        open.batch.requests.push(asked.key);
        let key: Arc<str> = open.batch.key.as_str().into();
        state.awaited.insert(key.clone());
        state.in_batches.insert(asked.key, key);
        Ok(Some(Err(Failed::deferred())))
    }

    fn begin(&self, of: Group) -> io::Result<Open> {
        let mut random = [0; 16];
        File::open("/dev/urandom")?.read_exact(&mut random)?;
        let key = hex(&random);
        let file = BufWriter::new(self.shelf.begin(&key)?);
        let (requests, failed) = (Vec::new(), Vec::new());
        let batch = Batch { key, of, at: 0, cost: 0, file: None, id: None, requests, failed };
        Ok(Open { batch, file, bytes: 0, weight: 0 })
    }
}

impl State {
    /// Takes over what came of the requests of a batch that have no reply.
    fn ends(&mut self, batch: &Batch) {
        self.ended.push(batch.key.clone());
        for failed in &batch.failed {
            let Some(request) = batch.requests.get(failed.request as usize) else { continue };
            match failed.tries {
                Some(tries) => drop(self.tries.insert(*request, tries)),
                None => drop(self.outcomes.insert(*request, failed.outcome())),
            }
        }
    }
}

impl Open {
    fn close(mut self) -> io::Result<Batch> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        Ok(self.batch)
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs())
}

fn unkept(error: &io::Error) -> SandboxError {
    let words = callboard_words::text::plain(error);
    SandboxError::new(Class::System, format!("cannot keep an offline batch: {words}"))
}

#[cfg(test)]
mod tests {
    use callboard_plan::{CallLimits, Grants, HttpGrant};

    use super::*;
    use crate::bindings::callboard::step::http as contract;
    use crate::events::Observer;
    use crate::http::{Calls, Requests};

    /// Keeps nothing but the keys of batches.
    #[derive(Default)]
    struct Keys(Mutex<Vec<String>>);

    impl Shelf for Keys {
        fn begin(&self, key: &str) -> io::Result<File> {
            self.0.lock().unwrap().push(key.to_owned());
            tempfile::tempfile()
        }

        fn keep(&self, _: &Batch) -> io::Result<()> {
            Ok(())
        }

        fn requests(&self, _: &str) -> io::Result<File> {
            tempfile::tempfile()
        }

        fn has(&self, _: &str) -> bool {
            false
        }

        fn remove(&self, _: &str) -> io::Result<()> {
            Ok(())
        }
    }

    /// A server refuses a batch that is too large, and all that was written is for nothing.
    #[test]
    fn requests_are_cut_into_batches_that_a_server_takes() {
        let (method, scheme, host, path) = ("POST".into(), "https".into(), "a.com".into(), "/".into());
        let grants = Grants { http: vec![HttpGrant { method, scheme, host, port: None, path }], ..Grants::default() };
        let requests = Requests::granted("ask", &grants, &Calls::default(), &Observer::nobody()).unwrap();
        let server = Server::new("a.com".into(), CallLimits::default(), 0);
        let shelf = Arc::new(Keys::default());
        let offline = Offline::new(Batches { shelf: shelf.clone(), found: Vec::new(), grace: Duration::ZERO });
        let ask = |path: &str, headers: &[(&str, &str)], body: String| {
            let header =
                |(name, value): &(&str, &str)| contract::Header { name: (*name).into(), value: (*value).into() };
            let request = contract::Request {
                method: "POST".into(),
                url: format!("https://a.com/v1{path}"),
                headers: headers.iter().map(header).collect(),
                body: body.into(),
                attempt: 0,
            };
            let asked = requests.granted.prepare(request).unwrap_or_else(|failed| panic!("{}", failed.message));
            offline.ask(&requests.granted, &server, &asked).unwrap()
        };
        let batches = || shelf.0.lock().unwrap().len();
        // Each text of embeddings counts: two times 30,000 are more than 50,000.
        let texts = |of: &str| format!("{{\"input\": [{}\"\"]}}", format!("\"{of}\",").repeat(29_999));
        for (of, expected) in [("a", 1), ("b", 2), ("a", 2)] {
            assert!(ask("/embeddings", &[], texts(of)).unwrap().is_err());
            assert_eq!(batches(), expected, "{of}");
        }
        // One that has nearly 200 MB takes no more.
        offline.state().open.values_mut().for_each(|open| open.bytes = 199_999_000);
        assert!(ask("/embeddings", &[], "{\"input\": \"c\"}".into()).unwrap().is_err());
        assert_eq!(batches(), 3);
        // Another model, and other headers, are other batches.
        let short = |model: &str| format!("{{\"model\": \"{model}\"}}");
        assert!(ask("/messages", &[("anthropic-version", "1")], short("m")).unwrap().is_err());
        assert!(ask("/messages", &[("anthropic-version", "1")], short("n")).unwrap().is_err());
        assert!(ask("/messages", &[("anthropic-version", "2")], short("n")).unwrap().is_err());
        assert_eq!((batches(), offline.deferred().batches, offline.deferred().requests), (6, 6, 6));
        // What is no part of a batch is sent by itself; a key that the step sets could not be sent later.
        assert!(ask("/other", &[], short("m")).is_none());
        assert!(ask("/messages", &[], "{\"stream\": true}".into()).is_none());
        let refused = ask("/messages", &[("x-api-key", "k")], short("m")).unwrap().unwrap_err();
        assert!(refused.message.contains("`grant.secret`"), "{}", refused.message);
    }
}
