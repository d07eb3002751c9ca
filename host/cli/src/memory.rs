//! How this process gives back memory that it no longer needs.

/// An allocation of this many bytes or more is a mapping of its own, and given back as soon as it is freed …
#[cfg(target_env = "gnu")]
const MAPPED: i32 = 4 << 20;
/// … and so is free memory at the end of a heap, from this many bytes on.
#[cfg(target_env = "gnu")]
const TRIMMED: i32 = 16 << 20;

/// Fixes glibc's two thresholds. By itself it raises them to the largest allocation that was freed, up to 32 MiB, and the next ones of
/// that size lie in heaps, which keep what is between them: a run over texts of half a megabyte had 300 MiB in memory, of which 70 were
/// in use. That would be in no budget.
pub(crate) fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: the call takes two numbers, and no other thread has begun.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED);
        libc::mallopt(libc::M_TRIM_THRESHOLD, TRIMMED);
    }
}
