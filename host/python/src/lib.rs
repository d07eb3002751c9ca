//! The native module of the Python package `callboard`, `callboard._native`: plans and runs pipelines, and calls single steps, in
//! Python's own process.
//!
//! 1. A pipeline's text comes in as a `pipeline::Source`; what is planned and run goes out as plain objects (`convert`).
//! 2. `running` carries a run out in a thread of its own, so that Ctrl-C and progress are Python's.
//! 3. `step::Step` is one component that is called on rows; `signals` lets Ctrl-C end a call.
//! 4. Rows come and go by the Arrow C data interface (`capsules`), as `rows::Batches`.
//! 5. What goes wrong becomes an exception of `callboard._host.errors`, with its fields (`failure`).
//! 6. The command is in it too (`command`), for the small program `callboard` of a wheel (`host/launcher`).
//!
//! Whatever has a default, or words for people, is in the Python files beside this crate.

#![deny(unsafe_code)]

#[allow(unsafe_code)]
mod capsules;
#[allow(unsafe_code)]
mod command;
mod convert;
mod failure;
mod pipeline;
mod rows;
mod running;
mod signals;
mod step;

use pyo3::prelude::*;

/// Rust's side of the package.
#[pymodule(gil_used = true)]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("VERSION", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<rows::Batches>()?;
    module.add_class::<rows::Files>()?;
    module.add_class::<step::Step>()?;
    module.add_class::<pipeline::Source>()?;
    module.add_function(wrap_pyfunction!(running::run, module)?)?;
    module.add_function(wrap_pyfunction!(running::resume, module)?)?;
    module.add_function(wrap_pyfunction!(running::runs, module)?)?;
    module.add_function(wrap_pyfunction!(running::report, module)?)?;
    module.add_function(wrap_pyfunction!(step::bundled, module)?)?;
    Ok(())
}
