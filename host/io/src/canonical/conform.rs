//! Rows of a file in the canonical layout, in parts that take what a batch may take: dictionaries, runs, views and overlapping lists
//! hold the same value many times at the cost of one, so they are unfolded a part at a time.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, GenericListArray, GenericListViewArray, ListArray, MapArray,
    OffsetSizeTrait, RecordBatch, RecordBatchOptions, RunArray, StructArray, UInt64Array, new_null_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::kernels::cmp::distinct;
use arrow::compute::{CastOptions, cast_with_options, take};
use arrow::datatypes::{DataType, Fields, Int16Type, Int32Type, Int64Type, RunEndIndexType, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use callboard_words::text::excerpt;

use super::declared::wider;
use super::merge::places;
use super::weigh::weigh;
use crate::error::IoError;
use crate::limits::{self, size};
use crate::spec::InputSpec;
use crate::types;

/// Brings rows of one file into the dataset's schema.
pub(crate) struct Conform {
    schema: SchemaRef,
    /// The place of each column in the file.
    places: Vec<usize>,
    /// What a part may take, in bits.
    bits: u64,
    /// With what one row may take, and for the help of errors.
    spec: InputSpec,
}

impl Conform {
    /// For rows of the schema `found`; a part takes about `bytes`.
    pub(crate) fn new(found: &Schema, schema: &SchemaRef, spec: &InputSpec, bytes: usize) -> Result<Conform, IoError> {
        let there = places(found.fields().iter());
        let place = |(expected, name): (usize, &String)| match there.find(expected, name) {
            Some(place) => Ok(place),
            None => Err(IoError::data(format!("the column `{name}` is missing"))),
        };
        let places: Result<Vec<usize>, IoError> =
            schema.fields().iter().map(|field| field.name()).enumerate().map(place).collect();
        Ok(Conform { schema: schema.clone(), places: places?, bits: 2 * 8 * bytes as u64, spec: spec.clone() })
    }

    /// The rows in parts; `first` is the number of the first row, for messages.
    pub(crate) fn rows(&self, rows: &RecordBatch, first: u64) -> Result<Conformed, IoError> {
        if let Some(place) = self.places.iter().find(|place| **place >= rows.num_columns()) {
            return Err(IoError::data(format!("there is no column {}", place + 1)));
        }
        let columns: Vec<ArrayRef> = self.places.iter().map(|place| rows.column(*place).clone()).collect();
        let folded = columns.iter().filter(|column| is_folded(column.data_type())).cloned().collect();
        Ok(Conformed { columns, folded, open: vec![(0, rows.num_rows())], first })
    }
}

/// Rows that are given in parts.
pub(crate) struct Conformed {
    columns: Vec<ArrayRef>,
    /// Those of them that take more once they are unfolded.
    folded: Vec<ArrayRef>,
    /// Ranges to come, the next one last.
    open: Vec<(usize, usize)>,
    first: u64,
}

impl Conformed {
    /// The next part, in the dataset's schema.
    pub(crate) fn next(&mut self, conform: &Conform) -> Result<Option<RecordBatch>, IoError> {
        while let Some((start, end)) = self.open.pop() {
            let bits: u64 = self.folded.iter().fold(0, |sum, column| weigh(column, start, end).saturating_add(sum));
            let row = self.first + start as u64;
            let spec = &conform.spec;
            if end - start == 1 && bits / 8 > spec.limits.batch {
                let allowed = size(spec.limits.batch);
                let message = format!("row {row} takes {} MiB in memory, more than the {allowed} allowed", bits >> 23);
                return Err(limits::indivisible(spec, message, Some(bits / 8), limits::SPLIT));
            }
            if end - start > 1 && bits > conform.bits {
                let middle = start + (end - start) / 2;
                self.open.extend([(middle, end), (start, middle)]);
                continue;
            }
            if start == end {
                continue;
            }
            let unfold = |(column, field): (&ArrayRef, &Arc<arrow::datatypes::Field>)| {
                unfold(&column.slice(start, end - start), field.data_type()).map_err(|misfit| {
                    let at = misfit.row.map_or(String::new(), |at| format!("row {}: ", row + at as u64));
                    let error = format!("{at}the column `{}{}` {}", field.name(), misfit.path, misfit.message);
                    match misfit.is_value {
                        true => IoError::data(error).with_help(types::fix(
                            &conform.spec,
                            field.name(),
                            wider(field.data_type()),
                        )),
                        false => IoError::data(error),
                    }
                })
            };
            let columns =
                self.columns.iter().zip(conform.schema.fields()).map(unfold).collect::<Result<Vec<_>, _>>()?;
            let options = RecordBatchOptions::new().with_row_count(Some(end - start));
            let rows = RecordBatch::try_new_with_options(conform.schema.clone(), columns, &options);
            return rows.map(Some).map_err(|error| IoError::data(crate::error::arrow_words(error)));
        }
        Ok(None)
    }
}

/// Whether memory that holds few values may stand for many, at any depth.
fn is_folded(data_type: &DataType) -> bool {
    use DataType::*;
    match data_type {
        Dictionary(..) | RunEndEncoded(..) | Utf8View | BinaryView | ListView(_) | LargeListView(_) => true,
        List(f) | LargeList(f) | FixedSizeList(f, _) | Map(f, _) => is_folded(f.data_type()),
        Struct(fields) => fields.iter().any(|field| is_folded(field.data_type())),
        _ => false,
    }
}

/// A value that the column's type cannot hold, or an array that is not what it says.
struct Misfit {
    /// Below the column: `.a.b`.
    path: String,
    /// The array's, if it is known.
    row: Option<usize>,
    message: String,
    /// Whether another type would hold it.
    is_value: bool,
}

impl Misfit {
    fn within(mut self, name: &str) -> Misfit {
        self.path = format!(".{name}{}", self.path);
        self
    }

    /// The row of the list that holds the item.
    fn in_list<O: OffsetSizeTrait>(mut self, offsets: &[O]) -> Misfit {
        let of = |item: usize| offsets.partition_point(|offset| offset.as_usize() <= item + offsets[0].as_usize());
        self.row = self.row.map(|item| of(item).saturating_sub(1));
        self
    }

    fn without_row(mut self) -> Misfit {
        self.row = None;
        self
    }
}

impl From<ArrowError> for Misfit {
    fn from(error: ArrowError) -> Misfit {
        Misfit {
            path: String::new(),
            row: None,
            is_value: false,
            message: format!("is not well formed: {}", crate::error::arrow_words(error)),
        }
    }
}

/// The values in another layout or a wider type; exact, or refused.
fn unfold(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, Misfit> {
    use DataType::*;
    if array.data_type() == to {
        return Ok(array.clone());
    }
    let nulls = array.nulls().cloned();
    match (array.data_type(), to) {
        (Null, _) => Ok(new_null_array(to, array.len())),
        (Dictionary(..), _) => {
            let dictionary = array.as_any_dictionary();
            unfold(&take(dictionary.values(), dictionary.keys(), None)?, to)
        }
        (RunEndEncoded(ends, _), _) => match ends.data_type() {
            Int16 => runs::<Int16Type>(array, to),
            Int32 => runs::<Int32Type>(array, to),
            _ => runs::<Int64Type>(array, to),
        },
        (List(_), _) => list(array.as_list::<i32>(), to),
        (LargeList(_), _) => list(array.as_list::<i64>(), to),
        (ListView(_), _) => list_view(array.as_list_view::<i32>(), to),
        (LargeListView(_), _) => list_view(array.as_list_view::<i64>(), to),
        (FixedSizeList(_, width), FixedSizeList(item, same)) if width == same => {
            let items = unfold(array.as_fixed_size_list().values(), item.data_type())
                .map_err(|misfit| fixed(misfit, *width))?;
            let list = FixedSizeListArray::try_new_with_length(item.clone(), *width, items, nulls, array.len())?;
            Ok(Arc::new(list))
        }
        (FixedSizeList(_, width), List(item)) => {
            let items = unfold(array.as_fixed_size_list().values(), item.data_type())
                .map_err(|misfit| fixed(misfit, *width))?;
            // Nulls have items here, which belong to nobody.
            let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(*width as usize, array.len()));
            Ok(Arc::new(ListArray::try_new(item.clone(), offsets, items, nulls)?))
        }
        (Map(..), Map(entries, sorted)) => {
            let map = array.as_map();
            let (offsets, start, items) = span(map.value_offsets())?;
            let members: Vec<ArrayRef> = map.entries().columns().iter().map(|c| c.slice(start, items)).collect();
            let Struct(fields) = entries.data_type() else { return Err(misfit("is a map without entries")) };
            let members = members.iter().zip(fields).map(|(member, field)| {
                unfold(member, field.data_type()).map_err(|m| m.in_list(map.value_offsets()).within(field.name()))
            });
            let entries_array = struct_of(fields, members.collect::<Result<_, _>>()?, None, items)?;
            Ok(Arc::new(MapArray::try_new(entries.clone(), offsets, entries_array, nulls, *sorted)?))
        }
        (Struct(_), Struct(fields)) => {
            let from = array.as_struct();
            let there = places(from.fields().iter());
            let member = |(expected, field): (usize, &Arc<arrow::datatypes::Field>)| {
                let place = there.find(expected, field.name());
                let place = place.ok_or_else(|| misfit("is missing").within(field.name()))?;
                unfold(from.column(place), field.data_type()).map_err(|m| m.within(field.name()))
            };
            let members = fields.iter().enumerate().map(member).collect::<Result<Vec<_>, _>>()?;
            Ok(Arc::new(struct_of(fields, members, nulls, array.len())?))
        }
        _ => cast(array, to),
    }
}

fn misfit(message: &str) -> Misfit {
    Misfit { path: String::new(), row: None, message: message.to_owned(), is_value: false }
}

fn fixed(mut misfit: Misfit, width: i32) -> Misfit {
    misfit.row = misfit.row.map(|item| item / width.max(1) as usize);
    misfit
}

fn struct_of(
    fields: &Fields,
    members: Vec<ArrayRef>,
    nulls: Option<NullBuffer>,
    rows: usize,
) -> Result<StructArray, ArrowError> {
    StructArray::try_new_with_length(fields.clone(), members, nulls, rows)
}

/// Offsets from 0, where the items begin, and how many there are.
fn span<O: OffsetSizeTrait>(offsets: &[O]) -> Result<(OffsetBuffer<i32>, usize, usize), Misfit> {
    let (first, last) = (offsets[0].as_usize(), offsets[offsets.len() - 1].as_usize());
    let from = |offset: &O| i32::try_from(offset.as_usize() - first).map_err(|_| misfit("has more than 2³¹ items"));
    let offsets = offsets.iter().map(from).collect::<Result<Vec<i32>, _>>()?;
    Ok((OffsetBuffer::new(offsets.into()), first, last - first))
}

fn list<O: OffsetSizeTrait>(list: &GenericListArray<O>, to: &DataType) -> Result<ArrayRef, Misfit> {
    let DataType::List(item) = to else { return Err(misfit("is a list")) };
    let (offsets, start, items) = span(list.value_offsets())?;
    let items =
        unfold(&list.values().slice(start, items), item.data_type()).map_err(|m| m.in_list(list.value_offsets()))?;
    Ok(Arc::new(ListArray::try_new(item.clone(), offsets, items, list.nulls().cloned())?))
}

fn list_view<O: OffsetSizeTrait>(list: &GenericListViewArray<O>, to: &DataType) -> Result<ArrayRef, Misfit> {
    let DataType::List(item) = to else { return Err(misfit("is a list")) };
    let size = |row: usize| if list.is_valid(row) { list.value_size(row).as_usize() } else { 0 };
    let places = (0..list.len()).flat_map(|row| {
        let start = list.value_offset(row).as_usize() as u64;
        start..start + size(row) as u64
    });
    let places = UInt64Array::from_iter_values(places);
    let items = unfold(&take(list.values(), &places, None)?, item.data_type()).map_err(Misfit::without_row)?;
    let offsets = OffsetBuffer::from_lengths((0..list.len()).map(size));
    Ok(Arc::new(ListArray::try_new(item.clone(), offsets, items, list.nulls().cloned())?))
}

fn runs<R: RunEndIndexType>(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, Misfit> {
    let runs =
        array.as_any().downcast_ref::<RunArray<R>>().ok_or_else(|| misfit("has ends of runs of another type"))?;
    let first = runs.get_start_physical_index() as u64;
    let (mut places, mut row) = (Vec::with_capacity(runs.len()), 0);
    for (run, end) in runs.run_ends().sliced_values().enumerate() {
        let end = arrow::datatypes::ArrowNativeType::as_usize(end);
        places.extend(std::iter::repeat_n(first + run as u64, end.saturating_sub(row)));
        row = end.max(row);
    }
    unfold(&take(runs.values(), &UInt64Array::from(places), None)?, to)
}

/// A value of the type that holds the same; the first that has none is named.
fn cast(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, Misfit> {
    let values = cast_with_options(array, to, &CastOptions { safe: true, ..Default::default() })?;
    let fraction = matches!(to, DataType::Float32 | DataType::Float64) && array.data_type().is_integer();
    let bad = if values.null_count() > array.logical_null_count() {
        (0..array.len()).find(|row| array.is_valid(*row) && values.is_null(*row))
    } else if fraction {
        let back = cast_with_options(&values, array.data_type(), &CastOptions { safe: true, ..Default::default() })?;
        let lost = distinct(&back, array)?;
        (0..array.len()).find(|row| lost.value(*row))
    } else {
        None
    };
    match bad {
        None => Ok(values),
        Some(row) => {
            let formatter = ArrayFormatter::try_new(array, &FormatOptions::default().with_display_error(true))?;
            let value = formatter.value(row).to_string();
            let value = excerpt(&value, 60);
            let exactly = if fraction { " exactly" } else { "" };
            let (is, wanted) = (types::words(array.data_type()), types::words(to));
            let message = format!("is {value} ({is}), which {wanted} cannot hold{exactly}");
            Err(Misfit { path: String::new(), row: Some(row), message, is_value: true })
        }
    }
}
