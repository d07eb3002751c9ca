//! Components of contract 0.1: what they call, and what they return, in terms of the contract as it is now.

use wasmtime::component::{HasSelf, Linker, Resource};

use super::state::State;
use crate::bindings::callboard::step::columns::BatchResult;
use crate::bindings::callboard::step::types::{Error, ErrorKind, Fate, Removal as Removals};
use crate::bindings::callboard::step::{counters as now_counters, exchange as now_exchange, log as now_log};
use crate::bindings::exports::callboard::step::{manifest as now_manifest, source as now_source, transform as now};
use crate::bindings::v0_1::callboard::step::{counters, exchange, log, types};
use crate::bindings::v0_1::exports::callboard::step::{manifest, source, transform};
use crate::exchange::{Reader, Writer};

/// What components of 0.1 may import.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    // Only types.
    linker.instance("callboard:step/columns@0.1.0")?;
    types::add_to_linker::<State, HasSelf<State>>(linker, |state| state)?;
    log::add_to_linker::<State, HasSelf<State>>(linker, |state| state)?;
    counters::add_to_linker::<State, HasSelf<State>>(linker, |state| state)?;
    exchange::add_to_linker::<State, HasSelf<State>>(linker, |state| state)
}

impl types::Host for State {}

impl log::Host for State {
    fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Trace => now_log::Level::Trace,
            log::Level::Debug => now_log::Level::Debug,
            log::Level::Info => now_log::Level::Info,
            log::Level::Warn => now_log::Level::Warn,
            log::Level::Error => now_log::Level::Error,
        };
        now_log::Host::write(self, level, message)
    }
}

impl counters::Host for State {
    fn add(&mut self, name: String, amount: i64) -> wasmtime::Result<()> {
        now_counters::Host::add(self, name, amount)
    }
}

impl exchange::HostReader for State {
    fn rows(&mut self, reader: Resource<Reader>) -> wasmtime::Result<u64> {
        now_exchange::HostReader::rows(self, reader)
    }

    fn next(&mut self, reader: Resource<Reader>) -> wasmtime::Result<Option<BatchResult>> {
        Ok(self.next_rows(&reader)?.map(|rows| rows.columns))
    }

    fn seek(&mut self, reader: Resource<Reader>, row: u64) -> wasmtime::Result<()> {
        now_exchange::HostReader::seek(self, reader, row)
    }

    fn drop(&mut self, _reader: Resource<Reader>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl exchange::HostWriter for State {
    fn keep(&mut self, writer: Resource<Writer>, rows: Vec<u64>, columns: Option<BatchResult>) -> wasmtime::Result<()> {
        now_exchange::HostWriter::keep(self, writer, rows, columns)
    }

    fn write(&mut self, writer: Resource<Writer>, rows: BatchResult) -> wasmtime::Result<()> {
        now_exchange::HostWriter::write(self, writer, rows, Vec::new())
    }

    fn remove(&mut self, writer: Resource<Writer>, rows: Vec<types::Removal>) -> wasmtime::Result<()> {
        now_exchange::HostWriter::remove(self, writer, together(rows))
    }

    fn drop(&mut self, _writer: Resource<Writer>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl exchange::Host for State {}

/// Removals that name rows one by one; neighbours that are alike, together.
fn together(rows: Vec<types::Removal>) -> Vec<Removals> {
    let mut all: Vec<Removals> = Vec::new();
    for types::Removal { row, fate, reason } in rows {
        let fate = match fate {
            types::Fate::Dropped => Fate::Dropped,
            types::Fate::Rejected => Fate::Rejected,
        };
        match all.last_mut() {
            Some(last) if last.fate == fate && last.reason == reason => last.rows.push(row),
            _ => all.push(Removals { rows: vec![row], fate, reason }),
        }
    }
    all
}

impl From<types::Error> for Error {
    fn from(types::Error { kind, message, at }: types::Error) -> Error {
        let kind = match kind {
            types::ErrorKind::Config => ErrorKind::Config,
            types::ErrorKind::Input => ErrorKind::Input,
            types::ErrorKind::Transient => ErrorKind::Transient,
            types::ErrorKind::Failed => ErrorKind::Failed,
        };
        Error { kind, message, at }
    }
}

impl From<transform::Output> for now::Output {
    fn from(transform::Output { origins, columns, removed }: transform::Output) -> now::Output {
        now::Output { origins, columns, removed: together(removed) }
    }
}

impl From<source::Page> for now_source::Page {
    fn from(source::Page { rows, cursor }: source::Page) -> now_source::Page {
        now_source::Page { rows, cursor }
    }
}

impl From<manifest::Manifest> for now_manifest::Manifest {
    fn from(manifest: manifest::Manifest) -> now_manifest::Manifest {
        let manifest::Manifest { name, version, summary, config_schema } = manifest;
        now_manifest::Manifest { name, version, summary, config_schema }
    }
}
