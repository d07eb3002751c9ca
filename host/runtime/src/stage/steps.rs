//! The nodes of global steps and of sources.

use callboard_sandbox::RowReader;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use arrow::array::{RecordBatch, UInt32Array, UInt64Array};
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use callboard_plan::{Feed, PlannedStep};

use super::live::Live;
use super::load::{LoadedStep, Worker};
use super::retry::retrying;
use super::wire::Outlets;
use super::{Ended, StepCounts, add_counters};
use crate::course::Phase;
use crate::error::{Class, Fault, RunError};
use crate::events::Event;
use crate::fates::{Fates, Ledger};
use crate::global::{
    Caller, Counters, GlobalReader, GlobalWriter, Passed, Passing, Shared, Sizes, Sorting, WINDOW, Whole, Writing,
    gather,
};
use crate::ports::{Inlet, Left, Stop, bug};
use crate::rows::digest;
use crate::rows::{Batch, join, record_batch};
use crate::store::Deed;
use callboard_sandbox::Bound;
use callboard_sandbox::lift_within;

/// A source that gives more pages without a row than this, one after another, would never end.
const EMPTY_PAGES: u32 = 1_000;

/// Runs a global step over its whole inputs, unless it was run over the same rows before.
pub(super) fn run_global(
    run: &Live<'_>,
    step: &mut LoadedStep,
    inlets: Vec<Inlet>,
    outlets: Outlets,
) -> Result<Ended, Stop> {
    let name: Arc<str> = Arc::from(step.name.as_str());
    let bound = run.prepared.bound(&name);
    let planned = run.prepared.step(&name);
    let mut wholes = Vec::with_capacity(inlets.len());
    for inlet in inlets {
        let schema = inlet.schema().clone();
        wholes.push(Whole::new(inlet.into_spills()?, schema));
    }
    let first = wholes[0].clone();
    let rows_in = first.rows();
    // Without a tag nothing could be found, nor should be.
    let ledger = Ledger::of(run.work(&name));
    let tag = ledger.seed().and_then(|seed| match run.is_part() {
        true => Some(tag_by_counts(&wholes)),
        false => tag_of(&wholes, &bound, seed),
    });
    let logged = |tag| Some((tag, ledger.ended(tag)?));
    let of_task = || logged(tag_by_counts(&wholes)).filter(|_| run.prepared.cuts.is_some());
    let ended = tag.and_then(logged).or_else(of_task);
    let reused = ended.is_some();
    let passing = Passing::of(&name, &run.prepared.seen);
    // As far as a frame can hold it; only people read it.
    let tagged_rows = u32::try_from(rows_in).unwrap_or(u32::MAX);
    let writer = GlobalWriter::new(Writing {
        step: name.clone(),
        whole: first,
        bound: bound.clone(),
        cut: run.prepared.plan.batch(),
        limits: planned.limits,
        remover: run.prepared.remover(&name, &run.memory),
        outlet: outlets.main,
        doors: outlets.doors,
        sorting: Sorting {
            folder: run.prepared.folder().join("sorting").join(&*name),
            quota: run.quota.clone(),
            // What a budget leaves is shared with the rows that are read and put out.
            window: run.prepared.plan.budget().map_or(WINDOW, |budget| (budget / 8).clamp(1 << 20, WINDOW)),
            stop: [run.stop.clone(), run.interrupt.clone()],
            passing: passing.clone(),
            tag: tag.zip(ledger.key()).map(|(tag, key)| tag.wrapping_add(key)),
        },
        returnable: run.instance_config(planned).returnable(),
        rejects: run.rejects.clone(),
        charge: Some(run.memory.flight.charge()),
        work: tag.filter(|_| !reused).map(|tag| (ledger.clone(), tag)),
    });

    let fault = |fault: Fault| Stop::Failed(RunError::of(fault, &name));
    let (writer, counters, rows_reused) = match ended {
        Some((tag, file)) => {
            let mut writer = writer;
            passing.is_partial();
            let counters = ledger.replay(tag, file, |deed, written| writer.again(deed, written)).map_err(fault)?;
            (writer, counters, rows_in)
        }
        None if run.prepared.replays => return Err(not_kept(&name).into()),
        None => {
            let readers = || {
                let ends = wholes.iter().enumerate();
                let passed = || Passed::new(&passing);
                let reader = |port, whole: &Whole| GlobalReader::new(whole.clone(), bound.clone(), port, passed());
                ends.map(|(port, whole)| Box::new(reader(port, whole)) as Box<dyn RowReader>).collect()
            };
            if let Some(tag) = tag {
                ledger.begin(tag, tagged_rows)?;
            }
            passing.given(|| wholes.iter().map(Whole::load).collect());
            let (writer, counters, rows_reused) = match bound.gathered.is_plain() {
                true => {
                    passing.begin(Phase::Call, wholes.iter().map(Whole::rows).sum());
                    (call(run, step, planned, &readers, writer)?, step.workers[0].take_counters(), 0)
                }
                false => call_parts(run, step, planned, &wholes, writer)?,
            };
            if let Some(tag) = tag {
                let none = RecordBatch::new_empty(bound.writes.clone());
                let deed = Deed::Ended { counters: counters.clone() };
                ledger.note(tag, tagged_rows, &deed, &none)?;
            }
            (writer, counters, rows_reused)
        }
    };
    if run.shared.is_some() {
        passing.is_partial();
    }
    if run.shared.as_ref().is_some_and(Shared::leaves) {
        let busy = step.workers.iter_mut().map(Worker::busy).sum();
        let counts = Box::new(StepCounts { busy, ..StepCounts::default() });
        return Ok(Ended::Step { name: step.name.clone(), counts, left: Left::default() });
    }
    let (outlet, doors, accounts) = writer.finish().map_err(fault)?;
    passing.begin(Phase::End, 0);
    let counts = StepCounts {
        busy: step.workers.iter_mut().map(Worker::busy).sum(),
        counters,
        reused: rows_reused,
        again: tag.map_or(0, |_| ledger.again().saturating_sub(rows_reused)),
        ..accounts
    };
    run.reject_limits.check_step(&run.prepared.plan, planned, counts.tally.rejected(), &counts, true)?;
    let mut left = doors.end()?;
    left.extend(outlet.end(Feed::node(&name))?);
    Ok(Ended::Step { name: step.name.clone(), counts: Box::new(counts), left })
}

/// A replay ends where nothing is kept.
fn not_kept(step: &str) -> RunError {
    let message = format!("the run keeps nothing of what `{step}` did to these rows");
    let help = "the step did not end, or what happened to rows before it is not kept either";
    RunError::new(Class::Pipeline, message).help(help)
}

/// Calls `run`; again, if it failed for the time being and had put nothing out.
fn call(
    run: &Live<'_>,
    step: &mut LoadedStep,
    planned: &PlannedStep,
    readers: &dyn Fn() -> Vec<Box<dyn RowReader>>,
    writer: GlobalWriter,
) -> Result<GlobalWriter, Stop> {
    let instance = step.workers[0].instance(run, planned)?;
    let mut writer = Some(writer);
    let ran = retrying(run, planned, || {
        let (ran, given_back) = instance.run(readers(), writer.take().expect("it was given back"));
        writer = given_back;
        let again = writer.as_ref().is_some_and(GlobalWriter::is_untouched);
        match ran {
            Err(fault) if !again => Ok(Err(fault)),
            ran => ran.map(Ok),
        }
    });
    ran.and_then(|ran| ran).map_err(|fault| RunError::of(fault, &planned.name))?;
    Ok(writer.expect("a call that went well gives it back"))
}

/// Calls `run` with parts of the rows, in as many instances as there are. Gives what they counted, too, and the rows whose calls
/// had been made before.
fn call_parts(
    run: &Live<'_>,
    step: &mut LoadedStep,
    planned: &PlannedStep,
    wholes: &[Whole],
    mut writer: GlobalWriter,
) -> Result<(GlobalWriter, Counters, u64), Stop> {
    let several = run.prepared.bound(&planned.name).gathered.is_grouped();
    let workers = step.workers.iter_mut().take(if several { usize::MAX } else { 1 });
    let counters = Mutex::<Counters>::default();
    let callers = workers.map(|worker| -> Caller<'_> {
        Box::new(|begin| {
            let called = retrying(run, planned, || {
                let instance = worker.instance(run, planned).map_err(Fault::from)?;
                let (readers, writer) = begin();
                let (ran, writer) = instance.run(readers, writer);
                ran.map(|()| writer.expect("a call that went well gives it back"))
            })?;
            // The instance may be dropped now, and what it counted with it.
            let counted = worker.take_counters();
            worker.called(run, planned);
            Ok((called, counted))
        })
    });
    let (callers, charge) = (callers.collect(), Some(run.memory.flight.charge()));
    let count = |more| Ok(add_counters(&mut counters.lock().expect("no holder panics"), more)?);
    let ran = gather(
        wholes,
        &mut writer,
        Sizes::within(run.prepared.plan.budget()),
        charge,
        callers,
        &count,
        run.shared.as_ref(),
    );
    let reused = ran.map_err(|fault| RunError::of(fault, &planned.name))?;
    Ok((writer, counters.into_inner().expect("no holder panics"), reused))
}

/// What a global step's work is known by: all that it is given. `None` if that was not digested under its seed.
fn tag_of(wholes: &[Whole], bound: &Bound, seed: u64) -> Option<u128> {
    let mut words = Vec::new();
    for (port, (whole, reads)) in wholes.iter().zip(&bound.reads).enumerate() {
        words.push(whole.rows().to_string());
        // What rows are brought together by matters no less than what is read.
        let columns: Vec<usize> = reads.iter().copied().chain(bound.gathered.columns(port)).collect();
        words.extend(whole.digests(&columns, seed)?.into_iter().map(str::to_owned));
    }
    Some(digest::of_text(&words.join(" ")))
}

/// What a global step's work is known by that a task did, to whoever looks at its run: how many rows it was given. What these are digested to
/// is known to no task.
fn tag_by_counts(wholes: &[Whole]) -> u128 {
    let counts: Vec<String> = wholes.iter().map(|whole| whole.rows().to_string()).collect();
    digest::of_text(&format!("rows of tasks: {}", counts.join(" ")))
}

/// Runs a source until it has no more pages, or has made as many rows as the run is limited to. Pages of an earlier process are
/// taken over, and the source goes on behind the last of them.
pub(super) fn run_source(run: &Live<'_>, step: &mut LoadedStep, outlets: Outlets) -> Result<Ended, Stop> {
    let mut pages = Pages {
        run,
        name: Arc::from(step.name.as_str()),
        bound: run.prepared.bound(&step.name),
        file: run.prepared.source_file(&step.name),
        limit: run.prepared.settings.limit.unwrap_or(u64::MAX),
        outlets,
        counts: StepCounts::default(),
    };
    let planned = run.prepared.step(&step.name);
    let ledger = Ledger::of(run.work(&step.name));
    let mut ended = false;
    let mut empty = 0;
    for (deed, rows) in ledger.in_order(0, None) {
        match deed {
            Deed::Page { counters, .. } if pages.counts.rows_out < pages.limit => {
                pages.counts.reused += rows.num_rows() as u64;
                pages.put_out(&rows, counters)?;
            }
            Deed::Ended { .. } => ended = true,
            _ => {}
        }
    }
    while !ended && !run.prepared.replays && pages.counts.rows_out < pages.limit {
        run.go_on()?;
        let number = pages.counts.batches + 1;
        let in_page = |fault: Fault| RunError::of(fault, &pages.name).in_batch(number);
        let worker = &mut step.workers[0];
        ledger.begin(0, 0)?;
        let instance = worker.instance(run, planned)?;
        let page = retrying(run, planned, || instance.next_page()).map_err(in_page)?;
        let counters = instance.take_counters();
        let none = || RecordBatch::new_empty(pages.bound.writes.clone());
        let (deed, rows) = match page {
            Some(page) => {
                let rows = lift_within(page.rows, &pages.bound.writes, &instance.returnable()).map_err(in_page)?;
                (Deed::Page { cursor: page.cursor, counters: counters.clone() }, rows)
            }
            None => (Deed::Ended { counters: BTreeMap::new() }, none()),
        };
        ledger.note(0, rows.num_rows() as u32, &deed, &rows)?;
        ended = matches!(deed, Deed::Ended { .. });
        empty = if rows.num_rows() == 0 { empty + 1 } else { 0 };
        if empty > EMPTY_PAGES {
            let what = format!("it gave {empty} pages in a row without a row");
            return Err(RunError::of(Fault::Contract(what), &pages.name).into());
        }
        if !ended {
            pages.put_out(&rows, counters)?;
        }
    }
    let Pages { mut counts, outlets, .. } = pages;
    counts.busy = step.workers[0].busy();
    let left = outlets.main.end(Feed::node(&step.name))?;
    Ok(Ended::Step { name: step.name.clone(), counts: Box::new(counts), left })
}

/// The rows of a source, on their way.
struct Pages<'a> {
    run: &'a Live<'a>,
    name: Arc<str>,
    bound: Arc<Bound>,
    file: u32,
    limit: u64,
    outlets: Outlets,
    counts: StepCounts,
}

/// The rows of a page, `before` which the source made others.
pub(crate) fn page_of(bound: &Bound, file: u32, before: u64, page: &RecordBatch) -> Result<Batch, ArrowError> {
    let count = page.num_rows();
    let origins = Batch::new(
        record_batch(Arc::new(Schema::empty()), Vec::new(), count)?,
        UInt32Array::from_value(file, count),
        UInt64Array::from_iter_values(before + 1..=before + count as u64),
    );
    join(bound, &origins, page)
}

impl Pages<'_> {
    fn put_out(&mut self, page: &RecordBatch, counters: BTreeMap<String, i64>) -> Result<(), Stop> {
        let rows = self.counts.rows_out;
        let count = page.num_rows().min(usize::try_from(self.limit - rows).unwrap_or(usize::MAX));
        let batch = page_of(&self.bound, self.file, rows, &page.slice(0, count)).map_err(|error| bug(&error))?;
        let batch = self.run.admission(&self.name).admit().carried_by(batch);
        let mut fates = Fates::of(0);
        fates.create(count as u64);
        self.counts.add_rows(&StepCounts { batches: 1, ..fates.into_counts() });
        let added = add_counters(&mut self.counts.counters, counters);
        added.map_err(|limit| RunError::of(Fault::Limit(limit), &self.name))?;
        self.run.tell(Event::Rows { step: self.name.clone(), rows_in: 0, rows_out: count as u64 });
        self.outlets.main.send(&batch)
    }
}
