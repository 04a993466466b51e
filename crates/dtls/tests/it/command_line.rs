//! Handshakes with the `openssl` program over real sockets.

use std::io::Read;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use dtls::{
    Association, AssociationEvent, Fingerprint, Gate, HashFunction, KeyKind, Keys, Path, Role, Settings,
    Time, Trust,
};
use srtp::{MasterKey, Params, Protection, Suite};

use crate::world::config;

/// Whether there is an `openssl` program; without one the test says so.
fn missing() -> bool {
    let found = Command::new("openssl").arg("version").output().is_ok();
    if !found {
        assert!(std::env::var_os("CI").is_none(), "no openssl program");
        eprintln!("left out: no openssl program");
    }
    !found
}

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("patchbay-dtls-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    /// A certificate with its key in one file, and its fingerprint.
    fn certificate(&self, new_key: &[&str]) -> (PathBuf, Fingerprint) {
        let [key, cert, both] = ["key.pem", "cert.pem", "both.pem"].map(|name| self.0.join(name));
        let made = Command::new("openssl")
            .args(["req", "-x509", "-nodes", "-subj", "/CN=peer", "-days", "2"])
            .args(new_key)
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&cert)
            .output()
            .expect("openssl runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let parts = [&key, &cert].map(|path| std::fs::read(path).expect("a file"));
        std::fs::write(&both, parts.concat()).expect("a file");
        let shown = Command::new("openssl")
            .args(["x509", "-noout", "-fingerprint", "-sha256", "-in"])
            .arg(&cert)
            .output()
            .expect("openssl runs");
        let text = String::from_utf8(shown.stdout).expect("text");
        let hex = text.trim().split('=').next_back().expect("a fingerprint");
        let print = Fingerprint::parse(HashFunction::Sha256, hex).expect("32 bytes");
        (both, print)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The peer: `s_client` or `s_server`, and what it prints.
struct Peer {
    child: Child,
    text: Receiver<Vec<u8>>,
    said: String,
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Peer {
    fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl runs");
        let mut out = child.stdout.take().expect("its output");
        let (tx, text) = channel_of_one();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = out.read(&mut buffer) {
                if tx.send(buffer[..n].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            text,
            said: String::new(),
        }
    }

    /// The key material that it has printed, once it has.
    fn material(&mut self) -> Option<Vec<u8>> {
        while let Ok(more) = self.text.try_recv() {
            self.said.push_str(&String::from_utf8_lossy(&more));
        }
        let (_, rest) = self.said.split_once("Keying material: ")?;
        let (hex, _) = rest.split_once('\n')?;
        let hex = hex.trim();
        let bytes = (0..hex.len() / 2).map(|n| u8::from_str_radix(&hex[2 * n..2 * n + 2], 16));
        Some(bytes.collect::<Result<_, _>>().expect("hexadecimal digits"))
    }
}

fn channel_of_one() -> (std::sync::mpsc::SyncSender<Vec<u8>>, Receiver<Vec<u8>>) {
    std::sync::mpsc::sync_channel(64)
}

/// Talks to the peer until both have keys; ours, and what the peer has exported.
fn talk(association: &mut Association, socket: &UdpSocket, peer: &mut Peer) -> (Keys, Vec<u8>) {
    let begin = Instant::now();
    let now = || Time::from_micros(u64::try_from(begin.elapsed().as_micros()).expect("a short test"));
    let mut gate = Gate::new(now()).expect("a secret");
    let (mut keys, mut material) = (None, None);
    let mut buffer = [0; 4096];
    while begin.elapsed() < Duration::from_secs(20) {
        if let Ok((n, from)) = socket.recv_from(&mut buffer) {
            let path = Path {
                local: 0,
                remote: from,
            };
            let _ = association.handle_packet(now(), path, Trust::Unproven, &buffer[..n], &mut gate);
        }
        if association.poll_timeout().is_some_and(|t| t <= now()) {
            association.handle_timeout(now(), &mut gate);
        }
        while let Some((path, bytes)) = association.poll_transmit() {
            let _ = socket.send_to(&bytes, path.remote);
        }
        while let Some(event) = association.poll_event() {
            match event {
                AssociationEvent::Connected(made) => keys = Some(made),
                other => panic!("{other:?}"),
            }
        }
        material = material.or_else(|| peer.material());
        if let (Some(keys), Some(material)) = (&keys, &material) {
            return (keys.clone(), material.clone());
        }
    }
    panic!("no keys: {:?}, the peer says {}", association.state(), peer.said);
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let timeout = Some(Duration::from_millis(5));
    socket.set_read_timeout(timeout).expect("a timeout");
    socket
}

/// What RFC 5764 §4.2 makes of exported bytes: the keys of client and server.
fn split(suite: Suite, material: &[u8]) -> [Params; 2] {
    let (key, salt) = (suite.spec().key_len, suite.spec().salt_len);
    [0, 1].map(|n| {
        let (key_at, salt_at) = (n * key, 2 * key + n * salt);
        let made = MasterKey::new(
            suite,
            &material[key_at..key_at + key],
            &material[salt_at..salt_at + salt],
        );
        let made = made.expect("lengths of the suite");
        Params::new(vec![made], Protection::default()).expect("one key")
    })
}

/// Name for openssl, suite, and how many bytes it exports.
const PROFILES: [(&str, Suite, &str); 4] = [
    ("SRTP_AEAD_AES_256_GCM", Suite::AeadAes256Gcm, "88"),
    ("SRTP_AEAD_AES_128_GCM", Suite::AeadAes128Gcm, "56"),
    ("SRTP_AES128_CM_SHA1_80", Suite::AesCm128HmacSha1_80, "60"),
    ("SRTP_AES128_CM_SHA1_32", Suite::AesCm128HmacSha1_32, "60"),
];

const RSA: &[&str] = &["-newkey", "rsa:2048"];
const P256: &[&str] = &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];

fn common(command: &mut Command, certificate: &PathBuf, profile: &str, len: &str) {
    command
        .args([
            "-dtls1_2",
            "-use_srtp",
            profile,
            "-keymatexport",
            "EXTRACTOR-dtls_srtp",
        ])
        .args(["-keymatexportlen", len, "-cert"])
        .arg(certificate)
        .arg("-key")
        .arg(certificate);
}

#[test]
fn its_client_connects_to_us() {
    if missing() {
        return;
    }
    let ours = config(KeyKind::Rsa(2048), &Settings::default());
    for (n, (profile, suite, len)) in PROFILES.into_iter().enumerate() {
        let folder = Folder::new(&format!("client-{n}"));
        let (certificate, print) = folder.certificate(if n % 2 == 0 { RSA } else { P256 });
        let socket = socket();
        let mut command = Command::new("openssl");
        let to = socket.local_addr().expect("an address").to_string();
        command.args(["s_client", "-connect", &to]);
        common(&mut command, &certificate, profile, len);
        let mut peer = Peer::start(&mut command);
        let mut server = Association::new(ours.clone(), Role::Server);
        server.expect(Time::default(), &[print]);
        let (keys, material) = talk(&mut server, &socket, &mut peer);
        let [client_key, server_key] = split(suite, &material);
        assert_eq!(
            (keys.suite, keys.recv, keys.send),
            (suite, client_key, server_key),
            "{profile}"
        );
    }
}

#[test]
fn we_connect_to_its_server() {
    if missing() {
        return;
    }
    let ours = config(KeyKind::P256, &Settings::default());
    for (n, (profile, suite, len)) in PROFILES.into_iter().enumerate() {
        let folder = Folder::new(&format!("server-{n}"));
        let (certificate, print) = folder.certificate(if n % 2 == 0 { P256 } else { RSA });
        // A port that is free now; s_server cannot be told to choose one and say so over UDP.
        let port = self::socket().local_addr().expect("an address").port();
        let mut command = Command::new("openssl");
        command.args([
            "s_server",
            "-mtu",
            "1200",
            "-Verify",
            "1",
            "-accept",
            &format!("127.0.0.1:{port}"),
        ]);
        common(&mut command, &certificate, profile, len);
        let mut peer = Peer::start(&mut command);
        let mut client = Association::new(ours.clone(), Role::Client);
        client.expect(Time::default(), &[print]);
        let remote = ([127, 0, 0, 1], port).into();
        // It is not there yet: the first packets are lost.
        client.set_target(Time::default(), Path { local: 0, remote });
        let (keys, material) = talk(&mut client, &socket(), &mut peer);
        let [client_key, server_key] = split(suite, &material);
        assert_eq!(
            (keys.suite, keys.send, keys.recv),
            (suite, client_key, server_key),
            "{profile}"
        );
    }
}
