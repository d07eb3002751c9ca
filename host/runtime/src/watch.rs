//! An interruption gives calls that process a batch some time to end, and then stops them.

use std::thread::JoinHandle;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// How long calls that process a batch may go on when the run is interrupted.
const GRACE: Duration = Duration::from_secs(3);

/// Watches over a run that goes on; cancels `stop` some time after `interrupt` was.
pub(crate) struct Watch {
    done: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub(crate) fn begin(interrupt: CancellationToken, stop: CancellationToken) -> Watch {
        let done = CancellationToken::new();
        let ended = done.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
            // Without a runtime, interruption waits for the batch's own time limit.
            let Ok(runtime) = runtime else { return };
            runtime.block_on(async {
                tokio::select! {
                    () = ended.cancelled() => return,
                    () = interrupt.cancelled() => {}
                }
                let _ = tokio::time::timeout(GRACE, ended.cancelled()).await;
                stop.cancel();
            });
        });
        Watch { done, thread: Some(thread) }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.done.cancel();
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
