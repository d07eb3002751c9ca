//! What was tried, and how it ended.

use callboard_words::Help;
use serde::Serialize;

/// One thing that was tried.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// What, as a phrase: `empty batches`.
    pub what: String,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// What to do about it.
    pub help: Option<Help>,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", content = "detail", rename_all = "kebab-case")]
pub enum Outcome {
    /// As it should; with figures.
    Passed(String),
    /// Otherwise: what was expected, and what was found.
    Failed(String),
    /// It could not be tried on this step; why.
    NotApplicable(String),
}

/// A number of things, in words: `1 row`, `2 rows`.
pub(crate) fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

impl Finding {
    pub(crate) fn passed(what: &str, detail: impl Into<String>) -> Finding {
        Finding { what: what.to_owned(), outcome: Outcome::Passed(detail.into()), help: None }
    }

    pub(crate) fn failed(what: &str, detail: impl Into<String>) -> Finding {
        Finding { what: what.to_owned(), outcome: Outcome::Failed(detail.into()), help: None }
    }

    pub(crate) fn not_applicable(what: &str, why: impl Into<String>) -> Finding {
        Finding { what: what.to_owned(), outcome: Outcome::NotApplicable(why.into()), help: None }
    }

    /// `Ok` are the figures of what passed, `Err` what was expected and found.
    pub(crate) fn of(what: &str, tried: std::result::Result<String, String>) -> Finding {
        match tried {
            Ok(detail) => Finding::passed(what, detail),
            Err(detail) => Finding::failed(what, detail),
        }
    }

    /// What failed for a reason that the step's author can do nothing about has passed, with that reason.
    pub fn excused(mut self, why: &str) -> Finding {
        if let Outcome::Failed(detail) = &self.outcome {
            self.outcome = Outcome::Passed(format!("{detail}: {why}"));
            self.help = None;
        }
        self
    }

    /// With what fixes it, if it failed.
    pub(crate) fn help(mut self, help: impl Into<Help>) -> Finding {
        if self.has_failed() {
            self.help = Some(help.into());
        }
        self
    }

    /// Whether it ended as it should not.
    pub fn has_failed(&self) -> bool {
        matches!(self.outcome, Outcome::Failed(_))
    }
}
