//! The files of replies as they are read: heads alone, up to where a file is torn.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::Path;

use callboard_io::beneath::Dir;
use callboard_sandbox::CallKey;

use super::{EXTENSION, LENGTHS, LONGEST_BODY, LONGEST_HEAD, MAGIC, PAID, Place, mac};
use crate::store::Key;
use crate::store::frames::named;
use crate::store::records::{MAC, ReplyFile, ReplyHead};

/// A file of replies.
pub(super) struct Scanned {
    pub(super) name: OsString,
    pub(super) file: File,
    pub(super) head: ReplyFile,
    /// What its replies cost, by server.
    pub(super) paid: BTreeMap<String, u64>,
    /// What all of its replies take, bytes.
    pub(super) size: u64,
}

#[derive(Default)]
pub(super) struct Scan {
    pub(super) files: Vec<Scanned>,
    pub(super) known: HashMap<CallKey, Place>,
    pub(super) notes: Vec<String>,
}

/// The heads of all replies. If there are several to one request, the latest counts.
pub(super) fn scan(dir: &Dir, key: &Key) -> io::Result<Scan> {
    let mut scan = Scan::default();
    let mut names: Vec<_> = dir.entries()?.into_iter().map(|(name, _)| name).collect();
    names.retain(|name| name.to_str().is_some_and(|name| name.ends_with(EXTENSION)));
    names.sort();
    for name in names {
        let file = match dir.file(&name) {
            // Another process has just removed it: it was empty.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            file => file.map_err(|error| named(Path::new(&name), &error))?,
        };
        let index = scan.files.len() as u32;
        let length = file.metadata()?.len();
        let mut reader = BufReader::with_capacity(64 << 10, &file);
        let Some(head) = read_file_head(&mut reader, key) else {
            let note = format!("`{}` is not of this user's key, or damaged: its replies are not used", name.display());
            scan.notes.push(note);
            continue;
        };
        let mut paid = BTreeMap::new();
        let (mut offset, mut size) = (head.1, 0);
        while let Some((record, place)) = next_record(&mut reader, key, index, offset, length) {
            offset += place.size();
            let sum: &mut u64 = paid.entry(record.server).or_default();
            *sum = sum.saturating_add(record.cost);
            if record.key == PAID {
                continue;
            }
            size += place.size();
            let known = scan.known.entry(record.key).or_insert(place);
            if place.at >= known.at {
                *known = place;
            }
        }
        scan.files.push(Scanned { name, file, head: head.0, paid, size });
    }
    Ok(scan)
}

/// The next whole record of a file; none at its end, or where a process was killed while it wrote.
pub(super) fn next_record(
    reader: &mut BufReader<&File>,
    key: &Key,
    file: u32,
    offset: u64,
    length: u64,
) -> Option<(ReplyHead, Place)> {
    let mut lengths = [0; LENGTHS];
    reader.read_exact(&mut lengths).ok()?;
    let number = |at: usize| u32::from_le_bytes(lengths[at..at + 4].try_into().expect("four bytes"));
    let (head, body) = (number(0), number(4));
    let end = offset + LENGTHS as u64 + u64::from(head) + u64::from(body);
    if head as usize > LONGEST_HEAD || body as usize > LONGEST_BODY || end > length {
        return None;
    }
    let mut bytes = vec![0; head as usize];
    reader.read_exact(&mut bytes).ok()?;
    let record = head_of(&lengths, &bytes, key)?;
    reader.seek_relative(i64::from(body)).ok()?;
    let at = record.at;
    Some((record, Place { file, at, offset, head, body }))
}

pub(super) fn head_of(lengths: &[u8], head: &[u8], key: &Key) -> Option<ReplyHead> {
    let (numbers, sealed) = lengths.split_at(8);
    let is_ours = mac(key, b"head", &[numbers, head]) == *sealed;
    is_ours.then(|| postcard::from_bytes(head).ok()).flatten()
}

pub(super) fn file_head(head: &ReplyFile, key: &Key) -> Vec<u8> {
    let head = postcard::to_allocvec(head).expect("numbers are written");
    let length = (head.len() as u32).to_le_bytes();
    [&MAGIC[..], &length, &mac(key, b"file", &[&head]), &head].concat()
}

/// What a file begins with, and how many bytes that is.
pub(super) fn read_file_head(reader: &mut impl Read, key: &Key) -> Option<(ReplyFile, u64)> {
    let mut begin = [0; MAGIC.len() + 4 + MAC];
    reader.read_exact(&mut begin).ok()?;
    let (magic, rest) = begin.split_at(MAGIC.len());
    let (length, sealed) = rest.split_at(4);
    let length = u32::from_le_bytes(length.try_into().ok()?);
    if magic != MAGIC || length > 100 {
        return None;
    }
    let mut head = vec![0; length as usize];
    reader.read_exact(&mut head).ok()?;
    let is_ours = mac(key, b"file", &[&head]) == *sealed;
    is_ours
        .then(|| postcard::from_bytes(&head).ok())
        .flatten()
        .map(|head| (head, begin.len() as u64 + u64::from(length)))
}
