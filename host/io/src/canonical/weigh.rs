//! What rows of any layout take once they are unfolded.

use arrow::array::{Array, AsArray, ByteView, GenericListViewArray, OffsetSizeTrait, RunArray};
use arrow::datatypes::{ArrowNativeType, DataType, Int16Type, Int32Type, Int64Type, RunEndIndexType};

/// The memory of the values from `start` to before `end` in the canonical layout, in bits; linear in what is looked at.
pub(super) fn weigh(array: &dyn Array, start: usize, end: usize) -> u64 {
    use DataType::*;
    let rows = (end - start) as u64;
    if rows == 0 {
        return 0;
    }
    let values = match array.data_type() {
        Null => return 0,
        Boolean => rows,
        Utf8 => 32 * rows + 8 * between(array.as_string::<i32>().value_offsets(), start, end),
        LargeUtf8 => 32 * rows + 8 * between(array.as_string::<i64>().value_offsets(), start, end),
        Binary => 32 * rows + 8 * between(array.as_binary::<i32>().value_offsets(), start, end),
        LargeBinary => 32 * rows + 8 * between(array.as_binary::<i64>().value_offsets(), start, end),
        Utf8View => 32 * rows + views(array, array.as_string_view().views(), start, end),
        BinaryView => 32 * rows + views(array, array.as_binary_view().views(), start, end),
        FixedSizeBinary(width) => 8 * rows * (*width).max(0) as u64,
        List(_) => {
            32 * rows + list(array.as_list::<i32>().value_offsets(), array.as_list::<i32>().values(), start, end)
        }
        LargeList(_) => {
            32 * rows + list(array.as_list::<i64>().value_offsets(), array.as_list::<i64>().values(), start, end)
        }
        Map(..) => 32 * rows + list(array.as_map().value_offsets(), array.as_map().entries(), start, end),
        ListView(_) => list_view(array.as_list_view::<i32>(), start, end),
        LargeListView(_) => list_view(array.as_list_view::<i64>(), start, end),
        FixedSizeList(_, width) => {
            let width = (*width).max(0) as usize;
            weigh(array.as_fixed_size_list().values(), start * width, end * width)
        }
        Struct(_) => total(array.as_struct().columns().iter().map(|column| weigh(column, start, end))),
        Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            if dictionary.values().is_empty() {
                return rows;
            }
            let fixed = dictionary.values().data_type().primitive_width().map(|width| 8 * width as u64 + 1);
            match fixed {
                Some(bits) => bits * rows,
                None => {
                    let keys = dictionary.keys().slice(start, end - start);
                    let each = each(dictionary.values());
                    let keys = arrow::array::make_array(keys.to_data());
                    return total(keys_of(&keys).map(|key| key.and_then(|key| each.get(key)).copied().unwrap_or(1)));
                }
            }
        }
        RunEndEncoded(ends, _) => {
            return match ends.data_type() {
                Int16 => runs::<Int16Type>(array, start, end),
                Int32 => runs::<Int32Type>(array, start, end),
                _ => runs::<Int64Type>(array, start, end),
            };
        }
        other => 8 * rows * other.primitive_width().unwrap_or(0) as u64,
    };
    // One more for whether there is a value.
    values.saturating_add(rows)
}

fn total(parts: impl Iterator<Item = u64>) -> u64 {
    parts.fold(0, u64::saturating_add)
}

fn between<O: OffsetSizeTrait>(offsets: &[O], start: usize, end: usize) -> u64 {
    (offsets[end].as_usize() - offsets[start].as_usize()) as u64
}

fn views(array: &dyn Array, views: &[u128], start: usize, end: usize) -> u64 {
    let length = |view: &u128| 8 * u64::from(ByteView::from(*view).length);
    match array.nulls().filter(|nulls| nulls.null_count() > 0) {
        None => views[start..end].iter().map(length).sum(),
        Some(nulls) => (start..end).filter(|row| nulls.is_valid(*row)).map(|row| length(&views[row])).sum(),
    }
}

fn list<O: OffsetSizeTrait>(offsets: &[O], items: &dyn Array, start: usize, end: usize) -> u64 {
    weigh(items, offsets[start].as_usize(), offsets[end].as_usize())
}

/// Lists that may overlap: each item's size is looked at once.
fn list_view<O: OffsetSizeTrait>(list: &GenericListViewArray<O>, start: usize, end: usize) -> u64 {
    let span = |row: usize| (list.value_offset(row).as_usize(), list.value_size(row).as_usize());
    let spans = || (start..end).filter(|row| list.is_valid(*row)).map(span).filter(|(_, size)| *size > 0);
    let (Some(low), Some(high)) = (spans().map(|(at, _)| at).min(), spans().map(|(at, size)| at + size).max()) else {
        return 32 * (end - start) as u64;
    };
    let mut sums = Vec::with_capacity(high - low + 1);
    sums.push(0u64);
    for item in low..high {
        sums.push(sums[item - low].saturating_add(weigh(list.values(), item, item + 1)));
    }
    total(spans().map(|(at, size)| 32 + (sums[at + size - low] - sums[at - low])))
}

fn runs<R: RunEndIndexType>(array: &dyn Array, start: usize, end: usize) -> u64 {
    let Some(runs) = array.as_any().downcast_ref::<RunArray<R>>() else { return 0 };
    let runs = runs.slice(start, end - start);
    let first = runs.get_start_physical_index();
    let mut row = 0;
    total(runs.run_ends().sliced_values().enumerate().map(|(run, end)| {
        let rows = end.as_usize().saturating_sub(row) as u64;
        row = end.as_usize().max(row);
        rows.saturating_mul(weigh(runs.values(), first + run, first + run + 1))
    }))
}

/// The size of each value.
fn each(values: &dyn Array) -> Vec<u64> {
    (0..values.len()).map(|value| weigh(values, value, value + 1)).collect()
}

fn keys_of(keys: &dyn Array) -> impl Iterator<Item = Option<usize>> + '_ {
    let keys = arrow::compute::cast(keys, &DataType::UInt64);
    let keys: Vec<Option<usize>> = match &keys {
        Ok(keys) => {
            keys.as_primitive::<arrow::datatypes::UInt64Type>().iter().map(|key| key.map(|key| key as usize)).collect()
        }
        Err(_) => Vec::new(),
    };
    keys.into_iter()
}
