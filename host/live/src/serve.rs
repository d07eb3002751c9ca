//! The page and the metrics of a run that goes on, over HTTP, behind a token in the address.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use callboard_page::{PAUSED, REFRESH, live_page, page, waiting_page};
use callboard_plan::Plan;
use callboard_runtime::{Report, Window};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::{TokioIo, TokioTimer};
use rand::RngExt;
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::time::{sleep, timeout};

use crate::figures::figures;
use crate::guard::{Asked, asked};
use crate::prometheus;

/// How many are answered at one moment; others wait.
const AT_ONCE: u32 = 16;
/// How long one may take to ask, and to take its answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long whoever looks at the page may take to ask for the last one.
const LAST: Duration = Duration::from_secs(REFRESH as u64 + 1);

/// Shows a run until it is dropped. If somebody is looking at the page then, it stays for a moment, so that they see how the run ended.
pub struct Server {
    address: SocketAddr,
    shown: Arc<Shown>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What is shown, and to whom.
struct Shown {
    token: String,
    window: Window,
    ended: Mutex<Option<Ended>>,
    /// When the page was last asked for.
    asked: Mutex<Option<Instant>>,
    /// Somebody has seen the last page.
    seen: Notify,
}

/// A run that has ended.
struct Ended {
    page: String,
    metrics: String,
}

impl Server {
    /// Listens at an address, at any free port if its port is 0. Whoever has the token sees the page; without one, it is made.
    ///
    /// # Errors
    ///
    /// The system refuses the address or a thread.
    pub fn begin(address: SocketAddr, token: Option<String>, window: Window) -> io::Result<Server> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let token = token.unwrap_or_else(|| format!("{:032x}", rand::rng().random::<u128>()));
        let (ended, asked, seen) = (Mutex::default(), Mutex::default(), Notify::new());
        let shown = Arc::new(Shown { token, window, ended, asked, seen });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let serving = shown.clone();
        let serve = move || {
            runtime.block_on(async {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
                let places = Arc::new(Semaphore::new(AT_ONCE as usize));
                tokio::select! {
                    () = accept(&listener, &serving, &places) => {}
                    () = async { let _ = stopped.await; serving.leave().await } => {}
                }
                // Answers that are on their way.
                let _ = timeout(Duration::from_millis(500), places.acquire_many(AT_ONCE)).await;
            });
        };
        let thread = thread::Builder::new().name("serve".to_owned()).spawn(serve)?;
        Ok(Server { address, shown, stop: Some(stop), thread: Some(thread) })
    }

    /// Where the page is; `metrics` behind it are the metrics.
    pub fn url(&self) -> String {
        format!("http://{}/{}/", self.address, self.shown.token)
    }

    /// Shows how the run ended, from now on.
    pub fn ended(&self, report: &Report, plan: Option<&Plan>) {
        let ended = Ended { page: page(report, plan, &[]), metrics: prometheus::text(figures(report, plan)) };
        *lock(&self.shown.ended) = Some(ended);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.thread.take().map(JoinHandle::join);
    }
}

async fn accept(listener: &tokio::net::TcpListener, shown: &Arc<Shown>, places: &Arc<Semaphore>) {
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // Such as too many open files.
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let shown = shown.clone();
        tokio::spawn(async move {
            let answer = service_fn(|request| {
                let answer = shown.answer(&request);
                async { Ok::<_, Infallible>(answer) }
            });
            let connection = http1::Builder::new()
                .keep_alive(false)
                .timer(TokioTimer::new())
                .header_read_timeout(PATIENCE)
                .serve_connection(TokioIo::new(stream), answer);
            // Whoever goes away in the middle is nobody's concern.
            let _ = timeout(PATIENCE, connection).await;
            drop(place);
        });
    }
}

impl Shown {
    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let of_html = "text/html; charset=utf-8";
        let of_text = "text/plain; charset=utf-8";
        let (status, kind, text) = match asked(&self.token, request.uri(), request.headers()) {
            None => (StatusCode::FORBIDDEN, of_text, "the whole address, with its token, is needed\n".to_owned()),
            Some(_) if ![Method::GET, Method::HEAD].contains(request.method()) => {
                (StatusCode::METHOD_NOT_ALLOWED, of_text, "GET is all that can be asked\n".to_owned())
            }
            // There is none, and that is no fault that a browser has to write down.
            Some(Asked::Icon) => (StatusCode::NO_CONTENT, of_text, String::new()),
            Some(Asked::Nothing) => {
                (StatusCode::NOT_FOUND, of_text, "there is the page, and `metrics` below it\n".to_owned())
            }
            Some(Asked::Page) => (StatusCode::OK, of_html, self.page(request.uri().query() == Some(PAUSED))),
            Some(Asked::Metrics) => (StatusCode::OK, prometheus::TYPE, self.metrics()),
        };
        let mut response = Response::new(Full::new(Bytes::from(text)));
        *response.status_mut() = status;
        let headers = [
            (header::CONTENT_TYPE, kind),
            (header::CACHE_CONTROL, "no-store"),
            (
                header::CONTENT_SECURITY_POLICY,
                "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            ),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        ];
        for (name, value) in headers {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }

    fn page(&self, paused: bool) -> String {
        *lock(&self.asked) = Some(Instant::now());
        if let Some(ended) = &*lock(&self.ended) {
            self.seen.notify_one();
            return ended.page.clone();
        }
        match self.window.look() {
            Some((report, plan)) => live_page(&report, &plan, paused),
            None => waiting_page(),
        }
    }

    fn metrics(&self) -> String {
        match &*lock(&self.ended) {
            Some(ended) => ended.metrics.clone(),
            None => {
                let seen = self.window.look();
                prometheus::text(seen.map(|(report, plan)| figures(&report, Some(&plan))).unwrap_or_default())
            }
        }
    }

    /// Waits until whoever looks at the page has seen the last one.
    async fn leave(&self) {
        let has_ended = lock(&self.ended).is_some();
        let asked = lock(&self.asked).map(|asked| asked.elapsed());
        if let Some(ago) = asked.filter(|ago| has_ended && *ago < LAST) {
            let _ = timeout(LAST - ago, self.seen.notified()).await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is left half done in any.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
