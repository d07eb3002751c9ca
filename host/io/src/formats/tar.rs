//! A tar archive of samples, as WebDataset has them: members that follow one another and are called alike up to the first dot are one
//! row. Its key is in `__key__`, and each member in a column that is called as the rest of its name: JSON as what it holds, other text as
//! a string.
//!
//! A sample is put together as a JSON object, and read as a line of JSON Lines is.

use std::cell::Cell;
use std::io::{self, BufRead, Read};

use arrow::datatypes::Schema;
use serde::de::IgnoredAny;

use super::objects::{ObjectRows, Objects};
use super::{FileFormat, Reading, Rows, jsonl};
use crate::error::{InFile, IoError};
use crate::limits::{self, LONGEST_LINE, Limit};
use crate::magic::{self, Holds};
use crate::misfit::{Misfit, excerpt};
use crate::places::Source;
use crate::plain::Plain;
use crate::spec::InputSpec;

/// A member is a whole number of these.
const BLOCK: u64 = 512;
/// Headers and long names of one member, at most.
const HEADERS: u64 = 1 << 20;
/// The column of a sample's key.
const KEY: &str = "__key__";

pub(super) struct Tar;

impl FileFormat for Tar {
    fn schema(&self, files: &[Source], spec: &InputSpec) -> Result<Schema, IoError> {
        jsonl::schema(files, spec, |file| Samples::open(file, spec))
    }

    fn read(&self, of: Reading<'_>) -> Result<Rows, IoError> {
        let Reading { file, schema, spec, policy } = of;
        Ok(Box::new(ObjectRows::new(Samples::open(file, spec)?, schema, spec, policy)))
    }
}

/// A member of the archive.
struct Member {
    /// Its name up to the first dot, as the archive has it: what differs in bytes that are not UTF-8 differs.
    key: Vec<u8>,
    /// What stands behind the dot, in lower case.
    extension: String,
    bytes: Vec<u8>,
    /// The name, as far as it can be read.
    name: String,
    is_utf8: bool,
}

struct Samples {
    plain: Plain,
    spec: InputSpec,
    /// Bytes of the archive so far.
    passed: u64,
    /// The first member of the next sample.
    next: Option<Member>,
    is_ended: bool,
    /// Samples so far.
    samples: u64,
    text: Vec<u8>,
    /// What is wrong with a member of the last sample.
    fault: Option<IoError>,
}

impl Samples {
    fn open(file: &Source, spec: &InputSpec) -> Result<Samples, IoError> {
        Ok(Samples {
            plain: Plain::open_as(file, spec, Holds::Tar)?,
            spec: spec.clone(),
            passed: 0,
            next: None,
            is_ended: false,
            samples: 0,
            text: Vec::new(),
            fault: None,
        })
    }

    fn at(&self, error: IoError) -> IoError {
        error.at(InFile::Row(self.samples.max(1)))
    }

    /// The next member that is part of a sample; none behind the last.
    fn next_member(&mut self) -> Result<Option<Member>, IoError> {
        while !self.is_ended {
            self.spec.stop.check()?;
            let meter = Meter::default();
            if self.passed == 0 {
                self.begins_with_a_header()?;
            }
            let mut archive = tar::Archive::new(Metered { bytes: &mut self.plain.bytes, meter: &meter });
            meter.left.set(HEADERS);
            let read = archive.entries().and_then(|mut entries| match entries.next().transpose()? {
                Some(mut entry) => Entry::read(&mut entry, &meter, &self.spec).map(Some),
                None => Ok(None),
            });
            self.passed += meter.taken.get();
            let entry = read.map_err(|error| self.at(self.unreadable(&error, &meter)))?;
            let Some(Entry { raw, name, size, content }) = entry else {
                self.is_ended = true;
                if meter.taken.get() == 0 {
                    return Err(self.at(IoError::data("the archive has no end: it was cut short")));
                }
                self.nothing_follows()?;
                break;
            };
            self.skip(size.next_multiple_of(BLOCK) - size)?;
            match content {
                Content::None => {}
                Content::Link => {
                    let error = IoError::data(format!("`{}` is a link or a device, not a file", excerpt(&name)));
                    return Err(
                        self.at(error.with_help("make the archive again with copies: tar --hard-dereference -h"))
                    );
                }
                Content::TooLong => return Err(self.at(self.too_long(size))),
                Content::Sparse => {
                    return Err(self.at(IoError::data(format!("`{}` is a sparse file", excerpt(&name)))));
                }
                Content::Bytes(bytes) => match self.member(&raw, &name, bytes)? {
                    None => {}
                    member => return Ok(member),
                },
            }
        }
        Ok(None)
    }

    /// A file as a member of a sample, if it is to be one.
    fn member(&self, raw: &[u8], name: &str, bytes: Vec<u8>) -> Result<Option<Member>, IoError> {
        let file = memchr::memrchr(b'/', raw).map_or(0, |slash| slash + 1);
        let dot = memchr::memchr(b'.', &raw[file..]).map_or(raw.len(), |dot| file + dot);
        let (key, stem) = (&raw[..dot], &raw[file..dot]);
        let extension = String::from_utf8_lossy(raw.get(dot + 1..).unwrap_or_default()).to_lowercase();
        let is_known = match &self.spec.members {
            Some(members) => members.contains(&extension),
            None => is_json(&extension) || is_text(&extension),
        };
        match (is_known && !stem.is_empty(), &self.spec.members) {
            (true, _) => {
                // What follows a slash that the name begins with has a key without it.
                let key = if file == 1 { stem } else { key }.to_owned();
                let is_utf8 = std::str::from_utf8(raw).is_ok();
                Ok(Some(Member { key, extension, bytes, name: name.to_owned(), is_utf8 }))
            }
            (false, Some(_)) => Ok(None),
            (false, None) => {
                let message = format!("`{}` is neither JSON nor text by its name", excerpt(name));
                let help =
                    "say which members are read, and that all others are left out: members = [\"json\", \"txt\"]";
                Err(self.at(IoError::data(message).with_help(help)))
            }
        }
    }

    fn unreadable(&self, error: &io::Error, meter: &Meter) -> IoError {
        match (meter.failed.get(), meter.ended.get()) {
            (true, _) => self.plain.unreadable(error),
            _ if meter.left.get() == 0 => IoError::data("a member's name takes more than 1 MiB"),
            (false, true) => IoError::data("the archive ends within a member: it was cut short"),
            (false, false) => {
                // Some of its messages have all bytes of what is no number.
                let said = error.to_string();
                let said = said.split(['\n', ':']).next().unwrap_or_default();
                let said = if said.contains("numeric field") { "a number of a header is none" } else { said };
                IoError::data(format!("the archive is corrupt: {}", excerpt(said)))
            }
        }
    }

    fn too_long(&self, size: u64) -> IoError {
        let message = format!("the sample is longer than {}", limits::size(self.spec.limits.line));
        limits::exceeded(&self.spec, Limit::Line, message, LONGEST_LINE.min(size.next_power_of_two()))
    }

    /// Refuses what is no archive from its beginning on.
    fn begins_with_a_header(&mut self) -> Result<(), IoError> {
        let head = match self.plain.bytes.fill_buf() {
            Ok(head) => head,
            // What cannot be read is reported when it is read.
            Err(_) => return Ok(()),
        };
        // A header has zeros in it; of an archive of no members there are zeros alone.
        let is_none = match head.get(..BLOCK as usize) {
            Some(header) => !magic::is_tar(header) && header.iter().any(|byte| *byte != 0),
            None => !head.is_empty() && !head.contains(&0),
        };
        if is_none { Err(magic::not_tar(head)) } else { Ok(()) }
    }

    /// Goes past what fills a block.
    fn skip(&mut self, bytes: u64) -> Result<(), IoError> {
        let skipped = io::copy(&mut (&mut self.plain.bytes).take(bytes), &mut io::sink());
        let skipped = skipped.map_err(|error| self.at(self.plain.unreadable(&error)))?;
        self.passed += skipped;
        match skipped == bytes {
            true => Ok(()),
            false => Err(self.at(IoError::data("the archive ends within a member: it was cut short"))),
        }
    }

    /// Behind the end of an archive there are zeros alone.
    fn nothing_follows(&mut self) -> Result<(), IoError> {
        loop {
            self.spec.stop.check()?;
            let there = match self.plain.bytes.fill_buf() {
                Ok(there) => there,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.at(self.plain.unreadable(&error))),
            };
            if there.iter().any(|byte| *byte != 0) {
                let error = IoError::data("more follows the end of the archive");
                return Err(
                    self.at(error.with_help("if archives were joined, make them one: tar -Af FIRST.tar SECOND.tar"))
                );
            }
            match there.len() {
                0 => return Ok(()),
                zeros => self.plain.bytes.consume(zeros),
            }
        }
    }

    /// Adds a member to the sample's object.
    fn add(&mut self, member: &Member) {
        let Member { extension, bytes, name, is_utf8, .. } = member;
        let name = || excerpt(name);
        if !is_utf8 {
            let error = IoError::data(format!("the name `{}` is not UTF-8", name()));
            return self.is_wrong(error.with_help(NAMES));
        }
        let text = match simdutf8::basic::from_utf8(without_mark(bytes)) {
            Ok(text) => text,
            Err(_) => return self.is_wrong(IoError::not_utf8(&format!("`{}`", name()))),
        };
        self.text.push(b',');
        serde_json::to_writer(&mut self.text, extension).expect("text is JSON");
        self.text.push(b':');
        match is_json(extension) {
            true => match serde_json::from_str::<IgnoredAny>(text) {
                Ok(_) => self.text.extend_from_slice(text.as_bytes()),
                Err(error) => self.is_wrong(IoError::data(format!("`{}` is not JSON: {error}", name()))),
            },
            false => serde_json::to_writer(&mut self.text, text).expect("text is JSON"),
        }
    }

    fn is_wrong(&mut self, fault: IoError) {
        self.fault.get_or_insert(fault);
    }
}

impl Objects for Samples {
    fn next(&mut self) -> Result<Option<&[u8]>, IoError> {
        self.fault = None;
        let first = match self.next.take() {
            Some(member) => member,
            None => match self.next_member()? {
                Some(member) => member,
                None => return Ok(None),
            },
        };
        self.samples += 1;
        self.text.clear();
        self.text.extend_from_slice(format!("{{\"{KEY}\":").as_bytes());
        serde_json::to_writer(&mut self.text, &String::from_utf8_lossy(&first.key)).expect("text is JSON");
        self.add(&first);
        let mut extensions = vec![first.extension];
        loop {
            match self.next_member()? {
                Some(member) if member.key == first.key => {
                    if extensions.contains(&member.extension) && member.is_utf8 {
                        self.is_wrong(IoError::data(format!("`{}` is there twice", excerpt(&member.name))));
                    }
                    self.add(&member);
                    extensions.push(member.extension);
                }
                next => {
                    self.next = next;
                    break;
                }
            }
            if self.text.len() as u64 > self.spec.limits.line {
                return Err(self.at(self.too_long(self.text.len() as u64)));
            }
        }
        self.text.push(b'}');
        if self.fault.is_some() {
            // What is wrong is known; nobody is to find a row here.
            self.text.truncate(1);
        }
        Ok(Some(&self.text))
    }

    fn passed(&self) -> u64 {
        self.passed
    }

    fn number(&self) -> u64 {
        self.samples
    }

    fn text(&mut self) -> &[u8] {
        &self.text
    }

    fn let_go(&mut self) {
        self.text.shrink_to(LONG);
    }

    fn fault(&mut self, error: &serde_json::Error, misfit: Option<Misfit>, spec: &InputSpec) -> IoError {
        let known = self.fault.take();
        let misfit = || misfit.or_else(|| jsonl::only_as_text(std::str::from_utf8(&self.text).ok()?, spec));
        let fault = known.or_else(|| Some(misfit()?.into_error(spec, "json")));
        self.at(fault.unwrap_or_else(|| IoError::data(format!("the sample is no row: {error}"))))
    }

    fn not_utf8(&mut self) -> IoError {
        self.at(IoError::not_utf8("the sample"))
    }
}

/// A longer text is not kept when it has been used.
const LONG: usize = 4 << 20;

const NAMES: &str =
    "give the files names in UTF-8, and make the archive again: convmv -f LATIN1 -t UTF-8 --notest -r FOLDER";

/// The text without the byte-order mark that it may begin with.
fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

fn is_json(extension: &str) -> bool {
    extension.rsplit('.').next() == Some("json")
}

fn is_text(extension: &str) -> bool {
    extension.rsplit('.').next().is_some_and(|last| ["txt", "text", "cls"].contains(&last))
}

/// A file in the archive, or what else has a header there.
struct Entry {
    /// Its name as it is, and as far as it can be read.
    raw: Vec<u8>,
    name: String,
    /// Bytes of its content.
    size: u64,
    content: Content,
}

enum Content {
    /// A folder, or what holds for all members.
    None,
    Link,
    Sparse,
    TooLong,
    Bytes(Vec<u8>),
}

impl Entry {
    fn read<R: Read>(entry: &mut tar::Entry<'_, R>, meter: &Meter, spec: &InputSpec) -> io::Result<Entry> {
        let kind = entry.header().entry_type();
        let (mut raw, size) = (entry.path_bytes().into_owned(), entry.size());
        while raw.starts_with(b"./") {
            raw.drain(..2);
        }
        let name = String::from_utf8_lossy(&raw).into_owned();
        let content = match () {
            () if kind.is_gnu_sparse() => Content::Sparse,
            () if !(kind.is_file() || kind.is_dir() || kind.is_pax_global_extensions()) => Content::Link,
            () if kind.is_file() && size > spec.limits.line => Content::TooLong,
            () => {
                meter.left.set(u64::MAX);
                let mut bytes = Vec::new();
                let read = match kind.is_file() {
                    true => entry.read_to_end(&mut bytes)? as u64,
                    false => io::copy(entry, &mut io::sink())?,
                };
                if read < size {
                    meter.ended.set(true);
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                if kind.is_file() { Content::Bytes(bytes) } else { Content::None }
            }
        };
        Ok(Entry { raw, name, size, content })
    }
}

/// What is read of an archive for one of its members.
#[derive(Default)]
struct Meter {
    /// Bytes so far, and how many there may still be.
    taken: Cell<u64>,
    left: Cell<u64>,
    /// Whether the file cannot be read, and whether it has ended.
    failed: Cell<bool>,
    ended: Cell<bool>,
}

struct Metered<'a> {
    bytes: &'a mut Box<dyn BufRead + Send>,
    meter: &'a Meter,
}

impl Read for Metered<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Meter { taken, left, failed, ended } = self.meter;
        let most = buffer.len().min(usize::try_from(left.get()).unwrap_or(usize::MAX));
        if most == 0 && !buffer.is_empty() {
            return Err(io::Error::other("a header is too long"));
        }
        let read = self.bytes.read(&mut buffer[..most]).inspect_err(|_| failed.set(true))?;
        ended.set(read == 0 && most > 0);
        taken.set(taken.get() + read as u64);
        left.set(left.get() - read as u64);
        Ok(read)
    }
}
