//! What misbehaves leaves nothing behind in the host's memory, whatever it did.

use crate::bench::{Bench, alone, straight};
use crate::hostile::{GUESTS, misbehave, of_one};
use crate::hostile_core::{DEEDS, component, limits, pipeline};

const MIB: i64 = 1 << 20;
/// How far the host's memory may be from where it was.
const NEAR: i64 = 20 * MIB;

/// In a process that does nothing else, and whose allocator has one arena: glibc gives back what is free of the first alone.
#[test]
fn no_misdeed_leaves_memory_behind() {
    alone("hostile_memory::seen_from_outside", &[("MALLOC_ARENA_MAX", "1")]);
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
    let (worst, name) = left.last().unwrap();
    let mib = *worst as f64 / MIB as f64;
    assert!(*worst <= NEAR, "{mib:.1} MiB are left behind by {name}; {:?}", &left[left.len() - 5..]);
}

/// Memory of this process that is not a file's, in bytes, without what is free: glibc keeps freed memory for the next to come, and no
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
