//! The node that reads an input.

use arrow::array::UInt32Array;
use callboard_io::BatchPolicy;

use super::Ended;
use super::live::Live;
use callboard_plan::Feed;

use crate::error::{Class, RunError};
use crate::ports::{Outlet, Stop};
use crate::rows::Batch;

/// Reads an input to its end, or to the run's limit of rows.
pub(super) fn read(run: &Live<'_>, name: &str, mut outlet: Outlet) -> Result<Ended, Stop> {
    let input = run.prepared.input(name);
    let policy =
        BatchPolicy { rows: run.prepared.plan.batch().rows as usize, bytes: run.prepared.plan.batch().bytes as usize };
    let mut seen = run.seen(name)?;
    let mut rows = 0;
    let limit = run.prepared.settings.limit.unwrap_or(u64::MAX);
    if limit > 0 {
        let dataset = input.dataset.as_ref().expect("an input that is still to be read was opened");
        let admission = run.admission(name);
        let mut chunks = dataset.read(policy);
        loop {
            let ticket = admission.admit();
            run.go_on()?;
            let Some(chunk) = chunks.next() else { break };
            let chunk = chunk.map_err(|error| RunError::from(error).in_input(name))?;
            let count = chunk.rows.num_rows().min(usize::try_from(limit - rows).unwrap_or(usize::MAX));
            let file = UInt32Array::from_value(input.first_file + chunk.file, count);
            let batch = Batch::new(chunk.rows.slice(0, count), file, chunk.origin.slice(0, count));
            if let Some(seen) = &mut seen
                && !seen.is_same(&batch).map_err(|error| RunError::unwritten("write to the run's folder", &error))?
            {
                let last = chunk.origin.value(count.max(1) - 1);
                return Err(Stop::Failed(changed(name, &dataset.files()[chunk.file as usize], last)));
            }
            rows += count as u64;
            outlet.send(&ticket.carried_by(batch))?;
            if rows >= limit {
                break;
            }
        }
    }
    Ok(Ended::Input { name: name.to_owned(), rows, left: outlet.end(Feed::node(name))? })
}

fn changed(input: &str, file: &std::path::Path, line: u64) -> RunError {
    let message = format!("`{}` has changed since the run began, at line {line} or before", file.display());
    RunError::new(Class::Data, message)
        .in_input(input)
        .help("run the pipeline again: work on rows that did not change is not done twice")
}
