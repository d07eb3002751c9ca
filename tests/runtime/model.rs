//! A server of a model, as tests have it: it replies to each text, fails as it is told to, and counts what it was asked.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::bench::HANGS;

/// What the server does with a request.
pub(crate) enum Act {
    /// It replies to the text, as a model would.
    Reply,
    /// It says this.
    Say(String),
    /// This status, with these headers.
    Status(u16, &'static str),
    /// A head that promises more than comes.
    Cut,
    /// It closes the connection without a word.
    Reset,
    /// A reply of this many bytes, of which a few come.
    Large(u64),
    /// It keeps whoever asks waiting, until they are gone.
    Hang,
}

type Script = dyn Fn(&str, usize) -> Act + Send + Sync;

/// The server, as long as the tests live.
pub(crate) struct Model {
    pub(crate) port: u16,
    seen: Arc<(Mutex<Seen>, Condvar)>,
}

#[derive(Default)]
pub(crate) struct Seen {
    /// How often each text was asked for.
    pub(crate) asked: HashMap<String, usize>,
    /// How often it was replied to, to the last byte.
    pub(crate) replied: HashMap<String, usize>,
    pub(crate) in_flight: usize,
    pub(crate) most_in_flight: usize,
    pub(crate) connections: usize,
    /// The heads of all requests.
    pub(crate) heads: Vec<String>,
}

impl Model {
    /// Does what the script says to a text, and to how often it was asked for before.
    pub(crate) fn start(script: impl Fn(&str, usize) -> Act + Send + Sync + 'static) -> Model {
        Model::together(1, script)
    }

    /// As [`Model::start`], and replies to nothing before this many requests are there at once, or were once.
    pub(crate) fn together(many: usize, script: impl Fn(&str, usize) -> Act + Send + Sync + 'static) -> Model {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let model = Model { port: listener.local_addr().unwrap().port(), seen: Arc::default() };
        let (seen, script): (_, Arc<Script>) = (model.seen.clone(), Arc::new(script));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, script) = (seen.clone(), script.clone());
                std::thread::spawn(move || serve(stream, &seen, many, &*script));
            }
        });
        model
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v1/chat", self.port)
    }

    pub(crate) fn look<R>(&self, look: impl FnOnce(&Seen) -> R) -> R {
        look(&self.seen.0.lock().unwrap())
    }

    /// Requests so far.
    pub(crate) fn requests(&self) -> usize {
        self.look(|seen| seen.asked.values().sum())
    }

    /// Replies that were given to what had been replied to before.
    pub(crate) fn paid_twice(&self) -> usize {
        self.look(|seen| seen.replied.values().map(|times| times - 1).sum())
    }
}

fn serve(stream: TcpStream, seen: &(Mutex<Seen>, Condvar), many: usize, script: &Script) {
    seen.0.lock().unwrap().connections += 1;
    let mut reader = BufReader::new(&stream);
    while let Some((head, body)) = read(&mut reader) {
        let parsed: Value = serde_json::from_slice(&body).unwrap_or_default();
        let text = asked_for(&parsed).to_owned();
        let mut now = seen.0.lock().unwrap();
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        now.heads.push(head);
        let times = now.asked.entry(text.clone()).or_default();
        *times += 1;
        let before = *times - 1;
        now.in_flight += 1;
        now.most_in_flight = now.most_in_flight.max(now.in_flight);
        seen.1.notify_all();
        let is_enough = |now: &mut Seen| now.most_in_flight < many;
        drop(seen.1.wait_timeout_while(now, HANGS, is_enough).unwrap());
        let act = script(&text, before);
        let bytes = match act {
            Act::Reply if path == "/v1/embeddings" => embedded(&parsed),
            Act::Reply => said(&path, &format!("reply {before} to {text}")),
            Act::Say(ref words) => said(&path, words),
            Act::Status(status, headers) => answer(status, headers, b"no"),
            Act::Cut => b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"sai".to_vec(),
            Act::Large(bytes) => format!("HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\nxxx").into_bytes(),
            Act::Reset | Act::Hang => Vec::new(),
        };
        if matches!(act, Act::Hang) {
            let _ = stream.set_read_timeout(Some(HANGS + Duration::from_secs(60)));
            let _ = (&stream).read(&mut [0]);
        }
        let written = (&stream).write_all(&bytes).is_ok();
        let mut now = seen.0.lock().unwrap();
        now.in_flight -= 1;
        if written && matches!(act, Act::Reply | Act::Say(_)) {
            *now.replied.entry(text).or_default() += 1;
        }
        drop(now);
        if !matches!(act, Act::Reply | Act::Say(_) | Act::Status(..)) {
            return;
        }
    }
}

/// What is asked, in each of the protocols: the last message.
fn asked_for(body: &Value) -> &str {
    let content = body["messages"]
        .as_array()
        .or(body["input"].as_array())
        .and_then(|messages| Some(&messages.last()?["content"]));
    match content {
        Some(Value::String(text)) => text,
        Some(parts) => parts[0]["text"].as_str().unwrap_or_default(),
        None => body["text"].as_str().unwrap_or_default(),
    }
}

/// Vectors of two numbers: how long each text is, and 1.
fn embedded(body: &Value) -> Vec<u8> {
    let texts = body["input"].as_array().into_iter().flatten().filter_map(Value::as_str).enumerate();
    let data: Vec<Value> = texts.map(|(index, text)| json!({"index": index, "embedding": [text.len(), 1]})).collect();
    let body = json!({"data": data, "usage": {"prompt_tokens": 3, "total_tokens": 3}});
    answer(200, "content-type: application/json\r\n", body.to_string().as_bytes())
}

/// A reply in the words of the protocol.
fn said(path: &str, words: &str) -> Vec<u8> {
    answer(200, "content-type: application/json\r\n", words_of(path, words).to_string().as_bytes())
}

/// The body of such a reply.
pub(crate) fn words_of(path: &str, words: &str) -> Value {
    let chat = json!({"prompt_tokens": 3, "completion_tokens": 7});
    let tokens = json!({"input_tokens": 3, "output_tokens": 7});
    match path {
        "/v1/chat/completions" => {
            let choice = json!({"message": {"role": "assistant", "content": words}, "finish_reason": "stop"});
            json!({"model": "tiny", "choices": [choice], "usage": chat})
        }
        "/v1/responses" => {
            let message = json!({"type": "message", "content": [{"type": "output_text", "text": words}]});
            json!({"model": "tiny", "status": "completed", "output": [message], "usage": tokens})
        }
        "/v1/messages" => {
            let content = json!([{"type": "text", "text": words}]);
            json!({"model": "tiny", "stop_reason": "end_turn", "content": content, "usage": tokens})
        }
        _ => json!({"said": words, "usage": chat}),
    }
}

pub(crate) fn answer(status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// The head and the body of the next request.
pub(crate) fn read(reader: &mut impl BufRead) -> Option<(String, Vec<u8>)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some((head, body))
}
