//! On a terminal the lines of the steps move, and are gone at the end; elsewhere nothing moves.

use crate::signals::waiting;
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

/// What stands on a terminal of a width that was sent this, from top to bottom: lines, their ends, and the sequences by which ours move.
fn screen(sent: &str, width: usize) -> Vec<String> {
    let (mut lines, mut row, mut column) = (vec![Vec::new()], 0_usize, 0_usize);
    let mut rest = sent.chars();
    while let Some(c) = rest.next() {
        match c {
            '\r' => column = 0,
            '\n' => row += 1,
            '\u{1b}' => {
                assert_eq!(rest.next(), Some('['), "{sent:?}");
                let number: String = rest.by_ref().take_while(|c| c.is_ascii_digit() || *c == '?').collect();
                // What ended the number is what it does.
                let at = sent.len() - rest.as_str().len();
                let count = number.parse().unwrap_or(1);
                match sent[..at].chars().next_back() {
                    Some('A') => row = row.saturating_sub(count),
                    Some('B') => row += count,
                    Some('K') => lines[row].clear(),
                    Some('J') => lines.truncate(row + 1),
                    Some('m' | 'h' | 'l') => {}
                    other => panic!("{other:?} in {sent:?}"),
                }
            }
            c => {
                if column == width {
                    (row, column) = (row + 1, 0);
                }
                lines.resize(lines.len().max(row + 1), Vec::new());
                let line: &mut Vec<char> = &mut lines[row];
                line.resize(line.len().max(column + 1), ' ');
                line[column] = c;
                column += 1;
            }
        }
        lines.resize(lines.len().max(row + 1), Vec::new());
    }
    lines.into_iter().map(|line| line.into_iter().collect::<String>().trim_end().to_owned()).collect()
}

#[test]
fn at_any_width_and_resized_no_line_of_a_step_stays() {
    let name = "a-step-whose-name-is-as-long-as-may-be-on-a-narrow-terminal";
    for (width, then) in [(80, 80), (200, 200), (80, 200), (200, 80)] {
        let stage = waiting("wait", "{ at = \"process\" }");
        let file = stage.folder.join("pipeline.toml");
        let pipeline = std::fs::read_to_string(&file).unwrap();
        let named = pipeline.replacen("use = \"exact-dedup\"", &format!("name = \"{name}\"\nuse = \"exact-dedup\""), 1);
        std::fs::write(&file, named).unwrap();
        let resize = format!("sleep 0.3; stty -F /dev/tty cols {then}; sleep 0.3; touch gate/open");
        let run = format!(
            "stty -F /dev/tty rows 50 cols {width}; ({resize}) & callboard run pipeline.toml --overwrite > out.txt"
        );
        let said = stage.sh(&format!("TERM=xterm script -qec '{run}' /dev/null"));
        assert_eq!(said.code, Some(0), "{}", said.stdout);
        assert!(said.stdout.contains(&format!("{name}   ")), "its line was never there: {:?}", said.stdout);
        if width != then {
            // What a terminal does to the lines that are there, it alone knows.
            continue;
        }
        let screen = screen(&said.stdout, width);
        let text = screen.concat();
        assert!(text.contains("stage 1 of 2") && text.contains("stage 2 ended after"), "{screen:#?}");
        assert!(!screen.iter().any(|line| line.contains(" out") && line.contains(" in  ")), "{screen:#?}");
    }
}
