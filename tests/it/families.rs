//! IPv4 calls IPv6 and the other way: the relay has an address of each family, and a party one of its own only.

use crate::lab::{Lab, have};
use crate::nat;
use crate::open_net::{answer, offer};
use crate::phone::media_address;
use crate::relay::{RELAY_IP, Relay, under_test};
use crate::rtp::{Party, meet, talk};

const RELAY_IP6: &str = "2001:db8::1";
const OLD_IP: &str = "203.0.113.40";
const NEW_IP: &str = "2001:db8::40";
const PORT: u16 = 4000;

fn sdp(ip: &str) -> String {
    let family = if ip.contains(':') { "IP6" } else { "IP4" };
    format!(
        "v=0\r\no=- 1 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n\
         m=audio {PORT} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
    )
}

fn call(topic: &str, caller: &str, callee: &str) {
    let program = under_test();
    if !have(&[&program]) {
        return;
    }
    let mut lab = Lab::new(topic);
    let core = nat::core(&mut lab);
    core.ip(&format!("addr add {RELAY_IP6}/64 dev public nodad"));
    let parties = lab.host("parties");
    lab.wire((&core, "parties"), (&parties, "eth0"));
    core.ip("link set parties master public");
    parties.ip(&format!("addr add {OLD_IP}/24 dev eth0"));
    parties.ip(&format!("addr add {NEW_IP}/64 dev eth0 nodad"));
    let interfaces = [RELAY_IP, RELAY_IP6].map(|ip| format!("--interface={ip}"));
    let relay = Relay::start(&lab, &core, &program, &[&interfaces[0], &interfaces[1]]);
    let before = relay.descriptors();

    let socket = |ip: &str| {
        if ip.contains(':') {
            format!("[{ip}]:{PORT}")
        } else {
            format!("{ip}:{PORT}")
        }
    };
    let family = |ip: &str| if ip.contains(':') { "IP6" } else { "IP4" };
    let mut alice = Party::new(&parties, &socket(caller), 0xa);
    let mut bob = Party::new(&parties, &socket(callee), 0xb);
    let request = offer(topic, &sdp(caller), &[]).with("address-family", family(callee));
    bob.call(media_address(relay.ng.ok(&request).text_of("sdp")));
    let request = answer(topic, &sdp(callee), &[]).with("address-family", family(caller));
    alice.call(media_address(relay.ng.ok(&request).text_of("sdp")));
    meet(&mut alice, &mut bob);
    talk(&mut alice, &mut bob, 100);

    let delete = crate::ng::Request::new("delete").with("call-id", topic);
    relay.ng.ok(&delete);
    relay.assert_nothing_left(before);
}

#[test]
fn ipv4_calls_ipv6() {
    call("ipv4-to-ipv6", OLD_IP, NEW_IP);
}

#[test]
fn ipv6_calls_ipv4() {
    call("ipv6-to-ipv4", NEW_IP, OLD_IP);
}
