//! Words, tables and colours: all that a person sees is made here, and leaves here.
//!
//! Much of it is a stranger's: reasons, log lines, names of columns and files. Whatever is printed goes through [`print()`] or [`err`], which
//! leave no character that a terminal would obey; and what stands within a line of ours goes through [`inline`], so that it cannot begin
//! one of its own. An error repeats what the command line named: there, [`arguments`] sees to that.

pub(crate) mod arguments;
pub(crate) mod comparison;
pub(crate) mod difference;
pub(crate) use callboard_words::figures;
pub(crate) mod flags;
mod next;
pub(crate) mod problems;
pub(crate) mod progress;
pub(crate) mod report;
pub(crate) mod rows;
pub(crate) mod runs_diff;
pub(crate) mod simulation;
pub(crate) mod stats;

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use callboard_words::text::acts;
use serde::Serialize;

use crate::exit::Failure;

/// Text from elsewhere, without the characters by which it could move the cursor, colour what follows or turn it around. Its lines stay.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    let kept = |c: char| !acts(c) || c == '\n' || c == '\t';
    match text.chars().all(kept) {
        true => Cow::Borrowed(text),
        false => text.chars().map(|c| if kept(c) { c } else { char::REPLACEMENT_CHARACTER }).collect(),
    }
}

/// As [`harmless`], within a line: ends of lines are shown as `\n`.
pub(crate) fn inline(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    harmless(&text).replace('\n', "\\n").replace('\t', "\\t")
}

/// A message has at most this many bytes, and lines.
const LONGEST: usize = 8_000;
const MOST_LINES: usize = 60;

/// A message without its middle if it is so long that it would push away what was said before: a stranger may have chosen a name in it.
pub(crate) fn short(text: &str) -> Cow<'_, str> {
    let line = text.match_indices('\n').nth(MOST_LINES).map_or(text.len(), |(at, _)| at);
    let first = text.floor_char_boundary(line.min(LONGEST * 3 / 4));
    if text.len() <= LONGEST && line == text.len() {
        return Cow::Borrowed(text);
    }
    let rest = &text[first..];
    let last = rest.ceil_char_boundary(rest.len().saturating_sub(LONGEST / 4));
    let last = rest.rmatch_indices('\n').nth(MOST_LINES / 10).map_or(last, |(at, _)| last.max(at + 1));
    Cow::Owned(format!("{} […{last} bytes…] {}", &text[..first], &rest[last..]))
}

/// The lines of a text from elsewhere, behind the first of which stands a margin: none of them can pass for one of ours.
pub(crate) fn with_margin(text: &str) -> String {
    harmless(text.trim_end()).replace('\n', "\n  │ ")
}

/// Prints a command's result. A reader that has gone away (`| head`) is no failure.
pub(crate) fn print(text: &str) -> Result<ExitCode, Failure> {
    written(&harmless(text.trim_end()))
}

/// How many characters a line on standard output may have: the width of the terminal, or 100.
pub(crate) fn width() -> usize {
    let window = rustix::termios::tcgetwinsize(io::stdout());
    window.ok().map(|window| usize::from(window.ws_col)).filter(|columns| *columns > 0).unwrap_or(100)
}

/// Prints a command's result as JSON, for a program: what a terminal would obey is escaped, and so means the same.
pub(crate) fn print_json(value: &impl Serialize) -> Result<ExitCode, Failure> {
    let json = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::other(callboard_runtime::Class::Bug, format!("cannot write JSON: {error}")))?;
    written(&escaped(&json))
}

/// Prints rows, each an object of JSON, as JSON Lines; escaped as [`print_json`] does it.
pub(crate) fn print_rows(rows: &[String]) -> Result<ExitCode, Failure> {
    match rows {
        [] => Ok(ExitCode::SUCCESS),
        rows => written(&rows.iter().map(|row| escaped(row)).collect::<Vec<_>>().join("\n")),
    }
}

fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match acts(c) && c != '\n' {
            true => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| text.push_str(&format!("\\u{unit:04x}"))),
            false => text.push(c),
        }
    }
    text
}

/// As [`print()`]; on a terminal that it is too long for, page by page: by what `PAGER` says, or `less`.
pub(crate) fn print_paged(text: &str) -> Result<ExitCode, Failure> {
    let text = harmless(text.trim_end());
    let window = rustix::termios::tcgetwinsize(io::stdout()).ok();
    let lines = window.map_or(usize::MAX, |window| usize::from(window.ws_row));
    if !io::stdout().is_terminal() || text.lines().count() < lines {
        return written(&text);
    }
    let pager = std::env::var("PAGER").unwrap_or_else(|_| "less -FX".to_owned());
    let mut words = pager.split_whitespace();
    let started = words.next().and_then(|program| Command::new(program).args(words).stdin(Stdio::piped()).spawn().ok());
    let Some(mut pager) = started else { return written(&text) };
    if let Some(mut input) = pager.stdin.take() {
        // A reader who has seen enough ends the pager.
        let _ = input.write_all(text.as_bytes()).and_then(|()| input.write_all(b"\n"));
    }
    match pager.wait() {
        Ok(_) => Ok(ExitCode::SUCCESS),
        Err(error) => Err(Failure::system("wait for the pager", &error)),
    }
}

fn written(text: &str) -> Result<ExitCode, Failure> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::system("print the result", &error)),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Whether a program reads standard error: all that is said there is JSON.
static FOR_A_PROGRAM: AtomicBool = AtomicBool::new(false);

/// From now on, all that is said on standard error is an object of JSON on each line.
pub(crate) fn say_json() {
    FOR_A_PROGRAM.store(true, Ordering::Relaxed);
}

/// Whether all that is said on standard error is JSON.
pub(crate) fn says_json() -> bool {
    FOR_A_PROGRAM.load(Ordering::Relaxed)
}

/// Says something on standard error, in lines of its own. Where nobody reads it, or it is full, the work goes on.
pub(crate) fn err(text: &str) {
    match says_json() {
        true => err_json(&serde_json::json!({ "event": "message", "message": text })),
        false => err_as_it_is(&harmless(text)),
    }
}

/// Says an object of JSON on standard error, in a line of its own.
pub(crate) fn err_json(object: &serde_json::Value) {
    err_as_it_is(&escaped(&object.to_string()));
}

/// As [`err`], of text whose colours are ours, and all else of which is harmless.
pub(crate) fn err_as_it_is(text: &str) {
    let mut err = io::stderr().lock();
    let _ = err.write_all(text.as_bytes()).and_then(|()| err.write_all(b"\n"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        let hostile = "a\u{1b}[31m\u{9b}2J\r\u{7}\u{202e}b\u{2066}\u{200b}\u{e0041}\u{2028}\u{85}c";
        assert_eq!(harmless(hostile), "a�[31m�2J���b�����c");
        assert_eq!(inline("x\nerror: forged\r\n\ty"), "x\\nerror: forged\\n\\ty");
        assert_eq!(with_margin("x\nerror: forged\n"), "x\n  │ error: forged");
        let long = "é".repeat(100_000);
        for text in [long.as_str(), &"\n".repeat(100_000), &format!("{}{long}", "line\n".repeat(80)), &"x\n".repeat(61)]
        {
            let cut = short(text);
            assert!(
                cut.len() <= LONGEST + 40 && cut.lines().count() <= MOST_LINES + 10 && cut.contains(" bytes…] "),
                "{cut}"
            );
            assert_eq!(cut.chars().next(), text.chars().next());
        }
        assert!(
            matches!(short(&"x".repeat(LONGEST)), Cow::Borrowed(_))
                && matches!(short(&"x\n".repeat(60)), Cow::Borrowed(_))
        );
        // What people write stays: letters of all scripts, and what joins them.
        let written = "naïve Ἑλλάς עברית हिन्दी 日本語 👩\u{200d}🔬 می\u{200c}خواهم";
        assert!(matches!(harmless(written), Cow::Borrowed(text) if text == written));
    }
}
