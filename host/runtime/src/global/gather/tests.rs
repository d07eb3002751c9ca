//! Rows brought together in every way, in parts of any size and by any number of callers: held against what is written down here
//! in a few lines.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};

use arrow::array::{
    ArrayRef, AsArray, Float64Array, Int64Array, ListArray, RecordBatch, StringArray, UInt32Array, UInt64Array,
};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use callboard_plan::pipeline::{BatchSize, OnError};
use callboard_plan::{Feed, PlannedStep};
use callboard_sandbox::{
    Bound, Declared, Fate, Flat, Gathered, Order, Removals, Returnable, RowReader, RowWriter, lift_within,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{Caller, Gathering, PartWriter, Room};
use crate::error::Fault;
use crate::global::{GlobalWriter, Sorting, Whole, Writing};
use crate::ports::{Doors, Outlet};
use crate::rejects::{Rejects, Remover};
use crate::rows::Batch;
use crate::store::{Quota, SpillWriter};

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
    /// Keeps the first row of each group, with how many rows of each input are in it, and drops the others.
    Count,
    /// Writes for each row that has a next one in its group the numbers of both.
    Pairs,
}

struct Case {
    gathered: Gathered<String>,
    act: Act,
    inputs: usize,
}

/// One call of the step, natively.
fn call(act: Act, bound: &Bound, readers: &mut [Box<dyn RowReader>], writer: &mut PartWriter) -> Result<(), Fault> {
    let returnable = Returnable::of(1 << 30);
    let numbers = |columns: &[Vec<i64>]| {
        let columns = columns.iter().map(|values| Arc::new(Int64Array::from(values.clone())) as ArrayRef);
        Flat::of(&RecordBatch::try_new(bound.writes.clone(), columns.collect()).unwrap()).to_owned_batch()
    };
    // Of each group its rows in this call, and how many the other input has.
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

/// What came out: the numbers of all rows, in order, and the accounts.
fn ran(inputs: &[Vec<Row>], case: &Case, part: u64, memory: u64, callers: usize) -> (Vec<Vec<i64>>, u64) {
    let folder = tempfile::tempdir().unwrap();
    let step: PlannedStep = serde_json::from_value(serde_json::json!({
        "name": "step", "use": "step", "origin": "bundled", "kind": "global", "digest": "", "config": {}, "columns": {},
        "limits": {
            "memory_bytes": 0, "time_ms": 0, "open_ms": 0, "returned_bytes": 0, "carried_bytes": 1_u64 << 30,
            "log_lines": 0, "log_bytes": 0, "rows_per_row": 10
        },
        "need": { "bytes": 0, "from": "assumed" }, "replicas": 1, "on_error": "fail", "retries": 0, "stage": 1, "ports": []
    }))
    .unwrap();
    let named = |name: &str| Field::new(name, DataType::Int64, true);
    let (writes, drops) = match case.act {
        Act::Keep => (vec![], vec![]),
        Act::Count => (vec![named("here"), named("there")], vec![]),
        Act::Pairs => (vec![named("a"), named("b")], ["id", "text", "score", "items"].map(str::to_owned).to_vec()),
    };
    let reads = vec![vec!["id".to_owned()]; case.inputs];
    let declared = Declared { gathered: case.gathered.clone(), ..Declared::new(reads, Schema::new(writes), drops) };
    let bound = Arc::new(Bound::new(&step.columns, &vec![schema(); case.inputs], declared).unwrap());
    let wholes: Vec<Whole> = inputs[..case.inputs]
        .iter()
        .enumerate()
        .map(|(port, rows)| whole(folder.path(), &format!("input-{port}"), rows))
        .collect();
    let quota = Arc::new(Quota::new(Some(64 << 20)));
    let spilled = Arc::new(Quota::new(None));
    let spill = SpillWriter::create(
        Feed::node("step"),
        folder.path().join("out"),
        bound.output.clone(),
        BTreeSet::new(),
        spilled,
        None,
    )
    .unwrap();
    let cut = BatchSize { rows: 90, bytes: 2_000 };
    let mut writer = GlobalWriter::new(Writing {
        step: Arc::from("step"),
        whole: wholes[0].clone(),
        bound: bound.clone(),
        cut,
        limits: step.limits,
        remover: Remover { on_error: OnError::Fail, files: Arc::default(), flight: None, cancel: Default::default() },
        outlet: Outlet { spill: Some(spill), ..Outlet::default() },
        doors: Doors::default(),
        sorting: Sorting {
            folder: folder.path().join("sorting"),
            quota: quota.clone(),
            window: 1 << 20,
            stop: Default::default(),
        },
        returnable: Returnable::of(1 << 30),
        rejects: Arc::new(Mutex::new(Rejects::new(folder.path().join("rejects")))),
        charge: None,
        work: None,
    });
    let room = Room {
        folder: folder.path().join("gathered/step"),
        quota: quota.clone(),
        part,
        largest: part,
        memory,
        seed: part ^ memory,
        threads: callers,
        stop: Default::default(),
    };
    let gathering = Gathering { wholes: &wholes, bound: &bound, room, cut, charge: None };
    let caller = |_| -> Caller<'_> {
        Box::new(|begin| {
            let (mut readers, mut writer) = begin();
            call(case.act, &bound, &mut readers, &mut writer)?;
            Ok(writer)
        })
    };
    gathering.run((0..callers).map(caller).collect(), &mut writer).unwrap();
    assert!(
        !folder.path().join("gathered").exists() && quota.take(64 << 20).is_ok(),
        "nothing is left, and no room is taken"
    );
    let (outlet, _, accounts) = writer.finish().unwrap();
    let spill = outlet.end().ok().unwrap().unwrap();
    let mut out = Vec::new();
    for frame in 0..spill.frames() {
        let rows = spill.read(frame, None).unwrap().rows;
        let numbers: Vec<&Int64Array> = rows.columns().iter().filter_map(|column| column.as_primitive_opt()).collect();
        out.extend((0..rows.num_rows()).map(|row| numbers.iter().map(|column| column.value(row)).collect::<Vec<_>>()));
    }
    (out, accounts.tally.dropped())
}

/// The same, written down.
fn expected(inputs: &[Vec<Row>], case: &Case) -> Vec<Vec<i64>> {
    use callboard_sandbox::Gathering as By;
    let key = |row: &Row, column: &str| match column {
        "text" => format!("{:?}", row.text),
        "score" => format!(
            "{:?}",
            row.score.map(|score| if score.is_nan() { f64::NAN.to_bits() } else { (score + 0.0).to_bits() })
        ),
        "items" => format!("{:?}", row.items),
        _ => unreachable!("no such column"),
    };
    let keys = |port: usize, row: &Row| -> Vec<String> {
        match &case.gathered.gathering {
            By::All => vec![String::new()],
            By::ByKey(columns) => vec![columns[port].iter().map(|column| key(row, column) + ";").collect()],
            By::ByEach(_) => {
                let mut seen = BTreeSet::new();
                let items = row.items.iter().flatten().map(|item| format!("{item:?}"));
                items.filter(|item| seen.insert(item.clone())).collect()
            }
        }
    };
    // Groups in the order of their first rows, each with its rows and which item of each that is.
    type Group<'a> = (String, Vec<(&'a Row, usize)>, i64);
    let mut groups: Vec<Group<'_>> = Vec::new();
    for (port, rows) in inputs[..case.inputs].iter().enumerate() {
        for row in rows {
            for (item, key) in keys(port, row).into_iter().enumerate() {
                let at = groups.iter().position(|(other, ..)| *other == key).unwrap_or_else(|| {
                    groups.push((key, Vec::new(), 0));
                    groups.len() - 1
                });
                if port == 0 { groups[at].1.push((row, item)) } else { groups[at].2 += 1 }
            }
        }
    }
    let rank = |row: &Row, order: &Order<String>| -> (u8, i128) {
        let score = row.score.map(|score| {
            let bits = if score.is_nan() { f64::NAN } else { score + 0.0 }.to_bits();
            i128::from(if bits >> 63 == 0 { bits | 1 << 63 } else { !bits })
        });
        match (score, order.nulls_first) {
            (None, true) => (0, 0),
            (None, false) => (2, 0),
            (Some(score), _) => (1, if order.descending { -score } else { score }),
        }
    };
    let mut out: Vec<((i64, usize), Vec<i64>)> = Vec::new();
    for (_, rows, others) in &groups {
        let Some(first) = rows.iter().map(|(row, item)| (row.id, *item)).min() else { continue };
        let mut given = rows.clone();
        for order in case.gathered.sorted.first().into_iter().flatten().rev() {
            given.sort_by_key(|(row, _)| rank(row, order));
        }
        let place = |(row, item): &(&Row, usize)| if case.gathered.as_written { first } else { (row.id, *item) };
        match case.act {
            Act::Keep => out.extend(given.iter().map(|at| (place(at), vec![at.0.id]))),
            Act::Count => out.push((place(&given[0]), vec![given[0].0.id, rows.len() as i64, *others])),
            Act::Pairs => out.extend(given.windows(2).map(|pair| (place(&pair[0]), vec![pair[0].0.id, pair[1].0.id]))),
        }
    }
    out.sort_by_key(|(place, _)| *place);
    out.into_iter().map(|(_, row)| row).collect()
}

fn cases() -> Vec<Case> {
    use callboard_sandbox::Gathering as By;
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let by_score = |descending, nulls_first| vec![Order { column: "score".to_owned(), descending, nulls_first }];
    let key = |columns: &[&str], inputs: usize| By::ByKey(vec![names(columns); inputs]);
    let mut cases = Vec::new();
    let mut case = |gathering: By<String>, sorted: Vec<Order<String>>, as_written, act, inputs: usize| {
        let sorted = std::iter::once(sorted).chain(std::iter::repeat_n(Vec::new(), inputs - 1)).collect();
        cases.push(Case { gathered: Gathered { gathering, sorted, as_written }, act, inputs });
    };
    for as_written in [false, true] {
        for act in [Act::Keep, Act::Count] {
            case(key(&["text"], 1), vec![], as_written, act, 1);
            case(key(&["score"], 1), vec![], as_written, act, 1);
            case(key(&["items"], 1), vec![], as_written, act, 1);
            case(key(&["text", "score"], 1), vec![], as_written, act, 1);
            case(key(&["text"], 1), by_score(true, false), as_written, act, 1);
            case(key(&["text"], 1), by_score(false, true), as_written, act, 1);
            case(key(&["text"], 2), vec![], as_written, act, 2);
            case(By::All, by_score(false, false), as_written, act, 1);
            case(By::All, by_score(true, true), as_written, act, 1);
        }
        case(key(&["text"], 1), vec![], as_written, Act::Pairs, 1);
        case(By::ByEach(names(&["items"])), vec![], as_written, Act::Pairs, 1);
        case(By::ByEach(names(&["items"])), by_score(true, false), as_written, Act::Pairs, 1);
    }
    cases.retain(|case| !(case.gathered.gathering == By::All && case.act == Act::Pairs));
    cases
}

#[test]
fn any_parts_and_any_callers_put_out_the_same() {
    let mut random = StdRng::seed_from_u64(7);
    let inputs = vec![rows(&mut random), rows(&mut random)];
    for (at, case) in cases().iter().enumerate() {
        let right = expected(&inputs, case);
        assert!(!right.is_empty(), "case {at} has rows");
        // All in memory in one part; small parts; groups that are streamed; parts on the disk.
        for (part, memory, callers) in
            [(1 << 30, 1 << 30, 1), (4_000, 1 << 30, 2), (500, 0, 3), (60, 2_000, 2), (60, 0, 1)]
        {
            let (out, dropped) = ran(&inputs, case, part, memory, callers);
            let which = format!("case {at} ({:?} {:?}), parts of {part}, {memory} in memory", case.gathered, case.act);
            assert_eq!(out, right, "{which}");
            let gone = if case.act == Act::Pairs { ROWS } else { ROWS - right.len() };
            assert_eq!(dropped, gone as u64, "{which}");
        }
    }
}
