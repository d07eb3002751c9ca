//! Progress for programs: one object of JSON on each line of standard error.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use callboard_runtime::{CallsNow, Event};
use serde_json::{Value, json};

use super::Detail;
use crate::show::err_json;

/// Between two lines about rows.
const OFTEN: Duration = Duration::from_millis(500);

/// The lines, and the rows that the next one reports.
pub(super) struct Lines {
    began: Instant,
    moved: Mutex<Moved>,
}

#[derive(Default)]
struct Moved {
    stage: usize,
    /// Rows in and out of the stage's steps.
    steps: BTreeMap<Arc<str>, (u64, u64)>,
    said: Option<Instant>,
    is_news: bool,
}

impl Lines {
    pub(super) fn new() -> Lines {
        Lines { began: Instant::now(), moved: Mutex::default() }
    }

    /// Writes a line, with the milliseconds since the command began.
    pub(super) fn say(&self, event: &str, mut of: Value) {
        let mut line = json!({ "event": event, "at_ms": self.began.elapsed().as_millis() as u64 });
        if let (Value::Object(line), Value::Object(of)) = (&mut line, &mut of) {
            line.append(of);
        }
        err_json(&line);
    }

    pub(super) fn show(&self, detail: Detail, event: &Event) {
        if let Event::Rows { step, rows_in, rows_out } = event {
            return self.moved(step, *rows_in, *rows_out);
        }
        let (from, name, of) = match event {
            Event::Compiling { step } => (Detail::Warnings, "compiling", json!({ "step": step })),
            Event::Compiled { step, took } => {
                (Detail::Progress, "compiled", json!({ "step": step, "took_ms": ms(*took) }))
            }
            Event::Intake { stage, input } => (Detail::Progress, "intake", json!({ "stage": stage, "input": input })),
            Event::Loaded { stage, stages, steps, linear_memory } => {
                self.begin(*stage);
                let of =
                    json!({ "stage": stage, "stages": stages, "steps": steps, "linear_memory_bytes": linear_memory });
                (Detail::Progress, "stage", of)
            }
            Event::Calls { servers, left } => {
                let servers: Vec<Value> = servers.iter().map(server).collect();
                (Detail::Progress, "calls", json!({ "servers": servers, "left_ms": left.map(ms) }))
            }
            Event::Going { stage, took, linear_memory, in_flight, budget, part, left, run_left } => {
                let of = json!({
                    "stage": stage,
                    "took_ms": ms(*took),
                    "linear_memory_bytes": linear_memory,
                    "in_flight_bytes": in_flight,
                    "budget_bytes": budget,
                    "part": part,
                    "left_ms": left.map(ms),
                    "run_left_ms": run_left.map(ms),
                });
                (Detail::Progress, "going", of)
            }
            Event::Ended { stage, took, linear_memory } => {
                self.rows(true);
                let of = json!({ "stage": stage, "took_ms": ms(*took), "linear_memory_bytes": linear_memory });
                (Detail::Progress, "stage-ended", of)
            }
            Event::Waiting { node } => (Detail::All, "waiting", json!({ "node": node })),
            Event::Retrying { step, message, attempt, of, pause } => {
                let of =
                    json!({ "step": step, "message": message, "attempt": attempt, "of": of, "pause_ms": ms(*pause) });
                (Detail::Warnings, "retrying", of)
            }
            Event::Note { message } => (Detail::Notes, "note", json!({ "message": message })),
            Event::Log { step, level, message } => {
                let word = format!("{level:?}").to_lowercase();
                (
                    Detail::from(*level),
                    "log",
                    json!({ "step": step, "level": word, "message": crate::show::short(message) }),
                )
            }
            _ => return,
        };
        if detail >= from {
            self.say(name, of);
        }
    }

    fn begin(&self, stage: usize) {
        *self.moved.lock().unwrap_or_else(PoisonError::into_inner) = Moved { stage, ..Moved::default() };
    }

    fn moved(&self, step: &Arc<str>, rows_in: u64, rows_out: u64) {
        let mut moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = moved.steps.entry(step.clone()).or_default();
        *rows = (rows.0 + rows_in, rows.1 + rows_out);
        moved.is_news = true;
        let is_due = moved.said.is_none_or(|said| said.elapsed() >= OFTEN);
        drop(moved);
        if is_due {
            self.rows(false);
        }
    }

    /// Says how many rows went through each step of the stage, if that is news or the stage ends.
    fn rows(&self, at_the_end: bool) {
        let mut moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        if moved.steps.is_empty() || !(moved.is_news || at_the_end) {
            return;
        }
        (moved.is_news, moved.said) = (false, Some(Instant::now()));
        let of = |(step, (rows_in, rows_out)): (&Arc<str>, &(u64, u64))| {
            (step.to_string(), json!({ "rows_in": rows_in, "rows_out": rows_out }))
        };
        let steps: serde_json::Map<String, Value> = moved.steps.iter().map(of).collect();
        let of = json!({ "stage": moved.stage, "steps": steps, "complete": at_the_end });
        drop(moved);
        self.say("rows", of);
    }
}

fn ms(time: Duration) -> u64 {
    time.as_millis() as u64
}

fn server(calls: &CallsNow) -> Value {
    json!({
        "server": calls.server,
        "sent": calls.sent,
        "replies": calls.replies,
        "known": calls.known,
        "failed": calls.failed,
        "in_flight": calls.in_flight,
        "waiting": calls.waiting,
        "input_tokens": calls.input_tokens,
        "output_tokens": calls.output_tokens,
        "cost": calls.cost,
    })
}
