//! What may decide about packets beside the routing table: policy rules and IPsec.
//!
//! Both are judged with a bias: what could apply to a packet applies.

use std::net::IpAddr;

use plan::Refusal;

use super::prefix::Prefix;
use super::wire::{Message, attribute, attributes, text, u8_at, u16_at, u32_at};

/// `fib_rule_hdr`.
pub(super) const RULE_BYTES: usize = 12;
/// `xfrm_userpolicy_info`, of which the first 56 are the selector.
const POLICY_BYTES: usize = 168;

const FRA_DST: u16 = 1;
const FRA_SRC: u16 = 2;
const FRA_IIFNAME: u16 = 3;
const FRA_OIFNAME: u16 = 17;
/// What a route lookup with source, destination and protocol goes by, or what is done once a rule matches: FRA_DST,
/// FRA_SRC, FRA_IIFNAME, FRA_GOTO, FRA_PRIORITY, FRA_FLOW, FRA_SUPPRESS_IFGROUP, FRA_SUPPRESS_PREFIXLEN, FRA_TABLE,
/// FRA_OIFNAME, FRA_PAD, FRA_L3MDEV, FRA_PROTOCOL, FRA_IP_PROTO. Anything else (marks, users, ports, the DSCP) it may
/// not know.
const FRA_KNOWN: &[u16] = &[
    FRA_DST,
    FRA_SRC,
    FRA_IIFNAME,
    4,
    6,
    11,
    13,
    14,
    15,
    FRA_OIFNAME,
    18,
    19,
    21,
    22,
];
const FIB_RULE_INVERT: u32 = 2;

const XFRMA_TMPL: u16 = 5;
const XFRMA_IF_ID: u16 = 31;
const XFRM_POLICY_OUT: u8 = 1;
const XFRM_POLICY_IN: u8 = 0;
const XFRM_USERPOLICY_BLOCK: u8 = 1;

/// Rules and policies of this host that a route lookup does not tell about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Policies {
    rules: Vec<Selector>,
    ipsec: Vec<Selector>,
    ipsec_default: bool,
}

/// Packets from and to such addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Selector {
    src: Prefix,
    dst: Prefix,
}

impl Selector {
    fn has(&self, from: IpAddr, to: IpAddr) -> bool {
        self.src.has(from) && self.dst.has(to)
    }
}

impl Policies {
    /// Takes a rule (`RTM_NEWRULE`) of a dump into account.
    pub(super) fn add_rule(&mut self, message: &Message<'_>) {
        self.rules.extend(rule(message));
    }

    /// Takes an IPsec policy (`XFRM_MSG_NEWPOLICY`) of a dump into account.
    pub(super) fn add_ipsec(&mut self, message: &Message<'_>) {
        self.ipsec.extend(ipsec(message));
    }

    /// What becomes of packets that no policy is about (`XFRM_MSG_NEWDEFAULT`): in, forwarded, out.
    pub(super) fn set_ipsec_default(&mut self, message: &Message<'_>) {
        let blocked = |at| u8_at(message.body, at) == Some(XFRM_USERPOLICY_BLOCK);
        self.ipsec_default = blocked(0) || blocked(2);
    }

    /// Whether a rule or policy may decide about packets.
    pub(super) fn check(&self, from: IpAddr, to: IpAddr) -> Result<(), Refusal> {
        if self.rules.iter().any(|rule| rule.has(from, to)) {
            return Err(Refusal::PolicyRoute);
        }
        if self.ipsec_default || self.ipsec.iter().any(|policy| policy.has(from, to)) {
            return Err(Refusal::Ipsec);
        }
        Ok(())
    }
}

/// The packets for which a lookup does not tell whether the rule is about them.
fn rule(message: &Message<'_>) -> Option<Selector> {
    let body = message.body;
    let v6 = i32::from(u8_at(body, 0)?) == libc::AF_INET6;
    let inverted = u32_at(body, 8)? & FIB_RULE_INVERT != 0;
    let tos = u8_at(body, 3)?;
    if tos == 0 && attributes(body, RULE_BYTES).all(|(kind, _)| FRA_KNOWN.contains(&kind)) {
        return None;
    }
    let find = |kind| attribute(body, RULE_BYTES, kind);
    // What we send comes from nowhere (which rules call "lo"), and our sockets are bound to no device.
    let elsewhere = find(FRA_IIFNAME).is_some_and(|name| text(name) != "lo") || find(FRA_OIFNAME).is_some();
    if elsewhere && !inverted {
        return None;
    }
    let prefix = |kind, bits| match find(kind) {
        Some(addr) if !inverted => Prefix::new(addr, bits, v6),
        _ => Prefix::all(v6),
    };
    Some(Selector {
        dst: prefix(FRA_DST, u8_at(body, 1)?),
        src: prefix(FRA_SRC, u8_at(body, 2)?),
    })
}

/// The packets, as we send them, that the policy wants protected or blocked; one for what we receive is turned round.
fn ipsec(message: &Message<'_>) -> Option<Selector> {
    let body = message.body;
    let v6 = match i32::from(u16_at(body, 40)?) {
        libc::AF_INET => false,
        libc::AF_INET6 => true,
        _ => return None,
    };
    let protocol = i32::from(u8_at(body, 44)?);
    let direction = u8_at(body, 160)?;
    let allowed = u8_at(body, 161)? == 0;
    let find = |kind| attribute(body, POLICY_BYTES, kind);
    // Policies of an xfrm device are about what is routed to it, and that is refused as a tunnel.
    let of_device = find(XFRMA_IF_ID).is_some_and(|id| u32_at(id, 0) != Some(0));
    let other_protocol = protocol != 0 && protocol != libc::IPPROTO_UDP;
    if of_device || other_protocol || (allowed && find(XFRMA_TMPL).is_none()) {
        return None;
    }
    let dst = Prefix::new(body.get(..16)?, u8_at(body, 42)?, v6);
    let src = Prefix::new(body.get(16..32)?, u8_at(body, 43)?, v6);
    match direction {
        XFRM_POLICY_OUT => Some(Selector { src, dst }),
        XFRM_POLICY_IN => Some(Selector { src: dst, dst: src }),
        _ => None,
    }
}
