//! A collector of OpenTelemetry that takes whatever it is sent and keeps nothing; and requests as a browser and Prometheus make them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Result;

/// The collector, until the program ends.
pub struct Collector {
    port: u16,
    requests: Arc<AtomicU64>,
}

impl Collector {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// There is no port for it.
    pub fn begin() -> Result<Collector> {
        let listener = listener()?;
        let port = listener.local_addr().map_err(|error| error.to_string())?.port();
        let requests = Arc::new(AtomicU64::new(0));
        let counted = requests.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let counted = counted.clone();
                // Whoever goes away is gone.
                std::thread::spawn(move || drop(take(stream, &counted)));
            }
        });
        Ok(Collector { port, requests })
    }

    /// Its address.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How many requests it took.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

fn listener() -> Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| format!("there is no port: {error}"))
}

/// Takes the requests of one connection.
fn take(stream: TcpStream, counted: &AtomicU64) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut length, mut line) = (0, String::new());
        while line != "\r\n" {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink())?;
        counted.fetch_add(1, Ordering::Relaxed);
        reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?;
    }
}

/// A port that nobody listens at.
///
/// # Errors
///
/// There is none.
pub fn free_port() -> Result<u16> {
    listener()?.local_addr().map(|address| address.port()).map_err(|error| error.to_string())
}

/// Asks a server of this machine for something, and reads all of the answer.
///
/// # Errors
///
/// Nobody answers, or with something else than it.
pub fn get(port: u16, path: &str) -> std::io::Result<()> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    if answer.starts_with(b"HTTP/1.1 200 ") { Ok(()) } else { Err(std::io::ErrorKind::InvalidData.into()) }
}
