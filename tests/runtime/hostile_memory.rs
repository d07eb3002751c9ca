//! What misbehaves leaves nothing behind in the host's memory, whatever it did.

use std::process::Command;

use crate::bench::{Bench, straight};
use crate::hostile::{GUESTS, misbehave, of_one};
use crate::hostile_core::{DEEDS, component, limits, pipeline};

const MIB: i64 = 1 << 20;
/// How far the host's memory may be from where it was.
const NEAR: i64 = 20 * MIB;

/// In a process that does nothing else, and whose allocator has one arena: glibc gives back what is free of the first alone.
#[test]
fn no_misdeed_leaves_memory_behind() {
    let alone = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "hostile_memory::seen_from_outside", "--ignored", "--nocapture"])
        .env("MALLOC_ARENA_MAX", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&alone.stdout) + String::from_utf8_lossy(&alone.stderr);
    assert!(alone.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{said}");
}

#[test]
#[ignore = "started by `no_misdeed_leaves_memory_behind`, in a process of its own"]
fn seen_from_outside() {
    let bench = Bench::with_rows(10);
    bench.put("core.wasm", component(&bench, &[]));
    // What is made once stays: the engine's tables, threads' stacks, what libraries compute when they are first used.
    for _ in 0..3 {
        for (guest, table) in GUESTS {
            bench.pipeline(of_one(guest, "")).overwrite().report();
            drop(misbehave(&Bench::with_rows(10), guest, table[0].0));
        }
        bench.pipeline(pipeline("core", "")).overwrite().report();
    }
    let before = resident();
    let mut left: Vec<(i64, String)> = Vec::new();
    let mut note = |name: String| left.push((resident() - before, name));
    for (guest, table) in GUESTS {
        for (misdeed, _) in *table {
            drop(misbehave(&Bench::with_rows(10), guest, misdeed));
            note(format!("{guest} {misdeed}"));
        }
    }
    for (name, replaced, ..) in DEEDS {
        bench.put(&format!("{name}.wasm"), component(&bench, replaced));
        bench.pipeline(pipeline(name, limits(name))).overwrite().error();
        note(format!("core {name}"));
    }
    // And nothing stands in the way of the next.
    bench.pipeline(straight("[[steps]]\nuse = \"guests/echo.wasm\"\n")).overwrite().report();
    note("echo, at the end".to_owned());

    left.sort();
    for (bytes, name) in left.iter().rev().take(5) {
        eprintln!("{:+.1} MiB after {name}", *bytes as f64 / MIB as f64);
    }
    let (worst, name) = left.last().unwrap();
    assert!(*worst <= NEAR, "{} MiB are left behind by {name}", worst / MIB);
}

/// Memory of this process that is no file's, in bytes, without what is free: glibc keeps freed memory for the next to come, and no
/// figure tells that from memory that is held.
fn resident() -> i64 {
    // SAFETY: it is glibc's, takes a number, and gives back pages that hold nothing.
    unsafe extern "C" {
        safe fn malloc_trim(pad: usize) -> i32;
    }
    malloc_trim(0);
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<i64>().unwrap() * 1024
}
