//! From a pipeline and its catalog to a plan.

use std::collections::HashMap;

use callboard_words::text::hex;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::catalog::{Catalog, Component};
use crate::choices::MEMORY_LIMIT;
use crate::door::Feed;
use crate::draft::{Draft, End};
use crate::forks::DraftZip;
use crate::memory::Predicted;
use crate::need::Need;
use crate::parts::COMPONENT_BYTES;
use crate::pipeline::{BatchSize, Limits, Located, Pipeline, RETRIES, Step};
use crate::plan::{Edge, Plan, PlannedInput, PlannedOutput, PlannedStep, Port, Reader, Stage, StepLimits};
use crate::problem::{Findings, Problems};
use crate::scan::Kind;
use crate::terms::Terms;
use crate::zip::Zip;
use crate::{boundary, facts, rules, wire};

/// Facts, then the graph, then the rules, then the plan.
pub(crate) fn decide(pipeline: &Pipeline, catalog: &Catalog, terms: &Terms, findings: &mut Findings) -> Option<Plan> {
    let components = facts::components(pipeline, catalog, findings);
    let kinds: Vec<Option<Kind>> = components.iter().map(|c| c.map(|component| component.facts.kind)).collect();
    let edges = wire::wire(pipeline, &kinds, findings);
    // A step whose component is missing passes for a transform, so that its cycle is found all the same.
    let known = kinds.iter().map(|kind| kind.unwrap_or(Kind::Transform)).collect();
    let several: Vec<bool> =
        components.iter().map(|c| c.is_none_or(|component| component.facts.may_have_replicas())).collect();
    let need = |(step, component): (&Step, _)| {
        Need::of(step, component, batch_of(step, component, pipeline.run.batch), &terms.needs)
    };
    let needs = pipeline.steps.iter().zip(components.iter().copied()).map(need).collect();
    let mut draft = Draft::new(pipeline, terms, known, &several, needs, edges, findings)?;
    if findings.is_empty() {
        wire::unread(pipeline, &draft.edges, findings);
    }
    if !findings.is_empty() {
        return None;
    }
    rules::apply(&mut draft, findings);
    if !findings.is_empty() {
        return None;
    }
    let components: Vec<&Component> = components.into_iter().collect::<Option<_>>()?;
    let mut plan = assemble(&draft, &components).predicted();
    plan.fingerprint = fingerprint(&plan);
    Some(plan)
}

/// What one call of a step is given at most.
fn batch_of(step: &Step, component: Option<&Component>, run: BatchSize) -> BatchSize {
    let is_transform = component.is_none_or(|component| component.facts.kind == Kind::Transform);
    step.batch.as_ref().filter(|_| is_transform).map_or(run, |batch| batch.value.within(run))
}

fn assemble(draft: &Draft<'_>, components: &[&Component]) -> Plan {
    let pipeline = draft.pipeline;
    let text = |located: &Located<String>| located.value.clone();
    let inputs = pipeline.inputs.iter().zip(&draft.input_stage).map(|(input, stage)| PlannedInput {
        name: text(&input.name),
        paths: input.paths.iter().map(text).collect(),
        format: input.format.as_ref().map(text),
        types: input.types.iter().map(|(column, ty)| (column.clone(), text(ty))).collect(),
        delimiter: input.delimiter,
        reading: input.reading.clone(),
        access: input.access.clone(),
        limits: input.limits,
        stats: is_set(input.stats.as_ref()),
        stage: *stage,
    });
    let mut ports: Vec<Vec<Port>> = vec![Vec::new(); pipeline.steps.len()];
    for edge in draft.edges.iter().filter(|edge| edge.position == 0) {
        if let End::Step(step) = edge.to {
            ports[step].push(Port { name: edge.port.clone(), zip: None });
        }
    }
    let mut zips = zips(draft);
    for (end, zip) in &zips {
        if let End::Step(step) = end {
            ports[*step].iter_mut().take(1).for_each(|first| first.zip = Some(zip.clone()));
        }
    }
    let steps = pipeline.steps.iter().enumerate().map(|(index, step)| {
        let Component { facts, digest, origin } = components[index];
        PlannedStep {
            name: text(&step.name),
            uses: text(&step.uses),
            origin: origin.clone(),
            kind: facts.kind,
            digest: digest.clone(),
            config: step.config.clone(),
            columns: step.columns.clone(),
            limits: StepLimits::of(&step.limits, facts.kind),
            need: draft.needs[index],
            replicas: draft.replicas[index],
            spare: draft.spare[index],
            batch: Some(draft.batch(index)).filter(|batch| *batch != pipeline.run.batch),
            on_error: step.on_error(),
            max_rejects: step.max_rejects,
            retries: step.retries.unwrap_or(RETRIES),
            grants: step.grants.clone(),
            stats: is_set(step.stats.as_ref()),
            stage: draft.step_stage[index],
            ports: std::mem::take(&mut ports[index]),
        }
    });
    let outputs = pipeline.outputs.iter().enumerate().map(|(index, output)| PlannedOutput {
        name: text(&output.name),
        path: text(&output.path),
        access: output.access.clone(),
        format: output.format.as_ref().map(text),
        compression: output.compression.as_ref().map(text),
        level: output.level,
        columns: output.columns.clone(),
        parts: output.parts,
        stats: is_set(output.stats.as_ref()),
        zip: zips.remove(&End::Output(index)),
        stage: draft.output_stage[index],
    });
    let edges = draft.edges.iter().zip(&draft.routes).map(|(edge, route)| Edge {
        from: draft.feed(edge),
        route: route.clone(),
        to: match edge.to {
            End::Output(_) => Reader::Output(draft.name(edge.to).to_owned()),
            End::Step(_) | End::Input(_) => Reader::Step(draft.name(edge.to).to_owned()),
        },
        port: edge.port.clone(),
        position: edge.position,
        transport: edge.transport,
    });
    Plan {
        name: pipeline.name.clone(),
        load: draft.load,
        seed: pipeline.run.seed,
        batch: pipeline.run.batch,
        max_rejects: pipeline.run.max_rejects.as_ref().map(|most| most.value),
        budget: draft.budget,
        instances: pipeline.run.instances,
        calls: pipeline.calls.clone(),
        inputs: inputs.collect(),
        steps: steps.collect(),
        outputs: outputs.collect(),
        stages: stages(draft),
        edges: edges.collect(),
        fingerprint: String::new(),
    }
}

fn is_set(key: Option<&Located<bool>>) -> bool {
    key.is_some_and(|key| key.value)
}

/// How the feeds of each zip are joined, by what reads them.
fn zips(draft: &Draft<'_>) -> HashMap<End, Zip> {
    let zip = |zip: &DraftZip| {
        let (from, door) = zip.fork;
        (zip.to, Zip { fork: Feed { door, ..Feed::node(draft.name(from)) }, how: zip.how.clone() })
    };
    draft.zips.iter().map(zip).collect()
}

fn stages(draft: &Draft<'_>) -> Vec<Stage> {
    let steps = draft.steps_of_stages();
    let reasons = boundary::reasons(draft, &steps);
    let mut stages: Vec<Stage> = (1..)
        .zip(steps)
        .zip(reasons)
        .map(|((index, steps), reason)| Stage {
            index,
            steps: steps.iter().map(|step| draft.step_name(*step).to_owned()).collect(),
            intakes: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            reason,
            // When the whole plan is there.
            predicted: Predicted::default(),
        })
        .collect();
    let mut put = |end: End, list: fn(&mut Stage) -> &mut Vec<String>| {
        let stage = draft.stage(end).checked_sub(1).and_then(|nth| stages.get_mut(nth));
        stage.into_iter().for_each(|stage| list(stage).push(draft.name(end).to_owned()));
    };
    for (input, is_intake) in draft.intake.iter().enumerate() {
        put(End::Input(input), if *is_intake { |stage| &mut stage.intakes } else { |stage| &mut stage.inputs });
    }
    (0..draft.output_stage.len()).for_each(|output| put(End::Output(output), |stage| &mut stage.outputs));
    stages
}

impl Plan {
    /// Plans `pipeline` with what `catalog` knows of its components, on `terms`; a [`Load`](crate::Load) alone stands for their defaults.
    ///
    /// # Errors
    /// Everything that is wrong, with its place.
    pub fn new(pipeline: &Pipeline, catalog: &Catalog, terms: impl Into<Terms>) -> Result<Self, Problems> {
        let mut findings = Findings::new(pipeline.source.clone());
        let plan = decide(pipeline, catalog, &terms.into(), &mut findings);
        let plan = findings.or(plan)?;
        let contradiction = plan.verify().err();
        debug_assert_eq!(contradiction, None);
        let mut findings = Findings::new(pipeline.source.clone());
        if let Some(why) = contradiction {
            // The pipeline or the catalog was made by hand.
            findings.add(&None, format!("the plan would contradict itself: {why}"));
        }
        findings.or(Some(plan))
    }
}

impl StepLimits {
    /// What the file sets, else the defaults of a step's kind.
    pub(crate) fn of(limits: &Limits, kind: Kind) -> Self {
        const SECOND: u64 = 1000;
        let time = if kind == Kind::Global { 3600 * SECOND } else { 60 * SECOND };
        Self {
            memory_bytes: limits.memory_bytes.unwrap_or(MEMORY_LIMIT),
            time_ms: limits.time_ms.unwrap_or(time),
            open_ms: limits.open_ms.unwrap_or(300 * SECOND),
            returned_bytes: limits.returned_bytes.unwrap_or(128 << 20),
            carried_bytes: limits.carried_bytes.unwrap_or(256 << 20),
            log_lines: limits.log_lines.unwrap_or(100_000),
            log_bytes: limits.log_bytes.unwrap_or(16 << 20),
            rows_per_row: limits.rows_per_row.unwrap_or(100_000),
            component_bytes: limits.component_bytes.unwrap_or(COMPONENT_BYTES),
        }
    }
}

/// The digest of a plan without its fingerprint, without where components lie (their own digests are in it), and without what
/// it is predicted to take.
pub(crate) fn fingerprint(plan: &Plan) -> String {
    let mut value = serde_json::to_value(plan).unwrap_or_default();
    if let Some(plan) = value.as_object_mut() {
        plan.remove("fingerprint");
        let steps = plan.get_mut("steps").and_then(Value::as_array_mut);
        for step in steps.into_iter().flatten().filter_map(Value::as_object_mut) {
            step.remove("origin");
            step.remove("need");
        }
        let stages = plan.get_mut("stages").and_then(Value::as_array_mut);
        for stage in stages.into_iter().flatten().filter_map(Value::as_object_mut) {
            stage.remove("predicted");
        }
    }
    // Keys in one order, whatever the order in which a pipeline writes its `config`.
    value.sort_all_objects();
    let digest = Sha256::digest(value.to_string().as_bytes());
    hex(&digest)
}
