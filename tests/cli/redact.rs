//! Takes out of what was said what differs from run to run.

use std::sync::LazyLock;

use regex::Regex;

use crate::stage::Stage;

/// What varies, and what stands for it, in the order in which they are replaced.
static VARYING: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let rules = [
        // Only the first who uses a component compiles it.
        (r"(?m)^compil(ing|ed) .*\n", ""),
        // A run's folder ends with the time.
        (r"\.callboard/runs/([A-Za-z0-9_-]+)-[0-9a-z]{8}\b", ".callboard/runs/$1-[id]"),
        // Progress.
        (r"(?m)^(stage \d+ ended after) .*? +\(", "$1 [time]   ("),
        (r"\([\d.]+ (bytes|KiB|MiB|GiB) in memory\)", "([size] in memory)"),
        // The report's table: rows per second, time, memory; its heads stand as wide as they need to.
        (
            r"(?m)^( [ \d].*?) +([\d.]+( [kMG])?|–) +[\d.]+ m?s +[\d.]+ (bytes|KiB|MiB|GiB) +",
            "$1  [rate]  [time]  [size]  ",
        ),
        // A step that was not loaded has none.
        (r"(?m)^( [ \d].*?) +– +– +– +(\d)", "$1  –  –  –  $2"),
        (r"rows/s +time +peak mem +", "rows/s  time  peak mem  "),
        // What stands below it.
        (r"finished in [\d.]+ m?s", "finished in [time]"),
        (r"(?m)^ memory .*(\n {11}(stage \d+ with rows|all steps at once).*)*$", " memory    [memory]"),
        (r"(?m)^ time .*$", " time      [time]"),
        (r"(?m)^ disk +[\d.]+ \S+ ", " disk      [size] "),
        (r"(?m)^( in all .* out); [\d.]+ m?s in (\d+ steps), peak .*$", "$1; [time] in $2, peak [size]"),
        (r"\(\d+ samples, ", "([n] samples, "),
        // `runs`.
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "[began]"),
        (r"(?m)(of \d+) +[\d.]+ (bytes|KiB|MiB|GiB)$", "$1  [size]"),
        (r"stages +size", "stages  size"),
        (r"(?m)(runs?|done), [\d.]+ (bytes|KiB|MiB|GiB)\b", "$1, [size]"),
        // `plan --why`: components are built anew.
        (r"component: \w+ → \w+", "component: [digest] → [digest]"),
        // `compare`.
        (r"(?m)^( (peak \w+ memory|wall time|loading|unloading)) +.*$", "$1  …"),
        (r"(?m)^ +staged +eager +saved$", "   staged  eager  saved"),
        (r"(?m)^ +staged – eager$", "   staged – eager"),
    ];
    rules.map(|(pattern, to)| (Regex::new(pattern).unwrap(), to)).to_vec()
});

/// What is left is the same in every run, on every machine.
pub(crate) fn redact(text: &str, stage: &Stage) -> String {
    let text = text.replace(&stage.folder.display().to_string(), "[folder]");
    VARYING.iter().fold(text, |text, (pattern, to)| pattern.replace_all(&text, *to).into_owned())
}
