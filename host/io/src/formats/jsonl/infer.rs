//! The schema of JSON Lines, from a sample of their rows and what `types` declares.

use arrow::datatypes::{Field, Schema};
use serde::de::IgnoredAny;
use serde_json::Deserializer;

use super::guess::{Guess, Sample};
use crate::bad_row::BadSample;
use crate::cores::{in_order, threads};
use crate::error::IoError;
use crate::formats::objects::Objects;
use crate::lines::{SAMPLE_BYTES, sample_rows};
use crate::places::{Ahead, First, Source};
use crate::spec::{InputSpec, OnBadRow};
use crate::types;

/// How many small files are looked at in one go.
const TOGETHER: usize = 32;

/// The one schema of all files, whose objects `open` gives. Small ones are looked at by all cores; where rows of such files do not fit those
/// before, they are looked at once more, in their order.
pub(in crate::formats) fn schema<O: Objects>(
    files: &[Source],
    spec: &InputSpec,
    open: impl Fn(&Source) -> Result<O, IoError> + Sync,
) -> Result<Schema, IoError> {
    let mut declared = types::declared(spec)?;
    let rows = sample_rows(files.len());
    let (mut sampled, mut bad) = (Sample::new(spec), BadSample::default());
    let (mut ahead, mut at) = (Ahead::default(), 0);
    let groups = files.chunk_by(|one, next| one.is_small() && next.is_small());
    let groups = groups.flat_map(|group| group.chunks(TOGETHER)).map(|group| {
        let are_here = group.iter().fold(true, |are_here, file| {
            ahead.fetch(First::Start, files, at);
            at += 1;
            are_here && file.is_small() && file.is_here(&spec.stop)
        });
        (group, are_here)
    });
    let look = |(files, are_here): (_, bool)| {
        let (mut sampled, mut bad) = (Sample::new(spec), BadSample::default());
        let look = |file| sample(&mut open(file)?, rows, spec, &mut sampled, &mut bad);
        let are_rows = are_here && <[Source]>::iter(files).try_for_each(look).is_ok();
        Ok((files, are_rows.then_some((sampled, bad))))
    };
    in_order(groups, threads() + 1, look, |(files, looked)| {
        if let Some((theirs, of_theirs)) = looked
            && let Some(both) = sampled.with(theirs)
            && bad.take(&of_theirs)
        {
            sampled = both;
            return Ok(());
        }
        files.iter().try_for_each(|file| {
            let mut objects = open(file)?;
            sample(&mut objects, rows, spec, &mut sampled, &mut bad).map_err(|error| error.in_file(file))?;
            bad.in_file(file);
            Ok(())
        })
    })?;
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
