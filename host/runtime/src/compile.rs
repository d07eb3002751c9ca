//! Compiling is not running: components are compiled in a child process, into a private cache, once.

use std::fs::{DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use crate::engine;
use crate::error::{Class, RunError};

/// The most memory that compiling may take, bytes of address space.
const MEMORY: u64 = 8 << 30;
/// The longest that compiling one component may take.
const TIME: Duration = Duration::from_secs(600);

/// Keeps apart what different versions made. Wasmtime refuses what another version of it made, and it is then made anew.
const VERSION: &str = concat!("callboard ", env!("CARGO_PKG_VERSION"));

/// The command that compiles, in a process of its own.
///
/// It is given two more arguments, the component's file and the file to make, and must call [`compile_file`] with them.
#[derive(Clone, Debug)]
pub struct CompileCommand {
    /// The program.
    pub program: PathBuf,
    /// Its first arguments.
    pub arguments: Vec<String>,
}

/// Compiled components on the disk, by what they were made of.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    command: CompileCommand,
}

/// A component as the disk has it, ready to be loaded.
#[derive(Clone, Debug)]
pub(crate) struct Compiled {
    /// The artefact.
    pub(crate) path: PathBuf,
    /// How long compiling took; `None` where the cache had it.
    pub(crate) took: Option<Duration>,
}

impl Cache {
    pub(crate) fn new(folder: &Path, command: CompileCommand) -> Result<Cache, RunError> {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        let unusable =
            |error| RunError::system("use the cache", folder, &error).help("name another: CALLBOARD_CACHE=DIR");
        builder.create(folder).map_err(unusable)?;
        if folder.metadata().map_err(unusable)?.mode() & 0o022 != 0 {
            let message =
                format!("the cache `{}` can be written by others, who could put code there", folder.display());
            return Err(RunError::new(Class::System, message).help(format!("chmod go-w {}", folder.display())));
        }
        Ok(Cache { folder: folder.to_owned(), command })
    }

    fn path(&self, digest: &str) -> PathBuf {
        let mut key = Sha256::new();
        let settings = format!("{:?}", engine::SETTINGS);
        for part in [&settings, VERSION, std::env::consts::ARCH, std::env::consts::OS, digest] {
            key.update(part);
            key.update([0]);
        }
        self.folder.join(format!("{}.cwasm", hex(&key.finalize()[..16])))
    }

    /// Whether a component is still to be compiled.
    pub(crate) fn lacks(&self, digest: &str) -> bool {
        !self.path(digest).is_file()
    }

    /// Forgets what was compiled of a component.
    pub(crate) fn forget(&self, digest: &str) {
        let _ = std::fs::remove_file(self.path(digest));
    }

    /// The compiled component, from the cache or made now. `digest` is that of `component`.
    pub(crate) fn compiled(
        &self,
        component: &[u8],
        digest: &str,
        cancel: &CancellationToken,
    ) -> Result<Compiled, RunError> {
        let path = self.path(digest);
        if path.is_file() {
            return Ok(Compiled { path, took: None });
        }
        let began = Instant::now();
        let cannot = |error: &io::Error| RunError::system("write to the cache", &self.folder, error);
        let scratch = tempfile::Builder::new().prefix(".compile-").tempdir_in(&self.folder).map_err(|e| cannot(&e))?;
        let (source, made) = (scratch.path().join("component.wasm"), scratch.path().join("component.cwasm"));
        File::create_new(&source).and_then(|mut file| file.write_all(component)).map_err(|error| cannot(&error))?;
        self.compile(&source, &made, cancel)?;
        std::fs::rename(&made, &path).map_err(|error| cannot(&error))?;
        Ok(Compiled { path, took: Some(began.elapsed()) })
    }

    fn compile(&self, source: &Path, made: &Path, cancel: &CancellationToken) -> Result<(), RunError> {
        let CompileCommand { program, arguments } = &self.command;
        let mut child = Command::new(program)
            .args(arguments)
            .args([source, made])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| RunError::system("start the compiler", program, &error))?;
        let mut errors = child.stderr.take().expect("standard error is a pipe");
        let said = std::thread::spawn(move || {
            let mut said = String::new();
            let _ = errors.by_ref().take(64 << 10).read_to_string(&mut said);
            // What comes after that is read, so that the child never waits for a reader, and forgotten.
            let _ = io::copy(&mut errors, &mut io::sink());
            said
        });
        let began = Instant::now();
        let status = loop {
            let status = child.try_wait().map_err(|error| RunError::system("wait for", program, &error))?;
            if let Some(status) = status {
                break status;
            }
            if cancel.is_cancelled() || began.elapsed() > TIME {
                let _ = child.kill();
                let _ = child.wait();
                return Err(match cancel.is_cancelled() {
                    true => RunError::interrupted(),
                    false => RunError::new(Class::Limit, format!("compiling took longer than {} s", TIME.as_secs())),
                });
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let said = said.join().unwrap_or_default();
        // A terminal interrupts the child as well, and it may be the first to go.
        if status.signal().is_some_and(|signal| [Signal::INT, Signal::TERM].map(Signal::as_raw).contains(&signal)) {
            return Err(RunError::interrupted());
        }
        match status.success() {
            true => Ok(()),
            false => {
                let said = said.trim();
                let why = if said.is_empty() { status.to_string() } else { said.to_owned() };
                Err(RunError::new(Class::Data, format!("the component cannot be compiled: {why}")))
            }
        }
    }
}

/// Compiles the component of one file into another: what the child process of [`CompileCommand`] does, under a limit on its memory.
///
/// # Errors
///
/// What the system, or the compiler, says.
pub fn compile_file(source: &Path, made: &Path) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let limit = rustix::process::Rlimit { current: Some(MEMORY), maximum: Some(MEMORY) };
    rustix::process::setrlimit(rustix::process::Resource::As, limit)?;
    let artefact = engine::compiling()?.precompile_component(&std::fs::read(source)?)?;
    let mut file = File::create_new(made)?;
    file.write_all(&artefact)?;
    Ok(file.sync_all()?)
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
