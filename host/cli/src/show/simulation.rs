//! What a run would take on a cluster, as a table.

use callboard_plan::{Played, PlayedGroup, Reached};
use callboard_words::sizes::bytes;

use super::figures::{count, rate};
use super::report::aligned;

pub(crate) fn table(played: &Played) -> String {
    let heads = ["group", "nodes", "tasks", "rows", "a task", "all", "memory of one"];
    let row = |group: &PlayedGroup| {
        let mark = if group.waits_for_place { " (waits for the place)" } else { "" };
        vec![
            group.group.to_string(),
            group.nodes.join(", "),
            count(group.tasks),
            rate(group.rows),
            duration(group.task_seconds),
            format!("{}{mark}", duration(group.wall_seconds)),
            bytes(group.task_memory_bytes as u64),
        ]
    };
    let rows: Vec<Vec<String>> =
        std::iter::once(heads.map(str::to_owned).to_vec()).chain(played.groups.iter().map(row)).collect();
    let scale = &played.scale;
    let facts = [
        ("time", format!("{}, and {} of cores", duration(played.wall_seconds), duration(played.core_seconds))),
        ("shuffled", format!("{}, in {} files", bytes(played.shuffled_bytes as u64), count(played.files))),
        (
            "memory",
            format!(
                "{} of the largest task, {} of the driver",
                bytes(played.worker_bytes as u64),
                bytes(played.driver_bytes as u64)
            ),
        ),
    ];
    let facts: Vec<Vec<String>> = facts.map(|(name, text)| vec![name.to_owned(), text]).to_vec();
    let limits: String = played.limits.iter().take(4).map(limit).collect();
    format!(
        "{} rows, {} tasks at once; a task takes {} beside its rows, the place moves {}/s\n\n{}\n{}\n\
         what stops growing first, by rows of the inputs:\n{limits}",
        rate(scale.rows as f64),
        count(u64::from(scale.workers)),
        duration(scale.task_seconds),
        bytes(scale.place_bytes_per_second as u64),
        aligned(&rows, 2),
        aligned(&facts, 2),
    )
}

fn limit(limit: &Reached) -> String {
    let place = limit.group.map_or(String::new(), |group| format!("group {group}: "));
    format!(" {:>8}  {place}{}\n", rate(limit.rows), limit.what)
}

/// `3.9 s`, `12.0 min`, `7.5 h`, `3.2 days`.
fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.1} s"),
        s if s < 7_200.0 => format!("{:.1} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.1} h", s / 3_600.0),
        s => format!("{:.1} days", s / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn a_duration_has_the_unit_that_people_would_use() {
        let said = [3.94, 720.0, 27_000.0, 276_480.0].map(duration);
        assert_eq!(said, ["3.9 s", "12.0 min", "7.5 h", "3.2 days"]);
    }
}
