//! Calls of a browser that change while they last, or in which the other side wants less than the browser.

use serde_json::{Value as Json, json};

use crate::browser::{
    DESK, OTHER_PAGE_HZ, PAGE_HZ, Stage, Toward, WEB, WEB2, both_hear, offer_of, page_and_phone, page_hears,
    pages_hear, phone_hears, report, sdp, two_pages, wait_for_page,
};
use crate::browser_calls::page_calls_phone;
use crate::phone::PHONE_HZ;

fn sees(now: &Json, frames: u64) -> bool {
    now["video"]["framesDecoded"].as_u64().unwrap_or(0) > frames
}

/// A camera that nobody wants to see: the section of the video is refused, in the bundle that was offered.
#[test]
fn phone_refuses_video() {
    page_and_phone(Stage::new("no-video"), true, |_, call, page, phone| {
        let offer = call.offer(WEB, &offer_of(page), Toward::Phone);
        phone.dial(&offer);
        let video = offer.lines().find(|line| line.starts_with("m=video "));
        let format = video.and_then(|line| line.split(' ').nth(3)).unwrap();
        let answer = phone.sdp("RTP/AVP", &format!("m=video 0 RTP/AVP {format}\r\n"));
        let answer = call.answer(WEB, DESK, &answer, Toward::Browser);
        assert!(answer.contains("\nm=video 0 "), "{answer}");
        page.call("accept", &[json!(answer)]);
        both_hear(page, phone);
    });
}

/// Two browsers talk, and then one turns its camera on, and the other in its turn.
#[test]
fn video_is_added() {
    two_pages(Stage::new("add-video"), false, |call, page, other| {
        let offer = call.offer(WEB, &offer_of(page), Toward::Browser);
        call.page_answers(&offer, [WEB, WEB2], [page, other], Toward::Browser);
        pages_hear(page, other);

        page.run("show()");
        let offer = call.reoffer(WEB, WEB2, &offer_of(page), Toward::Browser);
        call.page_answers(&offer, [WEB, WEB2], [page, other], Toward::Browser);
        wait_for_page(other, "video of the caller", |now| sees(now, 5));

        other.run("show()");
        let offer = call.reoffer(WEB2, WEB, &offer_of(other), Toward::Browser);
        call.page_answers(&offer, [WEB2, WEB], [other, page], Toward::Browser);
        wait_for_page(page, "video of the callee", |now| sees(now, 5));
        assert_eq!(
            report(page)["dtls"],
            json!(["connected"]),
            "all over one transport"
        );
        pages_hear(page, other);
    });
}

/// The side without ICE and DTLS renegotiates: what there is with the browser stays as it is.
#[test]
fn phone_renegotiates() {
    page_and_phone(Stage::new("phone-reoffers"), false, |_, call, page, phone| {
        page_calls_phone(call, page, phone);
        let before = report(page);
        for direction in [("sendonly", "recvonly"), ("sendrecv", "sendrecv")] {
            let line = format!("a={}\r\n", direction.0);
            let offer = call.reoffer(DESK, WEB, &phone.sdp("RTP/AVP", &line), Toward::Browser);
            let answer = sdp(page, "answer", &[json!(offer)]);
            let answer = call.answer(DESK, WEB, &answer, Toward::Phone);
            assert!(answer.contains(&format!("a={}\r\n", direction.1)), "{answer}");
            phone.dial(&answer);
        }
        phone.forget();
        phone_hears(phone, PAGE_HZ);
        let after = page_hears(page, PHONE_HZ);
        assert_eq!(after["username"], before["username"], "no ICE restart");
        let concealed = |report: &Json| report["audio"]["concealedSamples"].as_f64().unwrap_or(0.0) / 48.0;
        let gap = concealed(&after) - concealed(&before);
        assert!(gap < 300.0, "{gap} ms were lost");
    });
}

/// Somebody reloads the page and is put back into the call: another browser altogether for the relay, with certificate,
/// credentials and address of its own.
#[test]
fn page_is_reloaded() {
    page_and_phone(Stage::new("reload"), false, |stage, call, page, phone| {
        page_calls_phone(call, page, phone);
        page.call("close", &[]);

        let page = &stage.page(OTHER_PAGE_HZ, false);
        let offer = call.reoffer(WEB, DESK, &offer_of(page), Toward::Phone);
        phone.dial(&offer);
        call.phone_answers(page, phone, "");
        page_hears(page, PHONE_HZ);
        phone_hears(phone, OTHER_PAGE_HZ);
    });
}

/// The relay has a public address and leaves all checks to the browser.
#[test]
fn relay_is_lite() {
    page_and_phone(Stage::new("lite"), false, |_, call, page, phone| {
        call.more.push(("ICE-lite", "both"));
        page_calls_phone(call, page, phone);
        let lite = page.run("pc.remoteDescription.sdp.includes('a=ice-lite')");
        assert_eq!(lite, true);
    });
}

/// One flag instead of many, towards either browser.
#[test]
fn one_flag_says_it_all() {
    two_pages(Stage::new("webrtc"), true, |call, page, other| {
        call.more.clear();
        let offer = call.offer(WEB, &offer_of(page), Toward::WebRtc);
        call.page_answers(&offer, [WEB, WEB2], [page, other], Toward::WebRtc);
        pages_hear(page, other);
        for page in [page, other] {
            wait_for_page(page, "video", |now| sees(now, 5));
        }
    });
}
