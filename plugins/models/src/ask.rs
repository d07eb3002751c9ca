//! Asking about many rows at once, and again where a reply does not fit its schema.

use std::rc::Rc;

use callboard_sdk::http;
use serde_json::Value;

use crate::conversation::{Conversation, Message, Role};
use crate::schema::Structure;
use crate::server::{Said, Server, cut, refusal_of};

/// What is asked.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The messages.
    pub messages: Conversation,
    /// Which of several replies to the same messages.
    pub sample: u32,
    /// What the reply has to fit.
    pub structure: Option<Rc<Structure>>,
}

/// A reply that can be used.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// What was said; its tokens are those of all requests that it took.
    pub said: Said,
    /// The value, where it had to fit a schema.
    pub value: Option<Value>,
}

/// Why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Whether the next run should ask again.
    pub passing: bool,
    /// In words.
    pub reason: String,
}

/// What an ask that is not answered yet has cost so far.
struct Open {
    at: usize,
    ask: Ask,
    tokens: (Option<i64>, Option<i64>),
}

/// Asks for all of these together. A reply that does not fit the schema is shown to the model with what is wrong, at most
/// `repairs` times. The answers are in the order of what was asked.
pub fn ask_all(server: &Server, repairs: u32, asks: Vec<Ask>) -> Vec<Result<Answer, Refusal>> {
    let mut answers: Vec<Option<Result<Answer, Refusal>>> = vec![None; asks.len()];
    let mut open: Vec<Open> =
        asks.into_iter().enumerate().map(|(at, ask)| Open { at, ask, tokens: (None, None) }).collect();
    for round in 0..=repairs {
        if open.is_empty() {
            break;
        }
        let outcomes = http::all(open.iter().map(|open| server.request(&open.ask)));
        let mut again = Vec::new();
        for (mut one, outcome) in open.into_iter().zip(outcomes) {
            let at = one.at;
            answers[at] = match judged(server, one.ask.structure.as_deref(), outcome, &mut one.tokens) {
                Ok(answer) => Some(Ok(answer)),
                Err(Fault::Refused(refusal)) => Some(Err(refusal)),
                Err(Fault::Unfit { text, why }) if round == repairs => {
                    let after = match repairs {
                        0 => String::new(),
                        1 => " after it was asked for again".into(),
                        more => format!(" after it was asked for again {more} times"),
                    };
                    let reason = format!("the reply does not fit the schema{after}: {why}; the reply: {}", cut(&text));
                    Some(Err(Refusal { passing: false, reason }))
                }
                Err(Fault::Unfit { text, why }) => {
                    // Some servers refuse a message without text.
                    let text = if text.trim().is_empty() { "(nothing)".into() } else { text };
                    one.ask.messages.push(Message::text(Role::Assistant, text));
                    // Not every server tells its model what the schema is.
                    let schema = one.ask.structure.as_ref().map_or(String::new(), |form| form.schema().to_string());
                    one.ask.messages.push(Message::text(
                        Role::User,
                        format!(
                            "This reply does not fit: {why}. Reply again, with nothing but JSON that fits this JSON Schema:\n{schema}"
                        ),
                    ));
                    again.push(one);
                    None
                }
            };
        }
        open = again;
    }
    let lost = || Err(Refusal { passing: true, reason: "the host gave no outcome".into() });
    answers.into_iter().map(|answer| answer.unwrap_or_else(lost)).collect()
}

enum Fault {
    Refused(Refusal),
    Unfit { text: String, why: String },
}

fn judged(
    server: &Server,
    structure: Option<&Structure>,
    outcome: http::Outcome,
    tokens: &mut (Option<i64>, Option<i64>),
) -> Result<Answer, Fault> {
    let for_good = |reason: String| Fault::Refused(Refusal { passing: false, reason });
    let reply = outcome.map_err(|failure| {
        let (passing, reason) = refusal_of(&failure);
        Fault::Refused(Refusal { passing, reason })
    })?;
    let mut said = server.said(&reply).map_err(for_good)?;
    let sum = |before: Option<i64>, now: Option<i64>| match (before, now) {
        (Some(before), Some(now)) => Some(before.saturating_add(now)),
        (before, now) => before.or(now),
    };
    *tokens = (sum(tokens.0, said.input_tokens), sum(tokens.1, said.output_tokens));
    (said.input_tokens, said.output_tokens) = *tokens;
    let Some(structure) = structure else { return Ok(Answer { said, value: None }) };
    match structure.read(&said.text) {
        Ok((text, value)) => {
            said.text = text;
            Ok(Answer { said, value: Some(value) })
        }
        // Asked again, it would be cut off again.
        Err(why) if matches!(said.finish.as_deref(), Some("length" | "max_tokens" | "max_output_tokens")) => {
            let finish = said.finish.unwrap_or_default();
            Err(for_good(format!(
                "the reply was cut off (`{finish}`), and does not fit the schema: {why}: a larger `max_tokens` would let it end"
            )))
        }
        Err(why) => Err(Fault::Unfit { text: said.text, why }),
    }
}
