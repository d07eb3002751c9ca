//! Fills stages one after the other: as few as can be, none heavier than it may be.
//!
//! Stages are tried breadth first, from set of steps done to set of steps done. Among the sets that can be a stage, only those
//! count that no step can be added to: to have done more never makes what remains longer. Likewise a set of steps done that
//! another one contains is not followed. That is exact, and quick where a graph is narrow, as pipelines are; where it would
//! take too long, stages are filled in the file's order, each step that fits.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashSet};

use crate::effort::counted;

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

/// Stages being filled in the file's order.
struct Filling<'a> {
    packing: &'a Packing<'a>,
    /// Where each step stands in the order.
    place: Vec<usize>,
    readers: Vec<Vec<usize>>,
    group_of: Vec<Option<usize>>,
    /// How many reads of each step, and of each group from outside of it, are not done.
    waits: Vec<usize>,
    group_waits: Vec<usize>,
    ready_groups: BTreeSet<usize>,
    /// Steps in no group whose reads are done.
    ready: Vec<usize>,
    /// The first stage that each step may be in, as far as its reads are done.
    earliest: Vec<usize>,
    left: usize,
}

impl<'a> Filling<'a> {
    fn of(packing: &'a Packing<'a>) -> Self {
        let steps = packing.reads.len();
        let (mut place, mut readers, mut group_of) = (vec![0; steps], vec![Vec::new(); steps], vec![None; steps]);
        packing.order.iter().enumerate().for_each(|(nth, step)| place[*step] = nth);
        for (nth, group) in packing.groups.iter().enumerate() {
            group.iter().for_each(|step| group_of[*step] = Some(nth));
        }
        let (mut waits, mut group_waits) = (vec![0; steps], vec![0; packing.groups.len()]);
        for (step, reads) in packing.reads.iter().enumerate() {
            for read in reads {
                readers[*read].push(step);
                match group_of[step] {
                    Some(group) if group_of[*read] == Some(group) => {}
                    Some(group) => group_waits[group] += 1,
                    None => waits[step] += 1,
                }
            }
        }
        let ready =
            packing.order.iter().copied().filter(|step| group_of[*step].is_none() && waits[*step] == 0).collect();
        let ready_groups = (0..group_waits.len()).filter(|group| group_waits[*group] == 0).collect();
        let earliest = vec![1; steps];
        Filling { packing, place, readers, group_of, waits, group_waits, ready_groups, ready, earliest, left: steps }
    }

    /// A step is in this stage.
    fn done(&mut self, step: usize, stage: usize) {
        counted(1 + self.readers[step].len());
        self.left -= 1;
        for reader in std::mem::take(&mut self.readers[step]) {
            let apart = self.packing.global[step] || self.packing.global[reader];
            self.earliest[reader] = self.earliest[reader].max(stage + usize::from(apart));
            match self.group_of[reader] {
                Some(group) if self.group_of[step] == Some(group) => {}
                Some(group) => {
                    self.group_waits[group] -= 1;
                    if self.group_waits[group] == 0 {
                        self.ready_groups.insert(group);
                    }
                }
                None => {
                    self.waits[reader] -= 1;
                    if self.waits[reader] == 0 {
                        self.ready.push(reader);
                    }
                }
            }
        }
    }

    /// Every step, in order, that can be in this stage and is not too heavy.
    fn fill(&mut self, stage: usize, weights: &[u64], most: u64) -> Vec<usize> {
        let (mut steps, mut later, mut weight) = (Vec::new(), Vec::new(), 0_u64);
        let mut here = BinaryHeap::new();
        loop {
            for step in std::mem::take(&mut self.ready) {
                counted(1);
                match self.earliest[step] <= stage {
                    true => here.push(Reverse((self.place[step], step))),
                    false => later.push(step),
                }
            }
            let Some(Reverse((_, step))) = here.pop() else { break };
            let heavier = weight.saturating_add(weights[step]);
            if heavier > most {
                later.push(step);
                continue;
            }
            weight = heavier;
            steps.push(step);
            self.done(step, stage);
        }
        self.ready = later;
        steps
    }
}

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

    /// Stages filled in the file's order. Each step and edge is looked at once, and once more for each stage that a step waits for.
    pub(crate) fn in_order(&self, weights: &[u64], most: u64) -> Option<Vec<Packed>> {
        let mut filling = Filling::of(self);
        let mut stages: Vec<Packed> = Vec::new();
        while filling.left > 0 {
            let stage = stages.len() + 1;
            let group = filling.ready_groups.pop_first();
            let steps = match group {
                Some(nth) => {
                    let steps = self.groups[nth].clone();
                    steps.iter().for_each(|step| filling.done(*step, stage));
                    steps
                }
                None => filling.fill(stage, weights, most),
            };
            if steps.is_empty() {
                return None;
            }
            stages.push(Packed { steps, group });
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
