//! The stage of the browser tests: a browser, a desk phone and the relay on hosts of their own, and the test between
//! them as the SIP proxy: it takes each SDP, asks the relay, and hands on what the relay made of it, with the flags
//! that a Kamailio script for WebRTC gives.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::cdp::{Browser, Page};
use crate::lab::{Host, Lab, have, wait_for};
use crate::nat::{self, Place};
use crate::ng::{Request, Value};
use crate::phone::{PHONE_HZ, Phone};
use crate::relay::{RELAY_IP, Relay, under_test};

const SCRIPT: &str = include_str!("../fixtures/browser/page.js");
const PATIENCE: Duration = Duration::from_secs(20);

/// The browser's address.
pub(crate) const BROWSER_IP: &str = "203.0.113.10";
/// Its address where there is no IPv4.
const BROWSER_IP6: &str = "2001:db8::10";
const RELAY_IP6: &str = "2001:db8::1";
/// The phone's.
pub(crate) const PHONE_IP: &str = "203.0.113.20";
/// Tags of the first page, of the second, and of the phone.
pub(crate) const WEB: &str = "web";
pub(crate) const WEB2: &str = "web2";
pub(crate) const DESK: &str = "desk";
/// What the first page whistles, in Hz; the second is a fifth higher.
pub(crate) const PAGE_HZ: f64 = 1000.0;
pub(crate) const OTHER_PAGE_HZ: f64 = 1500.0;

/// Chromium hides its addresses behind names that only multicast DNS resolves. Most tests want to see them.
pub(crate) const SHOW_ADDRESSES: &str = "--disable-features=WebRtcHideLocalIpsWithMdns";

/// Whom an SDP goes to: decides the flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Toward {
    Browser,
    /// The same, said in one word.
    WebRtc,
    Phone,
    SrtpPhone,
}

impl Toward {
    fn is_browser(self) -> bool {
        matches!(self, Self::Browser | Self::WebRtc)
    }

    fn flags(self, request: Request) -> Request {
        let request = request.with("replace", ["origin"]);
        match self {
            Self::Browser => request
                .with("transport-protocol", "UDP/TLS/RTP/SAVPF")
                .with("ICE", "force")
                .with("SDES", ["off"])
                .with("rtcp-mux", ["offer"])
                .with("bundle", ["accept", "offer"])
                .with("flags", ["generate-mid", "trust-address"]),
            Self::WebRtc => request.with("flags", ["WebRTC", "trust-address"]),
            Self::Phone => request
                .with("transport-protocol", "RTP/AVP")
                .with("ICE", "remove")
                .with("rtcp-mux", ["demux"])
                .with("flags", ["trust-address"]),
            Self::SrtpPhone => request
                .with("transport-protocol", "RTP/SAVP")
                .with("ICE", "remove")
                .with("rtcp-mux", ["demux"])
                .with("flags", ["trust-address"]),
        }
    }
}

/// Where the browser is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Network {
    /// Where relay and phone are.
    Public,
    /// Behind a NAT of its own.
    BehindNat,
    /// Where there is no IPv4, while the phone has no IPv6.
    Ipv6,
}

/// Everything but the calls.
pub(crate) struct Stage {
    // In this order they end.
    pub(crate) browser: Browser,
    pub(crate) relay: Relay,
    pub(crate) core: Host,
    pub(crate) phone_host: Host,
    /// The browser's NAT, if it is behind one.
    pub(crate) place: Option<Place>,
    network: Network,
    descriptors: usize,
    transcript: RefCell<String>,
    _lab: Lab,
}

impl Stage {
    /// `None` if this machine can't carry it.
    pub(crate) fn new(topic: &str) -> Option<Self> {
        Self::with(topic, Network::Public, &[SHOW_ADDRESSES])
    }

    /// The same with the browser elsewhere, and with these options for it.
    pub(crate) fn with(topic: &str, network: Network, options: &[&str]) -> Option<Self> {
        let program = under_test();
        if !have(&["chromium", &program]) {
            return None;
        }
        let mut lab = Lab::new(topic);
        let core = nat::core(&mut lab);
        let phone_host = public_host(&mut lab, &core, "desk", PHONE_IP);
        let place = (network == Network::BehindNat).then(|| nat::place(&mut lab, &core, 1));
        let browser_host = match (&place, network) {
            (Some(place), _) => place.host.clone(),
            (None, Network::Ipv6) => ipv6_host(&mut lab, &core, "web", BROWSER_IP6),
            (None, _) => public_host(&mut lab, &core, "web", BROWSER_IP),
        };
        let interfaces = [RELAY_IP, RELAY_IP6].map(|ip| format!("--interface={ip}"));
        let interfaces = interfaces.each_ref().map(String::as_str);
        let interfaces = if network == Network::Ipv6 {
            &interfaces[..]
        } else {
            &interfaces[..1]
        };
        let relay = Relay::start(&lab, &core, &program, interfaces);
        let browser = Browser::start(&lab, &browser_host, "chromium", options);
        Some(Self {
            browser,
            descriptors: relay.descriptors(),
            relay,
            core,
            phone_host,
            place,
            network,
            transcript: RefCell::default(),
            _lab: lab,
        })
    }

    /// A page with a softphone that whistles at `hz`.
    pub(crate) fn page(&self, hz: f64, video: bool) -> Page<'_> {
        let page = self.browser.page(SCRIPT);
        page.call("open", &[json!({"hz": hz, "video": video})]);
        page
    }

    /// The desk phone.
    pub(crate) fn phone(&self) -> Phone {
        Phone::new(&self.phone_host, PHONE_IP)
    }

    /// A call with this Call-ID, of which nobody has told the relay yet.
    pub(crate) fn dialog(&self, id: &str) -> Dialog<'_> {
        Dialog {
            stage: self,
            id: id.into(),
            more: vec![("DTLS", "passive")],
        }
    }

    /// Asks the relay something that must succeed, and notes question and reply for the case that the test fails.
    pub(crate) fn ask(&self, request: &Request) -> Value {
        self.note("asked", request.get("sdp").map_or("", Value::text));
        let reply = self.relay.ng.ok(request);
        self.note("replied", reply.text_of("sdp"));
        reply
    }

    fn note(&self, who: &str, what: &str) {
        let _ = writeln!(self.transcript.borrow_mut(), "---- {who}\n{what}");
    }

    /// Fails unless the relay soon has nothing left of any call.
    pub(crate) fn assert_nothing_left(&self) {
        self.relay.assert_nothing_left(self.descriptors);
    }
}

fn public_host(lab: &mut Lab, core: &Host, name: &str, ip: &str) -> Host {
    let host = lab.host(name);
    lab.wire((core, name), (&host, "eth0"));
    core.ip(&format!("link set {name} master public"));
    host.ip(&format!("addr add {ip}/24 dev eth0"));
    // Chromium looks for its own address with the route to the world.
    host.ip(&format!("route add default via {RELAY_IP}"));
    host
}

fn ipv6_host(lab: &mut Lab, core: &Host, name: &str, ip: &str) -> Host {
    let host = lab.host(name);
    lab.wire((core, name), (&host, "eth0"));
    core.ip(&format!("link set {name} master public"));
    core.ip(&format!("addr add {RELAY_IP6}/64 dev public nodad"));
    host.ip(&format!("addr add {ip}/64 dev eth0 nodad"));
    host.ip(&format!("route add default via {RELAY_IP6}"));
    host
}

impl Drop for Stage {
    /// Says all there is to know if the test fails. Nothing here may fail itself.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        eprintln!("{}", self.transcript.borrow());
        eprintln!("---- the console\n{}", self.browser.console());
        let ids = Request::new("list").with("limit", 10);
        let ids = self.relay.ng.ask_raw(&ids.bytes(), Duration::from_secs(2));
        for id in ids
            .iter()
            .filter_map(|reply| reply.get("calls"))
            .flat_map(Value::items)
        {
            let query = Request::new("query").with("call-id", id.text());
            let reply = self.relay.ng.ask_raw(&query.bytes(), Duration::from_secs(2));
            eprintln!("---- query\n{reply:?}");
        }
        eprintln!("---- the relay\n{}", self.relay.said());
    }
}

/// One call.
pub(crate) struct Dialog<'a> {
    stage: &'a Stage,
    id: String,
    /// Further keys of each request. Scripts mostly leave the first word of DTLS to browsers.
    pub(crate) more: Vec<(&'static str, &'static str)>,
}

/// A call of a page and a phone. They hang up when it has been played, both still there, and nothing may be left of it.
pub(crate) fn page_and_phone(
    stage: Option<Stage>,
    video: bool,
    play: impl FnOnce(&Stage, &mut Dialog<'_>, &Page<'_>, &Phone),
) {
    let Some(stage) = stage else { return };
    let (page, phone) = (stage.page(PAGE_HZ, video), stage.phone());
    let mut call = stage.dialog("page-and-phone");
    play(&stage, &mut call, &page, &phone);
    call.end();
}

/// The same of two pages.
pub(crate) fn two_pages(
    stage: Option<Stage>,
    video: bool,
    play: impl FnOnce(&mut Dialog<'_>, &Page<'_>, &Page<'_>),
) {
    let Some(stage) = stage else { return };
    let [page, other] = [PAGE_HZ, OTHER_PAGE_HZ].map(|hz| stage.page(hz, video));
    let mut call = stage.dialog("two-pages");
    play(&mut call, &page, &other);
    call.end();
}

impl Dialog<'_> {
    /// What the relay makes of the offer of `from`, the first of the call.
    pub(crate) fn offer(&self, from: &str, sdp: &str, toward: Toward) -> String {
        self.ask(self.request("offer", from).with("sdp", sdp), toward)
    }

    /// What it makes of a later offer.
    pub(crate) fn reoffer(&self, from: &str, to: &str, sdp: &str, toward: Toward) -> String {
        let request = self.request("offer", from).with("to-tag", to);
        self.ask(request.with("sdp", sdp), toward)
    }

    /// What it makes of the answer of `by` to the offer of `from`.
    pub(crate) fn answer(&self, from: &str, by: &str, sdp: &str, toward: Toward) -> String {
        let request = self.request("answer", from).with("to-tag", by);
        self.ask(request.with("sdp", sdp), toward)
    }

    fn request(&self, command: &str, from: &str) -> Request {
        Request::new(command)
            .with("call-id", self.id.as_str())
            .with("from-tag", from)
    }

    fn ask(&self, request: Request, toward: Toward) -> String {
        let mut request = toward.flags(request);
        for (key, value) in &self.more {
            request = request.with(key, *value);
        }
        if self.stage.network == Network::Ipv6 {
            let family = if toward.is_browser() { "IP6" } else { "IP4" };
            request = request.with("address-family", family);
        }
        self.stage.ask(&request).text_of("sdp").into()
    }

    /// Hands the relay a fragment of trickle ICE (RFC 8840).
    pub(crate) fn trickle(&self, from: &str, to: Option<&str>, fragment: &str) {
        let mut request = self.request("offer", from).with("sdp", fragment);
        if let Some(to) = to {
            request = request.with("to-tag", to);
        }
        self.stage
            .ask(&request.with("ICE", "force").with("flags", ["fragment"]));
    }

    /// What the relay says about the call.
    pub(crate) fn query(&self) -> Value {
        let query = Request::new("query").with("call-id", self.id.as_str());
        self.stage.relay.ng.ok(&query)
    }

    /// The phone answers the page's offer in plain RTP, with these lines in its SDP. What the page is told.
    pub(crate) fn phone_answers(&self, page: &Page<'_>, phone: &Phone, lines: &str) -> String {
        let answer = self.answer(WEB, DESK, &phone.sdp("RTP/AVP", lines), Toward::Browser);
        page.call("accept", &[json!(answer)]);
        answer
    }

    /// A page answers the offer of another.
    pub(crate) fn page_answers(&self, offer: &str, names: [&str; 2], pages: [&Page<'_>; 2], toward: Toward) {
        let [from, by] = pages;
        let answer = sdp(by, "answer", &[json!(offer)]);
        let answer = self.answer(names[0], names[1], &answer, toward);
        from.call("accept", &[json!(answer)]);
    }

    /// Ends the call.
    pub(crate) fn hang_up(&self) {
        let request = Request::new("delete").with("call-id", self.id.as_str());
        self.stage.relay.ng.ok(&request);
    }

    /// Ends it, and fails unless the relay soon has nothing left of any call.
    pub(crate) fn end(&self) {
        self.hang_up();
        self.stage.assert_nothing_left();
    }
}

/// The SDP that a function of the page returns.
pub(crate) fn sdp(page: &Page<'_>, function: &str, args: &[Json]) -> String {
    page.call(function, args).as_str().unwrap().to_owned()
}

/// The offer of a page that has all its candidates.
pub(crate) fn offer_of(page: &Page<'_>) -> String {
    sdp(page, "offer", &[])
}

/// The state of a page.
pub(crate) fn report(page: &Page<'_>) -> Json {
    page.run("report()")
}

/// Waits until `done` says yes to the page's report; fails with the last one.
pub(crate) fn wait_for_page(page: &Page<'_>, what: &str, mut done: impl FnMut(&Json) -> bool) -> Json {
    let last = RefCell::new(Json::Null);
    let guard = LastWords(&last);
    wait_for(what, PATIENCE, || {
        let now = report(page);
        let done = done(&now);
        *last.borrow_mut() = now;
        done
    });
    drop(guard);
    last.into_inner()
}

/// Says the last report when a wait for it fails.
struct LastWords<'a>(&'a RefCell<Json>);

impl Drop for LastWords<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("---- the page's last report\n{:#}", self.0.borrow());
        }
    }
}

/// Whether what a page hears is a tone of `hz`, within what its spectrum can tell.
pub(crate) fn hears(report: &Json, hz: f64) -> bool {
    (report["pitch"].as_f64().unwrap_or(0.0) - hz).abs() < 15.0
}

/// Waits until the page hears a tone of `hz`.
pub(crate) fn page_hears(page: &Page<'_>, hz: f64) -> Json {
    wait_for_page(page, &format!("the page to hear {hz} Hz"), |report| {
        hears(report, hz)
    })
}

/// Waits until the phone hears hardly anything else than `hz`.
pub(crate) fn phone_hears(phone: &Phone, hz: f64) {
    wait_for(&format!("the phone to hear {hz} Hz"), PATIENCE, || {
        phone.count() >= 25 && phone.share_of(hz) > 0.8
    });
}

/// Waits until page and phone hear each other, and returns what the page reports.
pub(crate) fn both_hear(page: &Page<'_>, phone: &Phone) -> Json {
    let report = page_hears(page, PHONE_HZ);
    phone_hears(phone, PAGE_HZ);
    report
}

/// Waits until two pages hear each other.
pub(crate) fn pages_hear(page: &Page<'_>, other: &Page<'_>) {
    page_hears(page, OTHER_PAGE_HZ);
    page_hears(other, PAGE_HZ);
}
