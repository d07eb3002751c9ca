//! A service that speaks JSON, such as an engine's: one request, one answer. Whether a request is sent again, the caller decides.

use serde_json::Value;

use super::client::{plain, words_of};
use super::fault::Fault;
use super::net;
use crate::error::{ErrorKind, IoError};
use crate::stop::Stop;

/// The most that is read of an answer, bytes.
const LONGEST: usize = 8 << 20;

/// What a service answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP's.
    pub status: u16,
    /// The beginning of its body, at most 8 MiB.
    pub text: String,
}

/// Sends one request to a service: GET, or POST of JSON where there is a body. Redirections are not followed, and the token goes to this
/// address alone.
///
/// # Errors
/// There is no answer. An answer of any status is none.
pub fn ask_service(url: &str, token: Option<&str>, body: Option<&Value>, stop: &Stop) -> Result<Answer, IoError> {
    let answer = asked(url, token, body, stop);
    answer.map_err(|error| IoError::system(&format!("no answer from `{url}`"), &error))
}

/// A client of HTTP for requests of other kinds, with the same TLS and pauses: it follows no redirection.
///
/// # Errors
/// It could not be made, in words.
pub fn web_client() -> Result<reqwest::Client, String> {
    plain().map_err(|fault| std::io::Error::from(fault).to_string())
}

/// What went wrong with a request of such a client, in words, without its address.
pub fn web_fault(error: reqwest::Error) -> String {
    words_of(&error.without_url())
}

fn asked(url: &str, token: Option<&str>, body: Option<&Value>, stop: &Stop) -> std::io::Result<Answer> {
    let client = plain()?;
    let mut request = match body {
        None => client.get(url),
        Some(body) => client.post(url).header("content-type", "application/json").body(body.to_string()),
    };
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    net::run(format!("{url} is asked"), stop, async move {
        let silent = |error: reqwest::Error| {
            let fault = Fault::new(ErrorKind::System, words_of(&error.without_url()));
            fault.help("check the address and the network")
        };
        let mut response = request.send().await.map_err(silent)?;
        let (status, mut bytes) = (response.status().as_u16(), Vec::new());
        while let Some(more) = response.chunk().await.map_err(silent)? {
            bytes.extend_from_slice(&more[..more.len().min(LONGEST - bytes.len())]);
            if bytes.len() == LONGEST {
                break;
            }
        }
        Ok(Answer { status, text: String::from_utf8_lossy(&bytes).into_owned() })
    })
}
