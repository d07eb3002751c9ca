//! An input of a plan as the edge reads it. A plan that was kept may have been altered: what cannot be is bounded here.

use std::path::PathBuf;
use std::str::FromStr;

use callboard_io::{
    Access, Added, Dataset, Format, InputLimits, InputSpec, IoError, LARGEST_BATCH, LARGEST_WINDOW, LONGEST_LINE,
    OnBadRow, Stop, TextRow,
};
use callboard_plan::PlannedInput;
use callboard_plan::pipeline::{self, OnError};

use crate::error::{Class, RunError};
use crate::settings::Settings;
use crate::store::RecordedInput;

/// An input whose files were found.
#[derive(Debug)]
pub(crate) struct Input {
    /// `None` if it has been read, and its files may be gone.
    pub(crate) dataset: Option<Dataset>,
    pub(crate) files: Vec<PathBuf>,
    /// Those that are on this machine's disk.
    pub(crate) on_disk: Vec<PathBuf>,
    /// For each, what changes when its bytes do, if its place says so; empty if all are on the disk.
    pub(crate) versions: Vec<Option<String>>,
    /// The same as they were called when the run began: rows say so of their origin, wherever it is resumed.
    pub(crate) names: Vec<PathBuf>,
    /// The size of its files on the disk.
    pub(crate) bytes: u64,
    /// The index of its first file in the run's table.
    pub(crate) first_file: u32,
}

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

/// Refuses an input that is not what it was when the run began.
pub(super) fn unchanged(before: &RecordedInput, now: &RecordedInput) -> Result<(), RunError> {
    let list =
        |files: &[PathBuf]| files.iter().map(|file| format!("`{}`", file.display())).collect::<Vec<_>>().join(", ");
    let names =
        |files: &[PathBuf]| files.iter().map(|file| file.file_name().map(ToOwned::to_owned)).collect::<Vec<_>>();
    let what = if names(&before.files) != names(&now.files) {
        format!("its files were {}, and are {}", list(&before.files), list(&now.files))
    } else if before.bytes != now.bytes {
        format!("its files had {} bytes, and have {}", before.bytes, now.bytes)
    } else if let Some(at) = (0..now.files.len()).find(|at| before.versions.get(*at) != now.versions.get(*at)) {
        format!("`{}` is another version", now.files[at].display())
    } else if before.schema != now.schema {
        "its columns are different".to_owned()
    } else {
        return Ok(());
    };
    Err(RunError::new(Class::Data, format!("it has changed since the run began: {what}"))
        .help("run the pipeline again: work on rows that did not change is not done twice"))
}
