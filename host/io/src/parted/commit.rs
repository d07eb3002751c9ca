//! The files of an output into their places. The old manifest goes first and the new one last, so that at no moment there is a manifest
//! that names what is not there.
//!
//! What is staged is moved, so a process that resumes sees what is left to do. The names of files that are replaced by none of the new ones are
//! kept beside what is staged until they are removed.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use callboard_words::{Help, Setting};

use super::manifest::{LONGEST, Manifest, Part};
use super::sending::record_name;
use super::staged_name;
use super::turn::Turn;
use crate::beneath::Dir;
use crate::destination::{Destination, OutputPlace};
use crate::error::IoError;
use crate::output::{Committed, Finished, Staged};
use crate::places::{HubPlace, Known, LARGE, StorePlace, ToCommit, Upload, UploadRecords};
use crate::sha256::{sha256, sha256_of};
use crate::stop::Stop;

/// How many files are sent to a store at once.
const AT_ONCE: usize = 8;

/// An output whose files are complete and staged, and go to their places.
pub struct Commit<'a> {
    /// Where they are staged, beside the manifest, which is called `name`.
    pub folder: &'a Dir,
    /// The output's name.
    pub name: &'a str,
    /// The place of the manifest of a whole output.
    pub place: &'a OutputPlace,
    /// Whether what is there is replaced. Where files are added, nothing is.
    pub replace: bool,
    /// Where it is written down what has been sent of its files.
    pub records: &'a UploadRecords,
    /// Ends what takes long.
    pub stop: &'a Stop,
}

/// Files in their places.
pub struct Placed {
    /// What they are.
    pub manifest: Manifest,
    /// Whether they were there already: the same had been added before.
    pub again: bool,
    /// Where the manifest belongs.
    pub place: OutputPlace,
    /// Files that the manifest before it named, and that were not removed: somebody has altered them.
    pub left: Vec<PathBuf>,
    /// Until the manifest is there, too.
    turn: Turn,
}

/// A file on its way to its place in a store.
struct ToPut<'a> {
    /// What it is called where it is staged.
    name: String,
    part: &'a Part,
    place: StorePlace,
    file: File,
    /// If it goes there in parts, or has gone there.
    upload: Option<Upload>,
}

impl Manifest {
    /// The manifest that is staged as `name`, if it is there.
    ///
    /// # Errors
    /// The system's; what is no manifest.
    pub fn staged(folder: &Dir, name: &str) -> Result<Option<Manifest>, IoError> {
        let path = folder.path().join(name);
        let mut text = Vec::new();
        let read = folder.file(name).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut text));
        match read {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(IoError::system("cannot read", &error).in_file(path)),
            Ok(_) => Manifest::read(&text).map(Some).map_err(|error| error.in_file(path)),
        }
    }
}

impl Commit<'_> {
    /// Puts the files in their places, but for the manifest. They are durable when this returns.
    ///
    /// # Errors
    /// What stands in a place and is not replaced: nothing was altered then; the system's; a store cannot be asked, or refuses.
    pub fn files(&self) -> Result<Placed, IoError> {
        let Some(manifest) = Manifest::staged(self.folder, self.name)? else {
            return Err(IoError::data("its manifest is not there").in_file(self.folder.path().join(self.name)));
        };
        let place = self.place.below(&manifest.name())?;
        let adds = manifest.added.is_some();
        if let Destination::Hub(hub) = &self.place.0 {
            return self.commit_to_hub(hub, manifest, place);
        }
        let turn = match self.place.on_disk() {
            Some(place) => {
                let folder = place
                    .made()
                    .map_err(|error| IoError::system("cannot make its folder", &error).in_file(place.path()))?;
                Turn::wait(folder.path(), self.stop)?
            }
            None => Turn::NONE,
        };
        if adds && place.standing(self.stop)? {
            self.end_uploads()?;
            return Ok(Placed { manifest, again: true, place, left: Vec::new(), turn: Turn::NONE });
        }
        let left: Vec<(usize, &Part)> =
            manifest.files.iter().enumerate().filter(|(nth, _)| self.is_staged(*nth)).collect();
        let replace = self.replace && !adds;
        for (_, part) in &left {
            let there = self.place.below(&part.path)?;
            if there.on_disk().is_some() && there.standing(self.stop)? && !replace {
                return Err(refused(&there.path()));
            }
        }
        let altered = if adds { Vec::new() } else { self.clear_away(&manifest)? };
        match &self.place.0 {
            Destination::Disk(_) => self.move_files(&left, replace)?,
            Destination::Store(store) => {
                self.send_files(store, &left, replace)?;
                // An earlier attempt may have had a file that is none of these.
                self.end_uploads_but(&manifest.files.iter().map(|part| record_name(self.name, &part.path)).collect())?;
            }
            Destination::Hub(_) | Destination::Stream => {}
        }
        Ok(Placed { manifest, again: false, place, left: altered, turn })
    }

    /// Puts the manifest in its place, last.
    ///
    /// # Errors
    /// As [`Commit::files`].
    pub fn manifest(&self, finished: Finished, placed: Placed) -> Result<Committed, IoError> {
        let Placed { manifest, again, place, left: _, turn } = placed;
        let path = place.path();
        let (rows, bytes) = if again { (0, 0) } else { (manifest.rows, manifest.bytes) };
        let files = if again { 0 } else { manifest.files.len() as u64 };
        let committed = |path: PathBuf| Committed { rows, bytes, path, files: Some(files) };
        match (&place.0, again) {
            (Destination::Disk(_) | Destination::Store(_) | Destination::Stream, true) => {
                self.end_upload(&finished.staged)?
            }
            // It is there since the commit.
            (Destination::Hub(_), _) => drop(self.folder.remove_file(&finished.staged.name)),
            (Destination::Store(store), false) if manifest.added.is_some() => {
                let text = self.folder.read(&finished.staged.name);
                let text =
                    text.map_err(|error| IoError::system("cannot read", &error).in_file(finished.staged.path()))?;
                store.put(text.into(), false, self.stop).map_err(|error| store.failed(&error))?;
                self.end_upload(&finished.staged)?;
            }
            _ => drop(finished.commit(&place, self.replace && manifest.added.is_none())?),
        }
        drop(turn);
        Ok(committed(path))
    }

    /// On the hub: all files, and their manifest, in one commit.
    fn commit_to_hub(&self, hub: &HubPlace, manifest: Manifest, place: OutputPlace) -> Result<Placed, IoError> {
        let failed = |error: &io::Error| hub.failed(error);
        let unread = |name: &str, error: &io::Error| {
            IoError::system("cannot read", error).in_file(self.folder.path().join(name))
        };
        let open = |name: &str| self.folder.file(name).map(Arc::new).map_err(|error| unread(name, &error));
        let text = manifest.to_text();
        let (sha256, bytes) = (sha256(text.as_bytes()), text.len() as u64);
        let Destination::Hub(at) = &place.0 else { return Err(refused(&place.path())) };
        let is_there = || at.is(bytes, &sha256, self.stop);
        if is_there().map_err(|error| failed(&error))? {
            // The same was added before; or this was committed, and nobody heard of it.
            let again = manifest.added.is_some();
            return Ok(Placed { manifest, again, place, left: Vec::new(), turn: Turn::NONE });
        }
        let adds = manifest.added.is_some();
        let manifests = if adds { Vec::new() } else { self.place.manifests(self.stop)? };
        if !manifests.is_empty() && !self.replace {
            return Err(refused(&self.place.path()));
        }
        let mut gone: BTreeSet<String> = BTreeSet::new();
        for name in &manifests {
            gone.insert(hub.below(name).key().to_owned());
            let old = self.place.read_manifest(name, self.stop)?;
            gone.extend(old.files.iter().map(|part| hub.below(&part.path).key().to_owned()));
        }
        let mut files =
            vec![ToCommit { path: at.key().to_owned(), file: open(self.name)?, bytes, sha256: sha256.clone() }];
        for (nth, part) in manifest.files.iter().enumerate() {
            let (path, file) = (hub.below(&part.path).key().to_owned(), open(&staged_name(self.name, nth))?);
            files.push(ToCommit { path, file, bytes: part.bytes, sha256: part.sha256.clone() });
        }
        let is_new: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
        gone.retain(|path| !is_new.contains(path.as_str()));
        match hub.commit(files, gone.into_iter().collect(), self.replace && !adds, self.stop) {
            Ok(Ok(())) => {}
            Ok(Err(taken)) => return Err(refused(Path::new(&taken))),
            // The answer may have been lost, and the same was asked again.
            Err(_) if is_there().unwrap_or(false) => {}
            Err(error) => return Err(failed(&error)),
        }
        Ok(Placed { manifest, again: false, place, left: Vec::new(), turn: Turn::NONE })
    }

    /// Ends what was begun to be sent as the manifest of a whole output.
    fn end_upload(&self, staged: &Staged) -> Result<(), IoError> {
        staged.upload.as_ref().map_or(Ok(()), |upload| upload.abort())?;
        // It is of no use any more.
        let _ = self.folder.remove_file(&staged.name);
        Ok(())
    }

    fn is_staged(&self, nth: usize) -> bool {
        self.folder.kind(staged_name(self.name, nth)).is_ok_and(|kind| kind.is_some())
    }

    /// Removes the manifests that are there, and the files that they name and the new one does not. What somebody has altered since is
    /// left there: the places of these files.
    fn clear_away(&self, new: &Manifest) -> Result<Vec<PathBuf>, IoError> {
        let noted = format!("{}.old", self.name);
        let unwritten =
            |error: io::Error| IoError::system("cannot write", &error).in_file(self.folder.path().join(&noted));
        let manifests = self.place.manifests(self.stop)?;
        if !manifests.is_empty() && !self.replace {
            return Err(refused(&self.place.path()));
        }
        let mut old = Manifest::staged(self.folder, &noted)?.map_or(Vec::new(), |noted| noted.files);
        // What these manifests name was there before them. If others are gone already, that is not known.
        let (mut since, none_is_gone) = (None, old.is_empty());
        for name in &manifests {
            old.extend(self.place.read_manifest(name, self.stop)?.files);
            let written = self.place.below(name)?.written(self.stop)?.filter(|_| none_is_gone);
            since = written.map(|written| since.map_or(written, |since: SystemTime| since.min(written)));
        }
        let is_new: BTreeSet<&str> = new.files.iter().map(|part| part.path.as_str()).collect();
        old.retain(|part| !is_new.contains(part.path.as_str()));
        if old.is_empty() && manifests.is_empty() {
            return Ok(Vec::new());
        }
        let mut old = Manifest::of(old);
        old.files.dedup_by(|a, b| a.path == b.path);
        self.folder.write_whole(&noted, old.to_text().as_bytes(), 0o600).map_err(unwritten)?;
        for name in &manifests {
            self.place.below(name)?.remove(self.stop)?;
        }
        let mut left = Vec::new();
        for part in &old.files {
            let there = self.place.below(&part.path)?;
            let altered = there.is_altered(part, since, self.stop);
            match altered.map_err(|error| IoError::system("cannot read", &error).in_file(there.path()))? {
                true => left.push(there.path()),
                false => there.remove(self.stop)?,
            }
        }
        self.folder.remove_file(&noted).map_err(unwritten)?;
        Ok(left)
    }

    /// On the disk: by rename.
    fn move_files(&self, left: &[(usize, &Part)], replace: bool) -> Result<(), IoError> {
        let mut folders: BTreeSet<&Path> = BTreeSet::new();
        for (nth, part) in left {
            self.stop.check()?;
            let staged = Staged::new(self.folder, staged_name(self.name, *nth));
            let place = self.place.below(&part.path)?;
            let finished = Finished { rows: part.rows, bytes: part.bytes, digest: 0, path: place.path(), staged };
            finished.move_to(&place, replace)?;
            folders.extend(Path::new(&part.path).parent().into_iter().flat_map(Path::ancestors));
        }
        // The folders of all files, and those that they were made in, once each.
        folders.into_iter().try_for_each(|folder| self.place.sync(folder))
    }

    /// In a store: a request for each, several at a time; large ones in parts. What stands in the place of the next file is asked for while
    /// one is sent.
    fn send_files(&self, store: &StorePlace, left: &[(usize, &Part)], replace: bool) -> Result<(), IoError> {
        let (next, failed) = (AtomicUsize::new(0), Mutex::new(None));
        let begin = || {
            let (nth, part) = left.get(next.fetch_add(1, Ordering::Relaxed))?;
            Some(self.stop.check().and_then(|()| self.begin_file(store, *nth, part, replace)))
        };
        let send = || {
            let mut begun = begin();
            while let Some(file) = begun {
                if failed.lock().is_ok_and(|failed| failed.is_some()) {
                    return;
                }
                begun = begin();
                if let Err(error) = file.and_then(|file| self.send_file(file, replace))
                    && let Ok(mut failed) = failed.lock()
                {
                    failed.get_or_insert(error);
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..AT_ONCE.min(left.len()) {
                // Where the system refuses a thread, the others do its work.
                let _ = std::thread::Builder::new().name("upload".to_owned()).spawn_scoped(scope, send);
            }
            send();
        });
        failed.into_inner().ok().flatten().map_or(Ok(()), Err)
    }

    /// Opens a file, and continues or begins its upload, unless it is put there in one request.
    fn begin_file<'p>(
        &self,
        store: &StorePlace,
        nth: usize,
        part: &'p Part,
        replace: bool,
    ) -> Result<ToPut<'p>, IoError> {
        let name = staged_name(self.name, nth);
        let place = store.below(&part.path)?;
        let file = self.folder.file(&name).map_err(|error| self.unread(&name, &error))?;
        let record = record_name(self.name, &part.path);
        let kept = self.records.kept(&record).map_err(|error| self.unread(&name, &error))?;
        let mut upload = None;
        if part.bytes > LARGE || kept.is_some() {
            let begun = place.begin(Some(&part.sha256), kept.as_deref(), self.records.keep(&record), self.stop)?;
            if !replace {
                begun.look()?;
            }
            upload = Some(begun);
        }
        Ok(ToPut { name, part, place, file, upload })
    }

    fn send_file(&self, to_put: ToPut<'_>, replace: bool) -> Result<(), IoError> {
        let ToPut { name, part, place, file, upload } = to_put;
        if let Some(upload) = upload {
            upload.follow(&file, part.bytes, true).map_err(|error| self.unread(&name, &error))?;
            upload.complete(part.bytes, Known::Sha256(&part.sha256), replace)?;
        } else {
            let mut bytes = Vec::new();
            file.take(LARGE + 1).read_to_end(&mut bytes).map_err(|error| self.unread(&name, &error))?;
            match place.put(bytes.into(), replace, self.stop) {
                // Another process put it there, and was stopped before it could note that.
                Err(error)
                    if crate::error::Fault::of(&error).is_some_and(|fault| matches!(fault.status, Some(409 | 412)))
                        && !replace =>
                {
                    let is_this = place.is(part.bytes, &part.sha256, self.stop);
                    if !is_this.map_err(|error| place.failed(&error))? {
                        return Err(refused(Path::new(&place.path())));
                    }
                }
                put => put.map_err(|error| place.failed(&error))?,
            }
        }
        self.folder.remove_file(&name).map_err(|error| self.unread(&name, &error))
    }

    fn unread(&self, name: &str, error: &io::Error) -> IoError {
        IoError::system("cannot read", error).in_file(self.folder.path().join(name))
    }

    /// Ends the uploads of files that were begun.
    ///
    /// # Errors
    /// The system's; a store cannot be asked, or refuses.
    pub fn end_uploads(&self) -> Result<(), IoError> {
        self.end_uploads_but(&BTreeSet::new())
    }

    /// The same, but for those whose records are called so.
    fn end_uploads_but(&self, but: &BTreeSet<String>) -> Result<(), IoError> {
        let Destination::Store(store) = &self.place.0 else { return Ok(()) };
        let unread = |error: io::Error| IoError::system("cannot read what has been sent", &error);
        for name in self.records.names(&format!("{}.", self.name)).map_err(unread)? {
            if but.contains(&name) {
                continue;
            }
            let kept = self.records.kept(&name).map_err(unread)?.unwrap_or_default();
            // What is no record of a file of this output says nothing.
            store.recorded(&kept).map_or(Ok(()), |place| place.abort_kept(&kept, self.stop))?;
            self.records.forget(&name).map_err(unread)?;
        }
        Ok(())
    }

    /// Ends the uploads of files, and removes those that were put in their places, if the manifest was not: of a run that is removed, or
    /// that fails and cannot be resumed.
    /// A file that is not what was put there stays.
    ///
    /// # Errors
    /// The system's; a store cannot be asked, or refuses.
    pub fn undo(&self) -> Result<(), IoError> {
        self.end_uploads()?;
        let Some(manifest) = Manifest::staged(self.folder, self.name)? else { return Ok(()) };
        let place = self.place.below(&manifest.name())?;
        if matches!(place.0, Destination::Hub(_)) || place.standing(self.stop)? {
            return Ok(());
        }
        for (nth, part) in manifest.files.iter().enumerate() {
            let there = self.place.below(&part.path)?;
            let put = !self.is_staged(nth) || there.on_disk().is_none();
            if put
                && there
                    .is(part, self.stop)
                    .map_err(|error| IoError::system("cannot read", &error).in_file(there.path()))?
            {
                there.remove(self.stop)?;
            }
        }
        Ok(())
    }

    /// Whether each file is staged, or in its place, as the manifest has it; the first that is not.
    ///
    /// # Errors
    /// As [`Manifest::staged`].
    pub fn missing(&self, in_place: bool) -> Result<Option<String>, IoError> {
        let Some(manifest) = Manifest::staged(self.folder, self.name)? else { return Ok(None) };
        for (nth, part) in manifest.files.iter().enumerate() {
            let file = self.folder.file(staged_name(self.name, nth)).and_then(sha256_of);
            let is_staged = file.is_ok_and(|(sha256, bytes)| (sha256, bytes) == (part.sha256.clone(), part.bytes));
            let is_there = || {
                in_place && self.place.below(&part.path).is_ok_and(|there| there.is(part, self.stop).unwrap_or(false))
            };
            if !is_staged && !is_there() {
                return Ok(Some(part.path.clone()));
            }
        }
        Ok(None)
    }
}

fn refused(path: &Path) -> IoError {
    IoError::spec("this is there already")
        .in_file(path)
        .with_help(Help::from("to replace it, ").set(Setting::Overwrite))
}
