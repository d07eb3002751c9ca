//! What a transform returned for a batch. All of it is hostile until it has been through [`checked`].

use std::sync::Arc;

use arrow::array::RecordBatch;

use crate::bindings::callboard::step::types::{Fate, Removal as Removals};
use crate::bindings::exports::callboard::step::transform::Output;
use crate::bound::Bound;
use crate::columns::lift_within;
use crate::error::{Fault, LimitExceeded};
use crate::returnable::Returnable;

/// What is kept of a reason, bytes.
const REASON: usize = 1_000;

/// A row that goes no further.
#[derive(Clone, Debug)]
pub struct Removal {
    /// Its number in the batch, from 0.
    pub row: u64,
    /// What happens to it.
    pub fate: Fate,
    /// Why, in at most 1,000 bytes.
    pub reason: Arc<str>,
}

/// The answer of a transform for a batch, checked.
#[derive(Clone, Debug)]
pub struct Returned {
    /// The rows that are put out, by their numbers in the batch, from 0; `None` for all that are not removed, in order.
    pub kept: Option<Vec<u32>>,
    /// Rows that are removed, each once.
    pub removed: Vec<Removal>,
    /// What was written, a row for each that is put out.
    pub written: RecordBatch,
}

/// Checks what a call for a batch of `rows` rows returned; a row may become at most `rows_per_row` rows.
///
/// # Errors
///
/// What the contract or a limit does not allow.
pub fn checked(
    output: Output,
    bound: &Bound,
    rows: usize,
    rows_per_row: u64,
    returnable: &Returnable,
) -> Result<Returned, Fault> {
    let removed = check_removals(output.removed, rows)?;
    if let Some(origins) = &output.origins {
        let mut gone = vec![false; rows];
        removed.iter().for_each(|removed| gone[removed.row as usize] = true);
        check_origins(origins, &gone)?;
        check_repeats(origins, rows, rows_per_row)?;
    }
    let written = lift_within(output.columns, &bound.writes, returnable)?;
    let out = output.origins.as_ref().map_or(rows - removed.len(), Vec::len);
    if written.num_rows() != out && !bound.writes.fields().is_empty() {
        return Err(Fault::Contract(format!("it wrote {} rows, and returned {out}", written.num_rows())));
    }
    Ok(Returned { kept: output.origins, removed, written })
}

fn check_repeats(origins: &[u32], rows: usize, limit: u64) -> Result<(), Fault> {
    if origins.is_sorted_by(|a, b| a < b) {
        return Ok(());
    }
    let mut times = vec![0u64; rows];
    for row in origins {
        let times = &mut times[*row as usize];
        if *times >= limit {
            let what = "rows that one row became";
            let (present, requested) = (*times, 1);
            return Err(LimitExceeded { what, limit, present, requested, key: Some("limits.rows") }.into());
        }
        *times += 1;
    }
    Ok(())
}

fn check_origins(origins: &[u32], gone: &[bool]) -> Result<(), Fault> {
    match origins.iter().find(|row| gone.get(**row as usize) != Some(&false)) {
        None => Ok(()),
        Some(row) if (*row as usize) < gone.len() => {
            Err(Fault::Contract(format!("it returned row {row}, which it also removed, counted from 0")))
        }
        Some(row) => {
            Err(Fault::Contract(format!("it returned row {row} of a batch of {}, counted from 0", gone.len())))
        }
    }
}

/// The rows and reasons of removals, checked against a batch of `rows` rows: each in range, and named once.
fn check_removals(removals: Vec<Removals>, rows: usize) -> Result<Vec<Removal>, Fault> {
    let mut seen = vec![false; if removals.is_empty() { 0 } else { rows }];
    let mut all = Vec::new();
    for Removals { rows: named, fate, reason } in removals {
        let reason = Arc::<str>::from(clipped(reason));
        for row in named {
            match usize::try_from(row).ok().filter(|row| *row < rows) {
                None => {
                    return Err(Fault::Contract(format!("it removed row {row} of a batch of {rows}, counted from 0")));
                }
                Some(at) if std::mem::replace(&mut seen[at], true) => {
                    return Err(Fault::Contract(format!("it removed row {row} twice, counted from 0")));
                }
                Some(_) => all.push(Removal { row, fate, reason: reason.clone() }),
            }
        }
    }
    Ok(all)
}

/// A reason that is not longer than a reason may be.
pub fn clipped(reason: String) -> String {
    match reason.floor_char_boundary(REASON) {
        whole if whole == reason.len() => reason,
        // A copy: a long text that shrinks where it lies leaves gaps that are too small for the next one.
        end => reason[..end].to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A batch may have thousands of reasons: what is kept of each is all the memory it takes.
    #[test]
    fn a_long_reason_takes_the_memory_of_what_is_kept() {
        let reason = clipped("ä".repeat(50_000));
        assert_eq!((reason.len(), reason.capacity() <= REASON), (REASON, true));
        assert_eq!(clipped("short".to_owned()), "short");
    }
}
