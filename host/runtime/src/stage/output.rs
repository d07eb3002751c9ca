//! The node that writes an output, still in the run's folder.

use arrow::array::ArrayRef;
use callboard_io::{Staged, Writer};

use super::live::Live;
use crate::error::RunError;
use crate::ports::{Inlet, Stop, bug};
use crate::prepare::check::Output;
use crate::rows::record_batch;
use crate::store::positions::Positions;

/// Writes all rows of `inlet`, and completes the file. It appears in its place when the whole run has ended well.
///
/// Where the file can be gone on with, rows that an earlier process has written are not written again.
pub(super) fn write(run: &Live<'_>, name: &str, mut inlet: Inlet) -> Result<(), Stop> {
    let output = run.prepared.output(name);
    let in_output = |error: callboard_io::IoError| RunError::from(error).in_output(name);
    let mut positions = run.positions(name)?;
    let staged = run.staged(name);
    let mut writer = begin(&staged, output, positions.as_ref()).map_err(in_output)?;
    let mut written = writer.rows();
    while let Some(batch) = inlet.next()? {
        run.go_on()?;
        let there = usize::try_from(written).unwrap_or(usize::MAX).min(batch.len());
        written -= there as u64;
        if there == batch.len() {
            continue;
        }
        let columns: Vec<ArrayRef> = output.columns.iter().map(|at| batch.rows.column(*at).clone()).collect();
        let rows = record_batch(output.schema.clone(), columns, batch.len()).map_err(|error| bug(&error))?;
        writer.write(&rows.slice(there, batch.len() - there)).map_err(in_output)?;
        if let Some(positions) = &mut positions
            && let Some(position) = writer.position().map_err(in_output)?
        {
            positions.note(&position).map_err(|error| RunError::unwritten("write to the run's folder", &error))?;
        }
    }
    let finished = writer.finish().map_err(in_output)?;
    run.finish_output(name, finished);
    Ok(())
}

fn begin(staged: &Staged, output: &Output, positions: Option<&Positions>) -> Result<Writer, callboard_io::IoError> {
    if let Some(position) = positions.and_then(Positions::last)
        && let Some(writer) = Writer::go_on(&output.spec, output.schema.clone(), staged, &position)?
    {
        return Ok(writer);
    }
    Writer::create(&output.spec, output.schema.clone(), staged)
}
