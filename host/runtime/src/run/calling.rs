//! Says, while a run goes on, how far the requests to servers are.

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
            let (began, mut told) = (Instant::now(), None);
            while ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                let servers: Vec<CallsNow> = calls.figures().into_iter().map(CallsNow::of).collect();
                if !servers.is_empty() && told.as_ref() != Some(&servers) {
                    let left = asked.have_read().then(|| left(&servers, began.elapsed())).flatten();
                    observer.tell(Event::Calls { servers: servers.clone(), left });
                    told = Some(servers);
                }
            }
        })?;
        Ok(Calling { ends: Some(ends), thread: Some(thread) })
    }
}

/// How long what is under way is going to take, at the pace of all that was done in this time.
fn left(servers: &[CallsNow], took: Duration) -> Option<Duration> {
    let of = |server: &CallsNow| {
        let done = server.replies + server.failed;
        (done > 0 || server.under_way == 0).then(|| f64::from(server.under_way) / done.max(1) as f64)
    };
    let slowest = servers.iter().map(of).collect::<Option<Vec<_>>>()?.into_iter().reduce(f64::max)?;
    Duration::try_from_secs_f64(took.as_secs_f64() * slowest).ok()
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

    #[test]
    fn the_time_left_is_that_of_the_server_with_most_to_do() {
        let server = |replies, under_way| CallsNow { replies, under_way, ..CallsNow::default() };
        let left = |servers: &[CallsNow]| left(servers, Duration::from_secs(10));
        assert_eq!(left(&[server(100, 50), server(10, 20)]), Some(Duration::from_secs(20)));
        assert_eq!(left(&[server(100, 50), server(0, 20)]), None, "nothing is known of its pace");
        assert_eq!(left(&[server(100, 50), server(0, 0)]), Some(Duration::from_secs(5)));
        assert_eq!(left(&[]), None);
    }
}
