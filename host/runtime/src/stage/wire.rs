//! The channels and spills between the nodes of a stage, as the plan has them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{channel, sync_channel};

use callboard_plan::{Edge, Stage, Transport};

use crate::error::RunError;
use crate::ports::{Feed, IN_FLIGHT, Inlet, Outlet};
use crate::run::{Boundary, Run};
use crate::spill::{SpillWriter, folder};

/// The ends of every edge that begins or ends in a stage, by node.
pub(super) struct Wires {
    /// For each node that reads, its ports in order.
    pub(super) inlets: HashMap<String, Vec<Inlet>>,
    pub(super) outlets: HashMap<String, Outlet>,
}

impl Wires {
    pub(super) fn lay(
        run: &Run,
        stage: &Stage,
        boundary: &Boundary,
        spilled: &Arc<AtomicU64>,
    ) -> Result<Wires, RunError> {
        let mut outlets = HashMap::new();
        for node in stage.inputs.iter().chain(&stage.steps) {
            outlets.insert(node.clone(), outlet(run, node, spilled)?);
        }
        let mut inlets: HashMap<String, Vec<Inlet>> = HashMap::new();
        for node in stage.steps.iter().chain(&stage.outputs) {
            let ports = run.ways(node).iter().map(|way| {
                let feeds = way.edges.iter().map(|edge| feed(edge, &mut outlets, boundary)).collect();
                Inlet::new(way.schema.clone(), feeds)
            });
            inlets.insert(node.clone(), ports.collect());
        }
        Ok(Wires { inlets, outlets })
    }
}

/// The end that a node reads of an edge; the other end goes to the outlet of the node that writes it, if that runs now.
fn feed(edge: &Edge, outlets: &mut HashMap<String, Outlet>, boundary: &Boundary) -> Feed {
    match (edge.transport, outlets.get_mut(&edge.from)) {
        (Transport::Channel, Some(outlet)) => {
            let (sender, receiver) = sync_channel(IN_FLIGHT);
            outlet.channels.push(sender);
            Feed::Channel(receiver)
        }
        (Transport::Channel, None) => unreachable!("a channel lies within a stage"),
        (Transport::Spill, Some(outlet)) => {
            let (sender, receiver) = channel();
            outlet.awaiting.push(sender);
            Feed::Sealing(receiver)
        }
        (Transport::Spill, None) => Feed::Sealed(boundary.spills[&edge.from].clone()),
    }
}

/// An outlet that spills if any reader of the node reads a spill; its channels come with their readers.
fn outlet(run: &Run, node: &str, spilled: &Arc<AtomicU64>) -> Result<Outlet, RunError> {
    let spills = run.plan.edges.iter().any(|edge| edge.from == node && edge.transport == Transport::Spill);
    let spill = match spills {
        true => Some(spill_writer(run, node, spilled)?),
        false => None,
    };
    Ok(Outlet { spill, ..Outlet::default() })
}

/// The outlet of an input that is read before its stage is loaded.
pub(super) fn intake_outlet(run: &Run, input: &str, spilled: &Arc<AtomicU64>) -> Result<Outlet, RunError> {
    Ok(Outlet { spill: Some(spill_writer(run, input, spilled)?), ..Outlet::default() })
}

fn spill_writer(run: &Run, node: &str, spilled: &Arc<AtomicU64>) -> Result<SpillWriter, RunError> {
    let folder = folder(&run.folder, node);
    SpillWriter::create(folder.clone(), run.schema(node).clone(), spilled.clone())
        .map_err(|error| RunError::system("write rows between stages to", &folder, &error))
}
