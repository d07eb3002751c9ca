//! An HTTP server for tests, on this machine: it keeps what it was sent, to the byte.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A server that lives as long as the tests do.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Answers by the request's path: `/redirect` leads to `/moved`, `/silent` is never answered, `/torn` breaks off half-way,
    /// `/large` has 8 MiB; everything else is `hello`.
    pub(crate) fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Server { address: listener.local_addr().unwrap(), requests: Arc::default() };
        let requests = server.requests.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let requests = requests.clone();
                std::thread::spawn(move || serve(stream, &requests));
            }
        });
        server
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// The requests so far, with their headers and bodies.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, requests: &Mutex<Vec<String>>) {
    let Some(request) = read(&stream) else { return };
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    requests.lock().unwrap().push(request);
    let answer = |status: &str, headers: &str, body: &[u8]| {
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
        [head.as_bytes(), body].concat()
    };
    let bytes = match path.as_str() {
        "/redirect" => answer("302 Found", "location: /moved\r\n", b""),
        "/large" => answer("200 OK", "", &[b'x'; 8 << 20]),
        "/torn" => b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhel".to_vec(),
        "/silent" => {
            // Until the other side gives up.
            let _ = stream.read(&mut [0]);
            return;
        }
        _ => answer("200 OK", "", b"hello"),
    };
    let _ = stream.write_all(&bytes);
}

fn read(stream: &TcpStream) -> Option<String> {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    while !request.ends_with("\r\n\r\n") {
        if reader.read_line(&mut request).ok()? == 0 {
            return None;
        }
    }
    if request.starts_with("POST") {
        let length = request.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body).ok()?;
        request.push_str(&String::from_utf8_lossy(&body));
    }
    Some(request)
}
