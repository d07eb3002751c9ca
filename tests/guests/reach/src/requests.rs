//! Attempts at the network.

use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{ErrorCode, Fields, IncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme};
use wasip2::io::streams::StreamError;
use wasip2::sockets::network::IpAddressFamily;
use wasip2::sockets::tcp_create_socket::create_tcp_socket;
use wasip2::sockets::udp_create_socket::create_udp_socket;

/// Sends a request without a body, or with one that says `posted`. Tells the status, the place of a redirect, the body, and the
/// names of the request's headers, if it still sees them.
pub(crate) fn asked(method: &str, url: &str, headers: &[&str]) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "no such attempt".into() };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let fields = headers.iter().filter_map(|header| header.split_once('='));
    let fields: Vec<_> = fields.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).collect();
    let Ok(fields) = Fields::from_list(&fields) else { return "such headers are refused".into() };
    let request = OutgoingRequest::new(fields);
    let method = match method {
        "GET" => Method::Get,
        "POST" => Method::Post,
        other => Method::Other(other.into()),
    };
    let scheme = match scheme {
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        other => Scheme::Other(other.into()),
    };
    let posted = matches!(method, Method::Post);
    let set = request.set_method(&method).is_ok()
        && request.set_scheme(Some(&scheme)).is_ok()
        && request.set_authority(Some(authority)).is_ok()
        && request.set_path_with_query(Some(path)).is_ok();
    if !set {
        return "such a request is refused".into();
    }
    let seen = request.headers();
    match sent(request, posted) {
        Ok(answer) => {
            let mut names: Vec<String> = seen.entries().into_iter().map(|(name, _)| name).collect();
            names.sort();
            format!("{answer} headers: {}", names.join(","))
        }
        Err(code) => format!("{code:?}"),
    }
}

fn sent(request: OutgoingRequest, posted: bool) -> Result<String, ErrorCode> {
    let body = posted.then(|| request.body().expect("it is asked for once"));
    let future = handle(request, None)?;
    if let Some(body) = body {
        let stream = body.write().expect("it is asked for once");
        // A request that was refused takes no body.
        let _ = stream.blocking_write_and_flush(b"posted");
        drop(stream);
        OutgoingBody::finish(body, None)?;
    }
    future.subscribe().block();
    let response = future.get().expect("it is ready").expect("it is taken once")?;
    Ok(answer(&response))
}

fn answer(response: &IncomingResponse) -> String {
    let place = response.headers().get("location").concat();
    let body = response.consume().expect("it is asked for once");
    let stream = body.stream().expect("it is asked for once");
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(64 << 10) {
            Ok(piece) => bytes.extend(piece),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(error)) => return error.to_debug_string(),
        }
    }
    let (place, body) = (String::from_utf8_lossy(&place), String::from_utf8_lossy(&bytes));
    format!("{} {place}{body}", response.status())
}

/// Tries sockets themselves, which nobody can be granted.
pub(crate) fn socket() -> String {
    let tcp = create_tcp_socket(IpAddressFamily::Ipv4).map_or_else(|code| code.name(), |_| "made");
    let udp = create_udp_socket(IpAddressFamily::Ipv4).map_or_else(|code| code.name(), |_| "made");
    format!("{tcp} {udp}")
}
