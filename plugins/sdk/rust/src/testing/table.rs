//! Rows in JSON, with the types that their columns have.

use serde_json::{Map, Value};

use super::json;
use crate::array::Array;
use crate::array_buf::ArrayBuf;
use crate::batch::assemble;
use crate::raw::columns::Batch as RawBatch;
use crate::types::{Field, Layout};

/// Rows in JSON, with the types that their columns have.
#[derive(Clone, Debug)]
pub struct Table {
    pub(super) fields: Vec<Field>,
    rows: Vec<Value>,
}

impl From<Value> for Table {
    /// Takes an array of objects; columns get the types that their values suggest, in the order in which they turn up:
    /// `int64`, `float64`, `boolean`, `utf8`, lists and structs of these.
    fn from(rows: Value) -> Self {
        let Value::Array(rows) = rows else { panic!("rows are an array of objects, and not {rows}") };
        let all = rows.iter().collect::<Vec<_>>();
        let fields = match json::infer(&all).layout {
            Layout::Struct(fields) => fields,
            Layout::Null => vec![],
            other => panic!("rows are an array of objects, and not of {other}"),
        };
        Table { fields, rows }
    }
}

impl Table {
    /// Rows (an array of objects) of exactly these columns.
    ///
    /// # Panics
    /// If `rows` is no array.
    pub fn new(fields: Vec<Field>, rows: Value) -> Self {
        let Value::Array(rows) = rows else { panic!("rows are an array of objects, and not {rows}") };
        Table { fields, rows }
    }

    pub(super) fn rows(&self) -> &[Value] {
        &self.rows
    }

    /// These rows alone, in this order and as often as they are named.
    pub(super) fn pick(&self, rows: impl Iterator<Item = usize>) -> Table {
        Table { fields: self.fields.clone(), rows: rows.map(|row| self.rows[row].clone()).collect() }
    }

    /// The schema as it crosses: a batch of no rows.
    pub(super) fn schema(&self) -> RawBatch {
        assemble(0, self.fields.iter().map(|field| (field.name.clone(), ArrayBuf::empty(&field.ty))))
    }

    /// These columns alone, in this order.
    pub(super) fn select(&self, names: &[String]) -> Table {
        let field = |name: &String| {
            let found = self.fields.iter().find(|field| field.name == *name);
            found.unwrap_or_else(|| panic!("the step reads `{name}`, which is not there")).clone()
        };
        Table { fields: names.iter().map(field).collect(), rows: self.rows.clone() }
    }

    /// Batches of that many rows, each with the number of its first row.
    pub(super) fn batches(&self, rows: usize) -> impl Iterator<Item = (usize, RawBatch)> {
        let starts = (0..self.rows.len()).step_by(rows.clamp(1, self.rows.len().max(1)));
        starts.map(move |first| {
            let part = &self.rows[first..self.rows.len().min(first.saturating_add(rows))];
            let column = |field: &Field| {
                let values: Vec<_> = part.iter().map(|row| &row[&field.name]).collect();
                (field.name.clone(), json::column(&values, &field.ty))
            };
            (first, assemble(part.len(), self.fields.iter().map(column)))
        })
    }

    /// What is put out of these rows of the table: its columns less `drops`, with those that were written.
    pub(super) fn carry(
        &self,
        rows: &[u64],
        drops: &[String],
        writes: &RawBatch,
        written: Option<&RawBatch>,
    ) -> Vec<Value> {
        let new = writes.columns.iter().map(|column| &column.name);
        let old = self.fields.iter().map(|field| &field.name).filter(|name| !drops.contains(name));
        let old: Vec<_> = old.collect();
        let names: Vec<_> = old.iter().copied().chain(new.filter(|name| !old.contains(name))).collect();
        let written: Vec<Value> = written.map_or_else(|| vec![Value::Null; rows.len()], rows_of);
        assert_eq!(written.len(), rows.len(), "as many rows are written as are kept");
        let row = |(&row, written): (&u64, &Value)| {
            let source = &self.rows[row as usize];
            let value = |name: &&String| written.get(name.as_str()).unwrap_or(&source[name.as_str()]).clone();
            Value::Object(names.iter().map(|name| ((*name).clone(), value(name))).collect())
        };
        rows.iter().zip(&written).map(row).collect()
    }
}

/// The rows of a batch as objects.
pub(super) fn rows_of(batch: &RawBatch) -> Vec<Value> {
    let mut rows = vec![Map::new(); batch.rows as usize];
    for column in &batch.columns {
        let array = Array::new(&batch.arrays, column.values as usize);
        for (i, row) in rows.iter_mut().enumerate() {
            row.insert(column.name.clone(), json::value(array, i));
        }
    }
    rows.into_iter().map(Value::Object).collect()
}
