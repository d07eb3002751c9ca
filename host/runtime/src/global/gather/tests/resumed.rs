//! A process ends in the middle of a step, and another one resumes the run: what was done is not done again.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use callboard_sandbox::{Gathering as By, Order};
use rand::SeedableRng;

use super::*;
use crate::fates::Ledger;
use crate::store::sync::Syncing;
use crate::store::{Work, header};

fn cases() -> Vec<Case> {
    let case = |act, gathering, sorted| Case {
        gathered: Gathered { gathering, sorted: vec![sorted], as_written: false },
        act,
        inputs: 1,
    };
    let by_text = || By::ByKey(vec![vec!["text".to_owned()]]);
    let sorted = || vec![Order { column: "score".to_owned(), descending: false, nulls_first: true }];
    vec![
        case(Act::Keep, by_text(), vec![]),
        case(Act::Count, by_text(), sorted()),
        case(Act::Reasons, by_text(), vec![]),
        case(Act::Pairs, By::ByEach(vec!["items".to_owned()]), vec![]),
        case(Act::Keep, By::All, sorted()),
    ]
}

/// A step whose log and scattered rows lie in `place`: makes calls up to one that the run is interrupted in. Gives what came out and how
/// many calls were made.
fn run(
    place: &Path,
    inputs: &[Vec<Row>],
    case: &Case,
    (sizes, callers): (Sizes, usize),
    ends: usize,
) -> (Result<Out, Fault>, usize) {
    run_as(place, inputs, case, (sizes, callers), ends, 1)
}

/// The same, of a step with a configuration.
fn run_as(
    place: &Path,
    inputs: &[Vec<Row>],
    case: &Case,
    (sizes, callers): (Sizes, usize),
    ends: usize,
    config: u64,
) -> (Result<Out, Fault>, usize) {
    let syncing = Syncing::begin().unwrap();
    let mut trial = Trial::of(inputs, case, 64 << 20);
    let mut header = header(3);
    header.key.config = config.into();
    let work =
        Work::open(place.join("work/step"), header, trial.bound.writes.clone(), &[], Some(&syncing.syncer), None);
    trial.writing.work = Some((Ledger::of(Some(&Arc::new(work.unwrap()))), 7));
    trial.writing.sorting.folder = place.join("sorting");
    let made = AtomicUsize::new(0);
    let out = trial.run(sizes, callers, None, |bound, readers, writer| {
        let at = made.fetch_add(1, Ordering::Relaxed);
        call(case.act, bound, readers, writer)?;
        if at == ends { Err(Fault::Interrupted) } else { Ok(()) }
    });
    (out, made.into_inner())
}

/// The rows, all with the same keys: whoever cuts them makes other groups of them.
fn without_keys(inputs: &[Vec<Row>]) -> Vec<Vec<Row>> {
    let none = |row: &Row| Row { id: row.id, text: None, score: None, items: Some(vec![Some(1)]) };
    inputs.iter().map(|rows| rows.iter().map(none).collect()).collect()
}

#[test]
fn rows_that_were_cut_are_not_cut_again_and_parts_that_ended_are_not_worked_on() {
    let inputs = vec![rows(&mut StdRng::seed_from_u64(21))];
    for case in cases() {
        for sizes in [SIZES[2], SIZES[3]] {
            let place = tempfile::tempdir().unwrap();
            let [whole, early] = ["whole", "early"].map(|name| place.path().join(name));
            let (right, all) = run(&whole, &inputs, &case, sizes, usize::MAX);
            let half = all / 2;
            let fault = run(&early, &inputs, &case, sizes, half).0.unwrap_err();
            assert!(matches!(fault, Fault::Interrupted), "{fault:?}");
            let left = early.join("sorting.gathered/done");
            assert!(left.exists(), "{:?}, {sizes:?}: what was done is noted", case.act);
            let (out, made) = run(&early, &without_keys(&inputs), &case, sizes, usize::MAX);
            assert_eq!(out.unwrap(), right.unwrap(), "{:?}, {sizes:?}", case.act);
            assert!(made <= all - half, "{made} of {all} calls were made after {half}");
            assert!(!left.exists(), "nothing is left of a step that ended");
        }
    }
}

/// The same rows are brought together for a step that was configured otherwise: nothing that was done counts.
#[test]
fn what_another_step_did_is_not_taken_over() {
    let inputs = vec![rows(&mut StdRng::seed_from_u64(23))];
    for case in cases() {
        let place = tempfile::tempdir().unwrap();
        let [whole, early] = ["whole", "early"].map(|name| place.path().join(name));
        let (right, all) = run_as(&whole, &inputs, &case, SIZES[2], usize::MAX, 2);
        run_as(&early, &inputs, &case, SIZES[2], all / 2, 1).0.unwrap_err();
        let (out, made) = run_as(&early, &inputs, &case, SIZES[2], usize::MAX, 2);
        assert_eq!((out.unwrap(), made), (right.unwrap(), all), "{:?}", case.act);
    }
}

/// Whatever of it is damaged, what is not intact is not used.
#[test]
fn rows_that_are_damaged_are_cut_again() {
    let inputs = vec![rows(&mut StdRng::seed_from_u64(22))];
    for case in cases() {
        let place = tempfile::tempdir().unwrap();
        let (right, all) = run(&place.path().join("whole"), &inputs, &case, SIZES[2], usize::MAX);
        let right = right.unwrap();
        for name in ["done", "rows-0", "put-out", "removed"] {
            for byte in [0, 60, 500] {
                let early = place.path().join(format!("{name}-{byte}"));
                run(&early, &inputs, &case, SIZES[2], all / 2).0.unwrap_err();
                let file = early.join("sorting.gathered").join(name);
                let mut bytes = std::fs::read(&file).unwrap();
                if let Some(byte) = bytes.get_mut(byte) {
                    *byte ^= 1;
                }
                std::fs::write(&file, bytes).unwrap();
                let (out, _) = run(&early, &inputs, &case, SIZES[2], usize::MAX);
                assert_eq!(out.unwrap(), right, "{:?}, byte {byte} of {name}", case.act);
            }
        }
    }
}
