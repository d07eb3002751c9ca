//! Arrow → contract: a record batch as a list of arrays, children first, each array whole.

use arrow::array::{Array, ArrayData, RecordBatch, StructArray};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, Schema};

use super::layout::{Leaf, leaf};
use crate::bindings::callboard::step::columns as wit;

/// A record batch in the contract's layout. Its buffers are the batch's own, copied only where a slice had to be made whole.
pub struct Flat {
    rows: u32,
    columns: Vec<Member>,
    arrays: Vec<FlatArray>,
}

struct Member {
    name: String,
    values: u32,
}

struct FlatArray {
    length: u32,
    validity: Option<Buffer>,
    values: FlatValues,
    logical: Option<String>,
}

enum FlatValues {
    Leaf(Leaf, Buffer),
    Bytes { utf8: bool, offsets: Buffer, data: Buffer },
    Lists { offsets: Buffer, items: u32 },
    Vectors { width: u32, items: u32 },
    Structs(Vec<Member>),
}

impl Flat {
    /// Lays out a batch whose columns have canonical types and at most `u32::MAX` rows.
    pub fn of(batch: &RecordBatch) -> Flat {
        let mut flat = Flat { rows: length(batch.num_rows()), columns: Vec::new(), arrays: Vec::new() };
        for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            let values = flat.push(&column.to_data());
            flat.columns.push(Member { name: field.name().clone(), values });
        }
        flat
    }

    /// Lays out a schema: a batch of no rows, with an empty validity wherever there may be nulls.
    pub fn of_schema(schema: &Schema) -> Flat {
        let mut flat = Flat::of(&RecordBatch::new_empty(schema.clone().into()));
        for index in 0..flat.columns.len() {
            let (id, field) = (flat.columns[index].values, schema.field(index).clone());
            flat.mark_nullable(id, field.is_nullable(), field.data_type());
        }
        flat
    }

    fn mark_nullable(&mut self, id: u32, nullable: bool, data_type: &DataType) {
        let array = &mut self.arrays[id as usize];
        array.validity = nullable.then(|| Buffer::from_vec(Vec::<u8>::new()));
        let children: Vec<u32> = match &array.values {
            FlatValues::Lists { items, .. } | FlatValues::Vectors { items, .. } => vec![*items],
            FlatValues::Structs(members) => members.iter().map(|m| m.values).collect(),
            FlatValues::Leaf(..) | FlatValues::Bytes { .. } => Vec::new(),
        };
        let fields: Vec<_> = match data_type {
            DataType::List(item) | DataType::FixedSizeList(item, _) | DataType::Map(item, _) => vec![item.clone()],
            DataType::Struct(fields) => fields.iter().cloned().collect(),
            _ => Vec::new(),
        };
        for (child, field) in children.into_iter().zip(fields) {
            self.mark_nullable(child, field.is_nullable(), field.data_type());
        }
    }

    fn push(&mut self, data: &ArrayData) -> u32 {
        let (offset, len) = (data.offset(), data.len());
        let (values, logical) = match data.data_type() {
            DataType::Utf8 | DataType::Binary => {
                let (offsets, start, end) = whole_offsets(data);
                let data_bytes = data.buffers()[1].slice_with_length(start, end - start);
                let utf8 = data.data_type() == &DataType::Utf8;
                (FlatValues::Bytes { utf8, offsets, data: data_bytes }, None)
            }
            DataType::List(_) | DataType::Map(_, _) => {
                let (offsets, start, end) = whole_offsets(data);
                let items = self.push(&data.child_data()[0].slice(start, end - start));
                let map = matches!(data.data_type(), DataType::Map(..));
                (FlatValues::Lists { offsets, items }, map.then(|| "+m".to_owned()))
            }
            DataType::FixedSizeList(_, width) => {
                let width = usize::try_from(*width).expect("Arrow's own widths are not negative");
                let items = self.push(&data.child_data()[0].slice(offset * width, len * width));
                (FlatValues::Vectors { width: length(width), items }, None)
            }
            DataType::Struct(fields) => {
                // Through the typed array: it knows whether the children are sliced already.
                let whole = StructArray::from(data.clone());
                let members = fields
                    .iter()
                    .zip(whole.columns())
                    .map(|(field, child)| Member { name: field.name().clone(), values: self.push(&child.to_data()) })
                    .collect();
                (FlatValues::Structs(members), None)
            }
            other => {
                let (layout, logical) = leaf(other).expect("every column of a dataset has a type of the contract");
                let buffer = match layout {
                    Leaf::Nulls => Buffer::from_vec(Vec::<u8>::new()),
                    Leaf::Booleans => data.buffers()[0].bit_slice(offset, len),
                    _ => {
                        let width = width(layout);
                        data.buffers()[0].slice_with_length(offset * width, len * width)
                    }
                };
                (FlatValues::Leaf(layout, buffer), logical)
            }
        };
        let validity = data.nulls().filter(|nulls| nulls.null_count() > 0).map(|nulls| nulls.inner().sliced());
        self.arrays.push(FlatArray { length: length(len), validity, values, logical });
        length(self.arrays.len() - 1)
    }

    /// The names that [`Lent`] borrows; it wants to outlive the loan.
    pub(crate) fn lend(&self) -> Lent<'_> {
        let members = self.arrays.iter().map(|array| match &array.values {
            FlatValues::Structs(members) => members.iter().map(borrowed).collect(),
            _ => Vec::new(),
        });
        Lent { flat: self, columns: self.columns.iter().map(borrowed).collect(), members: members.collect() }
    }

    /// The batch with buffers of its own, for a host function to return.
    pub fn to_owned_batch(&self) -> wit::BatchResult {
        let columns = |members: &[Member]| -> Vec<wit::ColumnResult> {
            members.iter().map(|m| wit::ColumnResult { name: m.name.clone(), values: m.values }).collect()
        };
        let arrays = self.arrays.iter().map(|array| wit::ArrayResult {
            length: array.length,
            validity: array.validity.as_ref().map(|bits| bits.to_vec()),
            logical: array.logical.clone(),
            values: match &array.values {
                FlatValues::Leaf(layout, b) => leaf_result(*layout, b),
                FlatValues::Bytes { utf8, offsets, data } => {
                    let bytes = wit::BytesResult { offsets: offsets.typed_data().to_vec(), data: data.to_vec() };
                    if *utf8 { wit::ValuesResult::Utf8(bytes) } else { wit::ValuesResult::Binary(bytes) }
                }
                FlatValues::Lists { offsets, items } => {
                    wit::ValuesResult::Lists(wit::ListsResult { offsets: offsets.typed_data().to_vec(), items: *items })
                }
                FlatValues::Vectors { width, items } => {
                    wit::ValuesResult::Vectors(wit::Vectors { width: *width, items: *items })
                }
                FlatValues::Structs(members) => wit::ValuesResult::Structs(columns(members)),
            },
        });
        wit::BatchResult { rows: self.rows, columns: columns(&self.columns), arrays: arrays.collect() }
    }
}

/// A [`Flat`] on loan to a call: what its `BatchParam` borrows lives here.
pub(crate) struct Lent<'a> {
    flat: &'a Flat,
    columns: Vec<wit::ColumnParam<'a>>,
    members: Vec<Vec<wit::ColumnParam<'a>>>,
}

impl<'a> Lent<'a> {
    /// The arrays, to be named in [`Lent::batch`].
    pub(crate) fn arrays(&'a self) -> Vec<wit::ArrayParam<'a>> {
        let arrays = self.flat.arrays.iter().zip(&self.members);
        arrays
            .map(|(array, members)| wit::ArrayParam {
                length: array.length,
                validity: array.validity.as_deref(),
                logical: array.logical.as_deref(),
                values: match &array.values {
                    FlatValues::Leaf(layout, b) => leaf_param(*layout, b),
                    FlatValues::Bytes { utf8, offsets, data } => {
                        let bytes = wit::BytesParam { offsets: offsets.typed_data(), data };
                        if *utf8 { wit::ValuesParam::Utf8(bytes) } else { wit::ValuesParam::Binary(bytes) }
                    }
                    FlatValues::Lists { offsets, items } => {
                        wit::ValuesParam::Lists(wit::ListsParam { offsets: offsets.typed_data(), items: *items })
                    }
                    FlatValues::Vectors { width, items } => {
                        wit::ValuesParam::Vectors(wit::Vectors { width: *width, items: *items })
                    }
                    FlatValues::Structs(_) => wit::ValuesParam::Structs(members),
                },
            })
            .collect()
    }

    /// The argument of a call.
    pub(crate) fn batch(&'a self, arrays: &'a [wit::ArrayParam<'a>]) -> wit::BatchParam<'a> {
        wit::BatchParam { rows: self.flat.rows, columns: &self.columns, arrays }
    }
}

fn borrowed(member: &Member) -> wit::ColumnParam<'_> {
    wit::ColumnParam { name: &member.name, values: member.values }
}

/// `values` of a leaf in either flavour of the bindings, which differ in names only.
macro_rules! leaf_values {
    ($name:ident, $result:ty, $variants:ident, $fixed:ident, $copy:ident, ($($life:tt)?)) => {
        fn $name$(<$life>)?(layout: Leaf, b: &$($life)? Buffer) -> $result {
            use wit::$variants as V;
            match layout {
                Leaf::Nulls => V::Nulls,
                Leaf::Booleans => V::Booleans(b.typed_data().$copy()),
                Leaf::Int8 => V::Int8(b.typed_data().$copy()),
                Leaf::Int16 => V::Int16(b.typed_data().$copy()),
                Leaf::Int32 => V::Int32(b.typed_data().$copy()),
                Leaf::Int64 => V::Int64(b.typed_data().$copy()),
                Leaf::UInt8 => V::Uint8(b.typed_data().$copy()),
                Leaf::UInt16 => V::Uint16(b.typed_data().$copy()),
                Leaf::UInt32 => V::Uint32(b.typed_data().$copy()),
                Leaf::UInt64 => V::Uint64(b.typed_data().$copy()),
                Leaf::Float32 => V::Float32(b.typed_data().$copy()),
                Leaf::Float64 => V::Float64(b.typed_data().$copy()),
                Leaf::Fixed(width) => V::Fixed(wit::$fixed { width, data: b.typed_data().$copy() }),
                Leaf::Utf8 | Leaf::Binary => unreachable!("strings and bytes have offsets"),
            }
        }
    };
}
leaf_values!(leaf_result, wit::ValuesResult, ValuesResult, FixedBytesResult, to_vec, ());
leaf_values!(leaf_param, wit::ValuesParam<'a>, ValuesParam, FixedBytesParam, as_ref, ('a));

/// Offsets that begin at 0, and where in the values they began and end.
pub fn whole_offsets(data: &ArrayData) -> (Buffer, usize, usize) {
    let (offset, len) = (data.offset(), data.len());
    if data.buffers()[0].is_empty() {
        return (Buffer::from_vec(vec![0u32]), 0, 0);
    }
    let all: &[i32] = data.buffers()[0].typed_data();
    let (start, end) = (all[offset], all[offset + len]);
    let offsets = if start == 0 {
        data.buffers()[0].slice_with_length(offset * 4, (len + 1) * 4)
    } else {
        all[offset..=offset + len].iter().map(|o| o - start).collect::<Vec<i32>>().into()
    };
    (offsets, start as usize, end as usize)
}

fn width(layout: Leaf) -> usize {
    match layout {
        Leaf::Int8 | Leaf::UInt8 => 1,
        Leaf::Int16 | Leaf::UInt16 => 2,
        Leaf::Int32 | Leaf::UInt32 | Leaf::Float32 => 4,
        Leaf::Int64 | Leaf::UInt64 | Leaf::Float64 => 8,
        Leaf::Fixed(width) => width as usize,
        Leaf::Nulls | Leaf::Booleans | Leaf::Utf8 | Leaf::Binary => unreachable!("not a column of whole bytes"),
    }
}

fn length(of: usize) -> u32 {
    u32::try_from(of).expect("a batch has fewer than 2^32 rows")
}
