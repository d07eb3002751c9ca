//! From the author's record to columns, by serde: a builder for every type, into which a record is serialized.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema as JsonSchemaOf, SchemaGenerator, json_schema};
use serde::Serialize;
use serde::ser::{self, Impossible, SerializeSeq, SerializeStruct, SerializeTuple, SerializeTupleStruct, Serializer};

use super::value::{RowBuf, Value};
use crate::array_buf::{ArrayBuf, ValuesBuf};
use crate::builders::{BinaryBuilder, BooleanBuilder, Builder, NumberBuilder, Push, StringBuilder, ValidityBuilder};
use crate::raw::columns::{FixedBytes, Values as RawValues};
use crate::types::{Field, Layout, Type};

/// What a row can be written from: a struct that derives `Serialize` (and `JsonSchema`, which tells the columns' types);
/// `()` for nothing; a [`RowBuf`].
pub trait ToRow {
    #[doc(hidden)]
    fn write(&self, row: &mut AnyBuilder) -> Result<(), Unwritable>;
}

impl<T: Serialize> ToRow for T {
    fn write(&self, row: &mut AnyBuilder) -> Result<(), Unwritable> {
        self.serialize(row)
    }
}

impl ToRow for RowBuf {
    fn write(&self, row: &mut AnyBuilder) -> Result<(), Unwritable> {
        row.push_members(&self.0)
    }
}

/// Bytes, for a column of the type `binary`: serde takes a `Vec<u8>` for a list of numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bytes<'a>(pub Cow<'a, [u8]>);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl JsonSchema for Bytes<'_> {
    fn schema_name() -> Cow<'static, str> {
        "Bytes".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> JsonSchemaOf {
        json_schema!({ "type": "string", "format": "binary" })
    }
}

/// Builds a column of any type.
#[doc(hidden)]
pub struct AnyBuilder {
    len: usize,
    ty: Type,
    kind: Kind,
}

enum Kind {
    Nulls,
    Boolean(BooleanBuilder),
    Int8(NumberBuilder<i8>),
    Int16(NumberBuilder<i16>),
    Int32(NumberBuilder<i32>),
    Int64(NumberBuilder<i64>),
    UInt8(NumberBuilder<u8>),
    UInt16(NumberBuilder<u16>),
    UInt32(NumberBuilder<u32>),
    UInt64(NumberBuilder<u64>),
    Float32(NumberBuilder<f32>),
    Float64(NumberBuilder<f64>),
    Utf8(StringBuilder),
    Binary(BinaryBuilder),
    Fixed(usize, Vec<u8>, ValidityBuilder),
    List(Vec<u32>, Box<AnyBuilder>, ValidityBuilder),
    Vector(usize, Box<AnyBuilder>, ValidityBuilder),
    Struct(Vec<(String, AnyBuilder)>, ValidityBuilder),
}

/// Runs the same code for every kind whose builder is one of [`crate::builders`].
macro_rules! leaves {
    ($kind:expr, $builder:ident => $leaf:expr, $($other:tt)*) => {
        match $kind {
            Kind::Boolean($builder) => $leaf,
            Kind::Int8($builder) => $leaf,
            Kind::Int16($builder) => $leaf,
            Kind::Int32($builder) => $leaf,
            Kind::Int64($builder) => $leaf,
            Kind::UInt8($builder) => $leaf,
            Kind::UInt16($builder) => $leaf,
            Kind::UInt32($builder) => $leaf,
            Kind::UInt64($builder) => $leaf,
            Kind::Float32($builder) => $leaf,
            Kind::Float64($builder) => $leaf,
            Kind::Utf8($builder) => $leaf,
            Kind::Binary($builder) => $leaf,
            $($other)*
        }
    };
}

impl AnyBuilder {
    /// A builder of a column of this type, with room for so many values.
    pub(super) fn new(ty: &Type, rows: usize) -> Self {
        let none = ValidityBuilder::default;
        let kind = match &ty.layout {
            Layout::Null => Kind::Nulls,
            Layout::Boolean => Kind::Boolean(Builder::with_capacity(rows)),
            Layout::Int8 => Kind::Int8(Builder::with_capacity(rows)),
            Layout::Int16 => Kind::Int16(Builder::with_capacity(rows)),
            Layout::Int32 => Kind::Int32(Builder::with_capacity(rows)),
            Layout::Int64 => Kind::Int64(Builder::with_capacity(rows)),
            Layout::UInt8 => Kind::UInt8(Builder::with_capacity(rows)),
            Layout::UInt16 => Kind::UInt16(Builder::with_capacity(rows)),
            Layout::UInt32 => Kind::UInt32(Builder::with_capacity(rows)),
            Layout::UInt64 => Kind::UInt64(Builder::with_capacity(rows)),
            Layout::Float32 => Kind::Float32(Builder::with_capacity(rows)),
            Layout::Float64 => Kind::Float64(Builder::with_capacity(rows)),
            Layout::Utf8 => Kind::Utf8(Builder::with_capacity(rows)),
            Layout::Binary => Kind::Binary(Builder::with_capacity(rows)),
            Layout::Fixed(width) => Kind::Fixed(*width as usize, vec![], none()),
            Layout::List(items) => Kind::List(vec![0], Box::new(AnyBuilder::new(items, rows)), none()),
            Layout::Vector(items, width) => {
                Kind::Vector(*width as usize, Box::new(AnyBuilder::new(items, rows * *width as usize)), none())
            }
            Layout::Struct(fields) => {
                Kind::Struct(fields.iter().map(|f| (f.name.clone(), AnyBuilder::new(&f.ty, rows))).collect(), none())
            }
        };
        AnyBuilder { len: 0, ty: ty.clone(), kind }
    }

    /// A builder of rows of these columns.
    pub(super) fn of_rows(fields: &[Field], rows: usize) -> Self {
        AnyBuilder::new(&Type::new(Layout::Struct(fields.to_vec())), rows)
    }

    /// How many values there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The columns of a builder of rows.
    pub(super) fn finish_rows(self) -> Vec<ArrayBuf> {
        match self.kind {
            Kind::Struct(members, _) => members.into_iter().map(|(_, member)| member.finish()).collect(),
            _ => unreachable!("`of_rows` made it"),
        }
    }

    fn finish(self) -> ArrayBuf {
        let of = |values, validity: ValidityBuilder| ArrayBuf {
            length: self.len as u32,
            validity: validity.finish(),
            values,
            logical: None,
        };
        let array = leaves!(self.kind, builder => builder.finish(),
            Kind::Nulls => ArrayBuf::nulls(self.len),
            Kind::Fixed(width, data, validity) => {
                of(ValuesBuf::Leaf(RawValues::Fixed(FixedBytes { width: width as u32, data })), validity)
            }
            Kind::List(offsets, items, validity) => of(ValuesBuf::Lists(offsets, Box::new(items.finish())), validity),
            Kind::Vector(width, items, validity) => {
                of(ValuesBuf::Vectors(width as u32, Box::new(items.finish())), validity)
            }
            Kind::Struct(members, validity) => {
                of(ValuesBuf::Structs(members.into_iter().map(|(name, m)| (name, m.finish())).collect()), validity)
            }
        );
        array.with_logical(self.ty.logical)
    }

    fn push_null(&mut self) {
        let len = self.len;
        leaves!(&mut self.kind, builder => builder.push_null(),
            Kind::Nulls => {}
            Kind::Fixed(width, data, validity) => {
                data.resize(data.len() + *width, 0);
                validity.push_null(len);
            }
            Kind::List(offsets, items, validity) => {
                offsets.push(items.len as u32);
                validity.push_null(len);
            }
            Kind::Vector(width, items, validity) => {
                (0..*width).for_each(|_| items.push_blank());
                validity.push_null(len);
            }
            Kind::Struct(members, validity) => {
                members.iter_mut().for_each(|(_, member)| member.push_blank());
                validity.push_null(len);
            }
        );
        self.len += 1;
    }

    /// Adds what lies under a null of what it is nested in: a null too, where there may be one.
    fn push_blank(&mut self) {
        if self.ty.nullable { self.push_null() } else { self.push_default() }
    }

    /// Adds a value that is there: what a record's types are tried with.
    pub(super) fn push_default(&mut self) {
        match &mut self.kind {
            Kind::Nulls => {}
            Kind::Boolean(builder) => builder.push(false),
            Kind::Int8(builder) => builder.push(0),
            Kind::Int16(builder) => builder.push(0),
            Kind::Int32(builder) => builder.push(0),
            Kind::Int64(builder) => builder.push(0),
            Kind::UInt8(builder) => builder.push(0),
            Kind::UInt16(builder) => builder.push(0),
            Kind::UInt32(builder) => builder.push(0),
            Kind::UInt64(builder) => builder.push(0),
            Kind::Float32(builder) => builder.push(0.0),
            Kind::Float64(builder) => builder.push(0.0),
            Kind::Utf8(builder) => builder.push(""),
            Kind::Binary(builder) => builder.push(b""),
            Kind::Fixed(width, data, validity) => {
                data.resize(data.len() + *width, 0);
                validity.push_valid();
            }
            Kind::List(offsets, items, validity) => {
                items.push_default();
                offsets.push(items.len as u32);
                validity.push_valid();
            }
            Kind::Vector(width, items, validity) => {
                (0..*width).for_each(|_| items.push_default());
                validity.push_valid();
            }
            Kind::Struct(members, validity) => {
                members.iter_mut().for_each(|(_, member)| member.push_default());
                validity.push_valid();
            }
        }
        self.len += 1;
    }

    fn push_bytes(&mut self, bytes: &[u8]) -> Result<(), Unwritable> {
        match &mut self.kind {
            Kind::Binary(builder) => builder.push(bytes),
            Kind::Fixed(width, data, validity) if *width == bytes.len() => {
                data.extend_from_slice(bytes);
                validity.push_valid();
            }
            _ => return Err(self.wrong(&format!("{} bytes", bytes.len()))),
        }
        self.len += 1;
        Ok(())
    }

    fn push_value(&mut self, value: &Value) -> Result<(), Unwritable> {
        macro_rules! leaves_and {
            ($($kind:ident),*; $($other:tt)*) => {
                match (&mut self.kind, value) {
                    $((Kind::$kind(builder), Value::$kind(value)) => builder.push(*value),)*
                    $($other)*
                }
            };
        }
        leaves_and!(Boolean, Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64, Float32, Float64;
            (Kind::Utf8(builder), Value::Utf8(text)) => builder.push(text),
            (Kind::List(offsets, items, validity), Value::List(values)) => {
                values.iter().try_for_each(|value| items.push_value(value))?;
                offsets.push(items.len as u32);
                validity.push_valid();
            }
            (Kind::Vector(width, items, validity), Value::List(values)) if values.len() == *width => {
                values.iter().try_for_each(|value| items.push_value(value))?;
                validity.push_valid();
            }
            (_, Value::Binary(bytes)) => return self.push_bytes(bytes),
            (Kind::Struct(..), Value::Struct(values)) => return self.push_members(values),
            (_, Value::Null) => {
                self.push_null();
                return Ok(());
            }
            _ => return Err(self.wrong("a value of another type")),
        );
        self.len += 1;
        Ok(())
    }

    /// The values of a row or struct, by name.
    fn push_members(&mut self, values: &[(String, Value)]) -> Result<(), Unwritable> {
        let Kind::Struct(members, validity) = &mut self.kind else { return Err(self.wrong("a struct")) };
        for (i, (name, member)) in members.iter_mut().enumerate() {
            // They mostly come in the order of the columns.
            let value = values.get(i).filter(|(of, _)| of == name).or_else(|| values.iter().find(|(of, _)| of == name));
            let (_, value) = value.ok_or_else(|| Unwritable(format!("there is no value for `{name}`")))?;
            member.push_value(value).map_err(|error| error.of(name))?;
        }
        validity.push_valid();
        self.len += 1;
        Ok(())
    }

    /// A number of another type than the column's, if it is the same number there.
    fn push_integer(&mut self, value: i128) -> Result<(), Unwritable> {
        macro_rules! fitting {
            ($($kind:ident),*) => {
                match &mut self.kind {
                    $(Kind::$kind(builder) => value.try_into().map(|value| builder.push(value)).is_ok(),)*
                    _ => false,
                }
            };
        }
        if !fitting!(Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64) {
            return Err(self.wrong(&format!("the number {value}")));
        }
        self.len += 1;
        Ok(())
    }

    fn wrong(&self, value: &str) -> Unwritable {
        Unwritable(format!("{value} does not go into {}", self.ty))
    }
}

/// Why a record cannot be written.
#[doc(hidden)]
#[derive(Debug)]
pub struct Unwritable(String);

impl Unwritable {
    fn of(self, name: &str) -> Self {
        Unwritable(format!("`{name}`: {}", self.0))
    }
}

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unwritable {}

impl ser::Error for Unwritable {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Unwritable(message.to_string())
    }
}

macro_rules! serialize_numbers {
    ($($method:ident $number:ty, $kind:ident);*) => {$(
        #[inline]
        fn $method(self, value: $number) -> Result<(), Unwritable> {
            let Kind::$kind(builder) = &mut self.kind else { return self.push_integer(value.into()) };
            builder.push(value);
            self.len += 1;
            Ok(())
        }
    )*};
}

impl<'b> Serializer for &'b mut AnyBuilder {
    type Ok = ();
    type Error = Unwritable;
    type SerializeSeq = ItemsWriter<'b>;
    type SerializeTuple = ItemsWriter<'b>;
    type SerializeTupleStruct = ItemsWriter<'b>;
    type SerializeTupleVariant = Impossible<(), Unwritable>;
    type SerializeMap = Impossible<(), Unwritable>;
    type SerializeStruct = MembersWriter<'b>;
    type SerializeStructVariant = Impossible<(), Unwritable>;

    serialize_numbers! {
        serialize_i8 i8, Int8; serialize_i16 i16, Int16; serialize_i32 i32, Int32; serialize_i64 i64, Int64;
        serialize_u8 u8, UInt8; serialize_u16 u16, UInt16; serialize_u32 u32, UInt32; serialize_u64 u64, UInt64
    }

    fn serialize_bool(self, value: bool) -> Result<(), Unwritable> {
        let Kind::Boolean(builder) = &mut self.kind else { return Err(self.wrong(&value.to_string())) };
        builder.push(value);
        self.len += 1;
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), Unwritable> {
        match &mut self.kind {
            Kind::Float32(builder) => builder.push(value),
            Kind::Float64(builder) => builder.push(value.into()),
            _ => return Err(self.wrong(&format!("the number {value}"))),
        }
        self.len += 1;
        Ok(())
    }

    fn serialize_f64(self, value: f64) -> Result<(), Unwritable> {
        let Kind::Float64(builder) = &mut self.kind else { return Err(self.wrong(&format!("the number {value}"))) };
        builder.push(value);
        self.len += 1;
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), Unwritable> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<(), Unwritable> {
        let Kind::Utf8(builder) = &mut self.kind else { return Err(self.wrong("text")) };
        builder.push(value);
        self.len += 1;
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Unwritable> {
        self.push_bytes(value)
    }

    fn serialize_none(self) -> Result<(), Unwritable> {
        self.push_null();
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Unwritable> {
        value.serialize(self)
    }

    /// `()` is a row without columns, and a null anywhere else.
    fn serialize_unit(self) -> Result<(), Unwritable> {
        match &self.kind {
            Kind::Struct(members, _) if members.is_empty() => self.push_default(),
            _ => self.push_null(),
        }
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Unwritable> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, name: &'static str) -> Result<(), Unwritable> {
        self.serialize_str(name)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Unwritable> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        _: &T,
    ) -> Result<(), Unwritable> {
        Err(self.wrong(&format!("the case `{name}` with a value")))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<ItemsWriter<'b>, Unwritable> {
        match &self.kind {
            Kind::List(_, items, _) | Kind::Vector(_, items, _) => Ok(ItemsWriter { before: items.len, list: self }),
            _ => Err(self.wrong("a list")),
        }
    }

    fn serialize_tuple(self, len: usize) -> Result<ItemsWriter<'b>, Unwritable> {
        self.serialize_seq(Some(len))
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<ItemsWriter<'b>, Unwritable> {
        self.serialize_seq(Some(len))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Unwritable> {
        Err(self.wrong(&format!("the case `{name}` with values")))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Unwritable> {
        Err(self.wrong("a map"))
    }

    #[inline]
    fn serialize_struct(self, name: &'static str, _: usize) -> Result<MembersWriter<'b>, Unwritable> {
        if !matches!(self.kind, Kind::Struct(..)) {
            return Err(self.wrong(&format!("the struct `{name}`")));
        }
        Ok(MembersWriter { row: self, next: 0 })
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Unwritable> {
        Err(self.wrong(&format!("the case `{name}` with values")))
    }
}

/// Writes a list's items.
#[doc(hidden)]
pub struct ItemsWriter<'b> {
    list: &'b mut AnyBuilder,
    before: usize,
}

impl SerializeSeq for ItemsWriter<'_> {
    type Ok = ();
    type Error = Unwritable;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        match &mut self.list.kind {
            Kind::List(_, items, _) | Kind::Vector(_, items, _) => value.serialize(&mut **items),
            _ => unreachable!("`serialize_seq` saw a list"),
        }
    }

    fn end(self) -> Result<(), Unwritable> {
        match &mut self.list.kind {
            Kind::List(offsets, items, validity) => {
                offsets.push(items.len as u32);
                validity.push_valid();
            }
            Kind::Vector(width, items, validity) if items.len - self.before == *width => validity.push_valid(),
            Kind::Vector(_, items, _) => {
                let count = items.len - self.before;
                return Err(self.list.wrong(&format!("a list of {count}")));
            }
            _ => unreachable!("`serialize_seq` saw a list"),
        }
        self.list.len += 1;
        Ok(())
    }
}

impl SerializeTupleStruct for ItemsWriter<'_> {
    type Ok = ();
    type Error = Unwritable;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        SerializeSeq::serialize_element(self, value)
    }

    fn end(self) -> Result<(), Unwritable> {
        SerializeSeq::end(self)
    }
}

impl SerializeTuple for ItemsWriter<'_> {
    type Ok = ();
    type Error = Unwritable;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        SerializeSeq::serialize_element(self, value)
    }

    fn end(self) -> Result<(), Unwritable> {
        SerializeSeq::end(self)
    }
}

/// Writes a record's fields, or a struct's members.
#[doc(hidden)]
pub struct MembersWriter<'b> {
    row: &'b mut AnyBuilder,
    next: usize,
}

impl SerializeStruct for MembersWriter<'_> {
    type Ok = ();
    type Error = Unwritable;

    #[inline]
    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Unwritable> {
        let Kind::Struct(members, _) = &mut self.row.kind else { unreachable!("`serialize_struct` saw a struct") };
        let at = if members.get(self.next).is_some_and(|(member, _)| member == name) {
            self.next
        } else {
            let found = members.iter().position(|(member, _)| member == name);
            found.ok_or_else(|| Unwritable(format!("`{name}` is not among the columns that are written")))?
        };
        self.next = at + 1;
        value.serialize(&mut members[at].1).map_err(|error| error.of(name))
    }

    #[inline]
    fn end(self) -> Result<(), Unwritable> {
        self.row.len += 1;
        let Kind::Struct(members, validity) = &mut self.row.kind else {
            unreachable!("`serialize_struct` saw a struct")
        };
        // A field that serde skipped.
        members.iter_mut().filter(|(_, member)| member.len < self.row.len).for_each(|(_, member)| member.push_null());
        validity.push_valid();
        Ok(())
    }
}
