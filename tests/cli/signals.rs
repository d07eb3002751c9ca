//! Signals, at any moment: what is done is kept, the last line is the command that goes on, and exit code 130 says why it ended. A second
//! signal ends everything at once, and costs no more than a kill.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::Child;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::stage::{Said, Stage, ended};

/// A pipeline of these steps, and an output that is there.
fn pipeline(steps: &str) -> Stage {
    let stage = Stage::empty();
    let text = format!(
        "callboard = 1\n[inputs.docs]\npath = \"../data/docs.jsonl\"\n{steps}[outputs.clean]\npath = \"out/clean.jsonl\"\n"
    );
    fs::write(stage.folder.join("pipeline.toml"), text).unwrap();
    fs::create_dir_all(stage.folder.join("out")).unwrap();
    fs::write(stage.folder.join("out/clean.jsonl"), "as it was\n").unwrap();
    stage
}

/// A pipeline whose step never ends; `misdeed` says in which call.
fn endless(misdeed: &str) -> Stage {
    pipeline(&format!(
        "[[steps]]\nuse = \"../guests/hostile.wasm\"\nconfig = {{ misdeed = \"{misdeed}\" }}\n\
         limits = {{ time = \"1h\", open = \"1h\" }}\n"
    ))
}

/// A pipeline that waits in a step of its second stage until [`open`]ed.
pub(crate) fn waiting(guest: &str, config: &str) -> Stage {
    let stage = pipeline(&format!(
        "[[steps]]\nuse = \"exact-dedup\"\n[[steps]]\nuse = \"../guests/{guest}.wasm\"\nconfig = {config}\n\
         grant.files = [\"gate\"]\nlimits = {{ time = \"1h\", open = \"1h\" }}\n"
    ));
    fs::create_dir(stage.folder.join("gate")).unwrap();
    stage
}

pub(crate) fn open(stage: &Stage) {
    fs::write(stage.folder.join("gate/open"), "").unwrap();
}

/// Starts a command, and waits until it says `line`; gives all that it has said.
pub(crate) fn start(stage: &Stage, command: &str, line: &str) -> (Child, String) {
    let mut child = stage.command(&format!("exec {command}")).spawn().unwrap();
    let heard = hear(&mut child, line);
    (child, heard)
}

/// Waits until a command says `line`; gives all that it says until then.
pub(crate) fn hear(child: &mut Child, line: &str) -> String {
    let mut heard = String::new();
    // Byte by byte, so that nothing is taken from who reads on.
    let mut stderr = BufReader::with_capacity(1, child.stderr.as_mut().unwrap());
    while !heard.contains(line) {
        let count = stderr.read_line(&mut heard).unwrap();
        assert!(count > 0, "`{line}` was not said, but {heard}");
    }
    heard
}

/// How a command ended that had said `heard`.
pub(crate) fn end(mut child: Child, heard: String, command: &str) -> Said {
    let mut stderr = child.stderr.take().unwrap();
    let rest = std::thread::spawn(move || {
        let mut rest = String::new();
        stderr.read_to_string(&mut rest).map(|_| rest).unwrap()
    });
    let said = ended(child, command);
    Said { stderr: heard + &rest.join().unwrap(), ..said }
}

/// Starts a command, waits until it says `line`, and interrupts it as a terminal does: the whole group.
fn interrupt_at(stage: &Stage, command: &str, line: &str, signal: Signal) -> Said {
    let (child, heard) = start(stage, command, line);
    // What is said is said just before the moment that is meant; a signal before it is obeyed as well.
    std::thread::sleep(Duration::from_millis(50));
    kill_process_group(group(&child), signal).unwrap();
    end(child, heard, command)
}

/// The same by the first signal that comes to mind.
pub(crate) fn interrupt(stage: &Stage, command: &str, line: &str) -> Said {
    interrupt_at(stage, command, line, Signal::INT)
}

pub(crate) fn group(child: &Child) -> Pid {
    Pid::from_raw(child.id() as i32).unwrap()
}

/// What the pipeline comes to when nobody interrupts it.
fn expected(stage: &Stage) -> Vec<u8> {
    open(stage);
    let said = stage.sh("callboard run pipeline.toml --quiet --overwrite --fresh --run-dir elsewhere/run");
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
    let expected = fs::read(stage.folder.join("out/clean.jsonl")).unwrap();
    fs::write(stage.folder.join("out/clean.jsonl"), "as it was\n").unwrap();
    fs::remove_file(stage.folder.join("gate/open")).unwrap();
    expected
}

#[test]
fn an_interrupted_run_says_how_to_go_on_and_does() {
    let moments = [
        ("wait", "{ at = \"open\" }", "stage 1 ended", Signal::INT),
        ("wait", "{ at = \"process\" }", "stage 2 of 2: wait", Signal::TERM),
        ("wait-global", "{}", "stage 2 of 2: wait-global", Signal::INT),
    ];
    for (guest, config, line, signal) in moments {
        let stage = waiting(guest, config);
        let expected = expected(&stage);
        let before = stage.files();
        let said = interrupt_at(&stage, "callboard run pipeline.toml --overwrite", line, signal);
        assert_eq!((said.code, said.stdout.as_str()), (Some(130), ""), "{guest} {config}: {}", said.stderr);
        assert_eq!(stage.files(), before, "{guest} {config}: an output was touched, or something left beside it");
        let words: Vec<&str> = said.stderr.lines().rev().take(3).collect();
        let [command, to_go_on, error] = words[..] else { panic!("{}", said.stderr) };
        assert!(error.starts_with("error: stage 2, step `wait") && error.ends_with("interrupted"), "{}", said.stderr);
        assert_eq!(to_go_on, "what is done is kept; to resume:");
        assert!(command.starts_with("  callboard resume .callboard/runs/pipeline-"), "{}", said.stderr);

        open(&stage);
        let resumed = stage.sh(command);
        assert_eq!(resumed.code, Some(0), "{}", resumed.stderr);
        assert!(resumed.stdout.starts_with("pipeline  resumed once, finished in "), "{}", resumed.stdout);
        assert!(fs::read(stage.folder.join("out/clean.jsonl")).unwrap() == expected, "{guest} {config}");
    }
}

#[test]
fn a_second_signal_ends_it_at_once_and_costs_no_more_than_a_kill() {
    let stage = waiting("wait", "{ at = \"process\" }");
    let expected = expected(&stage);
    let before = stage.files();
    let command = "callboard run pipeline.toml --overwrite --run-dir .callboard/run";
    let (mut child, heard) = start(&stage, command, "stage 2 of 2: wait");
    // The call is begun: before that, the first signal could end the run, and the second only what it says.
    let log = stage.folder.join(".callboard/run/work/wait/000.log");
    while log.metadata().map_or(0, |log| log.len()) == 0 {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::sleep(Duration::from_millis(1));
    }
    let group = group(&child);
    // Two that come together may count as one.
    let ringing = std::thread::spawn(move || while kill_process_group(group, Signal::INT).is_ok() {});
    let said = end(child, heard, command);
    ringing.join().unwrap();
    assert_eq!(said.code, Some(130), "{}", said.stderr);
    // Who waits for what is being done seals the run's folder then, and says so.
    assert!(!said.stderr.contains("to go on") && !said.stderr.contains("error"), "{}", said.stderr);
    assert_eq!(stage.files(), before);
    let listed = stage.sh("callboard runs list --dir .callboard");
    assert!(listed.stdout.contains("killed"), "{}", listed.stdout);

    open(&stage);
    let resumed = stage.sh("callboard resume .callboard/run --quiet");
    assert_eq!((resumed.code, resumed.stderr.as_str()), (Some(0), ""));
    assert!(fs::read(stage.folder.join("out/clean.jsonl")).unwrap() == expected);
}

#[test]
fn two_processes_do_not_work_on_one_run() {
    let stage = waiting("wait", "{ at = \"process\" }");
    let command = "callboard run pipeline.toml --overwrite --run-dir run";
    let (child, heard) = start(&stage, command, "stage 2 of 2: wait");
    let process = child.id();
    for other in ["callboard resume run", "callboard runs remove run"] {
        let refused = stage.sh(other);
        let words = format!(
            "error: the run in `run` is going on, in process {process}\n  help: wait for it, or stop it first\n"
        );
        assert_eq!((refused.code, refused.stderr), (Some(2), words), "{other}");
    }
    let listed = stage.sh("callboard runs list --dir .");
    assert!(listed.stdout.contains("running"), "{}", listed.stdout);
    kill_process_group(group(&child), Signal::KILL).unwrap();
    assert_eq!(end(child, heard, command).code, None);
    // The lock is gone with its process.
    open(&stage);
    assert_eq!(stage.sh("callboard resume run --quiet").code, Some(0));
}

#[test]
fn an_interrupted_check_of_a_step_ends_too() {
    let stage = endless("loop-declare");
    // Warm, so that the time until the loop is short; what is said then is nothing.
    let child = stage.command("exec callboard check pipeline.toml").spawn().unwrap();
    let process = group(&child);
    // Sent again until it has an effect: nothing tells from outside when the step loops.
    let ringing = std::thread::spawn(move || {
        for _ in 0..100 {
            std::thread::sleep(Duration::from_millis(100));
            if kill_process(process, Signal::INT).is_err() {
                return;
            }
        }
    });
    let said = ended(child, "callboard check");
    ringing.join().unwrap();
    assert!(said.code == Some(130) || said.code.is_none(), "{:?} {}", said.code, said.stderr);
}

#[test]
fn an_interrupted_compilation_leaves_nothing_in_the_cache() {
    let stage = endless("loop-process");
    let command = "env CALLBOARD_CACHE=.callboard/cache callboard run pipeline.toml --overwrite";
    let before = stage.files();
    let said = interrupt_at(&stage, command, "compiling hostile", Signal::INT);
    assert_eq!(said.code, Some(130), "{}", said.stderr);
    // Nothing is begun: there is nothing to resume.
    let last = said.stderr.lines().last().unwrap();
    assert!(last.starts_with("error: ") && last.ends_with("interrupted"), "{last}");
    let left = fs::read_dir(stage.folder.join(".callboard/cache")).unwrap().count();
    assert_eq!((left, stage.files() == before), (0, true));
}

/// The processes that a process started and that have not ended, each with its command line.
fn children(process: u32) -> Vec<(u32, String)> {
    let of = |entry: std::io::Result<fs::DirEntry>| {
        let number: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
        // Behind the name, which may hold anything: the state, and the parent.
        let mut behind = stat.rsplit_once(')')?.1.split_whitespace();
        let lives = behind.next()? != "Z";
        let parent: u32 = behind.next()?.parse().ok()?;
        let line = fs::read_to_string(format!("/proc/{number}/cmdline")).ok()?;
        (lives && parent == process).then(|| (number, line.replace('\0', " ")))
    };
    fs::read_dir("/proc").unwrap().filter_map(of).collect()
}

/// Asks again until there is an answer.
fn until<T>(what: &str, ask: impl Fn() -> Option<T>) -> T {
    let begun = std::time::Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begun.elapsed() < crate::BOUND, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Ends a process where its test fails.
pub(crate) struct Bounded(Pid);

impl Bounded {
    pub(crate) fn of(child: &Child) -> Bounded {
        Bounded(group(child))
    }
}

impl Drop for Bounded {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = kill_process_group(self.0, Signal::KILL);
        }
    }
}

/// Starts a comparison, and gives it with the process of its first run, in which a step has been given rows and waits.
fn comparing(stage: &Stage) -> (Child, Bounded, u32) {
    let mut command = stage.command("mkdir scratch; TMPDIR=$PWD/scratch exec callboard compare pipeline.toml");
    let compared = command.spawn().unwrap();
    let bounded = Bounded::of(&compared);
    let started = || children(compared.id()).into_iter().find(|(_, line)| line.contains(" run "));
    let run = until("no run was started", started);
    let begun = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().path().join("in/staged/run/run.json").is_file();
    let has_begun = || fs::read_dir(stage.folder.join("scratch")).ok()?.any(begun).then_some(());
    until("the run did not begin", has_begun);
    (compared, bounded, run.0)
}

fn lives(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, behind)| !behind.trim_start().starts_with('Z'))
}

/// Either run would go on for hours, in a folder that nobody knows.
#[test]
fn a_comparison_that_ends_takes_its_run_with_it() {
    for signal in [Signal::KILL, Signal::INT, Signal::TERM, Signal::HUP] {
        let stage = waiting("wait", "{ at = \"process\" }");
        let before = stage.files();
        let (compared, _bounded, run) = comparing(&stage);
        // To this process alone: the run is in a group of its own, as it is when a terminal interrupts.
        kill_process(group(&compared), signal).unwrap();
        let said = ended(compared, "callboard compare");
        until("the run goes on", || (!lives(run)).then_some(()));
        match signal {
            // It could not clean up. The next one does.
            Signal::KILL => {
                assert_eq!(said.code, None);
                let left = || fs::read_dir(stage.folder.join("scratch")).unwrap().count();
                assert_eq!(left(), 1);
                stage.sh("TMPDIR=$PWD/scratch callboard compare pipeline.toml --limit 0");
                assert_eq!(left(), 0);
            }
            _ => {
                assert_eq!(said.code, Some(130), "{signal:?}: {}", said.stderr);
                assert!(said.stderr.ends_with("error: interrupted\n"), "{signal:?}: {}", said.stderr);
                assert_eq!(fs::read_dir(stage.folder.join("scratch")).unwrap().count(), 0, "{signal:?}");
            }
        }
        fs::remove_dir_all(stage.folder.join("scratch")).unwrap();
        assert_eq!(stage.files(), before, "{signal:?}");
    }
}
