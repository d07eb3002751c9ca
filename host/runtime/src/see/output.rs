//! The files of a run's output, as an input of their own.

use std::str::FromStr;

use callboard_io::{Dataset, Format, InputSpec, Mark, Position, Stop, Stretch};

use super::Looking;
use super::replay::Opened;
use crate::error::{Class, RunError};
use crate::prepare::input::access;
use crate::store::positions;
use crate::tell::report::Status;
use crate::tell::runs::run_report;

/// The files of an output of this name, if no input or step has the name; they are read as they are now.
pub(super) fn files(opened: &Opened<'_>, looking: &Looking, name: &str) -> Result<Option<InputSpec>, RunError> {
    let plan = &opened.plan;
    let Some(output) = plan.output(name).filter(|_| plan.step(name).is_none() && plan.input(name).is_none()) else {
        return Ok(None);
    };
    let report = run_report(looking.folder()?).filter(|report| report.status == Status::Finished);
    let Some(written) = report.as_ref().and_then(|report| report.outputs.get(name)) else {
        let message = format!("output `{name}` is not in its place: the run has not finished");
        let from: Vec<String> = plan.edges_into_output(name).map(|edge| edge.from.whole().to_string()).collect();
        return Err(RunError::new(Class::Pipeline, message).help(format!("its rows come from: {}", from.join(", "))));
    };
    let paths = match written.files {
        None => vec![output.path.clone()],
        // Its manifest, which an input reads as all files that it names.
        Some(_) => vec![written.path.clone()],
    };
    let cancel = looking.cancel.clone();
    Ok(Some(InputSpec {
        name: name.to_owned(),
        base: opened.recorded.base.clone(),
        paths,
        format: output.format.as_deref().map(Format::from_str).transpose()?,
        access: access(&output.access),
        stop: Stop::when(move || cancel.is_cancelled()),
        ..InputSpec::default()
    }))
}

/// Where rows of an output that is one file of lines begin, as the run noted it while it wrote them; `None` if that is not known, or not
/// of the file that is there.
pub(super) fn stretches(opened: &Opened<'_>, looking: &Looking, name: &str) -> Option<Vec<Stretch>> {
    let report = run_report(looking.folder().ok()?)?;
    let written = report.outputs.get(name).filter(|written| written.files.is_none())?;
    let spec = files(opened, looking, name).ok()??;
    let dataset = Dataset::open(&spec).ok()?;
    let is_lines = dataset.format() == Format::Jsonl && dataset.are_parted() == [true];
    let noted =
        positions::noted(looking.folder().ok()?, name).filter(|_| is_lines && dataset.bytes() == written.bytes)?;
    let (mut stretches, mut from) = (Vec::with_capacity(noted.len() + 1), Position { rows: 0, bytes: 0, digest: 0 });
    let end = Position { rows: written.rows, bytes: written.bytes, digest: 0 };
    for position in noted.into_iter().chain([end]) {
        let rows = position.rows.checked_sub(from.rows)?;
        if rows > 0 {
            let from = Mark { file: 0, at: from.bytes, before: from.rows };
            stretches.push(Stretch { from, skip: 0, rows });
        }
        from = position;
    }
    Some(stretches)
}
