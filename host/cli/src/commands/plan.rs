//! `callboard plan`: the stages of a pipeline, for a person or a program.

use std::process::ExitCode;

use crate::arguments::{PlanArguments, PlanFormat};
use crate::exit::Failure;
use crate::pipeline::planned;
use crate::show::print;

pub(crate) fn plan(arguments: &PlanArguments) -> Result<ExitCode, Failure> {
    let plan = planned(&arguments.pipeline, arguments.load.into())?.plan;
    print(&match arguments.format {
        PlanFormat::Text => callboard_plan::explain(&plan),
        PlanFormat::Json => serde_json::to_string_pretty(&plan).expect("a plan is JSON"),
        PlanFormat::Mermaid => callboard_plan::mermaid(&plan),
    })
}
