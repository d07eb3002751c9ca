//! The arguments of the verbs that look at rows, runs and data.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::planning::PipelineArguments;
use super::values::{rows, trust};

#[derive(Args, Debug)]
pub(crate) struct PeekArguments {
    /// Files and patterns, as an input's `path` has them; or the folder of a run, and an input, a step or an output of it:
    /// `quality`, `quality.dropped`, `quality.rejected`
    #[arg(value_name = "FILE", required = true)]
    pub(crate) places: Vec<String>,
    /// Show at most N rows
    #[arg(short = 'n', long = "rows", value_name = "N", default_value = "20", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) rows: u32,
    /// Show rows for which a condition holds, in the language of `filter`
    #[arg(long = "where", value_name = "CONDITION")]
    pub(crate) condition: Option<String>,
    /// Show rows drawn from all of them, the same for the same N; by default the first
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Show these columns, in this order
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    pub(crate) columns: Vec<String>,
    /// How rows are shown
    #[arg(long, value_enum, default_value_t = RowFormat::Table)]
    pub(crate) format: RowFormat,
    /// Read the inputs of a run that nothing proves to be yours, if its digest is this
    #[arg(long, value_name = "DIGEST", value_parser = trust)]
    pub(crate) trust: Option<u128>,
}

/// How rows are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RowFormat {
    /// As wide as the terminal; long values are cut
    Table,
    /// JSON Lines, whole
    Jsonl,
    /// Each row by itself, with more of its text
    Text,
}

#[derive(Args, Debug)]
pub(crate) struct StatsArguments {
    /// Files and patterns, as an input's `path` has them; or the folder of a run, and an input, a step or an output of it:
    /// `quality`, `quality.dropped`, `quality.rejected`
    #[arg(value_name = "FILE", required = true)]
    pub(crate) places: Vec<String>,
    /// Also show the rows of each value of a column by themselves
    #[arg(long, value_name = "COLUMN")]
    pub(crate) by: Option<String>,
    /// Show these columns, in this order; `meta.language` is a member of a struct
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    pub(crate) columns: Vec<String>,
    /// How figures are shown
    #[arg(long, value_enum, default_value_t = FigureFormat::Table)]
    pub(crate) format: FigureFormat,
    /// Read the inputs of a run that nothing proves to be yours, if its digest is this
    #[arg(long, value_name = "DIGEST", value_parser = trust)]
    pub(crate) trust: Option<u128>,
}

#[derive(Args, Debug)]
pub(crate) struct DiffArguments {
    /// The folder of the earlier run
    #[arg(value_name = "RUN-DIR")]
    pub(crate) before: PathBuf,
    /// The folder of the later run
    #[arg(value_name = "RUN-DIR")]
    pub(crate) after: PathBuf,
    /// Show at most N rows of each output that changed, came and went
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub(crate) examples: u32,
    /// How the difference is shown
    #[arg(long, value_enum, default_value_t = FigureFormat::Table)]
    pub(crate) format: FigureFormat,
    /// Read the inputs of a run that nothing proves to be yours, if its digest is this
    #[arg(long, value_name = "DIGEST", value_parser = trust)]
    pub(crate) trust: Option<u128>,
}

/// How figures are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FigureFormat {
    /// As wide as the terminal
    Table,
    /// JSON
    Json,
}

#[derive(Args, Debug)]
pub(crate) struct TryArguments {
    #[command(flatten)]
    pub(crate) pipeline: PipelineArguments,
    /// Read the first ROWS rows of each input
    #[arg(long, value_name = "ROWS", default_value = "200", value_parser = rows)]
    pub(crate) rows: u64,
    /// Read rows of all files of an input instead: of each the same number, chosen among those at its beginning
    #[arg(long)]
    pub(crate) spread: bool,
    /// Choose other rows
    #[arg(long, value_name = "NUMBER", requires = "spread", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Show this step alone
    #[arg(long, value_name = "NAME")]
    pub(crate) step: Option<String>,
    /// Try again whenever the pipeline file is saved
    #[arg(long)]
    pub(crate) watch: bool,
    /// Do not keep it to the places that it writes, in addition to the sandbox
    #[arg(long)]
    pub(crate) no_landlock: bool,
}

#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("followed").required(true))]
pub(crate) struct TraceArguments {
    /// The run's folder
    #[arg(value_name = "RUN-DIR")]
    pub(crate) run_dir: PathBuf,
    /// The row's file, or the end of its path, and its line
    #[arg(long, value_name = "FILE:LINE", group = "followed")]
    pub(crate) row: Option<String>,
    /// The first row of an input for which a condition holds, in the language of `filter`
    #[arg(long = "where", value_name = "CONDITION", group = "followed")]
    pub(crate) condition: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Read the inputs of a run that nothing proves to be yours, if its digest is this
    #[arg(long, value_name = "DIGEST", value_parser = trust)]
    pub(crate) trust: Option<u128>,
}
