//! Generates what an SDK needs of the contract, in the languages whose SDKs take it generated. The results are kept with the SDKs,
//! so that a step is built without generating anything.

use wit_bindgen_core::{Files, WorldGenerator};

use crate::contract::{self, Kind, Version};

/// A language whose bindings are generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generated {
    /// A header and a source file for each kind of step.
    C,
    /// Packages of the module `callboard`: one for each interface, the same for every kind of step, and one for the world of a kind.
    Go,
}

/// The generated files for a kind of step: path and content.
pub fn generate(language: Generated, kind: Kind) -> Vec<(String, Vec<u8>)> {
    let (mut resolve, world) = contract::resolve(kind, Version::Present);
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
