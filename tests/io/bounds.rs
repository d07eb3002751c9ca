//! The one assertion over all other tests of this suite: whatever file they read or write, each stays within [`MOST`](crate::measured::MOST).

use std::io::Write;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::both::MARK;
use crate::measured::{alone, each, judged, measure, measurer};

#[test]
fn every_other_test_stays_within_its_memory() {
    let listed = Command::new(std::env::current_exe().unwrap()).args(["--list", "--format", "terse"]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let tests = listed.lines().filter_map(|line| line.strip_suffix(": test"));
    let of_its_own = |test: &&str| ["bounds::", "measured::"].iter().any(|module| test.starts_with(module));
    let tests: Vec<String> = tests.filter(|test| !of_its_own(test)).map(str::to_owned).collect();
    assert!(tests.len() > 100, "{} tests are listed", tests.len());
    let (all, both) = (tests.len(), AtomicUsize::new(0));
    each(tests, |test| {
        let measured = measure(measurer(), &alone(test));
        both.fetch_add(usize::from(measured.said.contains(MARK)), Ordering::Relaxed);
        judged(test, &measured)
    });
    let both = both.into_inner();
    // Past what holds back the output of tests that pass.
    let _ = writeln!(std::io::stderr(), "{both} of {all} tests of inputs and outputs read from the disk and from S3");
    assert!(both >= 100, "only {both} of {all} tests read from both places");
}
