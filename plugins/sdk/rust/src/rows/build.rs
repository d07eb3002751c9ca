//! A builder of a column of any type.

use std::fmt;

use super::value::Value;
use crate::array_buf::{ArrayBuf, ValuesBuf};
use crate::builders::{BinaryBuilder, BooleanBuilder, Builder, NumberBuilder, Push, StringBuilder, ValidityBuilder};
use crate::raw::columns::{FixedBytes, Values as RawValues};
use crate::types::{Field, Layout, Type};

/// Bytes that are put out without waiting for more rows, far below what the host takes at once.
const LARGE: usize = 8 << 20;

/// Builds a column of any type.
#[doc(hidden)]
pub struct AnyBuilder {
    pub(super) len: usize,
    pub(super) ty: Type,
    pub(super) kind: Kind,
}

pub(super) enum Kind {
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
    /// A builder of a column of this type, with room for that many values.
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

    /// Whether these are enough rows to be put out: a full page, or fewer that are large.
    pub(super) fn is_full(&self, rows: usize) -> bool {
        self.len >= rows || self.len.is_multiple_of(16) && self.bytes() >= LARGE
    }

    /// About how many bytes the values take.
    pub(super) fn bytes(&self) -> usize {
        match &self.kind {
            Kind::Nulls => 0,
            Kind::Utf8(builder) => builder.bytes(),
            Kind::Binary(builder) => builder.bytes(),
            Kind::Fixed(_, data, _) => data.len(),
            Kind::List(_, items, _) | Kind::Vector(_, items, _) => items.bytes(),
            Kind::Struct(members, _) => members.iter().map(|(_, member)| member.bytes()).sum(),
            _ => self.len * 8,
        }
    }

    /// The columns of a builder of rows.
    pub(super) fn finish_rows(self) -> Vec<ArrayBuf> {
        match self.kind {
            Kind::Struct(members, _) => members.into_iter().map(|(_, member)| member.finish()).collect(),
            _ => unreachable!("`of_rows` made it"),
        }
    }

    pub(super) fn finish(self) -> ArrayBuf {
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

    pub(super) fn push_null(&mut self) {
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

    pub(super) fn push_bytes(&mut self, bytes: &[u8]) -> Result<(), Unwritable> {
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

    pub(super) fn push_value(&mut self, value: &Value) -> Result<(), Unwritable> {
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
    pub(super) fn push_members(&mut self, values: &[(String, Value)]) -> Result<(), Unwritable> {
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
    pub(super) fn push_integer(&mut self, value: i128) -> Result<(), Unwritable> {
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

    pub(super) fn wrong(&self, value: &str) -> Unwritable {
        Unwritable(format!("{value} does not go into {}", self.ty))
    }
}

/// Why a record cannot be written.
#[doc(hidden)]
#[derive(Debug)]
pub struct Unwritable(pub(super) String);

impl Unwritable {
    pub(super) fn of(self, name: &str) -> Self {
        Unwritable(format!("`{name}`: {}", self.0))
    }
}

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unwritable {}
