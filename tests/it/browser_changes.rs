//! Calls of a browser that change while they last, or in which the other side wants less than the browser.

use serde_json::{Value as Json, json};

use crate::browser::{OTHER_PAGE_HZ, PAGE_HZ, Stage, Toward, page_hears, phone_hears, report, wait_for_page};
use crate::browser_calls::{page_calls_phone, sdp};
use crate::phone::PHONE_HZ;

const WEB: &str = "web";
const DESK: &str = "desk";

fn sees(now: &Json, frames: u64) -> bool {
    now["video"]["framesDecoded"].as_u64().unwrap_or(0) > frames
}

/// A camera that nobody wants to see: the section of the video is refused, in the bundle that was offered.
#[test]
fn phone_refuses_video() {
    let Some(stage) = Stage::new("no-video") else {
        return;
    };
    let (page, phone) = (stage.page(PAGE_HZ, true), stage.phone());
    let call = stage.dialog("no-video");
    let offer = call.offer(WEB, &sdp(&page, "offer", &[]), Toward::Phone);
    phone.dial(&offer);
    let video = offer.lines().find(|line| line.starts_with("m=video "));
    let format = video.and_then(|line| line.split(' ').nth(3)).unwrap();
    let answer = phone.sdp("RTP/AVP", &format!("m=video 0 RTP/AVP {format}\r\n"));
    let answer = call.answer(WEB, DESK, &answer, Toward::Browser);
    assert!(answer.contains("\nm=video 0 "), "{answer}");
    page.call("accept", &[json!(answer)]);
    page_hears(&page, PHONE_HZ);
    phone_hears(&phone, PAGE_HZ);
    call.hang_up();
    stage.assert_nothing_left();
}

/// Two browsers talk, and then one turns its camera on, and the other in its turn.
#[test]
fn video_is_added() {
    let Some(stage) = Stage::new("add-video") else {
        return;
    };
    let (page, other) = (stage.page(PAGE_HZ, false), stage.page(OTHER_PAGE_HZ, false));
    let call = stage.dialog("add-video");
    let offer = call.offer(WEB, &sdp(&page, "offer", &[]), Toward::Browser);
    let answer = sdp(&other, "answer", &[json!(offer)]);
    let answer = call.answer(WEB, "web2", &answer, Toward::Browser);
    page.call("accept", &[json!(answer)]);
    page_hears(&page, OTHER_PAGE_HZ);
    page_hears(&other, PAGE_HZ);

    page.run("show()");
    let offer = call.reoffer(WEB, "web2", &sdp(&page, "offer", &[]), Toward::Browser);
    let answer = sdp(&other, "answer", &[json!(offer)]);
    let answer = call.answer(WEB, "web2", &answer, Toward::Browser);
    page.call("accept", &[json!(answer)]);
    wait_for_page(&other, "video of the caller", |now| sees(now, 5));

    other.run("show()");
    let offer = call.reoffer("web2", WEB, &sdp(&other, "offer", &[]), Toward::Browser);
    let answer = sdp(&page, "answer", &[json!(offer)]);
    let answer = call.answer("web2", WEB, &answer, Toward::Browser);
    other.call("accept", &[json!(answer)]);
    wait_for_page(&page, "video of the callee", |now| sees(now, 5));
    assert_eq!(
        report(&page)["dtls"],
        json!(["connected"]),
        "all over one transport"
    );
    page_hears(&page, OTHER_PAGE_HZ);
    page_hears(&other, PAGE_HZ);
    call.hang_up();
    stage.assert_nothing_left();
}

/// The side without ICE and DTLS renegotiates: what there is with the browser stays as it is.
#[test]
fn phone_renegotiates() {
    let Some(stage) = Stage::new("phone-reoffers") else {
        return;
    };
    let (page, phone) = (stage.page(PAGE_HZ, false), stage.phone());
    let call = stage.dialog("phone-reoffers");
    page_calls_phone(&call, &page, &phone);
    let before = report(&page);
    for direction in [("sendonly", "recvonly"), ("sendrecv", "sendrecv")] {
        let line = format!("a={}\r\n", direction.0);
        let offer = call.reoffer(DESK, WEB, &phone.sdp("RTP/AVP", &line), Toward::Browser);
        let answer = sdp(&page, "answer", &[json!(offer)]);
        let answer = call.answer(DESK, WEB, &answer, Toward::Phone);
        assert!(answer.contains(&format!("a={}\r\n", direction.1)), "{answer}");
        phone.dial(&answer);
    }
    phone.forget();
    phone_hears(&phone, PAGE_HZ);
    let after = page_hears(&page, PHONE_HZ);
    assert_eq!(after["username"], before["username"], "no ICE restart");
    let concealed = |report: &Json| report["audio"]["concealedSamples"].as_f64().unwrap_or(0.0) / 48.0;
    let gap = concealed(&after) - concealed(&before);
    assert!(gap < 300.0, "{gap} ms were lost");
    call.hang_up();
    stage.assert_nothing_left();
}

/// Somebody reloads the page and is put back into the call: another browser altogether for the relay, with certificate,
/// credentials and address of its own.
#[test]
fn page_is_reloaded() {
    let Some(stage) = Stage::new("reload") else {
        return;
    };
    let (page, phone) = (stage.page(PAGE_HZ, false), stage.phone());
    let call = stage.dialog("reload");
    page_calls_phone(&call, &page, &phone);
    page.call("close", &[]);

    let page = stage.page(OTHER_PAGE_HZ, false);
    let offer = call.reoffer(WEB, DESK, &sdp(&page, "offer", &[]), Toward::Phone);
    phone.dial(&offer);
    let answer = call.answer(WEB, DESK, &phone.sdp("RTP/AVP", ""), Toward::Browser);
    page.call("accept", &[json!(answer)]);
    page_hears(&page, PHONE_HZ);
    phone_hears(&phone, OTHER_PAGE_HZ);
    call.hang_up();
    stage.assert_nothing_left();
}

/// The relay has a public address and leaves all checks to the browser.
#[test]
fn relay_is_lite() {
    let Some(stage) = Stage::new("lite") else {
        return;
    };
    let (page, phone) = (stage.page(PAGE_HZ, false), stage.phone());
    let mut call = stage.dialog("lite");
    call.more.push(("ICE-lite", "both"));
    page_calls_phone(&call, &page, &phone);
    let lite = page.run("pc.remoteDescription.sdp.includes('a=ice-lite')");
    assert_eq!(lite, true);
    call.hang_up();
    stage.assert_nothing_left();
}

/// One flag instead of many, towards either browser.
#[test]
fn one_flag_says_it_all() {
    let Some(stage) = Stage::new("webrtc") else {
        return;
    };
    let (page, other) = (stage.page(PAGE_HZ, true), stage.page(OTHER_PAGE_HZ, true));
    let mut call = stage.dialog("webrtc");
    call.more.clear();
    let offer = call.offer(WEB, &sdp(&page, "offer", &[]), Toward::WebRtc);
    let answer = sdp(&other, "answer", &[json!(offer)]);
    let answer = call.answer(WEB, "web2", &answer, Toward::WebRtc);
    page.call("accept", &[json!(answer)]);
    page_hears(&page, OTHER_PAGE_HZ);
    page_hears(&other, PAGE_HZ);
    for page in [&page, &other] {
        wait_for_page(page, "video", |now| sees(now, 5));
    }
    call.hang_up();
    stage.assert_nothing_left();
}
