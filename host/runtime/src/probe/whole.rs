//! A global step, run over rows in memory: they lie in spills of a folder that is gone afterwards.

use callboard_sandbox::RowReader;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use arrow::array::{Array, RecordBatch, StringArray, UInt32Array, UInt64Array};
use arrow::datatypes::SchemaRef;
use callboard_files::Temporary;
use callboard_plan::pipeline::OnError;
use callboard_plan::{Door as Way, Feed};

use super::{CallError, Opened, PutOut, RemovedRow};
use crate::error::{Fault, RunError};
use crate::global::{
    Caller, Counters, GlobalReader, GlobalWriter, Passed, Passing, Sizes, Sorting, WINDOW, Whole, Writing, gather,
};
use crate::ports::{Door, Doors, door_schema};
use crate::ports::{Outlet, Stop};
use crate::rejects::{Files, Rejects, Remover};
use crate::rows::Batch;
use crate::store::{Quota, Spill, SpillWriter};

impl Opened<'_> {
    /// Calls `run` of a global step over whole inputs, each in batches of the schema that it was declared for: its readers give the
    /// batches as they are, without the empty ones. An instance is called so once.
    ///
    /// # Errors
    ///
    /// What it says, and what it asks of its readers and its writer that does not fit.
    pub fn run(&mut self, inputs: &[Vec<RecordBatch>]) -> Result<PutOut, CallError> {
        self.try_run(inputs).map_err(|fault| self.probe.error(fault))
    }

    fn try_run(&mut self, inputs: &[Vec<RecordBatch>]) -> Result<PutOut, Fault> {
        let (step, bound) = (&self.probe.step, &self.declaration.bound);
        let scratch =
            Temporary::create(&std::env::temp_dir(), "callboard-probe-").map_err(|error| unwritten(&error))?;
        let spill = |feed: &Feed, schema: &SchemaRef| {
            let (folder, quota) = (scratch.path().join(feed.to_string()), Arc::new(Quota::new(None)));
            SpillWriter::create(feed.clone(), folder, schema.clone(), BTreeSet::new(), quota, None)
                .map_err(|error| unwritten(&error))
        };
        let mut files = Files::default();
        files.add("rows", &[PathBuf::from("rows")]);
        let files = Arc::new(files);
        let mut wholes = Vec::with_capacity(inputs.len());
        for (port, (batches, schema)) in inputs.iter().zip(&self.declaration.inputs).enumerate() {
            let mut writer = spill(&Feed::node(&format!("input-{port}")), schema)?;
            let mut rows = 0;
            for batch in batches {
                writer.push(&numbered(batch, rows)).map_err(|error| unwritten(&error))?;
                rows += batch.num_rows() as u64;
            }
            wholes.push(Whole::new(vec![Arc::new(writer.seal())], schema.clone()));
        }
        let behind = door_schema(&self.declaration.inputs[0])?;
        let outlet = |feed: &Feed, schema: &SchemaRef| {
            Ok::<_, Fault>(Outlet { spill: Some(spill(feed, schema)?), ..Outlet::default() })
        };
        let door = |way| {
            let feed = Feed::door("output", way);
            let outlet = outlet(&feed, &behind)?;
            Ok::<_, Fault>(Door {
                feed,
                step: Arc::from(step.name.as_str()),
                schema: behind.clone(),
                files: files.clone(),
                outlet,
            })
        };
        let writer = GlobalWriter::new(Writing {
            step: Arc::from(step.name.as_str()),
            whole: wholes[0].clone(),
            bound: bound.clone(),
            cut: self.probe.cut,
            limits: step.limits,
            remover: Remover {
                on_error: OnError::Reject,
                files: files.clone(),
                flight: None,
                cancel: Default::default(),
            },
            outlet: outlet(&Feed::node("output"), &bound.output)?,
            doors: Doors {
                dropped: Some(door(Way::Dropped)?),
                rejected: Some(door(Way::Rejected)?),
                taps: [None, None],
            },
            sorting: Sorting {
                folder: scratch.path().join("sorting"),
                quota: Arc::new(Quota::new(None)),
                window: WINDOW,
                stop: Default::default(),
                passing: Default::default(),
                tag: None,
            },
            returnable: self.probe.config.returnable(),
            rejects: Arc::new(Mutex::new(Rejects::new(scratch.path().join("rejects")))),
            charge: None,
            work: None,
        });
        let writer = match bound.gathered.is_plain() {
            true => {
                let ends = wholes.iter().enumerate();
                let passed = || Passed::new(&Passing::default());
                let reader = |port, whole: &Whole| GlobalReader::new(whole.clone(), bound.clone(), port, passed());
                let readers = ends.map(|(port, whole)| Box::new(reader(port, whole)) as Box<dyn RowReader>).collect();
                let (ran, writer) = self.instance.run(readers, writer);
                ran?;
                writer.expect("a call that went well gives it back")
            }
            false => {
                let mut writer = writer;
                let instance = &mut self.instance;
                let caller: Caller<'_> = Box::new(move |begin| {
                    let (readers, writer) = begin();
                    let (ran, writer) = instance.run(readers, writer);
                    ran.map(|()| (writer.expect("a call that went well gives it back"), Counters::new()))
                });
                gather(&wholes, &mut writer, Sizes::within(None), None, vec![caller], &|_| Ok(()), None)?;
                writer
            }
        };
        let (outlet, doors, _) = writer.finish()?;
        let put_out = outlet.end(Feed::node("output")).map_err(stopped)?.spills.pop();
        let put_out = put_out.map_or(Ok(Vec::new()), |(_, spill)| read(&spill))?;
        let origins = put_out.iter().flat_map(|batch| origins(&batch.line)).collect();
        let mut removed = Vec::new();
        for (feed, spill) in doors.end().map_err(stopped)?.spills {
            for batch in read(&spill)? {
                removed.extend(removed_rows(&batch, feed.door == Some(Way::Rejected)));
            }
        }
        removed.sort_by_key(|removed: &RemovedRow| removed.row);
        Ok(PutOut { rows: put_out.into_iter().map(|batch| batch.rows).collect(), origins, removed })
    }
}

/// Rows with their numbers as origins.
fn numbered(rows: &RecordBatch, first: u64) -> Batch {
    let count = rows.num_rows();
    let line = UInt64Array::from_iter_values(first..first + count as u64);
    Batch::new(rows.clone(), UInt32Array::from_value(0, count), line)
}

fn origins(lines: &UInt64Array) -> Vec<Option<u64>> {
    lines.iter().collect()
}

/// The rows that came out by a door: their numbers, and the reasons behind their own columns.
fn removed_rows(batch: &Batch, rejected: bool) -> Vec<RemovedRow> {
    let reasons = batch.rows.column_by_name("_reason").expect("a door adds it").to_data();
    let reasons = StringArray::from(reasons);
    let rows = batch.line.iter().flatten().zip(&reasons);
    rows.map(|(row, reason)| RemovedRow { row, rejected, reason: reason.unwrap_or_default().to_owned() }).collect()
}

fn read(spill: &Spill) -> Result<Vec<Batch>, Fault> {
    let frames = (0..spill.frames()).map(|frame| spill.read(frame, None));
    frames.collect::<Result<_, _>>().map_err(|error| Fault::from(RunError::unread("rows of the step", &error)))
}

fn unwritten(error: &std::io::Error) -> Fault {
    RunError::unwritten(&format!("keep rows in `{}`", Path::new(&std::env::temp_dir()).display()), error).into()
}

fn stopped(stop: Stop) -> Fault {
    match stop {
        Stop::Failed(error) => error.into(),
        Stop::Elsewhere => Fault::Interrupted,
    }
}
