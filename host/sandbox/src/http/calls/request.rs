//! One request, from a step's question to its outcome: known already, under way already, or sent, as often as need be.

use std::sync::Arc;
use std::time::Duration;

use callboard_plan::Mode;
use chrono::Utc;
use hyper::body::Bytes;
use hyper::http::request::Parts;
use tokio_util::sync::CancellationToken;

use super::Shared;
use crate::error::{Class, SandboxError};
use crate::http::Granted;
use crate::http::address;
use crate::http::allow::{Refused, Target};
use crate::http::journal::{CallKey, Journal, Question};
use crate::http::reply::{Failed, Reply};
use crate::http::said::{exhausted, is_bearable, retry_after};
use crate::http::send::{Payload, Sending, Waits, tls};
use crate::http::server::{Server, Turned};
use crate::http::usage::{Need, Tokens};

/// Before the first repetition; each pause after it is twice as long, up to the longest.
pub(in crate::http) const FIRST_PAUSE: Duration = Duration::from_millis(500);
pub(in crate::http) const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The most bytes of a reply's body.
pub(in crate::http) const LARGEST_REPLY: u64 = 64 << 20;

/// What came of a request: for a step, or a reason to end the run.
pub(in crate::http) type Outcome = Result<Result<Reply, Failed>, SandboxError>;

/// A request that may be sent.
pub(in crate::http) struct Asked {
    pub(in crate::http) target: Target,
    /// With the secret, and with the name of the host.
    pub(in crate::http) head: Parts,
    pub(in crate::http) body: Bytes,
    pub(in crate::http) waits: Waits,
    pub(in crate::http) key: CallKey,
    pub(in crate::http) attempt: u32,
    /// Whether it may be part of an offline batch.
    pub(in crate::http) defers: bool,
}

impl Asked {
    fn url(&self) -> String {
        self.head.uri.to_string()
    }
}

fn question<'a>(asked: &'a Asked, url: &'a str, server: &'a Server) -> Question<'a> {
    let method = asked.head.method.as_str();
    Question { method, url, body: &asked.body, attempt: asked.attempt, server: &server.name }
}

impl Shared {
    /// The outcome, of whoever asked for it first.
    pub(super) async fn ask(
        &self,
        step: &Granted,
        server: &Arc<Server>,
        asked: Asked,
        gone: &CancellationToken,
    ) -> Outcome {
        let Some(journal) = self.journal.get().filter(|_| server.limits.journal) else {
            return self.asked(step, server, &asked, gone, None).await;
        };
        let url = asked.url();
        let offline = self.offline.get();
        let was_fetched = offline.is_some_and(|offline| offline.hands_out(&asked.key));
        if let Some(reply) = known(&**journal, server, step, &asked, &url, was_fetched) {
            return Ok(Ok(reply));
        }
        if asked.defers
            && server.limits.mode == Mode::Batch
            && let Some(offline) = offline
            && let Some(outcome) = offline.ask(step, server, &asked)?
        {
            return Ok(outcome);
        }
        if self.only_known {
            let message = format!("no reply is recorded for {} {url}", asked.head.method);
            return Ok(Err(Failed::refused(message)));
        }
        let turn = self.under_way().entry(asked.key).or_default().clone();
        let outcome = {
            let mut turn = turn.lock().await;
            match &*turn {
                // Whoever was first has the outcome.
                Some(Ok(Ok(_))) if let Some(reply) = known(&**journal, server, step, &asked, &url, false) => {
                    Ok(Ok(reply))
                }
                Some(outcome) => outcome.clone(),
                None => {
                    let outcome = self.asked(step, server, &asked, gone, Some(&**journal)).await;
                    let is_interrupted =
                        outcome.as_ref().is_err_and(|error: &SandboxError| error.class == Class::Interrupted);
                    *turn = (!is_interrupted).then(|| outcome.clone());
                    outcome
                }
            }
        };
        let mut under_way = self.under_way();
        // Two: this one and the map's. Nobody else waits for it.
        if Arc::strong_count(&turn) <= 2 {
            under_way.remove(&asked.key);
        }
        outcome
    }

    /// Sends it, as often as need be.
    async fn asked(
        &self,
        step: &Granted,
        server: &Arc<Server>,
        asked: &Asked,
        gone: &CancellationToken,
        journal: Option<&dyn Journal>,
    ) -> Outcome {
        let need = Need::of(asked.head.uri.path(), &asked.body, &server.limits);
        let mut pause = FIRST_PAUSE;
        for attempt in 0.. {
            let mut pass = match server.enter(&need, gone).await {
                Ok(pass) => pass,
                Err(turned) => return Err(turned_away(server, &turned)),
            };
            let outcome = self.sent_once(step, asked).await;
            let took = pass.began.elapsed();
            let tokens = match &outcome {
                Ok(reply) if reply.is_success() => Tokens::of(reply, server.limits.usage.as_ref()),
                _ => None,
            };
            let cost = server.cost(tokens.unwrap_or_default());
            pass.settle(&need, tokens, cost);
            if let (Ok(reply), Some(journal)) = (&outcome, journal)
                && (reply.is_success() || (self.keeps_refusals && reason_to_repeat(&outcome).is_none()))
            {
                let url = asked.url();
                let kept = journal.keep(&asked.key, &question(asked, &url, server), reply, cost);
                kept.map_err(|error| unkept(&error))?;
            }
            drop(pass);
            let now = Utc::now();
            let is_refused = matches!(&outcome, Ok(reply) if reply.status == 429);
            let wanted = outcome.as_ref().ok().and_then(|reply| retry_after(reply, now));
            server.refused(is_refused, wanted.filter(|wanted| is_bearable(*wanted)).unwrap_or(pause));
            if let Some(wait) = outcome.as_ref().ok().and_then(|reply| exhausted(reply, now)) {
                server.pause(wait);
            }
            let again = reason_to_repeat(&outcome).filter(|_| attempt < server.limits.retry);
            let Some(reason) = again.filter(|_| wanted.is_none_or(is_bearable)) else {
                server.figures(|figures| match &outcome {
                    Ok(reply) if reply.is_success() => {
                        figures.replied(&step.step, took, tokens.unwrap_or_default(), cost);
                    }
                    _ => figures.step(&step.step).failed += 1,
                });
                return Ok(outcome);
            };
            server.figures(|figures| *figures.calls.retried.entry(reason).or_default() += 1);
            // Not all at the same moment.
            let wait = wanted.unwrap_or_else(|| pause.mul_f64(0.75 + f64::from(asked.key[0]) / 512.0));
            if let Err(turned) = server.rest(wait, gone).await {
                return Err(turned_away(server, &turned));
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        unreachable!("attempts are counted up to `retry`")
    }

    async fn sent_once(&self, step: &Granted, asked: &Asked) -> Result<Reply, Failed> {
        let Asked { target, head, body, waits, .. } = asked;
        let body = &Payload::of(body.clone());
        let sending = Sending { target, head, body, waits: *waits, most: LARGEST_REPLY, pieces: None };
        self.deliver(step, sending).await
    }

    /// Sends a request of a step to an address that may be reached.
    pub(in crate::http) async fn deliver(&self, step: &Granted, sending: Sending<'_>) -> Result<Reply, Failed> {
        let Sending { target, head, waits, .. } = sending;
        let tls = target.tls.then(|| self.tls.get_or_init(|| Arc::new(tls())).clone());
        let addresses = async || match address::look_up(&target.host, target.port, waits.connect).await? {
            Ok(addresses) => Ok(addresses),
            Err(why) => Err(step.refuse(head, &Refused::Address(why))),
        };
        sending.send(&step.connections, tls, addresses).await
    }
}

/// A reply that is known, counted as such unless it is counted already.
fn known(
    journal: &dyn Journal,
    server: &Server,
    step: &Granted,
    asked: &Asked,
    url: &str,
    is_counted: bool,
) -> Option<Reply> {
    let reply = journal.known(&asked.key, &question(asked, url, server))?;
    if is_counted {
        return Some(reply);
    }
    let tokens = Tokens::of(&reply, server.limits.usage.as_ref()).unwrap_or_default();
    server.figures(|figures| figures.known(&step.step, tokens, server.cost(tokens)));
    Some(reply)
}

pub(in crate::http) fn turned_away(server: &Server, turned: &Turned) -> SandboxError {
    match turned {
        Turned::Gone => SandboxError::new(Class::Interrupted, "the request was not sent: nobody waits for its reply"),
        Turned::Cost(spent, most) => {
            let money = |parts: u64| {
                let text = format!("{:.6}", parts as f64 / callboard_plan::PARTS as f64);
                text.trim_end_matches('0').trim_end_matches('.').to_owned()
            };
            let message = format!(
                "`calls.\"{}\".max_cost` is {}, and {} of it are spent: the next request might exceed it",
                server.name,
                money(*most),
                money(*spent)
            );
            let help = "raise it, and run the pipeline again: replies that have come are not asked for again";
            SandboxError::new(Class::Limit, message).help(help)
        }
    }
}

/// Why a request is to be sent again, if it is.
pub(in crate::http) fn reason_to_repeat(outcome: &Result<Reply, Failed>) -> Option<String> {
    match outcome {
        Ok(reply) => {
            let is_passing = matches!(reply.status, 408 | 429 | 500..=599) && ![501, 505].contains(&reply.status);
            is_passing.then(|| reply.status.to_string())
        }
        Err(failed) if failed.is_passing() => Some(failed.message.clone()),
        Err(_) => None,
    }
}

pub(super) fn unkept(error: &std::io::Error) -> SandboxError {
    let words = callboard_words::text::plain(error);
    SandboxError::new(Class::System, format!("cannot keep the reply of a server: {words}"))
}
