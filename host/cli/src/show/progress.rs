//! Progress, on standard error: a line per step on a terminal, plain lines otherwise.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use callboard_runtime::{Event, Level, Observer};
use callboard_words::sizes::bytes;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::figures::{count, time};
use super::{err, harmless, inline, short};

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

/// Shows the events of a run.
#[derive(Clone)]
pub(crate) struct Progress(Arc<Inner>);

struct Inner {
    detail: Detail,
    /// `None` where standard error is not a terminal.
    bars: Option<MultiProgress>,
    steps: Mutex<HashMap<String, Line>>,
}

struct Line {
    bar: ProgressBar,
    rows_in: u64,
    rows_out: u64,
}

impl Progress {
    /// Lines that move on a terminal, and plain ones elsewhere.
    pub(crate) fn new(detail: Detail) -> Progress {
        let terminal = std::io::stderr().is_terminal() && detail >= Detail::Progress;
        Progress::with(detail, terminal.then(MultiProgress::new))
    }

    /// Plain lines.
    pub(crate) fn plain(detail: Detail) -> Progress {
        Progress::with(detail, None)
    }

    fn with(detail: Detail, bars: Option<MultiProgress>) -> Progress {
        let inner = Arc::new(Inner { detail, bars, steps: Mutex::default() });
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

    /// Takes away the lines that move.
    pub(crate) fn finish(&self) {
        self.0
            .steps
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain()
            .for_each(|(_, line)| line.bar.finish_and_clear());
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
                self.begin(&steps);
            }
            Event::Rows { step, rows_in, rows_out } => self.moved(&step, rows_in, rows_out),
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
                let from = match level {
                    Level::Trace | Level::Debug => Detail::All,
                    Level::Info => Detail::Progress,
                    Level::Warn | Level::Error => Detail::Warnings,
                };
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

    fn begin(&self, steps: &[String]) {
        let Some(bars) = &self.bars else { return };
        let style = ProgressStyle::with_template("  {spinner} {msg}").expect("the template is right");
        let mut lines = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        for step in steps {
            let bar = bars.add(ProgressBar::new_spinner().with_style(style.clone()).with_message(step.clone()));
            lines.insert(step.clone(), Line { bar, rows_in: 0, rows_out: 0 });
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

    /// Takes the lines of the stage away.
    fn end(&self) {
        let lines: Vec<(String, Line)> = self.steps.lock().unwrap_or_else(PoisonError::into_inner).drain().collect();
        lines.into_iter().for_each(|(_, line)| line.bar.finish_and_clear());
    }
}
