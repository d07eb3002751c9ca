#![no_main]

// Panics of the library that reads are errors of ours, and are caught; libFuzzer's hook would end the program at each of them.
libfuzzer_sys::fuzz_target!(
    init: std::panic::set_hook(Box::new(|_| ())),
    |bytes: &[u8]| callboard_fuzz::run("writers", bytes)
);
