//! A server of offline batches, as tests have it: OpenAI's form and Anthropic's. It counts what it accepts, and may kill the process that asks.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::model::{answer, read, words_of};

/// What comes of a request of a batch.
pub(crate) enum Came {
    Reply,
    Status(u16),
    Expired,
}

type Script = dyn Fn(&str, usize) -> Came + Send + Sync;
type Moment = dyn Fn(usize, bool) -> bool + Send + Sync;

/// The server, as long as the tests live.
pub(crate) struct Offline {
    pub(crate) port: u16,
    pub(crate) state: Arc<Mutex<State>>,
}

#[derive(Default)]
pub(crate) struct State {
    /// Requests of any kind.
    requests: usize,
    files: Vec<(String, Vec<u8>)>,
    /// Files that whoever asks has removed.
    pub(crate) removed: BTreeSet<String>,
    pub(crate) batches: Vec<Batch>,
    /// How often each text was part of an accepted batch.
    pub(crate) accepted: BTreeMap<String, usize>,
    /// Requests that were no part of a batch.
    pub(crate) online: usize,
    /// Looks at a batch before it has ended.
    pub(crate) looks: usize,
}

pub(crate) struct Batch {
    metadata: Value,
    /// Identifier and text.
    pub(crate) lines: Vec<(String, String)>,
    results: Vec<u8>,
    looked: usize,
}

impl Offline {
    /// `script` says what comes of a text, by how often it was part of a batch before; `moment` hears of each request by its number,
    /// before and after the server has done what it asks for, and says whether the server gets to that, and to its reply.
    pub(crate) fn start(
        script: impl Fn(&str, usize) -> Came + Send + Sync + 'static,
        moment: impl Fn(usize, bool) -> bool + Send + Sync + 'static,
    ) -> Offline {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let offline = Offline { port: listener.local_addr().unwrap().port(), state: Arc::default() };
        let state = offline.state.clone();
        let (script, moment): (Arc<Script>, Arc<Moment>) = (Arc::new(script), Arc::new(moment));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (state, script, moment) = (state.clone(), script.clone(), moment.clone());
                std::thread::spawn(move || serve(&stream, &state, &*script, &*moment));
            }
        });
        offline
    }

    /// How many batches were accepted, and how often the text that was accepted most often.
    pub(crate) fn accepted(&self) -> (usize, usize) {
        let state = self.state.lock().unwrap();
        (state.batches.len(), state.accepted.values().copied().max().unwrap_or(0))
    }
}

fn serve(stream: &TcpStream, state: &Mutex<State>, script: &Script, moment: &Moment) {
    let mut reader = BufReader::new(stream);
    while let Some((head, body)) = read(&mut reader) {
        let mut words = head.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let path = path.strip_prefix("/v1").unwrap_or_default();
        let mut state = state.lock().unwrap();
        let nth = state.requests;
        state.requests += 1;
        if !moment(nth, false) {
            return;
        }
        let said = state.answer(method, path, &body, script);
        if !moment(nth, true) {
            return;
        }
        drop(state);
        let bytes = match said {
            Some(body) => answer(200, "content-type: application/json\r\n", &body),
            None => answer(404, "", b"{}"),
        };
        if (&*stream).write_all(&bytes).is_err() {
            return;
        }
    }
}

impl State {
    fn answer(&mut self, method: &str, path: &str, body: &[u8], script: &Script) -> Option<Vec<u8>> {
        let json: Value = serde_json::from_slice(body).unwrap_or_default();
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let said = match (method, &parts[..]) {
            ("POST", ["files"]) => {
                let text = String::from_utf8_lossy(body).into_owned();
                let name = text.split("filename=\"").nth(1)?.split('"').next()?.to_owned();
                let lines = text.split("jsonl\r\n\r\n").nth(1)?.split("\r\n--").next()?.as_bytes().to_vec();
                self.files.push((name, lines));
                json!({"id": format!("file-{}", self.files.len() - 1)})
            }
            ("GET", ["files"]) => {
                let files = self.files.iter().enumerate();
                let files = files.map(|(nth, (name, _))| json!({"id": format!("file-{nth}"), "filename": name}));
                json!({"data": files.collect::<Vec<_>>(), "has_more": false})
            }
            ("DELETE", ["files", id]) => {
                self.removed.insert((*id).to_owned());
                json!({"id": id, "deleted": true})
            }
            ("GET", ["files", id, "content"]) => {
                assert!(!self.removed.contains(*id), "{id} is asked for after it was removed");
                let id = id.strip_prefix("out-")?.parse::<usize>().ok()?;
                return Some(self.batches.get(id)?.results.clone());
            }
            ("POST", ["batches"]) => {
                let file = json["input_file_id"].as_str()?.strip_prefix("file-")?.parse::<usize>().ok()?;
                let lines = self.files.get(file)?.1.clone();
                let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
                let lines: Vec<Value> = lines.map(|line| serde_json::from_slice(line).unwrap()).collect();
                assert!(lines.iter().all(|line| line["url"] == json["endpoint"]), "{lines:?}");
                let lines = lines.iter().map(|line| (id_of(line), text_of(&line["body"]))).collect();
                self.accept(json["metadata"].clone(), lines, script, openai)
            }
            ("POST", ["messages", "batches"]) => {
                let lines = json["requests"].as_array()?;
                let lines = lines.iter().map(|line| (id_of(line), text_of(&line["params"]))).collect();
                self.accept(Value::Null, lines, script, anthropic)
            }
            ("GET", ["batches"] | ["messages", "batches"]) => {
                // In pages of one.
                let after = query.rsplit("batch-").next().and_then(|id| id.parse::<usize>().ok());
                let at = after.map_or(0, |after| after + 1);
                let more = at + 1 < self.batches.len();
                self.batches.iter_mut().for_each(|batch| batch.looked += 1);
                let data: Vec<Value> = self.batches.get(at).into_iter().map(|_| self.shown(at)).collect();
                json!({"data": data, "has_more": more})
            }
            ("GET", ["batches", id] | ["messages", "batches", id]) => {
                let nth = id.strip_prefix("batch-")?.parse::<usize>().ok()?;
                self.batches.get_mut(nth)?.looked += 1;
                self.shown(nth)
            }
            ("GET", ["messages", "batches", id, "results"]) => {
                return Some(self.batches.get(id.strip_prefix("batch-")?.parse::<usize>().ok()?)?.results.clone());
            }
            _ => {
                self.online += 1;
                return None;
            }
        };
        Some(said.to_string().into_bytes())
    }

    fn accept(
        &mut self,
        metadata: Value,
        lines: Vec<(String, String)>,
        script: &Script,
        line: fn(&str, &str, &Came) -> Value,
    ) -> Value {
        let mut results = Vec::new();
        for (id, text) in &lines {
            let times = self.accepted.entry(text.clone()).or_default();
            let came = script(text, *times);
            *times += 1;
            results.extend_from_slice(format!("{}\n", line(id, text, &came)).as_bytes());
        }
        self.batches.push(Batch { metadata, lines, results, looked: 0 });
        self.shown(self.batches.len() - 1)
    }

    fn shown(&self, nth: usize) -> Value {
        let batch = &self.batches[nth];
        let ended = batch.looked > self.looks;
        json!({
            "id": format!("batch-{nth}"),
            "metadata": batch.metadata,
            "status": if ended { "completed" } else { "in_progress" },
            "processing_status": if ended { "ended" } else { "in_progress" },
            "output_file_id": ended.then(|| format!("out-{nth}")),
            "request_counts": {"processing": batch.lines.len(), "succeeded": 0},
        })
    }
}

fn id_of(line: &Value) -> String {
    line["custom_id"].as_str().unwrap().to_owned()
}

fn text_of(body: &Value) -> String {
    body["text"].as_str().unwrap().to_owned()
}

fn openai(id: &str, text: &str, came: &Came) -> Value {
    let response = match came {
        Came::Reply => {
            json!({"status_code": 200, "body": words_of("/v1/chat/completions", &format!("said to {text}"))})
        }
        Came::Status(status) => json!({"status_code": status, "body": {"error": "no"}}),
        Came::Expired => return json!({"custom_id": id, "response": null, "error": {"code": "batch_expired"}}),
    };
    json!({"custom_id": id, "response": response, "error": null})
}

fn anthropic(id: &str, text: &str, came: &Came) -> Value {
    let result = match came {
        Came::Reply => json!({"type": "succeeded", "message": words_of("/v1/messages", &format!("said to {text}"))}),
        Came::Status(400) => json!({"type": "errored", "error": {"error": {"type": "invalid_request_error"}}}),
        Came::Status(_) => json!({"type": "errored", "error": {"error": {"type": "overloaded_error"}}}),
        Came::Expired => json!({"type": "expired"}),
    };
    json!({"custom_id": id, "result": result})
}
