//! A pipeline whose runs are killed, at moments that can be seen in the run's folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::trial::{Trial, killed_when, was_killed};

/// When a process is killed.
#[derive(Clone, Debug)]
pub(crate) enum Moment {
    /// The logs of a step's work have so many bytes.
    Work(String, u64),
    /// So many stages have ended.
    Stages(usize),
    /// The rows between stages that a node puts out are begun.
    Spill(String),
    /// An output is begun, still in the run's folder.
    Staged(String),
    /// Outputs are being put in their places.
    Committing,
    /// A file is in its place.
    InPlace(String),
}

impl Moment {
    fn is_now(&self, trial: &Trial) -> bool {
        match self {
            Moment::Work(step, bytes) => trial.work(step) >= *bytes,
            Moment::Stages(ended) => trial.count("stage") >= *ended,
            Moment::Spill(node) => trial.path("run/spill").join(node).join("00000.segment").exists(),
            Moment::Staged(output) => trial.path("run/outputs").join(output).exists(),
            Moment::Committing => trial.count("committing") > 0,
            Moment::InPlace(file) => trial.path("out").join(file).exists(),
        }
    }
}

/// Where a run was when it was killed, by its journal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Hit {
    Stage(usize),
    Committing,
    /// It had finished, but for the end of its process.
    Finished,
}

impl Hit {
    fn of(trial: &Trial) -> Hit {
        let finished = trial.records().iter().any(|record| record["status"] == "finished");
        match (finished, trial.count("committing") > 0) {
            (true, _) => Hit::Finished,
            (false, true) => Hit::Committing,
            (false, false) => Hit::Stage(trial.count("stage") + 1),
        }
    }
}

/// A pipeline, what it comes to when nobody touches it, and the kills that it has been through.
pub(crate) struct Target {
    root: PathBuf,
    pipeline: String,
    plan: Value,
    pub(crate) results: BTreeMap<String, Vec<u8>>,
    /// The size of the logs of each step's work.
    pub(crate) work: BTreeMap<String, u64>,
    pub(crate) trials: usize,
    pub(crate) hits: Vec<Hit>,
    pub(crate) reused: u64,
    /// Gone with the target.
    _scratch: tempfile::TempDir,
}

impl Target {
    /// Runs the pipeline once; `data` is the folder of its inputs.
    pub(crate) fn new(pipeline: &str, data: &Path) -> Target {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().to_owned();
        let untouched = Trial::new(root.join("untouched"), pipeline, data);
        untouched.finish();
        let plan: Value = serde_json::from_slice(&fs::read(untouched.path("run/plan.json")).unwrap()).unwrap();
        let steps = names(&plan["steps"]);
        Target {
            work: steps.into_iter().map(|step| (step.clone(), untouched.work(&step))).collect(),
            results: untouched.results(),
            root,
            pipeline: pipeline.to_owned(),
            plan,
            trials: 0,
            hits: Vec::new(),
            reused: 0,
            _scratch: scratch,
        }
    }

    fn stages(&self) -> usize {
        self.plan["stages"].as_array().unwrap().len()
    }

    /// A run that is killed at each of these moments in turn, then left alone. Moments that it does not live to see are passed over.
    pub(crate) fn trial(&mut self, moments: &[Moment]) {
        self.trials += 1;
        let data = self.root.join("untouched/data").canonicalize().unwrap();
        let trial = Trial::new(self.root.join(self.trials.to_string()), &self.pipeline, &data);
        let mut kills = 0;
        for moment in moments {
            let status = killed_when(trial.go_on().spawn().unwrap(), || moment.is_now(&trial));
            if !was_killed(status) {
                assert!(status.success(), "{moments:?}: {}", trial.said());
                break;
            }
            kills += 1;
            let hit = Hit::of(&trial);
            // Outputs appear whole, and not before all of them are.
            let outputs = trial.outputs();
            assert!(outputs.is_empty() || matches!(hit, Hit::Committing | Hit::Finished), "{moments:?}: {hit:?}");
            let all_whole = outputs.iter().all(|(name, bytes)| self.results.get(name) == Some(bytes));
            assert!(all_whole, "{moments:?}: an output is in its place, and is not what it should be");
            self.hits.push(hit);
        }
        trial.finish();
        let (found, expected) = (trial.results(), &self.results);
        assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{moments:?}");
        for (name, bytes) in &found {
            assert!(bytes == &expected[name], "{moments:?}: `{name}` is not what it is when nobody kills the run");
        }
        self.check_report(&trial.report(), kills, &format!("{moments:?}"));
        fs::remove_dir_all(&trial.folder).unwrap();
    }

    /// What was in flight is done twice, and no more.
    fn check_report(&mut self, report: &Value, kills: u64, moments: &str) {
        assert_eq!(report["status"], "finished", "{moments}");
        let rows_of_batch = self.plan["batch"]["rows"].as_u64().unwrap();
        for step in report["stages"].as_array().unwrap().iter().flat_map(|stage| stage["steps"].as_array().unwrap()) {
            let number = |key: &str| step[key].as_u64().unwrap();
            assert_eq!(step["adds_up"], true, "{moments}: {step}");
            let in_flight = match step["kind"].as_str().unwrap() {
                // One piece of work.
                "global" => number("rows_in"),
                _ => number("instances") * rows_of_batch,
            };
            assert!(number("rows_again") <= kills * in_flight, "{moments}: more than was in flight: {step}");
            self.reused += number("rows_reused");
        }
    }

    /// Moments of every kind, in the order in which they come.
    fn moments(&self) -> Vec<Moment> {
        let mut moments = Vec::new();
        let edges = self.plan["edges"].as_array().unwrap();
        for (at, stage) in self.plan["stages"].as_array().unwrap().iter().enumerate() {
            let steps: Vec<String> = stage["steps"].as_array().unwrap().iter().map(text).collect();
            let spilled = |node: &str| edges.iter().any(|edge| edge["from"] == *node && edge["transport"] == "spill");
            let work = |step: &String, percent| Moment::Work(step.clone(), self.work[step] * percent / 100);
            moments.extend(steps.iter().map(|step| Moment::Work(step.clone(), 1)));
            moments.extend(stage["outputs"].as_array().unwrap().iter().map(text).map(Moment::Staged));
            moments.extend(steps.iter().filter(|step| spilled(step)).cloned().map(Moment::Spill));
            moments.extend(steps.iter().map(|step| work(step, 50)));
            // The stage's end itself: all of its work is done, and the journal does not say so yet, or has just said so.
            moments.extend(steps.iter().map(|step| work(step, 100)));
            moments.push(Moment::Stages(at + 1));
        }
        moments.push(Moment::Committing);
        moments.extend(self.results.keys().filter(|name| *name != "rejects.jsonl").cloned().map(Moment::InPlace));
        moments
    }

    /// Moments that nobody chose, so many in the order in which they come: a step of some stage has done some of its work.
    pub(crate) fn seeded(&self, numbers: &mut impl Iterator<Item = u64>, count: usize) -> Vec<Moment> {
        let mut next = |below: usize| (numbers.next().unwrap() % below as u64) as usize;
        let stages = self.plan["stages"].as_array().unwrap();
        let mut places: Vec<(usize, u64, String)> = (0..count)
            .map(|_| {
                let stage = next(stages.len());
                let steps = stages[stage]["steps"].as_array().unwrap();
                let step = text(&steps[next(steps.len())]);
                let percent = 1 + next(100) as u64;
                (stage, percent, step)
            })
            .collect();
        places.sort();
        let moment = |(_, percent, step): (usize, u64, String)| {
            let bytes = (self.work[&step] * percent / 100).max(1);
            Moment::Work(step, bytes)
        };
        places.into_iter().map(moment).collect()
    }

    /// Kills at moments of every kind, and at seeded ones, some runs several times; then makes sure that nothing was left out.
    pub(crate) fn stand_it(&mut self, seed: u64) {
        let moments = self.moments();
        let chains = moments.len().div_ceil(3);
        for first in 0..chains {
            self.trial(&moments.iter().skip(first).step_by(chains).cloned().collect::<Vec<_>>());
        }
        let mut numbers = random(seed);
        for _ in 0..4 {
            let three = self.seeded(&mut numbers, 3);
            self.trial(&three);
        }
        // A process may be through with something before it is seen to have begun: once more, then.
        let stages = self.plan["stages"].as_array().unwrap().iter().enumerate();
        let aims = stages.map(|(at, stage)| {
            let step = text(&stage["steps"][0]);
            (Hit::Stage(at + 1), Moment::Work(step.clone(), self.work[&step] / 2))
        });
        let aims: Vec<(Hit, Moment)> = aims.chain([(Hit::Committing, Moment::Committing)]).collect();
        for (wanted, moment) in aims {
            for _ in 0..50 {
                if self.hits.contains(&wanted) {
                    break;
                }
                self.trial(std::slice::from_ref(&moment));
            }
        }
        let hits: BTreeSet<Hit> = self.hits.iter().cloned().collect();
        let all = (1..=self.stages()).map(Hit::Stage).chain([Hit::Committing]);
        assert!(
            all.clone().all(|hit| hits.contains(&hit)),
            "no kill at some of {:?}: {hits:?}",
            all.collect::<Vec<_>>()
        );
        let kills = self.hits.len();
        assert!(kills >= 20, "only {kills} runs were killed before they ended");
        assert!(self.reused > 0, "nothing was taken over by who resumed");
    }
}

fn names(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|node| text(&node["name"])).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// Numbers that look like chance, and are the same every time (splitmix64).
pub(crate) fn random(mut seed: u64) -> impl Iterator<Item = u64> {
    std::iter::from_fn(move || {
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Some(mixed ^ (mixed >> 31))
    })
}
