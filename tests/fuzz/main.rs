//! The fuzz targets in every test run, on a stable compiler: over each kept input, and over thousands of changes to them. The changes
//! are the same in each run, unless `SEED` is set to another number. What libFuzzer finds goes into `corpus/NAME/`, and is tried here
//! ever after.
#![allow(missing_docs, unreachable_pub, reason = "the targets are a library when they are fuzzed")]
#![forbid(unsafe_code)]

#[path = "../support/measured.rs"]
mod measured;
mod mutate;
#[path = "src/lib.rs"]
mod targets;

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use mutate::Mutator;
use peak_alloc::PeakAlloc;
use targets::{TARGETS, Target};

/// Counts what a target allocates.
#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// The target that a process is started for.
const TARGET: &str = "CALLBOARD_TEST_TARGET";
/// Changed inputs of a target.
const CHANGED: usize = 3_000;
/// The seed of the changes, unless the environment's `SEED` says another.
const SEED: u64 = 7;
/// A changed input has at most this many bytes.
const LONGEST: usize = 16 << 10;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz")
}

fn names(folder: PathBuf) -> BTreeSet<String> {
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned()).collect()
}

fn kept(target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = folder().join("corpus").join(target.name);
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// A panic is a broken promise, and so is a small input that takes much memory.
fn try_one(target: &Target, name: &str, bytes: &[u8]) {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let broken = catch_unwind(AssertUnwindSafe(|| (target.run)(bytes))).is_err();
    let taken = ALLOCATOR.peak_usage().saturating_sub(before) >> 20;
    if broken || taken > target.memory {
        let left = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("broken-{}", target.name));
        fs::write(&left, bytes).unwrap();
        let what = if broken { "it panicked".to_owned() } else { format!("it took {taken} MiB") };
        panic!("`{}` over {name}: {what}; the input is {}", target.name, left.display());
    }
}

fn seed() -> u64 {
    match std::env::var("SEED") {
        Ok(seed) => seed.parse().expect("`SEED` is a number"),
        Err(_) => SEED,
    }
}

/// Not a test of its own: tries the target that the variable names, one input after another: what is allocated is counted for the
/// whole process.
#[test]
fn tries_a_target_in_a_process_of_its_own() {
    let Ok(name) = std::env::var(TARGET) else { return };
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let kept = kept(target);
    for (path, bytes) in &kept {
        try_one(target, &path.display().to_string(), bytes);
    }
    let seed = seed();
    let mut mutator = Mutator::new(kept.into_iter().map(|(_, bytes)| bytes).collect(), LONGEST, seed);
    for nth in 0..CHANGED {
        try_one(target, &format!("change {nth} of SEED={seed}"), &mutator.next());
    }
}

/// Each target in a process of its own, whose memory is measured from outside, too.
#[test]
fn every_target_holds_over_its_corpus_and_changes_to_it_within_its_memory() {
    measured::each(TARGETS.iter().map(|target| target.name.to_owned()).collect(), |name| {
        let mut command = measured::measurer();
        command.env(TARGET, name);
        measured::judged(name, &measured::measure(command, &measured::alone("tries_a_target_in_a_process_of_its_own")))
    });
}

/// A seed that a failure printed makes the same inputs again, and another one others.
#[test]
fn changes_are_made_again_of_their_seed() {
    let inputs = |seed: u64| {
        let mut mutator = Mutator::new(vec![b"some input".to_vec(), b"another, longer one".to_vec()], LONGEST, seed);
        (0..100).map(|_| mutator.next()).collect::<Vec<_>>()
    };
    assert_eq!(inputs(7), inputs(7));
    assert_ne!(inputs(7), inputs(8));
}

#[test]
fn every_target_has_a_program_and_a_corpus() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    // What wasm-smith makes goes to `components`.
    let programs: BTreeSet<String> =
        names(folder().join("fuzz_targets")).into_iter().filter(|name| name != "smith").collect();
    assert_eq!(targets, programs);
    assert_eq!(targets, names(folder().join("corpus")));
    for target in TARGETS {
        let kept = kept(target);
        assert!(!kept.is_empty(), "`{}` has no inputs", target.name);
        assert!(kept.iter().all(|(_, bytes)| bytes.len() <= LONGEST), "`{}` has a large input", target.name);
    }
}
