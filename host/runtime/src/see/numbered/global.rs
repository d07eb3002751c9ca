//! Rows that a global step put out, or removed: its log says which rows of its input they were.

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use callboard_plan::{Door, Feed};

use super::{Found, Numbered, fate, found, given_reason, one, within};
use crate::error::RunError;
use crate::fates::Bits;
use crate::rows::{Batch, created, join, only_carried, record_batch};
use crate::see::look::bug;
use crate::store::{Deed, Work};

impl Numbered<'_> {
    pub(super) fn of_global(&self, step: &str, door: Option<Door>, numbers: &[u64]) -> Result<Option<Found>, RunError> {
        let Some(work) = self.work(step)? else { return Ok(None) };
        let Some((tag, file, rows)) = work.last_end() else { return Ok(None) };
        let Some(counts) = self.accounts(step) else { return Ok(None) };
        if u32::try_from(counts.rows_in).unwrap_or(u32::MAX) != rows {
            return Ok(None);
        }
        if let Some(door) = door {
            return self.removed_by_global(step, door, &work, numbers, counts.rows_in);
        }
        let noted: u64 = work.parts(tag, file).map(|(rows, _)| u64::from(rows)).sum();
        let is_noted = noted == counts.rows_out;
        let bound = self.live.prepared.bound(step);
        let (mut pieces, mut wanted, mut first) = (Vec::new(), numbers.iter().peekable(), 0);
        for (rows, frame) in work.parts(tag, file) {
            let is_before = |end: u64| wanted.clone().next().is_none_or(|row| *row >= end);
            if wanted.len() == 0 {
                break;
            }
            if is_noted && is_before(first + u64::from(rows)) {
                first += u64::from(rows);
                continue;
            }
            let Some((deed, written)) = work.part(file, frame) else { return Ok(None) };
            let put_out = match &deed {
                Deed::Kept { rows } => rows.len() as u64,
                Deed::Wrote => written.num_rows() as u64,
                _ => 0,
            };
            let end = first + put_out;
            let here: Vec<u32> = within(&mut wanted, first..end).map(|row| row as u32).collect();
            first = end;
            if here.is_empty() {
                continue;
            }
            self.live.go_on()?;
            let beside = match bound.writes.fields().is_empty() {
                true => record_batch(bound.writes.clone(), Vec::new(), here.len()).map_err(bug)?,
                false if written.num_rows() as u64 == put_out => some_of(&written, &here)?,
                false => return Ok(None),
            };
            pieces.push(match deed {
                Deed::Kept { rows } => {
                    let rows: Vec<u64> = here.iter().map(|row| rows[*row as usize]).collect();
                    let Some(carried) = self.in_any_order(step, &rows)? else { return Ok(None) };
                    join(&bound, &only_carried(&bound, &carried).map_err(bug)?, &beside).map_err(bug)?
                }
                _ => created(&bound, &beside).map_err(bug)?,
            });
        }
        found(one(&self.live.prepared.unstamped(&Feed::node(step)), &pieces)?, numbers)
    }

    /// Rows that a step is given, in the order in which they are named, some perhaps more than once.
    fn in_any_order(&self, step: &str, rows: &[u64]) -> Result<Option<Batch>, RunError> {
        let mut sorted = rows.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        let Some(given) = self.of_port(step, &sorted)? else { return Ok(None) };
        let place = |row| sorted.binary_search(row).expect("it is one of them") as u32;
        given.take(&UInt32Array::from_iter_values(rows.iter().map(place))).map(Some).map_err(bug)
    }

    /// Rows that a global step removed, in its order, and behind them, if they were dropped, those that it did not mention.
    fn removed_by_global(
        &self,
        step: &str,
        door: Door,
        work: &Work,
        numbers: &[u64],
        rows_in: u64,
    ) -> Result<Option<Found>, RunError> {
        let Some((tag, file, _)) = work.last_end() else { return Ok(None) };
        let (mut mentioned, mut rows, mut reasons) = (Bits::default(), Vec::new(), Vec::new());
        let (mut wanted, mut number) = (numbers.iter().peekable(), 0);
        for (_, frame) in work.parts(tag, file) {
            if wanted.len() == 0 {
                break;
            }
            match work.part(file, frame) {
                Some((Deed::Kept { rows }, _)) if door == Door::Dropped => {
                    for row in rows.iter().filter(|row| **row < rows_in) {
                        mentioned.set(*row);
                    }
                }
                Some((Deed::Removed { rows: removed }, _)) => {
                    for removed in removed.iter().filter(|removed| removed.row < rows_in) {
                        mentioned.set(removed.row);
                        if removed.fate() == fate(door) {
                            if wanted.next_if(|wanted| **wanted == number).is_some() {
                                rows.push(removed.row);
                                reasons.push(given_reason(&removed.reason));
                            }
                            number += 1;
                        }
                    }
                }
                Some(_) => {}
                None => return Ok(None),
            }
        }
        if door == Door::Dropped {
            for row in (0..rows_in).filter(|row| !mentioned.get(*row)) {
                if wanted.len() == 0 {
                    break;
                }
                if wanted.next_if(|wanted| **wanted == number).is_some() {
                    rows.push(row);
                    reasons.push(None);
                }
                number += 1;
            }
        }
        self.live.go_on()?;
        let Some(batch) = self.in_any_order(step, &rows)? else { return Ok(None) };
        let found = found(batch, numbers)?;
        Ok(found.map(|found| Found { reasons, ..found }))
    }
}

fn some_of(rows: &RecordBatch, places: &[u32]) -> Result<RecordBatch, RunError> {
    take_record_batch(rows, &UInt32Array::from(places.to_vec())).map_err(bug)
}
