//! Shapes and outputs that are not what the contract allows.

use callboard_sdk::raw::columns::{Array, Batch, Bytes, Column, FixedBytes, Lists, Values, Vectors};
use callboard_sdk::raw::transform::exports::callboard::step::transform::{Output, Shape};
use callboard_sdk::raw::types::{Fate, Removal};

use crate::Misdeed;

const TEXT: &str = "text";

/// What `declare` returns under this misdeed; honest unless it is one of declaration.
pub(crate) fn shape(misdeed: Option<Misdeed>) -> Shape {
    let mut reads = vec![TEXT.to_owned()];
    let mut drops = vec![];
    let mut writes = batch(0, [(TEXT, texts(&[]))]);
    writes.arrays[0].validity = Some(vec![]);
    match misdeed {
        Some(Misdeed::DeclareUnknownRead) => reads.push("ghost".into()),
        Some(Misdeed::DeclareHugeRead) => reads.push(megabyte()),
        Some(Misdeed::DeclareHugeDrop) => drops.push(megabyte()),
        Some(Misdeed::DeclareDuplicateRead) => reads.push(TEXT.into()),
        Some(Misdeed::DeclareUnknownDrop) => drops.push("ghost".into()),
        Some(Misdeed::DeclareDuplicateWrite) => writes = batch(0, [(TEXT, texts(&[])), (TEXT, texts(&[]))]),
        Some(Misdeed::DeclareEmptyName) => writes.columns[0].name.clear(),
        Some(Misdeed::DeclareHugeName) => writes.columns[0].name = megabyte(),
        Some(Misdeed::DeclareManyColumns) => crowd(&mut writes),
        Some(Misdeed::DeclareHugeLogical) => writes.arrays[0].logical = Some(megabyte()),
        Some(Misdeed::DeclareWrongLogical) => writes.arrays[0].logical = Some("tdD".into()),
        Some(Misdeed::DeclareHugeVectors) => {
            writes.arrays.push(array(0, Values::Vectors(Vectors { width: u32::MAX, items: 0 })));
            writes.columns[0].values = 1;
        }
        Some(Misdeed::DeclareHugeFixed) => {
            writes.arrays[0].values = Values::Fixed(FixedBytes { width: u32::MAX, data: vec![] });
        }
        Some(Misdeed::DeclareHugeReturn) => drops.push("x".repeat(200 << 20)),
        Some(Misdeed::DeclareDeepNesting) => nest(&mut writes, 100),
        Some(Misdeed::DeclareRows) => writes = batch(1, [(TEXT, texts(&["a row"]))]),
        Some(Misdeed::ListsOfNulls) => {
            nest(&mut writes, 1);
            writes.arrays[0] = Array { validity: Some(vec![]), ..array(0, Values::Nulls) };
        }
        Some(Misdeed::ColumnsOfNulls) => {
            crowd(&mut writes);
            writes.columns.truncate(20_000);
            writes.arrays.truncate(20_000);
        }
        Some(Misdeed::UndeclaredNulls) => writes.arrays[0].validity = None,
        Some(Misdeed::ArrayNamedTwice) => writes = batch(0, [(TEXT, texts(&[])), ("twin", texts(&[]))]),
        Some(Misdeed::ArrayCycle | Misdeed::ArrayForward) => nest(&mut writes, 1),
        _ => {}
    }
    Shape { reads, writes, drops }
}

/// The rows as they came, of the shape that was declared under this misdeed.
pub(crate) fn honest(misdeed: Option<Misdeed>, input: Batch) -> Output {
    let rows = input.rows;
    let mut columns = input;
    match misdeed {
        Some(Misdeed::DeclareManyColumns) => crowd(&mut columns),
        Some(Misdeed::ListsOfNulls) => {
            nest(&mut columns, 1);
            columns.arrays[0] = array(rows, Values::Nulls);
        }
        Some(Misdeed::ColumnsOfNulls) => {
            crowd(&mut columns);
            columns.columns.truncate(20_000);
            columns.arrays.truncate(20_000);
        }
        Some(Misdeed::ArrayNamedTwice) => {
            columns.columns.push(Column { name: "twin".into(), values: 1 });
            columns.arrays.push(columns.arrays[0].clone());
        }
        Some(Misdeed::ArrayCycle | Misdeed::ArrayForward) => {
            let offsets = (0..=rows).collect();
            columns.arrays.push(array(rows, Values::Lists(Lists { offsets, items: 0 })));
            columns.columns[0].values = 1;
        }
        _ => {}
    }
    Output { origins: None, columns, removed: vec![] }
}

/// What `process` returns under this misdeed.
pub(crate) fn output(misdeed: Misdeed, at_row: u32, input: Batch) -> Output {
    let rows = input.rows;
    let mut output = honest(Some(misdeed), input);
    let columns = &mut output.columns;
    match misdeed {
        Misdeed::OffsetsBeyondData => *offsets(columns).last_mut().expect("one more than rows") += 1000,
        Misdeed::OffsetsDecreasing => {
            let offsets = offsets(columns);
            let last = offsets.len() - 1;
            offsets[(at_row as usize + 1).min(last)] = u32::MAX;
        }
        Misdeed::OffsetsTooFew => drop(offsets(columns).pop()),
        Misdeed::FirstOffsetNot0 => offsets(columns)[0] = 1,
        Misdeed::LastOffsetShort => {
            bytes(columns).data.extend_from_slice(b"left over");
        }
        Misdeed::InvalidUtf8 => bytes(columns).data.fill(0xff),
        Misdeed::SplitUtf8 => {
            columns.arrays[0] = texts(&vec!["é"; rows as usize]);
            offsets(columns).iter_mut().skip(1).rev().skip(1).for_each(|offset| *offset -= 1);
        }
        Misdeed::TooFewRows => *columns = batch(rows - 1, [(TEXT, texts(&vec!["few"; rows as usize - 1]))]),
        Misdeed::TooManyRows => *columns = batch(rows + 1, [(TEXT, texts(&vec!["many"; rows as usize + 1]))]),
        Misdeed::RowsUnlikeLength => columns.rows += 1,
        Misdeed::RowsHuge => columns.rows = u32::MAX,
        Misdeed::LengthHuge => columns.arrays[0].length = u32::MAX,
        Misdeed::OriginsOutOfRange => {
            output.origins = Some((0..rows).map(|row| if row == at_row { row + rows } else { row }).collect());
        }
        Misdeed::OriginsMany => {
            output.origins = Some(vec![0; 1_000_000]);
            *columns = batch(1_000_000, [(TEXT, texts(&vec!["again"; 1_000_000]))]);
        }
        Misdeed::OriginsFlood => {
            output.origins = Some(vec![0; 15_000_000]);
            let bytes = Bytes { offsets: vec![0; 15_000_001], data: vec![] };
            *columns = batch(15_000_000, [(TEXT, array(15_000_000, Values::Utf8(bytes)))]);
        }
        Misdeed::OriginsTooMany => output.origins = Some(vec![0; rows as usize + 1]),
        Misdeed::WrongSchema => columns.arrays[0] = array(rows, Values::Int64(vec![1; rows as usize])),
        Misdeed::WrongName => columns.columns[0].name = "test".into(),
        Misdeed::MissingColumn => *columns = Batch { rows, columns: vec![], arrays: vec![] },
        Misdeed::ExtraColumn => {
            columns.columns.push(Column { name: "extra".into(), values: 1 });
            columns.arrays.push(columns.arrays[0].clone());
        }
        Misdeed::DeclareManyColumns => {
            columns.columns.truncate(1);
            columns.arrays.truncate(1);
        }
        Misdeed::HugeName => columns.columns[0].name = megabyte(),
        Misdeed::ManyColumns => crowd(columns),
        Misdeed::ArrayCycle => lists(columns).items = 1,
        Misdeed::ArrayForward => {
            columns.arrays.swap(0, 1);
            columns.columns[0].values = 0;
            lists(columns).items = 1;
        }
        Misdeed::ArrayOutOfRange => columns.columns[0].values = 1000,
        Misdeed::ArrayUnused => columns.arrays.push(texts(&["unused"])),
        Misdeed::ArrayNamedTwice => {
            columns.arrays.pop();
            columns.columns[1].values = 0;
        }
        Misdeed::BadValidityLength => columns.arrays[0].validity = Some(vec![0xff; rows.div_ceil(8) as usize + 1]),
        Misdeed::ValidityTooShort => columns.arrays[0].validity = Some(vec![]),
        Misdeed::UndeclaredNulls => columns.arrays[0].validity = Some(vec![0; rows.div_ceil(8) as usize]),
        Misdeed::DeepNesting => nest(columns, 100_000),
        Misdeed::RemovedOutOfRange => output.removed.push(removal(rows.into(), Fate::Dropped)),
        Misdeed::RemovedAndKept => {
            output.origins = Some((0..rows).collect());
            output.removed.push(removal(at_row.into(), Fate::Dropped));
        }
        Misdeed::RemovedTwice => {
            *columns = batch(0, [(TEXT, texts(&[]))]);
            output.removed = (0..rows).chain([at_row]).map(|row| removal(row.into(), Fate::Dropped)).collect();
        }
        Misdeed::RemovedMany => {
            output.removed =
                vec![Removal { rows: vec![at_row.into(); 1_000_000], fate: Fate::Dropped, reason: String::new() }];
        }
        Misdeed::RemovedFar => output.removed.push(removal(u64::MAX, Fate::Dropped)),
        Misdeed::ReasonHuge => {
            let reason = "0123456789abcdef".repeat(1 << 20);
            output.removed.push(Removal { reason, ..removal(at_row.into(), Fate::Rejected) });
            *columns = batch(rows - 1, [(TEXT, texts(&vec!["kept"; rows as usize - 1]))]);
        }
        Misdeed::HugeReturn => {
            let mut bytes = Bytes { offsets: vec![0; rows as usize], data: vec![b'x'; 200 << 20] };
            bytes.offsets.push(bytes.data.len() as u32);
            columns.arrays[0] = array(rows, Values::Utf8(bytes));
        }
        Misdeed::ListsOfNulls => {
            let nulls = 1 << 27;
            columns.arrays[0] = array(nulls, Values::Nulls);
            lists(columns).offsets = (0..=rows).map(|row| nulls / rows * row).collect();
        }
        Misdeed::ColumnsOfNulls => {
            let many: u32 = 100_000;
            let bytes = Bytes { offsets: vec![0; many as usize + 1], data: vec![] };
            *columns = batch(many, [(TEXT, array(many, Values::Utf8(bytes)))]);
            crowd(columns);
            columns.columns.truncate(20_000);
            columns.arrays.truncate(20_000);
            output.origins = Some((0..many).map(|row| row % rows).collect());
        }
        Misdeed::RejectOddRows => {
            let text = values(columns);
            let kept: Vec<&str> = text.iter().step_by(2).map(String::as_str).collect();
            output.removed = (1..rows).step_by(2).map(|row| removal(row.into(), Fate::Rejected)).collect();
            output.columns = batch(kept.len() as u32, [(TEXT, texts(&kept))]);
        }
        Misdeed::RejectAll | Misdeed::DropAll => {
            let fate = if misdeed == Misdeed::DropAll { Fate::Dropped } else { Fate::Rejected };
            output.removed = (0..rows).map(|row| removal(row.into(), fate)).collect();
            *columns = batch(0, [(TEXT, texts(&[]))]);
        }
        Misdeed::LoseAll => {
            output.origins = Some(vec![]);
            *columns = batch(0, [(TEXT, texts(&[]))]);
        }
        // Of another call, or no lie.
        _ => {}
    }
    output
}

/// The values of the first column, for a lie that keeps some of them.
fn values(columns: &mut Batch) -> Vec<String> {
    let bytes = bytes(columns);
    let value = |ends: &[u32]| String::from_utf8_lossy(&bytes.data[ends[0] as usize..ends[1] as usize]).into_owned();
    bytes.offsets.windows(2).map(value).collect()
}

fn removal(row: u64, fate: Fate) -> Removal {
    Removal { rows: vec![row], fate, reason: "told to".into() }
}

fn batch<const N: usize>(rows: u32, columns: [(&str, Array); N]) -> Batch {
    let (mut named, mut arrays) = (vec![], vec![]);
    for (name, array) in columns {
        named.push(Column { name: name.into(), values: arrays.len() as u32 });
        arrays.push(array);
    }
    Batch { rows, columns: named, arrays }
}

fn array(length: u32, values: Values) -> Array {
    Array { length, validity: None, values, logical: None }
}

fn texts(values: &[&str]) -> Array {
    let mut bytes = Bytes { offsets: vec![0], data: vec![] };
    for value in values {
        bytes.data.extend_from_slice(value.as_bytes());
        bytes.offsets.push(bytes.data.len() as u32);
    }
    array(values.len() as u32, Values::Utf8(bytes))
}

/// A name of a mebibyte.
fn megabyte() -> String {
    "0123456789abcdef".repeat(1 << 16)
}

/// A hundred thousand columns more, of as many rows, all null.
fn crowd(batch: &mut Batch) {
    for nth in 0..100_000 {
        batch.columns.push(Column { name: format!("c{nth}"), values: batch.arrays.len() as u32 });
        batch.arrays.push(array(batch.rows, Values::Nulls));
    }
}

/// Puts the first column's values into lists in lists, so many deep.
fn nest(batch: &mut Batch, depth: u32) {
    let mut values = batch.columns[0].values;
    for _ in 0..depth {
        let items = batch.arrays[values as usize].length;
        let offsets = std::iter::once(0).chain((1..batch.rows).map(|_| 0)).chain((batch.rows > 0).then_some(items));
        let lists = Lists { offsets: offsets.collect(), items: values };
        batch.arrays.push(array(batch.rows, Values::Lists(lists)));
        values = batch.arrays.len() as u32 - 1;
    }
    batch.columns[0].values = values;
}

fn bytes(columns: &mut Batch) -> &mut Bytes {
    match &mut columns.arrays[0].values {
        Values::Utf8(bytes) => bytes,
        other => panic!("`text` has to be utf8, and is {other:?}"),
    }
}

fn offsets(columns: &mut Batch) -> &mut Vec<u32> {
    &mut bytes(columns).offsets
}

fn lists(columns: &mut Batch) -> &mut Lists {
    let id = columns.columns[0].values as usize;
    match &mut columns.arrays[id].values {
        Values::Lists(lists) => lists,
        other => panic!("`text` was put into lists, and is {other:?}"),
    }
}
