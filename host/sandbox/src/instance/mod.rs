//! A component in memory, its instances, and the calls into them.

mod call;
mod config;
mod exchange;
mod files;
mod http;
mod limiter;
mod loaded;
mod log;
mod profile;
mod state;
mod trap;
mod v0_1;
mod wasi;

use std::any::Any;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use wasmtime::Store;
use wasmtime::component::{Instance as Linked, Resource};

use call::{Call, Runtime, drive};
pub use config::{Allowance, InstanceConfig, Look};
pub use loaded::{Loaded, Sandbox};
pub use log::LogLimits;
pub use profile::{Profile, Profiles};
pub use state::COUNTERS;
use state::State;

use crate::bindings::callboard::step::types::Error as SaidError;
use crate::bindings::exports::callboard::step::{global, source, transform};
use crate::bindings::v0_1::callboard::step::types as before_types;
use crate::bindings::v0_1::exports::callboard::step as before;
use crate::bound::Declared;
use crate::columns::{Flat, schema_of};
use crate::error::Fault;
use crate::exchange::{Reader, RowReader, RowWriter, Writer};
use crate::gathering::Gathered;
use crate::returnable::Returnable;

/// One instance, in a store of its own. After a call that failed it is not to be called again.
pub struct Instance {
    store: Store<State>,
    linked: Linked,
    exports: Exports,
    runtime: Runtime,
    config: InstanceConfig,
    busy: Duration,
}

#[derive(Clone)]
enum Exports {
    Transform(transform::Guest),
    Global(global::Guest),
    Source(source::Guest),
    Transform01(before::transform::Guest),
    Global01(before::global::Guest),
    Source01(before::source::Guest),
}

/// The functions of the contract. Each is the component's own; times, limits and errors are the host's.
impl Instance {
    fn call<R, E: Into<SaidError>>(
        &mut self,
        call: Call,
        body: impl AsyncFnOnce(&mut Store<State>, Exports) -> wasmtime::Result<Result<R, E>>,
    ) -> Result<R, Fault> {
        let began = Instant::now();
        let exports = self.exports.clone();
        let said = drive(&self.runtime, &mut self.store, &self.config, call, async |store| body(store, exports).await);
        self.busy += began.elapsed();
        said?.map_err(|error| Fault::from(error.into()))
    }

    /// Asks the step what it does to rows of these schemas, which are under its names; none for a source.
    ///
    /// # Errors
    ///
    /// What it refuses, and a declaration that is not sound.
    pub fn declare(&mut self, config: &str, inputs: &[Schema]) -> Result<Declared, Fault> {
        let seen: Vec<Flat> = inputs.iter().map(Flat::of_schema).collect();
        let lent: Vec<_> = seen.iter().map(Flat::lend).collect();
        let arrays: Vec<_> = lent.iter().map(|lent| lent.arrays()).collect();
        let schemas: Vec<_> = lent.iter().zip(&arrays).map(|(lent, arrays)| lent.batch(arrays)).collect();
        let written = |schema| {
            schema_of(schema).map_err(|what| Fault::Contract(format!("it declared what it writes, and {what}")))
        };
        Ok(match self.exports.clone() {
            Exports::Transform(guest) => {
                let input = self.one(&schemas)?;
                let shape =
                    self.call(Call::Declare, async |store, _| guest.call_declare(store, config, input).await)?;
                Declared::new(vec![shape.reads], written(shape.writes)?, shape.drops)
            }
            Exports::Global(guest) => {
                let shape =
                    self.call(Call::Declare, async |store, _| guest.call_declare(store, config, &schemas).await)?;
                let gathered = Gathered::declared(shape.gathering, shape.sorted, shape.arrangement);
                Declared { gathered, ..Declared::new(shape.reads, written(shape.writes)?, shape.drops) }
            }
            Exports::Source(guest) => {
                let schema = self.call(Call::Declare, async |store, _| guest.call_declare(store, config).await)?;
                Declared::new(Vec::new(), written(schema)?, Vec::new())
            }
            Exports::Transform01(guest) => {
                let input = self.one(&schemas)?;
                let shape =
                    self.call(Call::Declare, async |store, _| guest.call_declare(store, config, input).await)?;
                Declared::new(vec![shape.reads], written(shape.writes)?, shape.drops)
            }
            Exports::Global01(guest) => {
                let shape =
                    self.call(Call::Declare, async |store, _| guest.call_declare(store, config, &schemas).await)?;
                Declared::new(shape.reads, written(shape.writes)?, shape.drops)
            }
            Exports::Source01(guest) => {
                let schema = self.call(Call::Declare, async |store, _| guest.call_declare(store, config).await)?;
                Declared::new(Vec::new(), written(schema)?, Vec::new())
            }
        })
    }

    /// Opens the instance for the columns that it declared to read; a source continues at `cursor`.
    ///
    /// # Errors
    ///
    /// What the step says, or how its call failed.
    pub fn open(&mut self, config: &str, given: &[SchemaRef], cursor: Option<&[u8]>) -> Result<(), Fault> {
        let given: Vec<Flat> = given.iter().map(|schema| Flat::of_schema(schema)).collect();
        let lent: Vec<_> = given.iter().map(Flat::lend).collect();
        let arrays: Vec<_> = lent.iter().map(|lent| lent.arrays()).collect();
        let schemas: Vec<_> = lent.iter().zip(&arrays).map(|(lent, arrays)| lent.batch(arrays)).collect();
        match self.exports.clone() {
            Exports::Transform(guest) => {
                let input = self.one(&schemas)?;
                self.call(Call::Open, async |store, _| guest.call_open(store, config, input).await)
            }
            Exports::Global(guest) => {
                self.call(Call::Open, async |store, _| guest.call_open(store, config, &schemas).await)
            }
            Exports::Source(guest) => {
                self.call(Call::Open, async |store, _| guest.call_open(store, config, cursor).await)
            }
            Exports::Transform01(guest) => {
                let input = self.one(&schemas)?;
                self.call(Call::Open, async |store, _| guest.call_open(store, config, input).await)
            }
            Exports::Global01(guest) => {
                self.call(Call::Open, async |store, _| guest.call_open(store, config, &schemas).await)
            }
            Exports::Source01(guest) => {
                self.call(Call::Open, async |store, _| guest.call_open(store, config, cursor).await)
            }
        }
    }

    /// Calls a transform with the columns that it reads of some rows. The answer is unchecked: [`checked`](crate::checked).
    ///
    /// # Errors
    ///
    /// What the step says, or how its call failed.
    pub fn process(&mut self, given: &RecordBatch) -> Result<transform::Output, Fault> {
        let flat = Flat::of(given);
        let lent = flat.lend();
        let arrays = lent.arrays();
        let input = lent.batch(&arrays);
        self.call(Call::Process, async |store, exports| match exports {
            Exports::Transform(guest) => Ok(guest.call_process(store, input).await?),
            Exports::Transform01(guest) => Ok(now(guest.call_process(store, input).await?)),
            _ => unreachable!("a transform is called as one"),
        })
    }

    /// The next page of a source, unchecked: [`lift_within`](crate::lift_within). `None` at its end.
    ///
    /// # Errors
    ///
    /// What the step says, or how its call failed.
    pub fn next_page(&mut self) -> Result<Option<source::Page>, Fault> {
        self.call(Call::Next, async |store, exports| match exports {
            Exports::Source(guest) => guest.call_next(store).await,
            Exports::Source01(guest) => Ok(now(guest.call_next(store).await?.map(|page| page.map(source::Page::from)))),
            _ => unreachable!("a source is called as one"),
        })
    }

    fn one<T: Clone>(&self, schemas: &[T]) -> Result<T, Fault> {
        let host = || Fault::Host(format!("a transform has one input, and was given {}", schemas.len()));
        schemas.first().cloned().ok_or_else(host)
    }

    /// Runs a global step over its inputs, and gives the writer back, except where the call could not be begun. However that
    /// ends, nothing of either stays in the instance: whoever reads behind the writer would wait as long as the instance lives.
    pub fn run<W: RowWriter>(&mut self, readers: Vec<Box<dyn RowReader>>, writer: W) -> (Result<(), Fault>, Option<W>) {
        match self.try_run(readers, Writer(Box::new(writer))) {
            Ok((ran, Writer(writer))) => {
                let writer: Box<dyn Any> = writer;
                (ran, writer.downcast().ok().map(|writer| *writer))
            }
            Err(fault) => (Err(fault), None),
        }
    }

    fn try_run(
        &mut self,
        readers: Vec<Box<dyn RowReader>>,
        writer: Writer,
    ) -> Result<(Result<(), Fault>, Writer), Fault> {
        let host = |error: wasmtime::component::ResourceTableError| Fault::Host(error.to_string());
        let table = &mut self.store.data_mut().table;
        let mut inputs = Vec::with_capacity(readers.len());
        for (port, rows) in readers.into_iter().enumerate() {
            inputs.push(table.push(Reader::new(rows, port == 0)).map_err(host)?);
        }
        let output = table.push(writer).map_err(host)?;
        let kept = Resource::<Writer>::new_own(output.rep());
        let read: Vec<_> = inputs.iter().map(|reader| Resource::<Reader>::new_own(reader.rep())).collect();
        let ran = self.call(Call::Run, async |store, exports| match exports {
            Exports::Global(guest) => guest.call_run(store, &inputs, output).await,
            Exports::Global01(guest) => Ok(now(guest.call_run(store, &inputs, output).await?)),
            _ => unreachable!("a global step is called as one"),
        });
        let table = &mut self.store.data_mut().table;
        let writer = table.delete(kept).map_err(host);
        read.into_iter().try_for_each(|reader| table.delete(reader).map(drop)).map_err(host)?;
        Ok((ran, writer?))
    }

    /// What it may hand the host in one call.
    pub fn returnable(&self) -> Returnable {
        self.config.returnable()
    }

    /// Linear memory, and tables, that it holds now, bytes.
    pub fn memory(&self) -> u64 {
        self.store.data().limiter.held()
    }

    /// The counters since the last time they were taken.
    pub fn take_counters(&mut self) -> BTreeMap<String, i64> {
        self.store.data_mut().take_counters()
    }

    /// Whether a call rejected rows for a reason that passes, since the last time this was taken.
    pub fn take_tries_again(&mut self) -> bool {
        std::mem::take(&mut self.store.data_mut().tries_again)
    }

    /// Whether the last call asked for something that is part of an offline batch: then its result is none, whatever it returned.
    pub fn has_deferred(&self) -> bool {
        self.store.data().requests.has_deferred()
    }

    /// Time spent in calls, crossing included, since the last time it was taken.
    pub fn take_busy(&mut self) -> Duration {
        std::mem::take(&mut self.busy)
    }

    /// The part of that which is the host's own work on rows that a global step asked for, likewise.
    pub fn take_hosting(&mut self) -> Duration {
        std::mem::take(&mut self.store.data_mut().hosting)
    }
}

/// What a component of 0.1 answered, in terms of the contract as it is now.
fn now<R, N: From<R>>(answer: Result<R, before_types::Error>) -> Result<N, SaidError> {
    answer.map(N::from).map_err(SaidError::from)
}
