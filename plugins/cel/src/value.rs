//! Values, as an expression sees them.

use std::borrow::Cow;
use std::sync::Arc;

use callboard_sdk::serde_json;

use crate::compare::{Fold, is_equal};
use crate::decimal::Decimal;
use crate::reader::Reader;

/// The value of a part of an expression for one row. What is nested in a column is read when it is asked for.
#[derive(Clone, Debug)]
pub(crate) enum Value<'a> {
    /// Unknown.
    Null,
    Bool(bool),
    /// Every integer, with a sign or without: from `i64::MIN` to `u64::MAX`.
    Int(i128),
    Float(f64),
    Decimal(Decimal),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
    /// Days since 1970-01-01.
    Date(i64),
    /// Nanoseconds since midnight.
    Time(i64),
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    Timestamp(i128),
    /// Nanoseconds.
    Duration(i128),
    List(List<'a>),
    Map(Map<'a>),
    Struct(Struct<'a>),
    /// A value of JSON that is not null.
    Json(Arc<serde_json::Value>),
    /// What can only be asked whether it is null.
    Opaque,
}

#[derive(Clone, Debug)]
pub(crate) enum List<'a> {
    /// Values `start..end` of what is in the lists of a column.
    Column(&'a Reader<'a>, usize, usize),
    Made(Arc<[Value<'a>]>),
}

/// Entries `start..end` of a column of maps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Map<'a> {
    pub(crate) keys: &'a Reader<'a>,
    pub(crate) values: &'a Reader<'a>,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// A row of a column of structs: the members in order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Struct<'a> {
    pub(crate) members: &'a [(String, Reader<'a>)],
    pub(crate) row: usize,
}

impl<'a> Value<'a> {
    pub(crate) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Value::Text(text.into())
    }

    pub(crate) fn list(values: impl IntoIterator<Item = Value<'a>>) -> Self {
        Value::List(List::Made(values.into_iter().collect()))
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// True, false, or unknown.
    pub(crate) fn truth(&self) -> Option<bool> {
        match self {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The same value, of nothing that is borrowed; `None` for what is nested in a column.
    pub(crate) fn to_static(&self) -> Option<Value<'static>> {
        Some(match self {
            Value::Null => Value::Null,
            Value::Bool(value) => Value::Bool(*value),
            Value::Int(value) => Value::Int(*value),
            Value::Float(value) => Value::Float(*value),
            Value::Decimal(value) => Value::Decimal(value.clone()),
            Value::Text(text) => Value::text(text.to_string()),
            Value::Bytes(bytes) => Value::Bytes(Cow::Owned(bytes.to_vec())),
            Value::Date(date) => Value::Date(*date),
            Value::Time(time) => Value::Time(*time),
            Value::Timestamp(at) => Value::Timestamp(*at),
            Value::Duration(duration) => Value::Duration(*duration),
            Value::List(List::Made(items)) => {
                Value::List(List::Made(items.iter().map(Value::to_static).collect::<Option<_>>()?))
            }
            Value::Json(json) => Value::Json(json.clone()),
            Value::List(List::Column(..)) | Value::Map(_) | Value::Struct(_) | Value::Opaque => return None,
        })
    }

    /// The same value without a copy of what it holds.
    pub(crate) fn borrowed(&'a self) -> Value<'a> {
        match self {
            Value::Text(text) => Value::Text(Cow::Borrowed(text)),
            Value::Bytes(bytes) => Value::Bytes(Cow::Borrowed(bytes)),
            other => other.clone(),
        }
    }
}

impl From<Option<bool>> for Value<'_> {
    fn from(truth: Option<bool>) -> Self {
        truth.map_or(Value::Null, Value::Bool)
    }
}

impl<'a> List<'a> {
    pub(crate) fn len(&self) -> usize {
        match self {
            List::Column(_, start, end) => end - start,
            List::Made(values) => values.len(),
        }
    }

    /// The item at this place, from 0, if there is one.
    pub(crate) fn get(&self, i: usize) -> Option<Value<'a>> {
        match self {
            List::Column(items, start, end) => (i < end - start).then(|| items.value(start + i)),
            List::Made(values) => values.get(i).cloned(),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Value<'a>> {
        (0..self.len()).filter_map(|i| self.get(i))
    }
}

impl<'a> Map<'a> {
    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = Value<'a>> {
        let keys = self.keys;
        (self.start..self.end).map(move |i| keys.value(i))
    }

    /// The value under this key: the last, should there be several; null where there is none.
    pub(crate) fn get(&self, key: &Value<'_>) -> Value<'a> {
        let found = (self.start..self.end).rev().find(|i| is_equal(&self.keys.value(*i), key) == Some(true));
        found.map_or(Value::Null, |i| self.values.value(i))
    }

    /// Whether both have the same keys, with the same values.
    pub(crate) fn is_equal(&self, other: &Map<'_>) -> Option<bool> {
        let same_keys = |of: &Map<'_>, keys: &Map<'_>| {
            keys.keys().all(|key| of.keys().any(|known| is_equal(&known, &key) == Some(true)))
        };
        if !same_keys(self, other) || !same_keys(other, self) {
            return Some(false);
        }
        Fold::all(self.keys().map(|key| is_equal(&self.get(&key), &other.get(&key))))
    }
}

impl<'a> Struct<'a> {
    pub(crate) fn member(&self, place: usize) -> Value<'a> {
        self.members[place].1.value(self.row)
    }

    /// Whether all members of the same names are equal.
    pub(crate) fn is_equal(&self, other: &Struct<'_>) -> Option<bool> {
        Fold::all(self.members.iter().map(|(name, member)| {
            let theirs = other.members.iter().find(|(known, _)| known == name);
            theirs.map_or(Some(false), |(_, theirs)| is_equal(&member.value(self.row), &theirs.value(other.row)))
        }))
    }
}
