//! The edges of the process: streams that nobody reads or that are full, names of any bytes, strangers' text, limits on memory.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use crate::stage::{Said, Stage};

const STEPS: &str = "[[steps]]\nuse = \"text-stats\"\n[[steps]]\nuse = \"exact-dedup\"\n";

fn pipeline(steps: &str, path: &str) -> Stage {
    let stage = Stage::empty();
    let text = format!(
        "callboard = 1\n[inputs.docs]\npath = \"{path}\"\n{steps}[outputs.clean]\npath = \"clean.jsonl\"\nfrom = \"{}\"\n",
        if steps.is_empty() { "docs" } else { "exact-dedup" }
    );
    fs::write(stage.folder.join("pipeline.toml"), text).unwrap();
    stage
}

fn ended(said: &Said, code: i32) {
    assert_eq!(said.code, Some(code), "{}{}", said.stdout, said.stderr);
}

/// Without rows it would be a run that failed; 101 and 134 are codes of no table.
#[test]
fn a_standard_error_that_nobody_reads_ends_nothing() {
    let stage = pipeline(STEPS, "../data/docs.jsonl");
    ended(&stage.sh("callboard run pipeline.toml -q"), 0);
    let rows = fs::read(stage.folder.join("clean.jsonl")).unwrap();
    for redirected in ["2>/dev/full", "2>&-", "2>/dev/full >/dev/null -v", "2>&- >&-"] {
        fs::remove_file(stage.folder.join("clean.jsonl")).unwrap();
        ended(&stage.sh(&format!("callboard run pipeline.toml --fresh {redirected}")), 0);
        assert_eq!(fs::read(stage.folder.join("clean.jsonl")).unwrap(), rows, "{redirected}");
    }
    // A reader that has gone away, of both streams.
    let piped = "(callboard run pipeline.toml --fresh --overwrite -v 2>&1; echo $? > code) | true; while [ ! -s code ]; do sleep 0.01; done; exit $(cat code)";
    ended(&stage.sh(piped), 0);
    for (command, code) in [("run absent.toml", 2), ("run pipeline.toml", 2), ("step inspect absent.wasm", 2)] {
        ended(&stage.sh(&format!("callboard {command} 2>/dev/full")), code);
    }
    // What is asked for and cannot be written is a failure.
    ended(&stage.sh("callboard plan pipeline.toml >/dev/full"), 5);
}

#[test]
fn names_may_have_any_bytes() {
    let latin = OsStr::from_bytes(b"caf\xe9");
    let stage = pipeline(STEPS, "d/*.jsonl");
    let folder = stage.folder.join(latin);
    fs::create_dir_all(folder.join("d")).unwrap();
    fs::rename(stage.folder.join("pipeline.toml"), folder.join("pipeline.toml")).unwrap();
    let named = |name: &[u8]| folder.join("d").join(OsStr::from_bytes(name));
    fs::write(named(b"a.jsonl"), "{\"text\":\"one\"}\n").unwrap();
    fs::write(named(b"\xff.jsonl"), "{\"text\":\"two\"}\n").unwrap();
    fs::write(named(b"\xfe.txt"), "no row").unwrap();
    // From within it, and from beside it; what is kept is found again.
    ended(&stage.sh("cd caf*; callboard run pipeline.toml -q"), 0);
    assert_eq!(fs::read_to_string(folder.join("clean.jsonl")).unwrap().lines().count(), 2);
    ended(&stage.sh("d=$(echo caf*); callboard run $d/pipeline.toml -q --overwrite --run-dir $d/run"), 0);
    ended(
        &stage.sh("d=$(echo caf*); callboard run $d/pipeline.toml -q --overwrite --run-dir $d/.callboard/runs/again"),
        0,
    );
    let listed = stage.sh("d=$(echo caf*); callboard runs list --dir $d/.callboard/runs --json");
    ended(&listed, 0);
    assert!(serde_json::from_str::<serde_json::Value>(&listed.stdout).unwrap()[0]["folder"].is_array());
    // A run that failed there says how to go on, in words that a shell takes.
    fs::write(named(b"b.jsonl"), "{\"text\":\"three\"}\n{\"text\":4}\n").unwrap();
    let failed = stage.sh("d=$(echo caf*); callboard run $d/pipeline.toml -q --overwrite --run-dir $d/failed");
    ended(&failed, 3);
    if let Some(command) = failed.stderr.lines().find(|line| line.starts_with("  callboard resume ")) {
        assert_eq!(command, "  callboard resume $'caf\\xe9/failed'");
        fs::write(named(b"b.jsonl"), "{\"text\":\"three\"}\n{\"text\":\"4\"}\n").unwrap();
    }
}

/// A name of a column, a file or a folder is a stranger's.
#[test]
fn no_stranger_reaches_the_terminal_or_begins_a_line() {
    let stage = pipeline("", "*.csv");
    let hostile = "a\u{1b}[31mb\nerror: forged\u{202e}\u{9b}2J";
    fs::write(stage.folder.join(format!("{hostile}.csv")), format!("\"{hostile}\",x\n1,2\n")).unwrap();
    fs::write(stage.folder.join("columns.toml"), "callboard = 1\n[inputs.docs]\npath = \"*.csv\"\n[outputs.o]\npath = \"o.jsonl\"\ncolumns = [\"a[31mb error: forged\"]\n").unwrap();
    fs::write(stage.folder.join("text.toml"), "callboard = 1\n# \u{202e}\u{1b}[31m\nx = \"\u{1b}]0;title\u{7}\"\n")
        .unwrap();
    fs::create_dir_all(stage.folder.join("runs")).unwrap();
    ended(&stage.sh("callboard run pipeline.toml --run-dir \"runs/$(printf 'r\\033[31m\\nerror: forged')\""), 0);
    let commands = [
        "check pipeline.toml",
        "run pipeline.toml --overwrite",
        "run pipeline.toml",
        "check columns.toml",
        "check text.toml",
        "runs list --dir runs",
        "runs list --dir runs --json",
        "runs show runs/r*",
        "resume runs/r*",
        "plan \"$(printf 'x\\033[31m\\nerror: forged')\"",
    ];
    for command in commands {
        let said = stage.sh(&format!("callboard {command}"));
        let all = format!("{}{}", said.stdout, said.stderr);
        assert!(!all.is_empty() && !all.contains(['\u{1b}', '\u{9b}', '\u{202e}', '\u{7}']), "{command}: {all:?}");
        assert!(!all.lines().any(|line| line.starts_with("error: forged")), "{command}: {all}");
    }
}

/// A name on the command line may be one that a shell found: what a stranger called a file.
#[test]
fn what_the_command_line_names_stays_within_its_line() {
    let stage = pipeline(STEPS, "../data/docs.jsonl");
    let hostile = "$(printf 'x\\033[31m\\nerror: forged\\n  help: rm -rf\\r\\302\\233y')";
    let commands = [
        "H",
        "--H",
        "run H",
        "run --H",
        "run pipeline.toml H",
        "run pipeline.toml --load H",
        "run pipeline.toml --load=H",
        "run pipeline.toml --budget H",
        "run pipeline.toml --set H",
        "run pipeline.toml --set n=H",
        "run pipeline.toml --replicas H",
        "run pipeline.toml --report H/x",
        "run pipeline.toml --report=H/x",
        "run pipeline.toml --run-dir H/../pipeline.toml",
        "run pipeline.toml --profile H",
        "check H",
        "plan H",
        "plan pipeline.toml --why --runs H",
        "compare H",
        "resume H",
        "resume x --trust H",
        "resume x --base H",
        "runs show H",
        "runs remove H",
        "runs list --dir H",
        "step inspect H",
        "step inspect ./H.wasm",
        "step conform H",
        "step test H",
        "step run H",
        "step run text-stats --config H",
        "step run text-stats --grant-http H",
        "step run text-stats --grant-secret H",
        "step build H",
        "step new H --lang rust",
        "step new fine --lang H",
        "step new fine --lang rust --kind H",
        "step new x --dir=H",
    ];
    for command in commands {
        let line = format!("callboard {}", command.replace('H', "\"H\"").replace('H', hostile));
        let said = stage.sh(&line);
        // A terminal is shown colours of ours, and what was named all the same.
        let shown = stage.sh(&format!(
            "unset NO_COLOR; export TERM=xterm; cat > line.sh <<'END'\n{line}\nEND\nscript -qec 'sh line.sh' /dev/null"
        ));
        for all in [format!("{}{}", said.stdout, said.stderr), shown.stdout] {
            assert!(!all.is_empty() && !all.contains("x\u{1b}") && !all.contains('\u{9b}'), "{command}: {all:?}");
            let forged = |line: &str| {
                line.trim_start().starts_with("error: forged") || line.trim_start().starts_with("help: rm")
            };
            assert!(!all.lines().any(forged), "{command}: {all}");
        }
    }
}

/// The address space of the compiler and of instances is that of the process that runs.
#[test]
fn a_limit_on_the_address_space_is_kept_within_or_named() {
    let stage = pipeline(STEPS, "../data/docs.jsonl");
    ended(&stage.sh("ulimit -v 3000000; callboard run pipeline.toml -q"), 0);
    // How much it takes depends on which thread is first: near the edge it may do.
    let mut refused = 0;
    for limit in [180_000, 220_000, 260_000, 300_000, 400_000] {
        let said = stage.sh(&format!("ulimit -v {limit}; callboard run pipeline.toml -q --fresh --overwrite"));
        if said.code != Some(0) {
            ended(&said, 5);
            assert!(said.stderr.contains("ulimit -v"), "{}", said.stderr);
            refused += 1;
        }
    }
    assert!(refused > 0);
}
