//! A batch as the host moves it: rows, and where each of them is from.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, BooleanBufferBuilder, RecordBatch, UInt32Array, UInt64Array, new_null_array,
};
use arrow::compute::{FilterBuilder, concat, concat_batches, interleave, take};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use arrow::error::ArrowError;
use callboard_io::rows_bits;
use callboard_plan::pipeline::BatchSize;
use callboard_sandbox::{ORIGIN, is_hidden, record_batch};

use super::digest;
use super::flight::Ticket;

/// Rows with their origins. The origins are hidden columns: no step sees them, and they go wherever the row goes.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    /// The rows.
    pub(crate) rows: RecordBatch,
    /// Index into the run's table of files; null for a row that a step made.
    pub(crate) file: UInt32Array,
    /// The line, or the row, of that file, from 1.
    pub(crate) line: UInt64Array,
    /// For each column, what is known of its values.
    pub(crate) known: Vec<Known>,
    /// For the memory that it takes, inherited by what is made of it; `None` if nobody counts.
    pub(crate) ticket: Option<Arc<Ticket>>,
    /// Whether more rows of the same batch follow: of one that was put out in several parts.
    pub(crate) more: bool,
}

/// Where the values of a column lie on the disk, for whoever put them there.
#[derive(Clone, Debug)]
pub(crate) struct Location(Arc<dyn Any + Send + Sync>);

impl Location {
    pub(crate) fn new(place: impl Any + Send + Sync) -> Location {
        Location(Arc::new(place))
    }

    /// The place, if it is one of these.
    pub(crate) fn get<T: Any>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }
}

/// What is known of the values of a column, and goes with them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// Where a log holds just these.
    pub(crate) place: Option<Location>,
    /// Their digest and its seed, once somebody has asked.
    digest: Arc<OnceLock<(u128, u64)>>,
}

impl Known {
    /// Values that lie here, if a log has them.
    pub(crate) fn at(place: Option<Location>) -> Known {
        Known { place, digest: Arc::default() }
    }
}

impl Batch {
    /// Rows and their origins, of which nothing is known.
    pub(crate) fn new(rows: RecordBatch, file: UInt32Array, line: UInt64Array) -> Batch {
        // One by one: a clone would share its digest.
        let known = (0..rows.num_columns()).map(|_| Known::default()).collect();
        Batch { rows, file, line, known, ticket: None, more: false }
    }

    /// The digest of a column's values. They are read once for all callers with one seed, as far as they are
    /// carried in memory.
    pub(crate) fn column_digest(&self, column: usize, seed: u64) -> u128 {
        let of_values = || digest::of_values(self.rows.column(column), seed);
        match *self.known[column].digest.get_or_init(|| (of_values(), seed)) {
            (digest, under) if under == seed => digest,
            _ => of_values(),
        }
    }

    /// The digest of the values of these columns.
    pub(crate) fn digest(&self, columns: impl IntoIterator<Item = usize>, seed: u64) -> u128 {
        digest::of_columns(self.len(), columns.into_iter().map(|column| self.column_digest(column, seed)), seed)
    }

    /// Made of another batch.
    fn of(self, other: &Batch) -> Batch {
        Batch { ticket: other.ticket.clone(), more: other.more, ..self }
    }

    /// Rows that came from nowhere: a step made them.
    pub(crate) fn created(rows: RecordBatch) -> Batch {
        let count = rows.num_rows();
        let file = new_null_array(&DataType::UInt32, count);
        let line = new_null_array(&DataType::UInt64, count);
        Batch::new(rows, UInt32Array::from(file.to_data()), UInt64Array::from(line.to_data()))
    }

    /// No rows: what is sent where none of a batch are left, and something waits to hear of it.
    pub(crate) fn nothing() -> Batch {
        Batch::created(RecordBatch::new_empty(Arc::new(Schema::empty())))
    }

    /// The same rows with one more column behind theirs; what is known of the others stays known.
    pub(crate) fn with_column(&self, schema: &SchemaRef, column: ArrayRef) -> Result<Batch, ArrowError> {
        let columns = self.rows.columns().iter().cloned().chain([column]).collect();
        let known = self.known.iter().cloned().chain([Known::default()]).collect();
        Ok(Batch { rows: record_batch(schema.clone(), columns, self.len())?, known, ..self.clone() })
    }

    /// The rows as anything outside of the host sees them.
    pub(crate) fn seen(&self) -> RecordBatch {
        let fields = self.rows.schema_ref().fields();
        let seen: Vec<usize> = (0..fields.len()).filter(|at| !is_hidden(fields[*at].name())).collect();
        match seen.len() == fields.len() {
            true => self.rows.clone(),
            false => self.rows.project(&seen).unwrap_or_else(|_| self.rows.clone()),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.num_rows()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The named rows, in the order they are named.
    pub(crate) fn take(&self, rows: &UInt32Array) -> Result<Batch, ArrowError> {
        match rows.values().is_sorted_by(|row, next| row < next) {
            // Rows that stand side by side are copied in one piece.
            true => {
                let mut chosen = BooleanBufferBuilder::new(self.len());
                chosen.append_n(self.len(), false);
                rows.values().iter().for_each(|row| chosen.set_bit(*row as usize, true));
                let filter = FilterBuilder::new(&BooleanArray::new(chosen.finish(), None)).optimize().build();
                self.made_by(rows.len(), |column| filter.filter(column))
            }
            false => self.made_by(rows.len(), |column| take(column, rows, None)),
        }
    }

    fn made_by(
        &self,
        rows: usize,
        make: impl Fn(&dyn Array) -> Result<ArrayRef, ArrowError>,
    ) -> Result<Batch, ArrowError> {
        let columns: Result<Vec<ArrayRef>, _> = self.rows.columns().iter().map(|column| make(column)).collect();
        Ok(Batch::new(
            record_batch(self.rows.schema(), columns?, rows)?,
            UInt32Array::from(make(&self.file)?.to_data()),
            UInt64Array::from(make(&self.line)?.to_data()),
        )
        .of(self))
    }

    /// Rows that stand side by side, not copied.
    pub(crate) fn slice(&self, rows: std::ops::Range<usize>) -> Batch {
        let (start, len) = (rows.start, rows.len());
        let (file, line) = (self.file.slice(start, len), self.line.slice(start, len));
        Batch::new(self.rows.slice(start, len), file, line).of(self)
    }

    /// The same origins under other columns.
    pub(crate) fn with_columns(&self, schema: &SchemaRef, columns: Vec<ArrayRef>) -> Result<Batch, ArrowError> {
        Ok(self.with_rows(record_batch(schema.clone(), columns, self.len())?))
    }

    /// The same origins beside other rows, of the same number.
    pub(crate) fn with_rows(&self, rows: RecordBatch) -> Batch {
        Batch::new(rows, self.file.clone(), self.line.clone()).of(self)
    }

    /// Batches of one schema, one after another.
    pub(crate) fn concat(schema: &SchemaRef, batches: &[Batch]) -> Result<Batch, ArrowError> {
        let files: Vec<&dyn Array> = batches.iter().map(|b| &b.file as &dyn Array).collect();
        let lines: Vec<&dyn Array> = batches.iter().map(|b| &b.line as &dyn Array).collect();
        Ok(Batch::new(
            concat_batches(schema, batches.iter().map(|b| &b.rows))?,
            UInt32Array::from(concat(&files)?.to_data()),
            UInt64Array::from(concat(&lines)?.to_data()),
        ))
    }

    /// The bytes of all its values, and of what holds them.
    pub(crate) fn bytes(&self) -> u64 {
        let arrays: u64 = self.rows.columns().iter().map(arrays).sum();
        weight(&self.rows).div_ceil(8) + ORIGIN * self.len() as u64 + ARRAY * arrays
    }

    /// Batches of at most this many rows, and about this many bytes of values.
    pub(crate) fn cut(&self, size: BatchSize) -> impl Iterator<Item = Batch> + '_ {
        let most = usize::try_from(size.rows).unwrap_or(usize::MAX);
        let mut start = 0;
        std::iter::from_fn(move || {
            (start < self.len()).then(|| {
                let (count, _) = fill(&self.rows, start, most, size.bytes.saturating_mul(8));
                start += count;
                self.slice(start - count..start)
            })
        })
    }

    /// Rows of batches of one schema, each by its batch and its row there.
    pub(crate) fn interleave(batches: &[Batch], rows: &[(usize, usize)]) -> Result<Batch, ArrowError> {
        let of = |column: &dyn Fn(&Batch) -> ArrayRef| {
            let columns: Vec<ArrayRef> = batches.iter().map(column).collect();
            interleave(&columns.iter().map(AsRef::as_ref).collect::<Vec<&dyn Array>>(), rows)
        };
        let schema = batches[0].rows.schema();
        let columns = (0..schema.fields().len()).map(|at| of(&|batch| batch.rows.column(at).clone()));
        let columns: Vec<ArrayRef> = columns.collect::<Result<_, _>>()?;
        Ok(Batch::new(
            record_batch(schema, columns, rows.len())?,
            UInt32Array::from(of(&|batch| Arc::new(batch.file.clone()))?.to_data()),
            UInt64Array::from(of(&|batch| Arc::new(batch.line.clone()))?.to_data()),
        ))
    }

    /// What row `row` takes, in bits, as batches are cut by.
    pub(crate) fn bits(&self, row: usize) -> u64 {
        rows_bits(&self.rows, row, row + 1)
    }

    /// The bytes of row `row` in all columns.
    pub(crate) fn row_bytes(&self, row: usize) -> u64 {
        self.bits(row).div_ceil(8)
    }
}

/// The place of each column, by its name: looked up one by one, wide rows would take the square of their columns.
pub(crate) fn places(schema: &Schema) -> HashMap<&str, usize> {
    schema.fields().iter().enumerate().map(|(at, field)| (field.name().as_str(), at)).collect()
}

/// What an array takes beside its values, and what is known of it, bytes: it counts where there are a hundred thousand of them.
const ARRAY: u64 = 384;

/// An array, and those in it.
fn arrays(array: &ArrayRef) -> u64 {
    1 + match array.data_type() {
        DataType::List(_) => arrays(array.as_list::<i32>().values()),
        DataType::FixedSizeList(..) => arrays(array.as_fixed_size_list().values()),
        DataType::Map(..) => array.as_map().entries().columns().iter().map(arrays).sum(),
        DataType::Struct(_) => array.as_struct().columns().iter().map(arrays).sum(),
        _ => 0,
    }
}

/// A value that the layout gives no room: what carries it on needs some all the same (levels in Parquet, words in JSON), bits.
const WEIGHTLESS: u64 = 32;

/// What a value takes, bytes, by column: the mean of these rows.
pub(crate) fn widths(rows: &RecordBatch) -> Vec<f64> {
    let bytes = |column: usize| rows.project(&[column]).map_or(0, |rows| rows_bits(&rows, 0, rows.num_rows())) / 8;
    (0..rows.num_columns()).map(|column| bytes(column) as f64 / rows.num_rows().max(1) as f64).collect()
}

/// What rows take, in bits, so that parts add up exactly however they are cut. Values without weight count too.
pub(crate) fn weight(rows: &RecordBatch) -> u64 {
    weight_of(rows, 0, rows.num_rows())
}

fn weight_of(rows: &RecordBatch, start: usize, end: usize) -> u64 {
    let columns = rows.columns().iter();
    let weightless: u64 = columns.map(|column| weightless(column, start, end)).sum();
    rows_bits(rows, start, end).saturating_add(weightless.saturating_mul(WEIGHTLESS))
}

/// How many of these values, and of those in them, have no weight, or a bit: nulls of the type null, booleans, bytes of no width,
/// structs of no members.
fn weightless(array: &dyn Array, start: usize, end: usize) -> u64 {
    let rows = (end - start) as u64;
    let items = |offsets: &[i32], items: &dyn Array| weightless(items, offsets[start] as usize, offsets[end] as usize);
    match array.data_type() {
        DataType::Null | DataType::Boolean | DataType::FixedSizeBinary(0) => rows,
        DataType::List(_) => items(array.as_list::<i32>().value_offsets(), array.as_list::<i32>().values()),
        DataType::Map(..) => items(array.as_map().value_offsets(), array.as_map().entries()),
        DataType::FixedSizeList(_, 0) => rows,
        DataType::FixedSizeList(_, width) => {
            let width = *width as usize;
            weightless(array.as_fixed_size_list().values(), start * width, end * width)
        }
        DataType::Struct(fields) if fields.is_empty() => rows,
        DataType::Struct(_) => array.as_struct().columns().iter().map(|column| weightless(column, start, end)).sum(),
        _ => 0,
    }
}

/// The fewest rows from `start` that reach this many bits, or all up to `most`, at least one; and what they take.
pub(crate) fn fill(rows: &RecordBatch, start: usize, most: usize, bits: u64) -> (usize, u64) {
    let most = most.min(rows.num_rows() - start).max(1);
    let size = |count: usize| weight_of(rows, start, start + count);
    let all = size(most);
    if all < bits {
        return (most, all);
    }
    // Sizes grow with rows, so halving finds them.
    let (mut low, mut high) = (1, most);
    while low < high {
        let middle = (low + high) / 2;
        if size(middle) >= bits { high = middle } else { low = middle + 1 }
    }
    (low, size(low))
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, StringArray};
    use arrow::datatypes::Field;

    use super::*;

    #[test]
    fn a_digest_is_of_the_values_and_the_seed_whatever_was_asked_before() {
        let schema = Arc::new(Schema::new(vec![
            Field::new("n", DataType::Int64, true),
            Field::new("text", DataType::Utf8, true),
        ]));
        let rows = |values: &[i64]| {
            let texts = StringArray::from_iter_values(values.iter().map(|n| format!("text {n}")));
            let columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(values.to_vec())), Arc::new(texts)];
            Batch::created(record_batch(schema.clone(), columns, values.len()).unwrap())
        };
        let asked = rows(&[1, 2, 3]);
        let digests = [asked.digest([0, 1], 7), asked.digest([0], 7), asked.digest([1], 7), asked.digest([], 7)];
        assert_eq!(std::collections::HashSet::from(digests).len(), 4);
        assert_eq!(rows(&[1, 2, 3]).digest([0, 1], 7), digests[0]);
        // Under another seed, and as a copy.
        assert_eq!(asked.clone().digest([0, 1], 8), rows(&[1, 2, 3]).digest([0, 1], 8));
        assert_ne!(asked.digest([0, 1], 8), digests[0]);
        // What is made of it has other values.
        assert_eq!(asked.slice(1..3).digest([0, 1], 7), rows(&[2, 3]).digest([0, 1], 7));
        let taken = asked.take(&UInt32Array::from(vec![2, 0])).unwrap();
        assert_eq!(taken.digest([1], 7), rows(&[3, 1]).digest([1], 7));
    }
}
