//! Keys: the values that a row is sorted by, as bytes whose order is that of the rows.
//!
//! No key is the beginning of another, so that columns can follow one another.

use callboard_sdk::array::Values;
use callboard_sdk::prelude::*;

use crate::{Nulls, Order};

/// No key has fewer bytes: a shorter one is filled with zeros.
pub(crate) const LEAST: usize = 12;

/// How the values of a column become bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// So many bytes, most significant first.
    Number(usize),
    /// An integer in two's complement, least significant byte first: a decimal.
    Decimal(usize),
    /// Bytes as they are, always so many.
    Fixed(usize),
    /// Bytes of any number.
    Bytes,
}

impl Encoding {
    /// The encoding of a type.
    ///
    /// # Errors
    /// `input`, if its values have no order.
    pub(crate) fn of(column: &str, ty: &Type) -> Result<Self> {
        let is_interval = matches!(ty.logical.as_deref(), Some("tiD" | "tin"));
        Ok(match ty.layout {
            Layout::Fixed(width) if !is_interval => match ty.logical {
                Some(_) => Encoding::Decimal(width as usize),
                None => Encoding::Fixed(width as usize),
            },
            Layout::Null => Encoding::Number(0),
            Layout::Boolean | Layout::Int8 | Layout::UInt8 => Encoding::Number(1),
            Layout::Int16 | Layout::UInt16 => Encoding::Number(2),
            Layout::Int32 | Layout::UInt32 | Layout::Float32 => Encoding::Number(4),
            Layout::Int64 | Layout::UInt64 | Layout::Float64 => Encoding::Number(8),
            Layout::Utf8 | Layout::Binary => Encoding::Bytes,
            Layout::Fixed(_) | Layout::List(_) | Layout::Vector(..) | Layout::Struct(_) => {
                return Err(StepError::input(format!("column `{column}` is {ty}, and such values have no order")));
            }
        })
    }

    /// How long every key is, in bytes, where they are all of one length.
    pub(crate) fn width(self) -> Option<usize> {
        match self {
            Encoding::Number(width) | Encoding::Decimal(width) | Encoding::Fixed(width) => Some(1 + width),
            Encoding::Bytes => None,
        }
    }
}

/// The keys of the rows of a batch.
pub(crate) struct Keys<'a>(Vec<Part<'a>>);

struct Part<'a> {
    values: Values<'a>,
    encoding: Encoding,
    descending: bool,
    nulls: Nulls,
}

impl<'a> Keys<'a> {
    pub(crate) fn new(batch: &'a Batch, orders: &[Order]) -> Result<Self> {
        let part = |order: &Order| {
            let values = batch.array(&order.column)?.values()?;
            Ok(Part { values, encoding: order.encoding, descending: order.descending, nulls: order.nulls })
        };
        orders.iter().map(part).collect::<Result<_>>().map(Keys)
    }

    /// Puts the key of row `i` into `key`, in place of what was there.
    pub(crate) fn write(&self, i: usize, key: &mut Vec<u8>) {
        key.clear();
        self.0.iter().for_each(|part| part.write(i, key));
        key.resize(key.len().max(LEAST), 0);
    }
}

impl Part<'_> {
    /// A byte that puts nulls before or behind all values, whatever the direction; then the value.
    fn write(&self, i: usize, key: &mut Vec<u8>) {
        if self.values.is_null(i) {
            key.push(if self.nulls == Nulls::First { 0 } else { 2 });
            return;
        }
        key.push(1);
        let start = key.len();
        match &self.values {
            Values::Booleans(view) => key.push(u8::from(view.value(i))),
            Values::Int8(view) => key.extend((view.value(i) ^ i8::MIN).to_be_bytes()),
            Values::Int16(view) => key.extend((view.value(i) ^ i16::MIN).to_be_bytes()),
            Values::Int32(view) => key.extend((view.value(i) ^ i32::MIN).to_be_bytes()),
            Values::Int64(view) => key.extend((view.value(i) ^ i64::MIN).to_be_bytes()),
            Values::UInt8(view) => key.extend(view.value(i).to_be_bytes()),
            Values::UInt16(view) => key.extend(view.value(i).to_be_bytes()),
            Values::UInt32(view) => key.extend(view.value(i).to_be_bytes()),
            Values::UInt64(view) => key.extend(view.value(i).to_be_bytes()),
            Values::Float32(view) => key.extend(float32(view.value(i)).to_be_bytes()),
            Values::Float64(view) => key.extend(float64(view.value(i)).to_be_bytes()),
            Values::Strings(view) => bytes(view.value(i).as_bytes(), key),
            Values::Binaries(view) => match self.encoding {
                Encoding::Decimal(_) => decimal(view.value(i), key),
                Encoding::Fixed(_) => key.extend(view.value(i)),
                _ => bytes(view.value(i), key),
            },
            Values::Nulls | Values::Lists(_) | Values::Structs(_) => unreachable!("refused when the step was bound"),
        }
        if self.descending {
            key[start..].iter_mut().for_each(|byte| *byte = !*byte);
        }
    }
}

/// Bits in the order of the numbers: −∞ first, 0 and −0 equal, every NaN equal and behind ∞.
fn float64(value: f64) -> u64 {
    let bits = if value.is_nan() { f64::NAN.abs() } else { value + 0.0 }.to_bits();
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

fn float32(value: f32) -> u32 {
    let bits = if value.is_nan() { f32::NAN.abs() } else { value + 0.0 }.to_bits();
    if bits >> 31 == 0 { bits | 1 << 31 } else { !bits }
}

/// Zeros are doubled by a byte that is not zero, and two of them end the value.
fn bytes(value: &[u8], key: &mut Vec<u8>) {
    // Text has hardly ever one, and to look for any is much faster than to look at each byte.
    if !value.contains(&0) {
        key.extend_from_slice(value);
    } else {
        value
            .iter()
            .for_each(|byte| key.extend_from_slice(if *byte == 0 { &[0, 0xff] } else { std::slice::from_ref(byte) }));
    }
    key.extend([0, 0]);
}

fn decimal(value: &[u8], key: &mut Vec<u8>) {
    let start = key.len();
    key.extend(value.iter().rev());
    if let Some(first) = key.get_mut(start) {
        *first ^= 0x80;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ascend<T: Copy>(values: &[T], encode: impl Fn(T, &mut Vec<u8>)) {
        let keys: Vec<Vec<u8>> = values
            .iter()
            .map(|value| {
                let mut key = vec![];
                encode(*value, &mut key);
                key
            })
            .collect();
        assert!(keys.is_sorted_by(|a, b| a < b), "{keys:?}");
    }

    #[test]
    fn floats_have_a_total_order() {
        let numbers =
            [f64::NEG_INFINITY, f64::MIN, -1.5, -1.0, -f64::MIN_POSITIVE, -5e-324, 0.0, 5e-324, 1.0, f64::MAX];
        ascend(&numbers, |value, key| key.extend(float64(value).to_be_bytes()));
        ascend(&[f64::MAX, f64::INFINITY, f64::NAN], |value, key| key.extend(float64(value).to_be_bytes()));
        assert_eq!((float64(-0.0), float64(-f64::NAN)), (float64(0.0), float64(f64::NAN)));
        let numbers = [f32::NEG_INFINITY, -1.5, -1e-45, 0.0, 1e-45, 1.0, f32::INFINITY, f32::NAN];
        ascend(&numbers, |value, key| key.extend(float32(value).to_be_bytes()));
        assert_eq!((float32(-0.0), float32(-f32::NAN)), (float32(0.0), float32(f32::NAN)));
    }

    #[test]
    fn bytes_end_before_what_follows_counts() {
        let values: [&[u8]; 8] = [b"", b"\0", b"\0\0", b"\0\x01", b"\x01", b"a", b"a\0", b"ab"];
        ascend(&values, |value, key| {
            bytes(value, key);
            key.push(7);
        });
    }

    #[test]
    fn decimals_are_numbers() {
        let numbers = [i128::MIN, -1 << 100, -256, -255, -1, 0, 1, 255, 256, 1 << 100, i128::MAX];
        ascend(&numbers, |value, key| decimal(&value.to_le_bytes(), key));
        ascend(&[i32::MIN, -1, 0, i32::MAX], |value, key| decimal(&value.to_le_bytes(), key));
    }

    #[test]
    fn what_has_no_order_is_refused() {
        let logical = |layout, logical: &str| Type { logical: Some(logical.into()), ..Type::new(layout) };
        assert_eq!(Encoding::of("c", &Type::new(Layout::Fixed(16))), Ok(Encoding::Fixed(16)));
        assert_eq!(Encoding::of("c", &logical(Layout::Fixed(16), "d:19,10")), Ok(Encoding::Decimal(16)));
        assert_eq!(Encoding::of("c", &logical(Layout::Int32, "tdD")), Ok(Encoding::Number(4)));
        for ty in
            [logical(Layout::Fixed(16), "tin"), Type::list(Layout::Utf8.into()), Type::new(Layout::Struct(vec![]))]
        {
            let error = Encoding::of("c", &ty).unwrap_err();
            assert_eq!(error.message, format!("column `c` is {ty}, and such values have no order"));
        }
    }
}
