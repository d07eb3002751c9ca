//! The checks of columns, as a fuzzer drives them: bytes stand for what a component declares and for what it then returns.
//!
//! A declaration is built that might be sound, and rows that might fit it; then a few things are spoilt, as the bytes say. Wild
//! values alone would be refused at the first check, and what stands behind it would never be tried.

use std::sync::Arc;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, Field};

use super::layout::{Leaf, leaf};
use super::{Flat, lift, schema_of};
use crate::bindings::callboard::step::columns::{
    ArrayResult, BatchResult, BytesResult, ColumnResult, FixedBytesResult, ListsResult, ValuesResult, Vectors,
};

/// The most values of an array that is made here.
const MOST: usize = 512;
/// Nesting that is made here: deeper than what is allowed.
const DEEPEST: usize = 40;

/// Takes bytes for a declaration and for rows returned under it.
///
/// # Panics
///
/// If a check lets something through that is not a valid record batch, or that is not the same again after it was laid out for
/// a component.
pub fn fuzz_columns(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let mut declared = Builder::default();
    for _ in 0..bytes.below(5) {
        let values = declared.declaration(&mut bytes, 0);
        declared.column(&mut bytes, values);
    }
    let mut declared = declared.batch(0);
    spoil(&mut declared, &mut bytes);
    let Ok(schema) = schema_of(declared) else { return };
    let laid_out = Flat::of_schema(&schema).to_owned_batch();
    assert_eq!(schema_of(laid_out).as_ref(), Ok(&schema), "a schema is different when it comes back");

    let schema = Arc::new(schema);
    let rows = bytes.below(20);
    let mut returned = Builder::default();
    for field in schema.fields() {
        let values = returned.rows(&mut bytes, field, rows as usize);
        returned.columns.push(ColumnResult { name: field.name().clone(), values });
    }
    let mut returned = returned.batch(rows);
    spoil(&mut returned, &mut bytes);
    let Ok(batch) = lift(returned, &schema) else { return };
    valid(&batch);
    assert_eq!(there_and_back(&batch), batch, "rows are different when they come back");
    let begin = bytes.below(batch.num_rows() as u32 + 1) as usize;
    let slice = batch.slice(begin, bytes.below((batch.num_rows() - begin) as u32 + 1) as usize);
    let whole = there_and_back(&slice);
    valid(&whole);
    assert_eq!(whole, slice, "a slice is another when it comes back");
}

fn valid(batch: &RecordBatch) {
    for column in batch.columns() {
        column.to_data().validate_full().expect("what was checked is valid");
    }
}

fn there_and_back(batch: &RecordBatch) -> RecordBatch {
    let flat = Flat::of(batch);
    let lent = flat.lend();
    let arrays = lent.arrays();
    assert_eq!(lent.batch(&arrays).rows as usize, batch.num_rows());
    lift(flat.to_owned_batch(), &batch.schema()).expect("what the host lays out is sound")
}

/// The input of a fuzzer, as small numbers; past its end all of them are 0.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn below(&mut self, end: u32) -> u32 {
        u32::from(self.byte()) % end
    }

    /// Small as a rule, and at times anything.
    fn number(&mut self) -> u32 {
        match self.byte() {
            small @ 0..0xf0 => u32::from(small),
            0xf0..0xf8 => u32::MAX - self.below(4),
            _ => u32::from_le_bytes(self.some(4).try_into().expect("four bytes")),
        }
    }

    fn some(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.byte()).collect()
    }

    fn text(&mut self) -> String {
        let length = self.below(12) as usize;
        String::from_utf8_lossy(&self.some(length)).into_owned()
    }

    fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }
}

/// A batch being made, children first.
#[derive(Default)]
struct Builder {
    columns: Vec<ColumnResult>,
    arrays: Vec<ArrayResult>,
}

const LOGICAL: &[&str] = &[
    "tdD",
    "tdm",
    "tts",
    "ttm",
    "ttu",
    "ttn",
    "tss:",
    "tsm:UTC",
    "tsu:Europe/Berlin",
    "tsn:+02:00",
    "tDs",
    "tDn",
    "tiM",
    "tiD",
    "tin",
    "d:9,2,32",
    "d:18,2,64",
    "d:38,-4",
    "d:76,3,256",
    "d:5,1,128",
    "+m",
    "d:0,0",
    "d:39,1",
    "ts",
    "d:300,1",
];

impl Builder {
    fn batch(self, rows: u32) -> BatchResult {
        BatchResult { rows, columns: self.columns, arrays: self.arrays }
    }

    fn column(&mut self, bytes: &mut Bytes<'_>, values: u32) {
        let name = member_name(bytes, self.columns.len());
        self.columns.push(ColumnResult { name, values });
    }

    fn array(
        &mut self,
        length: usize,
        validity: Option<Vec<u8>>,
        logical: Option<String>,
        values: ValuesResult,
    ) -> u32 {
        self.arrays.push(ArrayResult { length: length as u32, validity, values, logical });
        self.arrays.len() as u32 - 1
    }

    /// An array without values, and its children before it.
    fn declaration(&mut self, bytes: &mut Bytes<'_>, depth: usize) -> u32 {
        let kind = bytes.below(if depth < DEEPEST { 20 } else { 14 });
        let mut logical = None;
        let values = match kind {
            15 => ValuesResult::Lists(ListsResult { offsets: vec![0], items: self.declaration(bytes, depth + 1) }),
            16 => {
                let width = bytes.number();
                ValuesResult::Vectors(Vectors { width, items: self.declaration(bytes, depth + 1) })
            }
            17 => {
                let members = (0..bytes.below(4)).map(|nth| {
                    let values = self.declaration(bytes, depth + 1);
                    ColumnResult { name: member_name(bytes, nth as usize), values }
                });
                ValuesResult::Structs(members.collect())
            }
            18 => {
                let key = self.declaration(bytes, depth + 1);
                self.arrays[key as usize].validity = None;
                let value = self.declaration(bytes, depth + 1);
                let member = |name: &str, values| ColumnResult { name: name.to_owned(), values };
                let entries = ValuesResult::Structs(vec![member("key", key), member("value", value)]);
                logical = Some("+m".to_owned());
                let items = self.array(0, None, None, entries);
                ValuesResult::Lists(ListsResult { offsets: vec![0], items })
            }
            // What stands for something by its name, laid out as that wants it.
            19 => {
                let name = LOGICAL[bytes.below(LOGICAL.len() as u32) as usize];
                logical = Some(name.to_owned());
                let fixed = |width| ValuesResult::Fixed(FixedBytesResult { width, data: Vec::new() });
                match name {
                    "tdD" | "tts" | "ttm" | "tiM" => ValuesResult::Int32(Vec::new()),
                    "tiD" => fixed(8),
                    "tin" => fixed(16),
                    _ if name.ends_with(",32") => fixed(4),
                    _ if name.ends_with(",64") => fixed(8),
                    _ if name.ends_with(",256") => fixed(32),
                    _ if name.starts_with('d') => fixed(16),
                    _ => ValuesResult::Int64(Vec::new()),
                }
            }
            14 => ValuesResult::Fixed(FixedBytesResult { width: bytes.number(), data: Vec::new() }),
            kind => values(kind, &mut Bytes(&[]), 0),
        };
        let validity = bytes.flag().then(Vec::new);
        self.array(0, validity, logical, values)
    }

    /// `length` values of a field, and its children before it.
    fn rows(&mut self, bytes: &mut Bytes<'_>, field: &Field, length: usize) -> u32 {
        let length = length.min(MOST);
        let validity = (field.is_nullable() && bytes.flag()).then(|| bytes.some(length.div_ceil(8)));
        let values = match field.data_type() {
            DataType::List(item) | DataType::Map(item, _) => {
                let offsets = offsets(bytes, length);
                let items = self.rows(bytes, item, offsets[length] as usize);
                ValuesResult::Lists(ListsResult { offsets, items })
            }
            DataType::FixedSizeList(item, width) => {
                let items = self.rows(bytes, item, length.saturating_mul(*width as usize));
                ValuesResult::Vectors(Vectors { width: *width as u32, items })
            }
            DataType::Struct(fields) => {
                let members = fields
                    .iter()
                    .map(|field| ColumnResult { name: field.name().clone(), values: self.rows(bytes, field, length) });
                ValuesResult::Structs(members.collect())
            }
            other => {
                let (layout, _) = leaf(other).expect("a declared type has a layout");
                match layout {
                    Leaf::Fixed(width) => {
                        let data = bytes.some((length * width as usize).min(MOST));
                        ValuesResult::Fixed(FixedBytesResult { width, data })
                    }
                    other => values(kind_of(other), bytes, length),
                }
            }
        };
        self.array(length, validity, None, values)
    }
}

fn member_name(bytes: &mut Bytes<'_>, nth: usize) -> String {
    match bytes.below(8) {
        7 => bytes.text(),
        _ => format!("c{nth}"),
    }
}

fn offsets(bytes: &mut Bytes<'_>, length: usize) -> Vec<u32> {
    let lengths = (0..length).scan(0, |end, _| {
        *end += bytes.below(4);
        Some(*end)
    });
    std::iter::once(0).chain(lengths).collect()
}

fn kind_of(layout: Leaf) -> u32 {
    match layout {
        Leaf::Nulls => 0,
        Leaf::Booleans => 1,
        Leaf::Int8 => 2,
        Leaf::Int16 => 3,
        Leaf::Int32 => 4,
        Leaf::Int64 => 5,
        Leaf::UInt8 => 6,
        Leaf::UInt16 => 7,
        Leaf::UInt32 => 8,
        Leaf::UInt64 => 9,
        Leaf::Float32 => 10,
        Leaf::Float64 => 11,
        Leaf::Utf8 => 12,
        Leaf::Binary | Leaf::Fixed(_) => 13,
    }
}

/// Values of a leaf, by the number that [`kind_of`] gives its layout.
fn values(kind: u32, bytes: &mut Bytes<'_>, length: usize) -> ValuesResult {
    macro_rules! numbers {
        ($variant:ident, $number:ty) => {{
            let mut number = || {
                <$number>::from_le_bytes(bytes.some(size_of::<$number>()).try_into().expect("the bytes of a number"))
            };
            ValuesResult::$variant((0..length).map(|_| number()).collect())
        }};
    }
    match kind {
        0 => ValuesResult::Nulls,
        1 => ValuesResult::Booleans(bytes.some(length.div_ceil(8))),
        2 => numbers!(Int8, i8),
        3 => numbers!(Int16, i16),
        4 => numbers!(Int32, i32),
        5 => numbers!(Int64, i64),
        6 => numbers!(Uint8, u8),
        7 => numbers!(Uint16, u16),
        8 => numbers!(Uint32, u32),
        9 => numbers!(Uint64, u64),
        10 => numbers!(Float32, f32),
        11 => numbers!(Float64, f64),
        kind => {
            let offsets = offsets(bytes, length);
            let mut data = bytes.some(offsets[length] as usize);
            if kind == 12 && bytes.below(4) > 0 {
                data.iter_mut().for_each(|byte| *byte &= 0x7f);
            }
            let values = BytesResult { offsets, data };
            if kind == 12 { ValuesResult::Utf8(values) } else { ValuesResult::Binary(values) }
        }
    }
}

/// Breaks none, one or a few of the contract's rules.
fn spoil(batch: &mut BatchResult, bytes: &mut Bytes<'_>) {
    for _ in 0..bytes.below(8).saturating_sub(4) {
        let count = batch.arrays.len() as u32;
        let what = bytes.below(16);
        if what < 5 || count == 0 {
            match what {
                0 => batch.rows = bytes.number(),
                1 => drop(batch.columns.pop()),
                2 => drop(batch.arrays.pop()),
                3 => {
                    let values = bytes.below(count + 2);
                    batch.columns.push(ColumnResult { name: bytes.text(), values });
                }
                _ => batch.arrays.push(ArrayResult {
                    length: bytes.number(),
                    validity: None,
                    values: values(bytes.below(14), bytes, 3),
                    logical: None,
                }),
            }
            continue;
        }
        let (one, other) = (bytes.below(count) as usize, bytes.below(count) as usize);
        let array = &mut batch.arrays[one];
        match what {
            5 => batch.arrays.swap(one, other),
            6 => array.length = bytes.number(),
            7 => array.validity = Some(bytes.text().into_bytes()),
            8 => array.validity = None,
            9 => array.logical = Some(bytes.text()),
            10 => array.logical = Some(LOGICAL[bytes.below(LOGICAL.len() as u32) as usize].to_owned()),
            11 => array.values = values(bytes.below(14), bytes, array.length as usize % MOST),
            12 if !batch.columns.is_empty() => {
                let at = bytes.below(batch.columns.len() as u32) as usize;
                batch.columns[at] = ColumnResult { name: bytes.text(), values: bytes.number() };
            }
            _ => spoil_values(&mut array.values, bytes),
        }
    }
}

fn spoil_values(values: &mut ValuesResult, bytes: &mut Bytes<'_>) {
    let offset = |offsets: &mut Vec<u32>, bytes: &mut Bytes<'_>| match offsets.len() as u32 {
        0 => offsets.push(bytes.number()),
        some => offsets[bytes.below(some) as usize] = bytes.number(),
    };
    match values {
        ValuesResult::Utf8(values) | ValuesResult::Binary(values) if bytes.flag() => offset(&mut values.offsets, bytes),
        ValuesResult::Utf8(values) | ValuesResult::Binary(values) => values.data.extend(bytes.some(3)),
        ValuesResult::Lists(lists) if bytes.flag() => offset(&mut lists.offsets, bytes),
        ValuesResult::Lists(lists) => lists.items = bytes.number(),
        ValuesResult::Vectors(vectors) if bytes.flag() => vectors.width = bytes.number(),
        ValuesResult::Vectors(vectors) => vectors.items = bytes.number(),
        ValuesResult::Fixed(fixed) if bytes.flag() => fixed.width = bytes.number(),
        ValuesResult::Fixed(fixed) => fixed.data.truncate(bytes.number() as usize),
        ValuesResult::Structs(members) => {
            members.push(ColumnResult { name: bytes.text(), values: bytes.number() });
        }
        _ => {}
    }
}
