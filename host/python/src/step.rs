//! One step, called on rows: the sandbox, the limits and the checks of a pipeline, without one.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use callboard_bundled::{BUNDLED, PAGES};
use callboard_io::{BatchPolicy, Foreign};
use callboard_plan::pipeline::{OnError, TextLimits};
use callboard_plan::{Kind, Load, Pipeline, Plan, Problems, Source, scan};
use callboard_runtime::{
    CallError, Class, Components, Declaration, Event, Failed as How, Observer, Opened, Probe, PutOut, RunError, compose,
};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::{Map, Value, json};

use crate::capsules;
use crate::failure::{Failed, Failure};
use crate::pipeline::{refused, settings};
use crate::rows::Batches;
use crate::signals;

/// A row that was left out: its number, whether it was rejected, and why.
type Removed = (u64, bool, String);
/// The rows put out, and those left out.
type Called = (Batches, Vec<Removed>);

/// Before the first repetition of a call that failed for now; each pause after it is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// At most this many calls that fail are made to find the rows of a batch that a step fails on.
const FAILED_CALLS: u32 = 1_000;
/// Lines of a step's log that are kept during a call.
const LINES: usize = 1_000;

/// A step: loaded, and opened for rows of one schema at a time.
#[pyclass(frozen, module = "callboard._native")]
pub(crate) struct Step {
    inner: Option<Arc<Inner>>,
    /// The process that made it.
    process: u32,
}

struct Inner {
    pipeline: Pipeline,
    kind: Kind,
    /// None for a step that is a pipeline of several.
    probe: Option<Arc<Probe>>,
    logs: Arc<Mutex<Vec<(String, String)>>>,
    open: Mutex<Option<Open>>,
}

/// An instance of a transform, and what it is open for.
struct Open {
    /// As the caller's rows have it.
    found: SchemaRef,
    foreign: Foreign,
    declaration: Declaration,
    instance: Option<Opened<'static>>,
    /// What the instance held after its first call.
    first: Option<u64>,
}

impl Drop for Step {
    fn drop(&mut self) {
        // In a process that was forked off, threads that would have to end are not there.
        if self.process != std::process::id() {
            std::mem::forget(self.inner.take());
        }
    }
}

#[pymethods]
impl Step {
    /// `step` is the step as JSON, as a pipeline file has it; a relative path of it starts from `base`.
    #[new]
    fn new(py: Python<'_>, step: &str, inputs: usize, base: PathBuf, compiler: PathBuf) -> PyResult<Step> {
        let inner = py.detach(|| Inner::new(step, inputs, base, compiler)).map_err(|failure| failure.raised(py))?;
        Ok(Step { inner: Some(Arc::new(inner)), process: std::process::id() })
    }

    #[getter]
    fn process(&self) -> u32 {
        self.process
    }

    /// `transform`, `global`, `source`; `pipeline` for a step that is one.
    #[getter]
    fn kind(&self, py: Python<'_>) -> PyResult<&'static str> {
        let inner = self.inner(py)?;
        Ok(if inner.probe.is_some() { inner.kind.as_str() } else { "pipeline" })
    }

    /// How the component describes itself: name, version, summary, and the JSON Schema of its configuration.
    fn describe<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let inner = self.inner(py)?;
        let probe = inner.probe(py)?;
        let described = py.detach(|| probe.describe()).map_err(|error| raised(py, error.error.into()))?;
        let fields = PyDict::new(py);
        fields.set_item("name", described.name)?;
        fields.set_item("version", described.version)?;
        fields.set_item("summary", described.summary)?;
        fields.set_item("config_schema", described.config_schema)?;
        Ok(fields)
    }

    /// Calls a transform on rows.
    fn transform(&self, py: Python<'_>, rows: &Bound<'_, PyAny>) -> PyResult<Called> {
        let inner = self.inner(py)?;
        let (schema, batches) = capsules::rows(rows)?;
        let probe = inner.probe(py)?;
        let called = py.detach(|| inner.transform(&probe, &schema, &batches));
        called.map_err(|failure| raised(py, failure))
    }

    /// Calls a global step on whole inputs.
    fn whole(&self, py: Python<'_>, inputs: Vec<Bound<'_, PyAny>>) -> PyResult<Called> {
        let inner = self.inner(py)?;
        let inputs = inputs.iter().map(capsules::rows).collect::<PyResult<Vec<_>>>()?;
        let probe = inner.probe(py)?;
        let called = py.detach(|| inner.whole(&probe, &inputs));
        called.map_err(|failure| raised(py, failure))
    }

    /// Reads rows of a source, at most this many.
    fn source(&self, py: Python<'_>, most: Option<usize>) -> PyResult<Called> {
        let inner = self.inner(py)?;
        let probe = inner.probe(py)?;
        let called = py.detach(|| inner.source(&probe, most.unwrap_or(usize::MAX)));
        called.map_err(|failure| raised(py, failure))
    }

    /// What the step has logged since this was last asked: pairs of a level and a line.
    fn logged(&self, py: Python<'_>) -> PyResult<Vec<(String, String)>> {
        Ok(std::mem::take(&mut *self.inner(py)?.logs.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Step {
    fn inner(&self, py: Python<'_>) -> PyResult<&Arc<Inner>> {
        let here = self.inner.as_ref().filter(|_| self.process == std::process::id());
        let elsewhere = || Failure::Other(Class::Bug, "a step of another process was called".to_owned(), None);
        if signals::is_looking() {
            return Err(refused("a handler of a signal cannot call a step while a step works").raised(py));
        }
        here.ok_or_else(|| elsewhere().raised(py))
    }
}

impl Inner {
    fn new(step: &str, inputs: usize, base: PathBuf, compiler: PathBuf) -> Result<Inner, Failure> {
        let step: Map<String, Value> =
            serde_json::from_str(step).map_err(|error| refused(format!("the step is no JSON: {error}")))?;
        let parsed = |inputs| -> Result<(Pipeline, Components), Failure> {
            let source = Source::new("step", pipeline(&step, inputs));
            let pipeline = Pipeline::parse(source, &[]).map_err(nowhere)?;
            let pipeline = compose(pipeline, BUNDLED, &base, TextLimits::default()).map_err(nowhere)?;
            let components = Components::of(&pipeline, BUNDLED, &base);
            Ok((pipeline, components))
        };
        let (mut pipeline, mut components) = parsed(inputs)?;
        let is_source = components
            .catalog
            .components
            .values()
            .any(|found| found.as_ref().is_ok_and(|component| component.facts.kind == Kind::Source));
        if is_source && pipeline.steps.len() == 1 {
            (pipeline, components) = parsed(0)?;
        }
        let plan = Plan::new(&pipeline, &components.catalog, Load::Staged).map_err(nowhere)?;
        let logs = Arc::new(Mutex::new(Vec::new()));
        let (one, several) = (plan.steps()[0].clone(), plan.steps().len() > 1);
        let probe = match several {
            true => None,
            false => {
                let settings = settings(base, PathBuf::new(), compiler).observer(observer(&logs));
                let probe = Probe::new(&plan, &one.name, &components, &settings);
                let probe = probe.map_err(|error| Failure::of(error, &pipeline)).map_err(placeless)?;
                Some(Arc::new(probe.watched(signals::look())))
            }
        };
        Ok(Inner { pipeline, kind: one.kind, probe, logs, open: Mutex::new(None) })
    }

    fn probe(&self, py: Python<'_>) -> PyResult<Arc<Probe>> {
        let several = || refused("this step is a pipeline of several").raised(py);
        self.probe.clone().ok_or_else(several)
    }

    fn failure(&self, error: RunError, batch: Option<u64>, row: Option<u64>) -> Failure {
        let mut error = error;
        error.place.batch = batch;
        let of = Failure::of(error, &self.pipeline);
        match placeless(of) {
            Failure::Run(failed) => Failure::Run(Box::new(Failed { row, ..*failed })),
            other => other,
        }
    }

    fn transform(
        &self,
        probe: &Arc<Probe>,
        schema: &SchemaRef,
        batches: &[RecordBatch],
    ) -> Result<(Batches, Vec<Removed>), Failure> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let open = self.opened(probe, schema, &mut open)?;
        let (mut done, mut removed, mut first, mut number) = (Vec::new(), Vec::new(), 0, 0);
        for rows in batches {
            let cut = open.foreign.batches(rows, first + 1).map_err(|error| self.failure(error.into(), None, None))?;
            for batch in cut {
                if signals::has_raised_between() {
                    return Err(self.failure(RunError::interrupted(), None, None));
                }
                number += 1;
                let mut left = FAILED_CALLS;
                let mut at = first;
                let result = self.batch(probe, open, &batch, &mut at, &mut left, &mut done, &mut removed);
                if let Err(error) = result {
                    // Which instance is left, and how, is not known.
                    open.instance = None;
                    return Err(self.failure(error, Some(number), None));
                }
                first += batch.num_rows() as u64;
            }
        }
        self.refuse_rejected(probe, &removed)?;
        Ok((Batches { schema: open.declaration.output.clone(), batches: done }, removed))
    }

    /// An instance for rows of this schema.
    fn opened<'a>(
        &self,
        probe: &Arc<Probe>,
        schema: &SchemaRef,
        open: &'a mut MutexGuard<'_, Option<Open>>,
    ) -> Result<&'a mut Open, Failure> {
        if open.as_ref().is_none_or(|open| open.found != *schema) {
            **open = None;
            let foreign = self.foreign(probe, schema)?;
            let declaration = probe.declare(&probe.step().config, std::slice::from_ref(foreign.schema()));
            let declaration = declaration.map_err(|error| self.failure(error.error, None, None))?;
            **open = Some(Open { found: schema.clone(), foreign, declaration, instance: None, first: None });
        }
        open.as_mut().ok_or_else(|| refused("the step is not open"))
    }

    fn foreign(&self, probe: &Probe, schema: &SchemaRef) -> Result<Foreign, Failure> {
        let size = probe.batch();
        let policy = BatchPolicy { rows: size.rows as usize, bytes: size.bytes as usize };
        Foreign::new(schema, policy).map_err(|error| self.failure(error.into(), None, None))
    }

    /// Calls the step on a batch; on halves of it, and halves of those, if rows that it fails on are to be rejected.
    #[allow(clippy::too_many_arguments, reason = "they are what one batch needs of a call")]
    fn batch(
        &self,
        probe: &Arc<Probe>,
        open: &mut Open,
        batch: &RecordBatch,
        at: &mut u64,
        left: &mut u32,
        done: &mut Vec<RecordBatch>,
        removed: &mut Vec<Removed>,
    ) -> Result<(), RunError> {
        let failed = match attempt(probe, open, batch) {
            Ok(PutOut { rows, removed: gone, .. }) => {
                done.extend(rows);
                removed.extend(gone.into_iter().map(|row| (*at + row.row, row.rejected, row.reason)));
                *at += batch.num_rows() as u64;
                return Ok(());
            }
            Err(failed) => failed,
        };
        let of_rows = matches!(failed.how, How::Input | How::Failed | How::Trap | How::Contract | How::Limit);
        if probe.step().on_error != OnError::Reject || !of_rows {
            return Err(failed.error);
        }
        *left = left.saturating_sub(1);
        if batch.num_rows() <= 1 || *left == 0 {
            let rows = batch.num_rows() as u64;
            removed.extend((*at..*at + rows).map(|row| (row, true, failed.error.message.clone())));
            *at += rows;
            return Ok(());
        }
        let half = batch.num_rows() / 2;
        self.batch(probe, open, &batch.slice(0, half), at, left, done, removed)?;
        self.batch(probe, open, &batch.slice(half, batch.num_rows() - half), at, left, done, removed)
    }

    /// An error, if a row was rejected that may not be.
    fn refuse_rejected(&self, probe: &Probe, removed: &[Removed]) -> Result<(), Failure> {
        let rejected = removed.iter().find(|(_, rejected, _)| *rejected && probe.step().on_error == OnError::Fail);
        match rejected {
            None => Ok(()),
            Some((row, _, reason)) => {
                let help = "to continue without such rows: on_error=\"reject\"";
                let mut error = RunError::new(Class::Data, format!("row {row} rejected: {reason}")).help(help);
                error.place.step = Some(probe.step().name.clone());
                Err(self.failure(error, None, Some(*row)))
            }
        }
    }

    fn whole(
        &self,
        probe: &Arc<Probe>,
        inputs: &[(SchemaRef, Vec<RecordBatch>)],
    ) -> Result<(Batches, Vec<Removed>), Failure> {
        let (mut schemas, mut wholes) = (Vec::new(), Vec::new());
        for (schema, batches) in inputs {
            let foreign = self.foreign(probe, schema)?;
            let (mut whole, mut first) = (Vec::new(), 1);
            for batch in batches {
                whole.extend(foreign.batches(batch, first).map_err(|error| self.failure(error.into(), None, None))?);
                first += batch.num_rows() as u64;
            }
            schemas.push(foreign.schema().clone());
            wholes.push(whole);
        }
        let fault = |error: CallError| self.failure(error.error, None, None);
        let declaration = probe.declare(&probe.step().config, &schemas).map_err(fault)?;
        let ran = repeated(probe, || probe.open(&declaration, None)?.run(&wholes)).map_err(fault)?;
        let removed = ran.removed.into_iter().map(|row| (row.row, row.rejected, row.reason)).collect::<Vec<_>>();
        self.refuse_rejected(probe, &removed)?;
        Ok((Batches { schema: declaration.output.clone(), batches: ran.rows }, removed))
    }

    fn source(&self, probe: &Arc<Probe>, most: usize) -> Result<(Batches, Vec<Removed>), Failure> {
        let fault = |error: CallError| self.failure(error.error, None, None);
        let declaration = probe.declare(&probe.step().config, &[]).map_err(fault)?;
        let mut opened = probe.open(&declaration, None).map_err(fault)?;
        let (mut batches, mut rows) = (Vec::new(), 0);
        while rows < most
            && let Some(page) = opened.next_page().map_err(fault)?
        {
            if signals::has_raised_between() {
                return Err(self.failure(RunError::interrupted(), None, None));
            }
            let taken = page.rows.num_rows().min(most - rows);
            rows += taken;
            batches.push(page.rows.slice(0, taken));
        }
        Ok((Batches { schema: declaration.output.clone(), batches }, Vec::new()))
    }
}

/// What a call ended with: what a handler of a signal raised in the meantime, or its own failure.
fn raised(py: Python<'_>, failure: Failure) -> PyErr {
    signals::raised().unwrap_or_else(|| failure.raised(py))
}

/// Calls an instance, which is made if there is none, and gives up one that is not to be called again.
fn attempt(probe: &Arc<Probe>, open: &mut Open, batch: &RecordBatch) -> Result<PutOut, CallError> {
    let called = repeated(probe, || {
        let instance = match &mut open.instance {
            Some(instance) => instance,
            none => {
                open.first = None;
                none.insert(probe.open_shared(&open.declaration)?)
            }
        };
        instance.process(batch)
    });
    let spoilt = |how: How| !matches!(how, How::Config | How::Input | How::Transient | How::Failed);
    let held = open.instance.as_ref().map_or(0, Opened::memory);
    let first = *open.first.get_or_insert(held);
    // Components of some languages never free what they put out.
    let outgrown = held.saturating_sub(first) > probe.step().limits.memory_bytes.saturating_sub(first) / 2;
    if outgrown || called.as_ref().is_err_and(|error| spoilt(error.how)) {
        open.instance = None;
    }
    called
}

/// Makes a call again while it fails for now, as often as the step's `retries` say.
fn repeated<T>(probe: &Probe, mut call: impl FnMut() -> Result<T, CallError>) -> Result<T, CallError> {
    let mut pause = FIRST_PAUSE;
    for _ in 0..probe.step().retries {
        match call() {
            Err(error) if error.how == How::Transient => {
                let until = Instant::now() + pause;
                while let Some(left) = until.checked_duration_since(Instant::now()) {
                    std::thread::sleep(left.min(signals::BETWEEN));
                    if signals::has_raised_between() {
                        return Err(error);
                    }
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            outcome => return outcome,
        }
    }
    call()
}

/// A pipeline of this step alone.
fn pipeline(step: &Map<String, Value>, inputs: usize) -> String {
    let names: Vec<String> = (1..=inputs).map(|nth| format!("_input_{nth}")).collect();
    let mut step = step.clone();
    let from = match &names[..] {
        [] => Value::Null,
        [one] => json!(one),
        several => several.iter().map(|name| (name.clone(), json!(name))).collect::<Map<_, _>>().into(),
    };
    if !from.is_null() {
        step.insert("from".to_owned(), from);
    }
    let files: Map<String, Value> = names.into_iter().map(|name| (name, json!({ "path": "rows.jsonl" }))).collect();
    let outputs = json!({ "_output": { "path": "out.jsonl" } });
    json!({ "callboard": 1, "inputs": files, "steps": [step], "outputs": outputs }).to_string()
}

/// Problems of a step that stands in no file.
fn nowhere(mut problems: Problems) -> Problems {
    problems.problems.iter_mut().for_each(|problem| problem.at = None);
    problems
}

fn placeless(failure: Failure) -> Failure {
    match failure {
        Failure::Run(failed) => Failure::Run(Box::new(Failed { at: None, ..*failed })),
        other => other,
    }
}

fn observer(logs: &Arc<Mutex<Vec<(String, String)>>>) -> Observer {
    let logs = logs.clone();
    Observer::new(move |event| {
        if let Event::Log { level, message, .. } = event {
            let mut logs = logs.lock().unwrap_or_else(PoisonError::into_inner);
            if logs.len() < LINES {
                logs.push((format!("{level:?}").to_lowercase(), message));
            }
        }
    })
}

/// The bundled steps: name, kind, summary, and the name of the component whose configuration is the step's.
#[pyfunction]
pub(crate) fn bundled() -> Vec<(&'static str, &'static str, &'static str, &'static str)> {
    let kind = |name: &str| {
        let step = BUNDLED.iter().find(|step| step.name == name)?;
        match (step.pipeline, step.bytes) {
            (Some(_), _) => Some("pipeline"),
            (None, bytes) => Some(scan(bytes?()).ok()?.kind.as_str()),
        }
    };
    PAGES
        .iter()
        .map(|page| (page.name, kind(page.name).unwrap_or("not built"), page.summary, page.described_by))
        .collect()
}
