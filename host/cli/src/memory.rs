//! How this process takes memory, and gives it back.

/// An allocation of this many bytes or more is a mapping of its own, and given back as soon as it is freed …
#[cfg(target_env = "gnu")]
const MAPPED: i32 = 4 << 20;
/// … and so is free memory at the end of a heap, from this many bytes on.
#[cfg(target_env = "gnu")]
const TRIMMED: i32 = 16 << 20;

/// Fixes two thresholds of glibc. By default glibc raises them to the size of the largest allocation that was freed, up to 32 MiB; later
/// allocations of that size are placed in heaps, which keep freed memory: a run over texts of half a megabyte had 300 MiB in memory and
/// used 70. That breaks budgets.
///
/// Under a limit on the address space (`ulimit -v`) all threads share one heap: glibc reserves 64 or 128 MiB for each heap of a thread,
/// which would leave nothing to steps.
///
/// Nothing safe sets this in a process that is already running: glibc reads its environment variables once, before `main`.
pub(crate) fn give_back() {
    #[cfg(target_env = "gnu")]
    let is_limited = rustix::process::getrlimit(rustix::process::Resource::As).current.is_some();
    #[cfg(target_env = "gnu")]
    // SAFETY: `mallopt` takes two numbers, and no other thread exists yet.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED);
        libc::mallopt(libc::M_TRIM_THRESHOLD, TRIMMED);
        if is_limited {
            libc::mallopt(libc::M_ARENA_MAX, 1);
        }
    }
}
