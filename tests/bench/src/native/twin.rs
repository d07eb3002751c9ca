//! The reference pipeline in one thread of native code: the same decoder, the same steps, one spill, the same writer.

use std::fs::File;
use std::path::Path;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use callboard_io::beneath::Dir;
use callboard_io::{BatchPolicy, Dataset, InputSpec, OutputSpec, Staged, Writer, check_writable};
use callboard_sdk::raw::columns::Batch;
use callboard_sdk::testing::NativeTransform;
use serde_json::{Value, json};
use step_filter::Filter;
use step_hash::Hash;
use step_normalise::Normalise;
use step_text_stats::TextStats;

use super::columns::{given, written};
use super::distinct::distinct;
use crate::Result;
use crate::measure::{Clock, thread_time};

/// Where a plan without a size of its own cuts batches.
pub const BATCH: BatchPolicy = BatchPolicy { rows: 8192, bytes: 1 << 20 };

/// What a twin came to, seconds of its thread.
#[derive(Clone, Copy, Debug)]
pub struct Twin {
    /// All of it, without `copying`.
    pub seconds: f64,
    /// Copies of columns for steps that take what they are given: the SDK's way of calling, and not the work's.
    pub copying: f64,
}

/// Copies columns for a step, and counts the time.
#[derive(Default)]
struct Copies(f64);

impl Copies {
    fn given(&mut self, rows: &RecordBatch, names: &[&str]) -> Result<Batch> {
        let (seconds, batch) = Clock::Thread.time(|| given(rows, names));
        self.0 += seconds;
        batch
    }
}

/// Runs it over a file of JSON lines.
///
/// # Errors
///
/// What cannot be read or written.
pub fn run(rows: &Path, folder: &Path, out: &Path) -> Result<Twin> {
    let began = thread_time();
    let mut copies = Copies::default();
    let spill = folder.join("twin.arrow");
    let schema = before(rows, &spill, &mut copies)?;
    let first = distinct(&read(&spill)?.collect::<std::result::Result<Vec<_>, _>>().map_err(failed)?)?;
    after(&spill, &schema, &first, out, &mut copies)?;
    std::fs::remove_file(&spill).map_err(|error| error.to_string())?;
    let all = (thread_time() - began).as_secs_f64();
    Ok(Twin { seconds: all - copies.0, copying: copies.0 })
}

/// What `normalise` is told.
pub fn normalise_config() -> Value {
    json!({ "lowercase": true, "whitespace": "collapse" })
}

/// What `filter` is told.
pub fn filter_config() -> Value {
    json!({ "where": "n_words >= 20" })
}

/// What `hash` is told.
pub fn hash_config() -> Value {
    json!({ "as": "sha256" })
}

/// Rows as they come to the steps after the first two.
pub struct Prepared {
    /// Normalised and counted.
    pub counted: Vec<RecordBatch>,
}

impl Prepared {
    /// Those of rows that were read.
    ///
    /// # Errors
    ///
    /// What a step says.
    pub fn of(read: &[RecordBatch]) -> Result<Prepared> {
        let first = read.first().ok_or_else(|| failed("there are no rows"))?;
        let steps = Before::open(&first.slice(0, 0))?;
        let counted = read.iter().map(|rows| steps.process(rows, &mut Copies::default())).collect::<Result<_>>()?;
        Ok(Prepared { counted })
    }
}

/// The steps of the first stage.
struct Before {
    normalise: NativeTransform,
    stats: NativeTransform,
}

impl Before {
    fn open(schema: &RecordBatch) -> Result<Before> {
        let text = given(schema, &["text"])?;
        let normalise = NativeTransform::open::<Normalise>(&normalise_config(), &text).map_err(failed)?;
        let stats = NativeTransform::open::<TextStats>(&json!({}), &text).map_err(failed)?;
        Ok(Before { normalise, stats })
    }

    fn process(&self, rows: &RecordBatch, copies: &mut Copies) -> Result<RecordBatch> {
        let mut columns = rows.columns().to_vec();
        let normal = self.normalise.process(copies.given(rows, &["text"])?).map_err(failed)?;
        let at = rows.schema().index_of("text").map_err(failed)?;
        columns[at] = one(written(normal.columns)?)?;
        let rows = RecordBatch::try_new(rows.schema(), columns).map_err(failed)?;
        let counts = self.stats.process(copies.given(&rows, &["text"])?).map_err(failed)?;
        with(&rows, &["n_words", "n_chars"], written(counts.columns)?)
    }
}

fn failed(error: impl std::fmt::Display) -> String {
    format!("the native twin: {error}")
}

/// The first stage: read, normalise, count, spill. A batch of no rows of what is spilled.
fn before(rows: &Path, spill: &Path, copies: &mut Copies) -> Result<RecordBatch> {
    let spec = InputSpec { name: "rows".into(), paths: vec![rows.display().to_string()], ..InputSpec::default() };
    let dataset = Dataset::open(&spec).map_err(failed)?;
    let steps = Before::open(&RecordBatch::new_empty(dataset.schema()))?;
    let mut writer: Option<StreamWriter<File>> = None;
    for chunk in dataset.read(BATCH) {
        let rows = steps.process(&chunk.map_err(failed)?.rows, copies)?;
        if writer.is_none() {
            let file = File::create(spill).map_err(failed)?;
            writer = Some(StreamWriter::try_new(file, &rows.schema()).map_err(failed)?);
        }
        writer.as_mut().expect("it was just made").write(&rows).map_err(failed)?;
    }
    let mut writer = writer.ok_or("the native twin: there are no rows")?;
    writer.finish().map_err(failed)?;
    read(spill)?.next().ok_or("the native twin: there are no rows")?.map(|rows| rows.slice(0, 0)).map_err(failed)
}

/// The third stage: the rows that are first, filtered, digested, written.
fn after(spill: &Path, schema: &RecordBatch, first: &[bool], out: &Path, copies: &mut Copies) -> Result<()> {
    let filter = NativeTransform::open::<Filter>(&filter_config(), &given(schema, &["n_words"])?);
    let filter = filter.map_err(failed)?;
    let hash = NativeTransform::open::<Hash>(&hash_config(), &given(schema, &["text"])?).map_err(failed)?;
    let spec = OutputSpec {
        name: "out".into(),
        path: out.to_owned(),
        access: Default::default(),
        format: None,
        compression: None,
        level: None,
        parts: callboard_io::Parts::default(),
    };
    let place = check_writable(&spec).map_err(failed)?;
    let folder = Dir::open(out.parent().unwrap_or(Path::new(""))).map_err(failed)?;
    let staged = Staged::new(&folder, "native.staged");
    let (mut writer, mut done) = (None, 0);
    for rows in read(spill)? {
        let rows = rows.map_err(failed)?;
        let is_first = BooleanArray::from(first[done..done + rows.num_rows()].to_vec());
        done += rows.num_rows();
        let rows = filter_record_batch(&rows, &is_first).map_err(failed)?;
        let fates = filter.process(copies.given(&rows, &["n_words"])?).map_err(failed)?;
        let mut stays = vec![true; rows.num_rows()];
        fates.removed.iter().flat_map(|removal| &removal.rows).for_each(|row| stays[*row as usize] = false);
        let rows = filter_record_batch(&rows, &BooleanArray::from(stays)).map_err(failed)?;
        let hashes = hash.process(copies.given(&rows, &["text"])?).map_err(failed)?;
        let rows = with(&rows, &["sha256"], written(hashes.columns)?)?;
        if writer.is_none() {
            writer = Some(Writer::create(&spec, rows.schema(), &staged).map_err(failed)?);
        }
        writer.as_mut().expect("it was just made").write(&rows).map_err(failed)?;
    }
    let writer = writer.ok_or("the native twin: there are no rows")?;
    writer.finish().and_then(|finished| finished.commit(&place, true)).map(drop).map_err(failed)
}

fn read(spill: &Path) -> Result<StreamReader<std::io::BufReader<File>>> {
    StreamReader::try_new_buffered(File::open(spill).map_err(failed)?, None).map_err(failed)
}

fn one(columns: Vec<ArrayRef>) -> Result<ArrayRef> {
    columns.into_iter().next().ok_or_else(|| failed("a step wrote nothing"))
}

/// These rows, with columns behind those that they have.
fn with(rows: &RecordBatch, names: &[&str], columns: Vec<ArrayRef>) -> Result<RecordBatch> {
    let schema = rows.schema();
    let old = schema.fields().iter().map(|field| field.name().clone()).zip(rows.columns().iter().cloned());
    let new = names.iter().map(|name| (*name).to_owned()).zip(columns);
    RecordBatch::try_from_iter(old.chain(new)).map_err(failed)
}
