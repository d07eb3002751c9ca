//! The node that writes an output, still in the run's folder.

use arrow::array::ArrayRef;

use super::Ended;
use crate::error::RunError;
use crate::ports::{Inlet, Stop, bug};
use crate::rows::record_batch;
use crate::run::Run;

/// Writes all rows of `inlet`, and completes the file. It appears in its place when the whole run has ended well.
pub(super) fn write(run: &Run, name: &str, mut inlet: Inlet) -> Result<Ended, Stop> {
    let output = run.output(name);
    let in_output = |error: callboard_io::IoError| RunError::from(error).in_output(name);
    let staged = run.staged(name);
    let mut writer = callboard_io::Writer::create(&output.spec, output.schema.clone(), &staged).map_err(in_output)?;
    while let Some(batch) = inlet.next()? {
        run.go_on()?;
        let columns: Vec<ArrayRef> = output.columns.iter().map(|at| batch.rows.column(*at).clone()).collect();
        let rows = record_batch(output.schema.clone(), columns, batch.len()).map_err(|error| bug(&error))?;
        writer.write(&rows).map_err(in_output)?;
    }
    let finished = writer.finish().map_err(in_output)?;
    run.finished(name, finished);
    Ok(Ended::Output)
}
