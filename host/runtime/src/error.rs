//! What can go wrong in a run: who has to act, where it happened, what to do.

use callboard_words::figures::count;
use callboard_words::sizes::written;
use callboard_words::{Help, Setting};
use std::fmt;
use std::path::Path;

use callboard_io::{ErrorKind as IoKind, IoError};
use callboard_plan::{Pipeline, Span};
pub use callboard_sandbox::{Class, LimitExceeded};
use callboard_sandbox::{Deferred, SandboxError, bytes, plain};
pub(crate) use callboard_sandbox::{Fault, SaidKind};
use callboard_words::text::limit;

/// Where in a run; empty before it begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// The stage, from 1.
    pub stage: Option<usize>,
    /// The step.
    pub step: Option<String>,
    /// The key of the step's configuration, as a JSON pointer.
    pub config: Option<String>,
    /// The route of a `from`, by its place among the routes of the pipeline, from 1.
    pub route: Option<u32>,
    /// The path that the step's `grant.files` names.
    pub grant: Option<String>,
    /// The input, if no step is concerned.
    pub input: Option<String>,
    /// The path or pattern of the input, as the pipeline file has it.
    pub path: Option<String>,
    /// The output, likewise.
    pub output: Option<String>,
    /// The key of the input or the output, as a JSON pointer: `/types/id`.
    pub key: Option<String>,
    /// The batch that the step was given, from 1.
    pub batch: Option<u64>,
    /// The row of that batch, from 1, with the file and line it came from where they are known.
    pub row: Option<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            self.stage.map(|stage| format!("stage {stage}")),
            self.step.as_ref().map(|step| format!("step `{step}`")),
            self.config.as_ref().map(|config| format!("config `{}`", dotted(config))),
            self.route.map(|_| "`from`".to_owned()),
            self.input.as_ref().map(|input| format!("input `{input}`")),
            self.output.as_ref().map(|output| format!("output `{output}`")),
            self.batch.map(|batch| format!("batch {batch}")),
            self.row.clone(),
        ];
        f.write_str(&parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}

/// The same error: the system's has no copies.
fn copied(error: &std::io::Error) -> std::io::Error {
    match error.raw_os_error() {
        Some(number) => std::io::Error::from_raw_os_error(number),
        None => std::io::Error::new(error.kind(), error.to_string()),
    }
}

fn is_of_quota(error: &std::io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<QuotaExceeded>())
}

/// A JSON pointer as a pipeline file writes keys: `gopher.words` of `/gopher/words`.
fn dotted(pointer: &str) -> String {
    let keys = pointer.trim_start_matches('/').split('/').map(|key| key.replace("~1", "/").replace("~0", "~"));
    keys.collect::<Vec<_>>().join(".")
}

/// Why a run ended badly. Prints as one line, `place: message`; what fixes it stands beside it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub struct RunError {
    /// Who has to act.
    pub class: Class,
    /// Where.
    pub place: Place,
    /// A lower-case phrase.
    pub message: String,
    /// What to do about it, with text that can be pasted.
    pub help: Option<Help>,
    /// What it was made of: an [`IoError`], a [`Fault`], the system's error.
    #[source]
    pub(crate) cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.place.to_string();
        match place.is_empty() {
            true => f.write_str(&self.message),
            false => write!(f, "{place}: {}", self.message),
        }
    }
}

impl RunError {
    /// An error at no place, without help.
    pub fn new(class: Class, message: impl Into<String>) -> RunError {
        RunError { class, place: Place::default(), message: message.into(), help: None, cause: None }
    }

    /// Where the pipeline's text says what fixes it, if a line of it can.
    pub fn span_in(&self, pipeline: &Pipeline) -> Option<Span> {
        let place = &self.place;
        let node = match self.class {
            Class::Pipeline => place.step.as_ref().or(place.input.as_ref()),
            Class::Data | Class::Limit => place.step.as_ref(),
            Class::System | Class::Interrupted | Class::Waiting | Class::Bug => None,
        };
        let within = place.config.as_deref().or(place.path.as_deref());
        let key = place.key.as_deref().filter(|_| self.class == Class::Pipeline);
        let keyed = key.and_then(|key| match (&place.input, &place.output) {
            (Some(input), _) => pipeline.place_of_input_key(input, key),
            (None, output) => pipeline.place_of_output_key(output.as_ref()?, key),
        });
        let granted = place.step.as_ref().zip(place.grant.as_ref());
        let granted = granted.and_then(|(step, path)| pipeline.place_of_grant(step, path));
        let routed = place.route.filter(|_| self.class != Class::Bug).and_then(|route| pipeline.place_of_route(route));
        let output = place.output.as_ref().filter(|_| self.class == Class::Pipeline && node.is_none());
        let output = || output.and_then(|output| pipeline.place_of_output(output));
        keyed.or(routed).or(granted).or_else(|| node.and_then(|node| pipeline.place_of(node, within))).or_else(output)
    }

    /// What the system refused, and at which file.
    pub(crate) fn system(doing: &str, path: &Path, error: &std::io::Error) -> RunError {
        let message = format!("cannot {doing} `{}`: {}", path.display(), plain(error));
        let refused = RunError::new(Class::System, message).because(copied(error));
        match limit(error) {
            Some(limit) => refused.help(format!("raise that limit: `{limit}`")),
            None => refused,
        }
    }

    /// A run's folder that cannot be written to.
    pub(crate) fn in_run_folder(path: &Path, error: &std::io::Error) -> RunError {
        let refused = RunError::system("write to the run's folder", path, error);
        match refused.help {
            Some(_) => refused,
            None => refused.help(Help::from("name another: ").set(Setting::RunFolder)),
        }
    }

    /// What could not be written; the system's words name the file.
    pub(crate) fn unwritten(doing: &str, error: &std::io::Error) -> RunError {
        let full = [std::io::ErrorKind::StorageFull, std::io::ErrorKind::QuotaExceeded].contains(&error.kind());
        let quota = is_of_quota(error);
        let written = RunError::new(Class::System, format!("cannot {doing}: {}", plain(error))).because(copied(error));
        if let Some(limit) = limit(error) {
            return written.help(format!("raise that limit, `{limit}`, and resume the run: no finished work is lost"));
        }
        match (full, quota) {
            (true, _) => written.help("free some space and resume the run: no finished work is lost"),
            (_, true) => written.help(Help::from("allow more when you resume the run: ").set(Setting::MaxSpill)),
            _ => written,
        }
    }

    /// What could not be read back; the system's words name the file.
    pub(crate) fn unread(what: &str, error: &std::io::Error) -> RunError {
        if is_of_quota(error) {
            return RunError::unwritten(&format!("keep {what}"), error);
        }
        RunError::new(Class::System, format!("cannot read {what}: {}", plain(error)))
            .because(copied(error))
            .help("resume the run: damaged parts are recreated")
    }

    /// What its caller has ended.
    pub fn interrupted() -> RunError {
        RunError::new(Class::Interrupted, "interrupted")
    }

    /// The run is to be resumed when these have ended.
    pub(crate) fn waiting(deferred: &Deferred) -> RunError {
        let batches = match deferred.batches {
            1 => "an offline batch has".to_owned(),
            batches => format!("{} offline batches have", count(batches as u64)),
        };
        let requests = match deferred.requests {
            1 => "1 request".to_owned(),
            requests => format!("{} requests", count(requests as u64)),
        };
        let servers = deferred.servers.iter().map(|server| format!("`{server}`")).collect::<Vec<_>>().join(", ");
        RunError::new(Class::Waiting, format!("{batches} not ended: {requests} to {servers}"))
    }

    fn because(mut self, cause: impl std::error::Error + Send + Sync + 'static) -> RunError {
        self.cause = Some(Box::new(cause));
        self
    }

    /// With what fixes it.
    #[must_use]
    pub fn help(mut self, help: impl Into<Help>) -> RunError {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn in_step(mut self, step: &str) -> RunError {
        self.place.step.get_or_insert_with(|| step.to_owned());
        self
    }

    pub(crate) fn in_grant(mut self, path: &str) -> RunError {
        self.place.grant.get_or_insert_with(|| path.to_owned());
        self
    }

    pub(crate) fn in_input(mut self, input: &str) -> RunError {
        self.place.input.get_or_insert_with(|| input.to_owned());
        self
    }

    pub(crate) fn in_output(mut self, output: &str) -> RunError {
        self.place.output.get_or_insert_with(|| output.to_owned());
        self
    }

    pub(crate) fn in_stage(mut self, stage: usize) -> RunError {
        self.place.stage.get_or_insert(stage);
        self
    }

    pub(crate) fn in_batch(mut self, batch: u64) -> RunError {
        self.place.batch.get_or_insert(batch);
        self
    }
}

impl From<IoError> for RunError {
    fn from(error: IoError) -> RunError {
        let class = match error.kind() {
            IoKind::Spec => Class::Pipeline,
            IoKind::Data => Class::Data,
            IoKind::System => Class::System,
            IoKind::Limit => Class::Limit,
            IoKind::Interrupted => return RunError::interrupted(),
        };
        let help = error.hint().cloned();
        let (path, key) = (error.written().map(str::to_owned), error.key().map(str::to_owned));
        let place = Place { path, key, ..Place::default() };
        RunError { class, place, message: error.to_string(), help, cause: Some(Box::new(error)) }
    }
}

/// Rows between stages would take more of the disk than they may.
#[derive(Debug, thiserror::Error)]
#[error("{} are used for rows between stages and {} more are needed, of {} allowed", bytes(*used), bytes(*more), bytes(*most))]
pub(crate) struct QuotaExceeded {
    pub(crate) used: u64,
    pub(crate) more: u64,
    pub(crate) most: u64,
}

/// Rows that a step put out take more than the budget leaves.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "rows: {} are held and {} more were returned, besides {} of the steps' own memory; a budget of {} leaves {} for both",
    bytes(*rows), bytes(*more), bytes(*steps), bytes(*budget), bytes(*both)
)]
pub(crate) struct RowsExceed {
    /// What all rows take that are held.
    pub(crate) rows: u64,
    /// What was added to them.
    pub(crate) more: u64,
    /// What all instances have.
    pub(crate) steps: u64,
    /// What both may have.
    pub(crate) both: u64,
    pub(crate) budget: u64,
}

impl RowsExceed {
    fn help(&self) -> Help {
        let over = self.rows.saturating_add(self.more).saturating_add(self.steps).saturating_sub(self.both);
        let budget = written(self.budget.saturating_add(over));
        Help::from(
            "let the step return less at a time, or use smaller batches: run.batch_rows, run.batch_bytes\nor allow more: ",
        )
        .set(Setting::Budget(Some(budget)))
    }

    /// The error where it is the host that was to take `more`, which `steps` has by then: `what` takes it, and `instead` helps without a larger
    /// budget.
    pub(crate) fn of_host(self, what: &str, instead: &str) -> RunError {
        let RowsExceed { rows, more, steps, both, budget } = self;
        let message = format!(
            "{what} {} of memory, beside {} of rows and {} of steps and outputs; a budget of {} leaves {} for all of them",
            bytes(more),
            bytes(rows),
            bytes(steps.saturating_sub(more)),
            bytes(budget),
            bytes(both)
        );
        let over = rows.saturating_add(steps).saturating_sub(both);
        let help = Help::from(format!("{instead}\nor allow more: "));
        let help = help.set(Setting::Budget(Some(written(budget.saturating_add(over)))));
        RunError::new(Class::Limit, message).help(help)
    }
}

impl From<RowsExceed> for RunError {
    fn from(exceed: RowsExceed) -> RunError {
        RunError::new(Class::Limit, exceed.to_string()).help(exceed.help())
    }
}

impl From<SandboxError> for RunError {
    fn from(error: SandboxError) -> RunError {
        let place = Place { grant: error.grant.clone(), ..Place::default() };
        let (class, message, help) = (error.class, error.message.clone(), error.help.clone());
        RunError { class, place, message, help, cause: Some(Box::new(error)) }
    }
}

/// What the host could not write while a step ran, or what the system refused it.
impl From<RunError> for Fault {
    fn from(error: RunError) -> Fault {
        Fault::Refused { class: error.class, message: error.message, help: error.help }
    }
}

impl RunError {
    /// The error of a step whose call failed.
    pub(crate) fn of(fault: Fault, step: &str) -> RunError {
        let (class, help) = match &fault {
            Fault::Trap { .. } => (Class::Data, None),
            Fault::Contract(_) => {
                (Class::Data, Some("this is a fault of the step: what it returns must be what it declared".into()))
            }
            Fault::Limit(limit) => (Class::Limit, limit.help().map(Help::from)),
            Fault::Budget(budget) => (Class::Limit, Some(budget.help())),
            Fault::Time { key, limit, .. } => {
                let raised = limit.as_secs().max(1) * 4;
                (Class::Limit, Some(format!("raise it in the step: {key} = \"{raised}s\"").into()))
            }
            Fault::Rejected { .. } => {
                let help = "to continue without such rows, add to the step: on_error = \"reject\"";
                (Class::Data, Some(help.into()))
            }
            Fault::Said { kind: SaidKind::Config, .. } => (Class::Pipeline, None),
            Fault::Said { kind: SaidKind::Transient, .. } => (Class::System, None),
            Fault::Said { .. } => (Class::Data, None),
            Fault::Host(_) => (Class::System, None),
            Fault::Refused { class, help, .. } => (*class, help.clone()),
            Fault::Interrupted => (Class::Interrupted, None),
        };
        let config = match &fault {
            Fault::Said { at, .. } => at.clone().filter(|at| at.len() > 1),
            _ => None,
        };
        let (place, message) = (Place { config, ..Place::default() }, fault.to_string());
        RunError { class, place, message, help, cause: Some(Box::new(fault)) }.in_step(step)
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::io;

    use super::*;

    #[test]
    fn an_error_knows_what_it_was_made_of() {
        let full = RunError::system("write", Path::new("out"), &io::Error::from_raw_os_error(28));
        let cause = full.source().and_then(|cause| cause.downcast_ref::<io::Error>());
        assert_eq!(cause.map(io::Error::kind), Some(io::ErrorKind::StorageFull));
        let limit = LimitExceeded { what: "counters", limit: 1, present: 1, requested: 1, key: None };
        let limited = RunError::of(Fault::Limit(limit), "echo");
        let cause = limited.source().and_then(|cause| cause.downcast_ref::<Fault>());
        assert!(matches!(cause, Some(Fault::Limit(_))), "{cause:?}");
        let sandboxed = RunError::from(SandboxError::new(Class::System, "no"));
        assert!(sandboxed.source().is_some_and(|cause| cause.is::<SandboxError>()));
    }
}
