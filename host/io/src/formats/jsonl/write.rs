//! Rows to JSON Lines, by arrow-json; JSON text goes out as the JSON that it is, and other text by an encoder of its own.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch, StringArray, StructArray};
use arrow::datatypes::{DataType, Field, FieldRef, SchemaRef};
use arrow::error::ArrowError;
use arrow_json::EncoderOptions;
use arrow_json::writer::{Encoder, EncoderFactory, NullableEncoder, make_encoder};

use crate::error::IoError;
use crate::formats::RowWriter;
use crate::text::Sink;
use crate::types::is_json;

/// Lines are handed on when there are so many bytes of them.
const LINES: usize = 256 << 10;

struct JsonlWriter<W> {
    sink: W,
    options: EncoderOptions,
    lines: Vec<u8>,
}

pub(super) fn create(sink: Sink, schema: &SchemaRef) -> Result<Box<dyn RowWriter>, IoError> {
    schema.fields().iter().try_for_each(|field| check(field, field.name()))?;
    Ok(Box::new(JsonlWriter::to(sink)))
}

/// Each row as the JSON object that a JSON Lines file has for it, for messages and lists of rows.
///
/// # Errors
/// A value that JSON cannot hold.
pub fn json_rows(rows: &RecordBatch) -> Result<Vec<String>, IoError> {
    rows.schema_ref().fields().iter().try_for_each(|field| check(field, field.name()))?;
    let mut writer = JsonlWriter::to(Vec::new());
    writer.append(rows)?;
    let text = String::from_utf8(writer.sink).expect("JSON is UTF-8");
    Ok(text.lines().map(str::to_owned).collect())
}

/// Refuses what JSON cannot say.
fn check(field: &Field, path: &str) -> Result<(), IoError> {
    match field.data_type() {
        DataType::Struct(fields) => fields.iter().try_for_each(|f| check(f, &format!("{path}.{}", f.name()))),
        DataType::List(items) | DataType::FixedSizeList(items, _) => check(items, path),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(pair) if pair[0].data_type() == &DataType::Utf8 => check(&pair[1], path),
            _ => Err(IoError::data(format!("`{path}` is a map whose keys are not strings, which JSON cannot hold"))
                .with_help("write parquet or arrow, or leave the column out")),
        },
        _ => Ok(()),
    }
}

impl<W: Write> JsonlWriter<W> {
    fn to(sink: W) -> JsonlWriter<W> {
        let options = EncoderOptions::default().with_explicit_nulls(true).with_encoder_factory(Arc::new(Texts));
        JsonlWriter { sink, options, lines: Vec::new() }
    }

    fn append(&mut self, rows: &RecordBatch) -> Result<(), IoError> {
        for (field, column) in rows.schema_ref().fields().iter().zip(rows.columns()) {
            check_text(field, column)?;
        }
        // A row of no columns is an object all the same; arrow has no structs without members that know how many they are.
        if rows.num_columns() == 0 {
            self.lines.extend("{}\n".repeat(rows.num_rows()).as_bytes());
            return self.hand_on();
        }
        let row = Arc::new(Field::new_struct("", rows.schema_ref().fields().clone(), false));
        let (array, options) = (StructArray::from(rows.clone()), self.options.clone());
        let mut encoder = make_encoder(&row, &array, &options).map_err(IoError::from_arrow)?;
        for at in 0..rows.num_rows() {
            encoder.encode(at, &mut self.lines);
            self.lines.push(b'\n');
            if self.lines.len() >= LINES {
                self.hand_on()?;
            }
        }
        self.hand_on()
    }

    fn hand_on(&mut self) -> Result<(), IoError> {
        let written = self.sink.write_all(&self.lines);
        self.lines.clear();
        written.map_err(|error| IoError::system("cannot write", &error))
    }
}

impl RowWriter for JsonlWriter<Sink> {
    fn write(&mut self, rows: &RecordBatch) -> Result<(), IoError> {
        self.append(rows)
    }

    fn sink(&mut self) -> Option<&mut Sink> {
        Some(&mut self.sink)
    }

    fn finish(self: Box<Self>) -> Result<Sink, IoError> {
        Ok(self.sink)
    }
}

/// JSON text comes from files and steps, and would break the line it stands in if it were none.
fn check_text(field: &Field, column: &dyn Array) -> Result<(), IoError> {
    match field.data_type() {
        DataType::Utf8 if is_json(field) => {
            for text in column.as_string::<i32>().iter().flatten() {
                serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|error| {
                    let text = crate::columns::excerpt(text);
                    IoError::data(format!("`{}` should hold JSON text, found {text:?}: {error}", field.name()))
                })?;
            }
            Ok(())
        }
        DataType::Struct(fields) => {
            fields.iter().zip(column.as_struct().columns()).try_for_each(|(field, column)| check_text(field, column))
        }
        DataType::List(items) => check_text(items, column.as_list::<i32>().values()),
        DataType::FixedSizeList(items, _) => check_text(items, column.as_fixed_size_list().values()),
        DataType::Map(entries, _) => check_text(entries, column.as_map().entries()),
        _ => Ok(()),
    }
}

#[derive(Debug)]
struct Texts;

impl EncoderFactory for Texts {
    fn make_default_encoder<'a>(
        &self,
        field: &'a FieldRef,
        array: &'a dyn Array,
        _: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        let encoder: Box<dyn Encoder> = match field.data_type() {
            DataType::Utf8 if is_json(field) => Box::new(Verbatim(array.as_string())),
            DataType::Utf8 => Box::new(Escaped(array.as_string())),
            _ => return Ok(None),
        };
        Ok(Some(NullableEncoder::new(encoder, array.nulls().cloned())))
    }
}

struct Verbatim<'a>(&'a StringArray);

impl Encoder for Verbatim<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        // JSON has line ends only between its tokens, where a space means the same.
        let byte = |byte: u8| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte };
        out.extend(self.0.value(row).bytes().map(byte));
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
