//! The place of an output: on this machine's disk, or in a store.

use std::io;
use std::path::Path;

use callboard_words::address::Scheme;

use crate::beneath::Dir;
use crate::error::IoError;
use crate::parted::Sending;
use crate::place::FilePlace;
use crate::places::{self, Access, HubPlace, Keep, Pending, StorePlace, Upload, UploadRecords};
use crate::stop::Stop;

/// The path of standard output.
const STREAM: &str = "-";

/// A question about a place that is being answered.
pub struct Look(Pending<Option<u64>>);

/// Where an output goes, found before anything is written.
#[derive(Debug, Clone)]
pub struct OutputPlace(pub(crate) Destination);

#[derive(Debug, Clone)]
pub(crate) enum Destination {
    Disk(FilePlace),
    Store(StorePlace),
    Hub(HubPlace),
    /// Standard output, as whoever runs this has it.
    Stream,
}

impl OutputPlace {
    /// Finds the place that a path or an address names; `-` is standard output. Nothing is made, and nothing sent.
    ///
    /// # Errors
    /// As [`FilePlace::find`]; an address that nothing is written to; credentials that are not there.
    pub fn find(path: &Path, access: &Access) -> Result<OutputPlace, IoError> {
        if path == Path::new(STREAM) {
            return Ok(OutputPlace(Destination::Stream));
        }
        let Some(address) = path.to_str().and_then(places::address) else {
            return FilePlace::find(path).map(Destination::Disk).map(OutputPlace);
        };
        let address = address?;
        if !address.scheme.is_written() {
            let message = format!("nothing is written to {}", address.scheme.words());
            let help = "write to a file, or to a store: path = \"s3://BUCKET/KEY\"";
            return Err(IoError::spec(message).in_file(path).with_help(help));
        }
        if address.scheme == Scheme::Hub {
            return HubPlace::find(address, access).map(Destination::Hub).map(OutputPlace);
        }
        StorePlace::find(address, access).map(Destination::Store).map(OutputPlace)
    }

    /// The place, if it is on this machine's disk.
    pub fn on_disk(&self) -> Option<&FilePlace> {
        match &self.0 {
            Destination::Disk(place) => Some(place),
            Destination::Store(_) | Destination::Hub(_) | Destination::Stream => None,
        }
    }

    /// Whether it is standard output, to which [`Finished::copy_to`](crate::Finished::copy_to) writes.
    pub fn is_stream(&self) -> bool {
        matches!(self.0, Destination::Stream)
    }

    /// Begins to ask whether something is in the place; of a store alone, where the answer takes its time.
    pub fn look(&self) -> Option<Look> {
        match &self.0 {
            Destination::Store(place) => place.begin_size().ok().map(Look),
            Destination::Disk(_) | Destination::Hub(_) | Destination::Stream => None,
        }
    }

    /// As [`standing`](Self::standing), with the answer to what was asked before.
    ///
    /// # Errors
    /// As [`standing`](Self::standing).
    pub fn standing_as(&self, looked: Look, stop: &Stop) -> Result<bool, IoError> {
        match &self.0 {
            Destination::Store(place) => {
                looked.0.wait(stop).map(|size| size.is_some()).map_err(|error| place.failed(&error))
            }
            Destination::Disk(_) | Destination::Hub(_) | Destination::Stream => self.standing(stop),
        }
    }

    /// Whether something is in the place that an output would replace.
    ///
    /// # Errors
    /// What stands there and is never replaced; the system's; the store cannot be asked.
    pub fn standing(&self, stop: &Stop) -> Result<bool, IoError> {
        match &self.0 {
            Destination::Disk(place) => place.standing(),
            Destination::Store(place) => place.standing(stop),
            Destination::Hub(place) => place.standing(stop).map_err(|error| place.failed(&error)),
            Destination::Stream => Ok(false),
        }
    }

    /// Whether what is in the place has this size and [digest](crate::file_digest): it is read whole if it has the size.
    ///
    /// # Errors
    /// The system's; the store cannot be asked.
    pub fn holds(&self, bytes: u64, digest: u128, stop: &Stop) -> io::Result<bool> {
        match &self.0 {
            Destination::Store(place) => place.holds(bytes, digest, stop),
            Destination::Hub(place) => match place.open(Some(bytes), stop)? {
                Some(file) => Ok(crate::digest::digest_of(file)? == digest),
                None => Ok(false),
            },
            Destination::Stream => Ok(false),
            Destination::Disk(place) => match place.file()? {
                Some(file) if file.metadata()?.len() == bytes => Ok(crate::file_digest(&file)? == (digest, bytes)),
                _ => Ok(false),
            },
        }
    }

    /// Ends what was begun to be sent there, as a record that was kept has it, for good.
    ///
    /// # Errors
    /// The store cannot be asked, or refuses.
    pub fn abort(&self, kept: &[u8], stop: &Stop) -> Result<(), IoError> {
        match &self.0 {
            // What was sent to the hub and not committed is nowhere to be seen.
            Destination::Disk(_) | Destination::Hub(_) | Destination::Stream => Ok(()),
            Destination::Store(place) => place.abort_kept(kept, stop),
        }
    }

    /// What sends the files of an output of several, whose manifest belongs in this place, while they are written into a folder; of a store
    /// alone.
    pub fn sending(&self, output: &str, folder: &Dir, records: &UploadRecords, stop: &Stop) -> Option<Sending> {
        match &self.0 {
            Destination::Store(place) => Some(Sending::new(place, output, folder, records.clone(), stop)),
            Destination::Disk(_) | Destination::Hub(_) | Destination::Stream => None,
        }
    }

    /// Begins to send an output to the place, or continues to, if a record of that was `kept`; `None` on the disk. `keep` writes such a
    /// record down.
    ///
    /// # Errors
    /// The store cannot be asked, or refuses.
    pub fn begin(&self, kept: Option<&[u8]>, keep: Keep, stop: &Stop) -> Result<Option<Upload>, IoError> {
        match &self.0 {
            Destination::Disk(_) | Destination::Stream => Ok(None),
            // All of it is sent when the run commits; whether that is allowed is known before.
            Destination::Hub(place) => place.check(stop).map(|()| None),
            Destination::Store(place) => place.begin(None, kept, keep, stop).map(Some),
        }
    }
}
