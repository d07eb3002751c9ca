//! A plan in the making: the step graph, and what the rules have decided of it so far.

use petgraph::Direction::Incoming;
use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::choices::{Load, Transport};
use crate::door::{Door, Feed};
use crate::effort::counted;
use crate::forks::{DraftZip, zips};
use crate::memory::{larger, weight};
use crate::need::Need;
use crate::pipeline::{BatchSize, Pipeline};
use crate::problem::{At, Findings};
use crate::route::Route;
use crate::routes::routes;
use crate::scan::Kind;
use crate::terms::Terms;

/// An end of an edge: an index into the pipeline's inputs, steps or outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum End {
    Input(usize),
    Step(usize),
    Output(usize),
}

/// An edge, and where the pipeline says so.
#[derive(Clone, Debug)]
pub(crate) struct DraftEdge {
    pub(crate) from: End,
    /// Which door of the step at `from`, where it is not the rows that it puts out.
    pub(crate) door: Option<Door>,
    /// Which of the pipeline's routes leads along it, from 1.
    pub(crate) branch: Option<u32>,
    pub(crate) to: End,
    pub(crate) port: Option<String>,
    pub(crate) position: usize,
    pub(crate) at: At,
    pub(crate) transport: Transport,
}

/// Steps that are loaded together, apart from the rest.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) steps: Vec<usize>,
    pub(crate) at: At,
}

/// Stages are counted from 1; 0 is "not decided yet".
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    pub(crate) pipeline: &'a Pipeline,
    pub(crate) load: Load,
    pub(crate) kinds: Vec<Kind>,
    /// What one instance of each step needs.
    pub(crate) needs: Vec<Need>,
    /// The most that a stage may take, in bytes.
    pub(crate) budget: Option<u64>,
    /// Instances that each step would have if memory were no matter.
    pub(crate) wanted: Vec<u32>,
    /// Instances that it has.
    pub(crate) replicas: Vec<u32>,
    /// Further instances of steps that wait for servers.
    pub(crate) spare: Vec<u32>,
    pub(crate) edges: Vec<DraftEdge>,
    /// How many edges lead to or from each step.
    pub(crate) touching: Vec<usize>,
    /// Which rows each edge takes, if not all.
    pub(crate) routes: Vec<Option<Route>>,
    /// Ports whose feeds are zipped, each behind those that its branches go through.
    pub(crate) zips: Vec<DraftZip>,
    /// Steps such that each comes after what it reads; where that leaves a choice, in the file's order.
    pub(crate) order: Vec<usize>,
    pub(crate) groups: Vec<Group>,
    /// Each step is a group, because all of them are to be loaded one at a time.
    pub(crate) one_step: bool,
    /// For each stage, the group that it is.
    pub(crate) group_of_stage: Vec<Option<usize>>,
    pub(crate) step_stage: Vec<usize>,
    pub(crate) input_stage: Vec<usize>,
    pub(crate) output_stage: Vec<usize>,
    /// For each input, whether it is read before its stage's components are loaded.
    pub(crate) intake: Vec<bool>,
}

impl<'a> Draft<'a> {
    /// The graph of a pipeline; `None`, and a finding, where it has a cycle.
    pub(crate) fn new(
        pipeline: &'a Pipeline,
        terms: &Terms,
        kinds: Vec<Kind>,
        several: &[bool],
        needs: Vec<Need>,
        edges: Vec<DraftEdge>,
        findings: &mut Findings,
    ) -> Option<Self> {
        let routes = routes(pipeline, &edges, findings);
        let order = order(pipeline, &edges, findings)?;
        let zips = zips(pipeline, &edges, &order, findings);
        Some(Self {
            order,
            load: terms.load,
            needs,
            budget: terms.budget.or(pipeline.run.budget.as_ref().map(|budget| budget.value)),
            wanted: wanted(pipeline, terms, several),
            replicas: vec![1; pipeline.steps.len()],
            spare: vec![0; pipeline.steps.len()],
            kinds,
            touching: touching(pipeline.steps.len(), &edges),
            edges,
            routes,
            zips,
            groups: Vec::new(),
            one_step: false,
            group_of_stage: Vec::new(),
            step_stage: vec![0; pipeline.steps.len()],
            input_stage: vec![0; pipeline.inputs.len()],
            output_stage: vec![0; pipeline.outputs.len()],
            intake: vec![false; pipeline.inputs.len()],
            pipeline,
        })
    }

    pub(crate) fn name(&self, end: End) -> &'a str {
        match end {
            End::Input(i) => &self.pipeline.inputs[i].name,
            End::Step(i) => &self.pipeline.steps[i].name,
            End::Output(i) => &self.pipeline.outputs[i].name,
        }
    }

    pub(crate) fn step_name(&self, step: usize) -> &'a str {
        self.name(End::Step(step))
    }

    /// What an edge is from.
    pub(crate) fn feed(&self, edge: &DraftEdge) -> Feed {
        Feed { door: edge.door, branch: edge.branch, ..Feed::node(self.name(edge.from)) }
    }

    /// The first edge from one step to another, as a person reads it: `quality.dropped → label`.
    pub(crate) fn hop_name(&self, from: usize, to: usize) -> String {
        let from = hop_from(self.pipeline, &self.edges, from, to);
        format!("{from} → {}", self.step_name(to))
    }

    pub(crate) fn stage(&self, end: End) -> usize {
        match end {
            End::Input(i) => self.input_stage[i],
            End::Step(i) => self.step_stage[i],
            End::Output(i) => self.output_stage[i],
        }
    }

    /// Instances that a step has in any case: the number in the file, or one.
    pub(crate) fn asked(&self, step: usize) -> u32 {
        self.pipeline.steps[step].replicas.as_ref().map_or(1, |replicas| replicas.value.min(self.wanted[step]))
    }

    /// What a step takes with this many instances, rows included, in bytes.
    pub(crate) fn weight(&self, step: usize, instances: u32) -> u64 {
        weight(
            self.needs[step].bytes,
            instances,
            self.touching[step],
            larger(self.batch(step), self.pipeline.run.batch),
        )
    }

    /// What one call of a step is given at most.
    pub(crate) fn batch(&self, step: usize) -> BatchSize {
        let run = self.pipeline.run.batch;
        let own = self.pipeline.steps[step].batch.as_ref().filter(|_| self.kinds[step] == Kind::Transform);
        own.map_or(run, |batch| batch.value.within(run))
    }

    pub(crate) fn is_global(&self, step: usize) -> bool {
        self.kinds[step] == Kind::Global
    }

    pub(crate) fn is_global_end(&self, end: End) -> bool {
        matches!(end, End::Step(step) if self.is_global(step))
    }

    /// Edges between steps.
    pub(crate) fn step_edges(&self) -> impl Iterator<Item = (usize, usize)> {
        counted(self.edges.len());
        step_edges(&self.edges)
    }

    /// The steps of each stage, in order; of all stages together if all are loaded at once.
    pub(crate) fn loaded_together(&self) -> Vec<Vec<usize>> {
        if self.load == Load::Eager {
            return vec![self.order.clone()];
        }
        self.steps_of_stages()
    }

    /// The steps of each stage, in order.
    pub(crate) fn steps_of_stages(&self) -> Vec<Vec<usize>> {
        counted(self.order.len());
        let mut stages = vec![Vec::new(); self.group_of_stage.len()];
        for step in &self.order {
            if let Some(stage) = self.step_stage[*step].checked_sub(1).and_then(|stage| stages.get_mut(stage)) {
                stage.push(*step);
            }
        }
        stages
    }

    /// For each step, the steps that it reads.
    pub(crate) fn read_by_step(&self) -> Vec<Vec<usize>> {
        let mut read = vec![Vec::new(); self.pipeline.steps.len()];
        for (from, to) in self.step_edges() {
            read[to].push(from);
        }
        read
    }
}

/// A step that may have several instances has one for each core, unless its number is given: all but steps that write files, for whose
/// reader it matters how many write at once, and steps that send requests, which have spare instances.
fn wanted(pipeline: &Pipeline, terms: &Terms, several: &[bool]) -> Vec<u32> {
    let cores = terms.replicas.or(pipeline.run.replicas).unwrap_or(terms.cores).max(1);
    let steps = pipeline.steps.iter().zip(several);
    let wanted = steps.map(|(step, several)| match &step.replicas {
        Some(replicas) if *several => replicas.value,
        _ if !several || step.grants.writes() || !step.grants.http.is_empty() => 1,
        _ => cores,
    });
    wanted.collect()
}

/// How many edges lead to or from each step; no edge leads from a step to itself.
fn touching(steps: usize, edges: &[DraftEdge]) -> Vec<usize> {
    let mut touching = vec![0; steps];
    for end in edges.iter().flat_map(|edge| [edge.from, edge.to]) {
        if let End::Step(step) = end {
            touching[step] += 1;
        }
    }
    touching
}

fn step_edges(edges: &[DraftEdge]) -> impl Iterator<Item = (usize, usize)> {
    edges.iter().filter_map(|edge| match (edge.from, edge.to) {
        (End::Step(from), End::Step(to)) => Some((from, to)),
        _ => None,
    })
}

/// What the first edge from one step to another is from.
fn hop_from(pipeline: &Pipeline, edges: &[DraftEdge], from: usize, to: usize) -> Feed {
    let edge = edges.iter().find(|edge| edge.from == End::Step(from) && edge.to == End::Step(to));
    let (name, door) = (&pipeline.steps[from].name.value, edge.and_then(|edge| edge.door));
    Feed { door, ..Feed::node(name) }
}

/// Finds cycles, or an order in which each step comes after what it reads.
fn order(pipeline: &Pipeline, edges: &[DraftEdge], findings: &mut Findings) -> Option<Vec<usize>> {
    let steps = pipeline.steps.len();
    let mut graph = DiGraph::<(), ()>::new();
    for _ in 0..steps {
        graph.add_node(());
    }
    for (from, to) in step_edges(edges) {
        graph.add_edge(NodeIndex::new(from), NodeIndex::new(to), ());
    }

    let mut acyclic = true;
    for ring in kosaraju_scc(&graph) {
        let first = ring.iter().map(|node| node.index()).min().unwrap_or_default();
        // Most are one step alone; to look for a way back to each of them takes all steps behind it.
        if ring.len() == 1 && !graph.contains_edge(ring[0], ring[0]) {
            continue;
        }
        let cycle = cycle_from(&graph, first);
        if !cycle.is_empty() {
            acyclic = false;
            let hops = cycle.windows(2).map(|hop| hop_from(pipeline, edges, hop[0], hop[1]).to_string());
            let names: Vec<String> = hops.chain([pipeline.steps[first].name.value.clone()]).collect();
            let closing = edges.iter().find(|edge| {
                edge.to == End::Step(first) && cycle.len() > 1 && edge.from == End::Step(cycle[cycle.len() - 2])
            });
            let at = closing.map_or(&pipeline.steps[first].at, |edge| &edge.at);
            let message = format!("the steps go in a circle: `{}`", names.join(" → "));
            findings.add_with_help(at, message, "a step reads only what comes before it: change one `from` of these; to feed rows back, write them to an output, and read that in the next run");
        }
    }
    if !acyclic {
        return None;
    }

    let mut waits: Vec<usize> =
        (0..steps).map(|step| graph.edges_directed(NodeIndex::new(step), Incoming).count()).collect();
    let mut ready: BinaryHeap<_> = (0..steps).filter(|step| waits[*step] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(steps);
    while let Some(Reverse(step)) = ready.pop() {
        order.push(step);
        for next in graph.neighbors(NodeIndex::new(step)) {
            waits[next.index()] -= 1;
            if waits[next.index()] == 0 {
                ready.push(Reverse(next.index()));
            }
        }
    }
    Some(order)
}

/// The shortest way from `first` back to it, both ends included; empty when there is none.
pub(crate) fn cycle_from<N, E>(graph: &DiGraph<N, E>, first: usize) -> Vec<usize> {
    let mut from: Vec<Option<usize>> = vec![None; graph.node_count()];
    let mut queue = std::collections::VecDeque::from([first]);
    while let Some(node) = queue.pop_front() {
        // Neighbours come newest first; the file's order reads better.
        let mut next: Vec<usize> = graph.neighbors(NodeIndex::new(node)).map(NodeIndex::index).collect();
        next.sort_unstable();
        for next in next {
            if next == first {
                let mut cycle = vec![first, node];
                while let Some(&last) = cycle.last().filter(|last| **last != first) {
                    cycle.extend(from[last]);
                }
                if node == first {
                    cycle.truncate(1);
                    cycle.push(first);
                }
                cycle.reverse();
                return cycle;
            }
            if from[next].is_none() {
                from[next] = Some(node);
                queue.push_back(next);
            }
        }
    }
    Vec::new()
}
