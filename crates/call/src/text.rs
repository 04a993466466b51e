//! Numbers and addresses as text on the stack: they make up most of what is printed, and the formatting machinery takes
//! several times as long.

use std::fmt::Write as _;
use std::net::IpAddr;

use arrayvec::ArrayString;

/// Room for any address: an IPv6 one with an IPv4 one in it.
const ADDRESS_BYTES_MAX: usize = 45;

/// An address as it stands in SDP and in replies.
pub(crate) fn address(ip: IpAddr) -> ArrayString<ADDRESS_BYTES_MAX> {
    let mut text = ArrayString::new();
    match ip {
        IpAddr::V4(ip) => {
            for (at, octet) in ip.octets().into_iter().enumerate() {
                if at > 0 {
                    text.push('.');
                }
                text.push_str(itoa::Buffer::new().format(octet));
            }
        }
        // There is room for the longest.
        IpAddr::V6(ip) => drop(write!(text, "{ip}")),
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for text in [
            "0.0.0.0",
            "203.0.113.1",
            "255.255.255.255",
            "::",
            "2001:db8::1",
            "::ffff:255.255.255.255",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        ] {
            let ip: IpAddr = text.parse().expect("an address");
            assert_eq!(address(ip).as_str(), text);
        }
    }
}
