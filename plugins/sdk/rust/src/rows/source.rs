//! A source by rows.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::build::AnyBuilder;
use super::fields_of;
use super::write::ToRow;
use crate::error::{Result, StepError};
use crate::output::Page;
use crate::shape::{BoundSource, Shape};
use crate::step::Source;
use crate::types::Field;

/// How many rows are put out at once, if they are not large.
const PAGE: usize = 1000;

/// A step that makes one row after another. Exported with [`source!`](crate::source), as every [`Source`].
///
/// The type that implements it is the step's configuration. A source that goes on by something else than the number of
/// rows (a page's token, say) implements [`Source`] itself.
pub trait RowSource: DeserializeOwned + JsonSchema + 'static {
    /// A row: its fields are the columns.
    type Row: ToRow + JsonSchema;

    /// The columns of the rows: as many, and as named, as the fields of `Row`.
    ///
    /// # Errors
    /// `failed`, if `Row` has no such fields.
    fn writes(&self) -> Result<Vec<Field>> {
        fields_of::<Self::Row>()
    }

    /// The rows after the first `skip`, which were made before. An error ends the run.
    ///
    /// # Errors
    /// What it likes.
    fn rows(self, skip: u64) -> Result<impl Iterator<Item = Result<Self::Row>> + 'static>;
}

type Rows<R> = Box<dyn Iterator<Item = Result<R>>>;

/// A source, before its first row and after.
enum Making<T: RowSource> {
    Not(Option<T>),
    Begun(Rows<T::Row>),
}

impl<T: RowSource> Making<T> {
    fn rows(&mut self, skip: u64) -> Result<&mut Rows<T::Row>> {
        if let Making::Not(step) = self {
            let step =
                step.take().ok_or_else(|| StepError::failed("the source could not begin, and was called again"))?;
            *self = Making::Begun(Box::new(step.rows(skip)?));
        }
        match self {
            Making::Begun(rows) => Ok(rows),
            Making::Not(_) => unreachable!("it has begun"),
        }
    }
}

impl<T: RowSource> Source for T {
    type Config = T;
    /// How many rows were made.
    type Cursor = u64;

    fn bind(step: T) -> Result<BoundSource<u64>> {
        let fields = step.writes()?;
        let shape = Shape::new().writes_all(fields.iter());
        Ok(shape.load(|| Ok(Making::Not(Some(step)))).pages(move |making, made| {
            let mut page = AnyBuilder::of_rows(&fields, PAGE);
            for record in making.rows(made)? {
                record?.write(&mut page).map_err(|error| StepError::failed(error.to_string()))?;
                if page.is_full(PAGE) {
                    break;
                }
            }
            let next = made + page.len() as u64;
            Ok((next > made).then(|| page.finish_rows().into_iter().fold(Page::new(next), Page::column)))
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A megabyte a row.
    #[derive(serde::Deserialize, JsonSchema)]
    struct Large {}

    #[derive(serde::Serialize, JsonSchema)]
    struct Megabyte {
        texts: Vec<String>,
    }

    impl RowSource for Large {
        type Row = Megabyte;
        fn rows(self, skip: u64) -> Result<impl Iterator<Item = Result<Megabyte>>> {
            Ok((skip..40).map(|_| Ok(Megabyte { texts: vec!["x".repeat(1 << 19), "y".repeat(1 << 19)] })))
        }
    }

    #[test]
    fn large_rows_go_out_before_they_are_a_thousand() {
        let mut next = (Large::bind(Large {}).unwrap().open)().unwrap();
        let (mut made, mut pages) = (0, vec![]);
        while let Some((page, cursor)) = next(made).unwrap() {
            pages.push(page.rows);
            made = cursor;
        }
        assert_eq!(pages, [16, 16, 8]);
    }
}
