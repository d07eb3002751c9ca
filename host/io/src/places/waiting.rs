//! What is being waited for, so that nobody takes a slow place for a run that hangs.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// By number, the oldest first: since when, and what it is.
type Waits = BTreeMap<u64, (Instant, String)>;

/// How many there have been, and those that go on.
static WAITED_FOR: Mutex<(u64, Waits)> = Mutex::new((0, BTreeMap::new()));

/// What is waited for longer than this is worth a word.
const LONG: Duration = Duration::from_secs(1);

/// Something that is being waited for, until this is dropped.
pub(super) struct Waiting(u64);

impl Waiting {
    pub(super) fn begin(what: String) -> Waiting {
        let mut all = WAITED_FOR.lock().unwrap_or_else(PoisonError::into_inner);
        all.0 += 1;
        let number = all.0;
        all.1.insert(number, (Instant::now(), what));
        Waiting(number)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        WAITED_FOR.lock().unwrap_or_else(PoisonError::into_inner).1.remove(&self.0);
    }
}

/// What has been waited for longest, if for more than a second: a place of data, and why. One line, without secrets.
pub fn waited_for() -> Option<String> {
    let all = WAITED_FOR.lock().unwrap_or_else(PoisonError::into_inner);
    let (_, (since, what)) = all.1.iter().next()?;
    (since.elapsed() > LONG).then(|| what.clone())
}
