//! Kernels that offer less, and systems that give less: the command is run as the child of a thread that gave up the calls in question.

use std::fs;
use std::process::Command;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Length, SeccompCmpOp as Is, SeccompCondition, SeccompFilter,
    SeccompRule,
};

use crate::stage::{Said, Stage, ended};

/// Calls to the system that fail in a child, with the error: any of them, or those whose first argument has these bits.
type Missing = (i64, Option<(u64, u64)>);

/// Calls, and the number of the error with which they fail.
type Failing<'a> = (&'a [Missing], i32);

/// `prctl(PR_SET_SECCOMP)`.
const SET_SECCOMP: Missing = (libc::SYS_prctl, Some((u64::MAX, 22)));
const SECCOMP: [Missing; 2] = [(libc::SYS_seccomp, None), SET_SECCOMP];
const LANDLOCK: [Missing; 1] = [(libc::SYS_landlock_create_ruleset, None)];
/// Threads, and not processes.
const THREADS: Missing = (libc::SYS_clone, Some((libc::CLONE_THREAD as u64, libc::CLONE_THREAD as u64)));

/// Runs a line of shell where these calls fail with this error.
fn without(stage: &Stage, missing: &[Failing<'_>], line: &str) -> Said {
    let mut programs: Vec<BpfProgram> = Vec::new();
    for (calls, error) in missing {
        let rule = |(call, bits): &Missing| {
            let condition = |(mask, value)| SeccompCondition::new(0, Length::Qword, Is::MaskedEq(mask), value).unwrap();
            (*call, bits.map(|bits| SeccompRule::new(vec![condition(bits)]).unwrap()).into_iter().collect())
        };
        let rules = calls.iter().map(rule).collect();
        let fails = SeccompAction::Errno(*error as u32);
        let filter = SeccompFilter::new(rules, SeccompAction::Allow, fails, std::env::consts::ARCH.try_into().unwrap());
        programs.push(filter.unwrap().try_into().unwrap());
    }
    // Filters are of a thread and all that it starts. The last one may forbid more filters.
    let start = |mut command: Command| {
        let started = std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                programs.iter().for_each(|program| seccompiler::apply_filter(program).unwrap());
                command.spawn().unwrap()
            });
            thread.join().unwrap()
        });
        ended(started, line)
    };
    start(stage.command(line))
}

fn pipeline() -> Stage {
    let stage = Stage::empty();
    let text = "callboard = 1\n[inputs.docs]\npath = \"../data/docs.jsonl\"\n[[steps]]\nuse = \"../guests/echo.wasm\"\n\
         name = \"copy\"\n[outputs.clean]\npath = \"clean.jsonl\"\n";
    fs::write(stage.folder.join("pipeline.toml"), text).unwrap();
    stage
}

const UNCOMPILED: &str = "note: components are compiled without ";
const UNCONFINED: &str = "note: this kernel has no Landlock: ";

fn notes(said: &Said, start: &str) -> Vec<String> {
    said.stderr.lines().filter_map(|line| line.strip_prefix(start)).map(str::to_owned).collect()
}

/// A wrong outcome would leave people with older kernels without Callboard, or with less than they believe.
#[test]
fn where_the_kernel_has_no_landlock_or_seccomp_all_else_works_and_it_is_said_once() {
    let stage = pipeline();
    // As newer kernels say it, and those that have it switched off.
    let lacks: [(&[Failing<'_>], &str, usize); 5] = [
        (&[(&LANDLOCK, libc::ENOSYS)], "landlock, ", 1),
        (&[(&LANDLOCK, libc::EOPNOTSUPP)], "landlock, ", 1),
        (&[(&SECCOMP, libc::ENOSYS)], "seccomp, ", 0),
        (&[(&SECCOMP, libc::EINVAL)], "seccomp, ", 0),
        (&[(&LANDLOCK, libc::ENOSYS), (&SECCOMP, libc::ENOSYS)], "landlock and seccomp, ", 1),
    ];
    for (nth, (missing, what, unconfined)) in lacks.into_iter().enumerate() {
        let run = |more: &str| {
            let line =
                format!("CALLBOARD_CACHE=$PWD/cache-{nth} callboard run pipeline.toml --overwrite --fresh {more}");
            without(&stage, missing, &line)
        };
        let said = run("--report report.json");
        assert_eq!(said.code, Some(0), "{what}: {}", said.stderr);
        let uncompiled = notes(&said, UNCOMPILED);
        assert!(matches!(&uncompiled[..], [note] if note.starts_with(what)), "{what}: {}", said.stderr);
        assert_eq!(notes(&said, UNCONFINED).len(), unconfined, "{what}: {}", said.stderr);
        let rows = |file: &str| fs::read_to_string(stage.folder.join(file)).unwrap().lines().count();
        assert_eq!(rows("clean.jsonl"), rows("../data/docs.jsonl"), "{what}");
        let report = fs::read_to_string(stage.folder.join("report.json")).unwrap();
        assert_eq!(report.contains("this kernel has no Landlock"), unconfined == 1, "{what}");
        // Compiled by now; and who turned it off is told nothing.
        let again = run("--no-landlock");
        assert_eq!((again.code, notes(&again, UNCOMPILED).len()), (Some(0), 0), "{what}: {}", again.stderr);
        assert_eq!(notes(&again, UNCONFINED).len(), 0, "{what}: {}", again.stderr);
        for command in ["check pipeline.toml", "step inspect ../guests/echo.wasm", "step conform ../guests/echo.wasm"] {
            let line = format!(
                "CALLBOARD_CACHE=$PWD/cache-{nth}-{} callboard {command}",
                command.replace([' ', '/', '.'], "-")
            );
            let said = without(&stage, missing, &line);
            assert_eq!(said.code, Some(0), "{what}, {command}: {}", said.stderr);
            assert_eq!(notes(&said, UNCOMPILED).len(), 1, "{what}, {command}: {}", said.stderr);
        }
    }
}

/// A wrong outcome would blame a component for a limit of this machine, or end in a panic.
#[test]
fn a_thread_that_the_system_refuses_is_an_error_of_the_system() {
    let stage = pipeline();
    // Compiled already, and not yet.
    assert_eq!(stage.sh("callboard run pipeline.toml --quiet").code, Some(0));
    // A C library asks for the newer call first.
    let missing: [Failing<'_>; 2] = [(&[THREADS], libc::EAGAIN), (&[(libc::SYS_clone3, None)], libc::ENOSYS)];
    for cache in ["", "CALLBOARD_CACHE=$PWD/cache "] {
        for command in [
            "run pipeline.toml --overwrite --fresh",
            "run pipeline.toml --overwrite --fresh --no-resume --no-landlock",
            "check pipeline.toml",
            "compare pipeline.toml",
            "plan --why pipeline.toml",
            "step inspect ../guests/echo.wasm",
            "step inspect --json ../guests/echo.wasm",
            "step conform ../guests/echo.wasm",
            "step test ../guests/echo.wasm",
            "step run ../guests/echo.wasm < ../data/docs.jsonl",
        ] {
            let said = without(&stage, &missing, &format!("{cache}callboard {command}"));
            assert_eq!(said.code, Some(5), "{cache}{command}: {}{}", said.stdout, said.stderr);
            assert!(said.stderr.contains("error: ") && !said.stderr.contains("panic"), "{command}: {}", said.stderr);
        }
    }
}

/// The same with a real limit, which binds anybody but root: each number of threads that the system may stop at.
#[test]
#[expect(clippy::print_stderr, reason = "a test that tries nothing says so")]
fn a_limit_on_processes_is_an_error_of_the_system_or_kept_within() {
    // Nobody's: what another process of the same user has would count.
    const USER: &str = "61853";
    let stage = pipeline();
    let is_root = rustix::process::geteuid().is_root();
    let has = |program: &str| Command::new(program).arg("--version").output().is_ok_and(|said| said.status.success());
    if !is_root || !has("setpriv") || !has("prlimit") {
        eprintln!(
            "SKIPPED: a limit on processes binds a user, and only root can be another (with `setpriv` and `prlimit`)"
        );
        return;
    }
    assert_eq!(
        stage.sh(&format!("cp -rL ../guests/echo.wasm . && cp ../data/docs.jsonl . && chown -R {USER} .")).code,
        Some(0)
    );
    let text = fs::read_to_string(stage.folder.join("pipeline.toml")).unwrap();
    fs::write(stage.folder.join("pipeline.toml"), text.replace("../data/", "").replace("../guests/", "./")).unwrap();
    let run = |limit: &str, command: &str| {
        let line = format!(
            "HOME=$PWD CALLBOARD_CACHE=$PWD/cache exec setpriv --reuid {USER} --regid {USER} --clear-groups {limit} callboard {command}"
        );
        stage.sh(&line)
    };
    let free = run("", "run pipeline.toml --quiet");
    if free.code != Some(0) && free.stderr.contains("Permission denied") {
        eprintln!("SKIPPED: another user cannot reach this folder: {}", free.stderr);
        return;
    }
    assert_eq!(free.code, Some(0), "{}", free.stderr);
    let (mut refused, mut done) = (0, 0);
    for limit in (1..=8).chain([12, 16, 24]) {
        for command in ["run pipeline.toml --overwrite --fresh", "check pipeline.toml", "step conform ./echo.wasm"] {
            for cache in ["", "rm -rf cache; "] {
                let said = stage.sh(&format!(
                    "{cache}HOME=$PWD CALLBOARD_CACHE=$PWD/cache exec setpriv --reuid {USER} --regid {USER} --clear-groups \
                     prlimit --nproc={limit} callboard {command}"
                ));
                let what = format!("{limit} processes, {cache}{command}: {}", said.stderr);
                match said.code {
                    Some(0) => done += 1,
                    Some(5) => {
                        refused += 1;
                        assert!(said.stderr.contains("error: ") && said.stderr.contains("unavailable"), "{what}");
                    }
                    other => panic!("{other:?}: {what}"),
                }
                assert!(!said.stderr.contains("panic"), "{what}");
            }
        }
    }
    assert!(refused > 10 && done > 10, "{refused} were refused, {done} not");
}
