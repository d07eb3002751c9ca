//! The records of a CSV file, each with its line: csv-core parses, fed a line at a time.

use std::path::Path;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::delimiter;
use crate::error::IoError;
use crate::text::{LONGEST_LINE, Lines};

pub(super) struct Records {
    lines: Lines,
    parser: Reader,
    /// What the header has.
    width: Option<usize>,
    /// The fields of the record, one after the other, and where each ends.
    text: Vec<u8>,
    ends: Vec<usize>,
}

/// One row.
pub(super) struct Record<'a> {
    text: &'a str,
    ends: &'a [usize],
    /// The line it begins on.
    pub(super) line: u64,
    /// Its length in the file.
    pub(super) bytes: usize,
}

impl<'a> Record<'a> {
    pub(super) fn fields(&self) -> impl Iterator<Item = &'a str> {
        let text = self.text;
        let starts = std::iter::once(&0).chain(self.ends);
        starts.zip(self.ends).map(move |(start, end)| &text[*start..*end])
    }
}

impl Records {
    /// Opens a file and reads its header.
    pub(super) fn open(path: &Path) -> Result<(Records, Vec<String>), IoError> {
        let mut parser = ReaderBuilder::new().delimiter(delimiter(path)).build();
        // It would look for a byte-order mark in what it reads first, and take one that is all there is for the end.
        parser.read_record(b"\n", &mut [0], &mut [0]);
        let lines = Lines::open(path)?;
        let mut records = Records { lines, parser, width: None, text: vec![0; 4 << 10], ends: vec![0; 64] };
        let header = records.next_record().map_err(|error| error.in_file(path))?;
        let header: Option<Vec<_>> = header.map(|record| record.fields().map(str::to_owned).collect());
        let header = header.ok_or_else(|| IoError::data("the file is empty: CSV needs a header").in_file(path))?;
        records.width = Some(header.len());
        Ok((records, header))
    }

    pub(super) fn next_record(&mut self) -> Result<Option<Record<'_>>, IoError> {
        let (mut first, mut bytes) = (None, 0);
        let (mut written, mut ended) = (0, 0);
        loop {
            let next = self.lines.next_line()?;
            let (line, mut input) = match (next, first) {
                (None, None) => return Ok(None),
                // Only the last line may lack its end: only within quotes can a record want more than that.
                (None, Some(line)) => {
                    return Err(IoError::data("a quote is opened in this row and never closed").at_line(line));
                }
                // Empty lines; one without an end is a file of a byte-order mark alone.
                (Some((_, b"" | b"\n" | b"\r\n")), None) => continue,
                (Some((number, input)), _) => (*first.get_or_insert(number), input),
            };
            bytes += input.len();
            if bytes as u64 > LONGEST_LINE {
                return Err(IoError::data("the row is longer than 1 GiB; is a quote never closed?").at_line(line));
            }
            let mut last_end: &[u8] = if input.ends_with(b"\n") { b"" } else { b"\n" };
            loop {
                let (result, read, wrote, ends) =
                    self.parser.read_record(input, &mut self.text[written..], &mut self.ends[ended..]);
                input = &input[read..];
                (written, ended) = (written + wrote, ended + ends);
                match result {
                    ReadRecordResult::OutputFull => self.text.resize(self.text.len() * 2, 0),
                    ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                    ReadRecordResult::InputEmpty if last_end.is_empty() => break,
                    ReadRecordResult::InputEmpty => input = std::mem::take(&mut last_end),
                    ReadRecordResult::Record if matches!(input, b"" | b"\n") => {
                        return self.record(written, ended, line, bytes);
                    }
                    ReadRecordResult::Record => {
                        let message = "a carriage return ends a row within the line: lines end with a line feed";
                        return Err(IoError::data(message).at_line(line));
                    }
                    ReadRecordResult::End => unreachable!("it is never told that the input ends"),
                }
            }
        }
    }

    fn record(&self, written: usize, ended: usize, line: u64, bytes: usize) -> Result<Option<Record<'_>>, IoError> {
        let text = std::str::from_utf8(&self.text[..written]);
        let text = text.map_err(|_| IoError::data("the row is not UTF-8").at_line(line))?;
        let ends = &self.ends[..ended];
        match self.width {
            Some(width) if width != ended => {
                let message = format!("the row has {ended} fields, the header {width}");
                Err(IoError::data(message).at_line(line))
            }
            // A field that ends within a character: the whole is valid, its parts are not.
            _ if !ends.iter().all(|end| text.is_char_boundary(*end)) => {
                Err(IoError::data("the row is not UTF-8").at_line(line))
            }
            _ => Ok(Some(Record { text, ends, line, bytes })),
        }
    }
}
