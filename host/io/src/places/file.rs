//! An object that is open: its bytes in blocks, of which some are fetched before they are wanted.
//!
//! What is read from beginning to end comes in blocks that grow, several at a time. Whoever reads here and there says where
//! ([`RemoteFile::will_read`]), and has blocks of these ranges ahead; anything else is fetched when it is wanted.

use std::collections::VecDeque;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::fault::Fault;
use super::object::{First, Found, Object, SMALL, START};
use crate::stop::{Stop, Stopped, was_stopped};

/// The largest block, bytes.
const LARGEST: u64 = 4 << 20;
/// How many blocks are on their way, beside the one that is read.
const AHEAD: usize = 5;
/// What is fetched for a read at any other place, at least.
const LOOSE: u64 = 64 << 10;
/// How many of those are kept.
const KEPT: usize = 4;
/// What ranges that are announced may hold together, before and while they are read, bytes.
const ANNOUNCED: u64 = 24 << 20;
/// Ranges that lie closer than this are fetched as one.
const GAP: u64 = 64 << 10;

/// An open object. Clones share its blocks, and not the place where they read.
#[derive(Clone)]
pub(crate) struct RemoteFile {
    object: Arc<Object>,
    stop: Stop,
    at: u64,
    shared: Arc<Mutex<Shared>>,
}

/// How much of a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reads {
    /// Somebody looks at it, and its beginning is read again.
    Looks,
    /// All of it, most likely.
    Through,
}

#[derive(Default)]
struct Shared {
    /// All of it, if it is fetched as one.
    whole: Option<Region>,
    /// Ranges that were announced, the older ones first.
    announced: VecDeque<Vec<Region>>,
    /// What is read from one place on.
    stream: Option<Region>,
    /// Blocks of other places, the oldest first.
    loose: VecDeque<(u64, Bytes)>,
    /// Where the last read ended.
    end: u64,
    failed: Option<Failed>,
}

/// Why a read failed.
enum Failed {
    Stopped,
    Fault(Fault),
}

/// A range that is read from its beginning to its end, in blocks.
struct Region {
    range: Range<u64>,
    /// Where the next block begins.
    next: u64,
    size: u64,
    ahead: Ahead,
    /// Whether its first block is kept for whoever reads it again.
    keeps: bool,
    /// Blocks that were dropped, since they had been read.
    passed: usize,
    /// Blocks without gaps, up to `next`.
    blocks: VecDeque<Block>,
}

/// How many blocks are fetched before they are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ahead {
    /// All of them, and none is dropped: several parts of the range are read side by side.
    All,
    One,
    /// Some, none of them before the third block is read; and blocks grow.
    Grows,
    /// Some from the beginning on; and blocks grow.
    Streams,
}

struct Block {
    range: Range<u64>,
    bytes: Found,
}

impl Region {
    fn new(range: Range<u64>, size: u64, ahead: Ahead) -> Region {
        Region { next: range.start, range, size: size.max(1), ahead, keeps: false, passed: 0, blocks: VecDeque::new() }
    }

    /// The same, of which the first block was asked for already.
    fn beginning_with(mut self, first: Found, length: u64) -> Region {
        let range = self.range.start..self.range.start + length;
        self.next = range.end;
        self.size = self.size.max(length.saturating_mul(2)).min(LARGEST);
        self.blocks.push_back(Block { range, bytes: first });
        self
    }

    /// Begins to fetch the block with this index, and those ahead of it.
    fn begin(&mut self, object: &Arc<Object>, index: usize) -> io::Result<()> {
        let ahead = match self.ahead {
            Ahead::All => usize::MAX / 2,
            Ahead::One => 1,
            Ahead::Grows if self.passed + index <= 1 => 0,
            Ahead::Grows | Ahead::Streams => AHEAD,
        };
        while self.blocks.len() <= index + ahead && self.next < self.range.end {
            let range = self.next..self.range.end.min(self.next + self.size);
            self.next = range.end;
            self.blocks.push_back(Block { bytes: Found::Coming(object.fetch(range.clone())?), range });
            if matches!(self.ahead, Ahead::Grows | Ahead::Streams) {
                self.size = (self.size * 2).min(LARGEST);
            }
        }
        Ok(())
    }

    /// Whether a place is in one of its blocks, or where the next begins.
    fn is_near(&self, at: u64) -> bool {
        let first = self.blocks.front().map_or(self.next, |block| block.range.start);
        (first..=self.next).contains(&at)
    }

    /// Bytes from a place in the range on, at least one.
    fn read(&mut self, at: u64, object: &Arc<Object>, stop: &Stop) -> io::Result<Bytes> {
        if self.ahead == Ahead::All {
            self.begin(object, 0)?;
        }
        if !self.is_near(at) {
            // It is read once more, or from its middle on.
            self.blocks.clear();
            self.next = at;
        }
        let found = self.blocks.iter().position(|block| block.range.contains(&at));
        let mut index = found.unwrap_or(self.blocks.len());
        if self.ahead != Ahead::All {
            // One block that was read is kept: headers are looked at twice.
            let behind = index.saturating_sub(1);
            self.blocks.drain(..behind);
            self.passed += behind;
            index -= behind;
        }
        self.begin(object, index)?;
        let Some(Block { range, bytes }) = self.blocks.get_mut(index) else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        let here = match bytes {
            Found::Here(here) => here.clone(),
            Found::Coming(pending) => {
                let here = pending.wait(stop)?;
                *bytes = Found::Here(here.clone());
                if self.keeps && range.start == 0 {
                    object.keep_start(&here);
                }
                here
            }
        };
        Ok(here.at((at - range.start) as usize))
    }
}

impl RemoteFile {
    pub(super) fn open(object: &Arc<Object>, first: First, reads: Reads, stop: &Stop) -> io::Result<RemoteFile> {
        let (size, looks) = (object.size, reads == Reads::Looks);
        let ahead = if looks { Ahead::Grows } else { Ahead::Streams };
        let stream = Region { keeps: looks, ..Region::new(0..size, START, ahead) };
        let whole = Region { keeps: looks && size <= SMALL, ..Region::new(0..size, size, Ahead::All) };
        let mut shared = Shared::default();
        match object.take_start(looks) {
            Some((start, length)) if length == size => shared.whole = Some(whole.beginning_with(start, length)),
            Some((start, length)) => shared.stream = Some(stream.beginning_with(start, length)),
            None if !object.has_ranges() || (first != First::Tail && size <= SMALL) => shared.whole = Some(whole),
            None if first == First::Start => shared.stream = Some(stream),
            None => {}
        }
        if let (Some(stream), false) = (&mut shared.stream, looks) {
            stream.begin(object, 0)?;
        }
        Ok(RemoteFile { object: object.clone(), stop: stop.clone(), at: 0, shared: Arc::new(Mutex::new(shared)) })
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn size(&self) -> u64 {
        self.object.size
    }

    /// Why it could not be read, if that was so: libraries keep the words of an error, and not what it is.
    pub(super) fn failed(&self) -> Option<io::Error> {
        self.shared().failed.as_ref().map(|failed| match failed {
            Failed::Stopped => io::Error::other(Stopped),
            Failed::Fault(fault) => fault.clone().into(),
        })
    }

    /// The same file, read from a place on.
    pub(super) fn from(&self, at: u64) -> RemoteFile {
        RemoteFile { at, ..self.clone() }
    }

    /// Announces ranges that will be read, each from its beginning to its end, and begins to fetch them. False, and nothing is fetched, if
    /// they are many bytes and `ahead` of their time.
    pub(super) fn will_read(&self, mut ranges: Vec<Range<u64>>, ahead: bool) -> io::Result<bool> {
        let whole = |range: &Range<u64>| range.end.saturating_sub(range.start);
        if self.shared().whole.is_some() {
            return Ok(true);
        }
        ranges.retain(|range| range.start < range.end && range.end <= self.object.size);
        ranges.sort_by_key(|range| range.start);
        let sum = ranges.iter().fold(0, |sum: u64, range| sum.saturating_add(whole(range)));
        let held: u64 = self.shared().announced.iter().flatten().map(|region| whole(&region.range)).sum();
        if ahead && held.saturating_add(sum) > ANNOUNCED {
            return Ok(false);
        }
        let mut regions: Vec<Region> = Vec::new();
        if sum <= ANNOUNCED / 2 {
            for range in ranges {
                match regions.last_mut() {
                    Some(last) if range.start <= last.range.end.saturating_add(GAP) => {
                        last.range.end = last.range.end.max(range.end);
                    }
                    _ => regions.push(Region::new(range, LARGEST, Ahead::All)),
                }
            }
        } else if ahead {
            return Ok(false);
        } else {
            let block = (ANNOUNCED / (2 * ranges.len().max(1) as u64)).clamp(16 << 10, LARGEST);
            regions.extend(ranges.into_iter().map(|range| Region::new(range, block, Ahead::One)));
        }
        let mut shared = self.shared();
        for region in &mut regions {
            region.begin(&self.object, 0)?;
        }
        shared.announced.push_back(regions);
        Ok(true)
    }

    /// Forgets that many of the oldest announcements.
    pub(super) fn will_not_read_again(&self, announcements: usize) {
        let mut shared = self.shared();
        let count = announcements.min(shared.announced.len());
        shared.announced.drain(..count);
    }

    /// Bytes from a place on, at least one and at most `most`; none at the end.
    pub(super) fn some_at(&self, at: u64, most: usize) -> io::Result<Bytes> {
        let size = self.object.size;
        if at >= size || most == 0 {
            return Ok(Bytes::new());
        }
        let mut shared = self.shared();
        let found = shared.find(at, most as u64, &self.object, &self.stop);
        match found {
            Ok(mut bytes) => {
                bytes.truncate(most);
                shared.end = at + bytes.len() as u64;
                Ok(bytes)
            }
            Err(error) => {
                let failed = match was_stopped(&error) {
                    true => Some(Failed::Stopped),
                    false => Fault::of(&error).cloned().map(Failed::Fault),
                };
                shared.failed = shared.failed.take().or(failed);
                Err(error)
            }
        }
    }

    pub(super) fn read_exact_at(&self, mut buffer: &mut [u8], mut at: u64) -> io::Result<()> {
        while !buffer.is_empty() {
            let bytes = self.some_at(at, buffer.len())?;
            if bytes.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let (now, rest) = buffer.split_at_mut(bytes.len());
            now.copy_from_slice(&bytes);
            (buffer, at) = (rest, at + bytes.len() as u64);
        }
        Ok(())
    }

    /// That many bytes from a place on, which are there.
    pub(super) fn bytes_at(&self, at: u64, length: usize) -> io::Result<Bytes> {
        if at.checked_add(length as u64).is_none_or(|end| end > self.object.size) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let bytes = self.some_at(at, length)?;
        if bytes.len() == length {
            return Ok(bytes);
        }
        let mut all = vec![0; length];
        all[..bytes.len()].copy_from_slice(&bytes);
        self.read_exact_at(&mut all[bytes.len()..], at + bytes.len() as u64)?;
        Ok(all.into())
    }
}

impl Shared {
    fn find(&mut self, at: u64, most: u64, object: &Arc<Object>, stop: &Stop) -> io::Result<Bytes> {
        if let Some(whole) = &mut self.whole {
            return whole.read(at, object, stop);
        }
        let regions = self.announced.iter_mut().flatten();
        if let Some(region) = regions.rev().find(|region| region.range.contains(&at)) {
            return region.read(at, object, stop);
        }
        let held = |(start, bytes): &&(u64, Bytes)| *start <= at && at - *start < bytes.len() as u64;
        if let Some((start, bytes)) = self.loose.iter().find(held) {
            return Ok(bytes.slice((at - start) as usize..));
        }
        if let Some(stream) = self.stream.as_mut().filter(|stream| stream.is_near(at)) {
            return stream.read(at, object, stop);
        }
        let size = object.size;
        // From the beginning, or from where the last read ended: it will go on like this.
        if at == 0 || at == self.end {
            let stream = self.stream.insert(Region::new(at..size, START, Ahead::Grows));
            return stream.read(at, object, stop);
        }
        let (from, bytes) = match at >= object.tail_at() {
            true => (object.tail_at(), object.read_tail(stop)?),
            false => (at, object.fetch(at..size.min(at + most.clamp(LOOSE, LARGEST)))?.wait(stop)?.whole()),
        };
        self.loose.push_back((from, bytes.clone()));
        if self.loose.len() > KEPT {
            self.loose.pop_front();
        }
        Ok(bytes.slice((at - from) as usize..))
    }
}

impl Read for RemoteFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.some_at(self.at, buffer.len())?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        self.at += bytes.len() as u64;
        Ok(bytes.len())
    }
}

impl Seek for RemoteFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.object.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = to.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
