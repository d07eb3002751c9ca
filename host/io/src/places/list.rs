//! Which objects an address or a pattern names.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use object_store::ObjectStoreExt;
use object_store::list::PaginatedListOptions;
use object_store::path::Path;

use super::client::pause;
use super::fault::{Doing, Fault};
use super::object::{Object, Via};
use super::store::Store;
use super::web;
use crate::error::ErrorKind;
use crate::pattern::{KeyPattern, is_pattern};
use callboard_words::address::{Address, Scheme};

/// Objects that one pattern may look at, and match.
pub(super) const LOOKED_AT: usize = 10_000_000;
pub(super) const MATCHED: usize = 1_000_000;
/// How often a page of a list is asked for.
const TRIES: u32 = 5;

/// The objects of an address, in the order of their names.
pub(super) async fn find(address: Address, store: Option<Store>) -> Result<Vec<Object>, Fault> {
    let spec = |message: String| Fault::new(ErrorKind::Spec, message);
    let Some(store) = store else {
        return web::find(address).await.map(|object| vec![object]);
    };
    if !is_pattern(&address.key) {
        return one(address, &store).await.map(|object| vec![object]);
    }
    let pattern = KeyPattern::new(&address.key).map_err(|wrong| spec(format!("is not a pattern: {wrong}")))?;
    let mut found = Vec::new();
    let (mut token, mut looked_at) = (None, 0);
    let prefix = pattern.prefix().to_owned();
    loop {
        let page = page(&address, &store, &prefix, pattern.is_of_one_folder(), token).await?;
        looked_at += page.result.objects.len() + 1;
        for meta in page.result.objects {
            if pattern.matches(meta.location.as_ref()) {
                found.push(Object::of_meta(&address, &store.objects, meta));
            }
        }
        if found.len() > MATCHED || looked_at > LOOKED_AT {
            let message = match found.len() > MATCHED {
                true => format!("the pattern matches more than {MATCHED} objects"),
                false => format!("the pattern leads to more than {LOOKED_AT} objects below `{prefix}`"),
            };
            return Err(spec(message).help("name a longer part of the path before the first `*`, or split the input"));
        }
        token = page.page_token.filter(|token| !token.is_empty());
        if token.is_none() {
            break;
        }
    }
    if found.is_empty() {
        let below = if prefix.is_empty() { "there".to_owned() } else { format!("whose names begin with `{prefix}`") };
        let message = match looked_at {
            1 => format!("the pattern matches no object: there are none {below}"),
            looked_at => format!("the pattern matches none of the {} objects {below}", looked_at - 1),
        };
        return Err(spec(message));
    }
    found.sort_by_cached_key(|object| PathBuf::from(object.address.to_string()));
    Ok(found)
}

async fn page(
    address: &Address,
    store: &Store,
    prefix: &str,
    one_folder: bool,
    token: Option<String>,
) -> Result<object_store::list::PaginatedListResult, Fault> {
    let mut tries = 0;
    loop {
        tries += 1;
        let options = PaginatedListOptions {
            delimiter: one_folder.then_some(Cow::Borrowed("/")),
            page_token: token.clone(),
            ..PaginatedListOptions::default()
        };
        let prefix = Some(prefix).filter(|prefix| !prefix.is_empty());
        match store.listing.list_paginated(prefix, options).await {
            Ok(page) => return Ok(page),
            Err(error) => {
                let fault = Fault::of_store(&error, address, Doing::List);
                // A refusal is final; a page that broke off is not.
                if fault.is_answer || tries == TRIES {
                    return Err(fault);
                }
                tokio::time::sleep(pause(tries)).await;
            }
        }
    }
}

/// The object of an address that is no pattern.
pub(super) async fn one(address: Address, store: &Store) -> Result<Object, Fault> {
    let key = key(&address)?;
    match store.objects.head(&key).await {
        Ok(meta) => Ok(Object::of_meta(&address, &store.objects, meta)),
        Err(error) => {
            let fault = Fault::of_store(&error, &address, Doing::Read);
            if !fault.is_answer {
                return Err(fault);
            }
            // The answer to HEAD has no words: those to GET say more.
            let object = Arc::new(Object::new(address, Via::Store(store.objects.clone(), key), 1, None));
            Err(object.refusal().await.unwrap_or(fault))
        }
    }
}

/// The key of an address, as stores have it.
pub(super) fn key(address: &Address) -> Result<Path, Fault> {
    Path::parse(&address.key).map_err(|_| {
        let message = "the key has an empty part, `.` or `..`, which are not supported in keys of objects";
        let help = match address.scheme {
            Scheme::Web { .. } => "write the address without them",
            _ => "copy the object to another key",
        };
        Fault::new(ErrorKind::Spec, message).help(help)
    })
}
