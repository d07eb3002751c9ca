//! Spans and metrics for a collector of OpenTelemetry, by its protocol over HTTP.
//!
//! A thread looks at the run every ten seconds and when a stage has ended, and sends what is new. The run waits for it at its end
//! alone, and no longer than [`LAST`]. What goes wrong is said once, and what a collector did not take goes with what is sent next.

mod messages;
mod metrics;
mod send;
mod settings;
mod spans;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use callboard_plan::Plan;
use callboard_runtime::{Event, Observer, Report, Window};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use self::messages::{KeyValue, Resource, Scope};
use self::send::{Fault, Sender};
use self::spans::Spans;
use crate::figures::{Figure, figures};

pub use self::settings::{Settings, TelemetryError};

/// Between two requests with metrics.
const OFTEN: Duration = Duration::from_secs(10);
/// The most that a run waits at its end for a collector.
const LAST: Duration = Duration::from_secs(5);

/// Sends what a run does until [`Telemetry::end`].
pub struct Telemetry {
    tells: UnboundedSender<Heard>,
    done: Receiver<()>,
    spans: Arc<Mutex<Spans>>,
    complaint: Arc<Complaint>,
}

/// What the thread hears.
enum Heard {
    StageEnded,
    Ended(Metrics),
}

/// Figures of a run that began then, nanoseconds since 1970.
struct Metrics {
    figures: Vec<Figure>,
    began: u64,
}

impl Metrics {
    fn of(report: &Report, plan: Option<&Plan>) -> Metrics {
        let began = Duration::from_secs_f64(report.began_at.max(0.0)).as_nanos() as u64;
        Metrics { figures: figures(report, plan), began }
    }
}

/// Says what went wrong, once.
struct Complaint {
    said: AtomicBool,
    say: Box<dyn Fn(String) + Send + Sync>,
}

impl Complaint {
    fn about(&self, what: &str) {
        if !self.said.swap(true, Ordering::Relaxed) {
            (self.say)(format!(
                "the collector of OpenTelemetry did not take all that was sent: {what}; the run is not affected"
            ));
        }
    }
}

impl Telemetry {
    /// Begins to send what is seen through a window. `say` is called at most once, with what went wrong.
    ///
    /// # Errors
    ///
    /// There is no client of HTTP, or no thread.
    pub fn begin(
        settings: Settings,
        window: Window,
        say: impl Fn(String) + Send + Sync + 'static,
    ) -> Result<Telemetry, TelemetryError> {
        let client = callboard_io::web_client().map_err(TelemetryError::Client)?;
        let system = |error: std::io::Error| TelemetryError::Client(error.to_string());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(system)?;
        let (tells, hears) = unbounded_channel();
        let (at_end, done) = sync_channel(1);
        let spans = Arc::new(Mutex::new(Spans::new()));
        let complaint = Arc::new(Complaint { said: AtomicBool::new(false), say: Box::new(say) });
        let sending = Sending {
            resource: settings.resource(),
            sender: Sender::new(client, settings),
            window,
            spans: spans.clone(),
            complaint: complaint.clone(),
        };
        let send = move || {
            runtime.block_on(sending.until_the_end(hears));
            // Whoever waited may have gone.
            let _ = at_end.send(());
        };
        thread::Builder::new().name("telemetry".to_owned()).spawn(send).map_err(system)?;
        Ok(Telemetry { tells, done, spans, complaint })
    }

    /// An observer that hears when stages end, and passes all events on.
    pub fn over(&self, observer: Observer) -> Observer {
        let (spans, tells) = (self.spans.clone(), self.tells.clone());
        Observer::new(move |event| {
            if let Event::Ended { stage, took, .. } = &event {
                lock(&spans).stage_ended(*stage, *took, now());
                // The thread may have ended.
                let _ = tells.send(Heard::StageEnded);
            }
            observer.tell(event);
        })
    }

    /// Sends how the run ended, which takes a few seconds at most.
    pub fn end(self, report: &Report, plan: Option<&Plan>) {
        lock(&self.spans).take(report, true);
        let _ = self.tells.send(Heard::Ended(Metrics::of(report, plan)));
        if self.done.recv_timeout(LAST).is_err() {
            self.complaint.about(&format!("no answer within {} seconds of the run's end", LAST.as_secs()));
        }
    }
}

/// What the thread has.
struct Sending {
    resource: Resource,
    sender: Sender,
    window: Window,
    spans: Arc<Mutex<Spans>>,
    complaint: Arc<Complaint>,
}

impl Sending {
    async fn until_the_end(self, mut hears: UnboundedReceiver<Heard>) {
        loop {
            match tokio::time::timeout(OFTEN, hears.recv()).await {
                Ok(Some(Heard::Ended(metrics))) => return self.send(metrics).await,
                Ok(None) => return,
                Ok(Some(Heard::StageEnded)) | Err(_) => {
                    if let Some((report, plan)) = self.window.look() {
                        lock(&self.spans).take(&report, false);
                        self.send(Metrics::of(&report, Some(&plan))).await;
                    }
                }
            }
        }
    }

    async fn send(&self, Metrics { figures, began }: Metrics) {
        let spans = lock(&self.spans).waiting().to_vec();
        if !spans.is_empty() {
            let sent = self.sender.send_spans(&spans::request(&self.resource, &spans)).await;
            if !sent.as_ref().is_err_and(|fault| fault.may_pass) {
                lock(&self.spans).sent(spans.len());
            }
            self.complain(sent);
        }
        let request = metrics::request(&self.resource, &figures, began, now());
        self.complain(self.sender.send_metrics(&request).await);
    }

    fn complain(&self, sent: Result<(), Fault>) {
        if let Err(fault) = sent {
            self.complaint.about(&fault.what);
        }
    }
}

fn lock(spans: &Mutex<Spans>) -> MutexGuard<'_, Spans> {
    // Nothing is left half done in it.
    spans.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Nanoseconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64
}

fn scope() -> Option<Scope> {
    Some(Scope { name: "callboard".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() })
}

fn text(key: &str, value: &str) -> KeyValue {
    /// The most of a text that is sent, bytes: collectors cut or refuse longer ones.
    const LONGEST: usize = 4_000;
    KeyValue::text(key, &value[..value.floor_char_boundary(LONGEST)])
}
