//! The rows of a run's outputs, from what the run kept: their marks, and some of them whole.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex};

use arrow::array::ArrayRef;
use arrow::datatypes::SchemaRef;
use callboard_plan::Feed;
use callboard_sandbox::display;
use twox_hash::XxHash3_64;

use super::marks::Marks;
use crate::error::RunError;
use crate::global::row_digests;
use crate::rejects::Files;
use crate::rows::{Batch, Tap};
use crate::see::Looking;
use crate::see::look::bug;
use crate::see::peek::place;
use crate::see::replay::Opened;
use crate::see::trace::object;
use crate::tell::diff::OneRow;

/// The seed of digests that are compared with those of another run.
const SEED: u64 = 0;

/// By output, the numbers of its rows that are wanted.
pub(super) type Wanted = BTreeMap<String, Vec<u64>>;
/// Rows by their output and number.
pub(super) type Kept = HashMap<(String, u64), OneRow>;

/// By output, its columns, each with its type: `NAME: TYPE`.
pub(super) type Columns = BTreeMap<String, Vec<String>>;

/// The columns of a run's outputs.
pub(super) fn columns(looking: &Looking) -> Result<Columns, RunError> {
    let (columns, _) = Opened::of(looking)?.replay(None, |seen| {
        seen.enough.cancel();
        let outputs = seen.prepared.plan.outputs().iter();
        Ok(Schemas(
            outputs.map(|output| (output.name.clone(), named(&seen.prepared.output(&output.name).schema))).collect(),
        ))
    })?;
    Ok(Arc::into_inner(columns).expect("the replay has ended").0)
}

fn named(schema: &SchemaRef) -> Vec<String> {
    schema.fields().iter().map(|field| format!("{}: {}", field.name(), display(field.data_type()))).collect()
}

struct Schemas(Columns);

impl Tap for Schemas {
    fn wants(&self, _: &Feed) -> bool {
        false
    }
}

/// The marks of outputs of a run, each with the columns that are compared, and what whoever looks should know.
pub(super) fn marks(
    looking: &Looking,
    compared: &Columns,
    folder: &Path,
) -> Result<(BTreeMap<String, Marks>, Vec<String>), RunError> {
    let (marking, replayed) = Opened::of(looking)?.replay(None, |seen| {
        let of = |(name, wanted): (&String, &Vec<String>)| {
            let columns = named(&seen.prepared.output(name).schema);
            let places = wanted.iter().filter_map(|column| columns.iter().position(|own| own == column));
            (name.clone(), (places.collect(), Marks::new(compared.len(), folder)))
        };
        let outputs = compared.iter().map(of).collect();
        Ok(Marking { files: seen.files(), digests: Mutex::default(), outputs: Mutex::new(outputs) })
    })?;
    let notes = replayed.notes();
    let outputs =
        Arc::into_inner(marking).expect("the replay has ended").outputs.into_inner().expect("no holder panics");
    let outputs: BTreeMap<String, Marks> = outputs.into_iter().map(|(name, (_, marks))| (name, marks)).collect();
    match replayed.ended {
        Some(error) if outputs.values().all(|marks| marks.rows() == 0) => Err(error),
        ended => Ok((outputs, notes.into_iter().chain(ended.map(|error| error.to_string())).collect())),
    }
}

struct Marking {
    files: Arc<Files>,
    /// The digests of files' paths.
    digests: Mutex<HashMap<u32, u64>>,
    /// The places of the columns that are compared, and what was marked.
    outputs: Mutex<BTreeMap<String, (Vec<usize>, Marks)>>,
}

impl Tap for Marking {
    fn wants(&self, _: &Feed) -> bool {
        false
    }

    fn written(&self, output: &str, batch: &Batch) -> Result<(), RunError> {
        let mut outputs = self.outputs.lock().expect("no holder panics");
        let Some((places, marks)) = outputs.get_mut(output) else { return Ok(()) };
        let columns: Vec<ArrayRef> = places.iter().map(|at| batch.rows.column(*at).clone()).collect();
        let values = row_digests(&columns, batch.len(), SEED).map_err(bug)?;
        let mut digests = self.digests.lock().expect("no holder panics");
        let mut from = |row: usize| match self.files.origin(batch, row) {
            None => (0, 0),
            Some((_, file, line)) => {
                let digest = || XxHash3_64::oneshot(file.as_os_str().as_encoded_bytes()).max(1);
                (*digests.entry(batch.file.value(row)).or_insert_with(digest), line)
            }
        };
        let unwritten = |error: std::io::Error| RunError::unwritten("write the rows that are compared", &error);
        values.into_iter().enumerate().try_for_each(|(row, values)| marks.add(from(row), values)).map_err(unwritten)
    }
}

/// Rows of outputs by their numbers.
pub(super) fn examples(looking: &Looking, wanted: Wanted) -> Result<Kept, RunError> {
    if wanted.values().all(Vec::is_empty) {
        return Ok(Kept::default());
    }
    let (picking, _) = Opened::of(looking)?
        .replay(None, |seen| Ok(Picking { files: seen.files(), wanted, state: Mutex::default() }))?;
    Ok(Arc::into_inner(picking).expect("the replay has ended").state.into_inner().expect("no holder panics").found)
}

struct Picking {
    files: Arc<Files>,
    wanted: Wanted,
    state: Mutex<Picked>,
}

#[derive(Default)]
struct Picked {
    /// How many rows of each output have passed.
    passed: HashMap<String, u64>,
    found: Kept,
}

impl Tap for Picking {
    fn wants(&self, _: &Feed) -> bool {
        false
    }

    fn written(&self, output: &str, batch: &Batch) -> Result<(), RunError> {
        let Some(wanted) = self.wanted.get(output) else { return Ok(()) };
        let mut state = self.state.lock().expect("no holder panics");
        let first = *state.passed.entry(output.to_owned()).or_default();
        let end = first + batch.len() as u64;
        for number in wanted.iter().copied().filter(|number| (first..end).contains(number)) {
            let row = (number - first) as usize;
            let one = OneRow { place: place(&self.files, batch, row), row: object(&batch.rows.slice(row, 1))? };
            state.found.insert((output.to_owned(), number), one);
        }
        state.passed.insert(output.to_owned(), end);
        Ok(())
    }
}
