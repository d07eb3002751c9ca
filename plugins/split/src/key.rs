//! Keys as bytes that stay the same when a column's type becomes wider: an integer is known by its value, whatever its type.

use callboard_sdk::Keys;
use callboard_sdk::prelude::*;

/// The columns of a key.
pub(crate) struct StableKeys<'a>(Vec<Part<'a>>);

enum Part<'a> {
    Number(Box<dyn Fn(usize) -> Option<Number> + 'a>),
    Other(Keys<'a>),
}

enum Number {
    Integer(i128),
    Float(f64),
}

impl Number {
    fn of_float(value: f64) -> Self {
        // 2^63 and all that is below it in size is an i128 exactly, if it is an integer.
        match value.fract() == 0.0 && value.abs() <= 9_223_372_036_854_775_808.0 {
            true => Number::Integer(value as i128),
            false => Number::Float(value),
        }
    }
}

impl<'a> StableKeys<'a> {
    /// # Errors
    /// `input`, if text is not UTF-8.
    pub(crate) fn new(columns: Vec<Array<'a>>) -> Result<Self> {
        columns.into_iter().map(Part::new).collect::<Result<_>>().map(StableKeys)
    }

    /// Appends the bytes of row `row`.
    pub(crate) fn write(&self, row: usize, out: &mut Vec<u8>) {
        self.0.iter().for_each(|part| part.write(row, out));
    }
}

impl<'a> Part<'a> {
    fn new(array: Array<'a>) -> Result<Self> {
        macro_rules! integer {
            ($view:expr) => {
                Part::Number(Box::new(move |i| $view.get(i).map(|value| Number::Integer(value.into()))))
            };
        }
        Ok(match array.values()? {
            Values::Int8(view) => integer!(view),
            Values::Int16(view) => integer!(view),
            Values::Int32(view) => integer!(view),
            Values::Int64(view) => integer!(view),
            Values::UInt8(view) => integer!(view),
            Values::UInt16(view) => integer!(view),
            Values::UInt32(view) => integer!(view),
            Values::UInt64(view) => integer!(view),
            Values::Float32(view) => Part::Number(Box::new(move |i| view.get(i).map(|v| Number::of_float(v.into())))),
            Values::Float64(view) => Part::Number(Box::new(move |i| view.get(i).map(Number::of_float))),
            _ => Part::Other(Keys::new([array])?),
        })
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) {
        match self {
            Part::Other(keys) => keys.write(row, out),
            // The same byte as for a null of any other type.
            Part::Number(number) => match number(row) {
                None => out.push(0),
                Some(Number::Integer(value)) => {
                    out.push(2);
                    out.extend(value.to_le_bytes());
                }
                Some(Number::Float(value)) => {
                    out.push(3);
                    let value = if value.is_nan() { f64::NAN } else { value };
                    out.extend(value.to_le_bytes());
                }
            },
        }
    }
}
