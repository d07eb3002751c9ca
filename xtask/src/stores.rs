//! Servers of stores, which tests of runs read from and write to: gets them into `target/toolchains`. Moto is among what the tests of the
//! Python package use.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::{Result, command};

/// Azure's storage, as Microsoft emulates it; MIT.
const AZURITE: &str = "azurite@3.37.0";
/// The longest that installing may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// Where the test `runtime` writes for each store why it was not tried; an empty file for one that was.
const TRIED: &str = "target/stores";

/// Gets the servers, unless they are there.
///
/// # Errors
///
/// What is not here: npm, a registry to install from.
pub(crate) fn environment(root: &Path) -> Result<()> {
    let _ = fs::remove_dir_all(root.join(TRIED));
    let folder = root.join("target/toolchains/stores");
    let installed = folder.join("installed.txt");
    if fs::read_to_string(&installed).is_ok_and(|installed| installed == AZURITE) {
        return Ok(());
    }
    eprintln!("stores: installing {AZURITE}");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--save-exact", "--prefix"]).arg(&folder);
    match command::run_at_most(npm.arg(AZURITE), PATIENCE)? {
        Some(status) if status.success() => {}
        Some(status) => return Err(format!("npm failed ({status}): the test of Azure is skipped")),
        None => return Err(format!("npm had not ended after {PATIENCE:?}: the test of Azure is skipped")),
    }
    fs::write(&installed, AZURITE).map_err(|error| format!("{}: {error}", installed.display()))
}

/// Which stores were tried, as one line.
pub(crate) fn summary(root: &Path) -> Result<String> {
    let stores = ["moto", "azurite"].map(|store| fs::read_to_string(root.join(TRIED).join(store)));
    let stores = stores.into_iter().collect::<Result<Vec<_>, _>>().map_err(|_| "stores have not been tried")?;
    let skipped: Vec<&str> = stores.iter().map(String::as_str).filter(|why| !why.is_empty()).collect();
    let passed = format!("{} stores: {} passed", stores.len(), stores.len() - skipped.len());
    Ok(match skipped.as_slice() {
        [] => passed,
        skipped => format!("{passed}, {} SKIPPED ({})", skipped.len(), skipped.join("; ")),
    })
}
