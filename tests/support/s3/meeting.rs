//! Requests that must be under way together: what shows that none of them waits for the answer to another, whatever the clock says.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use super::Request;

/// Requests that are answered only when all of them have come, which shows that none of them waits for another.
#[derive(Debug)]
pub(crate) struct Meeting {
    wanted: Vec<&'static str>,
    come: Mutex<Vec<&'static str>>,
    changed: Condvar,
    given_up: AtomicBool,
}

impl Meeting {
    /// Of the first requests whose lines begin so.
    pub(crate) fn of(wanted: &[&'static str]) -> Arc<Meeting> {
        Arc::new(Meeting {
            wanted: wanted.to_vec(),
            come: Mutex::default(),
            changed: Condvar::new(),
            given_up: AtomicBool::new(false),
        })
    }

    /// Waits, if the request is one of them and they are not all there.
    pub(crate) fn attend(&self, request: &Request) {
        let line = format!("{} {}", request.line(), request.headers.get("range").map_or("", String::as_str));
        let mut come = self.come.lock().unwrap();
        let is_new = |wanted: &&&str| line.starts_with(**wanted) && !come.contains(*wanted);
        let Some(wanted) = self.wanted.iter().find(is_new) else { return };
        come.push(wanted);
        self.changed.notify_all();
        // Nothing depends on how long this is: it ends a test that has failed.
        let most = Duration::from_secs(60);
        let waited = self.changed.wait_timeout_while(come, most, |come| come.len() < self.wanted.len()).unwrap();
        if waited.1.timed_out() {
            self.given_up.store(true, Ordering::Relaxed);
        }
    }

    /// Whether all of them came before one was answered.
    pub(crate) fn was_held(&self) -> bool {
        !self.given_up.load(Ordering::Relaxed) && self.come.lock().unwrap().len() == self.wanted.len()
    }
}
