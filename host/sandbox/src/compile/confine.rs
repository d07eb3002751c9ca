//! What the compiling child gives up before it reads a stranger's bytes: memory, files, the network, and a life of its own.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::ARTEFACT;

/// The most memory that compiling may take, bytes of address space.
pub(super) const MEMORY: u64 = 8 << 30;

/// Dies when its parent does, even if that is killed; an error where the parent is gone already.
pub(super) fn follow_parent() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    // The parent holds the other end of the pipe as long as it lives; it may have gone before the line above.
    let stdin = &std::io::stdin();
    let is_pipe = rustix::fs::fstat(stdin)
        .is_ok_and(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::Fifo);
    if is_pipe {
        let flags = rustix::fs::fcntl_getfl(stdin)?;
        rustix::fs::fcntl_setfl(stdin, flags | rustix::fs::OFlags::NONBLOCK)?;
        if rustix::io::read(stdin, &mut [0_u8; 1]) == Ok(0) {
            return Err(io::Error::other("the process that wanted the component has ended"));
        }
    }
    Ok(())
}

/// Limits memory, files and dumps; what is limited further already stays so.
pub(super) fn limit() -> io::Result<()> {
    for (resource, most) in [(Resource::As, MEMORY), (Resource::Fsize, ARTEFACT), (Resource::Core, 0)] {
        let had = getrlimit(resource);
        let least = |had: Option<u64>| Some(had.map_or(most, |had| had.min(most)));
        setrlimit(resource, Rlimit { current: least(had.current), maximum: least(had.maximum) })?;
    }
    Ok(())
}

/// Gives up all files that are not open, the network, and all calls to the system that compiling does not need. Says what
/// the kernel does not offer.
#[cfg(target_os = "linux")]
pub(super) fn confine() -> Vec<&'static str> {
    let mut lacks = Vec::new();
    if !linux::landlock().unwrap_or(false) {
        lacks.push("landlock");
    }
    if linux::seccomp().is_err() {
        lacks.push("seccomp");
    }
    lacks
}

#[cfg(not(target_os = "linux"))]
pub(super) fn confine() -> Vec<&'static str> {
    vec!["landlock", "seccomp"]
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeMap;
    use std::error::Error;

    use landlock::{ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetStatus, Scope};
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

    /// No file can be opened, made or removed from here on, no port connected to, and no other process signalled.
    pub(super) fn landlock() -> Result<bool, Box<dyn Error>> {
        // As much of this as the kernel knows.
        let abi = ABI::V6;
        let rules = Ruleset::default()
            .handle_access(AccessFs::from_all(abi))?
            .handle_access(AccessNet::from_all(abi))?
            .scope(Scope::from_all(abi))?;
        let status = rules.create()?.restrict_self()?;
        Ok(status.ruleset != RulesetStatus::NotEnforced)
    }

    /// What compiling in many threads needs; anything else fails as if it were not permitted.
    pub(super) fn seccomp() -> Result<(), Box<dyn Error>> {
        let allowed = [
            // memory
            libc::SYS_brk,
            libc::SYS_mmap,
            libc::SYS_munmap,
            libc::SYS_mremap,
            libc::SYS_mprotect,
            libc::SYS_madvise,
            // threads
            libc::SYS_clone,
            libc::SYS_clone3,
            libc::SYS_set_robust_list,
            libc::SYS_rseq,
            libc::SYS_futex,
            libc::SYS_membarrier,
            libc::SYS_sched_yield,
            libc::SYS_sched_getaffinity,
            libc::SYS_getcpu,
            libc::SYS_gettid,
            libc::SYS_getpid,
            libc::SYS_prctl,
            libc::SYS_prlimit64,
            libc::SYS_exit,
            libc::SYS_exit_group,
            // signals to itself
            libc::SYS_rt_sigaction,
            libc::SYS_rt_sigprocmask,
            libc::SYS_rt_sigreturn,
            libc::SYS_sigaltstack,
            libc::SYS_tgkill,
            libc::SYS_restart_syscall,
            // clocks, randomness
            libc::SYS_clock_gettime,
            libc::SYS_clock_nanosleep,
            libc::SYS_nanosleep,
            libc::SYS_gettimeofday,
            libc::SYS_getrandom,
            // files that are open
            libc::SYS_read,
            libc::SYS_write,
            libc::SYS_writev,
            libc::SYS_lseek,
            libc::SYS_fstat,
            libc::SYS_statx,
            libc::SYS_fsync,
            libc::SYS_fcntl,
            libc::SYS_close,
        ];
        let rules: BTreeMap<i64, Vec<_>> = allowed.into_iter().map(|call| (call, Vec::new())).collect();
        let denied = SeccompAction::Errno(libc::EPERM as u32);
        let filter = SeccompFilter::new(rules, denied, SeccompAction::Allow, std::env::consts::ARCH.try_into()?)?;
        let program: BpfProgram = filter.try_into()?;
        Ok(seccompiler::apply_filter_all_threads(&program)?)
    }
}
