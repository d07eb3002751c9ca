//! Makes steps in any language: from a template to a component, with nothing to install but the language itself.
//!
//! 1. A [`language`](mod@language) is a folder under `plugins/templates`; this library carries all of them, and the SDKs ([`templates`]).
//! 2. [`new()`] begins a step of a [`Kind`] under a [`Name`]: the template's files, the contract and the SDK.
//! 3. [`toolchain`] looks for the programs that the language needs, and knows what installs them.
//! 4. [`make()`] reads the step's `step.toml` ([`Project`]), runs the language's commands and makes a [`component`] of what they leave.

#![forbid(unsafe_code)]

mod carry;
pub mod component;
mod contract;
pub mod language;
mod make;
mod name;
mod new;
mod process;
mod project;
pub mod templates;
pub mod toolchain;

pub use contract::{FILES, Kind, Template, Version};
pub use language::Language;
pub use make::{Made, MakeError, make};
pub use name::{Name, NameError};
pub use new::{NewError, new};
pub use project::{FILE as PROJECT_FILE, Project, StepFile, languages_like};

/// The system's words without the number that Rust appends.
fn said(error: &std::io::Error) -> String {
    callboard_words::text::plain(error)
}
