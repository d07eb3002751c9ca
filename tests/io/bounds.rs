//! The one assertion over all other tests of this suite: whatever file they read or write, each stays within [`MOST`](crate::measured::MOST).

use std::process::Command;

use crate::measured::{alone, each, judged, measure, measurer};

#[test]
fn every_other_test_stays_within_its_memory() {
    let listed = Command::new(std::env::current_exe().unwrap()).args(["--list", "--format", "terse"]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let tests = listed.lines().filter_map(|line| line.strip_suffix(": test"));
    let of_its_own = |test: &&str| ["bounds::", "measured::"].iter().any(|module| test.starts_with(module));
    let tests: Vec<String> = tests.filter(|test| !of_its_own(test)).map(str::to_owned).collect();
    assert!(tests.len() > 100, "{} tests are listed", tests.len());
    each(tests, |test| judged(test, &measure(measurer(), &alone(test))));
}
