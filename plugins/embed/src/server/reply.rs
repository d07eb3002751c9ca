//! The vectors of a reply.

use callboard_sdk::http::Reply;
use serde::Deserialize;

#[derive(Deserialize)]
struct Body {
    data: Vec<Datum>,
}

#[derive(Deserialize)]
struct Datum {
    index: Option<usize>,
    embedding: Vec<f32>,
}

/// The vectors for this many texts, in their order.
///
/// # Errors
/// What is not as it should be, in words.
pub(crate) fn vectors(reply: &Reply, texts: usize, width: usize) -> Result<Vec<Vec<f32>>, String> {
    let body: Body = reply.json().map_err(|error| error.message)?;
    if body.data.len() != texts {
        return Err(format!("the server gave {} vectors for {texts} texts", body.data.len()));
    }
    let mut vectors: Vec<Option<Vec<f32>>> = vec![None; texts];
    for (at, Datum { index, embedding }) in body.data.into_iter().enumerate() {
        if embedding.len() != width {
            return Err(format!("a vector has {} numbers, and `dimensions` says {width}", embedding.len()));
        }
        if !embedding.iter().all(|item| item.is_finite()) {
            return Err("a vector has a number that float32 cannot hold".into());
        }
        let index = index.unwrap_or(at);
        match vectors.get_mut(index) {
            Some(place @ None) => *place = Some(embedding),
            Some(Some(_)) => return Err(format!("the server gave two vectors for text {index}")),
            None => return Err(format!("the server gave a vector for text {index} of {texts}")),
        }
    }
    Ok(vectors.into_iter().flatten().collect())
}
