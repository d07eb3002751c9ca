//! Compiled components are loaded from a cache that is this user's alone, as they were written, or not at all.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use callboard_runtime::{Class, RunError};

use crate::bench::{Bench, straight, use_step};
use crate::folders::refused;

/// A cache below a folder of its own, with one compiled component in it.
struct Cached {
    bench: Bench,
    outer: PathBuf,
    cache: PathBuf,
    compiled: PathBuf,
}

impl Cached {
    fn new() -> Cached {
        let bench = Bench::with_rows(5);
        let outer = bench.path("outer");
        let cache = outer.join("cache");
        let mut cached = Cached { outer, compiled: PathBuf::new(), bench, cache };
        assert_eq!(cached.run(), 1, "nothing is compiled yet");
        for folder in [&cached.outer, &cached.cache] {
            mode(folder, 0o700);
        }
        let files = fs::read_dir(&cached.cache).unwrap().map(|entry| entry.unwrap().path());
        let compiled: Vec<PathBuf> =
            files.filter(|path| path.extension().is_some_and(|found| found == "cwasm")).collect();
        assert_eq!(compiled.len(), 1, "{compiled:?}");
        cached.compiled = compiled[0].clone();
        assert_eq!(fs::metadata(&cached.compiled).unwrap().permissions().mode() & 0o777, 0o600);
        cached
    }

    /// How many components were compiled.
    fn run(&self) -> usize {
        let text = straight(&use_step("one", "echo", ""));
        let ended = self.bench.pipeline(text).overwrite().cache(self.cache.clone()).end();
        let compiled = ended.compiling();
        ended.report();
        assert_eq!(self.bench.rows("out.jsonl").len(), 5);
        compiled
    }

    fn error(&self) -> RunError {
        let text = straight(&use_step("one", "echo", ""));
        let error = refused(self.bench.pipeline(text).overwrite().cache(self.cache.clone()).end());
        assert_eq!(error.class, Class::System, "{error}");
        error
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// The fix that an error names, carried out.
fn follow(error: &RunError) {
    let line = error.help.as_deref().unwrap().lines().next().unwrap();
    let line = line.strip_prefix("remove it: ").unwrap_or(line);
    assert!(line.starts_with("chmod go-w ") || line.starts_with("rm "), "{line}");
    assert!(std::process::Command::new("sh").args(["-c", line]).status().unwrap().success(), "{line}");
}

#[test]
fn a_cache_that_others_can_write_is_refused() {
    let cached = Cached::new();
    for written in [0o770, 0o707] {
        mode(&cached.cache, written);
        let error = cached.error();
        assert!(error.message.contains("cache` can be written by others, who could put code there"), "{error}");
        follow(&error);
        assert_eq!(cached.run(), 0);

        mode(&cached.outer, written);
        let error = cached.error();
        assert!(error.message.contains("cache` is in `") && error.message.contains("outer`, which can"), "{error}");
        follow(&error);
        assert_eq!(cached.run(), 0);
    }
    // Files in a sticky folder are their owners' to remove.
    mode(&cached.outer, 0o1777);
    assert_eq!(cached.run(), 0);
}

#[test]
fn a_link_is_looked_through() {
    let cached = Cached::new();
    let link = cached.bench.path("link");
    symlink(&cached.cache, &link).unwrap();
    let through = Cached { bench: Bench::with_rows(5), cache: link, ..cached };
    assert_eq!(through.run(), 0);
    mode(&through.outer, 0o777);
    assert!(through.error().message.contains("outer`, which can be written by others"));
}

#[test]
fn code_that_others_can_write_is_refused() {
    let cached = Cached::new();
    for written in [0o620, 0o602] {
        mode(&cached.compiled, written);
        let error = cached.error();
        assert!(error.message.contains(".cwasm` can be written by others, who could put code there"), "{error}");
        follow(&error);
        assert_eq!(cached.run(), 1);
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that tries nothing says so")]
fn what_belongs_to_another_user_is_refused() {
    let cached = Cached::new();
    let own = |path: &Path, user| std::os::unix::fs::chown(path, Some(user), None);
    if own(&cached.compiled, 4711).is_err() {
        eprintln!("SKIPPED: only root can give a file to another user");
        return;
    }
    let error = cached.error();
    assert!(error.message.contains(".cwasm` belongs to another user, 4711"), "{error}");
    follow(&error);
    assert_eq!(cached.run(), 1);
    for (folder, says) in
        [(&cached.cache, "cache` belongs to another user, 4711"), (&cached.outer, "outer`, which belongs to")]
    {
        own(folder, 4711).unwrap();
        let error = cached.error();
        assert!(error.message.contains(says), "{error}");
        assert_eq!(error.help.as_deref(), Some("name another: CALLBOARD_CACHE=DIR"));
        own(folder, 0).unwrap();
    }
    assert_eq!(cached.run(), 0);
}

/// What is there and not whole, or not a file, is made again, and nothing that it leads to is altered.
#[test]
fn damaged_code_is_compiled_again() {
    let cached = Cached::new();
    let whole = fs::read(&cached.compiled).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for damaged in [&flipped[..], &whole[..whole.len() / 2], b"", b"\0asm"] {
        fs::write(&cached.compiled, damaged).unwrap();
        assert_eq!(cached.run(), 1);
        assert_eq!(fs::read(&cached.compiled).unwrap(), whole);
    }
    cached.bench.put("elsewhere", &flipped);
    fs::remove_file(&cached.compiled).unwrap();
    symlink(cached.bench.path("elsewhere"), &cached.compiled).unwrap();
    assert_eq!(cached.run(), 1);
    assert!(fs::symlink_metadata(&cached.compiled).unwrap().is_file());
    assert_eq!(cached.bench.bytes("elsewhere"), flipped);
    fs::remove_file(&cached.compiled).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, &cached.compiled, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
        .unwrap();
    assert_eq!(cached.run(), 1);
    assert_eq!(fs::read(&cached.compiled).unwrap(), whole);
}
