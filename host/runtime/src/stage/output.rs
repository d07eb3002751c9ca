//! The node that writes an output, still in the run's folder.

use arrow::array::ArrayRef;
use callboard_io::{Parted, Staged, Writer};

use super::live::Live;
use crate::error::{RowsExceed, RunError};
use crate::ports::{Inlet, Stop, bug};
use crate::prepare::output::Output;
use crate::rows::{Batch, record_batch};
use crate::store::Room;
use crate::store::positions::Positions;

/// Writes all rows of `inlet`, and completes the file. It appears in its place when the whole run has ended well.
///
/// If the file can be continued, rows that an earlier process has written are not written again.
pub(super) fn write(run: &Live<'_>, name: &str, mut inlet: Inlet) -> Result<(), Stop> {
    if run.prepared.replays || run.prepared.tries {
        return look_on(run, name, inlet);
    }
    let output = run.prepared.output(name);
    if output.is_parted() {
        return write_parts(run, name, inlet);
    }
    let in_output = |error: callboard_io::IoError| RunError::from(error).in_output(name);
    let mut positions = run.positions(name)?;
    let staged = run.staged(name);
    let mut writer = begin(&staged, output, positions.as_ref()).map_err(in_output)?;
    writer.stop_when(run.stop_writing());
    let mut written = writer.rows();
    // What looks on looks at all of them.
    let is_shown = run.tap().is_some_and(|tap| tap.wants_written(name));
    inlet.has(if is_shown { 0 } else { written });
    let mut held = run.memory.flight.writing();
    while let Some(batch) = inlet.next()? {
        run.go_on()?;
        if run.waits() {
            return drain(inlet);
        }
        show(run, name, &batch)?;
        written -= inlet.take_passed();
        let there = usize::try_from(written).unwrap_or(usize::MAX).min(batch.len());
        written -= there as u64;
        if there == batch.len() {
            continue;
        }
        let columns: Vec<ArrayRef> = output.columns.iter().map(|at| batch.rows.column(*at).clone()).collect();
        let rows = record_batch(output.schema.clone(), columns, batch.len()).map_err(|error| bug(&error))?;
        let rows = rows.slice(there, batch.len() - there);
        held.set(writer.takes(&rows)).map_err(|exceed| too_much(exceed, writer.rows()).in_output(name))?;
        writer.write(&rows).map_err(in_output)?;
        held.set(writer.held()).map_err(|exceed| too_much(exceed, writer.rows()).in_output(name))?;
        if let Some(positions) = &mut positions
            && let Some(position) = writer.position().map_err(in_output)?
        {
            positions.note(&position).map_err(|error| RunError::unwritten("write to the run's folder", &error))?;
            inlet.wrote(position.rows);
        }
    }
    if run.waits() {
        return Ok(());
    }
    let finished = writer.finish().map_err(in_output)?;
    run.finish_output(name, finished);
    Ok(())
}

/// Reads all rows, and writes none. If some before them wait for offline batches, these would stand where those belong.
fn drain(mut inlet: Inlet) -> Result<(), Stop> {
    while inlet.next()?.is_some() {}
    Ok(())
}

/// Shows all rows to what looks on, and writes none.
fn look_on(run: &Live<'_>, name: &str, mut inlet: Inlet) -> Result<(), Stop> {
    while let Some(batch) = inlet.next()? {
        show(run, name, &batch)?;
    }
    Ok(())
}

/// Shows rows to what looks on, with the output's columns.
fn show(run: &Live<'_>, name: &str, batch: &Batch) -> Result<(), Stop> {
    let Some(tap) = run.tap().filter(|tap| tap.wants_written(name)) else { return Ok(()) };
    let output = run.prepared.output(name);
    let columns: Vec<ArrayRef> = output.columns.iter().map(|at| batch.rows.column(*at).clone()).collect();
    let batch = batch.with_columns(&output.schema, columns).map_err(|error| bug(&error))?;
    Ok(tap.written(name, &batch)?)
}

/// Writes all rows into several files, from the beginning.
fn write_parts(run: &Live<'_>, name: &str, mut inlet: Inlet) -> Result<(), Stop> {
    let output = run.prepared.output(name);
    let in_output = |error: callboard_io::IoError| RunError::from(error).in_output(name);
    let staged = run.staged(name);
    let created = Parted::create(&output.spec, &output.schema, output.chosen, &staged.folder, name);
    let mut parted = created.map_err(in_output)?.sent_by(run.sending(name));
    parted.stop_when(run.stop_writing());
    let mut held = run.memory.flight.writing();
    let mut waiting = Room::of(&run.quota);
    while let Some(batch) = inlet.next()? {
        run.go_on()?;
        if run.waits() {
            return drain(inlet);
        }
        show(run, name, &batch)?;
        let columns: Vec<ArrayRef> = output.columns.iter().map(|at| batch.rows.column(*at).clone()).collect();
        let rows = record_batch(output.schema.clone(), columns, batch.len()).map_err(|error| bug(&error))?;
        held.set(parted.takes(&rows)).map_err(|exceed| too_much(exceed, parted.rows()).in_output(name))?;
        parted.write(&rows).map_err(in_output)?;
        held.set(parted.held()).map_err(|exceed| too_much(exceed, parted.rows()).in_output(name))?;
        let noted = waiting.reach(parted.waiting());
        noted.map_err(|error| RunError::unwritten("keep rows of further partitions", &error).in_output(name))?;
    }
    if run.waits() {
        return Ok(());
    }
    let finished = parted.finish(&staged).map_err(in_output)?;
    run.finish_output(name, finished);
    Ok(())
}

/// Rows behind the first `written` take more to write than the budget leaves.
fn too_much(exceed: RowsExceed, written: u64) -> RunError {
    exceed.of_host(
        &format!("to write what follows row {written} takes about"),
        "split long lists or texts over several rows, or write another format: of long rows, parquet takes the most",
    )
}

fn begin(staged: &Staged, output: &Output, positions: Option<&Positions>) -> Result<Writer, callboard_io::IoError> {
    if let Some(position) = positions.and_then(Positions::last)
        && let Some(writer) = Writer::go_on(&output.spec, output.schema.clone(), staged, &position)?
    {
        return Ok(writer);
    }
    Writer::create(&output.spec, output.schema.clone(), staged)
}
