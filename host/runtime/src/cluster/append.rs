//! Outputs that several tasks write, a slice each: appended as one file while later tasks go on.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use callboard_io::beneath::Dir;
use callboard_io::{Digesting, StoreFolder};
use callboard_plan::TaskId;

use super::left::runs_again;
use super::place::{Place, TASKS};
use super::transfer;
use crate::error::RunError;
use crate::store::Digested;
use crate::store::folder::alone;
use crate::store::records::Manifest;

/// The outputs of a run that are made of slices, and the thread that appends these.
pub(super) struct Appending {
    outputs: Vec<Sliced>,
    /// After the last slice, nothing.
    slices: Option<Sender<Option<Slice>>>,
    thread: Option<JoinHandle<io::Result<BTreeMap<String, Digested>>>>,
}

/// An output, and the tasks whose slices have not been appended.
struct Sliced {
    name: String,
    left: std::iter::Peekable<Box<dyn Iterator<Item = TaskId>>>,
}

/// A slice that is there.
struct Slice {
    output: String,
    task: TaskId,
    /// In the work place.
    place: String,
    of: Digested,
}

impl Appending {
    /// Begins with none of them.
    pub(super) fn begin(place: &Place) -> Result<Appending, RunError> {
        let mut outputs = Vec::new();
        for group in place.groups.iter().filter(|group| group.slices() > 1) {
            let tasks = || (Box::new(group.tasks()) as Box<dyn Iterator<Item = TaskId>>).peekable();
            outputs.extend(group.outputs.iter().map(|name| Sliced { name: name.clone(), left: tasks() }));
        }
        let (slices, received) = channel();
        let (dir, store) = (place.dir.clone(), place.store.clone());
        let thread = callboard_sandbox::spawn(move || appended(&dir, store.as_ref(), &received))?;
        Ok(Appending { outputs, slices: Some(slices), thread: Some(thread) })
    }

    /// Has the slices appended that are next and there.
    pub(super) fn take(&mut self, done: &BTreeMap<TaskId, Manifest>) {
        let Appending { outputs, slices, .. } = self;
        for output in outputs {
            while let Some((task, manifest)) = output.left.peek().and_then(|task| done.get_key_value(task)) {
                let place = format!("{TASKS}/{task}/{}/outputs/{}", manifest.attempt, output.name);
                let of = manifest.ended.outputs[&output.name].clone();
                send(slices, Some(Slice { output: output.name.clone(), task: *task, place, of }));
                output.left.next();
            }
        }
    }

    /// The outputs, all of them durable, when all tasks have ended.
    pub(super) fn end(mut self) -> io::Result<BTreeMap<String, Digested>> {
        send(&self.slices, None);
        let panicked = || io::Error::other("the thread that appends slices panicked");
        self.thread.take().map_or(Ok(BTreeMap::new()), |thread| thread.join().unwrap_or_else(|_| Err(panicked())))
    }
}

/// A thread that has failed says so at the end.
fn send(slices: &Option<Sender<Option<Slice>>>, slice: Option<Slice>) {
    let _ = slices.as_ref().map(|slices| slices.send(slice));
}

impl Drop for Appending {
    fn drop(&mut self) {
        drop(self.slices.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Appends slices to the first of each output. If there are no more before the last one was there, the files are of no use.
fn appended(
    dir: &Dir,
    store: Option<&StoreFolder>,
    slices: &Receiver<Option<Slice>>,
) -> io::Result<BTreeMap<String, Digested>> {
    let outputs = dir.dir("outputs")?;
    let mut files: BTreeMap<String, (Digesting, u64)> = BTreeMap::new();
    loop {
        let Ok(next) = slices.recv() else { return Ok(BTreeMap::new()) };
        let Some(Slice { output, task, place, of }) = next else { break };
        let digest = of.number().unwrap_or_default();
        let damaged = || {
            let message = format!("`{place}` is not what the task wrote; {}", runs_again(task, store.is_some()));
            io::Error::new(ErrorKind::InvalidData, message)
        };
        if let Some(store) = store {
            transfer::fetch(store, dir, std::slice::from_ref(&place), false).map_err(io::Error::other)?;
        }
        match files.get_mut(&output) {
            Some((whole, rows)) => {
                if !whole.append(dir.file(&place)?, digest)? {
                    return Err(damaged());
                }
                *rows += of.rows;
                if store.is_some() {
                    dir.remove_file(&place)?;
                }
            }
            // The file of the first slice becomes the whole one, if it has not by an earlier driver: what that appended to it is cut off.
            None => {
                match dir.rename(&place, &outputs, &output) {
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    moved => moved?,
                }
                let file = alone(outputs.file_to_write(&output)?)?;
                let whole = Digesting::go_on(file, of.bytes, digest)?;
                files.insert(output, (whole.ok_or_else(damaged)?, of.rows));
            }
        }
    }
    let digested = |(name, (whole, rows)): (String, (Digesting, u64))| {
        let (file, digest) = whole.finish()?;
        Ok((name, Digested { rows, bytes: file.metadata()?.len(), digest: format!("{digest:032x}") }))
    };
    files.into_iter().map(digested).collect()
}
