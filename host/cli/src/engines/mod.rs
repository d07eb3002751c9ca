//! Engines that people have already, which carry tasks out on other machines.
//!
//! 1. [`Elsewhere::of`] reaches the engine that the command line names, before anything is made.
//! 2. [`Elsewhere::begin`] hands it a [`Job`]: the tasks of a work place, and the driver of all, so that this process may end.
//! 3. [`Elsewhere::ended`] asks whether the job is over. What came of it lies in the work place, and [`Gone`] takes over from its driver.
//!
//! [`ray`] speaks the Jobs API, and its job asks a driver that speaks [`lines`]; [`slurm`] has arrays of jobs that wait for each other.

pub(crate) mod lines;
pub(crate) mod ray;
pub(crate) mod slurm;

use std::path::PathBuf;

use callboard_io::Stop;
use callboard_plan::TaskId;
use callboard_runtime::{Attempt, Class, End, Engine, GroupReport, RunError};

use crate::arguments::On;
use crate::exit::Failure;
use ray::{JobState, Ray};

/// What an engine is handed.
pub(crate) struct Job {
    /// The run's name, and something that tells it from others of this name.
    pub(crate) name: String,
    /// The work place, under the path or the address that every machine knows.
    pub(crate) work: PathBuf,
    /// Whether it is in a store.
    pub(crate) is_remote: bool,
    /// The command on those machines.
    pub(crate) program: String,
    /// What `callboard task` is given beside the work place and the task.
    pub(crate) arguments: Vec<String>,
    /// In order.
    pub(crate) groups: Vec<GroupReport>,
}

/// An engine whose processes do not end with this one.
pub(crate) enum Elsewhere {
    Ray(Ray),
    Slurm,
}

/// A job that an engine has begun.
pub(crate) enum Begun {
    Ray(String),
    Slurm(Vec<u64>),
}

impl Elsewhere {
    /// The engine, if it is one of these; it was reached.
    pub(crate) fn of(on: &On, stop: Stop) -> Result<Option<Elsewhere>, Failure> {
        match on {
            On::Local(_) | On::Lines => Ok(None),
            On::Ray(head) => Ray::at(head, stop).map(|ray| Some(Elsewhere::Ray(ray))),
            On::Slurm => Ok(Some(Elsewhere::Slurm)),
        }
    }

    /// Begins a job.
    pub(crate) fn begin(&self, job: &Job) -> Result<Begun, Failure> {
        match self {
            Elsewhere::Ray(ray) => ray.submit(job).map(|()| Begun::Ray(job.name.clone())),
            Elsewhere::Slurm => {
                let scripts = slurm::scripts(job, slurm::largest_array());
                slurm::submit(&scripts).map(Begun::Slurm)
            }
        }
    }

    /// How the job ended, in the engine's words; `None` while it goes on.
    pub(crate) fn ended(&self, begun: &Begun) -> Result<Option<String>, Failure> {
        match (self, begun) {
            (Elsewhere::Ray(ray), Begun::Ray(name)) => Ok(match ray.state(name)? {
                JobState::UnderWay => None,
                JobState::Ended(words) => Some(words),
                JobState::Unknown => Some("Ray no longer knows it".to_owned()),
            }),
            (Elsewhere::Slurm, Begun::Slurm(jobs)) => slurm::ended(jobs),
            _ => Ok(Some("it was begun by another engine".to_owned())),
        }
    }
}

impl Begun {
    /// For people.
    pub(crate) fn words(&self) -> String {
        match self {
            Begun::Ray(name) => format!("job {name}"),
            Begun::Slurm(jobs) => {
                let jobs: Vec<String> = jobs.iter().map(u64::to_string).collect();
                format!("{} {}", if jobs.len() == 1 { "job" } else { "jobs" }, jobs.join(", "))
            }
        }
    }
}

/// In place of an engine whose job is over: it starts nothing, and has whatever tasks wrote down of their failures looked at once. Then it fails, in
/// the engine's words.
pub(crate) struct Gone {
    words: String,
    asked: Option<Vec<TaskId>>,
}

impl Gone {
    pub(crate) fn new(words: String) -> Gone {
        Gone { words, asked: Some(Vec::new()) }
    }
}

impl Engine for Gone {
    fn start(&mut self, tasks: &[TaskId]) -> Result<(), RunError> {
        self.asked.iter_mut().for_each(|asked| asked.extend(tasks));
        Ok(())
    }

    fn poll(&mut self) -> Result<Vec<Attempt>, RunError> {
        match self.asked.take() {
            Some(asked) => Ok(asked.into_iter().map(|task| Attempt { task, end: End::Failed }).collect()),
            None => Err(RunError::new(Class::System, format!("the job ended before its tasks: {}", self.words))),
        }
    }
}
