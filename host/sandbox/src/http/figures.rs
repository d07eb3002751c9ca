//! The requests to a server in figures, for the report.

use std::collections::BTreeMap;
use std::time::Duration;

use super::usage::Tokens;

/// The requests to one server, in figures.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ServerCalls {
    /// Requests that were sent, repetitions among them.
    pub sent: u64,
    /// Repetitions, by reason: a status, or how the connection failed.
    pub retried: BTreeMap<String, u64>,
    /// Time that requests waited, by cause, summed over all of them.
    pub waited: BTreeMap<&'static str, Duration>,
    /// Half of all replies took no longer than this.
    pub median: Duration,
    /// 99 of 100 replies took no longer than this.
    pub slowest: Duration,
    /// Requests that steps have handed over, and have no outcome of now.
    pub under_way: u32,
    /// Requests in flight now.
    pub in_flight: u32,
    /// Requests that wait now, by cause.
    pub waiting: BTreeMap<&'static str, u32>,
    /// The most requests that were in flight at one moment.
    pub most_in_flight: u32,
    /// Offline batches.
    pub batches: BatchCalls,
    /// By step.
    pub steps: BTreeMap<String, StepCalls>,
}

/// Offline batches of requests to one server, in figures.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct BatchCalls {
    /// Batches that were submitted.
    pub submitted: u64,
    /// Requests in them.
    pub requests: u64,
    /// Batches that have ended, and whose replies are kept now.
    pub ended: u64,
    /// Replies in them, of the status of a success.
    pub replies: u64,
    /// Requests of them without a reply, which are to be part of another batch, or failed for good.
    pub unanswered: u64,
    /// What these replies cost, in [`PARTS`](callboard_plan::PARTS).
    pub cost: u64,
}

/// A step's requests to one server, in figures.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct StepCalls {
    /// Replies of the server, of the status of a success.
    pub replies: u64,
    /// Replies that were known: nothing was sent.
    pub known: u64,
    /// Requests that failed for good.
    pub failed: u64,
    /// Tokens of the requests that were replied to.
    pub input_tokens: u64,
    /// Tokens of these replies.
    pub output_tokens: u64,
    /// Tokens of known replies, in and out.
    pub known_tokens: u64,
    /// What the replies cost, in [`PARTS`](callboard_plan::PARTS).
    pub cost: u64,
    /// What the known replies would have cost.
    pub known_cost: u64,
}

/// The figures while they grow.
#[derive(Default)]
pub(super) struct Figures {
    pub(super) calls: ServerCalls,
    times: Times,
}

impl Figures {
    pub(super) fn step(&mut self, step: &str) -> &mut StepCalls {
        if !self.calls.steps.contains_key(step) {
            self.calls.steps.insert(step.to_owned(), StepCalls::default());
        }
        self.calls.steps.get_mut(step).expect("it was just put there")
    }

    pub(super) fn begins(&mut self) {
        self.calls.sent += 1;
        self.calls.in_flight += 1;
        self.calls.most_in_flight = self.calls.most_in_flight.max(self.calls.in_flight);
    }

    pub(super) fn waited(&mut self, cause: &'static str, time: Duration) {
        *self.calls.waited.entry(cause).or_default() += time;
    }

    pub(super) fn replied(&mut self, step: &str, took: Duration, tokens: Tokens, cost: u64) {
        self.times.add(took);
        self.paid(step, tokens, cost);
    }

    /// A reply that came with an offline batch.
    pub(super) fn of_a_batch(&mut self, step: &str, tokens: Tokens, cost: u64) {
        self.calls.batches.replies += 1;
        self.calls.batches.cost = self.calls.batches.cost.saturating_add(cost);
        self.paid(step, tokens, cost);
    }

    fn paid(&mut self, step: &str, tokens: Tokens, cost: u64) {
        let step = self.step(step);
        step.replies += 1;
        step.input_tokens = step.input_tokens.saturating_add(tokens.input);
        step.output_tokens = step.output_tokens.saturating_add(tokens.output);
        step.cost = step.cost.saturating_add(cost);
    }

    pub(super) fn known(&mut self, step: &str, tokens: Tokens, cost: u64) {
        let step = self.step(step);
        step.known += 1;
        step.known_tokens = step.known_tokens.saturating_add(tokens.all());
        step.known_cost = step.known_cost.saturating_add(cost);
    }

    /// What is known by now.
    pub(super) fn now(&self) -> ServerCalls {
        ServerCalls { median: self.times.within(0.5), slowest: self.times.within(0.99), ..self.calls.clone() }
    }
}

/// How long replies took, in classes that are 5 % wide.
#[derive(Default)]
struct Times {
    classes: BTreeMap<u32, u64>,
    all: u64,
}

/// A class is this much wider than the one before it.
const WIDER: f64 = 1.05;

impl Times {
    fn add(&mut self, took: Duration) {
        let class = ((took.as_secs_f64() * 1e6).max(1.0).ln() / WIDER.ln()).ceil() as u32;
        *self.classes.entry(class).or_default() += 1;
        self.all += 1;
    }

    /// The time that this share took no longer than.
    fn within(&self, share: f64) -> Duration {
        let wanted = (self.all as f64 * share).ceil() as u64;
        let mut seen = 0;
        let class = self.classes.iter().find(|(_, count)| {
            seen += **count;
            seen >= wanted
        });
        class.map_or(Duration::ZERO, |(class, _)| {
            Duration::from_secs_f64((f64::from(*class) * WIDER.ln()).exp().round() / 1e6)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_of_replies_are_known_to_one_part_in_twenty() {
        let mut times = Times::default();
        assert_eq!(times.within(0.5), Duration::ZERO);
        (1..=100).for_each(|tenth| times.add(Duration::from_millis(10 * tenth)));
        let near = |share: f64, expected: f64| {
            let found = times.within(share).as_secs_f64();
            assert!((expected..expected * 1.06).contains(&found), "{share}: {found}");
        };
        near(0.5, 0.5);
        near(0.99, 0.99);
    }
}
