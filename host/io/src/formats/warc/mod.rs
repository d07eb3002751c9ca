//! WARC (ISO 28500, 1.0 and 1.1): what crawlers keep of the web, a row for each record.
//!
//! Where a record's block is a message of HTTP (`content_type` begins with `application/http`), its head goes to `status` and
//! `http_headers`, and `body` is what follows it; otherwise `body` is the whole block. Its bytes are as they are in the file: what a server
//! has compressed stays compressed.

mod head;

use std::io::{BufRead, Read};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, Int32Builder, MapBuilder, RecordBatch, StringBuilder, TimestampMicrosecondBuilder,
    UInt64Array,
};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use callboard_words::text::excerpt;

use super::{FileFormat, Reading, Rows, Taken};
use crate::canonical;
use crate::error::{InFile, IoError};
use crate::limits::{self, Limit};
use crate::places::Source;
use crate::plain::Plain;
use crate::spec::{BatchPolicy, InputSpec};

use head::{Headers, Http};

pub(super) struct Warc;

impl FileFormat for Warc {
    fn schema(&self, files: &[Source], spec: &InputSpec) -> Result<Schema, IoError> {
        let mut schema = columns(false);
        canonical::only_known(&schema, files, spec)?;
        for (column, name) in &spec.types {
            match (column.as_str(), name.as_str()) {
                ("body", "string" | "utf8") => schema = columns(true),
                _ => {
                    let message = format!("`types` cannot make the column `{column}` {name}");
                    return Err(IoError::spec(message).with_help("in warc, only: types = { body = \"string\" }"));
                }
            }
        }
        Ok(schema)
    }

    fn read(&self, of: Reading<'_>) -> Result<Rows, IoError> {
        let Reading { file, schema, spec, policy } = of;
        let mut plain = Plain::open(file, spec)?;
        plain.skip_mark();
        Ok(Box::new(Records { plain, schema: schema.clone(), policy, read: 0, is_ended: false }))
    }
}

fn headers() -> DataType {
    let members = [Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Utf8, true)];
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(Fields::from(members.to_vec())), false)), false)
}

/// The columns of every WARC file; `body` as text or as bytes.
fn columns(text: bool) -> Schema {
    Schema::new(vec![
        Field::new("type", DataType::Utf8, false),
        Field::new("id", DataType::Utf8, false),
        Field::new("url", DataType::Utf8, true),
        Field::new("date", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), false),
        Field::new("content_type", DataType::Utf8, true),
        Field::new("headers", headers(), false),
        Field::new("status", DataType::Int32, true),
        Field::new("http_headers", headers(), true),
        Field::new("body", if text { DataType::Utf8 } else { DataType::Binary }, false),
    ])
}

struct Record {
    headers: Headers,
    block: Vec<u8>,
}

impl Record {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    fn needed(&self, name: &str) -> Result<&str, IoError> {
        self.header(name).ok_or_else(|| IoError::data(format!("the record has no `{name}`")))
    }
}

struct Records {
    plain: Plain,
    schema: SchemaRef,
    policy: BatchPolicy,
    /// Records so far.
    read: u64,
    is_ended: bool,
}

impl Records {
    /// The next record; none at the end of the file.
    fn next_record(&mut self) -> Result<Option<Record>, IoError> {
        // Records are parted by two line ends, which some writers double or leave out.
        let version = loop {
            match self.line(VERSION)? {
                Line::None => return Ok(None),
                Line::Whole(line) if line.is_empty() => {}
                Line::Whole(line) | Line::TooLong(line) | Line::CutShort(line) => break line,
            }
        };
        if !["WARC/1.0", "WARC/1.1", "WARC/0.18", "WARC/0.17"].contains(&&*version) {
            let message = format!("`WARC/1.0` or `WARC/1.1` is expected, and {:?} found", excerpt(&version, 40));
            return Err(IoError::data(message));
        }
        let mut headers = Headers::default();
        let mut room = self.plain.spec.limits.header;
        loop {
            self.plain.spec.stop.check()?;
            match self.line(room)? {
                Line::Whole(line) if line.is_empty() => break,
                Line::Whole(line) => {
                    room = room.saturating_sub(line.len() as u64 + 2);
                    headers.add(&line).map_err(IoError::data)?;
                }
                Line::None | Line::CutShort(_) => return Err(cut_short()),
                Line::TooLong(_) => return Err(head::too_long(&self.plain.spec)),
            }
        }
        let record = Record { headers, block: Vec::new() };
        let length = record.needed("Content-Length")?;
        let digits = length.bytes().all(|byte| byte.is_ascii_digit());
        let Some(length) = length.parse::<u64>().ok().filter(|_| digits) else {
            let message = format!("`Content-Length` is {:?}, and a number of bytes is expected", excerpt(length, 40));
            return Err(IoError::data(message));
        };
        let longest = self.plain.spec.limits.line;
        if length > longest {
            let message = format!("the record is longer than {}", limits::size(longest));
            let wanted = length.checked_next_power_of_two().unwrap_or(u64::MAX);
            return Err(limits::exceeded(&self.plain.spec, Limit::Line, message, wanted));
        }
        let mut block = Vec::new();
        let read = (&mut self.plain.bytes).take(length).read_to_end(&mut block);
        read.map_err(|error| self.plain.unreadable(&error))?;
        if block.len() as u64 != length {
            return Err(cut_short());
        }
        Ok(Some(Record { block, ..record }))
    }

    /// The next line, without its end.
    fn line(&mut self, longest: u64) -> Result<Line, IoError> {
        let mut line = Vec::new();
        let read = (&mut self.plain.bytes).take(longest.saturating_add(2)).read_until(b'\n', &mut line);
        read.map_err(|error| self.plain.unreadable(&error))?;
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let words = String::from_utf8_lossy(text.strip_suffix(b"\r").unwrap_or(text)).into_owned();
        Ok(match line.ends_with(b"\n") {
            true => Line::Whole(words),
            false if line.is_empty() => Line::None,
            false if line.len() as u64 > longest => Line::TooLong(words),
            false => Line::CutShort(words),
        })
    }

    fn batch(&mut self) -> Result<Option<Taken>, IoError> {
        let before = self.read;
        let mut built =
            Built::new(self.schema.field_with_name("body").is_ok_and(|body| body.data_type() == &DataType::Utf8));
        let mut bytes = 0;
        while !self.is_ended && ((self.read - before) as usize) < self.policy.rows && bytes < self.policy.bytes {
            self.plain.spec.stop.check()?;
            let place = InFile::Row(self.read + 1);
            match self.next_record().map_err(|error| error.at(place))? {
                None => self.is_ended = true,
                Some(record) => {
                    bytes += record.block.len() + record.headers.bytes();
                    built.push(record, &self.plain.spec).map_err(|error| error.at(place))?;
                    self.read += 1;
                }
            }
        }
        if self.read == before {
            return Ok(None);
        }
        let rows = RecordBatch::try_new(self.schema.clone(), built.finish());
        let numbers = UInt64Array::from_iter_values(before + 1..=self.read);
        Ok(Some((numbers, rows.expect("columns are built by the schema")).into()))
    }
}

impl Iterator for Records {
    type Item = Result<Taken, IoError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batch().transpose()
    }
}

fn cut_short() -> IoError {
    IoError::data("the file ends within the record: it was cut short")
}

/// The next line of a file.
enum Line {
    /// The file has ended.
    None,
    Whole(String),
    /// The file ends within it.
    CutShort(String),
    /// As much of it as was asked for.
    TooLong(String),
}

/// A first line is read so far, to be shown.
const VERSION: u64 = 60;

enum Bodies {
    Text(StringBuilder),
    Bytes(BinaryBuilder),
}

struct Built {
    texts: [StringBuilder; 4],
    date: TimestampMicrosecondBuilder,
    headers: MapBuilder<StringBuilder, StringBuilder>,
    status: Int32Builder,
    http_headers: MapBuilder<StringBuilder, StringBuilder>,
    body: Bodies,
}

impl Built {
    fn new(text: bool) -> Built {
        let map = || MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
        Built {
            texts: std::array::from_fn(|_| StringBuilder::new()),
            date: TimestampMicrosecondBuilder::new().with_timezone("UTC"),
            headers: map(),
            status: Int32Builder::new(),
            http_headers: map(),
            body: if text { Bodies::Text(StringBuilder::new()) } else { Bodies::Bytes(BinaryBuilder::new()) },
        }
    }

    fn push(&mut self, record: Record, spec: &InputSpec) -> Result<(), IoError> {
        let said = record.needed("WARC-Date")?;
        let Some(date) = head::date(said) else {
            let expected = "a date such as 2024-02-29T12:00:00Z is expected";
            return Err(IoError::data(format!("`WARC-Date` is {:?}, and {expected}", excerpt(said, 40))));
        };
        let content_type = record.header("Content-Type");
        let is_http = content_type.is_some_and(|of| of.to_ascii_lowercase().starts_with("application/http"));
        let http = if is_http { Http::of(&record.block, spec)? } else { None };
        let body = &record.block[http.as_ref().map_or(0, |http| http.body)..];
        match &mut self.body {
            Bodies::Bytes(bodies) => bodies.append_value(body),
            Bodies::Text(bodies) => bodies.append_value(simdutf8::basic::from_utf8(body).map_err(|_| {
                let help = "leave it as bytes: remove `body` from `types`, and let a step decode it";
                IoError::data("`body` should be a string, and is not UTF-8").with_help(help)
            })?),
        }
        let url = record.header("WARC-Target-URI").map(head::bare);
        let texts = [Some(record.needed("WARC-Type")?), Some(record.needed("WARC-Record-ID")?), url, content_type];
        self.texts.iter_mut().zip(texts).for_each(|(column, text)| column.append_option(text));
        self.date.append_value(date);
        append(&mut self.headers, Some(&record.headers));
        self.status.append_option(http.as_ref().and_then(|http| http.status));
        append(&mut self.http_headers, http.as_ref().map(|http| &http.headers));
        Ok(())
    }

    fn finish(self) -> Vec<ArrayRef> {
        let Built { texts: [mut kind, mut id, mut url, mut content_type], mut date, mut headers, .. } = self;
        let (mut status, mut http_headers) = (self.status, self.http_headers);
        let body: ArrayRef = match self.body {
            Bodies::Text(mut bodies) => Arc::new(bodies.finish()),
            Bodies::Bytes(mut bodies) => Arc::new(bodies.finish()),
        };
        vec![
            Arc::new(kind.finish()),
            Arc::new(id.finish()),
            Arc::new(url.finish()),
            Arc::new(date.finish()),
            Arc::new(content_type.finish()),
            Arc::new(headers.finish()),
            Arc::new(status.finish()),
            Arc::new(http_headers.finish()),
            body,
        ]
    }
}

fn append(map: &mut MapBuilder<StringBuilder, StringBuilder>, headers: Option<&Headers>) {
    for (key, value) in headers.iter().flat_map(|headers| headers.all()) {
        map.keys().append_value(key);
        map.values().append_value(value);
    }
    map.append(headers.is_some()).expect("as many keys as values");
}
