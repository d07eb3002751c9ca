//! The columns in which rows of an input are brought together.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, UInt32Type, UInt64Type};
use callboard_sandbox::{Bound, Gathering};

use super::keys::key_columns;
use crate::global::Whole;

/// The columns of a part of an input: where each row stands, which item of its list made it a member (only where a row may be in
/// several groups), the digest of its key (only where rows are grouped), and the columns that are read or sorted by.
pub(super) struct Layout {
    pub(super) schema: SchemaRef,
    /// The input's columns of keys.
    pub(super) keys: Vec<usize>,
    /// The input's columns that are carried here.
    columns: Vec<usize>,
    pub(super) has_items: bool,
    pub(super) has_digests: bool,
}

impl Layout {
    pub(super) fn of(bound: &Bound, whole: &Whole, port: usize) -> Layout {
        let gathered = &bound.gathered;
        let mut columns = bound.reads[port].clone();
        for order in &gathered.sorted[port] {
            if !columns.contains(&order.column) {
                columns.push(order.column);
            }
        }
        let has_items = matches!(gathered.gathering, Gathering::ByEach(_));
        let mut fields: Vec<FieldRef> = vec![Arc::new(Field::new("position", DataType::UInt64, false))];
        if has_items {
            fields.push(Arc::new(Field::new("item", DataType::UInt32, false)));
        }
        let has_digests = gathered.is_grouped();
        if has_digests {
            fields.push(Arc::new(Field::new("key", DataType::FixedSizeBinary(16), false)));
        }
        let named =
            |(at, column): (usize, &usize)| Arc::new(whole.schema().field(*column).clone().with_name(format!("{at}")));
        fields.extend(columns.iter().enumerate().map(named));
        Layout {
            schema: Arc::new(Schema::new(fields)),
            keys: key_columns(&gathered.gathering, port),
            columns,
            has_items,
            has_digests,
        }
    }

    /// Columns before those of the input.
    pub(super) fn ahead(&self) -> usize {
        1 + usize::from(self.has_items) + usize::from(self.has_digests)
    }

    /// Where a column of the input is among those that are carried.
    pub(super) fn place(&self, column: usize) -> Option<usize> {
        self.columns.iter().position(|at| *at == column)
    }

    /// All columns of the input that are needed, keys first.
    pub(super) fn needed(&self) -> Vec<usize> {
        self.keys.iter().chain(&self.columns).copied().collect()
    }
}

/// The digests of the keys of rows, where these are grouped.
pub(super) fn digests<'a>(layout: &Layout, rows: &'a RecordBatch) -> impl Iterator<Item = u128> + 'a {
    let keys = rows.column(layout.ahead() - 1).as_fixed_size_binary();
    (0..keys.len()).map(|row| u128::from_le_bytes(keys.value(row).try_into().expect("a digest has 16 bytes")))
}

/// Where rows stand in their input.
pub(super) fn positions(rows: &RecordBatch) -> &[u64] {
    rows.column(0).as_primitive::<UInt64Type>().values()
}

/// Which items made rows members of their groups; nothing where that is not asked.
pub(super) fn items<'a>(layout: &Layout, rows: &'a RecordBatch) -> &'a [u32] {
    match layout.has_items {
        true => rows.column(1).as_primitive::<UInt32Type>().values(),
        false => &[],
    }
}
