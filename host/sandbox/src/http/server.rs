//! One server, as all steps of a run ask it: how many requests at once, how many over a time, what they may cost.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use callboard_plan::CallLimits;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::figures::{Figures, ServerCalls};
use super::usage::{Need, Tokens};

/// Requests may begin this much before their time, so that a moment's delay of ours is made up for.
const AHEAD: Duration = Duration::from_millis(20);
/// Requests are sent at this part of a rate: some arrive later than others, and a server that counts those of a second exactly would
/// refuse the ones that arrive together.
const PACE: f64 = 0.98;
/// What may be taken at once of tokens over a time, as a part of a minute's.
const BURST: f64 = 10.0;
/// The latest outcomes, by which it is known whether a server refuses all or only some.
const RECENT: usize = 16;

pub(super) struct Server {
    pub(super) name: String,
    pub(super) limits: CallLimits,
    slots: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// When the next request may begin, for `rate`.
    next: Option<Instant>,
    /// Nothing is sent until then: the server said so.
    paused: Option<Instant>,
    /// What is left of `tokens`, and when that was.
    tokens: Option<(f64, Instant)>,
    /// What was paid, and what requests in flight may cost.
    spent: u64,
    reserved: u64,
    /// The most output that any reply had, and what requests took of what they were likely to take.
    largest_output: u64,
    likely: (u64, u64),
    /// Whether the latest outcomes were refusals.
    recent: VecDeque<bool>,
    /// Requests that steps have handed over and have no outcome of yet, and those of them that wait, by cause.
    under_way: u32,
    waiting: BTreeMap<&'static str, u32>,
    figures: Figures,
}

/// Counts a request as under way, until it is dropped.
pub(super) struct UnderWay(Arc<Server>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.state().under_way -= 1;
    }
}

/// Counts a request as waiting, until it is dropped.
struct Waits<'a>(&'a Server, &'static str, Instant);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        let Waits(server, cause, since) = self;
        let (time, mut state) = (since.elapsed(), server.state());
        let waiting = state.waiting.entry(*cause).or_default();
        *waiting = waiting.saturating_sub(1);
        if time >= Duration::from_millis(1) {
            state.figures.waited(cause, time);
        }
    }
}

/// A request that may be sent. When it is dropped, the next one may be.
pub(super) struct Pass {
    server: Arc<Server>,
    likely: f64,
    reserved: u64,
    pub(super) began: Instant,
    _slot: OwnedSemaphorePermit,
}

/// Why a request is not sent.
pub(super) enum Turned {
    /// Nobody waits for it any more.
    Gone,
    /// The run would cost too much: what was spent, and the most.
    Cost(u64, u64),
}

impl Server {
    pub(super) fn new(name: String, limits: CallLimits, spent: u64) -> Arc<Server> {
        let slots = Arc::new(Semaphore::new(limits.at_once as usize));
        Arc::new(Server { name, limits, slots, state: Mutex::new(State { spent, ..State::default() }) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn figures<R>(&self, change: impl FnOnce(&mut Figures) -> R) -> R {
        change(&mut self.state().figures)
    }

    pub(super) fn calls(&self) -> ServerCalls {
        let state = self.state();
        let waiting = state.waiting.iter().filter(|(_, requests)| **requests > 0).map(|(cause, now)| (*cause, *now));
        ServerCalls { waiting: waiting.collect(), under_way: state.under_way, ..state.figures.now() }
    }

    /// Counts a request that a step has handed over.
    pub(super) fn under_way(self: &Arc<Server>) -> UnderWay {
        self.state().under_way += 1;
        UnderWay(self.clone())
    }

    /// Whether more requests would be sent at once, or soon, if there were any.
    pub(super) fn has_room(&self) -> bool {
        let state = self.state();
        let waiting = |cause: &str| state.waiting.get(cause).copied().unwrap_or(0);
        let held_up = ["rate", "tokens", "cost", "server"].iter().any(|cause| waiting(cause) > 0);
        let ready = state.under_way.saturating_sub(waiting("retry"));
        !held_up && ready < self.limits.at_once.saturating_add(self.limits.at_once / 4)
    }

    /// Whether the requests under way are enough that those of another call would not be sent for long.
    pub(super) fn is_crowded(&self) -> bool {
        self.state().under_way >= self.limits.at_once.saturating_mul(4)
    }

    /// What tokens cost.
    pub(super) fn cost(&self, tokens: Tokens) -> u64 {
        self.limits.price.map_or(0, |price| price.of(tokens.input, tokens.output))
    }

    /// Reserves what an offline batch may cost, until that is known.
    pub(super) fn reserve(&self, cost: u64) -> Result<(), Turned> {
        let mut state = self.state();
        let spent = state.spent.saturating_add(state.reserved);
        state.reserved = state.reserved.saturating_add(cost);
        match self.limits.max_cost {
            Some(most) if spent.saturating_add(cost) > most => Err(Turned::Cost(state.spent, most)),
            _ => Ok(()),
        }
    }

    /// Gives back what was reserved for an offline batch.
    pub(super) fn release(&self, cost: u64) {
        let mut state = self.state();
        state.reserved = state.reserved.saturating_sub(cost);
    }

    /// Counts what an offline batch has cost.
    pub(super) fn pay(&self, cost: u64) {
        let mut state = self.state();
        state.spent = state.spent.saturating_add(cost);
    }

    /// Waits until a request may be sent.
    pub(super) async fn enter(self: &Arc<Server>, need: &Need, gone: &CancellationToken) -> Result<Pass, Turned> {
        let waits = self.waits("at_once");
        let slot = tokio::select! {
            biased;
            () = gone.cancelled() => return Err(Turned::Gone),
            slot = self.slots.clone().acquire_owned() => slot.map_err(|_| Turned::Gone)?,
        };
        drop(waits);
        let slot_at = self.state().slot(&self.limits, Instant::now());
        if let Some(at) = slot_at {
            self.until(at, "rate", gone).await?;
        }
        loop {
            let admitted = self.state().admit(&self.limits, need, Instant::now());
            match admitted {
                Ok((likely, reserved)) => {
                    let server = self.clone();
                    return Ok(Pass { server, likely, reserved, began: Instant::now(), _slot: slot });
                }
                Err(Wait::Until(at, cause)) => self.until(at, cause, gone).await?,
                Err(Wait::Cost(spent, most)) => return Err(Turned::Cost(spent, most)),
            }
        }
    }

    fn waits(&self, cause: &'static str) -> Waits<'_> {
        *self.state().waiting.entry(cause).or_default() += 1;
        Waits(self, cause, Instant::now())
    }

    async fn until(&self, at: Instant, cause: &'static str, gone: &CancellationToken) -> Result<(), Turned> {
        let _waits = self.waits(cause);
        tokio::select! {
            biased;
            () = gone.cancelled() => Err(Turned::Gone),
            () = sleep_until(at) => Ok(()),
        }
    }

    /// A request waits by itself before it is sent again.
    pub(super) async fn rest(&self, pause: Duration, gone: &CancellationToken) -> Result<(), Turned> {
        self.until(Instant::now() + pause, "retry", gone).await
    }

    /// Sends nothing for a time: the server has nothing left.
    pub(super) fn pause(&self, pause: Duration) {
        let until = Instant::now() + pause;
        let mut state = self.state();
        state.paused = state.paused.max(Some(until));
    }

    /// Notes that a request was refused, or was not. A server that refuses most of them is left alone by all for `pause`.
    pub(super) fn refused(&self, refused: bool, pause: Duration) {
        let mut state = self.state();
        state.recent.push_back(refused);
        if state.recent.len() > RECENT {
            state.recent.pop_front();
        }
        let refusals = state.recent.iter().filter(|refused| **refused).count();
        if refused && state.recent.len() == RECENT && 2 * refusals > RECENT {
            state.recent.clear();
            let until = Instant::now() + pause;
            state.paused = state.paused.max(Some(until));
        }
    }
}

enum Wait {
    Until(Instant, &'static str),
    Cost(u64, u64),
}

impl State {
    /// The moment of the next request, where there is a rate.
    fn slot(&mut self, limits: &CallLimits, now: Instant) -> Option<Instant> {
        let rate = limits.rate?;
        let interval = Duration::from_secs_f64(1.0 / (rate.a_second() * PACE));
        let earliest = now.checked_sub(AHEAD).unwrap_or(now);
        let at = self.next.map_or(now, |next| next.max(earliest));
        self.next = Some(at + interval);
        (at > now).then_some(at)
    }

    /// Reserves what a request is likely to take of tokens, and the most that it may cost.
    fn admit(&mut self, limits: &CallLimits, need: &Need, now: Instant) -> Result<(f64, u64), Wait> {
        if let Some(until) = self.paused.filter(|until| *until > now) {
            return Err(Wait::Until(until, "server"));
        }
        let cost = match (limits.max_cost, limits.price) {
            (Some(most), Some(price)) => {
                let output = match need.is_bounded {
                    true => need.most.output,
                    false => need.most.output.max(self.largest_output.saturating_mul(2)),
                };
                let cost = price.of(need.most.input, output);
                let spent = self.spent.saturating_add(self.reserved);
                if spent.saturating_add(cost) > most {
                    // What is in flight may turn out to cost less.
                    return Err(match self.reserved {
                        0 => Wait::Cost(self.spent, most),
                        _ => Wait::Until(now + Duration::from_millis(20), "cost"),
                    });
                }
                cost
            }
            _ => 0,
        };
        let mut likely = 0.0;
        if let Some(rate) = limits.tokens {
            let a_second = rate.a_second();
            let most = (a_second * 60.0 / BURST).max(1.0);
            let (left, then) = self.tokens.unwrap_or((most, now));
            let left = (left + a_second * (now - then).as_secs_f64()).min(most);
            self.tokens = Some((left, now));
            // What requests took so far, of what they were likely to.
            let (took, thought) = self.likely;
            let scale = if thought > 0 { took as f64 / thought as f64 } else { 1.0 };
            likely = need.likely.all() as f64 * scale;
            let wanted = likely.min(most);
            if left < wanted {
                let wait = Duration::try_from_secs_f64((wanted - left) / a_second).unwrap_or(Duration::from_secs(60));
                return Err(Wait::Until(now + wait.max(Duration::from_millis(1)), "tokens"));
            }
            self.tokens = Some((left - likely, now));
        }
        self.reserved = self.reserved.saturating_add(cost);
        self.figures.begins();
        Ok((likely, cost))
    }
}

impl Pass {
    /// Settles what the request took.
    pub(super) fn settle(&mut self, need: &Need, tokens: Option<Tokens>, cost: u64) {
        let mut state = self.server.state();
        state.spent = state.spent.saturating_add(cost);
        state.reserved = state.reserved.saturating_sub(std::mem::take(&mut self.reserved));
        let took = tokens.map_or(0.0, |tokens| tokens.all() as f64);
        if let Some((left, _)) = &mut state.tokens {
            *left += std::mem::take(&mut self.likely) - took;
        }
        if let Some(tokens) = tokens {
            state.largest_output = state.largest_output.max(tokens.output);
            state.likely.0 = state.likely.0.saturating_add(tokens.all());
            state.likely.1 = state.likely.1.saturating_add(need.likely.all());
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut state = self.server.state();
        state.reserved = state.reserved.saturating_sub(self.reserved);
        let in_flight = &mut state.figures.calls.in_flight;
        *in_flight = in_flight.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use callboard_plan::{PARTS, Price, Rate};

    use super::*;

    fn limits(rate: Option<&str>, tokens: Option<&str>) -> CallLimits {
        let read = |text: Option<&str>| text.map(|text| Rate::read(text).unwrap());
        CallLimits { rate: read(rate), tokens: read(tokens), ..CallLimits::default() }
    }

    #[test]
    fn requests_begin_no_faster_than_their_rate() {
        let (limits, now) = (limits(Some("50/s"), None), Instant::now());
        let mut state = State::default();
        let began: Vec<Duration> =
            (0..100).map(|_| state.slot(&limits, now).map_or(Duration::ZERO, |at| at - now)).collect();
        assert_eq!(began[0], Duration::ZERO);
        let second = began.iter().filter(|began| **began < Duration::from_secs(1)).count();
        assert!((48..=50).contains(&second), "{second} in the first second");
        // Time in which nothing was asked gives no more than a moment's credit.
        let later = now + Duration::from_secs(60);
        let began = (0..50).filter(|_| state.slot(&limits, later).is_none()).count();
        assert!((1..=2).contains(&began), "{began} at once");
    }

    #[test]
    fn a_server_that_counts_the_requests_of_every_second_refuses_hardly_any_of_those_sent_at_its_rate() {
        let (limits, start) = (limits(Some("50/s"), None), Instant::now());
        let (mut state, mut now, mut jitter) = (State::default(), start, 7_u64);
        let mut arrivals: Vec<Duration> = Vec::new();
        for at in 0..2_000 {
            jitter = jitter.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let begins = state.slot(&limits, now).unwrap_or(now);
            // Sixteen wait for their turn; each is up to 8 ms on its way; now and then nothing is asked for half a second.
            now = begins.checked_sub(Duration::from_millis(320)).unwrap_or(now).max(now);
            now += Duration::from_millis(if at % 500 == 499 { 820 } else { 0 });
            arrivals.push(begins - start + Duration::from_micros((jitter >> 33) % 8_000));
        }
        arrivals.sort();
        let mut accepted: VecDeque<Duration> = VecDeque::new();
        let mut refused = 0;
        for arrival in arrivals {
            accepted.retain(|before| arrival - *before < Duration::from_secs(1));
            match accepted.len() < 50 {
                true => accepted.push_back(arrival),
                false => refused += 1,
            }
        }
        assert!(refused < 20, "{refused} of 2,000");
    }

    #[test]
    fn tokens_are_reserved_and_what_was_not_taken_is_given_back() {
        let (limits, now) = (limits(None, Some("6k/min")), Instant::now());
        let need = Need { likely: Tokens { input: 100, output: 200 }, ..Need::default() };
        let mut state = State::default();
        // A tenth of a minute's at once: two requests.
        assert!(state.admit(&limits, &need, now).is_ok() && state.admit(&limits, &need, now).is_ok());
        let Err(Wait::Until(until, "tokens")) = state.admit(&limits, &need, now) else { panic!("it has to wait") };
        assert_eq!(until - now, Duration::from_secs(3), "300 tokens at 100 a second");
        assert!(state.admit(&limits, &need, until).is_ok());
        // One that is larger than all that there can be is let through when all is there.
        let huge = Need { likely: Tokens { input: 1_000_000, output: 0 }, ..Need::default() };
        assert!(state.admit(&limits, &huge, until + Duration::from_secs(60)).is_ok());
    }

    #[test]
    fn a_cost_is_reserved_before_it_is_spent() {
        let price = Price { input: PARTS / 1000, output: PARTS / 100, batch: None };
        let limits = CallLimits { price: Some(price), max_cost: Some(price.of(100, 100)), ..CallLimits::default() };
        let need = Need { most: Tokens { input: 40, output: 40 }, is_bounded: true, ..Need::default() };
        let (mut state, now) = (State::default(), Instant::now());
        assert!(state.admit(&limits, &need, now).is_ok() && state.admit(&limits, &need, now).is_ok());
        assert!(matches!(state.admit(&limits, &need, now), Err(Wait::Until(_, "cost"))), "two may still cost less");
        (state.spent, state.reserved) = (price.of(80, 80), 0);
        assert!(matches!(state.admit(&limits, &need, now), Err(Wait::Cost(..))));
    }

    #[test]
    fn a_server_that_refuses_most_is_left_alone_and_one_that_refuses_some_is_not() {
        let server = Server::new("s".into(), CallLimits::default(), 0);
        let refused = |shares: usize| {
            (0..64).for_each(|at| server.refused(at % shares == 0, Duration::from_secs(5)));
            server.state().paused.is_some()
        };
        assert!(!refused(10) && !refused(2));
        assert!(refused(1));
    }
}
