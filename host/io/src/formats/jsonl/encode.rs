//! Values to JSON where arrow-json's own words will not do: text, JSON text, times, UUIDs, lists and maps.
//!
//! An encoder cannot fail. What JSON has no form for was refused before ([`super::write`]), or, in rows that only tell what was
//! there, becomes an object that says so.

use std::io::Write;

use arrow::array::{Array, AsArray, FixedSizeBinaryArray, MapArray, StringArray};
use arrow::datatypes::{DataType, FieldRef};
use arrow::error::ArrowError;
use arrow_json::EncoderOptions;
use arrow_json::writer::{Encoder, EncoderFactory, NullableEncoder, make_encoder};

use crate::types::{is_json, is_uuid};
use crate::values::time::{self, Times};
use crate::values::{double_key, write_uuid};

/// Makes the encoders.
#[derive(Debug)]
pub(super) struct Words {
    /// Whether values may be there that JSON has no form for.
    pub(super) marked: bool,
}

impl EncoderFactory for Words {
    fn make_default_encoder<'a>(
        &self,
        field: &'a FieldRef,
        array: &'a dyn Array,
        options: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        let encoder: Box<dyn Encoder> = match field.data_type() {
            DataType::Utf8 if is_json(field) => Box::new(Verbatim { text: array.as_string(), marked: self.marked }),
            DataType::Utf8 => Box::new(Escaped(array.as_string())),
            DataType::FixedSizeBinary(_) if is_uuid(field) => Box::new(Uuid(array.as_fixed_size_binary())),
            DataType::List(item) => {
                let list = array.as_list::<i32>();
                let items = make_encoder(item, list.values(), options)?;
                Box::new(Items { items, range: |at| list.offsets()[at] as usize..list.offsets()[at + 1] as usize })
            }
            DataType::FixedSizeList(item, width) => {
                let items = make_encoder(item, array.as_fixed_size_list().values(), options)?;
                let width = *width as usize;
                Box::new(Items { items, range: move |at| at * width..(at + 1) * width })
            }
            DataType::Map(entries, _) => {
                let map = array.as_map();
                let DataType::Struct(pair) = entries.data_type() else { return Ok(None) };
                let [key, value] = &pair[..] else { return Ok(None) };
                let keys = match map.keys().as_string_opt::<i32>() {
                    Some(text) => NullableEncoder::new(Box::new(Escaped(text)), text.nulls().cloned()),
                    None => make_encoder(key, map.keys(), options)?,
                };
                let values = make_encoder(value, map.values(), options)?;
                Box::new(Entries { map, keys, values, marked: self.marked })
            }
            _ => match Times::of(array) {
                Some(times) => Box::new(Moments { times, of: field.data_type() }),
                None => return Ok(None),
            },
        };
        Ok(Some(NullableEncoder::new(encoder, array.nulls().cloned())))
    }
}

fn put(encoder: &mut NullableEncoder, at: usize, out: &mut Vec<u8>) {
    match encoder.is_null(at) {
        true => out.extend_from_slice(b"null"),
        false => encoder.encode(at, out),
    }
}

/// What has no form in JSON: the value as it is in memory, and its type.
fn mark(raw: impl serde::Serialize, of: &str, out: &mut Vec<u8>) {
    let mark = serde_json::json!({ "raw": raw, "type": of });
    // A vector takes whatever is written.
    let _ = write!(out, "{mark}");
}

struct Verbatim<'a> {
    text: &'a StringArray,
    marked: bool,
}

impl Encoder for Verbatim<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let text = self.text.value(row);
        if self.marked && serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() {
            return mark(text, "json", out);
        }
        // JSON has line ends only between its tokens, where a space means the same.
        let byte = |byte: u8| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte };
        out.extend(text.bytes().map(byte));
    }
}

struct Moments<'a> {
    times: Times<'a>,
    of: &'a DataType,
}

impl Encoder for Moments<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let begin = out.len();
        out.push(b'"');
        match self.times.write(row, out) {
            true => out.push(b'"'),
            false => {
                out.truncate(begin);
                mark(self.times.number(row), &time::name(self.of), out);
            }
        }
    }
}

struct Uuid<'a>(&'a FixedSizeBinaryArray);

impl Encoder for Uuid<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        out.push(b'"');
        write_uuid(self.0.value(row), out);
        out.push(b'"');
    }
}

/// Lists, of any and of fixed length.
struct Items<'a, F> {
    items: NullableEncoder<'a>,
    /// Where the items of a list are.
    range: F,
}

impl<F: Fn(usize) -> std::ops::Range<usize>> Encoder for Items<'_, F> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        out.push(b'[');
        for (nth, at) in (self.range)(row).enumerate() {
            if nth > 0 {
                out.push(b',');
            }
            put(&mut self.items, at, out);
        }
        out.push(b']');
    }
}

/// Maps: objects; a list of pairs where the keys are not text, or one is there twice.
struct Entries<'a> {
    map: &'a MapArray,
    keys: NullableEncoder<'a>,
    values: NullableEncoder<'a>,
    marked: bool,
}

impl Encoder for Entries<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let range = self.map.offsets()[row] as usize..self.map.offsets()[row + 1] as usize;
        let text = self.map.keys().data_type() == &DataType::Utf8;
        let no_object = || !text || self.keys.has_nulls() || double_key(self.map, row).is_some();
        if self.marked && no_object() {
            out.push(b'[');
            for (nth, at) in range.enumerate() {
                out.extend_from_slice(if nth > 0 { b",{\"key\":" } else { b"{\"key\":" });
                put(&mut self.keys, at, out);
                out.extend_from_slice(b",\"value\":");
                put(&mut self.values, at, out);
                out.push(b'}');
            }
            return out.push(b']');
        }
        out.push(b'{');
        for (nth, at) in range.enumerate() {
            if nth > 0 {
                out.push(b',');
            }
            self.keys.encode(at, out);
            out.push(b':');
            put(&mut self.values, at, out);
        }
        out.push(b'}');
    }
}

/// Text as serde_json writes it. Nearly all of it stands for itself, and is copied in long pieces.
struct Escaped<'a>(&'a StringArray);

impl Encoder for Escaped<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        out.push(b'"');
        let mut rest = self.0.value(row).as_bytes();
        while let Some(at) = escaped(rest) {
            out.extend_from_slice(&rest[..at]);
            match rest[at] {
                b'"' => out.extend_from_slice(br#"\""#),
                b'\\' => out.extend_from_slice(br"\\"),
                b'\n' => out.extend_from_slice(br"\n"),
                b'\r' => out.extend_from_slice(br"\r"),
                b'\t' => out.extend_from_slice(br"\t"),
                0x08 => out.extend_from_slice(br"\b"),
                0x0c => out.extend_from_slice(br"\f"),
                control => out.extend_from_slice(format!("\\u{control:04x}").as_bytes()),
            }
            rest = &rest[at + 1..];
        }
        out.extend_from_slice(rest);
        out.push(b'"');
    }
}

/// Where the first byte stands that does not stand for itself in a JSON string.
fn escaped(text: &[u8]) -> Option<usize> {
    let is_escaped = |byte: &u8| (*byte < 0x20) | (*byte == b'"') | (*byte == b'\\');
    let (pieces, rest) = text.as_chunks::<32>();
    // Without a branch a byte, so that the compiler looks at many together.
    let piece = pieces.iter().position(|piece| piece.iter().fold(false, |any, byte| any | is_escaped(byte)));
    let (from, among) = match piece {
        Some(piece) => (piece * 32, &pieces[piece][..]),
        None => (pieces.len() * 32, rest),
    };
    among.iter().position(is_escaped).map(|at| from + at)
}
