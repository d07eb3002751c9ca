//! A value that its column cannot hold, and the error that it becomes.

use callboard_words::text;

use crate::error::{ErrorKind, IoError};
use crate::spec::InputSpec;
use crate::types;

/// A value that its column cannot hold.
#[derive(Debug)]
pub(crate) struct Misfit {
    /// Names from the column's to the value's; the innermost first, as they are learnt on the way out.
    pub(crate) path: Vec<String>,
    pub(crate) message: String,
    /// The type that would hold it, as `types` names it, if it stands in the column itself; none if no type does.
    pub(crate) would_fit: Option<&'static str>,
    /// Lists between the column and the value.
    pub(crate) lists: usize,
    /// What fixes it beside a type.
    pub(crate) help: Option<String>,
    /// Whether there are more columns than a limit allows; of all those, `path` is then the one that most are in.
    pub(crate) too_many: bool,
}

impl Misfit {
    pub(crate) fn new(message: String, would_fit: &'static str) -> Misfit {
        let would_fit = Some(would_fit);
        Misfit { path: Vec::new(), message, would_fit, lists: 0, help: None, too_many: false }
    }

    /// A member that occurs twice in one object: within a column of JSON text it may, in a row not.
    pub(crate) fn twice() -> Misfit {
        Misfit { would_fit: None, ..Misfit::new("occurs twice in one object".into(), "") }
    }

    /// A member whose name is empty.
    pub(crate) fn nameless() -> Misfit {
        let help = Some("give it a name in the file: every column has one".into());
        Misfit { help, ..Misfit::new("has a member without a name".into(), "json") }
    }

    /// More columns, or longer names of columns, than `help` says how to allow.
    pub(crate) fn too_many(message: String, help: String) -> Misfit {
        Misfit { help: Some(help), too_many: true, ..Misfit::new(message, "json") }
    }

    /// The value is one of a list.
    pub(crate) fn in_list(&mut self) {
        if self.path.is_empty() {
            self.lists += 1;
        }
    }

    /// As an error of the input, with the line of `types` that fixes it; `anything` is the type that holds any value of the
    /// format.
    pub(crate) fn into_error(self, spec: &InputSpec, anything: &'static str) -> IoError {
        let Misfit { path, message, would_fit, lists, help, too_many } = self;
        let Some(column) = path.last() else {
            let error = match too_many {
                true => IoError::new(ErrorKind::Limit, message),
                false => IoError::data(format!("the row {message}")),
            };
            return match help {
                Some(help) => error.with_help(help),
                None => error,
            };
        };
        let dotted = path.iter().rev().map(|name| excerpt(name)).collect::<Vec<_>>().join(".");
        let declared = spec.types.get(column).map(String::as_str);
        let fit = match would_fit {
            // Inside a column, or against a declaration, only that is sure to fit.
            _ if path.len() > 1 => Some(anything.to_owned()),
            Some(_) if declared.is_some() => Some(anything.to_owned()),
            Some(fit) if fit == anything => Some(anything.to_owned()),
            Some(fit) => Some(format!("{}{fit}{}", "list<".repeat(lists), ">".repeat(lists))),
            None => None,
        };
        let fix = fit.filter(|fit| declared != Some(fit)).map(|fit| types::fix(spec, column, &fit));
        if too_many {
            let help = [fix, help.map(|raise| format!("or, if they are wanted, {raise}"))];
            let message = format!("`{dotted}` has other members from row to row: {message}");
            let error = IoError::new(ErrorKind::Limit, message);
            return error.with_help(help.into_iter().flatten().collect::<Vec<_>>().join("\n"));
        }
        let error = IoError::data(format!("`{dotted}` {message}"));
        match fix {
            Some(fix) => error.with_help(fix),
            None => error,
        }
    }
}

/// The start of a text, for messages.
pub(crate) fn excerpt(text: &str) -> String {
    text::excerpt(text, 40).into_owned()
}
