//! A run is carried out stage by stage, and its outputs are put in their places at the very end.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use callboard_io::{Committed, Dataset, Finished};
use callboard_plan::{Feed, Kind, Load, PlannedStep, Stage};
use callboard_sandbox::Batches;
use tokio_util::sync::CancellationToken;

use super::Run;
use super::ahead;
use super::batches;
use super::teller::Teller;
use super::watch::Watch;
use super::window::Running;
use crate::course::{Course, Phase};
use crate::error::RunError;
use crate::events::Event;
use crate::prepare::Prepared;
use crate::prepare::ProfileTarget;
use crate::prepare::confine::{ABSENT, confine_further};
use crate::prepare::paces;
use crate::rows::Tap;
use crate::stage::boundary::BetweenStages;
use crate::stage::kept::Kept;
use crate::stage::live::Live;
use crate::stage::{self, LoadedStep};
use crate::store::records::{Record, StageEnded};
use crate::store::records::{StageCost, Status};
use crate::store::replies::{Opened, Replies};
use crate::store::{Key, Quota};
use crate::tell::accounts::check_accounts;
use crate::tell::made::{Clock, Measured};
use crate::tell::report::{ProfileReport, Report, RunFailed, UnfinishedReport};

/// How long replies to what was sent are waited for when a run has ended early.
pub(super) const SETTLING: Duration = Duration::from_secs(2);

impl Run {
    /// Carries the plan out.
    ///
    /// # Errors
    ///
    /// Why it failed or was interrupted, with the report of what it did until then. No output was touched, unless putting a complete
    /// one in its place is what failed; the error names those that are there by then.
    pub fn execute(self) -> Result<Report, Box<RunFailed>> {
        self.execute_with(None)
    }

    /// The same, with something that looks on.
    pub(crate) fn execute_with(self, tap: Option<Arc<dyn Tap>>) -> Result<Report, Box<RunFailed>> {
        let mut report = self.reported(tap);
        match report.failure.take() {
            None => Ok(report),
            Some(error) => Err(Box::new(RunFailed { error, report })),
        }
    }

    fn reported(self, tap: Option<Arc<dyn Tap>>) -> Report {
        let Run { prepared, locked, page, window, of } = self;
        let seen = prepared.seen.clone();
        let running = Arc::new(Running { clock: Clock::begin(&seen), prepared });
        window.opens_on(&running);
        let Running { prepared, clock } = &*running;
        let stop = CancellationToken::new();
        let quota = Arc::new(Quota::new(prepared.settings.max_spill));
        let watch = Watch::begin(prepared.settings.cancel.clone(), stop.clone());
        let opened = watch.and_then(|watch| Ok((watch, Kept::open(prepared, locked, &quota)?)));
        let (watch, kept) = match opened {
            Ok(opened) => opened,
            // Nothing was begun; what an earlier process did is as it was.
            Err(error) => {
                let resumable = prepared.past.attempts > 0;
                return Report { resumable, ..Report::of(prepared, &[], Err(error), &Measured::of(clock)) };
            }
        };
        let opened = open_replies(prepared);
        let live = Live::new(prepared, stop, quota, kept);
        let live = match tap {
            Some(tap) => live.tapped_by(tap, None),
            None => live.gathering(),
        };
        seen.watch(&live.memory.run, &live.memory.held);
        let mut costs = Vec::new();
        let mut notes: Vec<String> = prepared.unconfined.then(|| ABSENT.to_owned()).into_iter().collect();
        let mut profile = None;
        let outcome = opened.and_then(|noted| {
            notes.extend(noted);
            let _teller = Teller::begin(prepared, live.asked.clone())?;
            carry_out(&live, &mut costs, &mut profile, &mut notes)
        });
        drop(watch);
        // What was sent is paid for.
        prepared.calls.settle(SETTLING);
        if let Err(error) =
            live.keep_needs(&costs).and_then(|()| prepared.keep_paces(ahead::took(&prepared.plan, &seen)))
        {
            notes.push(format!("what the steps needed could not be kept: {error}"));
        }
        let mut measured = Measured::of(clock);
        measured.first_call = live.first_call.get().copied();
        measured.peak_linear_memory = live.memory.run.peak();
        if outcome.is_err() && !live.can_be_resumed() {
            notes.extend(live.abort_uploads());
        }
        let unfinished = seen.unfinished().map(UnfinishedReport::of);
        let mut report = Report { profile, unfinished, ..Report::of(prepared, &costs, outcome, &measured) };
        let kept = live.into_kept();
        report.notes.extend(notes);
        report.notes.extend(kept.take_damage());
        report.resumable = kept.is_logged() && report.status != Status::Finished;
        if let Some(of) = &of {
            report.rejects.path = format!("{}/rejects.jsonl", of.name);
            report.run_folder.clone_from(&of.name);
        }
        let message = report.error.as_ref().map(|error| error.message.clone());
        let json = serde_json::to_vec_pretty(&report).expect("a report is JSON");
        let page = page.map(|page| page(&report, &prepared.plan));
        if let Err(error) = kept.close(report.status, message, report.wall_ms, &json, page.as_deref()) {
            report.notes.push(format!("the run's folder could not be sealed: {error}"));
        }
        if let Some(of) = of
            && let Err(error) = (of.end)(report.status)
        {
            report.notes.push(format!("`{}` could not be brought up to date: {error}", of.name));
        }
        report
    }
}

/// Opens the replies that are kept beside the run, if a step may send requests.
pub(super) fn open_replies(run: &Prepared) -> Result<Vec<String>, RunError> {
    if !run.sends_requests() {
        return Ok(Vec::new());
    }
    let key = Key::read_or_make(run.cache.dir())?;
    let first = run.past.attempts == 0;
    let opened = Replies::open(run.folder(), key, first, run.settings.fresh_replies)?;
    let Opened { replies, spent, shelf, batches, notes } = opened;
    run.calls.keep(Arc::new(replies), spent);
    if !run.tries {
        run.calls.keep_batches(Batches { shelf, found: batches, grace: run.settings.batch_grace });
    }
    Ok(notes)
}

/// All stages, and then the outputs into their places.
fn carry_out(
    live: &Live<'_>,
    costs: &mut Costs,
    profile: &mut Option<ProfileReport>,
    notes: &mut Vec<String>,
) -> Result<BTreeMap<String, Committed>, RunError> {
    let prepared = live.prepared;
    if prepared.settings.confined {
        confine_further(prepared)?;
    }
    batches::collect(live)?;
    match prepared.tries {
        true => live.begin_inputs(),
        false => live.begin_uploads(|| live.begin_inputs())?,
    }
    let ran = live.stages(costs).map_err(|error| batches::submit(live, error));
    // Rows that were rejected before a failure are worth having.
    let inputs = prepared.plan.inputs().iter().map(|input| input.name.as_str());
    let nodes = inputs.chain(prepared.plan.steps().iter().map(|step| step.name.as_str()));
    let gathered = live.rejects().gather(&prepared.folder().join("rejects.jsonl"), nodes);
    // So is the profile, all the more of a step that takes too long.
    let profiled = prepared.profile.as_ref().map_or(Ok(None), ProfileTarget::write);
    if let (Some(target), Ok(Some((taken, path)))) = (&prepared.profile, &profiled) {
        *profile = Some(ProfileReport::of(target.taken.step(), taken, path));
    }
    ran?;
    gathered.map_err(|error| RunError::unwritten("write rejected rows", &error))?;
    profiled?;
    check_accounts(prepared, costs)?;
    if prepared.tries {
        return Ok(BTreeMap::new());
    }
    let committed = live.commit(notes)?;
    prepared.calls.finish_batches().map_err(|error| RunError::unwritten("forget offline batches", &error))?;
    Ok(committed)
}

/// The stages that ended, and what each cost.
type Costs = Vec<(Stage, StageCost)>;

impl Live<'_> {
    /// Keeps for later plans what an instance of each step held in the stages that ended now, and what one was refused.
    fn keep_needs(&self, costs: &[(Stage, StageCost)]) -> std::io::Result<()> {
        self.prepared.keep_needs(&self.memory, &|step| {
            costs.iter().any(|(stage, _)| stage.index == step.stage)
                && !self.prepared.past.stages.contains_key(&step.stage)
        })
    }

    pub(crate) fn stages(&self, costs: &mut Costs) -> Result<(), RunError> {
        let mut boundary = BetweenStages::left_over(self)?;
        let mut held: HashMap<usize, Vec<LoadedStep>> = HashMap::new();
        let to_do =
            || self.prepared.plan.stages().iter().filter(|stage| !self.prepared.past.stages.contains_key(&stage.index));
        let eager_load = Instant::now();
        if self.prepared.plan.load() == Load::Eager {
            for stage in to_do() {
                held.insert(stage.index, stage::load(self, &stage.steps).map_err(|error| error.in_stage(stage.index))?);
            }
        }
        let mut eager_load = Some(eager_load.elapsed());
        for stage in self.prepared.plan.stages() {
            if let Some(ended) = self.prepared.past.stages.get(&stage.index) {
                self.prepared.seen.ended(stage, &ended.cost);
                costs.push((stage.clone(), ended.cost.clone()));
                continue;
            }
            self.go_on().map_err(|error| error.in_stage(stage.index))?;
            let began = Instant::now();
            let cost = self.stage(stage, &mut boundary, held.get_mut(&stage.index), eager_load.take());
            let cost = cost.map_err(|error| error.in_stage(stage.index))?;
            self.prepared.seen.ended(stage, &cost);
            costs.push((stage.clone(), cost));
            self.reject_limits.check_run(&self.prepared.plan, costs).map_err(|error| error.in_stage(stage.index))?;
            self.tell(Event::Ended { stage: stage.index, took: began.elapsed(), linear_memory: self.memory.run.now() });
            if self.until == Some(stage.index) {
                return Ok(());
            }
        }
        // Where the last stage ended before, nobody has asked yet.
        self.reject_limits.check_run(&self.prepared.plan, costs)
    }

    fn stage(
        &self,
        stage: &Stage,
        boundary: &mut BetweenStages,
        held: Option<&mut Vec<LoadedStep>>,
        eager_load: Option<Duration>,
    ) -> Result<StageCost, RunError> {
        let ended = self.end(stage, boundary, held, eager_load)?;
        let mut cost = ended.cost.clone();
        self.journal(&Record::Stage { stage: stage.index, ended: Box::new(ended) })?;
        let began = Instant::now();
        boundary.release(&self.prepared.plan, stage.index);
        cost.unload += began.elapsed();
        Ok(cost)
    }

    /// Carries out a stage, or a part of one, to its end; gives what it left.
    pub(super) fn end(
        &self,
        stage: &Stage,
        boundary: &mut BetweenStages,
        held: Option<&mut Vec<LoadedStep>>,
        eager_load: Option<Duration>,
    ) -> Result<StageEnded, RunError> {
        let nodes: Vec<String> = stage.inputs.iter().chain(&stage.steps).cloned().collect();
        let begun = self.rejects().begin(&nodes);
        begun.map_err(|error| RunError::unwritten("write rejected rows", &error))?;
        let seen = &self.prepared.seen;
        let plan = &self.prepared.plan;
        seen.begin(stage.index, plan.stages().len(), self.to_take_in(stage), self.courses(stage));
        let mut cost = stage::run(self, stage, boundary, held)?;
        cost.curve = seen.end();
        cost.load += eager_load.unwrap_or_default();
        let rejects = self.rejects().end(&nodes);
        let rejects = rejects.map_err(|error| RunError::unwritten("write rejected rows", &error))?;

        let is_here = |feed: &Feed| nodes.iter().chain(&stage.intakes).any(|name| *name == feed.node);
        let spills = boundary.spills.iter().filter(|(feed, _)| is_here(feed));
        let spills = spills.map(|(feed, spill)| (feed.clone(), spill.sealed().clone())).collect();
        let finished = self.finished();
        let outputs = finished.iter().filter(|(name, _)| stage.outputs.contains(name));
        let outputs = outputs.map(|(name, output)| (name.clone(), output.into())).collect();
        drop(finished);
        Ok(StageEnded { cost, spills, outputs, rejects })
    }

    /// The inputs that a stage reads before anything else, and their bytes.
    fn to_take_in(&self, stage: &Stage) -> BTreeMap<Arc<str>, f64> {
        let intakes = stage.intakes.iter().filter(|name| self.prepared.has_taken_in(name).is_none());
        let bytes = |name: &str| self.prepared.input(name).dataset.as_ref().map_or(0, Dataset::bytes) as f64;
        intakes.map(|name| (Arc::from(name.as_str()), bytes(name))).collect()
    }

    /// The global steps of a stage.
    fn courses(&self, stage: &Stage) -> BTreeMap<Arc<str>, Course> {
        let plan = &self.prepared.plan;
        let global = stage.steps.iter().filter_map(|name| plan.step(name)).filter(|step| step.kind == Kind::Global);
        let global: Vec<&PlannedStep> = global.collect();
        if global.is_empty() {
            return BTreeMap::new();
        }
        let paces = paces::measured(&self.prepared.settings.cache_folder);
        let reads = !self.to_take_in(stage).is_empty();
        let course = |step: &&PlannedStep| {
            let mut course = Course::new(paces.get(&step.need_key(plan.batch())), Some(self.prepared.prior(step)));
            if reads {
                course.begin(Phase::Read, 0);
            }
            (Arc::from(step.name.as_str()), course)
        };
        global.iter().map(course).collect()
    }

    /// Puts the outputs in their places, all of them complete and durable: nothing before this has touched what was there.
    /// Notes say what was left there.
    fn commit(&self, notes: &mut Vec<String>) -> Result<BTreeMap<String, Committed>, RunError> {
        self.journal(&Record::Committing)?;
        self.end_sending();
        let mut finished = std::mem::take(&mut *self.finished());
        let mut committed = BTreeMap::new();
        for (name, file) in self.prepared.past.stages.values().flat_map(|ended| &ended.outputs) {
            let path = self.prepared.output(name).spec.path.clone();
            let staged = self.staged(name);
            let digest = file.number().unwrap_or_default();
            let there = staged.folder.kind(&staged.name);
            match there.map_err(|error| RunError::system("open", &staged.path(), &error))?.is_some() {
                true => drop(
                    finished
                        .insert(name.clone(), Finished { rows: file.rows, bytes: file.bytes, digest, path, staged }),
                ),
                false => {
                    let (place, _) = &self.prepared.checked.places[name];
                    let there = Committed { rows: file.rows, bytes: file.bytes, path, files: None };
                    drop(committed.insert(name.clone(), self.prepared.in_place(name, place, there)));
                }
            }
        }
        // All of them first: then little is left to do between the first that appears and the last.
        for (name, output) in &finished {
            let (_, replace) = self.prepared.checked.places[name];
            output.send(replace).map_err(|error| RunError::from(error).in_output(name))?;
        }
        // Last of all: a stream cannot be taken back.
        let is_stream = |name: &str| self.prepared.checked.places[name].0.is_stream();
        let (streams, files): (Vec<_>, Vec<_>) = finished.into_iter().partition(|(name, _)| is_stream(name));
        for (name, output) in files.into_iter().chain(streams) {
            let (place, replace) = &self.prepared.checked.places[&name];
            let stream = self.prepared.settings.standard_output.as_ref().filter(|_| place.is_stream());
            let put = match (stream, self.prepared.output(&name).is_parted()) {
                (Some(stream), _) => output.copy_to(stream, &self.stop_writing()),
                (None, false) => output.commit_unless(place, *replace, &self.stop_writing()),
                (None, true) => self.commit_parts(&name, output, notes),
            };
            let output = put.map_err(|error| {
                let error = RunError::from(error).in_output(&name);
                match committed.is_empty() {
                    true => error,
                    false => error.help(format!("these are in their places already: {}", names(&committed))),
                }
            })?;
            committed.insert(name, output);
        }
        Ok(committed)
    }
}

impl Live<'_> {
    /// Puts the files of an output in their places, and then their manifest.
    fn commit_parts(
        &self,
        name: &str,
        output: Finished,
        notes: &mut Vec<String>,
    ) -> Result<Committed, callboard_io::IoError> {
        self.commit_of(name, &self.upload_records(), &self.stop_writing(), |commit| {
            let put = commit.files().and_then(|placed| {
                notes.extend(placed.left.iter().map(|file| {
                    let file = file.display();
                    format!(
                        "output `{name}`: `{file}` was left there: it is not the file that the manifest before named"
                    )
                }));
                commit.manifest(output, placed)
            });
            if put.is_err() && !self.can_be_resumed() {
                // What the error says is what matters.
                let _ = commit.undo();
            }
            put
        })
    }
}

fn names(outputs: &BTreeMap<String, Committed>) -> String {
    outputs.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
