//! Rows as bytes, to be hashed or compared: for steps that work with columns of every type.

use crate::array::{Array, Binaries, Booleans, Bytes, Lists, Structs, Validity, Values};
use crate::error::Result;
use crate::raw::columns::Values as RawValues;

/// Writes rows of some columns as bytes that are equal exactly where all the values are.
///
/// A null is no other value; numbers are equal as numbers are (`0.0` and `-0.0`), and NaN is equal to itself.
pub struct Keys<'a>(Vec<Key<'a>>);

impl<'a> Keys<'a> {
    /// The keys of rows of these columns.
    ///
    /// # Errors
    /// `input`, if text is no UTF-8.
    pub fn new(columns: impl IntoIterator<Item = Array<'a>>) -> Result<Self> {
        columns.into_iter().map(Key::new).collect::<Result<_>>().map(Keys)
    }

    /// Appends the bytes of row `i`.
    ///
    /// # Panics
    /// If there is no row `i`.
    pub fn write(&self, i: usize, out: &mut Vec<u8>) {
        self.0.iter().for_each(|key| key.write(i, out));
    }

    /// The bytes of row `i`, in place where they lie as they are, written to `scratch` elsewhere. They are to be compared with
    /// others that this gives for columns of the same types, and not with what [`write`](Self::write) does.
    ///
    /// # Panics
    /// If there is no row `i`.
    pub fn get<'k>(&'k self, i: usize, scratch: &'k mut Vec<u8>) -> &'k [u8] {
        match &self.0[..] {
            // No text has this byte.
            [Key::Bytes { view, text: true }] => view.get(i).unwrap_or(b"\xff"),
            _ => {
                scratch.clear();
                self.write(i, scratch);
                scratch
            }
        }
    }
}

/// Appends value `i`.
type Write<'a> = Box<dyn Fn(usize, &mut Vec<u8>) + 'a>;

enum Key<'a> {
    Nulls,
    Booleans(Booleans<'a>),
    /// Numbers: nulls, and how to append value `i`.
    Leaf(Validity<'a>, Write<'a>),
    /// Text or bytes.
    Bytes {
        view: Binaries<'a>,
        text: bool,
    },
    Lists(Lists<'a>, Box<Key<'a>>),
    Structs(Structs<'a>, Vec<Key<'a>>),
}

impl<'a> Key<'a> {
    fn new(array: Array<'a>) -> Result<Self> {
        macro_rules! number {
            ($view:expr, $equal:expr) => {{
                let view = $view;
                Key::Leaf(view.validity(), Box::new(move |i, out| out.extend($equal(view.value(i)).to_le_bytes())))
            }};
        }
        fn same<T>(value: T) -> T {
            value
        }
        if let RawValues::Utf8(_) | RawValues::Binary(_) | RawValues::Fixed(_) = array.raw.values {
            let text = matches!(array.raw.values, RawValues::Utf8(_));
            return Ok(Key::Bytes { view: array.view::<Bytes>()?, text });
        }
        Ok(match array.values()? {
            Values::Nulls => Key::Nulls,
            Values::Booleans(view) => Key::Booleans(view),
            Values::Int8(view) => number!(view, same),
            Values::Int16(view) => number!(view, same),
            Values::Int32(view) => number!(view, same),
            Values::Int64(view) => number!(view, same),
            Values::UInt8(view) => number!(view, same),
            Values::UInt16(view) => number!(view, same),
            Values::UInt32(view) => number!(view, same),
            Values::UInt64(view) => number!(view, same),
            Values::Float32(view) => number!(view, |value: f32| if value.is_nan() { f32::NAN } else { value + 0.0 }),
            Values::Float64(view) => number!(view, |value: f64| if value.is_nan() { f64::NAN } else { value + 0.0 }),
            Values::Strings(_) | Values::Binaries(_) => unreachable!("seen to above"),
            Values::Lists(view) => Key::Lists(view, Box::new(Key::new(view.items())?)),
            Values::Structs(view) => {
                Key::Structs(view, view.members().map(|(_, member)| Key::new(member)).collect::<Result<_>>()?)
            }
        })
    }

    /// A byte that tells a null from a value, then the value; its length first where that varies.
    fn write(&self, i: usize, out: &mut Vec<u8>) {
        let is_null = match self {
            Key::Nulls => true,
            Key::Booleans(view) => view.is_null(i),
            Key::Leaf(validity, _) => validity.is_null(i),
            Key::Bytes { view, .. } => view.is_null(i),
            Key::Lists(view, _) => view.is_null(i),
            Key::Structs(view, _) => view.is_null(i),
        };
        out.push(u8::from(!is_null));
        if is_null {
            return;
        }
        match self {
            Key::Nulls => {}
            Key::Booleans(view) => out.push(u8::from(view.value(i))),
            Key::Leaf(_, write) => write(i, out),
            Key::Bytes { view, .. } => bytes(view.value(i), out),
            Key::Lists(view, items) => {
                let span = view.value(i);
                out.extend((span.len() as u32).to_le_bytes());
                span.for_each(|item| items.write(item, out));
            }
            Key::Structs(_, members) => members.iter().for_each(|member| member.write(i, out)),
        }
    }
}

fn bytes(value: &[u8], out: &mut Vec<u8>) {
    out.extend((value.len() as u32).to_le_bytes());
    out.extend(value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ArrayBuf;
    use crate::testing;

    fn all_differ(column: ArrayBuf) {
        let rows = column.len();
        let batch = testing::columns([("a", column)]);
        let keys = Keys::new([batch.array("a").unwrap()]).unwrap();
        let of = |i| keys.get(i, &mut vec![]).to_vec();
        for (i, j) in (0..rows).flat_map(|i| (0..i).map(move |j| (i, j))) {
            assert_ne!(of(i), of(j), "rows {i} and {j}");
        }
    }

    #[test]
    fn a_null_is_no_text_and_no_bytes() {
        all_differ([None, Some(""), Some("\u{ff}"), Some("\0"), Some("\u{1}")].into_iter().collect());
        all_differ([None, Some(&b""[..]), Some(b"\xff"), Some(b"\0"), Some(b"\x01")].into_iter().collect());
    }
}
