//! The report is made: of what stages cost, and of what was measured of the run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use callboard_io::Committed;
use callboard_plan::Stage;

use super::accounts::{accounted, ms};
use super::calls::calls_of;
use super::report::{ErrorReport, InputReport, OutputReport, RejectsReport, Report};
use crate::curves::Seen;
use crate::error::{Class, RunError};
use crate::prepare::Prepared;
use crate::residence::Residence;
use crate::store::records::{StageCost, Status, Tally};

/// Times and memory from the moment a run begins.
pub(crate) struct Clock {
    began: Instant,
    residence: Residence,
}

impl Clock {
    pub(crate) fn begin(seen: &Arc<Seen>) -> Clock {
        Clock { began: Instant::now(), residence: Residence::watch(seen.clone()) }
    }
}

/// What was measured of a run.
pub(crate) struct Measured {
    began: Instant,
    wall: Duration,
    peak_resident: u64,
    peak_anonymous: u64,
    pub(crate) first_call: Option<Instant>,
    pub(crate) peak_linear_memory: u64,
}

impl Measured {
    /// Until now, without a call or an instance.
    pub(crate) fn of(clock: &Clock) -> Measured {
        Measured {
            began: clock.began,
            wall: clock.began.elapsed(),
            peak_resident: clock.residence.peak(),
            peak_anonymous: clock.residence.anonymous_peak(),
            first_call: None,
            peak_linear_memory: 0,
        }
    }
}

impl Report {
    pub(crate) fn of(
        run: &Prepared,
        costs: &[(Stage, StageCost)],
        outcome: Result<BTreeMap<String, Committed>, RunError>,
        measured: &Measured,
    ) -> Report {
        let Measured { began, wall, first_call, .. } = *measured;
        let began_at = (SystemTime::now() - wall).duration_since(SystemTime::UNIX_EPOCH);
        let read = |name: &str| costs.iter().find_map(|(_, cost)| cost.rows_read.get(name)).copied().unwrap_or(0);
        let unread = |name: &str| costs.iter().find_map(|(_, cost)| cost.unread.get(name)).cloned().unwrap_or_default();
        let inputs = run.plan.inputs().iter().map(|input| {
            let Tally { rejected, .. } = unread(&input.name);
            let (rows, bytes) = (read(&input.name), run.input(&input.name).bytes);
            let stats = costs.iter().find_map(|(_, cost)| cost.stats.get(&input.name)).cloned();
            (input.name.clone(), InputReport { rows, rows_rejected: rejected.values().sum(), rejected, bytes, stats })
        });
        let inputs: BTreeMap<_, _> = inputs.collect();
        let stages = accounted(run, costs);
        let rejected = stages.iter().flat_map(|stage| &stage.steps).map(|step| step.rows_rejected);
        let rejected = rejected.chain(inputs.values().map(|input| input.rows_rejected)).sum();
        let (outputs, failure) = match outcome {
            Ok(outputs) => (outputs, None),
            Err(failure) => (BTreeMap::new(), Some(failure)),
        };
        let outputs = outputs.into_iter().map(|(name, Committed { rows, bytes, path, files })| {
            let stats = costs.iter().find_map(|(_, cost)| cost.output_stats.get(&name)).cloned();
            (name, OutputReport { rows, bytes, path: path.display().to_string(), files, stats })
        });
        Report {
            status: match &failure {
                None => Status::Finished,
                Some(error) if error.class == Class::Interrupted => Status::Interrupted,
                Some(error) if error.class == Class::Waiting => Status::Waiting,
                Some(_) => Status::Failed,
            },
            name: run.plan.name().to_owned(),
            load: run.plan.load(),
            plan: run.plan.fingerprint().to_owned(),
            run_folder: run.folder().display().to_string(),
            began_at: began_at.unwrap_or_default().as_secs_f64(),
            first_batch_ms: first_call.map(|first| ms(first.saturating_duration_since(began))),
            wall_ms: ms(wall),
            budget_bytes: run.plan.budget(),
            peak_linear_memory_bytes: measured.peak_linear_memory,
            peak_resident_bytes: measured.peak_resident,
            peak_anonymous_bytes: measured.peak_anonymous,
            inputs,
            outputs: outputs.collect(),
            rejects: RejectsReport { rows: rejected, path: run.folder().join("rejects.jsonl").display().to_string() },
            calls: calls_of(&run.calls),
            stages,
            unfinished: None,
            profile: None,
            resumed: run.past.attempts,
            resumable: false,
            notes: run.past.notes.iter().chain(run.notes()).cloned().chain(ungathered(run, costs)).collect(),
            error: failure
                .as_ref()
                .map(|e| ErrorReport { message: e.to_string(), help: e.help.as_ref().map(ToString::to_string) }),
            failure,
        }
    }
}

/// What of the stages that ended was to have figures, and has none.
fn ungathered(run: &Prepared, costs: &[(Stage, StageCost)]) -> Option<String> {
    let plan = &run.plan;
    let mut names = Vec::new();
    for (stage, cost) in costs.iter().filter(|_| !run.tries) {
        let inputs =
            plan.inputs().iter().filter(|input| input.stats && input.stage == stage.index).map(|input| &input.name);
        let steps = plan.steps().iter().filter(|step| step.stats && step.stage == stage.index).map(|step| &step.name);
        names.extend(inputs.chain(steps).filter(|name| !cost.stats.contains_key(*name)));
        let outputs = plan.outputs().iter().filter(|output| output.stats && output.stage == stage.index);
        names.extend(outputs.map(|output| &output.name).filter(|name| !cost.output_stats.contains_key(*name)));
    }
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    let note = || format!("no figures of columns were gathered of {}: tasks do not gather them", names.join(", "));
    (!names.is_empty()).then(note)
}
