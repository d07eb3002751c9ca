//! A program run to its end: how long it took, what the processors did for it, and the memory it had.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};

use crate::Result;

/// What a program came to.
#[derive(Clone, Copy, Debug)]
pub struct Ran {
    /// From before it is started until it has ended, seconds.
    pub wall: f64,
    /// Processor time of it and its children, seconds.
    pub processor: f64,
    /// The most memory that it had.
    pub memory: Memory,
}

/// Memory at one moment, or the most of each, bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// Resident, as `VmRSS` and `VmHWM` of `/proc`.
    pub resident: u64,
    /// Of that, what no file backs: `RssAnon`.
    pub anonymous: u64,
    /// Of a program with its children, what is shared counted once (`Pss`); 0 where only the program was watched.
    pub proportional: u64,
}

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// The program itself, every 5 ms.
    Process,
    /// The program and all that it starts, every 200 ms: asking is dear.
    Tree,
}

/// Runs a program that must end well. Its output is kept for the error.
///
/// # Errors
///
/// It cannot be run, or fails.
pub fn run(command: &mut Command, watch: Watch) -> Result<Ran> {
    let said = tempfile::tempfile().map_err(|error| format!("cannot keep what is said: {error}"))?;
    let shared = || said.try_clone().map_err(|error| format!("cannot keep what is said: {error}"));
    command.stdin(Stdio::null()).stdout(shared()?).stderr(shared()?);
    let words = format!("{command:?}");
    // What others wrote before goes to the disk first, so that it does not while this runs.
    rustix::fs::sync();
    let before = processor_seconds();
    let began = Instant::now();
    let mut child = command.spawn().map_err(|error| format!("`{words}` could not be run: {error}"))?;
    let (status, memory) = watched(&mut child, watch)?;
    let (wall, processor) = (began.elapsed().as_secs_f64(), processor_seconds() - before);
    if !status.success() {
        return Err(format!("`{words}` failed ({status}):\n{}", last_words(said)));
    }
    Ok(Ran { wall, processor, memory })
}

/// What a program that ends well says on its standard output.
///
/// # Errors
///
/// It cannot be run, or fails.
pub fn said(command: &mut Command) -> Result<String> {
    let words = format!("{command:?}");
    let output = command.output().map_err(|error| format!("`{words}` could not be run: {error}"))?;
    let [said, wrong] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    if output.status.success() { Ok(said) } else { Err(format!("`{words}` failed ({}):\n{wrong}", output.status)) }
}

fn watched(child: &mut Child, watch: Watch) -> Result<(ExitStatus, Memory)> {
    let (id, done) = (child.id(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let sampler = scope.spawn(|| {
            let mut most = Memory::default();
            while !done.load(Ordering::Relaxed) {
                let now = of_process(id);
                most.resident = most.resident.max(now.resident);
                most.anonymous = most.anonymous.max(now.anonymous);
                if watch == Watch::Tree {
                    most.proportional = most.proportional.max(tree(id).into_iter().map(proportional).sum());
                }
                std::thread::park_timeout(Duration::from_millis(if watch == Watch::Tree { 200 } else { 5 }));
            }
            most
        });
        let status = child.wait().map_err(|error| format!("cannot wait for it: {error}"));
        done.store(true, Ordering::Relaxed);
        sampler.thread().unpark();
        Ok((status?, sampler.join().expect("it only reads")))
    })
}

/// Processor time of all children that have ended and were waited for.
fn processor_seconds() -> f64 {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_CHILDREN) else { return f64::NAN };
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    seconds(usage.user_time()) + seconds(usage.system_time())
}

fn of_process(id: u32) -> Memory {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let resident = figure(&status, "VmHWM:").max(figure(&status, "VmRSS:"));
    Memory { resident, anonymous: figure(&status, "RssAnon:"), proportional: 0 }
}

fn proportional(id: u32) -> u64 {
    figure(&std::fs::read_to_string(format!("/proc/{id}/smaps_rollup")).unwrap_or_default(), "Pss:")
}

fn figure(text: &str, key: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// A process and all that come from it.
fn tree(root: u32) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parents: Vec<(u32, u32)> = ids.filter_map(|id| Some((id, parent(id)?))).collect();
    let mut tree = vec![root];
    let mut next = 0;
    while let Some(at) = tree.get(next).copied() {
        tree.extend(parents.iter().filter(|(_, parent)| *parent == at).map(|(id, _)| *id));
        next += 1;
    }
    tree
}

fn parent(id: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name is in brackets, and may hold anything.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn last_words(mut said: std::fs::File) -> String {
    use std::io::{Read, Seek};
    let mut text = Vec::new();
    let _ = said.rewind().and_then(|()| said.read_to_end(&mut text));
    let text = String::from_utf8_lossy(&text);
    let from = text.floor_char_boundary(text.len().saturating_sub(3000));
    text[from..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_does_is_seen_and_what_it_says_when_it_fails() {
        let busy = run(
            Command::new("sh").args(["-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; sleep 0.05"]),
            Watch::Tree,
        );
        let busy = busy.unwrap();
        assert!(busy.wall >= 0.05 && busy.processor > 0.0, "{busy:?}");
        assert!(busy.memory.resident > 0 && busy.memory.proportional > 0, "{busy:?}");
        let error = run(Command::new("sh").args(["-c", "echo because >&2; exit 3"]), Watch::Process).unwrap_err();
        assert!(error.contains("exit status: 3") && error.ends_with("because\n"), "{error}");
    }
}
