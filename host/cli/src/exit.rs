//! Failures of a command: their message, and the exit code that says who has to act.

use callboard_words::Help;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use callboard_plan::{Pipeline, Problem, Problems, Source, Span};
use callboard_runtime::{Class, RunError};

use crate::show;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The pipeline file is wrong.
    Problems(Box<Problems>),
    /// The run, or its preparation, went wrong; with the place in the pipeline file that it is about, and the run's folder where it can be
    /// resumed.
    Run(Box<RunError>, Option<(Source, Span)>, Option<PathBuf>),
    /// Something around it did; with what fixes it.
    Other(Class, String, Option<Help>),
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Failure {
        Failure::Run(Box::new(error), None, None)
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Failure {
        Failure::Problems(Box::new(problems))
    }
}

impl Failure {
    /// A failure of a run of this pipeline. If a line of the file can fix it, that line is shown.
    pub(crate) fn of(error: RunError, pipeline: &Pipeline) -> Failure {
        let at = error.span_in(pipeline).map(|at| (pipeline.source.clone(), at));
        Failure::Run(Box::new(error), at, None)
    }

    /// With the command that goes on.
    pub(crate) fn resumable(self, folder: &Path) -> Failure {
        match self {
            Failure::Run(error, at, _) => Failure::Run(error, at, Some(folder.to_owned())),
            other => other,
        }
    }

    /// What no line of the pipeline file is to blame for.
    pub(crate) fn other(class: Class, message: impl Into<String>) -> Failure {
        Failure::Other(class, message.into(), None)
    }

    /// What the system refused.
    pub(crate) fn system(doing: &str, error: &std::io::Error) -> Failure {
        Failure::other(Class::System, format!("cannot {doing}: {}", plain(error)))
    }

    /// With what fixes it.
    pub(crate) fn help(self, text: impl Into<Help>) -> Failure {
        match self {
            Failure::Other(class, message, _) => Failure::Other(class, message, Some(text.into())),
            other => other,
        }
    }

    /// With one thing more that fixes it, on a line of its own.
    pub(crate) fn also(self, text: String) -> Failure {
        let with = |help: Option<Help>| {
            Some(match help {
                Some(help) => help.and("\n").and(&text),
                None => text.clone().into(),
            })
        };
        match self {
            Failure::Other(class, message, help) => Failure::Other(class, message, with(help)),
            Failure::Run(mut error, at, folder) => {
                error.help = with(error.help.take());
                Failure::Run(error, at, folder)
            }
            problems => problems,
        }
    }

    /// Says it on standard error.
    pub(crate) fn report(self) -> ExitCode {
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colour = std::io::stderr().is_terminal() && !no_colour;
        let resumable = match &self {
            Failure::Run(.., folder) => folder.clone(),
            _ => None,
        };
        if show::says_json() {
            return self.report_json();
        }
        let (class, text) = match self {
            Failure::Problems(problems) => (Class::Pipeline, show::problems::problems(&problems, colour)),
            Failure::Run(error, ..) if error.class == Class::Waiting => (error.class, error.to_string()),
            Failure::Run(error, place, _) => {
                let (source, at) = place.unzip();
                let problem = Problem { message: error.to_string(), at, help: error.help };
                (error.class, show::problems::error(&problem, source.as_ref(), colour))
            }
            Failure::Other(class, message, help) => {
                (class, show::problems::error(&Problem { message, at: None, help }, None, colour))
            }
        };
        match class {
            Class::Waiting => show::err(text.trim_end()),
            // Its colours are ours.
            _ => show::err_as_it_is(text.trim_end()),
        }
        resumable.iter().for_each(|folder| show::err(&resumes(class, folder)));
        code(class)
    }
}

impl Failure {
    /// The same for a program.
    fn report_json(self) -> ExitCode {
        let (class, message, help, resumable) = match self {
            Failure::Problems(problems) => (Class::Pipeline, show::problems::problems(&problems, false), None, None),
            Failure::Run(error, _, folder) => (error.class, error.to_string(), error.help, folder),
            Failure::Other(class, message, help) => (class, message, help, None),
        };
        let of = serde_json::json!({
            "event": "error",
            "message": message.trim_end(),
            "help": help.map(|help| help.said(show::flags::flag)),
            "resume": resumable.map(|folder| resume_command(&folder)),
            "exit_code": number(class),
        });
        show::err_json(&of);
        code(class)
    }
}

/// What is kept of a run that ended like this, and the command that goes on.
pub(crate) fn resumes(class: Class, folder: &Path) -> String {
    if class == Class::Waiting {
        let folder = quoted(folder);
        return format!(
            "to continue when they have:\n  callboard resume {folder}\nto wait for them:\n  callboard resume {folder} --wait"
        );
    }
    let first = match class {
        Class::Waiting | Class::Interrupted | Class::System | Class::Bug => "what is done is kept; to resume:",
        // Resuming alone would come to the same again.
        Class::Pipeline | Class::Data | Class::Limit => {
            "what is done is kept: change the pipeline and run it again, or fix what it uses and resume it:"
        }
    };
    format!("{first}\n  {}", resume_command(folder))
}

/// The command that continues the run of a folder.
pub(crate) fn resume_command(folder: &Path) -> String {
    format!("callboard resume {}", quoted(folder))
}

pub(crate) use callboard_words::text::plain;

/// A path as a shell takes it, whatever its bytes are.
pub(crate) fn quoted(path: impl AsRef<Path>) -> String {
    let bytes = path.as_ref().as_os_str().as_encoded_bytes();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@%".contains(c);
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.is_empty() && text.chars().all(plain) => text.to_owned(),
        Ok(text) if show::harmless(text) == text && !text.contains(['\n', '\t']) => {
            format!("'{}'", text.replace('\'', "'\\''"))
        }
        // `$'…'`, in which bash, zsh and ksh take bytes by their numbers.
        _ => {
            let byte = |byte: &u8| match byte {
                b'\'' | b'\\' => format!("\\{}", char::from(*byte)),
                b' '..=b'~' => char::from(*byte).to_string(),
                _ => format!("\\x{byte:02x}"),
            };
            format!("$'{}'", bytes.iter().map(byte).collect::<String>())
        }
    }
}

/// The exit code of each class of failures.
const CODES: [(Class, u8); 7] = [
    (Class::Pipeline, 2),
    (Class::Data, 3),
    (Class::Limit, 4),
    (Class::System, 5),
    (Class::Bug, 70),
    (Class::Waiting, 75),
    (Class::Interrupted, 130),
];

fn code(class: Class) -> ExitCode {
    ExitCode::from(number(class))
}

fn number(class: Class) -> u8 {
    CODES.iter().find(|(listed, _)| *listed == class).expect("every class is listed").1
}

/// The class that an exit code of this program stands for.
pub(crate) fn class(code: Option<i32>) -> Class {
    let listed = CODES.iter().find(|(_, listed)| Some(i32::from(*listed)) == code);
    listed.map_or(Class::Bug, |(class, _)| *class)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::quoted;

    #[test]
    fn a_path_is_quoted_as_it_needs() {
        assert_eq!(["a/b-1.jsonl", "it's", "", "café"].map(quoted), ["a/b-1.jsonl", "'it'\\''s'", "''", "'café'"]);
        assert_eq!(quoted("a\nb\u{1b}[31m"), "$'a\\x0ab\\x1b[31m'");
        assert_eq!(quoted(OsStr::from_bytes(b"caf\xe9's")), "$'caf\\xe9\\'s'");
    }
}
