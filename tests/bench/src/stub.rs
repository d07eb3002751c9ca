//! A server that replies after a while, as a model does; a thread for each connection.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A reply takes between these, milliseconds.
const TAKES: (u64, u64) = (50, 200);

/// The server, until the program ends.
pub struct Stub {
    port: u16,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    refusing: f64,
    limit: Option<usize>,
    recent: VecDeque<Instant>,
    random: u64,
    in_flight: u64,
    seen: Seen,
}

/// What the server saw.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// Requests.
    pub requests: u64,
    /// Those that were refused.
    pub refused: u64,
    /// The most at one moment.
    pub most_in_flight: u64,
    slept: f64,
    first: Option<Instant>,
    last: Option<Instant>,
}

impl Seen {
    /// The time that all replies take with this many requests in flight at every moment, seconds.
    pub fn ideal(&self, at_once: u32) -> f64 {
        self.slept / f64::from(at_once)
    }

    /// From the first request to the last reply, seconds.
    pub fn took(&self) -> f64 {
        match (self.first, self.last) {
            (Some(first), Some(last)) => last.saturating_duration_since(first).as_secs_f64(),
            _ => f64::NAN,
        }
    }
}

impl Stub {
    /// Starts it.
    ///
    /// # Panics
    ///
    /// If the system has no port for it.
    pub fn start() -> Stub {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
        let port = listener.local_addr().expect("it has an address").port();
        let shared = Arc::new(Mutex::new(Shared { random: 17, ..Shared::default() }));
        let stub = Stub { port, shared: shared.clone() };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = shared.clone();
                let small = std::thread::Builder::new().stack_size(128 << 10);
                let _ = small.spawn(move || serve(&stream, &shared));
            }
        });
        stub
    }

    /// Which refuses this share of all requests, for a second each.
    #[must_use]
    pub fn refusing(self, share: f64) -> Stub {
        locked(&self.shared).refusing = share;
        self
    }

    /// Which refuses more than this many requests in any second.
    #[must_use]
    pub fn limited(self, a_second: usize) -> Stub {
        locked(&self.shared).limit = Some(a_second);
        self
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it saw.
    pub fn seen(&self) -> Seen {
        locked(&self.shared).seen
    }
}

fn locked(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// Between 0 and 1.
    fn random(&mut self) -> f64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) as f64 / f64::from(1_u32 << 31)
    }

    /// How long a request takes; none if it is refused.
    fn begin(&mut self) -> Option<Duration> {
        let now = Instant::now();
        self.seen.first.get_or_insert(now);
        self.seen.requests += 1;
        self.in_flight += 1;
        self.seen.most_in_flight = self.seen.most_in_flight.max(self.in_flight);
        let takes = Duration::from_millis(TAKES.0).as_secs_f64() + self.random() * (TAKES.1 - TAKES.0) as f64 / 1e3;
        let mut is_refused = self.random() < self.refusing;
        if let Some(limit) = self.limit {
            self.recent.retain(|before| now - *before < Duration::from_secs(1));
            is_refused |= self.recent.len() >= limit;
            if !is_refused {
                self.recent.push_back(now);
            }
        }
        if is_refused {
            self.seen.refused += 1;
            return None;
        }
        self.seen.slept += takes;
        Some(Duration::from_secs_f64(takes))
    }

    fn end(&mut self) {
        self.in_flight -= 1;
        self.seen.last = Some(Instant::now());
    }
}

fn serve(stream: &TcpStream, shared: &Mutex<Shared>) {
    let _ = stream.set_nodelay(true);
    let mut reader = BufReader::new(stream);
    while read(&mut reader).is_some() {
        let takes = locked(shared).begin();
        takes.into_iter().for_each(std::thread::sleep);
        let (status, more, body) = match takes {
            Some(_) => (200, "", r#"{"said":"yes","usage":{"prompt_tokens":3,"completion_tokens":7}}"#),
            None => (429, "retry-after: 1\r\n", "no"),
        };
        let head = format!("HTTP/1.1 {status} X\r\n{more}content-length: {}\r\n\r\n", body.len());
        locked(shared).end();
        let mut writer = stream;
        if writer.write_all((head + body).as_bytes()).is_err() {
            return;
        }
    }
}

/// Reads a request to its end.
fn read(reader: &mut impl BufRead) -> Option<()> {
    let (mut line, mut length) = (String::new(), 0);
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line == "\r\n" {
            break;
        }
    }
    std::io::copy(&mut reader.take(length), &mut std::io::sink()).ok().map(drop)
}
