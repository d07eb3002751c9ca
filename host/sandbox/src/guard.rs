//! The edge of each thread: a panic of ours becomes an error of the run, and a thread that the system refuses is one, too.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{Builder, JoinHandle, Scope, ScopedJoinHandle};

use callboard_words::text;

use crate::error::{Class, SandboxError};
use crate::refused;

/// Does some work. A panic in it is an error of class [`Class::Bug`]; what it was working on is not to be used again.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, SandboxError> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| panicked(&*panic))
}

/// The error of a panic.
pub fn panicked(panic: &(dyn Any + Send)) -> SandboxError {
    let words = text::panic(panic).unwrap_or("without a message");
    // wasmtime takes memory for signals on each thread that calls a component, and panics where it gets none.
    if words.contains("memory for sigaltstack") {
        return refused::memory();
    }
    // Tokio starts threads for what blocks, and panics where the system refuses the first.
    match words.strip_prefix("OS can't spawn worker thread: ") {
        Some(why) => refused::thread(&std::io::Error::other(why.to_owned())),
        None => SandboxError::new(Class::Bug, format!("Callboard failed: {words}"))
            .help("this is a fault of Callboard, not of the pipeline: please report it"),
    }
}

/// Starts a thread.
pub fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<JoinHandle<T>, SandboxError> {
    Builder::new().spawn(work).map_err(|error| refused::thread(&error))
}

/// Starts a thread of a scope.
pub fn spawn_scoped<'scope, 'env, T: Send + 'scope>(
    scope: &'scope Scope<'scope, 'env>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, T>, SandboxError> {
    Builder::new().spawn_scoped(scope, work).map_err(|error| refused::thread(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_and_what_the_system_refused_is_the_systems() {
        let bug = caught(|| panic!("no {}", "rows")).unwrap_err();
        assert_eq!((bug.class, bug.message.as_str()), (Class::Bug, "Callboard failed: no rows"));
        let words = "OS can't spawn worker thread: Resource temporarily unavailable (os error 11)";
        let refused = panicked(&words.to_owned());
        assert_eq!(refused.class, Class::System);
        assert_eq!(refused.message, "cannot start a thread: Resource temporarily unavailable");
        for words in
            ["failed to allocate memory for sigaltstack", "mprotect to configure memory for sigaltstack failed"]
        {
            let why = "Os { code: 12, kind: OutOfMemory, message: \"Cannot allocate memory\" }";
            let refused = panicked(&format!("{words}: {why}"));
            assert_eq!((refused.class, refused.message.as_str()), (Class::System, "the system gave no more memory"));
        }
    }
}
