//! The place of an output in a store: what is there, and what is put there at once. What is sent in parts is an [`Upload`](super::Upload).

use std::borrow::Cow;
use std::future::Future;
use std::io::{self, Read};
use std::time::SystemTime;

use bytes::Bytes;
use callboard_words::address::Address;
use object_store::list::PaginatedListOptions;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt, PutMode, PutOptions, PutPayload};

use super::access::Access;
use super::client::pause;
use super::fault::{Doing, Fault};
use super::list;
use super::net::{self, Pending};
use super::store::Store;
use super::upload::{Known, Record};
use crate::digest::FileDigest;
use crate::error::{ErrorKind, IoError};
use crate::sha256::sha256_of;
use crate::stop::Stop;

/// An object up to this size is put there in one request.
pub(crate) const LARGE: u64 = 16 << 20;
/// How often what may be asked twice is tried.
const TRIES: u32 = 5;

/// The place of an output in a store.
#[derive(Clone)]
pub(crate) struct StorePlace {
    pub(super) address: Address,
    pub(super) access: Access,
    pub(super) store: Store,
    pub(super) key: Path,
}

impl std::fmt::Debug for StorePlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.address)
    }
}

impl StorePlace {
    /// The place that an address names. Nothing is sent.
    pub(crate) fn find(address: Address, access: &Access) -> Result<StorePlace, IoError> {
        let found = Store::open(&address, access).and_then(|store| Ok((store, list::key(&address)?)));
        let (store, key) = found.map_err(|fault| fault.to_error("cannot write").in_file(address.to_string()))?;
        Ok(StorePlace { address, access: access.clone(), store, key })
    }

    /// The path that names it.
    pub(crate) fn path(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn failed(&self, error: &io::Error) -> IoError {
        IoError::system("cannot write", error).in_file(self.path())
    }

    pub(super) fn fault(&self, error: &object_store::Error) -> Fault {
        Fault::of_store(error, &self.address, Doing::Write)
    }

    /// Does something with the place, and waits for it.
    pub(super) fn ask<T: Send + 'static, F: Future<Output = Result<T, Fault>> + Send + 'static>(
        &self,
        stop: &Stop,
        work: impl FnOnce(StorePlace) -> F,
    ) -> io::Result<T> {
        net::run(format!("`{}`", self.address), stop, work(self.clone()))
    }

    /// Whether an object is in the place.
    pub(crate) fn standing(&self, stop: &Stop) -> Result<bool, IoError> {
        Ok(self.size(stop).map_err(|error| self.failed(&error))?.is_some())
    }

    /// The size of the object in the place.
    pub(crate) fn size(&self, stop: &Stop) -> io::Result<Option<u64>> {
        self.begin_size()?.wait(stop)
    }

    /// Begins to ask for it.
    pub(crate) fn begin_size(&self) -> Result<Pending<Option<u64>>, Fault> {
        let place = self.clone();
        net::begin(format!("`{}`", self.address), async move { Ok(place.head().await?.map(|found| found.size)) })
    }

    /// When the object in the place was written, by the clock of the store.
    pub(crate) fn written(&self, stop: &Stop) -> io::Result<Option<SystemTime>> {
        let found = self.ask(stop, |place| async move { place.head().await })?;
        Ok(found.map(|found| found.last_modified.into()))
    }

    /// Whether something else than the object of this size and SHA-256 is in the place. One that was written before `since`, a moment when
    /// it was right, is not read.
    pub(crate) fn is_altered(
        &self,
        bytes: u64,
        sha256: &str,
        since: Option<SystemTime>,
        stop: &Stop,
    ) -> io::Result<bool> {
        let Some(found) = self.ask(stop, |place| async move { place.head().await })? else { return Ok(false) };
        if found.size != bytes {
            return Ok(true);
        }
        let is_old = since.is_some_and(|since| SystemTime::from(found.last_modified) < since);
        Ok(!is_old && !self.is(bytes, sha256, stop)?)
    }

    /// What is in the place.
    async fn head(&self) -> Result<Option<ObjectMeta>, Fault> {
        match self.store.objects.head(&self.key).await.map_err(|error| self.fault(&error)) {
            Ok(found) => Ok(Some(found)),
            // The bucket may be missing, too: that is reported when the upload begins.
            Err(fault) if fault.status == Some(404) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Whether the object in the place is this one. It is read whole if it has the size.
    pub(crate) fn has(&self, bytes: u64, known: Known<'_>, stop: &Stop) -> io::Result<bool> {
        match known {
            Known::Digest(digest) => self.holds(bytes, digest, stop),
            Known::Sha256(sha256) => self.is(bytes, sha256, stop),
        }
    }

    /// Whether the object in the place is the one of this size and digest. It is read whole if it has the size.
    pub(crate) fn holds(&self, bytes: u64, digest: u128, stop: &Stop) -> io::Result<bool> {
        if self.size(stop)? != Some(bytes) {
            return Ok(false);
        }
        let object = self.ask(stop, |place| async move { list::one(place.address.clone(), &place.store).await })?;
        let mut file = super::Source::remote(object).open(stop)?;
        let (mut seen, mut buffer) = (FileDigest::new(), vec![0; 256 << 10]);
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(seen.finish() == digest),
                read => seen.write(&buffer[..read]),
            }
        }
    }

    /// The record that was kept, if it is about this place.
    pub(super) fn record(&self, kept: &[u8]) -> Option<Record> {
        serde_json::from_slice::<Record>(kept).ok().filter(|kept| kept.is_of(self))
    }

    /// The place below the folder of this one that a record which was kept is about. One that says anything else is not believed.
    pub(crate) fn recorded(&self, kept: &[u8]) -> Option<StorePlace> {
        let record: Record = serde_json::from_slice(kept).ok()?;
        let folder = self.address.with_key(self.folder()).to_string();
        let place = self.below(record.address().strip_prefix(&folder)?).ok()?;
        record.is_of(&place).then_some(place)
    }

    /// Ends the upload of a record that was kept.
    pub(crate) fn abort_kept(&self, kept: &[u8], stop: &Stop) -> Result<(), IoError> {
        self.record(kept).map_or(Ok(()), |record| self.abort(&record, stop))
    }

    /// Ends an upload, whose parts are removed; one that is not there has ended.
    pub(super) fn abort(&self, record: &Record, stop: &Stop) -> Result<(), IoError> {
        let id = record.id.clone();
        let aborted = self.ask(stop, |place| async move {
            let ids = match id {
                Some(id) => vec![id],
                None => place.unknown().await?,
            };
            for id in ids {
                match place.store.uploads.abort_multipart(&place.key, &id).await.map_err(|error| place.fault(&error)) {
                    Err(fault) if fault.status != Some(404) => return Err(fault),
                    _ => {}
                }
            }
            Ok(())
        });
        aborted.map_err(|error| self.failed(&error))
    }

    /// Uploads to this key that have begun, as far as the store lists them.
    async fn unknown(&self) -> Result<Vec<String>, Fault> {
        let Some(listing) = &self.store.lists_uploads else { return Ok(Vec::new()) };
        match listing.uploads(&self.address).await {
            // It cannot tell.
            Err(fault) if matches!(fault.status, Some(400 | 404 | 405 | 501)) => Ok(Vec::new()),
            found => found,
        }
    }

    fn folder(&self) -> &str {
        self.address.key.rfind('/').map_or("", |at| &self.address.key[..=at])
    }

    /// Another key of the same bucket: by its path from the last `/` of this one.
    pub(crate) fn below(&self, path: &str) -> Result<StorePlace, IoError> {
        let address = self.address.with_key(&format!("{}{path}", self.folder()));
        let key = list::key(&address).map_err(|fault| fault.to_error("cannot write").in_file(address.to_string()))?;
        Ok(StorePlace { address, key, ..self.clone() })
    }

    /// The names in the folder of this key that begin with what stands before the `*`.
    pub(crate) fn listed(&self, pattern: &str, stop: &Stop) -> io::Result<Vec<String>> {
        let prefix = format!("{}{}", self.folder(), pattern.split('*').next().unwrap_or_default());
        let objects = self.all(prefix, true, stop)?;
        Ok(objects.iter().filter_map(|object| object.location.filename().map(str::to_owned)).collect())
    }

    /// The objects whose keys begin like this; those of one folder, or in folders below it, too.
    pub(super) fn all(&self, prefix: String, one_folder: bool, stop: &Stop) -> io::Result<Vec<ObjectMeta>> {
        self.ask(stop, move |place| async move {
            let (mut all, mut token, mut tries) = (Vec::new(), None::<String>, 0);
            loop {
                let options = PaginatedListOptions {
                    delimiter: one_folder.then_some(Cow::Borrowed("/")),
                    page_token: token.clone(),
                    ..PaginatedListOptions::default()
                };
                match place.store.listing.list_paginated(Some(&prefix), options).await {
                    Ok(page) => {
                        all.extend(page.result.objects);
                        token = page.page_token.filter(|token| !token.is_empty());
                        if token.is_none() {
                            return Ok(all);
                        }
                    }
                    Err(error) => {
                        let fault = Fault::of_store(&error, &place.address, Doing::List);
                        tries += 1;
                        if fault.is_answer || tries == TRIES {
                            return Err(fault);
                        }
                        tokio::time::sleep(pause(tries)).await;
                    }
                }
            }
        })
    }

    /// Whether there is no object whose key begins like this.
    pub(super) fn has_none(&self, prefix: String, stop: &Stop) -> io::Result<bool> {
        self.ask(stop, |place| async move {
            let options = PaginatedListOptions { max_keys: Some(1), ..PaginatedListOptions::default() };
            let listed = place.store.listing.list_paginated(Some(&prefix), options).await;
            let listed = listed.map_err(|error| Fault::of_store(&error, &place.address, Doing::List))?;
            Ok(listed.result.objects.is_empty())
        })
    }

    /// Puts an object there in one request.
    pub(crate) fn put(&self, bytes: Bytes, replace: bool, stop: &Stop) -> io::Result<()> {
        self.ask(stop, |place| async move {
            let mode = if replace { PutMode::Overwrite } else { PutMode::Create };
            let options = PutOptions { mode, ..PutOptions::default() };
            let put = place.store.objects.put_opts(&place.key, PutPayload::from_bytes(bytes), options).await;
            put.map(drop).map_err(|error| place.fault(&error))
        })
    }

    /// Removes the object, if there is one.
    pub(crate) fn remove(&self, stop: &Stop) -> io::Result<()> {
        self.ask(stop, |place| async move { place.removed().await })
    }

    pub(super) async fn removed(&self) -> Result<(), Fault> {
        match self.store.objects.delete(&self.key).await.map_err(|error| self.fault(&error)) {
            Err(fault) if fault.status != Some(404) => Err(fault),
            _ => Ok(()),
        }
    }

    /// The object, of at most this many bytes.
    pub(crate) fn read(&self, most: u64, stop: &Stop) -> io::Result<Vec<u8>> {
        let object = self.ask(stop, |place| async move { list::one(place.address.clone(), &place.store).await })?;
        let (mut file, mut bytes) = (super::Source::remote(object).open(stop)?, Vec::new());
        if file.by_ref().take(most + 1).read_to_end(&mut bytes)? as u64 > most {
            return Err(Fault::new(ErrorKind::Limit, format!("it has more than {most} bytes")).into());
        }
        Ok(bytes)
    }

    /// Whether the object in the place has this size and SHA-256. It is read whole if it has the size.
    pub(crate) fn is(&self, bytes: u64, sha256: &str, stop: &Stop) -> io::Result<bool> {
        if self.size(stop)? != Some(bytes) {
            return Ok(false);
        }
        let object = self.ask(stop, |place| async move { list::one(place.address.clone(), &place.store).await })?;
        Ok(sha256_of(super::Source::remote(object).open(stop)?)?.0 == sha256)
    }
}
