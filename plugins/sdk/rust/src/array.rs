//! Columns as they are read: typed views into a batch, without copies.
//!
//! An [`Array`] is any column or nested part of one. [`Array::view`] or [`Array::values`] gives the typed view on it:
//! [`Strings`], [`Numbers`], [`Booleans`], [`Binaries`], [`Lists`], [`Structs`].

use std::ops::Range;

use crate::error::{Result, StepError};
use crate::raw::columns::{Array as RawArray, Column as RawColumn, Values as RawValues};
use crate::types::{Field, Layout, Type};

/// Any column of a batch, or a nested part of one.
#[derive(Clone, Copy)]
pub struct Array<'a> {
    pub(crate) arrays: &'a [RawArray],
    pub(crate) raw: &'a RawArray,
}

/// The typed view on an array, whatever its type.
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "each is named after the layout that it views")]
pub enum Values<'a> {
    Nulls,
    Booleans(Booleans<'a>),
    Int8(Numbers<'a, i8>),
    Int16(Numbers<'a, i16>),
    Int32(Numbers<'a, i32>),
    Int64(Numbers<'a, i64>),
    UInt8(Numbers<'a, u8>),
    UInt16(Numbers<'a, u16>),
    UInt32(Numbers<'a, u32>),
    UInt64(Numbers<'a, u64>),
    Float32(Numbers<'a, f32>),
    Float64(Numbers<'a, f64>),
    Strings(Strings<'a>),
    /// `binary` and `fixed`.
    Binaries(Binaries<'a>),
    /// `list` and `vector`.
    Lists(Lists<'a>),
    Structs(Structs<'a>),
}

macro_rules! of_view {
    ($values:expr, Nulls => $nulls:expr, $view:ident => $of:expr) => {
        match $values {
            Values::Nulls => $nulls,
            Values::Booleans($view) => $of,
            Values::Int8($view) => $of,
            Values::Int16($view) => $of,
            Values::Int32($view) => $of,
            Values::Int64($view) => $of,
            Values::UInt8($view) => $of,
            Values::UInt16($view) => $of,
            Values::UInt32($view) => $of,
            Values::UInt64($view) => $of,
            Values::Float32($view) => $of,
            Values::Float64($view) => $of,
            Values::Strings($view) => $of,
            Values::Binaries($view) => $of,
            Values::Lists($view) => $of,
            Values::Structs($view) => $of,
        }
    };
}

impl Values<'_> {
    /// Whether value `i` is null.
    pub fn is_null(&self, i: usize) -> bool {
        of_view!(self, Nulls => true, view => view.is_null(i))
    }

    /// Whether there may be nulls: false where no value can be one.
    pub fn may_be_null(&self) -> bool {
        of_view!(self, Nulls => true, view => !view.validity().is_absent())
    }
}

impl<'a> Array<'a> {
    pub(crate) fn new(arrays: &'a [RawArray], id: usize) -> Self {
        Array { arrays, raw: &arrays[id] }
    }

    fn child(&self, id: u32) -> Array<'a> {
        Array::new(self.arrays, id as usize)
    }

    /// How many values, nulls included.
    pub fn len(&self) -> usize {
        self.raw.length as usize
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether value `i` is null.
    pub fn is_null(&self, i: usize) -> bool {
        matches!(self.raw.values, RawValues::Nulls) || self.validity().is_null(i)
    }

    /// Which values are null.
    pub fn validity(&self) -> Validity<'a> {
        Validity(self.raw.validity.as_deref())
    }

    /// About how many bytes value `i` takes, to bound what is copied at a time.
    ///
    /// # Panics
    /// If there is no value `i`.
    pub fn value_bytes(self, i: usize) -> usize {
        let items = |id: u32, span: Range<usize>| -> usize {
            let items = self.child(id);
            span.map(|item| items.value_bytes(item)).sum()
        };
        match &self.raw.values {
            RawValues::Utf8(bytes) | RawValues::Binary(bytes) => 8 + Spans::Offsets(&bytes.offsets).get(i).len(),
            RawValues::Fixed(fixed) => fixed.width as usize,
            RawValues::Lists(lists) => 8 + items(lists.items, Spans::Offsets(&lists.offsets).get(i)),
            RawValues::Vectors(vectors) => items(vectors.items, Spans::Width(vectors.width as usize).get(i)),
            RawValues::Structs(members) => members.iter().map(|m| self.child(m.values).value_bytes(i)).sum(),
            _ => 8,
        }
    }

    /// The array's type; it allows nulls if there may be some here.
    pub fn ty(&self) -> Type {
        let items = |id| Box::new(self.child(id).ty());
        let layout = match &self.raw.values {
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
            RawValues::Lists(lists) => Layout::List(items(lists.items)),
            RawValues::Vectors(vectors) => Layout::Vector(items(vectors.items), vectors.width),
            RawValues::Structs(members) => {
                let field = |member: &RawColumn| Field::new(member.name.clone(), self.child(member.values).ty());
                Layout::Struct(members.iter().map(field).collect())
            }
        };
        let nullable = self.raw.validity.is_some() || matches!(layout, Layout::Null);
        Type { layout, nullable, logical: self.raw.logical.clone() }
    }

    /// The typed view, for code that knows the type: `array.view::<str>()?`.
    ///
    /// # Errors
    /// `input`, if the array is of another type or its text is no UTF-8.
    pub fn view<K: Kind + ?Sized>(self) -> Result<K::View<'a>> {
        K::view(self)
    }

    /// The typed view, for code that has to ask what the type is.
    ///
    /// # Errors
    /// `input`, if the array's text is no UTF-8.
    pub fn values(self) -> Result<Values<'a>> {
        Ok(match &self.raw.values {
            RawValues::Nulls => Values::Nulls,
            RawValues::Booleans(_) => Values::Booleans(self.view::<bool>()?),
            RawValues::Int8(_) => Values::Int8(self.view::<i8>()?),
            RawValues::Int16(_) => Values::Int16(self.view::<i16>()?),
            RawValues::Int32(_) => Values::Int32(self.view::<i32>()?),
            RawValues::Int64(_) => Values::Int64(self.view::<i64>()?),
            RawValues::Uint8(_) => Values::UInt8(self.view::<u8>()?),
            RawValues::Uint16(_) => Values::UInt16(self.view::<u16>()?),
            RawValues::Uint32(_) => Values::UInt32(self.view::<u32>()?),
            RawValues::Uint64(_) => Values::UInt64(self.view::<u64>()?),
            RawValues::Float32(_) => Values::Float32(self.view::<f32>()?),
            RawValues::Float64(_) => Values::Float64(self.view::<f64>()?),
            RawValues::Utf8(_) => Values::Strings(self.view::<str>()?),
            RawValues::Binary(_) | RawValues::Fixed(_) => Values::Binaries(self.view::<[u8]>()?),
            RawValues::Lists(_) | RawValues::Vectors(_) => Values::Lists(self.view::<List>()?),
            RawValues::Structs(_) => Values::Structs(self.view::<Struct>()?),
        })
    }
}

/// What a handle or a view may ask for: `str`, `[u8]`, `bool`, a number type, [`Bytes`], [`List`], [`Struct`], [`Any`].
pub trait Kind {
    /// The type's name in errors.
    const NAME: &'static str;
    /// The view on a column of this kind.
    type View<'a>;
    /// Whether columns of this layout are of this kind.
    fn accepts(layout: &Layout) -> bool;
    /// The view on this array.
    ///
    /// # Errors
    /// `input`, if the array is of another type or its text is no UTF-8.
    fn view(array: Array<'_>) -> Result<Self::View<'_>>;
}

/// Lists and vectors.
pub enum List {}
/// Structs.
pub enum Struct {}
/// Text and bytes, as bytes.
pub enum Bytes {}
/// Columns of every type.
pub enum Any {}

fn mismatch<T>(array: Array<'_>, expected: &str) -> Result<T> {
    Err(StepError::input(format!("an array is {}, and {expected} is expected", array.ty())))
}

/// Which values are null, one bit each.
#[derive(Clone, Copy)]
pub struct Validity<'a>(Option<&'a [u8]>);

impl Validity<'_> {
    /// Whether value `i` is null.
    #[inline]
    pub fn is_null(self, i: usize) -> bool {
        self.0.is_some_and(|bits| bits[i / 8] >> (i % 8) & 1 == 0)
    }

    /// Whether no value is null because there is no validity at all.
    pub fn is_absent(self) -> bool {
        self.0.is_none()
    }

    /// The bits, for a column that has a null where this one has.
    pub fn to_bits(self) -> Option<Vec<u8>> {
        self.0.map(<[u8]>::to_vec)
    }
}

macro_rules! common {
    ($($get:tt)*) => {
        /// How many values, nulls included.
        #[inline]
        pub fn len(&self) -> usize {
            self.len
        }

        /// Whether there are no values.
        pub fn is_empty(&self) -> bool {
            self.len == 0
        }

        /// Whether value `i` is null.
        #[inline]
        pub fn is_null(&self, i: usize) -> bool {
            self.validity.is_null(i)
        }

        /// Which values are null.
        pub fn validity(&self) -> Validity<'a> {
            self.validity
        }

        /// All values in order, `None` where there is a null.
        pub fn iter(self) -> impl ExactSizeIterator<Item = Option<$($get)*>> + Clone {

            (0..self.len).map(move |i| self.get(i))
        }

        /// Value `i`, or `None` where there is a null.
        ///
        /// # Panics
        /// If there is no value `i`.
        #[inline]
        pub fn get(&self, i: usize) -> Option<$($get)*> {
            if self.validity.is_null(i) { None } else { Some(self.value(i)) }
        }
    };
}

/// A `utf8` column.
#[derive(Clone, Copy)]
pub struct Strings<'a> {
    len: usize,
    validity: Validity<'a>,
    offsets: &'a [u32],
    text: &'a str,
}

impl<'a> Strings<'a> {
    common!(&'a str);

    /// Value `i`; where there is a null, some text that means nothing.
    #[inline]
    pub fn value(&self, i: usize) -> &'a str {
        &self.text[self.span(i)]
    }

    /// The bytes of all values together.
    pub fn total_bytes(&self) -> usize {
        self.text.len()
    }

    /// All values in one text, one behind the other, those under a null too.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// Where in [`text`](Self::text) value `i` is.
    ///
    /// # Panics
    /// If there is no value `i`.
    #[inline]
    pub fn span(&self, i: usize) -> Range<usize> {
        self.offsets[i] as usize..self.offsets[i + 1] as usize
    }
}

impl Kind for str {
    const NAME: &'static str = "utf8";
    type View<'a> = Strings<'a>;
    fn accepts(layout: &Layout) -> bool {
        matches!(layout, Layout::Utf8)
    }
    fn view(array: Array<'_>) -> Result<Strings<'_>> {
        let RawValues::Utf8(bytes) = &array.raw.values else { return mismatch(array, Self::NAME) };
        // Once for the whole column: a value is then a slice, and slicing checks that it begins and ends between characters.
        let text = simdutf8::compat::from_utf8(&bytes.data);
        let text = text.map_err(|error| StepError::input(format!("text is no UTF-8: {error}")))?;
        Ok(Strings { len: array.len(), validity: array.validity(), offsets: &bytes.offsets, text })
    }
}

/// A `binary` or `fixed` column; or a `utf8` one whose text is not looked at.
#[derive(Clone, Copy)]
pub struct Binaries<'a> {
    len: usize,
    validity: Validity<'a>,
    spans: Spans<'a>,
    data: &'a [u8],
}

impl<'a> Binaries<'a> {
    common!(&'a [u8]);

    /// Value `i`; where there is a null, some bytes that mean nothing.
    #[inline]
    pub fn value(&self, i: usize) -> &'a [u8] {
        &self.data[self.spans.get(i)]
    }
}

impl Kind for [u8] {
    const NAME: &'static str = "binary or fixed";
    type View<'a> = Binaries<'a>;
    fn accepts(layout: &Layout) -> bool {
        matches!(layout, Layout::Binary | Layout::Fixed(_))
    }
    fn view(array: Array<'_>) -> Result<Binaries<'_>> {
        let (spans, data) = match &array.raw.values {
            RawValues::Binary(bytes) => (Spans::Offsets(&bytes.offsets), &bytes.data),
            RawValues::Fixed(fixed) => (Spans::Width(fixed.width as usize), &fixed.data),
            _ => return mismatch(array, Self::NAME),
        };
        Ok(Binaries { len: array.len(), validity: array.validity(), spans, data })
    }
}

impl Kind for Bytes {
    const NAME: &'static str = "utf8, binary or fixed";
    type View<'a> = Binaries<'a>;
    fn accepts(layout: &Layout) -> bool {
        str::accepts(layout) || <[u8]>::accepts(layout)
    }
    fn view(array: Array<'_>) -> Result<Binaries<'_>> {
        let RawValues::Utf8(bytes) = &array.raw.values else { return array.view::<[u8]>() };
        let spans = Spans::Offsets(&bytes.offsets);
        Ok(Binaries { len: array.len(), validity: array.validity(), spans, data: &bytes.data })
    }
}

/// Where each value of a column begins and ends in what is below it.
#[derive(Clone, Copy)]
pub(crate) enum Spans<'a> {
    Offsets(&'a [u32]),
    Width(usize),
}

impl Spans<'_> {
    #[inline]
    pub(crate) fn get(self, i: usize) -> Range<usize> {
        match self {
            Spans::Offsets(offsets) => offsets[i] as usize..offsets[i + 1] as usize,
            Spans::Width(width) => i * width..(i + 1) * width,
        }
    }
}

/// A `boolean` column.
#[derive(Clone, Copy)]
pub struct Booleans<'a> {
    len: usize,
    validity: Validity<'a>,
    bits: &'a [u8],
}

impl<'a> Booleans<'a> {
    common!(bool);

    /// Value `i`; where there is a null, one that means nothing.
    #[inline]
    pub fn value(&self, i: usize) -> bool {
        self.bits[i / 8] >> (i % 8) & 1 == 1
    }
}

impl Kind for bool {
    const NAME: &'static str = "boolean";
    type View<'a> = Booleans<'a>;
    fn accepts(layout: &Layout) -> bool {
        matches!(layout, Layout::Boolean)
    }
    fn view(array: Array<'_>) -> Result<Booleans<'_>> {
        let RawValues::Booleans(bits) = &array.raw.values else { return mismatch(array, Self::NAME) };
        Ok(Booleans { len: array.len(), validity: array.validity(), bits })
    }
}

/// A column of numbers.
#[derive(Clone, Copy)]
pub struct Numbers<'a, T> {
    len: usize,
    validity: Validity<'a>,
    values: &'a [T],
}

impl<'a, T: Copy> Numbers<'a, T> {
    common!(T);

    /// Value `i`; where there is a null, one that means nothing.
    #[inline]
    pub fn value(&self, i: usize) -> T {
        self.values[i]
    }

    /// All values as they lie in memory; those under a null mean nothing.
    pub fn values(&self) -> &'a [T] {
        self.values
    }
}

macro_rules! numbers {
    ($($number:ty, $layout:ident, $raw:ident, $name:literal);* $(;)?) => {$(
        impl Kind for $number {
            const NAME: &'static str = $name;
            type View<'a> = Numbers<'a, $number>;
            fn accepts(layout: &Layout) -> bool {
                matches!(layout, Layout::$layout)
            }
            fn view(array: Array<'_>) -> Result<Numbers<'_, $number>> {
                let RawValues::$raw(values) = &array.raw.values else { return mismatch(array, Self::NAME) };
                Ok(Numbers { len: array.len(), validity: array.validity(), values })
            }
        }
    )*};
}

numbers! {
    i8, Int8, Int8, "int8"; i16, Int16, Int16, "int16"; i32, Int32, Int32, "int32"; i64, Int64, Int64, "int64";
    u8, UInt8, Uint8, "uint8"; u16, UInt16, Uint16, "uint16"; u32, UInt32, Uint32, "uint32"; u64, UInt64, Uint64, "uint64";
    f32, Float32, Float32, "float32"; f64, Float64, Float64, "float64";
}

/// A column of lists, each of its own length (`list`) or all of one (`vector`).
#[derive(Clone, Copy)]
pub struct Lists<'a> {
    len: usize,
    validity: Validity<'a>,
    spans: Spans<'a>,
    items: Array<'a>,
}

impl<'a> Lists<'a> {
    common!(Range<usize>);

    /// Which of [`items`](Self::items) list `i` holds; where there is a null, some that mean nothing.
    #[inline]
    pub fn value(&self, i: usize) -> Range<usize> {
        self.spans.get(i)
    }

    /// The items of all lists, one after another.
    pub fn items(&self) -> Array<'a> {
        self.items
    }
}

impl Kind for List {
    const NAME: &'static str = "a list or vector";
    type View<'a> = Lists<'a>;
    fn accepts(layout: &Layout) -> bool {
        matches!(layout, Layout::List(_) | Layout::Vector(..))
    }
    fn view(array: Array<'_>) -> Result<Lists<'_>> {
        let (spans, items) = match &array.raw.values {
            RawValues::Lists(lists) => (Spans::Offsets(&lists.offsets), lists.items),
            RawValues::Vectors(vectors) => (Spans::Width(vectors.width as usize), vectors.items),
            _ => return mismatch(array, Self::NAME),
        };
        Ok(Lists { len: array.len(), validity: array.validity(), spans, items: array.child(items) })
    }
}

/// A column of structs.
#[derive(Clone, Copy)]
pub struct Structs<'a> {
    array: Array<'a>,
    members: &'a [RawColumn],
}

impl<'a> Structs<'a> {
    /// How many structs, nulls included.
    pub fn len(&self) -> usize {
        self.array.len()
    }

    /// Whether there are no structs.
    pub fn is_empty(&self) -> bool {
        self.array.is_empty()
    }

    /// Whether struct `i` is null; its members' values then mean nothing.
    pub fn is_null(&self, i: usize) -> bool {
        self.array.is_null(i)
    }

    /// Which structs are null.
    pub fn validity(&self) -> Validity<'a> {
        self.array.validity()
    }

    /// The members in order, each as long as this column.
    pub fn members(&self) -> impl ExactSizeIterator<Item = (&'a str, Array<'a>)> + use<'a> {
        let array = self.array;
        self.members.iter().map(move |member| (member.name.as_str(), array.child(member.values)))
    }

    /// The member of this name, if there is one.
    pub fn member(&self, name: &str) -> Option<Array<'a>> {
        self.members().find(|(member, _)| *member == name).map(|(_, array)| array)
    }
}

impl Kind for Struct {
    const NAME: &'static str = "a struct";
    type View<'a> = Structs<'a>;
    fn accepts(layout: &Layout) -> bool {
        matches!(layout, Layout::Struct(_))
    }
    fn view(array: Array<'_>) -> Result<Structs<'_>> {
        let RawValues::Structs(members) = &array.raw.values else { return mismatch(array, Self::NAME) };
        Ok(Structs { array, members })
    }
}

impl Kind for Any {
    const NAME: &'static str = "any type";
    type View<'a> = Array<'a>;
    fn accepts(_: &Layout) -> bool {
        true
    }
    fn view(array: Array<'_>) -> Result<Array<'_>> {
        Ok(array)
    }
}
