//! The bindings as wit-bindgen makes them: one module for each exported interface, imports and types shared.
//!
//! Each module is a world with one export, and a step's component is the union of two of them (`manifest` and its own
//! kind), because wit-bindgen's export macros must be unique in a crate and every kind exports `manifest`.
//!
//! Nothing here is part of this crate's promise: a step that must go below the safe layer (a test guest that lies, say)
//! may use it, and has to follow the contract in `wit/` by hand.
#![allow(missing_docs, unreachable_pub)]

pub use manifest::exports::callboard::step::manifest::{Guest as ManifestGuest, Manifest};
pub use transform::callboard::step::{columns, counters, http, log, types};

pub mod manifest {
    wit_bindgen::generate!({
        path: "wit",
        inline: "package callboard:sdk-manifest; world described { export callboard:step/manifest@0.2.0; }",
        pub_export_macro: true,
        export_macro_name: "export_manifest",
    });
}

pub mod transform {
    wit_bindgen::generate!({
        path: "wit",
        inline: "package callboard:sdk-transform;
            world transforming {
                import callboard:step/log@0.2.0;
                import callboard:step/counters@0.2.0;
                import callboard:step/http@0.2.0;
                export callboard:step/transform@0.2.0;
            }",
        pub_export_macro: true,
        export_macro_name: "export_transform",
        generate_all,
    });
}

pub mod global {
    wit_bindgen::generate!({
        path: "wit",
        inline: "package callboard:sdk-global;
            world exchanging { export callboard:step/global@0.2.0; }",
        pub_export_macro: true,
        export_macro_name: "export_global",
        generate_all,
        with: {
            "callboard:step/columns@0.2.0": crate::raw::columns,
            "callboard:step/types@0.2.0": crate::raw::types,
        },
    });
}

pub mod source {
    wit_bindgen::generate!({
        path: "wit",
        inline: "package callboard:sdk-source; world making { export callboard:step/source@0.2.0; }",
        pub_export_macro: true,
        export_macro_name: "export_source",
        generate_all,
        with: {
            "callboard:step/columns@0.2.0": crate::raw::columns,
            "callboard:step/types@0.2.0": crate::raw::types,
        },
    });
}
