//! What the system refuses this process as a whole: memory, address space, threads.

use callboard_words::{Help, Setting};
use std::error::Error;
use std::io;

use rustix::io::Errno;

use crate::engine::address_space_limit;
use crate::error::{Class, SandboxError};
use callboard_words::sizes::bytes;
use callboard_words::text::plain;

/// The engine did not start.
pub(crate) fn engine(error: &wasmtime::Error) -> SandboxError {
    let thread = |cause: &(dyn Error + 'static)| cause.downcast_ref::<io::Error>().map(thread);
    no_memory(error)
        .or_else(|| error.chain().find_map(thread))
        .unwrap_or_else(|| SandboxError::new(Class::Bug, format!("wasmtime does not start: {error:#}")))
}

/// The error of memory that the system did not give, if that is what the engine's error is about.
pub fn no_memory(error: &wasmtime::Error) -> Option<SandboxError> {
    let is_of_memory = |cause: &(dyn Error + 'static)| {
        cause.downcast_ref::<Errno>() == Some(&Errno::NOMEM)
            || cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::OutOfMemory)
            || cause.is::<wasmtime::error::OutOfMemory>()
    };
    error.chain().any(is_of_memory).then(memory)
}

/// The system gave no more memory; names the limit that is the likely reason.
pub(crate) fn memory() -> SandboxError {
    match address_space_limit() {
        Some(limit) => {
            let limit = bytes(limit);
            let message = format!(
                "the system gave no more memory: the address space of this process is limited to {limit} (ulimit -v)"
            );
            SandboxError::new(Class::System, message).help(
                Help::from("raise that limit (`ulimit -v unlimited`), or run fewer instances: ")
                    .set(Setting::Replicas(1)),
            )
        }
        None => SandboxError::new(Class::System, "the system gave no more memory").help(
            Help::from("run fewer instances (")
                .set(Setting::Replicas(1))
                .and("), or keep the stages within a budget (")
                .set(Setting::Budget(None))
                .and(")"),
        ),
    }
}

/// A thread could not be started.
pub(crate) fn thread(error: &io::Error) -> SandboxError {
    SandboxError::new(Class::System, format!("cannot start a thread: {}", plain(error))).help(
        Help::from(
            "this process may have no more threads or memory (ulimit -u, ulimit -v, a container's pids.max): raise that limit, \
             or run fewer instances: ",
        )
        .set(Setting::Replicas(1)),
    )
}
