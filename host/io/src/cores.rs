//! The threads that do a part of the work beside the one that needs it, one for each core.

use std::collections::VecDeque;
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

/// Passes the results for all items to `to`, in order, until one is an error. `at_once` of them are worked on or wait at a time, one more
/// while it is taken. Neither the work nor who calls this may be in one of the threads already; the items come in the thread of the caller.
///
/// # Errors
/// The first error, of the work or of `to`.
pub fn in_order<I: Send, T: Send, E: Send>(
    items: impl IntoIterator<Item = I>,
    at_once: usize,
    work: impl Fn(I) -> Result<T, E> + Sync,
    mut to: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    let mut items = items.into_iter();
    let are_several = items.size_hint().1.is_none_or(|most| most > 1);
    let Some(pool) = cores().filter(|pool| are_several && pool.current_num_threads() > 1) else {
        return items.try_for_each(|item| to(work(item)?));
    };
    let work = &work;
    pool.in_place_scope(|scope| {
        let mut begun = items.map(|item| {
            let (send, result) = sync_channel(1);
            // Where one of those before it has failed, nobody waits for it.
            scope.spawn(move |_| drop(send.send(work(item))));
            result
        });
        let mut coming: VecDeque<_> = begun.by_ref().take(at_once).collect();
        while let Some(next) = coming.pop_front() {
            // Work that panics says so when the scope ends.
            let Ok(result) = next.recv() else { break };
            coming.extend(begun.next());
            to(result?)?;
        }
        Ok(())
    })
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
            return Task::later(work);
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
    /// Work that is done by whoever wants its result.
    pub(crate) fn later(work: impl FnOnce() -> T + Send + 'static) -> Task<T> {
        Task(Doing::Later(Box::new(work)))
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_until_one_fails() {
        let of = |failing: usize| {
            let mut taken = Vec::new();
            let work = |at: usize| if at == failing { Err("work") } else { Ok(at) };
            let ended = in_order(0..100, 3, work, |at| {
                taken.push(at);
                Ok(())
            });
            (taken, ended)
        };
        assert_eq!(of(100), ((0..100).collect(), Ok(())));
        assert_eq!(of(70), ((0..70).collect(), Err("work")));
        assert_eq!(of(0), (Vec::new(), Err("work")));
        let mut taken = 0;
        let full = in_order(0..100, 3, Ok, |at| {
            taken = at;
            if at == 9 { Err("to") } else { Ok(()) }
        });
        assert_eq!((full, taken), (Err("to"), 9));
    }
}
