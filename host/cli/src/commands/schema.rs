//! `callboard schema`: the JSON Schema of pipeline files.

use std::process::ExitCode;

use crate::exit::Failure;
use crate::show::print;

pub(crate) fn schema() -> Result<ExitCode, Failure> {
    print(&serde_json::to_string_pretty(&callboard_plan::schema()).expect("a schema is JSON"))
}
