//! Whether a plan keeps the rules, found from the plan alone: a second opinion on what [`Plan::new`](crate::Plan::new) decides.

mod parts;
mod zips;

use std::collections::{HashMap, HashSet};

use crate::choices::{Load, MOST_STAGE_INSTANCES, STAGE_INSTANCES, Transport};
use crate::decide::fingerprint;
use crate::door::{Door, Feed};
use crate::pipeline::OnError;
use crate::plan::{Contradiction, Edge, Plan, PlannedStep, Reader, Stage};
use crate::scan::Kind;

impl Plan {
    /// Whether stages, edges and fingerprint agree with each other and with the rules.
    ///
    /// # Errors
    /// The first contradiction, found.
    pub fn verify(&self) -> Result<(), Contradiction> {
        self.check().map_err(Contradiction)
    }

    fn check(&self) -> Result<(), String> {
        parts::verify(self)?;
        let mut known = Known::of(self, self.stage_of_each_name()?);
        self.verify_edges()?;
        known.in_step = zips::verify(self)?;
        parts::verify_routes(&self.edges)?;
        for edge in &self.edges {
            self.verify_edge(edge, &known)?;
        }
        self.verify_inputs(&known)?;
        self.verify_order(&known)?;
        self.verify_memory()?;
        if self.fingerprint != fingerprint(self) {
            return Err("its fingerprint does not match".to_owned());
        }
        Ok(())
    }

    /// Every input, step and output lies in exactly one stage, which is the one that it names itself. Names, and whether they are of outputs.
    fn stage_of_each_name(&self) -> Result<HashMap<(&str, bool), usize>, String> {
        let mut stages = HashMap::new();
        if self.stages.is_empty() {
            return Err("it has no stage".to_owned());
        }
        for (nth, stage) in self.stages.iter().enumerate() {
            if stage.index != nth + 1 {
                return Err(format!("stage {} is in place {}", stage.index, nth + 1));
            }
            let feeds = stage.intakes.iter().chain(&stage.inputs).chain(&stage.steps).map(|name| (name, false));
            for (name, is_output) in feeds.chain(stage.outputs.iter().map(|name| (name, true))) {
                if stages.insert((name.as_str(), is_output), stage.index).is_some() {
                    return Err(format!("`{name}` lies in two stages"));
                }
            }
        }
        type Listed = fn(&Stage) -> Box<dyn Iterator<Item = &String> + '_>;
        let kinds: [(Vec<(&String, usize)>, Listed); 3] = [
            (self.inputs.iter().map(|input| (&input.name, input.stage)).collect(), |stage| {
                Box::new(stage.intakes.iter().chain(&stage.inputs))
            }),
            (self.steps.iter().map(|step| (&step.name, step.stage)).collect(), |stage| Box::new(stage.steps.iter())),
            (self.outputs.iter().map(|output| (&output.name, output.stage)).collect(), |stage| {
                Box::new(stage.outputs.iter())
            }),
        ];
        for (all, listed) in kinds {
            let listed: HashSet<(&String, usize)> =
                self.stages.iter().flat_map(|stage| listed(stage).map(|name| (name, stage.index))).collect();
            if let Some((name, _)) = all.iter().find(|named| !listed.contains(*named)) {
                return Err(format!("`{name}` does not lie in the stage that it names"));
            }
            if all.len() != listed.len() {
                return Err("a stage names what is not there".to_owned());
            }
        }
        Ok(stages)
    }

    /// The edges lead into each port and output in turn, in their order, at least one into each.
    fn verify_edges(&self) -> Result<(), String> {
        let mut edges = self.edges.iter().peekable();
        let to_step = |step: &PlannedStep| Reader::Step(step.name.clone());
        let ports = self.steps.iter().flat_map(|step| step.ports.iter().map(move |port| (to_step(step), &port.name)));
        for (to, port) in ports.chain(self.outputs.iter().map(|output| (Reader::Output(output.name.clone()), &None))) {
            let mut position = 0;
            while edges.next_if(|edge| (&edge.to, &edge.port, edge.position) == (&to, port, position)).is_some() {
                position += 1;
            }
            if position == 0 {
                return Err(format!("nothing leads into `{to}`, where something must"));
            }
        }
        match edges.next() {
            None => Ok(()),
            Some(edge) => Err(format!("edge `{} → {}` is not where it belongs, or leads nowhere", edge.from, edge.to)),
        }
    }

    fn verify_edge(&self, edge: &Edge, known: &Known<'_>) -> Result<(), String> {
        let Edge { from: Feed { node: from, door, .. }, to, .. } = edge;
        let shown = format!("edge `{} → {to}`", edge.from);
        let (Some(before), Some(after)) = (known.stage(from), known.stage_of(to)) else {
            return Err(format!("{shown} has an end that is not there"));
        };
        let from_step = known.steps.get(from.as_str()).copied();
        let to_step = to.step().and_then(|name| known.steps.get(name)).copied();
        match (door, from_step) {
            (None, _) => {}
            (Some(_), None) => return Err(format!("{shown} is a door of something that is not a step")),
            (Some(_), Some(step)) if step.kind == Kind::Source => return Err(format!("{shown} is a door of a source")),
            (Some(Door::Rejected), Some(step)) if step.on_error == OnError::Fail => {
                return Err(format!("{shown} can have no row: `{from}` rejects none"));
            }
            (Some(_), Some(_)) => {}
        }
        let is_global = |step: Option<&PlannedStep>| step.is_some_and(|step| step.kind == Kind::Global);
        let between_steps = from_step.is_some() && to_step.is_some();
        let is_input = known.reads.contains_key(from.as_str());
        if from_step.is_none() && !is_input || to.step().is_some_and(|name| known.reads.contains_key(name)) {
            return Err(format!("{shown} goes the wrong way"));
        }
        if before > after || (between_steps && before == after && (is_global(from_step) || is_global(to_step))) {
            return Err(format!("{shown} goes from stage {before} to stage {after}"));
        }
        let is_intake = known.intakes.contains(from.as_str());
        let spills = match known.in_step.get(to) {
            Some(in_step) => !in_step,
            None => {
                before < after
                    || is_global(to_step)
                    || (is_global(from_step) && to_step.is_some())
                    || is_intake
                    || edge.position > 0
            }
        };
        if spills != (edge.transport == Transport::Spill) {
            return Err(format!("{shown} is a {:?}", edge.transport).to_lowercase());
        }
        Ok(())
    }

    /// An input is read when the first of its readers needs it, and before that stage's components if one needs all of it.
    fn verify_inputs(&self, known: &Known<'_>) -> Result<(), String> {
        for input in &self.inputs {
            let readers = known.reads.get(input.name.as_str()).map_or(&[][..], |readers| readers);
            let here = |edge: &&&Edge| known.stage_of(&edge.to) == Some(input.stage);
            let needs_all = |edge: &&Edge| {
                let to = edge.to.step().and_then(|name| known.steps.get(name));
                to.is_some_and(|to| to.kind == Kind::Global)
            };
            if known.intakes.contains(input.name.as_str()) != readers.iter().filter(here).any(needs_all) {
                return Err(format!("input `{}` is read at the wrong time", input.name));
            }
            if !readers.is_empty() && !readers.iter().any(|edge| here(&edge)) {
                return Err(format!("input `{}` is read before anything needs it", input.name));
            }
        }
        Ok(())
    }

    /// A stage takes what its steps and rows take, and no more than there is.
    fn verify_memory(&self) -> Result<(), String> {
        let mut instances = vec![0_u64; self.stages.len()];
        for step in &self.steps {
            instances[step.stage - 1] += u64::from(step.replicas);
        }
        let all = instances.iter().sum();
        let most = self.instances.unwrap_or(STAGE_INSTANCES);
        if !(1..=MOST_STAGE_INSTANCES).contains(&most) {
            return Err(format!("its stages may have {most} instances"));
        }
        for ((stage, predicted), here) in self.stages.iter().zip(self.predict()).zip(instances) {
            if stage.predicted != predicted {
                return Err(format!("the prediction of stage {} does not match its steps", stage.index));
            }
            let instances = if self.load == Load::Eager { all } else { here };
            if instances > most {
                return Err(format!("stage {} has {instances} instances, of {most} allowed", stage.index));
            }
            if let Some(budget) = self.budget.filter(|budget| stage.predicted.total_bytes() > *budget)
                && !stage.steps.is_empty()
            {
                return Err(format!("stage {} does not fit the budget of {budget} bytes", stage.index));
            }
        }
        Ok(())
    }

    /// Within a stage each step comes after what it reads.
    fn verify_order(&self, known: &Known<'_>) -> Result<(), String> {
        let order: HashMap<&str, usize> = self
            .stages
            .iter()
            .flat_map(|stage| &stage.steps)
            .enumerate()
            .map(|(nth, step)| (step.as_str(), nth))
            .collect();
        for edge in &self.edges {
            let from = edge.from.node.as_str();
            let to = edge.to.step().and_then(|name| order.get(name));
            let (Some(before), Some(after)) = (order.get(from), to) else { continue };
            if before >= after && known.stage(from) == known.stage_of(&edge.to) {
                return Err(format!("`{}` is listed before `{}`, which it reads", edge.to, edge.from));
            }
        }
        Ok(())
    }
}

/// What is asked of each edge, found once: plans may have thousands of steps.
struct Known<'a> {
    /// Names, and whether they are of outputs.
    stages: HashMap<(&'a str, bool), usize>,
    steps: HashMap<&'a str, &'a PlannedStep>,
    intakes: HashSet<&'a str>,
    /// The edges out of each input.
    reads: HashMap<&'a str, Vec<&'a Edge>>,
    /// Whether the branches of each zip arrive in step, by what reads them.
    in_step: HashMap<Reader, bool>,
}

impl<'a> Known<'a> {
    fn of(plan: &'a Plan, stages: HashMap<(&'a str, bool), usize>) -> Self {
        let mut reads: HashMap<&str, Vec<&Edge>> =
            plan.inputs.iter().map(|input| (input.name.as_str(), Vec::new())).collect();
        for edge in &plan.edges {
            if let Some(readers) = reads.get_mut(edge.from.node.as_str()) {
                readers.push(edge);
            }
        }
        let steps = plan.steps.iter().map(|step| (step.name.as_str(), step)).collect();
        let intakes = plan.stages.iter().flat_map(|stage| &stage.intakes).map(String::as_str).collect();
        Self { stages, steps, intakes, reads, in_step: HashMap::new() }
    }

    /// The stage of an input or a step.
    fn stage(&self, name: &str) -> Option<usize> {
        self.stages.get(&(name, false)).copied()
    }

    fn stage_of(&self, reader: &Reader) -> Option<usize> {
        self.stages.get(&(reader.name(), reader.step().is_none())).copied()
    }
}
