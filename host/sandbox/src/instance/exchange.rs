//! What a global step asks of its readers and its writer, timed as the host's own work.

use std::time::Instant;

use wasmtime::component::Resource;

use super::state::State;
use crate::bindings::callboard::step::columns::BatchResult;
use crate::bindings::callboard::step::exchange::{Host, HostReader, HostWriter, Page};
use crate::bindings::callboard::step::types::Removal as Removals;
use crate::exchange::{Reader, Rows, Writer};

impl State {
    pub(super) fn next_rows(&mut self, reader: &Resource<Reader>) -> wasmtime::Result<Option<Rows>> {
        let began = Instant::now();
        let reader = self.table.get_mut(reader)?;
        let is_first = reader.is_first;
        let next = reader.next().map_err(wasmtime::Error::new)?;
        let rows = next.map(|(rows, new)| {
            if is_first && new > 0 {
                self.moved(new, 0);
            }
            rows
        });
        self.hosted(began);
        Ok(rows)
    }
}

impl HostReader for State {
    fn rows(&mut self, reader: Resource<Reader>) -> wasmtime::Result<u64> {
        Ok(self.table.get(&reader)?.rows.rows())
    }

    fn next(&mut self, reader: Resource<Reader>) -> wasmtime::Result<Option<Page>> {
        Ok(self.next_rows(&reader)?.map(|Rows { columns, groups, .. }| Page { rows: columns, groups }))
    }

    fn seek(&mut self, reader: Resource<Reader>, row: u64) -> wasmtime::Result<()> {
        self.table.get_mut(&reader)?.seek(row).map_err(wasmtime::Error::new)
    }

    fn positions(&mut self, reader: Resource<Reader>, first: u64, count: u32) -> wasmtime::Result<Vec<u64>> {
        let began = Instant::now();
        let positions = self.table.get_mut(&reader)?.positions(first, count).map_err(wasmtime::Error::new)?;
        self.hosted(began);
        Ok(positions)
    }

    fn drop(&mut self, _reader: Resource<Reader>) -> wasmtime::Result<()> {
        // The host takes it back when `run` has returned.
        Ok(())
    }
}

impl HostWriter for State {
    fn keep(&mut self, writer: Resource<Writer>, rows: Vec<u64>, columns: Option<BatchResult>) -> wasmtime::Result<()> {
        let (began, count) = (Instant::now(), rows.len() as u64);
        self.table.get_mut(&writer)?.0.keep(rows, columns).map_err(wasmtime::Error::new)?;
        self.moved(0, count);
        self.hosted(began);
        Ok(())
    }

    fn write(&mut self, writer: Resource<Writer>, rows: BatchResult, at: Vec<u64>) -> wasmtime::Result<()> {
        let (began, count) = (Instant::now(), u64::from(rows.rows));
        self.table.get_mut(&writer)?.0.write(rows, at).map_err(wasmtime::Error::new)?;
        self.moved(0, count);
        self.hosted(began);
        Ok(())
    }

    fn remove(&mut self, writer: Resource<Writer>, rows: Vec<Removals>) -> wasmtime::Result<()> {
        let began = Instant::now();
        self.table.get_mut(&writer)?.0.remove(rows).map_err(wasmtime::Error::new)?;
        self.hosted(began);
        Ok(())
    }

    fn drop(&mut self, _writer: Resource<Writer>) -> wasmtime::Result<()> {
        // The host takes it back when `run` has returned.
        Ok(())
    }
}

impl Host for State {}
