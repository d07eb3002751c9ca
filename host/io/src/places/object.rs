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
use tokio::sync::Semaphore;

use super::client::pause;
use super::fault::{Doing, Fault};
use super::net::{self, Pending};
use super::web;
use crate::error::ErrorKind;
use crate::stop::Stop;
use callboard_words::address::Address;

/// How many ranges are fetched at the same time, of all objects together.
const AT_ONCE: usize = 256;
static TURNS: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(AT_ONCE));

/// How often a range is continued without a byte having come.
const TRIES: u32 = 6;

/// What is fetched whole, and ahead of its turn: objects of up to this many bytes.
pub(super) const SMALL: u64 = 1 << 20;
/// What is fetched of an object's end, where footers are, bytes.
pub(super) const TAIL: u64 = 64 << 10;
/// What of these is kept for whoever reads them again, bytes, of all objects together.
const KEPT: u64 = 16 << 20;
static TAILS: AtomicU64 = AtomicU64::new(0);

/// What of an object is fetched before it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum First {
    /// All of it, if it is small.
    Whole,
    /// Its end, for a format that has a footer and is read here and there.
    Tail,
}

/// The end of an object.
#[derive(Default)]
enum Tail {
    #[default]
    Unknown,
    Coming(Pending<Bytes>),
    Kept(Bytes),
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
    /// All of it, if it was asked for ahead.
    whole: Mutex<Option<Pending<Bytes>>>,
    tail: Mutex<Tail>,
}

impl Drop for Object {
    fn drop(&mut self) {
        if let Tail::Kept(bytes) = self.tail.get_mut().unwrap_or_else(PoisonError::into_inner) {
            TAILS.fetch_sub(bytes.len() as u64, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.address, self.size)
    }
}

impl Object {
    pub(super) fn new(address: Address, via: Via, size: u64, version: Option<String>) -> Object {
        Object { address, via, size, version, whole: Mutex::default(), tail: Mutex::default() }
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

    /// What is fetched ahead of it, bytes.
    pub(super) fn ahead(&self, first: First) -> u64 {
        match first {
            First::Whole if self.size <= SMALL => self.size,
            First::Whole => 0,
            First::Tail if self.has_ranges() => self.size.min(TAIL),
            First::Tail => 0,
        }
    }

    /// Begins to fetch the first part of an object, if that has not begun. What it takes is said; 0 if nothing is fetched.
    pub(super) fn fetch_ahead(self: &Arc<Object>, first: First) -> u64 {
        if first == First::Tail {
            let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
            if self.ahead(first) > 0 && matches!(*tail, Tail::Unknown) {
                *tail = self.fetch(self.tail_at()..self.size).map_or(Tail::Unknown, Tail::Coming);
            }
            return self.ahead(first);
        }
        let mut whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        if self.size > SMALL || self.size == 0 {
            return 0;
        }
        if whole.is_none() {
            // Whatever fails here fails again when it is read, and is reported then.
            *whole = self.fetch(0..self.size).ok();
        }
        self.size
    }

    /// Where its end begins.
    pub(super) fn tail_at(&self) -> u64 {
        self.size.saturating_sub(TAIL)
    }

    /// Its end.
    pub(super) fn read_tail(self: &Arc<Object>, stop: &Stop) -> io::Result<Bytes> {
        let known = std::mem::take(&mut *self.tail.lock().unwrap_or_else(PoisonError::into_inner));
        let bytes = match known {
            Tail::Kept(bytes) => {
                TAILS.fetch_sub(bytes.len() as u64, Ordering::Relaxed);
                bytes
            }
            Tail::Coming(pending) => pending.wait(stop)?,
            Tail::Unknown => self.fetch(self.tail_at()..self.size)?.wait(stop)?,
        };
        let length = bytes.len() as u64;
        if TAILS.fetch_add(length, Ordering::Relaxed) + length > KEPT {
            TAILS.fetch_sub(length, Ordering::Relaxed);
        } else {
            let before = std::mem::replace(
                &mut *self.tail.lock().unwrap_or_else(PoisonError::into_inner),
                Tail::Kept(bytes.clone()),
            );
            if let Tail::Kept(before) = before {
                TAILS.fetch_sub(before.len() as u64, Ordering::Relaxed);
            }
        }
        Ok(bytes)
    }

    /// All of it, as far as it was asked for.
    pub(super) fn take_ahead(&self) -> Option<Pending<Bytes>> {
        self.whole.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Begins to fetch a range that lies within the object.
    pub(super) fn fetch(self: &Arc<Object>, range: Range<u64>) -> Result<Pending<Bytes>, Fault> {
        let object = self.clone();
        net::begin(format!("`{}`", self.address), async move { object.range(range).await })
    }

    /// What the server says when it is asked for a byte, if it refuses.
    pub(super) async fn refusal(&self) -> Option<Fault> {
        self.body(0..1).await.err().filter(|fault| fault.is_answer)
    }

    async fn range(&self, range: Range<u64>) -> Result<Bytes, Fault> {
        let _turn = TURNS.acquire().await;
        let wanted = (range.end - range.start) as usize;
        let (mut bytes, mut tries) = (Vec::new(), 0);
        loop {
            let before = bytes.len();
            let rest = range.start + before as u64..range.end;
            let why = match self.body(rest).await {
                Ok(body) => match gather(body, &mut bytes, wanted).await {
                    Ok(()) if bytes.len() == wanted => return Ok(Bytes::from(bytes)),
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
        if found.meta.size != self.size {
            let message = format!("it had {} bytes, and has {}", self.size, found.meta.size);
            return Err(Fault::new(ErrorKind::Data, message).help("run the pipeline again"));
        }
        Ok(found.into_stream().map(|bytes| bytes.map_err(|error| super::fault::one_line(&error.to_string()))).boxed())
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

async fn gather(mut body: Body, bytes: &mut Vec<u8>, wanted: usize) -> Result<(), Broken> {
    while let Some(more) = body.next().await {
        let more = more.map_err(Broken::Off)?;
        if more.len() > wanted - bytes.len() {
            return Err(Broken::Over);
        }
        if bytes.capacity() < wanted {
            bytes.reserve_exact(wanted - bytes.len());
        }
        bytes.extend_from_slice(&more);
    }
    Ok(())
}
