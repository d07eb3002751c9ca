//! The Debian package.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::contents::Contents;
use super::{EPOCH, Options};
use crate::{Result, command};

/// Where the contents go, from the root of the file system.
const PLACES: [(&str, &str); 7] = [
    ("callboard", "usr/bin/callboard"),
    ("completions/callboard.bash", "usr/share/bash-completion/completions/callboard"),
    ("completions/_callboard", "usr/share/zsh/vendor-completions/_callboard"),
    ("completions/callboard.fish", "usr/share/fish/vendor_completions.d/callboard.fish"),
    ("README.md", "usr/share/doc/callboard/README.md"),
    ("LICENSE", "usr/share/doc/callboard/copyright"),
    ("LICENCES.txt", "usr/share/doc/callboard/LICENCES.txt"),
];

/// Makes it with `dpkg-deb`.
pub(super) fn make(contents: &Contents, options: &Options) -> Result<PathBuf> {
    let tree = options.to.join("debian");
    let made = tree_of(contents, &tree).and_then(|()| pack(contents, options, &tree));
    let _ = fs::remove_dir_all(&tree);
    made
}

fn pack(contents: &Contents, options: &Options, tree: &Path) -> Result<PathBuf> {
    let package = options.to.join(format!("callboard_{}_amd64.deb", contents.version));
    let mut dpkg = Command::new("dpkg-deb");
    dpkg.env("SOURCE_DATE_EPOCH", EPOCH).args(["--build", "--root-owner-group"]);
    dpkg.args(if options.fast { ["-Zgzip", "-z1"] } else { ["-Zxz", "-z9"] });
    command::run(dpkg.arg(tree).arg(&package).stdout(std::process::Stdio::null()))?;
    Ok(package)
}

fn tree_of(contents: &Contents, tree: &Path) -> Result<()> {
    let failed = |error: std::io::Error| format!("{}: {error}", tree.display());
    if tree.exists() {
        fs::remove_dir_all(tree).map_err(failed)?;
    }
    let place = |from: &Path, to: &str| {
        let to = tree.join(to);
        fs::create_dir_all(to.parent().unwrap_or(tree))?;
        fs::copy(from, &to)?;
        let mode = if to.ends_with("bin/callboard") { 0o755 } else { 0o644 };
        fs::set_permissions(&to, fs::Permissions::from_mode(mode))
    };
    for (from, to) in PLACES {
        place(&contents.folder.join(from), to).map_err(failed)?;
    }
    for page in fs::read_dir(contents.folder.join("man")).map_err(failed)?.flatten() {
        let name = page.file_name().to_string_lossy().into_owned();
        let to = format!("usr/share/man/man1/{name}");
        place(&page.path(), &to).map_err(failed)?;
        command::run(Command::new("gzip").args(["--no-name", "-9"]).arg(tree.join(to)))?;
    }
    fs::create_dir_all(tree.join("DEBIAN")).map_err(failed)?;
    fs::write(tree.join("DEBIAN/control"), control(contents, tree)?).map_err(failed)
}

fn control(contents: &Contents, tree: &Path) -> Result<String> {
    let size = command::output(Command::new("du").args(["-sk", "--apparent-size"]).arg(tree));
    let size = size.and_then(|said| said.split_whitespace().next().map(str::to_owned)).ok_or("`du` failed")?;
    let glibc = contents.glibc.map(|version| format!(" (>= {version})")).unwrap_or_default();
    Ok(format!(
        "Package: callboard\nVersion: {}\nArchitecture: amd64\nMaintainer: The Callboard project\nInstalled-Size: {size}\n\
         Depends: libc6{glibc}\nSection: science\nPriority: optional\n\
         Description: dataset pipelines whose steps are WebAssembly components\n \
         Runs pipelines over datasets (JSON Lines, CSV, Parquet, Arrow) in which every\n \
         step is a sandboxed WebAssembly component.\n",
        contents.version
    ))
}
