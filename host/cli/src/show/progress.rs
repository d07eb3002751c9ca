//! Progress, on standard error: a line per step on a terminal, plain lines otherwise, or JSON for programs.

mod json;

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use callboard_runtime::{CallsNow, Event, Level, Observer, Report, Status};
use callboard_words::sizes::bytes;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::figures::{count, rate, time};
use super::{err, harmless, inline, short};
use crate::arguments::ProgressFormat;

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Detail {
    /// Nothing.
    Errors,
    /// What whoever runs this should know of.
    Notes,
    /// What takes long or is amiss.
    Warnings,
    /// Stages and steps too, and what steps log from `info` up.
    Progress,
    /// Everything that steps log.
    All,
}

/// From how much on a line of a step's log is shown.
impl From<Level> for Detail {
    fn from(level: Level) -> Detail {
        match level {
            Level::Trace | Level::Debug => Detail::All,
            Level::Info => Detail::Progress,
            Level::Warn | Level::Error => Detail::Warnings,
        }
    }
}

/// Shows the events of a run.
#[derive(Clone)]
pub(crate) struct Progress(Arc<Inner>);

struct Inner {
    detail: Detail,
    /// `None` where standard error is not a terminal.
    bars: Option<MultiProgress>,
    /// For a program.
    json: Option<json::Lines>,
    steps: Mutex<HashMap<String, Line>>,
    /// The stage's own line.
    stage: Mutex<StageLine>,
    calls: Mutex<Calls>,
}

/// What is shown of a stage.
#[derive(Default)]
struct StageLine {
    bar: Option<ProgressBar>,
    /// How many there are, as soon as that is known.
    stages: Option<usize>,
    /// The most rows that went into one of its steps, when that was looked at last, and how many a second there were then.
    rows: u64,
    pace: Option<f64>,
    at: Duration,
    /// When a plain line was written, after how long.
    said: Duration,
}

/// How far a stage is.
struct Going {
    took: Duration,
    memory: u64,
    budget: Option<u64>,
    part: Option<f64>,
    left: Option<Duration>,
    run_left: Option<Duration>,
}

/// What is shown of requests to servers.
#[derive(Default)]
struct Calls {
    bars: HashMap<String, ProgressBar>,
    /// When a plain line was written.
    said: Option<Instant>,
}

struct Line {
    bar: ProgressBar,
    rows_in: u64,
    rows_out: u64,
}

impl Progress {
    /// In a format; by default lines that move on a terminal, and plain ones elsewhere.
    pub(crate) fn new(detail: Detail, format: ProgressFormat) -> Progress {
        let moves = format == ProgressFormat::Auto && std::io::stderr().is_terminal() && detail >= Detail::Progress;
        let json = (format == ProgressFormat::Json).then(json::Lines::new);
        Progress::with(detail, moves.then(MultiProgress::new), json)
    }

    /// Plain lines.
    pub(crate) fn plain(detail: Detail) -> Progress {
        Progress::with(detail, None, None)
    }

    fn with(detail: Detail, bars: Option<MultiProgress>, json: Option<json::Lines>) -> Progress {
        let inner = Arc::new(Inner {
            detail,
            bars,
            json,
            steps: Mutex::default(),
            stage: Mutex::default(),
            calls: Mutex::default(),
        });
        if detail >= Detail::Warnings {
            let of_thread = Arc::downgrade(&inner);
            // Without it, slow places are not named.
            let _ = thread::Builder::new().name("waiting".to_owned()).spawn(move || say_what_is_waited_for(&of_thread));
        }
        Progress(inner)
    }

    /// The observer of a run's events.
    pub(crate) fn observer(&self) -> Observer {
        let inner = self.0.clone();
        Observer::new(move |event| inner.show(event))
    }

    /// Says where the run is shown. It was asked for, however little else is said.
    pub(crate) fn serving(&self, url: &str) {
        match &self.0.json {
            Some(json) => json.say("serving", serde_json::json!({ "url": url })),
            None => self.0.line(Detail::Errors, &format!("the run is shown at {url}")),
        }
    }

    /// Says what is amiss.
    pub(crate) fn warn(&self, what: &str) {
        self.0.show(Event::Note { message: what.to_owned() });
    }

    /// Says how the run ended, for a program.
    pub(crate) fn ended(&self, report: &Report) {
        let Some(json) = &self.0.json else { return };
        let status = match report.status {
            Status::Finished => "finished",
            Status::Failed => "failed",
            Status::Interrupted => "interrupted",
            Status::Waiting => "waiting",
        };
        let rows: u64 = report.outputs.values().map(|output| output.rows).sum();
        let of = serde_json::json!({ "status": status, "run": report.run_folder, "rows_written": rows, "wall_ms": report.wall_ms as u64 });
        json.say("ended", of);
    }

    /// Takes away the lines that move.
    pub(crate) fn finish(&self) {
        self.0.end();
    }
}

/// Says which place is waited for, and why, when that is another than before.
fn say_what_is_waited_for(inner: &Weak<Inner>) {
    let mut said = None;
    loop {
        thread::sleep(LOOK);
        let Some(inner) = inner.upgrade() else { return };
        let now = callboard_io::waited_for();
        if let Some(what) = now.as_ref().filter(|_| now != said) {
            inner.line(Detail::Warnings, &format!("waiting for {}", inline(what)));
            said = now;
        }
    }
}

/// Between two plain lines about requests.
const CALLS_SAID: Duration = Duration::from_secs(10);

/// `1,204 replies, 64 in flight, 130 wait (at_once 100, rate 30), 402 k tokens, cost 0.1312, 2m 05s left`.
fn calls_text(calls: &CallsNow, left: Option<Duration>) -> String {
    let mut said = vec![format!("{} replies", count(calls.replies))];
    if calls.known > 0 {
        said.push(format!("{} from the journal", count(calls.known)));
    }
    if calls.failed > 0 {
        said.push(format!("{} failed", count(calls.failed)));
    }
    said.push(format!("{} in flight", count(calls.in_flight.into())));
    let waiting: u64 = calls.waiting.values().map(|requests| u64::from(*requests)).sum();
    if waiting > 0 {
        let of = |(cause, requests): (&&str, &u32)| format!("{cause} {}", count((*requests).into()));
        let causes: Vec<String> = calls.waiting.iter().map(of).collect();
        said.push(format!("{} wait ({})", count(waiting), causes.join(", ")));
    }
    let tokens = calls.input_tokens.saturating_add(calls.output_tokens);
    if tokens > 0 {
        said.push(format!("{} tokens", rate(tokens as f64)));
    }
    if calls.cost > 0.0 {
        said.push(format!("cost {:.4}", calls.cost));
    }
    said.extend(left.map(|left| format!("{} left", time(left.as_secs_f64() * 1e3))));
    said.join(", ")
}

/// Between two plain lines about a stage.
const GOING_SAID: Duration = Duration::from_secs(30);

impl StageLine {
    fn look(&mut self, rows: u64, at: Duration) {
        let more = rows.saturating_sub(self.rows) as f64 / at.saturating_sub(self.at).as_secs_f64().max(0.001);
        // Batches come in bursts.
        self.pace = Some(self.pace.map_or(more, |pace| 0.7 * pace + 0.3 * more));
        (self.rows, self.at) = (rows, at);
    }
}

/// How far the stage is, and how long the run goes on, or at least the stage: `34 %   24 s left   1,204,000 rows   120 k rows/s   45 MiB of 1 GiB   12 s`: a narrow terminal cuts the end off.
fn going_text(now: &Going, rows: u64, pace: Option<f64>) -> String {
    let mut said: Vec<String> = now.part.map(|part| format!("{:.0} %", part * 100.0)).into_iter().collect();
    let seconds = |left: Duration| time(left.as_secs_f64() * 1e3);
    match (now.run_left, now.left) {
        (Some(left), _) => said.push(format!("{} left", seconds(left))),
        (None, Some(left)) => said.push(format!("{} left in this stage", seconds(left))),
        (None, None) => {}
    }
    said.push(format!("{} rows", count(rows)));
    said.extend(pace.map(|pace| format!("{} rows/s", rate(pace))));
    let memory = bytes(now.memory);
    said.push(now.budget.map_or_else(|| memory.clone(), |budget| format!("{memory} of {}", bytes(budget))));
    said.push(time(now.took.as_secs_f64() * 1e3));
    said.join("   ")
}

/// How often that is looked at.
const LOOK: Duration = Duration::from_secs(1);

impl Inner {
    fn line(&self, from: Detail, text: &str) {
        if self.detail < from {
            return;
        }
        match &self.bars {
            Some(bars) => {
                let _ = bars.println(harmless(text));
            }
            None => err(text),
        }
    }

    fn show(&self, event: Event) {
        if let Some(json) = &self.json {
            return json.show(self.detail, &event);
        }
        match event {
            Event::Compiling { step } => self.line(Detail::Warnings, &format!("compiling {step} (once)")),
            Event::Compiled { step, took } => {
                let took = time(took.as_secs_f64() * 1e3);
                self.line(Detail::Progress, &format!("compiled {step} in {took}"));
            }
            Event::Intake { stage, input } => {
                self.line(Detail::Progress, &format!("stage {stage}: reading input {input} whole"));
            }
            Event::Loaded { stage, stages, steps, linear_memory } => {
                let (names, memory) = (steps.join(", "), bytes(linear_memory));
                self.line(Detail::Progress, &format!("stage {stage} of {stages}: {names}   ({memory} in memory)"));
                self.begin(stages, &steps);
            }
            Event::Rows { step, rows_in, rows_out } => self.moved(&step, rows_in, rows_out),
            Event::Calls { servers, left } => self.called(&servers, left),
            Event::Going { stage, took, linear_memory, in_flight, budget, part, left, run_left } => {
                let memory = linear_memory.saturating_add(in_flight);
                self.going(stage, &Going { took, memory, budget, part, left, run_left });
            }
            Event::Ended { stage, took, linear_memory } => {
                let (took, memory) = (time(took.as_secs_f64() * 1e3), bytes(linear_memory));
                self.end();
                self.line(Detail::Progress, &format!("stage {stage} ended after {took}   ({memory} in memory)"));
            }
            Event::Waiting { node } => {
                self.line(Detail::All, &format!("{node} waits: rows in flight take what the budget leaves"));
            }
            Event::Retrying { step, message, attempt, of, pause } => {
                let (pause, message) = (time(pause.as_secs_f64() * 1e3), inline(&message));
                self.line(Detail::Warnings, &format!("{step}: {message}: again in {pause} ({attempt} of {of})"));
            }
            Event::Note { message } => self.line(Detail::Notes, &format!("note: {}", inline(&message))),
            Event::Log { step, level, message } => {
                let from = Detail::from(level);
                let level = format!("{level:?}").to_lowercase();
                // Whose it is stands before each of its lines.
                let lines = short(message.trim_end());
                let lines =
                    lines.split('\n').map(|line| format!("{step}: {level}: {}", inline(line.trim_end_matches('\r'))));
                self.line(from, &lines.collect::<Vec<_>>().join("\n"));
            }
            _ => {}
        }
    }

    /// A line that moves, below the others; hidden where there is no terminal.
    fn bar(&self) -> ProgressBar {
        let style = ProgressStyle::with_template("  {spinner} {wide_msg}").expect("the template is right");
        let bar = ProgressBar::new_spinner().with_style(style);
        self.bars.as_ref().map_or_else(ProgressBar::hidden, |bars| bars.add(bar))
    }

    fn begin(&self, stages: usize, steps: &[String]) {
        let mut stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        *stage = StageLine { stages: Some(stages), ..std::mem::take(&mut *stage) };
        stage.bar.get_or_insert_with(|| self.bar());
        let mut lines = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        for step in steps {
            lines.insert(step.clone(), Line { bar: self.bar().with_message(step.clone()), rows_in: 0, rows_out: 0 });
        }
    }

    /// Shows how far the stage is: on its line of a terminal, or now and then on a plain one.
    fn going(&self, number: usize, now: &Going) {
        let rows = self.steps.lock().unwrap_or_else(PoisonError::into_inner).values().map(|line| line.rows_in).max();
        let mut stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        stage.look(rows.unwrap_or(0), now.took);
        let of = stage.stages.map_or_else(String::new, |stages| format!(" of {stages}"));
        let text = format!("stage {number}{of}   {}", going_text(now, stage.rows, stage.pace));
        if self.bars.is_some() {
            let bar = stage.bar.get_or_insert_with(|| self.bar());
            bar.set_message(text);
            bar.tick();
        } else if now.took.saturating_sub(stage.said) >= GOING_SAID {
            stage.said = now.took;
            self.line(Detail::Progress, &text);
        }
    }

    fn moved(&self, step: &str, rows_in: u64, rows_out: u64) {
        let mut lines = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = lines.get_mut(step) {
            line.rows_in += rows_in;
            line.rows_out += rows_out;
            line.bar.set_message(format!("{step}   {} in   {} out", count(line.rows_in), count(line.rows_out)));
            line.bar.tick();
        }
    }

    /// Shows how far the requests to servers are. The time that is left is behind the last of them.
    fn called(&self, servers: &[CallsNow], left: Option<Duration>) {
        if self.detail < Detail::Progress {
            return;
        }
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = calls.said.is_none_or(|said| said.elapsed() >= CALLS_SAID);
        for (at, server) in servers.iter().enumerate() {
            let text = calls_text(server, left.filter(|_| at + 1 == servers.len()));
            let name = inline(&server.server);
            match &self.bars {
                Some(_) => {
                    let bar = calls.bars.entry(server.server.clone()).or_insert_with(|| self.bar());
                    bar.set_message(harmless(&format!("{name}   {text}")).into_owned());
                    bar.tick();
                }
                None if is_due => err(&format!("{name}: {text}")),
                None => {}
            }
        }
        if is_due {
            calls.said = Some(Instant::now());
        }
    }

    fn end_calls(&self) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.bars.drain().for_each(|(_, bar)| bar.finish_and_clear());
    }

    /// Takes the lines of the stage away.
    fn end(&self) {
        let stage = std::mem::take(&mut *self.stage.lock().unwrap_or_else(PoisonError::into_inner));
        stage.bar.iter().for_each(ProgressBar::finish_and_clear);
        let lines: Vec<(String, Line)> = self.steps.lock().unwrap_or_else(PoisonError::into_inner).drain().collect();
        lines.into_iter().for_each(|(_, line)| line.bar.finish_and_clear());
        self.end_calls();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_line_about_requests_says_what_they_wait_for_and_what_is_left() {
        let mut calls = CallsNow::default();
        (calls.replies, calls.known, calls.failed, calls.in_flight) = (1_204, 10, 2, 64);
        (calls.input_tokens, calls.output_tokens, calls.cost) = (300_000, 102_000, 0.13125);
        calls.waiting = BTreeMap::from([("at_once", 1_200), ("rate", 30)]);
        assert_eq!(
            calls_text(&calls, Some(Duration::from_secs(125))),
            "1,204 replies, 10 from the journal, 2 failed, 64 in flight, 1,230 wait (at_once 1,200, rate 30), 402 k tokens, cost 0.1313, 2m 05s left"
        );
        assert_eq!(calls_text(&CallsNow::default(), None), "0 replies, 0 in flight");
    }

    #[test]
    fn a_line_about_a_stage_says_how_far_it_is_and_what_is_left() {
        let took = Duration::from_secs(12);
        let left = Some(2 * took);
        let mut now = Going { took, memory: 45 << 20, budget: Some(1 << 30), part: Some(0.344), left, run_left: left };
        let said = going_text(&now, 1_204_000, Some(120_400.0));
        assert_eq!(said, "34 %   24.0 s left   1,204,000 rows   120 k rows/s   45 MiB of 1 GiB   12.0 s");
        now.run_left = None;
        let said = going_text(&now, 1_204_000, None);
        assert_eq!(said, "34 %   24.0 s left in this stage   1,204,000 rows   45 MiB of 1 GiB   12.0 s");
        (now.part, now.budget, now.left) = (None, None, None);
        assert_eq!(going_text(&now, 0, None), "0 rows   45 MiB   12.0 s");
    }
}
