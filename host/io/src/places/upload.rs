//! An output on its way into a store: sent in parts while it is written, invisible until the run commits.
//!
//! The file that is staged on the disk is what counts; parts are copies of its beginning. What has been sent is written down after each
//! part ([`Record`]), so that a run that is resumed continues there, and a run that is removed leaves nothing behind. An upload is written
//! down as begun before it begins: one whose identifier nobody has read is found by its key.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use bytes::{Bytes, BytesMut};
use callboard_words::address::Scheme;
use callboard_words::{Help, Setting};
use object_store::PutPayload;
use object_store::list::PaginatedListOptions;
use object_store::multipart::PartId;
use serde::{Deserialize, Serialize};

use super::access::Access;
use super::client::pause;
use super::fault::Fault;
use super::net::Pending;
use super::written::{LARGE, StorePlace};
use crate::error::{ErrorKind, IoError};
use crate::stop::{Stop, Stopped, was_stopped};

/// The first thousand parts have this size; the next thousand twice as much, and so on up to the largest.
const PART: u64 = 8 << 20;
const LARGEST: u64 = 64 << 20;
/// How many parts are sent at once, and how many bytes of them if there are several; of a file that is sent beside others, less.
const SENDERS: usize = 4;
const SENDING: u64 = 32 << 20;
const SENDING_EACH: u64 = LARGE;
/// The most parts that an upload has.
const PARTS: usize = 10_000;
/// How often what may be made twice is tried.
const TRIES: u32 = 5;

/// The size of a part, by its number from 0.
fn size(part: usize) -> u64 {
    (PART << (part / 1000).min(8)).min(LARGEST)
}

/// Where a part begins.
fn start(part: usize) -> u64 {
    (0..part / 1000).map(|thousand| 1000 * size(1000 * thousand)).sum::<u64>() + (part % 1000) as u64 * size(part)
}

/// What is written down of an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    address: String,
    anonymous: bool,
    endpoint: Option<String>,
    region: Option<String>,
    /// The SHA-256 of what is sent, if all of it was there before.
    #[serde(default)]
    of: Option<String>,
    /// `None` until the store has given one.
    pub(super) id: Option<String>,
    /// What the store calls each part that it has, up to the first that it has not, and those behind that one.
    parts: Vec<String>,
    #[serde(default)]
    behind: BTreeMap<usize, String>,
}

impl Record {
    fn of(place: &StorePlace, sha256: Option<String>) -> Record {
        let Access { anonymous, endpoint, region } = place.access.clone();
        let address = place.address.to_string();
        Record {
            address,
            anonymous,
            endpoint,
            region,
            of: sha256,
            id: None,
            parts: Vec::new(),
            behind: BTreeMap::new(),
        }
    }

    /// The address of its place, as whoever wrote it down has it.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Whether it is about the same place, reached in the same way.
    pub(super) fn is_of(&self, place: &StorePlace) -> bool {
        let begun = Record { id: None, parts: Vec::new(), behind: BTreeMap::new(), ..self.clone() };
        begun == Record::of(place, self.of.clone())
    }
}

/// What an output is, beside its size: what tells it from another in its place.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Known<'a> {
    /// By the [digest](crate::file_digest) of its file.
    Digest(u128),
    /// By its SHA-256, in hexadecimal.
    Sha256(&'a str),
}

/// What writes a record down, whole, before it returns.
pub type Keep = Box<dyn Fn(&[u8]) -> io::Result<()> + Send + Sync>;

impl StorePlace {
    /// Begins the upload, or continues the one of a record that was kept. A file that is complete before it is sent has its `sha256`: an
    /// upload of another one is not continued.
    pub(crate) fn begin(
        &self,
        sha256: Option<&str>,
        kept: Option<&[u8]>,
        keep: Keep,
        stop: &Stop,
    ) -> Result<Upload, IoError> {
        let record = match kept.and_then(|kept| self.record(kept)) {
            Some(kept) if kept.id.is_some() && kept.of.as_deref() == sha256 => kept,
            kept => {
                kept.map_or(Ok(()), |kept| self.abort(&kept, stop))?;
                Record::of(self, sha256.map(str::to_owned))
            }
        };
        let state = State {
            most: if sha256.is_some() { SENDING_EACH } else { SENDING },
            claimed: record.parts.len(),
            record,
            sending: 0,
            file: None,
            reached: 0,
            ended: false,
            closed: false,
            looked: None,
            spare: Vec::new(),
            failed: None,
        };
        let shared =
            Shared { place: self.clone(), keep, stop: stop.clone(), state: Mutex::new(state), changed: Condvar::new() };
        if shared.state().record.id.is_none() {
            shared.renew().map_err(|error| self.failed(&error))?;
        }
        Ok(Upload { shared: Arc::new(shared), senders: Mutex::default() })
    }
}

/// An output on its way into a store. When it is dropped, it can be continued from its record.
pub struct Upload {
    shared: Arc<Shared>,
    senders: Mutex<Vec<JoinHandle<()>>>,
}

impl std::fmt::Debug for Upload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Upload({})", self.shared.place.address)
    }
}

struct Shared {
    place: StorePlace,
    keep: Keep,
    stop: Stop,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    record: Record,
    /// Parts from here on are sent by nobody yet. The bytes of those that are on their way.
    claimed: usize,
    sending: u64,
    /// How many bytes may be on their way.
    most: u64,
    /// What is staged.
    file: Option<Arc<File>>,
    /// How far it is written.
    reached: u64,
    /// Whether nothing more is written.
    ended: bool,
    /// Whether nobody sends it any more.
    closed: bool,
    /// The size of what is in the place, asked for ahead.
    looked: Option<Pending<Option<u64>>>,
    /// Memory of parts that were sent, for those that follow.
    spare: Vec<BytesMut>,
    failed: Option<io::Error>,
}

impl State {
    /// The next part to send, if the file has it: its number and range.
    fn next(&self) -> Option<(usize, Range<u64>)> {
        let part = (self.claimed..).find(|part| !self.record.behind.contains_key(part))?;
        let begin = start(part);
        let end = begin + size(part);
        match self.reached >= end {
            true => Some((part, begin..end)),
            false => (self.ended && begin < self.reached).then_some((part, begin..self.reached)),
        }
    }

    /// The same, if there is room for it beside those that are being sent.
    fn claim(&mut self) -> Option<(usize, Range<u64>)> {
        self.record.id.as_ref()?;
        let (part, range) = self.next()?;
        let bytes = range.end - range.start;
        if self.sending > 0 && self.sending + bytes > self.most {
            return None;
        }
        (self.claimed, self.sending) = (part + 1, self.sending + bytes);
        Some((part, range))
    }

    /// Whether the store has all of it.
    fn is_sent(&self) -> bool {
        self.ended && start(self.record.parts.len()) >= self.reached
    }

    /// It begins again, in another upload or with fewer parts.
    fn begin_again(&mut self, record: Record) {
        self.claimed = record.parts.len();
        self.record = record;
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the record down as it is.
    fn keep(&self, record: &Record) -> io::Result<()> {
        (self.keep)(&serde_json::to_vec(record)?)
    }

    /// Begins an upload in place of the one that is written down, which has ended.
    fn renew(&self) -> io::Result<()> {
        let mut record = Record::of(&self.place, self.state().record.of.clone());
        self.keep(&record)?;
        if self.place.address.scheme == Scheme::Azure {
            self.find_container()?;
        }
        let id = self.place.ask(&self.stop, |place| async move {
            place.store.uploads.create_multipart(&place.key).await.map_err(|error| place.fault(&error))
        })?;
        record.id = Some(id);
        self.keep(&record)?;
        self.state().begin_again(record);
        Ok(())
    }

    /// An error if there is no such container. Azure begins no uploads, and to a part it says so while that is still being sent.
    fn find_container(&self) -> io::Result<()> {
        let listed = self.place.ask(&self.stop, |place| async move {
            let options = PaginatedListOptions { max_keys: Some(1), ..PaginatedListOptions::default() };
            let listed = place.store.listing.list_paginated(Some(place.key.as_ref()), options).await;
            listed.map(drop).map_err(|error| place.fault(&error))
        });
        match listed {
            Err(error) if Fault::of(&error).is_some_and(|fault| fault.status == Some(404)) => Err(error),
            // Whoever may write need not be one who may list.
            _ => Ok(()),
        }
    }

    /// Sends parts until all are sent and the upload is closed.
    fn send(&self) {
        let mut state = self.state();
        while !state.closed {
            let file = state.file.clone().filter(|_| state.failed.is_none());
            let Some((file, (part, range))) = file.and_then(|file| Some((file, state.claim()?))) else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let (id, bytes) = (state.record.id.clone().unwrap_or_default(), range.end - range.start);
            let memory = state.spare.pop().unwrap_or_default();
            drop(state);
            let (sent, memory) = match self.read_part(&file, part, range, memory) {
                Ok(read) => (self.send_part(part, &read, &id), read.try_into_mut().ok()),
                Err(error) => (Err(error), None),
            };
            state = self.state();
            state.sending -= bytes;
            state.spare.extend(memory);
            // It may have begun again meanwhile.
            let is_of_this = state.record.id.as_ref() == Some(&id) && state.record.parts.len() <= part;
            let noted = match sent {
                Ok(Sent::Part(name)) if is_of_this => self.note(&mut state, part, name),
                Ok(Sent::Gone) if is_of_this => {
                    // Others find the same; one of them is enough to begin again.
                    state.record.id = None;
                    drop(state);
                    let begun = self.renew();
                    state = self.state();
                    begun
                }
                Ok(_) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = noted {
                state.failed.get_or_insert(error);
            }
            self.changed.notify_all();
        }
        let file = state.file.take();
        drop(state);
        drop(file);
    }

    /// Writes down that the store has a part, and those behind it that it had already.
    fn note(&self, state: &mut State, part: usize, name: String) -> io::Result<()> {
        let record = &mut state.record;
        record.behind.insert(part, name);
        while let Some(name) = record.behind.remove(&record.parts.len()) {
            record.parts.push(name);
        }
        self.keep(record)
    }

    fn read_part(&self, file: &File, part: usize, range: Range<u64>, mut memory: BytesMut) -> io::Result<Bytes> {
        if part >= PARTS {
            let message =
                format!("the output has more than {} GiB, the most that is uploaded as one", start(PARTS) >> 30);
            return Err(Fault::new(ErrorKind::Limit, message).help("write it to several outputs").into());
        }
        let bytes = (range.end - range.start) as usize;
        match memory.is_empty() {
            true => memory = BytesMut::zeroed(bytes),
            false => memory.resize(bytes, 0),
        }
        file.read_exact_at(&mut memory, range.start)?;
        Ok(memory.freeze())
    }

    fn send_part(&self, part: usize, bytes: &Bytes, id: &str) -> io::Result<Sent> {
        let (bytes, id) = (bytes.clone(), id.to_owned());
        let sent = self.place.ask(&self.stop, |place| async move {
            let payload = PutPayload::from_bytes(bytes);
            let sent = place.store.uploads.put_part(&place.key, &id, part, payload).await;
            sent.map_err(|error| place.fault(&error))
        });
        match sent {
            Ok(PartId { content_id }) => Ok(Sent::Part(content_id)),
            // Azure has no uploads that could be gone: there it is the container that is missing.
            Err(error)
                if self.place.address.scheme != Scheme::Azure
                    && Fault::of(&error).is_some_and(|fault| fault.status == Some(404)) =>
            {
                Ok(Sent::Gone)
            }
            Err(error) => Err(error),
        }
    }
}

/// What is in the place of an upload that was to be completed.
enum Completed {
    /// What it sent.
    Now,
    /// The same, put there by other means: the upload is of no use.
    Otherwise,
    /// Something else, which is not replaced.
    Taken,
}

/// What happened to a part.
enum Sent {
    /// What the store calls it.
    Part(String),
    /// There is no such upload: somebody has removed it, or the store has, since it was old.
    Gone,
}

/// Tells an upload how far the file that it follows is written.
pub(crate) struct Follower(Arc<Shared>);

impl Follower {
    /// The file is written as far as this.
    ///
    /// # Errors
    /// What went wrong while parts were sent.
    pub(crate) fn reached(&self, bytes: u64, ended: bool) -> io::Result<()> {
        let mut state = self.0.state();
        if let Some(error) = &state.failed {
            return Err(same(error));
        }
        let had = state.next().is_some();
        (state.reached, state.ended) = (bytes, ended);
        if !had && state.next().is_some() {
            self.0.changed.notify_all();
        }
        Ok(())
    }
}

/// Whether an upload, or a part of it, is not there: S3 has no such upload, Azure a list with blocks that it does not know.
fn is_gone(error: &io::Error) -> bool {
    Fault::of(error).is_some_and(|fault| matches!(fault.status, Some(400 | 404)))
}

/// An error that is reported more than once.
fn same(error: &io::Error) -> io::Error {
    match (Fault::of(error), was_stopped(error)) {
        (Some(fault), _) => fault.clone().into(),
        (_, true) => io::Error::other(Stopped),
        _ => match error.raw_os_error() {
            Some(number) => io::Error::from_raw_os_error(number),
            None => io::Error::new(error.kind(), error.to_string()),
        },
    }
}

impl Upload {
    /// Follows a file that is staged, and holds `bytes` bytes of what was written before. Parts of more than that are sent again.
    pub(crate) fn follow(&self, file: &File, bytes: u64, ended: bool) -> io::Result<Follower> {
        let shared = &self.shared;
        let mut state = shared.state();
        let there = state.record.parts.len();
        let is_whole = |part: usize| ended && start(part) < bytes || start(part + 1) <= bytes;
        let whole = (0..there).take_while(|part| is_whole(*part)).count();
        if whole < there || !state.record.behind.keys().all(|part| is_whole(*part)) {
            let mut record = state.record.clone();
            record.parts.truncate(whole);
            record.behind.retain(|part, _| whole == there && is_whole(*part));
            shared.keep(&record)?;
            state.begin_again(record);
        }
        state.file = Some(Arc::new(file.try_clone()?));
        (state.reached, state.ended) = (bytes, ended);
        drop(state);
        shared.changed.notify_all();
        let mut senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        let most = match ended {
            true => (0..SENDERS).take_while(|part| start(*part) < bytes).count(),
            false => SENDERS,
        };
        for _ in senders.len()..most {
            let sending = shared.clone();
            match thread::Builder::new().name("upload".to_owned()).spawn(move || sending.send()) {
                Ok(sender) => senders.push(sender),
                // Those that are there do its work.
                Err(_) if !senders.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        Ok(Follower(shared.clone()))
    }

    /// Asks what is in the place, whose answer [`complete`](Self::complete) waits for if nothing there is replaced.
    pub(crate) fn look(&self) -> Result<(), IoError> {
        let mut state = self.shared.state();
        if state.looked.is_none() {
            let looked = self.shared.place.begin_size();
            state.looked = Some(looked.map_err(|fault| self.shared.place.failed(&fault.into()))?);
        }
        Ok(())
    }

    /// Whether it follows a file.
    pub(crate) fn follows(&self) -> bool {
        self.shared.state().file.is_some()
    }

    /// Waits until the store has all of the file.
    ///
    /// # Errors
    /// What went wrong while parts were sent.
    pub fn wait(&self) -> Result<(), IoError> {
        let mut state = self.shared.state();
        loop {
            if let Some(error) = &state.failed {
                return Err(self.shared.place.failed(error));
            }
            if state.is_sent() {
                return Ok(());
            }
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Makes the object appear, whole. One that appeared already, and is this, is right, too.
    pub(crate) fn complete(&self, bytes: u64, known: Known<'_>, replace: bool) -> Result<(), IoError> {
        let place = &self.shared.place;
        self.wait()?;
        let mut completed = self.complete_now(bytes, known, replace);
        if completed.as_ref().is_err_and(is_gone) {
            // A rule of the store has removed the parts meanwhile: they are sent again.
            self.shared.renew().map_err(|error| place.failed(&error))?;
            self.shared.changed.notify_all();
            self.wait()?;
            completed = self.complete_now(bytes, known, replace);
        }
        match completed.map_err(|error| place.failed(&error))? {
            Completed::Now => Ok(()),
            Completed::Otherwise => self.abort(),
            Completed::Taken => Err(IoError::spec("this is there already")
                .in_file(place.path())
                .with_help(Help::from("to replace it, ").set(Setting::Overwrite))),
        }
    }

    fn complete_now(&self, bytes: u64, known: Known<'_>, replace: bool) -> io::Result<Completed> {
        let Shared { place, stop, .. } = &*self.shared;
        let looked = self.shared.state().looked.take();
        let size = || looked.map_or_else(|| place.size(stop), |looked| looked.wait(stop));
        if !replace && size()?.is_some() {
            let is_this = place.has(bytes, known, stop)?;
            return Ok(if is_this { Completed::Otherwise } else { Completed::Taken });
        }
        let record = self.shared.state().record.clone();
        if bytes == 0 {
            place.put(Bytes::new(), replace, stop)?;
            return Ok(Completed::Otherwise);
        }
        let sent = place.ask(stop, |place| async move {
            let parts = || record.parts.iter().map(|name| PartId { content_id: name.clone() }).collect();
            let id = record.id.clone().unwrap_or_default();
            let mut tries = 0;
            loop {
                tries += 1;
                let done = place.store.uploads.complete_multipart(&place.key, &id, parts()).await;
                match done.map_err(|error| place.fault(&error)) {
                    Ok(_) => return Ok(()),
                    Err(fault) if fault.is_answer || tries == TRIES => return Err(fault),
                    Err(_) => tokio::time::sleep(pause(tries)).await,
                }
            }
        });
        match sent {
            // It had been completed before, and nobody heard of it.
            Err(error) if is_gone(&error) && place.has(bytes, known, stop)? => Ok(Completed::Now),
            sent => sent.map(|()| Completed::Now),
        }
    }

    /// Closes the file that it followed, which has been removed, beside what is done next: to free a large one takes its time.
    pub(crate) fn close(&self) {
        self.shared.state().closed = true;
        self.shared.changed.notify_all();
        // Nobody waits for them.
        self.senders.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Ends the upload for good.
    ///
    /// # Errors
    /// The store cannot be asked, or refuses.
    pub fn abort(&self) -> Result<(), IoError> {
        let record = self.shared.state().record.clone();
        // What was stopped is still to be cleared away.
        self.shared.place.abort(&record, &Stop::default())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.shared.state().closed = true;
        self.shared.changed.notify_all();
        for sender in self.senders.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = sender.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_follow_one_another_and_hold_much() {
        for part in [0, 1, 999, 1000, 1001, 1999, 2000, 5000, 9999] {
            assert_eq!(start(part + 1), start(part) + size(part), "{part}");
        }
        assert_eq!((start(1), size(9999)), (PART, LARGEST));
        assert!(start(PARTS) > 500_000_000_000);
    }
}
