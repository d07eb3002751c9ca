//! One task, from what lies in the work place to its manifest.

use std::collections::BTreeMap;
use std::path::Path;

use callboard_io::beneath::Dir;
use callboard_plan::{Cut, Group, Origin, PlannedStep, TaskId};
use callboard_sandbox::plain;

use super::left::{PARTS, new_attempt};
use super::place::{Place, TASKS};
use super::spills::Spills;
use super::work_place::{TaskCopy, WorkPlace};
use crate::error::{Class, RunError};
use crate::global::{Duty, Shared};
use crate::prepare::components::{Bundled, Components};
use crate::prepare::{Before, Prepared};
use crate::run::carry_out_part;
use crate::settings::Settings;
use crate::store::records::{Intake, Manifest, TaskFailure};
use crate::store::{Past, folder, kept_component};

/// How a task ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskDone {
    /// What it left counts.
    Now,
    /// It had been done before, or by another attempt meanwhile: what this one did is gone.
    Before,
}

/// How long what a task leaves has to last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasts {
    /// Whatever happens to the machine: the task ends when the disk has it.
    ForGood,
    /// Until the machine is started again, when the task is redone: for processes of one machine, which need not wait for its disk.
    UntilRestart,
}

/// Carries out a task of a work place. What was submitted stands there: of `settings`, what concerns this machine and this process counts. `trusted`
/// is what [`Run::place`](crate::Run::place) gave, where this user's key is not on this machine.
///
/// # Errors
///
/// No such task; one that reads what has not been left yet; a work place of another version; those of [`Run::prepare`](crate::Run::prepare) and
/// [`Run::execute`](crate::Run::execute). But for the first of these they are written down in the work place.
pub fn carry_out(
    id: TaskId,
    bundled: &[Bundled],
    work: &WorkPlace,
    settings: Settings,
    trusted: Option<u128>,
    lasts: Lasts,
) -> Result<TaskDone, RunError> {
    let copy = work.copy()?;
    let folder = copy.as_ref().map_or(work.folder(), TaskCopy::path);
    let place = Place::open(work, folder, &settings.cache_folder, trusted)?;
    let group = place.group(id)?;
    if place.finished || place.manifest(id)?.is_some() {
        return Ok(TaskDone::Before);
    }
    place.begin(id)?;
    let attempt = new_attempt();
    let done = attempted(&place, group, id, &attempt, bundled, settings);
    let done = done.and_then(|manifest| place.leave(id, manifest, lasts));
    if !matches!(done, Ok(true)) {
        place.take_back(id, &attempt);
    }
    match done {
        Ok(true) => Ok(TaskDone::Now),
        Ok(false) => Ok(TaskDone::Before),
        // Whatever went wrong, another attempt was faster, and the work place may have been cleared since.
        Err(error) => match place.manifest(id).ok().flatten().is_some() || has_finished(work) {
            true => Ok(TaskDone::Before),
            false => {
                place.fail(id, &failure(&error));
                Err(error)
            }
        },
    }
}

fn has_finished(work: &WorkPlace) -> bool {
    if work.is_remote() {
        return work.finished().is_some();
    }
    let dir = Dir::open(work.folder()).ok();
    dir.is_some_and(|dir| {
        crate::store::folder::recorded(&dir)
            .and_then(|(_, plan, _)| Past::read(&dir, &plan))
            .is_ok_and(|past| past.finished)
    })
}

/// An attempt, in a folder of its own.
fn attempted(
    place: &Place,
    group: &Group,
    id: TaskId,
    attempt: &str,
    bundled: &[Bundled],
    settings: Settings,
) -> Result<Manifest, RunError> {
    let plan = place.plan.clone();
    // Only steps that it calls are loaded; of the others it is written down what they declared.
    let calls = |step: &String| !matches!(group.cut, Cut::Scatter(_) | Cut::Merge) && group.steps.contains(step);
    let declared = folder::declarations(&place.dir)?.and_then(|written| written.declared()).unwrap_or_default();
    let declared: BTreeMap<_, _> = declared.into_iter().filter(|(step, _)| !calls(step)).collect();
    let own = plan.steps().iter().filter(|step| !declared.contains_key(&step.name));
    let components = components(own, bundled, &place.recorded.base, &place.dir)?;
    let settings = Settings {
        base: place.recorded.base.clone(),
        pipeline: place.recorded.pipeline.clone(),
        run_folder: place.path().join(TASKS).join(id.to_string()).join(attempt),
        // What stands in an output's place is checked by whoever puts the outputs there.
        overwrite: true,
        limit: place.recorded.limit,
        max_spill: place.recorded.max_spill,
        resumable: false,
        earlier: Vec::new(),
        ..settings
    };
    let mut past = Past::default();
    let others = plan.inputs().iter().filter(|input| !group.writes(&input.name));
    past.intakes = others.map(|input| (input.name.clone(), Intake::default())).collect();
    let is_cut = matches!(group.cut, Cut::Files(_)).then_some(id.slice);
    let read = group.inputs.iter().chain(&group.intakes);
    let known = read.clone().filter_map(|name| Some((name.clone(), place.known(name, is_cut)?))).collect();
    let before = Before { past, inputs: Some(place.recorded.inputs.clone()), known, declared, ..Before::default() };
    let mut prepared = Prepared::new(plan, components, settings, before, None)?;
    for (name, slice) in read.zip(is_cut) {
        prepared.read_part(name, place.part(name, slice));
    }
    let mut spills = Spills::new(place, &prepared, group);
    let shared = shared(&mut spills, place, group, id, prepared.folder())?;
    let spills = spills.of(id)?;
    let stage = prepared.plan.stages().iter().find(|stage| stage.index == group.stage).expect("groups are of stages");
    // A step that is shared out by key is logged when its results are put together.
    let is_logged =
        |step: &&String| !matches!(group.cut, Cut::Scatter(_) | Cut::Parts(_)) && place.work.contains_key(*step);
    let work = group.steps.iter().filter(is_logged).map(|step| (step.clone(), place.work[step].clone())).collect();
    let ended = carry_out_part(&prepared, &group.part_of(stage), (shared, group.slices() > 1), spills, work)?;
    Ok(Manifest { attempt: attempt.to_owned(), boot: None, ended })
}

/// Which share of a step's work a task does, where the step's rows are brought together by key.
fn shared(
    spills: &mut Spills<'_>,
    place: &Place,
    group: &Group,
    id: TaskId,
    attempt: &Path,
) -> Result<Option<Shared>, RunError> {
    let share = (id.slice, group.slices());
    let before = place.groups.iter().filter(|before| group.continues(before)).flat_map(Group::tasks);
    let before = before.map(|task| Ok(format!("{}/{PARTS}", spills.attempt(task)?)));
    let before = before.collect::<Result<Vec<String>, RunError>>()?;
    match group.cut {
        Cut::Parts(_) => place.bring_parts(&before, share)?,
        Cut::Merge => before.iter().try_for_each(|folder| place.bring_all(folder))?,
        _ => {}
    }
    let (to, from) = (attempt.join(PARTS), before.iter().map(|folder| place.path().join(folder)).collect());
    let duty = match group.cut {
        Cut::Scatter(_) => Duty::Scatter { share, to },
        Cut::Parts(_) => Duty::Parts { share, from, to },
        Cut::Merge => Duty::Merge { from },
        _ => return Ok(None),
    };
    Ok(Some(Shared { seed: place.seed, duty }))
}

/// The components of steps, as they were when the plan was submitted: bundled ones are those of this program, and files those in the work place.
fn components<'a>(
    steps: impl Iterator<Item = &'a PlannedStep>,
    bundled: &[Bundled],
    base: &Path,
    dir: &Dir,
) -> Result<Components, RunError> {
    let mut components = Components::default();
    for step in steps {
        let found = match &step.origin {
            Origin::Path(_) => {
                let kept = dir.file(kept_component(&step.digest));
                kept.map_err(|error| plain(&error)).and_then(|kept| components.kept(kept, &step.digest))
            }
            Origin::Bundled => components.find_again(step, bundled, base),
        };
        match found {
            Ok((digest, _)) if digest == step.digest => {}
            Ok(_) => {
                let message =
                    format!("this Callboard has another component `{}` than the one that was submitted", step.uses);
                let error = RunError::new(Class::System, message).help("install the same build on every machine");
                return Err(error.in_step(&step.name));
            }
            Err(what) => {
                return Err(
                    RunError::new(Class::System, format!("its component was not found: {what}")).in_step(&step.name)
                );
            }
        }
    }
    Ok(components)
}

fn failure(error: &RunError) -> TaskFailure {
    TaskFailure {
        passing: matches!(error.class, Class::System | Class::Interrupted),
        class: word(error.class).to_owned(),
        message: error.to_string(),
        help: error.help.as_ref().map(ToString::to_string),
    }
}

const WORDS: [(Class, &str); 7] = [
    (Class::Pipeline, "pipeline"),
    (Class::Data, "data"),
    (Class::Limit, "limit"),
    (Class::System, "system"),
    (Class::Interrupted, "interrupted"),
    (Class::Waiting, "waiting"),
    (Class::Bug, "bug"),
];

fn word(class: Class) -> &'static str {
    WORDS.iter().find(|(listed, _)| *listed == class).map_or("bug", |(_, word)| word)
}

/// The failure that an attempt wrote down, as an error of the run.
pub(super) fn error_of(id: TaskId, failure: TaskFailure) -> RunError {
    let class = WORDS.iter().find(|(_, word)| *word == failure.class).map_or(Class::Bug, |(class, _)| *class);
    let error = RunError::new(class, format!("task {id}: {}", failure.message));
    match failure.help {
        Some(help) => error.help(help),
        None => error,
    }
}
