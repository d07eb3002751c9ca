//! Columns being built from text, value by value; strict: a value fits exactly or is a [`Misfit`].

use std::sync::Arc;

use arrow::array::*;
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, SchemaRef, TimeUnit};

use crate::misfit::{Misfit, excerpt};
use crate::names::Names;
use crate::types;
use crate::values::time::{self, Misread};

pub(crate) enum Column {
    Null(usize),
    Bool(BooleanBuilder),
    /// Every integer but uint64, and its type.
    Int(Int64Builder, DataType),
    Uint64(UInt64Builder),
    /// float64 or float32.
    Float(Float64Builder, DataType),
    Text(StringBuilder),
    Json(StringBuilder),
    Timestamp(TimestampMicrosecondBuilder),
    TimestampNs(TimestampNanosecondBuilder),
    Date(Date32Builder),
    List(Box<ListColumn>),
    Struct(StructColumn),
}

pub(crate) struct ListColumn {
    field: FieldRef,
    pub(crate) items: Column,
    ends: Vec<i32>,
    valid: NullBufferBuilder,
}

pub(crate) struct StructColumn {
    pub(crate) names: Names,
    pub(crate) fields: Fields,
    pub(crate) columns: Vec<Column>,
    /// Bytes that an object without a member takes all the same.
    pub(crate) width: u64,
    valid: NullBufferBuilder,
}

impl Column {
    /// An empty column of a field's type, which is one that [`types`] or an inference gave. Builders make room as they need it: there may
    /// be many columns, and few rows.
    pub(crate) fn new(field: &Field) -> Column {
        match field.data_type() {
            DataType::Null => Column::Null(0),
            DataType::Boolean => Column::Bool(BooleanBuilder::with_capacity(0)),
            DataType::UInt64 => Column::Uint64(UInt64Builder::with_capacity(0)),
            DataType::Float32 | DataType::Float64 => {
                Column::Float(Float64Builder::with_capacity(0), field.data_type().clone())
            }
            DataType::Utf8 if types::is_json(field) => Column::Json(StringBuilder::with_capacity(0, 0)),
            DataType::Utf8 => Column::Text(StringBuilder::with_capacity(0, 0)),
            DataType::Date32 => Column::Date(Date32Builder::with_capacity(0)),
            DataType::Timestamp(TimeUnit::Nanosecond, _) => Column::TimestampNs(
                TimestampNanosecondBuilder::with_capacity(0).with_data_type(field.data_type().clone()),
            ),
            DataType::Timestamp(..) => Column::Timestamp(
                TimestampMicrosecondBuilder::with_capacity(0).with_data_type(field.data_type().clone()),
            ),
            DataType::List(items) => Column::List(Box::new(ListColumn {
                field: items.clone(),
                items: Column::new(items),
                ends: Vec::new(),
                valid: NullBufferBuilder::new(0),
            })),
            DataType::Struct(fields) => Column::Struct(StructColumn::new(fields)),
            integer if integer.is_integer() => Column::Int(Int64Builder::with_capacity(0), integer.clone()),
            other => unreachable!("no text is read as {other}"),
        }
    }

    /// The name of its type, for messages.
    pub(crate) fn type_name(&self) -> String {
        match self {
            Column::Null(_) => "null, as all that was seen of it".into(),
            Column::Bool(_) => "bool".into(),
            Column::Uint64(_) => "uint64".into(),
            Column::Int(_, data_type) | Column::Float(_, data_type) => {
                types::name(&Field::new("", data_type.clone(), true))
            }
            Column::Text(_) => "string".into(),
            Column::Json(_) => "json".into(),
            Column::Timestamp(_) => "timestamp".into(),
            Column::TimestampNs(_) => "timestamp_ns".into(),
            Column::Date(_) => "date".into(),
            Column::List(list) => format!("list<{}>", types::name(&list.field)),
            Column::Struct(_) => "an object".into(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Column::Null(length) => *length,
            Column::Bool(b) => b.len(),
            Column::Int(b, _) => b.len(),
            Column::Uint64(b) => b.len(),
            Column::Float(b, _) => b.len(),
            Column::Text(b) | Column::Json(b) => b.len(),
            Column::Timestamp(b) => b.len(),
            Column::TimestampNs(b) => b.len(),
            Column::Date(b) => b.len(),
            Column::List(list) => list.ends.len(),
            Column::Struct(members) => members.valid.len(),
        }
    }

    /// Bytes that a null takes, about.
    fn width(&self) -> u64 {
        match self {
            Column::Null(_) => 0,
            Column::Bool(_) => 1,
            Column::Int(..) | Column::Uint64(_) | Column::Float(..) => 8,
            Column::Timestamp(_) | Column::TimestampNs(_) => 8,
            Column::Text(_) | Column::Json(_) | Column::Date(_) | Column::List(_) => 4,
            Column::Struct(members) => members.width,
        }
    }

    /// Bytes that an item of a list takes; those of objects are counted as objects are.
    pub(crate) fn item_width(&self) -> u64 {
        match self {
            Column::Struct(_) => 0,
            other => other.width(),
        }
    }

    /// The widest object that lists hold, at any depth: all that fit into a line may lack all members.
    pub(crate) fn widest_in_lists(&self) -> u64 {
        match self {
            Column::List(list) => match &list.items {
                Column::Struct(members) => members.width.max(members.widest_in_lists()),
                items => items.widest_in_lists(),
            },
            Column::Struct(members) => members.widest_in_lists(),
            _ => 0,
        }
    }

    pub(crate) fn push_null(&mut self) {
        match self {
            Column::Null(length) => *length += 1,
            Column::Bool(b) => b.append_null(),
            Column::Int(b, _) => b.append_null(),
            Column::Uint64(b) => b.append_null(),
            Column::Float(b, _) => b.append_null(),
            Column::Text(b) | Column::Json(b) => b.append_null(),
            Column::Timestamp(b) => b.append_null(),
            Column::TimestampNs(b) => b.append_null(),
            Column::Date(b) => b.append_null(),
            Column::List(list) => list.end(false),
            Column::Struct(members) => members.end(false),
        }
    }

    /// Ends a value that was begun and went wrong, as a null.
    fn abandon(&mut self) {
        match self {
            Column::List(list) => {
                list.items.abandon();
                if list.items.len() > list.ends.last().map_or(0, |end| *end as usize) {
                    list.end(false);
                }
            }
            Column::Struct(members) => members.abandon(),
            _ => {}
        }
    }

    fn misfit(&self, found: &str, would_fit: &'static str) -> Misfit {
        Misfit::new(format!("should be {}, found {found}", self.type_name()), would_fit)
    }

    fn misread(&self, text: &str, why: Misread) -> Misfit {
        let text = excerpt(text);
        match why {
            Misread::Other => self.misfit(&format!("the string {text:?}"), "string"),
            Misread::TooFine if matches!(self, Column::Timestamp(_)) => {
                self.misfit(&format!("{text:?}, finer than a microsecond"), "timestamp_ns")
            }
            Misread::TooFine => self.misfit(&format!("{text:?}, finer than a nanosecond"), "string"),
            Misread::TooFar => self.misfit(&format!("{text:?}, which nanoseconds do not reach"), "timestamp"),
            Misread::LeapSecond => self.misfit(&format!("{text:?}, a leap second"), "string"),
            Misread::HasTime => self.misfit(&format!("{text:?}, which has a time of day"), "timestamp"),
        }
    }

    pub(crate) fn push_bool(&mut self, value: bool) -> Result<(), Misfit> {
        match self {
            Column::Bool(b) => b.append_value(value),
            Column::Null(_) => return Err(self.misfit(&value.to_string(), "bool")),
            _ => return Err(self.misfit(&value.to_string(), "json")),
        }
        Ok(())
    }

    pub(crate) fn push_int(&mut self, value: i64) -> Result<(), Misfit> {
        match self {
            Column::Int(b, DataType::Int64) => b.append_value(value),
            Column::Int(b, data_type) if in_range(value, data_type) => b.append_value(value),
            Column::Uint64(b) if value >= 0 => b.append_value(value as u64),
            Column::Null(_) => return Err(self.misfit(&format!("the integer {value}"), "int64")),
            _ => return Err(self.misfit(&format!("the integer {value}"), "json")),
        }
        Ok(())
    }

    pub(crate) fn push_uint(&mut self, value: u64) -> Result<(), Misfit> {
        match (i64::try_from(value), self) {
            (Ok(value), column) => column.push_int(value)?,
            (Err(_), Column::Uint64(b)) => b.append_value(value),
            (Err(_), column) => {
                let fits = matches!(column, Column::Int(..) | Column::Null(_));
                return Err(column.misfit(&format!("the integer {value}"), if fits { "uint64" } else { "json" }));
            }
        }
        Ok(())
    }

    /// A number with a fraction or an exponent, in a column that does not hold floats.
    pub(crate) fn float_misfit(&self, value: f64) -> Misfit {
        // It may be an integer of more digits than the parser keeps.
        if value.abs() >= i64::MAX as f64 {
            return self.misfit(&format!("a number beyond 64 bits, about {value:e}"), "json");
        }
        let fits = matches!(self, Column::Int(..) | Column::Uint64(_) | Column::Null(_));
        self.misfit(&format!("the float {value}"), if fits { "float64" } else { "json" })
    }

    /// A number of a float column, from its text: rounded once and to the nearest, and an integer not at all.
    pub(crate) fn push_float(&mut self, text: &str) -> Result<(), Misfit> {
        let Column::Float(b, data_type) = self else { return Err(self.misfit(&excerpt(text), "json")) };
        let single = *data_type == DataType::Float32;
        let exact = match single {
            true => text.parse::<f32>().ok().map(f64::from),
            false => text.parse::<f64>().ok(),
        };
        let integer = || !text.contains(['.', 'e', 'E']);
        let message = match exact {
            None => format!("should be {}, found {}", self.type_name(), excerpt(text)),
            Some(value) if !value.is_finite() => {
                format!("is out of the range of {}: {}", self.type_name(), excerpt(text))
            }
            Some(value) if text.len() > 7 && integer() && text.parse::<i128>() != Ok(value as i128) => {
                format!("would lose digits as {}: {}", self.type_name(), excerpt(text))
            }
            Some(value) => {
                b.append_value(value);
                return Ok(());
            }
        };
        Err(Misfit::new(message, if single { "float64" } else { "json" }))
    }

    pub(crate) fn push_text(&mut self, text: &str) -> Result<(), Misfit> {
        match self {
            Column::Text(b) => b.append_value(text),
            Column::Timestamp(b) => match time::timestamp(text) {
                Ok(micros) => b.append_value(micros),
                Err(why) => return Err(self.misread(text, why)),
            },
            Column::TimestampNs(b) => match time::timestamp_ns(text) {
                Ok(nanos) => b.append_value(nanos),
                Err(why) => return Err(self.misread(text, why)),
            },
            Column::Date(b) => match time::date32(text) {
                Ok(days) => b.append_value(days),
                Err(why) => return Err(self.misread(text, why)),
            },
            Column::Null(_) => return Err(self.misfit(&format!("the string {:?}", excerpt(text)), "string")),
            _ => return Err(self.misfit(&format!("the string {:?}", excerpt(text)), "json")),
        }
        Ok(())
    }

    pub(crate) fn list_misfit(&self) -> Misfit {
        self.misfit("a list", "json")
    }

    pub(crate) fn object_misfit(&self) -> Misfit {
        self.misfit("an object", "json")
    }

    /// What was pushed, leaving the column empty.
    pub(crate) fn finish(&mut self) -> ArrayRef {
        match self {
            Column::Null(length) => Arc::new(NullArray::new(std::mem::take(length))),
            Column::Bool(b) => Arc::new(b.finish()),
            Column::Int(b, DataType::Int64) => Arc::new(b.finish()),
            // In range, each of them, so the cast is of the width alone.
            Column::Int(b, data_type) => cast(&b.finish(), data_type).expect("integers cast"),
            Column::Float(b, DataType::Float64) => Arc::new(b.finish()),
            Column::Float(b, data_type) => cast(&b.finish(), data_type).expect("floats cast"),
            Column::Uint64(b) => Arc::new(b.finish()),
            Column::Text(b) | Column::Json(b) => {
                // The next batch is about as large: its buffers need not grow, and be copied, again and again.
                let next = StringBuilder::with_capacity(b.len(), b.values_slice().len());
                Arc::new(std::mem::replace(b, next).finish())
            }
            Column::Timestamp(b) => Arc::new(b.finish()),
            Column::TimestampNs(b) => Arc::new(b.finish()),
            Column::Date(b) => Arc::new(b.finish()),
            Column::List(list) => Arc::new(list.finish()),
            Column::Struct(members) => Arc::new(members.finish()),
        }
    }
}

fn in_range(value: i64, data_type: &DataType) -> bool {
    let (low, high) = match data_type {
        DataType::Int8 => (i8::MIN.into(), i8::MAX.into()),
        DataType::Int16 => (i16::MIN.into(), i16::MAX.into()),
        DataType::Int32 => (i32::MIN.into(), i32::MAX.into()),
        DataType::UInt8 => (0, u8::MAX.into()),
        DataType::UInt16 => (0, u16::MAX.into()),
        DataType::UInt32 => (0, u32::MAX.into()),
        _ => (i64::MIN, i64::MAX),
    };
    (low..=high).contains(&value)
}

impl ListColumn {
    /// Ends a list of the items pushed since the last; one that is not valid is null.
    pub(crate) fn end(&mut self, valid: bool) {
        // A batch is far smaller than 2 GiB of text, and an item takes a byte of it.
        self.ends.push(self.items.len() as i32);
        self.valid.append(valid);
    }

    fn finish(&mut self) -> ListArray {
        let offsets: Vec<i32> = std::iter::once(0).chain(self.ends.drain(..)).collect();
        let items = self.items.finish();
        ListArray::new(self.field.clone(), OffsetBuffer::new(offsets.into()), items, self.valid.finish())
    }
}

impl StructColumn {
    pub(crate) fn new(fields: &Fields) -> StructColumn {
        let columns: Vec<_> = fields.iter().map(|field| Column::new(field)).collect();
        let names = Names::of(fields.iter().map(|field| field.name()));
        let width = columns.iter().map(Column::width).sum();
        StructColumn { names, fields: fields.clone(), columns, width, valid: NullBufferBuilder::new(0) }
    }

    pub(crate) fn len(&self) -> usize {
        self.valid.len()
    }

    /// As [`Column::widest_in_lists`], of all members.
    pub(crate) fn widest_in_lists(&self) -> u64 {
        self.columns.iter().map(Column::widest_in_lists).max().unwrap_or(0)
    }

    /// Ends an object; members that were not pushed are null.
    pub(crate) fn end(&mut self, valid: bool) {
        let length = self.valid.len();
        for column in &mut self.columns {
            if column.len() == length {
                column.push_null();
            }
        }
        self.valid.append(valid);
    }

    /// Ends an object that was begun and went wrong, as a null: what follows has nothing of it.
    pub(crate) fn abandon(&mut self) {
        self.columns.iter_mut().for_each(Column::abandon);
        if self.columns.iter().any(|column| column.len() > self.len()) {
            self.end(false);
        }
    }

    /// Ends a row that was begun and went wrong. It stays among the rows, to be left out of them when they are finished.
    pub(crate) fn abandon_row(&mut self, before: usize) {
        self.abandon();
        if self.len() == before {
            self.end(false);
        }
    }

    /// The members alone: for rows, which are objects that are never null.
    fn finish_columns(&mut self) -> (usize, Vec<ArrayRef>) {
        let (length, _) = self.finish_validity();
        (length, self.columns.iter_mut().map(Column::finish).collect())
    }

    /// The rows, of a schema whose fields these are.
    pub(crate) fn finish_rows(&mut self, schema: &SchemaRef) -> RecordBatch {
        let (length, columns) = self.finish_columns();
        let options = RecordBatchOptions::new().with_row_count(Some(length));
        let rows = RecordBatch::try_new_with_options(schema.clone(), columns, &options);
        rows.expect("columns are built by the schema")
    }

    fn finish_validity(&mut self) -> (usize, Option<NullBuffer>) {
        (self.valid.len(), self.valid.finish())
    }

    fn finish(&mut self) -> StructArray {
        let (length, nulls) = self.finish_validity();
        let columns: Vec<_> = self.columns.iter_mut().map(Column::finish).collect();
        match columns.is_empty() {
            true => StructArray::new_empty_fields(length, nulls),
            false => StructArray::new(self.fields.clone(), columns, nulls),
        }
    }
}
