//! Makes steps in any language: from a template to a component, with nothing to install but the language itself.
//!
//! 1. [`bindings`] generates what an SDK in C or Go needs of the contract.
//! 2. [`component`] makes a component of what a compiler puts out.

pub mod bindings;
pub mod component;
mod contract;

pub use contract::{FILES, Kind};
