//! The contract's `http`: requests that the host sends for a step.

use super::state::State;
use crate::bindings::callboard::step::http::{Failure, FailureKind, Host, Reply, Request};
use crate::http::Waiting;

/// Ends the wait, however that comes.
struct Ends(Waiting);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Host for State {
    fn try_again(&mut self) -> wasmtime::Result<()> {
        self.tries_again = true;
        Ok(())
    }

    async fn send(&mut self, requests: Vec<Request>) -> wasmtime::Result<Vec<Result<Reply, Failure>>> {
        if !self.may_ask {
            let message = "`declare` and `describe` send no requests; `open` and what works on rows do".to_owned();
            let failure = Failure { kind: FailureKind::Refused, message };
            return Ok(vec![Err(failure); requests.len()]);
        }
        self.waiting.begin();
        let _ends = Ends(self.waiting.clone());
        let sent = self.requests.send(requests, self.returned, &self.interrupt).await;
        sent.map_err(wasmtime::Error::new)
    }
}
