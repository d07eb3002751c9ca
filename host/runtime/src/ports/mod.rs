//! How rows get into a node of a running stage, and out of it.

mod doors;
mod fork;
mod had;
mod picks;
mod recut;
mod routes;
mod zip;
mod zipped;

use callboard_sandbox::SandboxError;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender};

use arrow::array::UInt64Array;
use arrow::datatypes::SchemaRef;
use callboard_plan::Feed;

use crate::curves::Seen;
use crate::error::{Class, RunError};
use crate::rows::conform;
use crate::rows::flight::{Admission, Flight, Ticket};
use crate::rows::{Batch, Tapped};
use crate::store::lengths::{Length, Lengths};
use crate::store::{Spill, SpillView, SpillWriter};

pub(crate) use doors::{Door, Doors, Wanted, behind_door, schema as door_schema};
pub(crate) use fork::{Fork, Left};
pub(crate) use had::{Had, Has, had};
pub(crate) use recut::Recut;
pub(crate) use routes::Routes;
pub(crate) use zip::{Note, ZipInlet};
pub(crate) use zipped::{Branch, Zipped};

/// Batches on their way between two nodes.
pub(crate) const IN_FLIGHT: usize = 4;

/// What travels in a channel: rows, then `None`. A channel that closes without it belongs to a node that failed.
pub(crate) type Message = Option<Batch>;

/// The way from a node to another one that runs beside it.
pub(crate) enum Channel {
    /// What is sent is all that is received there.
    One(SyncSender<Message>),
    /// A branch of a zip, by its place: all of them are received in one channel, so that none waits while another is read.
    Branch(usize, SyncSender<(usize, Message)>),
}

impl Channel {
    fn send(&self, message: Message) -> Result<(), Stop> {
        match self {
            Channel::One(sender) => sender.send(message).map_err(|_| Stop::Elsewhere),
            Channel::Branch(branch, sender) => sender.send((*branch, message)).map_err(|_| Stop::Elsewhere),
        }
    }
}

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

/// Reads the feeds of a port: one after another, or joined row by row.
pub(crate) struct Inlet {
    rows: Rows,
    /// Cuts batches to another size, if its reader wants one.
    recut: Option<Recut>,
    /// Says what of the rows is there already, where that is of use.
    has: Option<Has>,
}

pub(crate) enum Rows {
    Appended(Appended),
    Zipped(ZipInlet),
}

impl Rows {
    fn next_unread(&mut self) -> Result<Option<Unread>, Stop> {
        match self {
            Rows::Appended(appended) => appended.next_unread(),
            Rows::Zipped(zipped) => Ok(zipped.next()?.map(Unread::Batch)),
        }
    }
}

impl Inlet {
    pub(crate) fn new(rows: Rows, recut: Option<Recut>) -> Inlet {
        Inlet { rows, recut, has: None }
    }

    /// The same, whose first rows need not come if they are there already.
    pub(crate) fn having(self, has: Option<Has>) -> Inlet {
        Inlet { has, ..self }
    }

    /// Says, before any row is read, how many of the first ones are there already.
    pub(crate) fn has(&mut self, rows: u64) {
        if let Some(has) = &mut self.has {
            has.say(rows);
        }
    }

    /// This many rows are there by now, such that a process that resumes the run finds them.
    pub(crate) fn wrote(&self, rows: u64) {
        if let Some(has) = &self.has {
            has.wrote(rows);
        }
    }

    /// How many of the rows that are there do not come, since this was last asked. All of them stand before the first that comes.
    pub(crate) fn take_passed(&self) -> u64 {
        self.has.as_ref().map_or(0, Has::take_passed)
    }

    /// The next batch, which has no rows if those that are zipped later must arrive in step; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Batch>, Stop> {
        self.next_unread()?.map(|batch| batch.read().map_err(Stop::from)).transpose()
    }

    /// As [`Inlet::next`], for somebody else to read.
    pub(crate) fn next_unread(&mut self) -> Result<Option<Unread>, Stop> {
        // Whatever puts them out waits for that.
        self.has(0);
        let Some(recut) = &mut self.recut else { return self.rows.next_unread() };
        loop {
            if let Some(batch) = recut.next_ready() {
                return Ok(Some(Unread::Batch(batch)));
            }
            match self.rows.next_unread()? {
                Some(batch) => recut.add(batch.read()?)?,
                None => {
                    recut.end()?;
                    return Ok(recut.next_ready().map(Unread::Batch));
                }
            }
        }
    }

    /// The feeds as spills, waiting for those that are not sealed yet: what a global step reads.
    pub(crate) fn into_spills(self) -> Result<Vec<Arc<Spill>>, Stop> {
        match self.rows {
            Rows::Appended(appended) => appended.into_spills(),
            Rows::Zipped(_) => unreachable!("no plan lets a global step read a zip"),
        }
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        match &self.rows {
            Rows::Appended(appended) => &appended.schema,
            Rows::Zipped(zipped) => zipped.schema(),
        }
    }
}

/// Reads feeds one after another.
pub(crate) struct Appended {
    schema: SchemaRef,
    feeds: std::collections::VecDeque<Supply>,
    /// The next frame of the feed in front, when it is a sealed spill.
    frame: usize,
    /// Whatever reads a spill waits while too many rows are in flight.
    admission: Admission,
    reading: Reading,
}

/// How much a node has read of the spills that it reads, where that is noted.
pub(crate) struct Reading {
    node: Arc<str>,
    seen: Arc<Seen>,
    /// Bytes, about.
    done: u64,
    of: u64,
}

impl Reading {
    pub(crate) fn new(node: &str, seen: Arc<Seen>) -> Reading {
        Reading { node: Arc::from(node), seen, done: 0, of: 0 }
    }

    fn will_read(&mut self, spill: &Spill) {
        self.of += (0..spill.frames()).map(|frame| spill.frame_bytes(frame)).sum::<u64>();
    }

    fn read(&mut self, bytes: u64) {
        self.done += bytes;
        self.seen.reading(&self.node, self.done as f64, self.of as f64);
    }
}

impl Appended {
    pub(crate) fn new(schema: SchemaRef, feeds: Vec<Supply>, admission: Admission, mut reading: Reading) -> Appended {
        for feed in &feeds {
            if let Supply::Sealed(spill) = feed {
                reading.will_read(spill);
            }
        }
        Appended { schema, feeds: feeds.into(), frame: 0, admission, reading }
    }

    fn next_unread(&mut self) -> Result<Option<Unread>, Stop> {
        loop {
            let rows = match self.feeds.front_mut() {
                None => return Ok(None),
                Some(Supply::Channel(channel)) => match channel.recv() {
                    // Whoever reads it hands it on.
                    Ok(Some(batch)) if batch.is_empty() => Some(Unread::Batch(batch)),
                    Ok(Some(batch)) => Some(Unread::Batch(conform(batch, &self.schema).map_err(|error| bug(&error))?)),
                    Ok(None) => None,
                    Err(_) => return Err(Stop::Elsewhere),
                },
                Some(Supply::Sealing(spill)) => {
                    let sealed = spill.recv().map_err(|_| Stop::Elsewhere)?;
                    self.reading.will_read(&sealed);
                    self.feeds[0] = Supply::Sealed(sealed);
                    continue;
                }
                Some(Supply::Sealed(spill)) if self.frame < spill.frames() => {
                    let ticket = self.admission.admit();
                    self.reading.read(spill.frame_bytes(self.frame));
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

    fn into_spills(self) -> Result<Vec<Arc<Spill>>, Stop> {
        let sealed = |feed| match feed {
            Supply::Sealed(spill) => Ok(spill),
            Supply::Sealing(spill) => spill.recv().map_err(|_| Stop::Elsewhere),
            Supply::Channel(_) => unreachable!("the plan spills what a global step reads"),
        };
        self.feeds.into_iter().map(sealed).collect()
    }
}

/// Where a node puts its rows: any number of channels, and at most one spill, which all later readers share.
#[derive(Default)]
pub(crate) struct Outlet {
    pub(crate) channels: Vec<Channel>,
    pub(crate) spill: Option<SpillWriter>,
    /// Nodes of this stage that read the spill when it is sealed.
    pub(crate) awaiting: Vec<Sender<Arc<Spill>>>,
    /// Where what waits in channels is counted.
    pub(crate) flight: Option<Arc<Flight>>,
    /// Where some of the rows go.
    pub(crate) fork: Option<Fork>,
    /// Numbers rows, if branches that part here are zipped.
    pub(crate) stamps: Option<Stamps>,
    /// Whether something waits to hear of each batch, though none of its rows are left.
    pub(crate) in_step: bool,
    /// What looks on, if anything does.
    pub(crate) tap: Option<Tapped>,
    /// Notes how many rows of each batch take the route that leads here.
    pub(crate) lengths: Option<Lengths>,
    /// Rows that the reader of the first channel has; `None` once any were sent.
    pub(crate) had: Option<Had>,
}

/// Numbers rows from 0 on, in a hidden column behind the others.
pub(crate) struct Stamps {
    schema: SchemaRef,
    next: u64,
}

impl Stamps {
    /// For rows with these columns, of which the last is that of the numbers.
    pub(crate) fn new(schema: SchemaRef) -> Stamps {
        Stamps { schema, next: 0 }
    }

    fn stamped(&mut self, batch: &Batch) -> Result<Batch, Stop> {
        let first = self.next;
        self.next += batch.len() as u64;
        let numbers = Arc::new(UInt64Array::from_iter_values(first..self.next));
        batch.with_column(&self.schema, numbers).map_err(|error| bug(&error).into())
    }
}

impl Outlet {
    /// Hands a batch to everyone who reads it; waits while one of them is behind.
    pub(crate) fn send(&mut self, batch: &Batch) -> Result<(), Stop> {
        if batch.is_empty() {
            return if self.in_step && !batch.more { self.send_on(batch) } else { Ok(()) };
        }
        self.had = None;
        self.show(batch)?;
        let stamped = self.stamps.as_mut().map(|stamps| stamps.stamped(batch)).transpose()?;
        // Where branches part, each batch is a whole one, unless it is a part of what parted before.
        let stamped = stamped.map(|batch| Batch { more: batch.more && self.in_step, ..batch });
        let batch = stamped.as_ref().unwrap_or(batch);
        if let Some(spill) = &mut self.spill {
            spill.push(batch).map_err(|error| RunError::unwritten("write rows between stages", &error))?;
        }
        self.send_on(batch)
    }

    /// How many of the next rows need not be sent: everything that reads them has them.
    pub(crate) fn had(&mut self) -> u64 {
        let has_one = self.has_one_reader();
        self.had.as_mut().filter(|_| has_one).map_or(0, Had::left)
    }

    /// Whether nothing was sent or passed over yet, and what reads it has a say.
    pub(crate) fn is_untouched(&self) -> bool {
        self.has_one_reader() && self.had.as_ref().is_some_and(Had::is_whole)
    }

    /// Says how many rows the only reader has by now, such that a process that resumes the run finds them; `None` if it has no say, or some
    /// were passed over.
    pub(crate) fn written(&self) -> Option<impl Fn() -> u64 + use<>> {
        self.had.as_ref().filter(|_| self.is_untouched()).map(Had::written)
    }

    /// Whether one channel leads to everything that reads or sees the rows.
    fn has_one_reader(&self) -> bool {
        let is_only = self.channels.len() == 1 && self.spill.is_none() && self.fork.is_none();
        is_only && self.stamps.is_none() && self.tap.is_none() && self.lengths.is_none()
    }

    /// Passes over rows of [`Outlet::had`].
    pub(crate) fn pass(&mut self, rows: u64) {
        if let Some(had) = &mut self.had {
            had.pass(rows);
        }
    }

    fn show(&self, batch: &Batch) -> Result<(), Stop> {
        Ok(self.tap.as_ref().map_or(Ok(()), |tap| tap.put_out(batch))?)
    }

    fn send_on(&mut self, batch: &Batch) -> Result<(), Stop> {
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
        self.channels.iter().try_for_each(|channel| channel.send(Some(batch.clone())))
    }

    /// Whether rows that lie in other spills are to be read for [`Outlet::refer`]; `None` if they cannot be put out so, since
    /// nothing is spilled.
    pub(crate) fn reads_to_refer(&self) -> Option<bool> {
        // Numbers of rows lie nowhere else.
        let spill = self.spill.as_ref().filter(|_| self.stamps.is_none());
        let tapped = self.tap.as_ref().is_some_and(Tapped::wants);
        spill.map(|spill| spill.digests() || !self.channels.is_empty() || self.fork.is_some() || tapped)
    }

    /// As [`Outlet::send`], of rows that lie in other spills: they are not written again. `rows` are the same, read.
    pub(crate) fn refer(&mut self, view: &SpillView, rows: Option<&Batch>) -> Result<(), Stop> {
        if let Some(spill) = &mut self.spill {
            spill.refer(view, rows).map_err(|error| RunError::unwritten("write rows between stages", &error))?;
        }
        let Some(rows) = rows else { return Ok(()) };
        self.had = None;
        self.show(rows)?;
        if let Some(fork) = &mut self.fork {
            fork.send(rows, self.flight.as_ref())?;
        }
        self.channels.iter().try_for_each(|channel| channel.send(Some(rows.clone())))
    }

    /// Notes how many rows of a batch took the route that leads here.
    fn note(&mut self, rows_in: u64, rows_out: u64) -> Result<(), Stop> {
        let length = Length { rows_in, rows_out, ..Length::default() };
        Ok(self.lengths.iter_mut().try_for_each(|lengths| lengths.batch(length)).map_err(|error| unnoted(&error))?)
    }

    /// Ends the rows of a feed; spills are sealed.
    pub(crate) fn end(self, feed: Feed) -> Result<Left, Stop> {
        if let Some(mut lengths) = self.lengths {
            lengths.end().map_err(|error| unnoted(&error))?;
        }
        let mut left = self.fork.map_or_else(|| Ok(Left::default()), Fork::end)?;
        let spill = self.spill.map(SpillWriter::seal).map(Arc::new);
        for reader in &self.awaiting {
            let spill = spill.clone().expect("only a spill is awaited");
            reader.send(spill).map_err(|_| Stop::Elsewhere)?;
        }
        for channel in &self.channels {
            channel.send(None)?;
        }
        left.spills.extend(spill.map(|spill| (feed, spill)));
        Ok(left)
    }
}

/// Lengths could not be noted.
pub(crate) fn unnoted(error: &std::io::Error) -> RunError {
    RunError::unwritten("write to the run's folder", error)
}

/// An error of Arrow's where everything had been checked.
pub(crate) fn bug(error: &arrow::error::ArrowError) -> RunError {
    RunError::new(Class::Bug, format!("unexpected: {error}"))
}
