//! An interruption gives calls that process a batch some time to end, and then stops them.

use std::thread::JoinHandle;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::error::RunError;
use callboard_sandbox::spawn;

/// How long calls that process a batch may go on when the run is interrupted.
const GRACE: Duration = Duration::from_secs(3);

/// Watches over a run that goes on; cancels `stop` some time after `interrupt` was.
pub(crate) struct Watch {
    done: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// # Errors
    /// The system refuses the thread.
    pub(crate) fn begin(interrupt: CancellationToken, stop: CancellationToken) -> Result<Watch, RunError> {
        let done = CancellationToken::new();
        let ended = done.clone();
        let thread = spawn(move || {
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
        })?;
        Ok(Watch { done, thread: Some(thread) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.done.cancel();
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
