//! A column of a batch, read value by value as what it stands for.

use std::borrow::Cow;

use callboard_sdk::Result;
use callboard_sdk::array::{Array, Values};

use crate::decimal::Decimal;
use crate::types::Meaning;
use crate::value::{List, Map, Struct, Value};

/// The typed views on a column and on all that is nested in it, made once for a batch.
pub(crate) struct Reader<'b> {
    pub(crate) values: Values<'b>,
    pub(crate) meaning: Meaning,
    /// The items of lists, keys and values of maps, members of structs.
    parts: Vec<(String, Reader<'b>)>,
}

impl std::fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reader({:?})", self.meaning)
    }
}

const DAY_IN_MILLISECONDS: i64 = 86_400_000;

impl<'b> Reader<'b> {
    /// # Errors
    /// `input`, if text is not UTF-8.
    pub(crate) fn new(array: Array<'b>) -> Result<Self> {
        let (values, meaning) = (array.values()?, Meaning::of(&array.ty()));
        let members = |array: Array<'b>| -> Result<Vec<(String, Reader<'b>)>> {
            match array.values()? {
                Values::Structs(structs) => {
                    structs.members().map(|(name, member)| Ok((name.to_owned(), Reader::new(member)?))).collect()
                }
                _ => Ok(vec![]),
            }
        };
        let parts = match &values {
            Values::Lists(lists) if meaning == Meaning::Map => members(lists.items())?,
            Values::Lists(lists) => vec![(String::new(), Reader::new(lists.items())?)],
            Values::Structs(_) => members(array)?,
            _ => vec![],
        };
        Ok(Reader { values, meaning, parts })
    }

    /// Value `i`.
    pub(crate) fn value<'r>(&'r self, i: usize) -> Value<'r>
    where
        'b: 'r,
    {
        if self.values.is_null(i) {
            return Value::Null;
        }
        match &self.values {
            Values::Nulls => Value::Null,
            Values::Booleans(values) => Value::Bool(values.value(i)),
            Values::Int8(values) => Value::Int(values.value(i).into()),
            Values::Int16(values) => Value::Int(values.value(i).into()),
            Values::Int32(values) => self.counted(values.value(i).into()),
            Values::Int64(values) => self.counted(values.value(i)),
            Values::UInt8(values) => Value::Int(values.value(i).into()),
            Values::UInt16(values) => Value::Int(values.value(i).into()),
            Values::UInt32(values) => Value::Int(values.value(i).into()),
            Values::UInt64(values) => Value::Int(values.value(i).into()),
            Values::Float32(values) => Value::Float(values.value(i).into()),
            Values::Float64(values) => Value::Float(values.value(i)),
            Values::Strings(values) => Value::Text(Cow::Borrowed(values.value(i))),
            Values::Binaries(values) => match self.meaning {
                Meaning::Decimal(scale) => Value::Decimal(Decimal::of_bytes(values.value(i), scale)),
                Meaning::Opaque => Value::Opaque,
                _ => Value::Bytes(Cow::Borrowed(values.value(i))),
            },
            Values::Lists(lists) => {
                let range = lists.value(i);
                match &self.parts[..] {
                    [(_, keys), (_, values)] => Value::Map(Map { keys, values, start: range.start, end: range.end }),
                    parts => Value::List(List::Column(&parts[0].1, range.start, range.end)),
                }
            }
            Values::Structs(_) => Value::Struct(Struct { members: &self.parts, row: i }),
        }
    }

    /// What an integer of 32 or 64 bits stands for.
    fn counted(&self, count: i64) -> Value<'static> {
        let nanoseconds = |unit: i64| i128::from(count) * i128::from(unit);
        match self.meaning {
            Meaning::Date(true) => Value::Date(count),
            // One with a time of day is no date, and says so.
            Meaning::Date(false) => match count.rem_euclid(DAY_IN_MILLISECONDS) {
                0 => Value::Date(count / DAY_IN_MILLISECONDS),
                _ => Value::Timestamp(nanoseconds(1_000_000)),
            },
            // What no day has is not what a time is compared with, and stays within what can be counted.
            Meaning::Time(unit) => Value::Time(count.saturating_mul(unit)),
            Meaning::Timestamp(unit) => Value::Timestamp(nanoseconds(unit)),
            Meaning::Duration(unit) => Value::Duration(nanoseconds(unit)),
            Meaning::Opaque => Value::Opaque,
            _ => Value::Int(count.into()),
        }
    }
}
