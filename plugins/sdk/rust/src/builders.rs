//! Builders of output columns: values are pushed into one buffer, nothing is allocated for a row.

use std::borrow::Cow;

use crate::array_buf::{ArrayBuf, ValuesBuf};
use crate::raw::columns::{Bytes, Values as RawValues};

/// Makes a column from values in order, which are pushed with [`Push`].
pub trait Builder: Sized {
    /// A builder with room for this many values.
    fn with_capacity(rows: usize) -> Self;
    /// How many values there are, nulls included.
    fn len(&self) -> usize;
    /// Adds a null.
    fn push_null(&mut self);
    /// The column.
    fn finish(self) -> ArrayBuf;

    /// An empty builder.
    fn new() -> Self {
        Self::with_capacity(0)
    }

    /// Whether there are no values.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What may be pushed into a [`Builder`].
pub trait Push<V>: Builder {
    /// Adds a value.
    fn push(&mut self, value: V);

    /// Adds a value, or a null.
    #[inline]
    fn push_option(&mut self, value: Option<V>) {
        match value {
            Some(value) => self.push(value),
            None => self.push_null(),
        }
    }
}

/// What columns can be collected from: numbers, `bool`, text, bytes.
pub trait Value: Sized {
    /// What builds a column of these.
    type Builder: Push<Self>;
}

impl<V: Value> FromIterator<V> for ArrayBuf {
    fn from_iter<I: IntoIterator<Item = V>>(values: I) -> Self {
        let values = values.into_iter();
        let mut builder = V::Builder::with_capacity(values.size_hint().0);
        values.for_each(|value| builder.push(value));
        builder.finish()
    }
}

impl<V: Value> FromIterator<Option<V>> for ArrayBuf {
    fn from_iter<I: IntoIterator<Item = Option<V>>>(values: I) -> Self {
        let values = values.into_iter();
        let mut builder = V::Builder::with_capacity(values.size_hint().0);
        values.for_each(|value| builder.push_option(value));
        builder.finish()
    }
}

/// Bits, eight to a byte, the least significant first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bits {
    bytes: Vec<u8>,
    len: usize,
}

impl Bits {
    pub(crate) fn pack(bits: impl ExactSizeIterator<Item = bool>) -> Vec<u8> {
        let mut packed = Bits { bytes: Vec::with_capacity(bits.len().div_ceil(8)), len: 0 };
        bits.for_each(|bit| packed.push(bit));
        packed.bytes
    }

    #[inline]
    fn push(&mut self, bit: bool) {
        if self.len.is_multiple_of(8) {
            self.bytes.push(0);
        }
        self.bytes[self.len / 8] |= u8::from(bit) << (self.len % 8);
        self.len += 1;
    }

    fn ones(len: usize) -> Self {
        let mut bytes = vec![0xff; len.div_ceil(8)];
        if let (Some(last), rest @ 1..) = (bytes.last_mut(), len % 8) {
            *last = (1 << rest) - 1;
        }
        Bits { bytes, len }
    }
}

/// Which values are there; nothing is kept as long as all are.
#[derive(Clone, Debug, Default)]
pub(crate) struct ValidityBuilder(Option<Bits>);

impl ValidityBuilder {
    #[inline]
    pub(crate) fn push_valid(&mut self) {
        if let Some(bits) = &mut self.0 {
            bits.push(true);
        }
    }

    /// `len` is how many values stand before this null.
    pub(crate) fn push_null(&mut self, len: usize) {
        self.0.get_or_insert_with(|| Bits::ones(len)).push(false);
    }

    pub(crate) fn finish(self) -> Option<Vec<u8>> {
        self.0.map(|bits| bits.bytes)
    }
}

/// Builds a column of numbers.
#[derive(Clone, Debug, Default)]
pub struct NumberBuilder<T> {
    values: Vec<T>,
    validity: ValidityBuilder,
}

macro_rules! numbers {
    ($($number:ty, $raw:ident);* $(;)?) => {$(
        impl Push<$number> for NumberBuilder<$number> {
            #[inline]
            fn push(&mut self, value: $number) {
                self.values.push(value);
                self.validity.push_valid();
            }
        }

        impl Builder for NumberBuilder<$number> {
            fn with_capacity(rows: usize) -> Self {
                NumberBuilder { values: Vec::with_capacity(rows), validity: ValidityBuilder::default() }
            }
            fn len(&self) -> usize {
                self.values.len()
            }
            fn push_null(&mut self) {
                self.validity.push_null(self.values.len());
                self.values.push(<$number>::default());
            }
            fn finish(self) -> ArrayBuf {
                ArrayBuf::leaf(self.values.len(), self.validity.finish(), RawValues::$raw(self.values))
            }
        }

        impl Value for $number {
            type Builder = NumberBuilder<$number>;
        }

        impl From<Vec<$number>> for ArrayBuf {
            fn from(values: Vec<$number>) -> Self {
                ArrayBuf::leaf(values.len(), None, RawValues::$raw(values))
            }
        }
    )*};
}

numbers! {
    i8, Int8; i16, Int16; i32, Int32; i64, Int64; u8, Uint8; u16, Uint16; u32, Uint32; u64, Uint64;
    f32, Float32; f64, Float64;
}

/// Builds a `boolean` column.
#[derive(Clone, Debug, Default)]
pub struct BooleanBuilder {
    values: Bits,
    validity: ValidityBuilder,
}

impl Push<bool> for BooleanBuilder {
    #[inline]
    fn push(&mut self, value: bool) {
        self.values.push(value);
        self.validity.push_valid();
    }
}

impl Builder for BooleanBuilder {
    fn with_capacity(rows: usize) -> Self {
        let values = Bits { bytes: Vec::with_capacity(rows.div_ceil(8)), len: 0 };
        BooleanBuilder { values, validity: ValidityBuilder::default() }
    }
    fn len(&self) -> usize {
        self.values.len
    }
    fn push_null(&mut self) {
        self.validity.push_null(self.values.len);
        self.values.push(false);
    }
    fn finish(self) -> ArrayBuf {
        ArrayBuf::leaf(self.values.len, self.validity.finish(), RawValues::Booleans(self.values.bytes))
    }
}

impl Value for bool {
    type Builder = BooleanBuilder;
}

/// Builds a `utf8` column in one text.
#[derive(Clone, Debug)]
pub struct StringBuilder {
    text: String,
    offsets: Vec<u32>,
    validity: ValidityBuilder,
}

impl StringBuilder {
    /// A builder with room for this many values and bytes of text.
    pub fn with_capacities(rows: usize, bytes: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        StringBuilder { text: String::with_capacity(bytes), offsets, validity: ValidityBuilder::default() }
    }

    /// The bytes of all values.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Adds the value that `write` appends to the text of all values, and gives back what `write` does.
    ///
    /// # Panics
    /// If `write` takes away text of the values before it.
    #[inline]
    pub fn push_with<R>(&mut self, write: impl FnOnce(&mut String) -> R) -> R {
        let written = write(&mut self.text);
        assert!(self.text.len() >= self.offsets[self.offsets.len() - 1] as usize, "a value was taken back");
        self.offsets.push(self.text.len() as u32);
        self.validity.push_valid();
        written
    }
}

impl<S: AsRef<str>> Push<S> for StringBuilder {
    #[inline]
    fn push(&mut self, value: S) {
        self.push_with(|text| text.push_str(value.as_ref()));
    }
}

impl Builder for StringBuilder {
    fn with_capacity(rows: usize) -> Self {
        StringBuilder::with_capacities(rows, 0)
    }
    fn len(&self) -> usize {
        self.offsets.len() - 1
    }
    fn push_null(&mut self) {
        self.validity.push_null(self.offsets.len() - 1);
        self.offsets.push(self.text.len() as u32);
    }
    fn finish(self) -> ArrayBuf {
        let (length, data) = (self.offsets.len() - 1, self.text.into_bytes());
        ArrayBuf::leaf(length, self.validity.finish(), RawValues::Utf8(Bytes { offsets: self.offsets, data }))
    }
}

/// Builds a `binary` column in one buffer.
#[derive(Clone, Debug)]
pub struct BinaryBuilder {
    data: Vec<u8>,
    offsets: Vec<u32>,
    validity: ValidityBuilder,
}

impl BinaryBuilder {
    /// A builder with room for this many values and bytes.
    pub fn with_capacities(rows: usize, bytes: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        BinaryBuilder { data: Vec::with_capacity(bytes), offsets, validity: ValidityBuilder::default() }
    }

    /// The bytes of all values.
    pub(crate) fn bytes(&self) -> usize {
        self.data.len()
    }
}

impl<S: AsRef<[u8]>> Push<S> for BinaryBuilder {
    #[inline]
    fn push(&mut self, value: S) {
        self.data.extend_from_slice(value.as_ref());
        self.offsets.push(self.data.len() as u32);
        self.validity.push_valid();
    }
}

impl Builder for BinaryBuilder {
    fn with_capacity(rows: usize) -> Self {
        BinaryBuilder::with_capacities(rows, 0)
    }
    fn len(&self) -> usize {
        self.offsets.len() - 1
    }
    fn push_null(&mut self) {
        self.validity.push_null(self.offsets.len() - 1);
        self.offsets.push(self.data.len() as u32);
    }
    fn finish(self) -> ArrayBuf {
        let (length, bytes) = (self.offsets.len() - 1, Bytes { offsets: self.offsets, data: self.data });
        ArrayBuf::leaf(length, self.validity.finish(), RawValues::Binary(bytes))
    }
}

macro_rules! texts {
    ($($text:ty, $builder:ty);* $(;)?) => {$(
        impl Value for $text {
            type Builder = $builder;
        }
    )*};
}

texts! {
    &str, StringBuilder; String, StringBuilder; Cow<'_, str>, StringBuilder;
    &[u8], BinaryBuilder; Vec<u8>, BinaryBuilder;
}

/// Builds a `list` column: push into [`items`](Self::items), then [`close`](Self::close) the list that they make.
#[derive(Clone, Debug)]
pub struct ListBuilder<B> {
    /// The builder of all lists' items, one list after another.
    pub items: B,
    offsets: Vec<u32>,
    validity: ValidityBuilder,
}

impl<B: Builder> ListBuilder<B> {
    /// Ends a list: it holds the items that were pushed since the last one ended.
    #[inline]
    pub fn close(&mut self) {
        self.offsets.push(self.items.len() as u32);
        self.validity.push_valid();
    }
}

impl<B: Builder> Builder for ListBuilder<B> {
    fn with_capacity(rows: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        ListBuilder { items: B::new(), offsets, validity: ValidityBuilder::default() }
    }
    fn len(&self) -> usize {
        self.offsets.len() - 1
    }
    fn push_null(&mut self) {
        self.validity.push_null(self.offsets.len() - 1);
        self.offsets.push(self.items.len() as u32);
    }
    fn finish(self) -> ArrayBuf {
        let length = self.offsets.len() as u32 - 1;
        let values = ValuesBuf::Lists(self.offsets, Box::new(self.items.finish()));
        ArrayBuf { length, validity: self.validity.finish(), values, logical: None }
    }
}
