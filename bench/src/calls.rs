//! Calls set up over ng: who receives where, and where the relay wants each party's media.

use std::net::SocketAddr;

use anyhow::{Context, Result};

use crate::ng::{Client, Message, Reply, text};
use crate::sdp;

/// Names of one call, unique per process, prefix and index.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    pub(crate) call_id: String,
    from_tag: String,
    to_tag: String,
}

impl Names {
    pub(crate) fn new(prefix: &str, index: u64) -> Self {
        let pid = std::process::id();
        Self {
            call_id: format!("{prefix}-{pid}-{index}"),
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

    fn session(&self, command: &str, sdp: &str) -> Message {
        Message::new(command)
            .with("sdp", sdp)
            .with("call-id", &self.call_id)
            .with("from-tag", &self.from_tag)
            .with("ICE", "remove")
            .with_list("replace", &["origin"])
    }
}

/// A call that stands.
pub(crate) struct Call {
    pub(crate) names: Names,
    /// Where the caller sends.
    pub(crate) caller_to: SocketAddr,
    /// Where the callee sends.
    pub(crate) callee_to: SocketAddr,
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
        record: bool,
    ) -> Result<Self> {
        let mut offer = names.offer(&sdp::audio(caller));
        if record {
            offer = offer.with("record call", "yes");
        }
        let (callee_to, offer_sdp) = media(&ng.command(&offer).context("offer")?).context("offer")?;
        let answer = names.answer(&sdp::audio(callee));
        let (caller_to, answer_sdp) = media(&ng.command(&answer).context("answer")?).context("answer")?;
        Ok(Self {
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

fn media(reply: &Reply) -> Result<(SocketAddr, String)> {
    let body = text(reply, "sdp").context("reply without SDP")?;
    let addr = sdp::media_address(body).context("reply's SDP says no usable media address")?;
    Ok((addr, body.to_owned()))
}
