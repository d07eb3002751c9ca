//! What the sandbox costs: each step as a component against the same crate compiled for this machine.

use std::path::PathBuf;

use arrow::array::RecordBatch;
use callboard_io::{Dataset, InputSpec};
use callboard_sdk::raw::columns::Batch;
use callboard_sdk::testing::NativeTransform;
use serde_json::{Value, json};

use crate::Result;
use crate::bench::Bench;
use crate::markdown::grouped;
use crate::measure::{Clock, Measure, Unit};
use crate::native::columns::given;
use crate::native::distinct::distinct;
use crate::native::portable;
use crate::native::twin::{self, BATCH, Prepared};
use crate::pair::{averaged, in_turn};
use crate::pipelines::reference;
use crate::report::{Section, Table};
use crate::step::{Step, calls, said};

pub(super) const ABOUT: &str = "The steps of the reference pipeline as components, by the host's own way of calling them (columns lent, copied in, copied back, checked), against the same crates compiled for this machine and called on \
batches that lie ready. Both in one thread, by its processor time; `exact-dedup`, whose rows the host brings together, by the clock, from rows in memory to rows in memory, against a set of hashes. The whole pipeline is `callboard run --no-resume`, by the processor time of the process with all \
its threads, against its twin in one thread: the same decoder, steps, spill and writer.";

/// What is compared: a target, a row of the table, and the times of both, in ms.
struct Pair {
    target: Option<&'static str>,
    what: String,
    times: Vec<Vec<f64>>,
}

pub(super) fn run(bench: &Bench, section: &mut Section) -> Result<()> {
    let rows = bench.sizes().step_rows;
    let (file, _) = bench.rows(rows)?;
    let spec = InputSpec { paths: vec![file.display().to_string()], ..InputSpec::default() };
    let dataset = Dataset::open(&spec).map_err(|error| error.to_string())?;
    let read: Result<Vec<RecordBatch>, _> = dataset.read(BATCH).map(|chunk| chunk.map(|chunk| chunk.rows)).collect();
    let read = read.map_err(|error| error.to_string())?;
    let prepared = Prepared::of(&read)?;
    let native =
        |open: NativeTransform| move |batch: Batch| open.process(batch).map(drop).map_err(|error| error.to_string());
    let schema = |rows: &[RecordBatch], column: &str| given(&rows[0].slice(0, 0), &[column]);
    let opened = |open: callboard_sdk::Result<NativeTransform>| open.map_err(|error| error.to_string());

    let (text, counts) = (schema(&read, "text")?, schema(&prepared.counted, "n_words")?);
    let config = twin::normalise_config();
    let normalise = opened(NativeTransform::open::<step_normalise::Normalise>(&config, &text))?;
    let stats = opened(NativeTransform::open::<step_text_stats::TextStats>(&json!({}), &text))?;
    let filter = opened(NativeTransform::open::<step_filter::Filter>(&twin::filter_config(), &counts))?;
    let hash = opened(NativeTransform::open::<step_hash::Hash>(&twin::hash_config(), &text))?;
    let portable = |batch: Batch| portable::hashes(&batch).map(drop);
    let counted = &prepared.counted;
    let mut pairs = vec![
        transform(bench, Some("tax/normalise"), "normalise", &config, &read, "text", native(normalise))?,
        transform(bench, Some("tax/text-stats"), "text-stats", &json!({}), counted, "text", native(stats))?,
        dedup(bench, counted)?,
        transform(bench, Some("tax/filter"), "filter", &twin::filter_config(), counted, "n_words", native(filter))?,
        transform(bench, Some("tax/hash"), "hash", &twin::hash_config(), counted, "text", portable)?,
        transform(bench, None, "hash", &twin::hash_config(), counted, "text", native(hash))?,
    ];
    pairs[4].what = "`hash`, against portable code".to_owned();
    pairs[5].what =
        "`hash`, against the crate as it is here, with the processor's SHA instructions where it has them".to_owned();
    let mut table = Table::new(format!("Steps, {} rows", grouped(rows)), &["step", "component", "native", "tax"]);
    for Pair { target, what, times } in pairs {
        let tax = Measure::ratio(&times[0], &times[1]);
        target.into_iter().for_each(|target| section.reach(target, tax.median));
        table.row([
            what.into(),
            Measure::of(Unit::Milliseconds, &times[0]).into(),
            Measure::of(Unit::Milliseconds, &times[1]).into(),
            tax.into(),
        ]);
    }
    section.tables.push(table);
    pipeline(bench, section)
}

/// A transform on one column of these rows, against a native function that takes its batches.
fn transform(
    bench: &Bench,
    target: Option<&'static str>,
    name: &str,
    config: &Value,
    rows: &[RecordBatch],
    column: &str,
    native: impl Fn(Batch) -> Result<()>,
) -> Result<Pair> {
    bench.tell(name);
    let (moment, rounds) = (bench.sizes().moment, bench.sizes().rounds * 3);
    let step = Step::load(bench, &component(bench, name)?, config.clone())?;
    let mut opened = step.open(&rows[0].schema())?;
    let ready: Vec<Batch> = rows.iter().map(|rows| given(rows, &[column])).collect::<Result<_>>()?;
    let times = in_turn(
        rounds,
        &mut [
            ("component", Box::new(|| Ok(calls(&mut opened, rows, moment)? * 1e3))),
            (
                "native",
                Box::new(|| {
                    let seconds = averaged(moment, || {
                        let ready = ready.clone();
                        let (seconds, done) = Clock::Thread.time(|| ready.into_iter().try_for_each(&native));
                        done.map(|()| seconds)
                    })?;
                    Ok(seconds * 1e3)
                }),
            ),
        ],
    )?;
    Ok(Pair { target, what: format!("`{name}`"), times })
}

fn dedup(bench: &Bench, rows: &[RecordBatch]) -> Result<Pair> {
    bench.tell("exact-dedup");
    let (moment, rounds) = (bench.sizes().moment, bench.sizes().rounds * 3);
    let step = Step::load(bench, &component(bench, "exact-dedup")?, json!({}))?;
    let inputs = [rows.to_vec()];
    let times = in_turn(
        rounds,
        &mut [
            (
                "component",
                Box::new(|| {
                    let seconds = averaged(moment, || {
                        let mut opened = step.open(&rows[0].schema())?;
                        let (seconds, ran) = Clock::Wall.time(|| opened.run(&inputs));
                        ran.map(|_| seconds).map_err(|error| said(error.error))
                    })?;
                    Ok(seconds * 1e3)
                }),
            ),
            (
                "native",
                Box::new(|| {
                    let seconds = averaged(moment, || {
                        let (seconds, first) = Clock::Wall.time(|| distinct(rows));
                        first.map(|_| seconds)
                    })?;
                    Ok(seconds * 1e3)
                }),
            ),
        ],
    )?;
    Ok(Pair { target: Some("tax/exact-dedup"), what: "`exact-dedup`".to_owned(), times })
}

fn component(bench: &Bench, name: &str) -> Result<PathBuf> {
    bench.guest(name)
}

fn pipeline(bench: &Bench, section: &mut Section) -> Result<()> {
    bench.tell("the reference pipeline and its native twin");
    let rows = bench.sizes().rows;
    let (file, expected) = bench.rows(rows)?;
    let (out, twins) = (bench.path("out.jsonl"), bench.path("twin.jsonl"));
    let pipeline = bench.pipeline("reference", &reference(&file, &out))?;
    let (mut walls, mut copying) = (Vec::new(), Vec::new());
    let times = in_turn(
        bench.sizes().rounds,
        &mut [
            (
                "callboard run",
                Box::new(|| {
                    let ran = bench.run_pipeline(&pipeline, &["--no-resume"])?.ran;
                    walls.push(ran.wall * 1e3);
                    Ok(ran.processor * 1e3)
                }),
            ),
            (
                "the native twin",
                Box::new(|| {
                    let twin = twin::run(&file, &bench.path(""), &twins)?;
                    copying.push(twin.copying * 1e3);
                    Ok(twin.seconds * 1e3)
                }),
            ),
        ],
    )?;
    expected.check(&out)?;
    expected.check(&twins)?;
    let tax = Measure::ratio(&times[0], &times[1]);
    section.reach("tax/pipeline", tax.median);
    let mut table = Table::new(
        format!("The reference pipeline, {} rows", grouped(rows)),
        &["run by", "processor time", "time", "tax"],
    );
    let milliseconds = |values: &[f64]| Measure::of(Unit::Milliseconds, values);
    table.row([
        "`callboard run`, all threads".into(),
        milliseconds(&times[0]).into(),
        milliseconds(&walls[1..]).into(),
        tax.into(),
    ]);
    table.row([
        "its native twin, one thread".into(),
        milliseconds(&times[1]).into(),
        milliseconds(&times[1]).into(),
        "".into(),
    ]);
    section.tables.push(table);
    let copied = Measure::of(Unit::Milliseconds, &copying[1..]).median;
    section.note(format!("The twin is not charged with {copied:.0} ms of copying columns for steps that take what they are given, as the Rust SDK calls them natively."));
    Ok(())
}
