//! Errors of the host's libraries as exceptions of `callboard._host.errors`, which has one for each class of them.

use std::path::Path;

use callboard_plan::{Pipeline, Problem, Problems, Source, Span};
use callboard_runtime::{Class, Report, RunError};
use callboard_words::{Help, Setting};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::convert::plain;

/// What went wrong, until Python's lock is held.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The pipeline's text is wrong.
    Problems(Box<Problems>),
    /// A run or its preparation, or a call of a step.
    Run(Box<Failed>),
    /// Something that concerns no pipeline.
    Other(Class, String, Option<String>),
}

/// A run that went wrong.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) error: RunError,
    /// The place in the pipeline's text that can fix it.
    pub(crate) at: Option<(Source, Span)>,
    /// The row of the batch, from 0, where it is known.
    pub(crate) row: Option<u64>,
    /// What it did until then.
    pub(crate) report: Option<Report>,
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Failure {
        Failure::Problems(Box::new(problems))
    }
}

impl From<Box<Problems>> for Failure {
    fn from(problems: Box<Problems>) -> Failure {
        Failure::Problems(problems)
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Failure {
        Failure::Run(Box::new(Failed { error, at: None, row: None, report: None }))
    }
}

impl Failure {
    /// A failure of a run of this pipeline, with the line of its text that can fix it.
    pub(crate) fn of(error: RunError, pipeline: &Pipeline) -> Failure {
        let at = error.span_in(pipeline).map(|at| (pipeline.source.clone(), at));
        Failure::Run(Box::new(Failed { error, at, row: None, report: None }))
    }

    /// What the system refused.
    pub(crate) fn system(doing: &str, path: &Path, error: &std::io::Error) -> Failure {
        let words = callboard_words::text::plain(error);
        Failure::Other(Class::System, format!("cannot {doing} `{}`: {words}", path.display()), None)
    }

    /// The exception.
    pub(crate) fn raised(self, py: Python<'_>) -> PyErr {
        self.exception(py).unwrap_or_else(|error| error)
    }

    fn exception(self, py: Python<'_>) -> PyResult<PyErr> {
        let fields = PyDict::new(py);
        let class = match self {
            Failure::Problems(problems) => {
                let first = problems.problems.first();
                fields.set_item("message", first.map(|first| first.message.as_str()))?;
                fields.set_item("help", first.and_then(|first| first.help.as_ref()).map(words))?;
                fields.set_item("problems", listed(py, &problems.source, &problems.problems)?)?;
                set_place(&fields, &problems.source, first.and_then(|first| first.at))?;
                Class::Pipeline
            }
            Failure::Run(failed) => {
                let Failed { error, at, row, report } = *failed;
                let RunError { class, place, message, help, .. } = error;
                fields.set_item("message", message)?;
                fields.set_item("help", help.as_ref().map(words))?;
                fields.set_item("stage", place.stage)?;
                fields.set_item("step", place.step)?;
                fields.set_item("config", place.config)?;
                fields.set_item("input", place.input)?;
                fields.set_item("output", place.output)?;
                fields.set_item("batch", place.batch)?;
                fields.set_item("row", row)?;
                fields.set_item("where", place.row)?;
                if let Some((source, span)) = at {
                    set_place(&fields, &source, Some(span))?;
                }
                if let Some(report) = report {
                    fields.set_item("resumable", report.resumable)?;
                    fields.set_item("report", plain(py, &report)?)?;
                }
                class
            }
            Failure::Other(class, message, help) => {
                fields.set_item("message", message)?;
                fields.set_item("help", help)?;
                class
            }
        };
        let kind = match class {
            Class::Pipeline => "pipeline",
            Class::Data => "data",
            Class::Limit => "limit",
            Class::System => "system",
            Class::Interrupted => "interrupted",
            Class::Waiting => "waiting",
            Class::Bug => "bug",
        };
        let made = py.import("callboard._host.errors")?.getattr("made")?.call1((kind, fields))?;
        Ok(PyErr::from_value(made))
    }
}

/// A fault of Callboard's own.
pub(crate) fn bug(py: Python<'_>, message: &str) -> PyErr {
    Failure::Other(Class::Bug, message.to_owned(), None).raised(py)
}

fn set_place(fields: &Bound<'_, PyDict>, source: &Source, at: Option<Span>) -> PyResult<()> {
    fields.set_item("file", &*source.name)?;
    fields.set_item("line", at.map(|at| at.line))?;
    fields.set_item("column", at.map(|at| at.column))
}

fn listed<'py>(py: Python<'py>, source: &Source, problems: &[Problem]) -> PyResult<Bound<'py, PyList>> {
    let problem = |problem: &Problem| {
        let fields = PyDict::new(py);
        fields.set_item("message", &problem.message)?;
        fields.set_item("help", problem.help.as_ref().map(words))?;
        set_place(&fields, source, problem.at)?;
        Ok(fields)
    };
    PyList::new(py, problems.iter().map(problem).collect::<PyResult<Vec<_>>>()?)
}

/// What fixes an error, settings in Python's words.
pub(crate) fn words(help: &Help) -> String {
    let text = |text: &str| serde_json::Value::from(text).to_string();
    let path = |path: &Path| text(&path.display().to_string());
    help.said(|setting| match setting {
        Setting::Overwrite => "overwrite=True".to_owned(),
        Setting::Budget(size) => format!("budget={}", text(size.as_deref().unwrap_or("1GiB"))),
        Setting::MaxSpill => "max_spill=BYTES".to_owned(),
        Setting::RunFolder => "folder=…".to_owned(),
        Setting::RunAgain(folder) => format!("run(folder={})", path(folder)),
        Setting::ResumeBase(folder) => format!("callboard.resume({}, base=…)", path(folder)),
        Setting::ResumeTrusted(folder, digits) => format!("callboard.resume({}, trust={})", path(folder), text(digits)),
        Setting::Load(when) => format!("load={}", text(when)),
        Setting::Replicas(number) => format!("replicas={number}"),
        Setting::Param(name, value) => format!("params={{{}: {value}}}", text(name)),
        Setting::Config(json) => format!("config={json}"),
        Setting::MaxPipeline(size) => format!("max_pipeline={}", text(size)),
        Setting::MaxComponent(size) => format!("limits={{\"component\": {}}}", text(size)),
        other => other.to_string(),
    })
}
