//! What is read of a component, and by whom it is compiled.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use callboard_runtime::Class;

use crate::bench::{Bench, straight};

const COMPONENT: &str = "[[steps]]\nuse = \"./step.wasm\"\n";

/// A pipe that nobody writes, devices, folders, and files that have no end or only a large size: none is waited for, none is read.
#[test]
fn a_component_is_a_regular_file_of_limited_size() {
    let bench = Bench::with_rows(1);
    let place = bench.path("step.wasm");
    let link = |to: &str| std::os::unix::fs::symlink(to, &place).unwrap();
    let fifo = |name: &str| {
        assert!(Command::new("mkfifo").arg(bench.path(name)).status().unwrap().success());
    };
    let sparse = |bytes: u64| std::fs::File::create(&place).unwrap().set_len(bytes).unwrap();
    fifo("elsewhere");
    let cases: &[(&str, &dyn Fn(), &str)] = &[
        ("a pipe", &|| fifo("step.wasm"), "it is a pipe or a device, not a regular file"),
        ("a link to a pipe", &|| link("elsewhere"), "it is a pipe or a device"),
        ("/dev/zero", &|| link("/dev/zero"), "it is a pipe or a device"),
        ("/dev/null", &|| link("/dev/null"), "it is a pipe or a device"),
        ("/dev/urandom", &|| link("/dev/urandom"), "it is a pipe or a device"),
        ("a folder", &|| std::fs::create_dir(&place).unwrap(), "it is a folder, not a file"),
        ("a link to itself", &|| link("step.wasm"), "cannot be read"),
        ("100 MB", &|| sparse(100_000_000), "a component has at most 64 MiB"),
        ("a sparse terabyte", &|| sparse(1 << 40), "a component has at most 64 MiB"),
    ];
    for (name, put, says) in cases {
        put();
        let problems = bench.pipeline(straight(COMPONENT)).problems();
        assert!(problems.contains(says) && problems.contains("step.wasm"), "{name}: {problems}");
        let removed = std::fs::remove_file(&place).or_else(|_| std::fs::remove_dir(&place));
        removed.unwrap();
    }
}

/// A compiler that says what it was given.
#[test]
fn the_compiler_has_no_environment() {
    let bench = Bench::with_rows(1);
    std::fs::copy(bench.path("guests/echo.wasm"), bench.path("step.wasm")).unwrap();
    let seen = bench.path("seen");
    // `env` is the shell's own view; it adds variables of its own, such as PWD.
    let script = format!("env > {}; exit 1", seen.display());
    let error =
        bench.pipeline(straight(COMPONENT)).cache(bench.path("cache")).compile("/bin/sh", &["-c", &script]).error();
    assert_eq!(error.class, Class::Data, "{error}");
    let seen = std::fs::read_to_string(seen).unwrap();
    for name in ["PATH", "HOME", "USER", "CARGO_TARGET_TMPDIR", "CARGO_PKG_NAME"] {
        let given = std::env::var(name).unwrap_or_else(|_| "nothing".to_owned());
        assert!(!seen.lines().any(|line| line == format!("{name}={given}")), "{seen}");
    }
}

/// The compiling command, started by hand: its parent is gone before it has begun, and it compiles nothing.
#[test]
fn the_compiler_ends_with_its_parent() {
    let bench = Bench::with_rows(1);
    let compile = |stdin: Stdio, made: &str| {
        let component = std::fs::canonicalize(bench.path("guests/echo.wasm")).unwrap();
        Command::new(env!("CARGO_BIN_EXE_callboard"))
            .arg0("callboard")
            .args(["compile".as_ref(), component.as_os_str(), bench.path(made).as_os_str()])
            .stdin(stdin)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    // The pipe's other end is closed at once, as it is when a process is killed.
    let mut orphan = compile(Stdio::piped(), "orphan.cwasm");
    drop(orphan.stdin.take());
    let said = String::from_utf8(orphan.wait_with_output().unwrap().stderr).unwrap();
    let ended_early = said.contains("the process that wanted the component has ended");
    // It may have looked before the pipe was closed; then it compiles to the end, as here, where the parent lives.
    assert!(ended_early || bench.path("orphan.cwasm").exists(), "{said}");
    let mut child = compile(Stdio::piped(), "made.cwasm");
    let held = child.stdin.take();
    let ended = child.wait_with_output().unwrap();
    drop(held);
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    assert!(bench.path("made.cwasm").metadata().unwrap().len() > 0);
}
