//! Files and folders below an open folder, reached from its descriptor and never through a link.
//!
//! Opening a path walks it again, and a link that somebody has put into it meanwhile leads wherever they like. A [`Dir`] is
//! opened once; every name below it is opened from its descriptor, part by part, and a link in any part is an error. So is anything
//! that is not a regular file where one is expected: a pipe would block, and a device is not a place for data.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{File, FileType, Metadata};
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{self as sys, AtFlags, CWD, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

/// What stands under a name; a link is not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link, whatever it leads to.
    Link,
    /// A named pipe.
    Pipe,
    /// A character or block device.
    Device,
    /// A socket.
    Socket,
}

impl From<FileType> for Kind {
    fn from(kind: FileType) -> Kind {
        match kind {
            kind if kind.is_file() => Kind::File,
            kind if kind.is_dir() => Kind::Folder,
            kind if kind.is_symlink() => Kind::Link,
            kind if kind.is_fifo() => Kind::Pipe,
            kind if kind.is_socket() => Kind::Socket,
            _ => Kind::Device,
        }
    }
}

impl From<sys::FileType> for Kind {
    fn from(kind: sys::FileType) -> Kind {
        match kind {
            sys::FileType::RegularFile => Kind::File,
            sys::FileType::Directory => Kind::Folder,
            sys::FileType::Symlink => Kind::Link,
            sys::FileType::Fifo => Kind::Pipe,
            sys::FileType::Socket => Kind::Socket,
            _ => Kind::Device,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::File => "a regular file",
            Kind::Folder => "a folder",
            Kind::Link => "a symbolic link",
            Kind::Pipe => "a named pipe",
            Kind::Device => "a device",
            Kind::Socket => "a socket",
        })
    }
}

/// An open folder. It stays the same folder wherever it is moved, and whatever is put in its place.
///
/// A name given to one of its methods is relative, one part or several (`work/step`), without `.` and `..`.
#[derive(Debug, Clone)]
pub struct Dir {
    fd: Arc<OwnedFd>,
    path: PathBuf,
}

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Dir {
    /// Opens a folder by a path of the user's: links in it are followed, since the user may keep folders behind links.
    ///
    /// # Errors
    /// The system's.
    pub fn open(path: &Path) -> io::Result<Dir> {
        let at = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let fd = sys::openat(CWD, at, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Dir { fd: Arc::new(fd), path: path.to_owned() })
    }

    /// Opens the nearest folder of a path that is there, and says what is missing below it. Nothing is made.
    ///
    /// # Errors
    /// The system's; something in the path that is not a folder.
    pub fn nearest(path: &Path) -> io::Result<(Dir, PathBuf)> {
        let mut missing = PathBuf::new();
        for there in path.ancestors() {
            match Dir::open(there) {
                // A link that leads nowhere is there: nothing can be made behind it.
                Err(error) if error.kind() == io::ErrorKind::NotFound && there.symlink_metadata().is_err() => {
                    let Some(name) = there.file_name() else { return Err(error) };
                    missing = if missing.as_os_str().is_empty() { name.into() } else { Path::new(name).join(missing) };
                }
                opened => return Ok((opened?, missing)),
            }
        }
        Ok((Dir::open(Path::new(""))?, missing))
    }

    /// Opens a folder by a path of the user's, and makes what is missing of it.
    ///
    /// # Errors
    /// The system's.
    pub fn make(path: &Path, mode: u32) -> io::Result<Dir> {
        let (there, missing) = Dir::nearest(path)?;
        if missing.as_os_str().is_empty() { Ok(there) } else { there.make_dir(missing, mode) }
    }

    /// Where the folder was when it was opened: for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A path that leads to the open folder itself, wherever it is by now, for as long as this value lives.
    pub fn magic(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.fd.as_raw_fd()).into()
    }

    /// The system's metadata of the folder itself.
    ///
    /// # Errors
    /// The system's.
    pub fn own_metadata(&self) -> io::Result<Metadata> {
        File::from(self.fd.try_clone()?).metadata()
    }

    /// Asks whether files can be made in it. None appears where the file system knows files without a name; elsewhere `probe` does for a moment.
    ///
    /// # Errors
    /// The system's refusal.
    pub fn check_writable(&self, probe: &OsStr) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC;
        match sys::openat(&*self.fd, ".", flags, Mode::RUSR | Mode::WUSR) {
            Ok(_) => Ok(()),
            Err(Errno::NOTSUP | Errno::ISDIR | Errno::INVAL | Errno::NOENT) => {
                self.create(probe, 0o600)?;
                self.remove_file(probe)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A folder below it.
    ///
    /// # Errors
    /// The system's; a name that is not a folder's.
    pub fn dir(&self, name: impl AsRef<Path>) -> io::Result<Dir> {
        self.walk(name.as_ref(), None)
    }

    /// A folder below it, made where it is missing, with the folders on the way; those get `mode`, less the umask.
    ///
    /// # Errors
    /// The system's; a name that is there and not a folder's.
    pub fn make_dir(&self, name: impl AsRef<Path>, mode: u32) -> io::Result<Dir> {
        self.walk(name.as_ref(), Some(mode))
    }

    fn walk(&self, name: &Path, make: Option<u32>) -> io::Result<Dir> {
        let mut at = self.clone();
        for part in parts(name)? {
            if let Some(mode) = make {
                match sys::mkdirat(&*at.fd, part, Mode::from_raw_mode(mode)) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let opened = sys::openat(&*at.fd, part, flags, Mode::empty());
            let opened = opened.map_err(|error| match at.kind_of(part) {
                Ok(kind) if kind != Kind::Folder => unexpected(kind, Kind::Folder),
                _ => error.into(),
            });
            at = Dir { fd: Arc::new(opened?), path: at.path.join(part) };
        }
        Ok(at)
    }

    /// The folder that a name lies in, and its last part.
    fn parent<'a>(&self, name: &'a Path) -> io::Result<(Dir, &'a OsStr)> {
        let parts = parts(name)?;
        let Some((last, before)) = parts.split_last() else { return Err(no_name(name)) };
        let above: PathBuf = before.iter().collect();
        Ok((if before.is_empty() { self.clone() } else { self.dir(above)? }, last))
    }

    fn kind_of(&self, part: &OsStr) -> io::Result<Kind> {
        let stat = sys::statat(&*self.fd, part, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(sys::FileType::from_raw_mode(stat.st_mode).into())
    }

    /// What stands under a name, if anything does.
    ///
    /// # Errors
    /// The system's.
    pub fn kind(&self, name: impl AsRef<Path>) -> io::Result<Option<Kind>> {
        found(self.parent(name.as_ref()).and_then(|(parent, last)| parent.kind_of(last)))
    }

    /// The system's metadata of the entry with this name; a link is not followed.
    ///
    /// # Errors
    /// The system's.
    pub fn metadata(&self, name: impl AsRef<Path>) -> io::Result<Option<Metadata>> {
        let opened = self.parent(name.as_ref()).and_then(|(parent, last)| {
            // It opens nothing: a pipe is not waited for, a device not disturbed.
            Ok(sys::openat(&*parent.fd, last, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?)
        });
        found(opened)?.map(|fd| File::from(fd).metadata()).transpose()
    }

    /// Where a link leads.
    ///
    /// # Errors
    /// The system's; what is not a link.
    pub fn read_link(&self, name: impl AsRef<Path>) -> io::Result<PathBuf> {
        let (parent, last) = self.parent(name.as_ref())?;
        let target = sys::readlinkat(&*parent.fd, last, Vec::new())?;
        Ok(PathBuf::from(<OsString as std::os::unix::ffi::OsStringExt>::from_vec(target.into_bytes())))
    }

    /// What lies in the folder, in the order of names.
    ///
    /// # Errors
    /// The system's.
    pub fn entries(&self) -> io::Result<Vec<(OsString, Kind)>> {
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(self.magic())? {
            let entry = entry?;
            entries.push((entry.file_name(), entry.file_type()?.into()));
        }
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(entries)
    }

    /// Opens a regular file to be read.
    ///
    /// # Errors
    /// The system's; what is not a regular file.
    pub fn file(&self, name: impl AsRef<Path>) -> io::Result<File> {
        self.regular(name.as_ref(), OFlags::RDONLY)
    }

    /// Opens a regular file that is there, to be read and written.
    ///
    /// # Errors
    /// As [`Dir::file`].
    pub fn file_to_write(&self, name: impl AsRef<Path>) -> io::Result<File> {
        self.regular(name.as_ref(), OFlags::RDWR)
    }

    /// Opens a regular file to be read, and written at its end; it is made, with `mode` less the umask, where it is missing.
    ///
    /// # Errors
    /// As [`Dir::file`].
    pub fn file_to_append(&self, name: impl AsRef<Path>, mode: u32) -> io::Result<File> {
        let name = name.as_ref();
        loop {
            match self.regular(name, OFlags::RDWR | OFlags::APPEND) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                opened => return opened,
            }
            match self.make_new(name, OFlags::RDWR | OFlags::APPEND, mode) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => return made,
            }
        }
    }

    fn regular(&self, name: &Path, flags: OFlags) -> io::Result<File> {
        let (parent, last) = self.parent(name)?;
        // Asked before it is opened, since opening a device may do something, and after, since it may be another by then.
        match parent.kind_of(last)? {
            Kind::File => {}
            other => return Err(unexpected(other, Kind::File)),
        }
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(sys::openat(&*parent.fd, last, flags, Mode::empty())?);
        match file.metadata()?.file_type().into() {
            Kind::File => Ok(file),
            other => Err(unexpected(other, Kind::File)),
        }
    }

    /// Makes a file that is not there yet, to be read and written.
    ///
    /// # Errors
    /// The system's; anything that has this name already.
    pub fn create_new(&self, name: impl AsRef<Path>, mode: u32) -> io::Result<File> {
        self.make_new(name.as_ref(), OFlags::RDWR, mode)
    }

    fn make_new(&self, name: &Path, flags: OFlags, mode: u32) -> io::Result<File> {
        let (parent, last) = self.parent(name)?;
        let flags = flags | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(sys::openat(&*parent.fd, last, flags, Mode::from_raw_mode(mode))?.into())
    }

    /// Makes a new file, to be read and written, in place of what has this name. What was there is removed, never written: another name
    /// of it keeps what it holds. A folder is not removed.
    ///
    /// # Errors
    /// The system's; a folder in its place.
    pub fn create(&self, name: impl AsRef<Path>, mode: u32) -> io::Result<File> {
        let name = name.as_ref();
        for _ in 0..100 {
            self.remove_file(name)?;
            match self.create_new(name, mode) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => return made,
            }
        }
        Err(io::Error::new(io::ErrorKind::AlreadyExists, "somebody else makes it again and again"))
    }

    /// The bytes of a regular file.
    ///
    /// # Errors
    /// As [`Dir::file`].
    pub fn read(&self, name: impl AsRef<Path>) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut self.file(name)?, &mut bytes)?;
        Ok(bytes)
    }

    /// Writes a file beside its place, synced, and renames it, so that it is there whole or not at all; it replaces a regular file, and
    /// nothing else.
    ///
    /// # Errors
    /// The system's; what is there and not a regular file.
    pub fn write_whole(&self, name: impl AsRef<Path>, bytes: &[u8], mode: u32) -> io::Result<()> {
        let (parent, last) = self.parent(name.as_ref())?;
        if let Some(other) = parent.kind(last)?.filter(|kind| *kind != Kind::File) {
            return Err(unexpected(other, Kind::File));
        }
        let mut beside = OsString::from(".writing-");
        beside.push(last);
        let written = parent.create(&beside, mode).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()?;
            parent.rename(&beside, &parent, last)?;
            parent.sync()
        });
        if written.is_err() {
            let _ = parent.remove_file(&beside);
        }
        written
    }

    /// Gives what stands under `from` the name `name` in another folder, in place of what has that name.
    ///
    /// # Errors
    /// The system's.
    pub fn rename(&self, from: impl AsRef<Path>, to: &Dir, name: impl AsRef<Path>) -> io::Result<()> {
        let (parent, last) = self.parent(from.as_ref())?;
        let (to, name) = to.parent(name.as_ref())?;
        Ok(sys::renameat(&*parent.fd, last, &*to.fd, name)?)
    }

    /// As [`Dir::rename`], where nothing has that name yet.
    ///
    /// # Errors
    /// The system's; something that has that name.
    pub fn rename_new(&self, from: impl AsRef<Path>, to: &Dir, name: impl AsRef<Path>) -> io::Result<()> {
        let (parent, last) = self.parent(from.as_ref())?;
        let (to, name) = to.parent(name.as_ref())?;
        match sys::renameat_with(&*parent.fd, last, &*to.fd, name, RenameFlags::NOREPLACE) {
            // Not every file system knows it: there a name that appears in this very moment is replaced.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => match to.kind(name)? {
                None => Ok(sys::renameat(&*parent.fd, last, &*to.fd, name)?),
                Some(_) => Err(Errno::EXIST.into()),
            },
            renamed => Ok(renamed?),
        }
    }

    /// Gives a file a second name.
    ///
    /// # Errors
    /// The system's; something that has that name.
    pub fn hard_link(&self, from: impl AsRef<Path>, to: &Dir, name: impl AsRef<Path>) -> io::Result<()> {
        let (parent, last) = self.parent(from.as_ref())?;
        let (to, name) = to.parent(name.as_ref())?;
        Ok(sys::linkat(&*parent.fd, last, &*to.fd, name, AtFlags::empty())?)
    }

    /// Removes what has this name, if anything does; a link itself, not what it leads to.
    ///
    /// # Errors
    /// The system's; a folder.
    pub fn remove_file(&self, name: impl AsRef<Path>) -> io::Result<()> {
        let removed = self
            .parent(name.as_ref())
            .and_then(|(parent, last)| Ok(sys::unlinkat(&*parent.fd, last, AtFlags::empty())?));
        found(removed).map(drop)
    }

    /// Removes what has this name, if anything does: a folder with all that is in it. Links in it are removed, not followed.
    ///
    /// # Errors
    /// The system's.
    pub fn remove_all(&self, name: impl AsRef<Path>) -> io::Result<()> {
        let Some((parent, last)) = found(self.parent(name.as_ref()))? else { return Ok(()) };
        match parent.kind(last)? {
            None => Ok(()),
            // The standard library descends by descriptors and follows no link.
            Some(Kind::Folder) => found(std::fs::remove_dir_all(parent.magic().join(last))).map(drop),
            Some(_) => parent.remove_file(last),
        }
    }

    /// Removes an empty folder, if it is there.
    ///
    /// # Errors
    /// The system's; one that is not empty.
    pub fn remove_dir(&self, name: impl AsRef<Path>) -> io::Result<()> {
        let removed = self
            .parent(name.as_ref())
            .and_then(|(parent, last)| Ok(sys::unlinkat(&*parent.fd, last, AtFlags::REMOVEDIR)?));
        found(removed).map(drop)
    }

    /// Waits until the names in it are on the disk.
    ///
    /// # Errors
    /// The system's.
    pub fn sync(&self) -> io::Result<()> {
        Ok(sys::fsync(&*self.fd)?)
    }
}

/// The parts of a relative name.
fn parts(name: &Path) -> io::Result<Vec<&OsStr>> {
    let part = |part| match part {
        Component::Normal(part) => Ok(part),
        _ => Err(no_name(name)),
    };
    name.components().map(part).collect()
}

fn no_name(name: &Path) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("`{}` is not a name below the folder", name.display()))
}

/// `None` if there is no entry with the name.
fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}

fn unexpected(found: Kind, expected: Kind) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("expected {expected}, found {found}"))
}
