//! Takes what came of batches into the journal of replies.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::Method;

use super::form::{Progress, Said};
use super::manage::{Carried, On};
use super::{Batch, Offline, Unanswered, unkept};
use crate::error::SandboxError;
use crate::http::Granted;
use crate::http::calls::{FIRST_PAUSE, LARGEST_REPLY, Shared, reason_to_repeat};
use crate::http::journal::{CallKey, Journal, Question};
use crate::http::reply::{Failed, FailedKind, Reply};
use crate::http::server::Server;
use crate::http::usage::Tokens;
use wasmtime_wasi_http::Error;

/// As much is kept of what a server refuses a request with, bytes.
const LONGEST_REFUSAL: usize = 4_096;
/// Between two looks at batches that are waited for; each pause is half as long again, up to the longest.
const FIRST_LOOK: Duration = Duration::from_millis(200);
const LONGEST_LOOK: Duration = Duration::from_secs(60);

impl Shared {
    /// The step that a batch is of, or one that is granted the same, and the server.
    pub(super) fn asker(&self, batch: &Batch) -> Option<(Arc<Granted>, Arc<Server>)> {
        let url = format!("{}{}", batch.of.url, batch.of.endpoint).parse().ok()?;
        let mut steps = self.steps();
        steps.sort_by_key(|step| *step.step != *batch.of.step);
        steps.into_iter().find_map(|step| {
            let target = crate::http::allow::check(&step.grants, &Method::POST, &url).ok()?;
            Some((step, self.server(&target)))
        })
    }

    /// Looks at all batches that this run's steps may ask about, and fetches what has ended; with `wait`, until all have.
    pub(in crate::http) async fn collect(
        &self,
        offline: &Offline,
        journal: &dyn Journal,
        wait: bool,
    ) -> Result<(), SandboxError> {
        let pending = std::mem::take(&mut offline.state().pending);
        let (mut pending, strange): (Vec<_>, Vec<_>) =
            pending.into_iter().partition(|(batch, _)| self.asker(batch).is_some());
        for (batch, _) in &pending {
            if let Some((_, server)) = self.asker(batch) {
                // It was submitted, whatever the limit is now.
                let _ = server.reserve(batch.cost);
            }
        }
        let mut pause = FIRST_LOOK;
        loop {
            let (mut left, mut failed) = (Vec::new(), None);
            for (batch, theirs) in std::mem::take(&mut pending) {
                match self.look_at(offline, journal, &batch, theirs).await {
                    Ok(batch) => left.extend(batch.map(|batch| (batch, theirs))),
                    Err(error) => drop(failed.get_or_insert(error)),
                }
            }
            pending = left;
            if failed.is_some() || pending.is_empty() || !wait {
                offline.state().pending = pending.into_iter().chain(strange).collect();
                return failed.map_or(Ok(()), Err);
            }
            tokio::time::sleep(pause).await;
            pause = pause.mul_f64(1.5).min(LONGEST_LOOK);
        }
    }

    /// The batch, unless it has ended.
    async fn look_at(
        &self,
        offline: &Offline,
        journal: &dyn Journal,
        batch: &Batch,
        theirs: bool,
    ) -> Result<Option<Batch>, SandboxError> {
        if theirs {
            // Its replies are in the journal of the process that works on it, which this one has not read.
            return Ok(offline.shelf.has(&batch.key).then(|| batch.clone()));
        }
        let Some((step, server)) = self.asker(batch) else { return Ok(Some(batch.clone())) };
        let on = On { shared: self, step, server, batch };
        let batch = match batch.id {
            Some(_) => batch.clone(),
            None => on.submit(offline, true).await?,
        };
        let Some(id) = batch.id.clone() else { return Ok(Some(batch)) };
        let on = on.with(&batch);
        let path = format!("{}/{id}", batch.of.form.batches());
        // It may be another account that is asked now: what was paid for is not given up.
        let said = on.json(&path).await?.ok_or_else(|| SandboxError::lost_batch(&batch, &id))?;
        match batch.of.form.progress(&said, &id) {
            Progress::Working => Ok(Some(batch)),
            Progress::Refused(why) => {
                on.forget(offline)?;
                Err(SandboxError::wrong_batch(&batch, &why))
            }
            Progress::Ended(paths) => {
                on.fetch(offline, journal, &paths).await?;
                Ok(None)
            }
        }
    }
}

/// What came of the requests of a batch.
struct Results<'a> {
    on: &'a On<'a>,
    offline: &'a Offline,
    journal: &'a dyn Journal,
    seen: Vec<bool>,
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    failed: Vec<Unanswered>,
    paid: u64,
}

impl On<'_> {
    /// Whether results are those of this batch: of the first one, this is known by its identifier.
    pub(super) async fn has_ours(&self, paths: &[String]) -> Result<bool, SandboxError> {
        let first = Mutex::new(Vec::new());
        for path in paths {
            let pieces = |piece: &[u8]| {
                let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
                first.extend_from_slice(piece);
                // The rest is not wanted.
                if first.contains(&b'\n') { Err(Failed::refused("enough")) } else { Ok(()) }
            };
            let carried = Carried { pieces: Some(&pieces), ..Carried::default() };
            let _ = self.send(Method::GET, path, &carried).await;
        }
        let first = first.into_inner().unwrap_or_else(PoisonError::into_inner);
        let line = first.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let id = self.batch.of.form.result(line).map(|(id, _)| id);
        Ok(id.is_some_and(|id| self.nth(&id).is_some()))
    }

    /// Which of the requests an identifier names.
    fn nth(&self, id: &str) -> Option<usize> {
        let nth = id.strip_prefix(&self.batch.key)?.strip_prefix('-')?.parse().ok()?;
        (nth < self.batch.requests.len()).then_some(nth)
    }

    /// Takes all results into the journal; then the batch is forgotten.
    async fn fetch(&self, offline: &Offline, journal: &dyn Journal, paths: &[String]) -> Result<(), SandboxError> {
        let seen = vec![false; self.batch.requests.len()];
        let results =
            Mutex::new(Results { on: self, offline, journal, seen, line: Vec::new(), failed: Vec::new(), paid: 0 });
        for path in paths {
            let mut pause = FIRST_PAUSE;
            for attempt in 0.. {
                results.lock().unwrap_or_else(PoisonError::into_inner).line.clear();
                let pieces = |piece: &[u8]| results.lock().unwrap_or_else(PoisonError::into_inner).read(piece);
                let carried = Carried { pieces: Some(&pieces), ..Carried::default() };
                let outcome = self.send(Method::GET, path, &carried).await;
                match &outcome {
                    Ok(reply) if reply.is_success() => {
                        // The last line need not have its end.
                        let ended = results.lock().unwrap_or_else(PoisonError::into_inner).read(b"\n");
                        ended.map_err(|failed| self.refused(&Err(failed)))?;
                        break;
                    }
                    _ => self.pause(&outcome, attempt, &mut pause).await?,
                }
            }
        }
        let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        for nth in 0..results.seen.len() {
            if !results.seen[nth] {
                results.unanswered(nth, 0, b"no reply".to_vec(), true);
            }
        }
        journal.sync().map_err(|error| unkept(&error))?;
        self.server.figures(|figures| figures.calls.batches.ended += 1);
        self.server.pay(results.paid);
        if results.failed.is_empty() {
            self.forget(offline)?;
            self.clean(paths).await;
            return Ok(());
        }
        self.server.release(self.batch.cost);
        let ended = Batch { failed: results.failed, ..self.batch.clone() };
        offline.shelf.keep(&ended).map_err(|error| unkept(&error))?;
        {
            let mut state = offline.state();
            ended.requests.iter().for_each(|request| drop(state.in_batches.remove(request)));
            state.ends(&ended);
        }
        self.clean(paths).await;
        Ok(())
    }

    /// Removes the files of a batch from the server, which would keep them. Nothing depends on them any more, so one that is not
    /// removed is left.
    async fn clean(&self, paths: &[String]) {
        for path in self.batch.of.form.files(self.batch.file.as_deref(), paths) {
            let _ = self.send(Method::DELETE, &path, &Carried::default()).await;
        }
    }

    /// The batch is done with, for better or worse.
    pub(super) fn forget(&self, offline: &Offline) -> Result<(), SandboxError> {
        self.server.release(self.batch.cost);
        offline.shelf.remove(&self.batch.key).map_err(|error| unkept(&error))?;
        let mut state = offline.state();
        self.batch.requests.iter().for_each(|request| drop(state.in_batches.remove(request)));
        Ok(())
    }
}

impl Results<'_> {
    /// Takes the next piece of the results.
    fn read(&mut self, piece: &[u8]) -> Result<(), Failed> {
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if self.line.len() as u64 > 2 * LARGEST_REPLY {
                return Err(Failed::too_large(LARGEST_REPLY));
            }
            if self.line.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                self.take(&line)?;
            }
        }
        Ok(())
    }

    /// Takes a line of results. What is not one, or of another request, is passed over.
    fn take(&mut self, line: &[u8]) -> Result<(), Failed> {
        let Some((id, said)) = self.on.batch.of.form.result(line) else { return Ok(()) };
        let Some(nth) = self.on.nth(&id).filter(|nth| !self.seen[*nth]) else { return Ok(()) };
        match said {
            Said::Reply(reply) if reply.is_success() && reply.bytes() > LARGEST_REPLY => {
                self.unanswered(nth, 0, b"the reply is too large".to_vec(), false);
            }
            Said::Reply(reply) if reply.is_success() => self.keep(nth, &reply)?,
            Said::Reply(reply) => {
                let said = reply.body[..reply.body.len().min(LONGEST_REFUSAL)].to_vec();
                let status = reply.status;
                let passes = reason_to_repeat(&Ok(reply)).is_some();
                self.unanswered(nth, status, said, passes);
            }
            Said::Nothing(why) => self.unanswered(nth, 0, why.into_bytes(), true),
        }
        self.seen[nth] = true;
        Ok(())
    }

    fn key(&self, nth: usize) -> CallKey {
        self.on.batch.requests[nth]
    }

    fn keep(&mut self, nth: usize, reply: &Reply) -> Result<(), Failed> {
        let (server, of) = (&self.on.server, &self.on.batch.of);
        let tokens = Tokens::of(reply, server.limits.usage.as_ref()).unwrap_or_default();
        let cost = server.limits.price.map_or(0, |price| price.of_batch(tokens.input, tokens.output));
        let url = format!("{}{}", of.url, of.endpoint);
        let asked = Question { method: "POST", url: &url, body: b"", attempt: 0, server: &server.name };
        let key = self.key(nth);
        if self.journal.known(&key, &asked).is_some() {
            // A process that was killed has taken it.
            return Ok(());
        }
        let kept = self.journal.keep(&key, &asked, reply, cost);
        kept.map_err(|error| Failed::refused(unkept(&error).message))?;
        self.paid = self.paid.saturating_add(cost);
        server.figures(|figures| figures.of_a_batch(&of.step, tokens, cost));
        self.offline.state().fetched.insert(key);
        Ok(())
    }

    /// Notes that there is no reply. If the reason passes, another batch is to have the request, unless enough had it.
    fn unanswered(&mut self, nth: usize, status: u16, said: Vec<u8>, passes: bool) {
        let tries = self.on.batch.of.tries + 1;
        let tries = Some(tries).filter(|tries| passes && *tries <= self.on.server.limits.retry);
        self.failed.push(Unanswered { request: nth as u32, tries, status, said });
        self.on.server.figures(|figures| figures.calls.batches.unanswered += 1);
    }
}

impl Failed {
    /// For a request that a batch has ended without.
    pub(super) fn late_batch(why: &str) -> Failed {
        let why = callboard_words::text::clipped(callboard_words::text::in_a_line(why).to_string(), 100);
        let message = format!("its offline batch has ended without a reply: {why}");
        Failed::new(FailedKind::Timeout, Error::ConnectionReadTimeout, message)
    }
}
