//! Why a place did not do what it was asked: its own words, and what fixes it.

use std::error::Error;

use super::client::{Answered, Unreachable};
use crate::error::ErrorKind;
pub(crate) use crate::error::Fault;
use callboard_words::address::{Address, Scheme};

/// What was being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    List,
    Read,
    Write,
}

impl Fault {
    /// What is read is not what it was when it was found.
    pub(super) fn changed() -> Fault {
        Fault::new(ErrorKind::Data, "it changed while it was being read").help("run the pipeline again")
    }

    /// What a store says about the object of an address.
    pub(super) fn of_store(error: &object_store::Error, address: &Address, doing: Doing) -> Fault {
        let mut source: Option<&(dyn Error + 'static)> = Some(error);
        while let Some(at) = source {
            if let Some(fault) = at.downcast_ref::<Fault>() {
                return fault.clone();
            }
            if let Some(answered) = at.downcast_ref::<Answered>() {
                return Fault::of_answer(answered, address, doing);
            }
            if let Some(Unreachable { words, tries }) = at.downcast_ref() {
                let times = if *tries > 1 { format!(" ({tries} attempts)") } else { String::new() };
                let message = format!("{words}{times}");
                let fault = Fault::new(ErrorKind::System, message).help(match address.scheme {
                    _ if words.contains("certificate") => {
                        "if the server has a certificate of an authority of your own, name that authority's file: SSL_CERT_FILE=ca.pem"
                    }
                    Scheme::S3 => "check the network, and `access.endpoint` or AWS_ENDPOINT_URL if one is set",
                    _ => "check the address and the network",
                });
                return Fault { is_answer: true, ..fault };
            }
            source = at.source();
        }
        let text = one_line(&error.to_string());
        Fault::new(ErrorKind::System, format!("{} gave no usable answer: {text}", address.scheme.words()))
    }

    fn of_answer(answered: &Answered, address: &Address, doing: Doing) -> Fault {
        let Answered { status, code, words, region, tries } = answered;
        let (kind, help) = fix(answered, address, doing);
        let said = match (code, words.as_str()) {
            (Some(code), "") => format!("{status} {code}"),
            (Some(code), words) => format!("{status} {code}: {words}"),
            (None, "") => format!("{status} {}", reason(*status)),
            (None, words) => format!("{status}: {words}"),
        };
        let times = if *tries > 1 { format!(" ({tries} attempts)") } else { String::new() };
        let region = match region {
            Some(region) if *status >= 300 && *status != 404 && *status < 500 && is_wrong_region(answered) => {
                format!("; the bucket is in `{region}`")
            }
            _ => String::new(),
        };
        let who = address.scheme.words();
        let message = format!("{who} answers {said}{region}{times}");
        Fault { kind, message, help, status: Some(*status), is_answer: true }
    }
}

fn is_wrong_region(answered: &Answered) -> bool {
    let code = answered.code.as_deref().unwrap_or_default();
    matches!(answered.status, 301 | 307 | 308)
        || matches!(
            code,
            "PermanentRedirect"
                | "TemporaryRedirect"
                | "AuthorizationHeaderMalformed"
                | "IllegalLocationConstraintException"
        )
}

/// Who has to act, and what fixes it.
fn fix(answered: &Answered, address: &Address, doing: Doing) -> (ErrorKind, Option<String>) {
    let code = answered.code.as_deref().unwrap_or_default();
    let Address { scheme, bucket, .. } = address;
    if *scheme == Scheme::S3 && is_wrong_region(answered) {
        let region = answered.region.as_deref().unwrap_or("REGION");
        return (ErrorKind::Spec, Some(format!("say where the bucket is: access = {{ region = {region:?} }}")));
    }
    let help = match (answered.status, code, doing) {
        (_, "NoSuchBucket" | "ContainerNotFound", _) => {
            let place = if *scheme == Scheme::S3 { ", and `access.endpoint` or AWS_ENDPOINT_URL" } else { "" };
            return (ErrorKind::Spec, Some(format!("check the name `{bucket}`{place}")));
        }
        (_, "GatedRepo", _) => "ask for access on the dataset's page, and set HF_TOKEN",
        (_, "RepoNotFound", _) => {
            let help = "check the name; if the dataset is private, set HF_TOKEN";
            return (ErrorKind::Spec, Some(help.to_owned()));
        }
        (404, _, Doing::Read) if matches!(scheme, Scheme::S3 | Scheme::Google | Scheme::Azure) => {
            let help = "check the key, letter by letter; for the objects below it, write `/*` behind it";
            return (ErrorKind::Spec, Some(help.to_owned()));
        }
        (404, ..) => return (ErrorKind::Spec, None),
        (412, ..) => {
            return (ErrorKind::Data, Some("it changed while it was being read: run the pipeline again".to_owned()));
        }
        (_, "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidSecurity" | "AuthFailure", _) => {
            "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile that AWS_PROFILE names"
        }
        (_, "AuthenticationFailed" | "InvalidAuthenticationInfo", _) => {
            "check AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY, or AZURE_STORAGE_SAS_TOKEN, and this machine's clock"
        }
        (_, "ExpiredToken" | "TokenRefreshRequired" | "InvalidToken", _) => {
            "get new credentials (such as `aws sso login`), and run again"
        }
        (_, "RequestTimeTooSkewed" | "RequestExpired", _) => {
            "this machine's clock is wrong, or the server's is: set this machine's clock"
        }
        (403, _, Doing::List) => {
            "listing may be forbidden where reading is allowed: name the objects instead of a pattern; \
             for a public bucket: access = { anonymous = true }"
        }
        (401 | 403, _, Doing::Read) if *scheme == Scheme::S3 => {
            "these credentials may not read it; for a public bucket: access = { anonymous = true }"
        }
        (401 | 403, _, Doing::Read) => "these credentials, if there are any, may not read it",
        (401 | 403, ..) => "these credentials may not write there",
        (429 | 500.., ..) => "the server is overloaded or failing: try again later; what is done is not done twice",
        _ => return (ErrorKind::System, None),
    };
    (ErrorKind::System, Some(help.to_owned()))
}

/// What a status is called where the server says nothing.
fn reason(status: u16) -> &'static str {
    reqwest::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("without a reason")
}

/// A server's words as one line, and not without end.
pub(super) fn one_line(text: &str) -> String {
    const MOST: usize = 300;
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    let line = words.join(" ");
    match line.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}
