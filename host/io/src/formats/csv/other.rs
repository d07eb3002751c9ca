//! Files that a reader of CSV would take for one column, or for rows, by mistake: other delimiters, and JSON.

use crate::error::IoError;
use crate::misfit::excerpt;
use crate::spec::InputSpec;

/// What else parts fields, what it is called, and how TOML has it. The first of those that are there equally often is meant.
const DELIMITERS: [(u8, &str, &str); 4] =
    [(b';', "semicolons", ";"), (b'\t', "tabs", "\\t"), (b'|', "vertical bars", "|"), (b',', "commas", ",")];

/// Why a header that is one name alone is none, unless the input says its delimiter.
pub(super) fn instead(header: &str, spec: &InputSpec, delimiter: u8) -> Option<IoError> {
    if spec.delimiter.is_some() {
        return None;
    }
    let (_, words, written) = DELIMITERS
        .iter()
        .rev()
        .filter(|(byte, ..)| *byte != delimiter)
        .max_by_key(|(byte, ..)| header.bytes().filter(|found| found == byte).count())
        .filter(|(byte, ..)| header.as_bytes().contains(byte))?;
    let message = format!(
        "the header is one name, {:?}, which has {words}: another delimiter than this file's?",
        excerpt(header)
    );
    let own = if delimiter == b'\t' { "\\t" } else { "," };
    Some(IoError::data(message).with_help(format!(
        "under `[inputs.{}]`: delimiter = \"{written}\"; if it is one column indeed: delimiter = \"{own}\"",
        spec.name
    )))
}

/// The delimiter that the first line says, as Excel has it: `sep=;`. It is no row.
pub(super) fn said(line: &[u8]) -> Option<u8> {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let line = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    match line {
        [s, e, p, b'=', delimiter] if [*s, *e, *p].eq_ignore_ascii_case(b"sep") => Some(*delimiter)
            .filter(|byte| byte.is_ascii() && !byte.is_ascii_alphanumeric() && !b"\"\r\n".contains(byte)),
        _ => None,
    }
}

/// Refuses a first line that is JSON: an object, or a list of objects.
pub(super) fn json(line: &[u8]) -> Option<IoError> {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii();
    let is_json = || serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok();
    let (is, help) = match line {
        b"{" => ("JSON", "CSV has a header; make JSON Lines of it: jq -c . FILE > NAME.jsonl"),
        b"[" | b"[{" => ("a JSON array", ARRAY),
        [b'{', ..] if is_json() => ("JSON Lines", "say what it is: format = \"jsonl\", or rename it to `NAME.jsonl`"),
        [b'[', rest @ ..] if rest.trim_ascii_start().starts_with(b"{") => ("a JSON array", ARRAY),
        _ => return None,
    };
    Some(IoError::data(format!("the file is {is}, not CSV")).with_help(help))
}

const ARRAY: &str = "if it is one array of objects, say so: format = \"json\"";
