//! Which driver has a work place in a store: the one with the highest number, as long as it says again and again that it goes on.
//!
//! Two drivers at once would do no harm to the result, since each task counts once and outputs have the same bytes; they would do all work twice.
//! A number is taken by create-if-absent, so that of several only one has it. One that sees a higher number than its own gives up.

use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use callboard_io::{Listed, Made, StoreFolder};

use super::work_place::DRIVERS;
use crate::error::{Class, RunError};
use crate::events::Event;
use crate::settings::Settings;
use crate::store::records::Held;

/// How often a driver says that it goes on.
const BEAT: Duration = Duration::from_secs(5);
/// How many times in a row, a beat apart, it may have said nothing new before another one takes over.
const SILENT: u32 = 6;
/// No file of a driver is longer, bytes.
const LONGEST: u64 = 64 << 10;

/// A work place that is held, until this is dropped.
pub(super) struct Lease {
    beating: Arc<Beating>,
    ends: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Whether a driver before this one may have begun to put outputs in their places.
    pub(super) was_committing: bool,
}

struct Beating {
    store: StoreFolder,
    number: u64,
    held: Mutex<Held>,
    lost: AtomicBool,
}

/// The file of the last driver, if there has been one, and what it says about itself, if that can be read.
pub(super) fn last(store: &StoreFolder) -> Result<Option<(Listed, Option<Held>)>, RunError> {
    let Some(file) = store.list(&format!("{DRIVERS}/"))?.pop() else { return Ok(None) };
    let held = store.read(&file.name, LONGEST)?.and_then(|json| serde_json::from_slice(&json).ok());
    Ok(Some((file, held)))
}

/// Whether a driver was this machine's, by the note `own`.
pub(super) fn is_of_here(own: &Path, held: &Held) -> bool {
    fs::read_to_string(own).is_ok_and(|own| own == held.driver)
}

fn name(number: u64) -> String {
    format!("{DRIVERS}/{number:08}.json")
}

impl Lease {
    /// Takes the work place, when no other driver has it. `own` is a file of this machine that notes which of them were this machine's: whoever
    /// has locked its copy of the work place knows that they are gone.
    pub(super) fn take(store: &StoreFolder, own: &Path, settings: &Settings) -> Result<Lease, RunError> {
        let Settings { observer, cancel, .. } = settings;
        let (mut seen, mut silent, mut was_committing) = (None, 0, false);
        let driver = format!("{:016x}", RandomState::new().build_hasher().finish());
        loop {
            let (number, there) = match last(store)? {
                Some((file, held)) => (number_of(&file.name).unwrap_or(0), held),
                None => (0, None),
            };
            let is_gone = |held: &Held| held.ended || is_of_here(own, held);
            if let Some(held) = there.as_ref().filter(|held| !is_gone(held)) {
                let is_new = seen.replace((number, held.beat)) != Some((number, held.beat));
                silent = if is_new { 0 } else { silent + 1 };
                if silent < SILENT {
                    if is_new {
                        let wait = BEAT * SILENT;
                        let message = format!(
                            "a driver on `{}` has this work place: it is waited for until it has been silent for {} s",
                            held.host,
                            wait.as_secs()
                        );
                        observer.tell(Event::Note { message });
                    }
                    std::thread::sleep(BEAT);
                    if cancel.is_cancelled() {
                        return Err(RunError::interrupted());
                    }
                    continue;
                }
            }
            was_committing |= there.is_some_and(|held| held.committing);
            let held = Held { driver: driver.clone(), host: host(), beat: 0, committing: was_committing, ended: false };
            // First: one that is not noted is waited for by the next driver.
            let _ = fs::write(own, &driver);
            if store.make(&name(number + 1), &json(&held))? == Made::Now {
                return Lease::begin(store, number + 1, held, was_committing);
            }
        }
    }

    fn begin(store: &StoreFolder, number: u64, held: Held, was_committing: bool) -> Result<Lease, RunError> {
        let (store, lost) = (store.unstopped(), AtomicBool::new(false));
        let beating = Arc::new(Beating { store, number, held: Mutex::new(held), lost });
        let (ends, ended) = channel();
        let thread = callboard_sandbox::spawn({
            let beating = beating.clone();
            move || {
                while ended.recv_timeout(BEAT) == Err(RecvTimeoutError::Timeout) {
                    // What cannot be said now is said later.
                    let _ = beating.say(|held| held.beat += 1);
                    beating.look();
                }
            }
        })?;
        Ok(Lease { beating, ends: Some(ends), thread: Some(thread), was_committing })
    }

    /// An error if another driver has taken over.
    pub(super) fn check(&self) -> Result<(), RunError> {
        match self.beating.lost.load(Ordering::Relaxed) {
            false => Ok(()),
            true => {
                let message = "another driver has taken over, since nothing was heard of this one";
                Err(RunError::new(Class::System, message).help("what is done is kept, and the other one goes on"))
            }
        }
    }

    /// Says that outputs are put in their places from now on.
    pub(super) fn commits(&self) -> Result<(), RunError> {
        self.check()?;
        self.beating.say(|held| held.committing = true)
    }
}

impl Beating {
    fn say(&self, new: impl FnOnce(&mut Held)) -> Result<(), RunError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        new(&mut held);
        Ok(self.store.put(&name(self.number), &json(&held))?)
    }

    fn look(&self) {
        let last = self.store.list(&format!("{DRIVERS}/")).ok().and_then(|mut all| number_of(&all.pop()?.name));
        if last.is_some_and(|last| last > self.number) {
            self.lost.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        drop(self.ends.take());
        let _ = self.thread.take().map(JoinHandle::join);
        let _ = self.beating.say(|held| held.ended = true);
    }
}

fn json(held: &Held) -> Vec<u8> {
    serde_json::to_vec(held).expect("what a driver says is JSON")
}

fn number_of(name: &str) -> Option<u64> {
    name.strip_prefix(DRIVERS)?.strip_prefix('/')?.strip_suffix(".json")?.parse().ok()
}

/// For people: what this machine is called.
fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    Some(name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "a machine without a name".to_owned())
}
