//! Rows through one step: as they come, where the step works on batches.

use std::path::PathBuf;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use callboard_io::Dataset;
use callboard_plan::Kind;
use callboard_runtime::{CallError, Declaration, Failed, Opened, Probe, PutOut, RemovedRow, RunError};

use crate::rows::{all, batches, dataset};
use crate::{Result, Trial};

/// A source that gives more pages without a row than this, one after another, would never end; a run refuses it too.
const EMPTY_PAGES: usize = 1_000;

/// What comes out of a step, as it comes.
pub trait Out {
    /// Rows that it puts out. `false` where nobody wants more.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn rows(&mut self, rows: &RecordBatch) -> Result<bool>;

    /// A row that goes no further.
    fn removed(&mut self, removed: &RemovedRow);
}

/// Sends the rows of files through a step; none for a source. `inputs` are JSON Lines, unless their names say otherwise.
///
/// # Errors
///
/// Files that cannot be read, and whatever the step does wrong; where it fails on a row, with the row.
pub fn pipe(trial: &Trial, inputs: &[PathBuf], out: &mut dyn Out) -> Result<()> {
    let datasets = inputs.iter().map(|path| dataset(&trial.subject, path)).collect::<Result<Vec<_>>>()?;
    let schemas: Vec<SchemaRef> = datasets.iter().map(Dataset::schema).collect();
    let probe = &trial.probe;
    let declaration = declare(trial, &schemas)?;
    let mut opened = probe.open(&declaration, None)?;
    match probe.kind() {
        Kind::Transform => {
            let mut first = 0;
            for batch in batches(&datasets[0]) {
                let batch = batch?;
                let put_out =
                    opened.process(&batch).map_err(|error| at_row(probe, &declaration, &batch, first, error))?;
                if !hand_on(&put_out, first, out)? {
                    break;
                }
                first += batch.num_rows() as u64;
            }
        }
        Kind::Global => {
            let inputs = datasets.iter().map(|dataset| batches(dataset).collect::<Result<Vec<_>>>());
            hand_on(&opened.run(&inputs.collect::<Result<Vec<_>>>()?)?, 0, out)?;
        }
        Kind::Source => drain(&mut opened, &mut |rows| out.rows(rows))?,
    }
    Ok(())
}

/// Asks the step what it does to rows of these schemas; where no row says any column, that is said too.
pub(crate) fn declare(trial: &Trial, schemas: &[SchemaRef]) -> Result<Declaration> {
    let declared = trial.probe.declare(&trial.subject.config(), schemas);
    declared.map_err(|CallError { mut error, .. }| {
        if error.help.is_none() && schemas.iter().any(|schema| schema.fields().is_empty()) {
            error.help = Some("there are no rows, and so no columns: give it a row at least".into());
        }
        error
    })
}

/// The pages of a source, to its end, or until `wanted` says that it is enough.
pub(crate) fn drain(opened: &mut Opened<'_>, wanted: &mut dyn FnMut(&RecordBatch) -> Result<bool>) -> Result<()> {
    let mut empty = 0;
    while let Some(page) = opened.next_page()? {
        empty = if page.rows.num_rows() == 0 { empty + 1 } else { 0 };
        if empty > EMPTY_PAGES {
            let message = format!("it gave {empty} pages in a row without a row");
            return Err(crate::error(callboard_runtime::Class::Data, message, None));
        }
        if !wanted(&page.rows)? {
            break;
        }
    }
    Ok(())
}

fn hand_on(put_out: &PutOut, first: u64, out: &mut dyn Out) -> Result<bool> {
    for removed in &put_out.removed {
        out.removed(&RemovedRow { row: removed.row + first, ..removed.clone() });
    }
    for rows in &put_out.rows {
        if !out.rows(rows)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The error, with the first row that the step fails on alone, if there is one. `first` is the number of the batch's first row.
pub(crate) fn at_row(
    probe: &Probe,
    declaration: &Declaration,
    batch: &RecordBatch,
    first: u64,
    error: CallError,
) -> RunError {
    let CallError { how, mut error } = error;
    let rows = if matches!(how, Failed::Host | Failed::Transient | Failed::Config) { 0 } else { batch.num_rows() };
    let Ok(mut opened) = probe.open(declaration, None) else { return error };
    for row in 0..rows {
        if let Err(alone) = opened.process(&batch.slice(row, 1)) {
            error = alone.error;
            error.place.row = Some(format!("row {}", first + row as u64 + 1));
            return error;
        }
    }
    error
}

/// Everything that a step makes of whole inputs, at once: a transform in one call.
pub(crate) fn at_once(trial: &Trial, inputs: &[PathBuf]) -> Result<(Vec<RecordBatch>, PutOut)> {
    let datasets = inputs.iter().map(|path| dataset(&trial.subject, path)).collect::<Result<Vec<_>>>()?;
    let rows = datasets.iter().map(all).collect::<Result<Vec<_>>>()?;
    let schemas: Vec<SchemaRef> = datasets.iter().map(Dataset::schema).collect();
    let probe = &trial.probe;
    let declaration = declare(trial, &schemas)?;
    let mut opened = probe.open(&declaration, None)?;
    let put_out = match probe.kind() {
        Kind::Transform => opened.process(&rows[0]).map_err(|error| at_row(probe, &declaration, &rows[0], 0, error))?,
        Kind::Global => opened.run(&rows.iter().map(|rows| vec![rows.clone()]).collect::<Vec<_>>())?,
        Kind::Source => {
            let mut pages = Vec::new();
            drain(&mut opened, &mut |rows| {
                pages.push(rows.clone());
                Ok(pages.iter().map(RecordBatch::num_rows).sum::<usize>() < MOST_ROWS)
            })?;
            PutOut { rows: pages, origins: Vec::new(), removed: Vec::new() }
        }
    };
    Ok((rows, put_out))
}

/// Rows of a source that are looked at in a test; one that makes more, or never ends, is cut off there.
pub(crate) const MOST_ROWS: usize = 100_000;
