//! What is in the columns of a run's rows, and what is different between two runs, against what is known of them.

use std::collections::BTreeSet;

use callboard_runtime::{ColumnStats, Looking, Stats, StatsWanted, diff_runs, stats_files, stats_run};
use serde_json::{Value, json};

use crate::bench::{Bench, lines, use_step, wired};

const ROWS: u64 = 3_000;

fn row(id: u64) -> Value {
    // A third have no score; languages by 6 : 3 : 1.
    let language = ["en", "en", "en", "en", "en", "en", "de", "de", "de", "fr"][(id % 10) as usize];
    let score = (!id.is_multiple_of(3)).then_some((id * 7 % 1000) as f64 / 1000.0);
    json!({ "id": id, "text": "x".repeat((id % 40) as usize), "n": id % 100, "meta": { "language": language, "score": score } })
}

fn bench() -> Bench {
    let bench = Bench::new();
    bench.put("docs.jsonl", lines((0..ROWS).map(row)));
    bench
}

fn cache() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled")
}

fn column<'s>(stats: &'s Stats, name: &str) -> &'s ColumnStats {
    stats.columns.iter().find(|column| column.column == name).unwrap_or_else(|| panic!("{name}: {stats:?}"))
}

fn near(found: f64, expected: f64, by: f64) {
    assert!((found - expected).abs() <= by, "{found}, and {expected} is right");
}

#[test]
fn columns_of_files_are_counted_and_estimated() {
    let bench = bench();
    let path = bench.path("docs.jsonl").display().to_string();
    let wanted = StatsWanted { by: Some("meta.language".to_owned()), ..StatsWanted::default() };
    let stats = stats_files(&[path], &wanted, Default::default()).unwrap();
    assert_eq!(stats.rows, ROWS);
    let score = column(&stats, "meta.score");
    assert_eq!((score.nulls, score.column_type.as_str()), (ROWS / 3, "float64"));
    near(score.distinct.unwrap() as f64, 1000.0, 40.0);
    let spread = score.spread.as_ref().unwrap();
    assert_eq!((spread.min.as_f64(), spread.max.as_f64()), (Some(0.0), Some(0.999)));
    let median = spread.quantiles.iter().find(|quantile| quantile.share == 0.5).unwrap();
    near(median.value, 0.5, 0.01);
    let binned: u64 = spread.histogram.iter().map(|bin| bin.rows).sum();
    near(binned as f64, (ROWS - ROWS / 3) as f64, 20.0);
    assert!(spread.histogram.windows(2).all(|two| two[0].to == two[1].from));
    // Whole numbers have whole quantiles.
    let n = column(&stats, "n").spread.as_ref().unwrap();
    assert!(n.quantiles.iter().all(|quantile| quantile.value.fract() == 0.0), "{n:?}");
    near(n.mean, 49.5, 1e-9);
    let lengths = column(&stats, "text").spread.as_ref().unwrap();
    assert_eq!((lengths.min.as_u64(), lengths.max.as_u64()), (Some(0), Some(39)));
    let frequent = &column(&stats, "meta.language").frequent;
    let expected = [("en", ROWS * 6 / 10), ("de", ROWS * 3 / 10), ("fr", ROWS / 10)];
    let found: Vec<_> = frequent.iter().map(|one| (one.value.as_str(), one.at_least)).collect();
    assert_eq!(found, expected);
    let groups: Vec<_> = stats.groups.iter().map(|group| (group.value.as_deref().unwrap(), group.rows)).collect();
    assert_eq!(groups, expected);
    assert!(stats.groups[0].columns.iter().any(|column| column.column == "n" && column.spread.is_some()));
}

/// Two hundred values: some have a group of their own, all others one together.
#[test]
fn a_column_of_many_values_has_a_bounded_number_of_groups() {
    let bench = bench();
    let path = bench.path("docs.jsonl").display().to_string();
    let wanted = StatsWanted { by: Some("n".to_owned()), columns: vec!["id".to_owned()] };
    let stats = stats_files(&[path], &wanted, Default::default()).unwrap();
    assert_eq!(stats.groups.len(), 33);
    assert_eq!(stats.groups.iter().map(|group| group.rows).sum::<u64>(), ROWS);
    assert!(stats.groups.last().unwrap().others && stats.groups.iter().filter(|group| group.others).count() == 1);
}

#[test]
fn a_condition_is_shown_with_what_other_thresholds_would_drop() {
    let bench = bench();
    let steps = use_step("odd", "picky", "config = { drop = [\"x\"] }")
        + &use_step("good", "filter", "config = { where = \"meta.score >= 0.25 && size(text) < 30\" }");
    let ended = bench.pipeline(wired(&["docs"], &[("out", "from = \"good\"")], &steps)).end();
    let run = ended.run_folder.clone();
    let report = ended.report();
    let given = report.stages.iter().flat_map(|stage| &stage.steps).find(|step| step.name == "good").unwrap().rows_in;
    let looking = Looking::at(&run, cache());
    let stats = stats_run(&looking, "good", &StatsWanted::default()).unwrap();
    assert_eq!(stats.rows, report.outputs["out"].rows);
    let [score, size] = &stats.thresholds[..] else { panic!("{:?}", stats.thresholds) };
    assert_eq!((score.operand.as_str(), score.operator.as_str(), score.rows), ("meta.score", ">=", given));
    let current = score.thresholds.iter().find(|threshold| threshold.current).unwrap();
    // A third have none, and a quarter of the others are below.
    near(current.dropped, 1.0 / 3.0 + 2.0 / 3.0 / 4.0, 0.01);
    assert!(score.thresholds.is_sorted_by(|a, b| a.dropped <= b.dropped), "{score:?}");
    let current = size.thresholds.iter().find(|threshold| threshold.current).unwrap();
    let beyond = (0..ROWS).filter(|id| id % 40 != 1 && id % 40 >= 30).count() as f64 / given as f64;
    near(current.dropped, beyond, 0.01);
    assert!(stats_run(&looking, "good.dropped", &StatsWanted::default()).unwrap().thresholds.is_empty());
    let whole = stats_run(&looking, "out", &StatsWanted::default()).unwrap();
    assert_eq!(whole.rows, stats.rows);
}

#[test]
fn rows_of_outputs_are_compared_by_where_they_are_from() {
    let bench = bench();
    let run = |least: u64, add: u64| {
        let steps = use_step("big", "filter", &format!("config = {{ where = \"n >= {least}\" }}"))
            + &use_step("more", "compute", &format!("config = {{ set = {{ sum = \"n > 90 ? n + {add} : n\" }} }}"))
            + &use_step("mixed", "sort", "config = { by = [\"text\"] }");
        let ended = bench.pipeline(wired(&["docs"], &[("out", "from = \"mixed\"")], &steps)).overwrite().end();
        let folder = ended.run_folder.clone();
        ended.report();
        folder
    };
    let (before, after) = (run(20, 0), run(10, 1));
    let looking = |folder: &std::path::Path| Looking::at(folder, cache());
    let diff = diff_runs(&looking(&before), &looking(&after), 2).unwrap();
    let out = &diff.outputs[0];
    let (each, hundreds) = (ROWS / 100, ROWS / 100);
    assert_eq!((out.rows_before, out.rows_after), (each * 80, each * 90));
    assert_eq!((out.same, out.changed, out.came, out.went), (each * 71, hundreds * 9, each * 10, 0));
    assert_eq!((out.examples_came.len(), out.examples_went.len(), out.examples_changed.len()), (2, 0, 2));
    for changed in &out.examples_changed {
        let value = &changed.values[..];
        assert_eq!((value.len(), value[0].column.as_str()), (1, "sum"));
        let by = value[0].to.as_ref().unwrap().as_u64().unwrap() - value[0].from.as_ref().unwrap().as_u64().unwrap();
        assert_eq!(by, 1);
        assert!(changed.place.contains("docs.jsonl:"), "{}", changed.place);
    }
    let changed: BTreeSet<&str> = diff.plan.iter().map(|change| change.name.as_str()).collect();
    assert_eq!(changed, BTreeSet::from(["big", "more"]));
    let big = diff.plan.iter().find(|change| change.name == "big").unwrap();
    assert_eq!(big.settings[0].setting, "config.where");
    let step = diff.steps.iter().find(|step| step.step == "big").unwrap();
    assert_eq!(step.after.unwrap().rows_out - step.before.unwrap().rows_out, each * 10);
    // Backwards, what came went.
    let back = diff_runs(&looking(&after), &looking(&before), 0).unwrap();
    assert_eq!((back.outputs[0].came, back.outputs[0].went), (0, each * 10));
}

#[test]
fn extremes_of_integers_and_groups_of_times_without_text_are_exact() {
    let bench = Bench::new();
    bench.put("n.jsonl", "{\"n\":9007199254740993,\"d\":null}\n{\"n\":-1,\"d\":null}\n");
    let path = bench.path("n.jsonl").display().to_string();
    let wanted = StatsWanted { by: Some("d".to_owned()), ..StatsWanted::default() };
    let stats = stats_files(&[path], &wanted, Default::default()).unwrap();
    let n = column(&stats, "n").spread.as_ref().unwrap();
    assert_eq!((n.min.as_i64(), n.max.as_i64()), (Some(-1), Some(9_007_199_254_740_993)));
    let groups: Vec<_> = stats.groups.iter().map(|group| (group.value.as_deref(), group.rows)).collect();
    assert_eq!(groups, [(None, 2)]);
}
