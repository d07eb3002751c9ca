//! An output: written elsewhere, and in its place whole or not at all.

use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use tempfile::NamedTempFile;
use twox_hash::XxHash3_64;

use crate::digesting::Digesting;
use crate::formats::{Format, RowWriter};
use crate::text::{Compression, Sink};
use crate::{ErrorKind, IoError};

/// An output as the pipeline names it.
#[derive(Debug, Clone)]
pub struct OutputSpec {
    /// The output's name, for errors.
    pub name: String,
    /// The file, absolute or relative to the current folder.
    pub path: PathBuf,
    /// By default what the extension says.
    pub format: Option<Format>,
}

impl OutputSpec {
    fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }

    fn check(&self) -> Result<Format, IoError> {
        match self.path.is_dir() || self.path.file_name().is_none() {
            true => Err(IoError::spec("this is a folder, not a file").in_file(&self.path)),
            false => Format::of(&self.path, self.format),
        }
    }
}

/// A hidden file beside a place, so that no pattern of an input matches it; with the permissions of any new file.
fn temporary(path: &Path, folder: &Path) -> Result<NamedTempFile, IoError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    tempfile::Builder::new()
        .prefix(&format!(".{name}.partial-"))
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)
        .map_err(|error| IoError::system("cannot write into the folder", &plain(&error)).in_file(folder))
}

/// Where a staged file is copied to before it is renamed: always the same, so that who is killed while copying leaves nothing that is
/// not used when it is tried again; and nobody else's.
fn copy_beside(path: &Path, folder: &Path, staged: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let staged = staged.canonicalize().unwrap_or_else(|_| staged.to_owned());
    let whose = XxHash3_64::oneshot(staged.as_os_str().as_encoded_bytes());
    folder.join(format!(".{name}.partial-{whose:016x}"))
}

/// The system's error without the path that `tempfile` adds: ours names the folder.
fn plain(error: &std::io::Error) -> std::io::Error {
    let text = error.to_string();
    std::io::Error::new(error.kind(), text.split(" at path ").next().unwrap_or(&text))
}

/// Asks whether the output can be written, and leaves nothing behind: folders that are missing are not made.
///
/// # Errors
/// An unknown format; a path that is a folder; a folder that cannot be written.
pub fn check_writable(spec: &OutputSpec) -> Result<(), IoError> {
    spec.check()?;
    let mut folder = spec.folder();
    while let Err(error) = folder.metadata() {
        folder = match folder.parent() {
            Some(parent) if error.kind() == std::io::ErrorKind::NotFound => match parent.as_os_str().is_empty() {
                true => Path::new("."),
                false => parent,
            },
            _ => return Err(IoError::system("cannot open the folder", &error).in_file(folder)),
        };
    }
    if !folder.is_dir() {
        return Err(IoError::spec("this is a file, which cannot hold an output").in_file(folder));
    }
    temporary(&spec.path, folder).map(drop)
}

/// Asks whether the output's format can hold a schema.
///
/// # Errors
/// A column of a type that it cannot hold, with what would mend it.
pub fn check_schema(spec: &OutputSpec, schema: &SchemaRef) -> Result<(), IoError> {
    let format = spec.check()?;
    let scratch = tempfile::tempfile().map_err(|error| IoError::system("cannot make a temporary file", &error))?;
    let sink = Sink::new(Digesting::new(scratch), Compression::None)?;
    let writer = format.implementation().write(sink, schema, &spec.path);
    writer.map(drop).map_err(|error| error.in_file(&spec.path))
}

/// A file being written, elsewhere than in its place.
pub struct Writer {
    path: PathBuf,
    staged: PathBuf,
    schema: SchemaRef,
    rows: u64,
    writer: Box<dyn RowWriter>,
}

impl Writer {
    /// Begins to write at `staged`, in place of what is there. A file that stands in the output's place is not touched.
    ///
    /// # Errors
    /// As [`check_writable`]; a schema that the format cannot hold.
    pub fn create(spec: &OutputSpec, schema: SchemaRef, staged: &Path) -> Result<Writer, IoError> {
        let file = File::create(staged).map_err(|error| IoError::system("cannot write", &error).in_file(staged))?;
        Writer::to(spec, schema, staged, Digesting::new(file), 0)
    }

    /// Goes on with a file that was written as far as [`Writer::position`] said. None if it is not there, or is not what was written then.
    ///
    /// # Errors
    /// As [`Writer::create`].
    pub fn go_on(
        spec: &OutputSpec,
        schema: SchemaRef,
        staged: &Path,
        position: &Position,
    ) -> Result<Option<Writer>, IoError> {
        let cannot = |error: &std::io::Error| IoError::system("cannot go on with", error).in_file(staged);
        let file = match File::options().read(true).write(true).open(staged) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(|error| cannot(&error))?,
        };
        let file = Digesting::go_on(file, position.bytes, position.digest).map_err(|error| cannot(&error))?;
        file.map(|file| Writer::to(spec, schema, staged, file, position.rows)).transpose()
    }

    fn to(spec: &OutputSpec, schema: SchemaRef, staged: &Path, file: Digesting, rows: u64) -> Result<Writer, IoError> {
        let format = spec.check()?;
        let (_, compression) = Compression::split(&spec.path);
        let writer = Sink::new(file, compression)
            .and_then(|sink| format.implementation().write(sink, &schema, &spec.path))
            .map_err(|error| error.in_file(&spec.path))?;
        Ok(Writer { path: spec.path.clone(), staged: staged.to_owned(), schema, rows, writer })
    }

    /// Rows written.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// How far the file is written, all of it handed to the system. None for a format that cannot be gone on with: only plain JSON Lines can.
    ///
    /// # Errors
    /// A full disk and its like.
    pub fn position(&mut self) -> Result<Option<Position>, IoError> {
        let Some(sink) = self.writer.sink() else { return Ok(None) };
        let position = sink.position().map_err(|error| IoError::system("cannot write", &error).in_file(&self.path))?;
        Ok(position.map(|(bytes, digest)| Position { rows: self.rows, bytes, digest }))
    }

    /// The schema it was created with.
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// Appends rows of the schema. How rows are cut into batches does not show in the file.
    ///
    /// # Errors
    /// A full disk and its like; a value that the format cannot hold.
    pub fn write(&mut self, rows: &RecordBatch) -> Result<(), IoError> {
        self.rows += rows.num_rows() as u64;
        self.writer.write(rows).map_err(|error| blame(error, &self.path, &self.staged))
    }

    /// Completes the file, still where it is staged; it is durable when this returns.
    ///
    /// # Errors
    /// A full disk and its like.
    pub fn finish(self) -> Result<Finished, IoError> {
        let Writer { path, staged, rows, writer, schema: _ } = self;
        let cannot = |error: &std::io::Error| IoError::system("cannot write", error).in_file(&staged);
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
fn blame(error: IoError, path: &Path, staged: &Path) -> IoError {
    match error.kind() {
        ErrorKind::System | ErrorKind::Interrupted => error.in_file(staged),
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
    pub staged: PathBuf,
}

impl Finished {
    /// Makes the file appear in its place, instead of one that is there; folders that are missing are made. It is durable when this
    /// returns. A place on another file system gets a copy, written beside it and renamed.
    ///
    /// # Errors
    /// The system's; the file is still where it was staged then.
    pub fn commit(self) -> Result<Committed, IoError> {
        let Finished { rows, bytes, digest: _, path, staged } = self;
        let fail = |error: &std::io::Error| IoError::system("cannot put the file in its place", error).in_file(&path);
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(|error| fail(&error))?;
        match std::fs::rename(&staged, &path) {
            Err(error) if error.kind() == std::io::ErrorKind::CrossesDevices => {
                let copy = copy_beside(&path, folder, &staged);
                let copied = File::open(&staged).and_then(|mut file| {
                    let mut to = File::create(&copy)?;
                    std::io::copy(&mut file, &mut to)?;
                    to.sync_all()?;
                    std::fs::rename(&copy, &path)
                });
                copied.map_err(|error| {
                    let _ = std::fs::remove_file(&copy);
                    fail(&error)
                })?;
                // The run's folder is whose it is to remove.
                let _ = std::fs::remove_file(&staged);
            }
            renamed => renamed.map_err(|error| fail(&error))?,
        }
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| fail(&error))?;
        Ok(Committed { rows, bytes, path })
    }
}

/// A file in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Rows written.
    pub rows: u64,
    /// Size of the file.
    pub bytes: u64,
    /// Where it is.
    pub path: PathBuf,
}
