//! Carries the bundled steps into the binary: the components that `cargo xtask guests` has put into `target/guests`, and for
//! `callboard steps` what each does (the package's `description`) and its `example.json`.
//!
//! A step is bundled when it is a folder under `plugins/` whose package is called `step-NAME`. Where its component is not there
//! yet, the binary knows its name and says what to run.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::{env, fs};

use sha2::{Digest, Sha256};

fn main() {
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../..");
    let (plugins, guests) = (root.join("plugins"), root.join("target/guests"));
    println!("cargo:rerun-if-changed={}", plugins.display());
    println!("cargo:rerun-if-changed={}", guests.display());

    let mut names: Vec<String> = fs::read_dir(&plugins)
        .expect("plugins/ is there")
        .filter_map(|entry| step_name(&entry.expect("plugins/ can be read").path()))
        .collect();
    names.sort();
    let steps: String = names.iter().map(|name| step(name, &guests.join(format!("{name}.wasm")))).collect();
    // A static: a constant's bytes would be copied to every place that uses it.
    let table = format!("pub(crate) static BUNDLED: &[callboard_runtime::Bundled] = &[\n{steps}];\n");
    let pages: String = names.iter().map(|name| page(name, &plugins.join(name))).collect();
    let table = format!("{table}pub(crate) static PAGES: &[Page] = &[\n{pages}];\n");
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it")).join("bundled.rs");
    fs::write(out, table).expect("OUT_DIR can be written");
}

fn step_name(folder: &Path) -> Option<String> {
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).ok()?;
    let name = manifest.lines().find_map(|line| line.strip_prefix("name = \"step-"))?;
    Some(name.trim_end().trim_end_matches('"').to_owned())
}

fn step(name: &str, component: &Path) -> String {
    let (bytes, digest) = match component.canonicalize() {
        Ok(path) => {
            println!("cargo:rerun-if-changed={}", path.display());
            let digest = Sha256::digest(fs::read(&path).expect("what is there can be read"));
            let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            (format!("Some(carried!({:?}))", compressed(&path).unwrap_or(path)), digest)
        }
        Err(_) => ("None".to_owned(), String::new()),
    };
    format!("    callboard_runtime::Bundled {{ name: {name:?}, bytes: {bytes}, digest: {digest:?} }},\n")
}

fn page(name: &str, folder: &Path) -> String {
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).expect("it was read before");
    let summary = manifest.lines().find_map(|line| line.strip_prefix("description = ")).expect("a step is described");
    let example = folder.join("example.json").canonicalize().expect("a bundled step has an example.json");
    println!("cargo:rerun-if-changed={}", example.display());
    format!("    Page {{ name: {name:?}, summary: {summary}, example: include_str!({example:?}) }},\n")
}

/// The compressed copy of a component, unless it is missing or older.
fn compressed(component: &Path) -> Option<PathBuf> {
    let copy = component.with_extension("wasm.zst");
    println!("cargo:rerun-if-changed={}", copy.display());
    let modified = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
    (modified(&copy)? > modified(component)?).then_some(copy)
}
