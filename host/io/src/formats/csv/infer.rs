//! The schema of CSV files: names from the headers, types from `types` or a sample of the rows.

use std::path::Path;

use arrow::datatypes::{DataType, Field, Schema};

use super::header;
use super::records::Records;
use crate::bad_row::BadSample;
use crate::error::IoError;
use crate::lines::{SAMPLE_BYTES, sample_rows};
use crate::misfit::excerpt;
use crate::names::Names;
use crate::places::{Source, in_order};
use crate::spec::InputSpec;
use crate::types;

/// What a field may be read as without losing a character's worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Int,
    Float,
    Text,
}

pub(super) fn kind(text: &str) -> Kind {
    match text {
        "true" | "false" => Kind::Bool,
        _ if is_integer(text) && text.parse::<i64>().is_ok() => Kind::Int,
        // What JSON calls a number: no leading zeros, no plus, no words.
        _ if text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) && text.contains(['.', 'e', 'E']) => {
            match serde_json::from_str::<f64>(text) {
                Ok(_) if text.trim() == text => Kind::Float,
                _ => Kind::Text,
            }
        }
        _ => Kind::Text,
    }
}

/// Whether it is an integer as it would be written again, of any size.
pub(super) fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    match digits.as_bytes() {
        b"0" => digits.len() == text.len(),
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

pub(super) fn schema(files: &[Source], spec: &InputSpec) -> Result<Schema, IoError> {
    let mut declared = types::declared(spec)?;
    let (mut records, mut names) = Records::open(&files[0], spec)?;
    let mut index = Names::of(&names);
    let mut kinds = vec![None; names.len()];
    let (rows, mut bad) = (sample_rows(files.len()), BadSample::default());
    for (number, file) in in_order(files).enumerate() {
        let in_file = |error: IoError| error.in_file(file);
        let places = if number == 0 {
            (0..names.len()).collect()
        } else {
            let names_here;
            (records, names_here) = Records::open(file, spec)?;
            if spec.union {
                for name in &names_here {
                    if index.find(0, name).is_none() {
                        index.push(name);
                        kinds.push(None);
                        names.push(name.clone());
                    }
                }
                header::few_enough(names.len(), spec).map_err(in_file)?;
            }
            places(&names, &index, &names_here, spec.union, files[0].path()).map_err(in_file)?
        };
        sample(&mut records, rows, spec, &places, &mut kinds, &mut bad).map_err(in_file)?;
        bad.in_file(file);
    }
    bad.check()?;
    if let Some(missing) = declared.keys().find(|name| index.find(0, name).is_none()) {
        let message = format!("`types` names the column `{missing}`, but the header has {}", some(&names));
        return Err(IoError::spec(message).in_file(&files[0]));
    }
    if let Some(nested) = declared.values().find(|field| field.data_type().is_nested()) {
        let message =
            format!("`types` says {} for `{}`, but a field of CSV holds no list", types::name(nested), nested.name());
        return Err(IoError::spec(message).in_file(&files[0]).with_help(types::fix(spec, nested.name(), "json")));
    }
    let field = |(name, kind): (String, Option<Kind>)| {
        let data_type = match kind {
            Some(Kind::Bool) => DataType::Boolean,
            Some(Kind::Int) => DataType::Int64,
            Some(Kind::Float) => DataType::Float64,
            Some(Kind::Text) | None => DataType::Utf8,
        };
        declared.remove(&name).unwrap_or_else(|| Field::new(name, data_type, true))
    };
    Ok(Schema::new(names.into_iter().zip(kinds).map(field).collect::<Vec<_>>()))
}

/// Some names, for messages.
fn some(names: &[String]) -> String {
    const SHOWN: usize = 20;
    let shown = names.iter().take(SHOWN).map(|name| excerpt(name)).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// The column of the first file that each field of a file belongs to.
fn places(
    names: &[String],
    index: &Names,
    header: &[String],
    union: bool,
    first: &Path,
) -> Result<Vec<usize>, IoError> {
    let first = first.display();
    let mut found = vec![false; names.len()];
    let mut places = Vec::with_capacity(header.len());
    let mut extra = None;
    for (at, name) in header.iter().enumerate() {
        match index.find(at, name) {
            Some(place) => {
                found[place] = true;
                places.push(place);
            }
            None => extra = extra.or(Some(name)),
        }
    }
    let differ =
        |message: String| Err(IoError::data(message).with_help("to have null for what a file lacks: union = true"));
    if let Some(missing) = found.iter().position(|found| !found).filter(|_| !union) {
        return differ(format!("the header lacks `{}`, which `{first}` has", excerpt(&names[missing])));
    }
    match extra {
        Some(name) => differ(format!("the header has `{}`, which `{first}` lacks", excerpt(name))),
        None => Ok(places),
    }
}

fn sample(
    records: &mut Records,
    rows: usize,
    spec: &InputSpec,
    places: &[usize],
    kinds: &mut [Option<Kind>],
    bad: &mut BadSample,
) -> Result<(), IoError> {
    records.up_to(SAMPLE_BYTES);
    let mut seen = 0;
    while seen < rows {
        spec.stop.check()?;
        let Some(record) = records.next_record()? else { break };
        seen += 1;
        let record = match record {
            Ok(record) => record,
            Err(row) => {
                bad.add(Err(row.error), spec)?;
                continue;
            }
        };
        bad.add(Ok(()), spec)?;
        for (field, place) in record.fields().zip(places).filter(|(field, _)| !field.is_empty()) {
            let known = &mut kinds[*place];
            // Text stays text.
            if *known == Some(Kind::Text) {
                continue;
            }
            let kind = kind(field);
            *known = Some(match (*known, kind) {
                (None, kind) => kind,
                (Some(known), kind) if known == kind => kind,
                (Some(Kind::Int), Kind::Float) | (Some(Kind::Float), Kind::Int) => Kind::Float,
                _ => Kind::Text,
            });
        }
    }
    Ok(())
}
