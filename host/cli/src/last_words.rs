//! What is said when this process fails by itself: a panic of ours, or memory that the system did not give. Neither is to end without an
//! exit code of the table, nor without saying what is kept.

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::panic::{PanicHookInfo, UnwindSafe};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use callboard_runtime::Class;
use callboard_words::text;

use crate::exit::{Failure, resumes};
use crate::show;

/// The first panic: its words, and where it was.
static PANIC: Mutex<Option<String>> = Mutex::new(None);
/// Whether this process is the command: the library is also in the native module of the Python package, where memory is Python's to speak of.
static LISTENS: AtomicBool = AtomicBool::new(false);
/// The message about the current run, composed in advance: when it is needed, there may be no memory left to compose it.
static GOING_ON: OnceLock<String> = OnceLock::new();

/// Notes that a run goes on in this folder, from which it can be resumed.
pub(crate) fn running_in(folder: &Path) {
    let _ = GOING_ON.set(resumes(Class::Bug, folder));
}

/// Takes the place of the words that Rust prints at each panic: what caught it says what it means, and nobody who did not ask for it
/// gets a backtrace.
pub(crate) fn listen() {
    LISTENS.store(true, Ordering::Relaxed);
    // A write beyond the limit on a file's size (`ulimit -f`) is an error like that of a full disk, and not the end of the process.
    // SAFETY: no handler is installed, and no other thread runs yet.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    std::panic::set_hook(Box::new(|panic: &PanicHookInfo<'_>| {
        // A library's, at a corrupt file, which is an error of that file.
        if callboard_io::panics_are_caught() {
            return;
        }
        let place = panic.location().map_or(String::new(), |place| format!(", at {place}"));
        let words = format!("{}{place}", text::panic(panic.payload()).unwrap_or("without a message"));
        if std::env::var_os("CALLBOARD_BACKTRACE").is_some() {
            show::err(&format!("panic: {words}\n{}", Backtrace::force_capture()));
        }
        PANIC.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(words);
    }));
}

/// The first panic of this process, if there was one.
pub(crate) fn panic() -> Option<String> {
    PANIC.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Does what the command is asked; a panic of ours is said, and has an exit code of its own.
pub(crate) fn guarded(command: impl FnOnce() -> ExitCode + UnwindSafe) -> ExitCode {
    std::panic::catch_unwind(command).unwrap_or_else(|_| of_panic())
}

/// Says that this process panicked, and gives its exit code.
fn of_panic() -> ExitCode {
    let words = panic().unwrap_or_else(|| "without a message".to_owned());
    let failure = Failure::other(Class::Bug, format!("Callboard failed: {words}"))
        .help("this is a fault of Callboard: please report it");
    let code = failure.report();
    GOING_ON.get().into_iter().for_each(|words| show::err(words));
    code
}

/// The system's allocator, but for the end of a process that gets no memory.
///
/// This is the only `unsafe` that wasmtime does not demand, beside the signal above. Without it Rust ends the process by SIGABRT, with an exit
/// code of no table, and says nothing of the run that can be resumed. Nothing safe does the same: the hook for that moment
/// (`set_alloc_error_hook`) is not stable, a handler of SIGABRT can neither say anything nor tell memory from an overflow of our own stack,
/// and memory that a limit of the system refuses cannot be foreseen. The calls are handed on as they are, so there is nothing to get wrong
/// but the hand-over itself.
struct Allocator;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

// SAFETY: every call is handed to the system's allocator as it is, and so is what it returns.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is the system's allocator's condition.
        there(unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        there(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        there(unsafe { System.realloc(memory, layout, size) })
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// Memory that is there; otherwise the process ends, by our own exit code instead of a signal.
fn there(memory: *mut u8) -> *mut u8 {
    static ENDING: AtomicBool = AtomicBool::new(false);
    if memory.is_null() && LISTENS.load(Ordering::Relaxed) && !ENDING.swap(true, Ordering::Relaxed) {
        show::err("error: the system gave no more memory");
        show::err(
            "  help: raise the limit on this process's address space (`ulimit -v`), if there is one, or run fewer instances: --replicas 1",
        );
        GOING_ON.get().into_iter().for_each(|words| show::err(words));
        std::process::exit(5);
    }
    memory
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const PANICS: &str = "CALLBOARD_TEST_PANICS";

    /// A panic of the host itself, whatever `RUST_BACKTRACE` says: its exit code, what is kept, and no backtrace that nobody asked for.
    #[test]
    fn a_panic_of_ours_ends_with_70_and_says_what_is_kept() {
        if std::env::var_os(PANICS).is_some() {
            listen();
            running_in(Path::new("runs/of mine"));
            let code = guarded(|| {
                std::thread::scope(|scope| {
                    scope
                        .spawn(|| panic!("no such row"))
                        .join()
                        .map_err(std::panic::resume_unwind)
                        .unwrap_or_else(|never| never)
                })
            });
            assert_eq!(code, ExitCode::from(70));
            return;
        }
        for (variable, value) in [("RUST_BACKTRACE", "0"), ("RUST_BACKTRACE", "full"), ("CALLBOARD_BACKTRACE", "1")] {
            let itself = Command::new(std::env::current_exe().unwrap())
                .args([
                    "--exact",
                    "last_words::tests::a_panic_of_ours_ends_with_70_and_says_what_is_kept",
                    "--nocapture",
                ])
                .env(PANICS, "1")
                .env(variable, value)
                .output()
                .unwrap();
            let said = String::from_utf8(itself.stderr).unwrap();
            assert!(itself.status.success(), "{said}");
            let expected = "error: Callboard failed: no such row, at host/cli/src/last_words.rs:";
            assert!(said.contains(expected), "{said}");
            assert!(said.contains("help: this is a fault of Callboard: please report it\n"), "{said}");
            let kept = "what is done is kept; to resume:\n  callboard resume 'runs/of mine'\n";
            assert!(said.ends_with(kept), "{said}");
            let asked = variable == "CALLBOARD_BACKTRACE";
            assert_eq!(said.contains("   0: ") || said.contains("stack backtrace"), asked, "{said}");
            assert!(!said.contains("RUST_BACKTRACE") && !said.contains("panicked at"), "{said}");
        }
    }
}
