//! Random pipelines and random text: what must hold of all of them.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;

use callboard_plan::{Boundary, Door, Edge, Kind, Load, Pipeline, Plan, ScanError, Source, Terms, Transport, explain};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::shelf::Shelf;

/// Steps as `(global, the steps before it that it reads, and by which way)`; who reads none reads the input.
#[derive(Clone, Debug)]
struct Graph(Vec<(bool, Vec<(usize, usize)>)>);

/// The ways out of a step: what it puts out, and its doors.
const WAYS: [&str; 3] = ["", ".dropped", ".rejected"];

fn graph() -> impl Strategy<Value = Graph> {
    let step = (any::<bool>(), prop::collection::vec((any::<prop::sample::Index>(), 0..WAYS.len()), 0..4));
    prop::collection::vec(step, 1..14).prop_map(|steps| {
        let reads = |nth: usize, picks: Vec<(prop::sample::Index, usize)>| match nth {
            0 => Vec::new(),
            _ => picks.iter().map(|(pick, way)| (pick.index(nth), *way)).collect(),
        };
        Graph(steps.into_iter().enumerate().map(|(nth, (global, picks))| (global, reads(nth, picks))).collect())
    })
}

impl Graph {
    fn pipeline(&self, groups: &str) -> Pipeline {
        self.with_needs(&vec![None; self.0.len()], groups)
    }

    /// Each step with what it needs, in mebibytes.
    fn with_needs(&self, needs: &[Option<u64>], rest: &str) -> Pipeline {
        let mut text = "callboard = 1\nname = \"random\"\n[inputs.docs]\npath = \"docs.jsonl\"\n".to_owned();
        for (nth, (global, reads)) in self.0.iter().enumerate() {
            let from = if reads.is_empty() {
                "\"docs\"".to_owned()
            } else {
                format!("{:?}", reads.iter().map(|(read, way)| format!("s{read}{}", WAYS[*way])).collect::<Vec<_>>())
            };
            let uses = if *global { "global" } else { "transform" };
            text += &format!("[[steps]]\nname = \"s{nth}\"\nuse = \"{uses}\"\nfrom = {from}\non_error = \"reject\"\n");
            text += &needs[nth].map_or_else(String::new, |mib| format!("needs.memory = \"{mib}MiB\"\n"));
        }
        for nth in 0..self.0.len() {
            text += &format!("[outputs.o{nth}]\npath = \"o{nth}.jsonl\"\nfrom = [\"s{nth}\", \"docs\"]\n");
            let way = WAYS[nth % 2 + 1];
            text += &format!("[outputs.d{nth}]\npath = \"d{nth}.jsonl\"\nfrom = [\"s{nth}{way}\", \"s{nth}\"]\n");
        }
        text += rest;
        Pipeline::parse(Source::new("random.toml", text), &[]).unwrap()
    }

    fn plan(&self, load: Load, groups: &str) -> Result<Plan, callboard_plan::Problems> {
        let pipeline = self.pipeline(groups);
        Plan::new(&pipeline, &shelf().catalog(&pipeline), load)
    }

    /// The longest path, where an edge of a global step counts 1 and any other 0.
    fn fewest_stages(&self) -> usize {
        let mut depth: Vec<usize> = Vec::new();
        for (global, reads) in &self.0 {
            let part = |(read, _): &(usize, usize)| depth[*read] + usize::from(*global || self.0[*read].0);
            depth.push(reads.iter().map(part).max().unwrap_or(1));
        }
        depth.into_iter().max().unwrap_or(1)
    }

    /// Stages by trying all of them, where each of `groups` is a stage of its own: slow, and plainly right.
    fn fewest_stages_with(&self, groups: &[Vec<usize>]) -> Option<usize> {
        let steps = self.0.len();
        // From sets of steps done: breadth first, each stage one move.
        let mut seen = std::collections::HashSet::from([0_u32]);
        let mut layer = vec![0_u32];
        for stages in 0.. {
            if layer.iter().any(|done| *done == (1 << steps) - 1) {
                return Some(stages);
            }
            let mut next = Vec::new();
            for done in layer {
                for stage in 1..1_u32 << steps {
                    if stage & done == 0 && self.is_stage(stage, done, groups) && seen.insert(stage | done) {
                        next.push(stage | done);
                    }
                }
            }
            if next.is_empty() {
                return None;
            }
            layer = next;
        }
        None
    }

    /// Stages by trying all of them, none heavier than `room`: how few, and how heavy the heaviest of so many must be. Groups
    /// weigh what they weigh.
    fn lightest(&self, weights: &[u64], room: u64, groups: &[Vec<usize>]) -> Option<(usize, u64)> {
        let all = (1_u32 << self.0.len()) - 1;
        let weight = |stage: u32| {
            (0..weights.len()).filter(|step| stage >> step & 1 == 1).map(|step| weights[step]).sum::<u64>()
        };
        let is_group =
            |stage: u32| groups.iter().any(|group| group.iter().fold(0, |set, step| set | 1 << step) == stage);
        let mut seen = HashSet::from([0]);
        let mut layer = HashMap::from([(0_u32, 0_u64)]);
        for stages in 0.. {
            if let Some(heaviest) = layer.get(&all) {
                return Some((stages, *heaviest));
            }
            let mut next: HashMap<u32, u64> = HashMap::new();
            for (done, heaviest) in &layer {
                let fits = |stage: &u32| weight(*stage) <= room && self.is_stage(*stage, *done, groups);
                for stage in (1..=all).filter(|stage| stage & done == 0).filter(fits) {
                    let now = if is_group(stage) { *heaviest } else { weight(stage).max(*heaviest) };
                    next.entry(stage | done).and_modify(|least| *least = now.min(*least)).or_insert(now);
                }
            }
            // Who came there with a stage less is not overtaken.
            next.retain(|done, _| seen.insert(*done));
            if next.is_empty() {
                return None;
            }
            layer = next;
        }
        None
    }

    fn is_stage(&self, stage: u32, done: u32, groups: &[Vec<usize>]) -> bool {
        let has = |set: u32, step: usize| set >> step & 1 == 1;
        let grouped = groups.iter().map(|group| group.iter().fold(0, |set, step| set | 1 << step));
        let alone = grouped.into_iter().all(|group: u32| stage & group == 0 || stage == group);
        alone
            && (0..self.0.len()).filter(|step| has(stage, *step)).all(|step| {
                let (global, reads) = &self.0[step];
                reads.iter().all(|(read, _)| has(done, *read) || (has(stage, *read) && !global && !self.0[*read].0))
            })
    }
}

fn shelf() -> Shelf {
    let mut shelf = Shelf::standard();
    shelf.add("global", Kind::Global);
    shelf.add("transform", Kind::Transform);
    shelf
}

/// What each step takes at least besides what it needs, in mebibytes, as the documentation has it: two batches, and one for
/// each edge.
fn rows_of(plan: &Plan) -> Vec<u64> {
    let touches = |name: &str, edge: &Edge| edge.to.step() == Some(name) || edge.from.node == name;
    let edges = |name: &str| plan.edges().iter().filter(|edge| touches(name, edge)).count() as u64;
    plan.steps().iter().map(|step| 2 + edges(&step.name)).collect()
}

fn way_of(word: &str) -> usize {
    WAYS.iter().position(|way| *way == word).unwrap()
}

fn edge_is_right(edge: &Edge, plan: &Plan) {
    let stage = |name: &str| {
        let step = plan.step(name).map(|step| step.stage);
        step.or(plan.input(name).map(|input| input.stage)).or(plan.output(name).map(|output| output.stage)).unwrap()
    };
    let global = |name: &str| plan.step(name).is_some_and(|step| step.kind == Kind::Global);
    let from = edge.from.node.as_str();
    let (before, after) = (stage(from), stage(edge.to.name()));
    assert!(before <= after, "{edge:?}");
    if plan.step(from).is_some() && edge.to.step().is_some() && (global(from) || global(edge.to.name())) {
        assert!(before < after, "{edge:?}");
    }
    if edge.transport == Transport::Channel {
        assert!(
            before == after && (edge.position == 0 || plan.zip_of(&edge.to).is_some()) && !global(edge.to.name()),
            "{edge:?}"
        );
    }
}

/// At most this many cases, of a seed that a failing test shows and that is taken from the environment again.
#[allow(clippy::print_stdout, reason = "shown where a test fails")]
pub(crate) fn seeded(cases: u32) -> ProptestConfig {
    let given = std::env::var("PROPTEST_RNG_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| std::hash::RandomState::new().hash_one(cases));
    println!("the same cases again: PROPTEST_RNG_SEED={seed}");
    ProptestConfig { cases, failure_persistence: None, rng_seed: RngSeed::Fixed(seed), ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(seeded(400))]

    #[test]
    fn plans_keep_the_rule_with_the_fewest_stages_and_are_always_the_same(graph in graph()) {
        let plan = graph.plan(Load::Staged, "").unwrap();
        plan.verify().unwrap();
        plan.edges().iter().for_each(|edge| edge_is_right(edge, &plan));
        prop_assert_eq!(plan.stages().len(), graph.fewest_stages());
        for (nth, step) in plan.steps().iter().enumerate() {
            let read = |way: &str| graph.0.iter().any(|(_, reads)| reads.iter().any(|read| *read == (nth, way_of(way))));
            let expected: Vec<Door> = [(Door::Dropped, ".dropped", 0), (Door::Rejected, ".rejected", 1)]
                .into_iter()
                .filter(|(_, way, output)| read(way) || nth % 2 == *output)
                .map(|(door, ..)| door)
                .collect();
            prop_assert_eq!(plan.doors_of(&step.name), expected);
        }
        // Nobody waits for two channels at once: no diamond can lock.
        for step in plan.steps() {
            let channels = plan.edges_into(&step.name).filter(|edge| edge.transport == Transport::Channel).count();
            prop_assert!(channels <= 1);
        }
        let bytes = |plan: &Plan| serde_json::to_vec(plan).unwrap();
        prop_assert_eq!(bytes(&plan), bytes(&graph.plan(Load::Staged, "").unwrap()));
    }

    #[test]
    fn a_plan_is_shown_within_the_width_and_whole_in_any(graph in graph()) {
        let plan = graph.plan(Load::Staged, "").unwrap();
        let words = |text: &str| {
            let mut words: Vec<String> =
                text.split_whitespace().map(|word| word.trim_end_matches(',').to_owned()).collect();
            words.sort_unstable();
            words
        };
        let widest = explain(&plan, usize::MAX);
        for width in [50, 80, 100, 140, 200] {
            let shown = explain(&plan, width);
            let long = shown.lines().find(|line| line.chars().count() > width);
            prop_assert_eq!(long, None, "{}", width);
            prop_assert_eq!(words(&shown), words(&widest));
        }
        // What cannot be broken is shown whole.
        prop_assert_eq!(words(&explain(&plan, 0)), words(&widest));
    }

    #[test]
    fn one_step_at_a_time_is_as_many_stages_as_steps(graph in graph()) {
        let plan = graph.plan(Load::Step, "").unwrap();
        plan.verify().unwrap();
        prop_assert!(plan.stages().iter().all(|stage| stage.steps.len() == 1));
        let stages = |plan: Plan| plan.stages().to_vec();
        prop_assert_eq!(stages(plan), stages(graph.plan(Load::Staged, "[run]\nload_groups = \"step\"\n").unwrap()));
    }

    #[test]
    fn load_groups_are_alone_and_cost_no_needless_stage(
        mut graph in graph(),
        membership in prop::collection::vec(0..5_usize, 14),
    ) {
        graph.0.truncate(8);
        let groups: Vec<Vec<usize>> = (1..=2)
            .map(|group| (0..graph.0.len()).filter(|step| membership[*step] == group).collect())
            .filter(|group: &Vec<usize>| !group.is_empty())
            .collect();
        let names: Vec<Vec<String>> =
            groups.iter().map(|group| group.iter().map(|step| format!("s{step}")).collect()).collect();
        let planned = graph.plan(Load::Staged, &format!("[run]\nload_groups = {names:?}\n"));
        match (planned, graph.fewest_stages_with(&groups)) {
            (Ok(plan), Some(fewest)) => {
                plan.verify().unwrap();
                prop_assert_eq!(plan.stages().len(), fewest);
                for group in names {
                    let stage = plan.step(&group[0]).unwrap().stage;
                    let mut steps = plan.stages()[stage - 1].steps.clone();
                    steps.sort();
                    prop_assert_eq!(steps, group);
                }
            }
            (Err(problems), None) => prop_assert!(problems.to_string().contains("cannot be run"), "{}", problems),
            (planned, fewest) => prop_assert!(false, "planned: {:?}, possible: {:?}", planned, fewest),
        }
    }

    /// As few stages as trying all of them finds, and the heaviest as light.
    #[test]
    fn a_budget_costs_no_needless_stage_and_no_needless_memory(
        mut graph in graph(),
        needs in prop::collection::vec(1..300_u64, 7),
        membership in prop::collection::vec(0..6_usize, 7),
        budget in 350..900_u64,
    ) {
        graph.0.truncate(7);
        let steps = graph.0.len();
        let group: Vec<usize> = (0..steps).filter(|step| membership[*step] == 0).collect();
        let groups = if group.is_empty() { Vec::new() } else { vec![group] };
        let names: Vec<Vec<String>> =
            groups.iter().map(|group| group.iter().map(|step| format!("s{step}")).collect()).collect();
        let needs: Vec<Option<u64>> = needs[..steps].iter().copied().map(Some).collect();
        let pipeline = graph.with_needs(&needs, &format!("[run]\nload_groups = {names:?}\n"));
        let plan = |budget: Option<u64>| {
            Plan::new(&pipeline, &shelf().catalog(&pipeline), Terms { budget: budget.map(|mib| mib << 20), ..Terms::default() })
        };
        let Ok(ample) = plan(None) else { return Ok(()) };
        let rows = rows_of(&ample);
        let weights: Vec<u64> = (0..steps).map(|step| needs[step].unwrap() + rows[step]).collect();
        match (plan(Some(budget)), graph.lightest(&weights, budget - 16, &groups)) {
            (Ok(plan), Some((stages, heaviest))) => {
                plan.verify().unwrap();
                plan.edges().iter().for_each(|edge| edge_is_right(edge, &plan));
                prop_assert_eq!(plan.stages().len(), stages);
                let apart = plan.stages().iter().filter(|stage| !matches!(stage.reason, Boundary::LoadGroup { .. }));
                let least = apart.map(|stage| stage.predicted.steps_bytes + stage.predicted.least_rows_bytes);
                prop_assert_eq!(least.max().unwrap_or(0), heaviest << 20);
                for stage in plan.stages() {
                    if let Boundary::Budget { together_bytes, budget_bytes } = stage.reason {
                        prop_assert!(together_bytes > budget_bytes && budget_bytes == budget << 20);
                    }
                }
            }
            (Err(problems), None) => prop_assert!(problems.to_string().contains("the budget is"), "{}", problems),
            (planned, lightest) => prop_assert!(false, "planned: {:?}, possible: {:?}", planned, lightest),
        }
        // Without one, as many stages as ever.
        let needs: Vec<u64> = needs.into_iter().flatten().collect();
        let (stages, heaviest) = graph.lightest(&needs, u64::MAX, &groups).unwrap();
        prop_assert_eq!(ample.stages().len(), stages);
        let apart = ample.stages().iter().filter(|stage| !matches!(stage.reason, Boundary::LoadGroup { .. }));
        prop_assert_eq!(apart.map(|stage| stage.predicted.steps_bytes).max().unwrap_or(0), heaviest << 20);
    }

    #[test]
    fn any_text_is_refused_in_words(text in "\\PC*", set in "\\PC*") {
        // No text without this word is a pipeline.
        prop_assume!(!text.contains("callboard"));
        let length = text.len();
        let problems = Pipeline::parse(Source::new("any", text), &[set]).map(|_| ()).unwrap_err();
        prop_assert!((1..=callboard_plan::Problems::MOST).contains(&problems.problems.len()));
        for problem in &problems.problems {
            prop_assert!(!problem.message.is_empty() && problem.message.len() < 2_000, "{}", problem.message);
            prop_assert!(problem.at.is_none_or(|at| at.end <= length), "{:?} of {length}", problem.at);
        }
    }

    /// Near enough to a pipeline to come far.
    #[test]
    fn a_damaged_pipeline_is_read_or_refused(
        nth in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        length in 0..40_usize,
        with in "[\\[\\]{}=\"'${}a-z0-9é.,\n \\\\]{0,12}",
    ) {
        let sources: Vec<Source> = crate::cases().iter().flat_map(|case| crate::sources(case)).collect();
        let mut text = nth.get(&sources).text.to_string();
        let start = text.floor_char_boundary(at.index(text.len() + 1));
        let end = text.floor_char_boundary((start + length).min(text.len())).max(start);
        text.replace_range(start..end, &with);
        if let Ok(pipeline) = Pipeline::parse(Source::new("damaged", text), &[]) {
            let _ = Plan::new(&pipeline, &Shelf::standard().catalog(&pipeline), Load::Staged);
        }
    }

    #[test]
    fn any_bytes_are_refused_for_what_they_are(bytes in prop::collection::vec(any::<u8>(), 0..200), component in any::<bool>()) {
        let magic: &[u8] = if component { b"\0asm\x0d\0\x01\0" } else { b"" };
        prop_assume!(component || !bytes.starts_with(b"\0asm"));
        // An export of a step has more bytes than chance finds.
        let error = callboard_plan::scan(&[magic, &bytes].concat()).unwrap_err();
        let fits = match (component, bytes.is_empty()) {
            (false, true) => matches!(error, ScanError::Empty),
            (false, false) => matches!(error, ScanError::NotWasm { .. }),
            (true, true) => error == ScanError::NotAStep { exports: Vec::new() },
            (true, false) => matches!(
                error,
                ScanError::Truncated { .. }
                    | ScanError::Malformed { .. }
                    | ScanError::NotAStep { .. }
                    | ScanError::TooMany { .. }
            ),
        };
        prop_assert!(fits && !error.to_string().is_empty() && !error.help().is_empty(), "{:?}", error);
    }
}

#[test]
fn depth_and_length_end_in_words() {
    let deep = [
        format!("a = {}{}", "[".repeat(100_000), "]".repeat(100_000)),
        format!("a = {}1{}", "{a=".repeat(100_000), "}".repeat(100_000)),
        format!("{}a = 1", "a.".repeat(100_000)),
        format!("[{}a]", "a.".repeat(100_000)),
        format!("{{\"a\":{}", "[".repeat(100_000)),
        format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000)),
        format!("callboard = 1\nname = \"{}\"", "x".repeat(100_000)),
        format!("callboard = 1\n{}", "[[steps]]\nuse = \"a\"\n".repeat(2_000)),
    ];
    for text in deep {
        let problems = Pipeline::parse(Source::new("deep", text), &[]).unwrap_err();
        assert!((1..=callboard_plan::Problems::MOST).contains(&problems.problems.len()));
    }
}

proptest! {
    #![proptest_config(seeded(256))]

    /// What is resumed is what was planned, to the last digit.
    #[test]
    fn numbers_of_a_configuration_are_the_same_after_the_plan_was_kept(
        number in any::<f64>().prop_filter("finite", |n| n.is_finite()),
        percent in 1..=100_000_000_u32,
    ) {
        let percent = format!("{}.{:06}", percent / 1_000_000, percent % 1_000_000);
        let step = format!("config.a = {number:?}\non_error = \"reject\"\nmax_rejects = \"{percent}%\"\n");
        let inputs = "[inputs.docs]\npath = \"a.jsonl\"\n";
        let text = format!("callboard = 1\n{inputs}[[steps]]\nuse = \"filter\"\n{step}");
        let pipeline = Pipeline::parse(Source::new("numbers.toml", text), &[]).unwrap();
        let plan = Plan::new(&pipeline, &Shelf::standard().catalog(&pipeline), Load::Staged).unwrap();
        prop_assert_eq!(plan.steps()[0].config["a"].as_f64().unwrap(), number);
        let kept = Plan::from_json(&serde_json::to_string(&plan).unwrap());
        prop_assert_eq!(kept.unwrap(), plan);
    }
}
