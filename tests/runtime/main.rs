//! The runtime as an embedder has it: pipelines of real components, from text to outputs, reports and errors.
#![allow(missing_docs, reason = "a test's name says it")]

mod accounts;
mod again;
mod alone;
mod asking;
mod bad_rows;
mod bench;
mod bounds;
mod budget;
mod cached;
mod calls;
mod capabilities;
mod columns;
mod conditions;
mod disk;
mod doors;
mod embed;
mod ends;
mod every_guest;
mod faults;
mod flow;
mod folders;
mod forged;
mod gathered;
mod hostile;
mod hostile_core;
mod hostile_memory;
mod interrupt;
mod kills;
mod llama;
mod model;
mod near;
mod outside;
mod parts;
mod places;
mod planted;
mod profile;
mod references;
mod rejects;
mod report;
mod resume;
mod routes;
mod see;
mod server;
mod staging;
mod stores;
mod traps;
mod trial;
mod unheld;
mod victim;
mod wanted;
mod weights;
mod zips;

#[path = "../support/s3.rs"]
mod s3;
