//! What a run asked servers, in figures.

use std::collections::BTreeMap;

use callboard_sandbox::{BatchCalls, Calls, ServerCalls, StepCalls};
use serde::{Deserialize, Serialize};

use super::accounts::ms;

/// The requests to one server, in figures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CallsReport {
    /// Requests that were sent, repetitions among them.
    pub sent: u64,
    /// Repetitions, by reason: a status, or how the connection failed.
    pub retried: BTreeMap<String, u64>,
    /// Time that requests waited before they were sent, by cause, summed over all of them, milliseconds: `at_once`, `rate`, `tokens` and
    /// `cost` are limits of the pipeline, `server` is one that the server reported, `retry` the pause before a repetition.
    pub waited_ms: BTreeMap<String, f64>,
    /// Half of the replies took no longer than this, milliseconds, to one part in twenty.
    pub median_ms: f64,
    /// 99 of 100 replies took no longer than this, milliseconds.
    pub slowest_ms: f64,
    /// The most requests in flight at one moment.
    pub most_in_flight: u32,
    /// Offline batches, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batches: Option<BatchesReport>,
    /// By step.
    pub steps: BTreeMap<String, StepCallsReport>,
}

/// Offline batches of requests to one server, in figures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BatchesReport {
    /// Batches that were submitted.
    pub submitted: u64,
    /// Requests in them.
    pub requests: u64,
    /// Batches that have ended, and whose replies were fetched.
    pub ended: u64,
    /// Replies in them.
    pub replies: u64,
    /// Requests of them without a reply: they are part of the next batch, or failed.
    pub unanswered: u64,
    /// What these replies cost, in the unit of `price`.
    pub cost: f64,
}

impl BatchesReport {
    fn of(calls: BatchCalls, cost: f64) -> Option<BatchesReport> {
        let BatchCalls { submitted, requests, ended, replies, unanswered, .. } = calls;
        let report = BatchesReport { submitted, requests, ended, replies, unanswered, cost };
        (report != BatchesReport::default()).then_some(report)
    }
}

/// A step's requests to one server, in figures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StepCallsReport {
    /// Replies that the server sent, of the status of a success.
    pub replies: u64,
    /// Replies from the journal: not asked for, and not paid again.
    pub known: u64,
    /// Requests that failed after all repetitions.
    pub failed: u64,
    /// Tokens of the requests that were replied to.
    pub input_tokens: u64,
    /// Tokens of these replies.
    pub output_tokens: u64,
    /// Tokens of the replies from the journal, in and out.
    pub known_tokens: u64,
    /// What the replies cost, in the unit of `price`.
    pub cost: f64,
    /// What the replies from the journal would have cost.
    pub known_cost: f64,
}

/// The requests of a run, by server.
pub(super) fn calls_of(calls: &Calls) -> BTreeMap<String, CallsReport> {
    let money = |parts: u64| parts as f64 / callboard_plan::PARTS as f64;
    let step = |(name, calls): (String, StepCalls)| {
        let report = StepCallsReport {
            replies: calls.replies,
            known: calls.known,
            failed: calls.failed,
            input_tokens: calls.input_tokens,
            output_tokens: calls.output_tokens,
            known_tokens: calls.known_tokens,
            cost: money(calls.cost),
            known_cost: money(calls.known_cost),
        };
        (name, report)
    };
    let server = |(name, calls): (String, ServerCalls)| {
        let report = CallsReport {
            sent: calls.sent,
            retried: calls.retried,
            waited_ms: calls.waited.into_iter().map(|(cause, time)| (cause.to_owned(), ms(time))).collect(),
            median_ms: ms(calls.median),
            slowest_ms: ms(calls.slowest),
            most_in_flight: calls.most_in_flight,
            batches: BatchesReport::of(calls.batches, money(calls.batches.cost)),
            steps: calls.steps.into_iter().map(step).collect(),
        };
        (name, report)
    };
    calls.figures().into_iter().map(server).collect()
}
