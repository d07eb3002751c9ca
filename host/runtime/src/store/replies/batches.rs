//! Offline batches, kept beside the replies until theirs are there: a file of requests, and one that says how far the batch is, under
//! an HMAC as replies are. A process holds the lock of the files of requests that it works on.

use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind};
use std::sync::{Mutex, MutexGuard, PoisonError};

use callboard_io::beneath::Dir;
use callboard_sandbox::{Batch, Form, Group, Shelf, Unanswered};

use super::{mac, now};
use crate::store::Key;
use crate::store::records::{BatchForm, BatchRecord, MAC};

/// What is appended to a batch's key.
const BATCH: &str = ".batch";
const REQUESTS: &str = ".requests";
/// The first bytes of a batch's file, with the number of its format.
const MAGIC: [u8; 8] = *b"cbbatch1";

/// The batches beside the runs of a folder, as one run keeps them.
pub(super) struct Kept {
    dir: Dir,
    key: Key,
    run: u64,
    /// When each was first kept.
    made: Mutex<HashMap<String, u64>>,
    /// The files of requests that this process works on.
    held: Mutex<HashMap<String, File>>,
}

/// A batch that was found.
pub(super) struct Found {
    pub(super) record: BatchRecord,
    /// Whether another process works on it.
    pub(super) theirs: bool,
}

impl Kept {
    /// All that are there, those of other runs too. What a killed process has not kept is removed.
    pub(super) fn open(dir: Dir, key: Key, run: u64) -> io::Result<(Kept, Vec<Found>)> {
        let kept = Kept { dir, key, run, made: Mutex::default(), held: Mutex::default() };
        let mut found = Vec::new();
        for (name, _) in kept.dir.entries()? {
            let Some(name) = name.to_str() else { continue };
            if let Some(batch) = name.strip_suffix(BATCH)
                && let Some(record) = kept.read(batch)?
            {
                kept.made().insert(batch.to_owned(), record.made);
                found.push(Found { theirs: !kept.hold(batch)?, record });
            }
            if let Some(batch) = name.strip_suffix(REQUESTS)
                && kept.dir.kind(file(batch, BATCH))?.is_none()
                && kept.hold(batch)?
            {
                kept.held().remove(batch);
                kept.dir.remove_file(name)?;
            }
        }
        found.sort_by_key(|found| found.record.made);
        Ok((kept, found))
    }

    fn made(&self) -> MutexGuard<'_, HashMap<String, u64>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn held(&self) -> MutexGuard<'_, HashMap<String, File>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this process is the one that works on a batch now.
    fn hold(&self, batch: &str) -> io::Result<bool> {
        if self.held().contains_key(batch) {
            return Ok(true);
        }
        let requests = match self.dir.file(file(batch, REQUESTS)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(true),
            requests => requests?,
        };
        match requests.try_lock() {
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(error)) => return Err(error),
            Ok(()) => self.held().insert(batch.to_owned(), requests),
        };
        Ok(true)
    }

    /// A batch, if it is one that this user has kept.
    fn read(&self, batch: &str) -> io::Result<Option<BatchRecord>> {
        let bytes = match self.dir.read(file(batch, BATCH)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            bytes => bytes?,
        };
        let Some((sealed, record)) = bytes.strip_prefix(&MAGIC).and_then(|rest| rest.split_at_checked(MAC)) else {
            return Ok(None);
        };
        let is_ours = mac(&self.key, b"batch", &[record]) == *sealed;
        let record = is_ours.then(|| postcard::from_bytes::<BatchRecord>(record).ok()).flatten();
        Ok(record.filter(|record| record.key == batch))
    }
}

impl Shelf for Kept {
    fn begin(&self, key: &str) -> io::Result<File> {
        let requests = self.dir.create_new(file(key, REQUESTS), 0o600)?;
        // Nobody else knows of it yet.
        let _ = requests.try_lock();
        let written = requests.try_clone()?;
        self.held().insert(key.to_owned(), requests);
        Ok(written)
    }

    fn keep(&self, batch: &Batch) -> io::Result<()> {
        let made = *self.made().entry(batch.key.clone()).or_insert_with(now);
        let record = BatchRecord { run: self.run, made, ..record_of(batch) };
        let record = postcard::to_allocvec(&record).map_err(io::Error::other)?;
        let bytes = [&MAGIC[..], &mac(&self.key, b"batch", &[&record]), &record].concat();
        self.dir.write_whole(file(&batch.key, BATCH), &bytes, 0o600)
    }

    fn requests(&self, key: &str) -> io::Result<File> {
        self.dir.file(file(key, REQUESTS))
    }

    fn has(&self, key: &str) -> bool {
        self.dir.kind(file(key, BATCH)).is_ok_and(|kind| kind.is_some())
    }

    fn remove(&self, key: &str) -> io::Result<()> {
        for name in [file(key, BATCH), file(key, REQUESTS)] {
            match self.dir.remove_file(name) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => self.dir.sync()?,
            }
        }
        self.held().remove(key);
        Ok(())
    }
}

fn file(batch: &str, extension: &str) -> String {
    format!("{batch}{extension}")
}

fn record_of(batch: &Batch) -> BatchRecord {
    let Batch { key, of, at, cost, file, id, requests, failed } = batch.clone();
    let Group { step, server, form, url, endpoint, headers, model, tries } = of;
    let form = match form {
        Form::Anthropic => BatchForm::Anthropic,
        _ => BatchForm::OpenAi,
    };
    let failed = failed.into_iter().map(|one| (one.request, one.tries, one.status, one.said)).collect();
    BatchRecord {
        run: 0,
        made: 0,
        key,
        step,
        server,
        form,
        url,
        endpoint,
        headers,
        model,
        tries,
        at,
        cost,
        file,
        id,
        requests,
        failed,
    }
}

/// A batch as it was kept.
pub(super) fn batch_of(record: BatchRecord) -> Batch {
    let BatchRecord { key, step, server, form, url, endpoint, headers, model, .. } = record;
    let BatchRecord { tries, at, cost, file, id, requests, failed, .. } = record;
    let form = match form {
        BatchForm::OpenAi => Form::OpenAi,
        BatchForm::Anthropic => Form::Anthropic,
    };
    let of = Group { step, server, form, url, endpoint, headers, model, tries };
    let failed = failed.into_iter();
    let failed = failed.map(|(request, tries, status, said)| Unanswered { request, tries, status, said }).collect();
    Batch { key, of, at, cost, file, id, requests, failed }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn open(folder: &std::path::Path, key: u8) -> (Kept, Vec<Found>) {
        Kept::open(Dir::make(folder, 0o700).unwrap(), Key::of([key; 32]), 7).unwrap()
    }

    fn batch(key: &str) -> Batch {
        let of = Group {
            step: "ask".into(),
            server: "s".into(),
            form: Form::Anthropic,
            url: "http://s/v1".into(),
            endpoint: "/messages".into(),
            headers: vec![("anthropic-version".into(), "1".into())],
            model: "m".into(),
            tries: 1,
        };
        let failed = vec![Unanswered { request: 1, tries: Some(1), status: 500, said: b"no".to_vec() }];
        let (key, id, requests) = (key.into(), Some("b".into()), vec![[3; 32], [4; 32]]);
        Batch { key, of, at: 1, cost: 2, file: None, id, requests, failed }
    }

    /// A wrong outcome would submit a batch twice, or lose what was paid for.
    #[test]
    fn a_batch_that_was_kept_is_found_and_one_that_was_not_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let (kept, none) = open(folder.path(), 1);
        assert!(none.is_empty());
        for key in ["aa", "bb"] {
            kept.begin(key).unwrap().write_all(b"x").unwrap();
        }
        kept.keep(&batch("aa")).unwrap();
        let (_, found) = open(folder.path(), 1);
        let theirs: Vec<_> = found.iter().map(|found| (found.record.key.as_str(), found.theirs)).collect();
        assert_eq!(theirs, [("aa", true)], "a process works on it");
        drop(kept);
        let (_, others) = open(folder.path(), 2);
        assert!(others.is_empty(), "it is not of this user");
        let (kept, mut found) = open(folder.path(), 1);
        assert!(!folder.path().join("bb.requests").exists());
        let found = found.pop().unwrap();
        assert_eq!((found.theirs, found.record.run, batch_of(found.record)), (false, 7, batch("aa")));
        kept.remove("aa").unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_changed_byte_is_never_read_as_a_batch() {
        let folder = tempfile::tempdir().unwrap();
        let (kept, _) = open(folder.path(), 1);
        kept.keep(&batch("aa")).unwrap();
        let path = folder.path().join("aa.batch");
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            std::fs::write(&path, &changed).unwrap();
            assert!(open(folder.path(), 1).1.is_empty(), "byte {at}");
        }
    }
}
