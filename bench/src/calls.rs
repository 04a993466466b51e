//! Calls set up over ng: who receives where, and where the relay wants each party's media.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use srtp::{Params, Suite};

use crate::crypto::Crypto;
use crate::ng::{Client, Message, Reply, text};
use crate::sdp;

/// Names of one call, unique per process, prefix and index.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    pub(crate) call_id: String,
    index: u64,
    from_tag: String,
    to_tag: String,
}

impl Names {
    pub(crate) fn new(prefix: &str, index: u64) -> Self {
        let pid = std::process::id();
        Self {
            call_id: format!("{prefix}-{pid}-{index}"),
            index,
            from_tag: format!("f{pid}{index}"),
            to_tag: format!("t{pid}{index}"),
        }
    }

    pub(crate) fn offer(&self, sdp: &str) -> Message {
        self.session("offer", sdp)
    }

    pub(crate) fn answer(&self, sdp: &str) -> Message {
        self.session("answer", sdp).with("to-tag", &self.to_tag)
    }

    /// Ends the call at once, so that its ports are free again.
    pub(crate) fn delete(&self) -> Message {
        Message::new("delete")
            .with("call-id", &self.call_id)
            .with("from-tag", &self.from_tag)
            .with_int("delete-delay", 0)
    }

    /// The first of two numbers that no other call has, for its keys.
    fn number(&self) -> u64 {
        u64::from(std::process::id()) << 32 | self.index << 1
    }

    fn session(&self, command: &str, sdp: &str) -> Message {
        Message::new(command)
            .with("sdp", sdp)
            .with("call-id", &self.call_id)
            .with("from-tag", &self.from_tag)
            .with("ICE", "remove")
            .with_list("replace", &["origin"])
    }
}

/// What is asked of a call.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Terms {
    pub(crate) record: bool,
    /// The suite that the caller speaks; plain RTP if there is none.
    pub(crate) caller: Option<Suite>,
    /// The callee's.
    pub(crate) callee: Option<Suite>,
    pub(crate) codec: sdp::Codec,
    /// RTP and RTCP of each side share a port, without another to fall back to.
    pub(crate) mux: bool,
}

impl Terms {
    fn secure(self) -> bool {
        self.caller.is_some() || self.callee.is_some()
    }

    fn body(self, addr: SocketAddr, crypto: Option<&Crypto>) -> String {
        let mux = if self.mux { "a=rtcp-mux\r\n" } else { "" };
        sdp::audio(addr, &self.codec, crypto) + mux
    }

    fn asked(self, message: Message) -> Message {
        if self.mux {
            message.with_list("rtcp-mux", &["require"])
        } else {
            message
        }
    }
}

/// What a party protects its packets with, and what the relay protects the packets for it with.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    pub(crate) sends: Params,
    pub(crate) receives: Params,
}

/// A call that stands.
pub(crate) struct Call {
    pub(crate) names: Names,
    /// Where the caller sends.
    pub(crate) caller_to: SocketAddr,
    /// Where the callee sends.
    pub(crate) callee_to: SocketAddr,
    /// Keys of the caller, if it has any.
    pub(crate) caller_keys: Option<Keys>,
    /// Keys of the callee.
    pub(crate) callee_keys: Option<Keys>,
    /// What the relay made of the caller's SDP, for the callee.
    pub(crate) offer_sdp: String,
    /// What the relay made of the callee's SDP, for the caller.
    pub(crate) answer_sdp: String,
}

impl Call {
    /// Offers `caller`, answers with `callee`: the addresses at which the two parties receive.
    pub(crate) fn set_up(
        ng: &mut Client,
        names: Names,
        caller: SocketAddr,
        callee: SocketAddr,
        terms: Terms,
    ) -> Result<Self> {
        let number = names.number();
        let offered = terms.caller.map(|suite| Crypto::new(1, suite, number));
        let mut offer = terms.asked(names.offer(&terms.body(caller, offered.as_ref())));
        if terms.record {
            offer = offer.with("record call", "yes");
        }
        if terms.secure() {
            let transport = terms.callee.map_or("RTP/AVP", |_| "RTP/SAVP");
            offer = offer.with("transport-protocol", transport).with("DTLS", "off");
        }
        let (callee_to, offer_sdp) = media(&ng.command(&offer).context("offer")?).context("offer")?;
        let seen = relays(terms.callee, &offer_sdp).context("offer")?;
        let taken = seen
            .as_ref()
            .map(|seen| Crypto::new(seen.tag, seen.suite, number + 1));
        let answer = terms.asked(names.answer(&terms.body(callee, taken.as_ref())));
        let (caller_to, answer_sdp) = media(&ng.command(&answer).context("answer")?).context("answer")?;
        let answered = relays(terms.caller, &answer_sdp).context("answer")?;
        Ok(Self {
            caller_keys: keys(offered, answered),
            callee_keys: keys(taken, seen),
            names,
            caller_to,
            callee_to,
            offer_sdp,
            answer_sdp,
        })
    }

    /// Ends the call; the reply holds its statistics.
    pub(crate) fn tear_down(&self, ng: &mut Client) -> Result<Reply> {
        ng.command(&self.names.delete()).context("delete")
    }
}

/// The relay's key for a party that speaks `suite`.
fn relays(suite: Option<Suite>, body: &str) -> Result<Option<Crypto>> {
    let Some(suite) = suite else { return Ok(None) };
    let found = Crypto::find(body, suite);
    let found = found.with_context(|| format!("no key for {} in reply's SDP", suite.spec().name));
    found.map(Some)
}

fn keys(ours: Option<Crypto>, relays: Option<Crypto>) -> Option<Keys> {
    Some(Keys {
        sends: ours?.params()?,
        receives: relays?.params()?,
    })
}

fn media(reply: &Reply) -> Result<(SocketAddr, String)> {
    let body = text(reply, "sdp").context("reply without SDP")?;
    let addr = sdp::media_address(body).context("reply's SDP says no usable media address")?;
    Ok((addr, body.to_owned()))
}
