//! Columns as they are written: owned arrays, copied out of a batch or built.

use crate::array::{Array, Spans, Validity};
use crate::builders::Bits;
use crate::raw::columns::{
    Array as RawArray, Bytes, Column as RawColumn, FixedBytes, Lists, Values as RawValues, Vectors,
};
use crate::types::{Field, Layout, Type};

/// An owned column, or a nested part of one: what an [`Array`] views.
///
/// Collected from an iterator of values or options (`texts.iter().map(|t| t.map(str::len))`), made by a builder of
/// [`crate::builders`], or taken from an [`Array`].
#[derive(Clone, Debug)]
pub struct ArrayBuf {
    pub(crate) length: u32,
    pub(crate) validity: Option<Vec<u8>>,
    pub(crate) values: ValuesBuf,
    pub(crate) logical: Option<String>,
}

/// The values of an [`ArrayBuf`]: leaves as they cross, so that they are moved and not copied, children as a tree.
#[derive(Clone, Debug)]
pub(crate) enum ValuesBuf {
    Leaf(RawValues),
    Lists(Vec<u32>, Box<ArrayBuf>),
    Vectors(u32, Box<ArrayBuf>),
    Structs(Vec<(String, ArrayBuf)>),
}

impl ArrayBuf {
    pub(crate) fn leaf(length: usize, validity: Option<Vec<u8>>, values: RawValues) -> Self {
        ArrayBuf { length: length as u32, validity, values: ValuesBuf::Leaf(values), logical: None }
    }

    /// A column of nothing but nulls, of the type `null`.
    pub fn nulls(length: usize) -> Self {
        ArrayBuf::leaf(length, None, RawValues::Nulls)
    }

    /// A `utf8` column from all values in one buffer, for code that makes them faster than a builder would: value `i` is
    /// `text[offsets[i]..offsets[i + 1]]`. The host checks that offsets ascend to the end of `text`, and that it is UTF-8.
    pub fn utf8(offsets: Vec<u32>, text: Vec<u8>, validity: Validity<'_>) -> Self {
        ArrayBuf::leaf(offsets.len() - 1, validity.to_bits(), RawValues::Utf8(Bytes { offsets, data: text }))
    }

    /// A column of byte strings of one width: with [`with_logical`](Self::with_logical), of decimals, say.
    ///
    /// # Panics
    /// If a value is of another width.
    pub fn fixed<'a>(width: u32, values: impl IntoIterator<Item = Option<&'a [u8]>>) -> Self {
        let (mut data, mut present) = (vec![], vec![]);
        for value in values {
            present.push(value.is_some());
            match value {
                Some(value) => {
                    assert_eq!(value.len(), width as usize, "all values of a fixed column are of its width");
                    data.extend_from_slice(value);
                }
                None => data.resize(data.len() + width as usize, 0),
            }
        }
        let validity = present.contains(&false).then(|| Bits::pack(present.iter().copied()));
        ArrayBuf::leaf(present.len(), validity, RawValues::Fixed(FixedBytes { width, data }))
    }

    /// A column of lists of one length, from the items of all of them: `width` for each list, also for one that is null, which is not
    /// `present`.
    ///
    /// # Panics
    /// If there is another number of items.
    pub fn vectors(width: u32, items: ArrayBuf, present: &[bool]) -> Self {
        assert_eq!(items.len(), present.len() * width as usize, "a vector has as many items as it is wide");
        let validity = present.contains(&false).then(|| Bits::pack(present.iter().copied()));
        let values = ValuesBuf::Vectors(width, Box::new(items));
        ArrayBuf { length: present.len() as u32, validity, values, logical: None }
    }

    /// A column of structs without null structs, from its members.
    ///
    /// # Panics
    /// If there are no members, or they are not all of one length.
    pub fn structs(members: Vec<(String, ArrayBuf)>) -> Self {
        let length = members[0].1.length;
        assert!(
            members.iter().all(|(_, array)| array.length == length),
            "the members of a struct must be of one length"
        );
        ArrayBuf { length, validity: None, values: ValuesBuf::Structs(members), logical: None }
    }

    /// An empty column of this type.
    pub fn empty(ty: &Type) -> Self {
        let values = match &ty.layout {
            Layout::Null => ValuesBuf::Leaf(RawValues::Nulls),
            Layout::Boolean => ValuesBuf::Leaf(RawValues::Booleans(vec![])),
            Layout::Int8 => ValuesBuf::Leaf(RawValues::Int8(vec![])),
            Layout::Int16 => ValuesBuf::Leaf(RawValues::Int16(vec![])),
            Layout::Int32 => ValuesBuf::Leaf(RawValues::Int32(vec![])),
            Layout::Int64 => ValuesBuf::Leaf(RawValues::Int64(vec![])),
            Layout::UInt8 => ValuesBuf::Leaf(RawValues::Uint8(vec![])),
            Layout::UInt16 => ValuesBuf::Leaf(RawValues::Uint16(vec![])),
            Layout::UInt32 => ValuesBuf::Leaf(RawValues::Uint32(vec![])),
            Layout::UInt64 => ValuesBuf::Leaf(RawValues::Uint64(vec![])),
            Layout::Float32 => ValuesBuf::Leaf(RawValues::Float32(vec![])),
            Layout::Float64 => ValuesBuf::Leaf(RawValues::Float64(vec![])),
            Layout::Utf8 => ValuesBuf::Leaf(RawValues::Utf8(Bytes { offsets: vec![0], data: vec![] })),
            Layout::Binary => ValuesBuf::Leaf(RawValues::Binary(Bytes { offsets: vec![0], data: vec![] })),
            Layout::Fixed(width) => ValuesBuf::Leaf(RawValues::Fixed(FixedBytes { width: *width, data: vec![] })),
            Layout::List(items) => ValuesBuf::Lists(vec![0], Box::new(ArrayBuf::empty(items))),
            Layout::Vector(items, width) => ValuesBuf::Vectors(*width, Box::new(ArrayBuf::empty(items))),
            Layout::Struct(fields) => {
                ValuesBuf::Structs(fields.iter().map(|f| (f.name.clone(), ArrayBuf::empty(&f.ty))).collect())
            }
        };
        let nullable = ty.nullable && ty.layout != Layout::Null;
        ArrayBuf { length: 0, validity: nullable.then(Vec::new), values, logical: ty.logical.clone() }
    }

    /// These values, with what they stand for (as in [`Type::logical`]).
    pub fn with_logical(mut self, logical: Option<String>) -> Self {
        self.logical = logical;
        self
    }

    /// How many values, nulls included.
    pub fn len(&self) -> usize {
        self.length as usize
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The type; it allows nulls if there may be some here.
    pub fn ty(&self) -> Type {
        let layout = match &self.values {
            ValuesBuf::Leaf(leaf) => match leaf {
                RawValues::Nulls => Layout::Null,
                RawValues::Booleans(_) => Layout::Boolean,
                RawValues::Int8(_) => Layout::Int8,
                RawValues::Int16(_) => Layout::Int16,
                RawValues::Int32(_) => Layout::Int32,
                RawValues::Int64(_) => Layout::Int64,
                RawValues::Uint8(_) => Layout::UInt8,
                RawValues::Uint16(_) => Layout::UInt16,
                RawValues::Uint32(_) => Layout::UInt32,
                RawValues::Uint64(_) => Layout::UInt64,
                RawValues::Float32(_) => Layout::Float32,
                RawValues::Float64(_) => Layout::Float64,
                RawValues::Utf8(_) => Layout::Utf8,
                RawValues::Binary(_) => Layout::Binary,
                RawValues::Fixed(fixed) => Layout::Fixed(fixed.width),
                RawValues::Lists(_) | RawValues::Vectors(_) | RawValues::Structs(_) => unreachable!("not a leaf"),
            },
            ValuesBuf::Lists(_, items) => Layout::List(Box::new(items.ty())),
            ValuesBuf::Vectors(width, items) => Layout::Vector(Box::new(items.ty()), *width),
            ValuesBuf::Structs(members) => {
                Layout::Struct(members.iter().map(|(name, array)| Field::new(name.clone(), array.ty())).collect())
            }
        };
        let nullable = self.validity.is_some() || layout == Layout::Null;
        Type { layout, nullable, logical: self.logical.clone() }
    }

    /// Appends this tree to `arrays`, children before their parents, and returns its place.
    pub(crate) fn flatten(self, arrays: &mut Vec<RawArray>) -> u32 {
        let values = match self.values {
            ValuesBuf::Leaf(values) => values,
            ValuesBuf::Lists(offsets, items) => RawValues::Lists(Lists { offsets, items: items.flatten(arrays) }),
            ValuesBuf::Vectors(width, items) => RawValues::Vectors(Vectors { width, items: items.flatten(arrays) }),
            ValuesBuf::Structs(members) => {
                let column = |(name, array): (String, ArrayBuf)| RawColumn { name, values: array.flatten(arrays) };
                RawValues::Structs(members.into_iter().map(column).collect())
            }
        };
        arrays.push(RawArray { length: self.length, validity: self.validity, values, logical: self.logical });
        arrays.len() as u32 - 1
    }

    /// The tree at this place of `arrays`, moved out of it.
    pub(crate) fn unflatten(arrays: &mut [RawArray], id: u32) -> Self {
        let emptied = RawArray { length: 0, validity: None, values: RawValues::Nulls, logical: None };
        let array = std::mem::replace(&mut arrays[id as usize], emptied);
        let values = match array.values {
            RawValues::Lists(lists) => {
                ValuesBuf::Lists(lists.offsets, Box::new(ArrayBuf::unflatten(arrays, lists.items)))
            }
            RawValues::Vectors(vectors) => {
                ValuesBuf::Vectors(vectors.width, Box::new(ArrayBuf::unflatten(arrays, vectors.items)))
            }
            RawValues::Structs(members) => {
                let member = |m: RawColumn| (m.name, ArrayBuf::unflatten(arrays, m.values));
                ValuesBuf::Structs(members.into_iter().map(member).collect())
            }
            leaf => ValuesBuf::Leaf(leaf),
        };
        ArrayBuf { length: array.length, validity: array.validity, values, logical: array.logical }
    }
}

impl Array<'_> {
    /// A copy of these values, whatever their type: rows may be left out, repeated and reordered.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn take(self, rows: &[u32]) -> ArrayBuf {
        self.take_rows(rows.iter().map(|&row| Some(row as usize)), false)
    }

    /// As [`take`](Self::take), with a null for each `None`.
    pub fn take_or_null(self, rows: &[Option<u32>]) -> ArrayBuf {
        self.take_rows(rows.iter().map(|row| row.map(|row| row as usize)), false)
    }

    /// A copy of this whole array.
    pub fn to_buf(self) -> ArrayBuf {
        let copy = |id: u32| Box::new(Array::new(self.arrays, id as usize).to_buf());
        let values = match &self.raw.values {
            RawValues::Lists(lists) => ValuesBuf::Lists(lists.offsets.clone(), copy(lists.items)),
            RawValues::Vectors(vectors) => ValuesBuf::Vectors(vectors.width, copy(vectors.items)),
            RawValues::Structs(members) => {
                ValuesBuf::Structs(members.iter().map(|m| (m.name.clone(), *copy(m.values))).collect())
            }
            leaf => ValuesBuf::Leaf(leaf.clone()),
        };
        let RawArray { length, validity, logical, .. } = self.raw;
        ArrayBuf { length: *length, validity: validity.clone(), values, logical: logical.clone() }
    }

    /// `below` a null nothing is seen of these values, so that one that is never null stays so.
    fn take_rows(self, rows: impl ExactSizeIterator<Item = Option<usize>> + Clone, below: bool) -> ArrayBuf {
        fn numbers<T: Copy + Default>(values: &[T], rows: impl Iterator<Item = Option<usize>>) -> Vec<T> {
            rows.map(|row| row.map_or(T::default(), |row| values[row])).collect()
        }
        let length = rows.len();
        let child = |id: u32| Array::new(self.arrays, id as usize);
        let values = match &self.raw.values {
            RawValues::Nulls => ValuesBuf::Leaf(RawValues::Nulls),
            RawValues::Booleans(bits) => ValuesBuf::Leaf(RawValues::Booleans(Bits::pack(
                rows.clone().map(|row| row.is_some_and(|row| bits[row / 8] >> (row % 8) & 1 == 1)),
            ))),
            RawValues::Int8(values) => ValuesBuf::Leaf(RawValues::Int8(numbers(values, rows.clone()))),
            RawValues::Int16(values) => ValuesBuf::Leaf(RawValues::Int16(numbers(values, rows.clone()))),
            RawValues::Int32(values) => ValuesBuf::Leaf(RawValues::Int32(numbers(values, rows.clone()))),
            RawValues::Int64(values) => ValuesBuf::Leaf(RawValues::Int64(numbers(values, rows.clone()))),
            RawValues::Uint8(values) => ValuesBuf::Leaf(RawValues::Uint8(numbers(values, rows.clone()))),
            RawValues::Uint16(values) => ValuesBuf::Leaf(RawValues::Uint16(numbers(values, rows.clone()))),
            RawValues::Uint32(values) => ValuesBuf::Leaf(RawValues::Uint32(numbers(values, rows.clone()))),
            RawValues::Uint64(values) => ValuesBuf::Leaf(RawValues::Uint64(numbers(values, rows.clone()))),
            RawValues::Float32(values) => ValuesBuf::Leaf(RawValues::Float32(numbers(values, rows.clone()))),
            RawValues::Float64(values) => ValuesBuf::Leaf(RawValues::Float64(numbers(values, rows.clone()))),
            RawValues::Utf8(bytes) => ValuesBuf::Leaf(RawValues::Utf8(take_bytes(bytes, rows.clone()))),
            RawValues::Binary(bytes) => ValuesBuf::Leaf(RawValues::Binary(take_bytes(bytes, rows.clone()))),
            RawValues::Fixed(fixed) => {
                let width = fixed.width as usize;
                let mut data = Vec::with_capacity(width * length);
                for row in rows.clone() {
                    match row {
                        Some(row) => data.extend_from_slice(&fixed.data[row * width..(row + 1) * width]),
                        None => data.resize(data.len() + width, 0),
                    }
                }
                ValuesBuf::Leaf(RawValues::Fixed(FixedBytes { width: fixed.width, data }))
            }
            RawValues::Lists(lists) => {
                let (offsets, items) = spread(Spans::Offsets(&lists.offsets), rows.clone());
                ValuesBuf::Lists(offsets, Box::new(child(lists.items).take(&items)))
            }
            RawValues::Vectors(vectors) => {
                let width = vectors.width as usize;
                let items: Vec<Option<usize>> =
                    rows.clone().flat_map(|row| (0..width).map(move |i| row.map(|row| row * width + i))).collect();
                ValuesBuf::Vectors(vectors.width, Box::new(child(vectors.items).take_rows(items.into_iter(), true)))
            }
            RawValues::Structs(members) => ValuesBuf::Structs(
                members.iter().map(|m| (m.name.clone(), child(m.values).take_rows(rows.clone(), true))).collect(),
            ),
        };
        let has_validity = !matches!(self.raw.values, RawValues::Nulls)
            && (self.raw.validity.is_some() || (!below && rows.clone().any(|row| row.is_none())));
        let validity = has_validity.then(|| Bits::pack(rows.map(|row| row.is_some_and(|row| !self.is_null(row)))));
        ArrayBuf { length: length as u32, validity, values, logical: self.raw.logical.clone() }
    }
}

fn take_bytes(bytes: &Bytes, rows: impl ExactSizeIterator<Item = Option<usize>> + Clone) -> Bytes {
    let spans = Spans::Offsets(&bytes.offsets);
    let mut offsets = Vec::with_capacity(rows.len() + 1);
    let total = rows.clone().flatten().map(|row| spans.get(row).len()).sum();
    let mut data = Vec::with_capacity(total);
    offsets.push(0);
    for row in rows {
        if let Some(row) = row {
            data.extend_from_slice(&bytes.data[spans.get(row)]);
        }
        offsets.push(data.len() as u32);
    }
    Bytes { offsets, data }
}

/// The offsets of the lists that are taken, and which items they hold.
fn spread(spans: Spans<'_>, rows: impl ExactSizeIterator<Item = Option<usize>>) -> (Vec<u32>, Vec<u32>) {
    let mut offsets = Vec::with_capacity(rows.len() + 1);
    let mut items = Vec::new();
    offsets.push(0);
    for row in rows {
        if let Some(row) = row {
            items.extend(spans.get(row).map(|item| item as u32));
        }
        offsets.push(items.len() as u32);
    }
    (offsets, items)
}
