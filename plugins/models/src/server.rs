//! A server of models: where it is, which protocol it speaks, and how it is asked.

use std::collections::BTreeMap;

use callboard_sdk::http::{Failure, FailureKind, Reply, Request};
use callboard_sdk::{At, Result, StepError};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::ask::Ask;
use crate::wire::{self, anthropic, chat, responses};

/// A protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Api {
    /// `POST /chat/completions`, as OpenAI, vLLM, llama.cpp and many others have it.
    #[default]
    #[serde(rename = "openai-chat")]
    OpenaiChat,
    /// `POST /responses`, as OpenAI has it.
    #[serde(rename = "openai-responses")]
    OpenaiResponses,
    /// `POST /messages`, as Anthropic has it.
    #[serde(rename = "anthropic")]
    Anthropic,
}

/// What a step's configuration says about its server.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the configurations that have them say what they are")]
pub struct Options {
    pub api: Api,
    pub url: Option<String>,
    pub model: String,
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub max_tokens: Option<u64>,
    pub seed: Option<i64>,
    pub parameters: Map<String, Value>,
    pub headers: BTreeMap<String, String>,
}

/// A server, ready to be asked.
#[derive(Clone, Debug)]
pub struct Server {
    pub(crate) options: Options,
    url: String,
}

/// What a model said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Said {
    /// The text.
    pub text: String,
    /// Why it ended, in the server's word.
    pub finish: Option<String>,
    /// Tokens that it read.
    pub input_tokens: Option<i64>,
    /// Tokens that it wrote.
    pub output_tokens: Option<i64>,
    /// The model, as the server names it.
    pub model: Option<String>,
}

/// Headers that only a grant may set.
const SECRET: [&str; 5] = ["authorization", "x-api-key", "api-key", "cookie", "proxy-authorization"];

impl Server {
    /// Checks what a configuration says.
    ///
    /// # Errors
    /// `config`, with the place.
    pub fn new(options: Options) -> Result<Server> {
        if options.model.is_empty() {
            return Err(StepError::config("`model` is empty")).at("/model");
        }
        let base = options.url.as_deref().unwrap_or(match options.api {
            Api::OpenaiChat | Api::OpenaiResponses => "https://api.openai.com/v1",
            Api::Anthropic => "https://api.anthropic.com/v1",
        });
        let url = endpoint(base, path(options.api))?;
        let within = |name: &str, value: Option<f64>, most: f64| match value {
            Some(value) if !(0.0..=most).contains(&value) => {
                Err(StepError::config(format!("`{name}` is a number from 0 to {most}, found {value}")))
                    .at(format!("/{name}"))
            }
            _ => Ok(()),
        };
        within("temperature", options.temperature, 2.0)?;
        within("top_p", options.top_p, 1.0)?;
        if options.max_tokens == Some(0) {
            return Err(StepError::config("`max_tokens` is at least 1")).at("/max_tokens");
        }
        if options.seed.is_some() && options.api != Api::OpenaiChat {
            let why = "this protocol has no seed: leave it out, or use `api = \"openai-chat\"`";
            return Err(StepError::config(why)).at("/seed");
        }
        let taken: &[(&str, &str)] = &[
            ("model", "`model`"),
            ("messages", "`prompt`, `system` and `messages`"),
            ("input", "`prompt`, `system` and `messages`"),
            ("instructions", "`system`"),
            ("system", "`system`"),
            ("temperature", "`temperature`"),
            ("top_p", "`top_p`"),
            ("seed", "`seed`"),
            ("max_tokens", "`max_tokens`"),
            ("max_output_tokens", "`max_tokens`"),
            ("response_format", "`schema`"),
            ("text", "`schema`"),
            ("n", "`samples`"),
            ("stream", "nothing: replies come whole"),
        ];
        for name in options.parameters.keys() {
            if let Some((_, instead)) = taken.iter().find(|(taken, _)| taken == name) {
                let why = format!("`{name}` is set by the step itself; use {instead} instead");
                return Err(StepError::config(why)).at(format!("/parameters/{name}"));
            }
        }
        check_headers(&options.headers)?;
        Ok(Server { options, url })
    }

    /// The request for a conversation.
    pub fn request(&self, ask: &Ask) -> Request {
        let Ask { messages, sample, structure } = ask;
        let structure = structure.as_deref();
        let mut body = match self.options.api {
            Api::OpenaiChat => chat::body(&self.options, messages, structure),
            Api::OpenaiResponses => responses::body(&self.options, messages, structure),
            Api::Anthropic => anthropic::body(&self.options, messages, structure),
        };
        // A server that is given the same seed for the same prompt gives the same reply.
        if let Some(seed) = self.options.seed {
            body.insert("seed".into(), seed.wrapping_add(i64::from(*sample)).into());
        }
        body.extend(self.options.parameters.clone());
        self.with_headers(Request::post(&self.url, &Value::Object(body)).attempt(*sample))
    }

    /// What a reply says.
    ///
    /// # Errors
    /// Why it says nothing that can be used, in words: it was refused or filtered, or is not what the protocol has.
    pub fn said(&self, reply: &Reply) -> Result<Said, String> {
        let value: Value = reply.json().map_err(|error| error.message)?;
        let read = match self.options.api {
            Api::OpenaiChat => chat::said(&value),
            Api::OpenaiResponses => responses::said(&value),
            Api::Anthropic => anthropic::said(&value),
        };
        read.map_err(|why| match why {
            wire::Unusable::Refused(words) => format!("the model refused: {}", cut(&words)),
            wire::Unusable::Filtered(word) => format!("the server filtered the reply (`{}`)", cut(&word)),
            wire::Unusable::Unknown => format!("the reply is not what the protocol has: {}", cut(&value.to_string())),
        })
    }

    fn with_headers(&self, request: Request) -> Request {
        let version = self.options.api == Api::Anthropic && !self.options.headers.contains_key("anthropic-version");
        let request = if version { request.header("anthropic-version", "2023-06-01") } else { request };
        self.options.headers.iter().fold(request, |request, (name, value)| request.header(name, value))
    }
}

/// Whether these headers are ones that a configuration may set.
///
/// # Errors
/// `config`, for a secret.
pub fn check_headers(headers: &BTreeMap<String, String>) -> Result<()> {
    for name in headers.keys() {
        if SECRET.iter().any(|secret| name.eq_ignore_ascii_case(secret)) {
            let why = format!(
                "`{name}` is a secret, and a configuration is no place for one: grant.secret.\"HOST\" = {{ header = \"{name}\", value = \"${{env.NAME}}\" }}"
            );
            return Err(StepError::config(why)).at(format!("/headers/{name}"));
        }
    }
    Ok(())
}

fn path(api: Api) -> &'static str {
    match api {
        Api::OpenaiChat => "/chat/completions",
        Api::OpenaiResponses => "/responses",
        Api::Anthropic => "/messages",
    }
}

/// Where a path of a server is: its base is as its makers write it, with or without the path.
///
/// # Errors
/// `config`, if it is no address.
pub fn endpoint(base: &str, path: &str) -> Result<String> {
    if !base.starts_with("https://") && !base.starts_with("http://") {
        return Err(StepError::config(format!(
            "a server is an address such as http://localhost:8080/v1, found {base:?}"
        )))
        .at("/url");
    }
    let base = base.trim_end_matches('/');
    Ok(if base.ends_with(path) { base.to_owned() } else { format!("{base}{path}") })
}

/// Why a request has no reply, in the server's words, and whether the next run should ask again: what a grant, a key or another
/// model's name changes is no fault of the row.
pub fn refusal_of(failure: &Failure) -> (bool, String) {
    let passing = failure.is_passing()
        || match failure.kind {
            FailureKind::Refused => true,
            FailureKind::Status => failure.reply.as_ref().is_some_and(|reply| matches!(reply.status, 401..=404)),
            FailureKind::Unreachable | FailureKind::Timeout | FailureKind::TooLarge => false,
        };
    let words = failure.reply.as_ref().and_then(|reply| {
        let value: Value = reply.json().ok()?;
        let error = value.get("error").unwrap_or(&value);
        let message = error.get("message").and_then(Value::as_str).or(error.as_str())?;
        let code = ["code", "type"].iter().find_map(|key| error.get(*key)?.as_str());
        let code = code.map_or(String::new(), |code| format!(" ({})", cut(code)));
        Some(format!("the server replied {}: {}{code}", reply.status, cut(message)))
    });
    (passing, words.unwrap_or_else(|| failure.message.clone()))
}

/// As much of a text as a reason can hold.
pub(crate) fn cut(text: &str) -> String {
    const MOST: usize = 300;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}
