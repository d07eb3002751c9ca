//! The commands, one a file.

pub(crate) mod check;
pub(crate) mod compare;
pub(crate) mod compile;
pub(crate) mod plan;
pub(crate) mod run;
pub(crate) mod schema;
