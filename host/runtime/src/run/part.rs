//! A part of a stage, carried out alone: what a task does.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use callboard_plan::{Feed, Stage};
use tokio_util::sync::CancellationToken;

use super::execute::{SETTLING, open_replies};
use super::teller::Teller;
use super::watch::Watch;
use crate::error::RunError;
use crate::global::Shared;
use crate::prepare::Prepared;
use crate::stage::boundary::BetweenStages;
use crate::stage::kept::Kept;
use crate::stage::live::Live;
use crate::store::records::{Header, StageEnded};
use crate::store::{Quota, Spill};

/// Carries out a part of a stage, in the folder of `prepared`, which is new. `spills` are the rows that the part reads of others. What it
/// leaves stays there, outputs too. If the part is one step, it may do no more of it than is `shared` out to it; if its rows are a slice, others
/// have the rest of its outputs. What it does of the steps in `work` is logged.
pub(crate) fn carry_out_part(
    prepared: &Prepared,
    part: &Stage,
    (shared, is_slice): (Option<Shared>, bool),
    spills: HashMap<Feed, Arc<Spill>>,
    work: BTreeMap<String, Header>,
) -> Result<StageEnded, RunError> {
    let stop = CancellationToken::new();
    let quota = Arc::new(Quota::new(prepared.settings.max_spill));
    let _watch = Watch::begin(prepared.settings.cancel.clone(), stop.clone())?;
    let kept = Kept::part(prepared, work, &quota)?;
    open_replies(prepared)?;
    let live = Live::new(prepared, stop, quota, kept).of_part(part.clone(), shared, is_slice);
    let teller = Teller::begin(prepared, live.asked.clone())?;
    let ended = live.end(part, &mut BetweenStages { spills }, None, None);
    drop(teller);
    // What was sent is paid for.
    prepared.calls.settle(SETTLING);
    let mut ended = ended.map_err(|error| error.in_stage(part.index))?;
    // What cannot be kept is found out again.
    let _ = prepared.keep_needs(&live.memory, &|step| part.steps.contains(&step.name));
    ended.cost.curve = Vec::new();
    Ok(ended)
}
