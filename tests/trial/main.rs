//! Steps that are tried: `callboard step …` on components of every version of the contract, and on ones that break it in one way each.
//!
//! The latter are the fixture of the present contract (`tests/fixtures/contract-*/twice.wat`) with a few words of it replaced.
#![allow(missing_docs, reason = "a test's name says it")]
#![forbid(unsafe_code)]

mod bench;
mod broken;
mod build;
mod golden;
mod grants;
mod inspect;
mod versions;
