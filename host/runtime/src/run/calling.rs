//! Says, while a run goes on, how far the requests to servers are.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use callboard_sandbox::{Calls, spawn};

use crate::error::RunError;
use crate::events::{CallsNow, Event, Observer};
use crate::stage::Asked;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(500);

/// Looks, until it is dropped.
pub(crate) struct Calling {
    ends: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Calling {
    /// # Errors
    /// The system refuses the thread.
    pub(crate) fn begin(calls: Calls, asked: Arc<Asked>, observer: Observer) -> Result<Calling, RunError> {
        let (ends, ended) = channel();
        let thread = spawn(move || {
            let (began, mut told, mut paces) = (Instant::now(), None, HashMap::<String, Pace>::new());
            while ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                let servers: Vec<CallsNow> = calls.figures().into_iter().map(CallsNow::of).collect();
                for server in &servers {
                    let pace = paces.entry(server.server.clone()).or_default();
                    pace.note(began.elapsed(), server.replies + server.failed);
                }
                if !servers.is_empty() && told.as_ref() != Some(&servers) {
                    let left = asked.have_read().then(|| left(&servers, &paces)).flatten();
                    observer.tell(Event::Calls { servers: servers.clone(), left });
                    told = Some(servers);
                }
            }
        })?;
        Ok(Calling { ends: Some(ends), thread: Some(thread) })
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

/// How many requests to a server were done when.
#[derive(Default)]
struct Pace(Vec<(Duration, u64)>);

impl Pace {
    /// Moments that are kept; when there are more, every other one goes.
    const MOST: usize = 1024;

    fn note(&mut self, at: Duration, done: u64) {
        if self.0.len() == Self::MOST {
            let mut kept = false;
            self.0.retain(|_| {
                kept = !kept;
                kept
            });
        }
        self.0.push((at, done));
    }

    /// Requests in a second, over the later half of the time: connections that are opened and servers that warm up are slow at first, and a
    /// server that is slow now may have been fast.
    fn now(&self) -> Option<f64> {
        let (first, last) = (self.0.first()?, self.0.last()?);
        let half = first.0 + (last.0 - first.0) / 2;
        let from = self.0.get(self.0.partition_point(|(at, _)| *at <= half).checked_sub(1)?)?;
        let (took, done) = ((last.0 - from.0).as_secs_f64(), last.1.saturating_sub(from.1));
        (took > 0.0 && done > 0).then(|| done as f64 / took)
    }
}

impl Drop for Calling {
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
        (0..=2 * seconds).for_each(|half| pace.note(Duration::from_millis(500 * half), done(half)));
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
    fn a_pace_of_days_takes_little_memory() {
        let pace = pace(|half| 5 * half, 100_000);
        assert!(pace.0.len() <= Pace::MOST && (9.9..10.1).contains(&pace.now().unwrap()), "{}", pace.0.len());
    }
}
