//! Compiling is not running: components are compiled in a child process, once; [`cache`](crate::cache) keeps what it made.

mod confine;

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use callboard_plan::Nans;
use rustix::process::Signal;
use tokio_util::sync::CancellationToken;

use crate::artefact::Artefact;
use crate::engine::{self, Reservation};
use crate::error::{Class, SandboxError};
use crate::refused;
use callboard_words::sizes::bytes;

/// The most bytes that a compiled component may have.
pub(crate) const ARTEFACT: u64 = 512 << 20;
/// The exit code of a compiler that the system refused something.
const REFUSED: i32 = 5;
/// The argument for [`Nans::Native`].
const NATIVE_NANS: &str = "--native-nans";
/// The longest that compiling one component may take.
const TIME: Duration = Duration::from_secs(600);

/// The command that compiles, in a process of its own.
///
/// It is given two more arguments, the component's file and the file to make, and a third, `--native-nans`, for [`Nans::Native`]. It must
/// call [`compile_file`] with them; where that gives an error of the system, it says so by exit code 5. It has no environment, and its standard input is a pipe that ends with the process that
/// started it.
#[derive(Clone, Debug)]
pub struct CompileCommand {
    /// The program.
    pub program: PathBuf,
    /// Its first arguments.
    pub arguments: Vec<String>,
}

/// Compiles the component of the file `source` to `made`, in a child process; ends it when `cancel` says so. Says what the kernel
/// did not offer to confine that process.
pub(crate) fn compile(
    command: &CompileCommand,
    source: &Path,
    made: &Path,
    nans: Nans,
    cancel: &CancellationToken,
) -> Result<Option<String>, SandboxError> {
    let CompileCommand { program, arguments } = command;
    let mut child = Command::new(program)
        .args(arguments)
        .args([source, made])
        .args((nans == Nans::Native).then_some(NATIVE_NANS))
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| SandboxError::system("start the compiler", program, &error))?;
    let mut errors = child.stderr.take().expect("standard error is a pipe");
    let said = std::thread::Builder::new().spawn(move || {
        let mut said = String::new();
        let _ = errors.by_ref().take(64 << 10).read_to_string(&mut said);
        // What comes after that is read, so that the child never waits for a reader, and forgotten.
        let _ = io::copy(&mut errors, &mut io::sink());
        said
    });
    let said = said.map_err(|error| {
        let _ = child.kill();
        let _ = child.wait();
        refused::thread(&error)
    })?;
    let began = Instant::now();
    let status = loop {
        let status = child.try_wait().map_err(|error| SandboxError::system("wait for", program, &error))?;
        if let Some(status) = status {
            break status;
        }
        if cancel.is_cancelled() || began.elapsed() > TIME {
            let _ = child.kill();
            let _ = child.wait();
            return Err(match cancel.is_cancelled() {
                true => SandboxError::interrupted(),
                false => SandboxError::new(Class::Limit, format!("compiling took longer than {} s", TIME.as_secs())),
            });
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let said = said.join().unwrap_or_default();
    // A terminal interrupts the child as well, and it may be the first to go.
    if status.signal().is_some_and(|signal| [Signal::INT, Signal::TERM].map(Signal::as_raw).contains(&signal)) {
        return Err(SandboxError::interrupted());
    }
    match status.success() {
        true => {
            let size = made.metadata().map_err(|error| SandboxError::system("read", made, &error))?.len();
            if size > ARTEFACT {
                let message = format!("the component is {size} bytes once it is compiled, of {ARTEFACT} allowed");
                return Err(SandboxError::new(Class::Limit, message));
            }
            let lacks = callboard_files::read_regular(&lacking(made), 100).unwrap_or_default();
            Ok(String::from_utf8(lacks).ok().filter(|lacks| !lacks.is_empty()))
        }
        false => Err(failed(&status, said.trim())),
    }
}

/// Why the compiler's process ended badly: the component's fault, unless it had no memory.
fn failed(status: &ExitStatus, said: &str) -> SandboxError {
    // What Rust says when it ends a process for want of memory, and the system's words where it did not.
    let had_no_memory = ["memory allocation of ", "out of memory", "Cannot allocate memory", "gave no more memory"];
    if had_no_memory.iter().any(|words| said.contains(words)) {
        let limit = engine::address_space_limit().map_or(confine::MEMORY, |limit| limit.min(confine::MEMORY));
        let message = format!("compiling the component takes more than the {} of memory allowed", bytes(limit));
        return match limit < confine::MEMORY {
            true => SandboxError::new(
                Class::System,
                format!("{message}: the limit on this process's address space (ulimit -v)"),
            )
            .help("raise that limit: `ulimit -v unlimited`"),
            false => SandboxError::new(Class::Limit, message),
        };
    }
    let why = if said.is_empty() { status.to_string() } else { said.to_owned() };
    if status.code() == Some(REFUSED) {
        return SandboxError::new(Class::System, format!("cannot compile the component: {why}"));
    }
    SandboxError::new(Class::Data, format!("the component cannot be compiled: {why}"))
}

/// Where the child says what the kernel did not offer.
fn lacking(made: &Path) -> PathBuf {
    made.with_extension("lacks")
}

/// Compiles the component of one file into another: what the child process of [`CompileCommand`] does. It confines this process for
/// good: little memory, no files but these two, no network; and it ends when its parent does.
///
/// # Errors
///
/// What the system, or the compiler, says.
pub fn compile_file(source: &Path, made: &Path, nans: Nans) -> Result<(), SandboxError> {
    compiled(source, made, nans).map_err(|error| {
        let class = if error.is::<io::Error>() { Class::System } else { Class::Data };
        SandboxError::new(class, format!("{error:#}"))
    })
}

fn compiled(source: &Path, made: &Path, nans: Nans) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    // Before the limit is set: the code is for the process that runs it, whose limits this one has inherited.
    let reservation = Reservation::of_this_process();
    confine::follow_parent()?;
    confine::limit()?;
    let component = callboard_files::read_regular(source, callboard_plan::MOST_COMPONENT_BYTES)?;
    let (mut file, mut lacking) = (File::create_new(made)?, File::create_new(lacking(made))?);
    lacking.write_all(confine::confine().join(" and ").as_bytes())?;
    let artefact = threads()?.install(|| engine::compiling(reservation, nans)?.precompile_component(&component))?;
    if artefact.len() as u64 > ARTEFACT {
        return Err(format!("it is {} bytes once it is compiled, of {ARTEFACT} allowed", artefact.len()).into());
    }
    file.write_all(&artefact)?;
    Ok(file.sync_all()?)
}

/// Compiles a component in this process, with no other bound than the memory and the time that there are: for components that
/// are trusted as far as the compiler is. Strangers' belong into a process of their own, [`Cache::compiled`](crate::Cache::compiled).
///
/// # Errors
///
/// What is not a component, and what the planner refuses one for.
pub fn compile_here(component: &[u8]) -> Result<Artefact, SandboxError> {
    let refused = |why: String| SandboxError::new(Class::Data, format!("the component cannot be compiled: {why}"));
    let reservation = Reservation::of_this_process();
    let compiler = engine::compiling(reservation, Nans::Canonical).map_err(|error| refused::engine(&error))?;
    let artefact = compiler.precompile_component(component).map_err(|error| refused(format!("{error:#}")))?;
    Ok(Artefact::Bytes(artefact))
}

/// The threads that compile: one for each core, or this one alone where the system allows no more.
fn threads() -> Result<rayon::ThreadPool, rayon::ThreadPoolBuildError> {
    let alone = || rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build();
    rayon::ThreadPoolBuilder::new().build().or_else(|_| alone())
}
