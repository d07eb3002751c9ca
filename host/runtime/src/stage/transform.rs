//! The node of transforms that stand one behind another: batches in, batches out, in order, whatever the number of instances.
//!
//! With one instance each, a transform is a node of its own, and works beside its neighbours. With more, neighbours of equal numbers are one
//! node: a *lane* is a thread with an instance of each of them, and takes a batch through all, so nothing waits between them. It reads the
//! batch, too, where that lies in a spill. A step that asks servers has more lanes while it waits for them ([`asking`]).

use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use callboard_plan::{Feed, Kind, Reader, Transport};

use super::asking;
use super::live::Live;
use super::load::{LoadedStep, Worker};
use super::process::{Processed, Task};
use super::wire::Outlets;
use super::{Ended, StepCounts, add_counters};
use crate::error::{Fault, RunError};
use crate::events::Event;
use crate::ports::Doors;
use crate::ports::{IN_FLIGHT, Inlet, Outlet, Stop, Unread};
use crate::rows::{Batch, Tap, Tapped};
use crate::store::lengths::{Length, Lengths};
use callboard_sandbox::{caught, panicked, spawn_scoped};

/// The loaded steps as nodes: transforms that lanes take batches through are one.
pub(super) fn chains<'a>(run: &Live<'_>, loaded: &'a mut [LoadedStep]) -> Vec<Vec<&'a mut LoadedStep>> {
    let mut chains: Vec<Vec<&mut LoadedStep>> = Vec::new();
    for step in loaded {
        match chains.iter_mut().find(|chain| follows(run, chain[chain.len() - 1], step)) {
            Some(chain) => chain.push(step),
            None => chains.push(vec![step]),
        }
    }
    chains
}

/// Whether `step` reads what `before` puts out and nothing else, nobody else reads that, and both have as many instances.
fn follows(run: &Live<'_>, before: &LoadedStep, step: &LoadedStep) -> bool {
    let side_by_side = |step: &LoadedStep| step.kind == Kind::Transform && step.workers.len() > 1;
    let only = match run.prepared.plan.edges_into(&step.name).collect::<Vec<_>>()[..] {
        [edge] => edge.from == *before.name && edge.transport == Transport::Channel,
        _ => false,
    };
    let asks = |step: &LoadedStep| run.prepared.step(&step.name).spare > 0;
    only && !asks(before)
        && !asks(step)
        && run.prepared.recuts(&Reader::Step(step.name.clone())).is_none()
        && side_by_side(before)
        && step.kind == Kind::Transform
        && step.workers.len() == before.workers.len()
        && run.prepared.plan.edges_out_of(&Feed::node(&before.name)).count() == 1
        && run.prepared.routes(&Feed::node(&before.name)).is_none()
}

/// Runs a chain to the end of its rows. Each step has its ways out; what the last puts out leaves the chain.
pub(super) fn run(
    run: &Live<'_>,
    mut steps: Vec<&mut LoadedStep>,
    inlet: Inlet,
    outlets: Vec<Outlets>,
) -> Result<Vec<Ended>, Stop> {
    let names: Vec<String> = steps.iter().map(|step| step.name.clone()).collect();
    let tasks: Vec<Task<'_>> =
        names.iter().zip(&outlets).map(|(name, outlets)| Task::of(run, name, &outlets.doors)).collect();
    let last = steps.len() - 1;
    let spare = tasks[0].step.spare;
    let ends = names.iter().zip(outlets).enumerate().map(|(at, (name, Outlets { main, doors }))| {
        Ok(End {
            run,
            step: Arc::from(name.as_str()),
            counts: StepCounts::default(),
            outlet: (at == last).then_some(main),
            doors,
            tap: run.tapped(&Feed::node(name)),
            given: run.tap().filter(|tap| tap.wants_given(name)).cloned(),
            lengths: run.lengths(name)?,
        })
    });
    let mut ends = Ends(ends.collect::<Result<_, RunError>>()?);
    if spare > 0 {
        let step = &mut *steps[0];
        let places = step.workers.len();
        step.spare(spare);
        let asked = asking::run(&tasks[0], &mut step.workers, places, inlet, &mut ends);
        step.keep(places);
        asked?;
        return ends.0.into_iter().zip(steps).map(|(end, step)| end.end(step)).collect();
    }
    let mut lanes: Vec<Vec<&mut Worker>> = Vec::new();
    for step in &mut steps {
        lanes.resize_with(step.workers.len(), Vec::new);
        lanes.iter_mut().zip(&mut step.workers).for_each(|(lane, worker)| lane.push(worker));
    }
    match &mut lanes[..] {
        [lane] => alone(&tasks, lane, inlet, &mut ends)?,
        lanes => side_by_side(&tasks, lanes, inlet, &mut ends)?,
    }
    ends.0.into_iter().zip(steps).map(|(end, step)| end.end(step)).collect()
}

/// What a batch became in each step; fewer than there are where no row was left, or where one failed.
pub(super) struct Answer {
    done: Vec<Processed>,
    pub(super) failed: Option<RunError>,
    /// Whether more rows of the same batch follow.
    more: bool,
}

impl Answer {
    pub(super) fn failed(error: RunError) -> Answer {
        Answer { done: Vec::new(), failed: Some(error), more: false }
    }
}

/// Takes a batch through all steps.
pub(super) fn drive(tasks: &[Task<'_>], lane: &mut [&mut Worker], mut batch: Batch) -> Answer {
    let mut done: Vec<Processed> = Vec::with_capacity(tasks.len());
    let more = batch.more;
    for (task, worker) in tasks.iter().zip(lane) {
        if batch.is_empty() {
            break;
        }
        match task.run.go_on().and_then(|()| task.process(worker, batch)) {
            Ok(mut processed) => {
                processed.batch.more = more;
                batch = processed.batch.clone();
                done.push(processed);
            }
            Err(error) => return Answer { done, failed: Some(error), more },
        }
    }
    Answer { done, failed: None, more }
}

fn alone(tasks: &[Task<'_>], lane: &mut [&mut Worker], mut inlet: Inlet, ends: &mut Ends<'_>) -> Result<(), Stop> {
    while let Some(batch) = inlet.next()? {
        ends.put_out(drive(tasks, lane, batch))?;
    }
    Ok(())
}

/// Batch `n` goes to lane `n` modulo their number, and comes back in that order: nothing is to be sorted.
fn side_by_side(
    tasks: &[Task<'_>],
    lanes: &mut [Vec<&mut Worker>],
    mut inlet: Inlet,
    ends: &mut Ends<'_>,
) -> Result<(), Stop> {
    std::thread::scope(|scope| {
        let (mut ways_in, mut ways_out) = (Vec::new(), Vec::new());
        for lane in lanes {
            let (to_lane, batches) = sync_channel::<Unread>(IN_FLIGHT / 2);
            let (answers, from_lane) = sync_channel::<Answer>(IN_FLIGHT / 2);
            spawn_scoped(scope, move || {
                for batch in batches {
                    let driven = caught(|| batch.read().map(|batch| drive(tasks, lane, batch)));
                    let answer = driven.map_err(RunError::from).flatten().unwrap_or_else(Answer::failed);
                    let failed = answer.failed.is_some();
                    if answers.send(answer).is_err() || failed {
                        return;
                    }
                }
            })?;
            ways_in.push(to_lane);
            ways_out.push(from_lane);
        }
        let feeder = spawn_scoped(scope, move || {
            for way in ways_in.iter().cycle() {
                let Some(batch) = inlet.next_unread()? else { break };
                if way.send(batch).is_err() {
                    return Err(Stop::Elsewhere);
                }
            }
            Ok(())
        })?;
        // The first lane without an answer has had its last batch, or has failed and said so.
        let mut outcome = Ok(());
        for way in ways_out.iter().cycle() {
            match way.recv().map(|answer| ends.put_out(answer)) {
                Ok(Ok(())) => {}
                Ok(Err(stop)) => {
                    // Told at once: the feeder may wait for a step that works on until the run is stopped.
                    super::settle(tasks[0].run, Err(stop));
                    outcome = Err(Stop::Elsewhere);
                    break;
                }
                Err(_) => break,
            }
        }
        drop(ways_out);
        let fed = feeder.join().unwrap_or_else(|panic| Err(panicked(&*panic).into()));
        outcome.and(fed)
    })
}

/// Where the results of the batches come together, in order.
pub(super) struct Ends<'a>(Vec<End<'a>>);

impl Ends<'_> {
    pub(super) fn put_out(&mut self, answer: Answer) -> Result<(), Stop> {
        let (failed_at, more) = (answer.done.len(), answer.more);
        for (end, done) in self.0.iter_mut().zip(answer.done) {
            end.put_out(done, more).map_err(|stop| super::in_step(stop, &end.step))?;
        }
        match answer.failed {
            // Steps that no row of it reached.
            None => self.0[failed_at..].iter_mut().try_for_each(|end| end.pass_on(more)),
            Some(error) => {
                let End { step, counts, .. } = &self.0[failed_at];
                Err(Stop::Failed(error.in_batch(counts.batches + 1).in_step(step)))
            }
        }
    }
}

/// The end of one step of the chain.
struct End<'a> {
    run: &'a Live<'a>,
    step: Arc<str>,
    counts: StepCounts,
    /// `None` if the next step of the chain is given the rows.
    outlet: Option<Outlet>,
    doors: Doors,
    /// What looks on at the rows that it puts out, and at those that it is given.
    tap: Option<Tapped>,
    given: Option<Arc<dyn Tap>>,
    /// Notes how many rows its batches have.
    lengths: Option<Lengths>,
}

impl End<'_> {
    /// Hands on that a batch has been here, of which no row was left.
    fn pass_on(&mut self, more: bool) -> Result<(), Stop> {
        self.doors.batch_done(more)?;
        self.outlet.as_mut().map_or(Ok(()), |outlet| outlet.send(&Batch { more, ..Batch::nothing() }))
    }

    fn put_out(&mut self, done: Processed, more: bool) -> Result<(), Stop> {
        let (rows_in, rows_out) = (done.counts.rows_in, done.counts.rows_out);
        let (dropped, rejected) = (done.counts.tally.dropped(), done.counts.tally.rejected());
        let length = Length { rows_in, rows_out, dropped, rejected };
        self.lengths.iter_mut().try_for_each(|lengths| lengths.batch(length)).map_err(|error| unnoted(&error))?;
        self.counts.add_rows(&done.counts);
        let added = add_counters(&mut self.counts.counters, done.counters);
        added.map_err(|limit| RunError::of(Fault::Limit(limit), &self.step))?;
        self.given.as_ref().map_or(Ok(()), |tap| tap.given(&self.step, done.aside.batch()))?;
        done.aside.put_out(&self.step, &mut self.doors, &self.run.rejects)?;
        self.doors.batch_done(more)?;
        let (run, step) = (self.run, self.run.prepared.step(&self.step));
        run.reject_limits.check_step(&run.prepared.plan, step, rejected, &self.counts, false)?;
        run.prepared.seen.count(&self.step, &done.counts);
        self.run.tell(Event::Rows { step: self.step.clone(), rows_in, rows_out });
        self.tap.as_ref().map_or(Ok(()), |tap| tap.put_out(&done.batch))?;
        self.outlet.as_mut().map_or(Ok(()), |outlet| outlet.send(&done.batch))
    }

    fn end(self, step: &mut LoadedStep) -> Result<Ended, Stop> {
        let End { run, step: name, mut counts, outlet, doors, tap: _, given: _, mut lengths } = self;
        lengths.iter_mut().try_for_each(Lengths::end).map_err(|error| unnoted(&error))?;
        let in_step = |stop: Stop| super::in_step(stop, &name);
        counts.busy = step.workers.iter_mut().map(Worker::busy).sum();
        counts.again = run.work(&name).map_or(0, |work| work.again());
        // Rows that wait for offline batches are none of those that a share is of.
        let ended = !run.waits();
        let checked = run.reject_limits.check_step(&run.prepared.plan, run.prepared.step(&name), 0, &counts, ended);
        checked.map_err(|error| in_step(error.into()))?;
        let mut left = doors.end().map_err(in_step)?;
        if let Some(outlet) = outlet {
            left.extend(outlet.end(Feed::node(&name)).map_err(in_step)?);
        }
        Ok(Ended::Step { name: name.to_string(), counts: Box::new(counts), left })
    }
}

fn unnoted(error: &std::io::Error) -> RunError {
    RunError::unwritten("write to the run's folder", error)
}
