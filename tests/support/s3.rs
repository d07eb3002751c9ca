//! A server of buckets in memory, as S3 is asked for them, with the faults that a test wants and a log of all requests.
//!
//! It does what this project's requests need, and checks no signature. `moto` and others, where they are installed, show that real servers
//! take the same requests.
#![allow(dead_code, reason = "each of the tests uses a part of it")]

mod content;
pub(crate) mod meeting;

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hasher};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use content::Content;

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
    pub(crate) body: Vec<u8>,
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
    pub(crate) requests: Vec<Request>,
    /// Bytes of objects that were sent.
    pub(crate) sent: u64,
    /// Objects on a page of a list.
    pub(crate) page: usize,
    /// Whether requests without credentials are refused.
    pub(crate) closed: bool,
    /// Whether lists are refused.
    pub(crate) unlisted: bool,
    /// Whether a request is late, or was done without an answer.
    pub(crate) held: bool,
    made: u64,
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
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State { page: 1000, ..State::default() }));
        let of_server = state.clone();
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
        S3 { state, endpoint }
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
        std::mem::take(&mut self.state().requests).iter().map(Request::line).collect()
    }
}

fn serve<C: Read + Write>(stream: C, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream);
    while let Some(mut request) = read(&mut reader) {
        // The log has no bodies: those are in the objects.
        let body = std::mem::take(&mut request.body);
        let fault = {
            let mut state = state.lock().unwrap();
            request.number = state.requests.len();
            state.requests.push(request.clone());
            let choose = state.faults.clone();
            drop(state);
            choose.and_then(|choose| choose(&request))
        };
        request.body = body;
        if let Some(Fault::Late(by)) = fault {
            state.lock().unwrap().held = true;
            thread::sleep(by);
        }
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
            _ => answer(&mut request, state, fault.as_ref()),
        };
        if matches!(fault, Some(Fault::Mute)) {
            state.lock().unwrap().held = true;
            thread::sleep(Duration::from_secs(3600));
        }
        if answer.write(reader.get_mut(), request.method == "HEAD", fault.as_ref(), state).is_none() {
            return;
        }
    }
}

fn read(reader: &mut impl BufRead) -> Option<Request> {
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
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(key), decoded(value))
    });
    let path = decoded(path.trim_start_matches('/'));
    Some(Request { method, path, query: pairs.collect(), headers, number: 0, body })
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

struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Content,
}

impl Answer {
    fn new(status: u16, body: impl Into<Vec<u8>>) -> Answer {
        let body: Vec<u8> = body.into();
        Answer { status, headers: Vec::new(), body: body.into() }
    }

    fn of(status: u16, body: Content) -> Answer {
        Answer { body, ..Answer::new(status, "") }
    }

    fn header(mut self, name: &str, value: &str) -> Answer {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn write(self, stream: &mut impl Write, head: bool, fault: Option<&Fault>, state: &Mutex<State>) -> Option<()> {
        let chunked = match fault {
            Some(Fault::Short(most)) if self.status < 300 => {
                Some(self.body.range(0..self.body.len().min(*most)).to_vec())
            }
            Some(Fault::Long(more)) if self.status < 300 => Some([self.body.to_vec(), vec![b'x'; *more]].concat()),
            _ => None,
        };
        let mut text = format!("HTTP/1.1 {} Said\r\n", self.status);
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        if self.status != 204 {
            match chunked {
                Some(_) => text += "transfer-encoding: chunked\r\n",
                None if !self.headers.iter().any(|(name, _)| name == "content-length") => {
                    text += &format!("content-length: {}\r\n", self.body.len());
                }
                None => {}
            }
        }
        stream.write_all((text + "\r\n").as_bytes()).ok()?;
        if head {
            return stream.flush().ok();
        }
        if let Some(body) = chunked {
            stream.write_all(format!("{:x}\r\n", body.len()).as_bytes()).ok()?;
            stream.write_all(&body).ok()?;
            let end: &[u8] = if body.is_empty() { b"\r\n" } else { b"\r\n0\r\n\r\n" };
            stream.write_all(end).ok()?;
            return stream.flush().ok();
        }
        if let Some(Fault::Cut(most)) = fault
            && *most < self.body.len()
        {
            let _ = stream.write_all(&self.body.range(0..*most).to_vec());
            return None;
        }
        self.body.parts().try_for_each(|part| stream.write_all(part)).ok()?;
        stream.flush().ok()?;
        if self.status == 206 || self.headers.iter().any(|(name, _)| name == "etag") {
            state.lock().unwrap().sent += self.body.len() as u64;
        }
        Some(())
    }
}

fn error(status: u16, code: &str, message: &str) -> Answer {
    Answer::new(
        status,
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>"),
    )
}

/// The ETag of an object: another each time that it is written.
fn etag(made: u64) -> String {
    format!("\"{made:032x}\"")
}

/// The ETag of a part, of a sample of its bytes: a server that looks at all of them is what a benchmark of its clients would measure.
fn part_tag(part: &Content) -> String {
    let mut hash = DefaultHasher::new();
    hash.write_usize(part.len());
    let chunks = part.parts().flat_map(|bytes| bytes.chunks(4096));
    chunks.for_each(|chunk| hash.write(&chunk[..chunk.len().min(64)]));
    format!("\"{:016x}\"", hash.finish())
}

fn answer(request: &mut Request, state: &Mutex<State>, fault: Option<&Fault>) -> Answer {
    let mut state = state.lock().unwrap();
    let signed = request.headers.contains_key("authorization") || request.query.contains_key("X-Amz-Signature");
    if state.closed && !signed && !request.path.starts_with("lfs/") {
        return error(403, "AccessDenied", "Access Denied");
    }
    let path = request.path.clone();
    let (bucket, key) = path.split_once('/').unwrap_or((&path, ""));
    if bucket == "lfs" || ["api", "datasets"].contains(&bucket) && request.method == "POST" {
        return to_hub(request, &mut state, &path);
    }
    if ["api", "datasets"].contains(&bucket) {
        return hub(request, &state, key);
    }
    if bucket != "b" {
        return error(404, "NoSuchBucket", "The specified bucket does not exist");
    }
    let upload = request.query.get("uploadId").cloned();
    match (request.method.as_str(), key) {
        ("GET", "") if request.query.contains_key("uploads") => uploads(&state, &request.query),
        ("GET", "") if state.unlisted => error(403, "AccessDenied", "no identity-based policy allows s3:ListBucket"),
        ("GET", "") => list(&state, &request.query),
        ("GET" | "HEAD", _) => object(request, &state, &path, fault),
        ("PUT", _) => match (upload, request.query.get("partNumber")) {
            (Some(upload), Some(number)) => {
                let number = number.parse().unwrap();
                let body = Content::from(std::mem::take(&mut request.body));
                let tag = part_tag(&body);
                match state.uploads.get_mut(&upload) {
                    Some((_, parts)) => drop(parts.insert(number, body)),
                    None => return error(404, "NoSuchUpload", "The specified upload does not exist."),
                }
                Answer::new(200, "").header("etag", &tag)
            }
            _ => put(&mut state, request, &path),
        },
        ("POST", _) if request.query.contains_key("uploads") => {
            state.made += 1;
            let id = format!("upload{}", state.made);
            state.uploads.insert(id.clone(), (path.clone(), BTreeMap::new()));
            let (bucket, key) = path.split_once('/').unwrap();
            Answer::new(
                200,
                format!(
                    "<InitiateMultipartUploadResult><Bucket>{bucket}</Bucket><Key>{key}</Key><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
                ),
            )
        }
        ("POST", _) => complete(&mut state, request, &upload.unwrap_or_default()),
        ("DELETE", _) if upload.is_some() => match state.uploads.remove(&upload.unwrap_or_default()) {
            Some(_) => Answer::new(204, ""),
            None => error(404, "NoSuchUpload", "The specified upload does not exist."),
        },
        ("DELETE", _) => {
            state.objects.remove(&path);
            Answer::new(204, "")
        }
        _ => error(405, "MethodNotAllowed", "what is this"),
    }
}

/// The commit of all revisions that the hub has: `main`, `v1` and the converted branch.
pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// The commit that `main` stands for: another after each commit.
fn head(state: &State) -> String {
    format!("{}{:04x}", &COMMIT[..36], u64::from_str_radix(&COMMIT[36..], 16).unwrap() + state.commits.len() as u64)
}

/// What is written to the hub: its store of large files, and commits.
fn to_hub(request: &mut Request, state: &mut State, path: &str) -> Answer {
    let token = request.headers.get("authorization").cloned();
    let refused = |status, words: &str| Answer::new(status, format!("{{\"error\":\"{words}\"}}"));
    let json = || serde_json::from_slice::<Value>(&request.body).unwrap_or_default();
    let parts: Vec<&str> = path.split('/').collect();
    if parts[0] != "lfs" && token.as_deref() != Some("Bearer TOKENOFTHETEST") {
        return refused(403, "this token may not write");
    }
    let is_large = |path: &str, size: u64| path.ends_with(".parquet") || size > 1000;
    match parts.as_slice() {
        ["api", "datasets", "o", "n", "preupload", "main"] => {
            let files = json()["files"].as_array().unwrap().clone();
            let files: Vec<Value> = files
                .iter()
                .map(|file| {
                    let mode = if is_large(file["path"].as_str().unwrap(), file["size"].as_u64().unwrap()) {
                        "lfs"
                    } else {
                        "regular"
                    };
                    json!({ "path": file["path"], "uploadMode": mode, "shouldIgnore": false })
                })
                .collect();
            Answer::new(200, json!({ "files": files }).to_string())
        }
        ["api", "datasets", "o", "n", "paths-info", "main"] => {
            let paths = json()["paths"].as_array().unwrap().clone();
            let there =
                paths.iter().filter(|path| state.objects.contains_key(&format!("b/hub/{}", path.as_str().unwrap())));
            Answer::new(
                200,
                Value::Array(there.map(|path| json!({ "type": "file", "path": path })).collect()).to_string(),
            )
        }
        ["datasets", "o", "n.git", "info", "lfs", "objects", "batch"] => {
            let host = format!("http://{}", request.headers["host"]);
            let objects = json()["objects"].as_array().unwrap().clone();
            let objects: Vec<Value> = objects.iter().map(|object| {
                let (oid, size) = (object["oid"].as_str().unwrap(), object["size"].as_u64().unwrap());
                if state.large.contains_key(oid) {
                    return object.clone();
                }
                let upload = match size > 20_000 {
                    false => json!({ "href": format!("{host}/lfs/{oid}") }),
                    true => {
                        let mut header = json!({ "chunk_size": "8192" });
                        for part in 1..=size.div_ceil(8192) {
                            header[format!("{part:05}")] = json!(format!("{host}/lfs/{oid}/{part}"));
                        }
                        json!({ "href": format!("{host}/lfs/{oid}/done"), "header": header })
                    }
                };
                json!({ "oid": oid, "size": size, "actions": { "upload": upload, "verify": { "href": format!("{host}/lfs/{oid}/verify") } } })
            }).collect();
            Answer::new(200, json!({ "transfer": "basic", "objects": objects }).to_string())
        }
        ["lfs", oid] => {
            state.large.insert((*oid).to_owned(), std::mem::take(&mut request.body));
            Answer::new(200, "")
        }
        ["lfs", oid, "verify"] => {
            match state.large.get(*oid).map(|bytes| bytes.len() as u64) == json()["size"].as_u64() {
                true => Answer::new(200, "{}"),
                false => refused(404, "it is not there"),
            }
        }
        ["lfs", oid, "done"] => {
            let parts = json()["parts"].as_array().unwrap().len() as u32;
            let bytes: Option<Vec<Vec<u8>>> =
                (1..=parts).map(|part| state.large_parts.remove(&((*oid).to_owned(), part))).collect();
            let Some(bytes) = bytes else { return refused(400, "a part is missing") };
            state.large.insert((*oid).to_owned(), bytes.concat());
            Answer::new(200, "{}")
        }
        ["lfs", oid, part] => {
            state.large_parts.insert(((*oid).to_owned(), part.parse().unwrap()), std::mem::take(&mut request.body));
            Answer::new(200, "").header("etag", &format!("\"{part}\""))
        }
        ["api", "datasets", "o", "n", "commit", "main"] => {
            let text = String::from_utf8(request.body.clone()).unwrap();
            let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            if lines[0]["value"]["parentCommit"] != head(state).as_str() {
                return refused(412, "the branch has another commit by now");
            }
            let mut files = Vec::new();
            for line in &lines[1..] {
                let (path, value) = (line["value"]["path"].as_str().unwrap(), &line["value"]);
                let bytes = match line["key"].as_str().unwrap() {
                    "lfsFile" => match state.large.get(value["oid"].as_str().unwrap()) {
                        Some(bytes) => Some(bytes.clone()),
                        None => return refused(400, "a large file is not there"),
                    },
                    "file" => Some(base64(value["content"].as_str().unwrap())),
                    _ => None,
                };
                files.push((path.to_owned(), bytes));
            }
            state.commits.push(files.iter().map(|(path, _)| path.clone()).collect());
            for (path, bytes) in files {
                state.made += 1;
                let made = state.made;
                match bytes {
                    Some(bytes) => drop(state.objects.insert(format!("b/hub/{path}"), (bytes.into(), made))),
                    None => drop(state.objects.remove(&format!("b/hub/{path}"))),
                }
            }
            Answer::new(200, json!({ "commitOid": head(state), "commitUrl": "", "success": true }).to_string())
        }
        _ => refused(404, "Repository not found").header("x-error-code", "RepoNotFound"),
    }
}

fn base64(text: &str) -> Vec<u8> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for letter in text.bytes().filter(|letter| *letter != b'=') {
        bits = bits << 6 | LETTERS.iter().position(|known| *known == letter).unwrap() as u32;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    bytes
}

/// The hub's part: the dataset `o/n`, whose files are the objects below `hub/`.
fn hub(request: &Request, state: &State, key: &str) -> Answer {
    let parts: Vec<&str> = key.splitn(5, '/').collect();
    let missing =
        |code: &str, words: &str| Answer::new(404, format!("{{\"error\":\"{words}\"}}")).header("x-error-code", code);
    match parts.as_slice() {
        ["datasets", "o", "n", "revision", revision] => match ["main", "v1", "refs/convert/parquet"].contains(revision)
        {
            true => Answer::new(200, format!("{{\"sha\":\"{}\"}}", head(state))),
            false => missing("RevisionNotFound", "Invalid rev id"),
        },
        ["datasets", "o", "n", "tree", rest] => {
            let folder = rest.split_once('/').map_or(String::new(), |(_, folder)| format!("{folder}/"));
            let recursive = request.query.get("recursive").is_some_and(|recursive| recursive == "true");
            let from: usize = request.query.get("cursor").map_or(0, |cursor| cursor.parse().unwrap());
            let files = state.objects.iter().filter_map(|(path, (bytes, made))| {
                let path = path.strip_prefix("b/hub/")?;
                let below = path.strip_prefix(&folder)?;
                let oid = etag(*made).replace('"', "");
                let file =
                    format!("{{\"type\":\"file\",\"oid\":\"{oid}\",\"size\":{},\"path\":\"{path}\"}}", bytes.len());
                (recursive || !below.contains('/')).then_some(file)
            });
            let files: Vec<String> = files.collect();
            let page = files[from.min(files.len())..].iter().take(state.page).cloned().collect::<Vec<_>>();
            let answer = Answer::new(200, format!("[{}]", page.join(",")));
            match from + page.len() < files.len() {
                true => {
                    let (host, at) = (&request.headers["host"], &request.path);
                    let next = format!("http://{host}/{at}?recursive={recursive}&cursor={}", from + page.len());
                    answer.header("link", &format!("<{next}>; rel=\"next\""))
                }
                false => answer,
            }
        }
        ["o", "n", "resolve", commit, path] if commit.len() == 40 => {
            Answer::new(302, "").header("location", &format!("/b/hub/{}", path.replace(' ', "%20")))
        }
        _ => missing("RepoNotFound", "Repository not found"),
    }
}

fn object(request: &Request, state: &State, path: &str, fault: Option<&Fault>) -> Answer {
    let Some((bytes, made)) = state.objects.get(path) else {
        return error(404, "NoSuchKey", "The specified key does not exist.");
    };
    let tag = etag(*made);
    let obeys = !matches!(fault, Some(Fault::NoConditions));
    if obeys && request.headers.get("if-match").is_some_and(|wanted| *wanted != tag) {
        return error(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold");
    }
    let with_tag =
        |answer: Answer| answer.header("etag", &tag).header("last-modified", "Sun, 29 Nov 2026 12:00:00 GMT");
    if request.method == "HEAD" {
        return with_tag(Answer::new(200, "")).header("content-length", &bytes.len().to_string());
    }
    let size = bytes.len() as u64;
    match request.range_of(size).filter(|_| !matches!(fault, Some(Fault::NoRanges))) {
        None => with_tag(Answer::of(200, bytes.clone())),
        Some((from, _)) if from >= size => error(416, "InvalidRange", "The requested range is not satisfiable"),
        Some((from, to)) => {
            let by = if let Some(Fault::Shifted(by)) = fault { *by } else { 0 };
            let (from, to) = ((from + by).min(size - 1), (to + by).min(size - 1));
            let body = bytes.range(from as usize..to as usize + 1);
            with_tag(Answer::of(206, body)).header("content-range", &format!("bytes {from}-{to}/{size}"))
        }
    }
}

fn put(state: &mut State, request: &mut Request, path: &str) -> Answer {
    if request.headers.contains_key("if-none-match") && state.objects.contains_key(path) {
        return error(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold");
    }
    state.made += 1;
    let (body, made) = (std::mem::take(&mut request.body), state.made);
    let tag = etag(made);
    state.objects.insert(path.to_owned(), (body.into(), made));
    Answer::new(200, "").header("etag", &tag)
}

fn complete(state: &mut State, request: &Request, upload: &str) -> Answer {
    let Some((path, parts)) = state.uploads.get(upload).cloned() else {
        return error(404, "NoSuchUpload", "The specified upload does not exist.");
    };
    let text = String::from_utf8_lossy(&request.body).into_owned();
    let mut whole = Vec::new();
    for part in text.split("<Part>").skip(1) {
        let of = |name: &str| {
            let (_, rest) = part.split_once(&format!("<{name}>"))?;
            Some(rest.split_once("</")?.0.replace("&quot;", "\""))
        };
        let number: u32 = of("PartNumber").unwrap().parse().unwrap();
        match parts.get(&number).filter(|part| Some(part_tag(part)) == of("ETag")) {
            Some(part) => whole.push(part.clone()),
            None => return error(400, "InvalidPart", "One or more of the specified parts could not be found."),
        }
    }
    state.made += 1;
    let (made, tag) = (state.made, etag(state.made));
    state.objects.insert(path.clone(), (Content::of(whole), made));
    state.uploads.remove(upload);
    let (bucket, key) = path.split_once('/').unwrap();
    let tag = tag.replace('"', "&quot;");
    Answer::new(
        200,
        format!(
            "<CompleteMultipartUploadResult><Bucket>{bucket}</Bucket><Key>{key}</Key><ETag>{tag}</ETag></CompleteMultipartUploadResult>"
        ),
    )
}

fn uploads(state: &State, query: &HashMap<String, String>) -> Answer {
    let prefix = format!("b/{}", query.get("prefix").map_or("", String::as_str));
    let found = state.uploads.iter().filter(|(_, (path, _))| path.starts_with(&prefix));
    let found: String = found
        .map(|(id, (path, _))| format!("<Upload><Key>{}</Key><UploadId>{id}</UploadId></Upload>", &path[2..]))
        .collect();
    Answer::new(
        200,
        format!("<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>{found}</ListMultipartUploadsResult>"),
    )
}

fn list(state: &State, query: &HashMap<String, String>) -> Answer {
    let of = |name: &str| query.get(name).cloned().unwrap_or_default();
    let (prefix, delimiter, token) = (of("prefix"), of("delimiter"), of("continuation-token"));
    let most = query.get("max-keys").and_then(|most| most.parse().ok()).unwrap_or(1000).min(state.page);
    let (mut xml, mut count, mut folders, mut last, mut more) = (String::new(), 0, Vec::new(), String::new(), false);
    for (path, (bytes, made)) in &state.objects {
        let key = &path[2..];
        if !key.starts_with(&prefix) || (!token.is_empty() && *key <= *token) {
            continue;
        }
        let below = (!delimiter.is_empty()).then(|| key[prefix.len()..].find(&delimiter)).flatten();
        if let Some(at) = below {
            let folder = format!("<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", &key[..=prefix.len() + at]);
            if !folders.contains(&folder) {
                folders.push(folder);
            }
            continue;
        }
        if count == most {
            more = true;
            break;
        }
        (count, last) = (count + 1, key.to_owned());
        let tag = etag(*made).replace('"', "&quot;");
        let (key, size) = (escaped(key), bytes.len());
        xml += &format!(
            "<Contents><Key>{key}</Key><LastModified>2026-11-29T12:00:00.000Z</LastModified><ETag>{tag}</ETag><Size>{size}</Size></Contents>"
        );
    }
    if more {
        xml += &format!("<NextContinuationToken>{}</NextContinuationToken>", escaped(&last));
    }
    let folders = folders.concat();
    Answer::new(
        200,
        format!(
            "<?xml version=\"1.0\"?><ListBucketResult><Name>b</Name><Prefix>{}</Prefix><KeyCount>{count}</KeyCount><IsTruncated>{more}</IsTruncated>{xml}{folders}</ListBucketResult>",
            escaped(&prefix)
        ),
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
