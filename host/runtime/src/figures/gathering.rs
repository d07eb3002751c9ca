//! Figures that a run gathers while rows pass: of nodes whose `stats` are set.
//!
//! Each node of a stage has its rows pass in their order, whatever the number of cores. Where a run is resumed, rows of a stage that had not ended
//! pass again, all of them; figures of stages that had are in the journal with what these cost.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use callboard_plan::{Feed, Plan, Stage};
use callboard_sandbox::is_hidden;

use super::columns::{Columns, StatsWanted};
use super::thresholds::Thresholds;
use crate::error::{RowsExceed, RunError};
use crate::prepare::Prepared;
use crate::rows::flight::{Flight, Writing};
use crate::rows::{Batch, Tap};
use crate::store::records::Stats;

/// No more columns of a node are looked at.
const MOST: usize = 200;
/// What the figures of one take at most, bytes.
const COLUMN: u64 = 256 << 10;

/// What looks on at the nodes whose figures a run gathers.
#[derive(Default)]
pub(crate) struct Gathering {
    nodes: Mutex<BTreeMap<Place, Arc<Mutex<Node>>>>,
}

/// What has figures: an input or a step, or an output, which may have the name of one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Node(String),
    Output(String),
}

/// What was seen of a node.
struct Node {
    columns: Columns,
    thresholds: Option<Thresholds>,
    /// Counts the memory of both.
    _held: Writing,
}

impl Gathering {
    /// For a run that gathers figures of some node.
    pub(crate) fn of(plan: &Plan) -> Option<Arc<Gathering>> {
        let asked = plan.inputs().iter().any(|input| input.stats)
            || plan.steps().iter().any(|step| step.stats)
            || plan.outputs().iter().any(|output| output.stats);
        asked.then(Arc::default)
    }

    /// A stage begins: makes room for the figures of its nodes.
    ///
    /// # Errors
    ///
    /// They take more than the budget leaves.
    pub(crate) fn begin(&self, prepared: &Prepared, stage: &Stage, flight: &Arc<Flight>) -> Result<(), RunError> {
        let plan = &prepared.plan;
        let inputs = stage.intakes.iter().filter(|name| prepared.has_taken_in(name).is_none()).chain(&stage.inputs);
        let inputs = inputs.filter(|name| plan.input(name).is_some_and(|input| input.stats));
        let steps = stage.steps.iter().filter(|name| plan.step(name).is_some_and(|step| step.stats));
        let outputs = stage.outputs.iter().filter(|name| plan.output(name).is_some_and(|output| output.stats));
        for name in inputs.chain(steps) {
            let thresholds = plan.step(name).and_then(|step| Thresholds::of(prepared, step));
            let schema = columns_of(prepared.schema(&Feed::node(name)));
            self.make(Place::Node(name.clone()), &schema, thresholds, flight)?;
        }
        for name in outputs {
            self.make(Place::Output(name.clone()), &prepared.output(name).schema, None, flight)?;
        }
        Ok(())
    }

    fn make(
        &self,
        place: Place,
        schema: &SchemaRef,
        thresholds: Option<Thresholds>,
        flight: &Arc<Flight>,
    ) -> Result<(), RunError> {
        let columns = Columns::new(&StatsWanted::default(), schema, MOST)?;
        let mut held = flight.writing();
        let number = columns.len() as u64 + thresholds.as_ref().map_or(0, |thresholds| thresholds.len() as u64);
        held.set(number * COLUMN).map_err(|exceed| too_much(exceed, &place))?;
        let node = Node { columns, thresholds, _held: held };
        self.nodes.lock().expect("no holder panics").insert(place, Arc::new(Mutex::new(node)));
        Ok(())
    }

    fn node(&self, place: &Place) -> Option<Arc<Mutex<Node>>> {
        self.nodes.lock().expect("no holder panics").get(place).cloned()
    }

    fn add(&self, place: &Place, rows: &RecordBatch) -> Result<(), RunError> {
        match self.node(place) {
            Some(node) => node.lock().expect("no holder panics").columns.add(rows),
            None => Ok(()),
        }
    }

    /// All rows of an input or a step have passed: their figures, if these were gathered.
    pub(crate) fn take_node(&self, name: &str) -> Option<Stats> {
        self.take(&Place::Node(name.to_owned()))
    }

    /// The same of an output.
    pub(crate) fn take_output(&self, name: &str) -> Option<Stats> {
        self.take(&Place::Output(name.to_owned()))
    }

    fn take(&self, place: &Place) -> Option<Stats> {
        let node = self.nodes.lock().expect("no holder panics").remove(place)?;
        let Node { columns, thresholds, _held } = Arc::into_inner(node)?.into_inner().expect("no holder panics");
        let thresholds = thresholds.map(Thresholds::stats).unwrap_or_default();
        Some(Stats { thresholds, ..columns.stats() })
    }
}

impl Tap for Gathering {
    fn wants(&self, feed: &Feed) -> bool {
        feed.door.is_none() && feed.branch.is_none() && self.node(&Place::Node(feed.node.clone())).is_some()
    }

    fn put_out(&self, feed: &Feed, batch: &Batch) -> Result<(), RunError> {
        self.add(&Place::Node(feed.node.clone()), &batch.seen())
    }

    fn wants_given(&self, step: &str) -> bool {
        let node = self.node(&Place::Node(step.to_owned()));
        node.is_some_and(|node| node.lock().expect("no holder panics").thresholds.is_some())
    }

    fn given(&self, step: &str, batch: &Batch) -> Result<(), RunError> {
        let Some(node) = self.node(&Place::Node(step.to_owned())) else { return Ok(()) };
        let mut node = node.lock().expect("no holder panics");
        node.thresholds.as_mut().map_or(Ok(()), |thresholds| thresholds.add(&batch.seen()))
    }

    fn wants_written(&self, output: &str) -> bool {
        self.node(&Place::Output(output.to_owned())).is_some()
    }

    fn written(&self, output: &str, batch: &Batch) -> Result<(), RunError> {
        self.add(&Place::Output(output.to_owned()), &batch.rows)
    }
}

/// The columns that anything outside of the host sees.
pub(crate) fn columns_of(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().filter(|field| !is_hidden(field.name())).cloned();
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn too_much(exceed: RowsExceed, place: &Place) -> RunError {
    let error = exceed.of_host(
        "the figures that `stats = true` asks for take up to",
        "remove `stats` there: the command `stats` reads the rows again instead",
    );
    match place {
        Place::Node(name) => error.in_step(name),
        Place::Output(name) => error.in_output(name),
    }
}
