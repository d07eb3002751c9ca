//! The `tar.gz`.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::contents::Contents;
use super::{EPOCH, Options, TARGET};
use crate::{Result, command};

/// Packs the contents, in one folder.
pub(super) fn make(contents: &Contents, options: &Options) -> Result<PathBuf> {
    let name = format!("callboard-{}-{TARGET}", contents.version);
    let archive = options.to.join(format!("{name}.tar.gz"));
    let failed = |error: std::io::Error| format!("{}: {error}", archive.display());
    let mut tar = Command::new("tar");
    tar.arg("--directory").arg(&contents.folder).arg("--create").arg(format!("--transform=s,^\\.,{name},"));
    tar.args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--format=ustar", "--mode=go=rX,u+rw"]);
    tar.arg(format!("--mtime=@{EPOCH}")).arg(".");
    let mut tarring = tar.stdout(Stdio::piped()).spawn().map_err(failed)?;
    let mut gzip = Command::new("gzip");
    gzip.args(["--no-name", if options.fast { "-1" } else { "-9" }]);
    gzip.stdin(tarring.stdout.take().ok_or("tar has no output")?).stdout(File::create(&archive).map_err(failed)?);
    command::run(&mut gzip)?;
    match tarring.wait().map_err(failed)? {
        status if status.success() => Ok(archive),
        status => Err(format!("tar failed ({status})")),
    }
}
