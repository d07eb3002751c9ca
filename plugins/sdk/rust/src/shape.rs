//! What a step reads, writes and drops, and the work that it does.

use crate::array_buf::ArrayBuf;
use crate::batch::{Batch, assemble};
use crate::error::{Result, StepError};
use crate::exchange::{Reader, Writer};
use crate::gather::Gather;
use crate::output::{Output, Page};
use crate::raw::columns::Batch as RawBatch;
use crate::raw::{global, transform};
use crate::types::{Column, Field, Type};

/// What a step reads, writes and drops; ended by [`process`](Self::process), [`run`](Self::run) or [`pages`](Self::pages),
/// according to its kind.
///
/// Put out are the columns of the (first) input without those dropped, replaced in place where one of the same name is
/// written, then the other written ones.
#[derive(Debug, Default)]
pub struct Shape {
    reads: Vec<Vec<String>>,
    writes: Vec<Field>,
    drops: Vec<String>,
    gather: Gather,
}

/// A column to be read, and of which input: a handle, a name (of the first input), or the input's number and a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    input: usize,
    name: String,
}

impl<K: ?Sized> From<&Column<K>> for Read {
    fn from(column: &Column<K>) -> Self {
        Read { input: column.input(), name: column.name().into() }
    }
}

impl From<&Field> for Read {
    fn from(field: &Field) -> Self {
        Read { input: 0, name: field.name.clone() }
    }
}

impl From<&str> for Read {
    fn from(name: &str) -> Self {
        Read { input: 0, name: name.into() }
    }
}

impl From<(usize, &str)> for Read {
    fn from((input, name): (usize, &str)) -> Self {
        Read { input, name: name.into() }
    }
}

impl Shape {
    /// Nothing read, written or dropped: rows go on as they are.
    pub fn new() -> Self {
        Shape::default()
    }

    /// Asks for a column; only those asked for are in the batches. Asking twice is asking once.
    pub fn reads(mut self, column: impl Into<Read>) -> Self {
        let Read { input, name } = column.into();
        if self.reads.len() <= input {
            self.reads.resize(input + 1, vec![]);
        }
        if !self.reads[input].contains(&name) {
            self.reads[input].push(name);
        }
        self
    }

    /// Asks for several columns.
    pub fn reads_all<R: Into<Read>>(self, columns: impl IntoIterator<Item = R>) -> Self {
        columns.into_iter().fold(self, Shape::reads)
    }

    /// Announces a column that is put out: a [`Field`], or a handle for one of an input column's name and type.
    pub fn writes(mut self, field: impl Into<Field>) -> Self {
        self.writes.push(field.into());
        self
    }

    /// Announces several columns, in the order in which they are put out.
    pub fn writes_all<F: Into<Field>>(self, fields: impl IntoIterator<Item = F>) -> Self {
        fields.into_iter().fold(self, Shape::writes)
    }

    /// Lets a column of the (first) input go no further.
    pub fn drops(mut self, column: impl AsRef<str>) -> Self {
        self.drops.push(column.as_ref().into());
        self
    }

    /// Lets several columns go no further.
    pub fn drops_all<S: AsRef<str>>(self, columns: impl IntoIterator<Item = S>) -> Self {
        columns.into_iter().fold(self, Shape::drops)
    }

    /// How a global step has its rows brought together; all in one call, unless it says so.
    pub fn gather(self, gather: Gather) -> Self {
        Shape { gather, ..self }
    }

    /// Work that must be done before the first row and not when a pipeline is only checked: loading a model, building a table.
    pub fn load<S: 'static>(self, load: impl FnOnce() -> Result<S> + 'static) -> Loaded<S> {
        Loaded { shape: self, load: Box::new(load) }
    }

    /// A transform's work on each batch. What is put out has to depend on the configuration and the batch alone.
    pub fn process(self, mut process: impl FnMut(Batch) -> Result<Output> + 'static) -> BoundTransform {
        self.load(|| Ok(())).process(move |(), batch| process(batch))
    }

    /// A global step's work: inputs are read as often as it likes, rows are put out through the writer. Called once, or, where
    /// rows are grouped, any number of times, each time with other groups: the result for a group depends on its rows alone.
    pub fn run(self, mut run: impl FnMut(&mut [Reader], &mut Writer) -> Result<()> + 'static) -> BoundGlobal {
        self.load(|| Ok(())).run(move |(), inputs, output| run(inputs, output))
    }

    /// A source's work: the rows at a cursor, and the cursor of those after them; `None` at the end. The first call is given
    /// `C::default()`, or the cursor at which an interrupted run goes on.
    pub fn pages<C: Cursor>(self, mut page: impl FnMut(C) -> Result<Option<Page<C>>> + 'static) -> BoundSource<C> {
        self.load(|| Ok(())).pages(move |(), cursor| page(cursor))
    }

    pub(crate) fn into_transform(self) -> Result<transform::exports::callboard::step::transform::Shape> {
        let writes = self.written().schema();
        if self.reads.len() > 1 {
            return Err(StepError::failed("a transform has one input, and the step reads from another"));
        }
        let reads = self.reads.into_iter().next().unwrap_or_default();
        Ok(transform::exports::callboard::step::transform::Shape { reads, writes, drops: self.drops })
    }

    pub(crate) fn into_global(mut self, inputs: usize) -> Result<global::exports::callboard::step::global::Shape> {
        let writes = self.written().schema();
        if self.reads.len() > inputs {
            return Err(StepError::failed(format!("the step reads from {} inputs, of {inputs}", self.reads.len())));
        }
        self.reads.resize(inputs, vec![]);
        let (gathering, sorted, arrangement) = self.gather.declared(inputs)?;
        let (reads, drops) = (self.reads, self.drops);
        Ok(global::exports::callboard::step::global::Shape { reads, writes, drops, gathering, sorted, arrangement })
    }

    pub(crate) fn into_source(self) -> Result<RawBatch> {
        if !self.reads.is_empty() || !self.drops.is_empty() {
            return Err(StepError::failed(
                "a source has no input, and the step reads from one or drops columns of one",
            ));
        }
        Ok(self.written().schema())
    }

    fn written(&self) -> Written {
        Written(self.writes.clone())
    }
}

/// A [`Shape`] with what has to be loaded before the work.
pub struct Loaded<S> {
    shape: Shape,
    load: Box<dyn FnOnce() -> Result<S>>,
}

impl<S: 'static> Loaded<S> {
    /// As [`Shape::process`], with what was loaded.
    pub fn process(self, mut process: impl FnMut(&mut S, Batch) -> Result<Output> + 'static) -> BoundTransform {
        let (written, load) = (self.shape.written(), self.load);
        let open = move || {
            let mut state = load()?;
            let process = move |batch: Batch| {
                let rows = batch.rows();
                process(&mut state, batch)?.into_raw(rows, &written)
            };
            Ok(Box::new(process) as Process)
        };
        BoundTransform { shape: self.shape, open: Box::new(open) }
    }

    /// As [`Shape::run`], with what was loaded.
    pub fn run(self, mut run: impl FnMut(&mut S, &mut [Reader], &mut Writer) -> Result<()> + 'static) -> BoundGlobal {
        let (written, load) = (self.shape.written(), self.load);
        let open = move || {
            let mut state = load()?;
            let run = move |mut inputs: Vec<Reader>, output: crate::exchange::Sink| {
                let mut writer = Writer::new(output, written.clone());
                run(&mut state, &mut inputs, &mut writer)?;
                Ok(writer.finish())
            };
            Ok(Box::new(run) as Run)
        };
        BoundGlobal { shape: self.shape, open: Box::new(open) }
    }

    /// As [`Shape::pages`], with what was loaded.
    pub fn pages<C: Cursor>(
        self,
        mut page: impl FnMut(&mut S, C) -> Result<Option<Page<C>>> + 'static,
    ) -> BoundSource<C> {
        let (written, load) = (self.shape.written(), self.load);
        let open = move || {
            let mut state = load()?;
            let next = move |cursor: C| match page(&mut state, cursor)? {
                Some(page) => Ok(Some((written.batch(None, page.columns)?, page.cursor))),
                None => Ok(None),
            };
            Ok(Box::new(next) as Next<C>)
        };
        BoundSource { shape: self.shape, open: Box::new(open) }
    }
}

/// Where a source goes on; kept by the host as JSON between two runs.
pub trait Cursor: serde::Serialize + serde::de::DeserializeOwned + Default + Clone + 'static {}
impl<C: serde::Serialize + serde::de::DeserializeOwned + Default + Clone + 'static> Cursor for C {}

pub(crate) type Opening<W> = Box<dyn FnOnce() -> Result<W>>;
pub(crate) type Process = Box<dyn FnMut(Batch) -> Result<transform::exports::callboard::step::transform::Output>>;
pub(crate) type Run = Box<dyn FnMut(Vec<Reader>, crate::exchange::Sink) -> Result<crate::exchange::Sink>>;
pub(crate) type Next<C> = Box<dyn FnMut(C) -> Result<Option<(RawBatch, C)>>>;

/// A transform bound to its configuration and input: its shape, and its work, not begun.
pub struct BoundTransform {
    pub(crate) shape: Shape,
    pub(crate) open: Opening<Process>,
}

/// A global step bound to its configuration and inputs: its shape, and its work, not begun.
pub struct BoundGlobal {
    pub(crate) shape: Shape,
    pub(crate) open: Opening<Run>,
}

/// A source bound to its configuration: its shape, and its work, not begun.
pub struct BoundSource<C> {
    pub(crate) shape: Shape,
    pub(crate) open: Opening<Next<C>>,
}

/// The columns that a step said it writes, to hold what it does write against.
#[derive(Clone, Debug)]
pub(crate) struct Written(Vec<Field>);

impl Written {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn schema(&self) -> RawBatch {
        assemble(0, self.0.iter().map(|field| (field.name.clone(), ArrayBuf::empty(&field.ty))))
    }

    /// The batch of these columns, named. `rows` is how many there have to be, where that is known.
    pub(crate) fn batch(&self, rows: Option<usize>, columns: Vec<ArrayBuf>) -> Result<RawBatch> {
        if columns.len() != self.0.len() {
            let (declared, written) = (self.0.len(), columns.len());
            return Err(StepError::failed(format!("the step declared {declared} columns and wrote {written}")));
        }
        let rows = rows.or(columns.first().map(ArrayBuf::len)).unwrap_or(0);
        for (field, column) in self.0.iter().zip(&columns) {
            let (name, length, ty) = (&field.name, column.len(), column.ty());
            if length != rows {
                return Err(StepError::failed(format!(
                    "column `{name}` was written with {length} values for {rows} rows"
                )));
            }
            if !fits(&field.ty, &ty) {
                let (declared, nulls) = (&field.ty, if field.ty.nullable { "" } else { " without nulls" });
                return Err(StepError::failed(format!(
                    "column `{name}` was declared {declared}{nulls} and written {ty}"
                )));
            }
        }
        Ok(assemble(rows, self.0.iter().map(|field| field.name.clone()).zip(columns)))
    }
}

/// Whether values of the type `written` may stand in a column that was declared so.
fn fits(declared: &Type, written: &Type) -> bool {
    use crate::types::Layout::{List, Struct, Vector};
    let layouts = match (&declared.layout, &written.layout) {
        (List(declared), List(written)) => fits(declared, written),
        (Vector(declared, width), Vector(written, items)) => width == items && fits(declared, written),
        (Struct(declared), Struct(written)) => {
            declared.len() == written.len()
                && declared.iter().zip(written).all(|(d, w)| d.name == w.name && fits(&d.ty, &w.ty))
        }
        (declared, written) => declared == written,
    };
    layouts && (declared.nullable || !written.nullable) && declared.logical == written.logical
}
