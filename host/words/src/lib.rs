//! Words that every crate of the host uses: [`sizes`], texts of the system and of others ([`text`]), and what fixes an error
//! ([`Help`]).
//!
//! A library does not know how its caller's users change a setting. So its help names the [`Setting`], as data, and the
//! command line turns that into its own words with [`Help::said`].
#![forbid(unsafe_code)]

mod help;
pub mod sizes;
pub mod text;

pub use help::{Help, Setting};
