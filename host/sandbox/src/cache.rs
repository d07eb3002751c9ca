//! Compiled components on the disk, by what they were made of: a private folder of this user's.
//!
//! Code is loaded only from a folder that, with all that it lies in, nobody but this user and root can write ([`private`]), and only
//! what is there as it was written ([`Artefact`]).

use std::collections::HashMap;
use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use callboard_files::{Dir, Kind, Temporary};
use callboard_plan::Nans;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use crate::artefact::{Artefact, Unfit, trailer};
use crate::compile::{CompileCommand, compile};
use crate::engine::{self, Reservation};
use crate::error::{Class, SandboxError};
use crate::private::{Why, private};
use callboard_words::text::hex;

/// Keeps apart what different versions made. Wasmtime refuses what another version of it made, and it is then compiled again.
const VERSION: &str = concat!("callboard ", env!("CARGO_PKG_VERSION"), ", checked");

/// What was loaded, by the component's digest and how NaNs are made in it.
type Held = HashMap<(String, Nans), Arc<Artefact>>;

/// Compiled components on the disk, by what they were made of.
#[derive(Clone, Debug)]
pub struct Cache {
    dir: Dir,
    command: CompileCommand,
    /// What was loaded before in this process.
    held: Arc<Mutex<Held>>,
    /// Whether it was said what the kernel lacks.
    said: Arc<AtomicBool>,
}

/// A component ready to be mapped.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The component itself.
    pub artefact: Arc<Artefact>,
    /// How long compiling took; `None` where the cache had it.
    pub took: Option<Duration>,
    /// What the kernel did not offer to confine the compiler; said once.
    pub lacks: Option<String>,
}

impl Cache {
    /// The cache in `folder`, which is made if need be; `command` compiles what is not there.
    ///
    /// # Errors
    ///
    /// A folder that others can write, and what the system refuses.
    pub fn new(folder: &Path, command: CompileCommand) -> Result<Cache, SandboxError> {
        Ok(Cache { dir: cache_dir(folder)?, command, held: Arc::default(), said: Arc::default() })
    }

    /// The folder itself, open.
    pub fn dir(&self) -> &Dir {
        &self.dir
    }

    fn name(digest: &str, nans: Nans) -> String {
        let mut key = Sha256::new();
        let settings = format!("{:?}{:?}{nans:?}", engine::SETTINGS, Reservation::of_this_process());
        for part in [&settings, VERSION, std::env::consts::ARCH, std::env::consts::OS, digest] {
            key.update(part);
            key.update([0]);
        }
        format!("{}.cwasm", hex(&key.finalize()[..16]))
    }

    /// Forgets what was compiled of a component.
    pub fn forget(&self, digest: &str, nans: Nans) {
        self.held().remove(&(digest.to_owned(), nans));
        let _ = self.dir.remove_file(Cache::name(digest, nans));
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().expect("no holder panics")
    }

    /// The compiled component, from the cache or made now, which is announced first. `digest` is that of `component`.
    pub fn compiled(
        &self,
        component: &[u8],
        digest: &str,
        nans: Nans,
        cancel: &CancellationToken,
        announce: impl FnOnce(),
    ) -> Result<Compiled, SandboxError> {
        if let Some(artefact) = self.held().get(&(digest.to_owned(), nans)) {
            return Ok(Compiled { artefact: artefact.clone(), took: None, lacks: None });
        }
        if let Some(artefact) = self.load(digest, nans)? {
            return Ok(Compiled { artefact, took: None, lacks: None });
        }
        announce();
        let began = Instant::now();
        self.make(component, digest, nans, cancel).and_then(|lacks| {
            let artefact = self.load(digest, nans)?.ok_or_else(|| {
                let message = format!("what was compiled is gone from the cache `{}`", self.dir.path().display());
                SandboxError::new(Class::System, message)
            })?;
            let lacks = lacks.filter(|_| !self.said.swap(true, Ordering::Relaxed));
            Ok(Compiled { artefact, took: Some(began.elapsed()), lacks })
        })
    }

    /// Reads the compiled component, if the cache has it, before it is wanted. What is wrong with it is said then.
    pub fn read_ahead(&self, digest: &str, nans: Nans) {
        let _ = self.load(digest, nans);
    }

    /// What the cache has; `None` if it has nothing, or nothing whole.
    fn load(&self, digest: &str, nans: Nans) -> Result<Option<Arc<Artefact>>, SandboxError> {
        let name = Cache::name(digest, nans);
        let path = self.dir.path().join(&name);
        // A link, or whatever else may stand there, is not opened; it is replaced.
        if !matches!(self.dir.kind(&name), Ok(Some(Kind::File))) {
            return Ok(None);
        }
        let unusable = |message: String| {
            Err(SandboxError::new(Class::System, message).help(format!("remove it: rm {}", path.display())))
        };
        let shown = path.display();
        match self.dir.file(&name).map_err(Unfit::from).and_then(|file| Artefact::of(file, digest)) {
            Ok(artefact) => {
                let artefact = Arc::new(artefact);
                self.held().insert((digest.to_owned(), nans), artefact.clone());
                Ok(Some(artefact))
            }
            Err(Unfit::Damaged) => Ok(None),
            Err(Unfit::Written) => {
                unusable(format!("the compiled component `{shown}` can be written by others, who could put code there"))
            }
            Err(Unfit::Belongs(user)) => {
                unusable(format!("the compiled component `{shown}` belongs to another user, {user}"))
            }
            Err(Unfit::System(error)) => Err(SandboxError::system("read the compiled component", &path, &error)),
        }
    }

    fn make(
        &self,
        component: &[u8],
        digest: &str,
        nans: Nans,
        cancel: &CancellationToken,
    ) -> Result<Option<String>, SandboxError> {
        let folder = self.dir.path();
        let cannot = |error: &io::Error| SandboxError::system("write to the cache", folder, error);
        let scratch = Temporary::create(folder, ".compile-").map_err(|error| cannot(&error))?;
        let (source, made) = (scratch.path().join("component.wasm"), scratch.path().join("component.cwasm"));
        File::create_new(&source).and_then(|mut file| file.write_all(component)).map_err(|error| cannot(&error))?;
        let lacks = compile(&self.command, &source, &made, nans, cancel)?;
        let seal = || -> io::Result<()> {
            let artefact = Dir::open(scratch.path())?.read("component.cwasm")?;
            // Only this user can read and write it, whatever the umask is.
            let mut whole = tempfile::NamedTempFile::new_in(scratch.path())?;
            whole.write_all(&artefact)?;
            whole.write_all(&trailer(&artefact, digest))?;
            whole.persist(folder.join(Cache::name(digest, nans))).map_err(|error| error.error)?;
            Ok(())
        };
        seal().map(|()| lacks).map_err(|error| cannot(&error))
    }
}

/// Opens the cache, made if need be: a folder that is this user's alone, with all that it lies in.
pub fn cache_dir(folder: &Path) -> Result<Dir, SandboxError> {
    let other = "name another: CALLBOARD_CACHE=DIR";
    let unusable = |error| SandboxError::system("use the cache", folder, &error).help(other);
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unusable)?;
    let shared = match private(folder).map_err(unusable)? {
        Ok(real) => return Dir::open(&real).map_err(unusable),
        Err(shared) => shared,
    };
    let (shown, place) = (folder.display(), shared.place.display());
    let is_itself = folder.canonicalize().is_ok_and(|real| real == shared.place);
    let whose =
        if is_itself { format!("the cache `{shown}`") } else { format!("the cache `{shown}` is in `{place}`, which") };
    let (message, help) = match shared.why {
        Why::Written => (
            format!("{whose} can be written by others, who could put code there"),
            format!("chmod go-w {place}\nor {other}"),
        ),
        Why::Belongs(user) => (format!("{whose} belongs to another user, {user}"), other.to_owned()),
    };
    Err(SandboxError::new(Class::System, message).help(help))
}
