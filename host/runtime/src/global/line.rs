//! Rows of the first input that are kept in their order: cut into batches along the frames that they lie in.
//!
//! What is kept of a frame stays together, and as much of the next ones is added as a batch may have. So whoever reads the
//! batches reads no frame twice, and how they are cut depends on the rows and the plan alone.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use callboard_plan::pipeline::BatchSize;

use super::Whole;
use super::beside::Beside;
use crate::error::{Fault, RunError};
use crate::rows::fill;
use crate::store::SpillView;
use crate::store::records::{Chosen, Column, Pick, Reference};
use callboard_sandbox::Bound;

/// What is kept of a frame is cut if it alone is this many times as large as a batch.
const LARGE: u64 = 2;

/// What a run takes beside the numbers of its rows, bytes.
const RUN: u64 = 64;

/// Rows of a frame, in order.
#[derive(Debug)]
pub(super) struct Stretch {
    pub(super) spill: usize,
    pub(super) frame: usize,
    pub(super) rows: Vec<u32>,
}

/// A batch to be.
pub(super) struct Cut {
    pub(super) runs: Vec<Stretch>,
    pub(super) rows: usize,
    bytes: u64,
    /// What was written beside the rows.
    pub(super) written: RecordBatch,
    /// Whether they go back and forth, and no row is there twice.
    pub(super) scattered: bool,
}

/// Rows that are not put out yet: less than a batch, and the frame that the last of them lies in.
pub(super) struct Line {
    whole: Whole,
    bound: Arc<Bound>,
    cut: BatchSize,
    refers: bool,
    runs: Vec<Stretch>,
    rows: usize,
    bytes: u64,
    last: Option<Stretch>,
    beside: Beside,
    /// Whether there are rows among them that had been kept before.
    repeated: bool,
}

impl Line {
    pub(super) fn new(whole: Whole, bound: Arc<Bound>, cut: BatchSize) -> Line {
        let refers = bound.carries_much(&whole.schema);
        let beside = Beside::new(bound.writes.clone());
        Line { whole, bound, cut, refers, runs: Vec::new(), rows: 0, bytes: 0, last: None, beside, repeated: false }
    }

    /// Adds rows that ascend, and what was written beside them; gives the batches that are full. Whether some of the rows had
    /// been kept before matters to a caller that cannot put the batches out as they are.
    pub(super) fn add(&mut self, rows: &[u64], written: &RecordBatch, repeated: bool) -> Result<Vec<Cut>, Fault> {
        self.repeated |= repeated;
        let (mut cuts, mut done) = (Vec::new(), 0);
        let full = self.cut.bytes.saturating_mul(8);
        while done < rows.len() {
            let left = rows.len() - done;
            let count = match self.beside.is_nothing() {
                true => left,
                false => fill(written, done, left, full.saturating_sub(self.beside.bits())).0,
            };
            if !self.beside.is_nothing() {
                let part = written.slice(done, count);
                // What waits for more holds none of the rest of what was written with it.
                let waits = done + count == rows.len() && done > 0;
                self.beside.push(if waits { callboard_io::compact(&part).map_err(RunError::from)? } else { part })?;
            }
            self.follow(&rows[done..done + count], &mut cuts)?;
            done += count;
            // What is written beside rows fills a batch as well as they do.
            if self.beside.bits() >= full {
                self.close(&mut cuts)?;
                self.cut(&mut cuts)?;
            }
        }
        Ok(cuts)
    }

    /// What waits, bytes.
    pub(super) fn bytes(&self) -> u64 {
        let runs = self.runs.iter().chain(&self.last);
        self.beside.bits() / 8 + runs.map(|run| 4 * run.rows.len() as u64 + RUN).sum::<u64>()
    }

    /// Adds rows that ascend to those of the frame that the last ones lie in.
    fn follow(&mut self, rows: &[u64], cuts: &mut Vec<Cut>) -> Result<(), Fault> {
        let mut rest = rows;
        while let Some(row) = rest.first() {
            let (spill, frame, first) = self.whole.locate(*row);
            let end = first + self.whole.spills[spill].frame_rows(frame) as u64;
            let (here, behind) = rest.split_at(rest.partition_point(|row| *row < end));
            let here = here.iter().map(|row| (row - first) as u32);
            match &mut self.last {
                Some(last)
                    if (last.spill, last.frame) == (spill, frame)
                        && last.rows.last() < here.clone().next().as_ref() =>
                {
                    last.rows.extend(here);
                }
                _ => {
                    self.close(cuts)?;
                    self.last = Some(Stretch { spill, frame, rows: here.collect() });
                }
            }
            rest = behind;
        }
        Ok(())
    }

    /// The rows that are left.
    pub(super) fn end(&mut self) -> Result<Vec<Cut>, Fault> {
        let mut cuts = Vec::new();
        self.close(&mut cuts)?;
        self.cut(&mut cuts)?;
        Ok(cuts)
    }

    /// Nothing more comes of the last frame.
    fn close(&mut self, cuts: &mut Vec<Cut>) -> Result<(), Fault> {
        let Some(Stretch { spill, frame, mut rows }) = self.last.take() else { return Ok(()) };
        let row_bytes = self.whole.spills[spill].row_bytes(frame).max(1);
        let most_rows = usize::try_from(self.cut.rows).unwrap_or(usize::MAX);
        let bytes = |rows: usize| rows as u64 * row_bytes;
        if self.rows + rows.len() > most_rows || self.bytes + bytes(rows.len()) > self.cut.bytes {
            self.cut(cuts)?;
        }
        while !rows.is_empty() {
            let most = match bytes(rows.len()) >= self.cut.bytes.saturating_mul(LARGE) {
                true => usize::try_from(self.cut.bytes / row_bytes).unwrap_or(usize::MAX).clamp(1, most_rows),
                false => most_rows,
            };
            let behind = rows.split_off(rows.len().min(most));
            self.rows += rows.len();
            self.bytes += bytes(rows.len());
            self.runs.push(Stretch { spill, frame, rows });
            rows = behind;
            if !rows.is_empty() {
                self.cut(cuts)?;
            }
        }
        Ok(())
    }

    fn cut(&mut self, cuts: &mut Vec<Cut>) -> Result<(), Fault> {
        if self.rows > 0 {
            let (rows, bytes) = (std::mem::take(&mut self.rows), std::mem::take(&mut self.bytes));
            let runs = std::mem::take(&mut self.runs);
            let written = self.beside.take(rows, || Ok(None))?;
            let ascend = runs.is_sorted_by(|run, next| {
                let at = |run: &Stretch| (run.spill, run.frame);
                at(run) < at(next) || (at(run) == at(next) && run.rows.last() < next.rows.first())
            });
            cuts.push(Cut { runs, rows, bytes, written, scattered: !ascend && !self.repeated });
            self.repeated &= self.last.is_some();
        }
        Ok(())
    }

    /// The numbers of the rows of a batch.
    pub(super) fn numbers(&self, cut: &Cut) -> Vec<u64> {
        let of = |run: &Stretch| {
            let first = self.whole.first_row(run.spill, run.frame);
            run.rows.iter().map(move |row| first + u64::from(*row)).collect::<Vec<_>>()
        };
        cut.runs.iter().flat_map(of).collect()
    }

    /// A batch as rows that lie where they are; `None` if a reader would have to read much more for them.
    pub(super) fn view(&self, cut: &Cut) -> Option<SpillView> {
        if !self.refers {
            return None;
        }
        let written = self.bound.written();
        let columns = written.iter().map(|written| if written.is_some() { Column::Own } else { Column::Picked });
        let own: Vec<ArrayRef> = written.iter().flatten().map(|at| cut.written.column(*at).clone()).collect();
        let picks = cut.runs.iter().map(|Stretch { spill, frame, rows }| {
            let all = self.whole.spills[*spill].frame_rows(*frame) as u32;
            Pick { base: *spill as u32, frame: *frame as u32, rows: Chosen::of(rows, all) }
        });
        let picks = picks.collect();
        let view = SpillView {
            bases: self.whole.spills.clone(),
            reference: Reference {
                columns: [Column::Picked; 2].into_iter().chain(columns).collect(),
                picks,
                logged: Vec::new(),
            },
            own,
            rows: cut.rows,
            bytes: cut.bytes,
        };
        Some(view).filter(SpillView::is_dense)
    }
}
