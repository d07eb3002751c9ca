//! Two runs of one pipeline, side by side.

use callboard_runtime::Report;

use super::figures::{bytes, percent, time};
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
    let stages = staged.stages.iter().zip(&eager.stages).map(|(one, all)| {
        let steps: Vec<&str> = one.steps.iter().map(|step| step.name.as_str()).collect();
        let (one, all) = (one.peak_linear_memory_bytes, all.peak_linear_memory_bytes);
        vec![format!("  {}", steps.join(", ")), bytes(one), bytes(all)]
    });
    let mut stage_rows = vec![vec!["linear memory by stage".to_owned(), "staged".to_owned(), "eager".to_owned()]];
    stage_rows.extend(stages);
    format!(
        "{}  the same pipeline, each way of loading in a process of its own\n\n{}\n{}",
        staged.name,
        aligned(&rows, 1),
        aligned(&stage_rows, 1)
    )
}
