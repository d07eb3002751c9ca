//! What is in memory, and when: one stage at a time, seen in the report and from outside the runtime's own bookkeeping.

use std::sync::{Arc, Mutex};

use callboard_plan::Load;
use callboard_runtime::{Event, Report};

use crate::bench::{Bench, alone, step, straight};

const MIB: u64 = 1 << 20;

/// Steps that take memory in `open`, on both sides of a boundary and at it.
fn ballast(mib: u64, rest: &str) -> String {
    let step = |name: &str, guest: &str, rest: &str| {
        format!("[[steps]]\nname = \"{name}\"\nuse = \"guests/{guest}.wasm\"\nconfig = {{ mib = {mib} }}\n{rest}\n")
    };
    let steps = [step("first", "ballast", ""), step("middle", "ballast-global", ""), step("last", "ballast", rest)];
    straight(&steps.concat())
}

fn peaks(report: &Report) -> Vec<u64> {
    report.stages.iter().map(|stage| stage.peak_linear_memory_bytes).collect()
}

#[test]
fn staged_memory_is_that_of_the_largest_stage() {
    let bench = Bench::with_rows(1_000);
    let report = bench.pipeline(ballast(48, "")).report();
    let peaks = peaks(&report);
    assert_eq!(peaks.len(), 3);
    let largest = *peaks.iter().max().unwrap();
    assert!(peaks.iter().all(|peak| (48 * MIB..52 * MIB).contains(peak)), "{peaks:?}");
    assert!(report.peak_linear_memory_bytes as f64 <= 1.05 * largest as f64, "{report:#?}");
    assert_eq!(bench.bytes("out.jsonl"), bench.bytes("docs.jsonl"));
}

#[test]
fn eager_memory_is_that_of_all_steps() {
    let bench = Bench::with_rows(1_000);
    let report = bench.pipeline(ballast(48, "")).load(Load::Eager).report();
    let sum: u64 = ["first", "middle", "last"].map(|name| step(&report, name).peak_linear_memory_bytes).iter().sum();
    assert!((3 * 48 * MIB..3 * 52 * MIB).contains(&sum), "{sum}");
    // Peaks of single steps need not fall together to the last page.
    assert!(report.peak_linear_memory_bytes <= sum && report.peak_linear_memory_bytes > sum - 4 * MIB, "{report:#?}");
    assert_eq!(bench.bytes("out.jsonl"), bench.bytes("docs.jsonl"));
}

#[test]
fn replicas_each_have_memory_of_their_own() {
    let bench = Bench::with_rows(1_000);
    let report = bench.pipeline(ballast(16, "replicas = 3\n")).report();
    let last = step(&report, "last");
    assert_eq!(last.instances, 3);
    assert!((3 * 16 * MIB..3 * 20 * MIB).contains(&last.peak_linear_memory_bytes), "{last:#?}");
    assert_eq!(report.peak_linear_memory_bytes, *peaks(&report).iter().max().unwrap());
}

/// Two steps that could share a stage are alone in memory with `--load step`, and put out the same.
#[test]
fn one_step_at_a_time() {
    let two = |name: &str| {
        format!("[[steps]]\nname = \"{name}\"\nuse = \"guests/ballast.wasm\"\nconfig = {{ mib = 16 }}\n\n")
    };
    let steps = straight(&["a", "b"].map(two).concat());
    let bench = Bench::with_rows(1_000);
    let together = bench.pipeline(&steps).report();
    assert_eq!(together.stages.len(), 1);
    assert!(together.peak_linear_memory_bytes > 32 * MIB);
    let apart = bench.pipeline(&steps).load(Load::Step).overwrite().report();
    assert_eq!(apart.stages.len(), 2);
    assert!(apart.peak_linear_memory_bytes < 20 * MIB, "{apart:#?}");
    assert!(apart.stages[0].spilled_bytes > 0);
    assert_eq!(bench.bytes("out.jsonl"), bench.bytes("docs.jsonl"));
}

/// Load groups as the file has them: each is loaded together, apart from the rest.
#[test]
fn load_groups_are_in_memory_apart() {
    let one = |name: &str| {
        format!("[[steps]]\nname = \"{name}\"\nuse = \"guests/ballast.wasm\"\nconfig = {{ mib = 16 }}\n\n")
    };
    let steps = ["a", "b", "c", "d"].map(one).concat() + "[run]\nload_groups = [[\"b\", \"c\"]]\n";
    let bench = Bench::with_rows(100);
    let report = bench.pipeline(straight(&steps)).report();
    let stages: Vec<Vec<&str>> =
        report.stages.iter().map(|stage| stage.steps.iter().map(|step| step.name.as_str()).collect()).collect();
    assert_eq!(stages, [vec!["a"], vec!["b", "c"], vec!["d"]]);
    assert_eq!(bench.bytes("out.jsonl"), bench.bytes("docs.jsonl"));
}

/// A component is compiled once, whoever uses it, and never again while nothing changed; a spoilt artefact is made anew.
#[test]
fn a_component_is_compiled_once() {
    let bench = Bench::with_rows(10);
    let steps = straight(
        "[[steps]]\nname = \"a\"\nuse = \"guests/echo.wasm\"\n\n[[steps]]\nname = \"b\"\nuse = \"guests/echo.wasm\"\n",
    );
    let cache = bench.path("cache");
    let compiled = || {
        let ended = bench.pipeline(&steps).cache(cache.clone()).overwrite().end();
        let compiling = ended.compiling();
        ended.report();
        assert_eq!(bench.bytes("out.jsonl"), bench.bytes("docs.jsonl"));
        compiling
    };
    assert_eq!(compiled(), 1);
    assert_eq!(compiled(), 0);

    let files = std::fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path());
    let is_artefact = |path: &std::path::PathBuf| {
        path.file_stem().is_none_or(|name| !["needs", "key"].map(AsRef::as_ref).contains(&name))
    };
    let artefacts: Vec<_> = files.filter(is_artefact).collect();
    let [artefact] = artefacts.as_slice() else { panic!("more than the artefact is in the cache: {artefacts:?}") };
    let whole = std::fs::read(artefact).unwrap();
    for spoilt in [b"garbage".as_slice(), b"", &whole[..whole.len() / 2]] {
        std::fs::write(artefact, spoilt).unwrap();
        assert_eq!(compiled(), 1, "{} spoilt bytes", spoilt.len());
        assert_eq!(compiled(), 0);
    }

    // Another component at the same path.
    std::fs::remove_file(bench.path("guests")).unwrap();
    std::fs::create_dir(bench.path("guests")).unwrap();
    let mut changed = std::fs::read(crate::bench::guests().join("echo.wasm")).unwrap();
    changed.extend_from_slice(b"\0\x07\x05build1");
    std::fs::write(bench.path("guests/echo.wasm"), changed).unwrap();
    assert_eq!(compiled(), 1);
}

/// The rule that everything hangs on: no instance outlives its stage, nor does its code. Each linear memory that is alive
/// reserves 4 GiB of address space and a little more, so the system's own figure counts them, whatever the runtime believes.
/// The figure is the process's, so this runs in a process that does nothing else.
#[test]
fn no_instance_outlives_its_stage() {
    alone("staging::seen_from_outside", &[]);
}

#[test]
#[ignore = "started by `no_instance_outlives_its_stage`, in a process of its own"]
fn seen_from_outside() {
    let bench = Bench::with_rows(5_000);
    let pipeline = ballast(8, "replicas = 3\n") + "[run]\nbatch_rows = 100\n";
    let baseline = address_space();
    // At each event: the stage that it belongs to, what it is, instances by the system's count, mapped artefacts.
    type Seen = (&'static str, u64, usize);
    let watched = |load: Load, text: &str| {
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let told = seen.clone();
        let ended = bench.pipeline(text).load(load).overwrite().listen(move |event| {
            let what = match event {
                Event::Loaded { .. } => "loaded",
                Event::Rows { .. } => "rows",
                Event::Ended { .. } => "ended",
                _ => return,
            };
            let mut seen = told.lock().unwrap();
            let now = (what, instances(baseline), mapped_artefacts());
            if seen.last() != Some(&now) {
                seen.push(now);
            }
        });
        let ended = ended.end();
        let seen = std::mem::take(&mut *seen.lock().unwrap());
        (ended, seen)
    };

    let (ended, seen) = watched(Load::Staged, &pipeline);
    ended.report();
    let stage = |instances, code| [("loaded", instances, code), ("rows", instances, code), ("ended", 0, 0)];
    assert_eq!(seen, [stage(1, 1), stage(1, 1), stage(3, 1)].concat());

    let (ended, seen) = watched(Load::Eager, &pipeline);
    ended.report();
    assert!(seen.iter().all(|(_, instances, code)| (*instances, *code) == (5, 2)), "{seen:?}");
    assert_eq!((instances(baseline), mapped_artefacts()), (0, 0));

    // Nor does one outlive a stage that fails.
    for misdeed in ["trap-declare", "trap-open", "trap"] {
        let hostile = format!("[[steps]]\nuse = \"guests/hostile.wasm\"\nconfig = {{ misdeed = \"{misdeed}\" }}\n");
        let (ended, _) = watched(Load::Eager, &(pipeline.replace("[run]", &format!("{hostile}\n[run]"))));
        assert!(ended.error().message.contains("trapped"));
        assert_eq!((instances(baseline), mapped_artefacts()), (0, 0), "{misdeed}");
    }
}

fn address_space() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

fn instances(baseline: u64) -> u64 {
    address_space().saturating_sub(baseline) / (4 << 30)
}

fn mapped_artefacts() -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    // Copies in memory, each with a number of its own.
    let copies = maps.lines().filter(|line| line.contains("/memfd:callboard-component"));
    copies.filter_map(|line| line.split_whitespace().nth(4)).collect::<std::collections::HashSet<&str>>().len()
}
