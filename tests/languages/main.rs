//! The same steps in every language, held against each other.
//!
//! For each folder of `plugins/templates` whose toolchain is here, `callboard step new` and `callboard step build` make a step of each kind;
//! so is the step of `tests/languages/mirror/LANG`, which puts out what comes in. Then all of them run over the same rows, and what they put
//! out must be the same to the byte, and what it should be. Toolchains are looked for in `target/toolchains`, where `cargo xtask languages` puts
//! them, and on the `PATH`.
//!
//! Where a toolchain is missing, every test fails and says which, unless `LANGUAGE=present` asks for those that are here: `cargo xtask test`
//! does, and reports `target/languages-skipped`, which lists the rest. `LANGUAGE=go,c` tries these alone, and writes nothing.
#![allow(missing_docs, reason = "a test's name says it")]
#![allow(clippy::print_stderr, reason = "building takes long, and who waits sees what for")]
#![forbid(unsafe_code)]

mod bench;
mod built;
mod example;
mod first_of_each;
mod longest;
mod memory;
mod mirror;
mod model;
mod sequence;
mod types;
mod word_count;

use std::fs;

use built::repository;

#[test]
fn every_folder_of_templates_is_a_language_that_is_tried() {
    let folders = fs::read_dir(repository("plugins/templates")).unwrap().map(|entry| entry.unwrap());
    let names = folders.filter(|entry| entry.path().is_dir()).map(|entry| entry.file_name().into_string().unwrap());
    for name in names.filter(|name| name != "common") {
        assert!(
            repository("plugins/templates").join(&name).join("language.toml").exists(),
            "plugins/templates/{name} has no language.toml: nobody would try it"
        );
        assert!(
            repository("tests/languages/mirror").join(&name).join("step.toml").exists(),
            "there is no tests/languages/mirror/{name}: nobody would see whether every type comes through"
        );
    }
}
