//! Where it ran, and with which versions of what.

use std::path::Path;
use std::process::Command;

use serde::Serialize;

/// A machine, and what is on it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Machine {
    /// The processor, as it calls itself.
    pub processor: String,
    /// Threads that run at once.
    pub cores: usize,
    /// Bytes.
    pub memory: u64,
    /// The kernel's version.
    pub kernel: String,
    /// Whether the processor has instructions of its own for SHA-256.
    pub sha_instructions: bool,
    /// Name and version: callboard, the compiler, wasmtime, and the peers that were found.
    pub versions: Vec<(String, String)>,
}

impl Machine {
    /// This one. The versions are those of `program` and of the compiler that is there.
    pub fn here(program: &Path, lock: &Path) -> Machine {
        let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let of = |key: &str| {
            let line = processors.lines().find(|line| line.starts_with(key))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let memory = memory.lines().find_map(|line| line.strip_prefix("MemTotal:")).unwrap_or_default();
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let flags = of("flags").or_else(|| of("Features")).unwrap_or_default();
        let mut versions = Vec::new();
        for (name, version) in [
            ("callboard", said(Command::new(program).arg("--version"))),
            ("rustc", said(Command::new("rustc").arg("--version"))),
            ("wasmtime", locked(lock, "wasmtime")),
        ] {
            let version = version.unwrap_or_else(|| "unknown".to_owned());
            let version = version.trim_start_matches(&format!("{name} ")).to_owned();
            match revision(lock).filter(|_| name == "callboard") {
                Some(revision) => versions.push((name.to_owned(), format!("{version}, revision {revision}"))),
                None => versions.push((name.to_owned(), version)),
            }
        }
        Machine {
            processor: of("model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory: memory.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) * 1024,
            kernel: kernel.trim().to_owned(),
            sha_instructions: flags.split_whitespace().any(|flag| flag == "sha_ni" || flag == "sha2"),
            versions,
        }
    }

    /// The same in words.
    pub fn rows(&self) -> Vec<(String, String)> {
        let gibibytes = self.memory as f64 / f64::from(1 << 30);
        let mut rows = vec![
            ("processor".to_owned(), format!("{}, {} cores", self.processor, self.cores)),
            ("memory".to_owned(), format!("{gibibytes:.1} GiB")),
            ("kernel".to_owned(), self.kernel.clone()),
        ];
        rows.extend(self.versions.iter().cloned());
        rows
    }
}

/// The first line of what a program says.
pub(crate) fn said(command: &mut Command) -> Option<String> {
    let output = command.stderr(std::process::Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).lines().next().map(|line| line.trim().to_owned());
    text.filter(|text| output.status.success() && !text.is_empty())
}

/// The revision of the repository that this lock file is of.
fn revision(lock: &Path) -> Option<String> {
    said(Command::new("git").args(["describe", "--always", "--dirty"]).current_dir(lock.parent()?))
}

/// The version of a package in a `Cargo.lock`.
fn locked(lock: &Path, package: &str) -> Option<String> {
    let text = std::fs::read_to_string(lock).ok()?;
    let (_, after) = text.split_once(&format!("name = \"{package}\"\nversion = \""))?;
    after.split('"').next().map(str::to_owned)
}
