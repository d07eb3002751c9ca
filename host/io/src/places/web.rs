//! A file of a web server, which need not know ranges, versions, or how long the file is.

use std::ops::Range;

use futures_util::StreamExt;
use object_store::ClientOptions;
use object_store::client::{HttpClient, HttpConnector, HttpRequest, HttpRequestBody, HttpResponse};

use super::client::{Connector, Redirects};
use super::fault::{Doing, Fault, one_line};
use super::object::{Body, Object, Via};
use crate::error::ErrorKind;
use callboard_words::address::Address;

/// A server that knows no ranges sends whole files; a longer one is refused, bytes.
const LONGEST_WHOLE: u64 = 256 << 20;

/// How a file of a web server is asked for.
#[derive(Clone)]
pub(super) struct Page {
    client: HttpClient,
    url: String,
    /// Whether the server knows ranges.
    pub(super) ranges: bool,
    /// The token that requests carry, if the server needs one.
    bearer: Option<String>,
    /// An ETag that stands for the same bytes.
    version: Option<String>,
    /// The header of every reply that changes when the file does, and its value: many servers do not obey `If-Match`.
    stamp: Option<(&'static str, String)>,
}

/// The file of an address.
pub(super) async fn find(address: Address) -> Result<Object, Fault> {
    find_at(address.to_string(), address, None).await
}

/// The file at a URL, which people know by an address.
pub(super) async fn find_at(url: String, address: Address, bearer: Option<String>) -> Result<Object, Fault> {
    let mut page = Page::new(url, bearer, &address)?;
    // The first byte: of HEAD, many servers know nothing.
    let found = match page.ask(&address, Some(0..1)).await {
        // A file without bytes has no first one.
        Err(fault) if fault.status == Some(416) => page.ask(&address, None).await?,
        found => found?,
    };
    let header = |name: &str| Some(found.headers().get(name)?.to_str().ok()?.trim().to_owned());
    page.version = header("etag").filter(|etag| !etag.starts_with("W/"));
    page.stamp = ["etag", "last-modified"].into_iter().find_map(|name| Some((name, header(name)?)));
    let version = page.stamp.as_ref().map(|(_, value)| value.clone());
    let size = match found.status().as_u16() {
        206 => header("content-range").and_then(|range| range.rsplit_once('/')?.1.parse().ok()),
        _ => {
            page.ranges = false;
            header("content-length").and_then(|length| length.parse().ok())
        }
    };
    let Some(size) = size else {
        let message = "the server does not say how long the file is";
        return Err(Fault::new(ErrorKind::System, message).help("download it, and name the file here"));
    };
    if !page.ranges && size > LONGEST_WHOLE {
        let message = format!("the server sends files only whole, and this one has {size} bytes");
        return Err(Fault::new(ErrorKind::System, message).help("download it, and name the file here"));
    }
    Ok(Object::new(address, Via::Web(page), size, version))
}

impl Page {
    /// A page that knows ranges.
    pub(super) fn new(url: String, bearer: Option<String>, address: &Address) -> Result<Page, Fault> {
        let client = Connector(Redirects::Follow).connect(&ClientOptions::new());
        let client = client.map_err(|error| Fault::of_store(&error, address, Doing::Read))?;
        Ok(Page { client, url, ranges: true, bearer, version: None, stamp: None })
    }

    pub(super) async fn ask(&self, address: &Address, range: Option<Range<u64>>) -> Result<HttpResponse, Fault> {
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        let not_one = || Fault::new(ErrorKind::Spec, "this is not the address of a web page");
        *request.uri_mut() = self.url.parse().map_err(|_| not_one())?;
        let range = range.map(|range| format!("bytes={}-{}", range.start, range.end.saturating_sub(1)));
        let bearer = self.bearer.as_ref().map(|token| format!("Bearer {token}"));
        let headers = [("range", range), ("if-match", self.version.clone()), ("authorization", bearer)];
        for (name, value) in headers {
            let Some(mut value) = value.and_then(|value| value.parse::<object_store::HeaderValue>().ok()) else {
                continue;
            };
            value.set_sensitive(name == "authorization");
            request.headers_mut().insert(name, value);
        }
        self.client.execute(request).await.map_err(|error| {
            let error = object_store::Error::Generic { store: "http", source: Box::new(error) };
            Fault::of_store(&error, address, Doing::Read)
        })
    }

    pub(super) async fn body(&self, address: &Address, range: Range<u64>) -> Result<Body, Fault> {
        let whole = !self.ranges;
        let found = self.ask(address, (!whole).then(|| range.clone())).await?;
        if let Some((name, before)) = &self.stamp
            && let Some(now) = found.headers().get(*name)
            && now.as_bytes() != before.as_bytes()
        {
            return Err(Fault::changed());
        }
        let start = format!("bytes {}-", range.start);
        let says = found.headers().get("content-range").and_then(|value| value.to_str().ok());
        match (whole, found.status().as_u16()) {
            (true, _) => {}
            (false, 206) if says.is_some_and(|says| says.starts_with(&start)) => {}
            _ => {
                let message = "the server sends other bytes than those that it was asked for";
                return Err(Fault::new(ErrorKind::System, message).help("download it, and name the file here"));
            }
        }
        // What was there before the connection broke is sent again.
        let mut skip = if whole { range.start } else { 0 };
        let stream = found.into_body().bytes_stream();
        Ok(stream
            .map(move |bytes| {
                let bytes = bytes.map_err(|error| one_line(&error.to_string()))?;
                let past = skip.min(bytes.len() as u64);
                skip -= past;
                Ok(bytes.slice(past as usize..))
            })
            .boxed())
    }
}
