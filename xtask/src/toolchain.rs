//! A compiler for wasm: rustup's target where it is installed or can be, else Debian's compiler and the standard library's source.
//!
//! `rustup target add` has no time-out of its own and waits for ever on a network that swallows its packets, so it gets a
//! minute, and is not tried again for a day.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use crate::{Result, command};

/// The target of all guests: its components import nothing but what their world names.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// How guests are compiled.
pub(crate) enum Toolchain {
    /// The toolchain that builds everything else has the target.
    Own,
    /// Debian's compiler, which lacks the target's standard library: it is built from source, and linked with this linker.
    Debian { rustc: PathBuf, linker: PathBuf },
}

impl Toolchain {
    /// Finds one, or installs one.
    pub(crate) fn get(target_dir: &Path) -> Result<Self> {
        ensure_c_compiler()?;
        let sysroot = command::output(Command::new("rustc").args(["--print", "sysroot"]))
            .map(PathBuf::from)
            .ok_or("there is no `rustc`: install Rust with rustup (https://rustup.rs)")?;
        if has_target(&sysroot) {
            return Ok(Toolchain::Own);
        }
        if add_with_rustup(target_dir)? {
            if has_target(&sysroot) {
                return Ok(Toolchain::Own);
            }
            eprintln!("guests: rustup says that {TARGET} is installed, and {} lacks it", sysroot.display());
        }
        let debian = || Self::debian(&sysroot);
        if let Some(debian) = debian() {
            eprintln!("guests: built with Debian's rustc, the standard library from its source");
            return Ok(debian);
        }
        apt_install(&["rustc-web", "rust-web-src"])
            .map_err(|error| format!("{error}; or `rustup target add {TARGET}`, where rustup reaches its server"))?;
        debian().ok_or_else(|| {
            format!("no compiler for {TARGET}: the packages rustc-web and rust-web-src lack what they should bring")
        })
    }

    /// Debian's, if it is there whole. Its packages bring no linker for wasm; rustup's toolchain has one, and so has lld.
    fn debian(sysroot: &Path) -> Option<Self> {
        let rustc = PathBuf::from("/usr/bin/rustc");
        let own = command::output(Command::new(&rustc).args(["--print", "sysroot"])).map(PathBuf::from)?;
        let host = command::output(Command::new("rustc").arg("-vV"))
            .and_then(|text| text.lines().find_map(|line| line.strip_prefix("host: ").map(str::to_owned)))?;
        let bundled = sysroot.join("lib/rustlib").join(host).join("bin/rust-lld");
        let linker = if bundled.exists() {
            bundled
        } else {
            ["wasm-ld-19", "wasm-ld"].into_iter().find(|l| command::exists(l))?.into()
        };
        own.join("lib/rustlib/src/rust/library/Cargo.lock").exists().then_some(Toolchain::Debian { rustc, linker })
    }

    /// A cargo command that compiles for wasm; flags and target directory are set, what to do is not.
    pub(crate) fn cargo(&self, root: &Path, target_dir: &Path, command: &str) -> Command {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        cargo.current_dir(root).arg(command).args(["--profile", "guest", "--target", TARGET]);
        cargo.arg("--target-dir").arg(target_dir);
        // Paths of this machine stay out of what panics say, so that the same source gives the same bytes elsewhere.
        let home =
            std::env::var_os("CARGO_HOME").map(PathBuf::from).or(std::env::home_dir().map(|home| home.join(".cargo")));
        let mut flags = vec![
            "-Ctarget-feature=+simd128,+relaxed-simd".to_owned(),
            // Instructions stay in the order of their source. For wasm, LLVM has as many registers as it likes, so it would put loads far
            // ahead of what uses them, and cranelift, which has sixteen, would keep what they loaded in memory.
            "-Cllvm-args=-pre-RA-sched=source".to_owned(),
            format!("--remap-path-prefix={}/=", root.display()),
        ];
        if let Some(home) = home {
            flags.push(format!("--remap-path-prefix={}/registry/src/=", home.display()));
        }
        if let Toolchain::Debian { rustc, linker } = self {
            cargo.args(["-Zbuild-std=std,panic_abort"]).env("RUSTC", rustc).env("RUSTC_BOOTSTRAP", "1");
            cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
        }
        cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
        cargo
    }
}

fn has_target(sysroot: &Path) -> bool {
    sysroot.join("lib/rustlib").join(TARGET).join("lib").is_dir()
}

/// Whether rustup added the target. Not if it has failed or hung on this day already.
fn add_with_rustup(target_dir: &Path) -> Result<bool> {
    const LIMIT: Duration = Duration::from_secs(60);
    const A_DAY: Duration = Duration::from_secs(24 * 3600);
    let failed = target_dir.join("rustup-target-failed");
    let age = |file: &Path| fs::metadata(file).and_then(|file| file.modified()).ok()?.elapsed().ok();
    if !command::exists("rustup") || age(&failed).is_some_and(|age| age < A_DAY) {
        return Ok(false);
    }
    eprintln!("guests: rustup target add {TARGET}");
    match command::run_at_most(Command::new("rustup").args(["target", "add", TARGET]), LIMIT)? {
        Some(status) if status.success() => return Ok(true),
        Some(status) => eprintln!("guests: rustup could not add the target ({status}); trying Debian's packages"),
        None => eprintln!("guests: rustup did not answer within {LIMIT:?}; trying Debian's packages"),
    }
    fs::create_dir_all(target_dir).and_then(|()| fs::write(&failed, "")).map_err(|error| error.to_string())?;
    Ok(false)
}

/// Some of the host's dependencies are written in C.
fn ensure_c_compiler() -> Result<()> {
    if command::exists("cc") { Ok(()) } else { apt_install(&["build-essential"]) }
}

/// Installs Debian's packages, one call after another: checks that run side by side need some.
pub(crate) fn apt_install(packages: &[&str]) -> Result<()> {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock();
    let line = format!("apt-get install -y --no-install-recommends {}", packages.join(" "));
    eprintln!("{line}");
    if !command::exists("apt-get") {
        return Err(format!("this system has no apt-get; what is needed is what Debian calls {}", packages.join(", ")));
    }
    let root = command::output(Command::new("id").arg("-u")).as_deref() == Some("0");
    let apt = |arguments: &[&str]| {
        let mut apt = if root { Command::new("apt-get") } else { Command::new("sudo") };
        if !root {
            apt.args(["-n", "apt-get"]);
        }
        command::run(apt.args(["-q", "-o", "Acquire::http::Timeout=30", "-o", "Acquire::Retries=2"]).args(arguments))
    };
    let install = [&["install", "-y", "--no-install-recommends"], packages].concat();
    apt(&["update"]).and_then(|()| apt(&install)).map_err(|error| format!("{error}\nhelp: as root: {line}"))
}
