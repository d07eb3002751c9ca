//! The columns that one part hands the next.

use callboard_sdk::prelude::*;

/// What the bands of a row hash to: rows that have one in common are candidates.
pub const BANDS: &str = "bands";
/// What it is compared by, little-endian: its shingles, each once and in order, or the places of its signature.
pub const COMPARED: &str = "compared";
/// Bytes of the text.
pub const LENGTH: &str = "length";

/// What a row becomes.
pub fn signed() -> [Field; 3] {
    let bands = Field::list(BANDS, Type::new(Layout::UInt64).not_null()).not_null();
    [bands, Field::binary(COMPARED).not_null(), Field::uint32(LENGTH).not_null()]
}

/// A step that writes rows of its own: of its (first) input, nothing goes on.
pub fn writes_only(input: &Schema, written: impl IntoIterator<Item = Field>) -> Shape {
    let written: Vec<Field> = written.into_iter().collect();
    let names = input.fields().iter().map(|field| field.name.clone());
    let drops: Vec<String> = names.filter(|name| written.iter().all(|field| field.name != *name)).collect();
    Shape::new().writes_all(written).drops_all(drops)
}
