//! The threads that look at what lies on the disk, one for each core.

use std::sync::LazyLock;

use rayon::{ThreadPool, ThreadPoolBuilder};

/// The threads; `None` if the system refuses them: the caller then does the work alone.
pub fn cores() -> Option<&'static ThreadPool> {
    static CORES: LazyLock<Option<ThreadPool>> = LazyLock::new(|| ThreadPoolBuilder::new().build().ok());
    CORES.as_ref()
}
