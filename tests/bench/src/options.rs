//! What is asked for: sections, sizes, and where things are.

use std::path::{Path, PathBuf};

use clap::Parser;

use crate::Result;
use crate::sections::SECTIONS;

/// Measures what Callboard claims, and sets the figures beside their targets.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench")]
pub struct Arguments {
    /// The sections to run: tax, boundary, lifecycle, staging, scale, global, peers, resume, live, models, remote, tasks, look [default: all of them]
    #[arg(value_name = "NAME")]
    pub sections: Vec<String>,
    /// Use sizes that show only that everything works
    #[arg(long, conflicts_with = "full")]
    pub quick: bool,
    /// Go up to 10,000,000 rows, which takes some 15 GB of the disk
    #[arg(long)]
    pub full: bool,
    /// A Python in which peers are installed [default: $CALLBOARD_PEERS_PYTHON, or python3]
    #[arg(long, value_name = "PATH")]
    pub python: Option<PathBuf>,
    /// The folder for bench.md and bench.json; rows are made there too
    #[arg(long, value_name = "DIR", default_value = "target/bench")]
    pub out: PathBuf,
}

/// The same, with what this machine has.
#[derive(Clone, Debug)]
pub struct Options {
    /// Names of [`SECTIONS`], in their order.
    pub sections: Vec<&'static str>,
    /// How much is done.
    pub sizes: Sizes,
    /// A Python to look for peers in.
    pub python: PathBuf,
    /// Where the report goes, and what is made on the way.
    pub out: PathBuf,
    /// Where compiled components are kept.
    pub cache: PathBuf,
    /// `callboard`.
    pub program: PathBuf,
    /// The repository.
    pub root: PathBuf,
}

/// How much is done.
#[derive(Clone, Debug)]
pub struct Sizes {
    /// Whether it is so little that figures mean nothing.
    pub quick: bool,
    /// How often each side of a pair is measured.
    pub rounds: usize,
    /// Rows of the reference pipeline.
    pub rows: u64,
    /// Rows of a run that takes so long that somebody would resume it.
    pub resumed: u64,
    /// Rows of the reference pipeline in tasks.
    pub tasks: u64,
    /// Rows of the reference pipeline, from small to large.
    pub scale: Vec<u64>,
    /// Few and many rows of global steps; a tenth of them where they are documents.
    pub global: [u64; 2],
    /// Rows that a step is measured on.
    pub step_rows: u64,
    /// What one value of a short call is averaged over, seconds.
    pub moment: f64,
    /// Documents for near-duplicates.
    pub documents: u64,
    /// Mebibytes that each ballast holds.
    pub ballast: u64,
}

impl Sizes {
    fn of(quick: bool, full: bool) -> Sizes {
        if quick {
            return Sizes {
                quick,
                rounds: 2,
                rows: 10_000,
                resumed: 20_000,
                tasks: 20_000,
                scale: vec![1000, 10_000],
                global: [10_000, 20_000],
                step_rows: 1000,
                moment: 0.001,
                documents: 1000,
                ballast: 8,
            };
        }
        let mut scale = vec![10_000, 100_000, 1_000_000];
        scale.extend(full.then_some(10_000_000));
        Sizes {
            quick,
            rounds: 5,
            rows: 200_000,
            resumed: 2_000_000,
            tasks: if full { 5_000_000 } else { 2_000_000 },
            scale,
            global: if full { [1_000_000, 10_000_000] } else { [200_000, 2_000_000] },
            step_rows: 20_000,
            moment: 0.05,
            documents: 100_000,
            ballast: 100,
        }
    }
}

impl Options {
    /// What the command line asks for, on `callboard` beside this program.
    ///
    /// # Errors
    ///
    /// A section that there is not; a program that is not built.
    pub fn of(arguments: Arguments) -> Result<Options> {
        let beside = std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
        let program = beside.with_file_name("callboard");
        if !program.is_file() {
            return Err(format!(
                "there is no `{}`\nhelp: cargo build --release --workspace --all-targets",
                program.display()
            ));
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let root = root.canonicalize().map_err(|error| format!("{}: {error}", root.display()))?;
        Options::with(arguments, program, root)
    }

    /// What the arguments ask for, on this program.
    ///
    /// # Errors
    ///
    /// A section that there is not.
    pub fn with(arguments: Arguments, program: PathBuf, root: PathBuf) -> Result<Options> {
        let Arguments { sections: asked, quick, full, python, out } = arguments;
        let known = || SECTIONS.iter().map(|section| section.name);
        if let Some(unknown) = asked.iter().find(|name| !known().any(|known| known == *name)) {
            let known: Vec<&str> = known().collect();
            return Err(format!("there is no section `{unknown}`\nhelp: there are {}", known.join(", ")));
        }
        let sections = known().filter(|name| asked.is_empty() || asked.iter().any(|asked| asked == name)).collect();
        let given = || std::env::var_os("CALLBOARD_PEERS_PYTHON").filter(|path| !path.is_empty()).map(PathBuf::from);
        let python = python.or_else(given).unwrap_or_else(|| "python3".into());
        std::fs::create_dir_all(&out).map_err(|error| format!("{}: {error}", out.display()))?;
        let out = out.canonicalize().map_err(|error| format!("{}: {error}", out.display()))?;
        let cache = out.join("compiled");
        Ok(Options { sections, sizes: Sizes::of(quick, full), python, out, cache, program, root })
    }
}
