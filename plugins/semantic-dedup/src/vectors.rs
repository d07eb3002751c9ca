//! Vectors of rows, made of length 1: then their product is their cosine.

use std::cell::Cell;

use callboard_sdk::prelude::*;
use callboard_sdk::{Layout, Read};

/// A column of vectors.
#[derive(Clone, Debug)]
pub struct VectorColumn {
    column: Column<List>,
    wide: bool,
    /// How many numbers a vector has; of a column of lists, the first says it.
    width: Cell<Option<usize>>,
}

impl VectorColumn {
    /// The column of this name.
    ///
    /// # Errors
    /// A column that is missing, or of no vectors or lists of float32 or float64.
    pub fn of(input: &Schema, name: &str) -> Result<VectorColumn> {
        let column: Column<List> = input.column(name)?;
        let (items, width) = match &column.field().ty.layout {
            Layout::Vector(items, width) => (&items.layout, Some(*width as usize)),
            Layout::List(items) => (&items.layout, None),
            _ => return Err(StepError::failed("a list is a list")),
        };
        let wide = match items {
            Layout::Float32 => false,
            Layout::Float64 => true,
            _ => {
                let ty = &column.field().ty;
                return Err(StepError::input(format!("column `{name}` is {ty}, and vectors of float32 are expected")));
            }
        };
        Ok(VectorColumn { column, wide, width: Cell::new(width) })
    }

    /// What the step has to read.
    pub fn read(&self) -> Read {
        (&self.column).into()
    }

    /// Gives each row's vector, of length 1, to `take`: nothing where the row has none, or one without a direction.
    ///
    /// # Errors
    /// Vectors of different lengths; whatever `take` fails with.
    pub fn each(&self, batch: &Batch, mut take: impl FnMut(usize, Option<&[f32]>) -> Result<()>) -> Result<()> {
        let lists = batch.get(&self.column)?;
        let items = lists.items();
        let (narrow, wide) = match self.wide {
            false => (Some(items.view::<f32>()?), None),
            true => (None, Some(items.view::<f64>()?)),
        };
        let mut vector: Vec<f32> = vec![];
        for row in 0..batch.rows() {
            vector.clear();
            if let Some(span) = lists.get(row) {
                let width = self.width.get().unwrap_or(span.len());
                self.width.set(Some(width));
                if span.len() != width {
                    let (name, found) = (self.column.name(), span.len());
                    let message = format!("column `{name}` has vectors of {width} numbers and of {found}");
                    return Err(StepError::input(message));
                }
                // An item that is null is no number.
                match (&narrow, &wide) {
                    (Some(items), _) => vector.extend(span.map(|i| items.get(i).unwrap_or(f32::NAN))),
                    (_, Some(items)) => vector.extend(span.map(|i| items.get(i).unwrap_or(f64::NAN) as f32)),
                    (None, None) => {}
                }
            }
            take(row, unit(&mut vector).then_some(&*vector))?;
        }
        Ok(())
    }
}

/// Makes a vector one of length 1; whether it has a direction.
pub(crate) fn unit(vector: &mut [f32]) -> bool {
    let length = vector.iter().map(|item| f64::from(*item).powi(2)).sum::<f64>().sqrt();
    let has_direction = length.is_finite() && length > 0.0;
    if has_direction {
        vector.iter_mut().for_each(|item| *item = (f64::from(*item) / length) as f32);
    }
    has_direction
}

/// The product of two vectors, added up in an order that does not depend on the machine.
#[inline]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut sums = [0f32; LANES];
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a.zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f32>() + rest
}
