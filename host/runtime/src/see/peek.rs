//! Rows at a node of a run, or of data files.

use std::sync::{Arc, Mutex};

use arrow::datatypes::{Schema, SchemaRef};
use callboard_io::{BatchPolicy, Chunk, Dataset, InputSpec, Stretch};
use callboard_plan::{Door, Feed, Plan, Reader, nearest};
use tokio_util::sync::CancellationToken;

use super::Looking;
use super::look::{Looker, RowsWanted, Shown, with_reason, with_reasons};
use super::numbered::{Found, Numbered, of_stretches};
use super::replay::{Opened, Seen};
use super::{output, pick};
use crate::error::{Class, RunError};
use crate::figures::columns_of;
use crate::prepare::Prepared;
use crate::rejects::Files;
use crate::rows::{Batch, Tap};

/// Files are read in batches of this many rows.
const POLICY: BatchPolicy = BatchPolicy { rows: 1024, bytes: 4 << 20 };

/// Rows of data files, as an input of a pipeline has them.
///
/// # Errors
///
/// Files that cannot be read; a condition or columns that do not fit them.
pub fn peek_files(paths: &[String], look: &RowsWanted) -> Result<Shown, RunError> {
    peek_input(&InputSpec { name: "peek".to_owned(), paths: paths.to_vec(), ..InputSpec::default() }, look, None)
}

/// `known` says where rows of the files can be read from, if that was written down.
fn peek_input(spec: &InputSpec, look: &RowsWanted, known: Option<Vec<Stretch>>) -> Result<Shown, RunError> {
    let dataset = Dataset::open(spec)?;
    let files: Vec<String> = dataset.files().iter().map(|file| file.display().to_string()).collect();
    let see = |looker: &mut Looker, chunk: &Chunk| {
        let file = &files[chunk.file as usize];
        looker.look(&chunk.rows, |row| format!("{file}:{}", chunk.origin.value(row)))
    };
    if let (Some(seed), None) = (look.seed, &look.condition)
        && let Some(stretches) = known.map_or_else(|| dataset.stretches(), |known| Ok(Some(known)))?
    {
        let rows = stretches.iter().map(|stretch| stretch.rows).fold(0, u64::saturating_add);
        if let Some(chunks) = of_stretches(&dataset, &stretches, &pick::numbers(look.rows, Some(seed), rows)) {
            let mut looker = Looker::new(&RowsWanted { seed: None, ..look.clone() }, &dataset.schema())?;
            chunks.iter().try_for_each(|chunk| see(&mut looker, chunk))?;
            return looker.found();
        }
    }
    let mut looker = Looker::new(look, &dataset.schema())?;
    for chunk in dataset.read(POLICY) {
        see(&mut looker, &chunk?)?;
        if looker.is_done() {
            break;
        }
    }
    looker.found()
}

/// Rows that a node of a run puts out (`NODE`), or that leave it by a side door (`NODE.dropped`, `NODE.rejected`), from what the run
/// kept: nothing is called. Those of an output are read from its files.
///
/// # Errors
///
/// No such run or node; inputs that have changed since; a run that keeps nothing of these rows.
pub fn peek_run(looking: &Looking, node: &str, look: &RowsWanted) -> Result<Shown, RunError> {
    let opened = Opened::of(looking)?;
    if let Some(spec) = output::files(&opened, looking, node)? {
        return peek_input(&spec, look, output::stretches(&opened, looking, node));
    }
    let feed = feed(&opened.plan, node)?;
    let node = feed.node.clone();
    let ready = opened.prepared()?;
    if let Some(shown) = ready.numbered(|numbered, prepared| by_number(numbered, prepared, &feed, look))? {
        return Ok(shown);
    }
    let (peek, replayed) = ready.replay(Some(&node), |seen| Peek::of(seen, feed, look))?;
    let notes = replayed.notes();
    let peek = Arc::into_inner(peek).expect("the replay has ended");
    let shown = peek.looker.into_inner().expect("no holder panics").found()?;
    match replayed.ended {
        Some(error) if shown.rows.num_rows() == 0 => Err(error),
        Some(error) => Ok(Shown { notes: notes.into_iter().chain([error.to_string()]).collect(), ..shown }),
        None => Ok(Shown { notes, ..shown }),
    }
}

/// Rows that are looked at before the run is replayed for rows that a condition holds for.
const LOOKED_AT: u64 = 16 << 10;

/// Rows of a feed, of which those alone are read that are shown, or a few more if there is a condition; `None` if that cannot be.
fn by_number(
    numbered: &Numbered<'_>,
    prepared: &Prepared,
    feed: &Feed,
    look: &RowsWanted,
) -> Result<Option<Shown>, RunError> {
    let Some(count) = numbered.count(feed) else { return Ok(None) };
    let (most, files) = (look.rows as u64, prepared.files());
    let mut looker = Looker::new(&RowsWanted { seed: None, ..look.clone() }, &columns(prepared, feed))?;
    let mut see = |numbers: &[u64]| {
        let Some(Found { batch, reasons }) = numbered.rows(feed, numbers)? else { return Ok(None) };
        let reasons: Vec<Option<&str>> = reasons.iter().map(Option::as_deref).collect();
        let rows = if feed.door.is_some() { with_reasons(&batch.seen(), &reasons)? } else { batch.seen() };
        looker.look(&rows, |row| place(files, &batch, row))?;
        Ok::<_, RunError>(Some(looker.is_done()))
    };
    let mut first = 0;
    match (&look.condition, look.seed) {
        (None, seed) => {
            let Some(_) = see(&pick::numbers(look.rows, seed, count))? else { return Ok(None) };
        }
        (Some(_), Some(_)) => return Ok(None),
        (Some(_), None) => {
            while first < count {
                let end = count.min(first + first.max(most));
                let numbers: Vec<u64> = (first..end).collect();
                match see(&numbers)? {
                    Some(true) => break,
                    Some(false) if end < LOOKED_AT || end == count => first = end,
                    _ => return Ok(None),
                }
            }
        }
    }
    looker.found().map(Some)
}

/// What looks for rows of a feed.
struct Peek {
    feed: Feed,
    files: Arc<Files>,
    looker: Mutex<Looker>,
    enough: CancellationToken,
}

impl Peek {
    fn of(seen: &Seen<'_>, feed: Feed, look: &RowsWanted) -> Result<Peek, RunError> {
        let looker = Looker::new(look, &columns(seen.prepared, &feed))?;
        Ok(Peek { feed, files: seen.files(), looker: Mutex::new(looker), enough: seen.enough.clone() })
    }

    fn look(&self, batch: &Batch, rows: &arrow::array::RecordBatch) -> Result<(), RunError> {
        let mut looker = self.looker.lock().expect("no holder panics");
        looker.look(rows, |row| place(&self.files, batch, row))?;
        if looker.is_done() {
            self.enough.cancel();
        }
        Ok(())
    }
}

impl Tap for Peek {
    fn wants(&self, feed: &Feed) -> bool {
        *feed == self.feed
    }

    fn put_out(&self, _: &Feed, batch: &Batch) -> Result<(), RunError> {
        self.look(batch, &batch.seen())
    }

    fn removed(&self, _: &Feed, batch: &Batch, rows: &[(u32, Option<&str>)]) -> Result<(), RunError> {
        let (taken, reasons) = taken(batch, rows)?;
        self.look(&taken, &with_reasons(&taken.seen(), &reasons)?)
    }
}

/// Rows of a batch that leave by a door, and why.
pub(super) fn taken<'a>(
    batch: &Batch,
    rows: &[(u32, Option<&'a str>)],
) -> Result<(Batch, Vec<Option<&'a str>>), RunError> {
    let numbers = arrow::array::UInt32Array::from_iter_values(rows.iter().map(|(row, _)| *row));
    let taken = batch.take(&numbers).map_err(super::look::bug)?;
    Ok((taken, rows.iter().map(|(_, reason)| *reason).collect()))
}

/// Where a row of a batch is from.
pub(super) fn place(files: &Files, batch: &Batch, row: usize) -> String {
    files.origin(batch, row).map_or_else(String::new, |(_, file, line)| format!("{}:{line}", file.display()))
}

/// The columns that rows of a feed are shown with.
pub(super) fn columns(prepared: &Prepared, feed: &Feed) -> SchemaRef {
    match feed.door {
        None => columns_of(prepared.schema(feed)),
        Some(_) => {
            let ways = prepared.ways(&Reader::Step(feed.node.clone()));
            with_reason(&ways.first().map_or_else(|| Arc::new(Schema::empty()), |way| columns_of(&way.schema)))
        }
    }
}

/// The feed of a plan that a text names.
pub(super) fn feed(plan: &Plan, text: &str) -> Result<Feed, RunError> {
    let mut feed = Feed::from(text.to_owned());
    if plan.step(&feed.node).is_none() && plan.input(&feed.node).is_none() {
        // The rows of a pipeline that is a step are those of its last one.
        let is_within = |name: &&String| name.strip_prefix(&feed.node).is_some_and(|rest| rest.starts_with(':'));
        let last = plan.stages().iter().flat_map(|stage| &stage.steps).rfind(is_within).cloned();
        feed.node = last.unwrap_or(feed.node);
    }
    let is_step = plan.step(&feed.node).is_some();
    let refused = |message: String, help: String| Err(RunError::new(Class::Pipeline, message).help(help));
    let shown = callboard_sandbox::in_a_line(text);
    match (feed.door, feed.branch) {
        (_, None) if is_step => return Ok(feed),
        (None, None) if plan.input(&feed.node).is_some() => return Ok(feed),
        (Some(Door::Rejected), None) if plan.input(&feed.node).is_some() => {
            let message = format!("the rows that input `{}` could not read are not among what is shown", feed.node);
            return refused(message, "they are in `rejects.jsonl` of the run's folder, with their text".to_owned());
        }
        _ => {}
    }
    let (inputs, steps) = (plan.inputs().iter().map(|input| &input.name), plan.steps().iter().map(|step| &step.name));
    let nodes = || inputs.clone().chain(steps.clone()).chain(plan.outputs().iter().map(|output| &output.name));
    let list = nodes().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let near = nearest(&feed.node, nodes().map(String::as_str));
    let near = near.map_or_else(String::new, |near| format!("did you mean `{near}`? "));
    let message = match text.is_empty() {
        true => "name one input, step or output of the run".to_owned(),
        false => format!("the run has no input, step or output `{shown}`"),
    };
    refused(message, format!("{near}there are {list}; behind a step's name, .dropped and .rejected"))
}
