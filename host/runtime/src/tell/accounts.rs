//! The accounts of every step: rows in and out, and whether they add up.

use std::collections::BTreeMap;
use std::time::Duration;

use callboard_plan::{Door, Feed, Reader, Stage};

use super::report::{StageReport, StepReport, ZippedReport};
use crate::error::{Class, RunError};
use crate::prepare::Prepared;
use crate::store::records::{Joined, Routed, StageCost, StepCounts};

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
        curve,
        steps: _,
        rows_read: _,
        unread: _,
        routed: _,
        ..
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
        curve: curve.clone(),
        steps: stage.steps.iter().map(|name| step_report(run, name, cost)).collect(),
    }
}

fn step_report(run: &Prepared, name: &str, cost: &StageCost) -> StepReport {
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
    } = &cost.steps[name];
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
        zipped: BTreeMap::new(),
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
        adds_up: cost.steps[name].are_plausible(),
        stats: cost.stats.get(name).cloned(),
    }
}

/// Holds the accounts of every step against each other.
///
/// # Errors
///
/// The first step whose accounts do not add up: a fault of ours, and no output is put in its place.
pub(crate) fn check_accounts(run: &Prepared, costs: &[(Stage, StageCost)]) -> Result<(), RunError> {
    let stages = accounted(run, costs);
    if let Some(output) = wrong_output(run, costs, &stages) {
        let message = "the accounts of the zip that it reads do not add up";
        return Err(RunError::new(Class::Bug, message).in_output(&output));
    }
    match stages.iter().flat_map(|stage| &stage.steps).find(|step| !step.adds_up) {
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
    let zipped = costs.iter().flat_map(|(_, cost)| &cost.zipped_for_steps);
    let zipped = zipped.map(|(step, joined)| (step.as_str(), &joined[..])).collect();
    settle_accounts(run, &mut stages, read, &routed, &zipped);
    stages
}

/// What each step and each of its doors put out, and what was read of an input.
fn put_out<'a>(stages: &[StageReport], read: impl Fn(&str) -> u64 + 'a) -> impl Fn(&Feed) -> u64 + 'a {
    let mut put_out: BTreeMap<Feed, u64> = BTreeMap::new();
    for StepReport { name, rows_out, rows_dropped, rows_rejected, .. } in stages.iter().flat_map(|stage| &stage.steps) {
        put_out.insert(Feed::node(name), *rows_out);
        put_out.insert(Feed::door(name, Door::Dropped), *rows_dropped);
        put_out.insert(Feed::door(name, Door::Rejected), *rows_rejected);
    }
    move |feed| put_out.get(feed).copied().unwrap_or_else(|| read(&feed.node))
}

/// Whether every row of each branch is in a zip, and all branches have as many zipped rows: `zipped` if it is known.
fn zip_adds_up(
    feeds: &[&Feed],
    joined: &[Joined],
    zipped: Option<u64>,
    given: impl Fn(&Feed) -> u64,
    routed: &BTreeMap<Feed, Routed>,
) -> bool {
    let rows = |feed: &Feed| match routed.get(feed) {
        Some(routed) if feed.branch.is_some() => routed.taken,
        _ => given(&feed.whole()),
    };
    let zipped = zipped.or_else(|| joined.first()?.zipped());
    let fits = |(feed, joined): (&&Feed, &Joined)| joined.rows == rows(feed) && joined.zipped() == zipped;
    joined.len() == feeds.len() && feeds.iter().zip(joined).all(fits)
}

/// The first output that reads a zip whose accounts do not add up.
fn wrong_output(run: &Prepared, costs: &[(Stage, StageCost)], stages: &[StageReport]) -> Option<String> {
    let read = |name: &str| costs.iter().find_map(|(_, cost)| cost.rows_read.get(name)).copied().unwrap_or(0);
    let given = put_out(stages, read);
    let routed: BTreeMap<Feed, Routed> = costs.iter().flat_map(|(_, cost)| cost.routed.clone()).collect();
    let of_zips = run.plan.outputs().iter().filter(|output| output.zip.is_some());
    let mut of_zips = of_zips.filter(|output| costs.iter().any(|(stage, _)| stage.index == output.stage));
    let wrong = of_zips.find(|output| {
        let joined = costs.iter().find_map(|(_, cost)| cost.zipped_for_outputs.get(&output.name));
        let feeds: Vec<&Feed> = run.plan.edges_into_output(&output.name).map(|edge| &edge.from).collect();
        !zip_adds_up(&feeds, joined.map_or(&[], Vec::as_slice), None, &given, &routed)
    });
    wrong.map(|output| output.name.clone())
}

/// Holds what each step was given against what the nodes before it put out, which were counted apart.
fn settle_accounts(
    run: &Prepared,
    stages: &mut [StageReport],
    read: impl Fn(&str) -> u64,
    routed: &BTreeMap<Feed, Routed>,
    zipped: &BTreeMap<&str, &[Joined]>,
) {
    let given = put_out(stages, read);
    let all_routed = routed;
    for step in stages.iter_mut().flat_map(|stage| &mut stage.steps) {
        // The rows of its first input: what is in the others is not put out.
        let feeds = run.step(&step.name).ports.first().map(|port| run.plan.edges_into_port(&step.name, port));
        let feeds: Vec<&Feed> = feeds.into_iter().flatten().map(|edge| &edge.from).collect();
        let routed = feeds.iter().filter(|feed| feed.branch.is_some()).map(|feed| (*feed, routed.get(feed).copied()));
        for (feed, routed) in routed {
            // Every row that was there took this way or went elsewhere.
            let Routed { taken, elsewhere } = routed.unwrap_or_default();
            step.rows_elsewhere += elsewhere;
            step.adds_up &= taken.checked_add(elsewhere) == Some(given(&feed.whole()));
        }
        if let Some(zip) = run.plan.zip_of(&Reader::Step(step.name.clone())) {
            let joined = zipped.get(step.name.as_str()).copied().unwrap_or_default();
            step.adds_up &= zip_adds_up(&feeds, joined, Some(step.rows_in), &given, all_routed);
            let of = |(name, joined): (&String, &Joined)| {
                (name.clone(), ZippedReport { rows: joined.rows, absent: joined.absent })
            };
            step.zipped = zip.how.names.iter().zip(joined).map(of).collect();
            continue;
        }
        let given: u64 = feeds.iter().map(|feed| given(&feed.whole())).fold(0, u64::saturating_add);
        step.adds_up &= step.rows_in.checked_add(step.rows_elsewhere) == Some(given);
    }
}

pub(super) fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
