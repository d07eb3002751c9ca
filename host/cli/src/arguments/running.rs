//! The arguments of the verbs that run pipelines and show runs.

use std::net::SocketAddr;
use std::path::PathBuf;

use callboard_plan::MaxRejects;
use clap::{Args, Subcommand, ValueEnum};

use super::planning::{LoadArgument, PipelineArguments};
use super::tasks::{ElsewhereArguments, On};
use super::values::{address, max_rejects, rows, size, trust};

#[derive(Args, Debug)]
pub(crate) struct RunArguments {
    #[command(flatten)]
    pub(crate) pipeline: PipelineArguments,
    /// When components are in memory
    #[arg(long, value_enum, default_value_t)]
    pub(crate) load: LoadArgument,
    /// The run's own folder, new or empty [default: .callboard/runs/NAME-…]
    #[arg(long, value_name = "DIR")]
    pub(crate) run_dir: Option<PathBuf>,
    /// Read at most ROWS rows from each input
    #[arg(long, value_name = "ROWS", value_parser = rows)]
    pub(crate) limit: Option<u64>,
    /// Replace existing outputs
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Take nothing over from earlier runs, and ask servers again
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Keep nothing for resuming or for later runs, and take nothing over from earlier ones
    #[arg(long)]
    pub(crate) no_resume: bool,
    /// The most disk space for rows between stages, such as 20GiB
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) max_spill: Option<u64>,
    /// Wait for offline batches, and continue when they have ended
    #[arg(long)]
    pub(crate) wait: bool,
    /// How long a batch needs to appear at its server
    #[arg(long, value_name = "TIME", hide = true, default_value = "30s", value_parser = humantime::parse_duration)]
    pub(crate) batch_grace: std::time::Duration,
    /// Profile a step: write where it spends its time, for the Firefox Profiler (profiler.firefox.com)
    #[arg(long, value_name = "STEP")]
    pub(crate) profile: Option<String>,
    /// The file to write the profile to [default: profile-STEP.json in the run's folder]
    #[arg(long, value_name = "FILE", requires = "profile")]
    pub(crate) profile_out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) serve: ServeArguments,
    #[command(flatten)]
    pub(crate) shown: ShownArguments,
    /// Write outputs to this folder instead
    #[arg(long, value_name = "DIR", hide = true)]
    pub(crate) outputs_to: Option<PathBuf>,
    /// End when the process of this number does, which started this one
    #[arg(long, value_name = "PROCESS", hide = true)]
    pub(crate) end_with: Option<u32>,
}

/// What is said while a run goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressFormat {
    /// Lines that move on a terminal, and plain ones elsewhere
    #[default]
    Auto,
    /// Plain lines
    Plain,
    /// One object of JSON on each line of standard error, errors included
    Json,
}

/// How a run is shown.
#[derive(Args, Debug)]
pub(crate) struct ShownArguments {
    /// Write the report as JSON to a file
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Write the report as a page for a browser to a file
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// How progress is shown on standard error
    #[arg(long, value_enum, default_value_t)]
    pub(crate) progress: ProgressFormat,
    /// Show only errors
    #[arg(long, short, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Show all that steps log, including debug messages
    #[arg(long, short)]
    pub(crate) verbose: bool,
    /// Do not use Landlock to confine this process to the folders that the run writes
    #[arg(long)]
    pub(crate) no_landlock: bool,
}

/// Where a run is seen while it goes on, beside its terminal.
#[derive(Args, Debug)]
pub(crate) struct ServeArguments {
    /// Show the page and metrics (`metrics` below it) while the run goes on, at an address of this machine; the URL, which has a secret,
    /// is printed [default: 127.0.0.1, any free port]
    #[arg(long, value_name = "ADDR", num_args = 0..=1, require_equals = true, default_missing_value = "127.0.0.1:0", value_parser = address)]
    pub(crate) serve: Option<SocketAddr>,
    /// Let `--serve` listen at an address that other machines reach; nothing that it sends is encrypted
    #[arg(long, requires = "serve")]
    pub(crate) serve_remote: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ResumeArguments {
    /// The run's folder, or the work place of a submitted pipeline, such as s3://bucket/runs/x
    #[arg(value_name = "RUN-DIR")]
    pub(crate) run_dir: PathBuf,
    /// The folder that the pipeline's paths are relative to [default: the one that the run began with]
    #[arg(long, value_name = "DIR")]
    pub(crate) base: Option<PathBuf>,
    /// The most disk space for rows between stages, such as 20GiB
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) max_spill: Option<u64>,
    /// Replace existing outputs
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Wait for offline batches, and continue when they have ended
    #[arg(long)]
    pub(crate) wait: bool,
    /// How long a batch needs to appear at its server
    #[arg(long, value_name = "TIME", hide = true, default_value = "30s", value_parser = humantime::parse_duration)]
    pub(crate) batch_grace: std::time::Duration,
    /// The most rows that all steps together may reject, such as 100 or 0.5%; overrides the pipeline
    #[arg(long, value_name = "ROWS", value_parser = max_rejects)]
    pub(crate) max_rejects: Option<MaxRejects>,
    /// The most memory that a stage may take, such as 2GiB; overrides the budget that the run began with
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) budget: Option<u64>,
    /// Resume a run that you did not begin on this machine; without this option, its grants and DIGEST are shown
    #[arg(long, value_name = "DIGEST", value_parser = trust)]
    pub(crate) trust: Option<u128>,
    /// What starts the tasks of a submitted pipeline: `local=N`, `ray=http://HEAD:8265`, `slurm` [default: what it was submitted to]
    #[arg(long, value_name = "ENGINE")]
    pub(crate) on: Option<On>,
    #[command(flatten)]
    pub(crate) elsewhere: ElsewhereArguments,
    #[command(flatten)]
    pub(crate) serve: ServeArguments,
    #[command(flatten)]
    pub(crate) shown: ShownArguments,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunsCommand {
    /// List runs, the latest first
    #[command(after_help = "\
Examples:
  callboard runs list
  callboard runs list --json")]
    List {
        /// The folder that holds the runs
        #[arg(long, value_name = "DIR", default_value = ".callboard/runs")]
        dir: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show the report or the state of a run
    #[command(after_help = "\
Examples:
  callboard runs show .callboard/runs/curate-mwuqt4bp
  callboard runs show .callboard/runs/curate-mwuqt4bp --html report.html --examples 5")]
    Show {
        /// The run's folder
        #[arg(value_name = "RUN-DIR")]
        run_dir: PathBuf,
        /// Write the report as a page for a browser to a file
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
        /// Put this many rejected rows on the page
        #[arg(long, value_name = "ROWS", requires = "html", default_value_t = 0)]
        examples: u32,
    },
    /// Remove runs, with everything that they keep
    #[command(after_help = "\
Example:
  callboard runs remove .callboard/runs/curate-mwuqt4bp")]
    Remove {
        /// The runs' folders
        #[arg(value_name = "RUN-DIR", required = true)]
        run_dirs: Vec<PathBuf>,
    },
    /// Forget replies of servers, which later runs then ask for again
    #[command(after_help = "\
Examples:
  callboard runs forget                     all of them
  callboard runs forget --older-than 30d")]
    Forget {
        /// The folder that holds the runs
        #[arg(value_name = "DIR", default_value = ".callboard/runs")]
        dir: PathBuf,
        /// Only those of processes whose last reply came longer ago than this, such as 30d or 12h
        #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
        older_than: Option<std::time::Duration>,
    },
}
