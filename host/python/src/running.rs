//! Runs: carried out in a thread of their own, while Python's thread looks for signals and hands on what happens.
//!
//! The thread is confined by Landlock as the command's is: that holds for what it starts, and for no other thread of Python's process.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use callboard_bundled::BUNDLED;
use callboard_runtime::{
    Allowed, CancellationToken, Class, Event, Observer, Report, Run, RunError, RunState, RunSummary, Settings,
    run_report,
};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::convert::plain;
use crate::failure::{Failed, Failure};
use crate::pipeline::{Planned, Source, refused, settings};

/// How often Python's thread looks for signals, and hands events on.
const LOOK: Duration = Duration::from_millis(50);
/// Log lines that wait for Python; more are counted.
const LINES: usize = 1000;

/// What a run did: its report, and for each output its path and format.
type Done = (Report, Vec<(String, String, Option<String>)>);

/// Runs a pipeline. `tick` is called with a list of events, from time to time; whatever it raises ends the run, and is raised again.
#[pyfunction]
#[pyo3(signature = (source, compiler, folder, overwrite, limit, resumable, earlier, fresh, max_spill, confined, tick))]
#[allow(clippy::too_many_arguments, reason = "the Python file beside it is the only caller")]
pub(crate) fn run<'py>(
    py: Python<'py>,
    source: &Bound<'py, Source>,
    compiler: PathBuf,
    folder: PathBuf,
    overwrite: bool,
    limit: Option<u64>,
    resumable: bool,
    earlier: Option<PathBuf>,
    fresh: bool,
    max_spill: Option<u64>,
    confined: bool,
    tick: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let source = source.get().clone();
    carried_out(py, tick, move |observer, cancel| {
        let Planned { pipeline, plan, components } = source.planned()?;
        let earlier = match &earlier {
            None => Vec::new(),
            Some(parent) => callboard_runtime::run_folders(parent)
                .map_err(|error| Failure::system("read the folder of runs", parent, &error))?,
        };
        let settings = settings(source.base(), folder.clone(), compiler)
            .pipeline(source.file.clone())
            .overwrite(overwrite)
            .limit(limit)
            .resumable(resumable)
            .earlier(earlier.into_iter().filter(|other| *other != folder).collect())
            .fresh_replies(fresh)
            .max_spill(max_spill)
            .confined(confined)
            .observer(observer)
            .cancel(cancel);
        let run = Run::prepare(plan, components, settings)
            .map_err(|error| Failure::of(error, &pipeline))?
            .with_page(crate::pipeline::page);
        ended(run, |error| Failure::of(error, &pipeline))
    })
}

/// Resumes the run in a folder.
#[pyfunction]
#[pyo3(signature = (compiler, folder, base, overwrite, max_spill, budget, trust, wait, confined, tick))]
#[allow(clippy::too_many_arguments, reason = "the Python file beside it is the only caller")]
pub(crate) fn resume<'py>(
    py: Python<'py>,
    compiler: PathBuf,
    folder: PathBuf,
    base: Option<PathBuf>,
    overwrite: bool,
    max_spill: Option<u64>,
    budget: Option<u64>,
    trust: Option<String>,
    wait: bool,
    confined: bool,
    tick: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    carried_out(py, tick, move |observer, cancel| {
        let trusted = trust.map(|digits| u128::from_str_radix(&digits, 16)).transpose();
        let trusted = trusted.map_err(|_| refused("`trust` is not 32 hexadecimal digits"))?;
        let finished = RunSummary::of(&folder).ok().filter(|run| run.state == RunState::Finished);
        if let Some(report) = finished.and_then(|run| run_report(&run.folder)) {
            return Ok((report, Vec::new()));
        }
        let settings: Settings = settings(base.unwrap_or_default(), folder, compiler)
            .overwrite(overwrite)
            .wait(wait)
            .max_spill(max_spill)
            .confined(confined)
            .observer(observer)
            .cancel(cancel);
        let allowed = Allowed { budget, trusted, ..Allowed::default() };
        ended(Run::resume(BUNDLED, settings, allowed)?.with_page(crate::pipeline::page), Failure::from)
    })
}

/// The runs whose folders lie in a folder, the latest first.
#[pyfunction]
pub(crate) fn runs<'py>(py: Python<'py>, parent: PathBuf) -> PyResult<Bound<'py, PyAny>> {
    let found = py.detach(|| RunSummary::all(&parent));
    let found = found.map_err(|error| Failure::system("read the folder of runs", &parent, &error).raised(py))?;
    plain(py, &found)
}

/// The report of a run that has ended, if it can be read.
#[pyfunction]
pub(crate) fn report<'py>(py: Python<'py>, folder: PathBuf) -> PyResult<Option<Bound<'py, PyAny>>> {
    py.detach(|| run_report(&folder)).map(|report| plain(py, &report)).transpose()
}

fn ended(run: Run, failure: impl Fn(RunError) -> Failure) -> Result<Done, Failure> {
    let outputs = run.plan().outputs().iter();
    let outputs = outputs.map(|output| (output.name.clone(), output.path.clone(), output.format.clone())).collect();
    match run.execute() {
        Ok(report) => Ok((report, outputs)),
        Err(failed) => {
            let (error, report) = (failed.error, failed.report);
            Err(match failure(error) {
                Failure::Run(failed) => Failure::Run(Box::new(Failed { report: Some(report), ..*failed })),
                other => other,
            })
        }
    }
}

/// Does the work in a thread; Ctrl-C cancels it, a second one leaves it behind.
fn carried_out<'py>(
    py: Python<'py>,
    tick: Option<Bound<'py, PyAny>>,
    work: impl FnOnce(Observer, CancellationToken) -> Result<Done, Failure> + Send + 'static,
) -> PyResult<Bound<'py, PyAny>> {
    // Its threads are shared by all runs of this process, so none of them may begin within a confined thread.
    callboard_io::cores();
    let cancel = CancellationToken::new();
    let waiting = Arc::new(Mutex::new(Waiting::default()));
    let (observer, stop, events) = (observer(tick.is_some(), &waiting), cancel.clone(), waiting.clone());
    let (send, receive) = channel();
    let begun = std::thread::Builder::new().name("callboard-run".to_owned()).spawn(move || {
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(observer, stop)));
        let panicked = || Failure::Other(Class::Bug, "the run ended by a panic".to_owned(), None);
        let _ = send.send(done.unwrap_or_else(|_| Err(panicked())));
    });
    begun.map_err(|error| Failure::Other(Class::System, format!("cannot start a thread: {error}"), None).raised(py))?;
    let (done, raised) = waited(py, &Mutex::new(receive), &cancel, || match &tick {
        Some(tick) => {
            let events = std::mem::take(&mut *events.lock().unwrap_or_else(PoisonError::into_inner));
            if events.is_empty() { Ok(()) } else { tick.call1((events.list(py)?,)).map(drop) }
        }
        None => Ok(()),
    })?;
    match (done, raised) {
        (Ok((report, outputs)), _) => {
            let done = PyDict::new(py);
            done.set_item("report", plain(py, &report)?)?;
            done.set_item("outputs", outputs)?;
            Ok(done.into_any())
        }
        (Err(failure), raised) => {
            let error = failure.raised(py);
            // What Python raised while the run went on is the reason for its end.
            Err(match raised {
                Some(raised) if !raised.is_instance_of::<pyo3::exceptions::PyKeyboardInterrupt>(py) => {
                    raised.set_cause(py, Some(error));
                    raised
                }
                _ => error,
            })
        }
    }
}

type Outcome = Result<Done, Failure>;

fn waited(
    py: Python<'_>,
    receive: &Mutex<Receiver<Outcome>>,
    cancel: &CancellationToken,
    tick: impl Fn() -> PyResult<()>,
) -> PyResult<(Outcome, Option<PyErr>)> {
    let mut raised = None;
    loop {
        let looked = py.detach(|| receive.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(LOOK));
        match looked {
            Ok(done) => {
                let last = tick();
                return Ok((done, raised.or(last.err())));
            }
            Err(RecvTimeoutError::Disconnected) => {
                let lost = Failure::Other(Class::Bug, "the run ended without an answer".to_owned(), None);
                return Ok((Err(lost), raised));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Err(error) = py.check_signals() {
            if raised.is_some() {
                return Err(error);
            }
            cancel.cancel();
            raised = Some(error);
        } else if raised.is_none()
            && let Err(error) = tick()
        {
            cancel.cancel();
            raised = Some(error);
        }
    }
}

/// Events until Python takes them: rows are added up.
#[derive(Default)]
struct Waiting {
    rows: Vec<(Arc<str>, u64, u64)>,
    others: Vec<Event>,
    /// Log lines that were left out.
    omitted: u64,
}

fn observer(wanted: bool, waiting: &Arc<Mutex<Waiting>>) -> Observer {
    if !wanted {
        return Observer::nobody();
    }
    let waiting = waiting.clone();
    Observer::new(move |event| {
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Rows { step, rows_in, rows_out } => match waiting.rows.iter_mut().find(|rows| rows.0 == step) {
                Some(rows) => (rows.1, rows.2) = (rows.1 + rows_in, rows.2 + rows_out),
                None => waiting.rows.push((step, rows_in, rows_out)),
            },
            Event::Calls { .. } | Event::Going { .. } => {
                // The latest has it all.
                let kind = std::mem::discriminant(&event);
                waiting.others.retain(|event| std::mem::discriminant(event) != kind);
                waiting.others.push(event);
            }
            Event::Log { .. } if waiting.others.len() >= LINES => waiting.omitted += 1,
            event => waiting.others.push(event),
        }
    })
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.others.is_empty()
    }

    fn list(self, py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
        let list = PyList::empty(py);
        for event in self.others {
            list.append(fields(py, event)?)?;
        }
        for (step, rows_in, rows_out) in self.rows {
            let fields = PyDict::new(py);
            fields.set_item("event", "rows")?;
            fields.set_item("step", &*step)?;
            fields.set_item("rows_in", rows_in)?;
            fields.set_item("rows_out", rows_out)?;
            list.append(fields)?;
        }
        if self.omitted > 0 {
            let fields = PyDict::new(py);
            fields.set_item("event", "note")?;
            fields.set_item("message", format!("{} lines of log were left out", self.omitted))?;
            list.append(fields)?;
        }
        Ok(list)
    }
}

fn fields(py: Python<'_>, event: Event) -> PyResult<Bound<'_, PyDict>> {
    let fields = PyDict::new(py);
    let name = match event {
        Event::Compiling { step } => {
            fields.set_item("step", step)?;
            "compiling"
        }
        Event::Compiled { step, took } => {
            fields.set_item("step", step)?;
            fields.set_item("seconds", took.as_secs_f64())?;
            "compiled"
        }
        Event::Intake { stage, input } => {
            fields.set_item("stage", stage)?;
            fields.set_item("input", input)?;
            "intake"
        }
        Event::Loaded { stage, stages, steps, linear_memory } => {
            fields.set_item("stage", stage)?;
            fields.set_item("stages", stages)?;
            fields.set_item("steps", steps)?;
            fields.set_item("memory", linear_memory)?;
            "loaded"
        }
        Event::Waiting { node } => {
            fields.set_item("node", &*node)?;
            "waiting"
        }
        Event::Retrying { step, message, attempt, of, pause } => {
            fields.set_item("step", step)?;
            fields.set_item("message", message)?;
            fields.set_item("attempt", attempt)?;
            fields.set_item("of", of)?;
            fields.set_item("seconds", pause.as_secs_f64())?;
            "retrying"
        }
        Event::Note { message } => {
            fields.set_item("message", message)?;
            "note"
        }
        Event::Calls { servers, left } => {
            let all = PyDict::new(py);
            for calls in servers {
                let one = PyDict::new(py);
                one.set_item("sent", calls.sent)?;
                one.set_item("replies", calls.replies)?;
                one.set_item("known", calls.known)?;
                one.set_item("failed", calls.failed)?;
                one.set_item("under_way", calls.under_way)?;
                one.set_item("in_flight", calls.in_flight)?;
                one.set_item("waiting", calls.waiting)?;
                one.set_item("input_tokens", calls.input_tokens)?;
                one.set_item("output_tokens", calls.output_tokens)?;
                one.set_item("cost", calls.cost)?;
                all.set_item(calls.server, one)?;
            }
            fields.set_item("servers", all)?;
            fields.set_item("left", left.map(|left| left.as_secs_f64()))?;
            "calls"
        }
        Event::Going { stage, took, linear_memory, in_flight, budget, part, left, run_left } => {
            fields.set_item("stage", stage)?;
            fields.set_item("seconds", took.as_secs_f64())?;
            fields.set_item("memory", linear_memory)?;
            fields.set_item("in_flight", in_flight)?;
            fields.set_item("budget", budget)?;
            fields.set_item("part", part)?;
            fields.set_item("left", left.map(|left| left.as_secs_f64()))?;
            fields.set_item("run_left", run_left.map(|left| left.as_secs_f64()))?;
            "going"
        }
        Event::Ended { stage, took, linear_memory } => {
            fields.set_item("stage", stage)?;
            fields.set_item("seconds", took.as_secs_f64())?;
            fields.set_item("memory", linear_memory)?;
            "ended"
        }
        Event::Log { step, level, message } => {
            fields.set_item("step", &*step)?;
            fields.set_item("level", format!("{level:?}").to_lowercase())?;
            fields.set_item("message", message)?;
            "log"
        }
        Event::Rows { .. } => "rows",
        _ => "other",
    };
    fields.set_item("event", name)?;
    Ok(fields)
}
