//! A media that stands in two `m=` sections, one with SRTP and one without: the form of "best effort" SRTP that came
//! before OSRTP. The other modules know one media.

use super::{Line, media, push_parts};
use crate::call::Call;
use crate::model::{Legacy, Media};
use crate::offer_answer::Exchange;

impl Call {
    /// The section of a media, or its two sections.
    pub(crate) fn print_line(&self, exchange: &Exchange<'_>, line: &Line<'_>, out: &mut Vec<u8>) {
        let media = &self.model.medias[line.media];
        let Some(legacy) = media.keying.legacy else {
            return self.print_media(exchange, line, out);
        };
        let twin = |out: &mut Vec<u8>| match line.deal.twice {
            true => self.print_media(exchange, &line.without_keys(), out),
            false => print_rejected(line, media, legacy, out),
        };
        // The twin is the section that is not in use: the one with keys only after the party chose the other.
        let twin_first = legacy.plain_first == media.protocol.is_srtp();
        if twin_first {
            twin(out);
        }
        self.print_media(exchange, line, out);
        if !twin_first {
            twin(out);
        }
    }
}

impl Line<'_> {
    fn without_keys(&self) -> Self {
        let mut line = self.clone();
        (line.deal.cryptos, line.deal.dtls) = (Vec::new(), None);
        line.deal.plain = true;
        line
    }
}

/// Nothing but the `m=` line, as the reference prints it.
fn print_rejected(line: &Line<'_>, media: &Media, legacy: Legacy, out: &mut Vec<u8>) {
    let protocol = match media.protocol.is_srtp() {
        true => legacy.plain(),
        false => legacy.secure,
    };
    let (kind, formats) = (media.kind.name(), media::format_list(&line.deal, media));
    let protocol = protocol.name().unwrap_or_default();
    push_parts(
        out,
        'm',
        &[kind.as_bytes(), b" 0 ", protocol.as_bytes(), b" ", &formats],
    );
}
