//! What an error of the engine means.

use wasmtime::component::ResourceTableError;
use wasmtime::{Trap, WasmBacktrace};

use super::limiter;
use super::state::RESOURCES;
use crate::engine::SETTINGS;
use crate::error::{Fault, LimitExceeded};
use crate::refused;
use crate::returnable::Returnable;
use callboard_words::sizes::bytes;

/// Frames of one function, one upon the other, that make a recursion of it.
const RECURSION: usize = 5;

/// How a call failed; `said` is what the step said before that.
pub(super) fn fault_of(
    error: wasmtime::Error,
    call: &'static str,
    returnable: &Returnable,
    said: Option<String>,
) -> Fault {
    if let Some(fault) = error.downcast_ref::<Fault>() {
        return fault.clone();
    }
    if let Some(limit) = error.downcast_ref::<LimitExceeded>() {
        return Fault::Limit(limit.clone());
    }
    if let Some(ResourceTableError::Full) = error.downcast_ref() {
        let (what, limit) = ("open files, streams and requests", RESOURCES as u64);
        return Fault::Limit(LimitExceeded { what, limit, present: limit, requested: 1, key: None });
    }
    if let Some(refused) = refused::no_memory(&error) {
        return refused.into();
    }
    let words = format!("{error:#}");
    if words.contains("fuel allocated for hostcalls") {
        // The engine does not say by how much.
        return returnable.exceeded("bytes of data handed to the host in one call", 0);
    }
    if let Some(limit) = limiter::too_many(&words) {
        return Fault::Limit(limit);
    }
    let trap = match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => {
            format!("stack overflow: the stack has {}, the same for every step", bytes(SETTINGS.wasm_stack as u64))
        }
        Some(Trap::MemoryOutOfBounds) if is_below_memory(&words) && is_recursion(&error) => {
            "stack overflow: a function calls itself until the stack that the component keeps in its memory is full"
                .into()
        }
        Some(trap) => trap.to_string().trim_start_matches("wasm trap: ").to_owned(),
        // Without the way there, which names the functions of whoever made the component.
        None => error.root_cause().to_string(),
    };
    Fault::Trap { call, trap, said }
}

/// Whether the address that was out of bounds lies below the memory's beginning. Compilers put a component's own stack there,
/// growing downwards, so that a stack that ran out is noticed.
fn is_below_memory(words: &str) -> bool {
    let address = words.split_once("memory fault at wasm address 0x").map(|(_, rest)| rest);
    let digits = address.and_then(|rest| rest.split(|letter: char| !letter.is_ascii_hexdigit()).next());
    digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()).is_some_and(|address| address >= 0xf000_0000)
}

/// Whether a function was called from within itself, again and again, when the call ended.
fn is_recursion(error: &wasmtime::Error) -> bool {
    let frames = error.downcast_ref::<WasmBacktrace>().map_or(&[][..], |backtrace| backtrace.frames());
    let calls = |index| frames.iter().filter(|frame| frame.func_index() == index).count();
    frames.iter().any(|frame| calls(frame.func_index()) >= RECURSION)
}
