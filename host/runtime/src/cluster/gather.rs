//! What all tasks left, put together: rejected rows, outputs, and stages of the run that have ended.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind};

use callboard_io::beneath::{Dir, Kind};
use callboard_plan::{Cut, Group, Kind as StepKind, Reader, TaskId};

use super::drive::costs;
use super::inside::attempt as attempt_of;
use super::place::Place;
use super::transfer;
use super::work_place::KEPT;
use crate::error::RunError;
use crate::rejects::Rejects;
use crate::store::Digested;
use crate::store::journal::Journal;
use crate::store::lengths::{LENGTHS, zip_name};
use crate::store::records::{Manifest, Record, StageEnded};
use crate::store::work::{FIRST_LOG, KEY, WORK, write_header};

type Done = BTreeMap<TaskId, Manifest>;

/// Has all of it here that the tasks left and that is put together.
pub(super) fn bring(place: &Place, done: &Done) -> Result<(), RunError> {
    bring_rejects(place, done)?;
    bring_lengths(place, done)?;
    let whole = place.groups.iter().filter(|group| group.slices() == 1 && !group.outputs.is_empty());
    for (task, manifest) in whole.flat_map(Group::tasks).filter_map(|task| done.get_key_value(&task)) {
        place.bring_all(&format!("{}/outputs", attempt_of(*task, manifest)))?;
    }
    Ok(())
}

/// Has the rows here that the tasks rejected.
pub(super) fn bring_rejects(place: &Place, done: &Done) -> Result<(), RunError> {
    let of = |(task, manifest): (&TaskId, &Manifest)| {
        let rejects = format!("{}/rejects", attempt_of(*task, manifest));
        manifest.ended.rejects.keys().map(move |node| format!("{rejects}/{node}.jsonl")).collect::<Vec<_>>()
    };
    place.bring(&done.iter().flat_map(of).collect::<Vec<_>>())
}

/// Has here how many rows the batches of inputs and transforms had.
fn bring_lengths(place: &Place, done: &Done) -> Result<(), RunError> {
    let is_noted = |node: &&String| place.plan.step(node).is_none_or(|step| step.kind == StepKind::Transform);
    let of = |(task, manifest): (&TaskId, &Manifest)| {
        let group = place.group(*task).ok().filter(|group| !matches!(group.cut, Cut::Scatter(_) | Cut::Parts(_)));
        let nodes = group.into_iter().flat_map(|group| [&group.inputs, &group.intakes, &group.steps]).flatten();
        let lengths = format!("{}/{LENGTHS}", attempt_of(*task, manifest));
        nodes.filter(is_noted).map(|node| (lengths.clone(), node)).collect::<Vec<_>>()
    };
    let left: Vec<_> = done.iter().flat_map(of).collect();
    place.bring(&left.iter().map(|(lengths, node)| format!("{lengths}/{node}")).collect::<Vec<_>>())?;
    let Some(store) = &place.store else { return Ok(()) };
    // Rows of a zip that did not follow one another are not noted.
    let zips = left.iter().filter_map(|(lengths, node)| Some(format!("{lengths}/{}", zip_of(place, node)?)));
    transfer::fetch(store, &place.dir, &zips.collect::<Vec<_>>(), true)
}

/// What the zip is noted as that a step reads, if it reads one.
fn zip_of(place: &Place, step: &str) -> Option<String> {
    place.plan.zip_of(&Reader::Step(step.to_owned())).map(|_| zip_name(step))
}

/// Puts the work of a task that has ended among that of the run, for whoever looks at it. In a store it stays where it is.
pub(super) fn keep_work(place: &Place, task: TaskId, manifest: &Manifest) -> io::Result<()> {
    let Ok(group) = place.group(task) else { return Ok(()) };
    let left = format!("{}/{WORK}", attempt_of(task, manifest));
    for (step, header) in group.steps.iter().filter_map(|step| place.work.get_key_value(step)) {
        // Where it is not there, nothing was done.
        let log = format!("{left}/{step}/{FIRST_LOG}");
        if place.store.is_some() || place.dir.kind(&log)?.is_none() {
            continue;
        }
        let folder = place.dir.make_dir(format!("{WORK}/{step}"), 0o700)?;
        if folder.kind(KEY)?.is_none() {
            write_header(folder.path(), header)?;
        }
        // Later tasks read it where it is.
        let name = format!("{task}.log");
        folder.remove_file(&name)?;
        place.dir.hard_link(&log, &folder, &name)?;
    }
    Ok(())
}

/// Puts what the tasks left where a run that is resumed looks for it, and writes into its journal, `length` bytes of which are good, that all
/// stages have ended; and that outputs may be in their places, if an earlier driver was `committing`. Outputs that are made of slices are there, with
/// these digests. It may be stopped at any moment, and begun again.
pub(super) fn gathered(
    place: &Place,
    done: &Done,
    mut digests: BTreeMap<String, Digested>,
    length: u64,
    committing: bool,
) -> io::Result<()> {
    let mut rejects = rejects(place, done)?;
    lengths(place, done)?;
    if place.store.is_some() {
        let kept: Vec<String> = done.iter().map(|(task, manifest)| attempt_of(*task, manifest)).collect();
        place.dir.write_whole(KEPT, &serde_json::to_vec(&kept).expect("names are JSON"), 0o600)?;
    }
    let outputs = place.dir.dir("outputs")?;
    let whole = place.groups.iter().filter(|group| group.slices() == 1);
    for (task, manifest) in whole.flat_map(Group::tasks).filter_map(|task| done.get_key_value(&task)) {
        if manifest.ended.outputs.is_empty() {
            continue;
        }
        let left = attempt(place, *task, manifest)?.dir("outputs")?;
        // What is not there any more was moved before.
        for (name, kind) in left.entries()? {
            if kind == Kind::File {
                left.rename(&name, &outputs, &name)?;
            }
        }
        digests.extend(manifest.ended.outputs.clone());
    }
    outputs.sync()?;
    let journal = Journal::open(&place.dir, length)?;
    for (stage, cost) in costs(place, done, |_| true) {
        let outputs = stage.outputs.iter().filter_map(|name| digests.remove_entry(name)).collect();
        let nodes = stage.inputs.iter().chain(&stage.steps);
        let rejects = nodes.filter_map(|name| rejects.remove_entry(name)).collect();
        let ended = StageEnded { cost, spills: BTreeMap::new(), outputs, rejects };
        journal.append(&Record::Stage { stage: stage.index, ended: Box::new(ended) })?;
    }
    if committing {
        journal.append(&Record::Committing)?;
    }
    journal.file().sync_data()
}

/// The rows that were rejected until now, for people: `rejects.jsonl`.
pub(super) fn rejects_so_far(place: &Place, done: &Done) -> io::Result<()> {
    rejects(place, done)?;
    let path = place.path().join("rejects.jsonl");
    Rejects::new(place.path().join("rejects")).gather(&path, nodes(place).into_iter())
}

fn nodes(place: &Place) -> Vec<&str> {
    let inputs = place.plan.inputs().iter().map(|input| input.name.as_str());
    inputs.chain(place.plan.steps().iter().map(|step| step.name.as_str())).collect()
}

/// For each input and step, the rows that it rejected in all tasks, in their order, as one file.
fn rejects(place: &Place, done: &Done) -> io::Result<BTreeMap<String, Digested>> {
    let dir = place.dir.make_dir("rejects", 0o700)?;
    let mut written = BTreeMap::new();
    for node in nodes(place) {
        let name = format!("{node}.jsonl");
        if let Some(whole) = appended(place, done, node, ("rejects", &name), &dir)? {
            whole.sync_data()?;
            written.insert(node.to_owned(), Digested::of(&dir.path().join(&name), 0)?);
        }
    }
    Ok(written)
}

/// How many rows the batches of each input and step had, in all tasks, in their order.
fn lengths(place: &Place, done: &Done) -> io::Result<()> {
    let dir = place.dir.make_dir(LENGTHS, 0o700)?;
    for node in nodes(place) {
        for name in [Some(node.to_owned()), zip_of(place, node)].into_iter().flatten() {
            appended(place, done, node, (LENGTHS, &name), &dir)?;
        }
    }
    Ok(())
}

/// What all tasks left of an input or step under a name in a folder of theirs, in their order, as one file of another one; `None` if there is nothing.
fn appended(
    place: &Place,
    done: &Done,
    node: &str,
    (folder, name): (&str, &str),
    to: &Dir,
) -> io::Result<Option<File>> {
    to.remove_file(name)?;
    let mut whole: Option<File> = None;
    for (task, manifest) in done.iter().filter(|(task, _)| place.group(**task).is_ok_and(|group| group.writes(node))) {
        let mut part = match place.dir.file(format!("{}/{folder}/{name}", attempt_of(*task, manifest))) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            part => part?,
        };
        let file = match whole.take() {
            Some(file) => file,
            None => to.create_new(name, 0o600)?,
        };
        io::copy(&mut part, whole.insert(file))?;
    }
    Ok(whole)
}

/// The folder of the attempt that counts.
fn attempt(place: &Place, task: TaskId, manifest: &Manifest) -> io::Result<Dir> {
    place.dir.dir(attempt_of(task, manifest))
}
