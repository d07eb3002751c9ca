//! The node of a transform: batches in, batches out, in order, whatever the number of instances.

use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use arrow::array::UInt32Array;

use super::load::LoadedStep;
use super::{Ended, StepCounts};
use crate::bindings::callboard::step::types::Fate;
use crate::bindings::exports::callboard::step::transform::Output;
use crate::bound::Bound;
use crate::columns::{Flat, lift};
use crate::error::{Fault, RunError};
use crate::events::Event;
use crate::guest::{Instance, bound_copies};
use crate::ports::{IN_FLIGHT, Inlet, Outlet, Stop};
use crate::removed::{Remover, Tally, check_removals};
use crate::rows::Batch;
use crate::run::Run;

/// What a batch became.
struct Processed {
    rows_in: u64,
    kept_once: u64,
    repeated: u64,
    batch: Batch,
    tally: Tally,
    rejects: Vec<u8>,
}

/// A step's part in every call.
struct Work<'a> {
    name: &'a str,
    bound: Arc<Bound>,
    remover: Remover,
}

/// Runs a transform to the end of its rows.
pub(super) fn run(run: &Run, step: &mut LoadedStep, mut inlets: Vec<Inlet>, outlet: Outlet) -> Result<Ended, Stop> {
    let work = Work { name: &step.name, bound: run.bound(&step.name), remover: run.remover(&step.name) };
    let inlet = inlets.pop().expect("a transform has one port");
    let mut end = End { run, step: Arc::from(step.name.as_str()), counts: StepCounts::default(), outlet };
    match step.instances.as_mut_slice() {
        [instance] => alone(&work, instance, inlet, &mut end)?,
        instances => side_by_side(&work, instances, inlet, &mut end)?,
    }
    for instance in &mut step.instances {
        end.counts.busy += instance.take_busy();
        for (name, amount) in instance.take_counters() {
            *end.counts.counters.entry(name).or_default() += amount;
        }
    }
    Ok(Ended::Step { name: step.name.clone(), counts: Box::new(end.counts), spill: end.outlet.end()? })
}

fn alone(work: &Work<'_>, instance: &mut Instance, mut inlet: Inlet, end: &mut End<'_>) -> Result<(), Stop> {
    let mut number = 0;
    while let Some(batch) = inlet.next()? {
        number += 1;
        end.put_out(work.process(instance, &batch, number)?)?;
    }
    Ok(())
}

/// Batch `n` goes to instance `n` modulo their number, and comes back in that order: nothing is to be sorted.
fn side_by_side(work: &Work<'_>, instances: &mut [Instance], mut inlet: Inlet, end: &mut End<'_>) -> Result<(), Stop> {
    type Answer = Result<Processed, RunError>;
    std::thread::scope(|scope| {
        let (mut ways_in, mut ways_out) = (Vec::new(), Vec::new());
        for instance in instances {
            let (to_instance, batches) = sync_channel::<(u64, Batch)>(IN_FLIGHT / 2);
            let (answers, from_instance) = sync_channel::<Answer>(IN_FLIGHT / 2);
            scope.spawn(move || {
                for (number, batch) in batches {
                    let answer = work.process(instance, &batch, number);
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
                    end.run.fail(error.in_step(work.name));
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

impl Work<'_> {
    fn process(&self, instance: &mut Instance, batch: &Batch, number: u64) -> Result<Processed, RunError> {
        let done = self.call(instance, batch).and_then(|output| self.check(batch, output));
        done.map_err(|fault| fault.into_error(self.name).in_batch(number))
    }

    fn call(&self, instance: &mut Instance, batch: &Batch) -> Result<Output, Fault> {
        let flat = Flat::of(&self.bound.give(0, batch)?);
        let lent = flat.lend();
        let arrays = lent.arrays();
        instance.process(lent.batch(&arrays))
    }

    /// Everything that was returned is hostile until it has been through here.
    fn check(&self, batch: &Batch, output: Output) -> Result<Processed, Fault> {
        let rows = batch.len();
        let removals = check_removals(output.removed, rows)?;
        let mut gone = vec![false; rows];
        removals.iter().for_each(|(row, ..)| gone[*row as usize] = true);
        let kept: Option<Vec<u32>> = match output.origins {
            None if removals.is_empty() => None,
            None => Some((0..rows as u32).filter(|row| !gone[*row as usize]).collect()),
            Some(origins) => {
                check_origins(&origins, &gone)?;
                Some(origins)
            }
        };
        let written = lift(output.columns, &self.bound.writes).map_err(Fault::Contract)?;
        let out = kept.as_ref().map_or(rows, Vec::len);
        if written.num_rows() != out && !self.bound.writes.fields().is_empty() {
            return Err(Fault::Contract(format!("it wrote {} rows, and put out {out}", written.num_rows())));
        }
        let (kept_once, repeated, carried) = match kept {
            None => (rows, 0, batch.clone()),
            Some(kept) => {
                let increasing = kept.is_sorted_by(|a, b| a < b);
                if !increasing {
                    bound_copies(batch, &kept, &mut 0)?;
                }
                let once = if increasing { kept.len() } else { distinct(&kept, rows) };
                (once, kept.len() - once, batch.take(&UInt32Array::from(kept))?)
            }
        };
        let (mut tally, rejects) = self.remover.removed(self.name, batch, &removals)?;
        let unlisted = rows - kept_once - removals.len();
        if unlisted > 0 {
            tally.count(Fate::Dropped, "", unlisted as u64);
        }
        let batch = self.bound.join(&carried, &written)?;
        let (rows_in, kept_once, repeated) = (rows as u64, kept_once as u64, repeated as u64);
        Ok(Processed { rows_in, kept_once, repeated, batch, tally, rejects })
    }
}

fn check_origins(origins: &[u32], gone: &[bool]) -> Result<(), Fault> {
    match origins.iter().find(|row| gone.get(**row as usize) != Some(&false)) {
        None => Ok(()),
        Some(row) if (*row as usize) < gone.len() => {
            Err(Fault::Contract(format!("it put out row {row}, which it removed, counted from 0")))
        }
        Some(row) => Err(Fault::Contract(format!("it put out row {row} of a batch of {}, counted from 0", gone.len()))),
    }
}

fn distinct(rows: &[u32], of: usize) -> usize {
    let mut seen = vec![false; of];
    rows.iter().filter(|row| !std::mem::replace(&mut seen[**row as usize], true)).count()
}

/// Where the batches of all instances come together, in order.
struct End<'a> {
    run: &'a Run,
    step: Arc<str>,
    counts: StepCounts,
    outlet: Outlet,
}

impl End<'_> {
    fn put_out(&mut self, done: Processed) -> Result<(), Stop> {
        let (rows_in, rows_out) = (done.rows_in, done.batch.len() as u64);
        self.counts.rows_in += rows_in;
        self.counts.rows_out += rows_out;
        self.counts.kept_once += done.kept_once;
        self.counts.repeated += done.repeated;
        self.counts.batches += 1;
        self.counts.tally.add(&done.tally);
        self.run.keep_rejects(&self.step, &done.rejects)?;
        self.run.observer.tell(Event::Rows { step: self.step.clone(), rows_in, rows_out });
        self.outlet.send(&done.batch)
    }
}
