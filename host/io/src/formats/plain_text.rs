//! Plain text: a row for each line, without its end, or for each file; in one column, `text`.
//!
//! Every line is a row, blank ones too, so that rows are numbered as an editor numbers them. A carriage return within a line is part of it,
//! unless lines end with nothing else. A file is text if it is UTF-8 and no binary file by its beginning: web pages are read here too.

use std::io::Read;
use std::sync::Arc;

use arrow::array::{RecordBatch, StringArray, StringBuilder, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::{FileFormat, Reading, Rows, Taken};
use crate::bad_row::BadRow;
use crate::canonical;
use crate::error::IoError;
use crate::limits::{self, LONGEST_LINE, Limit};
use crate::lines::Lines;
use crate::magic::Holds;
use crate::places::Source;
use crate::plain::Plain;
use crate::spec::{BatchPolicy, InputSpec, TextRow};

pub(super) struct PlainText;

impl FileFormat for PlainText {
    fn schema(&self, files: &[Source], spec: &InputSpec) -> Result<Schema, IoError> {
        let schema = Schema::new(vec![Field::new("text", DataType::Utf8, false)]);
        canonical::only_known(&schema, files, spec)?;
        if let Some(other) = spec.types.values().find(|name| !["string", "utf8"].contains(&name.as_str())) {
            let message = format!("`text` is a string, and cannot be {other}");
            return Err(IoError::spec(message).with_help("a step reads other values from it"));
        }
        Ok(schema)
    }

    fn read(&self, of: Reading<'_>) -> Result<Rows, IoError> {
        let Reading { file, schema, spec, policy } = of;
        match spec.row {
            TextRow::Line => {
                let lines = Lines::of(Plain::open_as(file, spec, Holds::Text)?);
                Ok(Box::new(LineRows { lines, schema: schema.clone(), spec: spec.clone(), policy }))
            }
            TextRow::File => Ok(Box::new(std::iter::once(whole(file, schema, spec)))),
        }
    }
}

struct LineRows {
    lines: Lines,
    schema: SchemaRef,
    spec: InputSpec,
    policy: BatchPolicy,
}

impl LineRows {
    fn batch(&mut self) -> Result<Option<Taken>, IoError> {
        let (mut origins, mut texts, mut bytes) = (Vec::new(), StringBuilder::new(), 0);
        let mut bad = Vec::new();
        while origins.len() + bad.len() < self.policy.rows && bytes < self.policy.bytes {
            let Some((number, line)) = self.lines.next_line()? else { break };
            let (line, is_ended) = line.strip_suffix(b"\n").map_or((line, false), |line| (line, true));
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if number == 1 && !is_ended {
                if line.is_empty() {
                    // A byte-order mark, and nothing else.
                    break;
                }
                if line.contains(&b'\r') {
                    let error = IoError::data("lines end with a carriage return alone, and a line feed is expected");
                    return Err(error.with_help("convert the file: tr '\\r' '\\n'").at_line(1));
                }
            }
            bytes += line.len() + size_of::<i32>();
            match utf8(line) {
                Ok(text) => {
                    texts.append_value(text);
                    origins.push(number);
                }
                Err(error) => bad.push(BadRow::of(error.at_line(number), &self.spec, number, line)?),
            }
        }
        self.lines.let_go();
        if origins.is_empty() && bad.is_empty() {
            return Ok(None);
        }
        Ok(Some(Taken { origin: origins.into(), rows: rows(&self.schema, texts.finish()), bad, at: None }))
    }
}

impl Iterator for LineRows {
    type Item = Result<Taken, IoError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batch().transpose()
    }
}

/// A file as one row, without its byte-order mark.
fn whole(file: &Source, schema: &SchemaRef, spec: &InputSpec) -> Result<Taken, IoError> {
    let mut plain = Plain::open_as(file, spec, Holds::Text)?;
    let mut bytes = Vec::new();
    let read = (&mut plain.bytes).take(spec.limits.line + 1).read_to_end(&mut bytes);
    read.map_err(|error| plain.unreadable(&error))?;
    if bytes.len() as u64 > spec.limits.line {
        let message = format!("the file is longer than {}", limits::size(spec.limits.line));
        return Err(limits::exceeded(spec, Limit::Line, message, LONGEST_LINE));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    match utf8(bytes) {
        Ok(text) => Ok((UInt64Array::from(vec![1]), rows(schema, StringArray::from(vec![text]))).into()),
        Err(error) => {
            let bad = vec![BadRow::of(error, spec, 1, bytes)?];
            let (origin, rows) = (UInt64Array::new_null(0), rows(schema, StringArray::new_null(0)));
            Ok(Taken { origin, rows, bad, at: None })
        }
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, IoError> {
    simdutf8::basic::from_utf8(bytes).map_err(|_| match bytes.contains(&0) {
        true => IoError::data("the text has bytes that are not text, zeros among them").with_help(BINARY),
        false => IoError::not_utf8("the text"),
    })
}

const BINARY: &str = "look at what it is, as with `file NAME`, and leave it out if it is binary";

fn rows(schema: &SchemaRef, texts: StringArray) -> RecordBatch {
    RecordBatch::try_new(schema.clone(), vec![Arc::new(texts)]).expect("one column of text")
}
