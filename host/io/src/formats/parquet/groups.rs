//! Row groups, written one leaf column after another.
//!
//! The rows of a group are kept as they are in memory, and each of their leaves is encoded by a writer of its own that is gone before
//! the next one begins. So 9,000 columns take one dictionary, one page and one compressor at a time. The library's own writer has
//! all of them at once.

use std::io::sink;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, FixedSizeListArray, ListArray, RecordBatch, StructArray};
use arrow::datatypes::{DataType, FieldRef, Fields, Schema, SchemaRef};
use arrow::error::ArrowError;
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{ArrowRowGroupWriterFactory, compute_leaves};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterPropertiesPtr};
use parquet::file::writer::SerializedFileWriter;

use super::logical;
use super::write::{properties, write_fault};
use crate::codec::Packing;
use crate::cut::{batch_bits, compact, heaviest_row, rows_bits};
use crate::error::IoError;
use crate::text::Sink;

/// A group ends at this many rows …
const GROUP_ROWS: usize = 128 << 10;
/// … or this many bits of values, and twice as many if they are those of many leaves, whichever is first.
const GROUP_BITS: u64 = 8 * (16 << 20);
/// What one leaf adds to that.
const LEAF_BITS: u64 = 8 * (16 << 10);
/// About how many bytes the footer takes for one leaf in one group: it is in memory until the end.
const FOOTER: u64 = 1000;
/// From this many bits on, a batch is one long row, or nearly: a dictionary of its values, and its statistics, which are whole values,
/// would take several times as much.
const LONG: u64 = 8 * (8 << 20);

/// What a list's item takes while it is encoded, in bits: two levels and an index.
const ITEM: u64 = 8 * 12;

/// What a leaf takes while a group is written, whatever its values are, and its part of the footer, in bytes, about; and how much
/// of that every writer has.
const LEAF: u64 = 3 << 10;
const USUAL: u64 = 4 << 20;

/// Columns that are not made of others.
fn leaves(of: &Fields) -> u64 {
    of.iter().map(|field| leaves_in(field.data_type())).sum()
}

fn leaves_in(of: &DataType) -> u64 {
    match of {
        DataType::Struct(members) => leaves(members),
        DataType::List(items) | DataType::FixedSizeList(items, _) | DataType::Map(items, _) => {
            leaves_in(items.data_type())
        }
        _ => 1,
    }
}

/// What rows take while they are encoded, in bits.
pub(super) fn weight(batch: &RecordBatch, start: usize, end: usize) -> u64 {
    rows_bits(batch, start, end) + ITEM * items_of(batch, start, end)
}

fn items_of(batch: &RecordBatch, start: usize, end: usize) -> u64 {
    batch.columns().iter().map(|column| items(column, start, end)).sum()
}

/// What the heaviest of the rows takes, in bytes, until it is written.
pub(super) fn takes(rows: &RecordBatch) -> u64 {
    // The row, a page of it, and the page compressed; of its items, besides, vectors that grow.
    let columns = LEAF * leaves(rows.schema_ref().fields());
    columns.saturating_sub(USUAL)
        + 4 * heaviest_row(rows, rows_bits)
        + 20 * heaviest_row(rows, |rows, start, end| 8 * items_of(rows, start, end))
}

/// Items of lists and maps, in values from `start` to before `end`.
fn items(array: &dyn Array, start: usize, end: usize) -> u64 {
    let below = |values: &dyn Array, start: usize, end: usize| (end - start) as u64 + items(values, start, end);
    match array.data_type() {
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            below(list.values(), list.value_offsets()[start] as usize, list.value_offsets()[end] as usize)
        }
        DataType::Map(..) => {
            let map = array.as_map();
            below(map.entries(), map.value_offsets()[start] as usize, map.value_offsets()[end] as usize)
        }
        DataType::FixedSizeList(_, width) => {
            below(array.as_fixed_size_list().values(), start * *width as usize, end * *width as usize)
        }
        DataType::Struct(_) => array.as_struct().columns().iter().map(|member| items(member, start, end)).sum(),
        _ => 0,
    }
}

/// Writes row groups to a file.
pub(super) struct Groups {
    file: SerializedFileWriter<Sink>,
    packing: Packing,
    leaves: Vec<Leaf>,
    /// By column, the rows of the group that is being filled.
    columns: Vec<Vec<ArrayRef>>,
    rows: usize,
    bits: u64,
    /// Whether one of its batches is [`LONG`].
    long: bool,
    groups: u64,
}

/// A leaf column, or a whole map: what is encoded alone.
struct Leaf {
    /// The column.
    column: usize,
    /// Which members lead to it, of the structs on the way.
    members: Vec<usize>,
    /// The column with these members alone.
    field: FieldRef,
}

impl Groups {
    pub(super) fn new(file: SerializedFileWriter<Sink>, schema: &SchemaRef, packing: Packing) -> Groups {
        let mut leaves = Vec::new();
        for (column, field) in schema.fields().iter().enumerate() {
            let to_leaf = |(members, field)| Leaf { column, members, field };
            leaves.extend(leaves_of(field).into_iter().map(to_leaf));
        }
        let columns = vec![Vec::new(); schema.fields().len()];
        Groups { file, packing, leaves, columns, rows: 0, bits: 0, long: false, groups: 0 }
    }

    /// Bytes that are held until a group ends, or the file.
    pub(super) fn held(&self) -> u64 {
        self.bits / 8 + self.groups * self.leaves.len() as u64 * FOOTER
    }

    /// Adds rows, which are copied: they may be part of a batch that would stay in memory with them.
    pub(super) fn push(&mut self, batch: &RecordBatch) -> Result<(), IoError> {
        let bits = batch_bits(batch);
        for (kept, column) in self.columns.iter_mut().zip(compact(batch)?.columns()) {
            kept.push(column.clone());
        }
        self.rows += batch.num_rows();
        self.bits += bits;
        self.long |= bits >= LONG;
        let most = GROUP_BITS.saturating_add(LEAF_BITS * self.leaves.len() as u64).min(2 * GROUP_BITS);
        match self.rows >= GROUP_ROWS || self.bits >= most {
            true => self.end_group(),
            false => Ok(()),
        }
    }

    fn end_group(&mut self) -> Result<(), IoError> {
        if self.rows == 0 {
            return Ok(());
        }
        let properties = properties(self.packing).set_dictionary_enabled(!self.long);
        // The index of pages would be larger than what it finds.
        let properties = match self.leaves.len() > 1000 {
            _ if self.long => properties.set_statistics_enabled(EnabledStatistics::None),
            true => properties.set_statistics_enabled(EnabledStatistics::Chunk).set_offset_index_disabled(true),
            false => properties,
        };
        let properties = Arc::new(properties.build());
        let mut group = self.file.next_row_group().map_err(write_fault)?;
        for (at, leaf) in self.leaves.iter().enumerate() {
            let mut writers = leaf.factory(&properties)?.create_column_writers(0).map_err(write_fault)?;
            for array in &self.columns[leaf.column] {
                let array = only(array, &leaf.members, &leaf.field).map_err(IoError::from_arrow)?;
                let levels = compute_leaves(&leaf.field, &array).map_err(write_fault)?;
                for (writer, levels) in writers.iter_mut().zip(levels) {
                    writer.write(&levels).map_err(write_fault)?;
                }
            }
            for writer in writers {
                let chunk = writer.close().map_err(write_fault)?;
                chunk.append_to_row_group(&mut group).map_err(write_fault)?;
            }
            if self.leaves.get(at + 1).is_none_or(|next| next.column != leaf.column) {
                self.columns[leaf.column] = Vec::new();
            }
        }
        group.close().map_err(write_fault)?;
        (self.rows, self.bits, self.long) = (0, 0, false);
        self.groups += 1;
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Sink, IoError> {
        self.end_group()?;
        self.file.into_inner().map_err(write_fault)
    }
}

impl Leaf {
    /// What makes a writer of this leaf alone. It has the leaf's place in the schema, so what it writes fits the file.
    fn factory(&self, properties: &WriterPropertiesPtr) -> Result<ArrowRowGroupWriterFactory, IoError> {
        let schema = Arc::new(Schema::new(vec![self.field.clone()]));
        let made = file_schema(&schema).map_err(write_fault)?;
        let file = SerializedFileWriter::new(sink(), made.root_schema_ptr(), properties.clone());
        Ok(ArrowRowGroupWriterFactory::new(&file.map_err(write_fault)?, schema))
    }
}

/// The schema of a file with these columns.
pub(super) fn file_schema(schema: &Schema) -> Result<parquet::schema::types::SchemaDescriptor, ParquetError> {
    let made = ArrowSchemaConverter::new().convert(schema)?;
    logical::file_schema(schema, &made)
}

/// The leaves of a column, each with the members that lead to it and the column that has these alone.
fn leaves_of(field: &FieldRef) -> Vec<(Vec<usize>, FieldRef)> {
    let with = |data_type| Arc::new((**field).clone().with_data_type(data_type));
    match field.data_type() {
        DataType::Struct(members) => {
            let member = |(at, member)| {
                let below = move |(mut way, leaf): (Vec<usize>, FieldRef)| {
                    way.insert(0, at);
                    (way, with(DataType::Struct(Fields::from(vec![leaf]))))
                };
                leaves_of(member).into_iter().map(below)
            };
            members.iter().enumerate().flat_map(member).collect()
        }
        DataType::List(item) => {
            leaves_of(item).into_iter().map(|(way, item)| (way, with(DataType::List(item)))).collect()
        }
        DataType::FixedSizeList(item, width) => {
            let list = |(way, item)| (way, with(DataType::FixedSizeList(item, *width)));
            leaves_of(item).into_iter().map(list).collect()
        }
        // A map has its keys and its values.
        _ => vec![(Vec::new(), field.clone())],
    }
}

/// The array with the members alone that lead to a leaf; it becomes one of `field`'s type.
fn only(array: &ArrayRef, members: &[usize], field: &FieldRef) -> Result<ArrayRef, ArrowError> {
    if members.is_empty() {
        return Ok(array.clone());
    }
    Ok(match field.data_type() {
        DataType::Struct(fields) => {
            let array = array.as_struct();
            let member = only(array.column(members[0]), &members[1..], &fields[0])?;
            Arc::new(StructArray::try_new(fields.clone(), vec![member], array.nulls().cloned())?)
        }
        DataType::List(item) => {
            let list = array.as_list::<i32>();
            let items = only(list.values(), members, item)?;
            Arc::new(ListArray::try_new(item.clone(), list.offsets().clone(), items, list.nulls().cloned())?)
        }
        DataType::FixedSizeList(item, width) => {
            let list = array.as_fixed_size_list();
            let items = only(list.values(), members, item)?;
            let nulls = list.nulls().cloned();
            Arc::new(FixedSizeListArray::try_new_with_length(item.clone(), *width, items, nulls, list.len())?)
        }
        _ => array.clone(),
    })
}
