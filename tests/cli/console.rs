//! `console.txt`: what was typed, and what came of it.

use crate::redact::redact;
use crate::stage::{Said, Stage};

/// A command line, with the remarks above it.
pub(crate) struct Command {
    remarks: String,
    pub(crate) line: String,
}

/// The commands of a `console.txt`.
pub(crate) fn commands(text: &str) -> Vec<Command> {
    let (mut commands, mut remarks) = (Vec::new(), String::new());
    for line in text.lines() {
        if let Some(line) = line.strip_prefix("$ ") {
            commands.push(Command { remarks: std::mem::take(&mut remarks), line: line.to_owned() });
        } else if line.starts_with("# ") {
            remarks.push_str(line);
            remarks.push('\n');
        }
    }
    commands
}

/// A command and what it said. What goes to standard error stands behind `[stderr]`; exit code 0 is left unsaid.
pub(crate) fn render(command: &Command, said: &Said, stage: &Stage) -> String {
    let mut text = format!("{}$ {}\n", command.remarks, command.line);
    text.push_str(&block(&redact(&said.stdout, stage)));
    let stderr = redact(&said.stderr, stage);
    if !stderr.is_empty() {
        text.push_str(&format!("[stderr]\n{}", block(&stderr)));
    }
    match said.code {
        Some(0) => {}
        Some(code) => text.push_str(&format!("[exit code {code}]\n")),
        None => text.push_str("[ended by a signal]\n"),
    }
    text + "\n"
}

fn block(text: &str) -> String {
    match text.is_empty() || text.ends_with('\n') {
        true => text.to_owned(),
        false => format!("{text}[no line end]\n"),
    }
}

/// The first lines that differ, with some lines around them.
pub(crate) fn difference(expected: &str, found: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), found.lines().collect());
    let same = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let from = same.saturating_sub(6);
    let part = |lines: &[&str]| lines.iter().skip(from).take(24).map(|line| format!("{line}\n")).collect::<String>();
    format!("from line {}:\n--- expected\n{}--- found\n{}", from + 1, part(&old), part(&new))
}
