//! An input of a plan as the edge reads it. A plan that was kept may have been altered: what cannot be is bounded here.

use std::str::FromStr;

use callboard_io::{
    Access, Added, Format, InputLimits, InputSpec, IoError, LARGEST_BATCH, LARGEST_WINDOW, LONGEST_LINE, OnBadRow,
    Stop, TextRow,
};
use callboard_plan::PlannedInput;
use callboard_plan::pipeline::{self, OnError};

use crate::settings::Settings;

pub(super) fn input_spec(input: &PlannedInput, settings: &Settings) -> Result<InputSpec, IoError> {
    let reading = &input.reading;
    Ok(InputSpec {
        name: input.name.clone(),
        base: settings.base.clone(),
        paths: input.paths.clone(),
        format: input.format.as_deref().map(Format::from_str).transpose()?,
        types: input.types.clone(),
        // What is not a delimiter parts nothing.
        delimiter: input.delimiter.and_then(|delimiter| u8::try_from(delimiter).ok()),
        at: reading.at.clone(),
        row: if reading.whole_files { TextRow::File } else { TextRow::Line },
        members: reading.members.clone(),
        rows: reading.rows,
        rows_per_file: reading.rows_per_file,
        add: reading.add.iter().map(|(name, value)| (name.clone(), added(value))).collect(),
        union: reading.union,
        on_bad_row: match reading.on_bad_row {
            OnError::Fail => OnBadRow::Fail,
            OnError::Reject => OnBadRow::Reject,
        },
        hive: reading.hive,
        access: access(&input.access),
        limits: limits(input.limits),
        stop: Stop::when({
            let cancel = settings.cancel.clone();
            move || cancel.is_cancelled()
        }),
    })
}

/// How places are reached, as the edge has it.
pub(crate) fn access(access: &pipeline::Access) -> Access {
    let pipeline::Access { anonymous, endpoint, region } = access.clone();
    Access { anonymous, endpoint, region }
}

fn added(value: &pipeline::Added) -> Added {
    match value {
        pipeline::Added::File => Added::File,
        pipeline::Added::Line => Added::Line,
        pipeline::Added::Text(text) => Added::Text(text.clone()),
        pipeline::Added::Integer(integer) => Added::Integer(*integer),
        pipeline::Added::Float(float) => Added::Float(*float),
        pipeline::Added::Boolean(boolean) => Added::Boolean(*boolean),
    }
}

/// What the pipeline says that a file may take, and the defaults.
fn limits(set: pipeline::InputLimits) -> InputLimits {
    let usual = InputLimits::default();
    InputLimits {
        line: set.line.unwrap_or(usual.line).min(LONGEST_LINE),
        columns: set.columns.unwrap_or(usual.columns),
        header: set.header.unwrap_or(usual.header).min(LONGEST_LINE),
        window: set.window.unwrap_or(usual.window).min(LARGEST_WINDOW),
        batch: set.batch.unwrap_or(usual.batch).min(LARGEST_BATCH),
    }
}
