//! Each package, installed where there is no Rust: its command runs the first example, and takes a step in Python from `step new` to
//! `step test`.
//!
//! What is packaged is the command that the tests built, so that no test waits for an optimised one: `cargo xtask dist` makes the same
//! packages of that. A tool that is missing is reported, and what needs it left out.
#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, reason = "what is left out is said")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// The packages of the command that is here, made twice.
struct Packages {
    folder: TempDir,
    names: Vec<String>,
}

static PACKAGES: LazyLock<Packages> = LazyLock::new(|| {
    let command = target().join("release/callboard");
    assert!(command.exists(), "there is no {}\nhelp: cargo build --release", command.display());
    let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let strip = |file: &Path| {
        let stripped = folder.path().join(file.file_name().unwrap());
        ran(Command::new("strip").arg("-o").arg(&stripped).arg(file));
        stripped
    };
    let stripped = strip(&command);
    // The tests of the Python package bring the module, and those of the launcher that.
    let native = target().join("release/deps/lib_native.so");
    let launcher = target().join("release/callboard-launcher");
    let wheel = (native.exists() && launcher.exists()).then(|| (strip(&native), strip(&launcher)));
    let make = |to: &str| {
        let to = folder.path().join(to);
        let mut dist = Command::new(env!("CARGO_BIN_EXE_xtask"));
        dist.arg("dist").arg("--to").arg(&to).arg("--program").arg(&stripped).arg("--fast");
        if let Some((native, launcher)) = &wheel {
            dist.arg("--native").arg(native).arg("--launcher").arg(launcher);
        }
        ran(&mut dist);
        let files = fs::read_dir(&to).unwrap().map(|file| file.unwrap().path());
        files.map(|file| (name(&file), fs::read(&file).unwrap())).collect::<BTreeMap<_, _>>()
    };
    let (first, second) = (make("first"), make("second"));
    assert!(first == second, "the same contents give the same bytes: {:?}", first.keys());
    Packages { folder, names: first.into_keys().collect() }
});

fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().to_owned()
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

fn package(end: &str) -> PathBuf {
    let name = PACKAGES.names.iter().find(|name| name.ends_with(end));
    PACKAGES.folder.path().join("first").join(name.unwrap_or_else(|| panic!("no {end}: {:?}", PACKAGES.names)))
}

/// Runs a program to its end, which is success, and returns what it printed.
fn ran(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?}\n{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

/// A place where a package is installed.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Place {
        Place { folder: TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap() }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A program without anything of this user's, and nothing on the path but the system's own and what `path` names.
    fn command(&self, program: impl AsRef<Path>, path: &[PathBuf]) -> Command {
        let mut command = Command::new(program.as_ref());
        let path = path.iter().cloned().chain(["/usr/bin".into(), "/bin".into()]);
        command.env_clear().env("PATH", std::env::join_paths(path).unwrap()).env("LC_ALL", "C.UTF-8");
        command.env("HOME", self.path()).env("CALLBOARD_CACHE", target().join("tmp/dist-cache"));
        command.current_dir(self.path());
        command
    }

    /// Runs the first example, and takes a step in Python from `step new` to `step test`.
    fn serves(&self, callboard: &Path) {
        assert_eq!(ran(self.command(callboard, &[]).arg("--version")), "callboard 0.1.0\n");
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/01-curate");
        ran(Command::new("cp").arg("-r").arg(example).arg(self.path().join("curate")));
        let report =
            ran(self.command(callboard, &[]).args(["run", "curate/curate.toml", "--overwrite", "--no-resume"]));
        assert!(report.contains("adds up at every step"), "{report}");

        let tools = target().join("toolchains/.venv/bin");
        if !tools.join("componentize-py").exists() {
            eprintln!(
                "SKIPPED: componentize-py is not in {}: no step was made (`cargo xtask languages`)",
                tools.display()
            );
            return;
        }
        let path = [tools];
        ran(self.command(callboard, &path).args(["step", "new", "word-count", "--lang", "python"]));
        ran(self.command(callboard, &path).args(["step", "build", "word-count"]));
        let tested = ran(self.command(callboard, &path).args(["step", "test", "word-count"]));
        assert!(tested.contains("ok") && !tested.contains("FAILED"), "{tested}");
    }
}

#[test]
fn the_tar_is_unpacked_and_runs() {
    let place = Place::new();
    ran(Command::new("tar").arg("-xzf").arg(package(".tar.gz")).arg("-C").arg(place.path()));
    let folder = place.path().join("callboard-0.1.0-x86_64-unknown-linux-gnu");
    for file in ["README.md", "LICENSE", "man/callboard-run.1", "completions/callboard.bash", "completions/_callboard"]
    {
        assert!(folder.join(file).exists(), "{file}");
    }
    let licences = fs::read_to_string(folder.join("LICENCES.txt")).unwrap();
    for used in ["\nwasmtime 48.", "\nparquet 60.", "\nzstd-sys ", "\nwhatlang "] {
        assert!(licences.contains(used), "{used}");
    }
    assert!(
        licences.matches("Permission is hereby granted, free of charge").count() > 5,
        "texts of licences are missing"
    );
    assert!(!licences.contains("\nproptest "), "what only tests use is not in the packages");
    place.serves(&folder.join("callboard"));
}

#[test]
fn the_debian_package_is_unpacked_and_runs() {
    let package = package(".deb");
    let fields = ran(Command::new("dpkg-deb").arg("--field").arg(&package));
    assert!(fields.contains("Package: callboard\nVersion: 0.1.0\n") && fields.contains("Depends: libc6"), "{fields}");
    let place = Place::new();
    ran(Command::new("dpkg-deb").arg("-x").arg(&package).arg(place.path()));
    let shared = place.path().join("usr/share");
    for file in ["man/man1/callboard-run.1.gz", "bash-completion/completions/callboard", "doc/callboard/copyright"] {
        assert!(shared.join(file).exists(), "{file}");
    }
    place.serves(&place.path().join("usr/bin/callboard"));
}

#[test]
fn the_wheel_is_installed_in_an_empty_environment_and_runs() {
    if !PACKAGES.names.iter().any(|name| name.ends_with(".whl")) {
        eprintln!("SKIPPED: the native module is not built, so there is no wheel: add `-p callboard-python`");
        return;
    }
    let place = Place::new();
    let environment = place.path().join("venv");
    if !Command::new("python3").args(["-m", "venv"]).arg(&environment).output().is_ok_and(|made| made.status.success())
    {
        eprintln!("SKIPPED: python3 cannot make an environment: the wheel was not installed");
        return;
    }
    let python = environment.join("bin/python");
    let mut pip = place.command(&python, &[]);
    ran(pip
        .args(["-m", "pip", "install", "--quiet", "--no-index", "--disable-pip-version-check"])
        .arg(package(".whl")));
    assert_eq!(ran(place.command(&python, &[]).args(["-m", "callboard", "--version"])), "callboard 0.1.0\n");
    let found = ran(place.command(&python, &[]).args(["-c", "import callboard; print(callboard.command())"]));
    assert_eq!(Path::new(found.trim()), environment.join("bin/callboard"));
    ran(place.command(&python, &[]).args(["-m", "pip", "check"]));
    let callboard = environment.join("bin/callboard");
    let program = fs::metadata(&callboard).unwrap().len();
    assert!(program < 2_000_000, "the host is in the wheel twice: the program beside its module has {program} bytes");
    place.serves(&callboard);
    is_a_program(&place, &callboard);
    is_found_from_anywhere(&place, &environment);
}

/// The command of the wheel ends as the one that is a program of its own: a mistake, a Ctrl-C, a module that is gone.
fn is_a_program(place: &Place, callboard: &Path) {
    let wrong = place.command(callboard, &[]).args(["run", "missing.toml"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");

    let hostile = target().join("guests/hostile.wasm");
    let pipeline = format!(
        "callboard = 1\n[inputs.docs]\npath = \"one.jsonl\"\n[[steps]]\nuse = {hostile:?}\nconfig.misdeed = \"loop-process\"\n\
         limits.time = \"1h\"\n[outputs.out]\npath = \"out.jsonl\"\n"
    );
    fs::write(place.path().join("loops.toml"), pipeline).unwrap();
    fs::write(place.path().join("one.jsonl"), "{\"text\": \"a\"}\n").unwrap();
    let mut running = place.command(callboard, &[]);
    let mut running = running.args(["run", "loops.toml"]).stderr(Stdio::piped()).spawn().unwrap();
    let (mut said, mut lines) = (String::new(), BufReader::new(running.stderr.take().unwrap()));
    while !said.contains("stage 1 of 1") {
        assert!(lines.read_line(&mut said).unwrap() > 0, "{said}");
    }
    // One process, and it is this file: what compiles components is started as it.
    let program = fs::read_link(format!("/proc/{}/exe", running.id())).unwrap();
    assert_eq!(program, callboard.canonicalize().unwrap());
    kill_process(Pid::from_child(&running), Signal::INT).unwrap();
    lines.read_to_string(&mut said).unwrap();
    assert_eq!(running.wait().unwrap().code(), Some(130), "{said}");
    assert!(said.contains("what is done is kept; to resume:\n  callboard resume "), "{said}");
}

/// The command of the wheel finds its module by a link, after `pip install --target`, and among other versions; without one it says so.
fn is_found_from_anywhere(place: &Place, environment: &Path) {
    let version = |program: &Path| place.command(program, &[]).arg("--version").output().unwrap();
    let link = place.path().join("linked");
    std::os::unix::fs::symlink(environment.join("bin/callboard"), &link).unwrap();
    assert_eq!(version(&link).stdout, b"callboard 0.1.0\n");

    let packages = fs::read_dir(environment.join("lib")).unwrap().map(|entry| entry.unwrap().path());
    let packages = packages.map(|python| python.join("site-packages")).find(|folder| folder.exists()).unwrap();
    let folder = place.path().join("target");
    fs::create_dir_all(folder.join("bin")).unwrap();
    fs::create_dir_all(folder.join("callboard")).unwrap();
    let module = "callboard/_native.abi3.so";
    fs::hard_link(packages.join(module), folder.join(module)).unwrap();
    let program = folder.join("bin/callboard");
    fs::copy(environment.join("bin/callboard"), &program).unwrap();
    assert_eq!(version(&program).stdout, b"callboard 0.1.0\n");

    // An older Python has another version, which is no library at all.
    let other = folder.join("lib/python3.10/site-packages").join(module);
    fs::create_dir_all(other.parent().unwrap()).unwrap();
    fs::write(&other, "another").unwrap();
    fs::create_dir_all(folder.join("callboard-0.1.0.dist-info")).unwrap();
    assert_eq!(version(&program).stdout, b"callboard 0.1.0\n");

    fs::remove_file(folder.join(module)).unwrap();
    for (words, missing) in [("cannot start: ", false), ("cannot start: its Python package was not found", true)] {
        if missing {
            fs::remove_file(&other).unwrap();
        }
        let said = version(&program);
        let error = String::from_utf8(said.stderr).unwrap();
        assert_eq!(said.status.code(), Some(5), "{error}");
        assert!(error.contains(words) && error.contains("pip install --force-reinstall callboard"), "{error}");
    }
}

#[test]
fn each_package_has_its_sum() {
    let sums = fs::read_to_string(package("SHA256SUMS")).unwrap();
    assert_eq!(sums.lines().count(), PACKAGES.names.len() - 1, "{sums}");
    ran(Command::new("sha256sum")
        .args(["--check", "--strict", "SHA256SUMS"])
        .current_dir(PACKAGES.folder.path().join("first")));
}
