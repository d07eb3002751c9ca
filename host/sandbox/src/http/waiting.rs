//! What a call waited for the host, which does not count towards its limit.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long a step's call has waited for the host to send its requests.
#[derive(Clone, Default)]
pub(crate) struct Waiting(Arc<Mutex<(Duration, Option<Instant>)>>);

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, (Duration, Option<Instant>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what was before the call that begins.
    pub(crate) fn reset(&self) {
        *self.lock() = (Duration::ZERO, None);
    }

    pub(crate) fn begin(&self) {
        self.lock().1 = Some(Instant::now());
    }

    pub(crate) fn end(&self) {
        let mut waiting = self.lock();
        if let Some(since) = waiting.1.take() {
            waiting.0 += since.elapsed();
        }
    }

    /// All of it, until now.
    pub(crate) fn so_far(&self) -> Duration {
        let waiting = self.lock();
        waiting.0 + waiting.1.map_or(Duration::ZERO, |since| since.elapsed())
    }
}
