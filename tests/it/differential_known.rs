//! Every intended difference between our replies and those of Debian's rtpengine 10.5, by its name in
//! docs/compatibility.md.

/// A difference that is meant and is the same everywhere: what Debian's reply has to become to be like ours.
pub(crate) struct Rule {
    /// Its name in docs/compatibility.md.
    pub(crate) name: &'static str,
    /// Changes the lines of Debian's reply, given those of ours.
    pub(crate) apply: fn(Vec<String>, &[String]) -> Vec<String>,
}

pub(crate) const RULES: &[Rule] = &[
    Rule {
        name: "connection per media",
        apply: connection_per_media,
    },
    Rule {
        name: "newer reply keys",
        apply: newer_reply_keys,
    },
    Rule {
        name: "diagnosis in query",
        apply: diagnosis_in_query,
    },
];

/// `c=` of the session stands in each media instead.
fn connection_per_media(theirs: Vec<String>, _: &[String]) -> Vec<String> {
    let first_media = theirs
        .iter()
        .position(|line| line.starts_with("m="))
        .unwrap_or(theirs.len());
    let Some(at) = theirs[..first_media]
        .iter()
        .position(|line| line.starts_with("c="))
    else {
        return theirs;
    };
    let connection = theirs[at].clone();
    let (mut out, mut wanting) = (Vec::new(), false);
    for (index, line) in theirs.into_iter().enumerate() {
        // Behind `m=` and `i=` (RFC 8866 §5), unless the media has one of its own.
        if wanting && !line.starts_with("i=") {
            if !line.starts_with("c=") {
                out.push(connection.clone());
            }
            wanting = false;
        }
        wanting |= line.starts_with("m=");
        if index != at {
            out.push(line);
        }
    }
    if wanting {
        out.push(connection);
    }
    out
}

/// Keys that came after 10.5.
fn newer_reply_keys(theirs: Vec<String>, ours: &[String]) -> Vec<String> {
    with_keys(theirs, ours, &["created_ts: ", "last redis update: "])
}

/// A key of our own.
fn diagnosis_in_query(theirs: Vec<String>, ours: &[String]) -> Vec<String> {
    with_keys(theirs, ours, &["diagnosis: "])
}

fn with_keys(mut theirs: Vec<String>, ours: &[String], keys: &[&str]) -> Vec<String> {
    for key in keys {
        theirs.extend(ours.iter().filter(|line| line.starts_with(key)).cloned());
    }
    theirs.sort_by_key(|line| is_key(line).then(|| line.clone()));
    theirs
}

/// Whether this is a line for a key of the reply, and not one of its SDP.
pub(crate) fn is_key(line: &str) -> bool {
    line.as_bytes().get(1) != Some(&b'=')
}

/// A difference that is meant.
pub(crate) struct Known {
    /// Its name in docs/compatibility.md.
    pub(crate) name: &'static str,
    /// Why.
    #[allow(dead_code, reason = "read by people")]
    pub(crate) reason: &'static str,
    /// In which case, and at which of its steps, counted from 0.
    pub(crate) at: &'static [(&'static str, usize)],
    /// The lines that only Debian's (`-`) or only our (`+`) reply has.
    pub(crate) lines: &'static [&'static str],
}

impl Known {
    /// Whether it is about this step.
    pub(crate) fn covers(&self, case: &str, step: usize) -> bool {
        self.at.contains(&(case, step))
    }
}

pub(crate) const KNOWN: &[Known] = &[
    Known {
        name: "order of attributes",
        reason: "26.3 prints codecs with what belongs to them, extensions, copied attributes, direction, ptime",
        at: &[("original-sendrecv", 1)],
        lines: &["-a=recvonly", "+a=recvonly"],
    },
    Known {
        name: "order of attributes",
        reason: "the same",
        at: &[("feedback kept", 0), ("AVPF to AVP", 0)],
        lines: &["-a=rtcp-fb:* ccm fir", "+a=rtcp-fb:* ccm fir"],
    },
    Known {
        name: "order of attributes",
        reason: "the same",
        at: &[("every kind of line", 0)],
        lines: &[
            "-a=maxptime:60",
            "-a=quality:10",
            "+a=quality:10",
            "+a=maxptime:60",
        ],
    },
    Known {
        name: "order of attributes",
        reason: "extmap-allow-mixed is printed with the extensions of each media",
        at: &[("extmap", 0)],
        lines: &[
            "-a=extmap-allow-mixed",
            "+a=rtpmap:8 PCMA/8000",
            "+a=extmap-allow-mixed",
            "-a=rtpmap:8 PCMA/8000",
        ],
    },
    Known {
        name: "media of unknown protocol as it is",
        reason: "as in 26.3: a direction means nothing there unless its party has said one",
        at: &[("unknown protocol over UDP", 0), ("unknown protocol over UDP", 1)],
        lines: &["-a=sendrecv"],
    },
    Known {
        name: "extmap-allow-mixed stripped",
        reason: "without extensions the line has no meaning; 26.3 prints it with them only",
        at: &[("strip-extmap", 0)],
        lines: &["-a=extmap-allow-mixed"],
    },
    Known {
        name: "rejected media has no address",
        reason: "as in 26.3: nobody may send to a port that is not open",
        at: &[
            ("video rejected", 1),
            ("media added and removed", 4),
            ("media added and removed", 5),
            ("media offered as rejected", 0),
            ("media offered as rejected", 1),
        ],
        lines: &["-c=IN IP4 203.0.113.1", "+c=IN IP4 0.0.0.0"],
    },
    Known {
        name: "removed media gives its ports back",
        reason: "a port held for media that may never come again is a leak; added again it gets another",
        at: &[("media added and removed", 6)],
        lines: &[
            "-m=video <port 2> RTP/AVP 96",
            "+m=video <port 4> RTP/AVP 96",
            "-a=rtcp:<port 2 rtcp>",
            "+a=rtcp:<port 4 rtcp>",
        ],
    },
    Known {
        name: "removed media gives its ports back",
        reason: "the same, the other side",
        at: &[("media added and removed", 7)],
        lines: &[
            "-m=video <port 3> RTP/AVP 96",
            "+m=video <port 5> RTP/AVP 96",
            "-a=rtcp:<port 3 rtcp>",
            "+a=rtcp:<port 5 rtcp>",
        ],
    },
    Known {
        name: "credentials beside candidates",
        reason: "candidates that nobody can use are none",
        at: &[("ICE=force-relay", 1)],
        lines: &["+a=ice-ufrag:<8 characters>", "+a=ice-pwd:<26 characters>"],
    },
    Known {
        name: "force-relay leaves media as it is",
        reason: "as in 26.3: nothing is added to media that we only put a candidate into",
        at: &[("ICE=force-relay", 0)],
        lines: &["-a=rtpmap:8 PCMA/8000", "-a=sendrecv"],
    },
    Known {
        name: "metadata in query",
        reason: "a key that came after 10.5",
        at: &[("labels and metadata", 2)],
        lines: &["+metadata: k:v"],
    },
    Known {
        name: "warning about an unknown interface",
        reason: "a misspelt name is the operator's to correct, and 10.5 tells it to the log alone",
        at: &[("unknown interface", 0)],
        lines: &["+warning: no interface named 'nowhere', using the default"],
    },
    Known {
        name: "a fork ends with the call",
        reason: "the branches nobody answered have no one left to end them: the BYE of the answered one ends all",
        at: &[("delete after the answer of a fork", 4)],
        lines: &[
            "-SSRC: …",
            "-created: …",
            "-created_us: …",
            "-last signal: …",
            "-result: ok",
            "-tags: …",
            "-totals: …",
            "+error-reason: Unknown call-id",
            "+result: error",
        ],
    },
];
