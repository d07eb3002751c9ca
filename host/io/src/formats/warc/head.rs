//! Heads: of records and of messages of HTTP in them.

use std::collections::HashMap;

use callboard_words::text::excerpt;

use crate::error::IoError;
use crate::limits::{self, LONGEST_LINE, Limit};
use crate::spec::InputSpec;
use crate::values::time;

/// Names and values, in their order; of those with one name, the values are joined by commas, as HTTP has it.
#[derive(Default)]
pub(super) struct Headers {
    list: Vec<(String, String)>,
    /// Where a name stands, by its lower case.
    places: HashMap<String, usize>,
    /// Where the line before went, if it was a header.
    last: Option<usize>,
}

impl Headers {
    /// Adds a line of a head; what begins with white space continues the line before. An error is a phrase.
    pub(super) fn add(&mut self, line: &str) -> Result<(), String> {
        if line.starts_with([' ', '\t'])
            && let Some((_, value)) = self.last.and_then(|last| self.list.get_mut(last))
        {
            value.push(' ');
            value.push_str(line.trim());
            return Ok(());
        }
        self.last = None;
        let no_colon = || format!("a header has no `:`: {:?}", excerpt(line, 40));
        let (name, value) = line.split_once(':').ok_or_else(no_colon)?;
        let (name, value) = (name.trim(), value.trim());
        let place = *self.places.entry(name.to_ascii_lowercase()).or_insert(self.list.len());
        match self.list.get_mut(place) {
            Some((_, all)) => {
                all.push_str(", ");
                all.push_str(value);
            }
            None => self.list.push((name.to_owned(), value.to_owned())),
        }
        self.last = Some(place);
        Ok(())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let place = *self.places.get(&name.to_ascii_lowercase())?;
        self.list.get(place).map(|(_, value)| value.as_str())
    }

    pub(super) fn all(&self) -> &[(String, String)] {
        &self.list
    }

    pub(super) fn bytes(&self) -> usize {
        self.list.iter().map(|(name, value)| name.len() + value.len()).sum()
    }
}

/// A message of HTTP.
pub(super) struct Http {
    /// The status, if it is a response.
    pub(super) status: Option<i32>,
    pub(super) headers: Headers,
    /// Where its body begins.
    pub(super) body: usize,
}

impl Http {
    /// The message that a block is; null if it is none.
    pub(super) fn of(block: &[u8], spec: &InputSpec) -> Result<Option<Http>, IoError> {
        let mut begin = 0;
        // Some heads end with the block.
        let at_end = (!block.ends_with(b"\n")).then_some(block.len());
        let mut lines = memchr::memchr_iter(b'\n', block).chain(at_end).map(|end| {
            let line = block.get(begin..end).unwrap_or_default();
            begin = (end + 1).min(block.len());
            (String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)), begin)
        });
        let Some((first, mut body)) = lines.next() else { return Ok(None) };
        let status = match first.split(' ').collect::<Vec<_>>()[..] {
            [version, status, ..] if version.starts_with("HTTP/") => status.parse().ok(),
            [_, _, version] if version.starts_with("HTTP/") => None,
            _ => return Ok(None),
        };
        let mut headers = Headers::default();
        for (line, after) in lines {
            body = after;
            if line.is_empty() {
                break;
            }
            if body as u64 > spec.limits.header {
                return Err(too_long(spec));
            }
            spec.stop.check()?;
            // Servers send lines that are no headers; browsers leave them out, and so does this.
            let _ = headers.add(&line);
        }
        Ok(Some(Http { status, headers, body }))
    }
}

pub(super) fn too_long(spec: &InputSpec) -> IoError {
    let message = format!("the head of the record is longer than {}", limits::size(spec.limits.header));
    limits::exceeded(spec, Limit::Header, message, LONGEST_LINE)
}

/// A date of WARC in microseconds since 1970: RFC 3339, also shortened to a year, a month, a day or minutes. What is finer than a
/// microsecond is cut.
pub(super) fn date(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let whole = match (whole.len(), whole.strip_suffix('Z')) {
        (4, _) => format!("{whole}-01-01"),
        (7, _) => format!("{whole}-01"),
        (17, Some(minutes)) => format!("{minutes}:00Z"),
        _ => whole.to_owned(),
    };
    let text = match fraction {
        None => whole,
        Some(fraction) => {
            let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
            format!("{whole}.{}{}", &fraction[..digits.min(6)], &fraction[digits..])
        }
    };
    time::timestamp(&text).ok()
}

/// An address without the brackets that the standard once put around it.
pub(super) fn bare(url: &str) -> &str {
    url.strip_prefix('<').and_then(|url| url.strip_suffix('>')).unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folded_header_continues_the_line_before() {
        let mut headers = Headers::default();
        for line in ["A: 1", "B: 2", "a: 3", " more"] {
            headers.add(line).unwrap();
        }
        assert!(headers.add("no header").is_err() && headers.add(" nor this").is_err());
        let all = [("A", "1, 3 more"), ("B", "2")];
        assert_eq!(headers.all(), all.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!((headers.get("b"), headers.get("c")), (Some("2"), None));
    }

    #[test]
    fn heads_of_http_may_end_with_the_block() {
        let of = |block: &str| {
            let http = Http::of(block.as_bytes(), &InputSpec::default()).unwrap()?;
            Some((http.status, http.headers.all().len(), block[http.body..].to_owned()))
        };
        let response = |body: &str| Some((Some(304), 1, body.to_owned()));
        assert_eq!(of("HTTP/1.1 304 Not Modified\r\nA: b\r\n\r\nx\r\n"), response("x\r\n"));
        assert_eq!(of("HTTP/1.1 304 Not Modified\nA: b\n"), response(""));
        assert_eq!(of("HTTP/1.1 304\nA: b"), response(""));
        assert_eq!(of("HTTP/1.1 304"), Some((Some(304), 0, String::new())));
        assert_eq!(of("GET / HTTP/1.0\r\n\r\n"), Some((None, 0, String::new())));
        for none in ["", "\n", "<html> HTTP/ x\n\nfoo", "a b c d HTTP/1.1\n\n"] {
            assert_eq!(of(none), None, "{none}");
        }
    }

    #[test]
    fn dates_have_the_forms_of_the_standard() {
        let day = |text: &str| date(text).map(|micros| micros / 86_400_000_000);
        assert_eq!(["2024", "2024-01", "2024-01-01", "2024-01-01T00:00Z"].map(day), [Some(19_723); 4]);
        assert_eq!(date("1970-01-01T00:00:00.123456789Z"), Some(123_456));
        assert_eq!(date("1970-01-01T01:00:00.5+01:00"), Some(500_000));
        assert_eq!(["", "20240101", "x", "2024-13", "2024-01-01T25:00Z"].map(date), [None; 5]);
    }
}
