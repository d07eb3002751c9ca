//! Reads frames of a spill, and what they refer to.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::buffer::BooleanBuffer;

use super::{HIDDEN, HOLDS, Logs, Spill, broken, damaged, own_schema, run_of};
use crate::rows::Batch;
use crate::store::frames::FrameFile;
use crate::store::ipc;
use crate::store::records::{Column, InLog, Reference};
use crate::store::view::{self, assemble};
use crate::store::work::{self, Log};

impl Spill {
    /// Reads a frame: of its columns those whose indices are given, in that order, or all.
    pub(crate) fn read(&self, frame: usize, columns: Option<&[usize]>) -> io::Result<Batch> {
        self.read_some(frame, columns, None)
    }

    /// As [`Spill::read`]; of its rows those that are chosen, of which there is at least one, or all.
    pub(in crate::store) fn read_some(
        &self,
        frame: usize,
        columns: Option<&[usize]>,
        chosen: Option<&BooleanBuffer>,
    ) -> io::Result<Batch> {
        if let Some((spill, frame)) = self.elsewhere(frame) {
            return spill.read_some(frame, columns, chosen);
        }
        let (segment, frame) = &self.frames[frame];
        let file = &self.files[*segment];
        let schema = match columns {
            Some(columns) => Arc::new(self.schema.project(columns).map_err(broken)?),
            None => self.schema.clone(),
        };
        let wanted: Vec<usize> = match columns {
            Some(columns) => (0..HIDDEN).chain(columns.iter().map(|column| column + HIDDEN)).collect(),
            None => (0..self.stored.fields().len()).collect(),
        };
        let chosen = chosen.filter(|chosen| chosen.count_set_bits() < chosen.len());
        let filter = chosen.map(view::filter);
        let choose = |stored: &RecordBatch| -> io::Result<Vec<ArrayRef>> {
            if stored.num_rows() != frame.rows as usize {
                return Err(file.damaged(frame, "not the rows that its header announces"));
            }
            match &filter {
                None => Ok(stored.columns().to_vec()),
                Some(filter) => stored.columns().iter().map(|column| filter.filter(column).map_err(broken)).collect(),
            }
        };
        let rows = chosen.map_or(frame.rows as usize, BooleanBuffer::count_set_bits);
        let body = file.read(frame)?;
        if frame.kind == HOLDS {
            let columns = choose(&ipc::decode(&self.stored, &body, Some(wanted))?)?;
            return view::batch(&schema, columns, rows);
        }
        let unfitting = || file.damaged(frame, "it does not fit the rows that it refers to");
        let (reference, body) = Reference::decode(&body).ok_or_else(unfitting)?;
        if reference.columns.len() != self.stored.fields().len() {
            return Err(unfitting());
        }
        let own: Vec<usize> = wanted.iter().filter_map(|column| reference.own(*column)).collect();
        let own = match own.is_empty() {
            true => Vec::new(),
            false => choose(&ipc::decode(&own_schema(&self.stored, &reference), &body, Some(own))?)?,
        };
        if reference.picks.is_empty() {
            let (mut read, mut own) = (HashMap::new(), own.into_iter());
            let mut columns = Vec::with_capacity(wanted.len());
            for column in &wanted {
                columns.push(match reference.columns[*column] {
                    Column::Own => own.next().expect("as many columns were read as are wanted"),
                    Column::Logged { frame, column } => {
                        let rows = match read.entry(frame) {
                            Entry::Occupied(read) => read.into_mut(),
                            Entry::Vacant(empty) => {
                                let logged = reference.logged.get(frame as usize).ok_or_else(unfitting)?;
                                empty.insert(choose(&read_log(&self.folder, &self.logs, logged)?)?)
                            }
                        };
                        rows.get(column as usize).ok_or_else(unfitting)?.clone()
                    }
                    Column::Picked => return Err(unfitting()),
                });
            }
            return view::batch(&schema, columns, rows);
        }
        let batch = assemble(&self.bases, &self.schema, &reference, &wanted, &own, chosen)?;
        batch.filter(|batch| batch.len() == rows).ok_or_else(unfitting)
    }
}

/// The log that a frame is in, and its file.
pub(super) fn log_of<'a>(folder: &Path, logs: &'a Logs, logged: &InLog) -> io::Result<(&'a Log, &'a FrameFile)> {
    let Some((log, file)) = logs.get(logged.log as usize) else {
        return Err(damaged(folder, "it refers to a log of another step"));
    };
    if file.get().is_none() {
        // The second thread drops its own.
        let _ = file.set(FrameFile::open(run_of(folder).join(&log.path))?);
    }
    Ok((log, file.get().expect("it was just opened")))
}

/// The columns of a frame of a log.
fn read_log(folder: &Path, logs: &Logs, logged: &InLog) -> io::Result<RecordBatch> {
    let (log, file) = log_of(folder, logs, logged)?;
    work::decode(&log.schema, &file.read(&logged.frame)?).map(|(_, rows)| rows)
}
