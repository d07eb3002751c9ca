//! Builds every component: the bundled steps (packages `step-NAME`) and the test guests (`guest-NAME`).
//!
//! One cargo makes the core modules, wit-component makes components of them. A file is written only where its bytes change,
//! so that nothing which depends on it is built again. A bundled step is also written compressed, `NAME.wasm.zst`: that is
//! what the host carries. `target/guests/guests.json` lists which are bundled steps and which are test guests: the host
//! bundles the first, and a test fails for each of the second that no test names.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use callboard_author::Kind;
use callboard_author::component::component;
use serde_json::{Value, json};

#[path = "../../host/bundled/base.rs"]
mod base;

use base::base_of;

use crate::toolchain::{TARGET, Toolchain};
use crate::{Result, command};

/// A package that becomes `target/guests/NAME.wasm`.
struct Guest {
    package: String,
    name: String,
    /// The file stem of its core module.
    library: String,
}

/// Which components are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// The bundled steps.
    Steps,
    /// The test guests too.
    All,
}

/// What the package of a bundled step begins with, of a part of one that is a pipeline, and of a component for tests.
const KINDS: [&str; 3] = [STEP, PART, TEST];
const STEP: &str = "step-";
const PART: &str = "part-";
const TEST: &str = "guest-";

/// How hard a bundled step is compressed: as hard as zstd can, half a second each.
const LEVEL: i32 = 22;
/// How far back a match may lie, as a power of two: across the base and the component.
const WINDOW_LOG: u32 = 23;
/// Builds guests, and returns the folder that they are in.
pub(crate) fn build(root: &Path, which: Which) -> Result<PathBuf> {
    let begun = Instant::now();
    let (target, folder) = (root.join("target/wasm"), root.join("target/guests"));
    let toolchain = Toolchain::get(&root.join("target"))?;
    let guests = find(root)?;

    let mut cargo = toolchain.cargo(root, &target, "build");
    cargo.args(["--lib", "--quiet"]);
    let built = || guests.iter().filter(|guest| which == Which::All || guest.is_step());
    for guest in built() {
        cargo.args(["--package", &guest.package]);
    }
    command::run(&mut cargo)?;

    let modules = target.join(TARGET).join("guest");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut changed = 0;
    let file = |name: &str, extension: &str| folder.join(name).with_extension(extension);
    for guest in built() {
        let module = modules.join(&guest.library).with_extension("wasm");
        changed += usize::from(componentize(&module, &file(&guest.name, "wasm"))?);
    }
    for guest in built().filter(|guest| guest.is_step()) {
        let base = base_of(&guest.name).map(|base| file(base, "wasm"));
        compress(&file(&guest.name, "wasm"), base.as_deref(), &file(&guest.name, "wasm.zst"))?;
    }
    remove_strangers(&folder, &guests)?;
    let named = |prefix: &str| -> Vec<&str> {
        guests.iter().filter(|guest| guest.package.starts_with(prefix)).map(|guest| guest.name.as_str()).collect()
    };
    let list = json!({ "steps": named(STEP), "parts": named(PART), "tests": named(TEST) });
    write_if_changed(&folder.join("guests.json"), format!("{list:#}\n").as_bytes())?;
    let seconds = begun.elapsed().as_secs_f32();
    eprintln!("guests: {} components in target/guests, {changed} changed, {seconds:.1} s", built().count());
    Ok(folder)
}

impl Guest {
    fn is_step(&self) -> bool {
        !self.package.starts_with(TEST)
    }
}

/// The packages of the workspace that are guests.
fn find(root: &Path) -> Result<Vec<Guest>> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.current_dir(root).args(["metadata", "--format-version", "1", "--no-deps", "--offline"]);
    let metadata = command::output(&mut cargo).ok_or("`cargo metadata` failed")?;
    let metadata: Value = serde_json::from_str(&metadata).map_err(|error| format!("`cargo metadata`: {error}"))?;
    let packages = metadata["packages"].as_array().map_or(&[][..], Vec::as_slice);
    let mut guests = Vec::new();
    for package in packages {
        let package_name = package["name"].as_str().unwrap_or_default();
        let Some((_, name)) = KINDS.iter().find_map(|kind| Some((kind, package_name.strip_prefix(kind)?))) else {
            continue;
        };
        let manifest = Path::new(package["manifest_path"].as_str().unwrap_or(package_name));
        // A bundled step that is a pipeline has no component of its own.
        if manifest.with_file_name("pipeline.toml").exists() {
            continue;
        }
        let targets = package["targets"].as_array().map_or(&[][..], Vec::as_slice);
        let library = targets
            .iter()
            .find(|target| target["crate_types"].as_array().is_some_and(|types| types.iter().any(|ty| ty == "cdylib")))
            .and_then(|target| target["name"].as_str())
            .ok_or_else(|| {
                format!(
                    "{}: a guest is linked by itself\nhelp: [lib]\n      crate-type = [\"rlib\", \"cdylib\"]",
                    manifest.display()
                )
            })?;
        guests.push(Guest { package: package_name.into(), name: name.into(), library: library.replace('-', "_") });
    }
    guests.sort_by(|a, b| a.name.cmp(&b.name));
    match guests.windows(2).find(|pair| pair[0].name == pair[1].name) {
        Some(pair) => Err(format!("`{}` and `{}` would be one file", pair[0].package, pair[1].package)),
        None => Ok(guests),
    }
}

/// Makes a component of a core module (`component`), and says whether that changed it. One that is newer than its module is left alone.
fn componentize(module: &Path, to: &Path) -> Result<bool> {
    if is_newer(to, module) {
        return Ok(false);
    }
    let failed = |error: String| format!("{}: {error}", module.display());
    let core = fs::read(module).map_err(|error| failed(error.to_string()))?;
    // Ours all say which world they are made for.
    let bytes = component(core, Kind::Transform).map_err(|error| failed(error.to_string()))?;
    write_if_changed(to, &bytes)
}

/// Writes a component compressed, against `base` if there is one. A copy that is newer than both is left alone, and than this program,
/// which may compress in another way.
fn compress(component: &Path, base: Option<&Path>, to: &Path) -> Result<()> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    if [Some(component), base, Some(&program)].into_iter().flatten().all(|other| is_newer(to, other)) {
        return Ok(());
    }
    let packed = compressed(component, base).map_err(|error| format!("{}: {error}", component.display()))?;
    // Even where nothing changed, so that it is newer than the component.
    fs::write(to, packed).map_err(|error| format!("{}: {error}", to.display()))
}

fn compressed(component: &Path, base: Option<&Path>) -> std::io::Result<Vec<u8>> {
    let bytes = fs::read(component)?;
    let base = base.map_or(Ok(Vec::new()), fs::read)?;
    let mut encoder = zstd::Encoder::with_ref_prefix(Vec::new(), LEVEL, &base)?;
    encoder.set_pledged_src_size(Some(bytes.len() as u64))?;
    encoder.long_distance_matching(true)?;
    encoder.window_log(WINDOW_LOG)?;
    encoder.write_all(&bytes)?;
    encoder.finish()
}

fn is_newer(file: &Path, than: &Path) -> bool {
    let modified = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
    modified(file).is_some_and(|file| modified(than).is_some_and(|than| file > than))
}

fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<bool> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(false);
    }
    fs::write(path, bytes).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(true)
}

/// Components whose package is gone would go on being tested and bundled.
fn remove_strangers(folder: &Path, guests: &[Guest]) -> Result<()> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let component = name.strip_suffix(".zst").unwrap_or(&name).strip_suffix(".wasm");
        let known = component.is_none_or(|component| guests.iter().any(|guest| guest.name == component));
        if !known {
            fs::remove_file(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        }
    }
    Ok(())
}
