//! An output: written elsewhere, and in its place whole or not at all.

use callboard_words::template::Template;
use callboard_words::{Help, Setting};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::hash::Hasher;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use twox_hash::XxHash3_64;

use crate::beneath::Dir;
use crate::codec::{Codec, Packing};
use crate::destination::{Destination, OutputPlace};
use crate::digesting::Digesting;
use crate::format::Format;
use crate::formats::{RowWriter, implementation};
use crate::place::{FILE_MODE, FilePlace};
use crate::places::{Access, HubPlace, Known, ToCommit, Upload};
use crate::sha256::sha256_of;
use crate::stop::Stop;
use crate::text::{Compression, Sink};
use crate::values::{Rule, first_fault};
use crate::{ErrorKind, IoError};

/// An output as the pipeline names it.
#[derive(Debug, Clone)]
pub struct OutputSpec {
    /// The output's name, for errors.
    pub name: String,
    /// The file, absolute or relative to the current folder, or the address of an object.
    pub path: PathBuf,
    /// How its place is reached, if that is not this machine's disk.
    pub access: Access,
    /// By default what the extension says.
    pub format: Option<Format>,
    /// How it is compressed: of Parquet (by default zstd) and Arrow (by default not at all). The name of a text file says it.
    pub compression: Option<Codec>,
    /// How hard it is compressed: by default as usual for the codec, and level 1 for zstd in Parquet.
    pub level: Option<u32>,
    /// How it is made of several files, if its path is a template: `out/{language}/part-{n}.parquet`.
    pub parts: Parts,
}

/// How an output is made of several files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// The most rows of a file.
    pub max_rows: Option<u64>,
    /// The most bytes of rows of a file, as they are in memory. A row that has more is a file of its own.
    pub max_bytes: Option<u64>,
    /// The most different values of the columns that the path names.
    pub max_partitions: u64,
    /// Whether files are added to those that are there, which stay.
    pub append: bool,
}

/// Partitions that an output may have, unless it says it.
pub const PARTITIONS: u64 = 1000;
impl Default for Parts {
    fn default() -> Parts {
        Parts { max_rows: None, max_bytes: None, max_partitions: PARTITIONS, append: false }
    }
}

impl OutputSpec {
    /// The template that its path is, if it is one.
    pub(crate) fn template(&self) -> Result<Option<Template>, IoError> {
        let template = self.path.to_str().and_then(Template::of).transpose();
        template.map_err(|flaw| IoError::spec(flaw.message).with_help(flaw.help).in_file(&self.path))
    }

    /// Where it goes: its path, or that of its manifest.
    ///
    /// # Errors
    /// A template that is none.
    pub fn place(&self) -> Result<PathBuf, IoError> {
        Ok(self.template()?.map_or_else(|| self.path.clone(), |template| template.manifest().into()))
    }

    fn check(&self) -> Result<(Format, Packing), IoError> {
        let format = Format::of_output(&self.path, self.format)?;
        let packing = Packing::of(&self.path, format, self.compression, self.level)?;
        Ok((format, packing))
    }
}

/// Where a staged file is copied to before it is renamed: always the same, so that a run which is killed while copying leaves nothing that
/// is not used when it is tried again; and nobody else's. It is hidden, so that no pattern of an input matches it.
fn copy_beside(name: &OsStr, staged: &Staged) -> io::Result<String> {
    let folder = staged.folder.own_metadata()?;
    let mut whose = XxHash3_64::new();
    whose.write(&[folder.dev().to_le_bytes(), folder.ino().to_le_bytes()].concat());
    whose.write(staged.name.as_encoded_bytes());
    Ok(format!(".{}.partial-{:016x}", name.to_string_lossy(), whose.finish()))
}

/// Finds where the output goes, and asks whether it can be written there: on this machine's disk. Nothing is left behind: folders that
/// are missing are not made.
///
/// # Errors
/// An unknown format; a folder that cannot be written; anything but a regular file in the output's place.
pub fn check_writable(spec: &OutputSpec) -> Result<OutputPlace, IoError> {
    let place = OutputPlace::find(&spec.place()?, &spec.access)?;
    spec.check()?;
    place.on_disk().map_or(Ok(()), FilePlace::check_writable)?;
    Ok(place)
}

/// Asks whether the output's format can hold a schema.
///
/// # Errors
/// A column of a type that it cannot hold, with what would fix it.
pub fn check_schema(spec: &OutputSpec, schema: &SchemaRef) -> Result<(), IoError> {
    let (format, packing) = spec.check()?;
    // In memory: what is only asked needs no place on the disk.
    let scratch = rustix::fs::memfd_create("schema", rustix::fs::MemfdFlags::CLOEXEC);
    let scratch = scratch.map_err(|error| IoError::system("cannot make a file in memory", &error.into()))?;
    let sink = Sink::new(Digesting::new(scratch.into()), Compression::None, None)?;
    let writer = implementation(format).write(sink, schema, &spec.path, packing);
    writer.map(drop).map_err(|error| error.in_file(&spec.path))
}

/// Where a file is written until it is complete: a name in an open folder.
#[derive(Debug, Clone)]
pub struct Staged {
    /// The folder.
    pub folder: Dir,
    /// The file's name in it.
    pub name: OsString,
    /// What sends it to a store meanwhile.
    pub upload: Option<Arc<Upload>>,
    /// Whether it is a slice, which is copied into the whole file: nothing waits until the disk has it.
    pub is_slice: bool,
}

impl Staged {
    /// A name in a folder.
    pub fn new(folder: &Dir, name: impl Into<OsString>) -> Staged {
        Staged { folder: folder.clone(), name: name.into(), upload: None, is_slice: false }
    }

    /// The same, sent to a store while it is written.
    #[must_use]
    pub fn sent_by(self, upload: Option<Arc<Upload>>) -> Staged {
        Staged { upload, ..self }
    }

    /// The same, as a slice of the file.
    #[must_use]
    pub fn slice(self, is_slice: bool) -> Staged {
        Staged { is_slice, ..self }
    }

    /// The file, digested while it is written and followed by what sends it.
    pub(crate) fn followed(&self, file: Digesting) -> Result<Digesting, IoError> {
        let file = if self.is_slice { file.passing() } else { file };
        let followed = match &self.upload {
            None => Ok(file),
            Some(upload) => file.followed_by(upload),
        };
        followed.map_err(|error| IoError::system("cannot write", &error).in_file(self.path()))
    }

    /// Its path, for messages.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join(&self.name)
    }
}

impl PartialEq for Staged {
    fn eq(&self, other: &Staged) -> bool {
        self.path() == other.path()
    }
}

impl Eq for Staged {}

/// A file being written, elsewhere than in its place.
pub struct Writer {
    path: PathBuf,
    staged: Staged,
    schema: SchemaRef,
    rows: u64,
    rule: &'static dyn Rule,
    writer: Box<dyn RowWriter>,
}

impl Writer {
    /// Begins to write at `staged`, in place of what is there. A file that stands in the output's place is not touched.
    ///
    /// # Errors
    /// As [`check_writable`]; a schema that the format cannot hold.
    pub fn create(spec: &OutputSpec, schema: SchemaRef, staged: &Staged) -> Result<Writer, IoError> {
        let made = staged.folder.create(&staged.name, FILE_MODE);
        let file = made.map_err(|error| IoError::system("cannot write", &error).in_file(staged.path()))?;
        Writer::to(spec, schema, staged, staged.followed(Digesting::new(file))?, 0)
    }

    /// Goes on with a file that was written as far as [`Writer::position`] said. None if it is not there, or is not what was written then.
    ///
    /// # Errors
    /// As [`Writer::create`].
    pub fn go_on(
        spec: &OutputSpec,
        schema: SchemaRef,
        staged: &Staged,
        position: &Position,
    ) -> Result<Option<Writer>, IoError> {
        let cannot = |error: &std::io::Error| IoError::system("cannot continue", error).in_file(staged.path());
        let file = match staged.folder.file_to_write(&staged.name) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(|error| cannot(&error))?,
        };
        if file.metadata().map_err(|error| cannot(&error))?.nlink() > 1 {
            // Under its other name it is somebody else's.
            return Ok(None);
        }
        let file = Digesting::go_on(file, position.bytes, position.digest).map_err(|error| cannot(&error))?;
        file.map(|file| Writer::to(spec, schema, staged, staged.followed(file)?, position.rows)).transpose()
    }

    fn to(
        spec: &OutputSpec,
        schema: SchemaRef,
        staged: &Staged,
        file: Digesting,
        rows: u64,
    ) -> Result<Writer, IoError> {
        let (format, packing) = spec.check()?;
        let (_, compression) = Compression::split(&spec.path);
        let rule = implementation(format).rule();
        let writer = Sink::new(file, compression, packing.level)
            .and_then(|sink| implementation(format).write(sink, &schema, &spec.path, packing))
            .map_err(|error| error.in_file(&spec.path))?;
        Ok(Writer { path: spec.path.clone(), staged: staged.to_owned(), schema, rows, rule, writer })
    }

    /// Rows written.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// How far the file is written, all of it handed to the system; the last rows may still be on their way. `None` for a format that cannot be continued: only plain JSON Lines can.
    ///
    /// # Errors
    /// A full disk and its like.
    pub fn position(&mut self) -> Result<Option<Position>, IoError> {
        let rows = self.rows - self.writer.waiting();
        let Some(sink) = self.writer.sink() else { return Ok(None) };
        let position = sink.position().map_err(|error| IoError::system("cannot write", &error).in_file(&self.path))?;
        Ok(position.map(|(bytes, digest)| Position { rows, bytes, digest }))
    }

    /// The schema it was created with.
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// Bytes that are held of the rows written so far, beside a few MiB.
    pub fn held(&self) -> u64 {
        self.writer.held()
    }

    /// Bytes that [`write`](Writer::write) would hold at its peak with these rows, about, beside a few MiB and the rows themselves.
    pub fn takes(&self, rows: &RecordBatch) -> u64 {
        self.writer.held().saturating_add(self.writer.takes(rows))
    }

    /// Lets what takes long within one [`write`](Writer::write) end with an error of [`ErrorKind::Interrupted`] as soon as `stop` says so.
    pub fn stop_when(&mut self, stop: Stop) {
        self.writer.stop_when(stop);
    }

    /// Appends rows of the schema. How rows are cut into batches does not show in the file.
    ///
    /// # Errors
    /// A full disk and its like; a value that the format cannot hold, with its row in the output and its column.
    pub fn write(&mut self, rows: &RecordBatch) -> Result<(), IoError> {
        if let Some(fault) = first_fault(rows, self.rule) {
            return Err(fault.into_error(self.rows).with_help(self.rule.help()).in_file(&self.path));
        }
        self.rows += rows.num_rows() as u64;
        self.writer.write(rows).map_err(|error| blame(error, &self.path, &self.staged))
    }

    /// Completes the file, still where it is staged; it is durable when this returns.
    ///
    /// # Errors
    /// A full disk and its like.
    pub fn finish(self) -> Result<Finished, IoError> {
        let Writer { path, staged, rows, writer, schema: _, rule: _ } = self;
        let cannot = |error: &std::io::Error| IoError::system("cannot write", error).in_file(staged.path());
        let sink = writer.finish().and_then(Sink::finish);
        let (file, digest) = sink.map_err(|error| blame(error, &path, &staged))?;
        let bytes = file.metadata().map_err(|error| cannot(&error))?.len();
        Ok(Finished { rows, bytes, digest, path, staged })
    }
}

/// How far a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Rows.
    pub rows: u64,
    /// Bytes that they take.
    pub bytes: u64,
    /// The [digest](crate::file_digest) of these bytes.
    pub digest: u128,
}

/// Says where it went wrong: what the system refuses is about the file that is being written, all else about the output.
fn blame(error: IoError, path: &Path, staged: &Staged) -> IoError {
    match error.kind() {
        ErrorKind::System | ErrorKind::Interrupted => error.in_file(staged.path()),
        ErrorKind::Spec | ErrorKind::Data | ErrorKind::Limit => error.in_file(path),
    }
}

/// A complete file that is not yet in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Rows written.
    pub rows: u64,
    /// Size of the file.
    pub bytes: u64,
    /// The [digest](crate::file_digest) of the file.
    pub digest: u128,
    /// Where it will appear.
    pub path: PathBuf,
    /// Where it is.
    pub staged: Staged,
}

impl Finished {
    /// Makes the file appear in its place. On the disk, folders that are missing are made. With `replace` a regular file that stands there is replaced;
    /// without, and whatever else stands there, it is an error. It is durable when this returns. A place on another file system gets a
    /// copy, written beside it and renamed.
    ///
    /// # Errors
    /// The system's; what stands in the place and is not replaced. The file is still where it was staged then.
    pub fn commit(self, place: &OutputPlace, replace: bool) -> Result<Committed, IoError> {
        self.commit_unless(place, replace, &Stop::default())
    }

    /// As [`Finished::commit`]; what is sent to the hub ends as soon as `stop` says so.
    ///
    /// # Errors
    /// As [`Finished::commit`].
    pub fn commit_unless(self, place: &OutputPlace, replace: bool, stop: &Stop) -> Result<Committed, IoError> {
        let place = match &place.0 {
            Destination::Disk(place) => place,
            Destination::Store(_) => return self.complete(replace),
            Destination::Hub(place) => return self.commit_to(place, replace, stop),
            Destination::Stream => {
                return Err(IoError::spec("standard output is no place of a file").in_file(self.path));
            }
        };
        let (rows, bytes, path) = (self.rows, self.bytes, self.path.clone());
        let folder = self.move_into(place, replace)?;
        folder.sync().map_err(|error| IoError::system("cannot put the file in its place", &error).in_file(&path))?;
        Ok(Committed { rows, bytes, path, files: None })
    }

    /// The same on the disk, but that nothing waits for the disk.
    pub(crate) fn move_to(self, place: &OutputPlace, replace: bool) -> Result<(), IoError> {
        place.on_disk().map_or(Ok(()), |place| self.move_into(place, replace).map(drop))
    }

    fn move_into(self, place: &FilePlace, replace: bool) -> Result<Dir, IoError> {
        let Finished { path, staged, .. } = self;
        let fail = |error: &io::Error| IoError::system("cannot put the file in its place", error).in_file(&path);
        // As when the run was checked: a link, a pipe or a device may have appeared there since.
        if place.standing()? && !replace {
            return Err(IoError::spec("this is there already")
                .in_file(&path)
                .with_help(Help::from("to replace it, ").set(Setting::Overwrite)));
        }
        let folder = place.made().map_err(|error| fail(&error))?;
        let put = |from: &Dir, name: &OsStr| match replace {
            true => from.rename(name, &folder, place.name()),
            false => from.rename_new(name, &folder, place.name()),
        };
        match put(&staged.folder, &staged.name) {
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                let copy = copy_beside(place.name(), &staged).map_err(|error| fail(&error))?;
                let copied = staged.folder.file(&staged.name).and_then(|mut file| {
                    let mut to = folder.create(&copy, FILE_MODE)?;
                    io::copy(&mut file, &mut to)?;
                    to.sync_all()?;
                    put(&folder, copy.as_ref())
                });
                copied.map_err(|error| {
                    let _ = folder.remove_file(&copy);
                    fail(&error)
                })?;
                // The run's folder is whose it is to remove.
                let _ = staged.folder.remove_file(&staged.name);
            }
            renamed => renamed.map_err(|error| fail(&error))?,
        }
        Ok(folder)
    }

    /// Copies it to a stream, such as standard output; it stays where it is staged. A reader that has gone away (`| head`) has had enough.
    ///
    /// # Errors
    /// The system's; an error of [`ErrorKind::Interrupted`] as soon as `stop` says so.
    pub fn copy_to(self, stream: &File, stop: &Stop) -> Result<Committed, IoError> {
        let Finished { rows, bytes, digest: _, path, staged } = self;
        let read = |error: &io::Error| IoError::system("cannot read", error).in_file(staged.path());
        let mut file = staged.folder.file(&staged.name).map_err(|error| read(&error))?;
        let mut buffer = vec![0; 64 << 10];
        loop {
            let length = file.read(&mut buffer).map_err(|error| read(&error))?;
            if length == 0 {
                break;
            }
            match streamed(stream, &buffer[..length], stop) {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
                Err(error) if crate::stop::was_stopped(&error) => return Err(IoError::interrupted()),
                written => written.map_err(|error| IoError::system("cannot write to standard output", &error))?,
            }
        }
        Ok(Committed { rows, bytes, path, files: None })
    }

    /// Has what is left of it sent to its store, and waits for that; on the disk there is nothing to do. What is in the place already is
    /// asked for meanwhile, unless it is replaced.
    ///
    /// # Errors
    /// The file cannot be read; the store cannot be asked, or refuses.
    pub fn send(&self, replace: bool) -> Result<(), IoError> {
        let Some(upload) = &self.staged.upload else { return Ok(()) };
        if !upload.follows() {
            let file = self.staged.folder.file(&self.staged.name);
            let followed = file.and_then(|file| upload.follow(&file, self.bytes, true));
            followed.map_err(|error| IoError::system("cannot read", &error).in_file(self.staged.path()))?;
        }
        if !replace {
            upload.look()?;
        }
        upload.wait()
    }

    /// The same on the hub.
    fn commit_to(self, place: &HubPlace, replace: bool, stop: &Stop) -> Result<Committed, IoError> {
        let Finished { rows, bytes, digest: _, path, staged } = self;
        let read = |error: &io::Error| IoError::system("cannot read", error).in_file(staged.path());
        let file = staged.folder.file(&staged.name).map_err(|error| read(&error))?;
        let (sha256, _) = sha256_of(&file).map_err(|error| read(&error))?;
        let failed = |error: &io::Error| place.failed(error);
        // An earlier process may have committed it, and not have heard of it.
        if !place.is(bytes, &sha256, stop).map_err(|error| failed(&error))? {
            let file = ToCommit { path: place.key().to_owned(), file: Arc::new(file), bytes, sha256: sha256.clone() };
            match place.commit(vec![file], Vec::new(), replace, stop) {
                Ok(Ok(())) => {}
                Ok(Err(_)) => {
                    return Err(IoError::spec("this is there already")
                        .in_file(&path)
                        .with_help(Help::from("to replace it, ").set(Setting::Overwrite)));
                }
                // The answer may have been lost, and the same was asked again.
                Err(_) if place.is(bytes, &sha256, stop).unwrap_or(false) => {}
                Err(error) => return Err(failed(&error)),
            }
        }
        // It is where it belongs.
        let _ = staged.folder.remove_file(&staged.name);
        Ok(Committed { rows, bytes, path, files: None })
    }

    /// The same in a store.
    fn complete(self, replace: bool) -> Result<Committed, IoError> {
        self.send(replace)?;
        let Finished { rows, bytes, digest, path, staged } = self;
        let Some(upload) = &staged.upload else {
            return Err(IoError::spec("nothing was sent there").in_file(path));
        };
        upload.complete(bytes, Known::Digest(digest), replace)?;
        // It is where it belongs.
        let _ = staged.folder.remove_file(&staged.name);
        upload.close();
        Ok(Committed { rows, bytes, path, files: None })
    }
}

/// Writes to a stream as far as its reader takes it, and asks meanwhile whether to stop.
fn streamed(mut stream: &File, mut bytes: &[u8], stop: &Stop) -> io::Result<()> {
    // What a pipe that can be written takes without waiting.
    const AT_ONCE: usize = 4096;
    const ASKED: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
    while !bytes.is_empty() {
        if stop.is_wanted() {
            return Err(io::Error::other(crate::stop::Stopped));
        }
        let mut ready = [PollFd::new(stream, PollFlags::OUT)];
        match poll(&mut ready, Some(&ASKED)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => continue,
            polled => drop(polled?),
        }
        match stream.write(&bytes[..bytes.len().min(AT_ONCE)]) {
            Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {}
            written => bytes = &bytes[written?..],
        }
    }
    Ok(())
}

/// A file in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Rows written.
    pub rows: u64,
    /// Size of the file.
    pub bytes: u64,
    /// Where it is; of several files, where their manifest is.
    pub path: PathBuf,
    /// How many files there are, if it is made of several.
    pub files: Option<u64>,
}
