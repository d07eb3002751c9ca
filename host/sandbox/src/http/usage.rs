//! Tokens: how many a request may take, and how many it took.

use callboard_plan::{CallLimits, Usage};
use serde_json::Value;

use super::reply::Reply;

/// Output tokens of a request that sets no limit for them, until replies have been seen.
const USUAL_OUTPUT: u64 = 1_024;
/// Bytes of a token, about.
const BYTES: u64 = 4;

/// Tokens of a request and of its reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tokens {
    pub(super) input: u64,
    pub(super) output: u64,
}

impl Tokens {
    pub(super) fn all(self) -> u64 {
        self.input.saturating_add(self.output)
    }

    /// What a reply says that it took, where it says so.
    pub(super) fn of(reply: &Reply, usage: Option<&Usage>) -> Option<Tokens> {
        let is_json = reply.header("content-type").is_none_or(|kind| kind.contains("json"));
        if !is_json || reply.body.first().is_none_or(|first| *first != b'{') {
            return None;
        }
        let body: Value = match usage {
            Some(_) => serde_json::from_slice(&reply.body).ok()?,
            // Only this part of a large reply, such as embeddings, is parsed.
            None => {
                let parts: std::collections::HashMap<&str, &serde_json::value::RawValue> =
                    serde_json::from_slice(&reply.body).ok()?;
                serde_json::from_str(parts.get("usage")?.get()).ok()?
            }
        };
        let number = |pointer: &str| body.pointer(pointer).and_then(Value::as_u64);
        match usage {
            Some(Usage { input, output }) => {
                let (input, output) = (number(input), number(output));
                (input.is_some() || output.is_some())
                    .then(|| Tokens { input: input.unwrap_or(0), output: output.unwrap_or(0) })
            }
            None => {
                let input = number("/prompt_tokens").or_else(|| number("/input_tokens"));
                let output = number("/completion_tokens").or_else(|| number("/output_tokens"));
                let all = number("/total_tokens");
                let input = input.or_else(|| Some(all?.saturating_sub(output.unwrap_or(0))))?;
                Some(Tokens { input, output: output.unwrap_or(0) })
            }
        }
    }
}

/// What a request may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Need {
    /// About.
    pub(super) likely: Tokens,
    /// At most: no token has less than a byte. The output is what the request itself allows.
    pub(super) most: Tokens,
    /// Whether the request limits its output.
    pub(super) is_bounded: bool,
}

impl Need {
    /// What a request for this path, with this body, may take; nothing where nobody asks.
    pub(super) fn of(path: &str, body: &[u8], limits: &CallLimits) -> Need {
        if limits.tokens.is_none() && limits.max_cost.is_none() {
            return Need::default();
        }
        #[derive(serde::Deserialize)]
        struct Bounds {
            max_tokens: Option<u64>,
            max_completion_tokens: Option<u64>,
            max_output_tokens: Option<u64>,
            n: Option<u64>,
        }
        let bytes = body.len() as u64;
        let bounds: Option<Bounds> = serde_json::from_slice(body).ok();
        let asked = bounds.as_ref().and_then(|bounds| {
            let most = [bounds.max_tokens, bounds.max_completion_tokens, bounds.max_output_tokens];
            let most = most.into_iter().flatten().max()?;
            Some(most.saturating_mul(bounds.n.unwrap_or(1).max(1)))
        });
        // Vectors are no tokens.
        let generates = !path.contains("embed");
        let output = asked.unwrap_or(if generates { USUAL_OUTPUT } else { 0 });
        Need {
            likely: Tokens { input: bytes.div_ceil(BYTES), output },
            most: Tokens { input: bytes, output },
            is_bounded: asked.is_some() || !generates,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Need, Reply, Tokens};
    use callboard_plan::{CallLimits, Usage};

    fn reply(body: &str) -> Reply {
        Reply { status: 200, headers: vec![], body: body.to_owned().into() }
    }

    #[test]
    fn tokens_are_found_where_the_servers_have_them() {
        let found = [
            (r#"{"usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}}"#, (3, 4)),
            (r#"{"usage": {"input_tokens": 3, "output_tokens": 4}}"#, (3, 4)),
            (r#"{"data": [[0.1]], "usage": {"prompt_tokens": 9, "total_tokens": 9}}"#, (9, 0)),
            (r#"{"usage": {"total_tokens": 9}}"#, (9, 0)),
        ];
        for (body, (input, output)) in found {
            assert_eq!(Tokens::of(&reply(body), None), Some(Tokens { input, output }), "{body}");
        }
        for body in ["", "[]", "{}", r#"{"usage": {}}"#, r#"{"usage": {"prompt_tokens": -1}}"#, r#"{"usage""#] {
            assert_eq!(Tokens::of(&reply(body), None), None, "{body}");
        }
        let usage = Usage { input: "/meta/in".into(), output: "/meta/out".into() };
        let body = reply(r#"{"meta": {"in": 1, "out": 2}}"#);
        assert_eq!(Tokens::of(&body, Some(&usage)), Some(Tokens { input: 1, output: 2 }));
    }

    #[test]
    fn a_request_takes_no_more_than_it_says_of_itself() {
        let limits = CallLimits { max_cost: Some(1), ..CallLimits::default() };
        let body = br#"{"messages": [], "max_tokens": 50, "n": 2}"#;
        let need = Need::of("/v1/chat/completions", body, &limits);
        assert_eq!((need.most.output, need.most.input, need.is_bounded), (100, body.len() as u64, true));
        assert!(!Need::of("/v1/chat/completions", br#"{"messages": []}"#, &limits).is_bounded);
        assert!(Need::of("/v1/embeddings", br#"{"input": "x"}"#, &limits).is_bounded);
        assert_eq!(Need::of("/", body, &CallLimits::default()), Need::default());
    }
}
