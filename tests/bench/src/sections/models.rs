//! Steps that ask servers: how busy they keep one, and what they lose to one that refuses.

use std::path::Path;
use std::time::Duration;

use crate::Result;
use crate::bench::Bench;
use crate::markdown::grouped;
use crate::measure::{Measure, Unit};
use crate::report::{Section, Table};
use crate::stub::{Seen, Stub};

pub(super) const ABOUT: &str = "A step that asks about each row, and a server in this process that replies after 50 to 200 ms. Ideal is the time that the server took for all replies, \
divided by the requests that may be in flight; measured is the time from its first request to its last reply. So starting, and the last \
replies, for which fewer requests are in flight than may be, count: with more rows they count for less.";

/// Requests in flight.
const AT_ONCE: u32 = 64;

pub(super) fn run(bench: &Bench, section: &mut Section) -> Result<()> {
    let quick = bench.sizes().quick;
    let rows = if quick { 400 } else { 20_000 };
    let input = bench.path("prompts.jsonl");
    write(&input, rows)?;
    let mut table = Table::new(
        format!("{} rows, {AT_ONCE} in flight", grouped(rows)),
        &["what", "of the ideal", "most in flight", "refused", "memory"],
    );
    let mut least = f64::INFINITY;
    for batch_rows in [32, 512, 8192] {
        let (seen, memory) = asked(bench, &input, Stub::start(), &format!("at_once = {AT_ONCE}"), batch_rows, 1)?;
        let share = seen.ideal(AT_ONCE) / seen.took();
        least = least.min(share);
        table.row(row(format!("batches of {}", grouped(batch_rows)), share, &seen, memory));
    }
    section.reach("models/ideal", least);
    let (seen, memory) = asked(bench, &input, Stub::start().refusing(0.05), &format!("at_once = {AT_ONCE}"), 512, 1)?;
    let share = seen.ideal(AT_ONCE) / seen.took();
    section.reach("models/refusals", 1.0 / share);
    table.row(row("5 % of 429 with `Retry-After: 1`".to_owned(), share, &seen, memory));
    if quick {
        section.leave_out("models/memory", "few rows fill no 2,000 requests");
    } else {
        let (seen, memory) = asked(bench, &input, Stub::start(), "at_once = 2000", 8192, 1)?;
        section.reach("models/memory", memory as f64 / f64::from(1 << 20));
        table.row(row("2,000 in flight".to_owned(), seen.ideal(2_000) / seen.took(), &seen, memory));
    }
    section.tables.push(table);

    let few = if quick { 50 } else { 1_000 };
    write(&input, few)?;
    let (seen, _) = asked(bench, &input, Stub::start().limited(50), "rate = \"50/s\"", 64, 2)?;
    let rate = (seen.requests - seen.refused) as f64 / seen.took();
    section.reach("models/rate", rate / 50.0);
    section.reach("models/refused", 100.0 * seen.refused as f64 / seen.requests.max(1) as f64);
    section.note(format!(
        "Two steps that share a server which refuses more than 50 requests in any second: {rate:.1} replies a second, {} of {} requests refused.",
        grouped(seen.refused),
        grouped(seen.requests)
    ));
    Ok(())
}

fn row(what: String, share: f64, seen: &Seen, memory: u64) -> [crate::report::Cell; 5] {
    [
        what.into(),
        Measure::one(Unit::Times, share).into(),
        grouped(seen.most_in_flight).into(),
        grouped(seen.refused).into(),
        Measure::one(Unit::Bytes, memory as f64).into(),
    ]
}

fn write(path: &Path, rows: u64) -> Result<()> {
    let text: String = (0..rows).map(|row| format!("{{\"id\":{row},\"text\":\"prompt {row}\"}}\n")).collect();
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Runs a pipeline of this many steps that ask a server: what the server saw, and the resident memory of the run.
fn asked(bench: &Bench, input: &Path, stub: Stub, limits: &str, batch_rows: u64, steps: u32) -> Result<(Seen, u64)> {
    let (asker, out, port) = (bench.guest("asker")?, bench.path("out.jsonl"), stub.port());
    let step = |nth| {
        format!(
            "[[steps]]\nname = \"ask{nth}\"\nuse = {asker:?}\nconfig = {{ url = \"http://127.0.0.1:{port}/v1/{nth}\" }}\n\
             grant.http = [\"POST http://127.0.0.1:{port}/v1/\"]\n"
        )
    };
    let steps: String = (0..steps).map(step).collect();
    let text = format!(
        "callboard = 1\n[inputs.rows]\npath = {input:?}\n{steps}[run]\nbatch_rows = {batch_rows}\n[calls.\"127.0.0.1:{port}\"]\n{limits}\n\
         [outputs.out]\npath = {out:?}\n"
    );
    let pipeline = bench.pipeline("models", &text)?;
    let done = bench.run_pipeline(&pipeline, &["--fresh"])?;
    // The last reply is counted when it is written.
    std::thread::sleep(Duration::from_millis(10));
    Ok((stub.seen(), done.ran.memory.resident))
}
