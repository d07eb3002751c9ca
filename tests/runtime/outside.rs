//! Every misdeed through the command itself, under a budget, seen from outside: the memory of its process stays within the budget and
//! 64 MiB, and it ends by itself or when it is interrupted.

use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use callboard_runtime::Class;
use nix::sys::resource::{UsageWho, getrusage};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Pid, Signal, kill_process};

use crate::bench::{Bench, HANGS, lines, straight};
use crate::hostile::{Expected, GUESTS, of_one};
use crate::hostile_core;

const MIB: u64 = 1 << 20;
const BUDGET: u64 = 128 * MIB;
/// What a process may have beside its budget: its own code and what it maps, libraries, buffers of files, threads.
const BESIDE: u64 = 64 * MIB;
const COMMAND: &str = "CALLBOARD_TEST_COMMAND";

/// Not a test of its own: runs a command, which is then the only child of this process, and says how it ended and what it took.
#[test]
#[allow(clippy::print_stdout, reason = "the process that started this one reads it")]
fn runs_a_command_in_a_process_of_its_own() {
    let Some(command) = std::env::var_os(COMMAND) else { return };
    let status = Command::new("sh").arg("-c").arg(format!("exec {}", command.to_str().unwrap())).status().unwrap();
    let most = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss() as u64;
    println!("\nENDED|{}|{most}", status.code().map_or("a signal".to_owned(), |code| code.to_string()));
}

/// How a command ended.
struct Seen {
    /// None where a signal ended it.
    code: Option<i32>,
    /// The most that its process, or one that it started, had in memory, bytes.
    memory: u64,
    said: String,
}

/// The command, for a shell in a bench's folder.
fn callboard(arguments: &str) -> String {
    format!("env CALLBOARD_CACHE=$PWD/cache {} {arguments}", env!("CARGO_BIN_EXE_callboard"))
}

/// A cache of its own, so that no case knows what steps needed in another; compiled components are shared.
fn cache_of(bench: &Bench) {
    std::fs::DirBuilder::new().mode(0o700).create(bench.path("cache")).unwrap();
    let shared = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled");
    for path in std::fs::read_dir(shared).into_iter().flatten().map(|entry| entry.unwrap().path()) {
        if path.extension().is_some_and(|end| end == "cwasm") {
            let _ = std::fs::hard_link(&path, bench.path("cache").join(path.file_name().unwrap()));
        }
    }
}

/// Runs `callboard` to its end; what does not end hangs.
fn seen(bench: &Bench, arguments: &str) -> Seen {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "outside::runs_a_command_in_a_process_of_its_own", "--nocapture"])
        .env(COMMAND, callboard(arguments))
        .current_dir(bench.path(""))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let output = ended(child, arguments);
    let said = String::from_utf8_lossy(&output.stdout);
    let line = said.lines().find_map(|line| line.strip_prefix("ENDED|")).unwrap_or_else(|| panic!("{said}"));
    let (code, kibibytes) = line.split_once('|').unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Seen { code: code.parse().ok(), memory: kibibytes.parse::<u64>().unwrap() << 10, said }
}

fn ended(child: Child, what: &str) -> std::process::Output {
    let id = Pid::from_child(&child);
    let waiting = std::thread::spawn(move || child.wait_with_output().unwrap());
    let begun = Instant::now();
    while !waiting.is_finished() {
        if begun.elapsed() > HANGS {
            let _ = kill_process(id, Signal::KILL);
            panic!("it hangs: {what}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    waiting.join().unwrap()
}

/// A misdeed of a step: its pipeline, and the exit codes that it may end with.
struct Case {
    name: String,
    pipeline: String,
    component: Option<Vec<u8>>,
    codes: Vec<i32>,
}

fn code(class: Class) -> i32 {
    match class {
        Class::Pipeline => 2,
        Class::Data => 3,
        Class::Limit => 4,
        Class::System => 5,
        other => panic!("{other:?} is no end of a misdeed"),
    }
}

/// Each misdeed of a guest, or of the core module; `limits` are those of the step.
fn cases(limits: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    for (guest, table) in GUESTS {
        for (misdeed, expected) in *table {
            let when = if *guest == "hostile" { ", at_batch = 1, at_row = 1" } else { "" };
            let config = format!("config = {{ misdeed = \"{misdeed}\"{when} }}\n{limits}");
            // The budget may end what another limit ends otherwise, and what is allowed without one.
            let codes = match *expected {
                Expected::Check(class, _) | Expected::Stage(class, _) | Expected::Batch(class, _) => {
                    vec![code(class), 4]
                }
                Expected::Rows(_) => vec![0, 4],
            };
            let mut push = |name: String, config: &str| {
                let pipeline = format!("{}[run]\nbatch_rows = 4\n", of_one(guest, config));
                cases.push(Case { name, pipeline, component: None, codes: codes.clone() });
            };
            push(format!("{guest} {misdeed}"), &config);
            let is_hungry =
                ["memory", "huge", "flood", "nulls", "many", "columns"].iter().any(|word| misdeed.contains(word));
            if *guest == "hostile" && is_hungry {
                let config = format!("config = {{ misdeed = \"{misdeed}\" }}\n{limits}");
                push(format!("four times {guest} {misdeed}"), &format!("{config}\nreplicas = 4"));
            }
        }
    }
    let bench = Bench::new();
    for (name, replaced, class, ..) in hostile_core::DEEDS {
        let pipeline = straight(&format!("[[steps]]\nuse = \"./core.wasm\"\n{limits}\n"));
        let component = Some(hostile_core::component(&bench, replaced));
        cases.push(Case { name: format!("core {name}"), pipeline, component, codes: vec![code(*class), 4] });
    }
    // What doubles is not even compiled.
    for (levels, what) in [(25, "(memory 1)"), (40, "(memory 1)"), (30, "(table 1 funcref)"), (25, "")] {
        let pipeline = straight("[[steps]]\nuse = \"./core.wasm\"\n");
        let component = Some(doubling(levels, what));
        cases.push(Case { name: format!("doubling {levels} {what}"), pipeline, component, codes: vec![2] });
    }
    // Files that have no end or no size worth their name.
    let reach = format!(
        "[[steps]]\nuse = \"guests/reach.wasm\"\ngrant.files = [\"odd\"]\ngrant.http = [\"GET http://localhost:9/\"]\n{limits}\n"
    );
    let pipeline = straight(&reach).replace("docs.jsonl", "attempts.jsonl");
    cases.push(Case { name: "a folder of odd files".to_owned(), pipeline, component: None, codes: vec![0, 3, 4] });
    cases
}

/// A component that holds two of a component that holds two …
fn doubling(levels: usize, what: &str) -> Vec<u8> {
    let mut text = format!("(component $c0 (core module $m {what}) (core instance (instantiate $m)))");
    for level in 1..=levels {
        let twice = "(instance (instantiate $p))".repeat(2);
        text += &format!("(component $c{level} (alias outer 1 $c{} (component $p)) {twice})", level - 1);
    }
    wat::parse_str(format!("(component {text} (instance (instantiate $c{levels})))")).unwrap()
}

fn set(case: &Case) -> Bench {
    let bench = Bench::with_rows(10);
    bench.put("pipeline.toml", &case.pipeline);
    cache_of(&bench);
    let odd = bench.path("odd");
    std::fs::create_dir(&odd).unwrap();
    std::fs::File::create(odd.join("sparse")).unwrap().set_len(1 << 42).unwrap();
    mknodat(CWD, odd.join("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    std::os::unix::fs::symlink("/dev/zero", odd.join("endless")).unwrap();
    let attempts = ["list odd .", "read odd pipe", "read odd endless", "read odd sparse"];
    bench.put("attempts.jsonl", lines(attempts.map(|attempt| serde_json::json!({ "text": attempt }))));
    case.component.iter().for_each(|component| bench.put("core.wasm", component));
    bench
}

/// Tries all cases, several at a time.
fn every(cases: Vec<Case>, find: impl Fn(&Case) -> Result<f64, String> + Sync) -> (f64, String) {
    let (cases, faults, most) = (Mutex::new(cases), Mutex::new(Vec::new()), Mutex::new((0.0, String::new())));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(case) = { cases.lock().unwrap().pop() } {
                    match find(&case) {
                        Err(fault) => faults.lock().unwrap().push(format!("{}: {fault}", case.name)),
                        Ok(figure) => {
                            let mut most = most.lock().unwrap();
                            if figure > most.0 {
                                *most = (figure, case.name.clone());
                            }
                        }
                    }
                }
            });
        }
    });
    let faults = faults.into_inner().unwrap();
    assert!(faults.is_empty(), "{} of them\n{}", faults.len(), faults.join("\n"));
    most.into_inner().unwrap()
}

/// A wrong outcome is a host that takes what it did not promise to a stranger's step.
#[test]
#[allow(clippy::print_stderr, reason = "the figure, for whoever asks with --nocapture")]
fn no_misdeed_takes_more_than_the_budget_and_64_mib() {
    let run = format!("run pipeline.toml -q --no-resume --run-dir run --limit 1000 --budget {BUDGET}B");
    let honest = Bench::with_rows(10);
    cache_of(&honest);
    honest.put("pipeline.toml", straight("[[steps]]\nuse = \"guests/echo.wasm\"\n"));
    let usual = seen(&honest, &run);
    assert_eq!(usual.code, Some(0), "{}", usual.said);
    let (most, name) = every(cases("limits = { memory = \"96MiB\", time = \"1s\", open = \"1s\" }"), |case| {
        let bench = set(case);
        // What a compiler takes is limited by itself.
        seen(&bench, "check pipeline.toml");
        let seen = seen(&bench, &run);
        let mib = seen.memory as f64 / MIB as f64;
        let shown = format!("{:?}, {mib:.0} MiB: {}", seen.code, seen.said.chars().take(2000).collect::<String>());
        match seen.code {
            Some(code) if !case.codes.contains(&code) => Err(format!("expected {:?}: {shown}", case.codes)),
            None => Err(shown),
            _ if seen.memory > BUDGET + BESIDE => Err(shown),
            _ => Ok(mib),
        }
    });
    let usual = usual.memory as f64 / MIB as f64;
    eprintln!(
        "an honest step: {usual:.0} MiB; at most {most:.0} MiB, by {name}, of {} allowed",
        (BUDGET + BESIDE) / MIB
    );
}

/// Waits until a process has worked for a while, or has ended, or waits itself.
fn until_it_works(child: &mut Child) {
    let worked = |id: u32| -> Option<u64> {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
        Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
    };
    for _ in 0..200 {
        if child.try_wait().unwrap().is_some() || worked(child.id()).is_none_or(|ticks| ticks > 30) {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A wrong outcome is a terminal that no Ctrl-C gives back: whatever a step does, and for as long as its limits would let it.
#[test]
#[allow(clippy::print_stderr, reason = "the figure, for whoever asks with --nocapture")]
fn every_misdeed_ends_by_itself_or_when_it_is_interrupted() {
    let run = callboard("run pipeline.toml -q --no-resume --run-dir run");
    let (longest, name) = every(cases("limits = { memory = \"96MiB\" }"), |case| {
        let bench = set(case);
        let mut child = Command::new("sh")
            .args(["-c", &format!("exec {run}")])
            .current_dir(bench.path(""))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        until_it_works(&mut child);
        let begun = Instant::now();
        // It may have ended by itself.
        let _ = kill_process(Pid::from_child(&child), Signal::INT);
        let output = ended(child, &case.name);
        let took = begun.elapsed().as_secs_f64();
        let status = output.status;
        let code = status.code().unwrap_or_default();
        // Before it listens, the signal ends it as it ends any program.
        let allowed = status.signal() == Some(Signal::INT.as_raw()) || code == 130 || case.codes.contains(&code);
        match allowed {
            true => Ok(took),
            false => Err(format!("{status}: {}", String::from_utf8_lossy(&output.stderr))),
        }
    });
    eprintln!("at most {longest:.2} s from the signal to the end, by {name}");
}
