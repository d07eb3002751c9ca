//! The tasks that a run is cut into, in figures: what would run where.

use std::collections::BTreeSet;
use std::path::Path;

use callboard_io::Format;
use callboard_plan::{Cut, Group, Plan, PlannedOutput};
use callboard_words::template::Template;
use serde::Serialize;

use crate::error::RunError;
use crate::store::folder;
use crate::store::records::Together;

/// The tasks that a run is cut into.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct TasksReport {
    /// The most slices of a group.
    pub slices: u32,
    /// In an order in which each comes after those whose rows it reads.
    pub groups: Vec<GroupReport>,
}

/// Tasks of one kind: the same nodes, each with its slice of the rows.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct GroupReport {
    /// From 1: its tasks are `GROUP.0000` and so on.
    pub group: u32,
    /// The stage that its nodes are of, from 1.
    pub stage: usize,
    /// The groups that have to end before.
    pub after: BTreeSet<u32>,
    /// How many tasks there are.
    pub tasks: u32,
    /// What each takes of the rows: `all` of them, some `files`, some `parts of files`, some `batches`, or some `keys`.
    pub takes: &'static str,
    /// Which phase it is of a step that is shared out by key: its rows are cut into parts (`scatter`), it is called with parts (`parts`), or the
    /// results are put together (`merge`). Null of anything else.
    pub phase: Option<&'static str>,
    /// The inputs that are read.
    pub inputs: Vec<String>,
    /// The steps.
    pub steps: Vec<String>,
    /// The outputs that are written.
    pub outputs: Vec<String>,
    /// The cores that a task can use: the most instances of a step.
    pub cores: u32,
    /// What the stage is predicted to take at its peak, of which a task has a part, bytes.
    pub memory_bytes: u64,
}

impl TasksReport {
    pub(crate) fn of(groups: &[Group], plan: &Plan) -> TasksReport {
        let slices = groups.iter().map(Group::slices).max().unwrap_or(1);
        TasksReport { slices, groups: groups.iter().map(|group| GroupReport::of(group, plan)).collect() }
    }
}

/// The steps of a run whose rows were brought together by key, as their components declared it.
///
/// # Errors
///
/// What the run's folder has of it is damaged, or cannot be read.
pub fn keyed_steps(run_folder: &Path) -> Result<BTreeSet<String>, RunError> {
    let declared = folder::declarations(&folder::open(run_folder)?)?;
    let steps = declared.into_iter().flat_map(|declared| declared.steps);
    Ok(steps.filter(|(_, declaration)| declaration.together != Together::All).map(|(name, _)| name).collect())
}

/// The outputs whose bytes are those of their slices, one after another: files of lines, not compressed.
pub fn appended_outputs(plan: &Plan) -> BTreeSet<String> {
    let is_appended = |output: &&PlannedOutput| {
        let format = output.format.as_deref().map(str::parse::<Format>).transpose();
        let is_one_file = Template::of(&output.path).is_none() && !output.is_standard_output();
        is_one_file && format.is_ok_and(|format| Format::can_be_appended(Path::new(&output.path), format))
    };
    plan.outputs().iter().filter(is_appended).map(|output| output.name.clone()).collect()
}

impl GroupReport {
    pub(crate) fn of(group: &Group, plan: &Plan) -> GroupReport {
        let stage = plan.stages().iter().find(|stage| stage.index == group.stage);
        let replicas = group.steps.iter().filter_map(|step| plan.step(step)).map(|step| step.replicas);
        GroupReport {
            group: group.index,
            stage: group.stage,
            after: group.after.clone(),
            tasks: group.slices(),
            takes: match &group.cut {
                Cut::Whole | Cut::Merge => "all",
                Cut::Files(slices) if slices.iter().any(|slice| slice.start.byte > 0) => "parts of files",
                Cut::Files(_) => "files",
                Cut::Rows { .. } | Cut::Scatter(_) => "batches",
                Cut::Parts(_) => "keys",
            },
            phase: match group.cut {
                Cut::Scatter(_) => Some("scatter"),
                Cut::Parts(_) => Some("parts"),
                Cut::Merge => Some("merge"),
                _ => None,
            },
            inputs: group.intakes.iter().chain(&group.inputs).cloned().collect(),
            steps: group.steps.clone(),
            outputs: group.outputs.clone(),
            cores: replicas.max().unwrap_or(1),
            memory_bytes: stage.map_or(0, |stage| stage.predicted.total_bytes()),
        }
    }
}
