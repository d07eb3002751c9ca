//! How rows get into a node of a running stage, and out of it.

mod doors;
mod fork;
mod routes;

use callboard_sandbox::SandboxError;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender};

use arrow::datatypes::SchemaRef;
use callboard_plan::Feed;

use crate::error::{Class, RunError};
use crate::rows::Batch;
use crate::rows::conform;
use crate::rows::flight::{Admission, Flight, Ticket};
use crate::store::{Spill, SpillView, SpillWriter};

pub(crate) use doors::{Door, Doors, Wanted, schema as door_schema};
pub(crate) use fork::{Fork, Left};
pub(crate) use routes::Routes;

/// Batches on their way between two nodes.
pub(crate) const IN_FLIGHT: usize = 4;

/// What travels in a channel: rows, then `None`. A channel that closes without it belongs to a node that failed.
pub(crate) type Message = Option<Batch>;

/// Why a node stops before its end.
pub(crate) enum Stop {
    /// It failed.
    Failed(RunError),
    /// Another node did, and said so.
    Elsewhere,
}

impl From<RunError> for Stop {
    fn from(error: RunError) -> Stop {
        Stop::Failed(error)
    }
}

impl From<SandboxError> for Stop {
    fn from(error: SandboxError) -> Stop {
        Stop::Failed(error.into())
    }
}

/// One of the feeds of a port.
pub(crate) enum Supply {
    /// Made by a node that runs beside this one.
    Channel(Receiver<Message>),
    /// Written by a node that runs beside this one, read when it is sealed.
    Sealing(Receiver<Arc<Spill>>),
    /// Written before.
    Sealed(Arc<Spill>),
}

/// A batch that may still lie in a spill: who works on it reads it, and so do several at a time.
pub(crate) enum Unread {
    /// It has been read.
    Batch(Batch),
    /// It is a frame of a spill.
    Frame { spill: Arc<Spill>, frame: usize, ticket: Ticket, schema: SchemaRef },
}

impl Unread {
    pub(crate) fn read(self) -> Result<Batch, RunError> {
        let (batch, schema) = match self {
            Unread::Batch(batch) => return Ok(batch),
            Unread::Frame { spill, frame, ticket, schema } => {
                let batch = spill.read(frame, None).map_err(|error| RunError::unread("rows between stages", &error))?;
                (ticket.carried_by(batch), schema)
            }
        };
        conform(batch, &schema).map_err(|error| bug(&error))
    }
}

/// Reads the feeds of a port, one after another.
pub(crate) struct Inlet {
    schema: SchemaRef,
    feeds: std::collections::VecDeque<Supply>,
    /// The next frame of the feed in front, when it is a sealed spill.
    frame: usize,
    /// Whatever reads a spill waits while too many rows are in flight.
    admission: Admission,
}

impl Inlet {
    pub(crate) fn new(schema: SchemaRef, feeds: Vec<Supply>, admission: Admission) -> Inlet {
        Inlet { schema, feeds: feeds.into(), frame: 0, admission }
    }

    /// The next batch that has rows; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Batch>, Stop> {
        self.next_unread()?.map(|batch| batch.read().map_err(Stop::from)).transpose()
    }

    /// As [`Inlet::next`], for somebody else to read.
    pub(crate) fn next_unread(&mut self) -> Result<Option<Unread>, Stop> {
        loop {
            let rows = match self.feeds.front_mut() {
                None => return Ok(None),
                Some(Supply::Channel(channel)) => match channel.recv() {
                    Ok(Some(batch)) if batch.is_empty() => continue,
                    Ok(Some(batch)) => Some(Unread::Batch(conform(batch, &self.schema).map_err(|error| bug(&error))?)),
                    Ok(None) => None,
                    Err(_) => return Err(Stop::Elsewhere),
                },
                Some(Supply::Sealing(spill)) => {
                    let sealed = spill.recv().map_err(|_| Stop::Elsewhere)?;
                    self.feeds[0] = Supply::Sealed(sealed);
                    continue;
                }
                Some(Supply::Sealed(spill)) if self.frame < spill.frames() => {
                    let ticket = self.admission.admit();
                    self.frame += 1;
                    let (spill, schema) = (spill.clone(), self.schema.clone());
                    Some(Unread::Frame { spill, frame: self.frame - 1, ticket, schema })
                }
                Some(Supply::Sealed(_)) => None,
            };
            if rows.is_some() {
                return Ok(rows);
            }
            self.feeds.pop_front();
            self.frame = 0;
        }
    }

    /// The feeds as spills, waiting for those that are not sealed yet: what a global step reads.
    pub(crate) fn into_spills(self) -> Result<Vec<Arc<Spill>>, Stop> {
        let sealed = |feed| match feed {
            Supply::Sealed(spill) => Ok(spill),
            Supply::Sealing(spill) => spill.recv().map_err(|_| Stop::Elsewhere),
            Supply::Channel(_) => unreachable!("the plan spills what a global step reads"),
        };
        self.feeds.into_iter().map(sealed).collect()
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }
}

/// Where a node puts its rows: any number of channels, and at most one spill, which all later readers share.
#[derive(Default)]
pub(crate) struct Outlet {
    pub(crate) channels: Vec<SyncSender<Message>>,
    pub(crate) spill: Option<SpillWriter>,
    /// Nodes of this stage that read the spill when it is sealed.
    pub(crate) awaiting: Vec<Sender<Arc<Spill>>>,
    /// Where what waits in channels is counted.
    pub(crate) flight: Option<Arc<Flight>>,
    /// Where some of the rows go.
    pub(crate) fork: Option<Fork>,
}

impl Outlet {
    /// Hands a batch to everyone who reads it; waits while one of them is behind.
    pub(crate) fn send(&mut self, batch: &Batch) -> Result<(), Stop> {
        if batch.is_empty() {
            return Ok(());
        }
        if let Some(spill) = &mut self.spill {
            spill.push(batch).map_err(|error| RunError::unwritten("write rows between stages", &error))?;
        }
        if let Some(fork) = &mut self.fork {
            fork.send(batch, self.flight.as_ref())?;
        }
        if self.channels.is_empty() {
            return Ok(());
        }
        let batch = match &self.flight {
            Some(flight) => flight.covered(batch).map_err(RunError::from)?,
            None => batch.clone(),
        };
        self.channels.iter().try_for_each(|channel| channel.send(Some(batch.clone())).map_err(|_| Stop::Elsewhere))
    }

    /// Whether rows that lie in other spills are to be read for [`Outlet::refer`]; `None` if they cannot be put out so, since
    /// nothing is spilled.
    pub(crate) fn reads_to_refer(&self) -> Option<bool> {
        self.spill.as_ref().map(|spill| spill.digests() || !self.channels.is_empty() || self.fork.is_some())
    }

    /// As [`Outlet::send`], of rows that lie in other spills: they are not written again. `rows` are the same, read.
    pub(crate) fn refer(&mut self, view: &SpillView, rows: Option<&Batch>) -> Result<(), Stop> {
        if let Some(spill) = &mut self.spill {
            spill.refer(view, rows).map_err(|error| RunError::unwritten("write rows between stages", &error))?;
        }
        let Some(rows) = rows else { return Ok(()) };
        if let Some(fork) = &mut self.fork {
            fork.send(rows, self.flight.as_ref())?;
        }
        self.channels.iter().try_for_each(|channel| channel.send(Some(rows.clone())).map_err(|_| Stop::Elsewhere))
    }

    /// Ends the rows of a feed; spills are sealed.
    pub(crate) fn end(self, feed: Feed) -> Result<Left, Stop> {
        let mut left = self.fork.map_or_else(|| Ok(Left::default()), Fork::end)?;
        let spill = self.spill.map(SpillWriter::seal).map(Arc::new);
        for reader in &self.awaiting {
            let spill = spill.clone().expect("only a spill is awaited");
            reader.send(spill).map_err(|_| Stop::Elsewhere)?;
        }
        for channel in &self.channels {
            channel.send(None).map_err(|_| Stop::Elsewhere)?;
        }
        left.spills.extend(spill.map(|spill| (feed, spill)));
        Ok(left)
    }
}

/// An error of Arrow's where everything had been checked.
pub(crate) fn bug(error: &arrow::error::ArrowError) -> RunError {
    RunError::new(Class::Bug, format!("unexpected: {error}"))
}
