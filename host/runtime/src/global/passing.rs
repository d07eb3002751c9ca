//! Says how far a step is, where somebody looks on.

use std::sync::Arc;

use crate::course::prior::Load;
use crate::course::{Course, Phase};
use crate::curves::Seen;

/// How far a step is.
#[derive(Clone, Default)]
pub(crate) struct Passing(Option<(Arc<Seen>, Arc<str>)>);

impl Passing {
    pub(crate) fn of(step: &Arc<str>, seen: &Arc<Seen>) -> Passing {
        Passing(Some((seen.clone(), step.clone())))
    }

    /// A phase begins, which has this many rows to do, if that is known.
    pub(crate) fn begin(&self, phase: Phase, rows: u64) {
        self.tell(|course| course.begin(phase, rows));
    }

    /// A phase begins that no other follows.
    pub(crate) fn begin_last(&self, phase: Phase, rows: u64) {
        self.tell(|course| {
            course.begin(phase, rows);
            course.is_last();
        });
    }

    /// Rows are done of a phase, if it is this one.
    pub(crate) fn done(&self, phase: Phase, rows: u64) {
        self.tell(|course| course.done(phase, rows));
    }

    /// The rows that it is given, of each input, are found out if they matter.
    pub(crate) fn given(&self, loads: impl FnOnce() -> Vec<Load>) {
        let mut matter = false;
        self.tell(|course| matter = course.is_new());
        if matter {
            let loads = loads();
            self.tell(|course| course.given(loads));
        }
    }

    /// A call is done with `rows` of the first input, and put out `out` rows for them.
    pub(crate) fn kept(&self, rows: u64, out: u64) {
        self.tell(|course| course.kept(rows, out));
    }

    /// Work of an earlier process is taken over.
    pub(crate) fn is_partial(&self) {
        self.tell(Course::is_partial);
    }

    fn tell(&self, what: impl FnOnce(&mut Course)) {
        if let Some((seen, step)) = &self.0 {
            seen.course(step, what);
        }
    }
}

/// How far a reader has come at most: a step may read rows again.
pub(crate) struct Passed {
    rows: u64,
    passing: Passing,
}

impl Passed {
    pub(crate) fn new(passing: &Passing) -> Passed {
        Passed { rows: 0, passing: passing.clone() }
    }

    pub(super) fn to(&mut self, end: u64) {
        if end > self.rows {
            self.passing.done(Phase::Call, end - self.rows);
            self.rows = end;
        }
    }
}
