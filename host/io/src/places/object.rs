//! An object of a place: its size and version, and ranges of its bytes.

use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore};
use rustix::process::{Resource, getrlimit};
use tokio::sync::Semaphore;

use super::client::pause;
use super::fault::{Doing, Fault};
use super::net::{self, Pending};
use super::pieces::{Gathering, Pieces};
use super::web;
use crate::error::ErrorKind;
use crate::stop::Stop;
use callboard_words::address::Address;

/// How many ranges are fetched at the same time, of all objects together. Each has a connection: they take at most this part of the files
/// that the process may have open.
const AT_ONCE: u64 = 512;
const OF_FILES: u64 = 4;
static TURNS: LazyLock<Semaphore> = LazyLock::new(|| {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    Semaphore::new((files / OF_FILES).clamp(16, AT_ONCE) as usize)
});

/// How often a range is continued without a byte having come.
const TRIES: u32 = 6;

/// What is fetched whole, and ahead of its turn: objects of up to this many bytes.
pub(super) const SMALL: u64 = 1 << 20;
/// What is fetched of the beginning of a larger one, and of any one's end, where footers are, bytes.
pub(super) const START: u64 = 256 << 10;
pub(super) const TAIL: u64 = 64 << 10;
/// What of these is kept for whoever reads them again, bytes, of all objects together.
const KEPT: u64 = 96 << 20;
static HELD: AtomicU64 = AtomicU64::new(0);

/// What of an object is fetched before it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum First {
    /// Its beginning, for what is read from there on: all of it, if it is small.
    Start,
    /// All of it, if it is small.
    Whole,
    /// Its end, for a format that has a footer and is read here and there.
    Tail,
}

/// Room for bytes that are kept, until it is dropped.
pub(super) struct Room(u64);

impl Room {
    /// None if there is no room.
    pub(super) fn take(bytes: u64) -> Option<Room> {
        let taken = HELD.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
            held.checked_add(bytes).filter(|held| *held <= KEPT)
        });
        taken.ok().map(|_| Room(bytes))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        HELD.fetch_sub(self.0, Ordering::Relaxed);
    }
}

/// A part of an object that is read first.
#[derive(Default)]
enum Part {
    #[default]
    Unknown,
    Coming {
        pending: Pending<Pieces>,
        _room: Option<Room>,
    },
    Kept {
        bytes: Bytes,
        _room: Option<Room>,
    },
}

/// The bytes of a part, or the work that fetches them.
pub(super) enum Found {
    Coming(Pending<Pieces>),
    Here(Pieces),
}

/// How an object is reached.
#[derive(Clone)]
pub(super) enum Via {
    Store(Arc<dyn ObjectStore>, Path),
    Web(web::Page),
}

/// An object that was found.
pub(crate) struct Object {
    pub(super) address: Address,
    pub(super) via: Via,
    pub(super) size: u64,
    /// What changes when it does: its ETag.
    pub(super) version: Option<String>,
    /// Its beginning: all of it, if it is small.
    start: Mutex<Part>,
    tail: Mutex<Part>,
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.address, self.size)
    }
}

impl Object {
    pub(super) fn new(address: Address, via: Via, size: u64, version: Option<String>) -> Object {
        Object { address, via, size, version, start: Mutex::default(), tail: Mutex::default() }
    }

    /// As a store lists it.
    pub(super) fn of_meta(address: &Address, store: &Arc<dyn ObjectStore>, meta: ObjectMeta) -> Object {
        let address = address.with_key(meta.location.as_ref());
        Object::new(address, Via::Store(store.clone(), meta.location), meta.size, meta.e_tag.or(meta.version))
    }

    /// Whether ranges of it can be asked for.
    pub(super) fn has_ranges(&self) -> bool {
        match &self.via {
            Via::Store(..) => true,
            Via::Web(page) => page.ranges,
        }
    }

    /// The part that is read first, if there is one, and it is fetched ahead.
    fn first(&self, first: First) -> Option<(&Mutex<Part>, Range<u64>)> {
        match first {
            First::Start | First::Whole if self.size == 0 => None,
            First::Start | First::Whole if self.size <= SMALL => Some((&self.start, 0..self.size)),
            First::Tail if self.size <= TAIL => self.first(First::Whole),
            First::Start if self.has_ranges() => Some((&self.start, 0..START)),
            First::Tail if self.has_ranges() => Some((&self.tail, self.tail_at()..self.size)),
            _ => None,
        }
    }

    /// Begins to fetch the first part of an object, if that has not begun. What it takes is returned; 0 if nothing is fetched.
    pub(super) fn fetch_ahead(self: &Arc<Object>, first: First) -> u64 {
        self.fetch_into(first, None)
    }

    /// The same if what is fetched can be kept. Whether it can.
    pub(super) fn fetch_to_keep(self: &Arc<Object>, first: First) -> bool {
        let Some((_, range)) = self.first(first) else { return true };
        Room::take(range.end - range.start).is_some_and(|room| self.fetch_into(first, Some(room)) > 0)
    }

    fn fetch_into(self: &Arc<Object>, first: First, room: Option<Room>) -> u64 {
        let Some((part, range)) = self.first(first) else { return 0 };
        let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*part, Part::Unknown) {
            // Whatever fails here fails again when it is read, and is reported then.
            *part = self.fetch(range.clone()).map_or(Part::Unknown, |pending| Part::Coming { pending, _room: room });
        }
        range.end - range.start
    }

    /// What is fetched ahead of it, bytes.
    pub(super) fn ahead(&self, first: First) -> u64 {
        self.first(first).map_or(0, |(_, range)| range.end - range.start)
    }

    /// Where its end begins.
    pub(super) fn tail_at(&self) -> u64 {
        self.size.saturating_sub(TAIL)
    }

    /// Its end, which is kept for whoever reads it again.
    pub(super) fn read_tail(self: &Arc<Object>, stop: &Stop) -> io::Result<Bytes> {
        let bytes = match take(&self.tail, true) {
            Some(Found::Here(bytes)) => return Ok(bytes.whole()),
            Some(Found::Coming(pending)) => pending.wait(stop)?,
            None => self.fetch(self.tail_at()..self.size)?.wait(stop)?,
        }
        .whole();
        keep(&self.tail, &bytes);
        Ok(bytes)
    }

    /// Its beginning, if it was asked for, and how long that is; whoever looks at it leaves there what is kept.
    pub(super) fn take_start(&self, looks: bool) -> Option<(Found, u64)> {
        let start = take(&self.start, looks)?;
        let length = match &start {
            Found::Here(bytes) => bytes.len() as u64,
            Found::Coming(_) => self.ahead(First::Start),
        };
        Some((start, length))
    }

    /// Waits for its beginning, which stays there, if it was asked for. Whether it is there.
    pub(super) fn arrive(&self, stop: &Stop) -> bool {
        let lock = || self.start.lock().unwrap_or_else(PoisonError::into_inner);
        let part = std::mem::take(&mut *lock());
        let part = match part {
            // Whatever fails here fails again when it is read, and is reported then.
            Part::Coming { pending, _room } => match pending.wait(stop) {
                Ok(bytes) => Part::Kept { bytes: bytes.whole(), _room },
                Err(_) => Part::Unknown,
            },
            part => part,
        };
        let is_there = matches!(part, Part::Kept { .. });
        *lock() = part;
        is_there
    }

    /// Keeps its beginning for whoever reads it again, if there is room.
    pub(super) fn keep_start(&self, bytes: &Pieces) {
        keep(&self.start, &bytes.whole());
    }

    /// The same, of what was found with the object itself.
    pub(super) fn with_first(mut self, first: First, bytes: Bytes, room: Room) -> Object {
        let is_tail = first == First::Tail && self.size > TAIL;
        let part = if is_tail { &mut self.tail } else { &mut self.start };
        *part.get_mut().unwrap_or_else(PoisonError::into_inner) = Part::Kept { bytes, _room: Some(room) };
        self
    }

    /// Begins to fetch a range that lies within the object.
    pub(super) fn fetch(self: &Arc<Object>, range: Range<u64>) -> Result<Pending<Pieces>, Fault> {
        let object = self.clone();
        net::begin(format!("`{}`", self.address), async move { object.range(range).await })
    }

    /// What the server says when it is asked for a byte, if it refuses.
    pub(super) async fn refusal(&self) -> Option<Fault> {
        self.body(0..1).await.err().filter(|fault| fault.is_answer)
    }

    async fn range(&self, range: Range<u64>) -> Result<Pieces, Fault> {
        let _turn = TURNS.acquire().await;
        let wanted = (range.end - range.start) as usize;
        let (mut bytes, mut tries) = (Gathering::new(wanted, SMALL as usize), 0);
        loop {
            let before = bytes.len();
            let rest = range.start + before as u64..range.end;
            let why = match self.body(rest).await {
                Ok(body) => match gather(body, &mut bytes).await {
                    Ok(()) if bytes.len() == wanted => return Ok(bytes.end()),
                    Ok(()) => "the answer ends too early".to_owned(),
                    Err(Broken::Over) => {
                        let message = "the server sends more than it was asked for";
                        return Err(Fault::new(ErrorKind::System, message));
                    }
                    Err(Broken::Off(why)) => why,
                },
                Err(fault) => return Err(fault),
            };
            tries = if bytes.len() > before { 1 } else { tries + 1 };
            if tries > TRIES {
                let message = format!("the connection broke again and again: {why}");
                let fault = Fault::new(ErrorKind::System, message);
                return Err(fault.help("check the network; what is done is not done twice"));
            }
            tokio::time::sleep(pause(tries)).await;
        }
    }

    async fn body(&self, range: Range<u64>) -> Result<Body, Fault> {
        let (store, key) = match &self.via {
            Via::Web(page) => return page.body(&self.address, range).await,
            Via::Store(store, key) => (store, key),
        };
        let options = GetOptions {
            range: Some(GetRange::Bounded(range)),
            if_match: self.version.clone(),
            ..GetOptions::default()
        };
        let found = store.get_opts(key, options).await;
        let found = found.map_err(|error| Fault::of_store(&error, &self.address, Doing::Read))?;
        let bare = |version: &str| version.trim_matches('"').to_owned();
        let now = found.meta.e_tag.as_deref().map(bare);
        if now.is_some() && self.version.as_deref().is_some_and(|version| now != Some(bare(version))) {
            return Err(Fault::changed());
        }
        if found.meta.size != self.size {
            let message = format!("it had {} bytes, and has {}", self.size, found.meta.size);
            return Err(Fault::new(ErrorKind::Data, message).help("run the pipeline again"));
        }
        Ok(found.into_stream().map(|bytes| bytes.map_err(|error| super::fault::one_line(&error.to_string()))).boxed())
    }
}

fn take(part: &Mutex<Part>, looks: bool) -> Option<Found> {
    let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
    match &*part {
        Part::Kept { bytes, .. } if looks => Some(Found::Here(bytes.clone().into())),
        _ => match std::mem::take(&mut *part) {
            Part::Unknown => None,
            Part::Coming { pending, .. } => Some(Found::Coming(pending)),
            Part::Kept { bytes, .. } => Some(Found::Here(bytes.into())),
        },
    }
}

fn keep(part: &Mutex<Part>, bytes: &Bytes) {
    let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
    if let (Part::Unknown, Some(room)) = (&*part, Room::take(bytes.len() as u64)) {
        *part = Part::Kept { bytes: bytes.clone(), _room: Some(room) };
    }
}

/// Bytes as they come, until the connection breaks, and why it did.
pub(super) type Body = BoxStream<'static, Result<Bytes, String>>;

enum Broken {
    /// There is more than was asked for.
    Over,
    /// It broke off.
    Off(String),
}

async fn gather(mut body: Body, bytes: &mut Gathering) -> Result<(), Broken> {
    while let Some(more) = body.next().await {
        if !bytes.push(more.map_err(Broken::Off)?) {
            return Err(Broken::Over);
        }
    }
    Ok(())
}
