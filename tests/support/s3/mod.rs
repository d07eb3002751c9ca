//! A server of buckets in memory, as S3 is asked for them, with the faults that a test wants and a log of all requests.
//!
//! It does what this project's requests need, and checks no signature. `moto` and others, where they are installed, show that real servers
//! take the same requests.
//!
//! [`serve`] reads requests and keeps their log; [`objects`], [`uploads`] and [`hub`] answer them; [`answer`](mod@answer) writes what they say.
#![allow(dead_code, reason = "each of the tests uses a part of it")]

mod answer;
mod content;
mod hub;
pub(crate) mod meeting;
mod objects;
mod uploads;

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use answer::{Answer, error};
use content::Content;

/// Bodies of this size have memory that was used before, if there is some.
const LARGE: usize = 1 << 20;

/// What goes wrong with a request.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// The server answers this status instead, with a code, and perhaps a time to wait, in seconds.
    Status(u16, &'static str, Option<u64>),
    /// The bucket is in this region, and nowhere else.
    Elsewhere(&'static str),
    /// The connection breaks after this many bytes of the body.
    Cut(usize),
    /// Bytes that lie this far behind those that were asked for.
    Shifted(u64),
    /// A body without a length, which ends after this many bytes.
    Short(usize),
    /// A body without a length, which has this many bytes too many.
    Long(usize),
    /// The whole object, whatever range was asked for.
    NoRanges,
    /// The object as it is now, whichever version was asked for.
    NoConditions,
    /// It takes that long.
    Late(Duration),
    /// It is done, and nobody hears of it.
    Mute,
}

/// A request, as a fault is chosen by it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// The bucket and the key, decoded.
    pub(crate) path: String,
    pub(crate) query: HashMap<String, String>,
    pub(crate) headers: HashMap<String, String>,
    /// How many there were before it, of all.
    pub(crate) number: usize,
}

impl Request {
    /// The first byte and the last that are asked for, of an object of this size: counted from its beginning or its end.
    pub(crate) fn range_of(&self, size: u64) -> Option<(u64, u64)> {
        match self.headers.get("range")?.strip_prefix("bytes=")?.split_once('-')? {
            ("", last) => Some((size.saturating_sub(last.parse().ok()?), size.saturating_sub(1))),
            (from, to) => Some((from.parse().ok()?, to.parse().ok()?)),
        }
    }

    /// The same, if it is counted from the beginning.
    pub(crate) fn range(&self) -> Option<(u64, u64)> {
        self.range_of(0).filter(|_| !self.headers.get("range").is_some_and(|range| range.starts_with("bytes=-")))
    }

    /// `GET bucket/key`.
    pub(crate) fn line(&self) -> String {
        let mut query: Vec<String> = self.query.iter().map(|(key, value)| format!("{key}={value}")).collect();
        query.sort();
        let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
        format!("{} {}{query}", self.method, self.path)
    }
}

type Choose = Arc<dyn Fn(&Request) -> Option<Fault> + Send + Sync>;

#[derive(Default)]
pub(crate) struct State {
    /// By bucket and key: what is there, and how often it was written.
    pub(crate) objects: BTreeMap<String, (Content, u64)>,
    /// By identifier: where it goes, and its parts.
    pub(crate) uploads: BTreeMap<String, (String, BTreeMap<u32, Content>)>,
    /// What the hub's store of large files has, and parts of what it will have.
    pub(crate) large: BTreeMap<String, Vec<u8>>,
    pub(crate) large_parts: BTreeMap<(String, u32), Vec<u8>>,
    /// For each commit, the paths that it is about.
    pub(crate) commits: Vec<Vec<String>>,
    pub(crate) requests: Vec<Arc<Request>>,
    /// Bytes of objects that were sent.
    pub(crate) sent: u64,
    /// Objects on a page of a list.
    pub(crate) page: usize,
    /// When lists say that objects were written, if not at a moment that is long past.
    pub(crate) written: Option<String>,
    /// Whether requests without credentials are refused.
    pub(crate) closed: bool,
    /// Whether lists are refused.
    pub(crate) unlisted: bool,
    /// Whether a request is late, or was done without an answer.
    pub(crate) held: bool,
    made: u64,
    /// Memory of an object that was replaced, for the next ones.
    spare: Vec<Vec<u8>>,
    faults: Option<Choose>,
}

/// A running server.
pub(crate) struct S3 {
    pub(crate) state: Arc<Mutex<State>>,
    pub(crate) endpoint: String,
}

impl S3 {
    /// Starts one with an empty bucket `b`; it ends with the process.
    pub(crate) fn start() -> S3 {
        S3::start_behind(Some)
    }

    /// As [`start`](S3::start), behind what `wrap` makes of each connection, such as one that is encrypted.
    pub(crate) fn start_behind<C: Read + Write + 'static>(wrap: fn(TcpStream) -> Option<C>) -> S3 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = S3::to_be_at(&listener);
        server.listen(listener, wrap);
        server
    }

    /// One that is not started yet, and will [`listen`](S3::listen) where this one does.
    pub(crate) fn to_be_at(listener: &TcpListener) -> S3 {
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        S3 { state: Arc::new(Mutex::new(State { page: 1000, ..State::default() })), endpoint }
    }

    /// Answers what comes there.
    pub(crate) fn listen<C: Read + Write + 'static>(&self, listener: TcpListener, wrap: fn(TcpStream) -> Option<C>) {
        let of_server = self.state.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let state = of_server.clone();
                // An answer is two writes: its second must not wait until the first is acknowledged.
                let _ = stream.set_nodelay(true);
                thread::spawn(move || {
                    if let Some(stream) = wrap(stream) {
                        serve(stream, &state);
                    }
                });
            }
        });
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Puts an object into the bucket `b`.
    pub(crate) fn put(&self, key: &str, bytes: impl AsRef<[u8]>) {
        let mut state = self.state();
        state.made += 1;
        let made = state.made;
        state.objects.insert(format!("b/{key}"), (bytes.as_ref().to_vec().into(), made));
    }

    pub(crate) fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.state().objects.get(&format!("b/{key}")).map(|(bytes, _)| bytes.to_vec())
    }

    /// From now on, what `choose` says goes wrong.
    pub(crate) fn fault(&self, choose: impl Fn(&Request) -> Option<Fault> + Send + Sync + 'static) {
        self.state().faults = Some(Arc::new(choose));
    }

    /// Whether a request is held since this was last asked for.
    pub(crate) fn is_held(&self) -> bool {
        std::mem::take(&mut self.state().held)
    }

    pub(crate) fn right(&self) {
        self.state().faults = None;
    }

    /// The requests so far, each as a line; they are forgotten.
    pub(crate) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.state().requests).iter().map(|request| request.line()).collect()
    }
}

fn serve<C: Read + Write>(stream: C, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream);
    while let Some(asked) = Asked::read(&mut reader, state) {
        if let Some(by) = asked.late() {
            thread::sleep(by);
        }
        if asked.answer(reader.get_mut(), state).is_none() {
            return;
        }
    }
}

/// A request that was read, and what goes wrong with it.
pub(crate) struct Asked {
    request: Arc<Request>,
    body: Vec<u8>,
    fault: Option<Fault>,
}

impl Asked {
    /// None if the connection ended.
    pub(crate) fn read(reader: &mut impl BufRead, state: &Mutex<State>) -> Option<Asked> {
        let (mut request, body) = read(reader, state)?;
        // The log has no bodies: those are in the objects.
        let (request, choose) = {
            let mut state = state.lock().unwrap();
            request.number = state.requests.len();
            let request = Arc::new(request);
            state.requests.push(request.clone());
            (request, state.faults.clone())
        };
        let fault = choose.and_then(|choose| choose(&request));
        if let Some(Fault::Late(_)) = fault {
            state.lock().unwrap().held = true;
        }
        Some(Asked { request, body, fault })
    }

    /// How long its answer waits.
    pub(crate) fn late(&self) -> Option<Duration> {
        if let Some(Fault::Late(by)) = self.fault { Some(by) } else { None }
    }

    /// Writes the answer. None if the connection ends with it.
    pub(crate) fn answer(self, stream: &mut impl Write, state: &Mutex<State>) -> Option<()> {
        let Asked { request, body, fault } = self;
        let answer = match fault {
            Some(Fault::Status(status, code, after)) => {
                let answer = error(status, code, "a fault of the test");
                match after {
                    Some(after) => answer.header("retry-after", &after.to_string()),
                    None => answer,
                }
            }
            Some(Fault::Elsewhere(region)) => {
                let words = "The bucket you are attempting to access must be addressed using the specified endpoint.";
                error(301, "PermanentRedirect", words).header("x-amz-bucket-region", region)
            }
            _ => answer(&request, body, state, fault.as_ref()),
        };
        if matches!(fault, Some(Fault::Mute)) {
            state.lock().unwrap().held = true;
            thread::sleep(Duration::from_secs(3600));
        }
        answer.write(stream, request.method == "HEAD", fault.as_ref(), state)
    }
}

fn read(reader: &mut impl BufRead, state: &Mutex<State>) -> Option<(Request, Vec<u8>)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let spare = if length < LARGE { None } else { state.lock().unwrap().spare.pop() };
    let mut body = spare.unwrap_or_default();
    body.resize(length, 0);
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(key), decoded(value))
    });
    let path = decoded(path.trim_start_matches('/'));
    Some((Request { method, path, query: pairs.collect(), headers, number: 0 }, body))
}

fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((byte, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match (byte, hex) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
                continue;
            }
            (b'+', _) => bytes.push(b' '),
            (byte, _) => bytes.push(*byte),
        }
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What is said to a request.
fn answer(request: &Request, body: Vec<u8>, state: &Mutex<State>, fault: Option<&Fault>) -> Answer {
    let mut state = state.lock().unwrap();
    let signed = request.headers.contains_key("authorization") || request.query.contains_key("X-Amz-Signature");
    if state.closed && !signed && !request.path.starts_with("lfs/") {
        return error(403, "AccessDenied", "Access Denied");
    }
    let path = request.path.clone();
    let (bucket, key) = path.split_once('/').unwrap_or((&path, ""));
    if bucket == "lfs" || ["api", "datasets"].contains(&bucket) && request.method == "POST" {
        return hub::to_hub(request, body, &mut state, &path);
    }
    if ["api", "datasets"].contains(&bucket) {
        return hub::hub(request, &state, key);
    }
    if bucket != "b" {
        return error(404, "NoSuchBucket", "The specified bucket does not exist");
    }
    let upload = request.query.get("uploadId").cloned();
    match (request.method.as_str(), key) {
        ("GET", "") if request.query.contains_key("uploads") => uploads::list(&state, &request.query),
        ("GET", "") if state.unlisted => error(403, "AccessDenied", "no identity-based policy allows s3:ListBucket"),
        ("GET", "") => objects::list(&state, &request.query),
        ("GET" | "HEAD", _) => objects::object(request, &state, &path, fault),
        ("PUT", _) => match (upload, request.query.get("partNumber").and_then(|number| number.parse().ok())) {
            (Some(upload), Some(number)) => uploads::part(&mut state, body, &upload, number),
            _ => objects::put(&mut state, request, body, &path, fault),
        },
        ("POST", _) if request.query.contains_key("uploads") => uploads::begin(&mut state, &path),
        ("POST", _) => uploads::complete(&mut state, &body, &upload.unwrap_or_default()),
        ("DELETE", _) if upload.is_some() => uploads::abort(&mut state, &upload.unwrap_or_default()),
        ("DELETE", _) => {
            state.objects.remove(&path);
            Answer::new(204, "")
        }
        _ => error(405, "MethodNotAllowed", "what is this"),
    }
}
