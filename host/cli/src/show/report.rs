//! The report of a run, as a table to show a friend.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use callboard_plan::{Kind, Load};
use callboard_runtime::{BatchesReport, ProfileReport, Report, StageReport, StepCallsReport, StepReport};
use callboard_words::sizes::bytes;

use super::figures::{count, percent, rate, time};
use super::inline;

/// Where there is no figure.
const NONE: &str = "–";
/// Reasons shown of each step; the JSON report has all.
const REASONS: usize = 5;

/// Everything a user wants to know of a run that finished.
pub(crate) fn table(report: &Report) -> String {
    let (resumed, took) = (resumed(report.resumed), time(report.wall_ms));
    let mut text = format!("{}  {resumed}finished in {took}   {}\n\n", inline(&report.name), mode(report));
    text.push_str(&aligned(&steps(report), 2));
    let globals =
        || report.stages.iter().skip(1).flat_map(|stage| &stage.steps).filter(|step| step.kind == Kind::Global);
    if globals().next().is_some() {
        text.push_str(match report.load {
            Load::Staged | Load::Step if globals().any(was_loaded) => {
                " ■ needs every row: the steps above it were unloaded before it was loaded\n"
            }
            _ => " ■ needs every row\n",
        });
    }
    text.push('\n');
    for (key, value) in facts(report) {
        let _ = writeln!(text, " {key:<9} {}", inline(&value));
    }
    for note in &report.notes {
        let _ = writeln!(text, " ! {}", inline(note));
    }
    for (at, line) in super::next::next(report).iter().enumerate() {
        let _ = writeln!(text, " {:<9} {}", if at == 0 { "next" } else { "" }, inline(line));
    }
    text
}

/// Where a profile is, what it holds, and what opens it.
pub(crate) fn profile(taken: &ProfileReport) -> String {
    let samples = format!("{} samples, one every {}", count(taken.samples as u64), time(taken.interval_ms));
    format!("{} ({samples}); open it at https://profiler.firefox.com", taken.path)
}

fn resumed(times: u32) -> String {
    match times {
        0 => String::new(),
        1 => "resumed once, ".to_owned(),
        2 => "resumed twice, ".to_owned(),
        times => format!("resumed {times} times, "),
    }
}

fn mode(report: &Report) -> &'static str {
    let mut steps = report.stages.iter().flat_map(|stage| &stage.steps).peekable();
    match report.load {
        _ if steps.peek().is_some() && !steps.any(was_loaded) => "no step had to be loaded",
        Load::Staged => "loaded stage by stage",
        Load::Eager => "all steps loaded from the first moment to the last",
        Load::Step => "loaded step by step",
    }
}

fn steps(report: &Report) -> Vec<Vec<String>> {
    let heads = ["stage", "step", "rows in", "out", "dropped", "rejected", "rows/s", "time", "peak mem", "(cap)"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    for stage in &report.stages {
        for (at, step) in stage.steps.iter().enumerate() {
            let index = if at == 0 { stage.index.to_string() } else { String::new() };
            let mark = if step.kind == Kind::Global { "■ " } else { "  " };
            rows.push(vec![
                index,
                format!("{mark}{}", step.name),
                count(step.rows_in),
                count(step.rows_out),
                count(step.rows_dropped - consumed(step)),
                count(step.rows_rejected),
                if was_loaded(step) { speed(step) } else { NONE.to_owned() },
                if was_loaded(step) { time(step.guest_ms) } else { NONE.to_owned() },
                if was_loaded(step) { bytes(step.peak_linear_memory_bytes) } else { NONE.to_owned() },
                bytes(step.memory_limit_bytes * u64::from(step.instances)),
            ]);
        }
        if stage.steps.is_empty() {
            rows.push(vec![stage.index.to_string(), "  (inputs to outputs)".to_owned()]);
        }
    }
    rows
}

/// Rows of a step that puts out only rows of its own, made of what it read: those are not dropped, as a person sees it.
fn consumed(step: &StepReport) -> u64 {
    let makes_all = step.rows_created > 0 && step.rows_created == step.rows_out;
    if makes_all { step.dropped.get("").copied().unwrap_or_default() } else { 0 }
}

/// Whether an instance of it was made: not where all of its work was taken over.
fn was_loaded(step: &StepReport) -> bool {
    step.guest_ms > 0.0 || step.peak_linear_memory_bytes > 0
}

fn speed(step: &StepReport) -> String {
    let rows = step.rows_in.max(step.rows_out);
    if step.guest_ms > 0.0 { rate(rows as f64 / step.guest_ms * 1e3) } else { NONE.to_owned() }
}

/// The lines below the table: a word, and what is to be said under it.
fn facts(report: &Report) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    facts.push(("accounts".to_owned(), accounts(report)));
    facts.extend(composites(report).into_iter().map(|said| ("in all".to_owned(), said)));
    taken_over(&mut facts, report);
    for step in report.stages.iter().flat_map(|stage| &stage.steps) {
        let said = step.dropped.iter().filter(|(reason, _)| !reason.is_empty() || consumed(step) == 0);
        let said = said.map(|(reason, rows)| (reason.clone(), *rows)).collect();
        reasons(&mut facts, "dropped", &step.name, &said);
    }
    for (name, input) in &report.inputs {
        reasons(&mut facts, "rejected", name, &input.rejected);
    }
    for step in report.stages.iter().flat_map(|stage| &stage.steps) {
        reasons(&mut facts, "rejected", &step.name, &step.rejected);
    }
    let elsewhere = report.stages.iter().flat_map(|stage| &stage.steps).filter(|step| step.rows_elsewhere > 0);
    let elsewhere: Vec<_> =
        elsewhere.map(|step| format!("{} left {}", step.name, count(step.rows_elsewhere))).collect();
    if !elsewhere.is_empty() {
        facts.push(("elsewhere".to_owned(), elsewhere.join(", ")));
    }
    if report.rejects.rows > 0 {
        facts.push((String::new(), format!("the rows are in {}", report.rejects.path)));
    }
    for step in report.stages.iter().flat_map(|stage| &stage.steps).filter(|step| !step.counters.is_empty()) {
        let counters: Vec<_> = step.counters.iter().map(|(name, amount)| format!("{name} {amount}")).collect();
        facts.push(("counters".to_owned(), format!("{}: {}", step.name, counters.join(", "))));
    }
    calls(&mut facts, report);
    facts.extend(
        report.profile.as_ref().map(|taken| ("profile".to_owned(), format!("{}: {}", taken.step, profile(taken)))),
    );
    facts.push(("memory".to_owned(), memory(report)));
    facts.extend(predicted(report).into_iter().map(|text| (String::new(), text)));
    facts.extend(all_at_once(report).map(|text| (String::new(), text)));
    facts.push(("time".to_owned(), times(report)));
    let spilled: u64 = report.stages.iter().map(|stage| stage.spilled_bytes).sum();
    if spilled > 0 {
        facts.push(("disk".to_owned(), format!("{} spilled between stages, freed", bytes(spilled))));
    }
    for (name, output) in &report.outputs {
        let key = if facts.iter().any(|(key, _)| key == "outputs") { "" } else { "outputs" };
        let files = output.files.map_or(String::new(), |files| format!("in {} files  ", count(files)));
        let said = format!("{name}  {} rows  {}  {files}{}", count(output.rows), bytes(output.bytes), output.path);
        facts.push((key.to_owned(), said));
    }
    facts.push(("run".to_owned(), report.run_folder.clone()));
    let page = Path::new(&report.run_folder).join("report.html");
    if page.is_file() {
        facts.push(("page".to_owned(), page.display().to_string()));
    }
    first_of_each_key(facts)
}

/// A line for each step that is a pipeline of its own: the rows that its first step read and its last one put out, and what they took.
fn composites(report: &Report) -> Vec<String> {
    let mut composites: Vec<(&str, Vec<&StepReport>)> = Vec::new();
    for step in report.stages.iter().flat_map(|stage| &stage.steps) {
        let Some((composite, _)) = step.name.split_once(':') else { continue };
        match composites.iter_mut().find(|(name, _)| *name == composite) {
            Some((_, steps)) => steps.push(step),
            None => composites.push((composite, vec![step])),
        }
    }
    let total = |(name, steps): (&str, Vec<&StepReport>)| {
        let (first, last) = (steps.first()?, steps.last()?);
        let took = time(steps.iter().map(|step| step.guest_ms).sum());
        let peak = bytes(steps.iter().map(|step| step.peak_linear_memory_bytes).max()?);
        let (read, out, parts) = (count(first.rows_in), count(last.rows_out), count(steps.len() as u64));
        Some(format!("{name}: {read} rows in, {out} out; {took} in {parts} steps, peak {peak}"))
    };
    // A line of one step stands in the table already.
    composites.into_iter().filter(|(_, steps)| steps.len() > 1).filter_map(total).collect()
}

/// What was not done now: by an earlier process of this run, or by an earlier run; and what had to be done twice.
fn taken_over(facts: &mut Vec<(String, String)>, report: &Report) {
    let before: Vec<String> =
        report.stages.iter().filter(|stage| stage.before).map(|stage| stage.index.to_string()).collect();
    let ended = match before.as_slice() {
        [] => None,
        [one] => Some(format!("stage {one} had ended before: its figures are those of then")),
        [first @ .., last] => {
            Some(format!("stages {} and {last} had ended before: their figures are those of then", first.join(", ")))
        }
    };
    facts.extend(ended.map(|ended| ("resumed".to_owned(), ended)));
    let now = || report.stages.iter().filter(|stage| !stage.before).flat_map(|stage| &stage.steps);
    let of = |rows: fn(&StepReport) -> u64| {
        let steps = now().filter(|step| rows(step) > 0);
        steps.map(|step| format!("{} {}", step.name, count(rows(step)))).collect::<Vec<_>>().join(", ")
    };
    let (reused, again) = (of(|step| step.rows_reused), of(|step| step.rows_again));
    if !reused.is_empty() {
        facts.push(("reused".to_owned(), format!("{reused}: rows done before")));
    }
    if !again.is_empty() {
        facts.push(("redone".to_owned(), format!("{again}: rows that were being done when the run was cut off")));
    }
}

/// The requests to each server, in figures.
fn calls(facts: &mut Vec<(String, String)>, report: &Report) {
    for (server, calls) in &report.calls {
        let sum = |of: fn(&StepCallsReport) -> u64| calls.steps.values().map(of).sum::<u64>();
        let money = |of: fn(&StepCallsReport) -> f64| calls.steps.values().map(of).sum::<f64>();
        let (replies, known, failed) = (sum(|step| step.replies), sum(|step| step.known), sum(|step| step.failed));
        let mut said = vec![format!("{} sent, {} replies", count(calls.sent), count(replies))];
        if known > 0 {
            said.push(format!("{} from the journal", count(known)));
        }
        if failed > 0 {
            said.push(format!("{} failed", count(failed)));
        }
        if !calls.retried.is_empty() {
            let reasons = calls.retried.iter().map(|(reason, times)| format!("{} {reason}", count(*times)));
            said.push(format!("repeated: {}", reasons.collect::<Vec<_>>().join(", ")));
        }
        facts.push(("calls".to_owned(), format!("{server}  {}", said.join(", "))));
        let mut more = Vec::new();
        if calls.most_in_flight > 0 && replies > 0 {
            let (half, most) = (time(calls.median_ms), time(calls.slowest_ms));
            more.push(format!(
                "replies took {half} (half of them) to {most} (99 %), at most {} at once",
                calls.most_in_flight
            ));
        }
        if let Some(batches) = &calls.batches {
            more.push(said_of_batches(batches));
        }
        let (input, output) = (sum(|step| step.input_tokens), sum(|step| step.output_tokens));
        if input + output > 0 {
            more.push(format!("{} tokens in, {} out", count(input), count(output)));
        }
        let (cost, saved) = (money(|step| step.cost), money(|step| step.known_cost));
        if cost + saved > 0.0 {
            more.push(format!("cost {cost:.4}, not paid again {saved:.4}"));
        } else if sum(|step| step.known_tokens) > 0 {
            more.push(format!("{} tokens not asked for again", count(sum(|step| step.known_tokens))));
        }
        facts.extend(more.into_iter().map(|text| (String::new(), text)));
    }
}

/// The offline batches to a server.
fn said_of_batches(batches: &BatchesReport) -> String {
    let mut said = Vec::new();
    if batches.submitted > 0 {
        said.push(format!("{} submitted with {} requests", count(batches.submitted), count(batches.requests)));
    }
    if batches.ended > 0 {
        said.push(format!("{} ended with {} replies", count(batches.ended), count(batches.replies)));
    }
    if batches.unanswered > 0 {
        said.push(format!("{} requests without one", count(batches.unanswered)));
    }
    if batches.cost > 0.0 {
        said.push(format!("cost {:.4}", batches.cost));
    }
    format!("offline batches: {}", said.join(", "))
}

/// Where each key stands more than once, it is shown the first time only.
fn first_of_each_key(facts: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut last = String::new();
    facts
        .into_iter()
        .map(|(key, value)| {
            let shown = if key == last { String::new() } else { key.clone() };
            if !key.is_empty() {
                last = key;
            }
            (shown, value)
        })
        .collect()
}

fn accounts(report: &Report) -> String {
    let all = || report.stages.iter().flat_map(|stage| &stage.steps);
    let unread: u64 = report.inputs.values().map(|input| input.rows_rejected).sum();
    let read = unread + report.inputs.values().map(|input| input.rows).sum::<u64>();
    let created: u64 = all().map(|step| step.rows_created).sum();
    let repeated: u64 = all().map(|step| step.rows_repeated).sum();
    let used_up: u64 = all().map(consumed).sum();
    let dropped: u64 = all().map(|step| step.rows_dropped - consumed(step)).sum();
    let rejected = unread + all().map(|step| step.rows_rejected).sum::<u64>();
    let written: u64 = report.outputs.values().map(|output| output.rows).sum();
    let mut text = format!("{} read", count(read));
    let fates = [
        (created, "created"),
        (repeated, "repeated"),
        (used_up, "consumed"),
        (dropped, "dropped"),
        (rejected, "rejected"),
    ];
    for (rows, what) in fates {
        if rows > 0 {
            let _ = write!(text, ", {} {what}", count(rows));
        }
    }
    let _ = write!(text, ", {} written", count(written));
    let wrong: Vec<&str> = all().filter(|step| !step.adds_up).map(|step| step.name.as_str()).collect();
    match wrong.as_slice() {
        [] => text + "   ✓ adds up at every step",
        wrong => format!("{text}   ✗ does not add up at {}", wrong.join(", ")),
    }
}

fn reasons(facts: &mut Vec<(String, String)>, key: &str, step: &str, reasons: &BTreeMap<String, u64>) {
    // Reasons that differ in nothing but numbers (of rows, lengths, scores) are one.
    let mut alike: BTreeMap<String, (u64, usize, &str)> = BTreeMap::new();
    for (reason, rows) in reasons {
        let group = alike.entry(without_numbers(reason)).or_insert((0, 0, reason));
        (group.0, group.1) = (group.0 + rows, group.1 + 1);
    }
    let mut sorted: Vec<(&String, &(u64, usize, &str))> = alike.iter().collect();
    sorted.sort_by_key(|(reason, (rows, ..))| (std::cmp::Reverse(*rows), reason.as_str()));
    let shown = sorted.iter().take(REASONS).map(|(alike, (rows, different, reason))| match different {
        _ if reason.is_empty() => format!("{} no reason given", count(*rows)),
        1 => format!("{} {reason}", count(*rows)),
        different => format!("{} {alike} (# stands for {} numbers)", count(*rows), count(*different as u64)),
    });
    let mut shown: Vec<String> = shown.collect();
    if sorted.len() > REASONS {
        let rest: u64 = sorted[REASONS..].iter().map(|(_, (rows, ..))| *rows).sum();
        shown.push(format!("{} for {} more reasons", count(rest), sorted.len() - REASONS));
    }
    if !shown.is_empty() {
        facts.push((key.to_owned(), format!("{step}: {}", shown.join(", "))));
    }
}

/// A reason with `#` in place of each number.
fn without_numbers(reason: &str) -> String {
    let mut text = String::with_capacity(reason.len());
    for c in reason.chars() {
        match c.is_ascii_digit() {
            true if text.ends_with('#') => {}
            true => text.push('#'),
            false => text.push(c),
        }
    }
    text
}

fn memory(report: &Report) -> String {
    let resident = bytes(report.peak_resident_bytes);
    let stage = report.stages.iter().max_by_key(|stage| stage.peak_linear_memory_bytes).map_or(0, |stage| stage.index);
    match peak(report) {
        0 => format!("no step was loaded; the whole process {resident} resident"),
        steps => format!("peak {} of steps (stage {stage}); the whole process {resident} resident", bytes(steps)),
    }
}

/// What was predicted beside what was counted: with a budget of every stage, otherwise of the one that was to take most.
fn predicted(report: &Report) -> Vec<String> {
    let largest = report.stages.iter().map(|stage| stage.predicted_peak_bytes).max().filter(|most| *most > 0);
    let shown = |stage: &&StageReport| match report.budget_bytes {
        Some(_) => stage.predicted_peak_bytes > 0,
        None => Some(stage.predicted_peak_bytes) == largest,
    };
    let of = |stage: &StageReport| {
        let (predicted, counted) = (bytes(stage.predicted_peak_bytes), bytes(stage.counted_peak_bytes));
        let budget = report.budget_bytes.map(|budget| format!(", of {}", bytes(budget)));
        let waits = match stage.reader_waits {
            0 => String::new(),
            1 => "; a reader waited once".to_owned(),
            waits => format!("; readers waited {} times", count(waits)),
        };
        format!(
            "stage {} with rows and process: {predicted} predicted, {counted} counted{}{waits}",
            stage.index,
            budget.unwrap_or_default()
        )
    };
    let stages = report.stages.iter().filter(shown);
    let most = if report.budget_bytes.is_some() { usize::MAX } else { 1 };
    stages.take(most).map(of).collect()
}

/// The most linear memory at one moment, in whichever process of the run that was.
fn peak(report: &Report) -> u64 {
    let stages = report.stages.iter().map(|stage| stage.peak_linear_memory_bytes);
    stages.chain([report.peak_linear_memory_bytes]).max().unwrap_or(0)
}

/// What loading late saves; not known where a step was not loaded at all.
fn all_at_once(report: &Report) -> Option<String> {
    let mut steps = report.stages.iter().flat_map(|stage| &stage.steps);
    if !steps.all(was_loaded) {
        return None;
    }
    let (steps, sum) = (peak(report), sum_of_peaks(&report.stages));
    Some(match report.load {
        Load::Eager => "all steps at once: this is it".to_owned(),
        _ => format!(
            "all steps at once: {} by sum of peaks, so {} saved; `callboard compare` measures it",
            bytes(sum),
            percent(sum.saturating_sub(steps) as f64, sum as f64)
        ),
    })
}

fn sum_of_peaks(stages: &[StageReport]) -> u64 {
    stages.iter().flat_map(|stage| &stage.steps).map(|step| step.peak_linear_memory_bytes).sum()
}

fn times(report: &Report) -> String {
    let sum = |of: fn(&StageReport) -> f64| report.stages.iter().map(of).sum::<f64>();
    let steps = || report.stages.iter().flat_map(|stage| &stage.steps);
    let guests: f64 = steps().map(|step| step.guest_ms).sum();
    let loaded = steps().filter(|step| was_loaded(step)).count();
    let intake = sum(|stage| stage.intake_ms);
    let mut text = format!("{} in steps, summed over threads", time(guests));
    if intake > 0.5 {
        let _ = write!(text, "; {} reading inputs whole", time(intake));
    }
    let (load, unload) = (time(sum(|stage| stage.load_ms)), time(sum(|stage| stage.unload_ms)));
    let steps = if loaded == 1 { "step" } else { "steps" };
    let _ = write!(text, "; loading {loaded} {steps} {load}, unloading {unload}");
    text
}

/// Rows of cells in columns: the first `left` and those that are not figures begin at the left, the others end at the right.
pub(crate) fn aligned(rows: &[Vec<String>], left: usize) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().enumerate().map(|(column, cell)| {
            let width = widths[column];
            if column < left { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        let _ = writeln!(text, " {}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    text
}
