//! The command `callboard` within this module: a wheel has the host once, so the program in its `bin` (`host/launcher`) loads the module and
//! calls this, without any Python.

use std::process::ExitCode;

/// Carries out the command that this process was started as, and ends it.
// SAFETY: nothing else in the process has this name; whoever calls it finds it by that.
#[unsafe(no_mangle)]
extern "C" fn callboard_main() -> ! {
    let ended = callboard_cli::main();
    // A code does not give its number away.
    let code = (0..=u8::MAX).find(|code| ExitCode::from(*code) == ended);
    std::process::exit(code.map_or(70, i32::from))
}
