//! The log of a step's work, as the step's node uses it: what was done before is taken over, what is done is written down.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use arrow::array::RecordBatch;

use crate::error::{Fault, RunError};
use crate::rows::digest;
use crate::store::{Deed, Logged, Outcome, Work};

/// The result of a call, checked, and the columns that it wrote.
pub(crate) type Done = (Outcome, RecordBatch);

/// The log of a step's work; of a run that cannot be resumed, nothing.
#[derive(Clone, Default)]
pub(crate) struct Ledger(Option<Arc<Work>>);

impl Ledger {
    pub(crate) fn of(work: Option<&Arc<Work>>) -> Ledger {
        Ledger(work.cloned())
    }

    /// The seed that rows are digested with, if there is a log.
    pub(crate) fn seed(&self) -> Option<u64> {
        self.0.as_ref().map(|work| work.header.seed)
    }

    /// What tells the step from one whose work is not this one's, if there is a log.
    pub(crate) fn key(&self) -> Option<u128> {
        let header = serde_json::to_string(&self.0.as_ref()?.header).expect("a header is JSON");
        Some(digest::of_text(&header))
    }

    /// The result of a call on rows: from the log, if it was made before, or else made now and written down. Says where the log
    /// has it, and whether it was there. `digest` makes the tag of the rows with the log's seed.
    pub(crate) fn once(
        &self,
        rows: u32,
        digest: impl FnOnce(u64) -> u128,
        make: impl FnOnce() -> Result<Done, RunError>,
    ) -> Result<(Done, Option<Logged>, bool), RunError> {
        let Some(work) = &self.0 else { return Ok((make()?, None, false)) };
        let tag = digest(work.header.seed);
        if let Some((Deed::Processed(outcome), written, logged)) = work.find(tag) {
            return Ok(((outcome, written), Some(logged), true));
        }
        self.begin(tag, rows)?;
        let (outcome, written) = make()?;
        if outcome.passing {
            return Ok(((outcome, written), None, false));
        }
        let deed = Deed::Processed(outcome);
        let logged = self.note(tag, rows, &deed, &written)?;
        let Deed::Processed(outcome) = deed else { unreachable!("it was just made") };
        Ok(((outcome, written), logged, false))
    }

    /// The result of a call on rows, if the log has it.
    pub(crate) fn known(&self, digest: impl FnOnce(u64) -> u128) -> Option<Done> {
        let work = self.0.as_ref()?;
        match work.find(digest(work.header.seed))? {
            (Deed::Processed(outcome), written, _) => Some((outcome, written)),
            _ => None,
        }
    }

    /// Notes that work on rows is begun.
    pub(crate) fn begin(&self, tag: u128, rows: u32) -> Result<(), RunError> {
        self.0.as_ref().map_or(Ok(()), |work| work.begin(tag, rows).map_err(unwritten))
    }

    /// Writes down what was done; says where.
    pub(crate) fn note(
        &self,
        tag: u128,
        rows: u32,
        deed: &Deed,
        written: &RecordBatch,
    ) -> Result<Option<Logged>, RunError> {
        let noted = self.0.as_ref().map(|work| work.done(tag, rows, deed, written));
        noted.transpose().map_err(unwritten)
    }

    /// Where work under a tag ended, to be given to [`Ledger::replay`].
    pub(crate) fn ended(&self, tag: u128) -> Option<usize> {
        self.0.as_ref()?.ended(tag)
    }

    /// Carries out again, in order, what was done under a tag up to its end. Gives the counters of the end.
    pub(crate) fn replay(
        &self,
        tag: u128,
        file: usize,
        mut again: impl FnMut(Deed, &RecordBatch) -> Result<(), Fault>,
    ) -> Result<BTreeMap<String, i64>, Fault> {
        for (deed, written) in self.in_order(tag, Some(file)) {
            if let Deed::Ended { counters } | Deed::Called { counters } = deed {
                return Ok(counters);
            }
            again(deed, &written)?;
        }
        Err(Fault::Host("work that was complete is not there any more".to_owned()))
    }

    /// What was done under a tag, in order, whether it ended or not; with `file`, what was done there alone.
    pub(crate) fn in_order(&self, tag: u128, file: Option<usize>) -> impl Iterator<Item = (Deed, RecordBatch)> {
        self.0.iter().flat_map(move |work| work.in_order(tag, file))
    }

    /// Rows whose work had been begun before, and was lost.
    pub(crate) fn again(&self) -> u64 {
        self.0.as_ref().map_or(0, |work| work.again())
    }
}

fn unwritten(error: io::Error) -> RunError {
    RunError::unwritten("keep the work of a step", &error)
}
