//! Which columns go through a run at all. What no step reads, no route asks for, no output has and no reject keeps is not carried, and is not
//! read from files whose format can leave it out.
//!
//! Components are asked about all columns first ([`Checked::follow`]): what a step declares, and so what its work is known by, does not depend
//! on what is left out here.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, SchemaRef};
use callboard_plan::pipeline::OnError;
use callboard_plan::{Edge, Feed, Kind, Plan, Reader};
use callboard_sandbox::{Bound, Origin, is_hidden};

use super::check::{Checked, Way};
use crate::error::{Class, RunError};

/// For each column whether it is wanted.
type Wanted = Vec<bool>;

/// For each column its place among those that are left.
type Moved = Vec<Option<usize>>;

/// Columns of feeds, and of ways into nodes.
#[derive(Default)]
struct Columns {
    feeds: HashMap<Feed, Wanted>,
    ways: HashMap<Reader, Vec<Wanted>>,
}

/// The inputs and steps whose figures are gathered.
fn stats_of(plan: &Plan) -> impl Iterator<Item = &str> {
    let inputs = plan.inputs().iter().filter(|input| input.stats).map(|input| input.name.as_str());
    inputs.chain(plan.steps().iter().filter(|step| step.stats).map(|step| step.name.as_str()))
}

/// What goes with a row wherever it goes.
fn hidden(schema: &Schema) -> Wanted {
    schema.fields().iter().map(|field| is_hidden(field.name())).collect()
}

fn moved(wanted: &Wanted) -> Moved {
    let mut next = 0..;
    wanted.iter().map(|wanted| wanted.then(|| next.next()).flatten()).collect()
}

fn places(wanted: &Wanted) -> Vec<usize> {
    (0..wanted.len()).filter(|at| wanted[*at]).collect()
}

fn left(schema: &Schema, wanted: &Wanted) -> SchemaRef {
    let fields = schema.fields().iter().zip(wanted).filter(|(_, wanted)| **wanted).map(|(field, _)| field.clone());
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The column that is the least to carry, of some.
fn least(schema: &Schema, of: impl Iterator<Item = usize>) -> Option<usize> {
    let width =
        |data_type: &DataType| data_type.primitive_width().unwrap_or(1 << 10) + usize::from(data_type.is_nested());
    of.filter(|at| !is_hidden(schema.field(*at).name())).min_by_key(|at| width(schema.field(*at).data_type()))
}

impl Columns {
    /// Goes from the outputs to the inputs.
    fn of(checked: &Checked, plan: &Plan) -> Columns {
        let mut columns = Columns::default();
        for feed in checked.schemas.keys() {
            columns.feeds.entry(feed.whole()).or_insert_with(|| hidden(&checked.schemas[feed]));
        }
        for name in stats_of(plan) {
            // Figures are of all columns.
            columns.feeds.get_mut(&Feed::node(name)).expect("every node has columns").fill(true);
        }
        for (feed, routes) in &checked.routes {
            columns.want(feed, routes.columns());
        }
        for (name, output) in &checked.outputs {
            let reader = Reader::Output(name.clone());
            let mut wanted = hidden(&checked.ways[&reader][0].schema);
            output.columns.iter().for_each(|at| wanted[*at] = true);
            columns.arrive(checked, &checked.ways[&reader][0], &wanted);
            columns.ways.insert(reader, vec![wanted]);
        }
        let steps: Vec<&String> = plan.stages().iter().flat_map(|stage| &stage.steps).collect();
        for name in steps.into_iter().rev() {
            columns.go_through(checked, plan, name);
        }
        for input in plan.inputs() {
            let feed = Feed::node(&input.name);
            let schema = &checked.schemas[&feed];
            let none = places(&columns.feeds[&feed]).iter().all(|at| is_hidden(schema.field(*at).name()));
            if none && let Some(at) = least(schema, 0..schema.fields().len()) {
                columns.want(&feed, &[at]);
            }
        }
        columns
    }

    fn want(&mut self, feed: &Feed, places: &[usize]) {
        let wanted = self.feeds.get_mut(&feed.whole()).expect("every feed has columns");
        places.iter().for_each(|at| wanted[*at] = true);
    }

    /// What a step has to be given, for what is wanted of it.
    fn go_through(&mut self, checked: &Checked, plan: &Plan, name: &str) {
        let (feed, bound, step) = (Feed::node(name), &checked.bounds[name], plan.step(name));
        let reader = Reader::Step(name.to_owned());
        let ways = &checked.ways[&reader];
        let is_carried =
            |at: &usize| matches!(bound.columns[*at], Origin::Input(_)) && !is_hidden(bound.output.field(*at).name());
        let carried: Vec<usize> = (0..bound.columns.len()).filter(is_carried).collect();
        let is_global = step.is_some_and(|step| step.kind == Kind::Global);
        if is_global && !carried.iter().any(|at| self.feeds[&feed][*at]) {
            // Its rows are rows of its input as long as they carry a column of it: best one that it reads anyway.
            let is_read =
                |at: &usize| matches!(bound.columns[*at], Origin::Input(from) if bound.reads[0].contains(&from));
            let read = carried.iter().copied().filter(is_read);
            let one = least(&bound.output, read).or_else(|| least(&bound.output, carried.iter().copied()));
            self.want(&feed, one.as_slice());
        }
        let mut all = Vec::with_capacity(ways.len());
        for (port, way) in ways.iter().enumerate() {
            let mut wanted = hidden(&way.schema);
            bound.reads[port].iter().for_each(|at| wanted[*at] = true);
            bound.gathered.columns(port).for_each(|at| wanted[at] = true);
            if port == 0 {
                for (origin, _) in bound.columns.iter().zip(&self.feeds[&feed]).filter(|(_, wanted)| **wanted) {
                    if let Origin::Input(at) = origin {
                        wanted[*at] = true;
                    }
                }
                for door in plan.doors_of(name) {
                    let behind = &self.feeds[&Feed::door(name, door)];
                    wanted.iter_mut().zip(behind).for_each(|(wanted, behind)| *wanted |= behind);
                }
                if step.is_some_and(|step| step.on_error == OnError::Reject) {
                    // Rejects are kept whole.
                    wanted.fill(true);
                }
            }
            self.arrive(checked, way, &wanted);
            all.push(wanted);
        }
        self.ways.insert(reader, all);
    }

    /// What a reader wants of a way, from the feeds that it is made of.
    fn arrive(&mut self, checked: &Checked, way: &Way, wanted: &Wanted) {
        if let Some(zipped) = &way.zip {
            for (branch, at) in zipped.made_of(wanted) {
                self.want(&way.edges[branch].from, &[at]);
            }
            return;
        }
        if let [edge] = &way.edges[..] {
            return self.want(&edge.from, &places(wanted));
        }
        for Edge { from, .. } in &way.edges {
            let there = crate::rows::places(&checked.schemas[from]);
            let names = way.schema.fields().iter().zip(wanted).filter(|(_, wanted)| **wanted);
            let found: Vec<usize> = names.filter_map(|(field, _)| there.get(field.name().as_str()).copied()).collect();
            self.want(from, &found);
        }
    }
}

impl Checked {
    /// The same run with the columns alone that are wanted somewhere.
    pub(super) fn with_what_is_wanted(mut self, plan: &Plan) -> Result<Checked, RunError> {
        let mut columns = Columns::of(&self, plan);
        self.all = self.schemas.clone();
        for input in plan.inputs() {
            let feed = Feed::node(&input.name);
            self.leave_out(plan, &columns, &feed);
            let opened = self.inputs.get_mut(&input.name).expect("every input was opened");
            if let Some(dataset) = &mut opened.dataset {
                let mut wanted = columns.feeds[&feed].clone();
                // The number of a row is no column of the files.
                wanted.truncate(dataset.schema().fields().len());
                *dataset =
                    dataset.only(&places(&wanted)).map_err(|error| RunError::from(error).in_input(&input.name))?;
            }
        }
        for name in plan.stages().iter().flat_map(|stage| &stage.steps) {
            let reader = Reader::Step(name.clone());
            let mut into = Vec::new();
            for (way, wanted) in self.ways.get_mut(&reader).into_iter().flatten().zip(&columns.ways[&reader]) {
                into.push(left_of_way(way, wanted, &columns, &self.schemas)?);
            }
            for door in plan.doors_of(name) {
                let feed = Feed::door(name, door);
                // All that arrives goes through the door, and has the door's own columns behind it.
                let own = std::iter::repeat(true);
                let wanted = into[0].iter().map(Option::is_some).chain(own).take(self.schemas[&feed].fields().len());
                let wanted = wanted.collect();
                columns.feeds.insert(feed.clone(), wanted);
                self.leave_out(plan, &columns, &feed);
            }
            let feed = Feed::node(name);
            self.leave_out(plan, &columns, &feed);
            let bound = self.bounds.get_mut(name).and_then(Arc::get_mut).ok_or_else(held)?;
            narrow(bound, &into, &columns.feeds[&feed]);
        }
        for (name, output) in &mut self.outputs {
            let reader = Reader::Output(name.clone());
            let way = self.ways.get_mut(&reader).and_then(|ways| ways.first_mut()).ok_or_else(held)?;
            let into = left_of_way(way, &columns.ways[&reader][0], &columns, &self.schemas)?;
            output.columns = output.columns.iter().filter_map(|at| into[*at]).collect();
        }
        Ok(self)
    }

    /// Leaves out of a feed what is not wanted of it, and of those that are parts of it.
    fn leave_out(&mut self, plan: &Plan, columns: &Columns, feed: &Feed) {
        let wanted = &columns.feeds[feed];
        let schema = left(&self.schemas[feed], wanted);
        for (branch, _) in plan.routes_of(feed) {
            self.schemas.insert(branch.clone(), schema.clone());
        }
        self.schemas.insert(feed.clone(), schema);
        if let Some(routes) = self.routes.get_mut(feed).and_then(Arc::get_mut) {
            routes.moved(&moved(wanted));
        }
    }
}

/// Leaves out of a way what is not wanted of it. One that is a feed has what that feed has.
fn left_of_way(
    way: &mut Way,
    wanted: &Wanted,
    columns: &Columns,
    schemas: &HashMap<Feed, SchemaRef>,
) -> Result<Moved, RunError> {
    let of = |edge: &Edge| &columns.feeds[&edge.from.whole()];
    if let Some(zipped) = &mut way.zip {
        let branches: Vec<(SchemaRef, Moved)> =
            way.edges.iter().map(|edge| (schemas[&edge.from].clone(), moved(of(edge)))).collect();
        let zipped = Arc::get_mut(zipped).ok_or_else(held)?;
        zipped.leave_out(wanted, &branches);
        way.schema = zipped.schema.clone();
        return Ok(moved(wanted));
    }
    match &way.edges[..] {
        [edge] => {
            way.schema = schemas[&edge.from].clone();
            Ok(moved(of(edge)))
        }
        _ => {
            way.schema = left(&way.schema, wanted);
            Ok(moved(wanted))
        }
    }
}

/// Leaves out of what a step puts out what is not wanted; `into` says what arrives.
fn narrow(bound: &mut Bound, into: &[Moved], wanted: &Wanted) {
    for (reads, moved) in bound.reads.iter_mut().zip(into) {
        *reads = reads.iter().filter_map(|at| moved[*at]).collect();
    }
    bound.gathered.moved(into);
    // A fork's numbers stand behind what the step puts out, and are none of its columns.
    bound.output = left(&bound.output, wanted);
    let columns = bound.columns.iter().zip(wanted).filter(|(_, wanted)| **wanted);
    let columns = columns.filter_map(|(origin, _)| match origin {
        Origin::Input(at) => into[0][*at].map(Origin::Input),
        Origin::Written(at) => Some(Origin::Written(*at)),
    });
    bound.columns = columns.collect();
}

fn held() -> RunError {
    RunError::new(Class::Bug, "what was checked is held by something else")
}
