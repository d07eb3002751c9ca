//! The bindings that the SDKs in C and Go carry: generated from the contract, and kept with the SDKs.

use std::fs;
use std::path::Path;

use callboard_author::{Kind, Version};
use wit_bindgen_core::wit_parser::{Resolve, SourceMap, WorldId};
use wit_bindgen_core::{Files, WorldGenerator};

use crate::Result;

/// A language whose bindings are generated.
#[derive(Clone, Copy)]
enum Generated {
    /// A header and a source file for each kind of step.
    C,
    /// Packages of the module `callboard`: one for each interface, the same for every kind of step, and one for the world of a kind.
    Go,
}

/// Whose bindings are generated, and where they are kept.
const KEPT: [(Generated, &str); 2] =
    [(Generated::C, "plugins/sdk/c/bindings"), (Generated::Go, "plugins/sdk/go/internal/wit")];

/// Writes all of them.
pub(crate) fn write(root: &Path) -> Result<()> {
    for (path, bytes) in generated() {
        let to = root.join(&path);
        let folder = to.parent().expect("it is in a folder");
        fs::create_dir_all(folder).and_then(|()| fs::write(&to, bytes)).map_err(|error| format!("{path}: {error}"))?;
    }
    Ok(())
}

/// Whether what is kept is what the contract gives.
pub(crate) fn check(root: &Path) -> Result<()> {
    let differs = |(path, bytes): &(String, Vec<u8>)| fs::read(root.join(path)).ok().as_ref() != Some(bytes);
    let differing: Vec<String> = generated().into_iter().filter(differs).map(|(path, _)| path).collect();
    match differing.is_empty() {
        true => Ok(()),
        false => {
            let differing = differing.join(", ");
            Err(format!("not what the contract gives: {differing}\nhelp: cargo xtask bindings"))
        }
    }
}

/// Path from the root, and content.
fn generated() -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for (language, folder) in KEPT {
        for kind in Kind::ALL {
            files.extend(generate(language, kind).into_iter().map(|(path, bytes)| (format!("{folder}/{path}"), bytes)));
        }
    }
    files
}

/// The generated files for a kind of step: path and content.
fn generate(language: Generated, kind: Kind) -> Vec<(String, Vec<u8>)> {
    let (mut resolve, world) = resolve(kind);
    // Names are made of the world's.
    kind.world().clone_into(&mut resolve.worlds[world].name);
    let mut generator: Box<dyn WorldGenerator> = match language {
        Generated::C => wit_bindgen_c::Opts { no_object_file: true, ..Default::default() }.build(),
        Generated::Go => {
            wit_bindgen_go::Opts { format: wit_bindgen_go::Format::False, quiet: true, ..Default::default() }.build()
        }
    };
    let mut files = Files::default();
    generator.generate(&mut resolve, world, &mut files).expect("the contract has nothing that a generator lacks");
    let files = files.iter().map(|(path, content)| (path.to_owned(), content.to_owned()));
    match language {
        Generated::C => files.collect(),
        Generated::Go => files.filter_map(|(path, content)| in_go_module(kind, &path, &content)).collect(),
    }
}

/// The contract, and the world of this kind of step with requests.
fn resolve(kind: Kind) -> (Resolve, WorldId) {
    let mut sources = SourceMap::default();
    for (name, text) in Version::Present.files() {
        sources.push_str(name, text);
    }
    let mut resolve = Resolve::default();
    let group = sources.parse().map_err(|(_, error)| error).expect("the contract is checked by every build");
    let package = resolve.push_group(group).expect("the contract is checked by every build");
    let world = resolve.select_world(&[package], Some(&format!("asking-{}", kind.name())));
    (resolve, world.expect("each kind has its world"))
}

/// A generated file as one of the module `callboard`, below `internal/wit`. The generator writes a program of its own that takes its
/// runtime from the network; ours are packages beside a runtime of ours, which keeps Go's collector in check, and what they export
/// stands in `internal/entry`.
fn in_go_module(kind: Kind, path: &str, content: &[u8]) -> Option<(String, Vec<u8>)> {
    let kind = kind.name();
    let imports = [
        ("\"go.bytecodealliance.org/pkg/wit/", "\"callboard/internal/wit/"),
        ("\"runtime\"", "runtime \"callboard/internal/wit/runtime\""),
        (
            "\"wit_component/export_callboard_step_manifest\"",
            "export_callboard_step_manifest \"callboard/internal/entry\"",
        ),
        (
            &format!("\"wit_component/export_callboard_step_{kind}\""),
            &format!("export_callboard_step_{kind} \"callboard/internal/entry/{kind}\""),
        ),
        ("\"wit_component/", "\"callboard/internal/wit/"),
    ];
    let text = String::from_utf8(content.to_vec()).expect("Go is UTF-8");
    let text = imports.iter().fold(text, |text, (generated, ours)| text.replace(generated, ours));
    match path {
        "go.mod" => None,
        "wit_exports.go" => {
            let text = text.replace("package main\n", &format!("package {kind}\n"));
            // A program's `main` follows the exports.
            let (exports, _) = text.split_once("// Unused, but present").unwrap_or((&text, ""));
            Some((format!("{kind}/wit_exports.go"), exports.as_bytes().to_vec()))
        }
        path => Some((path.to_owned(), text.into_bytes())),
    }
}
