//! A run is carried out stage by stage, and its outputs are put in their places at the very end.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use callboard_io::{Committed, Finished};
use callboard_plan::{Load, PlannedStep, Stage, door};

use super::Run;
use crate::boundary::Boundary;
use crate::confine::{ABSENT, confine_further};
use crate::disk::journal::{Record, StageEnded};
use crate::error::RunError;
use crate::events::Event;
use crate::kept::Kept;
use crate::meter::Residence;
use crate::needs;
use crate::report::Report;
use crate::stage::{self, LoadedStep, StageCost};
use crate::watch::Watch;

impl Run {
    /// Carries the plan out. The report says what happened, also when it ended badly: then no output was touched, unless
    /// putting a complete one in its place is what failed; the error names those that are there by then.
    pub fn execute(mut self) -> Report {
        let began = Instant::now();
        let residence = Residence::watch();
        let mut costs = Vec::new();
        let watch = Watch::begin(self.interrupt.clone(), self.stop.clone());
        let mut profile = None;
        let outcome = watch.and_then(|watch| Ok((watch, Kept::open(&self)?))).and_then(|(watch, kept)| {
            self.kept = Some(kept);
            if self.settings.confined {
                confine_further(&self)?;
            }
            let ran = self.stages(&mut costs);
            // Rows that were rejected before a failure are worth having.
            let steps = self.plan.steps().iter().map(|step| step.name.as_str());
            let gathered = self.rejects().gather(&self.folder.join("rejects.jsonl"), steps);
            // So is the profile, all the more of a step that takes too long.
            let profiled = self.profiles.as_ref().map_or(Ok(None), |profiles| profiles.write());
            profile = profiled.as_ref().ok().cloned().flatten();
            ran?;
            gathered.map_err(|error| RunError::unwritten("write rejected rows", &error))?;
            profiled?;
            crate::report::check_accounts(&self, &costs)?;
            let committed = self.commit();
            drop(watch);
            committed
        });
        let mut report = Report { profile, ..Report::of(&self, &costs, outcome, began, &residence) };
        if self.unconfined {
            report.notes.push(ABSENT.to_owned());
        }
        if let Err(error) = self.keep_needs(&costs) {
            report.notes.push(format!("what the steps needed could not be kept: {error}"));
        }
        match self.kept.take() {
            Some(kept) => kept.close(report),
            // Nothing was begun; what an earlier process did is as it was.
            None => Report { resumable: self.past.attempts > 0, ..report },
        }
    }

    /// Keeps for later plans what an instance of each step held in the stages that ended now, and what one was refused.
    pub(super) fn keep_needs(&self, costs: &[(Stage, StageCost)]) -> std::io::Result<()> {
        let ended = |step: &PlannedStep| {
            let is_its = |(stage, _): &(Stage, StageCost)| stage.index == step.stage;
            costs.iter().any(is_its) && !self.past.stages.contains_key(&step.stage)
        };
        let measured = self.plan.steps().iter().filter_map(|step| {
            let gauge = &self.memory.steps[&step.name];
            let held = Some(gauge.largest()).filter(|held| *held > 0 && ended(step));
            let bytes = held.max(gauge.refused())?;
            Some((step.need_key(self.plan.batch()), bytes))
        });
        let mut most: BTreeMap<String, u64> = BTreeMap::new();
        for (key, bytes) in measured {
            let known = most.entry(key).or_default();
            *known = bytes.max(*known);
        }
        needs::keep(&self.settings.cache_folder, &most)
    }

    fn stages(&self, costs: &mut Vec<(Stage, StageCost)>) -> Result<(), RunError> {
        let mut boundary = Boundary::left_over(self)?;
        let mut held: HashMap<usize, Vec<LoadedStep>> = HashMap::new();
        let to_do = || self.plan.stages().iter().filter(|stage| !self.past.stages.contains_key(&stage.index));
        let eager_load = Instant::now();
        if self.plan.load() == Load::Eager {
            for stage in to_do() {
                held.insert(stage.index, stage::load(self, &stage.steps).map_err(|error| error.in_stage(stage.index))?);
            }
        }
        let mut eager_load = Some(eager_load.elapsed());
        for stage in self.plan.stages() {
            if let Some(ended) = self.past.stages.get(&stage.index) {
                costs.push((stage.clone(), ended.cost.clone()));
                continue;
            }
            self.go_on().map_err(|error| error.in_stage(stage.index))?;
            let began = Instant::now();
            let cost = self.stage(stage, &mut boundary, held.get_mut(&stage.index), eager_load.take());
            costs.push((stage.clone(), cost.map_err(|error| error.in_stage(stage.index))?));
            self.budget.check_run(&self.plan, costs).map_err(|error| error.in_stage(stage.index))?;
            self.observer.tell(Event::Ended {
                stage: stage.index,
                took: began.elapsed(),
                linear_memory: self.memory.run.now(),
            });
        }
        // Where the last stage ended before, nobody has asked yet.
        self.budget.check_run(&self.plan, costs)
    }

    fn stage(
        &self,
        stage: &Stage,
        boundary: &mut Boundary,
        held: Option<&mut Vec<LoadedStep>>,
        eager_load: Option<Duration>,
    ) -> Result<StageCost, RunError> {
        let begun = self.rejects().begin(&stage.steps);
        begun.map_err(|error| RunError::unwritten("write rejected rows", &error))?;
        let mut cost = stage::run(self, stage, boundary, held)?;
        cost.load += eager_load.unwrap_or_default();
        let rejects = self.rejects().end(&stage.steps);
        let rejects = rejects.map_err(|error| RunError::unwritten("write rejected rows", &error))?;

        let is_here = |node: &str| {
            let inputs = stage.inputs.iter().chain(&stage.intakes);
            inputs.chain(&stage.steps).any(|name| name == door(node).0)
        };
        let spills = boundary.spills.iter().filter(|(node, _)| is_here(node));
        let spills = spills.map(|(node, spill)| (node.clone(), spill.sealed().clone())).collect();
        let finished = self.finished.lock().expect("no holder panics");
        let outputs = finished.iter().filter(|(name, _)| stage.outputs.contains(name));
        let outputs = outputs.map(|(name, output)| (name.clone(), output.into())).collect();
        drop(finished);
        let ended = StageEnded { cost: cost.clone(), spills, outputs, rejects };
        self.journal(&Record::Stage { stage: stage.index, ended: Box::new(ended) })?;
        let began = Instant::now();
        boundary.release(&self.plan, stage.index);
        cost.unload += began.elapsed();
        Ok(cost)
    }

    /// Puts the outputs in their places, all of them complete and durable: nothing before this has touched what was there.
    fn commit(&self) -> Result<BTreeMap<String, Committed>, RunError> {
        self.journal(&Record::Committing)?;
        let mut finished = std::mem::take(&mut *self.finished.lock().expect("no holder panics"));
        let mut committed = BTreeMap::new();
        for (name, file) in self.past.stages.values().flat_map(|ended| &ended.outputs) {
            let path = self.output(name).spec.path.clone();
            let staged = self.staged(name)?;
            let there = staged.folder.kind(&staged.name);
            match there.map_err(|error| RunError::system("open", &staged.path(), &error))?.is_some() {
                true => drop(
                    finished
                        .insert(name.clone(), Finished { rows: file.rows, bytes: file.bytes, digest: 0, path, staged }),
                ),
                false => drop(committed.insert(name.clone(), Committed { rows: file.rows, bytes: file.bytes, path })),
            }
        }
        for (name, output) in finished {
            let (place, replace) = &self.checked.places[&name];
            let output = output.commit(place, *replace).map_err(|error| {
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

fn names(outputs: &BTreeMap<String, Committed>) -> String {
    outputs.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
