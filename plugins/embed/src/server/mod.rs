//! Vectors from a server that speaks OpenAI's protocol.
//!
//! 1. `groups`: texts that are asked about in one request.
//! 2. `reply`: the vectors of a reply, checked.

mod groups;
mod reply;

use callboard_models::refusal_of;
use callboard_sdk::http::{self, Request};
use serde_json::{Map, Value};

use crate::Vectors;
use crate::config::Config;

/// The vectors of these texts.
pub(crate) fn vectors(config: &Config, url: &str, texts: &[Option<String>]) -> Vectors {
    let mut vectors: Vectors = vec![None; texts.len()];
    let groups = groups::of(texts, config.request_texts, config.request_chars);
    let alone = ask(config, url, texts, groups, &mut vectors);
    // What a server refuses because of one text is asked again one by one.
    ask(config, url, texts, alone, &mut vectors);
    vectors
}

/// Asks about groups of rows, and gives back the rows of those that were refused for good, each by itself.
fn ask(
    config: &Config,
    url: &str,
    texts: &[Option<String>],
    groups: Vec<Vec<usize>>,
    vectors: &mut Vectors,
) -> Vec<Vec<usize>> {
    let request = |group: &Vec<usize>| {
        let mut body = Map::new();
        body.insert("model".into(), config.model.clone().into());
        body.insert("input".into(), group.iter().map(|row| Value::from(texts[*row].as_deref())).collect());
        body.extend(config.parameters.clone());
        let request = Request::post(url, &Value::Object(body));
        config.headers.iter().fold(request, |request, (name, value)| request.header(name, value))
    };
    let outcomes = http::all(groups.iter().map(request));
    let mut alone = Vec::new();
    for (group, outcome) in groups.into_iter().zip(outcomes) {
        let outcome = outcome.map_err(|failure| refusal_of(&failure)).and_then(|reply| {
            reply::vectors(&reply, group.len(), config.dimensions as usize).map_err(|why| (false, why))
        });
        match outcome {
            Ok(found) => {
                for (row, vector) in group.into_iter().zip(found) {
                    vectors[row] = Some(Ok(vector));
                }
            }
            Err((false, _)) if group.len() > 1 => alone.extend(group.into_iter().map(|row| vec![row])),
            Err(refusal) => group.into_iter().for_each(|row| vectors[row] = Some(Err(refusal.clone()))),
        }
    }
    alone
}
