//! Says, while a run goes on, how far it is, and how far its requests to servers are.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use callboard_sandbox::{Calls, spawn};

use crate::curves::{Going, Outlook, Seen};
use crate::error::RunError;
use crate::events::{CallsNow, Event};
use crate::prepare::{Prepared, paces};
use crate::stage::Asked;

use super::ahead::{self, Ahead};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(500);

/// Looks, until it is dropped.
pub(crate) struct Teller {
    ends: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Teller {
    /// # Errors
    /// The system refuses the thread.
    pub(crate) fn begin(prepared: &Prepared, asked: Arc<Asked>) -> Result<Teller, RunError> {
        let (ends, ended) = channel();
        let (observer, budget) = (prepared.observer().clone(), prepared.plan.budget());
        let paces = paces::measured(&prepared.settings.cache_folder);
        let ahead = Ahead::of(prepared, paces.get(&ahead::key(&prepared.plan)));
        let mut of_stage = OfStage { seen: prepared.seen.clone(), budget, ahead, stage: 0, pace: Pace::default() };
        let calls = prepared.sends_requests().then(|| prepared.calls.clone());
        let mut of_calls = calls.map(|calls| OfCalls { calls, asked, paces: HashMap::new(), told: Vec::new() });
        let thread = spawn(move || {
            let began = Instant::now();
            while ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                let calls = of_calls.as_mut().and_then(|calls| calls.news(began.elapsed()));
                of_stage.news().into_iter().chain(calls).for_each(|event| observer.tell(event));
            }
        })?;
        Ok(Teller { ends: Some(ends), thread: Some(thread) })
    }
}

/// How far the stage is.
struct OfStage {
    seen: Arc<Seen>,
    budget: Option<u64>,
    ahead: Ahead,
    /// That of the pace.
    stage: usize,
    pace: Pace,
}

impl OfStage {
    fn news(&mut self) -> Option<Event> {
        let Going { stage, took, linear_memory, in_flight, part, courses } = self.seen.far()?;
        if self.stage != stage {
            (self.stage, self.pace) = (stage, Pace::default());
        }
        self.pace.note(took, part.unwrap_or(0.0));
        let streams = part.map(|part| Duration::try_from_secs_f64((1.0 - part) / self.pace.now()?).ok());
        let (part, left) = match courses.is_empty() {
            true => (part, streams.flatten()),
            false => of_courses(took, streams, courses),
        };
        let run_left = self.ahead.left(&self.seen, stage, took, (part, left));
        self.seen.say(stage, Outlook { part, left, run_left });
        Some(Event::Going { stage, took, linear_memory, in_flight, budget: self.budget, part, left, run_left })
    }
}

/// What part of a stage with global steps is done, and how long the rest takes: it ends with the last of its nodes. Nothing is known of it
/// unless that of each step is, and of nodes that wait for no others, if there are any.
fn of_courses(
    took: Duration,
    streams: Option<Option<Duration>>,
    courses: Vec<Option<Duration>>,
) -> (Option<f64>, Option<Duration>) {
    let left = courses.into_iter().chain(streams).collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().max());
    let part = left.map(|left| took.as_secs_f64() / (took + left).as_secs_f64()).filter(|part| part.is_finite());
    (part, left)
}

/// How far the requests are.
struct OfCalls {
    calls: Calls,
    asked: Arc<Asked>,
    paces: HashMap<String, Pace>,
    told: Vec<CallsNow>,
}

impl OfCalls {
    /// If there is any.
    fn news(&mut self, at: Duration) -> Option<Event> {
        let servers: Vec<CallsNow> = self.calls.figures().into_iter().map(CallsNow::of).collect();
        for server in &servers {
            let pace = self.paces.entry(server.server.clone()).or_default();
            pace.note(at, (server.replies + server.failed) as f64);
        }
        if servers == self.told {
            return None;
        }
        self.told.clone_from(&servers);
        let left = self.asked.have_read().then(|| left(&servers, &self.paces)).flatten();
        Some(Event::Calls { servers, left })
    }
}

/// How long what is under way is going to take, at the pace of each server.
fn left(servers: &[CallsNow], paces: &HashMap<String, Pace>) -> Option<Duration> {
    let of = |server: &CallsNow| match server.under_way {
        0 => Some(0.0),
        under_way => Some(f64::from(under_way) / paces.get(&server.server)?.now()?),
    };
    let slowest = servers.iter().map(of).collect::<Option<Vec<_>>>()?.into_iter().reduce(f64::max)?;
    Duration::try_from_secs_f64(slowest).ok()
}

/// How much was done when.
#[derive(Default)]
struct Pace(Vec<(Duration, f64)>);

impl Pace {
    /// Moments that are kept; when there are more, every other one goes.
    const MOST: usize = 1024;

    fn note(&mut self, at: Duration, done: f64) {
        if self.0.is_empty() {
            // At the look before there was nothing.
            self.0.push((at.saturating_sub(LOOK), 0.0));
        }
        if self.0.len() == Self::MOST {
            let mut kept = false;
            self.0.retain(|_| {
                kept = !kept;
                kept
            });
        }
        self.0.push((at, done));
    }

    /// What is done in a second, over the later half of the time: connections that are opened and servers that warm up are slow at first, and a
    /// server that is slow now may have been fast.
    fn now(&self) -> Option<f64> {
        let (first, last) = (self.0.first()?, self.0.last()?);
        let half = first.0 + (last.0 - first.0) / 2;
        let from = self.0.get(self.0.partition_point(|(at, _)| *at <= half).checked_sub(1)?)?;
        let (took, done) = ((last.0 - from.0).as_secs_f64(), last.1 - from.1);
        (took > 0.0 && done > 0.0).then(|| done / took)
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        drop(self.ends.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(done: impl Fn(u64) -> u64, seconds: u64) -> Pace {
        let mut pace = Pace::default();
        (0..=2 * seconds).for_each(|half| pace.note(Duration::from_millis(500 * half), done(half) as f64));
        pace
    }

    #[test]
    fn the_time_left_is_that_of_the_server_with_most_to_do() {
        let server = |name: &str, under_way| CallsNow { server: name.to_owned(), under_way, ..CallsNow::default() };
        let paces = [("fast", pace(|half| 5 * half, 10)), ("slow", pace(|half| half, 10)), ("silent", pace(|_| 7, 10))];
        let paces: HashMap<String, Pace> = paces.into_iter().map(|(name, pace)| (name.to_owned(), pace)).collect();
        let left = |servers: &[CallsNow]| left(servers, &paces);
        assert_eq!(left(&[server("fast", 50), server("slow", 40)]), Some(Duration::from_secs(20)));
        assert_eq!(left(&[server("fast", 50), server("slow", 0)]), Some(Duration::from_secs(5)));
        assert_eq!(left(&[server("fast", 50), server("silent", 20)]), None, "nothing is known of its pace");
        assert_eq!(left(&[server("fast", 50), server("silent", 0)]), Some(Duration::from_secs(5)));
        assert_eq!(left(&[server("unknown", 1)]), None);
        assert_eq!(left(&[]), None);
    }

    /// Ten requests in a second at first, and then 100: after a fifth of the work the time that is left is right within 30 %.
    #[test]
    fn a_slow_beginning_is_not_the_pace_of_all() {
        let done = |half: u64| if half <= 4 { 5 * half } else { 20 + 50 * (half - 4) };
        let pace = pace(done, 4);
        let (left, right) = ((1000 - done(8)) as f64 / pace.now().unwrap(), (1000 - done(8)) as f64 / 100.0);
        assert!((0.7..1.3).contains(&(left / right)), "{left} {right}");
    }

    #[test]
    fn a_stage_with_global_steps_ends_with_the_last_of_its_nodes() {
        let of = |seconds: u64| Some(Duration::from_secs(seconds));
        let took = Duration::from_secs(10);
        assert_eq!(of_courses(took, None, vec![of(10), of(30)]), (Some(0.25), of(30)));
        assert_eq!(of_courses(took, Some(of(90)), vec![of(10)]), (Some(0.1), of(90)));
        assert_eq!(of_courses(took, None, vec![of(10), None]), (None, None));
        assert_eq!(of_courses(took, Some(None), vec![of(10)]), (None, None), "nothing is known of its pace");
        assert_eq!(of_courses(Duration::ZERO, None, vec![of(0)]), (None, of(0)));
    }

    #[test]
    fn the_first_look_gives_a_pace() {
        let mut pace = Pace::default();
        pace.note(Duration::from_secs(3), 39.0);
        assert_eq!(pace.now(), Some(78.0));
    }

    #[test]
    fn a_pace_of_days_takes_little_memory() {
        let pace = pace(|half| 5 * half, 100_000);
        assert!(pace.0.len() <= Pace::MOST && (9.9..10.1).contains(&pace.now().unwrap()), "{}", pace.0.len());
    }
}
