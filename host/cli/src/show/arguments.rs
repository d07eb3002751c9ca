//! What the command line named, as errors repeat it: within a line, whatever it is. A name may be a stranger's, such as one that a shell
//! found with `*`.

use std::ffi::{OsStr, OsString};

use super::inline;
use crate::arguments::Arguments;

/// Text in which every argument that is repeated stays within its line.
pub(crate) fn in_their_lines(text: &str) -> String {
    named(text, std::env::args_os().skip(1))
}

fn named(text: &str, arguments: impl Iterator<Item = OsString>) -> String {
    arguments.fold(text.to_owned(), |text, argument| {
        let argument = argument.to_string_lossy();
        let value = argument.split_once('=').map_or(&*argument, |(_, value)| value);
        [&*argument, value].into_iter().fold(text, |text, name| match inline(name) {
            clean if clean == name => text,
            clean => text.replace(name, &clean),
        })
    })
}

/// Why arguments were not read, in words without anything that a terminal obeys: clap repeats them as they are.
pub(crate) fn unread(error: clap::Error) -> clap::Error {
    let clean = |argument: OsString| inline(&argument.to_string_lossy());
    if std::env::args_os().all(|argument| OsStr::new(&clean(argument.clone())) == argument) {
        return error;
    }
    // They are not better when they are clean; if they were, they would not be shown.
    match Arguments::read(std::env::args_os().map(|argument| clean(argument).into())) {
        Err(error) => error,
        Ok(_) => clap::Error::new(error.kind()),
    }
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn what_the_command_line_names_stays_in_its_line() {
        let given = ["plain", "--set=a=x\ny", "f\nerror: forged\r\n"].map(Into::into);
        let said = "no `f\nerror: forged\r\n.wasm`\nand no `plain`, `a=x\ny`";
        assert_eq!(named(said, given.into_iter()), "no `f\\nerror: forged\\n.wasm`\nand no `plain`, `a=x\\ny`");
    }
}
