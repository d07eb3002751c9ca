//! A pipeline on a cluster, on paper: rows and workers in; time, bytes, files and memory out.
//!
//! Groups of tasks follow each other, and the tasks of a group are alike: each takes the time of its rows, or of its bytes where the shared
//! place is slower, and as many of them as there are workers go on at once. What is predicted is what was measured, multiplied. What does not
//! grow with the rest is listed by the number of rows at which it stops growing.

use serde::Serialize;

use crate::MOST_MEMORY;

/// What the driver keeps of a task: its state and its manifest, bytes.
const TASK_BYTES: u64 = 4 << 10;
/// What a task leaves: rows or an output, what stands beside them, and its manifest.
const TASK_FILES: u64 = 4;
/// Where something is taken to stop growing: the driver's memory, bytes; files of a work place; the time of one task, seconds.
const MOST_DRIVER: f64 = (4_u64 << 30) as f64;
const MOST_FILES: f64 = 1e7;
const LONGEST_TASK: f64 = 24.0 * 3600.0;

/// What was measured of the nodes of a group.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GroupRates {
    /// From 1.
    pub group: u32,
    /// Names of what it reads, does and writes.
    pub nodes: Vec<String>,
    /// How many tasks it is cut into.
    pub tasks: u64,
    /// Whether more rows make no more tasks of it.
    pub is_whole: bool,
    /// Rows that it reads, for each row of the inputs.
    pub rows: f64,
    /// Time of a task for each row that it reads, seconds.
    pub row_seconds: f64,
    /// The cores that a task uses meanwhile.
    pub cores: u32,
    /// What it reads from the shared place, for each row of the inputs, bytes.
    pub read_bytes: f64,
    /// What it leaves for later groups, for each row of the inputs, bytes.
    pub shuffled_bytes: f64,
    /// What it writes into outputs, for each row of the inputs, bytes.
    pub output_bytes: f64,
    /// What a task of it takes, however many rows it has, bytes.
    pub memory_bytes: u64,
    /// What its largest instance takes for each row that the task reads, bytes.
    pub memory_per_row: f64,
}

/// How large everything is to be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Scale {
    /// Rows of all inputs.
    pub rows: u64,
    /// Tasks that go on at once.
    pub workers: u32,
    /// What the shared place reads and writes in a second, for all workers together, bytes.
    pub place_bytes_per_second: f64,
    /// What a task takes beside its rows, seconds.
    pub task_seconds: f64,
}

/// What a group would take.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlayedGroup {
    /// From 1.
    pub group: u32,
    /// Names of what it reads, does and writes.
    pub nodes: Vec<String>,
    /// Tasks.
    pub tasks: u64,
    /// Rows that all of them read.
    pub rows: f64,
    /// From the first task's beginning to the last one's end, seconds.
    pub wall_seconds: f64,
    /// One task, seconds.
    pub task_seconds: f64,
    /// Whether the shared place is what it waits for.
    pub waits_for_place: bool,
    /// Memory of one task, bytes.
    pub task_memory_bytes: f64,
}

/// Something that does not grow with the rest.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reached {
    /// The rows of the inputs at which it is reached.
    pub rows: f64,
    /// The group, from 1; null if it is of all.
    pub group: Option<u32>,
    /// What is reached.
    pub what: String,
}

/// What a run would take.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Played {
    /// What it was played for.
    pub scale: Scale,
    /// In order.
    pub groups: Vec<PlayedGroup>,
    /// All groups, one after the other, seconds.
    pub wall_seconds: f64,
    /// Time of cores, seconds.
    pub core_seconds: f64,
    /// Left by tasks for other tasks, bytes.
    pub shuffled_bytes: f64,
    /// Files that tasks leave on the shared place.
    pub files: u64,
    /// Memory of the largest task, bytes.
    pub worker_bytes: f64,
    /// Memory of the driver, bytes.
    pub driver_bytes: f64,
    /// What stops growing, the first to be reached first.
    pub limits: Vec<Reached>,
}

/// Plays a run of these groups at that scale.
pub fn simulate(rates: &[GroupRates], scale: &Scale) -> Played {
    let groups: Vec<PlayedGroup> = rates.iter().map(|rates| group(rates, scale)).collect();
    let all = |of: fn(&GroupRates) -> f64| rates.iter().map(of).sum::<f64>() * scale.rows as f64;
    let tasks: u64 = groups.iter().map(|group| group.tasks).sum();
    let mut limits: Vec<Reached> = rates.iter().flat_map(limits_of).collect();
    let tasks_per_row = tasks as f64 / scale.rows.max(1) as f64;
    let of_all = |what: &str, rows: f64| Reached { rows, group: None, what: what.to_owned() };
    limits.push(of_all("the driver takes 4 GiB", MOST_DRIVER / (tasks_per_row * TASK_BYTES as f64)));
    limits.push(of_all("the work place has 10,000,000 files", MOST_FILES / (tasks_per_row * TASK_FILES as f64)));
    limits.retain(|limit| limit.rows.is_finite());
    limits.sort_by(|a, b| a.rows.total_cmp(&b.rows));
    Played {
        scale: *scale,
        wall_seconds: groups.iter().map(|group| group.wall_seconds).sum(),
        core_seconds: all(|rates| rates.rows * rates.row_seconds * f64::from(rates.cores)),
        shuffled_bytes: all(|rates| rates.shuffled_bytes),
        files: tasks * TASK_FILES,
        worker_bytes: groups.iter().map(|group| group.task_memory_bytes).fold(0.0, f64::max),
        driver_bytes: (tasks * TASK_BYTES) as f64,
        limits,
        groups,
    }
}

fn group(rates: &GroupRates, scale: &Scale) -> PlayedGroup {
    let tasks = rates.tasks.max(1);
    let rows = rates.rows * scale.rows as f64;
    let at_once = tasks.min(u64::from(scale.workers.max(1)));
    let work = rows * rates.row_seconds / tasks as f64;
    let bytes = (rates.read_bytes + rates.shuffled_bytes + rates.output_bytes) * scale.rows as f64;
    // Those that go on at once share the place.
    let moving = bytes / tasks as f64 * at_once as f64 / scale.place_bytes_per_second;
    let task_seconds = scale.task_seconds + work.max(moving);
    PlayedGroup {
        group: rates.group,
        nodes: rates.nodes.clone(),
        tasks,
        rows,
        wall_seconds: task_seconds * tasks.div_ceil(at_once) as f64,
        task_seconds,
        waits_for_place: moving > work,
        task_memory_bytes: rates.memory_bytes as f64 + rates.memory_per_row * rows / tasks as f64,
    }
}

/// Where a group stops growing of which there is one task, however many rows there are.
fn limits_of(rates: &GroupRates) -> Vec<Reached> {
    if !rates.is_whole {
        return Vec::new();
    }
    let reached =
        |what: &str, rows: f64| Reached { rows: rows / rates.rows, group: Some(rates.group), what: what.to_owned() };
    vec![
        reached("its one instance takes 4 GiB, all that it can address", MOST_MEMORY as f64 / rates.memory_per_row),
        reached("its one task takes a day", LONGEST_TASK / rates.row_seconds),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(group: u32, tasks: u64) -> GroupRates {
        let is_whole = tasks == 1;
        GroupRates {
            group,
            nodes: vec!["one".to_owned()],
            tasks,
            is_whole,
            rows: 1.0,
            row_seconds: 1e-3,
            cores: 2,
            read_bytes: 100.0,
            shuffled_bytes: 50.0,
            output_bytes: 0.0,
            memory_bytes: 1 << 20,
            memory_per_row: if is_whole { 16.0 } else { 0.0 },
        }
    }

    const SCALE: Scale = Scale { rows: 1_000_000, workers: 10, place_bytes_per_second: 1e9, task_seconds: 0.5 };

    #[test]
    fn tasks_go_on_in_waves_and_groups_one_after_the_other() {
        let played = simulate(&[rates(1, 100), rates(2, 1)], &SCALE);
        let [cut, whole] = &*played.groups else { panic!("two groups: {played:?}") };
        // 100 tasks of 10,000 rows, ten at once: ten waves of 0.5 s and 10 s.
        assert_eq!((cut.task_seconds, cut.wall_seconds), (10.5, 105.0));
        assert_eq!((whole.tasks, whole.wall_seconds), (1, 1000.5));
        assert_eq!(played.wall_seconds, 1105.5);
        assert_eq!((played.core_seconds, played.shuffled_bytes, played.files), (4000.0, 1e8, 404));
        assert_eq!(played.worker_bytes, f64::from((1 << 20) + 16_000_000));
    }

    #[test]
    fn a_slow_place_is_shared_by_those_that_go_on_at_once() {
        let slow = Scale { place_bytes_per_second: 1e5, ..SCALE };
        let played = simulate(&[rates(1, 100)], &slow);
        // Ten tasks of 1.5 MB at once, over 100 kB a second.
        assert_eq!((played.groups[0].waits_for_place, played.groups[0].task_seconds), (true, 150.5));
    }

    #[test]
    fn what_is_one_task_stops_growing_first() {
        let played = simulate(&[rates(1, 100), rates(2, 1)], &SCALE);
        let (first, second) = (&played.limits[0], &played.limits[1]);
        assert_eq!((first.group, first.rows), (Some(2), LONGEST_TASK / 1e-3));
        assert_eq!((second.group, second.rows), (Some(2), MOST_MEMORY as f64 / 16.0));
        let cut = simulate(&[rates(1, 100)], &SCALE);
        assert!(cut.limits.iter().all(|limit| limit.group.is_none()), "{:?}", cut.limits);
    }

    #[test]
    fn more_workers_than_tasks_are_idle() {
        let played = simulate(&[rates(1, 100)], &Scale { workers: 1_000, ..SCALE });
        assert_eq!(played.wall_seconds, 10.5);
        let nothing = simulate(&[rates(1, 1)], &Scale { rows: 0, ..SCALE });
        assert_eq!(nothing.wall_seconds, 0.5);
        assert!(nothing.limits.iter().all(|limit| !limit.rows.is_nan()));
    }
}
