//! An interrupt: one clear line, exit code 130, nothing touched, nothing left behind; a second one ends it at once.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::Child;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::stage::{Said, Stage, ended};

/// A pipeline whose step never ends; `misdeed` says in which call.
fn endless(misdeed: &str) -> Stage {
    let stage = Stage::empty();
    let pipeline = format!(
        "callboard = 1\n[inputs.docs]\npath = \"../data/docs.jsonl\"\n[[steps]]\nuse = \"../guests/hostile.wasm\"\n\
         config = {{ misdeed = \"{misdeed}\" }}\nlimits = {{ time = \"1h\", open = \"1h\" }}\n\
         [outputs.clean]\npath = \"out/clean.jsonl\"\n"
    );
    fs::write(stage.folder.join("pipeline.toml"), pipeline).unwrap();
    fs::create_dir(stage.folder.join("out")).unwrap();
    fs::write(stage.folder.join("out/clean.jsonl"), "as it was\n").unwrap();
    stage
}

/// Starts a command, waits until it says `line`, and interrupts it as a terminal does: the whole group.
fn interrupt_at(stage: &Stage, command: &str, line: &str) -> Said {
    let mut child = stage.command(&format!("exec {command}")).spawn().unwrap();
    let heard = hear(&mut child, line);
    let group = Pid::from_raw(child.id() as i32).unwrap();
    kill_process_group(group, Signal::INT).unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let rest = std::thread::spawn(move || {
        let mut rest = String::new();
        stderr.read_to_string(&mut rest).map(|_| rest).unwrap()
    });
    let said = ended(child, command);
    Said { stderr: heard + &rest.join().unwrap(), ..said }
}

/// Reads what is said byte by byte, so that nothing is taken from who reads on.
fn hear(child: &mut Child, line: &str) -> String {
    let mut heard = String::new();
    let mut stderr = BufReader::with_capacity(1, child.stderr.as_mut().unwrap());
    while !heard.contains(line) {
        let count = stderr.read_line(&mut heard).unwrap();
        assert!(count > 0, "`{line}` was not said, but {heard}");
    }
    heard
}

#[test]
fn an_interrupted_run_says_so_and_leaves_everything_as_it_was() {
    let stage = endless("loop-process");
    let before = stage.files();
    let said = interrupt_at(&stage, "callboard run pipeline.toml --overwrite", "stage 1 of 1");
    assert_eq!(said.code, Some(130), "{}", said.stderr);
    let last = said.stderr.lines().last().unwrap();
    assert!(last.starts_with("error: ") && last.ends_with("interrupted"), "{last}");
    assert_eq!(said.stderr.matches("error").count(), 1, "{}", said.stderr);
    assert_eq!(said.stdout, "");
    assert_eq!(stage.files(), before, "an output was touched, or something left beside it");
}

#[test]
fn an_interrupted_check_of_a_step_ends_too() {
    let stage = endless("loop-declare");
    // Warm, so that the time until the loop is short; what is said then is nothing.
    let child = stage.command("exec callboard check pipeline.toml").spawn().unwrap();
    let process = Pid::from_raw(child.id() as i32).unwrap();
    // Sent again until it has an effect: nothing tells from outside when the step loops.
    let ringing = std::thread::spawn(move || {
        for _ in 0..100 {
            std::thread::sleep(std::time::Duration::from_millis(100));
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
    let said = interrupt_at(&stage, command, "compiling hostile");
    assert_eq!(said.code, Some(130), "{}", said.stderr);
    let last = said.stderr.lines().last().unwrap();
    assert!(last.starts_with("error: ") && last.ends_with("interrupted"), "{last}");
    let left = fs::read_dir(stage.folder.join(".callboard/cache")).unwrap().count();
    assert_eq!((left, stage.files() == before), (0, true));
}
