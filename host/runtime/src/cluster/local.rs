//! The simplest engine: processes of this machine.

use std::collections::VecDeque;
use std::process::{Child, Command};

use callboard_plan::TaskId;

use super::drive::{Attempt, End, Engine};
use crate::error::RunError;

/// Carries tasks out in processes of this machine, some at a time.
pub struct Local {
    command: Box<dyn Fn(TaskId) -> Command>,
    most: usize,
    waiting: VecDeque<TaskId>,
    running: Vec<(TaskId, Child)>,
}

impl Local {
    /// At most this many processes at a time, each of which `command` starts for its task.
    pub fn new(most: usize, command: impl Fn(TaskId) -> Command + 'static) -> Local {
        Local { command: Box::new(command), most: most.max(1), waiting: VecDeque::new(), running: Vec::new() }
    }
}

impl Engine for Local {
    fn start(&mut self, tasks: &[TaskId]) -> Result<(), RunError> {
        self.waiting.extend(tasks);
        Ok(())
    }

    fn poll(&mut self) -> Result<Vec<Attempt>, RunError> {
        let mut ended = Vec::new();
        let mut running = Vec::new();
        for (task, mut child) in self.running.drain(..) {
            match child.try_wait() {
                Ok(None) => running.push((task, child)),
                Ok(Some(status)) if status.success() => ended.push(Attempt { task, end: End::Done }),
                // One that was killed could not say why.
                Ok(Some(status)) if status.code().is_none() => {
                    ended.push(Attempt { task, end: End::Lost(status.to_string()) });
                }
                Ok(Some(_)) => ended.push(Attempt { task, end: End::Failed }),
                Err(error) => ended.push(Attempt { task, end: End::Lost(error.to_string()) }),
            }
        }
        self.running = running;
        while self.running.len() < self.most {
            let Some(task) = self.waiting.pop_front() else { break };
            let child = (self.command)(task).spawn();
            let child = child.map_err(|error| RunError::unwritten("start a task", &error))?;
            self.running.push((task, child));
        }
        Ok(ended)
    }
}

impl Drop for Local {
    /// What is still running when the run has failed is of no use to anybody.
    fn drop(&mut self) {
        for (_, child) in &mut self.running {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
