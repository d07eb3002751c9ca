//! What is known of global steps before they have run on this machine: of those that are bundled, what a row's calls take and how many rows go
//! out; of others, how the host brings their rows together.

use std::sync::Arc;

use arrow::datatypes::Schema;
use callboard_io::Dataset;
use callboard_plan::{Origin as ComponentOrigin, PlannedStep, Reader};
use callboard_sandbox::{Bound, Gathering, Origin};
use serde_json::Value;

use super::Prepared;
use crate::course::prior::{Cost, Prior, Together};

/// What a value that a step writes is taken to take, bytes.
const WRITTEN: f64 = 10.0;
/// What a row takes of a transform that does little.
const LIGHT: Cost = Cost { row: 80.0, byte: 0.0 };

impl Prepared {
    /// What is known of a global step.
    pub(crate) fn prior(&self, step: &PlannedStep) -> Prior {
        let bound = self.bound(&step.name);
        let is_bundled = matches!(step.origin, ComponentOrigin::Bundled);
        let known = if is_bundled { known(step) } else { None };
        let gathered = &bound.gathered;
        let together = match gathered.is_plain() {
            true => Together::Plain,
            false if gathered.gathering == Gathering::All => Together::Sorted,
            false => Together::ByKey,
        };
        let inputs = step.ports.iter().map(|port| {
            let from = self.plan.edges_into_port(&step.name, port).map(|edge| Arc::from(edge.from.node.as_str()));
            from.collect::<Vec<Arc<str>>>()
        });
        let mut readers = self.plan.edges().iter().filter(|edge| edge.from.node == step.name);
        Prior {
            together,
            call: known.map(|(call, _)| call),
            keeps: known.map_or(1.0, |(_, keeps)| keeps),
            as_they_were: !gathered.as_written && bound.writes.fields().is_empty() && bound.carries(),
            as_written: gathered.as_written,
            inputs: inputs.collect(),
            columns: self.ways(&Reader::Step(step.name.clone())).iter().map(|way| names(&way.schema)).collect(),
            reads: (0..bound.reads.len()).map(|port| columns(&bound, port)).collect(),
            carries: bound.columns.iter().filter_map(|from| carried(*from)).collect(),
            writes: WRITTEN * bound.columns.iter().filter(|from| carried(**from).is_none()).count() as f64,
            is_output: readers.any(|edge| matches!(edge.to, Reader::Output(_))),
            reads_text: self.read_as_text(step),
        }
    }

    /// What a row takes that flows through a transform, if that is little, and known.
    pub(crate) fn light(&self, step: &PlannedStep) -> Option<Cost> {
        let is_light = ["filter", "select", "compute", "hash"].contains(&step.uses.as_str());
        (is_light && matches!(step.origin, ComponentOrigin::Bundled)).then_some(LIGHT)
    }

    /// Whether all that a step is given is read from files of lines that lie open on this machine's disk.
    fn read_as_text(&self, step: &PlannedStep) -> bool {
        let mut from = self.plan.edges_into(&step.name).map(|edge| edge.from.node.as_str());
        from.all(|node| {
            self.plan.input(node).is_some() && self.input(node).dataset.as_ref().is_some_and(Dataset::is_open_text)
        })
    }
}

fn columns(bound: &Bound, port: usize) -> Vec<usize> {
    let mut columns: Vec<usize> = bound.reads[port].iter().copied().chain(bound.gathered.columns(port)).collect();
    columns.sort_unstable();
    columns.dedup();
    columns
}

fn names(schema: &Schema) -> Vec<String> {
    schema.fields().iter().map(|field| field.name().clone()).collect()
}

fn carried(from: Origin) -> Option<usize> {
    match from {
        Origin::Input(column) => Some(column),
        Origin::Written(_) => None,
    }
}

/// What a row's calls of a bundled step take, and how many rows go out for one, where the data do not say it differently.
fn known(step: &PlannedStep) -> Option<(Cost, f64)> {
    let says = |key: &str| step.config.get(key);
    let cost = |row, byte| Cost { row, byte };
    Some(match step.uses.as_str() {
        "exact-dedup" => (cost(75.0, 0.02), 0.9),
        "sort" if says("per").is_none() => (cost(110.0, 1.6), 1.0),
        "sort" => (cost(150.0, 1.6), 1.0),
        "aggregate" if says("beside") == Some(&Value::Bool(true)) => (cost(130.0, 0.5), 1.0),
        "aggregate" => (cost(145.0, 0.5), 0.05),
        "join" if says("how").is_some_and(|how| how == "semi" || how == "anti") => (cost(85.0, 0.02), 0.8),
        "join" => (cost(200.0, 0.5), 1.0),
        "sample" => {
            let share = says("fraction").and_then(Value::as_f64);
            match says("by").is_some() || says("weight").is_some() {
                true => (cost(120.0, 0.5), share.unwrap_or(0.1)),
                false => (cost(0.0, 0.0), share?),
            }
        }
        _ => return None,
    })
}
