//! How far a global step is: what it does, one thing after another, and how long the rest of it is going to take.
//!
//! How the times of these phases compare depends on the step: it was measured when the step ran before ([`paces`](crate::prepare::paces)). The
//! first time it is taken from what is known of the host's part and of bundled steps ([`prior`]); of other steps nothing can be said until
//! they are called.

pub(crate) mod prior;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use prior::{Load, Prior, Together};

/// What a global step does, in this order.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Phase {
    /// Inputs that it needs whole are read.
    Read,
    /// Its rows are brought together.
    Gather,
    /// It is called, and reads them.
    Call,
    /// It was given all of them, and has not ended.
    Decide,
    /// What its calls removed is taken note of.
    Remove,
    /// What its calls put out is merged.
    Merge,
    /// Rows that it put out in an order of its own are scattered by where they go.
    Scatter,
    /// They are put in that order.
    Order,
    /// All went out, and is brought to where it goes.
    End,
}

/// Milliseconds of each phase, by its name.
pub(crate) type Took = BTreeMap<String, u64>;

const PHASES: [(Phase, &str); 9] = [
    (Phase::Read, "read"),
    (Phase::Gather, "gather"),
    (Phase::Call, "call"),
    (Phase::Decide, "decide"),
    (Phase::Remove, "remove"),
    (Phase::Merge, "merge"),
    (Phase::Scatter, "scatter"),
    (Phase::Order, "order"),
    (Phase::End, "end"),
];

/// Seconds of each phase.
type Seconds = [f64; PHASES.len()];

/// A shorter time says nothing about a longer one.
const LEAST: f64 = 1.0;

/// How much what is expected counts beside what was measured, as a part of all that is expected.
const WEIGHT: f64 = 0.1;

/// A global step in a stage.
#[derive(Debug, Default)]
pub(crate) struct Course {
    /// How long each phase took in an earlier run.
    before: Option<Seconds>,
    /// What is known of it if there was none.
    prior: Option<Prior>,
    /// The rows that it is given, of each input, once that is known.
    loads: Vec<Load>,
    /// The rows of the first input that calls are done with, and those that they put out for them.
    kept: (u64, u64),
    /// How long each took in this one.
    took: Seconds,
    /// How many rows of each are done, and how many there are.
    rows: [(u64, u64); PHASES.len()],
    /// The phase that it is in, and since when.
    now: Option<(Phase, Instant)>,
    /// Whether no other follows that one.
    is_last: bool,
    /// What it does is not what it would do in a run of its own: work is taken over.
    is_partial: bool,
}

impl Course {
    pub(crate) fn new(before: Option<&Took>, prior: Option<Prior>) -> Course {
        let seconds = |took: &Took| PHASES.map(|(_, name)| took.get(name).map_or(0.0, |ms| *ms as f64 / 1e3));
        Course { before: before.map(seconds), prior, ..Course::default() }
    }

    /// What puts out the rows of each port, and the columns that they have.
    pub(crate) fn ports(&self) -> impl Iterator<Item = (&Vec<Arc<str>>, &Vec<String>)> {
        self.prior.iter().flat_map(|prior| prior.inputs.iter().zip(&prior.columns))
    }

    /// Whether it matters what rows it is given.
    pub(crate) fn is_new(&self) -> bool {
        self.before.is_none() && self.prior.is_some()
    }

    /// The rows that it is given, of each input.
    pub(crate) fn given(&mut self, loads: Vec<Load>) {
        self.loads = loads;
    }

    /// A call is done with `rows` of the first input, and put out `out` rows for them.
    pub(crate) fn kept(&mut self, rows: u64, out: u64) {
        self.kept = (self.kept.0.saturating_add(rows), self.kept.1.saturating_add(out));
    }

    /// A phase begins, which has this many rows to do, if that is known.
    pub(crate) fn begin(&mut self, phase: Phase, of: u64) {
        self.end();
        self.rows[phase as usize] = (0, of);
        (self.now, self.is_last) = (Some((phase, Instant::now())), matches!(phase, Phase::Order | Phase::End));
    }

    /// No other phase follows this one.
    pub(crate) fn is_last(&mut self) {
        self.is_last = true;
    }

    pub(crate) fn done(&mut self, phase: Phase, rows: u64) {
        let Some((now, _)) = self.now else { return };
        // A step whose rows are not brought together puts out while it is called.
        if now == phase || (phase == Phase::Merge && matches!(now, Phase::Call | Phase::Decide)) {
            let (done, of) = &mut self.rows[phase as usize];
            *done = done.saturating_add(rows);
            // A step that was given all its rows may take its time.
            if now == Phase::Call && phase == now && done >= of {
                self.begin(Phase::Decide, 0);
            }
        }
    }

    pub(crate) fn is_partial(&mut self) {
        self.is_partial = true;
    }

    fn end(&mut self) {
        if let Some((phase, since)) = self.now.take() {
            self.took[phase as usize] += since.elapsed().as_secs_f64();
        }
    }

    /// How long the rest takes, if that can be known; `read` is how much of its inputs was read, and `reading` what rows they have.
    pub(crate) fn left(&self, read: Option<f64>, reading: impl FnOnce() -> Option<Vec<Load>>) -> Option<Duration> {
        let (now, since) = self.now?;
        let mut took = self.took;
        took[now as usize] += since.elapsed().as_secs_f64();
        let share = |(done, of): (u64, u64)| (of > 0).then(|| (done as f64 / of as f64).min(1.0));
        let part = match now {
            Phase::Read => read,
            now => share(self.rows[now as usize]),
        };
        let before = match (&self.before, &self.prior) {
            _ if self.is_partial => None,
            (None, Some(prior)) => {
                let (reading, mut loads) = (reading(), self.loads.clone());
                if loads.is_empty() {
                    loads = reading?;
                } else {
                    for (load, read) in loads.iter_mut().zip(reading.into_iter().flatten()) {
                        load.in_file = read.in_file;
                    }
                }
                return Duration::try_from_secs_f64(self.expected(prior, &loads, took, now, part)?).ok();
            }
            (before, _) => *before,
        };
        let before = before.or_else(|| self.is_last.then(Seconds::default))?;
        Duration::try_from_secs_f64(left(&before, &took, now, part)?).ok()
    }

    /// How many seconds the rest takes of a step that never ran.
    fn expected(&self, prior: &Prior, loads: &[Load], mut took: Seconds, now: Phase, part: Option<f64>) -> Option<f64> {
        let (is_plain, first) = (prior.together == Together::Plain, loads.first()?.rows);
        if prior.call.is_none() && (now < Phase::Call || (is_plain && now <= Phase::Decide)) {
            return None;
        }
        let share = |(of, rows): (u64, f64)| (of > 0).then(|| rows / of as f64);
        let merged = self.rows[Phase::Merge as usize];
        // What is put out is counted before it is.
        let kept = share((first as u64, merged.1 as f64)).filter(|_| merged.1 > 0);
        let mut before = prior.seconds(loads, kept.or_else(|| share((self.kept.0, self.kept.1 as f64))));
        let (now, part) = match now {
            Phase::Call | Phase::Decide if is_plain => {
                // It puts out while it is called.
                let put_out = merged.0 as f64 / prior.rows_out(first, None).max(1.0);
                took[Phase::Call as usize] += std::mem::take(&mut took[Phase::Decide as usize]);
                (Phase::Call, Some(put_out.min(1.0)))
            }
            Phase::Decide => (now, Some(1.0)),
            now => (now, part),
        };
        // How fast rows are read says less of the machine than the phases that follow: they may come from a slow disk.
        let read =
            std::mem::take(&mut before[Phase::Read as usize]) * part.filter(|_| now == Phase::Read).unwrap_or(1.0);
        let fast = if read > 0.0 { (took[Phase::Read as usize] / read).sqrt() } else { 1.0 };
        let (so_far, so_far_before) = until(&before, &took, now, part);
        let weight = WEIGHT * before.iter().sum::<f64>();
        let times = (fast * weight + so_far) / (weight + so_far_before);
        rest(&before, &took, now, part, times)
    }

    /// How many rows are done of each phase that began, and how many it had, unless work is taken over.
    #[cfg(test)]
    pub(crate) fn rows(&self) -> Option<Vec<(Phase, (u64, u64))>> {
        let began = |phase: &Phase| self.took[*phase as usize] > 0.0 || self.now.is_some_and(|(now, _)| now == *phase);
        let phases = PHASES.into_iter().map(|(phase, _)| phase).filter(began);
        (!self.is_partial).then(|| phases.map(|phase| (phase, self.rows[phase as usize])).collect())
    }

    /// The step has ended: what a later run can know of it.
    pub(crate) fn ended(mut self) -> Option<Took> {
        self.end();
        let tells = !self.is_partial && self.took.iter().sum::<f64>() >= LEAST;
        let took = PHASES.iter().zip(self.took).filter(|(_, took)| *took > 0.0);
        tells.then(|| took.map(|((_, name), took)| ((*name).to_owned(), (took * 1e3) as u64)).collect())
    }
}

/// How many seconds the rest of a step takes, of which the phases until `now` took that long, and `part` of that one is done. Phases that are
/// to come take as much longer than `before` as those until now did.
fn left(before: &Seconds, took: &Seconds, now: Phase, part: Option<f64>) -> Option<f64> {
    let (so_far, so_far_before) = until(before, took, now, part);
    rest(before, took, now, part, if so_far_before > 0.0 { so_far / so_far_before } else { 1.0 })
}

/// What was done until now took, and what it took before.
fn until(before: &Seconds, took: &Seconds, now: Phase, part: Option<f64>) -> (f64, f64) {
    let (mut so_far, mut so_far_before) = (0.0, 0.0);
    for phase in 0..=now as usize {
        let done = if phase == now as usize { part } else { Some(1.0) };
        if let (Some(done), true, true) = (done, took[phase] > 0.0, before[phase] > 0.0) {
            so_far += took[phase];
            so_far_before += before[phase] * done;
        }
    }
    (so_far, so_far_before)
}

/// The rest, where everything takes `times` as long as before.
fn rest(before: &Seconds, took: &Seconds, now: Phase, part: Option<f64>, times: f64) -> Option<f64> {
    let now = now as usize;
    let rest = match (part, before[now] > 0.0) {
        // More and more of it is known by how fast it goes.
        (Some(part), true) if part > 0.0 => {
            let unknown = (1.0 - part).powi(4);
            (1.0 - part) * (unknown * before[now] * times + (1.0 - unknown) * took[now] / part)
        }
        (Some(_), true) => before[now] * times,
        (Some(part), false) if part > 0.0 => took[now] * (1.0 - part) / part,
        // How much of it is done can be known by the time alone, as long as it takes no more.
        (None, true) => Some(before[now] * times - took[now]).filter(|rest| *rest > 0.0)?,
        _ => return None,
    };
    Some(rest + before[now + 1..].iter().sum::<f64>() * times)
}

#[cfg(test)]
mod tests {
    use super::prior::Cost;
    use super::prior::tests::{by_key, load};
    use super::*;

    /// Read, gathered, called, merged.
    const BEFORE: Seconds = [4.0, 2.0, 8.0, 0.0, 0.0, 6.0, 0.0, 0.0, 0.0];

    /// A moment when a part of a step is done whose phases `really` take that long: what each took until then, the phase and what part of it is
    /// done, and the time left.
    fn moment(really: &Seconds, of_all: f64) -> (Seconds, Phase, Option<f64>, f64) {
        let all: f64 = really.iter().sum();
        let (mut took, mut rest) = (Seconds::default(), all * of_all);
        for (phase, (at, _)) in PHASES.into_iter().enumerate() {
            took[phase] = rest.min(really[phase]);
            rest -= took[phase];
            if rest <= 0.0 {
                let part = (!matches!(at, Phase::Decide | Phase::End)).then(|| took[phase] / really[phase]);
                return (took, at, part, all * (1.0 - of_all));
            }
        }
        unreachable!("it is not longer than all phases")
    }

    /// The time left that is said at such a moment, and the right one.
    fn said(before: &Seconds, really: &Seconds, of_all: f64) -> (Option<f64>, f64) {
        let (took, at, part, right) = moment(really, of_all);
        (left(before, &took, at, part), right)
    }

    fn is_right(before: &Seconds, really: &Seconds, within: f64) {
        for of_all in (1..100).map(|percent| f64::from(percent) / 100.0) {
            let (said, right) = said(before, really, of_all);
            let said = said.unwrap_or_else(|| panic!("nothing at {of_all}"));
            assert!((said / right - 1.0).abs() <= within, "{said} instead of {right} at {of_all}");
        }
    }

    #[test]
    fn what_an_earlier_run_took_tells_the_time_left_whatever_the_rows_and_the_machine() {
        for times in [0.01, 1.0, 2.5, 300.0] {
            is_right(&BEFORE, &BEFORE.map(|seconds| seconds * times), 1e-9);
        }
        // A step that works when it has seen all its rows, and a step whose rows were taken in before.
        is_right(&[4.0, 0.0, 1.0, 5.0, 0.0, 0.0, 0.0, 0.0, 0.0], &[8.0, 0.0, 2.0, 10.0, 0.0, 0.0, 0.0, 0.0, 0.0], 1e-9);
        is_right(&BEFORE, &[0.0, 2.0, 8.0, 0.0, 0.0, 6.0, 0.0, 0.0, 0.0], 1e-9);
    }

    #[test]
    fn a_phase_that_takes_another_time_than_it_did_is_noticed() {
        for (phase, times) in [(0, 1.3), (0, 0.7), (1, 1.8), (2, 1.5), (2, 0.7), (5, 1.4), (5, 0.8)] {
            let mut really = BEFORE;
            really[phase] *= times;
            is_right(&BEFORE, &really, 0.3);
        }
    }

    #[test]
    fn nothing_is_said_where_nothing_can_be_known() {
        assert_eq!(Course::new(None, None).left(Some(0.5), || None), None, "it never ran");
        let took = [3.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        let reads_now = [0.0, 2.0, 8.0, 0.0, 0.0, 6.0, 0.0, 0.0, 0.0];
        assert_eq!(left(&reads_now, &took, Phase::Read, None), None, "how much of it was read?");
        let decides = [0.0, 0.0, 1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        let took = [0.0, 0.0, 1.0, 2.5, 0.0, 0.0, 0.0, 0.0, 0.0];
        assert_eq!(left(&decides, &took, Phase::Decide, None), None, "it takes longer than it did");
    }

    #[test]
    fn later_runs_know_what_a_run_of_its_own_took() {
        let took =
            |seconds: Seconds, is_partial: bool| Course { took: seconds, is_partial, ..Course::default() }.ended();
        let known = Took::from([("read".to_owned(), 4000), ("gather".to_owned(), 2000), ("call".to_owned(), 8500)]);
        assert_eq!(took([4.0, 2.0, 8.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], false), Some(known.clone()));
        assert_eq!(took([4.0, 2.0, 8.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], true), None, "some of its work was taken over");
        assert_eq!(took([0.1, 0.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], false), None, "it is too short to tell");
        assert_eq!(Course::new(Some(&known), None).before, Some([4.0, 2.0, 8.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]));
    }

    #[test]
    fn a_step_that_was_given_all_its_rows_decides() {
        let mut course = Course::new(None, None);
        course.begin(Phase::Call, 10);
        course.done(Phase::Merge, 9);
        course.done(Phase::Call, 9);
        assert_eq!(course.rows(), Some(vec![(Phase::Call, (9, 10))]));
        course.done(Phase::Call, 1);
        assert!(course.now.is_some_and(|(now, _)| now == Phase::Decide));
    }

    #[test]
    fn the_last_phase_of_a_step_that_never_ran_goes_on_as_it_began() {
        let mut course = Course::new(None, None);
        course.begin(Phase::Merge, 100);
        course.done(Phase::Merge, 50);
        assert_eq!(course.left(None, || None), None, "another phase may follow");
        course.is_last();
        assert!(course.left(None, || None).is_some());
        let took = [1.0, 1.0, 1.0, 0.0, 0.0, 0.5, 0.0, 0.0, 0.0];
        assert_eq!(left(&Seconds::default(), &took, Phase::Merge, Some(0.25)), Some(1.5));
        assert_eq!(left(&Seconds::default(), &took, Phase::Merge, Some(0.0)), None);
    }

    /// The same of a step that never ran.
    fn said_at_first(prior: &Prior, really: &Seconds, of_all: f64) -> (Option<f64>, f64) {
        let (took, at, part, right) = moment(really, of_all);
        let course = Course::new(None, Some(prior.clone()));
        (course.expected(prior, &[load(1e6)], took, at, part), right)
    }

    #[test]
    fn the_first_run_of_a_step_is_told_by_what_is_known_of_it_and_by_how_fast_it_goes() {
        let prior = by_key(Some(Cost { row: 100.0, byte: 0.0 }));
        let expected = prior.seconds(&[load(1e6)], None);
        let within = |really: &Seconds, percent: std::ops::Range<u32>, within: f64| {
            for of_all in percent.map(|percent| f64::from(percent) / 100.0) {
                let (said, right) = said_at_first(&prior, really, of_all);
                let said = said.unwrap_or_else(|| panic!("nothing at {of_all}"));
                assert!((said / right - 1.0).abs() <= within, "{said} instead of {right} at {of_all}");
            }
        };
        within(&expected, 1..99, 1e-9);
        // A machine that is slower, and a step that calls longer than others.
        within(&expected.map(|seconds| seconds * 1.6), 10..95, 0.3);
        let mut calls = expected;
        calls[Phase::Call as usize] *= 1.5;
        within(&calls, 10..95, 0.3);
    }

    #[test]
    fn a_step_that_nothing_is_known_of_is_told_from_its_calls_on() {
        let prior = by_key(None);
        let really = by_key(Some(Cost { row: 100.0, byte: 0.0 })).seconds(&[load(1e6)], None);
        assert_eq!(said_at_first(&prior, &really, 0.1).0, None, "it is read");
        let before: f64 = really[..Phase::Call as usize].iter().sum();
        let all: f64 = really.iter().sum();
        let called = (before + 0.5 * really[Phase::Call as usize]) / all;
        let (said, right) = said_at_first(&prior, &really, called);
        assert!((said.unwrap() / right - 1.0).abs() < 0.01, "{said:?} instead of {right}");
        let plain = Prior { together: Together::Plain, ..prior };
        assert_eq!(said_at_first(&plain, &really, called).0, None, "one call in a language that nobody knows");
    }
}
