//! Words that every crate of the host uses: [`sizes`] and [`figures`], the [`address`] of data that are elsewhere, the
//! [`template`] of files' names, texts of the system and of others
//! ([`text`]), and what fixes an error ([`Help`]).
//!
//! A library does not know how its caller's users change a setting. So its help names the [`Setting`], as data, and the
//! command line turns that into its own words with [`Help::said`].
//!
//! ```
//! use callboard_words::{sizes, text};
//!
//! assert_eq!(sizes::bytes(64 << 20), "64 MiB");
//! assert_eq!(text::excerpt("a long name", 6), "a long…");
//! ```
#![forbid(unsafe_code)]

pub mod address;
pub mod figures;
mod help;
pub mod sizes;
pub mod template;
pub mod text;

pub use help::{Help, Setting};
