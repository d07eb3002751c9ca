//! The three kinds of step, and how the exported functions call them.

use std::cell::RefCell;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::batch::Batch;
use crate::error::{Result, StepError};
use crate::exchange::{Reader, Sink};
use crate::raw::types::Error as RawError;
use crate::raw::{columns, global, source, transform};
use crate::shape::{BoundGlobal, BoundSource, BoundTransform, Cursor, Next, Process, Run};
use crate::types::Schema;
use crate::{config, host};

/// A step that works on one batch at a time, and needs no other. Exported with [`transform!`](crate::transform).
pub trait Transform {
    /// The step's configuration; its documentation and defaults become the JSON Schema that users see.
    type Config: DeserializeOwned + JsonSchema;

    /// Resolves the configuration against the input: which columns are read and written, and how a batch is processed.
    ///
    /// Called when a pipeline is checked, and again in each instance that will run, where `input` holds only what is read:
    /// so it has to be cheap (heavy work belongs into [`Shape::load`](crate::Shape::load)) and to find columns by name.
    ///
    /// # Errors
    /// `config` for a wrong value, `input` for a column that is not there or of another type.
    fn bind(config: Self::Config, input: &Schema) -> Result<BoundTransform>;

    /// What else can be wrong with a configuration: columns that it names and that are not read. `input` holds every column
    /// here, and this is called only when a pipeline is checked, before `bind`.
    ///
    /// # Errors
    /// `config` for a wrong value.
    fn check(config: &Self::Config, input: &Schema) -> Result<()> {
        let _ = (config, input);
        Ok(())
    }
}

/// A step that needs every row before it puts out the first. Exported with [`global!`](crate::global).
pub trait Global {
    /// The step's configuration; its documentation and defaults become the JSON Schema that users see.
    type Config: DeserializeOwned + JsonSchema;

    /// As [`Transform::bind`], with a schema for each input. Rows of the first are carried, any other is only read.
    ///
    /// # Errors
    /// `config` for a wrong value, `input` for a column that is not there or of another type.
    fn bind(config: Self::Config, inputs: &[Schema]) -> Result<BoundGlobal>;

    /// As [`Transform::check`]: columns that rows are brought together by need not be read.
    ///
    /// # Errors
    /// `config` for a wrong value.
    fn check(config: &Self::Config, inputs: &[Schema]) -> Result<()> {
        let _ = (config, inputs);
        Ok(())
    }
}

/// A step that makes rows from nothing but its configuration. Exported with [`source!`](crate::source).
pub trait Source {
    /// The step's configuration; its documentation and defaults become the JSON Schema that users see.
    type Config: DeserializeOwned + JsonSchema;
    /// Where to go on: a row number, a page's token.
    type Cursor: Cursor;

    /// As [`Transform::bind`], without an input.
    ///
    /// # Errors
    /// `config` for a wrong value.
    fn bind(config: Self::Config) -> Result<BoundSource<Self::Cursor>>;
}

/// Whether a schema holds all columns of its input (`declare`), or only those that are read (`open`).
#[derive(Clone, Copy, PartialEq)]
enum Columns {
    All,
    Read,
}

fn bind_transform<T: Transform>(config: &str, input: &columns::Batch, given: Columns) -> Result<BoundTransform> {
    host::report_panics();
    T::bind(config::parse(config)?, &Schema::of_input(0, input, given == Columns::Read))
}

fn bind_global<T: Global>(config: &str, inputs: &[columns::Batch], given: Columns) -> Result<BoundGlobal> {
    host::report_panics();
    let schema = |(i, input)| Schema::of_input(i, input, given == Columns::Read);
    let schemas: Vec<_> = inputs.iter().enumerate().map(schema).collect();
    T::bind(config::parse(config)?, &schemas)
}

fn bind_source<T: Source>(config: &str) -> Result<BoundSource<T::Cursor>> {
    host::report_panics();
    T::bind(config::parse(config)?)
}

/// The step of this instance, opened: the contract's functions know no `self`.
pub struct Opened<W>(RefCell<Option<W>>);

impl<W> Opened<W> {
    #[allow(clippy::new_without_default, reason = "only the export macros make one")]
    pub const fn new() -> Self {
        Opened(RefCell::new(None))
    }

    fn with<R>(&self, work: impl FnOnce(&mut W) -> Result<R>) -> Result<R, RawError> {
        match &mut *self.0.borrow_mut() {
            Some(opened) => work(opened).map_err(StepError::into_raw),
            None => Err(StepError::failed("the step was not opened").into_raw()),
        }
    }
}

pub type OpenedTransform = Opened<Process>;
pub type OpenedGlobal = Opened<Run>;
pub type OpenedSource<T> = Opened<(Option<<T as Source>::Cursor>, Next<<T as Source>::Cursor>)>;

pub fn declare_transform<T: Transform>(
    config: &str,
    input: &columns::Batch,
) -> Result<transform::exports::callboard::step::transform::Shape, RawError> {
    let checked = || T::check(&config::parse(config)?, &Schema::of_input(0, input, false));
    let bound = checked().and_then(|()| bind_transform::<T>(config, input, Columns::All));
    bound.and_then(|bound| bound.shape.into_transform()).map_err(StepError::into_raw)
}

pub fn open_transform<T: Transform>(
    opened: &OpenedTransform,
    config: &str,
    input: &columns::Batch,
) -> Result<(), RawError> {
    let process = bind_transform::<T>(config, input, Columns::Read)
        .and_then(|bound| (bound.open)())
        .map_err(StepError::into_raw)?;
    *opened.0.borrow_mut() = Some(process);
    Ok(())
}

pub fn process(
    opened: &OpenedTransform,
    input: columns::Batch,
) -> Result<transform::exports::callboard::step::transform::Output, RawError> {
    opened.with(|process| process(Batch { raw: input, first_row: 0, groups: vec![] }))
}

pub fn declare_global<T: Global>(
    config: &str,
    inputs: &[columns::Batch],
) -> Result<global::exports::callboard::step::global::Shape, RawError> {
    let schemas: Vec<_> = inputs.iter().enumerate().map(|(i, input)| Schema::of_input(i, input, false)).collect();
    let checked = || T::check(&config::parse(config)?, &schemas);
    checked()
        .and_then(|()| bind_global::<T>(config, inputs, Columns::All))
        .and_then(|bound| bound.shape.into_global(inputs.len()))
        .map_err(StepError::into_raw)
}

pub fn open_global<T: Global>(opened: &OpenedGlobal, config: &str, inputs: &[columns::Batch]) -> Result<(), RawError> {
    let run = bind_global::<T>(config, inputs, Columns::Read)
        .and_then(|bound| (bound.open)())
        .map_err(StepError::into_raw)?;
    *opened.0.borrow_mut() = Some(run);
    Ok(())
}

pub fn run(
    opened: &OpenedGlobal,
    inputs: Vec<global::callboard::step::exchange::Reader>,
    output: global::callboard::step::exchange::Writer,
) -> Result<(), RawError> {
    let inputs = inputs.into_iter().map(Reader::host).collect();
    run_over(opened, inputs, Sink::Host(output)).map(|_| ())
}

pub(crate) fn run_over(opened: &OpenedGlobal, inputs: Vec<Reader>, output: Sink) -> Result<Sink, RawError> {
    opened.with(|run| run(inputs, output))
}

pub fn declare_source<T: Source>(config: &str) -> Result<columns::Batch, RawError> {
    bind_source::<T>(config).and_then(|bound| bound.shape.into_source()).map_err(StepError::into_raw)
}

pub fn open_source<T: Source>(opened: &OpenedSource<T>, config: &str, cursor: Option<Vec<u8>>) -> Result<(), RawError> {
    let open = || {
        let next = bind_source::<T>(config).and_then(|bound| (bound.open)())?;
        let cursor = match cursor {
            Some(cursor) => serde_json::from_slice(&cursor)
                .map_err(|error| StepError::failed(format!("the cursor is not this step's: {error}")))?,
            None => T::Cursor::default(),
        };
        Ok((Some(cursor), next))
    };
    *opened.0.borrow_mut() = Some(open().map_err(StepError::into_raw)?);
    Ok(())
}

pub fn next_page<T: Source>(
    opened: &OpenedSource<T>,
) -> Result<Option<source::exports::callboard::step::source::Page>, RawError> {
    opened.with(|(cursor, next)| {
        // No cursor: the end was reached, or the call before this one failed.
        let Some((rows, after)) = cursor.take().map(next).transpose()?.flatten() else { return Ok(None) };
        let encoded = serde_json::to_vec(&after)?;
        *cursor = Some(after);
        Ok(Some(source::exports::callboard::step::source::Page { rows, cursor: encoded }))
    })
}
