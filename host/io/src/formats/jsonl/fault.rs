//! Why a line is not a row, in words, with its place and what fixes it.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::{InFile, IoError};
use crate::misfit::Misfit;
use crate::spec::InputSpec;

/// An error of one line; its number is the caller's to know.
pub(super) struct LineFault {
    error: IoError,
    column: Option<u64>,
}

impl LineFault {
    pub(super) fn at_line(self, line: u64) -> IoError {
        self.error.at(InFile::Line { line, column: self.column })
    }
}

const ARRAY: &str = "if the file is one array of objects: format = \"json\"";

const ONE_A_LINE: &str = "JSON Lines has one object a line";

/// Why a line is not a row: what did not fit, or what the parser says.
pub(super) fn of_line(line: &[u8], error: &serde_json::Error, misfit: Option<Misfit>, spec: &InputSpec) -> LineFault {
    let column = Some(error.column() as u64).filter(|column| *column > 0);
    if let Some(misfit) = misfit {
        return LineFault { error: misfit.into_error(spec, "json"), column };
    }
    let Ok(text) = std::str::from_utf8(line) else { return not_utf8(line) };
    if line.starts_with(b"\xef\xbb\xbf") {
        let error =
            IoError::data("the line begins with a byte-order mark, which stands at the beginning of a file alone");
        return LineFault { error: error.with_help(MARKS), column: None };
    }
    let first = line.trim_ascii_start().first();
    if error.is_data() && first != Some(&b'{') {
        let kind = first.map_or("nothing", |byte| kind(*byte));
        let help = match first {
            Some(b'[') => format!("{ONE_A_LINE}; {ARRAY}"),
            Some(first) if !b"{\"-0123456789tfn".contains(first) => CSV.to_owned(),
            _ => ONE_A_LINE.to_owned(),
        };
        let error = IoError::data(format!("the line is {kind}, not an object")).with_help(help);
        return LineFault { error, column: None };
    }
    if let Some(misfit) = only_as_text(text, spec) {
        return LineFault { error: misfit.into_error(spec, "json"), column };
    }
    let said = error.to_string();
    let message = said.rsplit_once(" at line ").map_or(said.as_str(), |(message, _)| message);
    let mut fault = IoError::data(format!("the line is not JSON: {message}"));
    if line.trim_ascii().contains(&b'\r') {
        fault = IoError::data("a carriage return stands within the line: lines end with a line feed")
            .with_help("if it ends all of them, convert the file: tr '\\r' '\\n'");
    } else if first.is_some_and(|first| !b"{[".contains(first)) && serde_json::from_slice::<Held>(line).is_err() {
        fault = fault.with_help(CSV);
    } else if is_no_number(text_at(line, error.column())) {
        fault = fault.with_help(NO_NUMBER);
    } else if error.is_eof() {
        let help = match first {
            Some(b'[') => ARRAY,
            _ => "if the file has objects over several lines: jq -c . OLD.json > NEW.jsonl",
        };
        fault = fault.with_help(format!("{ONE_A_LINE}; {help}; otherwise it was cut short"));
    }
    LineFault { error: fault, column }
}

const MARKS: &str = "files that have one were put together: remove them all: sed -i 's/^\\xef\\xbb\\xbf//' FILE";

const CSV: &str = "JSON Lines has one object a line; if the file is CSV, say so: format = \"csv\"";

pub(in crate::formats) const NO_NUMBER: &str =
    "JSON has no NaN and no infinity, though Python's `json` writes them: write null for them";

/// What a line has where the parser stopped, which counts columns of bytes from 1.
pub(in crate::formats) fn text_at(line: &[u8], column: usize) -> &[u8] {
    line.get(column.saturating_sub(1)..).unwrap_or_default()
}

/// Whether it begins with what some programs write for numbers that JSON cannot hold.
pub(in crate::formats) fn is_no_number(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"-").unwrap_or(text);
    [b"NaN".as_slice(), b"Inf", b"nan", b"inf"].iter().any(|word| text.starts_with(word))
}

/// The error of a line that is not UTF-8, with the first byte that is not.
pub(super) fn not_utf8(line: &[u8]) -> LineFault {
    let column = std::str::from_utf8(line).err().map(|error| error.valid_up_to() as u64 + 1);
    LineFault { error: IoError::not_utf8("the line"), column }
}

/// What a JSON text is, by its first byte.
pub(in crate::formats) fn kind(first: u8) -> &'static str {
    match first {
        b'{' => "an object",
        b'[' => "a list",
        b'"' => "a string",
        b't' | b'f' => "a boolean",
        b'n' => "null",
        b'-' | b'0'..=b'9' => "a number",
        _ => "not JSON",
    }
}

/// The column of a line that is JSON by its grammar, whose value no column can hold but one of JSON text: a number out of every
/// range, half of a character, lists in lists in lists.
pub(in crate::formats) fn only_as_text(line: &str, spec: &InputSpec) -> Option<Misfit> {
    let mut json = serde_json::Deserializer::from_str(line);
    let found = json.deserialize_map(FirstFault(spec)).ok()?;
    json.end().ok()?;
    let (column, fault) = found?;
    let (message, fix) = match &column {
        Some(_) => (fault.to_owned(), Some("json")),
        None => (format!("has a key that {fault}"), None),
    };
    Some(Misfit { path: column.into_iter().collect(), would_fit: fix, ..Misfit::new(message, "json") })
}

struct FirstFault<'a>(&'a InputSpec);

impl<'de> Visitor<'de> for FirstFault<'_> {
    /// The column, unless it is a key that is wrong, and what is wrong with it.
    type Value = Option<(Option<String>, &'static str)>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut first = None;
        while let Some(key) = map.next_key::<&RawValue>()? {
            let value = map.next_value::<&RawValue>()?.get();
            let Ok(key) = serde_json::from_str::<String>(key.get()) else {
                first.get_or_insert((None, HALF));
                continue;
            };
            // JSON text is taken as it stands, whatever else is wrong.
            let is_text = || self.0.types.get(&key).is_some_and(|declared| declared.contains("json"));
            if first.is_none()
                && !is_text()
                && let Err(error) = serde_json::from_str::<Held>(value)
            {
                first = Some((Some(key), words(&error)));
            }
        }
        Ok(first)
    }
}

const HALF: &str = "has half of a surrogate pair (`\\ud800` to `\\udfff`), which is not a character";

/// Why a value of valid JSON cannot be held.
fn words(error: &serde_json::Error) -> &'static str {
    let text = error.to_string();
    if text.starts_with("number out of range") {
        "has a number out of the range of float64"
    } else if text.starts_with("recursion limit") {
        "is nested too deep for a separate column"
    } else {
        HALF
    }
}

/// A value that could be held, of which nothing is kept.
struct Held;

impl<'de> Deserialize<'de> for Held {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Held, D::Error> {
        json.deserialize_any(Held)
    }
}

impl<'de> Visitor<'de> for Held {
    type Value = Held;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Held, E> {
        Ok(Held)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Held, E> {
        Ok(Held)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Held, E> {
        Ok(Held)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Held, E> {
        Ok(Held)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Held, E> {
        Ok(Held)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Held, E> {
        Ok(Held)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Held, A::Error> {
        while seq.next_element::<Held>()?.is_some() {}
        Ok(Held)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Held, A::Error> {
        while map.next_entry::<Held, Held>()?.is_some() {}
        Ok(Held)
    }
}

/// The type, as `types` names it, that holds a value of a column that the sample did not know.
pub(super) fn type_of(json: &str) -> &'static str {
    let Some(first) = json.as_bytes().first() else { return "json" };
    let is_float = || json.contains(['.', 'e', 'E']);
    match first {
        b'"' if serde_json::from_str::<Held>(json).is_ok() => "string",
        b't' | b'f' => "bool",
        b'-' | b'0'..=b'9' if is_float() && serde_json::from_str::<f64>(json).is_ok() => "float64",
        b'-' | b'0'..=b'9' if json.parse::<i64>().is_ok() => "int64",
        b'0'..=b'9' if json.parse::<u64>().is_ok() => "uint64",
        _ => "json",
    }
}
