//! The arguments of `callboard step`.

use std::path::PathBuf;

use callboard_author::Kind;
use clap::{Args, Subcommand, ValueEnum};

use super::values::{SecretArgument, component_size, secret};

#[derive(Debug, Subcommand)]
pub(crate) enum StepCommand {
    /// Create a step: a folder that builds and tests as it is
    #[command(after_help = "\
Examples:
  callboard step new --list                       the languages
  callboard step new word-count --lang python
  callboard step new top-ten --lang rust --kind global")]
    New(NewArguments),
    /// Build steps into components, with the toolchains of their languages
    #[command(after_help = "\
Examples:
  callboard step build
  callboard step build steps/word-count --watch")]
    Build(BuildArguments),
    /// Send JSON Lines through a step, from standard input to standard output
    #[command(after_help = r#"Examples:
  callboard step run < rows.jsonl
  echo '{"text": "Hello  World"}' | callboard step run normalise --config '{"lowercase": true}'"#)]
    Run(StepRunArguments),
    /// Run a step's golden test, and drive it over hundreds of batches
    #[command(after_help = "\
Examples:
  callboard step test
  callboard step test --bless       accept the output as the expected one
  callboard step test --watch")]
    Test(TestArguments),
    /// Describe a component: its kind, configuration and imports, and what is wrong with it
    #[command(after_help = "\
Examples:
  callboard step inspect embed.wasm
  callboard step inspect --json embed.wasm")]
    Inspect(InspectArguments),
    /// Check a component against the contract, on generated rows
    #[command(after_help = "\
Examples:
  callboard step conform embed.wasm
  callboard step conform embed.wasm --config '{\"min\": 3}'")]
    Conform(ConformArguments),
}

/// The step to try.
#[derive(Args, Debug)]
pub(crate) struct TriedArguments {
    /// A component, the folder of a step, or the name of a bundled step [default: the current folder]
    #[arg(value_name = "STEP")]
    pub(crate) step: Option<PathBuf>,
    /// The configuration, a JSON object [default: that of the step's step.toml]
    #[arg(long, value_name = "JSON")]
    pub(crate) config: Option<String>,
    /// The most bytes that the component may have, such as 256MiB [default: 64MiB]
    #[arg(long, value_name = "SIZE", value_parser = component_size)]
    pub(crate) max_component: Option<u64>,
}

/// What the step may reach: the keys of a pipeline's `grant`.
#[derive(Args, Debug)]
#[command(next_help_heading = "Grants")]
pub(crate) struct GrantArguments {
    /// Let the step read a file or folder below its own folder; can be repeated
    #[arg(long, value_name = "PATH")]
    pub(crate) grant_files: Vec<String>,
    /// Let the step read and write a folder below its own folder; can be repeated
    #[arg(long, value_name = "PATH")]
    pub(crate) grant_write: Vec<String>,
    /// Let the step send requests, such as `GET https://api.example.org/v1/`; can be repeated
    #[arg(long, value_name = "REQUEST")]
    pub(crate) grant_http: Vec<String>,
    /// Let the step read an environment variable; can be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) grant_env: Vec<String>,
    /// Add a header to the step's requests to a host: 'api.example.org Authorization: Bearer ${env.KEY}'; can be repeated
    #[arg(long, value_name = "HOST HEADER: VALUE", value_parser = secret)]
    pub(crate) grant_secret: Vec<SecretArgument>,
    /// Give the step a running clock
    #[arg(long)]
    pub(crate) grant_clock: bool,
    /// Grant everything that the step's step.toml asks for: only for a step that you wrote or trust
    #[arg(long)]
    pub(crate) grant_step_toml: bool,
}

#[derive(Args, Debug)]
pub(crate) struct StepRunArguments {
    #[command(flatten)]
    pub(crate) tried: TriedArguments,
    #[command(flatten)]
    pub(crate) grants: GrantArguments,
    /// A further input of a global step, after standard input; can be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Vec<PathBuf>,
    /// Show all that the step logs, including debug messages
    #[arg(long, short)]
    pub(crate) verbose: bool,
}

#[derive(Args, Debug)]
pub(crate) struct TestArguments {
    #[command(flatten)]
    pub(crate) tried: TriedArguments,
    #[command(flatten)]
    pub(crate) grants: GrantArguments,
    /// Accept the output as the expected one
    #[arg(long, conflicts_with = "config")]
    pub(crate) bless: bool,
    /// Send the requests that no reply is recorded for, and record their replies in the step's folder
    #[arg(long)]
    pub(crate) record: bool,
    /// Build and test again whenever a file in the step's folder changes
    #[arg(long)]
    pub(crate) watch: bool,
}

#[derive(Args, Debug)]
pub(crate) struct InspectArguments {
    /// A component, the folder of a step, or the name of a bundled step [default: the current folder]
    #[arg(value_name = "STEP")]
    pub(crate) step: Option<PathBuf>,
    /// The most bytes that the component may have, such as 256MiB [default: 64MiB]
    #[arg(long, value_name = "SIZE", value_parser = component_size)]
    pub(crate) max_component: Option<u64>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ConformArguments {
    #[command(flatten)]
    pub(crate) tried: TriedArguments,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct NewArguments {
    /// The name of the step, such as word-count: lower-case letters, digits and hyphens
    #[arg(value_name = "NAME", required_unless_present = "list")]
    pub(crate) name: Option<String>,
    /// The language to write it in; `--list` shows all languages
    #[arg(long, value_name = "LANGUAGE", required_unless_present = "list")]
    pub(crate) lang: Option<String>,
    /// The kind of step
    #[arg(long, value_enum, default_value_t)]
    pub(crate) kind: KindArgument,
    /// The folder to create [default: NAME]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// List the languages, and whether their toolchains are installed
    #[arg(long, exclusive = true)]
    pub(crate) list: bool,
}

/// What a step is.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum KindArgument {
    /// Works on one batch of rows at a time
    #[default]
    Transform,
    /// Sees every row before it returns the first
    Global,
    /// Makes rows from its configuration alone
    Source,
    /// A transform that asks a model on a server
    Model,
}

impl From<KindArgument> for callboard_author::Template {
    fn from(kind: KindArgument) -> Self {
        match kind {
            KindArgument::Transform => Self::Of(Kind::Transform),
            KindArgument::Global => Self::Of(Kind::Global),
            KindArgument::Source => Self::Of(Kind::Source),
            KindArgument::Model => Self::Model,
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct BuildArguments {
    /// The steps' folders
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) dirs: Vec<PathBuf>,
    /// Build again whenever a file changes
    #[arg(long)]
    pub(crate) watch: bool,
}
