//! The bundled steps without a sandbox: the same crates, compiled for this machine.
//!
//! 1. [`columns`] copies columns of Arrow into those of the contract, and moves them back.
//! 2. [`twin`] is the whole reference pipeline in one thread.
//! 3. [`portable`] is SHA-256 without the processor's own instructions.

pub mod columns;
pub mod distinct;
pub mod portable;
pub mod twin;
