//! Slurm: an array of jobs for each group of tasks, which begins when the group before it has ended well, and the driver behind the last one.
//!
//! A job that Slurm requeues, of a node that was lost or for a job of higher priority, carries its task out again: a task commits once.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use callboard_runtime::{Class, GroupReport};

use super::Job;
use crate::exit::{Failure, quoted};

/// The largest array where Slurm does not say what it allows; its own default.
pub(crate) const LARGEST_ARRAY: u32 = 1000;
/// How often a task that the system failed is begun again by its job.
const AGAIN: u32 = 3;
/// What the driver asks for, bytes.
const DRIVER_BYTES: u64 = 512 << 20;

/// A job, or an array of them.
pub(crate) struct Script {
    /// What it is called in the queue.
    pub(crate) name: String,
    /// Those of [`scripts`] that have to end well before it, by their places in that list.
    pub(crate) after: Vec<usize>,
    /// What `sbatch` is given.
    pub(crate) text: String,
}

/// The scripts of a job, in the order in which they are submitted.
pub(crate) fn scripts(job: &Job, largest: u32) -> Vec<Script> {
    let mut scripts: Vec<Script> = Vec::new();
    // By group, the places of its scripts.
    let mut of_group: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for group in &job.groups {
        let after: Vec<usize> =
            group.after.iter().filter_map(|before| of_group.get(before)).flatten().copied().collect();
        for first in (0..group.tasks).step_by(largest.max(1) as usize) {
            of_group.entry(group.group).or_default().push(scripts.len());
            scripts.push(array(job, group, first, largest.min(group.tasks - first), after.clone()));
        }
    }
    let name = format!("{}.drive", job.name);
    let body = format!("exec {} drive --starts-nothing --quiet{}", task_of(job), flags(job));
    let text = script(&name, None, 1, DRIVER_BYTES, job, &body);
    let after = (0..scripts.len()).collect();
    scripts.push(Script { name, after, text });
    scripts
}

/// `callboard task WORK`.
fn task_of(job: &Job) -> String {
    format!("{} task {}", quoted(&job.program), quoted(&job.work))
}

fn flags(job: &Job) -> String {
    job.arguments.iter().map(|argument| format!(" {}", quoted(argument))).collect()
}

fn array(job: &Job, group: &GroupReport, first: u32, count: u32, after: Vec<usize>) -> Script {
    let name = format!("{}.{}", job.name, group.group);
    let number =
        if first > 0 { format!("$((SLURM_ARRAY_TASK_ID + {first}))") } else { "$SLURM_ARRAY_TASK_ID".to_owned() };
    let body = format!(
        "{} \"$(printf '{}.%04d' {number})\" --quiet{}\n\
         code=$?\n\
         # The system failed, not the pipeline: again, on any node.\n\
         if {{ [ $code -eq 5 ] || [ $code -ge 128 ]; }} && [ \"${{SLURM_RESTART_COUNT:-0}}\" -lt {AGAIN} ]; then\n  \
         scontrol requeue \"$SLURM_JOB_ID\" && sleep 60\n\
         fi\n\
         exit $code",
        task_of(job),
        group.group,
        flags(job),
    );
    let text = script(&name, Some(count), group.cores, group.memory_bytes, job, &body);
    Script { name, after, text }
}

fn script(name: &str, array: Option<u32>, cores: u32, memory: u64, job: &Job, body: &str) -> String {
    let mut text = format!("#!/bin/sh\n#SBATCH --job-name={}\n", quoted(name));
    if let Some(count) = array {
        let _ = writeln!(text, "#SBATCH --array=0-{}", count - 1);
    }
    let log = if array.is_some() { "slurm-%A_%a.log" } else { "slurm-%j.log" };
    let log = match job.is_remote {
        // Where `submit` was.
        true => log.to_owned(),
        // In a file's name Slurm puts numbers in place of what a `%` begins.
        false => format!("{}/{log}", job.work.display().to_string().replace('%', "%%")),
    };
    let _ = write!(
        text,
        "#SBATCH --cpus-per-task={cores}\n#SBATCH --mem={}M\n#SBATCH --requeue\n#SBATCH --open-mode=append\n\
         #SBATCH --output={}\n{body}\n",
        memory.div_ceil(1 << 20),
        quoted(log),
    );
    text
}

/// Hands scripts to Slurm. Returns the numbers of their jobs.
pub(crate) fn submit(scripts: &[Script]) -> Result<Vec<u64>, Failure> {
    let mut jobs: Vec<u64> = Vec::new();
    for script in scripts {
        let mut sbatch = Command::new("sbatch");
        sbatch.arg("--parsable");
        if !script.after.is_empty() {
            let after: Vec<String> = script.after.iter().map(|at| jobs[*at].to_string()).collect();
            // What waits for something that failed never begins: it leaves the queue.
            sbatch.arg(format!("--dependency=afterok:{}", after.join(":"))).arg("--kill-on-invalid-dep=yes");
        }
        match said(&mut sbatch, &script.text) {
            Ok(job) => jobs.push(job),
            Err(failure) => {
                cancel(&jobs);
                return Err(failure);
            }
        }
    }
    Ok(jobs)
}

/// The number of the job that was made.
fn said(sbatch: &mut Command, script: &str) -> Result<u64, Failure> {
    let spawned = sbatch.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.map_err(|error| {
        Failure::system("start `sbatch`", &error).help("run this where Slurm's commands are, such as its login node")
    })?;
    let written = child.stdin.take().map_or(Ok(()), |mut input| input.write_all(script.as_bytes()));
    let ended = child.wait_with_output().map_err(|error| Failure::system("wait for `sbatch`", &error))?;
    let text = String::from_utf8_lossy(&ended.stdout);
    // `JOB` or `JOB;CLUSTER`.
    let job = text.trim().split(';').next().and_then(|job| job.parse().ok());
    match (ended.status.success(), job) {
        (true, Some(job)) => {
            written.map_err(|error| Failure::system("give `sbatch` its script", &error))?;
            Ok(job)
        }
        _ => {
            let words = String::from_utf8_lossy(&ended.stderr).trim().to_owned();
            Err(Failure::other(Class::System, format!("Slurm refuses the job: {words}")))
        }
    }
}

/// Takes jobs back, as far as that is possible.
fn cancel(jobs: &[u64]) {
    if !jobs.is_empty() {
        let _ = Command::new("scancel").args(jobs.iter().map(u64::to_string)).status();
    }
}

/// How jobs ended, if none of them is in the queue any more.
pub(crate) fn ended(jobs: &[u64]) -> Result<Option<String>, Failure> {
    let list = jobs.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
    let asked =
        Command::new("squeue").args(["--noheader", "--jobs", &list, "--format", "%T"]).stdin(Stdio::null()).output();
    let asked = asked.map_err(|error| Failure::system("start `squeue`", &error))?;
    let words = String::from_utf8_lossy(&asked.stderr).trim().to_owned();
    match (asked.status.success(), asked.stdout.trim_ascii().is_empty()) {
        (true, false) => Ok(None),
        // Slurm forgets jobs some time after their end.
        (true, true) => Ok(Some("Slurm has none of its jobs any more".to_owned())),
        (false, _) if words.contains("Invalid job id") => Ok(Some("Slurm has none of its jobs any more".to_owned())),
        (false, _) => Err(Failure::other(Class::System, format!("Slurm does not say how its jobs are: {words}"))),
    }
}

/// The largest array that Slurm allows here.
pub(crate) fn largest_array() -> u32 {
    let asked = Command::new("scontrol").args(["show", "config"]).stdin(Stdio::null()).output();
    let text = asked.map(|ended| String::from_utf8_lossy(&ended.stdout).into_owned()).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MaxArraySize")?.trim_start().strip_prefix('='));
    // Numbers are less than it.
    line.and_then(|number| number.trim().parse().ok()).filter(|number| *number > 1).unwrap_or(LARGEST_ARRAY)
}

/// Scripts as they would be submitted, one behind the other.
pub(crate) fn shown(scripts: &[Script]) -> String {
    let of = |(at, script): (usize, &Script)| {
        let after: Vec<String> = script.after.iter().map(|at| (at + 1).to_string()).collect();
        let after = if after.is_empty() { String::new() } else { format!(", after {} ended well", after.join(", ")) };
        format!("# {} of {}: {}{after}\n{}", at + 1, scripts.len(), script.name, script.text)
    };
    scripts.iter().enumerate().map(of).collect::<Vec<_>>().join("\n")
}
