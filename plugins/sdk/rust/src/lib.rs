//! Steps for Callboard in Rust: a function from a row to a row, or from columns to columns.
//!
//! [`rows`] has steps by rows, with which most should begin. They are made of what follows, steps by columns:
//!
//! ```
//! use callboard_sdk::prelude::*;
//!
//! #[derive(Deserialize, JsonSchema)]
//! #[serde(deny_unknown_fields)]
//! pub struct Config {
//!     /// The column of text.
//!     #[serde(default = "text")]
//!     column: String,
//! }
//!
//! fn text() -> String {
//!     "text".into()
//! }
//!
//! /// Counts words.
//! pub struct WordCount;
//!
//! impl Transform for WordCount {
//!     type Config = Config;
//!
//!     fn bind(config: Config, input: &Schema) -> Result<BoundTransform> {
//!         let text = input.utf8(&config.column).at("/column")?;
//!         let shape = Shape::new().reads(&text).writes(Field::int64("n_words"));
//!         Ok(shape.process(move |batch| {
//!             let texts = batch.get(&text)?;
//!             let counts = texts.iter().map(|text| text.map(|text| text.split_whitespace().count() as i64));
//!             Ok(Output::new().column(counts.collect::<ArrayBuf>()))
//!         }))
//!     }
//! }
//!
//! callboard_sdk::transform!(WordCount);
//! ```
//!
//! # The journey of a step
//! 1. [`config`]: JSON becomes the step's own type, and its JSON Schema comes from the same type.
//! 2. [`Transform::bind`], [`Global::bind`] or [`Source::bind`]: columns of a [`Schema`] become handles ([`Column`]); the
//!    step says in a [`Shape`] what it reads, writes and drops, and gives the closure that works.
//! 3. A [`Batch`] holds what is read; [`Batch::get`] gives a typed view ([`mod@array`]) on a column, without copying it.
//! 4. Columns put out are [`ArrayBuf`]s: collected from an iterator, built ([`builders`]), or taken from others
//!    ([`array::Array::take`]). A transform returns an [`Output`], a global step calls a [`Writer`], a source makes a [`Page`].
//! 5. What a server has to be asked goes out by [`http`], many requests at once. What goes wrong is a [`StepError`]; what should be known besides is logged ([`info!`]) or counted ([`count`]).
//! 6. [`transform!`], [`global!`] and [`source!`] export the step from a component; natively they do nothing, and
//!    [`testing`] runs the step over rows in JSON.
//!
//! [`raw`] are the generated bindings underneath.
#![forbid(unsafe_code)]

pub mod array;
mod array_buf;
mod batch;
pub mod builders;
pub mod config;
mod error;
mod exchange;
mod export;
mod gather;
mod host;
pub mod http;
mod key;
mod output;
#[doc(hidden)]
pub mod raw;
pub mod rows;
mod shape;
#[doc(hidden)]
#[allow(missing_docs, reason = "called by the export macros alone")]
pub mod step;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
mod types;

pub use array_buf::ArrayBuf;
pub use batch::Batch;
pub use error::{At, ErrorKind, Result, StepError};
pub use exchange::{Reader, Writer};
pub use gather::{Gather, Order};
pub use host::{Level, count, log, report_panics};
pub use key::Keys;
pub use output::{Output, Page};
pub use shape::{BoundGlobal, BoundSource, BoundTransform, Cursor, Loaded, Read, Shape};
pub use step::{Global, Source, Transform};
pub use types::{Column, Field, Layout, Schema, Type};

pub use {schemars, serde, serde_json};

/// All that a step needs: `use callboard_sdk::prelude::*;`.
pub mod prelude {
    pub use crate::array::{Any, Array, Bytes, List, Struct, Values};
    pub use crate::builders::{
        BinaryBuilder, BooleanBuilder, Builder, ListBuilder, NumberBuilder, Push, StringBuilder,
    };
    pub use crate::rows::{Cell, Columns, Fate, Inputs, Row, RowGlobal, RowSource, RowTransform, RowWriter};
    pub use crate::{
        ArrayBuf, At, Batch, BoundGlobal, BoundSource, BoundTransform, Column, Field, Gather, Global, Layout, Order,
        Output, Page, Reader, Result, Schema, Shape, Source, StepError, Transform, Type, Writer, count,
    };
    pub use schemars::{self, JsonSchema};
    pub use serde::{self, Deserialize, Serialize};
}
