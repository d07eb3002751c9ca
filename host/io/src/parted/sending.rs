//! Files of an output that go to a store while others are still written: each is sent as soon as it is complete, and stays invisible until
//! the run commits.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use crate::beneath::Dir;
use crate::error::IoError;
use crate::places::{LARGE, StorePlace, UploadRecords};
use crate::stop::Stop;

/// A file up to this size is sent when the run commits: that takes one request, as completing an upload does.
const SMALL: u64 = 1 << 20;
/// How many files are sent at once, and how many bytes are on their way if there are several.
const SENDERS: usize = 4;
const SENDING: u64 = 32 << 20;

/// What is kept of the upload of a file: its name beside that of the output.
pub(super) fn record_name(output: &str, path: &str) -> String {
    format!("{output}.{}", crate::sha256::sha256(path.as_bytes()))
}

/// A complete file.
pub(super) struct ToSend {
    /// What it is called where it is staged.
    pub(super) staged: String,
    /// Its path, from the manifest's folder.
    pub(super) path: String,
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

impl ToSend {
    /// What is on its way of it at once, at most.
    fn held(&self) -> u64 {
        self.bytes.min(LARGE)
    }
}

/// What sends the files of an output as they are complete. When it is dropped, it waits for those that are on their way.
pub struct Sending {
    shared: Arc<Shared>,
    senders: Mutex<Vec<JoinHandle<()>>>,
}

impl std::fmt::Debug for Sending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sending({:?})", self.shared.place)
    }
}

struct Shared {
    /// The place of the manifest.
    place: StorePlace,
    output: String,
    folder: Dir,
    records: UploadRecords,
    stop: Stop,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<ToSend>,
    /// Bytes that are on their way.
    sending: u64,
    /// Whether nothing more is begun.
    ended: bool,
    failed: Option<IoError>,
}

impl Sending {
    /// What sends the files of an output whose manifest belongs in this place, from the folder where they are staged.
    pub(crate) fn new(place: &StorePlace, output: &str, folder: &Dir, records: UploadRecords, stop: &Stop) -> Sending {
        let shared = Shared {
            place: place.clone(),
            output: output.to_owned(),
            folder: folder.clone(),
            records,
            stop: stop.clone(),
            state: Mutex::default(),
            changed: Condvar::new(),
        };
        Sending { shared: Arc::new(shared), senders: Mutex::default() }
    }

    /// Has a file sent, unless it is small.
    ///
    /// # Errors
    /// What went wrong with another one.
    pub(super) fn push(&self, file: ToSend) -> Result<(), IoError> {
        let mut state = self.shared.state();
        if let Some(error) = state.failed.take() {
            state.ended = true;
            return Err(error);
        }
        if file.bytes <= SMALL || state.ended {
            return Ok(());
        }
        state.waiting.push_back(file);
        drop(state);
        self.shared.changed.notify_one();
        let mut senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        if senders.len() < SENDERS {
            let sending = self.shared.clone();
            // Where the system refuses a thread, the others do its work, or it is done when the run commits.
            senders.extend(thread::Builder::new().name("upload".to_owned()).spawn(move || sending.send()));
        }
        Ok(())
    }

    /// Does what gives staged files other names, from the one to the other, while none of them is opened.
    pub(super) fn renamed(
        &self,
        names: &[(String, String)],
        rename: impl FnOnce() -> Result<(), IoError>,
    ) -> Result<(), IoError> {
        let mut state = self.shared.state();
        let names: HashMap<&String, &String> = names.iter().map(|(from, to)| (from, to)).collect();
        for file in &mut state.waiting {
            if let Some(to) = names.get(&file.staged) {
                file.staged.clone_from(to);
            }
        }
        rename()
    }

    /// Waits for the files that are on their way, and begins no others: those are sent when the run commits.
    pub fn end(&self) {
        let mut state = self.shared.state();
        state.ended = true;
        state.waiting.clear();
        drop(state);
        self.shared.changed.notify_all();
        for sender in self.senders.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = sender.join();
        }
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends one file after another until there are no more.
    fn send(&self) {
        let mut state = self.state();
        while !state.ended && state.failed.is_none() {
            let room = |file: &ToSend| state.sending == 0 || state.sending + file.held() <= SENDING;
            if !state.waiting.front().is_some_and(room) {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let Some(file) = state.waiting.pop_front() else { continue };
            let opened = self.folder.file(&file.staged);
            state.sending += file.held();
            drop(state);
            let sent = opened.map_err(|error| self.unread(&file, &error)).and_then(|opened| self.one(&file, &opened));
            state = self.state();
            state.sending -= file.held();
            if let Err(error) = sent {
                state.failed.get_or_insert(error);
            }
            self.changed.notify_all();
        }
    }

    fn one(&self, file: &ToSend, opened: &File) -> Result<(), IoError> {
        let place = self.place.below(&file.path)?;
        let name = record_name(&self.output, &file.path);
        let kept = self.records.kept(&name).map_err(|error| self.unread(file, &error))?;
        let upload = place.begin(Some(&file.sha256), kept.as_deref(), self.records.keep(&name), &self.stop)?;
        upload.follow(opened, file.bytes, true).map_err(|error| self.unread(file, &error))?;
        upload.wait()
    }

    fn unread(&self, file: &ToSend, error: &io::Error) -> IoError {
        IoError::system("cannot read", error).in_file(self.folder.path().join(&file.staged))
    }
}
