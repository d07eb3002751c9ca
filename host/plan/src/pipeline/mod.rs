//! Reads a pipeline file.
//!
//! 1. `document` — TOML or JSON text as one tree that knows its places.
//! 2. `params`, `declared`, `like` — `--set`, `--params` and `${params.x}` put into the tree, and blocks that several tables share.
//! 3. `fields`, `read`, `reading`, `access`, `sources`, `grants` — the tree as the typed [`Pipeline`]; unknown keys and wrong types are found here.
//! 4. `every` — `*.dropped` as the side doors of all steps.
//!    `check`, `paths` — names, `from`, load groups and paths that contradict each other; what is not a path.
//! 5. `compose`, `splice` — a step that is a pipeline itself is replaced by the steps of that pipeline.

mod access;
mod calls;
mod check;
mod compose;
mod declared;
mod document;
mod every;
mod fields;
mod grants;
mod like;
mod model;
mod outputs;
mod params;
mod paths;
mod read;
mod reading;
mod sources;
mod splice;

pub(crate) use compose::only_input;
pub use compose::{Text, is_pipeline};
pub use document::Places;
pub(crate) use every::{instead, no_rows};
pub use model::{
    Access, Added, BatchSize, From, Input, InputLimits, LARGEST_CUT, Limits, LoadGroups, Located, OnError, Output,
    OutputColumn, Parts, Pipeline, Reading, Run, Step, StepBatch,
};

pub(crate) use check::{WITHIN, is_name, is_step_name};
pub(crate) use read::{MOST_BATCH_ROWS, MOST_INSTANCES, MOST_MEMORY, MOST_RETRIES, RETRIES};

use callboard_words::{Help, Setting};
use document::{Data, Node};
use read::Role;

use crate::problem::{Findings, Problems, Source, Span};
use crate::sizes::exact;

impl Pipeline {
    /// Reads a pipeline from TOML, or from JSON where the text begins with `{`.
    ///
    /// `sets` are the values of `--set`: `params.KEY=VALUE` or `steps.NAME.config.KEY=VALUE`.
    ///
    /// # Errors
    /// Everything that is wrong, with its place.
    pub fn parse(source: Source, sets: &[String]) -> Result<Self, Problems> {
        Self::parse_within(source, sets, TextLimits::default())
    }

    /// As [`Pipeline::parse`], with other limits.
    ///
    /// # Errors
    /// Everything that is wrong, with its place.
    pub fn parse_within(source: Source, sets: &[String], limits: TextLimits) -> Result<Self, Problems> {
        Self::parse_with_params(source, None, sets, limits)
    }

    /// As [`Pipeline::parse_within`], with the text of a file of params, TOML or JSON, whose values `sets` may replace in turn.
    ///
    /// # Errors
    /// Everything that is wrong, with its place; of the params, with their place in that file.
    pub fn parse_with_params(
        source: Source,
        params: Option<Source>,
        sets: &[String],
        limits: TextLimits,
    ) -> Result<Self, Problems> {
        let mut findings = Findings::new(source);
        let mut root = tree(limits, &mut findings);
        if let (Some(root), Some(params)) = (&mut root, params) {
            let mut of_params = Findings::new(params);
            let file = document(limits, "the file of params", &mut of_params);
            if let Some(file) = &file {
                params::give_file(root, file, &mut of_params);
            }
            of_params.or(file.map(drop))?;
        }
        let pipeline = root.and_then(|mut root| typed(&mut root, Role::Run, sets, limits, &mut findings));
        findings.or(pipeline)
    }

    /// Where the text speaks of an input's files, or of a step. `within` is the path of the input that is meant, or a
    /// JSON pointer to a key of the step's configuration; otherwise it is the first path, or what the step uses.
    pub fn place_of(&self, name: &str, within: Option<&str>) -> Option<Span> {
        let step = self.steps.iter().find(|step| *step.name == *name).and_then(|step| {
            let key = within.and_then(|pointer| step.config_places.nearest(pointer));
            key.or_else(|| step.uses.at.clone())
        });
        let input = || {
            let input = self.inputs.iter().find(|input| *input.name == *name)?;
            paths::place(&input.paths, within)?.clone()
        };
        step.or_else(input).map(|at| self.source.span(at))
    }

    /// Where the text speaks of an output's file; an output may be called as an input or a step is.
    pub fn place_of_output(&self, name: &str) -> Option<Span> {
        let at = self.outputs.iter().find(|output| *output.name == *name)?.path.at.clone();
        at.map(|at| self.source.span(at))
    }
}

impl Pipeline {
    /// Where the text says which rows take a route, which is named by its place among [`Pipeline::routes`], from 1.
    pub fn place_of_route(&self, route: u32) -> Option<Span> {
        let route = self.routes.get(usize::try_from(route).ok()?.checked_sub(1)?)?;
        route.at.clone().map(|at| self.source.span(at))
    }

    /// Where the text has a key of an input, named by a JSON pointer such as `/types/id`.
    pub fn place_of_input_key(&self, input: &str, pointer: &str) -> Option<Span> {
        let input = self.inputs.iter().find(|named| *named.name == *input)?;
        input.places.nearest(pointer).map(|at| self.source.span(at))
    }

    /// The same of an output.
    pub fn place_of_output_key(&self, output: &str, pointer: &str) -> Option<Span> {
        let output = self.outputs.iter().find(|named| *named.name == *output)?;
        output.places.nearest(pointer).map(|at| self.source.span(at))
    }

    /// Where the text grants a step a file or folder of this path.
    pub fn place_of_grant(&self, step: &str, path: &str) -> Option<Span> {
        let step = self.steps.iter().find(|named| *named.name == *step)?;
        step.grant_places.get(path).map(|at| self.source.span(at.clone()))
    }
}

/// What a pipeline may take: one of any size that a person would write is far below.
mod most {
    /// Inputs, steps and outputs together.
    pub(super) const NODES: usize = 100_000;
    /// Names in every `from` together.
    pub(super) const FEEDS: usize = 400_000;
}

/// What the text of a pipeline may take. Whoever runs it sets this, not the file: `--max-pipeline`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextLimits {
    /// Bytes of the text: a reader need read no more than one byte beyond.
    pub text: usize,
    /// Bytes of its values, once params are put in.
    pub expanded: usize,
}

impl Default for TextLimits {
    fn default() -> Self {
        Self { text: 4 << 20, expanded: 16 << 20 }
    }
}

impl TextLimits {
    /// That many bytes for both.
    pub fn of(bytes: u64) -> Self {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        Self { text: bytes, expanded: bytes }
    }
}

/// The text as a tree, if it is one of this format.
fn tree(limits: TextLimits, findings: &mut Findings) -> Option<Node> {
    let text = findings.source.text.clone();
    if text.trim_start_matches('\u{feff}').trim().is_empty() {
        findings.add_with_help(&Some(0..0), "the pipeline is empty", "begin it with `callboard = 1`");
        return None;
    }
    let root = document(limits, "the pipeline", findings)?;
    read::is_of_this_format(&root, findings).then_some(root)
}

/// A text of TOML or JSON as a tree. `what` it is, for a message that it is too long.
fn document(limits: TextLimits, what: &str, findings: &mut Findings) -> Option<Node> {
    if findings.source.text.len() > limits.text {
        let message = format!("{what} has more than {}", exact(limits.text as u64));
        let help = Help::from("keep data in files that inputs, or steps by `grant.files`, read; or allow it: ");
        let help = help.set(Setting::MaxPipeline("64MiB".to_owned()));
        findings.add_with_help(&Some(limits.text..limits.text), message, help);
        return None;
    }
    document::parse(findings)
}

/// The tree as a pipeline, with its params and `sets` put in.
fn typed(
    root: &mut Node,
    role: Role,
    sets: &[String],
    limits: TextLimits,
    findings: &mut Findings,
) -> Option<Pipeline> {
    params::apply(root, sets, limits.expanded, findings)?;
    let written = |key| match root.get(key).map(|node| &node.data) {
        None => 0,
        Some(Data::List(items)) if key == "steps" => items.len(),
        Some(Data::Table(entries)) if key != "steps" => entries.len(),
        Some(_) => usize::MAX,
    };
    let nodes = ["inputs", "steps", "outputs"].map(written).into_iter().filter(|count| *count < usize::MAX);
    within(nodes.sum(), 0, findings)?;
    let mut pipeline = read::pipeline(root, role, findings)?;
    let all_read = written("inputs") == pipeline.inputs.len() && written("steps") == pipeline.steps.len();
    within(0, feeds(&pipeline), findings)?;
    check::check(&pipeline, role, all_read, findings);
    if all_read {
        every::spread(&mut pipeline, findings);
        within(0, feeds(&pipeline), findings)?;
    }
    paths::check(&pipeline, role, findings);
    Some(pipeline)
}

/// How many names there are in every `from` together.
fn feeds(pipeline: &Pipeline) -> usize {
    let feeds = pipeline.steps.iter().map(|step| &step.from).chain(pipeline.outputs.iter().map(|output| &output.from));
    feeds.map(|from| from.feeds().len()).sum()
}

/// `None`, and a finding, if a pipeline has too many nodes or names in `from`.
fn within(nodes: usize, feeds: usize, findings: &mut Findings) -> Option<()> {
    if nodes > most::NODES {
        let message = format!("the pipeline has more than {} inputs, steps and outputs", most::NODES);
        let help = "one input reads any number of files; cut the pipeline into several";
        findings.add_with_help(&Some(0..0), message, help);
        return None;
    }
    if feeds > most::FEEDS {
        let message = format!("every `from` together names more than {} inputs and steps", most::FEEDS);
        findings.add_with_help(&Some(0..0), message, "cut the pipeline into several");
        return None;
    }
    Some(())
}
