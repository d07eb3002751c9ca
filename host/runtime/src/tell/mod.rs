//! What is reported about runs: the report, the accounts that it rests on, and the runs that lie in a folder.

pub(crate) mod accounts;
mod calls;
pub(crate) mod diff;
pub(crate) mod made;
pub(crate) mod report;
pub(crate) mod runs;
pub(crate) mod tasks;
