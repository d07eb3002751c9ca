//! Replies of servers, kept beside the runs of a folder for all of them: what was paid for is not asked for again.
//!
//! A process appends to a file of its own, `NAME.replies`, in a folder that is private to the user. A record is a head with all but the
//! body, and the body, each under an HMAC with a key of the user's own: what somebody else put there, and what is damaged, is not
//! a reply. The last record of a killed process may be torn, and ends its file.
//!
//! If there are several replies to one request, the latest counts; the others are removed once they are most of what is there
//! ([`compact`]).

mod batches;
mod compact;
mod forget;
mod scan;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use callboard_io::beneath::Dir;
use callboard_sandbox::{Batch, CallKey, Journal, Question, Reply, Shelf, hex};
use sha2::{Digest, Sha256};

pub use forget::{Forgotten, forget_replies, replies_size};
use scan::{Scanned, file_head, head_of, scan};

use super::records::{MAC, ReplyFile, ReplyHead};
use super::seal::Key;
use crate::error::{Class, RunError};

/// The folder, beside those of runs.
const FOLDER: &str = ".replies";
const EXTENSION: &str = ".replies";
/// The first bytes of each file, with the number of its format.
const MAGIC: [u8; 8] = *b"cbreply1";
/// The lengths of a record's head and body, and the HMAC of both lengths and the head.
const LENGTHS: usize = 8 + MAC;
/// No head and no body is longer than this, bytes.
const LONGEST_HEAD: usize = 1 << 20;
const LONGEST_BODY: usize = 65 << 20;

/// The key of a record that holds no reply, but what replies cost that were removed. No request has it.
const PAID: CallKey = [u8::MAX; 32];

/// Where the replies of runs that lie beside this one are kept.
pub(crate) fn replies_folder(run_folder: &Path) -> PathBuf {
    run_folder.parent().unwrap_or(Path::new("")).join(FOLDER)
}

/// Where a reply lies.
#[derive(Clone, Copy)]
struct Place {
    file: u32,
    at: u64,
    offset: u64,
    head: u32,
    body: u32,
}

impl Place {
    /// What its record takes, bytes.
    fn size(self) -> u64 {
        LENGTHS as u64 + u64::from(self.head) + u64::from(self.body)
    }
}

/// The replies that a run knows and keeps.
pub(crate) struct Replies {
    key: Key,
    known: RwLock<HashMap<CallKey, Place>>,
    /// Those of earlier processes, then this one's.
    files: Vec<File>,
    own: Mutex<u64>,
    dir: Dir,
    name: String,
    has_new: AtomicBool,
    written: AtomicU64,
    is_fresh: bool,
}

/// What was found when the replies were opened.
pub(crate) struct Opened {
    pub(crate) replies: Replies,
    /// What this run paid before, by server.
    pub(crate) spent: BTreeMap<String, u64>,
    /// Where offline batches are kept, and those that are to be collected, with whether another process works on each.
    pub(crate) shelf: Arc<dyn Shelf>,
    pub(crate) batches: Vec<(Batch, bool)>,
    /// What whoever runs it should know.
    pub(crate) notes: Vec<String>,
}

impl Replies {
    /// Opens the replies beside a run. `first`: whether this process begins the run; `fresh`: whether it is to ask for everything again,
    /// which a process that resumes it then does, too.
    pub(crate) fn open(run_folder: &Path, key: Key, first: bool, fresh: bool) -> Result<Opened, RunError> {
        let path = replies_folder(run_folder);
        let unusable = |error: io::Error| RunError::system("keep replies of servers in", &path, &error);
        let dir = Dir::make(&path, 0o700).map_err(unusable)?;
        let own = dir.own_metadata().map_err(unusable)?;
        if own.uid() != rustix::process::geteuid().as_raw() || own.mode() & 0o077 != 0 {
            let message =
                format!("`{}` is not private: replies of servers would be for others to read", path.display());
            let help = format!("make it yours alone: chmod 700 {}; or use another folder for runs", path.display());
            return Err(RunError::new(Class::System, message).help(help));
        }
        let run = run_id(run_folder);
        // Before the replies: what another process takes from a batch into them meanwhile is not missed.
        let (shelf, found) = batches::Kept::open(dir.clone(), key.clone(), run).map_err(unusable)?;
        let mut scanned = scan(&dir, &key).map_err(unusable)?;
        if compact::is_due(&scanned)
            && let Err(error) = compact::compact(&dir, &key, &scanned)
        {
            scanned.notes.push(format!("replies that later ones took the place of are still on the disk: {error}"));
        }
        let ours = |file: &Scanned| file.head.run == run;
        let began = match first {
            true => u64::MAX,
            false => {
                let first = |file: &&Scanned| ours(file) && file.head.first;
                scanned.files.iter().filter(first).map(|file| file.head.at).max().unwrap_or(0)
            }
        };
        let of_this_run = |file: &Scanned| ours(file) && file.head.at >= began;
        let is_fresh =
            if first { fresh } else { scanned.files.iter().any(|file| of_this_run(file) && file.head.fresh) };
        let mut spent: BTreeMap<String, u64> = BTreeMap::new();
        for file in scanned.files.iter().filter(|file| of_this_run(file)) {
            for (server, cost) in &file.paid {
                let sum = spent.entry(server.clone()).or_default();
                *sum = sum.saturating_add(*cost);
            }
        }
        if is_fresh {
            let kept: Vec<bool> = scanned.files.iter().map(of_this_run).collect();
            scanned.known.retain(|_, place| kept[place.file as usize]);
        }
        // What has ended is of interest to the run that it was of; what has not, to any that asks for the same.
        let ours = |found: &batches::Found| found.record.run == run && found.record.made >= began;
        let is_wanted = |found: &batches::Found| ours(found) || found.record.failed.is_empty() && !is_fresh;
        let batches = found.into_iter().filter(is_wanted);
        let batches = batches.map(|found| (batches::batch_of(found.record), found.theirs)).collect();
        let head = ReplyFile { run, at: now(), first, fresh: is_fresh };
        let name = format!("{:016x}-{}{EXTENSION}", head.at, hex(&random().map_err(unusable)?));
        let file = dir.create_new(&name, 0o600).map_err(unusable)?;
        // Whoever forgets replies leaves those alone that a process still writes.
        let _ = file.try_lock();
        let bytes = file_head(&head, &key);
        (&file).write_all(&bytes).map_err(unusable)?;
        let mut files: Vec<File> = scanned.files.into_iter().map(|scanned| scanned.file).collect();
        files.push(file);
        let replies = Replies {
            key,
            known: RwLock::new(scanned.known),
            files,
            own: Mutex::new(bytes.len() as u64),
            dir,
            name,
            has_new: AtomicBool::new(false),
            written: AtomicU64::new(0),
            is_fresh,
        };
        Ok(Opened { replies, spent, shelf: Arc::new(shelf), batches, notes: scanned.notes })
    }

    fn own(&self) -> MutexGuard<'_, u64> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self) -> &File {
        self.files.last().expect("its own is there")
    }

    fn read(&self, key: &CallKey, place: Place) -> io::Result<Option<Reply>> {
        let mut bytes = vec![0; LENGTHS + place.head as usize + place.body as usize];
        self.files[place.file as usize].read_exact_at(&mut bytes, place.offset)?;
        let (lengths, rest) = bytes.split_at(LENGTHS);
        let (head, body) = rest.split_at(place.head as usize);
        let Some(head) = head_of(lengths, head, &self.key).filter(|head| head.key == *key) else { return Ok(None) };
        let is_whole = head.body == mac(&self.key, b"body", &[&head.key, body]);
        Ok(is_whole.then(|| Reply { status: head.status, headers: head.headers, body: body.to_vec().into() }))
    }
}

impl Journal for Replies {
    fn known(&self, key: &CallKey, _asked: &Question<'_>) -> Option<Reply> {
        let place = *self.known.read().unwrap_or_else(PoisonError::into_inner).get(key)?;
        self.read(key, place).ok().flatten()
    }

    fn keep(&self, key: &CallKey, asked: &Question<'_>, reply: &Reply, cost: u64) -> io::Result<()> {
        let body = mac(&self.key, b"body", &[key, &reply.body]);
        let (server, headers) = (asked.server.to_owned(), reply.headers.clone());
        let head = ReplyHead { key: *key, at: now(), cost, server, status: reply.status, headers, body };
        let head = postcard::to_allocvec(&head).map_err(io::Error::other)?;
        if head.len() > LONGEST_HEAD || reply.body.len() > LONGEST_BODY {
            // The host reads no reply as large as that.
            return Err(io::Error::other("the reply is too large to be kept"));
        }
        let (head_length, body_length) = (head.len() as u32, reply.body.len() as u32);
        let record = record_of(&head, &reply.body, &self.key);
        let mut end = self.own();
        let offset = *end;
        if let Err(error) = self.file().write_all_at(&record, offset) {
            // Half a record would hide what comes after it.
            let _ = self.file().set_len(offset);
            return Err(error);
        }
        *end += record.len() as u64;
        drop(end);
        self.written.fetch_add(1, Ordering::Relaxed);
        self.has_new.store(true, Ordering::Release);
        let file = (self.files.len() - 1) as u32;
        let place = Place { file, at: now(), offset, head: head_length, body: body_length };
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(*key, place);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        match self.has_new.swap(false, Ordering::AcqRel) {
            true => self.file().sync_data(),
            false => Ok(()),
        }
    }
}

impl Drop for Replies {
    /// A file without a reply says nothing to anybody, but that its run is to ask for everything itself.
    fn drop(&mut self) {
        if self.written.load(Ordering::Relaxed) == 0 && !self.is_fresh {
            let _ = self.dir.remove_file(&self.name);
        }
    }
}

/// A record, of a head and a body that are not too long.
fn record_of(head: &[u8], body: &[u8], key: &Key) -> Vec<u8> {
    let lengths = [head.len(), body.len()].map(|length| (length as u32).to_le_bytes()).concat();
    let sealed = mac(key, b"head", &[&lengths, head]);
    [&lengths, &sealed[..], head, body].concat()
}

fn mac(key: &Key, of: &[u8], parts: &[&[u8]]) -> [u8; MAC] {
    let mac = key.mac(&[b"callboard replies ", of], parts);
    mac[..MAC].try_into().expect("it is longer")
}

fn run_id(run_folder: &Path) -> u64 {
    let whole = std::path::absolute(run_folder).unwrap_or_else(|_| run_folder.to_owned());
    let digest = Sha256::digest(whole.as_os_str().as_encoded_bytes());
    u64::from_le_bytes(digest[..8].try_into().expect("it is longer"))
}

fn random() -> io::Result<[u8; 8]> {
    let mut bytes = [0; 8];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Nanoseconds since 1970: of two replies in one millisecond, it is known which is the later.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key::of([7; 32])
    }

    fn reply(body: &str) -> Reply {
        let headers = vec![("content-type".to_owned(), b"text/plain".to_vec())];
        Reply { status: 200, headers, body: body.to_owned().into() }
    }

    fn asked() -> Question<'static> {
        Question { method: "POST", url: "http://s/", body: b"", attempt: 0, server: "s" }
    }

    fn open(folder: &Path, run: &str, first: bool, fresh: bool) -> Opened {
        Replies::open(&folder.join(run), key(), first, fresh).unwrap()
    }

    /// A wrong outcome would pay again, or take half a reply for a whole one.
    #[test]
    fn a_reply_is_known_to_later_runs_and_a_torn_one_to_none() {
        let folder = tempfile::tempdir().unwrap();
        let opened = open(folder.path(), "a", true, false);
        for (at, body) in ["one", "two", ""].iter().enumerate() {
            opened.replies.keep(&[at as u8; 32], &asked(), &reply(body), 5).unwrap();
        }
        assert_eq!(opened.replies.known(&[1; 32], &asked()), Some(reply("two")));
        opened.replies.sync().unwrap();
        let file = folder.path().join(FOLDER).join(&opened.replies.name);
        drop(opened);
        let whole = std::fs::read(&file).unwrap();
        let mut lost = 0;
        for end in (0..=whole.len()).rev() {
            std::fs::write(&file, &whole[..end]).unwrap();
            let again = open(folder.path(), "b", true, false).replies;
            let there: Vec<bool> = (0..3).map(|at| again.known(&[at; 32], &asked()).is_some()).collect();
            // Those that are there are the first ones, whole.
            assert!(there.is_sorted_by(|a, b| a >= b), "{there:?}");
            assert!((0..3).all(|at| {
                again.known(&[at; 32], &asked()).is_none_or(|known| known == reply(["one", "two", ""][at as usize]))
            }));
            lost = lost.max(there.iter().filter(|there| !**there).count());
            drop(again);
        }
        assert_eq!(lost, 3);
    }

    /// A wrong outcome would let somebody else's folder say what a server replied.
    #[test]
    fn a_changed_byte_is_never_read_as_a_reply() {
        let folder = tempfile::tempdir().unwrap();
        let opened = open(folder.path(), "a", true, false);
        opened.replies.keep(&[1; 32], &asked(), &reply("what was said"), 0).unwrap();
        let file = folder.path().join(FOLDER).join(&opened.replies.name);
        drop(opened);
        let whole = std::fs::read(&file).unwrap();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            std::fs::write(&file, &changed).unwrap();
            assert_eq!(open(folder.path(), "b", true, false).replies.known(&[1; 32], &asked()), None, "byte {at}");
        }
        std::fs::write(&file, &whole).unwrap();
        let other = Replies::open(&folder.path().join("b"), Key::of([8; 32]), true, false).unwrap();
        assert_eq!((other.replies.known(&[1; 32], &asked()), other.notes.len()), (None, 1));
    }

    #[test]
    fn a_fresh_run_asks_again_and_so_does_whoever_resumes_it() {
        let folder = tempfile::tempdir().unwrap();
        let old = open(folder.path(), "a", true, false).replies;
        old.keep(&[1; 32], &asked(), &reply("old"), 3).unwrap();
        old.keep(&[2; 32], &asked(), &reply("old"), 3).unwrap();
        drop(old);
        let fresh = open(folder.path(), "b", true, true);
        assert!(fresh.spent.is_empty());
        assert_eq!(fresh.replies.known(&[1; 32], &asked()), None);
        fresh.replies.keep(&[1; 32], &asked(), &reply("new"), 4).unwrap();
        drop(fresh);
        let resumed = open(folder.path(), "b", false, false);
        assert_eq!(resumed.spent, BTreeMap::from([("s".to_owned(), 4)]));
        assert_eq!(resumed.replies.known(&[1; 32], &asked()), Some(reply("new")));
        assert_eq!(resumed.replies.known(&[2; 32], &asked()), None, "it was not asked for in this run");
        drop(resumed);
        // A later run has the latest of all.
        let later = open(folder.path(), "c", true, false);
        assert!(later.spent.is_empty());
        assert_eq!(later.replies.known(&[1; 32], &asked()), Some(reply("new")));
        assert_eq!(later.replies.known(&[2; 32], &asked()), Some(reply("old")));
    }

    #[test]
    fn replies_are_for_their_user_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let opened = open(folder.path(), "a", true, false);
        opened.replies.keep(&[1; 32], &asked(), &reply("x"), 0).unwrap();
        let (dir, name) = (folder.path().join(FOLDER), opened.replies.name.clone());
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&dir), mode(&dir.join(name))), (0o700, 0o600));
        drop(opened);
        std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o755)).unwrap();
        let refused = Replies::open(&folder.path().join("b"), key(), true, false).err().unwrap();
        assert!(refused.message.contains("is not private"), "{refused}");
    }

    /// A wrong outcome would lose what a run that goes on is given, or keep what was to go.
    #[test]
    fn replies_are_forgotten_but_not_those_of_a_process_that_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("cache");
        let forget = |older| forget_replies(folder.path(), older, &cache).unwrap();
        assert_eq!(forget(None), Forgotten::default());
        for run in ["a", "b"] {
            open(folder.path(), run, true, false).replies.keep(&[1; 32], &asked(), &reply(run), 0).unwrap();
        }
        let running = open(folder.path(), "c", true, false).replies;
        running.keep(&[2; 32], &asked(), &reply("c"), 0).unwrap();
        let size = replies_size(folder.path()).unwrap().unwrap();
        assert_eq!(forget(Some(std::time::Duration::from_secs(3600))), Forgotten::default());
        let all = forget(None);
        assert_eq!((all.files, all.in_use), (2, 1));
        assert_eq!(replies_size(folder.path()).unwrap().unwrap(), size - all.freed);
        assert_eq!(running.known(&[1; 32], &asked()), Some(reply("b")), "it has read them");
        drop(running);
        let later = open(folder.path(), "d", true, false).replies;
        assert_eq!(later.known(&[1; 32], &asked()), None);
        assert_eq!(later.known(&[2; 32], &asked()), Some(reply("c")));
    }
}
