//! Replies that later ones have taken the place of, removed: no run reads them any more.
//!
//! A file is written again beside itself and renamed, under its lock: a kill leaves the old one or the new one, and both hold all
//! that counts. What the removed replies cost stays, in a record without a reply, so a run that is resumed knows what it has paid.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::os::unix::fs::{FileExt, MetadataExt};

use callboard_io::beneath::Dir;

use super::scan::{Scan, Scanned, file_head, next_record, read_file_head};
use super::{EXTENSION, PAID, mac, record_of};
use crate::store::Key;
use crate::store::records::ReplyHead;

/// What a file is written to until it is whole; behind the name of the one that it replaces.
const NEW: &str = ".new";
/// Fewer bytes than this are not worth the writing.
const LEAST: u64 = 1 << 20;

/// The bytes of a file's replies that later ones have taken the place of, file by file.
fn superseded(scan: &Scan) -> Vec<u64> {
    let mut superseded: Vec<u64> = scan.files.iter().map(|file| file.size).collect();
    for place in scan.known.values() {
        superseded[place.file as usize] -= place.size();
    }
    superseded
}

/// Whether most of what is there has been superseded.
pub(super) fn is_due(scan: &Scan) -> bool {
    let (superseded, all): (u64, u64) = (superseded(scan).iter().sum(), scan.files.iter().map(|file| file.size).sum());
    superseded >= LEAST && superseded > all / 2
}

/// Removes superseded replies from all files that no process writes. Returns how many bytes that freed.
pub(super) fn compact(dir: &Dir, key: &Key, scan: &Scan) -> io::Result<u64> {
    remove_left_over(dir)?;
    let mut freed = 0;
    for (index, (file, superseded)) in scan.files.iter().zip(superseded(scan)).enumerate() {
        if superseded > 0 {
            freed += written_again(dir, key, scan, file, index as u32)?;
        }
    }
    Ok(freed)
}

/// Removes what a killed process left of files that are not there any more.
fn remove_left_over(dir: &Dir) -> io::Result<()> {
    for (name, _) in dir.entries()? {
        let of = name.to_str().and_then(|name| name.strip_suffix(NEW)).filter(|of| of.ends_with(EXTENSION));
        if let Some(of) = of
            && dir.kind(of)?.is_none()
        {
            dir.remove_file(&name)?;
        }
    }
    Ok(())
}

fn written_again(dir: &Dir, key: &Key, scan: &Scan, of: &Scanned, index: u32) -> io::Result<u64> {
    let file = match dir.file(&of.name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        file => file?,
    };
    if file.try_lock().is_err() {
        return Ok(0);
    }
    let before = file.metadata()?;
    // Another process has written it again, or forgotten it, before the lock was had.
    if dir.metadata(&of.name)?.is_none_or(|now| now.ino() != before.ino()) {
        return Ok(0);
    }
    let mut new = of.name.clone();
    new.push(NEW);
    let made = dir.create(&new, 0o600)?;
    copy(&file, &made, key, scan, index)?;
    // When its last reply came is what says how old it is.
    made.set_modified(before.modified()?)?;
    made.sync_all()?;
    dir.rename(&new, dir, &of.name)?;
    dir.sync()?;
    Ok(before.len().saturating_sub(made.metadata()?.len()))
}

/// Copies what counts of a file to another.
fn copy(file: &File, to: &File, key: &Key, scan: &Scan, index: u32) -> io::Result<()> {
    let length = file.metadata()?.len();
    let mut reader = BufReader::new(file);
    let changed = || io::Error::other("a file of replies was changed while it was read");
    let (head, begin) = read_file_head(&mut reader, key).ok_or_else(changed)?;
    let mut writer = BufWriter::new(to);
    writer.write_all(&file_head(&head, key))?;
    let (mut offset, mut paid) = (begin, BTreeMap::<String, u64>::new());
    while let Some((record, place)) = next_record(&mut reader, key, index, offset, length) {
        // What came after the files were looked at is newer than what was known then.
        let latest = scan.known.get(&record.key);
        let counts = record.key != PAID
            && latest.is_none_or(|latest| (latest.file, latest.offset) == (index, offset) || latest.at < record.at);
        if counts {
            let mut whole = vec![0; place.size() as usize];
            file.read_exact_at(&mut whole, offset)?;
            writer.write_all(&whole)?;
        } else {
            let sum = paid.entry(record.server).or_default();
            *sum = sum.saturating_add(record.cost);
        }
        offset += place.size();
    }
    for (server, cost) in paid.into_iter().filter(|(_, cost)| *cost > 0) {
        let body = mac(key, b"body", &[&PAID, b""]);
        let head = ReplyHead { key: PAID, at: head.at, cost, server, status: 0, headers: Vec::new(), body };
        writer.write_all(&record_of(&postcard::to_allocvec(&head).map_err(io::Error::other)?, b"", key))?;
    }
    writer.flush()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use callboard_sandbox::{Journal, Question, Reply};

    use super::super::{FOLDER, Opened, Replies};
    use super::*;

    fn open(folder: &Path, run: &str, first: bool) -> Opened {
        Replies::open(&folder.join(run), Key::of([7; 32]), first, run == "fresh").unwrap()
    }

    fn asked() -> Question<'static> {
        Question { method: "POST", url: "http://s/", body: b"", attempt: 0, server: "s" }
    }

    fn reply(of: u8) -> Reply {
        // The first ones are most of all.
        Reply { status: 200, headers: Vec::new(), body: vec![of; if of == 1 { 600 << 10 } else { 100 << 10 }].into() }
    }

    fn size(folder: &Path) -> u64 {
        super::super::replies_size(folder).unwrap().unwrap()
    }

    /// Four replies of one run, three of which a fresh one asks for again.
    fn superseded(folder: &Path) {
        let old = open(folder, "old", true).replies;
        (0..4).for_each(|key| old.keep(&[key + 1; 32], &asked(), &reply(1), 5).unwrap());
        drop(old);
        let fresh = open(folder, "fresh", true).replies;
        (0..3).for_each(|key| fresh.keep(&[key + 1; 32], &asked(), &reply(2), 7).unwrap());
    }

    fn known(opened: &Opened) -> Vec<Option<u8>> {
        (1..5).map(|key| opened.replies.known(&[key; 32], &asked()).map(|reply| reply.body[0])).collect()
    }

    /// A wrong outcome would lose a reply that was paid for, or forget what a run has paid.
    #[test]
    fn what_later_replies_took_the_place_of_goes_and_what_it_cost_stays() {
        let folder = tempfile::tempdir().unwrap();
        superseded(folder.path());
        let old = Dir::open(&folder.path().join(FOLDER)).unwrap();
        let modified = || {
            let mut names: Vec<_> = old.entries().unwrap().into_iter().map(|(name, _)| name).collect();
            names.sort();
            names.iter().map(|name| old.metadata(name).unwrap().unwrap().modified().unwrap()).collect::<Vec<_>>()
        };
        let (before, dates) = (size(folder.path()), modified());
        // What a killed process had begun to write again, and of a file that was forgotten since.
        for of in old.entries().unwrap().iter().filter_map(|(name, _)| name.to_str()).chain(["gone.replies"]) {
            std::fs::write(folder.path().join(FOLDER).join(format!("{of}{NEW}")), "half").unwrap();
        }
        let later = open(folder.path(), "later", true);
        assert_eq!(known(&later), [Some(2), Some(2), Some(2), Some(1)], "what is read from files that were replaced");
        drop(later);
        assert!(size(folder.path()) < before - (1 << 20), "{} of {before}", size(folder.path()));
        assert!(!folder.path().join(FOLDER).join(format!("gone.replies{NEW}")).exists());
        let again = open(folder.path(), "later", true);
        assert_eq!(known(&again), [Some(2), Some(2), Some(2), Some(1)], "what is read from the new files");
        drop(again);
        let resumed = open(folder.path(), "old", false);
        assert_eq!(resumed.spent, BTreeMap::from([("s".to_owned(), 20)]));
        drop(resumed);
        assert!(dates.iter().all(|date| modified().contains(date)), "what is forgotten by its age is not kept longer");
    }

    /// A wrong outcome would lose what another process is given, or what came after the files were looked at.
    #[test]
    fn what_a_process_writes_is_left_and_what_was_not_seen_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        superseded(folder.path());
        let (dir, key) = (Dir::open(&folder.path().join(FOLDER)).unwrap(), Key::of([7; 32]));
        let scan = || super::super::scan::scan(&dir, &key).unwrap();
        let before = scan();
        let held: Vec<_> = before.files.iter().map(|file| dir.file(&file.name).unwrap()).collect();
        held.iter().for_each(|file| file.try_lock().unwrap());
        assert_eq!((is_due(&before), compact(&dir, &key, &before).unwrap()), (true, 0));
        drop(held);
        // As if the fresh run had written after they were looked at.
        let mut outdated = scan();
        let fresh = outdated.files.iter().position(|file| file.head.fresh).unwrap() as u32;
        outdated.known.retain(|_, place| place.file != fresh);
        compact(&dir, &key, &outdated).unwrap();
        assert_eq!(scan().known.values().filter(|place| place.file == fresh).count(), 3);
        let freed = compact(&dir, &key, &scan()).unwrap();
        assert!(freed > 3 * (600 << 10), "{freed}");
        assert_eq!(compact(&dir, &key, &scan()).unwrap(), 0, "there is nothing left to remove");
        assert_eq!(known(&open(folder.path(), "later", true)), [Some(2), Some(2), Some(2), Some(1)]);
    }
}
