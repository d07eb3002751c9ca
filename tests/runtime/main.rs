//! The runtime as an embedder has it: pipelines of real components, from text to outputs, reports and errors.
#![allow(missing_docs, reason = "a test's name says it")]

mod bench;
mod capabilities;
mod columns;
mod disk;
mod ends;
mod every_guest;
mod flow;
mod hostile;
mod interrupt;
mod kills;
mod places;
mod rejects;
mod report;
mod server;
mod staging;
mod trial;
mod victim;
