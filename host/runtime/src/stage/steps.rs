//! The nodes of global steps and of sources.

use std::sync::Arc;

use arrow::array::{UInt32Array, UInt64Array};
use arrow::datatypes::Schema;

use super::load::LoadedStep;
use super::{Ended, StepCounts};
use crate::bindings::callboard::step::types::Fate;
use crate::columns::lift;
use crate::error::Fault;
use crate::events::Event;
use crate::guest::{Instance, ReaderEnd, Whole, WriterEnd};
use crate::ports::{Inlet, Outlet, Stop, bug};
use crate::rows::{Batch, record_batch};
use crate::run::Run;

/// Runs a global step over its whole inputs.
pub(super) fn run_global(run: &Run, step: &mut LoadedStep, inlets: Vec<Inlet>, outlet: Outlet) -> Result<Ended, Stop> {
    let name: Arc<str> = Arc::from(step.name.as_str());
    let bound = run.bound(&name);
    let mut wholes = Vec::with_capacity(inlets.len());
    for inlet in inlets {
        let schema = inlet.schema().clone();
        wholes.push(Whole::new(inlet.into_spills()?, schema));
    }
    let readers = wholes.iter().enumerate().map(|(port, whole)| ReaderEnd::new(whole.clone(), bound.clone(), port));
    let first = wholes[0].clone();
    let rows_in = first.rows();
    let writer = WriterEnd::new(name.clone(), first, bound.clone(), run.plan.batch, run.remover(&name), outlet);
    let instance = only(step);
    let writer = instance.run(readers.collect(), writer).map_err(|fault| fault.into_error(&name))?;
    let (outlet, fates) = writer.finish();
    run.keep_rejects(&name, &fates.rejects)?;
    let mut counts = counts_of(instance);
    counts.rows_in = rows_in;
    counts.rows_out = fates.rows_out;
    counts.kept_once = fates.kept_once;
    counts.repeated = fates.repeated;
    counts.created = fates.created;
    counts.tally = fates.tally;
    let unlisted = rows_in - counts.kept_once - counts.tally.dropped() - counts.tally.rejected();
    if unlisted > 0 {
        counts.tally.count(Fate::Dropped, "", unlisted);
    }
    Ok(Ended::Step { name: step.name.clone(), counts: Box::new(counts), spill: outlet.end()? })
}

/// Runs a source until it has no more pages, or has made as many rows as the run is limited to.
pub(super) fn run_source(run: &Run, step: &mut LoadedStep, mut outlet: Outlet) -> Result<Ended, Stop> {
    let name: Arc<str> = Arc::from(step.name.as_str());
    let bound = run.bound(&name);
    let file = run.source_file(&name);
    let limit = run.limit.unwrap_or(u64::MAX);
    let (mut rows, mut pages) = (0, 0);
    while rows < limit {
        pages += 1;
        let in_page = |fault: Fault| fault.into_error(&name).in_batch(pages);
        let Some(page) = only(step).next().map_err(in_page)? else {
            break;
        };
        let written = lift(page.rows, &bound.writes).map_err(|what| in_page(Fault::Contract(what)))?;
        let count = written.num_rows().min(usize::try_from(limit - rows).unwrap_or(usize::MAX));
        let origins = Batch {
            rows: record_batch(Arc::new(Schema::empty()), Vec::new(), count).map_err(|error| bug(&error))?,
            file: UInt32Array::from_value(file, count),
            line: UInt64Array::from_iter_values(rows + 1..=rows + count as u64),
        };
        let batch = bound.join(&origins, &written.slice(0, count)).map_err(|error| bug(&error))?;
        rows += count as u64;
        run.observer.tell(Event::Rows { step: name.clone(), rows_in: 0, rows_out: count as u64 });
        outlet.send(&batch)?;
    }
    let mut counts = counts_of(only(step));
    (counts.rows_out, counts.created, counts.batches) = (rows, rows, pages);
    Ok(Ended::Step { name: step.name.clone(), counts: Box::new(counts), spill: outlet.end()? })
}

fn only(step: &mut LoadedStep) -> &mut Instance {
    &mut step.instances[0]
}

fn counts_of(instance: &mut Instance) -> StepCounts {
    StepCounts { busy: instance.take_busy(), counters: instance.take_counters(), ..StepCounts::default() }
}
