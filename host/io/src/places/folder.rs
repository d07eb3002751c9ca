//! A folder of a store that several processes share: objects below a key, each put there whole.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use bytes::Bytes;
use callboard_words::address::{Address, Scheme, split};
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::ObjectMeta;

use super::access::Access;
use super::client::pause;
use super::fault::Fault;
use super::list;
use super::object::First;
use super::upload::Known;
use super::written::{LARGE, StorePlace};
use super::{Opened, Source};
use crate::error::{ErrorKind, IoError};
use crate::pattern::is_pattern;
use crate::stop::Stop;

/// How often an object is made that another process makes at this moment.
const TRIES: u32 = 10;
/// How often a store is asked that is overloaded, or does not answer any more; each time it is asked again for half a minute.
const PATIENCE: u32 = 6;
/// How many objects are removed at once.
const REMOVED_AT_ONCE: usize = 64;
/// The most that an object holds which is read whole into memory, bytes.
const LONGEST: u64 = 256 << 20;
/// What is read of a range at once, bytes.
const BLOCK: u64 = 1 << 20;
/// What is being done, in errors.
const READ: &str = "cannot read";
const WRITE: &str = "cannot write";
const LIST: &str = "cannot list";

/// A folder of a store. Names of objects are paths from it.
#[derive(Debug, Clone)]
pub struct StoreFolder {
    place: StorePlace,
    /// Ends requests.
    stop: Stop,
    /// Whether it has answered; the same of all copies.
    has_answered: Arc<AtomicBool>,
}

/// An object of such a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its path from the folder.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// When it was written, by the clock of the store.
    pub written: SystemTime,
}

/// Whether there was room for an object that is to be the first under its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// It is there now.
    Now,
    /// Another one was there, and still is.
    Before,
}

impl StoreFolder {
    /// The folder that an address names, with or without a `/` at its end; `None` if it is a path of this machine. Nothing is sent.
    ///
    /// # Errors
    /// An address that is flawed, or of a place that is no store; credentials that are not there.
    pub fn find(path: &Path, stop: Stop) -> Option<Result<StoreFolder, IoError>> {
        let text = path.to_str().filter(|text| split(text).is_some())?;
        Some(StoreFolder::of(text.trim_end_matches('/'), stop))
    }

    fn of(text: &str, stop: Stop) -> Result<StoreFolder, IoError> {
        let address = match super::address(text) {
            Some(address) => address?,
            None => return Err(IoError::spec("it names no folder of a store").in_file(text)),
        };
        let refused = |message: &str, help: &str| Err(IoError::spec(message).in_file(text).with_help(help));
        if !matches!(address.scheme, Scheme::S3 | Scheme::Google | Scheme::Azure) {
            return refused(
                "this is no store that several processes can share",
                "name a folder of one: s3://BUCKET/runs/one",
            );
        }
        if is_pattern(&address.key) {
            return refused("a pattern names no folder", "name one without `*`, `?` and `[`");
        }
        let place = StorePlace::find(address, &Access::default())?;
        Ok(StoreFolder { place, stop, has_answered: Arc::default() })
    }

    /// Its address, without a `/` at its end.
    pub fn path(&self) -> String {
        self.place.path()
    }

    /// The same, of which requests are not ended.
    pub fn unstopped(&self) -> StoreFolder {
        StoreFolder { stop: Stop::default(), ..self.clone() }
    }

    fn address(&self, name: &str) -> Address {
        self.place.address.with_key(&format!("{}/{name}", self.place.address.key))
    }

    fn place(&self, name: &str) -> io::Result<StorePlace> {
        let address = self.address(name);
        let key = list::key(&address)?;
        Ok(StorePlace { address, key, ..self.place.clone() })
    }

    /// Does something with an object. A store that is overloaded, or is started again, is given minutes: what others wait for is not given up sooner.
    fn ask<T>(&self, name: &str, doing: &str, work: impl Fn(&StorePlace) -> io::Result<T>) -> Result<T, IoError> {
        let mut left = PATIENCE;
        let done = self.place(name).and_then(|place| {
            loop {
                left -= 1;
                match work(&place) {
                    Err(error) if left > 0 && self.is_passing(&error) => {}
                    done => {
                        self.has_answered.fetch_or(done.is_ok(), Ordering::Relaxed);
                        return done;
                    }
                }
            }
        });
        done.map_err(|error| IoError::system(doing, &error).in_file(self.address(name).to_string()))
    }

    /// Whether a store that was asked again and again may answer later.
    fn is_passing(&self, error: &io::Error) -> bool {
        match Fault::of(error) {
            Some(Fault { status: Some(status), .. }) => matches!(status, 408 | 429 | 500 | 502..),
            // An address that never answered may be a wrong one.
            Some(fault) => fault.is_answer && self.has_answered.load(Ordering::Relaxed),
            None => false,
        }
    }

    /// Puts an object there if there is none under its name. `bytes` are unlike those of anybody else: an object that is there and is this was
    /// made by a request whose answer was lost.
    ///
    /// # Errors
    /// The store cannot be asked, refuses, or does not know such requests.
    pub fn make(&self, name: &str, bytes: &[u8]) -> Result<Made, IoError> {
        self.ask(name, WRITE, |place| {
            for _ in 0..TRIES {
                let Err(error) = place.put(Bytes::copy_from_slice(bytes), false, &self.stop) else {
                    return Ok(Made::Now);
                };
                match Fault::of(&error).and_then(|fault| fault.status) {
                    Some(409 | 412) => {}
                    Some(501) => return Err(unconditional().into()),
                    _ => return Err(error),
                }
                match there(place.read(LONGEST, &self.stop))? {
                    Some(there) => return Ok(if there == bytes { Made::Now } else { Made::Before }),
                    // Somebody makes it at this moment, or has removed it.
                    None => std::thread::sleep(pause(1)),
                }
            }
            Err(Fault::new(ErrorKind::System, "the store neither makes it nor has it").into())
        })
    }

    /// Asks whether an object that is there is left alone by [`make`](Self::make).
    ///
    /// # Errors
    /// It was replaced: the store does not obey such requests. The object is removed then.
    pub fn prove(&self, name: &str) -> Result<(), IoError> {
        match self.make(name, b"a second one")? {
            Made::Before => Ok(()),
            Made::Now => {
                self.remove(vec![name.to_owned()])?;
                Err(unconditional().to_error(WRITE).in_file(self.address(name).to_string()))
            }
        }
    }

    /// Puts an object there, in place of one under its name.
    ///
    /// # Errors
    /// The store cannot be asked, or refuses.
    pub fn put(&self, name: &str, bytes: &[u8]) -> Result<(), IoError> {
        self.ask(name, WRITE, |place| place.put(Bytes::copy_from_slice(bytes), true, &self.stop))
    }

    /// The bytes of an object, at most this many; `None` if there is none.
    ///
    /// # Errors
    /// The store cannot be asked, or refuses; the object has more.
    pub fn read(&self, name: &str, most: u64) -> Result<Option<Vec<u8>>, IoError> {
        self.ask(name, READ, |place| {
            let Some(file) = self.begun(place)? else { return Ok(None) };
            let mut bytes = Vec::new();
            match file.take(most + 1).read_to_end(&mut bytes)? as u64 > most {
                true => Err(Fault::new(ErrorKind::Limit, format!("it has more than {most} bytes")).into()),
                false => Ok(Some(bytes)),
            }
        })
    }

    /// Opens an object, with one request that has its beginning.
    fn begun(&self, place: &StorePlace) -> io::Result<Option<Opened>> {
        let found = place.ask(&self.stop, |place| async move {
            list::begun(place.address.clone(), &place.store, First::Start).await
        });
        there(found)?.map(|object| Source::remote(object).read_through().open(&self.stop)).transpose()
    }

    /// Whether there is no object in it.
    ///
    /// # Errors
    /// The store cannot be asked, or refuses.
    pub fn is_empty(&self) -> Result<bool, IoError> {
        let folder = format!("{}/", self.place.address.key);
        self.ask("", LIST, |place| place.has_none(folder.clone(), &self.stop))
    }

    /// The objects whose names begin like this, in the order of their names.
    ///
    /// # Errors
    /// The store cannot be asked, or refuses.
    pub fn list(&self, begin: &str) -> Result<Vec<Listed>, IoError> {
        let folder = format!("{}/", self.place.address.key);
        let all = |place: &StorePlace| place.all(format!("{folder}{begin}"), false, &self.stop);
        let listed = |object: ObjectMeta| {
            let name = object.location.as_ref().strip_prefix(&folder)?.to_owned();
            Some(Listed { name, bytes: object.size, written: object.last_modified.into() })
        };
        Ok(self.ask("", LIST, all)?.into_iter().filter_map(listed).collect())
    }

    /// Removes objects; one that is not there has been removed.
    ///
    /// # Errors
    /// The store cannot be asked, or refuses.
    pub fn remove(&self, names: Vec<String>) -> Result<(), IoError> {
        self.ask("", "cannot remove what is in", |place| {
            let keys = names.iter().map(|name| Ok(self.place(name)?.key)).collect::<io::Result<Vec<_>>>()?;
            place.ask(&self.stop, |place| async move {
                let removed = stream::iter(keys).map(|key| {
                    let place = StorePlace { key, ..place.clone() };
                    async move { place.removed().await }
                });
                removed.buffer_unordered(REMOVED_AT_ONCE).try_collect().await
            })
        })
    }

    /// Ends uploads that were begun below it and never completed, as far as the store lists them.
    ///
    /// # Errors
    /// The store cannot be asked, or refuses.
    pub fn end_uploads(&self) -> Result<(), IoError> {
        let folder = format!("{}/", self.place.address.key);
        self.ask("", "cannot end uploads to", |place| {
            let folder = folder.clone();
            place.ask(&self.stop, |place| async move {
                let Some(listing) = &place.store.lists_uploads else { return Ok(()) };
                let begun = match listing.below(&place.address.with_key(&folder)).await {
                    // It cannot tell.
                    Err(fault) if matches!(fault.status, Some(400 | 404 | 405 | 501)) => return Ok(()),
                    begun => begun?,
                };
                for (key, id) in begun.into_iter().filter(|(key, _)| key.starts_with(&folder)) {
                    let key = list::key(&place.address.with_key(&key))?;
                    match place.store.uploads.abort_multipart(&key, &id).await.map_err(|error| place.fault(&error)) {
                        Err(fault) if fault.status != Some(404) => return Err(fault),
                        _ => {}
                    }
                }
                Ok(())
            })
        })
    }

    /// Puts a file there, in place of an object under its name: a large one in parts, so that little of it is in memory.
    ///
    /// # Errors
    /// The file cannot be read; the store cannot be asked, or refuses.
    pub fn send(&self, name: &str, file: &File) -> Result<(), IoError> {
        let read = |error: io::Error| IoError::system("cannot read a file that is sent", &error);
        let bytes = file.metadata().map_err(read)?.len();
        if bytes <= LARGE {
            let mut whole = vec![0; bytes as usize];
            file.read_exact_at(&mut whole, 0).map_err(read)?;
            let whole = Bytes::from(whole);
            return self.ask(name, WRITE, |place| place.put(whole.clone(), true, &self.stop));
        }
        let (digest, _) = crate::file_digest(file).map_err(read)?;
        let place = self.ask(name, WRITE, |place| Ok(place.clone()))?;
        // Nobody continues it: what another attempt sends has another name.
        let upload = place.begin(None, None, Box::new(|_| Ok(())), &self.stop)?;
        let followed = upload.follow(file, bytes, true).map_err(|error| place.failed(&error));
        let sent = followed.and_then(|_| upload.complete(bytes, Known::Digest(digest), true));
        sent.inspect_err(|_| drop(upload.abort()))
    }

    /// Writes an object to a file that is empty; `None` if there is none. How many bytes it has.
    ///
    /// # Errors
    /// The file cannot be written; the store cannot be asked, or refuses.
    pub fn fetch(&self, name: &str, to: &File) -> Result<Option<u64>, IoError> {
        self.ask(name, READ, |place| {
            let Some(mut file) = self.begun(place)? else { return Ok(None) };
            let mut to = to;
            to.set_len(0)?;
            to.rewind()?;
            io::copy(&mut file, &mut to).map(Some)
        })
    }

    /// Writes ranges of an object's bytes to the same places of a file.
    ///
    /// # Errors
    /// The file cannot be written; the store cannot be asked, or refuses; there is no such object, or it is shorter.
    pub fn fetch_ranges(&self, name: &str, ranges: &[Range<u64>], to: &File) -> Result<(), IoError> {
        self.ask(name, READ, |place| {
            let found =
                place.ask(&self.stop, |place| async move { list::one(place.address.clone(), &place.store).await });
            // Nothing is fetched but what is announced.
            let file = Source::remote(found?).open_for(First::Tail, &self.stop)?;
            file.will_read(|| ranges.to_vec(), false)?;
            let mut buffer = vec![0; BLOCK as usize];
            for range in ranges {
                for at in range.clone().step_by(BLOCK as usize) {
                    let block = &mut buffer[..(range.end - at).min(BLOCK) as usize];
                    file.read_exact_at(block, at)?;
                    to.write_all_at(block, at)?;
                }
            }
            Ok(())
        })
    }
}

/// A store that makes an object though one is there.
fn unconditional() -> Fault {
    let message = "the store does not obey `If-None-Match: *`, by which processes agree on which of them was first";
    Fault::new(ErrorKind::System, message)
        .help("use a store that does, as those of Amazon, Google and Azure do, or a shared folder")
}

/// What is not there is no error.
fn there<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Err(error) if Fault::of(&error).is_some_and(|fault| fault.status == Some(404)) => Ok(None),
        found => found.map(Some),
    }
}
