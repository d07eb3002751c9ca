//! How long a run goes on behind the stage that it is in: by what its stages took when the same steps ran before, or by what is known of
//! bundled steps and the host's part.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use callboard_plan::{Kind, Plan, PlannedStep, Reader};

use crate::course::Took;
use crate::course::prior::{self, Cost, Load, Prior};
use crate::curves::Seen;
use crate::prepare::Prepared;
use crate::rows::digest;

/// The stages of a run.
pub(super) struct Ahead {
    /// What each took before, seconds.
    before: Option<Vec<f64>>,
    steps: BTreeMap<String, Step>,
    /// The steps and the outputs of each stage, and the inputs that are read in it.
    stages: Vec<(Vec<String>, Vec<Written>, Vec<String>)>,
}

/// An output.
struct Written {
    from: Vec<Arc<str>>,
    columns: Vec<String>,
}

/// What is known of a step.
enum Step {
    Global(Box<Prior>),
    /// What a row takes that flows through it, and where rows are from.
    Light(Cost, Vec<Arc<str>>),
    Unknown,
}

impl Ahead {
    pub(super) fn of(prepared: &Prepared, before: Option<&Took>) -> Ahead {
        let plan = &prepared.plan;
        let step = |step: &PlannedStep| (step.name.clone(), known(prepared, step));
        let stages = plan.stages().iter().map(|stage| {
            // What a global step puts out is part of what is known of it.
            let is_global = |node: &str| plan.step(node).is_some_and(|step| step.kind == Kind::Global);
            let written = |output: &String| {
                let from: Vec<Arc<str>> =
                    plan.edges_into_output(output).map(|edge| Arc::from(&*edge.from.node)).collect();
                let is_apart = from.iter().any(|node| !is_global(node));
                let schema = &prepared.ways(&Reader::Output(output.clone())).first()?.schema;
                let columns = schema.fields().iter().map(|field| field.name().clone()).collect();
                is_apart.then_some(Written { from, columns })
            };
            let inputs = stage.inputs.iter().chain(&stage.intakes).cloned().collect();
            (stage.steps.clone(), stage.outputs.iter().filter_map(written).collect(), inputs)
        });
        let before = before.and_then(|took| {
            let of = |index: usize| took.get(&index.to_string()).map(|ms| *ms as f64 / 1e3);
            plan.stages().iter().map(|stage| of(stage.index)).collect()
        });
        Ahead { before, steps: plan.steps().iter().map(step).collect(), stages: stages.collect() }
    }

    /// How long the run goes on, in its stage `now`, from 1, of which `part` is done and which goes on for `left`.
    pub(super) fn left(
        &self,
        seen: &Seen,
        now: usize,
        took: Duration,
        (part, left): (Option<f64>, Option<Duration>),
    ) -> Option<Duration> {
        if now == self.stages.len() {
            return left;
        }
        let took = took.as_secs_f64();
        if let Some(before) = &self.before {
            let (mut so_far, mut so_far_before) = (0.0, 0.0);
            for (stage, took) in seen.stages_took() {
                so_far += took.as_secs_f64();
                so_far_before += before.get(stage - 1)?;
            }
            if let Some(part) = part {
                so_far += took;
                so_far_before += before.get(now - 1)? * part;
            }
            let times = if so_far_before > 0.0 { so_far / so_far_before } else { 1.0 };
            let rest = left.map(|left| left.as_secs_f64());
            let rest = rest.or_else(|| Some(before.get(now - 1)? * times - took).filter(|rest| *rest > 0.0))?;
            return Duration::try_from_secs_f64(rest + before.get(now..)?.iter().sum::<f64>() * times).ok();
        }
        let rows = self.rows(seen);
        let later = (now..self.stages.len()).map(|stage| self.expected(seen, &rows, stage)).sum::<Option<f64>>()?;
        // What this one is expected to take says how fast the machine is.
        let times = part.filter(|part| *part > 0.0).zip(self.expected(seen, &rows, now - 1).filter(|all| *all > 0.0));
        let times = times.map_or(1.0, |(part, all)| (took / (all * part)).sqrt());
        Duration::try_from_secs_f64(left?.as_secs_f64() + later * times).ok()
    }

    /// What a stage, from 0, is expected to take, seconds.
    fn expected(&self, seen: &Seen, rows: &Rows<'_>, stage: usize) -> Option<f64> {
        let (steps, outputs, inputs) = self.stages.get(stage)?;
        let (mut one_by_one, mut at_once) = (0.0, 0.0_f64);
        for step in steps {
            match self.steps.get(step)? {
                Step::Unknown => return None,
                Step::Global(prior) if prior.call.is_none() => return None,
                Step::Global(prior) => {
                    let of_port = |(from, columns): (&Vec<Arc<str>>, &Vec<String>)| {
                        Some(Load { rows: of(rows, from)?, widths: seen.widths(columns), in_file: 0.0 })
                    };
                    let loads: Option<Vec<Load>> = prior.inputs.iter().zip(&prior.columns).map(of_port).collect();
                    one_by_one += prior.sum(&loads?);
                }
                Step::Light(cost, from) => at_once = at_once.max(cost.seconds(of(rows, from)?, 0.0)),
            }
        }
        for Written { from, columns } in outputs {
            let bytes: f64 = seen.widths(columns).iter().sum();
            at_once = at_once.max(prior::written(of(rows, from)?, bytes));
        }
        for input in inputs {
            at_once = at_once.max(prior::read(*rows.get(input.as_str())?, seen.in_file(input)?));
        }
        Some(one_by_one + at_once)
    }

    /// How many rows each input and step puts out, as far as that is known.
    fn rows(&self, seen: &Seen) -> Rows<'_> {
        let mut rows = Rows::new();
        for (steps, _, inputs) in &self.stages {
            rows.extend(inputs.iter().filter_map(|input| Some((input.as_str(), seen.rows_out(input)?))));
            // Each step comes after those that it reads.
            for step in steps {
                let to_come = || match self.steps.get(step)? {
                    Step::Unknown => None,
                    Step::Global(prior) => Some(prior.rows_out(of(&rows, prior.inputs.first()?)?, None)),
                    Step::Light(_, from) => of(&rows, from),
                };
                if let Some(out) = seen.rows_out(step).or_else(to_come) {
                    rows.insert(step, out);
                }
            }
        }
        rows
    }
}

/// How many rows nodes put out.
type Rows<'a> = HashMap<&'a str, f64>;

/// How many rows these nodes put out together.
fn of(rows: &Rows<'_>, from: &[Arc<str>]) -> Option<f64> {
    from.iter().map(|node| rows.get(&**node).copied()).sum()
}

fn known(prepared: &Prepared, step: &PlannedStep) -> Step {
    let plan: &Plan = &prepared.plan;
    // Which rows take a route, or a door, is not known.
    let is_whole = plan.edges_into(&step.name).all(|edge| edge.route.is_none() && edge.from.door.is_none());
    match step.kind {
        _ if !is_whole => Step::Unknown,
        Kind::Global => Step::Global(Box::new(prepared.prior(step))),
        Kind::Transform => {
            let from = plan.edges_into(&step.name).map(|edge| Arc::from(edge.from.node.as_str())).collect();
            prepared.light(step).map_or(Step::Unknown, |cost| Step::Light(cost, from))
        }
        Kind::Source => Step::Unknown,
    }
}

/// What these times are known by: the steps of all stages, as [`PlannedStep::need_key`] knows them.
pub(super) fn key(plan: &Plan) -> String {
    let steps = plan.steps().iter().map(|step| format!("{} {}", step.stage, step.need_key(plan.batch())));
    format!("{:032x}", digest::of_text(&steps.collect::<Vec<_>>().join("\n")))
}

/// What the stages of a run took in which nothing was taken over, for later runs.
pub(super) fn took(plan: &Plan, seen: &Seen) -> Option<(String, Took)> {
    let (stages, _) = seen.until_now();
    let whole = stages.len() == plan.stages().len() && stages.len() > 1;
    let alone = stages.iter().all(|(_, cost)| cost.steps.values().all(|step| step.reused == 0));
    let took = seen.stages_took().into_iter().map(|(stage, took)| (stage.to_string(), took.as_millis() as u64));
    (whole && alone).then(|| (key(plan), took.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::course::prior::tests::by_key;

    /// Rows are read and filtered, brought together, and written.
    fn three_stages(before: Option<Vec<f64>>, last: Step) -> Ahead {
        let light = |from: &str| Step::Light(Cost { row: 100.0, byte: 0.0 }, vec![Arc::from(from)]);
        let global = Prior { inputs: vec![vec![Arc::from("few")]], ..by_key(Some(Cost { row: 100.0, byte: 0.0 })) };
        let steps = [("few", light("docs")), ("global", Step::Global(Box::new(global))), ("last", last)];
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let written = Written { from: vec![Arc::from("last")], columns: names(&["id"]) };
        let stages = vec![
            (names(&["few"]), Vec::new(), names(&["docs"])),
            (names(&["global"]), Vec::new(), Vec::new()),
            (names(&["last"]), vec![written], Vec::new()),
        ];
        let steps = steps.into_iter().map(|(name, step)| (name.to_owned(), step)).collect();
        Ahead { before, steps, stages }
    }

    /// A tenth of the first stage is done.
    fn seen() -> Arc<Seen> {
        let seen = Arc::<Seen>::default();
        seen.begin(1, 3, BTreeMap::new(), BTreeMap::new());
        seen.read("docs", 100_000);
        seen.reading(&Arc::from("docs"), 1e6, 1e7);
        seen
    }

    #[test]
    fn what_stages_took_before_tells_how_long_the_run_goes_on() {
        let ahead = three_stages(Some(vec![10.0, 30.0, 20.0]), Step::Unknown);
        let left = |now, took, part, left: Option<u64>| {
            let left = left.map(Duration::from_secs);
            ahead.left(&seen(), now, Duration::from_secs(took), (part, left)).map(|left| left.as_secs())
        };
        assert_eq!(left(1, 2, Some(0.1), Some(18)), Some(118), "twice as long as before");
        assert_eq!(left(1, 5, None, None), Some(55), "as long as before");
        assert_eq!(left(3, 5, None, Some(7)), Some(7), "it is the last stage");
    }

    #[test]
    fn the_first_time_the_rows_that_are_read_tell_it_unless_a_later_step_is_unknown() {
        let left = |last| {
            let at = (Some(0.1), Some(Duration::from_secs(9)));
            three_stages(None, last).left(&seen(), 1, Duration::from_secs(1), at)
        };
        assert_eq!(left(Step::Unknown), None);
        let light = || Step::Light(Cost { row: 100.0, byte: 0.0 }, vec![Arc::from("global")]);
        let more = left(light()).unwrap();
        assert!(more > Duration::from_secs(10), "{more:?}: two stages follow");
    }
}
