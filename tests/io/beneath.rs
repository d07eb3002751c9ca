//! What is reached below an open folder: names, and nothing that a link, a pipe or a device stands for.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use callboard_io::beneath::{Dir, Kind};

/// `inside/` with a file, and beside it `outside/secret`.
struct Place {
    folder: tempfile::TempDir,
    dir: Dir,
}

impl Place {
    fn new() -> Place {
        let folder = tempfile::tempdir().unwrap();
        for name in ["inside/deep", "outside"] {
            std::fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        std::fs::write(folder.path().join("outside/secret"), "secret").unwrap();
        std::fs::write(folder.path().join("inside/deep/file"), "file").unwrap();
        let dir = Dir::open(&folder.path().join("inside")).unwrap();
        Place { folder, dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn secret(&self) -> String {
        std::fs::read_to_string(self.path("outside/secret")).unwrap()
    }

    /// Puts something into `inside` under this name.
    fn plant(&self, what: &str, name: &str) -> PathBuf {
        let at = self.path("inside").join(name);
        match what {
            "link" => symlink("../outside/secret", &at).unwrap(),
            "dangling link" => symlink("../outside/new", &at).unwrap(),
            "link to a folder" => symlink("../outside", &at).unwrap(),
            "pipe" => assert!(Command::new("mkfifo").arg(&at).status().unwrap().success()),
            "socket" => drop(std::os::unix::net::UnixListener::bind(&at).unwrap()),
            "folder" => std::fs::create_dir(&at).unwrap(),
            _ => unreachable!("{what}"),
        }
        at
    }
}

const PLANTED: [(&str, Kind); 6] = [
    ("link", Kind::Link),
    ("dangling link", Kind::Link),
    ("link to a folder", Kind::Link),
    ("pipe", Kind::Pipe),
    ("socket", Kind::Socket),
    ("folder", Kind::Folder),
];

/// A wrong outcome would read or write what a link leads to, or wait for a pipe.
#[test]
fn what_is_not_a_regular_file_is_not_opened() {
    for (what, kind) in PLANTED {
        let place = Place::new();
        place.plant(what, "it");
        assert_eq!(place.dir.kind("it").unwrap(), Some(kind));
        let expected = format!("expected a regular file, found {kind}");
        let errors = [
            place.dir.file("it").unwrap_err(),
            place.dir.file_to_write("it").unwrap_err(),
            place.dir.file_to_append("it", 0o600).unwrap_err(),
            place.dir.read("it").unwrap_err(),
            place.dir.write_whole("it", b"x", 0o600).unwrap_err(),
        ];
        errors.iter().for_each(|error| assert_eq!(error.to_string(), expected, "{what}"));
        assert_eq!(place.dir.create_new("it", 0o600).unwrap_err().kind(), ErrorKind::AlreadyExists, "{what}");
        assert_eq!(place.secret(), "secret");
        assert!(!place.path("outside/new").exists());
        assert_eq!(place.dir.kind("it").unwrap(), Some(kind), "{what} was replaced");
    }
}

/// A wrong outcome would leave the folder through a link in the middle of a name.
#[test]
fn no_part_of_a_name_is_followed() {
    let place = Place::new();
    place.plant("link to a folder", "out");
    symlink("deep", place.path("inside/in")).unwrap();
    for name in ["out/secret", "in/file"] {
        let errors = [
            place.dir.file(name).map(drop).unwrap_err(),
            place.dir.create(name, 0o600).map(drop).unwrap_err(),
            place.dir.create_new(name, 0o600).map(drop).unwrap_err(),
            place.dir.remove_file(name).unwrap_err(),
            place.dir.remove_all(name).unwrap_err(),
            place.dir.rename("deep/file", &place.dir, name).unwrap_err(),
            place.dir.hard_link("deep/file", &place.dir, name).unwrap_err(),
            place.dir.make_dir(name, 0o700).map(drop).unwrap_err(),
        ];
        errors.iter().for_each(|error| {
            assert_eq!(error.to_string(), "expected a folder, found a symbolic link", "{name}");
        });
    }
    for name in ["../outside/secret", "/etc/hostname", "deep/../../outside/secret", "", "."] {
        assert_eq!(place.dir.file(name).unwrap_err().kind(), ErrorKind::InvalidInput, "{name}");
        assert_eq!(place.dir.create(name, 0o600).unwrap_err().kind(), ErrorKind::InvalidInput, "{name}");
    }
    assert_eq!(place.secret(), "secret");
}

/// A wrong outcome would write into a file that has another name elsewhere, or through a link.
#[test]
fn a_file_that_is_made_is_a_new_one() {
    for what in ["link", "dangling link", "link to a folder", "pipe", "socket"] {
        let place = Place::new();
        place.plant(what, "it");
        place.dir.create("it", 0o600).unwrap().write_all(b"new").unwrap();
        assert_eq!(std::fs::read(place.path("inside/it")).unwrap(), b"new", "{what}");
        assert_eq!(place.secret(), "secret", "{what}");
        assert!(!place.path("outside/new").exists(), "{what}");
    }
    let place = Place::new();
    std::fs::hard_link(place.path("outside/secret"), place.path("inside/it")).unwrap();
    place.dir.create("it", 0o640).unwrap().write_all(b"new").unwrap();
    assert_eq!(place.secret(), "secret");
    let made = place.path("inside/it").metadata().unwrap();
    assert_eq!((made.nlink(), made.permissions().mode() & 0o637), (1, 0o600), "less the umask");
    assert!(place.dir.create("deep", 0o600).is_err(), "a folder is not removed for a file");
    std::fs::remove_file(place.path("inside/it")).unwrap();
    std::fs::hard_link(place.path("outside/secret"), place.path("inside/it")).unwrap();
    place.dir.write_whole("it", b"whole", 0o600).unwrap();
    assert_eq!((place.secret().as_str(), place.dir.read("it").unwrap()), ("secret", b"whole".to_vec()));
}

/// A wrong outcome would write into what somebody put in the place of the folder that was opened.
#[test]
fn a_folder_stays_the_one_that_was_opened() {
    let place = Place::new();
    std::fs::rename(place.path("inside"), place.path("moved")).unwrap();
    symlink("outside", place.path("inside")).unwrap();
    place.dir.create("new", 0o600).unwrap();
    assert!(place.path("moved/new").exists() && !place.path("outside/new").exists());
    assert_eq!(place.dir.entries().unwrap(), [("deep".into(), Kind::Folder), ("new".into(), Kind::File)]);
    place.dir.rename_new("deep/file", &place.dir, "file").unwrap();
    assert_eq!(place.dir.rename_new("new", &place.dir, "file").unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(place.dir.read("file").unwrap(), b"file");
}

/// A wrong outcome would remove what a link leads to.
#[test]
fn what_is_removed_lies_in_the_folder() {
    let place = Place::new();
    for (at, what) in ["link", "link to a folder", "pipe", "folder"].into_iter().enumerate() {
        place.plant(what, &format!("deep/{at}"));
    }
    place.plant("link to a folder", "linked");
    place.dir.remove_all("linked").unwrap();
    place.dir.remove_all("deep").unwrap();
    place.dir.remove_all("deep").unwrap();
    place.dir.remove_file("ghost").unwrap();
    place.dir.remove_dir("ghost").unwrap();
    assert!(place.dir.entries().unwrap().is_empty());
    assert_eq!(place.secret(), "secret");
}

#[test]
fn files_are_read_written_and_continued() {
    let place = Place::new();
    let mode = |name: &str| place.dir.metadata(name).unwrap().unwrap().permissions().mode() & 0o777;
    for text in ["one", "two"] {
        place.dir.file_to_append("deep/log", 0o600).unwrap().write_all(text.as_bytes()).unwrap();
    }
    assert_eq!((place.dir.read("deep/log").unwrap(), mode("deep/log")), (b"onetwo".to_vec(), 0o600));
    place.dir.file_to_write("deep/log").unwrap().write_all(b"ONE").unwrap();
    let mut text = String::new();
    place.dir.file("deep/log").unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "ONEtwo");
    let made = place.dir.make_dir("a/b/c", 0o700).unwrap();
    assert_eq!((made.path(), mode("a/b")), (place.path("inside/a/b/c").as_path(), 0o700));
    assert!(made.own_metadata().unwrap().is_dir() && made.sync().is_ok());
    assert!(place.dir.metadata("a/ghost").unwrap().is_none() && place.dir.kind("ghost/x").unwrap().is_none());
    made.check_writable(".probe".as_ref()).unwrap();
    assert!(made.entries().unwrap().is_empty());
    place.plant("link", "link");
    assert_eq!(place.dir.read_link("link").unwrap(), Path::new("../outside/secret"));
}

/// A wrong outcome would make folders behind a link that leads nowhere yet.
#[test]
fn what_is_missing_of_a_path_is_made_below_what_is_there() {
    let place = Place::new();
    place.plant("link to a folder", "kept");
    place.plant("dangling link", "lost");
    let (there, missing) = Dir::nearest(&place.path("inside/kept/x/y")).unwrap();
    assert_eq!((there.path(), missing.as_path()), (place.path("inside/kept").as_path(), Path::new("x/y")));
    Dir::make(&place.path("inside/kept/x/y"), 0o700).unwrap();
    assert!(place.path("outside/x/y").is_dir(), "the user's own links are followed");
    assert!(
        Dir::nearest(&place.path("inside/lost/x")).is_err() && Dir::make(&place.path("inside/lost/x"), 0o700).is_err()
    );
    assert!(Dir::nearest(&place.path("outside/secret/x")).is_err(), "a file holds no folder");
}
