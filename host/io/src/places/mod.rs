//! Places: where data are read from and written to. This machine's disk is one of them; S3, Google's and Azure's stores and web servers
//! are the others. No format and no stage knows which one it has.
//!
//! - [`callboard_words::address`] — what `s3://bucket/key` and its like say; [`access`] — how a place is reached.
//! - [`store`], [`profiles`] — the service of an address, and whose credentials it is asked with; they stay in memory.
//! - [`client`] — requests, sent again while a server is busy; [`net`] — the threads that send them; [`waiting`] — what is waited for.
//! - [`list`], [`web`], [`hub`] — which objects there are; [`object`] — one of them, and ranges of its bytes, which come in [`pieces`].
//! - [`ahead`] — files that are fetched before they are opened; [`file`](self::file) — one that is open, with blocks ahead; [`fault`] — what a
//!   server says, and what fixes it.
//!
//! - [`service`] — one that is no place of data, asked in JSON.
//! - [`written`] — the place of an output in a store; [`upload`] — one on its way there, and [`records`] of that; [`committing`] — one that
//!   goes to the hub.
//! - [`folder`] — a folder of a store that several processes share.
//!
//! A [`Source`] is a file of an input, whose size and version are known; [`Opened`] reads it.

mod access;
mod ahead;
mod client;
mod committing;
mod fault;
mod file;
mod folder;
mod hub;
mod list;
mod net;
mod object;
mod pieces;
mod profiles;
mod records;
mod service;
mod store;
mod upload;
mod waiting;
mod web;
mod written;

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use callboard_files::open_regular;
use callboard_words::address::{Flaw, Scheme, shown};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

pub use access::Access;
pub(crate) use ahead::{Ahead, in_order, in_order_for};
pub(crate) use callboard_words::address::Address;
pub(crate) use committing::{HubPlace, ToCommit};
pub use folder::{Listed, Made, StoreFolder};

use file::{Reads, RemoteFile};
pub(crate) use net::Pending;
pub(crate) use object::First;
use object::Object;
pub use records::UploadRecords;
pub use service::{Answer, ask_service, web_client, web_fault};
pub(crate) use upload::{Follower, Known};
pub use upload::{Keep, Upload};
pub use waiting::waited_for;
pub(crate) use written::{LARGE, StorePlace};

use crate::error::{Fault, IoError};
use crate::far::Far;
use crate::pattern::is_pattern;
use crate::stop::{Stop, was_stopped};
use crate::text::Compression;

/// A file of an input: what it is called, and where it is.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    path: PathBuf,
    /// None of a file on the disk.
    object: Option<Arc<Object>>,
    /// What was found there, of a file on the disk that was looked at.
    looked: Option<Looked>,
    reads: Reads,
    /// The same of all copies.
    pub(crate) far: Arc<Far>,
}

/// A file on the disk, as it was looked at.
#[derive(Debug, Clone, Copy)]
struct Looked {
    bytes: u64,
    /// Its device and number.
    id: (u64, u64),
}

/// A file of at most this many bytes is small.
const SMALL: u64 = 64 << 10;

impl AsRef<Path> for Source {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

impl Source {
    /// A file on the disk.
    pub(crate) fn disk(path: PathBuf) -> Source {
        Source { path, object: None, looked: None, reads: Reads::Looks, far: Arc::default() }
    }

    fn remote(object: impl Into<Arc<Object>>) -> Source {
        let object = object.into();
        // What follows a `?` is no part of a file's name.
        let address = object.address.to_string();
        let name = match object.address.is_web() {
            true => address.split(['?', '#']).next().unwrap_or_default(),
            false => &address,
        };
        Source { path: name.into(), object: Some(object), looked: None, reads: Reads::Looks, far: Arc::default() }
    }

    /// The same, of which all is read next: what was kept of it is given away.
    pub(crate) fn read_through(&self) -> Source {
        Source { reads: Reads::Through, ..self.clone() }
    }

    /// What it is called: its path, or its address.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is a file on the disk.
    pub(crate) fn is_on_disk(&self) -> bool {
        self.object.is_none()
    }

    /// What changes when its bytes do, if its place says so.
    pub(crate) fn version(&self) -> Option<&str> {
        self.object.as_ref()?.version.as_deref()
    }

    /// Its size in bytes.
    pub(crate) fn size(&self) -> Result<u64, IoError> {
        match &self.object {
            Some(object) => Ok(object.size),
            None => Ok(self.looked()?.bytes),
        }
    }

    /// The same; a file on the disk is not asked again.
    pub(crate) fn find_size(&mut self) -> Result<u64, IoError> {
        if self.object.is_none() {
            self.looked = Some(self.looked()?);
        }
        self.size()
    }

    /// The device and the number of a file on the disk.
    pub(crate) fn id(&self) -> Option<(u64, u64)> {
        if self.object.is_some() { None } else { Some(self.looked().ok()?.id) }
    }

    fn looked(&self) -> Result<Looked, IoError> {
        if let Some(looked) = self.looked {
            return Ok(looked);
        }
        let found = self.path.metadata().map_err(|error| IoError::system("cannot open", &error).in_file(&self.path))?;
        Ok(Looked { bytes: found.len(), id: (found.dev(), found.ino()) })
    }

    /// Whether it was found to be so small that it is read at once; then it holds no more than it has bytes.
    pub(crate) fn is_small(&self) -> bool {
        let size = self.object.as_ref().map(|object| object.size).or(self.looked.map(|looked| looked.bytes));
        size.is_some_and(|size| size <= SMALL) && Compression::split(&self.path).1 == Compression::None
    }

    /// Whether reading it, a small one, waits for no place: what is fetched of it is waited for now.
    pub(crate) fn is_here(&self, stop: &Stop) -> bool {
        self.object.as_ref().is_none_or(|object| object.size == 0 || object.arrive(stop))
    }

    /// Opens it, to be read from its beginning on. What is waited for meanwhile, and while it is read, ends when `stop` says so.
    pub(crate) fn open(&self, stop: &Stop) -> io::Result<Opened> {
        self.open_for(First::Start, stop)
    }

    /// As [`open`](Self::open), to be read from where `first` says.
    pub(crate) fn open_for(&self, first: First, stop: &Stop) -> io::Result<Opened> {
        Ok(match &self.object {
            None => Opened::Disk(open_regular(&self.path)?),
            Some(object) => Opened::Remote(RemoteFile::open(object, first, self.reads, stop)?),
        })
    }
}

/// The address that a path is; `None` if it is a path of this machine.
pub(crate) fn address(path: &str) -> Option<Result<Address, IoError>> {
    let flawed = |flaw: Flaw| IoError::spec(flaw.message).with_help(flaw.help).in_file(shown(path));
    Some(Address::of(path)?.map_err(flawed))
}

/// A file as it was found.
#[derive(Debug, Clone)]
pub struct KnownFile {
    /// Its path, or its address.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// As of [`Dataset::versions`](crate::Dataset::versions).
    pub version: Option<String>,
}

/// Files that were found before, without a request; `None` if some lie where they have to be found again.
pub(crate) fn known(files: &[KnownFile], access: &Access) -> Result<Option<Vec<Source>>, IoError> {
    let mut last: Option<(Address, store::Store)> = None;
    let mut sources = Vec::with_capacity(files.len());
    for file in files {
        let Some(address) = file.path.to_str().and_then(address).transpose()? else {
            sources.push(Source::disk(file.path.clone()));
            continue;
        };
        if !matches!(address.scheme, Scheme::S3 | Scheme::Google | Scheme::Azure) {
            return Ok(None);
        }
        let object = (|| {
            let is_of = |of: &Address| of.scheme == address.scheme && of.bucket == address.bucket;
            let store = match last.take().filter(|(of, _)| is_of(of)) {
                Some((_, store)) => store,
                None => store::Store::open(&address, access)?,
            };
            let via = object::Via::Store(store.objects.clone(), list::key(&address)?);
            last = Some((address.clone(), store));
            Ok(Object::new(address, via, file.bytes, file.version.clone()))
        })();
        let object = object.map_err(|fault: Fault| fault.to_error("cannot open").in_file(&file.path))?;
        sources.push(Source::remote(object));
    }
    Ok(Some(sources))
}

/// What addresses name, asked for side by side.
pub(crate) struct Found(net::Pending<Vec<Arc<Object>>>);

impl Found {
    /// Begins to look for the objects of an address, and to fetch of each what is read first, as far as that can be kept.
    pub(crate) fn begin(address: Address, access: &Access, first: First) -> Result<Found, IoError> {
        let what = format!("`{address}`");
        let found = match address.scheme {
            Scheme::Hub => net::begin(what, hub::find(address.clone(), access.clone())),
            Scheme::Web { .. } => net::begin(what, list::find(address.clone(), None, first)),
            _ => store::Store::open(&address, access).and_then(|store| {
                let is_listed = is_pattern(&address.key);
                let found = list::find(address.clone(), Some(store), first);
                if is_listed { net::begin_list(what, found) } else { net::begin(what, found) }
            }),
        };
        found.map(Found).map_err(|fault| fault.to_error("cannot open").in_file(address.to_string()))
    }

    /// The objects, in the order of their names.
    pub(crate) fn wait(self, path: &str, stop: &Stop) -> Result<Vec<Source>, IoError> {
        let objects = self.0.wait(stop).map_err(|error| match was_stopped(&error) {
            true => IoError::interrupted(),
            false => IoError::system("cannot open", &error).in_file(path),
        })?;
        Ok(objects.into_iter().map(Source::remote).collect())
    }
}

/// An open file, wherever it is.
pub(crate) enum Opened {
    Disk(File),
    Remote(RemoteFile),
}

impl Opened {
    /// Its size in bytes.
    pub(crate) fn size(&self) -> io::Result<u64> {
        match self {
            Opened::Disk(file) => Ok(file.metadata()?.len()),
            Opened::Remote(file) => Ok(file.size()),
        }
    }

    /// Fills the buffer from a place in the file.
    pub(crate) fn read_exact_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        match self {
            Opened::Disk(file) => file.read_exact_at(buffer, at),
            Opened::Remote(file) => file.read_exact_at(buffer, at),
        }
    }

    /// Announces ranges that are read next, side by side, each from its beginning to its end. False if they are too much to be
    /// fetched `ahead` of their time; they can be announced again.
    pub(crate) fn will_read(&self, ranges: impl FnOnce() -> Vec<Range<u64>>, ahead: bool) -> io::Result<bool> {
        match self {
            Opened::Disk(_) => Ok(true),
            Opened::Remote(file) => file.will_read(ranges(), ahead),
        }
    }

    /// Forgets that many of the oldest announcements.
    pub(crate) fn will_not_read_again(&self, announcements: usize) {
        if let Opened::Remote(file) = self {
            file.will_not_read_again(announcements);
        }
    }

    /// What still knows why it could not be read when a library has it.
    pub(crate) fn witness(&self) -> Witness {
        Witness(match self {
            Opened::Disk(_) => None,
            Opened::Remote(file) => Some(file.clone()),
        })
    }
}

/// What knows why a file could not be read.
pub(crate) struct Witness(Option<RemoteFile>);

impl Witness {
    /// Why its place gave no bytes, if that was so, instead of what a library makes of it.
    pub(crate) fn instead_of(&self, error: IoError) -> IoError {
        match self.0.as_ref().and_then(RemoteFile::failed) {
            Some(failed) => IoError::system("cannot read", &failed),
            None => error,
        }
    }
}

impl Read for Opened {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Opened::Disk(file) => file.read(buffer),
            Opened::Remote(file) => file.read(buffer),
        }
    }
}

impl Seek for Opened {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Opened::Disk(file) => file.seek(to),
            Opened::Remote(file) => file.seek(to),
        }
    }
}

impl Length for Opened {
    fn len(&self) -> u64 {
        match self {
            Opened::Disk(file) => file.len(),
            Opened::Remote(file) => file.size(),
        }
    }
}

/// A file that is read from some place on.
pub(crate) enum Rest {
    Disk(BufReader<File>),
    Remote(BufReader<RemoteFile>),
}

impl Read for Rest {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Rest::Disk(file) => file.read(buffer),
            Rest::Remote(file) => file.read(buffer),
        }
    }
}

impl ChunkReader for Opened {
    type T = Rest;

    fn get_read(&self, start: u64) -> Result<Rest, ParquetError> {
        Ok(match self {
            Opened::Disk(file) => Rest::Disk(file.get_read(start)?),
            Opened::Remote(file) => Rest::Remote(BufReader::with_capacity(1 << 10, file.from(start))),
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        match self {
            Opened::Disk(file) => file.get_bytes(start, length),
            Opened::Remote(file) => Ok(file.bytes_at(start, length)?),
        }
    }
}
