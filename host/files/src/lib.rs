//! Files opened so that nobody else decides which: below an open folder, without following links ([`Dir`]); regular ones
//! alone ([`read_regular`]); and where paths lead ([`resolved`]).

#![forbid(unsafe_code)]

mod beneath;
mod regular;
mod way;

pub use beneath::*;
pub use regular::{open_regular, read_regular};
pub use way::{resolved, way};
