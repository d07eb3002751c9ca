//! What processes have in memory, as the system counts it.

/// The most that this process ever had in memory, or since [`restart`], bytes.
pub(crate) fn of_this_process() -> u64 {
    status("self", "VmHWM:").expect("this process lives")
}

/// What this process has in memory now, bytes.
#[allow(dead_code, reason = "not every suite asks")]
pub(crate) fn now() -> u64 {
    status("self", "VmRSS:").expect("this process lives")
}

/// Counts the peak of this process anew from here, where the system allows it: otherwise the peak is that of its whole life.
#[allow(dead_code, reason = "not every suite asks")]
pub(crate) fn restart() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// A figure of a process, bytes; null once it has ended.
pub(crate) fn status(process: &str, key: &str) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? << 10)
}
