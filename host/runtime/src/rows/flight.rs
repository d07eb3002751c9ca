//! Rows in flight: how many bytes of batches are alive in a stage. With a budget, readers wait until some of them are gone.
//!
//! Each batch that was read carries a [`Ticket`], and so does all that is made of it; the bytes are given back when the last of it
//! is dropped. With a budget, a reader waits for its ticket while there is no room. Nobody else waits, and one batch is always let
//! in: what is in flight depends on no reader but the one behind it, so it goes on, ends, and makes room.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use callboard_plan::pipeline::LARGEST_CUT;
use callboard_plan::{Plan, Predicted};

use crate::error::RowsExceed;
use crate::events::{Event, Observer};
use crate::rows::Batch;
use callboard_sandbox::Gauge;

/// Batches of a stage that are alive.
pub(crate) struct Flight {
    /// Their bytes.
    gauge: Arc<Gauge>,
    /// Linear memory of the run.
    steps: Arc<Gauge>,
    /// What writers of outputs hold.
    writers: Gauge,
    room: Mutex<Option<Room>>,
    freed: Condvar,
    waits: AtomicU64,
}

/// What a budget leaves to steps and rows, bytes.
#[derive(Clone, Copy, Debug)]
struct Room {
    budget: u64,
    both: u64,
    /// What steps are predicted to take: it is kept free, though they may take it later.
    steps: u64,
    /// What rows may take in any case.
    rows: u64,
    /// How many instances may return something at the same moment.
    instances: u64,
}

impl Room {
    /// `beside` is what steps and writers have.
    fn admits(&self, more: u64, now: u64, beside: u64) -> bool {
        let left = self.both.saturating_sub(beside.max(self.steps)).max(self.rows);
        now == 0 || now.saturating_add(more) <= left
    }

    /// What rows and steps may have together before it is an error: the last row that fills a batch may be larger than foreseen.
    fn most(&self) -> u64 {
        self.both.saturating_add(self.rows.min(MOST_OVER))
    }
}

/// How far rows that are in memory already may exceed a budget at most, bytes: process memory is measured to the same precision.
const MOST_OVER: u64 = 32 << 20;
/// What writers of outputs may hold without being counted, bytes: what a Parquet file has of rows before they are written.
const WRITERS: u64 = 24 << 20;
/// What a step may hand the host in one call, whatever a budget leaves, bytes.
const LEAST_RETURNED: u64 = 4 << 20;

impl Flight {
    /// For a run whose linear memory is in `steps`; counted in `gauge`.
    pub(crate) fn new(gauge: Arc<Gauge>, steps: Arc<Gauge>) -> Flight {
        Flight {
            gauge,
            steps,
            writers: Gauge::default(),
            room: Mutex::new(None),
            freed: Condvar::new(),
            waits: AtomicU64::new(0),
        }
    }

    /// Begins a stage of `instances` instances that is predicted to take `predicted`.
    pub(crate) fn begin(&self, budget: Option<u64>, predicted: &Predicted, instances: u64) {
        *self.room.lock().expect("no holder panics") = budget.map(|budget| Room {
            budget,
            both: budget.saturating_sub(predicted.host_bytes),
            steps: predicted.steps_bytes,
            rows: predicted.least_rows_bytes,
            instances: instances.max(1),
        });
        self.gauge.restart();
        self.waits.store(0, Ordering::Relaxed);
    }

    /// The most bytes that were in flight at one moment of the stage.
    pub(crate) fn peak(&self) -> u64 {
        self.gauge.peak()
    }

    /// How often a reader waited.
    pub(crate) fn waits(&self) -> u64 {
        self.waits.load(Ordering::Relaxed)
    }

    /// A ticket for a batch of about this many bytes that is going to be read; waits for room, and says so first.
    fn admit(self: &Arc<Self>, bytes: u64, told: impl FnOnce()) -> Ticket {
        let mut told = Some(told);
        let mut room = self.room.lock().expect("no holder panics");
        while room.is_some_and(|room| !room.admits(bytes, self.gauge.now(), self.beside())) {
            match told.take() {
                Some(tell) => {
                    drop(room);
                    self.waits.fetch_add(1, Ordering::Relaxed);
                    tell();
                    room = self.room.lock().expect("no holder panics");
                }
                None => room = self.freed.wait(room).expect("no holder panics"),
            }
        }
        self.take(bytes)
    }

    fn take(self: &Arc<Self>, bytes: u64) -> Ticket {
        self.gauge.add(bytes);
        Ticket { flight: self.clone(), bytes: AtomicU64::new(bytes) }
    }

    /// The batch with a ticket for all of its bytes, the one that it has or a new one. Whoever made it does not wait.
    ///
    /// # Errors
    ///
    /// Rows that are in memory and exceed the budget.
    pub(crate) fn covered(self: &Arc<Self>, batch: &Batch) -> Result<Batch, RowsExceed> {
        let bytes = batch.bytes();
        let (covered, more) = match &batch.ticket {
            Some(ticket) => {
                let more = ticket.cover(bytes);
                (batch.clone(), more)
            }
            None => (Batch { ticket: Some(Arc::new(self.take(bytes))), ..batch.clone() }, bytes),
        };
        self.within(more)?;
        Ok(covered)
    }

    /// What the host holds of a step's rows beside batches, which is nothing yet.
    pub(crate) fn charge(self: &Arc<Self>) -> Charge {
        Charge { ticket: self.take(0) }
    }

    /// Refuses what is held where it exceeds the budget; `more` of it is new.
    fn within(&self, more: u64) -> Result<(), RowsExceed> {
        let Some(room) = *self.room.lock().expect("no holder panics") else { return Ok(()) };
        let (rows, steps) = (self.gauge.now(), self.beside());
        match rows.saturating_add(steps) <= room.most() {
            true => Ok(()),
            false => {
                let rows = rows.saturating_sub(more);
                Err(RowsExceed { rows, more, steps, both: room.both, budget: room.budget })
            }
        }
    }

    /// What steps have, and writers beyond what the process has room for in any case.
    fn beside(&self) -> u64 {
        self.steps.now().saturating_add(self.writers.now().saturating_sub(WRITERS))
    }

    /// What the writer of an output holds, which is nothing yet.
    pub(crate) fn writing(self: &Arc<Self>) -> Writing {
        Writing { flight: self.clone(), bytes: 0 }
    }

    /// What an instance may hand the host in one call, as far as a budget says it, and the budget. The host has it twice while it is
    /// checked and written down, and nobody knows when the other instances return something.
    pub(crate) fn returnable(&self) -> Option<(u64, u64)> {
        let room = (*self.room.lock().expect("no holder panics"))?;
        let left = room.both.saturating_sub(self.beside()).saturating_sub(self.gauge.now());
        let each = |bytes: u64| bytes / room.instances;
        Some((each(left / 2).max(each(room.rows)).max(LEAST_RETURNED), room.budget))
    }
}

/// Bytes that are held as long as this is.
pub(crate) struct Charge {
    ticket: Ticket,
}

impl Charge {
    /// Sets how many bytes are held.
    ///
    /// # Errors
    ///
    /// More than the budget allows.
    pub(crate) fn set(&mut self, bytes: u64) -> Result<(), RowsExceed> {
        let flight = self.ticket.flight.clone();
        let before = std::mem::replace(self.ticket.bytes.get_mut(), bytes);
        match bytes > before {
            true => {
                flight.gauge.add(bytes - before);
                flight.within(bytes - before)
            }
            false => {
                flight.give_back(before - bytes);
                Ok(())
            }
        }
    }
}

/// What the writer of an output holds; given back when this is dropped. Nobody waits for it: a writer holds rows until a group of
/// them is complete, and would never be.
pub(crate) struct Writing {
    flight: Arc<Flight>,
    bytes: u64,
}

impl Writing {
    /// Sets how many bytes are held.
    ///
    /// # Errors
    ///
    /// More than the budget allows.
    pub(crate) fn set(&mut self, bytes: u64) -> Result<(), RowsExceed> {
        let before = std::mem::replace(&mut self.bytes, bytes);
        if bytes <= before {
            self.flight.writers.give_back(before - bytes);
            return Ok(());
        }
        self.flight.writers.add(bytes - before);
        self.flight.within(0).map_err(|exceed| RowsExceed { more: bytes - before, ..exceed })
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.flight.writers.give_back(self.bytes);
    }
}

/// Bytes in flight; given back when this is dropped.
pub(crate) struct Ticket {
    flight: Arc<Flight>,
    bytes: AtomicU64,
}

impl Ticket {
    /// What was made of the batch is larger; by how much.
    fn cover(&self, bytes: u64) -> u64 {
        let before = self.bytes.fetch_max(bytes, Ordering::AcqRel);
        let more = bytes.saturating_sub(before);
        self.flight.gauge.add(more);
        more
    }

    /// The batch, carrying this ticket for as many bytes as it turned out to have.
    pub(crate) fn carried_by(mut self, batch: Batch) -> Batch {
        let bytes = batch.bytes();
        let guessed = std::mem::replace(self.bytes.get_mut(), bytes);
        match bytes > guessed {
            true => self.flight.gauge.add(bytes - guessed),
            false => self.flight.give_back(guessed - bytes),
        }
        Batch { ticket: Some(Arc::new(self)), ..batch }
    }
}

impl Flight {
    fn give_back(&self, bytes: u64) {
        // Under the lock: nobody looks, is about to wait, and misses it.
        // Dropped while a panic unwinds, too, perhaps one that held it: nothing is kept under it that could be half done.
        let _room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        self.gauge.give_back(bytes);
        self.freed.notify_all();
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.flight.give_back(*self.bytes.get_mut());
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ticket({})", self.bytes.load(Ordering::Relaxed))
    }
}

/// Where a node that reads gets its tickets.
#[derive(Clone)]
pub(crate) struct Admission {
    flight: Arc<Flight>,
    /// The size of a batch, about.
    bytes: u64,
    node: Arc<str>,
    observer: Observer,
}

impl Admission {
    pub(crate) fn new(flight: Arc<Flight>, plan: &Plan, node: &str, observer: Observer) -> Admission {
        Admission { flight, bytes: plan.batch().bytes.min(LARGEST_CUT), node: Arc::from(node), observer }
    }

    /// A ticket for the next batch, when there is room for it.
    pub(crate) fn admit(&self) -> Ticket {
        self.flight.admit(self.bytes, || self.observer.tell(Event::Waiting { node: self.node.clone() }))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    const MIB: u64 = 1 << 20;

    fn flight(budget: Option<u64>) -> Arc<Flight> {
        let flight = Arc::new(Flight::new(Arc::default(), Arc::default()));
        let predicted =
            Predicted { steps_bytes: 10 * MIB, host_bytes: 16 * MIB, rows_bytes: 4 * MIB, least_rows_bytes: 2 * MIB };
        flight.begin(budget, &predicted, 1);
        flight
    }

    #[test]
    fn a_reader_waits_until_the_last_of_a_batch_is_gone() {
        let flight = flight(Some(30 * MIB));
        let whole = Arc::new(flight.admit(4 * MIB, || panic!("it waited")));
        let inherited = whole.clone();
        let (told, waiting) = channel();
        let reader = std::thread::spawn({
            let flight = flight.clone();
            move || drop(flight.admit(MIB, || told.send(()).unwrap()))
        });
        waiting.recv().unwrap();
        drop(whole);
        assert_eq!(flight.gauge.now(), 4 * MIB);
        drop(inherited);
        reader.join().unwrap();
        assert_eq!((flight.gauge.now(), flight.peak(), flight.waits()), (0, 4 * MIB, 1));
    }

    #[test]
    fn what_steps_take_beyond_their_need_is_not_left_to_rows() {
        let flight = flight(Some(30 * MIB));
        flight.steps.add(12 * MIB);
        let _held = [flight.admit(MIB, || panic!("it waited")), flight.admit(MIB, || panic!("it waited"))];
        assert!(!flight.room.lock().unwrap().unwrap().admits(MIB, 2 * MIB, flight.steps.now()));
        // This much there is in any case, and one batch, however large.
        flight.steps.add(100 * MIB);
        assert!(flight.room.lock().unwrap().unwrap().admits(MIB, MIB, flight.steps.now()));
        assert!(flight.room.lock().unwrap().unwrap().admits(100 * MIB, 0, flight.steps.now()));
    }

    /// Nobody waits who has rows in memory already: past the budget, and the little that the last rows of batches may be more than
    /// foreseen, that is an error, whatever the steps take of it.
    #[test]
    fn rows_beyond_a_budget_are_an_error() {
        let flight = flight(Some(30 * MIB));
        let mut charge = flight.charge();
        // Both have 14 MiB, and 2 MiB are the least that rows need.
        assert_eq!(charge.set(16 * MIB), Ok(()));
        let exceed = charge.set(17 * MIB).unwrap_err();
        assert_eq!((exceed.rows, exceed.more, exceed.both, exceed.budget), (16 * MIB, MIB, 14 * MIB, 30 * MIB));
        assert_eq!(charge.set(4 * MIB), Ok(()));
        flight.steps.add(13 * MIB);
        assert!(charge.set(5 * MIB).is_err());
        let error = crate::error::RunError::from(charge.set(6 * MIB).unwrap_err());
        assert_eq!(error.class, crate::error::Class::Limit);
        assert!(error.message.contains("a budget of 30 MiB leaves 14 MiB for both"), "{error}");
        assert!(error.help.unwrap().contains("a `budget` of 35MiB"));
        drop(charge);
        assert_eq!(flight.gauge.now(), 0);
        // What a call may return is half of what is left, and at least a few mebibytes.
        assert_eq!(flight.returnable(), Some((4 * MIB, 30 * MIB)));
    }

    /// What a writer holds is left to nobody else, and nobody waits for it.
    #[test]
    fn what_writers_hold_is_within_the_budget() {
        let flight = flight(Some(60 * MIB));
        let mut writing = flight.writing();
        assert_eq!(writing.set(WRITERS + 40 * MIB), Ok(()));
        // What readers need at least they have all the same.
        drop(flight.admit(2 * MIB, || panic!("it waited")));
        let exceed = writing.set(WRITERS + 50 * MIB).unwrap_err();
        assert_eq!((exceed.rows, exceed.more, exceed.steps, exceed.both), (0, 10 * MIB, 50 * MIB, 44 * MIB));
        assert!(flight.charge().set(MIB).is_err());
        drop(writing);
        assert_eq!((flight.beside(), flight.charge().set(MIB)), (0, Ok(())));
    }

    #[test]
    fn without_a_budget_nobody_waits() {
        let flight = flight(None);
        let all: Vec<Ticket> = (0..100).map(|_| flight.admit(MIB, || panic!("it waited"))).collect();
        assert_eq!(flight.peak(), 100 * MIB);
        drop(all);
        assert_eq!((flight.gauge.now(), flight.waits()), (0, 0));
    }
}
