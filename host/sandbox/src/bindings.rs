//! The contract, as wasmtime's bindings: one world that names every interface, of which a component exports one kind.

#![allow(missing_docs, unreachable_pub)]

wasmtime::component::bindgen!({
    path: "wit",
    inline: "
        package callboard:host;
        world every-step {
            import callboard:step/log@0.2.0;
            import callboard:step/counters@0.2.0;
            import callboard:step/http@0.2.0;
            import callboard:step/exchange@0.2.0;
            export callboard:step/manifest@0.2.0;
            export callboard:step/transform@0.2.0;
            export callboard:step/global@0.2.0;
            export callboard:step/source@0.2.0;
        }
    ",
    world: "callboard:host/every-step",
    imports: { "callboard:step/http.send": async | trappable, default: trappable },
    exports: { default: async },
    ownership: Borrowing { duplicate_if_necessary: true },
    with: {
        "callboard:step/exchange.reader": crate::exchange::Reader,
        "callboard:step/exchange.writer": crate::exchange::Writer,
    },
});

/// As it was in 0.1, whose rows are laid out in the same way.
pub mod v0_1 {
    wasmtime::component::bindgen!({
        path: "wit/0.1",
        inline: "
            package callboard:host;
            world every-step {
                import callboard:step/log@0.1.0;
                import callboard:step/counters@0.1.0;
                import callboard:step/exchange@0.1.0;
                export callboard:step/manifest@0.1.0;
                export callboard:step/transform@0.1.0;
                export callboard:step/global@0.1.0;
                export callboard:step/source@0.1.0;
            }
        ",
        world: "callboard:host/every-step",
        imports: { default: trappable },
        exports: { default: async },
        ownership: Borrowing { duplicate_if_necessary: true },
        with: {
            "callboard:step/columns": super::callboard::step::columns,
            "callboard:step/exchange.reader": crate::exchange::Reader,
            "callboard:step/exchange.writer": crate::exchange::Writer,
        },
    });
}
