//! Failures of a command: what is said of them, and the exit code that says whose affair they are.

use std::io::IsTerminal;
use std::process::ExitCode;

use callboard_plan::Problems;
use callboard_runtime::{Class, RunError};

use crate::show;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The pipeline file is wrong.
    Problems(Box<Problems>),
    /// The run, or its preparation, went wrong.
    Run(RunError),
    /// Something around it did.
    Other(Class, String),
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Failure {
        Failure::Problems(Box::new(problems))
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Failure {
        Failure::Run(error)
    }
}

impl Failure {
    /// What the system refused.
    pub(crate) fn system(doing: &str, error: &std::io::Error) -> Failure {
        Failure::Other(Class::System, format!("cannot {doing}: {error}"))
    }

    /// Says it on standard error.
    #[expect(clippy::print_stderr, reason = "errors are shown here")]
    pub(crate) fn report(self) -> ExitCode {
        let colour = std::io::stderr().is_terminal();
        let (class, text) = match &self {
            Failure::Problems(problems) => (Class::Pipeline, show::problems::render(problems, colour)),
            Failure::Run(error) => (error.class, show::problems::error(&error.to_string(), error.help.as_deref())),
            Failure::Other(class, message) => (*class, show::problems::error(message, None)),
        };
        eprintln!("{}", text.trim_end());
        code(class)
    }
}

/// The exit code of each class of failures.
const CODES: [(Class, u8); 6] = [
    (Class::Pipeline, 2),
    (Class::Data, 3),
    (Class::Limit, 4),
    (Class::System, 5),
    (Class::Bug, 70),
    (Class::Interrupted, 130),
];

fn code(class: Class) -> ExitCode {
    let listed = CODES.iter().find(|(listed, _)| *listed == class);
    ExitCode::from(listed.expect("every class is listed").1)
}

/// The class that an exit code of this program stands for.
pub(crate) fn class(code: Option<i32>) -> Class {
    let listed = CODES.iter().find(|(_, listed)| Some(i32::from(*listed)) == code);
    listed.map_or(Class::Bug, |(class, _)| *class)
}
