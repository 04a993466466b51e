//! SDP for the receiver, generated from the call's state and what the sender's body carries along.
//!
//! Order of lines: the reference's. Nothing of the sender's body is edited in place; what we do not understand is
//! copied, what we do understand is printed anew.

mod attributes;
mod crypto;
mod ice;
mod media;
mod origin;
mod session;
mod twin;

use sdp::Extmap;

use crate::call::Call;
use crate::model::{CryptoLine, Formats, Media, MediaId};
use crate::negotiate::dtls::Told;
use crate::negotiate::said::Said;
use crate::offer_answer::Exchange;

/// What was agreed for one media, as far as it is printed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deal {
    /// Codecs, in order.
    pub(crate) codecs: Formats,
    /// Header extensions, in order.
    pub(crate) extmaps: Vec<Extmap>,
    /// `a=rtcp-mux`.
    pub(crate) mux: bool,
    /// `a=crypto`, in order.
    pub(crate) cryptos: Vec<CryptoLine>,
    /// `a=setup` and what belongs to it.
    pub(crate) dtls: Option<Told>,
    /// Offered twice, once without keys (`OSRTP-offer-legacy`).
    pub(crate) twice: bool,
    /// The section without keys of two that offer one media.
    pub(crate) plain: bool,
    /// Port 0.
    pub(crate) rejected: bool,
    /// Port 0 because the sender's body is silent about it; what is known of it is printed all the same.
    pub(crate) silent: bool,
}

/// One `m=` section to print.
#[derive(Clone, Debug)]
pub(crate) struct Line<'a> {
    /// The receiver's media.
    pub(crate) media: MediaId,
    /// The sender's section; `None` where its body has none.
    pub(crate) said: Option<Said<'a>>,
    /// What was agreed.
    pub(crate) deal: Deal,
}

impl Line<'_> {
    /// A line for a media of the receiver that the sender's body does not mention.
    pub(crate) fn stand_in(id: MediaId, media: &Media, rejected: bool) -> Self {
        let deal = Deal {
            codecs: media.codecs.clone(),
            mux: media.mux.active,
            rejected: rejected || !media.has_transport() || media.foreign.is_some(),
            silent: true,
            ..Deal::default()
        };
        Self {
            media: id,
            said: None,
            deal,
        }
    }
}

impl Call {
    /// The body for the receiver.
    pub(crate) fn print(&mut self, exchange: &Exchange<'_>, lines: &[Line<'_>]) -> Vec<u8> {
        let mut out = Vec::with_capacity(1024);
        self.print_session(exchange, lines, &mut out);
        for line in lines {
            self.print_line(exchange, line, &mut out);
        }
        let body = out.len();
        self.print_head(exchange, lines, &mut out);
        out.rotate_left(body);
        out
    }
}

/// Appends one line.
pub(crate) fn push(out: &mut Vec<u8>, letter: char, value: &[u8]) {
    push_parts(out, letter, &[value]);
}

/// Appends one line that comes in pieces.
pub(crate) fn push_parts(out: &mut Vec<u8>, letter: char, parts: &[impl AsRef<[u8]>]) {
    out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
    out.push(b'=');
    parts.iter().for_each(|part| out.extend_from_slice(part.as_ref()));
    out.extend_from_slice(b"\r\n");
}

/// `b=` lines in the order of the reference, which is not the order they came in.
pub(crate) fn push_bandwidths(out: &mut Vec<u8>, bandwidths: &[sdp::Bandwidth]) {
    const ORDER: [&str; 5] = ["AS", "RR", "RS", "CT", "TIAS"];
    let rank = |b: &&sdp::Bandwidth| ORDER.iter().position(|k| b.kind.is(k)).unwrap_or(ORDER.len());
    let mut sorted: Vec<&sdp::Bandwidth> = bandwidths.iter().collect();
    sorted.sort_by_key(rank);
    for bandwidth in sorted {
        push(out, 'b', &bandwidth.text);
    }
}
