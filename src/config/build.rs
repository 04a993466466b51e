//! The typed configuration, from values that were given or defaulted.

use std::collections::BTreeMap;
use std::time::Duration;

use call::{MediaPolicy, Mos, MosFormula, PortRange, RecordingConfig, SrtpPassthrough, SsrcReporting};
use plan::Learning;

use super::interfaces::{Builder, DefaultPorts, parse_ports};
use super::keyfile::KeySection;
use super::limits::{THREADS_MAX, URING_BUFFERS_MAX, WAKE_DELAY_US_MAX};
use super::listeners;
use super::model::{
    Config, DtlsSettings, Facility, IoChoice, LimitSettings, Listener, Listeners, LogFormat, LogSettings,
    LogSubsystem, Offload, RecordFormat, SocketSettings, TimeoutNotice, XmlrpcFormat,
};
use super::values::Values;
use super::{ConfigError, Machine};

/// Most seconds a timeout may have: a hundred years, so that sums never overflow.
const SECONDS_MAX: i64 = 100 * 366 * 86_400;

/// Checks everything. `sections` are interface sections, of the file called `path`.
pub(super) fn config(
    values: &Values,
    templates: BTreeMap<String, String>,
    sections: &[(&str, &KeySection)],
    path: &str,
    machine: &dyn Machine,
) -> Result<Config, ConfigError> {
    let mut warnings = values.warnings();
    let listen = listen(values, machine, &mut warnings)?;
    let interfaces = interfaces(values, &listen, sections, path, machine)?;
    let call = call(values, interfaces, &listen, &mut warnings)?;
    Ok(Config {
        dtls: dtls(values, &call.software_id)?,
        call,
        listen,
        foreground: values.flag("foreground")?,
        pidfile: values.text("pidfile").map(Into::into),
        num_threads: usize::try_from(values.int("num-threads", 0, THREADS_MAX)?)
            .ok()
            .filter(|num| *num > 0),
        log: log(values)?,
        control_tos: byte(values, "control-tos")?,
        limits: limits(values)?,
        templates,
        record_format: match values.choice("recording-format")? {
            Some("eth") => RecordFormat::Eth,
            _ => RecordFormat::Raw,
        },
        timeout_notice: timeout_notice(values)?,
        sockets: sockets(values)?,
        offload: offload(values)?,
        no_fallback: values.flag("no-fallback")?,
        warnings,
    })
}

fn call(
    values: &Values,
    interfaces: call::Interfaces,
    listen: &Listeners,
    warnings: &mut Vec<String>,
) -> Result<call::Config, ConfigError> {
    let defaults = call::Config::default();
    if let Some(method @ ("proc" | "all")) = values.choice("recording-method")? {
        warnings.push(format!(
            "{}: recording-method {method} needs rtpengine's kernel module; recordings are written as pcap files",
            values.origin("recording-method")
        ));
    }
    Ok(call::Config {
        interfaces,
        timeouts: timeouts(values)?,
        learning: match values.choice("endpoint-learning")? {
            Some("off") => Learning::Off,
            Some("immediate") => Learning::Immediate,
            Some("delayed") => Learning::Delayed,
            _ => Learning::Heuristic,
        },
        strict_source: values.flag("strict-source-default")?,
        sip_source: values.flag("sip-source")?,
        tos: byte(values, "tos")?,
        instance_id: defaults.instance_id,
        software_id: values.text("software-id").unwrap_or(defaults.software_id),
        media_policy: media_policy(values, listen)?,
        rtcp_interval: Duration::from_millis(values.int("rtcp-interval", 1, SECONDS_MAX)?.unsigned_abs()),
        mos: mos(values)?,
        measure_rtp: values.flag("measure-rtp")?,
        ssrc_reporting: match values.choice("ssrc-reporting")? {
            Some("inline") => SsrcReporting::Inline,
            Some("global") => SsrcReporting::Global,
            Some("none") => SsrcReporting::None,
            _ => SsrcReporting::Full,
        },
        recording: RecordingConfig {
            dir: values.text("recording-dir"),
            egress: values.flag("record-egress")?,
            both: values.flag("record-both")?,
        },
        srtp_passthrough: match values.choice("srtp-passthrough")? {
            Some("blind") => SrtpPassthrough::Blind,
            _ => SrtpPassthrough::Verify,
        },
        dtls: None,
        reject_invalid_sdp: values.flag("reject-invalid-sdp")?,
    })
}

/// Smallest and largest RSA key in bits: what OpenSSL accepts at Debian's security level, and what can be made in time.
const RSA_BITS: (i64, i64) = (2048, 16_384);
/// Smallest and largest DTLS packet.
const DTLS_MTU_BYTES: (i64, i64) = (dtls::limits::MTU_BYTES_MIN as i64, 65_000);

fn dtls(values: &Values, software_id: &str) -> Result<DtlsSettings, ConfigError> {
    let defaults = dtls::Settings::default();
    let bits = values.int("dtls-rsa-key-size", RSA_BITS.0, RSA_BITS.1)?;
    let mtu = values.int("dtls-mtu", DTLS_MTU_BYTES.0, DTLS_MTU_BYTES.1)?;
    Ok(DtlsSettings {
        request: dtls::Request {
            key: match values.choice("dtls-cert-cipher")? {
                Some("RSA") => dtls::KeyKind::Rsa(u32::try_from(bits).unwrap_or(2048)),
                _ => dtls::KeyKind::P256,
            },
            digest: match values.choice("dtls-signature")? {
                Some("SHA-1") => dtls::Digest::Sha1,
                _ => dtls::Digest::Sha256,
            },
            name: software_id.to_owned(),
        },
        protocol: dtls::Settings {
            mtu: usize::try_from(mtu).unwrap_or(defaults.mtu),
            ciphers: values.text("dtls-ciphers").unwrap_or(defaults.ciphers),
            library: defaults.library,
        },
        passive: values.flag("dtls-passive")?,
    })
}

fn listen(
    values: &Values,
    machine: &dyn Machine,
    warnings: &mut Vec<String>,
) -> Result<Listeners, ConfigError> {
    let mut parse = |name: &'static str| -> Result<Vec<Listener>, ConfigError> {
        let mut all = Vec::new();
        for text in values.list(name) {
            let listener = listeners::parse(&text, machine).map_err(|why| values.error(name, &text, why))?;
            if let Some(addr) = listener.addrs.iter().find(|addr| listeners::is_open(addr)) {
                warnings.push(format!(
                    "{name} {text}: {addr} is open to whoever can reach it, and who reaches it controls all calls"
                ));
            }
            all.push(listener);
        }
        Ok(all)
    };
    let listen = Listeners {
        ng: parse("listen-ng")?,
        tcp_ng: parse("listen-tcp-ng")?,
        cli: parse("listen-cli")?,
        http: parse("listen-http")?,
    };
    if listen.ng.is_empty() && listen.tcp_ng.is_empty() && listen.http.is_empty() {
        return Err(ConfigError::Missing(
            "listen-ng: without a control listener nobody could make a call".to_owned(),
        ));
    }
    Ok(listen)
}

fn interfaces(
    values: &Values,
    listen: &Listeners,
    sections: &[(&str, &KeySection)],
    path: &str,
    machine: &dyn Machine,
) -> Result<call::Interfaces, ConfigError> {
    let range = PortRange {
        min: port(values, "port-min")?,
        max: port(values, "port-max")?,
    };
    if range.min > range.max {
        let why = format!("port-max is {}, which is less", range.max);
        return Err(values.error("port-min", &range.min.to_string(), why));
    }
    let mut excluded = Vec::new();
    for text in values.list("exclude-ports") {
        excluded.extend(parse_ports(&text).map_err(|why| values.error("exclude-ports", &text, why))?);
    }
    let taken = listen
        .ng
        .iter()
        .flat_map(|listener| &listener.addrs)
        .map(|addr| addr.port())
        .collect();
    let mut builder = Builder::new(machine, DefaultPorts { range, excluded }, taken);
    for text in values.list("interface") {
        builder
            .add_option(&text)
            .map_err(|why| values.error("interface", &text, why))?;
    }
    for (suffix, section) in sections {
        builder.add_section(path, suffix, section)?;
    }
    builder.finish()
}

fn log(values: &Values) -> Result<LogSettings, ConfigError> {
    let stderr = values.flag("log-stderr")?;
    let level = |name| -> Result<Option<i8>, ConfigError> {
        // More than everything is everything.
        Ok(values
            .int_or_none(name, -1, 1000)?
            .map(|level| i8::try_from(level.min(7)).unwrap_or(7)))
    };
    let mut subsystems = BTreeMap::new();
    for (subsystem, name) in LogSubsystem::OPTIONS {
        if let Some(level) = level(name)? {
            subsystems.insert(*subsystem, level);
        }
    }
    let length = values.int("max-log-line-length", -1, i64::from(i32::MAX))?;
    Ok(LogSettings {
        level: level("log-level")?.unwrap_or(6),
        subsystems,
        stderr,
        no_timestamps: values.flag("no-log-timestamps")?,
        facility: facility(values, "log-facility")?.unwrap_or(Facility(3)),
        name: values.text("log-name").unwrap_or_default(),
        format: match values.choice("log-format")? {
            Some("parsable") => LogFormat::Parsable,
            _ => LogFormat::Default,
        },
        split_lines: values.flag("split-logs")?,
        line_length_max: match usize::try_from(length) {
            Ok(0) => (!stderr).then_some(500),
            Ok(length) => Some(length),
            Err(_) => None,
        },
    })
}

fn facility(values: &Values, name: &'static str) -> Result<Option<Facility>, ConfigError> {
    Ok(values.choice(name)?.and_then(Facility::by_name))
}

fn timeouts(values: &Values) -> Result<call::Timeouts, ConfigError> {
    let defaults = call::Timeouts::default();
    let seconds = |name, default: Duration| -> Result<Duration, ConfigError> {
        // COMPAT(rtpengine): 0 and less means the default here, so that existing files keep their meaning.
        let given = values.int(name, -SECONDS_MAX, SECONDS_MAX)?;
        Ok(u64::try_from(given)
            .ok()
            .filter(|seconds| *seconds > 0)
            .map_or(default, Duration::from_secs))
    };
    let delete = values.int("delete-delay", -SECONDS_MAX, SECONDS_MAX)?.max(0);
    Ok(call::Timeouts {
        media: seconds("timeout", defaults.media)?,
        silent: seconds("silent-timeout", defaults.silent)?,
        last: seconds("final-timeout", Duration::ZERO)?,
        offer: seconds("offer-timeout", defaults.offer)?,
        delete_delay: Duration::from_secs(delete.unsigned_abs()),
    })
}

fn limits(values: &Values) -> Result<LimitSettings, ConfigError> {
    let positive = |number: f64| (number > 0.0).then_some(number);
    Ok(LimitSettings {
        sessions: u32::try_from(values.int("max-sessions", -1, i64::from(u32::MAX))?).ok(),
        load: positive(values.float("max-load")?),
        cpu_percent: positive(values.float("max-cpu")?),
        bandwidth_bytes: u64::try_from(values.int("max-bandwidth", -1, i64::MAX)?)
            .ok()
            .filter(|bytes| *bytes > 0),
    })
}

fn mos(values: &Values) -> Result<Mos, ConfigError> {
    let mut mos = Mos::default();
    for word in values.list("mos") {
        match word.to_lowercase().as_str() {
            "cq" => mos.listening = false,
            "lq" => mos.listening = true,
            // COMPAT(rtpengine): there `G.107` selects the legacy formula by mistake; here it is what it says.
            "g.107" | "g107" => mos.formula = MosFormula::G107,
            "g.107.2" | "g107.2" => mos.formula = MosFormula::G107Fullband,
            "legacy" => mos.formula = MosFormula::Legacy,
            _ => return Err(values.error("mos", &word, "CQ, LQ, G.107, G.107.2 or legacy")),
        }
    }
    Ok(mos)
}

fn media_policy(values: &Values, listen: &Listeners) -> Result<MediaPolicy, ConfigError> {
    let mut allow = Vec::new();
    for text in values.list("media-address-allow") {
        let parse = || {
            let (addr, bits) = text
                .split_once('/')
                .map_or((text.as_str(), None), |(addr, bits)| (addr, Some(bits)));
            let addr = listeners::parse_ip(addr)?;
            let all = if addr.is_ipv4() { 32 } else { 128 };
            let bits = bits.map_or(Some(all), |bits| bits.parse().ok())?;
            (bits <= all).then_some((addr, bits))
        };
        allow.push(
            parse().ok_or_else(|| values.error("media-address-allow", &text, "ADDRESS or ADDRESS/BITS"))?,
        );
    }
    let lists = [&listen.ng, &listen.tcp_ng, &listen.cli, &listen.http];
    let listeners = lists.into_iter().flatten();
    let control = listeners.flat_map(|l| l.addrs.iter().copied()).collect();
    Ok(MediaPolicy { allow, control })
}

fn timeout_notice(values: &Values) -> Result<Option<TimeoutNotice>, ConfigError> {
    let format = match values.int("xmlrpc-format", 0, 2)? {
        0 => XmlrpcFormat::Sems,
        1 => XmlrpcFormat::CallId,
        _ => XmlrpcFormat::Kamailio,
    };
    let Some(url) = values.text("b2b-url") else {
        return Ok(None);
    };
    if !url.starts_with("http://") {
        return Err(values.error("b2b-url", &url, "a URL that begins with http://"));
    }
    Ok(Some(TimeoutNotice { url, format }))
}

fn sockets(values: &Values) -> Result<SocketSettings, ConfigError> {
    let wake_delay = values.int("wake-delay-us", 0, WAKE_DELAY_US_MAX)?;
    let buffers = values.int("io-uring-buffers", 1, i64::from(i32::MAX))?;
    let uring = values.flag("io-uring")?;
    Ok(SocketSettings {
        io: match values.choice("io")? {
            Some("epoll") => IoChoice::Epoll,
            Some("uring") => IoChoice::Uring,
            _ if uring => IoChoice::Uring,
            _ => IoChoice::Auto,
        },
        wake_delay: Duration::from_micros(wake_delay.unsigned_abs()),
        // COMPAT(rtpengine): any number is accepted; more than a worker looks at in one turn serve nobody.
        uring_buffers: u16::try_from(buffers).unwrap_or(u16::MAX).min(URING_BUFFERS_MAX),
        pin_workers: values.flag("pin-workers")?,
    })
}

fn offload(values: &Values) -> Result<Offload, ConfigError> {
    let table = values.int("table", i64::from(i32::MIN), i64::from(i32::MAX))?;
    let word = values.choice("offload")?;
    Ok(match word {
        Some("native") => Offload::Native,
        Some("tc") => Offload::Tc,
        Some("generic") => Offload::Generic,
        Some("afxdp") => Offload::AfXdp,
        Some("off") => Offload::Off,
        None if table < 0 => Offload::Off,
        _ => Offload::Auto,
    })
}

fn port(values: &Values, name: &'static str) -> Result<u16, ConfigError> {
    Ok(u16::try_from(values.int(name, 1, i64::from(u16::MAX))?).unwrap_or(u16::MAX))
}

fn byte(values: &Values, name: &'static str) -> Result<u8, ConfigError> {
    Ok(u8::try_from(values.int(name, 0, 255)?).unwrap_or(0))
}
