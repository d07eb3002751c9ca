//! A stage, alive: intake, load, run, end.
//!
//! 1. *Intake*: an input that a global step of the stage needs whole is read into a spill, while nothing is loaded.
//! 2. *Load*: components are mapped, instances made and opened ([`load`]).
//! 3. *Run*: a thread for each node; batches flow through bounded channels ([`wire`]) until every node has ended, or one failed.
//! 4. *End*: instances are dropped, their memory and code given back. What the stage left is noted in the journal by the run.

mod asked;
mod asking;
pub(crate) mod boundary;
mod input;
pub(crate) mod kept;
pub(crate) mod live;
mod load;
mod narrow;
mod output;
mod process;
pub(crate) mod reject_limits;
mod retry;
mod steps;
mod together;
mod transform;
mod wire;

use std::collections::BTreeMap;
use std::io;
use std::thread::{Scope, ScopedJoinHandle};
use std::time::Instant;

use callboard_plan::{Feed, Kind, Reader, Stage};

pub(crate) use asked::Asked;
use live::Live;
pub(crate) use load::{LoadedStep, load};
pub(crate) use process::replayed;
pub(crate) use steps::page_of;
use wire::Wires;

use crate::error::{Class, LimitExceeded, RunError};
use crate::events::Event;
use crate::ports::{Left, Stop};
use crate::store::records::{Intake, Record};
use crate::store::records::{StageCost, StepCounts, Tally};
use boundary::BetweenStages;
use callboard_sandbox::{COUNTERS, caught, panicked, spawn_scoped};

/// How an input or a step ended well.
enum Ended {
    Input { name: String, rows: u64, unread: Tally, left: Left },
    Step { name: String, counts: Box<StepCounts>, left: Left },
}

/// Notes the result of a node, and keeps the rows that it spilled.
fn note(cost: &mut StageCost, ended: Ended, boundary: &mut BetweenStages) {
    let left = match ended {
        Ended::Input { name, rows, unread, left } => {
            cost.rows_read.insert(name.clone(), rows);
            if unread.rejected() > 0 {
                cost.unread.insert(name, unread);
            }
            left
        }
        Ended::Step { name, counts, left } => {
            cost.steps.insert(name, *counts);
            left
        }
    };
    cost.routed.extend(left.routed);
    boundary.spills.extend(left.spills);
}

/// Runs a stage. Its components are loaded now and gone at the end, unless they are `held`, loaded before and kept.
pub(crate) fn run(
    run: &Live<'_>,
    stage: &Stage,
    boundary: &mut BetweenStages,
    held: Option<&mut Vec<LoadedStep>>,
) -> Result<StageCost, RunError> {
    let mut cost = StageCost::default();
    run.quota.take_written();
    run.memory.begin(&run.prepared.plan, stage);

    if let Some(gathering) = &run.gathering {
        gathering.begin(run.prepared, stage, &run.memory.flight)?;
    }
    let began = Instant::now();
    for name in &stage.intakes {
        if let Some(taken) = run.prepared.has_taken_in(name) {
            cost.stats.extend(taken.stats.clone().map(|stats| (name.clone(), stats)));
            cost.rows_read.insert(name.clone(), taken.rows);
            cost.routed.extend(taken.routed.clone());
            if taken.unread.rejected() > 0 {
                run.reject_limits.check_input(&run.prepared.plan, taken.unread.rejected())?;
                cost.unread.insert(name.clone(), taken.unread.clone());
            }
            continue;
        }
        run.tell(Event::Intake { stage: stage.index, input: name.clone() });
        let unkept = |error: io::Error| RunError::unwritten("write rejected rows", &error);
        run.rejects().begin(std::slice::from_ref(name)).map_err(unkept)?;
        let outlet = wire::intake_outlet(run, name)?;
        let ended = settle(run, input::read(run, name, outlet).map(|ended| vec![ended])).pop();
        note(&mut cost, ended.ok_or_else(|| run.take_failure())?, boundary);
        let spills = boundary.spills.iter().filter(|(feed, _)| feed.node == *name && feed.door.is_none());
        let spills = spills.map(|(feed, spill)| (feed.clone(), spill.sealed().clone())).collect();
        let routed =
            cost.routed.iter().filter(|(feed, _)| feed.node == *name).map(|(feed, routed)| (feed.clone(), *routed));
        let rejects = run.rejects().end(std::slice::from_ref(name)).map_err(unkept)?.remove(name);
        let unread = cost.unread.get(name).cloned().unwrap_or_default();
        let stats = run.gathering.as_ref().and_then(|gathering| gathering.take_node(name));
        cost.stats.extend(stats.clone().map(|stats| (name.clone(), stats)));
        let taken = Intake { rows: cost.rows_read[name], spills, routed: routed.collect(), unread, rejects, stats };
        run.journal(&Record::Intake { input: name.clone(), taken })?;
    }
    cost.intake = began.elapsed();

    let began = Instant::now();
    let mut own = Vec::new();
    let loaded = match held {
        Some(held) => held,
        None => {
            own = load(run, &stage.steps)?;
            &mut own
        }
    };
    cost.load = began.elapsed();
    run.tell(Event::Loaded {
        stage: stage.index,
        stages: run.prepared.plan.stages().len(),
        steps: stage.steps.clone(),
        linear_memory: run.memory.run.now(),
    });

    let began = Instant::now();
    let wires = Wires::lay(run, stage, boundary)?;
    let ended = nodes(run, stage, wires, loaded)?;
    let deferred = run.prepared.calls.deferred();
    if deferred.batches > 0 {
        return Err(RunError::waiting(&deferred));
    }
    for ended in ended {
        note(&mut cost, ended, boundary);
    }
    for (reader, joined) in run.take_zipped() {
        match reader {
            Reader::Step(step) => cost.zipped_for_steps.insert(step, joined),
            Reader::Output(output) => cost.zipped_for_outputs.insert(output, joined),
        };
    }
    if let Some(gathering) = &run.gathering {
        let nodes = stage.inputs.iter().chain(&stage.steps);
        cost.stats.extend(nodes.filter_map(|name| Some((name.clone(), gathering.take_node(name)?))));
        let outputs = stage.outputs.iter();
        cost.output_stats.extend(outputs.filter_map(|name| Some((name.clone(), gathering.take_output(name)?))));
    }
    cost.run = began.elapsed();
    cost.peak = run.memory.stage.peak();
    cost.held = run.memory.held.peak();
    (cost.rows, cost.waits) = (run.memory.flight.peak(), run.memory.flight.waits());
    for (name, counts) in &mut cost.steps {
        counts.peak = run.memory.steps[name].peak();
    }

    let began = Instant::now();
    drop(own);
    cost.unload = began.elapsed();
    cost.spilled = run.quota.take_written();
    Ok(cost)
}

/// Starts a thread for each node, and waits for all of them.
fn nodes(run: &Live<'_>, stage: &Stage, mut wires: Wires, loaded: &mut [LoadedStep]) -> Result<Vec<Ended>, RunError> {
    std::thread::scope(|scope| {
        let mut threads: Vec<ScopedJoinHandle<'_, Vec<Ended>>> = Vec::new();
        for name in &stage.outputs {
            let inlet = wires.inlets.remove(&Reader::Output(name.clone())).expect("an output has a port").remove(0);
            start(scope, &mut threads, run, move || output::write(run, name, inlet).map(|()| Vec::new()));
        }
        for chain in transform::chains(run, loaded) {
            let mut inlets = wires.inlets.remove(&Reader::Step(chain[0].name.clone())).unwrap_or_default();
            let outlets: Vec<_> = chain.iter().map(|step| wires.outlets(run, &step.name)).collect();
            start(scope, &mut threads, run, move || {
                let name = chain[0].name.clone();
                let ended = match chain[0].kind {
                    Kind::Transform => {
                        transform::run(run, chain, inlets.pop().expect("a transform has one port"), outlets)
                    }
                    Kind::Global => steps::run_global(run, only(chain), inlets, only(outlets)).map(|ended| vec![ended]),
                    Kind::Source => steps::run_source(run, only(chain), only(outlets)).map(|ended| vec![ended]),
                };
                ended.map_err(|stop| in_step(stop, &name))
            });
        }
        for name in &stage.inputs {
            let outlet = wires.outlet(run, &Feed::node(name));
            start(scope, &mut threads, run, move || input::read(run, name, outlet).map(|ended| vec![ended]));
        }
        // Where a node could not be started, its neighbours would wait for ever for the ends that are left.
        drop(wires);
        let mut ended = Vec::new();
        for thread in threads {
            match thread.join() {
                Ok(node) => ended.extend(node),
                Err(panic) => run.fail(panicked(&*panic).into()),
            }
        }
        match run.has_failed() {
            true => Err(run.take_failure()),
            false => Ok(ended),
        }
    })
}

/// Starts the thread of a node. The first that cannot be started, or panics, stops all others.
fn start<'scope, 'env>(
    scope: &'scope Scope<'scope, 'env>,
    threads: &mut Vec<ScopedJoinHandle<'scope, Vec<Ended>>>,
    run: &'scope Live<'_>,
    node: impl FnOnce() -> Result<Vec<Ended>, Stop> + Send + 'scope,
) {
    let caught = move || caught(node).unwrap_or_else(|error| Err(error.into()));
    match spawn_scoped(scope, move || settle(run, caught())) {
        Ok(thread) => threads.push(thread),
        Err(error) => run.fail(error.into()),
    }
}

fn in_step(stop: Stop, name: &str) -> Stop {
    match stop {
        Stop::Failed(error) => Stop::Failed(error.in_step(name)),
        Stop::Elsewhere => Stop::Elsewhere,
    }
}

/// Adds what calls counted: no more counters than one call may have.
fn add_counters(sum: &mut BTreeMap<String, i64>, more: BTreeMap<String, i64>) -> Result<(), LimitExceeded> {
    for (name, amount) in more {
        if sum.len() >= COUNTERS && !sum.contains_key(&name) {
            let (limit, present) = (COUNTERS as u64, sum.len() as u64);
            return Err(LimitExceeded { what: "counters", limit, present, requested: 1, key: None });
        }
        let counter = sum.entry(name).or_default();
        *counter = counter.saturating_add(amount);
    }
    Ok(())
}

/// Tells the run of a node's failure, which stops all others.
fn settle(run: &Live<'_>, ended: Result<Vec<Ended>, Stop>) -> Vec<Ended> {
    match ended {
        Ok(ended) => return ended,
        Err(Stop::Failed(error)) if error.class == Class::Interrupted => run.interrupted(error),
        Err(Stop::Failed(error)) => run.fail(error),
        // The node that failed says so.
        Err(Stop::Elsewhere) => {}
    }
    Vec::new()
}

fn only<T>(chain: Vec<T>) -> T {
    chain.into_iter().next().expect("a node has a step")
}
