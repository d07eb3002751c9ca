//! Fills stages one after the other: as few as can be, none heavier than it may be.
//!
//! Stages are tried breadth first, from set of steps done to set of steps done. Among the sets that can be a stage, only those
//! count that no step can be added to: to have done more never makes what remains longer. Likewise a set of steps done that
//! another one contains is not followed. That is exact, and quick where a graph is narrow, as pipelines are; where it would
//! take too long, stages are filled in the file's order, each step that fits.

use std::collections::HashSet;

/// More sets than this are not tried.
const EFFORT: usize = 50_000;
/// Steps that a set can have.
const MOST_STEPS: usize = 128;
/// Weights are levelled to this, bytes: measurements differ by pages.
const GRAIN: u64 = 1 << 20;

/// What is to be put into stages.
#[derive(Debug)]
pub(crate) struct Packing<'a> {
    /// For each step, the steps that it reads.
    pub(crate) reads: &'a [Vec<usize>],
    /// For each step, whether no edge of it may lie within a stage.
    pub(crate) global: &'a [bool],
    /// Steps that are a stage together, with nothing else in it, whatever they weigh.
    pub(crate) groups: &'a [Vec<usize>],
    /// Steps, each behind what it reads.
    pub(crate) order: &'a [usize],
}

/// A stage: its steps, and the group that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packed {
    pub(crate) steps: Vec<usize>,
    pub(crate) group: Option<usize>,
}

/// Trying takes too long.
struct TooMany;

impl Packing<'_> {
    /// As few stages as can be, of which none but a group weighs more than `most`; `None` where there are none such.
    pub(crate) fn fewest(&self, weights: &[u64], most: u64) -> Option<Vec<Packed>> {
        match self.exactly(weights, most) {
            Ok(stages) => stages,
            Err(TooMany) => self.in_order(weights, most),
        }
    }

    /// Among the plans of fewest stages, the one whose heaviest stage is lightest, to the mebibyte.
    pub(crate) fn level(&self, weights: &[u64], stages: Vec<Packed>) -> Vec<Packed> {
        let count = stages.len();
        let (mut low, mut high, mut best) = (0, heaviest(&stages, weights) / GRAIN, stages);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.exactly(weights, middle.saturating_mul(GRAIN)) {
                Ok(Some(lighter)) if lighter.len() == count => {
                    high = (heaviest(&lighter, weights).div_ceil(GRAIN)).min(middle);
                    best = lighter;
                }
                Err(TooMany) => break,
                _ => low = middle + 1,
            }
        }
        best
    }

    fn group_of(&self, step: usize) -> Option<usize> {
        self.groups.iter().position(|group| group.contains(&step))
    }

    /// Stages filled in the file's order.
    pub(crate) fn in_order(&self, weights: &[u64], most: u64) -> Option<Vec<Packed>> {
        let grouped: Vec<Option<usize>> = (0..self.reads.len()).map(|step| self.group_of(step)).collect();
        let mut stage_of = vec![0; self.reads.len()];
        let mut stages: Vec<Packed> = Vec::new();
        while stage_of.contains(&0) {
            let stage = stages.len() + 1;
            let ready = (0..self.groups.len()).find(|nth| {
                let has_all =
                    |step: &usize| self.reads[*step].iter().all(|u| stage_of[*u] > 0 || grouped[*u] == Some(*nth));
                let group = &self.groups[*nth];
                group.iter().all(|step| stage_of[*step] == 0) && group.iter().all(has_all)
            });
            let mut steps = Vec::new();
            if let Some(nth) = ready {
                steps.clone_from(&self.groups[nth]);
                steps.iter().for_each(|step| stage_of[*step] = stage);
            } else {
                let mut weight = 0_u64;
                for step in self.order {
                    let follows = |u: &usize| match stage_of[*u] {
                        0 => false,
                        before if before == stage => !self.global[*u] && !self.global[*step],
                        _ => true,
                    };
                    let heavier = weight.saturating_add(weights[*step]);
                    let is_free = stage_of[*step] == 0 && grouped[*step].is_none();
                    if is_free && heavier <= most && self.reads[*step].iter().all(follows) {
                        stage_of[*step] = stage;
                        steps.push(*step);
                        weight = heavier;
                    }
                }
            }
            if steps.is_empty() {
                return None;
            }
            stages.push(Packed { steps, group: ready });
        }
        Some(stages)
    }

    fn exactly(&self, weights: &[u64], most: u64) -> Result<Option<Vec<Packed>>, TooMany> {
        if self.reads.len() > MOST_STEPS {
            return Err(TooMany);
        }
        let bit = |step: usize| 1_u128 << step;
        let set = |steps: &[usize]| steps.iter().fold(0, |set, step| set | bit(*step));
        let groups: Vec<u128> = self.groups.iter().map(|group| set(group)).collect();
        let all = (0..self.reads.len()).fold(0, |set, step| set | bit(step));
        let grouped = groups.iter().fold(0, |set, group| set | group);
        let reads: Vec<u128> = self.reads.iter().map(|reads| set(reads)).collect();
        let global = set(&(0..self.reads.len()).filter(|step| self.global[*step]).collect::<Vec<_>>());
        let mut sets = Sets { reads, global, grouped, order: self.order, weights, most, effort: EFFORT };

        // Each layer: sets of steps that are done, with the place in the layer before, and the stage between.
        let mut layers: Vec<Vec<(u128, usize, u128)>> = vec![vec![(0, 0, 0)]];
        loop {
            let layer = &layers[layers.len() - 1];
            if let Some(at) = layer.iter().position(|(done, ..)| *done == all) {
                return Ok(Some(self.trace(&layers, at, &groups)));
            }
            let (mut next, mut seen) = (Vec::new(), HashSet::new());
            for (from, (done, ..)) in layer.iter().enumerate() {
                let is_ready = |group: &&u128| {
                    let steps = (0..self.reads.len()).filter(|step| *group & bit(*step) != 0);
                    *group & done == 0 && steps.fold(0, |all, step| all | sets.reads[step]) & !(done | *group) == 0
                };
                // To run a group as soon as it can be run never costs a stage.
                let stages = match groups.iter().find(is_ready) {
                    Some(group) => vec![*group],
                    None => sets.behind(*done)?,
                };
                for stage in stages {
                    if seen.insert(done | stage) {
                        next.push((done | stage, from, stage));
                    }
                }
            }
            if next.is_empty() {
                return Ok(None);
            }
            let dones: Vec<u128> = next.iter().map(|(done, ..)| *done).collect();
            sets.spend(dones.len() * dones.len() / 64)?;
            next.retain(|(done, ..)| !dones.iter().any(|other| other != done && other & done == *done));
            layers.push(next);
        }
    }

    fn trace(&self, layers: &[Vec<(u128, usize, u128)>], at: usize, groups: &[u128]) -> Vec<Packed> {
        let (mut stages, mut at) = (Vec::new(), at);
        for layer in layers[1..].iter().rev() {
            let (_, before, stage) = layer[at];
            let steps = self.order.iter().copied().filter(|step| stage >> step & 1 == 1).collect();
            stages.push(Packed { steps, group: groups.iter().position(|group| *group == stage) });
            at = before;
        }
        stages.reverse();
        stages
    }
}

/// The weight of the heaviest stage that is no group.
pub(crate) fn heaviest(stages: &[Packed], weights: &[u64]) -> u64 {
    let weight = |stage: &Packed| stage.steps.iter().map(|step| weights[*step]).fold(0, u64::saturating_add);
    stages.iter().filter(|stage| stage.group.is_none()).map(weight).max().unwrap_or(0)
}

/// What the sets are made from.
struct Sets<'a> {
    reads: Vec<u128>,
    global: u128,
    grouped: u128,
    order: &'a [usize],
    weights: &'a [u64],
    most: u64,
    effort: usize,
}

impl Sets<'_> {
    fn spend(&mut self, effort: usize) -> Result<(), TooMany> {
        self.effort = self.effort.checked_sub(effort).ok_or(TooMany)?;
        Ok(())
    }

    /// The stages that can follow when `done` is done, and to which no step can be added.
    fn behind(&mut self, done: u128) -> Result<Vec<u128>, TooMany> {
        let mut found = Vec::new();
        self.choose(0, done, 0, 0, &mut found)?;
        Ok(found)
    }

    /// Whether a step can be in a stage that has these.
    fn follows(&self, step: usize, done: u128, stage: u128) -> bool {
        let bit = 1 << step;
        let beside = self.reads[step] & !done;
        let parts = beside & self.global != 0 || (beside != 0 && self.global & bit != 0);
        (done | stage | self.grouped) & bit == 0 && beside & !stage == 0 && !parts
    }

    /// With each of the steps from the place `at` in the order, and without it.
    fn choose(
        &mut self,
        at: usize,
        done: u128,
        stage: u128,
        weight: u64,
        found: &mut Vec<u128>,
    ) -> Result<(), TooMany> {
        self.spend(1)?;
        // Where all that follow have room, each of them is in.
        let (mut whole, mut heavier) = (stage, weight);
        for step in &self.order[at..] {
            if self.follows(*step, done, whole) {
                whole |= 1 << step;
                heavier = heavier.saturating_add(self.weights[*step]);
            }
        }
        if heavier <= self.most {
            let more = |step: &&usize| {
                self.follows(**step, done, whole) && heavier.saturating_add(self.weights[**step]) <= self.most
            };
            if whole != 0 && !self.order[..at].iter().any(|step| more(&step)) {
                found.push(whole);
            }
            return Ok(());
        }
        let next = (at..self.order.len()).find(|at| self.follows(self.order[*at], done, stage));
        let Some(next) = next else { return Ok(()) };
        let step = self.order[next];
        let with = weight.saturating_add(self.weights[step]);
        if with <= self.most {
            self.choose(next + 1, done, stage | 1 << step, with, found)?;
        }
        self.choose(next + 1, done, stage, weight, found)
    }
}
