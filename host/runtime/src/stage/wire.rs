//! The channels and spills between the nodes of a stage, as the plan has them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel, sync_channel};

use callboard_plan::{Edge, Feed, Kind, Reader, Stage, Transport};

use super::live::Live;
use crate::error::RunError;
use crate::ports::{
    Appended, Channel, Has, IN_FLIGHT, Inlet, Message, Outlet, Reading, Recut, Rows, Stamps, Supply, ZipInlet, had,
};
use crate::ports::{Door, Doors, Fork};
use crate::prepare::check::Way;
use crate::stage::boundary::BetweenStages;
use crate::store::SpillWriter;
use crate::store::lengths::zip_name;
use crate::store::spill::folder;

/// The ends of every edge that begins or ends in a stage, by node.
pub(super) struct Wires {
    /// For each step and output, its ports in order.
    pub(super) inlets: HashMap<Reader, Vec<Inlet>>,
    outlets: HashMap<Feed, Outlet>,
}

/// The ways out of a step.
pub(super) struct Outlets {
    pub(super) main: Outlet,
    pub(super) doors: Doors,
}

impl Wires {
    pub(super) fn lay(run: &Live<'_>, stage: &Stage, boundary: &BetweenStages) -> Result<Wires, RunError> {
        let mut outlets = HashMap::new();
        let doors = stage.steps.iter().flat_map(|step| run.prepared.doors(step));
        let nodes = stage.inputs.iter().chain(&stage.steps).map(|node| Feed::node(node));
        for feed in nodes.chain(doors) {
            for branch in run.prepared.routes(&feed).iter().flat_map(|routes| routes.feeds()) {
                outlets.insert(branch.clone(), outlet(run, branch)?);
            }
            let outlet = outlet(run, &feed)?;
            outlets.insert(feed, outlet);
        }
        let mut inlets: HashMap<Reader, Vec<Inlet>> = HashMap::new();
        let steps = stage.steps.iter().cloned().map(Reader::Step);
        for reader in steps.chain(stage.outputs.iter().cloned().map(Reader::Output)) {
            let ports = run.prepared.ways(&reader).iter().map(|way| {
                let flight = || run.memory.flight.clone();
                let mut feeds = || way.edges.iter().map(|edge| supply(run, edge, &mut outlets, boundary)).collect();
                let (size, admission) = (run.prepared.plan.batch(), run.admission(reader.name()));
                let reading = || Reading::new(reader.name(), run.prepared.seen.clone());
                let lengths = || reader.step().map_or(Ok(None), |step| run.lengths(&zip_name(step)));
                let rows = match &way.zip {
                    None => Rows::Appended(Appended::new(way.schema.clone(), feeds(), admission, reading())),
                    Some(zipped) if way.edges.iter().any(|edge| run.transport(edge) == Transport::Spill) => {
                        let note = run.note_zip(&reader);
                        let inlet = ZipInlet::merged(zipped.clone(), size, feeds(), admission, flight(), note);
                        Rows::Zipped(inlet.noting(lengths()?))
                    }
                    Some(zipped) => {
                        let note = run.note_zip(&reader);
                        let channel = branches(way, &mut outlets);
                        let inlet = ZipInlet::in_step(zipped.clone(), size, channel, flight(), note);
                        Rows::Zipped(inlet.noting(lengths()?))
                    }
                };
                let recut = run
                    .prepared
                    .recuts(&reader)
                    .map(|(size, in_step)| Recut::new(way.schema.clone(), size, in_step, flight()));
                Ok(Inlet::new(rows, recut).having(has(run, &reader, way, &mut outlets)))
            });
            let ports = ports.collect::<Result<_, RunError>>()?;
            inlets.insert(reader, ports);
        }
        Ok(Wires { inlets, outlets })
    }

    /// The way out for a feed, with all that leads on from it.
    pub(super) fn outlet(&mut self, run: &Live<'_>, feed: &Feed) -> Outlet {
        let fork = run.prepared.routes(feed).map(|routes| {
            let branch = |branch: &Feed| self.outlets.remove(branch).expect("every route has an outlet");
            Fork::new(routes.clone(), branch)
        });
        Outlet { fork, ..self.outlets.remove(feed).expect("every feed of the stage has an outlet") }
    }

    /// The ways out of a step.
    pub(super) fn outlets(&mut self, run: &Live<'_>, step: &str) -> Outlets {
        let mut doors = Doors::default();
        for way in run.prepared.plan.doors_of(step) {
            let feed = Feed::door(step, way);
            let outlet = self.outlet(run, &feed);
            let (schema, files) = (run.prepared.unstamped(&feed), run.prepared.files().clone());
            let door = Door { schema, step: Arc::from(step), files, outlet, feed };
            match way {
                callboard_plan::Door::Dropped => doors.dropped = Some(door),
                callboard_plan::Door::Rejected => doors.rejected = Some(door),
            }
        }
        doors.taps = callboard_plan::Door::ALL.map(|door| run.tapped(&Feed::door(step, door)));
        let feed = Feed::node(step);
        let mut main = self.outlet(run, &feed);
        // Rows of transforms need not come to their outlet.
        if run.prepared.step(step).kind != Kind::Transform {
            main.tap = run.tapped(&feed);
        }
        Outlets { main, doors }
    }
}

/// The end of an output that one process may begin and another continue, if its rows are those of one feed.
fn has(run: &Live<'_>, reader: &Reader, way: &Way, outlets: &mut HashMap<Feed, Outlet>) -> Option<Has> {
    let ([edge], Reader::Output(_)) = (&way.edges[..], reader) else { return None };
    let outlet = outlets.get_mut(&edge.from).filter(|_| run.transport(edge) == Transport::Channel)?;
    if !run.can_be_resumed() {
        return None;
    }
    let (had, has) = had();
    outlet.had = Some(had);
    Some(has)
}

/// The end that a node reads of branches that advance together; the other ends go to the outlets of what writes them.
fn branches(way: &Way, outlets: &mut HashMap<Feed, Outlet>) -> Receiver<(usize, Message)> {
    let (sender, receiver) = sync_channel(IN_FLIGHT * way.edges.len());
    for (branch, edge) in way.edges.iter().enumerate() {
        let outlet = outlets.get_mut(&edge.from).expect("a channel lies within a stage");
        outlet.channels.push(Channel::Branch(branch, sender.clone()));
    }
    receiver
}

/// The end that a node reads of an edge; the other end goes to the outlet of the node that writes it, if that runs now.
fn supply(run: &Live<'_>, edge: &Edge, outlets: &mut HashMap<Feed, Outlet>, boundary: &BetweenStages) -> Supply {
    match (run.transport(edge), outlets.get_mut(&edge.from)) {
        (Transport::Channel, Some(outlet)) => {
            let (sender, receiver) = sync_channel(IN_FLIGHT);
            outlet.channels.push(Channel::One(sender));
            Supply::Channel(receiver)
        }
        (Transport::Channel, None) => unreachable!("a channel lies within a stage"),
        (Transport::Spill, Some(outlet)) => {
            let (sender, receiver) = channel();
            outlet.awaiting.push(sender);
            Supply::Sealing(receiver)
        }
        (Transport::Spill, None) => Supply::Sealed(boundary.spills[&edge.from].clone()),
    }
}

/// An outlet that spills if any reader of the node reads a spill; its channels come with their readers.
fn outlet(run: &Live<'_>, feed: &Feed) -> Result<Outlet, RunError> {
    let spills = run.prepared.plan.edges_out_of(feed).any(|edge| run.transport(edge) == Transport::Spill);
    let spill = match spills {
        true => Some(spill_writer(run, feed)?),
        false => None,
    };
    Ok(Outlet {
        spill,
        flight: Some(run.memory.flight.clone()),
        stamps: run.prepared.is_fork(feed).then(|| Stamps::new(run.prepared.schema(feed).clone())),
        in_step: run.prepared.is_in_step(feed),
        lengths: match feed.branch {
            Some(_) => run.lengths(&feed.to_string())?,
            None => None,
        },
        ..Outlet::default()
    })
}

/// The outlet of an input that is read before its stage is loaded: what reads it, reads spills.
pub(super) fn intake_outlet(run: &Live<'_>, input: &str) -> Result<Outlet, RunError> {
    let feed = Feed::node(input);
    let mut branches = HashMap::new();
    for branch in run.prepared.routes(&feed).iter().flat_map(|routes| routes.feeds()) {
        branches.insert(branch.clone(), outlet(run, branch)?);
    }
    let branch = |branch: &Feed| branches.remove(branch).expect("every route has an outlet");
    let fork = run.prepared.routes(&feed).map(|routes| Fork::new(routes.clone(), branch));
    Ok(Outlet { fork, ..outlet(run, &feed)? })
}

fn spill_writer(run: &Live<'_>, feed: &Feed) -> Result<SpillWriter, RunError> {
    let is_global = |name: &&str| run.prepared.plan.step(name).is_some_and(|step| step.kind == Kind::Global);
    // What a global step did is known by the rows that it read; in tasks, by how many there were.
    let readers = run.prepared.plan.edges_out_of(feed).filter_map(|edge| edge.to.step()).filter(is_global);
    let seeds =
        readers.filter(|_| !run.is_part()).filter_map(|step| run.work(step)).map(|work| work.header.seed).collect();
    let folder = folder(run.prepared.folder(), feed);
    let (schema, quota) = (run.prepared.schema(feed).clone(), run.quota.clone());
    SpillWriter::create(feed.clone(), folder, schema, seeds, quota, run.syncer())
        .map_err(|error| RunError::unwritten("write rows between stages", &error))
}
