//! The files of a run's output, as an input of their own.

use std::str::FromStr;

use callboard_io::{Format, InputSpec, Stop};

use super::Looking;
use super::replay::Opened;
use crate::error::{Class, RunError};
use crate::prepare::input::access;
use crate::tell::report::Status;
use crate::tell::runs::run_report;

/// The files of an output of this name, if no input or step has the name; they are read as they are now.
pub(super) fn files(opened: &Opened<'_>, looking: &Looking, name: &str) -> Result<Option<InputSpec>, RunError> {
    let plan = &opened.plan;
    let Some(output) = plan.output(name).filter(|_| plan.step(name).is_none() && plan.input(name).is_none()) else {
        return Ok(None);
    };
    let report = run_report(&looking.run).filter(|report| report.status == Status::Finished);
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
