//! The arguments of the verbs about tasks.

use std::path::PathBuf;
use std::str::FromStr;

use callboard_plan::TaskId;
use callboard_runtime::Slices;
use clap::{Args, ValueEnum};

use super::values::{rows, size, trust};
use super::{LoadArgument, PipelineArguments, ShownArguments};

/// How much of the inputs a slice takes, if nothing else says it.
const SLICE: u64 = 256 << 20;

/// How rows are sliced.
#[derive(Args, Debug)]
pub(crate) struct SliceArguments {
    /// Cut the rows into at most N slices
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=9_999), conflicts_with = "slice_bytes")]
    slices: Option<u32>,
    /// Cut the rows into slices of about SIZE of the inputs' files [default: 256MiB]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    slice_bytes: Option<u64>,
}

impl SliceArguments {
    pub(crate) fn slices(&self) -> Slices {
        match self.slices {
            Some(number) => Slices::Number(number),
            None => Slices::OfBytes(self.slice_bytes.unwrap_or(SLICE)),
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct TasksArguments {
    #[command(flatten)]
    pub(crate) pipeline: PipelineArguments,
    #[command(flatten)]
    pub(crate) sliced: SliceArguments,
    /// The output format
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: TasksFormat,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum TasksFormat {
    /// A listing
    #[default]
    Text,
    /// JSON
    Json,
}

#[derive(Args, Debug)]
pub(crate) struct SubmitArguments {
    #[command(flatten)]
    pub(crate) pipeline: PipelineArguments,
    /// What starts the tasks: `local=N` starts at most N processes on this machine
    #[arg(long, value_name = "ENGINE")]
    pub(crate) on: On,
    /// The work place: a new folder that every process can read and write; it is the run's folder, too
    #[arg(long, value_name = "DIR")]
    pub(crate) work: PathBuf,
    #[command(flatten)]
    pub(crate) sliced: SliceArguments,
    /// When components are in memory
    #[arg(long, value_enum, default_value_t)]
    pub(crate) load: LoadArgument,
    /// Read at most ROWS rows from each input
    #[arg(long, value_name = "ROWS", value_parser = rows)]
    pub(crate) limit: Option<u64>,
    /// Replace existing outputs
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// The most disk space for the rows that one task leaves, such as 20GiB
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) max_spill: Option<u64>,
    #[command(flatten)]
    pub(crate) shown: ShownArguments,
}

#[derive(Args, Debug)]
pub(crate) struct TaskArguments {
    /// The work place
    #[arg(value_name = "WORK-DIR")]
    pub(crate) work: PathBuf,
    /// The task, as `callboard tasks` counts them, such as 1.0003; or `drive`, which has all of them carried out
    #[arg(value_name = "TASK")]
    pub(crate) task: TaskName,
    /// What `drive` starts tasks on: `local=N` starts at most N processes on this machine
    #[arg(long, value_name = "ENGINE")]
    pub(crate) on: Option<On>,
    /// `drive` starts no task: it waits for those that something else starts
    #[arg(long, conflicts_with = "on")]
    pub(crate) starts_nothing: bool,
    /// Trust a work place that was made on another machine, if its digest is this
    #[arg(long, value_name = "DIGEST", value_parser = trust)]
    pub(crate) trust: Option<u128>,
    #[command(flatten)]
    pub(crate) shown: ShownArguments,
}

/// What starts tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum On {
    /// At most this many processes on this machine.
    Local(usize),
}

impl FromStr for On {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<On, &'static str> {
        let number = text.strip_prefix("local=").and_then(|number| number.parse().ok());
        number.filter(|number| (1..=1024).contains(number)).map(On::Local).ok_or("expected an engine, such as local=4")
    }
}

/// A task, or the driver of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TaskName {
    One(TaskId),
    Drive,
}

impl FromStr for TaskName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<TaskName, &'static str> {
        match text {
            "drive" => Ok(TaskName::Drive),
            _ => text.parse().map(TaskName::One).map_err(|_| "expected a task, such as 1.0003, or `drive`"),
        }
    }
}
