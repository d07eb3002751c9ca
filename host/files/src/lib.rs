//! Files opened so that nobody else decides which: below an open folder, without following links ([`Dir`]); regular ones
//! alone ([`read_regular`]); where paths lead ([`resolved`]); and folders for a while ([`Temporary`]).

#![forbid(unsafe_code)]

mod beneath;
mod regular;
mod temporary;
mod way;

pub use beneath::*;
pub use regular::{open_regular, read_regular};
pub use temporary::Temporary;
pub use way::{resolved, way};
