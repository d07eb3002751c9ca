//! Which objects an address or a pattern names.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::{OptionFuture, join};
use object_store::list::PaginatedListOptions;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStoreExt};

use super::client::pause;
use super::fault::{Doing, Fault};
use super::object::{First, Object, Room, SMALL, TAIL, Via};
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
/// Objects of a page that are looked at in one go.
const AT_ONCE: usize = 64;

/// The objects of an address, in the order of their names; of each, what is read `first` is asked for meanwhile, as far as it can be kept.
pub(super) async fn find(address: Address, store: Option<Store>, first: First) -> Result<Vec<Arc<Object>>, Fault> {
    let spec = |message: String| Fault::new(ErrorKind::Spec, message);
    let Some(store) = store else {
        return web::find(address).await.map(|object| vec![Arc::new(object)]);
    };
    if !is_pattern(&address.key) {
        return begun(address, &store, first).await.map(|object| vec![Arc::new(object)]);
    }
    let pattern = KeyPattern::new(&address.key).map_err(|wrong| spec(format!("is not a pattern: {wrong}")))?;
    let (mut found, mut named, mut ahead) = (Vec::new(), None, true);
    let prefix = pattern.prefix().to_owned();
    let next = |token| page(&address, &store, &prefix, pattern.is_of_one_folder(), token);
    let (mut page, mut looked_at) = (next(None).await?, 0);
    loop {
        looked_at += page.result.objects.len() + 1;
        let token = page.page_token.filter(|token| !token.is_empty());
        let following = OptionFuture::from(token.map(|token| next(Some(token))));
        // The next page is on its way while this one is looked at.
        let (following, ()) = join(following, async {
            for (nth, meta) in page.result.objects.into_iter().enumerate() {
                if nth % AT_ONCE == 0 {
                    tokio::task::yield_now().await;
                }
                let is_named = *meta.location.as_ref() == *address.key;
                if !is_named && !pattern.matches(meta.location.as_ref()) {
                    continue;
                }
                let object = Arc::new(Object::of_meta(&address, &store.objects, meta));
                ahead = ahead && object.fetch_to_keep(first);
                named = named.take().or_else(|| is_named.then(|| object.clone()));
                found.push(object);
            }
        })
        .await;
        if found.len() > MATCHED || looked_at > LOOKED_AT {
            let message = match found.len() > MATCHED {
                true => format!("the pattern matches more than {MATCHED} objects"),
                false => format!("the pattern leads to more than {LOOKED_AT} objects below `{prefix}`"),
            };
            return Err(spec(message).help("name a longer part of the path before the first `*`, or split the input"));
        }
        match following {
            Some(following) => page = following?,
            None => break,
        }
    }
    // One whose name happens to look like a pattern is that object, as a file is.
    if let Some(named) = named {
        return Ok(vec![named]);
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

/// The object of an address that is no pattern, and with the same request what is read first of it.
pub(super) async fn begun(address: Address, store: &Store, first: First) -> Result<Object, Fault> {
    let (range, asked) = match first {
        // A sample of its rows takes no more, most likely.
        First::Start => (GetRange::Bounded(0..SMALL), SMALL),
        // Azure knows no ranges that count from the end.
        First::Tail if address.scheme != Scheme::Azure => (GetRange::Suffix(TAIL), TAIL),
        _ => return one(address, store).await,
    };
    let Some(room) = Room::take(asked) else { return one(address, store).await };
    let key = key(&address)?;
    let options = GetOptions { range: Some(range), ..GetOptions::default() };
    let found = match store.objects.get_opts(&key, options).await {
        Ok(found) => found,
        Err(error) => {
            let fault = Fault::of_store(&error, &address, Doing::Read);
            // An empty object has no ranges; and what else is wrong with the answer is no fault of the object.
            return if fault.is_answer && fault.status != Some(416) { Err(fault) } else { one(address, store).await };
        }
    };
    let object = Object::of_meta(&address, &store.objects, found.meta.clone());
    // One that breaks off is asked for again when it is read.
    let Ok(bytes) = found.bytes().await else { return Ok(object) };
    drop(room);
    Ok(match Room::take(bytes.len() as u64) {
        Some(room) if bytes.len() as u64 == object.size.min(asked) => object.with_first(first, bytes, room),
        _ => object,
    })
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
