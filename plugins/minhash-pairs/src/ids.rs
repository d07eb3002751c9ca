//! What a row is called: rows of the corpus that is known come before those of the input.

use callboard_sdk::{Batch, Reader, Result, StepError};

/// The first number of a row of the input; those before are of the known corpus.
pub(crate) const ROWS: u64 = 1 << 40;

/// Looks rows up by their numbers: in ascending order, each batch of rows is read once.
pub(crate) struct Lookup<'r> {
    known: Option<&'r mut Reader>,
    rows: &'r mut Reader,
    /// The rows at hand, and the number of the first.
    batch: Option<(u64, Batch)>,
}

impl<'r> Lookup<'r> {
    pub(crate) fn new(rows: &'r mut Reader, known: Option<&'r mut Reader>) -> Self {
        Lookup { known, rows, batch: None }
    }

    /// The batch that holds a row, and which of its rows it is.
    pub(crate) fn find(&mut self, id: u64) -> Result<(&Batch, usize)> {
        let holds = |(first, batch): &(u64, Batch)| (*first..first + batch.rows() as u64).contains(&id);
        if !self.batch.as_ref().is_some_and(holds) {
            let (base, reader) = match (id < ROWS, &mut self.known) {
                (false, _) => (ROWS, &mut *self.rows),
                (true, Some(known)) => (0, &mut **known),
                (true, None) => return Err(StepError::failed("a pair names a known row, and there are none")),
            };
            reader.seek(id - base);
            self.batch = reader.next().map(|batch| (id, batch));
        }
        match &self.batch {
            Some((first, batch)) => Ok((batch, (id - first) as usize)),
            None => Err(StepError::failed(format!("a pair names row {id}, which is not there"))),
        }
    }
}
