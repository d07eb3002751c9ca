//! What can go wrong in a run: whose affair it is, where it happened, what to do.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use callboard_io::{ErrorKind as IoKind, IoError};

/// Whose affair an error is; the exit code of a command says the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The pipeline asks for what cannot be.
    Pipeline,
    /// A step failed, or the rows are not what they should be.
    Data,
    /// A step ran into one of its limits.
    Limit,
    /// The system refused: a full disk, a missing permission. The same run may succeed later.
    System,
    /// The run was asked to stop.
    Interrupted,
    /// A fault of Callboard's own.
    Bug,
}

/// Where in a run; empty before it begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The stage, from 1.
    pub stage: Option<usize>,
    /// The step.
    pub step: Option<String>,
    /// The key of the step's configuration, as a JSON pointer.
    pub config: Option<String>,
    /// The path that the step's `grant.files` names.
    pub grant: Option<String>,
    /// The input, where it is not a step's affair.
    pub input: Option<String>,
    /// The path or pattern of the input, as the pipeline file has it.
    pub path: Option<String>,
    /// The output, likewise.
    pub output: Option<String>,
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
            self.input.as_ref().map(|input| format!("input `{input}`")),
            self.output.as_ref().map(|output| format!("output `{output}`")),
            self.batch.map(|batch| format!("batch {batch}")),
            self.row.clone(),
        ];
        f.write_str(&parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}

/// The system's words without the number that Rust appends.
pub(crate) fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

/// A name from a file or a component, within a line: it cannot end it.
pub(crate) fn in_a_line(name: &str) -> Cow<'_, str> {
    match name.contains(char::is_control) {
        true => name.escape_debug().to_string().into(),
        false => name.into(),
    }
}

fn is_of_quota(error: &std::io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<crate::disk::spill::QuotaExceeded>())
}

/// A JSON pointer as a pipeline file writes keys: `gopher.words` of `/gopher/words`.
fn dotted(pointer: &str) -> String {
    let keys = pointer.trim_start_matches('/').split('/').map(|key| key.replace("~1", "/").replace("~0", "~"));
    keys.collect::<Vec<_>>().join(".")
}

/// Why a run ended badly. Prints as one line, `place: message`; the mend stands beside it.
#[derive(Debug, thiserror::Error)]
pub struct RunError {
    /// Whose affair it is.
    pub class: Class,
    /// Where.
    pub place: Place,
    /// A lower-case phrase.
    pub message: String,
    /// What to do about it, with text that can be pasted.
    pub help: Option<String>,
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
    pub(crate) fn new(class: Class, message: impl Into<String>) -> RunError {
        RunError { class, place: Place::default(), message: message.into(), help: None }
    }

    /// What the system refused, and at which file.
    pub(crate) fn system(doing: &str, path: &Path, error: &std::io::Error) -> RunError {
        let message = format!("cannot {doing} `{}`: {}", path.display(), plain(error));
        RunError::new(Class::System, message)
    }

    /// What could not be written; the system's words name the file.
    pub(crate) fn unwritten(doing: &str, error: &std::io::Error) -> RunError {
        let full = [std::io::ErrorKind::StorageFull, std::io::ErrorKind::QuotaExceeded].contains(&error.kind());
        let quota = is_of_quota(error);
        let written = RunError::new(Class::System, format!("cannot {doing}: {}", plain(error)));
        match (full, quota) {
            (true, _) => written.help("make room, and go on with the run: nothing that is done is lost"),
            (_, true) => written.help("allow more when you go on with the run: --max-spill SIZE"),
            _ => written,
        }
    }

    /// What could not be read back; the system's words name the file.
    pub(crate) fn unread(what: &str, error: &std::io::Error) -> RunError {
        if is_of_quota(error) {
            return RunError::unwritten(&format!("keep {what}"), error);
        }
        RunError::new(Class::System, format!("cannot read {what}: {}", plain(error)))
            .help("go on with the run: what is damaged is made again")
    }

    pub(crate) fn interrupted() -> RunError {
        RunError::new(Class::Interrupted, "interrupted")
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> RunError {
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
        let help = error.help().map(str::to_owned);
        let place = Place { path: error.written().map(str::to_owned), ..Place::default() };
        RunError { class, place, message: error.to_string(), help }
    }
}

/// A step asked for more than it may have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct LimitExceeded {
    /// What is limited, with its unit: `bytes of memory`, `lines of log`. What is in `bytes of` prints as `64 MiB`.
    pub what: &'static str,
    /// The most that is allowed.
    pub limit: u64,
    /// What the step has already.
    pub present: u64,
    /// What it asked for on top of that; 0 where it is not known how much more that was.
    pub requested: u64,
    /// The key of the pipeline file that raises the limit, where there is one.
    pub key: Option<&'static str>,
}

/// The most linear memory that any component can have: its addresses have 32 bits.
const ADDRESSABLE: u64 = 4 << 30;

impl fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let amount = |number| if self.is_of_bytes() { bytes(number) } else { number.to_string() };
        let what = self.what.strip_prefix("bytes of ").unwrap_or(self.what);
        let limit = amount(self.limit);
        if self.requested == 0 {
            return write!(f, "{what}: more than {limit}, which is what is allowed");
        }
        let (present, requested) = (amount(self.present), amount(self.requested));
        write!(f, "{what}: {present} are in use and {requested} more were asked for, of {limit} allowed")
    }
}

impl LimitExceeded {
    fn is_of_bytes(&self) -> bool {
        self.what.starts_with("bytes of ")
    }

    /// What to write into the pipeline file, or why nothing there helps.
    fn help(&self) -> Option<String> {
        let key = self.key?;
        let wanted = self.present.saturating_add(self.requested).max(self.limit.saturating_add(1));
        let raised = wanted.checked_next_power_of_two().unwrap_or(u64::MAX);
        if key == "limits.memory" && wanted > ADDRESSABLE {
            let most = bytes(ADDRESSABLE);
            return Some(format!("it cannot be raised: no component has more than {most}; give the step less to hold"));
        }
        Some(match self.is_of_bytes() {
            true => format!("raise it in the step: {key} = \"{}MiB\"", raised.div_ceil(1 << 20)),
            false => format!("raise it in the step: {key} = {raised}"),
        })
    }
}

/// A size as people read it: `17 bytes`, `64 MiB`, `1.5 GiB`.
pub(crate) fn bytes(number: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let Some((at, unit)) = UNITS.iter().enumerate().rfind(|(at, _)| number >> (10 * (at + 1)) > 0) else {
        return format!("{number} bytes");
    };
    let rounded = format!("{:.1}", number as f64 / (1u64 << (10 * (at + 1))) as f64);
    format!("{} {unit}", rounded.trim_end_matches(".0"))
}

/// A step asked for memory that the budget of all steps together does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "memory: {} are in use and {} more were asked for; all steps together have {}, and a budget of {} leaves them {}",
    bytes(*present), bytes(*requested), bytes(*all), bytes(*budget), bytes(*most)
)]
pub(crate) struct BudgetExceeded {
    /// What the instance has.
    pub(crate) present: u64,
    pub(crate) requested: u64,
    /// What all instances have.
    pub(crate) all: u64,
    /// What they may have.
    pub(crate) most: u64,
    /// The same with rows and the process.
    pub(crate) budget: u64,
}

impl BudgetExceeded {
    fn help(&self) -> String {
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        let need = mib(self.present.saturating_add(self.requested));
        let lacking = self.all.saturating_add(self.requested).saturating_sub(self.most);
        let budget = mib(self.budget.saturating_add(lacking));
        format!(
            "run the pipeline again: it will be planned with {need} MiB for each instance of this step, and what is done is not \
             done twice\nor say what it needs: needs = {{ memory = \"{need}MiB\" }}\nor allow more, also when you go on: \
             --budget {budget}MiB"
        )
    }
}

/// Rows that a step put out take more than the budget leaves.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "rows: {} are held and {} more were put out, beside {} of the steps' own memory; a budget of {} leaves {} for both",
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
    fn help(&self) -> String {
        let over = self.rows.saturating_add(self.more).saturating_add(self.steps).saturating_sub(self.both);
        format!(
            "let the step put out less at a time, or smaller batches: run.batch_rows, run.batch_bytes\nor allow more: --budget {}MiB",
            self.budget.saturating_add(over).div_ceil(1 << 20)
        )
    }
}

impl From<RowsExceed> for RunError {
    fn from(exceed: RowsExceed) -> RunError {
        RunError::new(Class::Limit, exceed.to_string()).help(exceed.help())
    }
}

/// How a call into a component failed.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// The component trapped. `said` is what it logged as an error, or wrote to its standard error, before that.
    #[error("`{call}` trapped: {}", said.as_ref().unwrap_or(trap))]
    Trap { call: &'static str, trap: String, said: Option<String> },
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
    /// What is left for all steps is no affair of some rows.
    #[error(transparent)]
    Budget(BudgetExceeded),
    #[error("`{call}` took longer than {}", seconds(*.limit))]
    Time { call: &'static str, limit: Duration, key: &'static str },
    /// The component returned an error of the contract.
    #[error("{message}")]
    Said { kind: SaidKind, message: String, at: Option<String> },
    /// What it returned breaks the contract.
    #[error("{0}")]
    Contract(String),
    /// It rejected a row, and the pipeline does not let it.
    #[error("{row}rejected: {reason}")]
    Rejected { row: String, reason: String },
    /// The host could not do its part.
    #[error("{0}")]
    Host(String),
    /// What the host had to do for it could not be done.
    #[error("{message}")]
    Refused { class: Class, message: String, help: Option<String> },
    #[error("interrupted")]
    Interrupted,
}

/// Arrow refuses what had been checked, or has no room: the host's affair.
impl From<arrow::error::ArrowError> for Fault {
    fn from(error: arrow::error::ArrowError) -> Fault {
        Fault::Host(error.to_string())
    }
}

/// What the host could not write while a step ran, or what the system refused it.
impl From<RunError> for Fault {
    fn from(error: RunError) -> Fault {
        Fault::Refused { class: error.class, message: error.message, help: error.help }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SaidKind {
    Config,
    Input,
    Transient,
    Failed,
}

impl Fault {
    /// The error of a step, still without its place.
    pub(crate) fn into_error(self, step: &str) -> RunError {
        let (class, help) = match &self {
            Fault::Trap { .. } => (Class::Data, None),
            Fault::Contract(_) => {
                (Class::Data, Some("this is a fault of the step: what it returns must be what it declared".to_owned()))
            }
            Fault::Limit(limit) => (Class::Limit, limit.help()),
            Fault::Budget(budget) => (Class::Limit, Some(budget.help())),
            Fault::Time { key, limit, .. } => {
                let raised = limit.as_secs().max(1) * 4;
                (Class::Limit, Some(format!("raise it in the step: {key} = \"{raised}s\"")))
            }
            Fault::Rejected { .. } => {
                let help = "to go on without such rows, add to the step: on_error = \"reject\"";
                (Class::Data, Some(help.to_owned()))
            }
            Fault::Said { kind: SaidKind::Config, .. } => (Class::Pipeline, None),
            Fault::Said { kind: SaidKind::Transient, .. } => (Class::System, None),
            Fault::Said { .. } => (Class::Data, None),
            Fault::Host(_) => (Class::System, None),
            Fault::Refused { class, help, .. } => (*class, help.clone()),
            Fault::Interrupted => (Class::Interrupted, None),
        };
        let config = match &self {
            Fault::Said { at, .. } => at.clone().filter(|at| at.len() > 1),
            _ => None,
        };
        RunError { class, place: Place { config, ..Place::default() }, message: self.to_string(), help }.in_step(step)
    }
}

fn seconds(limit: Duration) -> String {
    format!("{} s", limit.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::{LimitExceeded, bytes};

    fn exceeded(what: &'static str, limit: u64, requested: u64, key: &'static str) -> LimitExceeded {
        LimitExceeded { what, limit, present: 0, requested, key: Some(key) }
    }

    #[test]
    fn sizes_read_as_people_write_them() {
        let read = [0, 1023, 1024, 1536, 64 << 20, (1 << 30) + (1 << 29), 4 << 40].map(bytes);
        assert_eq!(read, ["0 bytes", "1023 bytes", "1 KiB", "1.5 KiB", "64 MiB", "1.5 GiB", "4 TiB"]);
    }

    #[test]
    fn a_limit_says_its_numbers_and_the_line_that_raises_it() {
        let memory = exceeded("bytes of memory", 64 << 20, 65 << 20, "limits.memory");
        assert_eq!(memory.to_string(), "memory: 0 bytes are in use and 65 MiB more were asked for, of 64 MiB allowed");
        assert_eq!(memory.help().unwrap(), "raise it in the step: limits.memory = \"128MiB\"");
        let lines = exceeded("lines of log", 100, 1, "limits.log_lines");
        assert_eq!(lines.help().unwrap(), "raise it in the step: limits.log_lines = 128");
        let returned = exceeded("bytes of data returned", 128 << 20, 0, "limits.returned");
        assert_eq!(returned.to_string(), "data returned: more than 128 MiB, which is what is allowed");
        assert_eq!(returned.help().unwrap(), "raise it in the step: limits.returned = \"256MiB\"");
    }

    #[test]
    fn nobody_is_told_to_grant_more_memory_than_can_be_addressed() {
        let memory = exceeded("bytes of memory", 4 << 30, 64 << 10, "limits.memory");
        assert!(memory.help().unwrap().starts_with("it cannot be raised: no component has more than 4 GiB"));
    }
}
