//! What an earlier process left of a run: which of it is complete and intact, and so need not be done again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use callboard_io::beneath::Dir;
use callboard_plan::{Feed, Plan, Reader, Transport};

use super::fits::fits;
use super::journal;
use super::records::{Base, Sealed};
use super::records::{Digested, Status};
use super::records::{Intake, Record, StageEnded};
use super::spill;
use crate::error::{Class, RunError};

/// What is complete of a run; nothing of one that begins.
#[derive(Debug, Default)]
pub(crate) struct Past {
    /// How many processes have worked on it.
    pub(crate) attempts: u32,
    /// Stages that need not run again.
    pub(crate) stages: BTreeMap<usize, StageEnded>,
    /// Inputs that were read before the stage that needs them, which did not end: rows, and where they are.
    pub(crate) intakes: HashMap<String, Intake>,
    /// Whether outputs were being put in their places.
    pub(crate) committing: bool,
    /// The first stage of a step that is another component now.
    pub(crate) changed: Option<usize>,
    /// Whether it finished.
    pub(crate) finished: bool,
    /// What is good of the journal, bytes.
    pub(crate) length: u64,
    /// What was found damaged.
    pub(crate) notes: Vec<String>,
}

/// What is known of outputs that may be in their places.
pub(crate) struct InPlace<'a> {
    /// Whether an output is there.
    pub(crate) is_in_place: &'a dyn Fn(&str, &Digested) -> bool,
    /// A file of an output of several that is neither staged nor in its place.
    pub(crate) missing: &'a dyn Fn(&str) -> Option<String>,
}

impl Past {
    /// Reads the journal of the folder of a run of this plan.
    pub(crate) fn read(folder: &Dir, plan: &Plan) -> Result<Past, RunError> {
        let path = folder.path().join("journal");
        let read = journal::read(folder).map_err(|error| RunError::system("read", &path, &error))?;
        let mut past = Past { length: read.length, ..Past::default() };
        for (nth, record) in read.records.into_iter().enumerate() {
            fits(&record, plan).map_err(|what| {
                let message = format!("`{}` is damaged: record {} {what}", path.display(), nth + 1);
                RunError::new(Class::System, message).help("run the pipeline again")
            })?;
            match record {
                Record::Begun { .. } => past.attempts += 1,
                Record::Intake { input, taken } => drop(past.intakes.insert(input, taken)),
                Record::Stage { stage, ended } => drop(past.stages.insert(stage, *ended)),
                Record::Changed { stage } => past.forget(stage),
                Record::Committing => past.committing = true,
                Record::Ended { status, .. } => past.finished = status == Status::Finished,
            }
        }
        if read.torn > 0 {
            past.note(format!(
                "`{}`: the last {} bytes are not a complete record, and are ignored",
                path.display(),
                read.torn
            ));
        }
        Ok(past)
    }

    /// Forgets the results of this stage and later ones.
    fn forget(&mut self, stage: usize) {
        self.stages.retain(|ended, _| *ended < stage);
        self.committing = false;
    }

    /// A step of this stage is another component now.
    pub(crate) fn change(&mut self, stage: usize) {
        self.forget(stage);
        self.changed = Some(self.changed.map_or(stage, |before| before.min(stage)));
    }

    fn note(&mut self, what: String) {
        self.notes.push(what);
    }

    /// Forgets what is not whole any more. A stage counts when everything that is still wanted of it is intact: rows that
    /// a stage to come reads, or that such rows lie in, outputs, rejected rows. Every byte of that is read here. Outputs may be where they
    /// belong, if they were being put there: `places` knows.
    pub(crate) fn settle(&mut self, plan: &Plan, folder: &Path, places: &InPlace<'_>) {
        let mut looked_at = HashMap::new();
        // The last one first: of what is to run again, more is wanted of those before it, and less counts behind it.
        while let Some((stage, why)) = self
            .stages
            .keys()
            .rev()
            .find_map(|stage| Some((*stage, self.broken(plan, folder, places, *stage, &mut looked_at)?)))
        {
            self.stages.remove(&stage);
            self.note(format!("{why}: stage {stage} runs again"));
        }
        let intakes = std::mem::take(&mut self.intakes);
        for (input, taken) in intakes {
            let stage = plan.input(&input).map_or(0, |input| input.stage);
            if self.stages.contains_key(&stage) {
                continue;
            }
            let mut spills = taken.spills.iter();
            match spills.try_for_each(|(feed, sealed)| spill::intact(&spill::folder(folder, feed), sealed)) {
                Ok(()) if taken.rejects.as_ref().is_some_and(|file| !file.is(&rejected(folder, &input))) => {
                    self.note(format!(
                        "`{}` is not what was written: input `{input}` is read again",
                        rejected(folder, &input).display()
                    ));
                }
                Ok(()) => drop(self.intakes.insert(input, taken)),
                Err(error) => self.note(format!("{error}: input `{input}` is read again")),
            }
        }
    }

    /// What is not whole of a stage that ended, if anything is not.
    fn broken(
        &self,
        plan: &Plan,
        folder: &Path,
        places: &InPlace<'_>,
        stage: usize,
        looked_at: &mut HashMap<PathBuf, Result<(), String>>,
    ) -> Option<String> {
        let mut once = |place: PathBuf, look: &dyn Fn(&Path) -> Result<(), String>| {
            looked_at.entry(place).or_insert_with_key(|place| look(place)).clone().err()
        };
        let ended = &self.stages[&stage];
        let wanted = self.wanted(plan);
        if let Some(node) = self.missing(plan, stage) {
            return Some(format!("the rows of `{node}` are not there"));
        }
        for (node, sealed) in ended.spills.iter().filter(|(feed, _)| wanted.contains(*feed)) {
            let whole = once(spill::folder(folder, node), &|place| match place.exists() {
                true => spill::intact(place, sealed).map_err(|error| error.to_string()),
                // A stage that read them had ended, and is to run again.
                false => Err(format!("the rows of `{node}` have been removed")),
            });
            let lost = || {
                let is_there = |base: &&Base| self.sealed(&base.feed).is_some_and(|now| now.checksum == base.checksum);
                let lost = sealed.bases.iter().find(|base| !is_there(base))?;
                Some(format!("the rows of `{node}` refer to those of `{}`, which are recreated", lost.feed))
            };
            if let Some(why) = whole.or_else(lost) {
                return Some(why);
            }
        }
        for (name, file) in &ended.outputs {
            let is_whole = |staged: &Path| file.is(staged) || (self.committing && (places.is_in_place)(name, file));
            let why = once(staged(folder, name), &|staged| match (is_whole(staged), (places.missing)(name)) {
                (true, None) => Ok(()),
                (true, Some(file)) => Err(format!("`{file}` of output `{name}` is not what was written")),
                (false, _) => Err(format!("output `{name}` is not what was written")),
            });
            if why.is_some() {
                return why;
            }
        }
        let is_here = |input: &str| plan.input(input).is_some_and(|input| input.stage == stage);
        let intakes = self.intakes.iter().filter(|(input, _)| is_here(input));
        let intakes = intakes.filter_map(|(input, taken)| Some((input, taken.rejects.as_ref()?)));
        ended.rejects.iter().chain(intakes).find_map(|(step, file)| {
            once(rejected(folder, step), &|place| match file.is(place) {
                true => Ok(()),
                false => Err(format!("`{}` is not what was written", place.display())),
            })
        })
    }

    /// Rows of a stage that ended, which a stage to come reads and of which nothing was written down.
    fn missing<'a>(&self, plan: &'a Plan, stage: usize) -> Option<&'a Feed> {
        let planned = plan.stages().iter().find(|planned| planned.index == stage)?;
        let is_here = |node: &String| planned.steps.contains(node) || planned.inputs.contains(node);
        let is_to_come =
            |reader: &Reader| plan.stage_of_reader(reader).is_some_and(|reader| !self.stages.contains_key(&reader));
        let taken_in = |feed: &Feed| {
            feed.door.is_none() && self.intakes.get(&feed.node).is_some_and(|taken| taken.spills.contains_key(feed))
        };
        let is_there = |feed: &Feed| self.sealed(feed).is_some() || taken_in(feed);
        let edges = plan.edges().iter().filter(|edge| edge.transport == Transport::Spill && is_here(&edge.from.node));
        edges.filter(|edge| is_to_come(&edge.to)).map(|edge| &edge.from).find(|feed| !is_there(feed))
    }

    /// The rows between stages that a stage to come reads, and those that they refer to.
    fn wanted(&self, plan: &Plan) -> BTreeSet<Feed> {
        let is_read = |feed: &Feed| {
            let mut readers = plan.edges_out_of(feed).filter_map(|edge| plan.stage_of_reader(&edge.to));
            readers.any(|reader| !self.stages.contains_key(&reader))
        };
        let ended = self.stages.values().flat_map(|ended| ended.spills.keys());
        spill::with_bases(ended.filter(|feed| is_read(feed)).cloned(), |feed| self.sealed(feed))
    }

    /// What a spill of a stage that counts must hold.
    fn sealed(&self, feed: &Feed) -> Option<&Sealed> {
        self.stages.values().find_map(|ended| ended.spills.get(feed))
    }

    /// Whether an input has been read for good.
    pub(crate) fn has_read(&self, plan: &Plan, input: &str) -> bool {
        self.intakes.contains_key(input)
            || plan.input(input).is_some_and(|input| self.stages.contains_key(&input.stage))
    }
}

/// Where an output lies until all are complete.
pub(crate) fn staged(folder: &Path, output: &str) -> PathBuf {
    folder.join("outputs").join(output)
}

/// Where the rows lie that a step rejected, until the run ends.
pub(crate) fn rejected(folder: &Path, step: &str) -> PathBuf {
    folder.join("rejects").join(format!("{step}.jsonl"))
}
