//! A step whose rows are brought together, natively: its rows, its calls, and what comes out.

mod ends;
mod resumed;
mod right;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, Float64Array, Int64Array, ListArray, RecordBatch, StringArray, UInt32Array, UInt64Array,
};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use callboard_plan::pipeline::OnError;
use callboard_plan::{Door as Way, Feed};
use callboard_sandbox::{
    Bound, Declared, Fate, Flat, Gathered, Removals, Returnable, RowReader, RowWriter, SaidKind, lift_within,
};
use rand::RngExt;
use rand::rngs::StdRng;

use super::{Caller, Counters, PartWriter, Sizes, gather};
use crate::course::{Course, Phase};
use crate::curves::Seen;
use crate::error::Fault;
use crate::global::tests::{planned, writing};
use crate::global::{GlobalWriter, Passing, Whole, Writing};
use crate::ports::{Door, Doors, Outlet, door_schema};
use crate::rows::Batch;
use crate::rows::flight::Charge;
use crate::store::{Quota, Spill, SpillWriter};

const ROWS: usize = 700;

/// A row: a number, a text that few share, a number with NaN and both zeros, and a list.
#[derive(Clone, Debug)]
struct Row {
    id: i64,
    text: Option<String>,
    score: Option<f64>,
    items: Option<Vec<Option<i64>>>,
}

fn rows(random: &mut StdRng) -> Vec<Row> {
    let score = |random: &mut StdRng| match random.random_range(0..8) {
        0 => f64::NAN,
        1 => -f64::NAN,
        2 => 0.0,
        3 => -0.0,
        4 => f64::NEG_INFINITY,
        at => f64::from(at) / 4.0,
    };
    (0..ROWS as i64)
        .map(|id| Row {
            id,
            text: random.random_bool(0.9).then(|| match random.random_bool(0.3) {
                true => "often".to_owned(),
                false => format!("text {}", random.random_range(0..60)),
            }),
            score: random.random_bool(0.9).then(|| score(random)),
            items: random.random_bool(0.9).then(|| {
                (0..random.random_range(0..5))
                    .map(|_| random.random_bool(0.9).then(|| random.random_range(0..40)))
                    .collect()
            }),
        })
        .collect()
}

fn schema() -> SchemaRef {
    let item = Field::new("item", DataType::Int64, true);
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, true),
        Field::new("text", DataType::Utf8, true),
        Field::new("score", DataType::Float64, true),
        Field::new("items", DataType::List(Arc::new(item)), true),
    ]))
}

fn whole(folder: &Path, name: &str, rows: &[Row]) -> Whole {
    let schema = schema();
    let place = folder.join(name);
    let mut spill =
        SpillWriter::create(Feed::node(name), place, schema.clone(), BTreeSet::new(), Arc::new(Quota::new(None)), None)
            .unwrap();
    for some in rows.chunks(37) {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from_iter_values(some.iter().map(|row| row.id))),
            Arc::new(StringArray::from_iter(some.iter().map(|row| row.text.clone()))),
            Arc::new(Float64Array::from_iter(some.iter().map(|row| row.score))),
            Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(some.iter().map(|row| row.items.clone()))),
        ];
        let line = UInt64Array::from_iter_values(some.iter().map(|row| row.id.cast_unsigned()));
        let batch = RecordBatch::try_new(schema.clone(), columns).unwrap();
        spill.push(&Batch::new(batch, UInt32Array::from_value(0, some.len()), line)).unwrap();
    }
    Whole::new(vec![Arc::new(spill.seal())], schema)
}

/// What the step does with its groups.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Act {
    /// Keeps all rows, as they are given.
    Keep,
    /// Keeps all rows, and the first of each group again.
    Twice,
    /// Keeps the first row of each group, with how many rows of each input are in it, and drops the others.
    Count,
    /// Keeps the first row of each group, and drops or rejects the others, the last first, for one of nine reasons.
    Reasons,
    /// Writes for each row that has a next one in its group the numbers of both.
    Pairs,
}

struct Case {
    gathered: Gathered<String>,
    act: Act,
    inputs: usize,
}

/// What happens to a row that is removed.
fn fate_of(id: i64) -> (Fate, String) {
    (if id % 3 == 0 { Fate::Rejected } else { Fate::Dropped }, format!("because of {}", id % 9))
}

/// One call of the step, natively.
fn call(act: Act, bound: &Bound, readers: &mut [Box<dyn RowReader>], writer: &mut PartWriter) -> Result<(), Fault> {
    let returnable = Returnable::of(1 << 30);
    let numbers = |columns: &[Vec<i64>]| {
        let columns = columns.iter().map(|values| Arc::new(Int64Array::from(values.clone())) as ArrayRef);
        Flat::of(&RecordBatch::try_new(bound.writes.clone(), columns.collect()).unwrap()).to_owned_batch()
    };
    // The rows of each group in this call, and how many the other input has.
    let mut groups: BTreeMap<u32, (Vec<u64>, i64)> = BTreeMap::new();
    let mut ids = Vec::new();
    for (port, reader) in readers.iter_mut().enumerate() {
        let mut row = 0;
        while row < reader.rows() {
            let rows = reader.read(row)?;
            assert!(rows.end > row);
            if rows.groups.is_empty() {
                groups.entry(0).or_default().0.extend(row..rows.end);
            }
            assert!(rows.groups.is_sorted_by(|a, b| a.group < b.group), "groups ascend");
            let mut at = row;
            for run in &rows.groups {
                let group = groups.entry(run.group).or_default();
                match port {
                    0 => group.0.extend(at..at + u64::from(run.rows)),
                    _ => group.1 += i64::from(run.rows),
                }
                at += u64::from(run.rows);
            }
            if port == 0 {
                let read = lift_within(rows.columns, &bound.given[0], &returnable)?;
                ids.extend(read.column(0).as_primitive::<Int64Type>().values().iter().copied());
                let positions = reader.positions(row, (rows.end - row) as u32)?;
                assert!(positions.iter().map(|at| at.cast_signed()).eq(ids[row as usize..].iter().copied()));
            }
            row = rows.end;
        }
    }
    for (rows, others) in groups.values() {
        match act {
            Act::Keep => writer.keep(rows.clone(), None)?,
            Act::Twice => {
                writer.keep(rows.clone(), None)?;
                writer.keep(rows.iter().take(1).copied().collect(), None)?;
            }
            Act::Reasons => {
                writer.keep(rows.iter().take(1).copied().collect(), None)?;
                for row in rows.iter().skip(1).rev() {
                    let (fate, reason) = fate_of(ids[*row as usize]);
                    writer.remove(vec![Removals { rows: vec![*row], fate, reason }])?;
                }
            }
            Act::Count if rows.is_empty() => {}
            Act::Count => {
                writer.keep(rows[..1].to_vec(), Some(numbers(&[vec![rows.len() as i64], vec![*others]])))?;
                let rest = rows[1..].to_vec();
                writer.remove(vec![Removals { rows: rest, fate: Fate::Dropped, reason: "another".into() }])?;
            }
            Act::Pairs => {
                let of = |rows: &[u64]| rows.iter().map(|row| ids[*row as usize]).collect::<Vec<_>>();
                let (first, second) = (&rows[..rows.len().saturating_sub(1)], rows.get(1..).unwrap_or_default());
                writer.write(numbers(&[of(first), of(second)]), first.to_vec())?;
            }
        }
    }
    Ok(())
}

/// A step whose rows are brought together.
struct Trial {
    folder: tempfile::TempDir,
    wholes: Vec<Whole>,
    bound: Arc<Bound>,
    writing: Writing,
    most: u64,
}

/// What came out: the numbers of all rows, in order, rows that were dropped, and numbers and reasons of those that left by doors.
#[derive(Debug, PartialEq)]
struct Out {
    rows: Vec<Vec<i64>>,
    dropped: u64,
    doors: Vec<Vec<(i64, String)>>,
}

impl Trial {
    /// `most` is what rows on the disk may take.
    fn of(inputs: &[Vec<Row>], case: &Case, most: u64) -> Trial {
        let folder = tempfile::tempdir().unwrap();
        let named = |name: &str| Field::new(name, DataType::Int64, true);
        let (writes, drops) = match case.act {
            Act::Keep | Act::Twice | Act::Reasons => (vec![], vec![]),
            Act::Count => (vec![named("here"), named("there")], vec![]),
            Act::Pairs => (vec![named("a"), named("b")], ["id", "text", "score", "items"].map(str::to_owned).to_vec()),
        };
        let reads = vec![vec!["id".to_owned()]; case.inputs];
        let declared = Declared { gathered: case.gathered.clone(), ..Declared::new(reads, Schema::new(writes), drops) };
        let bound = Arc::new(Bound::new(&planned().columns, &vec![schema(); case.inputs], declared).unwrap());
        let inputs = inputs[..case.inputs].iter().enumerate();
        let whole = |(port, rows): (usize, &Vec<Row>)| whole(folder.path(), &format!("input-{port}"), rows);
        let wholes: Vec<Whole> = inputs.map(whole).collect();
        let mut writing = writing(folder.path(), wholes[0].clone(), &bound, 1 << 20, most);
        let behind = door_schema(&schema()).unwrap();
        let door = |way| {
            let (feed, folder) = (Feed::door("step", way), folder.path().join(format!("{way:?}")));
            let quota = Arc::new(Quota::new(None));
            let spill = SpillWriter::create(feed.clone(), folder, behind.clone(), BTreeSet::new(), quota, None);
            let outlet = Outlet { spill: Some(spill.unwrap()), ..Outlet::default() };
            Some(Door { feed, step: Arc::from("step"), schema: behind.clone(), files: Arc::default(), outlet })
        };
        writing.doors = Doors { dropped: door(Way::Dropped), rejected: door(Way::Rejected), taps: [None, None] };
        writing.remover.on_error = OnError::Reject;
        Trial { folder, wholes, bound, writing, most }
    }

    /// Runs this many callers with parts of these sizes; `call` makes one call.
    fn run(
        self,
        sizes: Sizes,
        callers: usize,
        charge: Option<Charge>,
        call: impl Fn(&Bound, &mut [Box<dyn RowReader>], &mut PartWriter) -> Result<(), Fault> + Sync,
    ) -> Result<Out, Fault> {
        let Trial { folder, wholes, bound, mut writing, most } = self;
        let (seen, step) = (Arc::<Seen>::default(), Arc::<str>::from("step"));
        seen.begin(1, 1, BTreeMap::new(), BTreeMap::from([(step.clone(), Course::default())]));
        writing.sorting.passing = Passing::of(&step, &seen);
        let mut writer = GlobalWriter::new(writing);
        let quota = writer.writing.sorting.quota.clone();
        let caller = |_| -> Caller<'_> {
            Box::new(|begin| {
                let mut attempts = 0;
                loop {
                    let (mut readers, mut writer) = begin();
                    attempts += 1;
                    match call(&bound, &mut readers, &mut writer) {
                        Ok(()) => return Ok((writer, Counters::new())),
                        // As an error is that may not come again.
                        Err(Fault::Said { kind: SaidKind::Transient, .. }) if attempts == 1 => {}
                        Err(fault) => return Err(fault),
                    }
                }
            })
        };
        let ran = gather(&wholes, &mut writer, sizes, charge, (0..callers).map(caller).collect(), &|_| Ok(()), None);
        assert!(!folder.path().join("sorting.gathered").exists(), "nothing is left");
        ran?;
        assert!(quota.take(most).is_ok(), "no room is taken");
        let (outlet, doors, accounts) = writer.finish()?;
        seen.course(&step, |course| {
            let Some(rows) = course.rows() else { return };
            for phase in [Phase::Gather, Phase::Call, Phase::Merge] {
                assert!(rows.iter().any(|(began, _)| *began == phase), "{phase:?} is missing: {rows:?}");
            }
            assert!(rows.iter().all(|(_, (done, of))| done == of), "not all of a phase is noted: {rows:?}");
        });
        let spill = outlet.end(callboard_plan::Feed::node("out")).ok().unwrap().spills.pop().unwrap().1;
        let read = |spill: &Spill| (0..spill.frames()).map(|at| spill.read(at, None).unwrap().rows).collect::<Vec<_>>();
        let mut rows = Vec::new();
        for batch in read(&spill) {
            let columns: Vec<&Int64Array> = batch.columns().iter().filter_map(|of| of.as_primitive_opt()).collect();
            rows.extend((0..batch.num_rows()).map(|row| columns.iter().map(|of| of.value(row)).collect::<Vec<_>>()));
        }
        let left = doors.end().ok().unwrap().spills.into_iter().map(|(_, spill)| {
            let of = |batch: RecordBatch| {
                let ids = batch.column(0).as_primitive::<Int64Type>().values().to_vec();
                let reasons = batch.column_by_name("_reason").unwrap().as_string::<i32>().clone();
                let reason = |at: usize| reasons.iter().nth(at).flatten().unwrap_or_default().to_owned();
                ids.into_iter().enumerate().map(|(at, id)| (id, reason(at))).collect::<Vec<_>>()
            };
            read(&spill).into_iter().flat_map(of).collect()
        });
        Ok(Out { rows, dropped: accounts.tally.dropped(), doors: left.collect() })
    }
}

/// All in memory in one part; small parts; groups that are streamed; parts on the disk.
const SIZES: [(Sizes, usize); 5] = [
    (sizes(1 << 30, 1 << 30), 1),
    (sizes(4_000, 1 << 30), 2),
    (sizes(500, 0), 3),
    (sizes(60, 2_000), 2),
    (sizes(60, 0), 1),
];

const fn sizes(part: u64, memory: u64) -> Sizes {
    Sizes { part, largest: part, memory }
}
