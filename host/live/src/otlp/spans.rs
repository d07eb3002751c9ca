//! The spans of a run: of itself, of each stage that this process carried out, and of each of their steps.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use callboard_runtime::{Report, StageReport, Status, StepReport, UnfinishedReport};
use rand::RngExt;

use super::messages::{
    ERROR, INTERNAL, KeyValue, OK, Resource, ResourceSpans, ScopeSpans, Span, SpanStatus, TraceRequest,
};
use super::{scope, text};

/// Spans of one trace.
pub(super) struct Spans {
    trace: Vec<u8>,
    run: Vec<u8>,
    /// When stages of this process began and ended, by their numbers.
    ended: BTreeMap<usize, Period>,
    /// Stages that have theirs.
    made: BTreeSet<usize>,
    waiting: Vec<Span>,
}

/// From when to when, nanoseconds since 1970.
#[derive(Clone, Copy)]
struct Period(u64, u64);

impl Spans {
    pub(super) fn new() -> Spans {
        let trace = rand::rng().random::<u128>().to_be_bytes().to_vec();
        Spans { trace, run: id(), ended: BTreeMap::new(), made: BTreeSet::new(), waiting: Vec::new() }
    }

    /// A stage ended now.
    pub(super) fn stage_ended(&mut self, stage: usize, took: Duration, now: u64) {
        self.ended.insert(stage, Period(now.saturating_sub(took.as_nanos() as u64), now));
    }

    /// Makes the spans of what has ended; that of the run too, if this is its last report.
    pub(super) fn take(&mut self, report: &Report, is_last: bool) {
        for stage in &report.stages {
            if let Some(period) = self.ended.get(&stage.index).copied()
                && self.made.insert(stage.index)
            {
                self.stage(stage, period);
            }
        }
        if !is_last {
            return;
        }
        let began = nanoseconds(report.began_at * 1e3);
        let ended = began.saturating_add(nanoseconds(report.wall_ms));
        if let Some(stage) = &report.unfinished {
            self.unfinished(stage, ended);
        }
        let attributes = vec![
            text("callboard.pipeline", &report.name),
            text("callboard.plan", &report.plan),
            text("callboard.run", &report.run_folder),
            int("callboard.resumed", report.resumed.into()),
        ];
        let (code, message) = match (&report.status, &report.error) {
            (Status::Finished, _) => (OK, ""),
            (_, error) => (ERROR, error.as_ref().map_or("", |error| error.message.as_str())),
        };
        let span = self.span(self.run.clone(), Vec::new(), &report.name, Period(began, ended), attributes);
        self.waiting.push(Span { status: Some(status(code, message)), ..span });
    }

    /// Those that no collector has taken.
    pub(super) fn waiting(&self) -> &[Span] {
        &self.waiting
    }

    /// The first ones were taken.
    pub(super) fn sent(&mut self, spans: usize) {
        self.waiting.drain(..spans);
    }

    fn stage(&mut self, stage: &StageReport, period: Period) {
        let attributes = vec![
            int("callboard.stage", stage.index as u64),
            int("callboard.linear_memory.peak", stage.peak_linear_memory_bytes),
            int("callboard.rows.peak", stage.peak_rows_bytes),
            int("callboard.spilled", stage.spilled_bytes),
        ];
        let of = id();
        let span = self.span(of.clone(), self.run.clone(), &format!("stage {}", stage.index), period, attributes);
        self.waiting.push(span);
        let Period(began, ended) = period;
        let from = began.saturating_add(nanoseconds(stage.intake_ms + stage.load_ms)).min(ended);
        let to = from.saturating_add(nanoseconds(stage.run_ms)).min(ended);
        for step in &stage.steps {
            let span = self.step(&of, step, Period(from, to));
            self.waiting.push(span);
        }
    }

    fn step(&self, stage: &[u8], step: &StepReport, period: Period) -> Span {
        let attributes = vec![
            text("callboard.use", &step.uses),
            int("callboard.rows_in", step.rows_in),
            int("callboard.rows_out", step.rows_out),
            int("callboard.rows_dropped", step.rows_dropped),
            int("callboard.rows_rejected", step.rows_rejected),
            int("callboard.rows_reused", step.rows_reused),
            int("callboard.batches", step.batches),
            int("callboard.calls_ms", step.guest_ms as u64),
        ];
        self.span(id(), stage.to_vec(), &step.name, period, attributes)
    }

    /// The stage that was being carried out when the run ended.
    fn unfinished(&mut self, stage: &UnfinishedReport, ended: u64) {
        let period = Period(ended.saturating_sub(nanoseconds(stage.took_ms)), ended);
        let attributes = vec![int("callboard.stage", stage.stage as u64)];
        let span = self.span(id(), self.run.clone(), &format!("stage {}", stage.stage), period, attributes);
        self.waiting.push(Span { status: Some(status(ERROR, "it did not end")), ..span });
    }

    fn span(&self, id: Vec<u8>, parent: Vec<u8>, name: &str, period: Period, attributes: Vec<KeyValue>) -> Span {
        Span {
            trace_id: self.trace.clone(),
            span_id: id,
            parent_span_id: parent,
            name: name.to_owned(),
            kind: INTERNAL,
            start_time_unix_nano: period.0,
            end_time_unix_nano: period.1,
            attributes,
            status: None,
        }
    }
}

/// A request with spans.
pub(super) fn request(resource: &Resource, spans: &[Span]) -> TraceRequest {
    let scope_spans = vec![ScopeSpans { scope: scope(), spans: spans.to_vec() }];
    TraceRequest { resource_spans: vec![ResourceSpans { resource: Some(resource.clone()), scope_spans }] }
}

fn id() -> Vec<u8> {
    rand::rng().random_range(1..=u64::MAX).to_be_bytes().to_vec()
}

fn status(code: i32, message: &str) -> SpanStatus {
    SpanStatus { message: message[..message.floor_char_boundary(2_000)].to_owned(), code }
}

fn int(key: &str, value: u64) -> KeyValue {
    KeyValue::int(key, i64::try_from(value).unwrap_or(i64::MAX))
}

fn nanoseconds(ms: f64) -> u64 {
    Duration::from_secs_f64((ms / 1e3).max(0.0)).as_nanos() as u64
}
