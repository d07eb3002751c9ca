//! A source by rows.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::fields_of;
use super::write::{AnyBuilder, ToRow};
use crate::error::{Result, StepError};
use crate::output::Page;
use crate::shape::{BoundSource, Shape};
use crate::step::Source;
use crate::types::Field;

/// How many rows are put out at once.
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
            for record in making.rows(made)?.take(PAGE) {
                record?.write(&mut page).map_err(|error| StepError::failed(error.to_string()))?;
            }
            let next = made + page.len() as u64;
            Ok((next > made).then(|| page.finish_rows().into_iter().fold(Page::new(next), Page::column)))
        }))
    }
}
