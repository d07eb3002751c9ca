//! What the system refuses: descriptors, threads, the size of files, room, folders, streams. Each ends with the exit code of the table in
//! `docs/pipeline.md`, never by a panic or a signal, and says what was refused.

use std::fs;
use std::process::Command;

use crate::stage::{Said, Stage};

const STEPS: &str = "[[steps]]\nuse = \"text-stats\"\n[[steps]]\nuse = \"exact-dedup\"\n";

/// A pipeline of two stages, whose components are compiled.
fn pipeline() -> Stage {
    let stage = Stage::empty();
    let text = format!(
        "callboard = 1\n[inputs.docs]\npath = \"docs.jsonl\"\n{STEPS}[outputs.clean]\npath = \"out/clean.jsonl\"\nfrom = \"exact-dedup\"\n"
    );
    fs::create_dir(stage.folder.join("out")).unwrap();
    fs::write(stage.folder.join("pipeline.toml"), text).unwrap();
    let rows: String =
        (0..4000).map(|row| format!("{{\"text\": \"{}\"}}\n", format!("row {row} ").repeat(20))).collect();
    fs::write(stage.folder.join("docs.jsonl"), rows).unwrap();
    ended(&stage.sh("callboard run pipeline.toml -q"), &[0], "the first run");
    stage
}

fn ended(said: &Said, codes: &[i32], what: &str) {
    let code = said.code.unwrap_or_else(|| panic!("{what}: a signal ended it: {}", said.stderr));
    assert!(codes.contains(&code), "{what}: {code}\n{}{}", said.stdout, said.stderr);
    let all = format!("{}{}", said.stdout, said.stderr);
    assert!(!all.contains("panic") && !all.contains("RUST_BACKTRACE"), "{what}: {all}");
}

const COMMANDS: [&str; 6] = [
    "run pipeline.toml -q --overwrite --fresh",
    "run pipeline.toml -q --overwrite --fresh --profile text-stats --no-landlock",
    "check pipeline.toml",
    "step inspect text-stats",
    "step conform text-stats",
    "runs list",
];

#[test]
fn a_limit_on_open_files_is_an_error_of_the_system_or_kept_within() {
    let stage = pipeline();
    let mut refused = 0;
    for limit in 4..32 {
        for command in COMMANDS {
            let what = format!("ulimit -n {limit}; exec callboard {command}");
            let said = stage.sh(&what);
            // So few that not even the program's libraries are opened: the loader's own code.
            if said.code == Some(127) {
                continue;
            }
            ended(&said, &[0, 5], &what);
            if said.code == Some(5) {
                refused += 1;
                assert!(said.stderr.contains("Too many open files") || limit < 8, "{what}: {}", said.stderr);
            }
        }
    }
    assert!(refused > 20, "{refused}");
    ended(&stage.sh(&format!("callboard {}", COMMANDS[0])), &[0], "without a limit");
}

#[test]
fn a_limit_on_the_size_of_files_is_an_error_of_the_system() {
    let stage = pipeline();
    let before = fs::read(stage.folder.join("out/clean.jsonl")).unwrap();
    for (limit, cache) in
        [(0, ""), (1, ""), (100, ""), (400, ""), (0, "CALLBOARD_CACHE=$PWD/new"), (200, "CALLBOARD_CACHE=$PWD/new")]
    {
        for command in ["run pipeline.toml -q --overwrite --fresh", "step inspect exact-dedup"] {
            if cache.is_empty() && command.starts_with("step") {
                continue;
            }
            let what = format!("ulimit -f {limit}; {cache} exec callboard {command}");
            let said = stage.sh(&what);
            ended(&said, &[5], &what);
            assert!(said.stderr.contains("File too large"), "{what}: {}", said.stderr);
        }
    }
    assert!(fs::read(stage.folder.join("out/clean.jsonl")).unwrap() == before);
}

/// Every file that is written, each on a disk that is full, and on one that can only be read.
#[test]
#[expect(clippy::print_stderr, reason = "a test that tries nothing says so")]
fn a_full_disk_and_a_read_only_one_are_errors_of_the_system() {
    let stage = pipeline();
    let small = stage.folder.join("small");
    fs::create_dir(&small).unwrap();
    let mount = |options: &str| Command::new("mount").args(["-t", "tmpfs", "-o", options, "none"]).arg(&small).output();
    if !mount("size=64k,mode=700").is_ok_and(|mounted| mounted.status.success()) {
        eprintln!("SKIPPED: only root mounts a small disk");
        return;
    }
    let _unmount = Unmount(&small);
    let there = fs::read_to_string(stage.folder.join("pipeline.toml")).unwrap().replace("out/clean", "small/clean");
    fs::write(stage.folder.join("there.toml"), there).unwrap();
    let commands = [
        "callboard run pipeline.toml -q --overwrite --fresh --run-dir small/run",
        "callboard run there.toml -q --overwrite --fresh",
        "callboard run pipeline.toml -q --overwrite --fresh --report small/report.json",
        "callboard run pipeline.toml -q --overwrite --fresh --profile text-stats --profile-out small/profile.json",
        "callboard compare pipeline.toml --report small/report.json",
        "TMPDIR=$PWD/small callboard compare pipeline.toml",
        "TMPDIR=$PWD/small callboard step run text-stats < docs.jsonl",
        "CALLBOARD_CACHE=small/cache callboard run pipeline.toml -q --overwrite --fresh",
        "CALLBOARD_CACHE=small/cache callboard check pipeline.toml",
        "CALLBOARD_CACHE=small/cache callboard step inspect text-stats",
        "CALLBOARD_CACHE=small/cache callboard step conform text-stats",
        "callboard step new of-mine --lang rust --dir small/of-mine",
    ];
    for (kind, words) in [("full", "No space left on device"), ("read-only", "Read-only file system")] {
        for command in commands {
            fs::remove_dir_all(small.join("run")).ok();
            fs::write(small.join("fill"), vec![0; 64 << 10]).ok();
            if kind == "read-only" {
                // A compiler whose command has ended may still hold a file there for a moment.
                let remounted = || mount("remount,ro").unwrap().status.success();
                assert!((0..100).any(|_| remounted() || {
                    std::thread::sleep(std::time::Duration::from_millis(100));
                    false
                }));
            }
            let said = stage.sh(command);
            ended(&said, &[5], &format!("{kind}: {command}"));
            assert!(said.stderr.contains(words), "{kind}: {command}: {}", said.stderr);
            assert!(mount("remount,rw").unwrap().status.success());
            for made in fs::read_dir(&small).unwrap().map(|made| made.unwrap().path()) {
                fs::remove_dir_all(&made).or_else(|_| fs::remove_file(&made)).unwrap();
            }
        }
    }
}

struct Unmount<'a>(&'a std::path::Path);

impl Drop for Unmount<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).output();
    }
}

/// Streams that are closed, a home that is not there, a current folder that is gone.
#[test]
fn what_the_environment_lacks_ends_as_the_table_says() {
    let stage = pipeline();
    let closed = ["<&-", ">&-", "2>&-", "<&- >&-", ">&- 2>&-", "<&- 2>&-", "<&- >&- 2>&-"];
    for closed in closed {
        for (command, code) in [
            ("run pipeline.toml --overwrite --fresh", 0),
            ("run pipeline.toml", 2),
            ("run -", 2),
            ("check pipeline.toml", 0),
            ("plan pipeline.toml", 0),
            ("step inspect text-stats", 0),
            ("runs list", 0),
            ("schema", 0),
            ("--help", 0),
            ("no-such-command", 2),
        ] {
            let what = format!("callboard {command} {closed}");
            ended(&stage.sh(&what), &[code], &what);
        }
    }
    for (command, code) in [
        ("unset HOME CALLBOARD_CACHE; callboard run pipeline.toml --overwrite --fresh", 0),
        ("unset CALLBOARD_CACHE; HOME= callboard check pipeline.toml", 0),
        ("unset CALLBOARD_CACHE; HOME=/dev/null callboard check pipeline.toml", 5),
        ("CALLBOARD_CACHE=/dev/null callboard check pipeline.toml", 5),
        ("CALLBOARD_CACHE=/dev/null callboard step inspect text-stats", 5),
        ("CALLBOARD_CACHE=/proc callboard check pipeline.toml", 5),
        ("TMPDIR=/nowhere/at/all callboard compare pipeline.toml", 5),
        ("TMPDIR=/nowhere/at/all callboard step run text-stats < docs.jsonl", 5),
        ("mkdir gone && cd gone && rmdir ../gone && callboard check ../pipeline.toml", 0),
        ("mkdir gone && cd gone && rmdir ../gone && callboard runs list", 0),
        ("mkdir gone && cd gone && rmdir ../gone && callboard step inspect text-stats", 0),
    ] {
        ended(&stage.sh(command), &[code], command);
    }
}

/// A component that is too large is refused alike, whoever looks at it, and the help says what its user, not its author, sets.
#[test]
fn a_component_that_is_too_large_is_refused_by_the_same_exit_code_everywhere() {
    let stage = pipeline();
    fs::write(stage.folder.join("large.wasm"), padded()).unwrap();
    let text = fs::read_to_string(stage.folder.join("pipeline.toml")).unwrap();
    let large = text.replace("\"text-stats\"", "\"./large.wasm\"");
    fs::write(stage.folder.join("large.toml"), &large).unwrap();
    let allowed = large.replace("large.wasm\"", "large.wasm\"\nlimits.component = \"65MiB\"");
    fs::write(stage.folder.join("allowed.toml"), allowed).unwrap();
    for command in ["run large.toml --overwrite", "check large.toml", "plan large.toml", "compare large.toml"] {
        let said = stage.sh(&format!("callboard {command}"));
        ended(&said, &[2], command);
        assert!(said.stderr.contains("at most 64 MiB"), "{command}: {}", said.stderr);
        assert!(said.stderr.contains("limits.component = \"65MiB\""), "{command}: {}", said.stderr);
    }
    for command in ["inspect", "inspect --json", "conform", "test", "run < docs.jsonl"] {
        let said = stage.sh(&format!("callboard step {command} large.wasm"));
        ended(&said, &[2], command);
        assert!(said.stderr.contains("at most 64 MiB"), "{command}: {}", said.stderr);
        assert!(said.stderr.contains("--max-component 65MiB"), "{command}: {}", said.stderr);
    }
    for command in [
        "check allowed.toml",
        "run allowed.toml -q --overwrite --run-dir kept",
        "resume kept",
        "step inspect --max-component 65MiB large.wasm",
        "step run --max-component 65MiB large.wasm < docs.jsonl",
    ] {
        ended(&stage.sh(&format!("callboard {command}")), &[0], command);
    }
    // What lies beside a component is its author's.
    fs::create_dir(stage.folder.join("large")).unwrap();
    fs::rename(stage.folder.join("large.wasm"), stage.folder.join("large/large.wasm")).unwrap();
    let file = "name = \"large\"\nlanguage = \"rust\"\nkind = \"transform\"\nlimits = { component = \"65MiB\" }\n";
    fs::write(stage.folder.join("large/step.toml"), file).unwrap();
    let said = stage.sh("callboard step run large --max-component 65MiB < docs.jsonl");
    ended(&said, &[2], "step run large");
    assert!(said.stderr.contains("whoever made the component"), "{}", said.stderr);
}

/// A step, with a section of zeros behind it that nobody reads: a byte more than 64 MiB.
fn padded() -> Vec<u8> {
    let mut step = fs::read(crate::repository("target/guests/text-stats.wasm")).unwrap();
    let zeros = (64 << 20) + 1 - step.len() - 6;
    // A custom section: its length in five bytes, then a name of none.
    let length = zeros as u32;
    step.push(0);
    step.extend((0..5).map(|nth| (length >> (7 * nth)) as u8 & 0x7f | if nth < 4 { 0x80 } else { 0 }));
    step.resize(step.len() + zeros, 0);
    step
}
