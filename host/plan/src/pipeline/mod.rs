//! Reads a pipeline file.
//!
//! 1. `document` — TOML or JSON text as one tree that knows its places.
//! 2. `params` — `--set` and `${params.x}` put into the tree.
//! 3. `fields`, `read`, `grants` — the tree as the typed [`Pipeline`]; unknown keys and wrong types are found here.
//! 4. `check` — names, `from`, load groups and paths that contradict each other.

mod check;
mod document;
mod fields;
mod grants;
mod model;
mod params;
mod read;

pub use model::{
    BatchSize, From, Input, InputLimits, Limits, LoadGroups, Located, OnError, Output, OutputColumn, Pipeline, Run,
    Step,
};

pub(crate) use read::RETRIES;

use document::Data;

use std::collections::BTreeMap;
use std::ops::Range;

use crate::problem::{At, Findings, Problems, Source, Span};

impl Pipeline {
    /// Reads a pipeline from TOML, or from JSON where the text begins with `{`.
    ///
    /// `sets` are the values of `--set`: `params.KEY=VALUE` or `steps.NAME.config.KEY=VALUE`.
    ///
    /// # Errors
    /// Everything that is wrong, with its place.
    pub fn parse(source: Source, sets: &[String]) -> Result<Self, Problems> {
        let mut findings = Findings::new(source);
        let pipeline = read(sets, &mut findings);
        findings.or(pipeline)
    }

    /// Where the text speaks of an input's or output's files, or of a step: of a key of its configuration, if a JSON
    /// pointer leads to one, and otherwise of what it uses.
    pub fn place_of(&self, name: &str, config: Option<&str>) -> Option<Span> {
        let step = self.steps.iter().find(|step| *step.name == *name).and_then(|step| {
            let key = config.and_then(|pointer| nearest_place(&step.config_places, pointer));
            key.or_else(|| step.uses.at.clone())
        });
        let input = || self.inputs.iter().find(|input| *input.name == *name)?.paths.first()?.at.clone();
        let output = || self.outputs.iter().find(|output| *output.name == *name)?.path.at.clone();
        step.or_else(input).or_else(output).map(|at| self.source.span(at))
    }
}

/// The place that a JSON pointer leads to, or the last one on the way.
fn nearest_place(places: &BTreeMap<String, Range<usize>>, pointer: &str) -> At {
    let ends = std::iter::successors(Some(pointer), |pointer| pointer.rsplit_once('/').map(|(before, _)| before));
    ends.filter_map(|pointer| places.get(pointer)).next().cloned()
}

fn read(sets: &[String], findings: &mut Findings) -> Option<Pipeline> {
    if findings.source.text.trim().is_empty() {
        findings.add(&None, "the pipeline is empty");
        return None;
    }
    let mut root = document::parse(findings)?;
    if !read::is_of_this_format(&root, findings) {
        return None;
    }
    params::apply(&mut root, sets, findings);
    let pipeline = read::pipeline(&root, findings)?;
    let written = |key| match root.get(key).map(|node| &node.data) {
        None => 0,
        Some(Data::List(items)) if key == "steps" => items.len(),
        Some(Data::Table(entries)) if key == "inputs" => entries.len(),
        Some(_) => usize::MAX,
    };
    let all_read = written("inputs") == pipeline.inputs.len() && written("steps") == pipeline.steps.len();
    check::check(&pipeline, all_read, findings);
    Some(pipeline)
}
