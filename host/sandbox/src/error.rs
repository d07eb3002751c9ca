//! What can go wrong with a component: before it runs ([`SandboxError`]), and in a call into it ([`Fault`]).

use callboard_words::{Help, Setting};
use std::fmt;
use std::path::Path;
use std::time::Duration;

use callboard_plan::MOST_MEMORY;
use callboard_words::sizes::{about, bytes, written};
use callboard_words::text::plain;

/// Who has to act on an error; the exit code of a command says the same.
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
    /// Nobody yet: the run waits for offline batches.
    Waiting,
    /// A fault of Callboard's own.
    Bug,
}

/// Why a component cannot be run: it does not compile, the system refuses something, what it is granted is not there.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct SandboxError {
    /// Who has to act.
    pub class: Class,
    /// A lower-case phrase.
    pub message: String,
    /// What fixes it, with text that can be pasted.
    pub help: Option<Help>,
    /// The path of the grant of files that it is about.
    pub grant: Option<String>,
}

impl SandboxError {
    /// An error without help.
    pub fn new(class: Class, message: impl Into<String>) -> SandboxError {
        SandboxError { class, message: message.into(), help: None, grant: None }
    }

    /// What the system refused, and at which file.
    pub fn system(doing: &str, path: &Path, error: &std::io::Error) -> SandboxError {
        SandboxError::new(Class::System, format!("cannot {doing} `{}`: {}", path.display(), plain(error)))
    }

    pub(crate) fn interrupted() -> SandboxError {
        SandboxError::new(Class::Interrupted, "interrupted")
    }

    pub(crate) fn help(mut self, help: impl Into<Help>) -> SandboxError {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn in_grant(mut self, path: &str) -> SandboxError {
        self.grant.get_or_insert_with(|| path.to_owned());
        self
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

impl fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let amount = |number| if self.is_of_bytes() { bytes(number) } else { number.to_string() };
        let what = self.what.strip_prefix("bytes of ").unwrap_or(self.what);
        let limit = amount(self.limit);
        if self.requested == 0 {
            return write!(f, "{what}: more than the {limit} allowed");
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
    pub fn help(&self) -> Option<String> {
        let key = self.key?;
        let wanted = self.present.saturating_add(self.requested).max(self.limit.saturating_add(1));
        let raised = wanted.checked_next_power_of_two().unwrap_or(u64::MAX);
        if key == "limits.memory" && wanted > MOST_MEMORY {
            let most = bytes(MOST_MEMORY);
            return Some(format!("it cannot be raised: no component has more than {most}; give the step less to hold"));
        }
        Some(match self.is_of_bytes() {
            true => format!("raise it in the step: {key} = \"{}\"", written(raised)),
            false => format!("raise it in the step: {key} = {raised}"),
        })
    }
}

/// A step asked for memory that the budget of all steps together does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "memory: {} are in use and {} more were asked for; all steps together have {}, and a budget of {} leaves them {}",
    bytes(*present), bytes(*requested), bytes(*all), bytes(*budget), bytes(*most)
)]
#[non_exhaustive]
pub struct BudgetExceeded {
    /// What the instance has.
    pub present: u64,
    /// What it asked for on top of that.
    pub requested: u64,
    /// What all instances have.
    pub all: u64,
    /// What they may have.
    pub most: u64,
    /// The same with rows and the process.
    pub budget: u64,
}

impl BudgetExceeded {
    /// What fixes it.
    pub fn help(&self) -> Help {
        let wanted = self.present.saturating_add(self.requested);
        let (about, need) = (about(wanted), written(wanted));
        let lacking = self.all.saturating_add(self.requested).saturating_sub(self.most);
        let budget = written(self.budget.saturating_add(lacking));
        Help::from(format!(
            "run the pipeline again: it will be planned with {about} for each instance of this step, and what is done is not \
             done twice\nor say what it needs: needs = {{ memory = \"{need}\" }}\nor allow more, also when you resume it: "
        ))
        .set(Setting::Budget(Some(budget)))
    }
}

/// How a call into a component failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Fault {
    /// The component trapped.
    #[error("`{call}` trapped: {}", said.as_ref().unwrap_or(trap))]
    Trap {
        /// The function that was called.
        call: &'static str,
        /// Why.
        trap: String,
        /// What it logged as an error, or wrote to its standard error, before that.
        said: Option<String>,
    },
    /// It asked for more than it may have.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
    /// It asked for more than is left for all steps together: none of its rows is to blame.
    #[error(transparent)]
    Budget(BudgetExceeded),
    /// It took too long.
    #[error("`{call}` took longer than {}", seconds(*.limit))]
    Time {
        /// The function that was called.
        call: &'static str,
        /// The longest that it may take.
        limit: Duration,
        /// The key of the pipeline file that raises the limit.
        key: &'static str,
    },
    /// The component returned an error of the contract.
    #[error("{message}")]
    Said {
        /// The kind of the error.
        kind: SaidKind,
        /// Its own words.
        message: String,
        /// The place in its configuration, as a JSON pointer.
        at: Option<String>,
    },
    /// What it returned breaks the contract.
    #[error("{0}")]
    Contract(String),
    /// It rejected a row, and the pipeline does not let it.
    #[error("{row}rejected: {reason}")]
    Rejected {
        /// The row, as the start of a sentence.
        row: String,
        /// Why.
        reason: String,
    },
    /// The host could not do its part.
    #[error("{0}")]
    Host(String),
    /// What the host had to do for it could not be done.
    #[error("{message}")]
    Refused {
        /// Who has to act.
        class: Class,
        /// What could not be done.
        message: String,
        /// What fixes it.
        help: Option<Help>,
    },
    /// The call was ended from outside.
    #[error("interrupted")]
    Interrupted,
}

/// Arrow refuses what had been checked, or has no room: the host has to act.
impl From<arrow::error::ArrowError> for Fault {
    fn from(error: arrow::error::ArrowError) -> Fault {
        Fault::Host(error.to_string())
    }
}

/// What the system refused the host while it worked for a component.
impl From<SandboxError> for Fault {
    fn from(error: SandboxError) -> Fault {
        match error.class {
            Class::Interrupted => Fault::Interrupted,
            class => Fault::Refused { class, message: error.message, help: error.help },
        }
    }
}

/// The kinds of errors that the contract has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaidKind {
    /// Its configuration is wrong.
    Config,
    /// It cannot handle these rows.
    Input,
    /// It failed for now: the same call may succeed later.
    Transient,
    /// It failed.
    Failed,
}

fn seconds(limit: Duration) -> String {
    format!("{} s", limit.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::LimitExceeded;

    fn exceeded(what: &'static str, limit: u64, requested: u64, key: &'static str) -> LimitExceeded {
        LimitExceeded { what, limit, present: 0, requested, key: Some(key) }
    }

    #[test]
    fn a_limit_says_its_numbers_and_the_line_that_raises_it() {
        let memory = exceeded("bytes of memory", 64 << 20, 65 << 20, "limits.memory");
        assert_eq!(memory.to_string(), "memory: 0 bytes are in use and 65 MiB more were asked for, of 64 MiB allowed");
        assert_eq!(memory.help().unwrap(), "raise it in the step: limits.memory = \"128MiB\"");
        let lines = exceeded("lines of log", 100, 1, "limits.log_lines");
        assert_eq!(lines.help().unwrap(), "raise it in the step: limits.log_lines = 128");
        let returned = exceeded("bytes of data returned", 128 << 20, 0, "limits.returned");
        assert_eq!(returned.to_string(), "data returned: more than the 128 MiB allowed");
        assert_eq!(returned.help().unwrap(), "raise it in the step: limits.returned = \"256MiB\"");
    }

    #[test]
    fn nobody_is_told_to_grant_more_memory_than_can_be_addressed() {
        let memory = exceeded("bytes of memory", 4 << 30, 64 << 10, "limits.memory");
        assert!(memory.help().unwrap().starts_with("it cannot be raised: no component has more than 4 GiB"));
    }
}
