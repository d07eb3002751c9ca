//! What an instance is made with: its limits, what it may reach, and who counts and hears it.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::log::LogLimits;
use super::profile::Profiles;
use crate::events::Observer;
use crate::meter::Gauge;
use crate::reach::Reach;
use crate::returnable::Returnable;

/// What a budget of many instances leaves for the data of one call, and that budget, both bytes.
pub type Allowance = Arc<dyn Fn() -> Option<(u64, u64)> + Send + Sync>;

/// Asked now and then while a call goes on, by the thread that makes it: true ends the call.
pub type Look = Arc<dyn Fn() -> bool + Send + Sync>;

/// What an instance is made with.
#[derive(Clone)]
#[non_exhaustive]
pub struct InstanceConfig {
    /// The step's name, for its log and its errors.
    pub step: Arc<str>,
    /// The most linear memory, and memory of tables, bytes.
    pub memory: u64,
    /// What all instances together may have, bytes; for the words of an error, the gauge refuses.
    pub budget: Option<u64>,
    /// The longest that one call may take.
    pub time: Duration,
    /// The longest that `open` may take.
    pub open: Duration,
    /// The most data that it may hand the host in one call, bytes.
    pub returned: u64,
    /// The most that it may log.
    pub log: LogLimits,
    /// What it may reach outside.
    pub reach: Arc<Reach>,
    /// The seed of its random numbers.
    pub seed: u64,
    /// Where its memory is counted.
    pub gauge: Arc<Gauge>,
    /// Where its log goes.
    pub observer: Observer,
    /// What less than `returned` it may hand the host, asked before each call.
    pub allowance: Option<Allowance>,
    /// Where its profile is gathered, if it is profiled.
    pub profiles: Option<Arc<Profiles>>,
    /// Whether to end a call, if nothing but its caller's thread can tell.
    pub look: Option<Look>,
    /// Ends every call at once.
    pub cancel: CancellationToken,
    /// Ends calls that may take long; a batch that is being processed is finished.
    pub interrupt: CancellationToken,
}

impl InstanceConfig {
    /// The limits of a pipeline's step that sets none, no grants, and a log that nobody reads.
    pub fn new(step: &str) -> InstanceConfig {
        InstanceConfig {
            step: Arc::from(step),
            memory: 1 << 30,
            budget: None,
            time: Duration::from_secs(60),
            open: Duration::from_secs(600),
            returned: 128 << 20,
            log: LogLimits::default(),
            reach: Arc::default(),
            seed: 0,
            gauge: Arc::default(),
            observer: Observer::nobody(),
            allowance: None,
            profiles: None,
            look: None,
            cancel: CancellationToken::new(),
            interrupt: CancellationToken::new(),
        }
    }

    /// With at most this much linear memory, bytes.
    pub fn memory(mut self, bytes: u64) -> InstanceConfig {
        self.memory = bytes;
        self
    }

    /// With calls that take at most this long, `open` among them.
    pub fn time(mut self, longest: Duration) -> InstanceConfig {
        (self.time, self.open) = (longest, longest);
        self
    }

    /// With a log that goes to `observer`.
    pub fn observer(mut self, observer: Observer) -> InstanceConfig {
        self.observer = observer;
        self
    }

    /// What the next call may hand the host.
    pub fn returnable(&self) -> Returnable {
        let limit = Returnable::of(self.returned);
        match self.allowance.as_ref().and_then(|allowance| allowance()) {
            Some((left, budget)) => limit.within(left, budget),
            None => limit,
        }
    }
}
