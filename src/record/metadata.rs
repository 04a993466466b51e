//! The text file that goes with a recording, in the reference's layout: the pcap's path, each rewritten SDP with the
//! number of the packet it came before, start and end, and what the controller attached.

use call::{SdpDirection, SdpText};
use plan::Time;

/// The first lines.
pub(super) fn head(pcap_path: &str) -> String {
    format!("{pcap_path}\n\n\n")
}

/// One SDP body; `packets` were written before it. `None` for bodies as they came in: the file holds what was sent.
pub(super) fn sdp(body: &SdpText, packets: u64) -> Option<String> {
    let mode = match body.direction {
        SdpDirection::OfferOut => "offer",
        SdpDirection::AnswerOut => "answer",
        SdpDirection::OfferIn | SdpDirection::AnswerIn => return None,
    };
    let us = body.at.as_micros();
    let mut text = format!(
        "Timestamp started ms: {}.{:03}\nSDP mode: {mode}\nSDP before RTP packet: {}\n\n{}",
        us / 1000,
        us % 1000,
        packets + 1,
        body.text
    );
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text.push('\n');
    Some(text)
}

/// The last lines.
pub(super) fn tail(start: Time, end: Time, metadata: &str) -> String {
    let us = end.as_micros();
    let mut text = format!(
        "Timestamp terminated ms(first monologue): {}.{:03}\n\ncall start time: {}\ncall end time: {}\n\n\n",
        us / 1000,
        us % 1000,
        utc(start),
        utc(end)
    );
    text.push_str(metadata);
    if !metadata.is_empty() && !metadata.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// `YYYY-MM-DDThh:mm:ss` in UTC. Days to civil date by the usual era arithmetic of the Gregorian calendar.
fn utc(at: Time) -> String {
    let secs = at.as_secs();
    let (days, rest) = (secs / 86_400, secs % 86_400);
    // Eras of 400 years (146,097 days) counted from 0000-03-01, so that the leap day ends a year.
    let z = days + 719_468;
    let (era, day_of_era) = (z / 146_097, z % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}",
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right_around_leap_days_and_year_ends() {
        for (secs, text) in [
            (0, "1970-01-01T00:00:00"),
            (951_782_399, "2000-02-28T23:59:59"),
            (951_782_400, "2000-02-29T00:00:00"),
            (1_078_099_200, "2004-03-01T00:00:00"),
            (1_795_279_689, "2026-11-21T16:48:09"),
            (4_107_542_399, "2100-02-28T23:59:59"),
            (4_107_542_400, "2100-03-01T00:00:00"),
            (1_798_761_599, "2026-12-31T23:59:59"),
        ] {
            assert_eq!(utc(Time::from_secs(secs)), text);
        }
    }
}
