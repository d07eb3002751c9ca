//! Plans a pipeline: from the text of its file to stages, purely. Nothing is opened, compiled or run here, and no clock is read.
//!
//! The journey:
//! 1. A [`Source`] is read into a [`Pipeline`]: TOML or JSON, params, names, units ([`Pipeline::parse`]).
//! 2. The caller finds the component of each step and [`scan`]s its bytes: its [`Kind`] and imports are facts of its type.
//!    They come in as a [`Catalog`].
//! 3. [`Plan::new`] checks those facts (`facts`), fills in every `from` (`wire`), finds cycles (`draft`), and applies the
//!    ordered `rules`: which stage each step runs in, in how many instances, which edges are files. What the caller wants and
//!    knows beside the pipeline comes in as [`Terms`]: a budget of memory, the machine's cores, what steps needed before.
//! 4. The [`Plan`] is data: kept as JSON, known by its fingerprint, shown by [`explain`], [`reasons`], [`mermaid`] and [`svg`]. It cannot be made or
//!    changed into one that [`Plan::verify`] refuses: that is asked wherever one is read or altered.
//!
//! Whatever is wrong on the way is a list of [`Problems`], each with its place and what to do; all that can be found at
//! once is. [`schema`] describes the file for editors.
//!
//! ```
//! use callboard_plan::{Pipeline, Source};
//!
//! let text = "callboard = 1
//! [inputs.docs]
//! path = 'docs.jsonl'
//! [[steps]]
//! use = 'normalise'
//! [outputs.clean]
//! path = 'clean.parquet'
//! ";
//! let pipeline = Pipeline::parse(Source::new("curate.toml", text), &[])?;
//! assert_eq!(pipeline.steps.len(), 1);
//!
//! // What is wrong has its place, and what fixes it.
//! let text = text.replace("path = 'docs.jsonl'", "paht = 'docs.jsonl'");
//! let problems = Pipeline::parse(Source::new("curate.toml", text), &[]).unwrap_err();
//! assert!(problems.to_string().contains("unknown key `paht`"), "{problems}");
//! # Ok::<(), Box<callboard_plan::Problems>>(())
//! ```

#![forbid(unsafe_code)]

mod amend;
mod arriving;
mod boundary;
mod calls;
mod catalog;
mod choices;
mod contract;
mod decide;
mod door;
mod draft;
#[doc(hidden)]
pub mod effort;
mod explain;
mod facts;
mod forks;
mod grants;
mod imports;
mod lines;
mod memory;
mod mermaid;
mod nans;
mod need;
mod packing;
mod parts;
pub mod pipeline;
mod plan;
mod problem;
mod reasons;
mod route;
mod routes;
mod rules;
mod scan;
mod schema;
mod simulate;
mod spelling;
mod svg;
mod tasks;
mod terms;
mod unverified;
mod verify;
mod wire;
mod zip;

pub use calls::{CallLimits, Calls, Mode, PARTS, Price, Rate, Usage, limits_of as call_limits};
pub use catalog::{Catalog, Component, Missing, Origin, is_path};
pub use choices::{Boundary, GlobalEdge, Load, MaxRejects, STAGE_INSTANCES, Transport};
pub use contract::{CONTRACT, contract_line};
pub use door::{Door, Feed};
pub use explain::explain;
pub use grants::{FileGrant, Grants, HttpGrant, SecretGrant};
pub use imports::{ImportNeed, import_need};
pub use memory::Predicted;
pub use mermaid::mermaid;
pub use nans::Nans;
pub use need::{Need, NeedFrom};
pub use parts::{COMPONENT_BYTES, MOST_COMPONENT_BYTES};
pub use pipeline::Pipeline;
pub use plan::{
    Contradiction, Edge, Plan, PlanError, PlannedInput, PlannedOutput, PlannedStep, Port, Reader, Stage, StepLimits,
};
pub use problem::{At, Problem, Problems, Source, Span};
pub use reasons::reasons;
pub use route::{Else, Route, Share};
pub use scan::{ComponentFacts, Kind, ScanError, names as component_names, scan};
pub use schema::schema;
pub use simulate::{GroupRates, Played, PlayedGroup, Reached, Scale, simulate};
pub use spelling::nearest;
pub use svg::{svg, svg_with};
pub use tasks::{Cut, FilePlace, Group, InputFile, Slicing, TaskId};
pub use terms::Terms;
pub use zip::{Absent, Same, Zip, Zipping};

/// The most linear memory that any component can have, bytes: its addresses have 32 bits.
pub const MOST_MEMORY: u64 = pipeline::MOST_MEMORY;

use callboard_words::sizes;
