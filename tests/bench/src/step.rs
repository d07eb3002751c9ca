//! One component in this process, by the host's own way of calling it.

use std::path::Path;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use callboard_runtime::{CompileCommand, Opened, Probe, RunError, Settings};
use callboard_trial::{Subject, Trial};
use serde_json::Value;

use crate::Result;
use crate::bench::Bench;
use crate::measure::Clock;
use crate::pair::averaged;

/// A component, mapped.
pub struct Step {
    trial: Trial,
    config: Value,
}

impl Step {
    /// Maps a component, compiled before if need be.
    ///
    /// # Errors
    ///
    /// It is not there, or no step.
    pub fn load(bench: &Bench, component: &Path, config: Value) -> Result<Step> {
        let mut subject = Subject::find(Some(component), &[]).map_err(said)?;
        subject.configure(&config.to_string()).map_err(said)?;
        let compile = CompileCommand { program: bench.options.program.clone(), arguments: vec!["compile".to_owned()] };
        let settings =
            Settings::new(bench.path(""), bench.path("unused"), &bench.options.cache, compile).resumable(false);
        let trial = Trial::begin(subject, 1, &[], settings).map_err(said)?;
        Ok(Step { trial, config })
    }

    /// The step, alone.
    pub fn probe(&self) -> &Probe {
        &self.trial.probe
    }

    /// An instance that is open for rows of this schema.
    ///
    /// # Errors
    ///
    /// What the step says.
    pub fn open(&self, schema: &SchemaRef) -> Result<Opened<'_>> {
        let declared =
            self.probe().declare(&self.config, std::slice::from_ref(schema)).map_err(|error| said(error.error))?;
        self.probe().open(&declared, None).map_err(|error| said(error.error))
    }
}

/// Seconds of this thread that a call takes for each of these batches, added up; the mean of so many seconds.
///
/// # Errors
///
/// What the step says.
pub fn calls(opened: &mut Opened<'_>, batches: &[RecordBatch], moment: f64) -> Result<f64> {
    averaged(moment, || {
        let (seconds, called) =
            Clock::Thread.time(|| batches.iter().try_for_each(|batch| opened.call(batch).map(drop)));
        called.map_err(|error| said(error.error))?;
        Ok(seconds)
    })
}

/// What is said of an error, with its help.
pub fn said(error: RunError) -> String {
    match &error.help {
        Some(help) => format!("{error}\nhelp: {help}"),
        None => error.to_string(),
    }
}
