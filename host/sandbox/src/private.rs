//! Whether a folder is this user's alone: what lies in it is loaded as code, or decides what may be reached.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// Links that a path may lead through, as the system has it.
const LINKS: usize = 40;
/// Files of a folder with this bit are removed and renamed by their owner alone.
const STICKY: u32 = 0o1000;

/// Why a folder is not this user's alone.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The folder itself, or one that it lies in, or a link that leads to it.
    pub(crate) place: PathBuf,
    pub(crate) why: Why,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// Its group, or everybody, can write it.
    Written,
    /// It is the file of a user of this number.
    Belongs(u32),
}

/// The path of a folder without links, if nobody but this user and root can put anything in its place or into it.
pub(crate) fn private(folder: &Path) -> io::Result<Result<PathBuf, Shared>> {
    let us = rustix::process::geteuid().as_raw();
    let belongs = |file: &Metadata| ![us, 0].contains(&file.uid());
    let mut rest = parts(&std::path::absolute(folder)?);
    let mut at = PathBuf::from("/");
    let mut links = 0;
    while let Some(part) = rest.pop_front() {
        if part == ".." {
            at.pop();
            continue;
        }
        let place = at.join(part);
        let file = place.symlink_metadata()?;
        let shared = |why| Ok(Err(Shared { place: place.clone(), why }));
        if belongs(&file) {
            return shared(Why::Belongs(file.uid()));
        }
        if file.is_symlink() {
            links += 1;
            if links > LINKS {
                return Err(io::Error::other("too many links"));
            }
            let to = std::fs::read_link(&place)?;
            if to.is_absolute() {
                at = PathBuf::from("/");
            }
            parts(&to).into_iter().rev().for_each(|part| rest.push_front(part));
            continue;
        }
        let others = file.mode() & 0o022 != 0;
        if others && (rest.is_empty() || file.mode() & STICKY == 0) {
            return shared(Why::Written);
        }
        at = place;
    }
    Ok(Ok(at))
}

fn parts(path: &Path) -> VecDeque<OsString> {
    let name = |part: Component<'_>| match part {
        Component::Normal(part) => Some(part.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, create_dir, set_permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    /// Below the system's folder for temporary files, which is everybody's and sticky.
    fn place() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().canonicalize().unwrap();
        (folder, real)
    }

    fn mode(path: &Path, mode: u32) {
        set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_folder_is_private_if_it_and_what_it_lies_in_are() {
        let (_folder, at) = place();
        let (outer, inner) = (at.join("outer"), at.join("outer/inner"));
        create_dir(&outer).unwrap();
        create_dir(&inner).unwrap();
        for folder in [&at, &outer, &inner] {
            mode(folder, 0o755);
        }
        assert_eq!(private(&inner).unwrap().unwrap(), inner);
        for (written, how) in [(&inner, 0o775), (&inner, 0o757), (&inner, 0o1777), (&outer, 0o775), (&outer, 0o777)] {
            mode(written, how);
            let shared = private(&inner).unwrap().unwrap_err();
            assert_eq!((&shared.place, shared.why), (written, Why::Written), "{how:o}");
            mode(written, 0o755);
        }
        // As the system's own is.
        mode(&outer, 0o1777);
        assert_eq!(private(&inner).unwrap().unwrap(), inner);
    }

    #[test]
    fn links_are_looked_through() {
        let (_folder, at) = place();
        let (real, shared) = (at.join("real"), at.join("shared"));
        create_dir(&real).unwrap();
        create_dir(&shared).unwrap();
        symlink("real", at.join("link")).unwrap();
        symlink(at.join("link/../real"), shared.join("there")).unwrap();
        symlink("circle", at.join("circle")).unwrap();
        assert_eq!(private(&at.join("link")).unwrap().unwrap(), real);
        assert_eq!(private(&shared.join("there")).unwrap().unwrap(), real);
        // Anybody can put another link in its place.
        mode(&shared, 0o777);
        assert_eq!(private(&shared.join("there")).unwrap().unwrap_err().place, shared);
        assert!(private(&at.join("circle")).is_err());
        assert!(private(&at.join("nowhere")).is_err());
    }

    #[test]
    #[expect(clippy::print_stderr, reason = "a test that tries nothing says so")]
    fn nobody_elses_folder_is_private() {
        let (_folder, at) = place();
        let theirs = at.join("theirs");
        create_dir(&theirs).unwrap();
        create_dir(theirs.join("cache")).unwrap();
        if std::os::unix::fs::chown(&theirs, Some(4711), None).is_err() {
            eprintln!("SKIPPED: only root can give a folder to another user");
            return;
        }
        for folder in [theirs.clone(), theirs.join("cache")] {
            let shared = private(&folder).unwrap().unwrap_err();
            assert_eq!((shared.place, shared.why), (theirs.clone(), Why::Belongs(4711)));
        }
        symlink(&at, at.join("link")).unwrap();
        std::os::unix::fs::lchown(at.join("link"), Some(4711), None).unwrap();
        assert_eq!(private(&at.join("link")).unwrap().unwrap_err().why, Why::Belongs(4711));
    }
}
