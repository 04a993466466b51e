//! Options about reporting to other systems. None of them works yet; `--listen-http` serves metrics.

use super::{Opt, choice, flag, int, text};

pub(super) const OPTIONS: &[Opt] = &[
    text(
        "graphite",
        "HOST:PORT",
        "Send statistics to this Graphite server.",
    )
    .short('g')
    .later(),
    int("graphite-interval", "SECONDS", "How often.")
        .short('G')
        .later(),
    text("graphite-prefix", "TEXT", "Put before each name.").later(),
    int("graphite-timeout", "SECONDS", "Time for a connection.").later(),
    text("homer", "HOST:PORT", "Send RTCP to this Homer server.").later(),
    choice("homer-protocol", &["udp", "tcp"], "How.")
        .default("udp")
        .later(),
    int("homer-id", "NUM", "Capture id.").default("2001").later(),
    flag("homer-disable-rtcp-stats", "Send no RTCP.").later(),
    flag("homer-enable-ng", "Send ng commands.").later(),
    int("homer-ng-capture-proto", "NUM", "Protocol number for them.")
        .default("0x3d")
        .later(),
    text("mqtt-host", "HOST", "Publish statistics to this MQTT broker.").later(),
    int("mqtt-port", "PORT", "Its port.").default("1883").later(),
    text("mqtt-tls-alpn", "TEXT", "Application protocol for TLS.").later(),
    text("mqtt-id", "TEXT", "Client id.").later(),
    int("mqtt-keepalive", "SECONDS", "Time between keep-alives.")
        .default("30")
        .later(),
    text("mqtt-user", "NAME", "User name.").later(),
    text("mqtt-pass", "TEXT", "Password.").later(),
    text("mqtt-cafile", "FILE", "Certificate authority.").later(),
    text("mqtt-capath", "DIRECTORY", "Certificate authorities.").later(),
    text("mqtt-certfile", "FILE", "Our certificate.").later(),
    text("mqtt-keyfile", "FILE", "Its private key.").later(),
    choice("mqtt-publish-qos", &["0", "1", "2"], "Quality of service.")
        .default("0")
        .later(),
    text("mqtt-publish-topic", "TEXT", "Topic.")
        .default("rtpengine")
        .later(),
    int("mqtt-publish-interval", "MILLISECONDS", "How often.")
        .default("5000")
        .later(),
    choice(
        "mqtt-publish-scope",
        &["global", "summary", "call", "media"],
        "About what.",
    )
    .default("global")
    .later(),
];
