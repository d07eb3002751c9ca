//! Words that every crate of the host uses: sizes, the system's errors, digits ([`text`]), and what fixes an error ([`Help`]).
//!
//! A library does not know how its caller's users change a setting. So its help names the [`Setting`], as data, and the
//! command line turns that into its own words with [`Help::said`].
#![forbid(unsafe_code)]

mod help;
pub mod text;

pub use help::{Help, Setting};
