//! The node that reads an input.

use std::path::Path;
use std::sync::Arc;

use arrow::array::UInt32Array;
use callboard_io::{BadRow, Dataset};
use callboard_sandbox::Fate;

use super::Ended;
use super::live::Live;
use super::together::Together;
use callboard_plan::Feed;

use crate::error::{Class, RunError};
use crate::ports::{Outlet, Stop, bug, unnoted};
use crate::prepare::input::Input;
use crate::rejects;
use crate::rows::flight::{Admission, Ticket};
use crate::rows::{Batch, Tapped};
use crate::store::lengths::{Lengths, Stretched};
use crate::store::records::Tally;
use crate::store::seen::Seen;

/// Reads an input to its end, or to the run's limit of rows.
pub(super) fn read(run: &Live<'_>, name: &str, mut outlet: Outlet) -> Result<Ended, Stop> {
    let input = run.prepared.input(name);
    let (mut rows, mut unread) = (0, Tally::default());
    let limit = run.prepared.settings.limit.unwrap_or(u64::MAX);
    let mut reads = Reads {
        seen: run.seen(name)?,
        tap: run.tapped(&Feed::node(name)),
        admission: run.admission(name),
        ticket: None,
    };
    let mut lengths = run.lengths(name)?;
    let (node, bytes) = (Arc::from(name), input.dataset.as_ref().map_or(0, Dataset::bytes) as f64);
    if limit > 0 {
        let (mut chunks, mut together) = (run.rows_of(name, limit), Together::new(run.prepared.plan.batch()));
        let mut last = None;
        loop {
            reads.admit();
            run.go_on()?;
            let Some(chunk) = chunks.next() else { break };
            let chunk = chunk.map_err(|error| RunError::from(error).in_input(name))?;
            let count = chunk.rows.num_rows().min(usize::try_from(limit - rows).unwrap_or(usize::MAX));
            // Behind the last row that is wanted nothing was read.
            let end = if rows + count as u64 == limit { chunk.origin.value(count - 1) } else { u64::MAX };
            let bad = chunk.bad.iter().filter(|bad| bad.origin < end);
            // As it was called when the run began, wherever it goes on.
            let called = &input.names[chunk.file as usize];
            leave_out(run, name, (called, input.first_file + chunk.file), bad, &mut unread)?;
            if count == 0 {
                continue;
            }
            let stretch = Stretched { rows: count as u64, file: u64::from(chunk.file), from: chunk.from };
            lengths.iter_mut().try_for_each(|lengths| lengths.stretch(&stretch)).map_err(|error| unnoted(&error))?;
            let file = UInt32Array::from_value(input.first_file + chunk.file, count);
            let batch = Batch::new(chunk.rows.slice(0, count), file, chunk.origin.slice(0, count));
            rows += count as u64;
            if rows == count as u64 {
                run.prepared.seen.first(&batch.rows);
            }
            run.prepared.seen.read(name, count as u64);
            // All that is read may be the first rows.
            let part = chunk.part.max(rows as f64 / limit as f64).min(1.0);
            run.prepared.seen.reading(&node, part * bytes, bytes);
            let before = last.replace(chunk.file);
            let is_new = before != Some(chunk.file);
            if before.is_some_and(|before| run.prepared.is_cut(name, before, chunk.file))
                && let Some(batch) = together.take().map_err(|error| bug(&error))?
            {
                reads.hand_on(batch, input, name, &mut outlet)?;
            }
            for batch in together.add(batch, called, is_new).map_err(|error| bug(&error))? {
                reads.hand_on(batch, input, name, &mut outlet)?;
            }
            if rows >= limit {
                break;
            }
        }
        if let Some(batch) = together.take().map_err(|error| bug(&error))? {
            reads.hand_on(batch, input, name, &mut outlet)?;
        }
    }
    lengths.iter_mut().try_for_each(Lengths::end).map_err(|error| unnoted(&error))?;
    Ok(Ended::Input { name: name.to_owned(), rows, unread, left: outlet.end(Feed::node(name))? })
}

/// What batches of an input pass on their way out.
struct Reads {
    /// Those that were seen before, in a run that is resumed.
    seen: Option<Seen>,
    tap: Option<Tapped>,
    admission: Admission,
    /// For the next batch.
    ticket: Option<Ticket>,
}

impl Reads {
    /// Waits until there is room for a batch.
    fn admit(&mut self) {
        self.ticket.get_or_insert_with(|| self.admission.admit());
    }

    fn hand_on(&mut self, batch: Batch, input: &Input, name: &str, outlet: &mut Outlet) -> Result<(), Stop> {
        if let Some(seen) = &mut self.seen
            && !seen.is_same(&batch).map_err(|error| unnoted(&error))?
        {
            let last = batch.len() - 1;
            let file = batch.file.value(last) - input.first_file;
            return Err(Stop::Failed(changed(name, &input.names[file as usize], batch.line.value(last))));
        }
        self.tap.as_ref().map_or(Ok(()), |tap| tap.put_out(&batch))?;
        self.admit();
        match self.ticket.take() {
            Some(ticket) => outlet.send(&ticket.carried_by(batch))?,
            None => outlet.send(&batch)?,
        }
        Ok(())
    }
}

/// Puts rows that cannot be read among the rejects.
fn leave_out<'a>(
    run: &Live<'_>,
    name: &str,
    (file, number): (&Path, u32),
    bad: impl Iterator<Item = &'a BadRow>,
    unread: &mut Tally,
) -> Result<(), RunError> {
    let mut count = 0;
    for row in bad {
        unread.count(Fate::Rejected, &row.reason, 1);
        if let Some(tap) = run.tap() {
            tap.unread(name, (number, row.origin), &row.message);
        }
        let line = rejects::unread(name, file, row);
        let written = line.and_then(|line| run.rejects().write(name, &line));
        written.map_err(|error| RunError::unwritten("write rejected rows", &error))?;
        count += 1;
    }
    match count {
        0 => Ok(()),
        count => run.reject_limits.check_input(&run.prepared.plan, count).map_err(|error| error.in_input(name)),
    }
}

fn changed(input: &str, file: &Path, line: u64) -> RunError {
    let message = format!("`{}` has changed since the run began, at line {line} or before", file.display());
    RunError::new(Class::Data, message)
        .in_input(input)
        .help("run the pipeline again: work on rows that did not change is not done twice")
}
