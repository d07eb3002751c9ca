//! The commands, one a file.

pub(crate) mod check;
pub(crate) mod compare;
pub(crate) mod compile;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod drive;
pub(crate) mod elsewhere;
mod onlookers;
pub(crate) mod peek;
pub(crate) mod plan;
pub(crate) mod resume;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod schema;
pub(crate) mod shell;
pub(crate) mod simulate;
pub(crate) mod stats;
pub(crate) mod steps;
pub(crate) mod submit;
pub(crate) mod task;
pub(crate) mod tasks;
pub(crate) mod trace;
pub(crate) mod try_out;
