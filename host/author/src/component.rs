//! Makes a component of what a compiler puts out.

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME as ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER as ADAPTER,
};
use wasmparser::{Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};

use crate::contract::{self, Kind, Version};

/// Why something is not a step's component; a phrase for whoever builds it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotAComponent(String);

/// What is wrong with a module that `wasm-bindgen` was compiled into.
const NEEDS_JAVASCRIPT: &str = "a dependency was compiled for a JavaScript host, which a step does not have: it uses the crate \
    `wasm-bindgen`; `cargo tree --target wasm32-unknown-unknown --invert wasm-bindgen` shows which one, and such crates have a \
    feature for it (`js`, `wasmbind`, `wasm-bindgen`), on by default, to switch off";

/// A component for a step of this kind, of what a compiler put out: a component as it is, or a core module. A module that does not
/// say which world it is made for is made for the world of `kind`; one that imports WASI's first preview is adapted to the second.
pub fn component(built: Vec<u8>, kind: Kind) -> Result<Vec<u8>, NotAComponent> {
    let not = |error: &dyn std::fmt::Display| NotAComponent(format!("{error:#}"));
    if Parser::is_component(&built) {
        return Ok(built);
    }
    if !Parser::is_core_wasm(&built) {
        return Err(NotAComponent("this is not WebAssembly: neither a component nor a core module".into()));
    }
    let (mut module, mut has_world, mut needs_adapter, mut version) = (built, false, false, Version::Present);
    for payload in Parser::new(0).parse_all(&module) {
        match payload.map_err(|error| not(&error))? {
            Payload::CustomSection(section) => has_world |= section.name().starts_with("component-type"),
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let module = import.map_err(|error| not(&error))?.module;
                    if module.starts_with("__wbindgen") {
                        return Err(NotAComponent(NEEDS_JAVASCRIPT.into()));
                    }
                    needs_adapter |= module == ADAPTER_NAME;
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    if export.map_err(|error| not(&error))?.name.starts_with("callboard:step/manifest@0.1.") {
                        version = Version::Before;
                    }
                }
            }
            _ => {}
        }
    }
    if !has_world {
        let (resolve, world) = contract::resolve(kind, version);
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).map_err(|error| not(&error))?;
    }
    let mut encoder = ComponentEncoder::default().validate(true).module(&module).map_err(|error| not(&error))?;
    if needs_adapter {
        encoder = encoder.adapter(ADAPTER_NAME, ADAPTER).map_err(|error| not(&error))?;
    }
    encoder.encode().map_err(|error| not(&error))
}
