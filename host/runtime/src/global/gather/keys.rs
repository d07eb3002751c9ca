//! The keys of rows, as digests: rows whose keys agree have the same.
//!
//! A digest has 128 bits and a random seed, so that no input can be made to collide.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;

use arrow::array::{Array, ArrayData, ArrayRef, AsArray, Float16Array, Float32Array, Float64Array, make_array};
use arrow::array::{GenericBinaryArray, OffsetSizeTrait};
use arrow::compute::unary;
use arrow::datatypes::{ArrowPrimitiveType, DataType, Float16Type, Float32Type, Float64Type};
use arrow::error::ArrowError;
use arrow::row::{RowConverter, SortField};
use callboard_sandbox::Gathering;
use twox_hash::XxHash3_128;

use super::arrange::AsIs;

/// What stands for a row without a value.
const NULL: u128 = 0x6e75_6c6c_6e75_6c6c_6e75_6c6c_6e75_6c6c;

/// Items of a list that are compared with each other, where more are hashed.
const FEW: usize = 48;

/// Bytes of a digest.
const DIGEST: usize = 16;

/// Rows and the groups that they are in.
pub(super) struct Members {
    /// The row of each membership, in order; `None` if each row is in one group.
    pub(super) rows: Option<Vec<u32>>,
    /// Which item of the row's list it is, likewise.
    pub(super) items: Vec<u32>,
    /// The digest of the group's key.
    pub(super) digests: Vec<u128>,
}

/// The columns of an input that keys are made of.
pub(super) fn key_columns(gathering: &Gathering, port: usize) -> Vec<usize> {
    match gathering {
        Gathering::All => Vec::new(),
        Gathering::ByKey(keys) => keys[port].clone(),
        Gathering::ByEach(columns) => vec![columns[port]],
    }
}

/// The groups of `rows` rows, of the columns of [`key_columns`].
pub(super) fn members(
    gathering: &Gathering,
    columns: &[ArrayRef],
    rows: usize,
    seed: u64,
) -> Result<Members, ArrowError> {
    match gathering {
        Gathering::All => Ok(Members { rows: None, items: Vec::new(), digests: vec![0; rows] }),
        Gathering::ByKey(_) => Ok(Members { rows: None, items: Vec::new(), digests: of_rows(columns, rows, seed)? }),
        Gathering::ByEach(_) => by_each(&columns[0], seed),
    }
}

/// The digests of the values that each row has in some columns.
pub(crate) fn of_rows(columns: &[ArrayRef], rows: usize, seed: u64) -> Result<Vec<u128>, ArrowError> {
    if let [column] = columns {
        return of_values(column, seed);
    }
    // The digests of a row's values lie side by side.
    let width = columns.len() * DIGEST;
    let mut all = vec![0u8; rows * width];
    for (at, column) in columns.iter().enumerate() {
        for (row, digest) in of_values(column, seed)?.into_iter().enumerate() {
            let from = row * width + at * DIGEST;
            all[from..from + DIGEST].copy_from_slice(&digest.to_le_bytes());
        }
    }
    Ok((0..rows).map(|row| XxHash3_128::oneshot_with_seed(seed, &all[row * width..(row + 1) * width])).collect())
}

/// The digests of values: equal ones have the same.
fn of_values(column: &ArrayRef, seed: u64) -> Result<Vec<u128>, ArrowError> {
    let column = canonical(column)?;
    let digest = |bytes: &[u8]| XxHash3_128::oneshot_with_seed(seed, bytes);
    Ok(match column.data_type() {
        DataType::Null => vec![NULL; column.len()],
        DataType::Utf8 => of_bytes(&GenericBinaryArray::<i32>::from(column.as_string::<i32>().clone()), digest),
        DataType::LargeUtf8 => of_bytes(&GenericBinaryArray::<i64>::from(column.as_string::<i64>().clone()), digest),
        DataType::Binary => of_bytes(column.as_binary::<i32>(), digest),
        DataType::LargeBinary => of_bytes(column.as_binary::<i64>(), digest),
        fixed if fixed.primitive_width().is_some() => {
            let width = fixed.primitive_width().unwrap_or_default();
            let data = column.to_data();
            let bytes = &data.buffers()[0].as_slice()[data.offset() * width..];
            let value = |row: usize| digest(&bytes[row * width..(row + 1) * width]);
            (0..column.len()).map(|row| if column.is_null(row) { NULL } else { value(row) }).collect()
        }
        other => {
            let converter = RowConverter::new(vec![SortField::new(other.clone())])?;
            let rows = converter.convert_columns(std::slice::from_ref(&column))?;
            rows.iter().map(|row| digest(row.as_ref())).collect()
        }
    })
}

fn of_bytes<O: OffsetSizeTrait>(values: &GenericBinaryArray<O>, digest: impl Fn(&[u8]) -> u128) -> Vec<u128> {
    values.iter().map(|value| value.map_or(NULL, &digest)).collect()
}

/// Each row with each distinct item of its list.
fn by_each(column: &ArrayRef, seed: u64) -> Result<Members, ArrowError> {
    let column = match column.data_type() {
        DataType::List(item) => arrow::compute::cast(column, &DataType::LargeList(item.clone()))?,
        DataType::FixedSizeList(item, _) => arrow::compute::cast(column, &DataType::LargeList(item.clone()))?,
        _ => column.clone(),
    };
    let lists = column.as_list::<i64>();
    let digests = of_values(lists.values(), seed)?;
    let mut members = Members { rows: Some(Vec::new()), items: Vec::new(), digests: Vec::new() };
    let rows = members.rows.get_or_insert_default();
    let mut many: HashSet<u128, BuildHasherDefault<AsIs>> = HashSet::default();
    for (row, ends) in lists.value_offsets().windows(2).enumerate() {
        if lists.is_null(row) {
            continue;
        }
        let items = &digests[ends[0] as usize..ends[1] as usize];
        many.clear();
        for (item, digest) in items.iter().enumerate() {
            let is_new = match items.len() <= FEW {
                true => !items[..item].contains(digest),
                false => many.insert(*digest),
            };
            if is_new {
                rows.push(row as u32);
                members.items.push(item as u32);
                members.digests.push(*digest);
            }
        }
    }
    Ok(members)
}

/// The values with a single NaN and a single zero, so that equal values have equal bytes.
pub(super) fn canonical(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match has_floats(column.data_type()) {
        false => Ok(column.clone()),
        true => Ok(make_array(canonical_data(column.to_data())?)),
    }
}

fn canonical_data(data: ArrayData) -> Result<ArrayData, ArrowError> {
    match data.data_type() {
        DataType::Float16 => {
            type F16 = <Float16Type as ArrowPrimitiveType>::Native;
            let canonical = |value: F16| if value.is_nan() { F16::NAN } else { value + F16::ZERO };
            let values: Float16Array =
                unary::<Float16Type, _, Float16Type>(&make_array(data).as_primitive().clone(), canonical);
            Ok(values.into_data())
        }
        DataType::Float32 => {
            let canonical = |value: f32| if value.is_nan() { f32::NAN } else { value + 0.0 };
            let values: Float32Array =
                unary::<Float32Type, _, Float32Type>(&make_array(data).as_primitive().clone(), canonical);
            Ok(values.into_data())
        }
        DataType::Float64 => {
            let canonical = |value: f64| if value.is_nan() { f64::NAN } else { value + 0.0 };
            let values: Float64Array =
                unary::<Float64Type, _, Float64Type>(&make_array(data).as_primitive().clone(), canonical);
            Ok(values.into_data())
        }
        _ if data.child_data().is_empty() => Ok(data),
        _ => {
            let children = data.child_data().iter().cloned().map(canonical_data).collect::<Result<_, _>>()?;
            data.into_builder().child_data(children).build()
        }
    }
}

fn has_floats(ty: &DataType) -> bool {
    match ty {
        DataType::Float16 | DataType::Float32 | DataType::Float64 => true,
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => has_floats(item.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| has_floats(field.data_type())),
        DataType::Dictionary(_, values) => has_floats(values),
        _ => false,
    }
}
