//! The node of a transform that asks servers: while its instances wait for replies, others work on the next batches.
//!
//! A batch goes to whichever lane is free, and its rows leave in the order in which they came. If no lane is free, another is opened if
//! all of them wait and a server has room for more requests: with many rows to a batch that is never, with few it is as often as
//! it takes to keep `at_once` requests in flight. What is read ahead of the slowest batch is bounded.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::load::Worker;
use super::process::Task;
use super::transform::{Answer, Ends, drive};
use crate::error::RunError;
use crate::ports::{Inlet, Stop};
use crate::rows::Batch;
use callboard_sandbox::{caught, spawn_scoped};

/// Rows and bytes of batches that are read before the first of them is put out; two batches always are.
const AHEAD_ROWS: usize = 32_768;
const AHEAD_BYTES: u64 = 128 << 20;
/// What instances of one step that nobody asked for may have together, bytes.
const SPARE_MEMORY: u64 = 512 << 20;
/// How soon it is noticed that a server has room.
const LOOK: Duration = Duration::from_millis(5);

type Job = (Batch, SyncSender<Answer>);

/// What the lanes, whoever feeds them and whoever takes their answers know of each other.
#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Lanes that have nothing to do.
    idle: Vec<usize>,
    /// Batches that were handed to lanes and are not put out yet.
    batches: usize,
    rows: usize,
    bytes: u64,
    /// Nobody takes answers any more.
    is_over: bool,
}

impl State {
    fn has_room(&self) -> bool {
        self.batches < 2 || (self.rows < AHEAD_ROWS && self.bytes < AHEAD_BYTES)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_all();
    }
}

/// Runs the step to the end of its rows. The first `open` workers have instances, the others get one when they are needed.
pub(super) fn run(
    task: &Task<'_>,
    workers: &mut [Worker],
    open: usize,
    inlet: Inlet,
    ends: &mut Ends<'_>,
) -> Result<(), Stop> {
    let shared = Shared::default();
    task.run.asked.begins(task.name);
    std::thread::scope(|scope| {
        let (order, in_order) = std::sync::mpsc::channel();
        let shared = &shared;
        let feeder = spawn_scoped(scope, move || {
            let mut lanes: Vec<SyncSender<Job>> = Vec::new();
            let mut places = workers.iter_mut();
            let mut begin = |lanes: &mut Vec<SyncSender<Job>>| -> Result<bool, RunError> {
                let Some(worker) = places.next() else { return Ok(false) };
                let (to_lane, jobs) = sync_channel::<Job>(1);
                let lane = lanes.len();
                spawn_scoped(scope, move || {
                    for (batch, answers) in jobs {
                        let driven = caught(|| drive(std::slice::from_ref(task), &mut [&mut *worker], batch));
                        let answer = driven.map_err(RunError::from).unwrap_or_else(Answer::failed);
                        let failed = answer.failed.is_some();
                        if answers.send(answer).is_err() || failed {
                            return;
                        }
                        shared.change(|state| state.idle.push(lane));
                    }
                })?;
                lanes.push(to_lane);
                shared.change(|state| state.idle.push(lane));
                Ok(true)
            };
            for _ in 0..open {
                begin(&mut lanes)?;
            }
            feed(task, inlet, shared, &order, &mut lanes, begin)
        })?;
        let outcome = put_out(task, &in_order, shared, ends);
        drop(in_order);
        shared.change(|state| state.is_over = true);
        let fed = feeder.join().unwrap_or_else(|panic| Err(callboard_sandbox::panicked(&*panic).into()));
        outcome.and(fed)
    })
}

/// What is handed to a lane: where its answer comes, and how many rows and bytes it has.
type Handed = (std::sync::mpsc::Receiver<Answer>, usize, u64);

/// Hands each batch to a lane.
fn feed(
    task: &Task<'_>,
    mut inlet: Inlet,
    shared: &Shared,
    order: &std::sync::mpsc::Sender<Handed>,
    lanes: &mut Vec<SyncSender<Job>>,
    mut begin: impl FnMut(&mut Vec<SyncSender<Job>>) -> Result<bool, RunError>,
) -> Result<(), Stop> {
    let mut may_begin = true;
    while let Some(batch) = inlet.next()? {
        let (rows, bytes) = (batch.len(), batch.bytes());
        let lane = loop {
            let mut state = shared.state();
            if state.is_over {
                return Err(Stop::Elsewhere);
            }
            let is_bounded = !state.has_room();
            if let Some(lane) = state.idle.pop_if(|_| !is_bounded) {
                state.batches += 1;
                state.rows += rows;
                state.bytes += bytes;
                break lane;
            }
            if !is_bounded && may_begin && waits_with_room(task, lanes.len()) {
                drop(state);
                may_begin = begin(lanes)?;
                continue;
            }
            drop(shared.changed.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner));
        };
        let (answers, answer) = sync_channel(1);
        // A lane that is gone has failed, and said so.
        if order.send((answer, rows, bytes)).is_err() || lanes[lane].send((batch, answers)).is_err() {
            return Err(Stop::Elsewhere);
        }
    }
    task.run.asked.has_read(task.name);
    Ok(())
}

/// Whether all lanes wait for servers, one of which has room, and memory has room for another instance.
fn waits_with_room(task: &Task<'_>, lanes: usize) -> bool {
    let Some(reach) = task.run.prepared.reach.get(task.name) else { return false };
    let held = task.run.memory.steps.get(task.name).map_or(0, |gauge| gauge.now());
    let each = held / (lanes as u64).max(1);
    reach.waiting() as usize >= lanes && reach.servers_have_room() && held.saturating_add(each) <= SPARE_MEMORY
}

/// Puts out what the lanes answer, in the order of the batches.
fn put_out(
    task: &Task<'_>,
    in_order: &std::sync::mpsc::Receiver<Handed>,
    shared: &Shared,
    ends: &mut Ends<'_>,
) -> Result<(), Stop> {
    for (answer, rows, bytes) in in_order {
        // Without an answer a lane is gone that failed before this batch, and said so.
        let Ok(answer) = answer.recv() else { return Ok(()) };
        if let Err(stop) = ends.put_out(answer) {
            // Told at once: a lane may wait until the run is stopped.
            super::settle(task.run, Err(stop));
            return Err(Stop::Elsewhere);
        }
        shared.change(|state| {
            state.batches -= 1;
            state.rows -= rows;
            state.bytes -= bytes;
        });
    }
    Ok(())
}
