//! What a step says: the lines of its log, and what it writes to standard output and standard error, all of it under one limit.
//!
//! A line that is written to either arrives in the log at level `info`: programs tell their progress there as well as their
//! troubles, and the host cannot know which it is.

use std::sync::{Arc, Mutex, MutexGuard};

use hyper::body::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use crate::error::LimitExceeded;
use crate::events::{Event, Level, Observer};

/// The most that is kept of a step's own words for an error's message, bytes.
pub(super) const SAID: usize = 4 << 10;
/// What one write to a standard stream may hold, bytes.
const WRITE: usize = 64 << 10;

/// The log of one instance.
#[derive(Clone)]
pub(super) struct Log(Arc<Mutex<Said>>);

struct Said {
    step: Arc<str>,
    observer: Observer,
    limits: LogLimits,
    lines: u64,
    bytes: u64,
    /// The last error of this call.
    error: Option<String>,
    /// The end of what this call wrote to standard error.
    stderr: Vec<u8>,
    /// Lines of standard output and standard error that have not ended yet.
    unended: [Vec<u8>; 2],
}

/// The most that an instance may log over its life.
#[derive(Clone, Copy, Debug)]
pub struct LogLimits {
    /// Lines.
    pub lines: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Default for LogLimits {
    fn default() -> LogLimits {
        LogLimits { lines: 100_000, bytes: 16 << 20 }
    }
}

/// A standard stream.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standard {
    Output,
    Error,
}

impl Log {
    pub(super) fn new(step: Arc<str>, observer: Observer, limits: LogLimits) -> Log {
        let (error, stderr, unended) = (None, Vec::new(), Default::default());
        Log(Arc::new(Mutex::new(Said { step, observer, limits, lines: 0, bytes: 0, error, stderr, unended })))
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.0.lock().expect("no holder panics")
    }

    /// A line by the contract's own function.
    pub(super) fn write(&self, level: Level, message: String) -> Result<(), LimitExceeded> {
        let mut said = self.said();
        said.take_bytes(message.len())?;
        said.take_line()?;
        if level == Level::Error {
            said.error = Some(message[..message.floor_char_boundary(SAID)].to_owned());
        }
        said.tell(level, message);
        Ok(())
    }

    pub(super) fn stdout(&self) -> impl StdoutStream + 'static {
        Stream { log: self.clone(), standard: Standard::Output }
    }

    pub(super) fn stderr(&self) -> impl StdoutStream + 'static {
        Stream { log: self.clone(), standard: Standard::Error }
    }

    /// Forgets what was said before the call that now begins.
    pub(super) fn begin_call(&self) {
        let mut said = self.said();
        said.error = None;
        said.stderr.clear();
    }

    /// Tells of lines that a call left without an end.
    pub(super) fn end_call(&self) {
        let mut said = self.said();
        for at in 0..said.unended.len() {
            let line = std::mem::take(&mut said.unended[at]);
            if !line.is_empty() {
                // The call is over: whatever comes after it meets the limit.
                let _ = said.line(&line);
            }
        }
    }

    /// What the step said during a call that failed: its last error in the log, or the end of its standard error.
    pub(super) fn last_words(&self) -> Option<String> {
        let mut said = self.said();
        let stderr = String::from_utf8_lossy(&said.stderr).trim().to_owned();
        said.error.take().or_else(|| (!stderr.is_empty()).then_some(stderr))
    }
}

impl Said {
    fn take_bytes(&mut self, bytes: usize) -> Result<(), LimitExceeded> {
        let (limit, present, requested) = (self.limits.bytes, self.bytes, bytes as u64);
        if present.saturating_add(requested) > limit {
            let (what, key) = ("bytes of log", Some("limits.log_bytes"));
            return Err(LimitExceeded { what, limit, present, requested, key });
        }
        self.bytes += requested;
        Ok(())
    }

    fn take_line(&mut self) -> Result<(), LimitExceeded> {
        let (limit, present) = (self.limits.lines, self.lines);
        if present >= limit {
            let (what, key) = ("lines of log", Some("limits.log_lines"));
            return Err(LimitExceeded { what, limit, present, requested: 1, key });
        }
        self.lines += 1;
        Ok(())
    }

    fn tell(&self, level: Level, message: String) {
        self.observer.tell(Event::Log { step: self.step.clone(), level, message });
    }

    fn line(&mut self, line: &[u8]) -> Result<(), LimitExceeded> {
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end_matches('\r');
        if !line.is_empty() {
            self.take_line()?;
            self.tell(Level::Info, line.to_owned());
        }
        Ok(())
    }

    fn written(&mut self, standard: Standard, bytes: &[u8]) -> Result<(), LimitExceeded> {
        self.take_bytes(bytes.len())?;
        if standard == Standard::Error {
            self.stderr.extend_from_slice(bytes);
            let forgotten = self.stderr.len().saturating_sub(SAID);
            self.stderr.drain(..forgotten);
        }
        let mut unended = std::mem::take(&mut self.unended[standard as usize]);
        unended.extend_from_slice(bytes);
        let mut lines = unended.split(|byte| *byte == b'\n');
        let rest = lines.next_back().unwrap_or_default().to_vec();
        lines.try_for_each(|line| self.line(line))?;
        self.unended[standard as usize] = rest;
        Ok(())
    }
}

struct Stream {
    log: Log,
    standard: Standard,
}

impl IsTerminal for Stream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Stream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        unreachable!("WASI 0.2 asks for its own kind of stream")
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(Stream { log: self.log.clone(), standard: self.standard })
    }
}

impl OutputStream for Stream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let written = self.log.said().written(self.standard, &bytes);
        written.map_err(|limit| StreamError::Trap(wasmtime::Error::new(limit)))
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE)
    }
}

#[async_trait]
impl Pollable for Stream {
    async fn ready(&mut self) {}
}
