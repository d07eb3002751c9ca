//! A server of models that replies with what a file of replies has: lines as `callboard step test --record` writes them.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use serde_json::Value;

type Reply = dyn Fn(&str, &Value) -> Option<Value> + Send + Sync;

/// Serves as long as the process lives. What no line is for is replied to with 400, and says so.
pub(crate) fn serve(lines: &str) -> SocketAddr {
    let replies: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    serve_by(move |path, body| {
        let is_path = |line: &Value| line["url"].as_str().is_some_and(|url| url.ends_with(path));
        Some(replies.iter().find(|line| line["body"] == *body && is_path(line))?["reply"].clone())
    })
}

/// Serves what a function makes of a path and a body: `{"status": 200, "body": …}`.
pub(crate) fn serve_by(reply: impl Fn(&str, &Value) -> Option<Value> + Send + Sync + 'static) -> SocketAddr {
    let reply: Arc<Reply> = Arc::new(reply);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let reply = reply.clone();
            std::thread::spawn(move || converse(&stream, &*reply));
        }
    });
    address
}

fn converse(mut stream: &TcpStream, reply: &Reply) {
    let mut reader = BufReader::new(stream);
    while let Some((path, body)) = read(&mut reader) {
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let (status, reply) = match reply(&path, &body) {
            Some(reply) => (reply["status"].clone(), reply["body"].to_string()),
            None => (400.into(), format!("nothing is known of {path} {body}")),
        };
        let length = reply.len();
        let head = format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n");
        if stream.write_all((head + &reply).as_bytes()).is_err() {
            return;
        }
    }
}

/// The path and the body of the next request.
fn read(reader: &mut impl BufRead) -> Option<(String, Vec<u8>)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let path = head.split(' ').nth(1)?.to_owned();
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some((path, body))
}
