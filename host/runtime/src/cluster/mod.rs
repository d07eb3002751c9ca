//! A run cut into tasks, which processes on any machines carry out: what they share is a folder, or one of a store, the *work place*.
//!
//! 1. [`Run::place`](crate::Run::place) makes the work place: a run's folder, with `work.json` beside the sealed plan. From then on it is decided
//!    which tasks there are ([`Plan::groups`](callboard_plan::Plan::groups)).
//! 2. [`carry_out`] is one task: a part of a stage, in a folder of its own. What it reads lies in the folders of tasks before it (`spills`). When all
//!    that it leaves is on the disk, its manifest is put in place, if there is none yet: a task may run twice, or late, and counts once.
//! 3. [`drive`] asks an [`Engine`] to start the tasks whose rows are there, until each has a manifest, and puts together what they left, as stages
//!    of the run that have ended. What remains is a run that is resumed, and has only its outputs to put in their places.
//!
//! Nothing here talks to another process but by files and an engine. Where the work place is in a store, each process has a copy of what it needs
//! ([`WorkPlace`]), and works in that as in the folder; what it leaves is sent (`left`, `transfer`). One driver at a time has it (`lease`).

mod append;
mod done;
mod drive;
mod gather;
mod inside;
mod lease;
mod left;
mod local;
mod place;
mod spills;
mod task;
mod transfer;
mod work_place;

pub use done::Following;
pub use drive::{Attempt, Driving, End, Engine, drive};
pub(crate) use inside::Inside;
pub use local::Local;
pub(crate) use place::cuts;
pub use place::{Slices, submitted_to, tasks_of};
pub use task::{Lasts, TaskDone, carry_out};
pub use work_place::{Looked, WorkPlace};
