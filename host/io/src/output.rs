//! An output: written beside its place, and there whole or not at all.

use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use tempfile::NamedTempFile;

use crate::IoError;
use crate::formats::{Format, RowWriter};
use crate::text::{Compression, Sink};

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

    /// Hidden, so that no pattern of an input matches it; the permissions of any new file.
    fn temporary(&self, folder: &Path) -> Result<NamedTempFile, IoError> {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        tempfile::Builder::new()
            .prefix(&format!(".{name}.partial-"))
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder)
            .map_err(|error| IoError::system("cannot write into the folder", &plain(&error)).in_file(folder))
    }
}

/// The system's error without the path that `tempfile` adds: ours names the folder.
fn plain(error: &std::io::Error) -> std::io::Error {
    let text = error.to_string();
    std::io::Error::new(error.kind(), text.split(" at path ").next().unwrap_or(&text))
}

/// Folders that were made for a file. Those that are empty when this is dropped go again.
#[derive(Debug)]
struct MadeFolders(Vec<PathBuf>);

impl MadeFolders {
    /// Makes a folder, and those above it that are missing.
    fn make(folder: &Path) -> std::io::Result<MadeFolders> {
        let missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
        let made = MadeFolders(folder.ancestors().take_while(missing).map(Path::to_owned).collect());
        std::fs::create_dir_all(folder)?;
        Ok(made)
    }
}

impl Drop for MadeFolders {
    fn drop(&mut self) {
        self.0.iter().for_each(|folder| drop(std::fs::remove_dir(folder)));
    }
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
    spec.temporary(folder).map(drop)
}

/// Asks whether the output's format can hold a schema.
///
/// # Errors
/// A column of a type that it cannot hold, with what would mend it.
pub fn check_schema(spec: &OutputSpec, schema: &SchemaRef) -> Result<(), IoError> {
    let format = spec.check()?;
    let scratch = tempfile::tempfile().map_err(|error| IoError::system("cannot make a temporary file", &error))?;
    let sink = Sink::new(scratch, Compression::None)?;
    let writer = format.implementation().write(sink, schema, &spec.path);
    writer.map(drop).map_err(|error| error.in_file(&spec.path))
}

/// A file being written, under a hidden name beside its own. Dropped before it is finished, it leaves nothing behind.
pub struct Writer {
    path: PathBuf,
    temporary: NamedTempFile,
    made: MadeFolders,
    schema: SchemaRef,
    rows: u64,
    writer: Box<dyn RowWriter>,
}

impl Writer {
    /// Makes the folder and the temporary file. A file that stands in the output's place is not touched.
    ///
    /// # Errors
    /// As [`check_writable`]; a schema that the format cannot hold.
    pub fn create(spec: &OutputSpec, schema: SchemaRef) -> Result<Writer, IoError> {
        let format = spec.check()?;
        let folder = spec.folder();
        let made = MadeFolders::make(folder)
            .map_err(|error| IoError::system("cannot make the folder", &error).in_file(folder))?;
        let temporary = spec.temporary(folder)?;
        let file = temporary.as_file().try_clone();
        let file = file.map_err(|error| IoError::system("cannot write", &error).in_file(&spec.path))?;
        let (_, compression) = Compression::split(&spec.path);
        let writer = Sink::new(file, compression)
            .and_then(|sink| format.implementation().write(sink, &schema, &spec.path))
            .map_err(|error| error.in_file(&spec.path))?;
        Ok(Writer { path: spec.path.clone(), temporary, made, schema, rows: 0, writer })
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
        self.writer.write(rows).map_err(|error| error.in_file(&self.path))
    }

    /// Completes the file, still under its hidden name; it is durable when this returns.
    ///
    /// # Errors
    /// A full disk and its like.
    pub fn finish(self) -> Result<Finished, IoError> {
        let Writer { path, temporary, made, rows, writer, schema: _ } = self;
        let sink = writer.finish().and_then(Sink::finish);
        let file = sink.map_err(|error| error.in_file(&path))?;
        file.sync_all().map_err(|error| IoError::system("cannot write", &error).in_file(&path))?;
        let bytes = file.metadata().map_err(|error| IoError::system("cannot write", &error).in_file(&path))?.len();
        Ok(Finished { rows, bytes, path, temporary, _made: made })
    }
}

/// A complete file under its hidden name. Dropped before it is committed, it leaves nothing behind.
#[derive(Debug)]
pub struct Finished {
    /// Rows written.
    pub rows: u64,
    /// Size of the file.
    pub bytes: u64,
    /// Where it will appear.
    pub path: PathBuf,
    // Before the folders: they go when they are empty.
    temporary: NamedTempFile,
    _made: MadeFolders,
}

impl Finished {
    /// Makes the file appear under its name, in place of one that is there; durable when this returns.
    ///
    /// # Errors
    /// The system's; the temporary is removed then.
    pub fn commit(self) -> Result<Committed, IoError> {
        let Finished { rows, bytes, path, temporary, _made } = self;
        let fail = |error: &std::io::Error| IoError::system("cannot put the file in its place", error).in_file(&path);
        temporary.persist(&path).map_err(|error| fail(&error.error))?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
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
