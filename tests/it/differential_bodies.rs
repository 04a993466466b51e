//! The SDP bodies of the differential test. Lines are indented here and taken flush left by the test.

pub(crate) const ALICE: &str = "v=0
    o=alice 2890844526 2890844526 IN IP4 198.51.100.1
    s=call
    c=IN IP4 198.51.100.1
    t=0 0
    m=audio 40000 RTP/AVP 0 8 101
    a=rtpmap:101 telephone-event/8000
    a=fmtp:101 0-15";
pub(crate) const BOB: &str = "v=0
    o=bob 2808844564 2808844564 IN IP4 198.51.100.2
    s=answer
    c=IN IP4 198.51.100.2
    t=0 0
    m=audio 42000 RTP/AVP 8 101
    a=rtpmap:101 telephone-event/8000
    a=fmtp:101 0-15";
pub(crate) const ALICE_HOLDS: &str = "v=0
    o=alice 2890844526 2890844527 IN IP4 198.51.100.1
    s=call
    c=IN IP4 198.51.100.1
    t=0 0
    m=audio 40000 RTP/AVP 0 8
    a=sendonly";
pub(crate) const BOB_IS_HELD: &str = "v=0
    o=bob 2808844564 2808844565 IN IP4 198.51.100.2
    s=answer
    c=IN IP4 198.51.100.2
    t=0 0
    m=audio 42000 RTP/AVP 8
    a=recvonly";
pub(crate) const ALICE_HOLDS_AS_OF_OLD: &str = "v=0
    o=alice 2890844526 2890844528 IN IP4 198.51.100.1
    s=call
    c=IN IP4 0.0.0.0
    t=0 0
    m=audio 40000 RTP/AVP 0 8";
pub(crate) const ALICE_VIDEO: &str = "v=0
    o=alice 1 1 IN IP4 198.51.100.1
    s=video
    c=IN IP4 198.51.100.1
    t=0 0
    m=audio 40000 RTP/AVP 8
    m=video 40002 RTP/AVP 96
    b=AS:512
    a=rtpmap:96 H264/90000
    a=fmtp:96 profile-level-id=42e01f;packetization-mode=1";
pub(crate) const BOB_VIDEO: &str = "v=0
    o=bob 1 1 IN IP4 198.51.100.2
    s=video
    t=0 0
    m=audio 42000 RTP/AVP 8
    c=IN IP4 198.51.100.2
    m=video 42002 RTP/AVP 96
    c=IN IP4 198.51.100.3
    a=rtpmap:96 H264/90000
    a=rtcp:42013";
pub(crate) const BOB_NO_VIDEO: &str = "v=0
    o=bob 1 1 IN IP4 198.51.100.2
    s=video
    c=IN IP4 198.51.100.2
    t=0 0
    m=audio 42000 RTP/AVP 8
    m=video 0 RTP/AVP 96";
pub(crate) const ALICE_DROPS_VIDEO: &str = "v=0
    o=alice 1 2 IN IP4 198.51.100.1
    s=video
    c=IN IP4 198.51.100.1
    t=0 0
    m=audio 40000 RTP/AVP 8
    m=video 0 RTP/AVP 96";
pub(crate) const ALICE_PRIVATE: &str = "v=0
    o=- 7 7 IN IP4 10.0.0.7
    s=-
    c=IN IP4 10.0.0.7
    t=0 0
    m=audio 40000 RTP/AVP 8";
pub(crate) const ALICE_V6: &str = "v=0
    o=alice 1 1 IN IP6 2001:db8:1::5
    s=six
    c=IN IP6 2001:db8:1::5
    t=0 0
    m=audio 40000 RTP/AVP 8";
pub(crate) const ALICE_MUX: &str = "v=0
    o=alice 1 1 IN IP4 198.51.100.1
    s=mux
    c=IN IP4 198.51.100.1
    t=0 0
    m=audio 40000 RTP/AVP 8
    a=rtcp-mux";
pub(crate) const BOB_MUX: &str = "v=0
    o=bob 1 1 IN IP4 198.51.100.2
    s=mux
    c=IN IP4 198.51.100.2
    t=0 0
    m=audio 42000 RTP/AVP 8
    a=rtcp-mux";
pub(crate) const ALICE_AVPF: &str = "v=0
    o=alice 1 1 IN IP4 198.51.100.1
    s=feedback
    c=IN IP4 198.51.100.1
    t=0 0
    m=video 40000 RTP/AVPF 97
    a=rtpmap:97 VP8/90000
    a=rtcp-fb:97 nack
    a=rtcp-fb:97 nack pli
    a=rtcp-fb:* ccm fir";
pub(crate) const BOB_AVP: &str = "v=0
    o=bob 1 1 IN IP4 198.51.100.2
    s=feedback
    c=IN IP4 198.51.100.2
    t=0 0
    m=video 42000 RTP/AVP 97
    a=rtpmap:97 VP8/90000";
pub(crate) const ALICE_ICE: &str = "v=0
    o=alice 1 1 IN IP4 198.51.100.1
    s=ice
    c=IN IP4 198.51.100.1
    t=0 0
    a=ice-ufrag:abcd
    a=ice-pwd:abcdefghijklmnopqrstuvwx
    m=audio 40000 RTP/AVP 8
    a=candidate:1 1 UDP 2130706431 198.51.100.1 40000 typ host
    a=candidate:1 2 UDP 2130706430 198.51.100.1 40001 typ host";
pub(crate) const ALICE_FAX: &str = "v=0
    o=alice 1 1 IN IP4 198.51.100.1
    s=fax
    c=IN IP4 198.51.100.1
    t=0 0
    m=image 40000 udptl t38
    a=T38FaxVersion:0
    a=T38MaxBitRate:14400";
pub(crate) const BOB_FAX: &str = "v=0
    o=bob 1 1 IN IP4 198.51.100.2
    s=fax
    c=IN IP4 198.51.100.2
    t=0 0
    m=image 42000 udptl t38
    a=T38FaxVersion:0";
pub(crate) const ALICE_MESSAGES: &str = "v=0
    o=alice 1 1 IN IP4 198.51.100.1
    s=messages
    c=IN IP4 198.51.100.1
    t=0 0
    m=audio 40000 RTP/AVP 8
    m=message 7654 TCP/MSRP *
    a=accept-types:text/plain
    a=path:msrp://198.51.100.1:7654/s;tcp";
pub(crate) const BOB_MESSAGES: &str = "v=0
    o=bob 1 1 IN IP4 198.51.100.2
    s=messages
    c=IN IP4 198.51.100.2
    t=0 0
    m=audio 42000 RTP/AVP 8
    m=message 7655 TCP/MSRP *
    a=accept-types:text/plain
    a=path:msrp://198.51.100.2:7655/s;tcp";
pub(crate) const ALICE_EVERYTHING: &str = "v=0
    o=alice 1 1 IN IP4 198.51.100.1
    s=a session
    i=about it
    u=http://example.org/
    e=alice@example.org
    p=+1 555 0100
    c=IN IP4 198.51.100.1
    b=CT:1000
    t=0 0
    a=tool:something
    a=unknown-to-all
    m=audio 40000 RTP/AVP 8 0 9 18 96
    i=the audio
    b=AS:64
    a=rtpmap:96 opus/48000/2
    a=fmtp:96 useinbandfec=1
    a=fmtp:18 annexb=no
    a=ptime:30
    a=maxptime:60
    a=quality:10
    a=sendrecv";
pub(crate) const BOB_EVERYTHING: &str = "v=0
    o=bob 1 1 IN IP4 198.51.100.2
    s=a session
    c=IN IP4 198.51.100.2
    t=0 0
    m=audio 42000 RTP/AVP 18 96
    a=rtpmap:96 opus/48000/2
    a=fmtp:96 useinbandfec=1
    a=fmtp:18 annexb=no
    a=ptime:20
    a=sendrecv";

pub(crate) const ALICE_EXTMAP: &str = "v=0
    o=alice 1 1 IN IP4 198.51.100.1
    s=extensions
    c=IN IP4 198.51.100.1
    t=0 0
    a=extmap-allow-mixed
    m=audio 40000 RTP/AVP 8
    a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
    a=extmap:3/recvonly urn:ietf:params:rtp-hdrext:sdes:mid";
pub(crate) const ALICE_INACTIVE: &str = "v=0
    o=alice 1 1 IN IP4 198.51.100.1
    s=direction of all
    c=IN IP4 198.51.100.1
    t=0 0
    a=inactive
    m=audio 40000 RTP/AVP 8
    m=audio 40010 RTP/AVP 0
    a=recvonly";
pub(crate) const BOB_TWO: &str = "v=0
    o=bob 1 1 IN IP4 198.51.100.2
    s=direction of all
    c=IN IP4 198.51.100.2
    t=0 0
    m=audio 42000 RTP/AVP 8
    a=inactive
    m=audio 42010 RTP/AVP 0
    a=sendonly";
pub(crate) const ALICE_RTCP: &str = "v=0
    o=alice 1 1 IN IP4 198.51.100.1
    s=rtcp elsewhere
    c=IN IP4 198.51.100.1
    t=0 0
    m=audio 40000 RTP/AVP 8
    a=rtcp:40007 IN IP4 198.51.100.9";
pub(crate) const ALICE_MOVED: &str = "v=0
    o=alice 2890844526 2890844527 IN IP4 198.51.100.8
    s=call
    c=IN IP4 198.51.100.8
    t=0 0
    m=audio 40100 RTP/AVP 0 8 101
    a=rtpmap:101 telephone-event/8000
    a=fmtp:101 0-15";
pub(crate) const ALICE_FLOOR: &str = "v=0
    o=alice 1 1 IN IP4 198.51.100.1
    s=floor control
    c=IN IP4 198.51.100.1
    t=0 0
    m=application 40000 UDP/BFCP *
    a=floorctrl:c-only";
pub(crate) const BOB_FLOOR: &str = "v=0
    o=bob 1 1 IN IP4 198.51.100.2
    s=floor control
    c=IN IP4 198.51.100.2
    t=0 0
    m=application 42000 UDP/BFCP *
    a=floorctrl:s-only";
pub(crate) const ALICE_REJECTS: &str = "v=0
    o=alice 1 1 IN IP4 198.51.100.1
    s=nothing
    c=IN IP4 198.51.100.1
    t=0 0
    m=audio 0 RTP/AVP 8
    m=video 40002 RTP/AVP 96
    a=rtpmap:96 H264/90000";
pub(crate) const BOB_NO_AUDIO: &str = "v=0
    o=bob 1 1 IN IP4 198.51.100.2
    s=nothing
    c=IN IP4 198.51.100.2
    t=0 0
    m=audio 0 RTP/AVP 8
    m=video 42002 RTP/AVP 96
    a=rtpmap:96 H264/90000";
