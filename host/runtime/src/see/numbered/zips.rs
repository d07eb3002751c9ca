//! Rows that a step is given of a zip: of each branch those are read that were joined with them.

use std::rc::Rc;

use arrow::array::UInt32Array;

use super::{Numbered, one, within};
use crate::error::RunError;
use crate::ports::Zipped;
use crate::prepare::check::Way;
use crate::rows::Batch;
use crate::see::look::bug;
use crate::store::lengths::{self, Length};
use crate::store::records::Joined;

impl Numbered<'_> {
    pub(super) fn of_zip(
        &self,
        step: &str,
        way: &Way,
        zipped: &Zipped,
        numbers: &[u64],
    ) -> Result<Option<Batch>, RunError> {
        let branches = way.edges.len();
        let Some(lengths) = self.joined(step, way) else { return Ok(None) };
        let (mut pieces, mut wanted, mut first) = (Vec::new(), numbers.iter().peekable(), 0);
        let mut firsts = vec![0; branches];
        for joined in lengths.chunks_exact(branches) {
            let end = first + joined[0].rows_out;
            let here: Vec<u32> = within(&mut wanted, first..end).map(|row| row as u32).collect();
            if !here.is_empty() {
                self.live.go_on()?;
                let mut rows = Vec::with_capacity(branches);
                for ((edge, first), length) in way.edges.iter().zip(&firsts).zip(joined) {
                    let numbers: Vec<u64> = (*first..first + length.rows_in).collect();
                    rows.push(match numbers.is_empty() {
                        true => None,
                        false => match self.handed_on(&edge.from, &numbers)? {
                            Some(batch) => Some(batch),
                            None => return Ok(None),
                        },
                    });
                }
                let size = self.live.prepared.plan.batch();
                let whole = zipped.join(&rows, size, &mut vec![Joined::default(); branches]).map_err(bug)?;
                let whole = one(&way.schema, &whole)?;
                if whole.len() as u64 != joined[0].rows_out {
                    return Ok(None);
                }
                pieces.push(whole.take(&UInt32Array::from(here)).map_err(bug)?);
            }
            if wanted.peek().is_none() {
                break;
            }
            firsts.iter_mut().zip(joined).for_each(|(first, length)| *first += length.rows_in);
            first = end;
        }
        let given = one(&way.schema, &pieces)?;
        Ok(Some(given).filter(|given| given.len() == numbers.len()))
    }

    /// Which rows of the branches became which of a zip, if that adds up: as many entries as branches for those that were joined together.
    fn joined(&self, step: &str, way: &Way) -> Option<Rc<Vec<Length>>> {
        let name = lengths::zip_name(step);
        let make = || {
            let lengths = lengths::lengths(self.run, &name)?;
            let branches = way.edges.len();
            let sum = |of: &dyn Fn(&[Length]) -> u64| lengths.chunks(branches).map(of).fold(0, u64::saturating_add);
            let are_whole = way.edges.iter().enumerate().all(|(branch, edge)| {
                let rows = sum(&|joined| joined.get(branch).map_or(0, |length| length.rows_in));
                Some(rows) == self.count(&edge.from)
            });
            let given = self.accounts(step)?.rows_in;
            (are_whole && sum(&|joined| joined[0].rows_out) == given).then(|| Rc::new(lengths))
        };
        self.lengths.borrow_mut().entry(name.clone()).or_insert_with(make).clone()
    }
}
