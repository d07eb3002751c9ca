//! The same rows with other values in some columns: nulls, foreign letters.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, new_null_array};
use arrow::datatypes::DataType;

use crate::rows::{made, taken};

/// Text that is more than letters of one byte: of two, three and four, put together, from the right, with line ends, with a zero, none at all.
const FOREIGN: [&str; 9] = [
    "Grüße aus Köln",
    "東京 は 雨",
    "🐈‍⬛ naïve cafe\u{301}",
    "Привет,\tмир\nи ещё",
    "العربية من اليمين",
    "\u{feff}mark first",
    "a\u{0}zero",
    "",
    "\u{a0}\u{2003} \r\n",
];

/// Rows of these with nulls or foreign text in the columns of `reads`, each with what it is: columns one by one, then all of them null.
pub(crate) fn variants(rows: &RecordBatch, reads: &[String]) -> Vec<(String, RecordBatch)> {
    // As many rows as there are texts, where there are fewer: each is seen once.
    let count = if rows.num_rows() == 0 { 0 } else { rows.num_rows().max(FOREIGN.len()) };
    let rows = &taken(rows, &(0..count as u32).map(|row| row % rows.num_rows() as u32).collect::<Vec<_>>());
    let schema = rows.schema();
    let at = |name: &String| schema.index_of(name).ok();
    let with = |which: &[usize], of: &dyn Fn(usize) -> ArrayRef| {
        let mut columns = rows.columns().to_vec();
        which.iter().for_each(|at| columns[*at] = of(*at));
        made(schema.clone(), columns, count)
    };
    let null = |at: usize| new_null_array(schema.field(at).data_type(), count);
    let foreign = |_: usize| {
        Arc::new(StringArray::from_iter_values((0..count).map(|row| FOREIGN[row % FOREIGN.len()]))) as ArrayRef
    };
    let columns: Vec<usize> = reads.iter().filter_map(at).collect();
    let nullable: Vec<usize> = columns.iter().copied().filter(|at| schema.field(*at).is_nullable()).collect();
    let name = |at: usize| schema.field(at).name();
    let mut variants = Vec::new();
    for column in &nullable {
        variants.push((format!("nulls in `{}`", name(*column)), with(&[*column], &null)));
    }
    if nullable.len() > 1 {
        variants.push(("nulls in every column that it reads".to_owned(), with(&nullable, &null)));
    }
    let texts = columns.iter().filter(|at| schema.field(**at).data_type() == &DataType::Utf8);
    for column in texts {
        variants.push((format!("foreign letters in `{}`", name(*column)), with(&[*column], &foreign)));
    }
    variants
}
