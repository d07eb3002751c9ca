//! The place of a file that appears when all of it is there: held open from the moment it was checked.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::IoError;
use crate::beneath::{Dir, Kind};

/// The mode of a user's file and of the folders that are made for it, less the umask.
pub(crate) const FILE_MODE: u32 = 0o666;
const FOLDER_MODE: u32 = 0o777;

/// Where a file goes: its folder, held open from the moment that it was checked, and its name there.
///
/// What is put into the path afterwards, such as a link in place of a folder, leads nowhere: the file appears in this folder. It replaces
/// a regular file or nothing; a link, a pipe, a device, a socket or a folder in its place is an error.
#[derive(Debug, Clone)]
pub struct FilePlace {
    /// The nearest folder that is there.
    there: Dir,
    /// Folders below it that are still to be made.
    missing: PathBuf,
    name: OsString,
    path: PathBuf,
}

impl FilePlace {
    /// Finds the place that a path of the user's names: links on the way to its folder are followed. Nothing is made.
    ///
    /// # Errors
    /// A folder that cannot be opened; anything but a regular file in the place.
    pub fn find(path: &Path) -> Result<FilePlace, IoError> {
        let Some(name) = path.file_name() else { return Err(IoError::spec(A_FOLDER).in_file(path)) };
        let folder = path.parent().unwrap_or(Path::new(""));
        let (there, missing) =
            Dir::nearest(folder).map_err(|error| match folder.ancestors().find(|path| path.is_file()) {
                Some(file) => IoError::spec("this is a file, which cannot hold an output").in_file(file),
                None => IoError::system("cannot open the folder", &error).in_file(folder),
            })?;
        let place = FilePlace { there, missing, name: name.to_owned(), path: path.to_owned() };
        place.standing()?;
        Ok(place)
    }

    /// The nearest folder of the place that was there when it was checked.
    pub fn nearest_folder(&self) -> &Dir {
        &self.there
    }

    /// The path that named it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file's name in its folder.
    pub(crate) fn name(&self) -> &OsStr {
        &self.name
    }

    /// Asks whether the file, or the first of the folders that it needs, can be made. Nothing is left behind.
    pub(crate) fn check_writable(&self) -> Result<(), IoError> {
        let probe = format!(".{}.partial-", self.name.to_string_lossy());
        let folder = if self.there.path().as_os_str().is_empty() { Path::new(".") } else { self.there.path() };
        let doing = match self.missing.components().next() {
            None => format!("cannot write into the folder `{}`", folder.display()),
            Some(first) => format!("cannot make the folder `{}`", folder.join(first).display()),
        };
        let asked = self.there.check_writable(probe.as_ref());
        asked.map_err(|error| {
            let refused = IoError::system(&doing, &error).in_file(&self.path);
            match refused.help() {
                None => refused.with_help("give the output a `path` in a folder that you may write"),
                Some(_) => refused,
            }
        })
    }

    /// The place of a file by its path from the folder of this one. Folders on the way are made when the file appears, and no link among
    /// them is followed.
    pub(crate) fn below(&self, path: &str) -> FilePlace {
        let whole = self.path.parent().unwrap_or(Path::new("")).join(path);
        let path = Path::new(path);
        let missing = self.missing.join(path.parent().unwrap_or(Path::new("")));
        let name = path.file_name().unwrap_or_default().to_owned();
        FilePlace { there: self.there.clone(), missing, name, path: whole }
    }

    /// Removes the file, and the folders that were made for it and are empty then.
    pub(crate) fn remove(&self) -> io::Result<()> {
        let Some(folder) = self.folder()? else { return Ok(()) };
        folder.remove_file(&self.name)?;
        for folder in self.missing.ancestors() {
            let (Some(name), Some(parent)) = (folder.file_name(), folder.parent()) else { break };
            let parent = if parent.as_os_str().is_empty() { self.there.clone() } else { self.there.dir(parent)? };
            if parent.remove_dir(name).is_err() {
                // It holds something else.
                break;
            }
        }
        Ok(())
    }

    /// The file's folder, if it is there.
    pub(crate) fn folder(&self) -> io::Result<Option<Dir>> {
        match self.missing.as_os_str().is_empty() {
            true => Ok(Some(self.there.clone())),
            false => match self.there.dir(&self.missing) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                opened => opened.map(Some),
            },
        }
    }

    /// The file's folder, made where it is missing.
    pub(crate) fn made(&self) -> io::Result<Dir> {
        match self.missing.as_os_str().is_empty() {
            true => Ok(self.there.clone()),
            false => self.there.make_dir(&self.missing, FOLDER_MODE),
        }
    }

    /// Whether a regular file stands in the place. Anything else that stands there is an error.
    ///
    /// # Errors
    /// What stands there and is never replaced; the system's.
    pub fn standing(&self) -> Result<bool, IoError> {
        let cannot = |error: io::Error| IoError::system("cannot look at what is there", &error).in_file(&self.path);
        let Some(folder) = self.folder().map_err(cannot)? else { return Ok(false) };
        match folder.kind(&self.name).map_err(cannot)? {
            None => Ok(false),
            Some(Kind::File) => Ok(true),
            Some(Kind::Folder) => Err(IoError::spec(A_FOLDER).in_file(&self.path)),
            Some(Kind::Link) => {
                let to = folder.read_link(&self.name).map_err(cannot)?;
                let message = format!("this is a link to `{}`, and a link is never replaced", to.display());
                if ["/dev", "/proc"].iter().any(|folder| self.path.starts_with(folder)) {
                    return Err(IoError::spec(message)
                        .in_file(&self.path)
                        .with_help("for standard output: path = \"-\""));
                }
                let remove = format!("remove the link: rm {}", quoted(&self.path));
                Err(IoError::spec(message).in_file(&self.path).with_help(match self.path.canonicalize() {
                    Ok(file) if file.is_file() => {
                        let file = file.display().to_string();
                        format!("write to the file that it leads to: path = {file:?}\n{remove}")
                    }
                    _ => remove,
                }))
            }
            Some(other) => {
                let message = format!("this is {other}, which is never replaced: expected a regular file, or nothing");
                let help = "write to a regular file, and copy that when the run has finished";
                Err(IoError::spec(message).in_file(&self.path).with_help(help))
            }
        }
    }

    /// The regular file that stands in the place, if one does, to be read.
    ///
    /// # Errors
    /// The system's; what is not a regular file.
    pub fn file(&self) -> io::Result<Option<File>> {
        let Some(folder) = self.folder()? else { return Ok(None) };
        match folder.file(&self.name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            opened => opened.map(Some),
        }
    }

    /// Makes a file of these bytes appear in the place, instead of a regular file that is there.
    ///
    /// # Errors
    /// As [`FilePlace::standing`].
    pub fn write(&self, bytes: &[u8]) -> Result<(), IoError> {
        self.standing()?;
        let written = self.made().and_then(|folder| folder.write_whole(&self.name, bytes, FILE_MODE));
        written.map_err(|error| IoError::system("cannot write", &error).in_file(&self.path))
    }
}

const A_FOLDER: &str = "this is a folder, not a file";

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', "'\\''"))
}
