//! Generates what an SDK needs of the contract, in the languages whose SDKs take it generated. The results are kept with the SDKs,
//! so that a step is built without generating anything.

use wit_bindgen_core::{Files, WorldGenerator};

use crate::contract::{self, Kind};

/// A language whose bindings are generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generated {
    /// A header and a source file for each kind of step.
    C,
    /// Packages for each kind of step.
    Go,
}

/// The generated files for a kind of step: path and content.
pub fn generate(language: Generated, kind: Kind) -> Vec<(String, Vec<u8>)> {
    let (mut resolve, world) = contract::resolve(kind);
    let mut generator: Box<dyn WorldGenerator> = match language {
        Generated::C => wit_bindgen_c::Opts { no_object_file: true, ..Default::default() }.build(),
        Generated::Go => {
            wit_bindgen_go::Opts { format: wit_bindgen_go::Format::False, quiet: true, ..Default::default() }.build()
        }
    };
    let mut files = Files::default();
    generator.generate(&mut resolve, world, &mut files).expect("the contract has nothing that a generator lacks");
    files.iter().map(|(path, content)| (path.to_owned(), content.to_owned())).collect()
}
