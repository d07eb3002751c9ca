//! Lists the rubrics: every file of `rubrics/`, so that adding one adds a file.
#![forbid(unsafe_code)]

use std::path::Path;
use std::{env, fs};

fn main() {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("rubrics");
    println!("cargo:rerun-if-changed={}", folder.display());
    let files = fs::read_dir(&folder).expect("rubrics/ is there").map(|entry| entry.expect("it can be read").path());
    let mut files: Vec<_> = files.filter(|file| file.extension().is_some_and(|extension| extension == "md")).collect();
    files.sort();
    let line = |file: &std::path::PathBuf| {
        let name = file.file_stem().and_then(|name| name.to_str()).expect("a name of plain letters");
        // Its text and not its path, so that the same source gives the same bytes anywhere.
        format!("({name:?}, {:?}),\n", fs::read_to_string(file).expect("a rubric is text"))
    };
    let table: String = files.iter().map(line).collect();
    let out = Path::new(&env::var("OUT_DIR").expect("cargo sets it")).join("rubrics.rs");
    fs::write(out, format!("const RUBRICS: &[(&str, &str)] = &[\n{table}];\n")).expect("OUT_DIR can be written");
}
