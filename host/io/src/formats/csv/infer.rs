//! The schema of CSV files: names from the headers, types from `types` or a sample of the rows.

use std::path::{Path, PathBuf};

use arrow::datatypes::{DataType, Field, Schema};

use super::records::Records;
use crate::dataset::InputSpec;
use crate::error::IoError;
use crate::text::{SAMPLE_BYTES, sample_rows};
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
        _ if text.parse::<i64>().is_ok_and(|value| value.to_string() == text) => Kind::Int,
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

pub(super) fn schema(files: &[PathBuf], spec: &InputSpec) -> Result<Schema, IoError> {
    let declared = types::declared(spec)?;
    let mut names: Vec<String> = Vec::new();
    let mut kinds: Vec<Option<Kind>> = Vec::new();
    for (number, file) in files.iter().enumerate() {
        let (mut records, header) = Records::open(file)?;
        if number == 0 {
            (names, kinds) = (header.clone(), vec![None; header.len()]);
            crate::canonical::check_names(&Schema::new(names.iter().map(text).collect::<Vec<_>>()))
                .map_err(|error| error.in_file(file))?;
        }
        let places = places(&names, &header, &files[0]).map_err(|error| error.in_file(file))?;
        sample(&mut records, sample_rows(files.len()), &places, &mut kinds).map_err(|error| error.in_file(file))?;
    }
    if let Some(missing) = declared.iter().find(|field| !names.contains(field.name())) {
        let message = format!("`types` names the column `{}`, but the header has {}", missing.name(), names.join(", "));
        return Err(IoError::spec(message).in_file(&files[0]));
    }
    if let Some(nested) = declared.iter().find(|field| field.data_type().is_nested()) {
        let message =
            format!("`types` says {} for `{}`, but a field of CSV holds no list", types::name(nested), nested.name());
        return Err(IoError::spec(message).in_file(&files[0]).with_help(types::mend(spec, nested.name(), "json")));
    }
    let field = |(name, kind): (&String, Option<Kind>)| {
        let data_type = match kind {
            Some(Kind::Bool) => DataType::Boolean,
            Some(Kind::Int) => DataType::Int64,
            Some(Kind::Float) => DataType::Float64,
            Some(Kind::Text) | None => DataType::Utf8,
        };
        let declared = declared.iter().find(|field| field.name() == name);
        declared.cloned().unwrap_or_else(|| Field::new(name, data_type, true))
    };
    Ok(Schema::new(names.iter().zip(kinds).map(field).collect::<Vec<_>>()))
}

fn text(name: &String) -> Field {
    Field::new(name, DataType::Utf8, true)
}

/// Of each field of a file, the column of the first file that it belongs to.
fn places(names: &[String], header: &[String], first: &Path) -> Result<Vec<usize>, IoError> {
    let first = first.display();
    if let Some(missing) = names.iter().find(|name| !header.contains(name)) {
        return Err(IoError::data(format!("the header lacks `{missing}`, which `{first}` has")));
    }
    let place = |name: &String| {
        let place = names.iter().position(|known| known == name);
        place.ok_or_else(|| IoError::data(format!("the header has `{name}`, which `{first}` lacks")))
    };
    let places: Vec<_> = header.iter().map(place).collect::<Result<_, _>>()?;
    match places.len() == names.len() {
        true => Ok(places),
        false => Err(IoError::data("two columns of the header have one name")),
    }
}

fn sample(records: &mut Records, rows: usize, places: &[usize], kinds: &mut [Option<Kind>]) -> Result<(), IoError> {
    let (mut seen, mut bytes) = (0, 0);
    while seen < rows && bytes < SAMPLE_BYTES {
        let Some(record) = records.next_record()? else { break };
        (seen, bytes) = (seen + 1, bytes + record.bytes);
        for (field, place) in record.fields().zip(places).filter(|(field, _)| !field.is_empty()) {
            let kind = kind(field);
            let known = kinds[*place].get_or_insert(kind);
            *known = match (*known, kind) {
                (a, b) if a == b => a,
                (Kind::Int, Kind::Float) | (Kind::Float, Kind::Int) => Kind::Float,
                _ => Kind::Text,
            };
        }
    }
    Ok(())
}
