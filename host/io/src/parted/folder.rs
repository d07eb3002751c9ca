//! What an output of several files has in its folder, wherever that is: manifests, and the files that they name.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use callboard_words::template::MANIFEST;

use super::manifest::{LONGEST, Manifest, Part, is_manifest};
use crate::destination::{Destination, OutputPlace};
use crate::error::IoError;
use crate::sha256::sha256_of;
use crate::stop::Stop;

/// A place is here that of a manifest.
impl OutputPlace {
    /// Its path, or its address.
    pub fn path(&self) -> PathBuf {
        match &self.0 {
            Destination::Disk(place) => place.path().to_owned(),
            Destination::Store(place) => place.path().into(),
            Destination::Hub(place) => place.path().into(),
            Destination::Stream => "-".into(),
        }
    }

    /// A file by its path from the folder of this one.
    ///
    /// # Errors
    /// A key that no store has.
    pub fn below(&self, path: &str) -> Result<OutputPlace, IoError> {
        Ok(OutputPlace(match &self.0 {
            Destination::Disk(place) => Destination::Disk(place.below(path)),
            Destination::Store(place) => Destination::Store(place.below(path)?),
            Destination::Hub(place) => Destination::Hub(place.below(path)),
            Destination::Stream => Destination::Stream,
        }))
    }

    /// The names of the manifests in the folder.
    ///
    /// # Errors
    /// The system's; the store cannot be asked.
    pub fn manifests(&self, stop: &Stop) -> Result<Vec<String>, IoError> {
        match &self.0 {
            Destination::Disk(place) => {
                let cannot =
                    |error: io::Error| IoError::system("cannot look at what is there", &error).in_file(place.path());
                let Some(folder) = place.folder().map_err(cannot)? else { return Ok(Vec::new()) };
                let names =
                    folder.entries().map_err(cannot)?.into_iter().filter_map(|(name, _)| name.into_string().ok());
                Ok(names.filter(|name| is_manifest(name)).collect())
            }
            Destination::Store(place) => {
                let names = place.listed("_manifest*.json", stop).map_err(|error| place.failed(&error))?;
                Ok(names.into_iter().filter(|name| is_manifest(name)).collect())
            }
            Destination::Hub(place) => place.listed(is_manifest, stop).map_err(|error| place.failed(&error)),
            Destination::Stream => Ok(Vec::new()),
        }
    }

    /// Whether one of the manifests is this one: that of the output, or what was added.
    pub fn has_manifest(&self, bytes: u64, digest: u128, stop: &Stop) -> bool {
        let names = self.manifests(stop).unwrap_or_default();
        names.iter().any(|name| self.below(name).is_ok_and(|place| place.holds(bytes, digest, stop).unwrap_or(false)))
    }

    /// One of the manifests.
    ///
    /// # Errors
    /// The system's; the store cannot be asked; what is no manifest.
    pub fn read_manifest(&self, name: &str, stop: &Stop) -> Result<Manifest, IoError> {
        let place = self.below(name)?;
        let text = match &place.0 {
            Destination::Disk(file) => file.file().and_then(|file| {
                let mut text = Vec::new();
                file.ok_or(io::ErrorKind::NotFound)?.take(LONGEST + 1).read_to_end(&mut text).map(|_| text)
            }),
            Destination::Store(object) => object.read(LONGEST, stop),
            Destination::Hub(file) => file.open(None, stop).and_then(|file| {
                let mut text = Vec::new();
                file.ok_or(io::ErrorKind::NotFound)?.take(LONGEST + 1).read_to_end(&mut text).map(|_| text)
            }),
            Destination::Stream => Err(io::ErrorKind::NotFound.into()),
        };
        let text = text.map_err(|error| IoError::system("cannot read", &error).in_file(place.path()))?;
        Manifest::read(&text).map_err(|error| {
            error
                .in_file(place.path())
                .with_help("it says what belongs to the output; remove it, and what it names, by hand")
        })
    }

    /// Whether the file in the place is one that a manifest names.
    pub(super) fn is(&self, part: &Part, stop: &Stop) -> io::Result<bool> {
        match &self.0 {
            Destination::Store(place) => place.is(part.bytes, &part.sha256, stop),
            Destination::Hub(place) => place.is(part.bytes, &part.sha256, stop),
            Destination::Stream => Ok(false),
            Destination::Disk(place) => match place.file()? {
                Some(file) if file.metadata()?.len() == part.bytes => Ok(sha256_of(file)?.0 == part.sha256),
                _ => Ok(false),
            },
        }
    }

    /// When an object was written, by the clock of its store.
    pub(super) fn written(&self, stop: &Stop) -> Result<Option<SystemTime>, IoError> {
        match &self.0 {
            Destination::Store(place) => place.written(stop).map_err(|error| place.failed(&error)),
            Destination::Disk(_) | Destination::Hub(_) | Destination::Stream => Ok(None),
        }
    }

    /// Whether something else than the file that a manifest named is in the place. In a store, what was written before `since`, when all
    /// manifests were there, is not read.
    pub(super) fn is_altered(&self, part: &Part, since: Option<SystemTime>, stop: &Stop) -> io::Result<bool> {
        match &self.0 {
            Destination::Store(place) => place.is_altered(part.bytes, &part.sha256, since, stop),
            Destination::Disk(place) => Ok(place.file()?.is_some() && !self.is(part, stop)?),
            Destination::Hub(_) | Destination::Stream => Ok(false),
        }
    }

    /// Removes the file, if there is one, and on the disk the folders that are empty then, up to the first one.
    pub(super) fn remove(&self, stop: &Stop) -> Result<(), IoError> {
        let removed = match &self.0 {
            Destination::Disk(place) => place.remove(),
            Destination::Store(place) => place.remove(stop),
            // Files come and go in commits.
            Destination::Hub(_) | Destination::Stream => Ok(()),
        };
        removed.map_err(|error| IoError::system("cannot remove", &error).in_file(self.path()))
    }

    /// Waits until the names in a folder below are on the disk.
    pub(super) fn sync(&self, folder: &Path) -> Result<(), IoError> {
        let Destination::Disk(place) = &self.0 else { return Ok(()) };
        let below = if folder.as_os_str().is_empty() { PathBuf::from(MANIFEST) } else { folder.join(MANIFEST) };
        let synced = place
            .below(&below.to_string_lossy())
            .folder()
            .and_then(|folder| folder.map_or(Ok(()), |folder| folder.sync()));
        synced.map_err(|error| IoError::system("cannot sync", &error).in_file(self.path()))
    }
}
