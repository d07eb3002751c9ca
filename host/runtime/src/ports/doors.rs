//! Side doors: the rows that a step drops or rejects, for anything that reads them.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray, UInt32Array, UInt64Array};
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::error::ArrowError;

use callboard_plan::Feed;

use super::{Left, Outlet, Stop};
use crate::error::{Class, RunError};
use crate::rejects::Files;
use crate::rows::{Batch, DOOR_COLUMNS as COLUMNS, Tapped};
use callboard_sandbox::Fate;

/// The rows behind a door, for a step whose first input has these columns.
pub(crate) fn schema(input: &Schema) -> Result<SchemaRef, RunError> {
    let taken: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).filter(|name| input.index_of(name).is_ok()).collect();
    if !taken.is_empty() {
        return Err(collision(input, &taken));
    }
    let own = COLUMNS.into_iter().map(|(name, data_type)| Arc::new(Field::new(name, data_type, true)));
    Ok(Arc::new(Schema::new(input.fields().iter().cloned().chain(own).collect::<Vec<_>>())))
}

/// All columns in the way at once, and names for them that nothing has.
fn collision(input: &Schema, taken: &[&str]) -> RunError {
    let free = |name: &str| {
        let plain = name.trim_start_matches('_');
        let numbered = (2..).map(|nth| format!("{plain}_{nth}"));
        let mut names = std::iter::once(plain.to_owned()).chain(numbered);
        names.find(|name| input.index_of(name).is_err()).unwrap_or_default()
    };
    let renamed: Vec<String> = taken.iter().map(|name| format!("{name} = \"{}\"", free(name))).collect();
    let names: Vec<String> = taken.iter().map(|name| format!("`{name}`")).collect();
    let message = format!(
        "rows that it drops or rejects get {} {} of their own, and its input has {} already",
        if taken.len() == 1 { "a column" } else { "columns" },
        names.join(", "),
        if taken.len() == 1 { "one" } else { "them" },
    );
    let help =
        format!("rename in a step before it: use = \"select\", config = {{ rename = {{ {} }} }}", renamed.join(", "));
    RunError::new(Class::Pipeline, message).help(help)
}

/// The doors of a step that somebody reads.
#[derive(Default)]
pub(crate) struct Doors {
    pub(crate) dropped: Option<Door>,
    pub(crate) rejected: Option<Door>,
    /// What looks on at each of them.
    pub(crate) taps: [Option<Tapped>; 2],
}

/// Which doors of a step somebody reads.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    dropped: bool,
    rejected: bool,
}

impl Wanted {
    /// All of them.
    pub(crate) fn all() -> Wanted {
        Wanted { dropped: true, rejected: true }
    }

    pub(crate) fn has(self, fate: Fate) -> bool {
        match fate {
            Fate::Dropped => self.dropped,
            Fate::Rejected => self.rejected,
        }
    }
}

/// A door that somebody reads.
pub(crate) struct Door {
    pub(crate) feed: Feed,
    /// The step that the rows left.
    pub(crate) step: Arc<str>,
    pub(crate) schema: SchemaRef,
    pub(crate) files: Arc<Files>,
    pub(crate) outlet: Outlet,
}

impl Doors {
    fn of(&mut self, fate: Fate) -> Option<&mut Door> {
        match fate {
            Fate::Dropped => self.dropped.as_mut(),
            Fate::Rejected => self.rejected.as_mut(),
        }
    }

    pub(crate) fn wanted(&self) -> Wanted {
        let tapped = |at: usize| self.taps[at].as_ref().is_some_and(Tapped::wants);
        Wanted { dropped: self.dropped.is_some() || tapped(0), rejected: self.rejected.is_some() || tapped(1) }
    }

    /// Puts out rows of a batch of the first input, each with its reason.
    pub(crate) fn put_out(&mut self, fate: Fate, batch: &Batch, rows: &[(u32, Option<&str>)]) -> Result<(), Stop> {
        let tap = match fate {
            Fate::Dropped => &self.taps[0],
            Fate::Rejected => &self.taps[1],
        };
        if let Some(tap) = tap.as_ref().filter(|tap| !rows.is_empty() && tap.wants()) {
            tap.tap.removed(&tap.feed, batch, rows)?;
        }
        let Some(door) = self.of(fate).filter(|_| !rows.is_empty()) else { return Ok(()) };
        let behind = door.behind(batch, rows).map_err(|error| super::bug(&error))?;
        let more = door.outlet.in_step;
        door.outlet.send(&Batch { more, ..behind })
    }

    /// Says that all rows of a batch that leave by a door have left, unless `more` of it follow.
    pub(crate) fn batch_done(&mut self, more: bool) -> Result<(), Stop> {
        let doors = [&mut self.dropped, &mut self.rejected].into_iter().flatten();
        doors
            .map(|door| &mut door.outlet)
            .filter(|outlet| outlet.in_step)
            .try_for_each(|outlet| outlet.send(&Batch { more, ..Batch::nothing() }))
    }

    /// Ends the rows, and gives what was spilled of them.
    pub(crate) fn end(self) -> Result<Left, Stop> {
        let mut left = Left::default();
        for door in [self.dropped, self.rejected].into_iter().flatten() {
            left.extend(door.outlet.end(door.feed)?);
        }
        Ok(left)
    }
}

impl Door {
    fn behind(&self, batch: &Batch, rows: &[(u32, Option<&str>)]) -> Result<Batch, ArrowError> {
        let taken = batch.take(&UInt32Array::from_iter_values(rows.iter().map(|(row, _)| *row)))?;
        behind_door(&taken, rows.iter().map(|(_, reason)| *reason), &self.step, &self.files, &self.schema)
    }
}

/// Rows that left a step, each for its reason, with the columns of a door.
pub(crate) fn behind_door<'a>(
    rows: &Batch,
    reasons: impl Iterator<Item = Option<&'a str>>,
    step: &str,
    files: &Files,
    schema: &SchemaRef,
) -> Result<Batch, ArrowError> {
    let origins: Vec<_> = (0..rows.len()).map(|row| files.origin(rows, row)).collect();
    let columns: [ArrayRef; COLUMNS.len()] = [
        Arc::new(StringArray::from_iter(reasons)),
        Arc::new(StringArray::from_iter_values(origins.iter().map(|_| step))),
        Arc::new(StringArray::from_iter(origins.iter().map(|origin| origin.map(|(input, ..)| input)))),
        Arc::new(StringArray::from_iter(origins.iter().map(|at| at.map(|(_, file, _)| file.display().to_string())))),
        Arc::new(UInt64Array::from_iter(origins.iter().map(|origin| origin.map(|(.., line)| line)))),
    ];
    let all = rows.rows.columns().iter().cloned().chain(columns).collect();
    rows.with_columns(schema, all)
}
