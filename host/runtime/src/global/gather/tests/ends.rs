//! Calls that are repeated, wrong, or ended early.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use callboard_plan::Predicted;
use rand::SeedableRng;

use super::*;
use crate::fates::Ledger;
use crate::rows::flight::Flight;
use crate::store::sync::Syncing;
use crate::store::{Work, header};

/// A case by its key, for what is not about the order.
fn by_text(act: Act) -> Case {
    let gathering = callboard_sandbox::Gathering::ByKey(vec![vec!["text".to_owned()]]);
    Case { gathered: Gathered { gathering, sorted: vec![vec![]], as_written: false }, act, inputs: 1 }
}

#[test]
fn what_a_call_did_that_is_made_again_does_not_count() {
    let inputs = vec![rows(&mut StdRng::seed_from_u64(8))];
    for (sizes, callers) in SIZES {
        let failed = Mutex::new(BTreeSet::new());
        let ran =
            Trial::of(&inputs, &by_text(Act::Keep), 64 << 20).run(sizes, callers, None, |bound, readers, writer| {
                if failed.lock().unwrap().insert(readers[0].positions(0, 1)?) {
                    let all = (0..readers[0].rows()).collect();
                    writer.remove(vec![Removals { rows: all, fate: Fate::Rejected, reason: "not yet".into() }])?;
                    return Err(Fault::Said { kind: SaidKind::Transient, message: "later".into(), at: None });
                }
                call(Act::Keep, bound, readers, writer)
            });
        let out = ran.unwrap();
        assert_eq!((out.rows.len(), out.dropped, out.doors.concat().len()), (ROWS, 0, 0), "{sizes:?}");
    }
}

#[test]
fn a_row_that_must_not_be_rejected_ends_it_with_its_reason() {
    let inputs = vec![rows(&mut StdRng::seed_from_u64(9))];
    for (sizes, callers) in SIZES {
        let mut trial = Trial::of(&inputs, &by_text(Act::Reasons), 64 << 20);
        trial.writing.remover.on_error = OnError::Fail;
        let ran = trial.run(sizes, callers, None, |bound, readers, writer| call(Act::Reasons, bound, readers, writer));
        let fault = ran.unwrap_err();
        assert!(matches!(&fault, Fault::Rejected { reason, .. } if reason.starts_with("because of")), "{fault:?}");
    }
}

/// A process ends in the middle of a step. The next one makes the calls that had not ended, and puts out the same.
#[test]
fn calls_that_an_earlier_process_made_are_not_made_again() {
    let inputs = vec![rows(&mut StdRng::seed_from_u64(12))];
    let each = callboard_sandbox::Gathering::ByEach(vec!["items".to_owned()]);
    let each = Case { gathered: Gathered { gathering: each, ..Gathered::default() }, ..by_text(Act::Pairs) };
    for case in [by_text(Act::Keep), by_text(Act::Count), by_text(Act::Reasons), each] {
        for (sizes, callers) in SIZES.into_iter().skip(1).take(3) {
            let (folder, syncing) = (tempfile::tempdir().unwrap(), Syncing::begin().unwrap());
            // Makes calls up to one that fails; how many were made.
            let run = |run: &str, fails: usize| {
                let mut trial = Trial::of(&inputs, &case, 64 << 20);
                let open = || {
                    let (folder, schema) = (folder.path().join(run).join("work/step"), trial.bound.writes.clone());
                    Arc::new(Work::open(folder, header(3), schema, &[], Some(&syncing.syncer), None).unwrap())
                };
                trial.writing.work = Some((Ledger::of(Some(&open())), 7));
                let made = AtomicUsize::new(0);
                let out = trial.run(sizes, callers, None, |bound, readers, writer| {
                    let at = made.fetch_add(1, Ordering::Relaxed);
                    call(case.act, bound, readers, writer)?;
                    if at == fails { Err(Fault::Host("the process ends".to_owned())) } else { Ok(()) }
                });
                (out, made.into_inner())
            };
            let (right, all) = run("whole", usize::MAX);
            let half = all / 2;
            run("ended early", half).0.unwrap_err();
            let (out, made) = run("ended early", usize::MAX);
            assert_eq!(out.unwrap(), right.unwrap(), "{:?}, {sizes:?}", case.act);
            assert!(made <= all - half, "{made} of {all} calls were made after {half}");
            let (_, made) = run("ended early", usize::MAX);
            assert_eq!(made, 0, "all of them had been made");
        }
    }
}

/// Each would otherwise name rows that the call was not given, or let a row have two fates.
#[test]
fn what_the_contract_does_not_allow_is_refused() {
    use callboard_sandbox::Gathering as By;
    type Misdeed = fn(&Bound, &mut PartWriter) -> Result<(), Fault>;
    let each = Case {
        gathered: Gathered { gathering: By::ByEach(vec!["items".to_owned()]), ..Gathered::default() },
        ..by_text(Act::Pairs)
    };
    let pairs = || by_text(Act::Pairs);
    let cases: Vec<(Case, Misdeed, &str)> = vec![
        (by_text(Act::Keep), |_, writer| writer.keep(vec![u64::MAX], None), "it kept row 18446744073709551615 of"),
        (by_text(Act::Keep), |_, writer| writer.remove(removed(&[0, 0])), "it removed row 0 twice"),
        (
            by_text(Act::Keep),
            |_, writer| writer.remove(removed(&[0])).and_then(|()| writer.keep(vec![0], None)),
            "it kept row 0, which it had removed",
        ),
        (each, |_, writer| writer.remove(removed(&[0])), "it removes rows, and has them grouped by each of many keys"),
        (pairs(), |bound, writer| write_one(bound, vec![], writer), "it wrote 1 rows in the places of 0"),
        (
            pairs(),
            |bound, writer| write_one(bound, vec![1 << 40], writer),
            "it wrote in the place of row 1099511627776 of",
        ),
    ];
    let inputs = vec![rows(&mut StdRng::seed_from_u64(10))];
    for (case, misdeed, words) in cases {
        for (sizes, callers) in SIZES {
            let trial = Trial::of(&inputs, &case, 64 << 20);
            let fault = trial.run(sizes, callers, None, |bound, _, writer| misdeed(bound, writer)).unwrap_err();
            assert!(matches!(&fault, Fault::Contract(what) if what.starts_with(words)), "{words}: {fault:?}");
        }
    }
}

fn removed(rows: &[u64]) -> Vec<Removals> {
    vec![Removals { rows: rows.to_vec(), fate: Fate::Dropped, reason: String::new() }]
}

/// A row of a step that writes pairs.
fn write_one(bound: &Bound, at: Vec<u64>, writer: &mut PartWriter) -> Result<(), Fault> {
    let numbers = [1, 2].map(|number| Arc::new(Int64Array::from(vec![number])) as ArrayRef);
    let rows = RecordBatch::try_new(bound.writes.clone(), numbers.to_vec()).unwrap();
    writer.write(Flat::of(&rows).to_owned_batch(), at)
}

/// A full disk, a budget, somebody who wants no more: each ends it in its words, and nothing stays behind.
#[test]
fn what_ends_it_early_leaves_nothing() {
    let inputs = vec![rows(&mut StdRng::seed_from_u64(11))];
    let run = |trial: Trial, charge| {
        trial
            .run(sizes(500, 0), 2, charge, |bound, readers, writer| call(Act::Count, bound, readers, writer))
            .unwrap_err()
    };
    let full = run(Trial::of(&inputs, &by_text(Act::Count), 5_000), None);
    assert!(format!("{full:?}").contains("bring rows together"), "{full:?}");

    let trial = Trial::of(&inputs, &by_text(Act::Count), 64 << 20);
    trial.writing.sorting.stop[1].cancel();
    assert!(matches!(run(trial, None), Fault::Interrupted));

    let flight = Arc::new(Flight::new(Arc::default(), Arc::default()));
    let predicted = Predicted { steps_bytes: 0, host_bytes: 0, rows_bytes: 0, least_rows_bytes: 0 };
    flight.begin(Some(1_000), &predicted, 1);
    let over = run(Trial::of(&inputs, &by_text(Act::Count), 64 << 20), Some(flight.charge()));
    assert!(format!("{over:?}").contains("budget"), "{over:?}");
}
