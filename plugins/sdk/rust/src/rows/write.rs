//! From the author's record to columns, by serde: it is serialized into a builder.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema as JsonSchemaOf, SchemaGenerator, json_schema};
use serde::Serialize;
use serde::ser::{self, Impossible, SerializeSeq, SerializeStruct, SerializeTuple, SerializeTupleStruct, Serializer};

use super::build::{AnyBuilder, Kind, Unwritable};
use super::value::RowBuf;
use crate::builders::Push;

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
