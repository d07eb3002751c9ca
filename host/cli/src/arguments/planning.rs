//! The arguments of the verbs that plan pipelines, and of all that are given one.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::values::{MemoryBudget, memory_budget, pipeline_size, rows};

/// A pipeline, and what the command line changes in it.
#[derive(Args, Debug)]
pub(crate) struct PipelineArguments {
    /// The pipeline file, TOML or JSON; `-` reads JSON from standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// A file of params, TOML or JSON: `KEY = VALUE`; `--set` overrides it
    #[arg(long, value_name = "FILE")]
    pub(crate) params: Option<PathBuf>,
    /// Override a value of the pipeline, such as `params.KEY=VALUE`, `steps.NAME.config.KEY=VALUE` or
    /// `inputs.NAME.path=VALUE`; can be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Plan stages that take at most SIZE of memory, such as 1GiB, or `none` for no budget; overrides the pipeline
    #[arg(long, value_name = "SIZE", value_parser = memory_budget)]
    pub(crate) budget: Option<MemoryBudget>,
    /// The instances of each transform that has no `replicas` of its own [default: one per core]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) replicas: Option<u32>,
    /// The most text that the pipeline may have, alone and with its params inserted [default: 4MiB and 16MiB]
    #[arg(long, value_name = "SIZE", value_parser = pipeline_size)]
    pub(crate) max_pipeline: Option<u64>,
}

/// When components are in memory.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum LoadArgument {
    /// One stage at a time
    #[default]
    Staged,
    /// All steps, from start to end
    Eager,
    /// One step at a time
    Step,
}

impl From<LoadArgument> for callboard_plan::Load {
    fn from(load: LoadArgument) -> Self {
        match load {
            LoadArgument::Staged => Self::Staged,
            LoadArgument::Eager => Self::Eager,
            LoadArgument::Step => Self::Step,
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct PlanArguments {
    #[command(flatten)]
    pub(crate) pipeline: PipelineArguments,
    /// When components are in memory
    #[arg(long, value_enum, default_value_t)]
    pub(crate) load: LoadArgument,
    /// The output format
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: PlanFormat,
    /// Write a drawing to a file, as SVG
    #[arg(long, value_name = "FILE", conflicts_with_all = ["format", "why"])]
    pub(crate) svg: Option<PathBuf>,
    /// Show why each stage begins, how each edge carries its rows, and for each step what a run would take over from earlier runs, and why
    /// not the rest; opens data and components
    #[arg(long, conflicts_with = "format")]
    pub(crate) why: bool,
    /// The folder that holds earlier runs
    #[arg(long, value_name = "DIR", default_value = ".callboard/runs", requires = "why")]
    pub(crate) runs: PathBuf,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum PlanFormat {
    /// A listing
    #[default]
    Text,
    /// JSON
    Json,
    /// A Mermaid diagram
    Mermaid,
    /// A drawing, as SVG
    Svg,
}

#[derive(Args, Debug)]
pub(crate) struct CheckArguments {
    #[command(flatten)]
    pub(crate) pipeline: PipelineArguments,
}

#[derive(Args, Debug)]
pub(crate) struct CompareArguments {
    #[command(flatten)]
    pub(crate) pipeline: PipelineArguments,
    /// Read at most ROWS rows from each input
    #[arg(long, value_name = "ROWS", value_parser = rows)]
    pub(crate) limit: Option<u64>,
    /// Write both reports as JSON to a file
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
}
