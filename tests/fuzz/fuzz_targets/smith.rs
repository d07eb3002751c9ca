#![no_main]

//! As `components`, with modules and components that wasm-smith makes. What it finds is kept for `components` or `scan`: wasm-smith
//! is no dependency of the workspace, where it would have the engine built a second time.

use callboard_fuzz::made::Bytes;
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use wasm_smith::{Component, Config, Module};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    callboard_fuzz::guarded(|| drop(smith(bytes)));
});

fn smith(bytes: &[u8]) -> Result<()> {
    let (choices, bytes) = bytes.split_at(bytes.len() / 2);
    let mut random = Unstructured::new(bytes);
    let config = || Config {
        max_imports: 0,
        max_memories: 20,
        max_tables: 120,
        max_memory32_bytes: 1 << 20,
        max_memory64_bytes: 1 << 20,
        max_table_elements: 1_000,
        max_instructions: 20,
        max_funcs: 4,
        ..Config::default()
    };
    let modules: Vec<Vec<u8>> = (0..1 + choices.len() % 3)
        .map(|_| Module::new(config(), &mut random).map(|module| module.to_bytes()))
        .collect::<Result<_>>()?;
    callboard_fuzz::components::tried(&callboard_fuzz::components::made(&mut Bytes(choices), &modules));
    let config = Config { max_nesting_depth: 4, max_instructions: 20, ..Config::default() };
    callboard_fuzz::components::tried(&Component::new(config, &mut random)?.to_bytes());
    Ok(())
}
