//! What a run did so far: memory and rows over time, in bounded size.
//!
//! Each stage has a curve of its own, which is kept with what the stage cost: so the curves of a run go on where it is resumed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use callboard_plan::Stage;
use callboard_sandbox::Gauge;

use crate::course::prior::Load;
use crate::course::{Course, Took};
use crate::events::{Event, Observer};
use crate::rows::widths;
use crate::store::records::{Moment, StageCost, StepCounts};

/// Moments of all stages together; of a plan with very many stages, each still has [`LEAST`].
const MOST: usize = 600;
const LEAST: usize = 8;

/// What a stage did that has not ended.
#[derive(Debug)]
pub(crate) struct Unfinished {
    /// From 1.
    pub(crate) stage: usize,
    pub(crate) took: Duration,
    pub(crate) steps: BTreeMap<Arc<str>, Moved>,
    pub(crate) curve: Vec<Moment>,
    pub(crate) outlook: Outlook,
}

/// What is known about the rest of a stage, and of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Outlook {
    /// The part of the stage that is done, from 0 to 1.
    pub(crate) part: Option<f64>,
    /// How long the rest of the stage takes.
    pub(crate) left: Option<Duration>,
    /// How long the rest of the run takes.
    pub(crate) run_left: Option<Duration>,
}

/// What a step of such a stage did until now.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moved {
    pub(crate) rows_in: u64,
    pub(crate) rows_out: u64,
    /// Counted while a transform runs; those of a global step are known at its end.
    pub(crate) dropped: u64,
    pub(crate) rejected: u64,
    pub(crate) batches: u64,
}

/// What is seen of a run.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    state: Mutex<State>,
    memory: OnceLock<Held>,
}

/// Gauges of what a run holds.
#[derive(Debug)]
struct Held {
    linear: Arc<Gauge>,
    /// Linear memory and rows in flight.
    all: Arc<Gauge>,
}

#[derive(Debug, Default)]
struct State {
    stage: Option<Current>,
    /// The stages that ended, and what each cost.
    ended: Vec<(Stage, StageCost)>,
    /// Rows read of each input in this process.
    read: BTreeMap<String, u64>,
    /// What a value takes, bytes, by column: that of the first rows of the first input that has it.
    widths: BTreeMap<String, f64>,
    /// Anonymous memory of the process when it was last sampled, bytes: no stage changes it.
    resident: u64,
    /// How long the phases of each global step took that ended in this process.
    took: BTreeMap<Arc<str>, Took>,
}

/// The stage that is being carried out.
#[derive(Debug)]
struct Current {
    index: usize,
    began: Instant,
    curve: Curve,
    steps: BTreeMap<Arc<str>, Moved>,
    /// What each node has read of its rows, and how much they are, bytes.
    reading: BTreeMap<Arc<str>, (f64, f64)>,
    /// The same of the inputs that are read before anything else.
    intakes: BTreeMap<Arc<str>, (f64, f64)>,
    /// The global steps.
    courses: BTreeMap<Arc<str>, Course>,
    /// What was said last.
    outlook: Outlook,
}

/// How far a stage is.
pub(crate) struct Going {
    /// From 1.
    pub(crate) stage: usize,
    pub(crate) took: Duration,
    /// Bytes.
    pub(crate) linear_memory: u64,
    pub(crate) in_flight: u64,
    /// The part of the rows that was read, from 0 to 1, by nodes that wait for no others; none if there are no such nodes yet.
    pub(crate) part: Option<f64>,
    /// How long each global step goes on, if that is known.
    pub(crate) courses: Vec<Option<Duration>>,
}

/// Moments at equal distances: when there is no more room, every two become one, and samples are taken at twice the distance.
#[derive(Debug)]
pub(crate) struct Curve {
    moments: Vec<Moment>,
    most: usize,
    /// Samples that make up a moment.
    every: u32,
    /// How many of these there are, and what they make.
    pending: u32,
    next: Option<Moment>,
}

impl Curve {
    pub(crate) fn new(most: usize) -> Curve {
        Curve { moments: Vec::new(), most: most.max(2), every: 1, pending: 0, next: None }
    }

    pub(crate) fn push(&mut self, sample: Moment) {
        let next = self.next.take().map_or(sample, |pending| pending.and(sample));
        self.pending += 1;
        if self.pending < self.every {
            self.next = Some(next);
            return;
        }
        self.pending = 0;
        if self.moments.len() == self.most {
            let halved = self.moments.chunks(2).map(|two| two.iter().copied().reduce(Moment::and).unwrap_or_default());
            self.moments = halved.collect();
            self.every = self.every.saturating_mul(2);
        }
        self.moments.push(next);
    }

    pub(crate) fn moments(&self) -> Vec<Moment> {
        self.moments.iter().copied().chain(self.next).collect()
    }
}

impl Seen {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing is left half done in it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An observer that counts rows, and passes all events on.
    pub(crate) fn over(self: &Arc<Seen>, observer: Observer) -> Observer {
        let seen = self.clone();
        Observer::new(move |event| {
            if let Event::Rows { step, rows_in, rows_out } = &event
                && let Some(current) = &mut seen.lock().stage
            {
                let moved = current.steps.entry(step.clone()).or_default();
                moved.rows_in += rows_in;
                moved.rows_out += rows_out;
            }
            observer.tell(event);
        })
    }

    /// Counts a batch that a transform is done with, beside its rows in and out.
    pub(crate) fn count(&self, step: &Arc<str>, counts: &StepCounts) {
        if let Some(current) = &mut self.lock().stage {
            let moved = current.steps.entry(step.clone()).or_default();
            moved.dropped += counts.tally.dropped();
            moved.rejected += counts.tally.rejected();
            moved.batches += counts.batches;
        }
    }

    /// Counts rows that were read of an input.
    pub(crate) fn read(&self, input: &str, rows: u64) {
        let mut state = self.lock();
        match state.read.get_mut(input) {
            Some(read) => *read += rows,
            None => drop(state.read.insert(input.to_owned(), rows)),
        }
    }

    /// The first rows of an input.
    pub(crate) fn first(&self, rows: &RecordBatch) {
        let (schema, widths) = (rows.schema(), widths(rows));
        let mut state = self.lock();
        for (field, width) in schema.fields().iter().zip(widths) {
            state.widths.entry(field.name().clone()).or_insert(width);
        }
    }

    /// What values of these columns take, bytes, as far as inputs have them.
    pub(crate) fn widths(&self, columns: &[String]) -> Vec<f64> {
        self.lock().widths(columns)
    }

    /// What a row of an input takes in its files, bytes, if it is being read.
    pub(crate) fn in_file(&self, input: &str) -> Option<f64> {
        let state = self.lock();
        let current = state.stage.as_ref()?;
        let (done, _) = *current.intakes.get(input).or_else(|| current.reading.get(input))?;
        (done > 0.0).then(|| done / state.read.get(input).copied().unwrap_or(0).max(1) as f64)
    }

    /// How many rows an input or a step puts out, if that is known: in all, or as far as the stage is.
    pub(crate) fn rows_out(&self, node: &str) -> Option<f64> {
        let state = self.lock();
        let ended = state.ended.iter().find_map(|(_, cost)| {
            let of_step = cost.steps.get(node).map(|counts| counts.rows_out);
            of_step.or_else(|| cost.rows_read.get(node).copied())
        });
        let going_on = || {
            let current = state.stage.as_ref()?;
            let of_step =
                current.steps.get(node).and_then(|moved| Some(moved.rows_out as f64 / part_of(&current.reading)?));
            of_step.filter(|_| !current.courses.contains_key(node)).or_else(|| state.rows_of_input(current, node))
        };
        ended.map(|rows| rows as f64).or_else(going_on).filter(|rows| rows.is_finite())
    }

    /// How many rows of an input were read in this process.
    pub(crate) fn rows_read(&self, input: &str) -> u64 {
        self.lock().read.get(input).copied().unwrap_or(0)
    }

    /// A stage has ended, in this process or before it.
    pub(crate) fn ended(&self, stage: &Stage, cost: &StageCost) {
        self.lock().ended.push((stage.clone(), cost.clone()));
    }

    /// The stages that ended, and the most linear memory at one moment, bytes.
    pub(crate) fn until_now(&self) -> (Vec<(Stage, StageCost)>, u64) {
        (self.lock().ended.clone(), self.memory.get().map_or(0, |held| held.linear.peak()))
    }

    /// How long each stage took that ended, with its number.
    pub(crate) fn stages_took(&self) -> Vec<(usize, Duration)> {
        let took = |cost: &StageCost| cost.intake + cost.load + cost.run + cost.unload;
        self.lock().ended.iter().map(|(stage, cost)| (stage.index, took(cost))).collect()
    }

    /// What is sampled from now on.
    pub(crate) fn watch(&self, linear: &Arc<Gauge>, all: &Arc<Gauge>) {
        let _ = self.memory.set(Held { linear: linear.clone(), all: all.clone() });
    }

    /// A node has read this much of its rows, and how much these are: bytes, about.
    pub(crate) fn reading(&self, node: &Arc<str>, done: f64, of: f64) {
        if let Some(current) = &mut self.lock().stage {
            match current.intakes.get_mut(node) {
                Some(intake) => *intake = (done, of),
                None => drop(current.reading.insert(node.clone(), (done, of))),
            }
        }
    }

    /// A global step of the stage goes on.
    pub(crate) fn course(&self, step: &Arc<str>, what: impl FnOnce(&mut Course)) {
        if let Some(course) = self.lock().stage.as_mut().and_then(|current| current.courses.get_mut(step)) {
            what(course);
        }
    }

    /// How long the phases of each global step took that ended in this process.
    pub(crate) fn took(&self) -> BTreeMap<Arc<str>, Took> {
        self.lock().took.clone()
    }

    /// Notes what is known about the rest of a stage, for whoever looks at the run.
    pub(crate) fn say(&self, stage: usize, outlook: Outlook) {
        if let Some(current) = self.lock().stage.as_mut().filter(|current| current.index == stage) {
            current.outlook = outlook;
        }
    }

    /// How far the stage is, if one is carried out.
    pub(crate) fn far(&self) -> Option<Going> {
        let state = self.lock();
        let (current, held) = (state.stage.as_ref()?, self.memory.get()?);
        let (linear_memory, all) = (held.linear.now(), held.all.now());
        let (part, read) = (part_of(&current.reading), part_of(&current.intakes));
        let left = |course: &Course| course.left(read, || state.loads(current, course));
        let courses = current.courses.values().map(left).collect();
        let (took, in_flight) = (current.began.elapsed(), all.saturating_sub(linear_memory));
        Some(Going { stage: current.index, took, linear_memory, in_flight, part, courses })
    }

    /// A stage begins: its number, from 1, and that of all stages; inputs that are read before anything else, and their bytes; global steps.
    pub(crate) fn begin(
        &self,
        index: usize,
        stages: usize,
        intakes: BTreeMap<Arc<str>, f64>,
        courses: BTreeMap<Arc<str>, Course>,
    ) {
        let curve = Curve::new((MOST / stages.max(1)).clamp(LEAST, MOST));
        self.lock().stage = Some(Current {
            index,
            began: Instant::now(),
            curve,
            steps: BTreeMap::new(),
            reading: BTreeMap::new(),
            intakes: intakes.into_iter().map(|(input, bytes)| (input, (0.0, bytes))).collect(),
            courses,
            outlook: Outlook::default(),
        });
        self.sample(None);
    }

    /// Samples memory, with the anonymous memory of the process, if that was asked for: bytes.
    pub(crate) fn sample(&self, resident: Option<u64>) {
        let mut state = self.lock();
        let resident = resident.unwrap_or(state.resident);
        state.resident = resident;
        let Some(Held { linear, all }) = self.memory.get() else { return };
        let (linear, all) = (linear.now(), all.now());
        if let Some(current) = &mut state.stage {
            let rows = current.steps.values().map(|moved| moved.rows_in.max(moved.rows_out)).sum();
            current.curve.push(Moment {
                at_ms: current.began.elapsed().as_millis() as u64,
                linear,
                in_flight: all.saturating_sub(linear),
                resident,
                rows,
            });
        }
    }

    /// The stage has ended: its curve.
    pub(crate) fn end(&self) -> Vec<Moment> {
        self.sample(None);
        let mut state = self.lock();
        let Some(current) = state.stage.take() else { return Vec::new() };
        let took = current.courses.into_iter().filter_map(|(step, course)| Some((step, course.ended()?)));
        state.took.extend(took);
        current.curve.moments()
    }

    /// The stage that has not.
    pub(crate) fn unfinished(&self) -> Option<Unfinished> {
        let state = self.lock();
        let current = state.stage.as_ref()?;
        Some(Unfinished {
            stage: current.index,
            took: current.began.elapsed(),
            steps: current.steps.clone(),
            curve: current.curve.moments(),
            outlook: current.outlook,
        })
    }
}

impl State {
    fn widths(&self, columns: &[String]) -> Vec<f64> {
        columns.iter().map(|column| self.widths.get(column).copied().unwrap_or(WIDTH)).collect()
    }

    /// About how many rows an input has that is being read, by what is left of its files.
    fn rows_of_input(&self, current: &Current, input: &str) -> Option<f64> {
        let (done, of) = *current.intakes.get(input).or_else(|| current.reading.get(input))?;
        let read = |input: &str| self.read.get(input).copied().unwrap_or(0) as f64;
        if done > 0.0 {
            return Some(read(input) * of / done);
        }
        // Its rows are taken to be as long as those of the others.
        let others = current.intakes.iter().fold((0.0, 0.0), |sum, (input, of)| (sum.0 + of.0, sum.1 + read(input)));
        (others.0 > 0.0).then(|| of * others.1 / others.0)
    }

    /// The rows of the inputs that a global step is given while they are read.
    fn loads(&self, current: &Current, course: &Course) -> Option<Vec<Load>> {
        let of_port = |(inputs, columns): (&Vec<Arc<str>>, &Vec<String>)| {
            let rows = inputs.iter().map(|input| self.rows_of_input(current, input)).sum::<Option<f64>>()?;
            let bytes: f64 = inputs.iter().filter_map(|input| current.intakes.get(input)).map(|(_, of)| of).sum();
            Some(Load { rows, widths: self.widths(columns), in_file: bytes / rows.max(1.0) })
        };
        course.ports().map(of_port).collect()
    }
}

/// What a value takes of a column that no input has, bytes.
const WIDTH: f64 = 10.0;

/// What part of their rows nodes have read; none if that is not known.
fn part_of(reading: &BTreeMap<Arc<str>, (f64, f64)>) -> Option<f64> {
    let (done, of) = reading.values().fold((0.0, 0.0), |sum, of| (sum.0 + of.0, sum.1 + of.1));
    (of > 0.0).then(|| done / of)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(at_ms: u64, linear: u64) -> Moment {
        Moment { at_ms, linear, rows: at_ms * 10, ..Moment::default() }
    }

    #[test]
    fn a_curve_stays_small_and_keeps_peaks_and_ends() {
        for samples in [1, 7, 8, 9, 100, 1_000, 54_321] {
            let mut curve = Curve::new(8);
            (1..=samples).for_each(|at| curve.push(moment(at, if at == samples / 2 { 99 } else { 1 })));
            let moments = curve.moments();
            assert!(moments.len() <= 9, "{samples}: {}", moments.len());
            assert!(samples < 8 || moments.len() >= 4, "{samples}: {}", moments.len());
            assert_eq!(moments.last().map(|last| (last.at_ms, last.rows)), Some((samples, samples * 10)));
            assert!(moments.windows(2).all(|two| two[0].at_ms < two[1].at_ms));
            assert_eq!(moments.iter().any(|moment| moment.linear == 99), samples > 1, "{samples}");
        }
    }

    #[test]
    fn a_stage_is_as_far_as_its_nodes_have_read() {
        let seen = Seen::default();
        let (steps, all) = (Arc::<Gauge>::default(), Arc::<Gauge>::default());
        seen.watch(&steps, &all);
        assert!(seen.far().is_none(), "no stage has begun");
        let [a, b, c] = ["a", "b", "c"].map(Arc::from);
        // What is read for a global step is no part of what the others read.
        seen.begin(
            2,
            3,
            BTreeMap::from([(c, 100.0)]),
            BTreeMap::from([(Arc::from("global"), Course::new(None, None))]),
        );
        assert_eq!(seen.far().unwrap().part, None);
        seen.reading(&Arc::from("c"), 10.0, 100.0);
        assert_eq!(seen.far().unwrap().part, None);
        seen.reading(&a, 10.0, 10.0);
        seen.reading(&b, 0.0, 70.0);
        seen.reading(&b, 10.0, 70.0);
        let far = seen.far().unwrap();
        assert_eq!((far.stage, far.part, far.courses), (2, Some(0.25), vec![None]));
        seen.end();
        assert!(seen.far().is_none() && seen.took().is_empty());
    }
}
