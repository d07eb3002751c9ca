//! An engine that reads and writes lines of JSON: `drive` within a job of Ray's, whose Python starts what it asks for.
//!
//! `{"start": "1.0003"}` on standard output asks for a task; `{"ended": "1.0003", "code": 0}` on standard input says how it ended, with its
//! exit code, or `null` and `words` where it was lost. When standard input ends, the engine is gone.

use std::io::{self, BufRead, Write};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;

use callboard_plan::TaskId;
use callboard_runtime::{Attempt, Class, End, Engine, RunError};
use serde::Deserialize;

/// Lines of whoever started this process.
pub(crate) struct Lines {
    lines: Receiver<String>,
}

#[derive(Deserialize)]
struct Ended {
    ended: String,
    code: Option<i32>,
    #[serde(default)]
    words: String,
}

impl Lines {
    pub(crate) fn begin() -> Lines {
        let (send, lines) = channel();
        // Without the thread nobody sends, which is an engine that is gone.
        let _ = thread::Builder::new()
            .name("engine".to_owned())
            .spawn(move || io::stdin().lock().lines().map_while(Result::ok).all(|line| send.send(line).is_ok()));
        Lines { lines }
    }
}

impl Engine for Lines {
    fn start(&mut self, tasks: &[TaskId]) -> Result<(), RunError> {
        let lines: String = tasks.iter().map(|task| format!("{{\"start\": \"{task}\"}}\n")).collect();
        let mut out = io::stdout().lock();
        let written = out.write_all(lines.as_bytes()).and_then(|()| out.flush());
        written.map_err(|_| gone())
    }

    fn poll(&mut self) -> Result<Vec<Attempt>, RunError> {
        let mut ended = Vec::new();
        loop {
            match self.lines.try_recv() {
                Ok(line) => ended.push(attempt(&line)?),
                Err(TryRecvError::Empty) => return Ok(ended),
                Err(TryRecvError::Disconnected) if !ended.is_empty() => return Ok(ended),
                Err(TryRecvError::Disconnected) => return Err(gone()),
            }
        }
    }
}

fn gone() -> RunError {
    RunError::new(Class::System, "the process that starts the tasks has ended")
}

fn attempt(line: &str) -> Result<Attempt, RunError> {
    let read = serde_json::from_str::<Ended>(line).ok();
    let read = read.and_then(|ended| ended.ended.parse().ok().map(|task| (task, ended)));
    let Some((task, Ended { code, words, .. })) = read else {
        return Err(RunError::new(Class::Bug, format!("`{line}` is not how a task ends")));
    };
    let end = match code {
        Some(0) => End::Done,
        Some(code) if code > 0 => End::Failed,
        Some(signal) => End::Lost(format!("signal {}", signal.unsigned_abs())),
        None => End::Lost(words),
    };
    Ok(Attempt { task, end })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_ends_as_its_line_says() {
        let task = TaskId { group: 1, slice: 3 };
        let end = |rest: &str| attempt(&format!("{{\"ended\": \"1.0003\", {rest}}}")).unwrap();
        assert_eq!(end("\"code\": 0"), Attempt { task, end: End::Done });
        assert_eq!(end("\"code\": 3").end, End::Failed);
        assert_eq!(end("\"code\": -9").end, End::Lost("signal 9".to_owned()));
        assert_eq!(end("\"code\": null, \"words\": \"a node was lost\"").end, End::Lost("a node was lost".to_owned()));
        for wrong in ["", "{}", "{\"ended\": \"one\", \"code\": 0}"] {
            assert!(attempt(wrong).is_err(), "{wrong}");
        }
    }
}
