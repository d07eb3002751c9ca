//! The threads that do a part of the work beside the one that needs it, one for each core.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::LazyLock;
use std::sync::mpsc::{Receiver, sync_channel};

use rayon::{ThreadPool, ThreadPoolBuilder};

/// The threads; `None` if the system refuses them: the caller then does the work alone.
pub fn cores() -> Option<&'static ThreadPool> {
    static CORES: LazyLock<Option<ThreadPool>> = LazyLock::new(|| ThreadPoolBuilder::new().build().ok());
    CORES.as_ref()
}

/// How many of them there are.
pub fn threads() -> usize {
    cores().map_or(1, ThreadPool::current_num_threads)
}

/// Work whose result is wanted later. Whoever drops it waits until the work ends, if it has begun.
pub struct Task<T>(Doing<T>);

enum Doing<T> {
    /// There is no second core: it is done when its result is wanted.
    Later(Box<dyn FnOnce() -> T + Send>),
    Now(Receiver<std::thread::Result<T>>),
    Done,
}

impl<T: Send + 'static> Task<T> {
    /// Begins the work in one of the threads. It must not wait for anything.
    pub fn begin(work: impl FnOnce() -> T + Send + 'static) -> Task<T> {
        let Some(pool) = cores().filter(|pool| pool.current_num_threads() > 1) else {
            return Task(Doing::Later(Box::new(work)));
        };
        let (send, result) = sync_channel(1);
        pool.spawn(move || {
            // Nobody may be waiting any more.
            let _ = send.send(catch_unwind(AssertUnwindSafe(work)));
        });
        Task(Doing::Now(result))
    }
}

impl<T> Task<T> {
    /// The result.
    ///
    /// # Panics
    ///
    /// If the work panicked.
    pub fn wait(mut self) -> T {
        match std::mem::replace(&mut self.0, Doing::Done) {
            Doing::Later(work) => work(),
            Doing::Now(result) => match result.recv().expect("work that panics says so") {
                Ok(result) => result,
                Err(panic) => resume_unwind(panic),
            },
            Doing::Done => unreachable!("a task is waited for once"),
        }
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if let Doing::Now(result) = &self.0 {
            let _ = result.recv();
        }
    }
}
