//! A browser that looks at the page of a report in `tests/cli`: Debian's chromium, with what drives it and what checks pages, which come from
//! npm into `target/toolchains/browser`.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::toolchain::apt_install;
use crate::{Result, command};

/// What starts chromium and gives it orders, Apache-2.0; and what finds pages that not everybody can read, MPL-2.0. Nothing of either is in a
/// package of ours.
const PACKAGES: [&str; 2] = ["playwright-core@1.65.1", "axe-core@4.14.1"];
/// Where Debian's package has it; the test looks there.
const CHROMIUM: &str = "/usr/bin/chromium";
/// The longest that installing may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// Gets them, unless they are there.
///
/// # Errors
///
/// What is not here: node, npm's registry, apt-get or the right to use it.
pub(crate) fn environment(root: &Path) -> Result<()> {
    let skipped = |error: String| format!("{error}: no browser looks at the page");
    if !Path::new(CHROMIUM).exists() {
        apt_install(&["chromium", "fonts-dejavu-core"]).map_err(skipped)?;
    }
    let folder = root.join("target/toolchains/browser");
    let (installed, wanted) = (folder.join("installed.txt"), PACKAGES.join(" "));
    if fs::read_to_string(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    eprintln!("browser: installing {wanted}");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--save-exact", "--prefix"]).arg(&folder);
    match command::run_at_most(npm.args(PACKAGES), PATIENCE).map_err(skipped)? {
        Some(status) if status.success() => {}
        Some(status) => return Err(skipped(format!("npm failed ({status})"))),
        None => return Err(skipped(format!("npm had not ended after {PATIENCE:?}"))),
    }
    fs::write(&installed, wanted).map_err(|error| format!("{}: {error}", installed.display()))
}
