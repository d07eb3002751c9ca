//! The schema of JSON Lines, from a sample of their rows and what `types` declares.

use arrow::datatypes::{Field, Schema};
use serde::de::IgnoredAny;
use serde_json::Deserializer;

use super::guess::{Guess, Sample};
use crate::bad_row::BadSample;
use crate::error::IoError;
use crate::formats::objects::Objects;
use crate::lines::{SAMPLE_BYTES, sample_rows};
use crate::places::{Source, in_order};
use crate::spec::{InputSpec, OnBadRow};
use crate::types;

/// The one schema of all files, whose objects `open` gives.
pub(in crate::formats) fn schema<O: Objects>(
    files: &[Source],
    spec: &InputSpec,
    open: impl Fn(&Source) -> Result<O, IoError>,
) -> Result<Schema, IoError> {
    let mut declared = types::declared(spec)?;
    let (mut sampled, mut bad) = (Sample::new(spec), BadSample::default());
    for file in in_order(files) {
        let mut objects = open(file)?;
        let rows = sample_rows(files.len());
        sample(&mut objects, rows, spec, &mut sampled, &mut bad).map_err(|error| error.in_file(file))?;
        bad.in_file(file);
    }
    bad.check()?;
    let seen = sampled.columns().into_iter().map(|(name, guess): (String, Guess)| {
        declared.remove(&name).unwrap_or_else(|| Field::new(name, guess.data_type(), true))
    });
    let mut fields: Vec<_> = seen.collect();
    fields.extend(declared.into_values());
    Ok(Schema::new(fields))
}

fn sample(
    objects: &mut impl Objects,
    rows: usize,
    spec: &InputSpec,
    sampled: &mut Sample<'_>,
    bad: &mut BadSample,
) -> Result<(), IoError> {
    let mut seen = 0;
    while seen < rows && objects.passed() < SAMPLE_BYTES {
        let Some(object) = objects.next()? else { break };
        if super::trimmed(object).is_empty() {
            continue;
        }
        spec.stop.check()?;
        seen += 1;
        // Values of declared columns are not looked at, so nothing else would find it.
        let observed = match simdutf8::basic::from_utf8(object) {
            Ok(text) => {
                let mut json = Deserializer::from_str(text);
                // What is no JSON and left out says nothing of columns.
                let whole = match spec.on_bad_row {
                    OnBadRow::Fail => Ok(()),
                    OnBadRow::Reject => serde_json::from_str(text).map(|IgnoredAny| ()),
                };
                let observed = whole.and_then(|()| sampled.observe(&mut json)).and_then(|()| json.end());
                observed.map_err(|error| objects.fault(&error, sampled.take_misfit(), spec))
            }
            Err(_) => Err(objects.not_utf8()),
        };
        if observed.is_err() {
            spec.stop.check()?;
        }
        bad.add(observed, spec)?;
    }
    Ok(())
}
