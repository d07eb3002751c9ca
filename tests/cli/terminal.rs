//! On a terminal the lines of the steps move, and are gone at the end; elsewhere nothing moves.

use crate::stage::Stage;

/// What a terminal is sent, with standard output kept apart; `script` lends the terminal.
fn on_a_terminal(arguments: &str) -> (String, String) {
    let stage = Stage::set(&crate::repository("tests/cli/run"));
    let line = format!("TERM=xterm script -qec 'callboard run pipeline.toml {arguments} > out.txt' /dev/null");
    let said = stage.sh(&line);
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    (said.stdout, std::fs::read_to_string(stage.folder.join("out.txt")).unwrap())
}

#[test]
fn on_a_terminal_the_lines_end_clean() {
    let (terminal, out) = on_a_terminal("");
    assert!(out.starts_with("pipeline  finished in") && !out.contains('\u{1b}'), "{out}");
    assert!(terminal.contains("stage 3 of 3: text-stats, filter"), "{terminal:?}");
    // The last thing that is seen is a whole line, and no line of a step stands below it.
    let last = terminal.rsplit("stage 3 ended after").next().unwrap();
    let seen = last.rsplit_once("in memory)").unwrap().1;
    assert!(!seen.contains("text-stats") && !seen.contains("filter"), "{seen:?}");
}

#[test]
fn quiet_is_quiet_on_a_terminal_too() {
    assert_eq!(on_a_terminal("--quiet"), (String::new(), String::new()));
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let stage = Stage::set(&crate::repository("tests/cli/mistakes-in-the-file"));
    let said = |line: &str| stage.sh(line).stdout;
    let refused = "TERM=xterm script -qec 'callboard run from.toml' /dev/null";
    assert!(!said(refused).contains('\u{1b}'), "NO_COLOR is set");
    assert!(said(&format!("unset NO_COLOR; {refused}")).contains('\u{1b}'), "a terminal without NO_COLOR");
    assert!(!said("unset NO_COLOR; callboard run from.toml 2>&1").contains('\u{1b}'), "a pipe");
}
