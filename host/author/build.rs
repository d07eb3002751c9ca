//! Carries what steps begin with, and the SDKs that they are built with, into the library: every file of `plugins/templates` and `plugins/sdk`.
//!
//! Left out is what tools leave behind, and the SDKs' own tests. Links are followed: the contract lies in one place, and an SDK links to it.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::{env, fs};

/// Hidden files that are part of a template.
const SHOWN: [&str; 2] = [".gitignore", ".clangd"];
/// Folders that tools make.
const TOOLS: [&str; 3] = ["node_modules", "target", "__pycache__"];

fn main() {
    let plugins = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../../plugins");
    let mut table = String::new();
    for (name, folder) in [("TEMPLATES", "templates"), ("SDKS", "sdk")] {
        let root = plugins.join(folder).canonicalize().unwrap_or_else(|error| panic!("plugins/{folder}: {error}"));
        let mut files = Vec::new();
        find(&root, folder == "sdk", &mut files);
        files.sort();
        table.push_str(&format!("pub(crate) static {name}: &[(&str, &[u8])] = &[\n"));
        for file in files {
            let path = file.strip_prefix(&root).expect("it was found there").to_str().expect("paths are UTF-8");
            println!("cargo:rerun-if-changed={}", file.display());
            table.push_str(&format!("    ({path:?}, include_bytes!({file:?})),\n"));
        }
        table.push_str("];\n");
    }
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it")).join("carried.rs");
    fs::write(out, table).expect("OUT_DIR can be written");
}

fn find(folder: &Path, is_sdk: bool, files: &mut Vec<PathBuf>) {
    // So that a file that comes or goes is noticed.
    println!("cargo:rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap_or_else(|error| panic!("{}: {error}", folder.display())).path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("names are UTF-8");
        let hidden = name.starts_with('.') && (is_sdk || !SHOWN.contains(&name));
        let made = TOOLS.contains(&name) || name.ends_with(".pyc") || name.ends_with(".wasm");
        match path.is_dir() {
            _ if hidden || made => {}
            true if is_sdk && name == "tests" => {}
            true => find(&path, is_sdk, files),
            false => files.push(path),
        }
    }
}
