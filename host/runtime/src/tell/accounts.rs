//! The accounts of every step: rows in and out, and whether they add up.

use std::collections::BTreeMap;
use std::time::Duration;

use callboard_plan::{Door, Feed, Stage};

use super::report::{StageReport, StepReport};
use crate::error::{Class, RunError};
use crate::prepare::Prepared;
use crate::store::records::{Routed, StageCost, StepCounts};

fn stage_report(run: &Prepared, stage: &Stage, cost: &StageCost) -> StageReport {
    let StageCost {
        intake,
        load,
        run: ran,
        unload,
        spilled,
        peak,
        held,
        rows,
        waits,
        steps,
        rows_read: _,
        unread: _,
        routed: _,
    } = cost;
    StageReport {
        index: stage.index,
        before: run.past.stages.contains_key(&stage.index),
        intake_ms: ms(*intake),
        load_ms: ms(*load),
        run_ms: ms(*ran),
        unload_ms: ms(*unload),
        peak_linear_memory_bytes: *peak,
        predicted_peak_bytes: stage.predicted.total_bytes(),
        counted_peak_bytes: held + stage.predicted.host_bytes,
        peak_rows_bytes: *rows,
        reader_waits: *waits,
        spilled_bytes: *spilled,
        steps: stage.steps.iter().map(|name| step_report(run, name, &steps[name])).collect(),
    }
}

fn step_report(run: &Prepared, name: &str, counts: &StepCounts) -> StepReport {
    let step = run.step(name);
    let StepCounts {
        rows_in,
        rows_out,
        kept_once: _,
        repeated,
        created,
        batches,
        tally,
        busy,
        counters,
        reused,
        again,
        peak,
    } = counts;
    let (dropped, rejected) = (tally.dropped(), tally.rejected());
    StepReport {
        name: name.to_owned(),
        uses: step.uses.clone(),
        kind: step.kind,
        instances: step.replicas,
        rows_in: *rows_in,
        rows_out: *rows_out,
        rows_dropped: dropped,
        rows_rejected: rejected,
        rows_elsewhere: 0,
        rows_repeated: *repeated,
        rows_created: *created,
        batches: *batches,
        guest_ms: ms(*busy),
        rows_reused: *reused,
        rows_again: *again,
        peak_linear_memory_bytes: *peak,
        memory_limit_bytes: step.limits.memory_bytes,
        counters: counters.clone(),
        dropped: tally.dropped.clone(),
        rejected: tally.rejected.clone(),
        adds_up: counts.are_plausible(),
    }
}

/// Holds the accounts of every step against each other.
///
/// # Errors
///
/// The first step whose accounts do not add up: a fault of ours, and no output is put in its place.
pub(crate) fn check_accounts(run: &Prepared, costs: &[(Stage, StageCost)]) -> Result<(), RunError> {
    match accounted(run, costs).iter().flat_map(|stage| &stage.steps).find(|step| !step.adds_up) {
        None => Ok(()),
        Some(step) => {
            let StepReport { name, rows_in, rows_out, rows_dropped, rows_rejected, .. } = step;
            let message = format!(
                "the accounts of the step do not add up: {rows_in} rows in, {rows_out} out, {rows_dropped} dropped, \
                 {rows_rejected} rejected"
            );
            Err(match run.past.stages.is_empty() {
                true => RunError::new(Class::Bug, message),
                // What an earlier process wrote down has no seal.
                false => RunError::new(Class::System, message)
                    .help("the run's journal is wrong about earlier stages: run the pipeline again"),
            }
            .in_step(name))
        }
    }
}

/// The stages that ended, their accounts settled.
pub(super) fn accounted(run: &Prepared, costs: &[(Stage, StageCost)]) -> Vec<StageReport> {
    let read = |name: &str| costs.iter().find_map(|(_, cost)| cost.rows_read.get(name)).copied().unwrap_or(0);
    let mut stages: Vec<StageReport> = costs.iter().map(|(stage, cost)| stage_report(run, stage, cost)).collect();
    let routed = costs.iter().flat_map(|(_, cost)| cost.routed.clone()).collect();
    settle_accounts(run, &mut stages, read, &routed);
    stages
}

/// Holds what each step was given against what the nodes before it put out, which were counted apart.
fn settle_accounts(
    run: &Prepared,
    stages: &mut [StageReport],
    read: impl Fn(&str) -> u64,
    routed: &BTreeMap<Feed, Routed>,
) {
    let mut put_out: BTreeMap<Feed, u64> = BTreeMap::new();
    for StepReport { name, rows_out, rows_dropped, rows_rejected, .. } in stages.iter().flat_map(|stage| &stage.steps) {
        put_out.insert(Feed::node(name), *rows_out);
        put_out.insert(Feed::door(name, Door::Dropped), *rows_dropped);
        put_out.insert(Feed::door(name, Door::Rejected), *rows_rejected);
    }
    for step in stages.iter_mut().flat_map(|stage| &mut stage.steps) {
        // The rows of its first input: what is in the others is not put out.
        let feeds = run.step(&step.name).ports.first().map(|port| run.plan.edges_into_port(&step.name, port));
        let given = |feed: &Feed| put_out.get(feed).copied().unwrap_or_else(|| read(&feed.node));
        let feeds: Vec<&Feed> = feeds.into_iter().flatten().map(|edge| &edge.from).collect();
        let routed = feeds.iter().filter(|feed| feed.branch.is_some()).map(|feed| (*feed, routed.get(feed).copied()));
        for (feed, routed) in routed {
            // Every row that was there took this way or went elsewhere.
            let Routed { taken, elsewhere } = routed.unwrap_or_default();
            step.rows_elsewhere += elsewhere;
            step.adds_up &= taken.checked_add(elsewhere) == Some(given(&feed.whole()));
        }
        let given: u64 = feeds.iter().map(|feed| given(&feed.whole())).fold(0, u64::saturating_add);
        step.adds_up &= step.rows_in.checked_add(step.rows_elsewhere) == Some(given);
    }
}

pub(super) fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
