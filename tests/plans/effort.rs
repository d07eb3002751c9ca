//! What planning costs, counted in steps, edges and stages that it looks at: in proportion to the pipeline, whatever its shape.

use std::fmt::Write;

use callboard_plan::{Kind, Load, Pipeline, Plan, Source, Terms, effort, explain, mermaid};

use crate::shelf::Shelf;

/// How much is looked at for each step.
fn per_step(steps: usize, rest: &str, terms: Terms, step: impl Fn(usize) -> (&'static str, String)) -> (u64, usize) {
    let mut text = format!("callboard = 1\nname = \"many\"\n[inputs.docs]\npath = \"docs.jsonl\"\n{rest}");
    for nth in 0..steps {
        let (uses, from) = step(nth);
        write!(text, "[[steps]]\nname = \"s{nth}\"\nuse = \"{uses}\"\nfrom = {from}\n").unwrap();
    }
    writeln!(text, "[outputs.out]\npath = \"out.jsonl\"\nfrom = \"s{}\"", steps - 1).unwrap();
    let pipeline = Pipeline::parse(Source::new("many.toml", text), &[]).unwrap();
    let mut shelf = Shelf::standard();
    shelf.add("global", Kind::Global);
    shelf.add("transform", Kind::Transform);
    let before = effort::looked_at();
    let plan = Plan::new(&pipeline, &shelf.catalog(&pipeline), terms).unwrap();
    let looked_at = effort::looked_at() - before;
    // Neither of them takes the square of the steps; it would not end.
    assert!(explain(&plan, 100).len() > steps && mermaid(&plan).len() > steps);
    (looked_at / steps as u64, plan.stages().len())
}

fn before(nth: usize) -> String {
    if nth == 0 { "\"docs\"".to_owned() } else { format!("\"s{}\"", nth - 1) }
}

#[test]
fn planning_takes_time_in_proportion_to_the_steps() {
    type Shape = (&'static str, &'static str, fn() -> Terms, fn(usize) -> (&'static str, String));
    let staged = || Terms::default();
    let alone = || Terms { load: Load::Step, ..Terms::default() };
    let budget = || Terms { budget: Some(1 << 30), ..Terms::default() };
    let chain = |nth: usize| ("transform", before(nth));
    let globals = |nth: usize| ("global", before(nth));
    let wide = |nth: usize| (if nth.is_multiple_of(2) { "transform" } else { "global" }, "\"docs\"".to_owned());
    // A fork, two branches, a zip, and again.
    let zips = |nth: usize| match nth % 3 {
        0 => ("transform", before(nth)),
        1 => ("transform", format!("\"s{}\"", nth - 1)),
        _ => ("transform", format!("{{ zip = [\"s{}\", \"s{}\"], same = \"list\" }}", nth - 2, nth - 1)),
    };
    let all = "[run]\ninstances = 16384\n";
    let shapes: [Shape; 6] = [
        ("a chain", all, staged, chain),
        ("a chain of globals", "", staged, globals),
        ("a chain, one step at a time", "", alone, chain),
        ("a chain in a budget", all, budget, chain),
        ("all read one input", all, staged, wide),
        ("zips", all, staged, zips),
    ];
    for (shape, rest, terms, step) in shapes {
        let (few, _) = per_step(1_000, rest, terms(), step);
        let (many, stages) = per_step(4_000, rest, terms(), step);
        assert!(many <= few + 2 && many < 40, "{shape}: {few} for each of 1,000 steps, {many} for each of 4,000");
        assert!(stages >= 1);
    }
}
