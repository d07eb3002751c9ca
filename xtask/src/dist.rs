//! What people install: a wheel, a `tar.gz` and a Debian package, each with the command, and the SHA-256 of each.
//!
//! 1. [`program`] builds the command, optimised and for an old glibc.
//! 2. [`Contents`] is what goes into every package beside it: completions, manual pages, licences.
//! 3. [`tarball`], [`debian`] and [`wheel`] put it into archives. The same contents give the same bytes.
//!
//! Packages of another program and module are for tests, which do not wait for optimised builds.

mod contents;
mod debian;
mod licences;
mod program;
mod tarball;
mod weak;
mod wheel;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use callboard_words::text::hex;
use contents::Contents;
use sha2::{Digest, Sha256};

use crate::Result;

/// The architecture that is built for, as Rust names it.
const TARGET: &str = "x86_64-unknown-linux-gnu";
/// The oldest glibc that the command runs with: that of Debian 10, RHEL 8 and Ubuntu 18.10.
const GLIBC: &str = "2.28";
/// The most bytes of a wheel, which people wait for when they install it.
const LARGEST_WHEEL: usize = 22_000_000;
/// The time of every file in every archive: 1 January 2026. What is built from one commit is the same whenever that is.
const EPOCH: &str = "1767225600";

const USAGE: &str = "usage: cargo xtask dist [--to FOLDER] [--program FILE [--native FILE --launcher FILE] [--fast]]";

/// What is packaged.
struct Options {
    /// The folder of the packages.
    to: PathBuf,
    /// A command that is there, instead of one built for it.
    program: Option<PathBuf>,
    /// The native module of the Python package that goes with it; without one, there is no wheel.
    native: Option<PathBuf>,
    /// The program that calls the command in that module.
    launcher: Option<PathBuf>,
    /// Compresses little.
    fast: bool,
}

/// Builds and packages as `arguments` say.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<ExitCode> {
    let options = options(root, arguments)?;
    let built = match &options.program {
        Some(file) => {
            let wheel = options.native.clone().zip(options.launcher.clone());
            program::Program { file: file.clone(), wheel, glibc: None }
        }
        None => program::build(root)?,
    };
    let scratch = options.to.join("contents");
    let contents = Contents::gather(root, &built, &scratch)?;
    let mut files = vec![tarball::make(&contents, &options)?, debian::make(&contents, &options)?];
    match &built.wheel {
        Some((native, launcher)) => files.push(wheel::make(root, native, launcher, &contents, &options)?),
        None => eprintln!("dist: no wheel: `--native` and `--launcher` name what goes into it"),
    }
    fs::remove_dir_all(&scratch).map_err(|error| format!("{}: {error}", scratch.display()))?;
    let mut sums = String::new();
    for file in &files {
        let bytes = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let digest = hex(&Sha256::digest(&bytes));
        eprintln!("{:>6.1} MB  {name}", bytes.len() as f64 / 1e6);
        if built.glibc.is_some() && name.ends_with(".whl") && bytes.len() > LARGEST_WHEEL {
            return Err(format!("{name} has {} bytes, and {LARGEST_WHEEL} is the most that it may have", bytes.len()));
        }
        sums += &format!("{digest}  {name}\n");
    }
    let to = options.to.join("SHA256SUMS");
    fs::write(&to, &sums).map_err(|error| format!("{}: {error}", to.display()))?;
    print!("{sums}");
    Ok(ExitCode::SUCCESS)
}

fn options(root: &Path, arguments: &[String]) -> Result<Options> {
    let mut options =
        Options { to: root.join("target/packages"), program: None, native: None, launcher: None, fast: false };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().map(PathBuf::from).ok_or(format!("`{argument}` needs a value\n{USAGE}"));
        match argument.as_str() {
            "--to" => options.to = value()?,
            "--program" => options.program = Some(value()?),
            "--native" => options.native = Some(value()?),
            "--launcher" => options.launcher = Some(value()?),
            "--fast" => options.fast = true,
            _ => return Err(format!("`{argument}` is not an option\n{USAGE}")),
        }
    }
    fs::create_dir_all(&options.to).map_err(|error| format!("{}: {error}", options.to.display()))?;
    // Programs are run in other folders.
    let files = [&mut options.program, &mut options.native, &mut options.launcher];
    for path in files.into_iter().flatten().chain([&mut options.to]) {
        *path = path.canonicalize().map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(options)
}
