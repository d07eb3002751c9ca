//! A step, driven: from some rows to many batches of them, cut and mixed in all ways that a run might.
//!
//! What is demanded is the contract's: a row comes to the same whatever stands beside it in its batch, whichever instance it meets, and
//! however often it comes; a global step does the same on the same rows however they are cut; a source goes on from each of its cursors.

mod global;
mod mix;
mod source;
mod transform;

use arrow::array::RecordBatch;
use callboard_plan::Kind;
use callboard_runtime::{CallError, Failed};

use crate::{Finding, Result, Trial};

pub(crate) use global::{exercise as exercise_global, varied as varied_global};
pub(crate) use source::exercise as exercise_source;
pub(crate) use transform::exercise as exercise_transform;

/// Calls that a step is driven over.
pub(crate) const BATCHES: usize = 300;

/// What the finding about memory is of.
pub const MEMORY: &str = "memory";

/// Drives the step over batches made of these rows, one batch an input.
///
/// # Errors
///
/// What is not the step's doing: an interruption, a full disk.
pub fn drive(trial: &Trial, rows: &[RecordBatch]) -> Result<Vec<Finding>> {
    let probe = &trial.probe;
    let schemas: Vec<_> = rows.iter().map(RecordBatch::schema).collect();
    let declaration = crate::pipe::declare(trial, &schemas)?;
    match probe.kind() {
        Kind::Transform => {
            let (mut findings, pool) = transform::varied(probe, &declaration, &rows[0])?;
            findings.extend(exercise_transform(probe, &declaration, &pool)?);
            Ok(findings)
        }
        Kind::Global => {
            let mut findings = varied_global(probe, &declaration, rows)?;
            findings.extend(exercise_global(probe, &declaration, rows)?);
            Ok(findings)
        }
        Kind::Source => exercise_source(probe, &declaration),
    }
}

/// What a call said, where that is an answer: an error of the contract ends a run, but breaks nothing. Otherwise what was wrong.
///
/// # Errors
///
/// What is not the step's doing.
pub(crate) fn answer(error: CallError) -> Result<Result<String, String>> {
    match error.how {
        Failed::Host => Err(error.error),
        Failed::Config | Failed::Input | Failed::Transient => {
            Ok(Ok(format!("it answers with an error, which ends a run: {}", error.error.message)))
        }
        // What a language throws arrives as `failed`.
        Failed::Failed | Failed::Trap | Failed::Contract | Failed::Limit => Ok(Err(error.error.message)),
    }
}
