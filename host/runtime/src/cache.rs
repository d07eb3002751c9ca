//! Compiled components on the disk, by what they were made of: a private folder of this user's.

use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use crate::compile::{CompileCommand, compile, hex};
use crate::engine;
use crate::error::{Class, RunError};

/// Keeps apart what different versions made. Wasmtime refuses what another version of it made, and it is then made anew.
const VERSION: &str = concat!("callboard ", env!("CARGO_PKG_VERSION"));

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
        compile(&self.command, &source, &made, cancel)?;
        std::fs::rename(&made, &path).map_err(|error| cannot(&error))?;
        Ok(Compiled { path, took: Some(began.elapsed()) })
    }
}
