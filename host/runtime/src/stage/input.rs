//! The node that reads an input.

use arrow::array::UInt32Array;
use callboard_io::BatchPolicy;

use super::Ended;
use crate::error::RunError;
use crate::ports::{Outlet, Stop};
use crate::rows::Batch;
use crate::run::Run;

/// Reads an input to its end, or to the run's limit of rows.
pub(super) fn read(run: &Run, name: &str, mut outlet: Outlet) -> Result<Ended, Stop> {
    let input = run.input(name);
    let policy = BatchPolicy { rows: run.plan.batch.rows as usize, bytes: run.plan.batch.bytes as usize };
    let mut rows = 0;
    let limit = run.limit.unwrap_or(u64::MAX);
    if limit > 0 {
        for chunk in input.dataset.read(policy) {
            if run.stop.is_cancelled() {
                return Err(Stop::Failed(RunError::interrupted()));
            }
            let chunk = chunk.map_err(|error| RunError::from(error).in_input(name))?;
            let count = chunk.rows.num_rows().min(usize::try_from(limit - rows).unwrap_or(usize::MAX));
            let file = UInt32Array::from_value(input.first_file + chunk.file, count);
            let batch = Batch { rows: chunk.rows.slice(0, count), file, line: chunk.origin.slice(0, count) };
            rows += count as u64;
            outlet.send(&batch)?;
            if rows >= limit {
                break;
            }
        }
    }
    Ok(Ended::Input { name: name.to_owned(), rows, spill: outlet.end()? })
}
