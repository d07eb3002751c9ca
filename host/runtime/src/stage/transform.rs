//! The node of a transform: batches in, batches out, in order, whatever the number of instances.

use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use super::doors::Doors;
use super::load::{LoadedStep, Worker};
use super::process::{Processed, Task};
use super::wire::Outlets;
use super::{Ended, StepCounts, add_counters};
use crate::bindings::callboard::step::types::Fate;
use crate::error::RunError;
use crate::events::Event;
use crate::ports::{IN_FLIGHT, Inlet, Outlet, Stop};
use crate::rows::Batch;
use crate::run::Run;

/// Runs a transform to the end of its rows.
pub(super) fn run(run: &Run, step: &mut LoadedStep, mut inlets: Vec<Inlet>, outlets: Outlets) -> Result<Ended, Stop> {
    let task = Task::of(run, &step.name, &outlets.doors);
    let inlet = inlets.pop().expect("a transform has one port");
    let Outlets { main, doors } = outlets;
    let name = Arc::from(step.name.as_str());
    let mut end = End { run, step: name, counts: StepCounts::default(), outlet: main, doors };
    match step.workers.as_mut_slice() {
        [worker] => alone(&task, worker, inlet, &mut end)?,
        workers => side_by_side(&task, workers, inlet, &mut end)?,
    }
    end.counts.busy = step.workers.iter_mut().map(Worker::busy).sum();
    let End { mut counts, outlet, doors, .. } = end;
    counts.again = run.work(&step.name).map_or(0, |work| work.again());
    run.budget.check_step(&run.plan, run.step(&step.name), 0, &counts, true)?;
    let mut spills = doors.end()?;
    spills.extend(outlet.end()?.map(|spill| (step.name.clone(), spill)));
    Ok(Ended::Step { name: step.name.clone(), counts: Box::new(counts), spills })
}

fn alone(task: &Task<'_>, worker: &mut Worker, mut inlet: Inlet, end: &mut End<'_>) -> Result<(), Stop> {
    let mut number = 0;
    while let Some(batch) = inlet.next()? {
        end.run.go_on()?;
        number += 1;
        end.put_out(task.process(worker, batch, number)?)?;
    }
    Ok(())
}

/// Batch `n` goes to instance `n` modulo their number, and comes back in that order: nothing is to be sorted.
fn side_by_side(task: &Task<'_>, workers: &mut [Worker], mut inlet: Inlet, end: &mut End<'_>) -> Result<(), Stop> {
    type Answer = Result<Processed, RunError>;
    std::thread::scope(|scope| {
        let (mut ways_in, mut ways_out) = (Vec::new(), Vec::new());
        for worker in workers {
            let (to_instance, batches) = sync_channel::<(u64, Batch)>(IN_FLIGHT / 2);
            let (answers, from_instance) = sync_channel::<Answer>(IN_FLIGHT / 2);
            scope.spawn(move || {
                for (number, batch) in batches {
                    let answer = task.run.go_on().and_then(|()| task.process(worker, batch, number));
                    let failed = answer.is_err();
                    if answers.send(answer).is_err() || failed {
                        return;
                    }
                }
            });
            ways_in.push(to_instance);
            ways_out.push(from_instance);
        }
        let feeder = scope.spawn(move || {
            let mut number = 0;
            while let Some(batch) = inlet.next()? {
                let way = &ways_in[(number % ways_in.len() as u64) as usize];
                number += 1;
                if way.send((number, batch)).is_err() {
                    return Err(Stop::Elsewhere);
                }
            }
            Ok(())
        });
        // The first instance without an answer has had its last batch, or has failed and said so.
        let mut outcome = Ok(());
        for way in ways_out.iter().cycle() {
            match way.recv().map(|answer| answer.map_err(Stop::Failed).and_then(|done| end.put_out(done))) {
                Ok(Ok(())) => {}
                Ok(Err(Stop::Failed(error))) => {
                    // Told at once: the feeder may wait for a step that works on until the run is stopped.
                    end.run.fail(error.in_step(task.name));
                    outcome = Err(Stop::Elsewhere);
                    break;
                }
                Ok(Err(stop)) => {
                    outcome = Err(stop);
                    break;
                }
                Err(_) => break,
            }
        }
        drop(ways_out);
        let fed = feeder.join().unwrap_or(Err(Stop::Elsewhere));
        outcome.and(fed)
    })
}

/// Where the batches of all instances come together, in order.
struct End<'a> {
    run: &'a Run,
    step: Arc<str>,
    counts: StepCounts,
    outlet: Outlet,
    doors: Doors,
}

impl End<'_> {
    fn put_out(&mut self, done: Processed) -> Result<(), Stop> {
        let (rows_in, rows_out) = (done.rows_in, done.batch.len() as u64);
        self.counts.rows_in += rows_in;
        self.counts.rows_out += rows_out;
        self.counts.kept_once += done.kept_once;
        self.counts.repeated += done.repeated;
        self.counts.batches += 1;
        self.counts.reused += if done.reused { rows_in } else { 0 };
        self.counts.tally.add(&done.tally);
        add_counters(&mut self.counts.counters, done.counters);
        self.run.keep_rejects(&self.step, &done.rejects)?;
        let (run, step) = (self.run, self.run.step(&self.step));
        run.budget.check_step(&run.plan, step, done.tally.rejected(), &self.counts, false)?;
        for fate in [Fate::Dropped, Fate::Rejected] {
            let rows = done.removed.iter().filter(|(_, other, _)| *other == fate);
            let rows: Vec<_> = rows.map(|(row, _, reason)| (*row, reason.as_deref())).collect();
            self.doors.put_out(fate, &done.input, &rows)?;
        }
        self.run.observer.tell(Event::Rows { step: self.step.clone(), rows_in, rows_out });
        self.outlet.send(&done.batch)
    }
}
