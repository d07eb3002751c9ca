//! From a row of a batch to the author's record, by serde; text and bytes are borrowed from the batch.

use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::value::{BorrowedStrDeserializer, SeqDeserializer};
use serde::de::{self, DeserializeSeed, Deserializer, Expected, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use super::value::{RowBuf, Value};
use crate::array::{Array, Lists, Structs, Values};
use crate::error::{Result, StepError};

/// What a row can be read as: a struct that derives `Deserialize`, whose fields are columns; `()` for nothing; a [`Row`] or
/// a map for every column.
pub trait FromRow<'a>: Sized {
    #[doc(hidden)]
    fn wanted() -> Wanted;
    #[doc(hidden)]
    fn from_row(row: Row<'a>) -> Result<Self, Unfit>;
}

impl<'a, T: Deserialize<'a>> FromRow<'a> for T {
    fn wanted() -> Wanted {
        // The probe has no value to give, so all that can come back is what was asked for.
        T::deserialize(Probe).err().unwrap_or(Wanted::All)
    }

    fn from_row(row: Row<'a>) -> Result<Self, Unfit> {
        T::deserialize(row)
    }
}

impl<'a> FromRow<'a> for Row<'a> {
    fn wanted() -> Wanted {
        Wanted::All
    }

    fn from_row(row: Row<'a>) -> Result<Self, Unfit> {
        Ok(row)
    }
}

/// A row of whatever columns there are.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    pub(super) columns: &'a [ReadColumn<'a>],
    pub(super) i: usize,
}

/// A column of the batch under the name of the record's field.
pub(super) struct ReadColumn<'a> {
    pub(super) field: &'a str,
    pub(super) column: &'a str,
    pub(super) values: Nested<'a>,
}

impl<'a> Row<'a> {
    /// The value in the column of this name, if it is read.
    pub fn get(self, name: &str) -> Option<Cell<'a>> {
        self.cells().find(|(column, _)| *column == name).map(|(_, cell)| cell)
    }

    /// All values that are read, with their columns' names.
    pub fn cells(self) -> impl ExactSizeIterator<Item = (&'a str, Cell<'a>)> {
        self.columns.iter().map(move |column| (column.field, Cell { values: &column.values, i: self.i }))
    }

    /// A copy of all values that are read.
    pub fn to_buf(self) -> RowBuf {
        RowBuf(self.cells().map(|(name, cell)| (name.to_owned(), cell.value())).collect())
    }
}

/// One value of a row, or one nested in it.
#[derive(Clone, Copy)]
pub struct Cell<'a> {
    pub(super) values: &'a Nested<'a>,
    pub(super) i: usize,
}

impl<'a> Cell<'a> {
    /// Whether there is a null.
    pub fn is_null(self) -> bool {
        self.values.is_null(self.i)
    }

    /// A copy of the value, of exactly its type.
    pub fn value(self) -> Value {
        Value::copy_of(self)
    }

    /// The value as whatever derives `Deserialize`: `cell.read::<Option<&str>>()?`, `cell.read::<Vec<Message>>()?`.
    ///
    /// # Errors
    /// `input`, if the value is of another type, or null where `T` is no `Option`.
    pub fn read<T: Deserialize<'a>>(self) -> Result<T> {
        T::deserialize(self).map_err(|unfit| StepError::input(unfit.to_string()))
    }
}

/// The views on a column and all that is nested in it, made once for a batch.
pub(super) enum Nested<'a> {
    Leaf(Values<'a>),
    List(Lists<'a>, Box<Nested<'a>>),
    Struct(Structs<'a>, Vec<(&'a str, Nested<'a>)>),
}

impl<'a> Nested<'a> {
    pub(super) fn new(array: Array<'a>) -> Result<Self> {
        Ok(match array.values()? {
            Values::Lists(lists) => Nested::List(lists, Box::new(Nested::new(lists.items())?)),
            Values::Structs(structs) => {
                let members = structs.members().map(|(name, member)| Ok((name, Nested::new(member)?)));
                Nested::Struct(structs, members.collect::<Result<_>>()?)
            }
            leaf => Nested::Leaf(leaf),
        })
    }

    #[inline]
    fn is_null(&self, i: usize) -> bool {
        match self {
            Nested::Leaf(values) => values.is_null(i),
            Nested::List(lists, _) => lists.is_null(i),
            Nested::Struct(structs, _) => structs.is_null(i),
        }
    }
}

impl<'de> Deserializer<'de> for Cell<'de> {
    type Error = Unfit;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        let i = self.i;
        if self.is_null() {
            return visitor.visit_unit();
        }
        match self.values {
            Nested::Leaf(leaf) => match leaf {
                Values::Strings(view) => visitor.visit_borrowed_str(view.value(i)),
                Values::Binaries(view) => visitor.visit_borrowed_bytes(view.value(i)),
                Values::Booleans(view) => visitor.visit_bool(view.value(i)),
                Values::Int8(view) => visitor.visit_i8(view.value(i)),
                Values::Int16(view) => visitor.visit_i16(view.value(i)),
                Values::Int32(view) => visitor.visit_i32(view.value(i)),
                Values::Int64(view) => visitor.visit_i64(view.value(i)),
                Values::UInt8(view) => visitor.visit_u8(view.value(i)),
                Values::UInt16(view) => visitor.visit_u16(view.value(i)),
                Values::UInt32(view) => visitor.visit_u32(view.value(i)),
                Values::UInt64(view) => visitor.visit_u64(view.value(i)),
                Values::Float32(view) => visitor.visit_f32(view.value(i)),
                Values::Float64(view) => visitor.visit_f64(view.value(i)),
                Values::Nulls | Values::Lists(_) | Values::Structs(_) => unreachable!("null, or no leaf"),
            },
            Nested::List(lists, items) => visitor.visit_seq(Items { items, span: lists.value(i) }),
            Nested::Struct(_, members) => visitor.visit_map(Members { members: members.iter(), value: None, i }),
        }
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        if self.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Unfit> {
        visitor.visit_newtype_struct(self)
    }

    /// A `Vec<u8>` may be a `binary` too.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        match self.values {
            Nested::Leaf(Values::Binaries(view)) if !view.is_null(self.i) => {
                visitor.visit_seq(SeqDeserializer::new(view.value(self.i).iter().copied()))
            }
            _ => self.deserialize_any(visitor),
        }
    }

    /// Text is the name of an enum's case.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unfit> {
        match self.values {
            Nested::Leaf(Values::Strings(view)) if !view.is_null(self.i) => {
                visitor.visit_enum(BorrowedStrDeserializer::new(view.value(self.i)))
            }
            _ => self.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct tuple
        tuple_struct map struct identifier ignored_any
    }
}

struct Items<'a> {
    items: &'a Nested<'a>,
    span: Range<usize>,
}

impl<'a> SeqAccess<'a> for Items<'a> {
    type Error = Unfit;

    fn next_element_seed<T: DeserializeSeed<'a>>(&mut self, seed: T) -> Result<Option<T::Value>, Unfit> {
        let item = self.span.next().map(|i| seed.deserialize(Cell { values: self.items, i }));
        item.transpose().map_err(Unfit::within)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.span.len())
    }
}

struct Members<'a> {
    members: std::slice::Iter<'a, (&'a str, Nested<'a>)>,
    value: Option<&'a Nested<'a>>,
    i: usize,
}

impl<'a> MapAccess<'a> for Members<'a> {
    type Error = Unfit;

    fn next_key_seed<K: DeserializeSeed<'a>>(&mut self, seed: K) -> Result<Option<K::Value>, Unfit> {
        let Some((name, values)) = self.members.next() else { return Ok(None) };
        self.value = Some(values);
        seed.deserialize(BorrowedStrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'a>>(&mut self, seed: T) -> Result<T::Value, Unfit> {
        let values = self.value.take().ok_or_else(|| de::Error::custom("a value was asked for before its key"))?;
        seed.deserialize(Cell { values, i: self.i }).map_err(Unfit::within)
    }
}

impl<'de> Deserializer<'de> for Row<'de> {
    type Error = Unfit;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        visitor.visit_map(Fields { row: self, next: 0 })
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Unfit> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

struct Fields<'a> {
    row: Row<'a>,
    next: usize,
}

impl<'a> MapAccess<'a> for Fields<'a> {
    type Error = Unfit;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'a>>(&mut self, seed: K) -> Result<Option<K::Value>, Unfit> {
        let Some(column) = self.row.columns.get(self.next) else { return Ok(None) };
        self.next += 1;
        seed.deserialize(BorrowedStrDeserializer::new(column.field)).map(Some)
    }

    #[inline]
    fn next_value_seed<T: DeserializeSeed<'a>>(&mut self, seed: T) -> Result<T::Value, Unfit> {
        let column = &self.row.columns[self.next - 1];
        let cell = Cell { values: &column.values, i: self.row.i };
        seed.deserialize(cell).map_err(|unfit| Unfit { column: Some(column.column.into()), ..unfit })
    }
}

/// Why a row does not fit the record.
#[doc(hidden)]
#[derive(Debug)]
pub struct Unfit {
    pub(super) column: Option<String>,
    /// Whether it is a value within the column's values.
    nested: bool,
    why: Why,
}

#[derive(Debug)]
enum Why {
    Null,
    /// The column is of another type than this, so that no row will fit.
    Type(String),
    Other(String),
}

impl Unfit {
    fn new(why: Why) -> Self {
        Unfit { column: None, nested: false, why }
    }

    fn within(self) -> Self {
        Unfit { nested: true, ..self }
    }

    /// Whether no row of such a column will fit.
    pub(super) fn is_of_type(&self) -> bool {
        matches!(self.why, Why::Type(_))
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.column, self.nested) {
            (Some(column), false) => write!(f, "column `{column}`")?,
            (Some(column), true) => write!(f, "a value within column `{column}`")?,
            (None, _) => f.write_str("the value")?,
        }
        match &self.why {
            Why::Null => f.write_str(" is null"),
            Why::Type(expected) => write!(f, " is no {expected}"),
            Why::Other(message) => write!(f, ": {message}"),
        }
    }
}

impl std::error::Error for Unfit {}

impl de::Error for Unfit {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Unfit::new(Why::Other(message.to_string()))
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        if let Unexpected::Unit | Unexpected::Option = unexpected {
            return Unfit::new(Why::Null);
        }
        let expected = expected.to_string();
        Unfit::new(Why::Type(match expected.trim_start_matches("a ").trim_start_matches("borrowed ") {
            "string" | "character" => "text".into(),
            "byte array" => "binary".into(),
            "sequence" => "list".into(),
            other => other.into(),
        }))
    }
}

/// Which columns a record wants; an error, because it is how [`Probe`] ends what it was asked.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub enum Wanted {
    Fields(&'static [&'static str]),
    All,
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl std::error::Error for Wanted {}

impl de::Error for Wanted {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Wanted::All
    }
}

/// Asks a record which fields it has.
struct Probe;

impl<'de> Deserializer<'de> for Probe {
    type Error = Wanted;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Wanted> {
        Err(Wanted::All)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Wanted> {
        Err(Wanted::Fields(fields))
    }

    fn deserialize_unit<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Wanted> {
        Err(Wanted::Fields(&[]))
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, _: V) -> Result<V::Value, Wanted> {
        Err(Wanted::Fields(&[]))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Wanted> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option seq tuple tuple_struct
        map enum identifier ignored_any
    }
}
