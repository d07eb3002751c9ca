//! Plans a pipeline: from the text of its file to stages, purely. Nothing is opened, compiled or run here, and no clock is read.

mod catalog;
mod imports;
pub mod pipeline;
mod plan;
mod problem;
mod scan;
mod spelling;

pub use catalog::{Catalog, Component, Missing, Origin, is_path};
pub use pipeline::Pipeline;
pub use plan::{
    Boundary, Edge, GlobalEdge, Load, Plan, PlannedInput, PlannedOutput, PlannedStep, Port, Stage, StepLimits,
    Transport,
};
pub use problem::{At, Problem, Problems, Source, Span};
pub use scan::{ComponentFacts, Kind, ScanError, scan};

/// The plan for a person.
pub fn explain(plan: &Plan) -> String {
    let _ = plan;
    todo!()
}

/// The plan as a Mermaid diagram.
pub fn mermaid(plan: &Plan) -> String {
    let _ = plan;
    todo!()
}

/// The JSON Schema of a pipeline file.
pub fn schema() -> serde_json::Value {
    todo!()
}
