//! The figures of a report, each with a name and labels: what Prometheus and collectors of OpenTelemetry are given.

use std::collections::BTreeMap;

use callboard_plan::Plan;
use callboard_runtime::{CallsReport, MovedReport, Report, StepCallsReport, StepReport};

/// Figures of one name.
pub(crate) struct Figure {
    /// Parts of a name are separated by dots, and its words by underscores. Neither the unit nor `total` is part of it.
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) unit: Unit,
    /// Whether it only grows.
    pub(crate) is_sum: bool,
    pub(crate) values: Vec<(Labels, f64)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    None,
    Bytes,
    Seconds,
}

pub(crate) type Labels = Vec<(&'static str, String)>;

/// Step, label and figure of a report's figure for each step.
fn labelled(name: &'static str, value: &str) -> Labels {
    vec![(name, value.to_owned())]
}

fn sum(name: &'static str, help: &'static str, values: Vec<(Labels, f64)>) -> Figure {
    Figure { name, help, unit: Unit::None, is_sum: true, values }
}

fn gauge(name: &'static str, help: &'static str, values: Vec<(Labels, f64)>) -> Figure {
    Figure { name, help, unit: Unit::None, is_sum: false, values }
}

/// All figures of a run so far, but those that it has no values of.
pub(crate) fn figures(report: &Report, plan: Option<&Plan>) -> Vec<Figure> {
    let mut figures = of_rows(report);
    figures.extend(of_memory(report));
    figures.extend(of_stages(report, plan));
    figures.extend(of_calls(report));
    figures.retain(|figure| !figure.values.is_empty());
    figures
}

fn of_rows(report: &Report) -> Vec<Figure> {
    let steps = || report.stages.iter().flat_map(|stage| &stage.steps);
    let moving = || report.unfinished.iter().flat_map(|stage| &stage.steps);
    let of = |ended: fn(&StepReport) -> u64, now: fn(&MovedReport) -> u64| {
        let now = moving().map(|(name, moved)| (name.as_str(), now(moved)));
        let ended = steps().map(|step| (step.name.as_str(), ended(step)));
        let all: BTreeMap<&str, u64> = now.chain(ended).collect();
        all.into_iter().map(|(name, figure)| (labelled("step", name), figure as f64)).collect()
    };
    let called = steps().map(|step| (labelled("step", &step.name), step.guest_ms / 1e3)).collect();
    let inputs = report.inputs.iter();
    let outputs = report.outputs.iter();
    vec![
        sum(
            "callboard.input.rows",
            "Rows read of an input",
            inputs.map(|(name, input)| (labelled("input", name), input.rows as f64)).collect(),
        ),
        sum("callboard.step.rows_in", "Rows that a step was given", of(|step| step.rows_in, |now| now.rows_in)),
        sum("callboard.step.rows_out", "Rows that a step put out", of(|step| step.rows_out, |now| now.rows_out)),
        sum(
            "callboard.step.rows_dropped",
            "Rows that a step dropped; of a global step, once its stage has ended",
            of(|step| step.rows_dropped, |now| now.rows_dropped),
        ),
        sum(
            "callboard.step.rows_rejected",
            "Rows that a step rejected; of a global step, once its stage has ended",
            of(|step| step.rows_rejected, |now| now.rows_rejected),
        ),
        sum("callboard.step.batches", "Batches of a step", of(|step| step.batches, |now| now.batches)),
        Figure {
            unit: Unit::Seconds,
            ..sum(
                "callboard.step.calls",
                "Time in calls of a step, over its instances, once its stage has ended",
                called,
            )
        },
        sum(
            "callboard.output.rows",
            "Rows of an output, once it is in its place",
            outputs.map(|(name, output)| (labelled("output", name), output.rows as f64)).collect(),
        ),
    ]
}

fn of_memory(report: &Report) -> Vec<Figure> {
    let now = report.unfinished.as_ref().and_then(|stage| stage.curve.last());
    let kinds =
        |now: &callboard_runtime::Moment| [("steps", now.linear), ("rows", now.in_flight), ("process", now.resident)];
    let now = now.into_iter().flat_map(kinds).map(|(kind, bytes)| (labelled("of", kind), bytes as f64)).collect();
    let alone = |bytes: Option<u64>| bytes.map(|bytes| (Vec::new(), bytes as f64)).into_iter().collect();
    let bytes = |figure: Figure| Figure { unit: Unit::Bytes, ..figure };
    vec![
        bytes(gauge(
            "callboard.memory",
            "Memory now: linear memory of steps, rows in flight, and the process without files",
            now,
        )),
        bytes(gauge("callboard.memory.budget", "The most memory that a stage is to take", alone(report.budget_bytes))),
        bytes(gauge(
            "callboard.memory.peak",
            "The most memory of the process that was resident",
            alone(Some(report.peak_resident_bytes)),
        )),
    ]
}

fn of_stages(report: &Report, plan: Option<&Plan>) -> Vec<Figure> {
    let alone = |value: Option<f64>| value.map(|value| (Vec::new(), value)).into_iter().collect();
    let stages = plan.map(|plan| plan.stages().len() as f64);
    let stage = report.unfinished.as_ref().map(|stage| stage.stage as f64);
    vec![
        gauge("callboard.stages", "Stages of the plan", alone(stages)),
        gauge("callboard.stages.ended", "Stages that have ended", alone(Some(report.stages.len() as f64))),
        gauge("callboard.stage", "The stage that is being carried out, from 1", alone(stage)),
        gauge("callboard.resumed", "How often the run was resumed", alone(Some(f64::from(report.resumed)))),
        Figure {
            unit: Unit::Seconds,
            ..gauge("callboard.run.time", "Time since this process began the run", alone(Some(report.wall_ms / 1e3)))
        },
    ]
}

fn of_calls(report: &Report) -> Vec<Figure> {
    let servers = |of: &dyn Fn(&CallsReport) -> f64| -> Vec<(Labels, f64)> {
        report.calls.iter().map(|(server, calls)| (labelled("server", server), of(calls))).collect()
    };
    let steps = |of: fn(&StepCallsReport) -> f64| servers(&|calls| calls.steps.values().map(of).sum());
    let directions =
        [("input", steps(|step| step.input_tokens as f64)), ("output", steps(|step| step.output_tokens as f64))];
    let tokens = directions.into_iter().flat_map(|(direction, values)| {
        values.into_iter().map(move |(mut labels, value)| {
            labels.push(("direction", direction.to_owned()));
            (labels, value)
        })
    });
    vec![
        sum("callboard.server.requests", "Requests that were sent to a server", servers(&|calls| calls.sent as f64)),
        sum("callboard.server.replies", "Replies of a server", steps(|step| step.replies as f64)),
        sum("callboard.server.failed", "Requests that failed after all repetitions", steps(|step| step.failed as f64)),
        sum("callboard.server.tokens", "Tokens to and from a server", tokens.collect()),
        sum(
            "callboard.server.cost",
            "The cost of a server's replies, in the unit of its price",
            steps(|step| step.cost),
        ),
    ]
}
