//! Says, while a run goes on, how far the requests to servers are.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

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
            let mut told = None;
            while ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                let servers: Vec<CallsNow> = calls.figures().into_iter().map(CallsNow::of).collect();
                if !servers.is_empty() && told.as_ref() != Some(&servers) {
                    observer.tell(Event::Calls { servers: servers.clone(), left: asked.left() });
                    told = Some(servers);
                }
            }
        })?;
        Ok(Calling { ends: Some(ends), thread: Some(thread) })
    }
}

impl Drop for Calling {
    fn drop(&mut self) {
        drop(self.ends.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
