//! Two runs of one pipeline, side by side.

use callboard_runtime::{Report, StageReport};
use callboard_words::sizes::bytes;

use super::figures::{percent, time};
use super::report::aligned;

/// What loading late saves.
pub(crate) fn table(staged: &Report, eager: &Report) -> String {
    let memory = |name: &str, of: fn(&Report) -> u64| {
        let (one, all) = (of(staged), of(eager));
        let saved = all.saturating_sub(one);
        vec![
            name.to_owned(),
            bytes(one),
            bytes(all),
            format!("{} ({})", bytes(saved), percent(saved as f64, all as f64)),
        ]
    };
    let times = |name: &str, of: fn(&Report) -> f64| {
        vec![name.to_owned(), time(of(staged)), time(of(eager)), format!("{:+.0} ms", of(staged) - of(eager))]
    };
    let rows = vec![
        vec![String::new(), "staged".to_owned(), "eager".to_owned(), "saved".to_owned()],
        memory("peak linear memory", |report| report.peak_linear_memory_bytes),
        memory("peak resident memory", |report| report.peak_resident_bytes),
        memory("peak anonymous memory", |report| report.peak_anonymous_bytes),
        vec![String::new(), String::new(), String::new(), "staged – eager".to_owned()],
        times("wall time", |report| report.wall_ms),
        times("loading", |report| report.stages.iter().map(|stage| stage.load_ms).sum()),
        times("unloading", |report| report.stages.iter().map(|stage| stage.unload_ms).sum()),
    ];
    format!(
        "{}  the same pipeline, each in its own process\n\n{}\n{}\n{}",
        staged.name,
        aligned(&rows, 1),
        aligned(&stages("staged", staged), 1),
        aligned(&stages("eager", eager), 1)
    )
}

/// A line for each stage: linear memory, and all that is counted beside what was predicted of it.
fn stages(way: &str, report: &Report) -> Vec<Vec<String>> {
    let heads = [&format!("{way}, by stage"), "linear memory", "counted", "predicted"];
    let row = |stage: &StageReport| {
        let steps: Vec<&str> = stage.steps.iter().map(|step| step.name.as_str()).collect();
        let figures = [stage.peak_linear_memory_bytes, stage.counted_peak_bytes, stage.predicted_peak_bytes];
        std::iter::once(format!("  {}", steps.join(", "))).chain(figures.map(bytes)).collect()
    };
    std::iter::once(heads.map(str::to_owned).to_vec()).chain(report.stages.iter().map(row)).collect()
}
