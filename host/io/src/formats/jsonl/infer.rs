//! The schema of JSON Lines, from a sample of their rows and what `types` declares.

use std::path::{Path, PathBuf};

use arrow::datatypes::{Field, Schema};
use serde_json::Deserializer;

use super::fault;
use super::guess::{Guess, Sample};
use crate::error::IoError;
use crate::lines::{Lines, SAMPLE_BYTES, sample_rows};
use crate::spec::InputSpec;
use crate::types;

pub(super) fn schema(files: &[PathBuf], spec: &InputSpec) -> Result<Schema, IoError> {
    let mut declared = types::declared(spec)?;
    let mut sampled = Sample::new(spec);
    for file in files {
        sample(file, sample_rows(files.len()), spec, &mut sampled).map_err(|error| error.in_file(file))?;
    }
    let seen = sampled.columns().into_iter().map(|(name, guess): (String, Guess)| {
        declared.remove(&name).unwrap_or_else(|| Field::new(name, guess.data_type(), true))
    });
    let mut fields: Vec<_> = seen.collect();
    fields.extend(declared.into_values());
    Ok(Schema::new(fields))
}

fn sample(file: &Path, rows: usize, spec: &InputSpec, sampled: &mut Sample<'_>) -> Result<(), IoError> {
    let mut lines = Lines::open(file, spec)?;
    let mut seen = 0;
    while seen < rows && lines.passed() < SAMPLE_BYTES {
        let Some((number, line)) = lines.next_line()? else { break };
        if super::trimmed(line).is_empty() {
            continue;
        }
        spec.stop.check()?;
        seen += 1;
        // Values of declared columns are not looked at, so nothing else would find it.
        let Ok(text) = simdutf8::basic::from_utf8(line) else {
            return Err(fault::not_utf8(line).at_line(number));
        };
        let mut json = Deserializer::from_str(text);
        let observed = sampled.observe(&mut json).and_then(|()| json.end());
        if observed.is_err() {
            spec.stop.check()?;
        }
        observed.map_err(|error| fault::of_line(line, &error, sampled.take_misfit(), spec).at_line(number))?;
    }
    Ok(())
}
