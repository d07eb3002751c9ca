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
    /// Cut the rows into slices of about SIZE of the inputs' files, as many for each process of `local=N` [default: 256MiB]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    slice_bytes: Option<u64>,
}

impl SliceArguments {
    /// The number of slices for inputs of this many bytes.
    pub(crate) fn number(&self, bytes: u64) -> u64 {
        match self.slices {
            Some(number) => number.into(),
            None => bytes.div_ceil(self.slice_bytes.unwrap_or(SLICE).max(1)),
        }
    }

    /// For tasks that this engine starts.
    pub(crate) fn slices(&self, on: Option<&On>) -> Slices {
        let workers = if let Some(On::Local(most)) = on { *most as u32 } else { 1 };
        match self.slices {
            Some(number) => Slices::Number(number),
            None => Slices::OfBytes(self.slice_bytes.unwrap_or(SLICE), workers),
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct TasksArguments {
    #[command(flatten)]
    pub(crate) pipeline: PipelineArguments,
    #[command(flatten)]
    pub(crate) sliced: SliceArguments,
    #[command(flatten)]
    pub(crate) simulate: SimulateArguments,
    /// The output format
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: TasksFormat,
}

/// A run on a cluster, on paper.
#[derive(Args, Debug)]
pub(crate) struct SimulateArguments {
    /// Show what a run would take on a cluster, from the figures of this one, which was done by `run --fresh`; a second run, of
    /// other rows, shows which memory grows with them
    #[arg(long, value_name = "RUN-DIR")]
    pub(crate) simulate: Vec<PathBuf>,
    /// Rows of all inputs [default: those of the measured run]
    #[arg(long, value_name = "ROWS", value_parser = rows, requires = "simulate")]
    pub(crate) for_rows: Option<u64>,
    /// Tasks that go on at once, each on as many cores as it asks for
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..), requires = "simulate")]
    pub(crate) workers: u32,
    /// What the shared place reads and writes in a second, for all workers together
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = size, requires = "simulate")]
    pub(crate) throughput: u64,
    /// What starting a task takes, seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 0.5, requires = "simulate")]
    pub(crate) task_seconds: f64,
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
    /// What starts the tasks: `local=N`, at most N processes on this machine; `ray=http://HEAD:8265`; `slurm`
    #[arg(long, value_name = "ENGINE")]
    pub(crate) on: On,
    #[command(flatten)]
    pub(crate) elsewhere: ElsewhereArguments,
    /// Show the scripts for Slurm, and make and submit nothing
    #[arg(long)]
    pub(crate) print: bool,
    /// The work place: a new folder that every process can read and write, or an address in a store, such as s3://bucket/runs/x
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
    /// What `drive` starts tasks on: `local=N`, at most N processes on this machine; `ray=http://HEAD:8265`; `slurm`
    #[arg(long, value_name = "ENGINE")]
    pub(crate) on: Option<On>,
    #[command(flatten)]
    pub(crate) elsewhere: ElsewhereArguments,
    /// Replace existing outputs, if the task is `drive`
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// `drive` starts no task: it waits for those that something else starts
    #[arg(long, conflicts_with = "on")]
    pub(crate) starts_nothing: bool,
    /// Trust a work place that was made on another machine, if its digest is this
    #[arg(long, value_name = "DIGEST", value_parser = trust)]
    pub(crate) trust: Option<u128>,
    /// End when the process of this number does, which started this one
    #[arg(long, value_name = "PROCESS", hide = true)]
    pub(crate) end_with: Option<u32>,
    /// What the task leaves need not be on the disk: the driver is on this machine, and a machine that is started again redoes it
    #[arg(long, hide = true)]
    pub(crate) same_machine: bool,
    #[command(flatten)]
    pub(crate) shown: ShownArguments,
}

/// How an engine that has machines of its own is used.
#[derive(Args, Debug)]
pub(crate) struct ElsewhereArguments {
    /// Wait for the end, as `run` does; the tasks of Ray and Slurm continue without it
    #[arg(long)]
    pub(crate) follow: bool,
    /// The command on the machines of Ray and Slurm [default: `callboard` for Ray, the path of this one for Slurm]
    #[arg(long, value_name = "COMMAND")]
    pub(crate) program: Option<String>,
}

/// What starts tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum On {
    /// At most this many processes on this machine.
    Local(usize),
    /// A cluster of Ray, by the address of its dashboard.
    Ray(String),
    /// The cluster of Slurm that this machine belongs to.
    Slurm,
    /// Whoever reads this process's standard output, by lines: within a job of Ray's.
    Lines,
}

impl std::fmt::Display for On {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            On::Local(most) => write!(f, "local={most}"),
            On::Ray(head) => write!(f, "ray={head}"),
            On::Slurm => f.write_str("slurm"),
            On::Lines => f.write_str("lines"),
        }
    }
}

impl FromStr for On {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<On, &'static str> {
        match text.split_once('=').unwrap_or((text, "")) {
            ("local", number) => number.parse().ok().filter(|number| (1..=1024).contains(number)).map(On::Local),
            ("ray", head) if !head.is_empty() => Some(On::Ray(head.to_owned())),
            ("slurm", "") => Some(On::Slurm),
            ("lines", "") => Some(On::Lines),
            _ => None,
        }
        .ok_or("expected an engine, such as local=4, ray=http://HEAD:8265 or slurm")
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
