//! Carries the bundled steps into whatever links this crate: the components that `cargo xtask guests` has put into `target/guests`, and for
//! `callboard steps` what each does (the package's `description`) and its `example.json`.
//!
//! A step is bundled when it is a folder under `plugins/` whose package is called `step-NAME`. One that has a `pipeline.toml` is that
//! pipeline, one that has a `with-KEY.toml` is that pipeline where its configuration has the key, and packages called `part-NAME` are
//! steps that only such pipelines use. Where a component is not there yet, the binary
//! knows its name and says what to run.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::{env, fs};

use base::base_of;
use hex::hex;
use sha2::{Digest, Sha256};

mod base;
#[allow(unreachable_pub, reason = "it is public in callboard-words")]
#[path = "../words/src/text/hex.rs"]
mod hex;

fn main() {
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../..");
    let (plugins, guests) = (root.join("plugins"), root.join("target/guests"));
    println!("cargo:rerun-if-changed={}", plugins.display());
    println!("cargo:rerun-if-changed={}", guests.display());
    println!("cargo:rerun-if-changed=base.rs");

    let mut steps = Vec::new();
    let mut parts = Vec::new();
    for entry in fs::read_dir(&plugins).expect("plugins/ is there") {
        let folder = entry.expect("plugins/ can be read").path();
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
        steps.extend(package(&manifest, "step-").map(|name| (name, folder.clone())));
        parts.extend(package(&manifest, "part-").map(|name| (name, folder.clone())));
    }
    steps.sort();
    parts.sort();
    let component = |name: &str| guests.join(format!("{name}.wasm"));
    let table = steps.iter().map(|(name, folder)| match pipeline(folder) {
        Some((pipeline, None)) => step(name, None, Some((pipeline, None)), false),
        other => step(name, Some(&component(name)), other, false),
    });
    let parts = parts.iter().map(|(name, _)| step(name, Some(&component(name)), None, true));
    let pages: String = steps.iter().map(|(name, folder)| page(name, folder)).collect();
    let steps: String = table.chain(parts).collect();
    // A static: a constant's bytes would be copied to every place that uses it.
    let table =
        format!("/// Generated: see `build.rs`.\npub static BUNDLED: &[callboard_runtime::Bundled] = &[\n{steps}];\n");
    let table = format!("{table}/// Generated: see `build.rs`.\npub static PAGES: &[Page] = &[\n{pages}];\n");
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it")).join("bundled.rs");
    fs::write(out, table).expect("OUT_DIR can be written");
}

/// The name behind `prefix` of the package that a manifest describes.
fn package(manifest: &str, prefix: &str) -> Option<String> {
    let name = manifest.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_prefix(prefix))?;
    Some(name.trim_end().trim_end_matches('"').to_owned())
}

/// The pipeline in a step's folder, and the key of the configuration that asks for it, if it is not always the step.
fn pipeline(folder: &Path) -> Option<(PathBuf, Option<String>)> {
    fs::read_dir(folder).expect("it was read before").find_map(|entry| {
        let path = entry.expect("it can be read").path();
        let name = path.file_name()?.to_str()?.strip_suffix(".toml")?;
        let key = match name {
            "pipeline" => None,
            _ => Some(name.strip_prefix("with-")?.to_owned()),
        };
        Some((path.canonicalize().ok()?, key))
    })
}

fn step(name: &str, component: Option<&Path>, pipeline: Option<(PathBuf, Option<String>)>, part: bool) -> String {
    let (bytes, digest) = match component.and_then(|component| component.canonicalize().ok()) {
        Some(path) => {
            println!("cargo:rerun-if-changed={}", path.display());
            let digest = hex(&Sha256::digest(fs::read(&path).expect("what is there can be read")));
            let base = base_of(name);
            (format!("Some(carried!({:?}, {base:?}))", compressed(&path, base).unwrap_or(path)), digest)
        }
        None => ("None".to_owned(), String::new()),
    };
    let pipeline = pipeline.map_or("None".to_owned(), |(path, key)| {
        format!("Some(callboard_runtime::BundledPipeline {{ text: include_str!({path:?}), key: {key:?} }})")
    });
    format!(
        "    callboard_runtime::Bundled {{ name: {name:?}, bytes: {bytes}, digest: {digest:?}, pipeline: {pipeline}, part: {part} }},\n"
    )
}

fn page(name: &str, folder: &Path) -> String {
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).expect("it was read before");
    let summary = manifest.lines().find_map(|line| line.strip_prefix("description = ")).expect("a step is described");
    let example = folder.join("example.json").canonicalize().expect("a bundled step has an example.json");
    println!("cargo:rerun-if-changed={}", example.display());
    // The first step of a pipeline is given the whole configuration, and describes it.
    let pipeline = fs::read_to_string(folder.join("pipeline.toml")).unwrap_or_default();
    let first = pipeline.lines().find_map(|line| line.strip_prefix("use = \"")?.strip_suffix('"')).unwrap_or(name);
    format!(
        "    Page {{ name: {name:?}, summary: {summary}, described_by: {first:?}, example: include_str!({example:?}) }},\n"
    )
}

/// The compressed copy of a component, unless it is missing, or older than that or than what it is compressed against.
fn compressed(component: &Path, base: Option<&str>) -> Option<PathBuf> {
    let copy = component.with_extension("wasm.zst");
    println!("cargo:rerun-if-changed={}", copy.display());
    let modified = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
    let made = modified(&copy)?;
    let is_older = |than: PathBuf| modified(&than).is_some_and(|than| than < made);
    let base = base.map(|base| component.with_file_name(base).with_extension("wasm"));
    (is_older(component.to_owned()) && base.is_none_or(is_older)).then_some(copy)
}
