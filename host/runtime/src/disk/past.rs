//! What an earlier process left of a run: which of it is complete and intact, and so need not be done again.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use callboard_plan::Plan;

use super::journal::{self, Record, StageEnded};
use super::spill::{self, Sealed};
use crate::error::RunError;

/// What is complete of a run; nothing of one that begins.
#[derive(Debug, Default)]
pub(crate) struct Past {
    /// How many processes have worked on it.
    pub(crate) attempts: u32,
    /// Stages that need not run again.
    pub(crate) stages: BTreeMap<usize, StageEnded>,
    /// Inputs that were read before the stage that needs them, which did not end: rows, and where they are.
    pub(crate) intakes: HashMap<String, (u64, Sealed)>,
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

impl Past {
    /// Reads the journal of a run's folder.
    pub(crate) fn read(path: &Path) -> Result<Past, RunError> {
        let path = path.join("journal");
        let read = journal::read(&path).map_err(|error| RunError::system("read", &path, &error))?;
        let mut past = Past { length: read.length, ..Past::default() };
        for record in read.records {
            match record {
                Record::Begun { .. } => past.attempts += 1,
                Record::Intake { input, rows, spill } => drop(past.intakes.insert(input, (rows, spill))),
                Record::Stage { stage, ended } => drop(past.stages.insert(stage, *ended)),
                Record::Changed { stage } => past.forget(stage),
                Record::Committing => past.committing = true,
                Record::Ended { status, .. } => past.finished = status == crate::report::Status::Finished,
            }
        }
        if read.torn > 0 {
            past.note(format!(
                "`{}`: the last {} bytes are no whole record, and are left out",
                path.display(),
                read.torn
            ));
        }
        Ok(past)
    }

    /// Forgets what stages from this one on came to.
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
    /// a stage to come reads, outputs, rejected rows. Every byte of that is read here.
    pub(crate) fn settle(&mut self, plan: &Plan, folder: &Path, base: &Path) {
        let all = std::mem::take(&mut self.stages);
        for (stage, ended) in all.into_iter().rev() {
            let is_read = |node: &str, done: &BTreeMap<usize, StageEnded>| {
                let readers = plan.edges_out_of(node).filter_map(|edge| plan.stage_of_reader(&edge.to));
                readers.filter(|reader| *reader > stage).any(|reader| !done.contains_key(&reader))
            };
            let wanted = ended.spills.iter().filter(|(node, _)| is_read(node, &self.stages));
            let spills = wanted.map(|(node, sealed)| {
                let place = spill::folder(folder, node);
                match place.exists() {
                    true => spill::intact(&place, sealed).map_err(|error| error.to_string()),
                    // A stage that read them had ended, and is to run again.
                    false => Err(format!("the rows of `{node}` have been removed")),
                }
            });
            let outputs = ended.outputs.iter().map(|(name, file)| {
                let place = plan.output(name).map(|output| base.join(&output.path));
                match file.is(&staged(folder, name)) || (self.committing && place.is_some_and(|place| file.is(&place)))
                {
                    true => Ok(()),
                    false => Err(format!("output `{name}` is not what was written")),
                }
            });
            let rejects = ended.rejects.iter().map(|(step, file)| match file.is(&rejected(folder, step)) {
                true => Ok(()),
                false => Err(format!("`{}` is not what was written", rejected(folder, step).display())),
            });
            let broken = spills.chain(outputs).chain(rejects).find_map(Result::err);
            match broken {
                None => drop(self.stages.insert(stage, ended)),
                Some(why) => self.note(format!("{why}: stage {stage} runs again")),
            }
        }
        let intakes = std::mem::take(&mut self.intakes);
        for (input, (rows, sealed)) in intakes {
            let stage = plan.input(&input).map_or(0, |input| input.stage);
            if self.stages.contains_key(&stage) {
                continue;
            }
            match spill::intact(&spill::folder(folder, &input), &sealed) {
                Ok(_) => drop(self.intakes.insert(input, (rows, sealed))),
                Err(error) => self.note(format!("{error}: input `{input}` is read again")),
            }
        }
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
