//! Which addresses a host's name may lead to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use wasmtime_wasi_http::Error;

/// The addresses of a host that a grant names, each of them checked; or why they may not be reached.
pub(super) async fn look_up(host: &str, port: u16, wait: Duration) -> Result<Result<Vec<SocketAddr>, String>, Error> {
    if let Some(address) = literal(host) {
        // The grant says this very address.
        return Ok(Ok(vec![SocketAddr::new(address, port)]));
    }
    let found = tokio::time::timeout(wait, tokio::net::lookup_host((host, port))).await;
    let found: Vec<SocketAddr> = match found {
        Ok(Ok(found)) => found.collect(),
        Ok(Err(_)) => Vec::new(),
        Err(_elapsed) => return Err(Error::DnsTimeout),
    };
    if found.is_empty() {
        return Err(Error::DnsError { rcode: Some("no address was found".to_owned()), info_code: None });
    }
    Ok(match host {
        "localhost" => match found.iter().find(|address| !address.ip().is_loopback()) {
            Some(stray) => Err(format!("`localhost` is {} here, which is not a loopback address", stray.ip())),
            None => Ok(found),
        },
        _ => match found.iter().find_map(|address| Some((address.ip(), special(address.ip())?))) {
            Some((address, what)) => Err(format!("`{host}` is {address}, {what}")),
            None => Ok(found),
        },
    })
}

/// Whether a host is this machine, by a name or an address that cannot be anything else.
pub(super) fn is_loopback(host: &str) -> bool {
    host == "localhost" || literal(host).is_some_and(|address| address.is_loopback())
}

/// An address in figures, as it stands in a URL.
pub(super) fn literal(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(inner) => inner.parse().ok().map(IpAddr::V6),
        None => host.parse().ok(),
    }
}

/// What an address is, where it is not one of the public internet.
fn special(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => special_v4(address),
        IpAddr::V6(address) => special_v6(address),
    }
}

fn special_v4(address: Ipv4Addr) -> Option<&'static str> {
    Some(match address.octets() {
        [0, ..] => "an unspecified address",
        [127, ..] => "a loopback address",
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => "a private address",
        [169, 254, 169, 254] => "the address of a cloud's metadata",
        [169, 254, ..] => "a link-local address",
        [100, 64..=127, ..] => "an address of a carrier's NAT",
        [192, 0, 0, _] | [198, 18 | 19, ..] => "a reserved address",
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => "an address for documentation",
        [224..=239, ..] => "a multicast address",
        [240..=255, ..] => "a reserved address",
        _ => return None,
    })
}

fn special_v6(address: Ipv6Addr) -> Option<&'static str> {
    let embedded = |high: u16, low: u16| special_v4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    Some(match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => "an unspecified address",
        [0, 0, 0, 0, 0, 0, 0, 1] => "a loopback address",
        // Mapped and translated addresses lead to the IPv4 address in them.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => return embedded(high, low),
        [0x2002, high, low, ..] => return embedded(high, low),
        [0, 0, 0, 0, ..] | [0x64, 0xff9b, ..] | [0x100, 0, 0, 0, ..] | [0x2001, 0, ..] => "a reserved address",
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => "an address for documentation",
        [0xfc00..=0xfdff, ..] => "a unique local address",
        [0xfe80..=0xfebf, ..] => "a link-local address",
        [0xfec0..=0xfeff, ..] => "a site-local address",
        [0xff00..=0xffff, ..] => "a multicast address",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{literal, special};

    #[test]
    fn addresses_that_are_not_the_internets_are_told_apart() {
        let refused = [
            "0.0.0.0",
            "0.1.2.3",
            "127.0.0.1",
            "127.255.255.254",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "169.254.1.1",
            "100.64.0.1",
            "100.127.255.255",
            "192.0.0.170",
            "198.18.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:a00:1::1",
            "2001::1",
            "2001:db8::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "100::1",
        ];
        for address in refused {
            assert!(special(address.parse().unwrap()).is_some(), "{address} would be reached");
        }
        let public = [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.0.1",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "169.253.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450::1",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2001:4860::8888",
            "2002:808:808::1",
        ];
        for address in public {
            assert_eq!(special(address.parse().unwrap()), None, "{address}");
        }
    }

    #[test]
    fn only_addresses_in_full_are_literals() {
        for literal_host in ["127.0.0.1", "[::1]", "10.0.0.1"] {
            assert!(literal(literal_host).is_some(), "{literal_host}");
        }
        for name in ["127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "localhost", "[127.0.0.1]", "127.0.0.1."] {
            assert!(literal(name).is_none(), "{name}");
        }
    }
}
