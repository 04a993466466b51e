//! The crate `sdp-types` as a second opinion on well-formed bodies.

use proptest::prelude::*;
use sdp_types as oracle;

fn attribute() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z][a-z0-9-]{0,10}",
        "[a-z][a-z0-9-]{0,10}:[!-~]{1,8}( [!-~]{1,8}){0,3}"
    ]
}

fn media() -> impl Strategy<Value = String> {
    let head = "(audio|video) [1-9][0-9]{3}(/[2-9])? RTP/(AVP|SAVPF)( (0|8|9|[19][0-9])){1,4}";
    (
        head,
        prop::option::of("[a-z]{1,9}"),
        prop::option::of(1..255u8),
        prop::collection::vec(attribute(), 0..8),
    )
        .prop_map(|(head, info, host, attributes)| {
            let info = info.map_or(String::new(), |i| format!("i={i}\r\n"));
            let connection = host.map_or(String::new(), |h| format!("c=IN IP4 192.0.2.{h}\r\n"));
            let attributes: String = attributes.iter().map(|a| format!("a={a}\r\n")).collect();
            format!("m={head}\r\n{info}{connection}b=AS:64\r\n{attributes}")
        })
}

fn body() -> impl Strategy<Value = String> {
    let origin = "[a-z-]{1,8} [1-9][0-9]{0,9} [1-9][0-9]{0,9} IN IP4 192\\.0\\.2\\.[1-9]";
    let medias = prop::collection::vec(media(), 0..4);
    (
        origin,
        "[ -~]{1,12}",
        prop::collection::vec(attribute(), 0..5),
        medias,
    )
        .prop_map(|(origin, name, attributes, medias)| {
            let attributes: String = attributes.iter().map(|a| format!("a={a}\r\n")).collect();
            format!(
                "v=0\r\no={origin}\r\ns={name}\r\nc=IN IP6 2001:db8::1\r\nb=CT:9\r\nt=0 0\r\n{attributes}{}",
                medias.concat()
            )
        })
}

fn pairs(ours: &[sdp::Attribute]) -> Vec<(String, Option<String>)> {
    ours.iter()
        .map(|a| (a.name.to_string(), a.value.as_ref().map(ToString::to_string)))
        .collect()
}

fn their_pairs(theirs: &[oracle::Attribute]) -> Vec<(String, Option<String>)> {
    theirs
        .iter()
        .map(|a| (a.attribute.clone(), a.value.clone()))
        .collect()
}

fn bandwidths(ours: &[sdp::Bandwidth]) -> Vec<(String, u64)> {
    ours.iter()
        .filter_map(|b| Some((b.kind.to_string(), b.value?)))
        .collect()
}

fn same(body: &str) {
    let theirs = oracle::Session::parse(body.as_bytes()).expect("the oracle reads it");
    let tree = crate::parse(body);
    let ours = &tree.sessions[0];
    let origin = ours.origin.as_ref().expect("o=");
    assert_eq!(
        origin.username.to_string(),
        theirs.origin.username.clone().unwrap_or_else(|| "-".into())
    );
    assert_eq!(origin.session_id.to_string(), theirs.origin.sess_id);
    assert_eq!(origin.version.parse(), Some(theirs.origin.sess_version));
    assert_eq!(origin.address.host.to_string(), theirs.origin.unicast_address);
    assert_eq!(
        ours.name.as_ref().map(ToString::to_string),
        Some(theirs.session_name.clone())
    );
    assert_eq!(pairs(&ours.attributes), their_pairs(&theirs.attributes));
    assert_eq!(ours.medias.len(), theirs.medias.len());
    for (ours, theirs) in ours.medias.iter().zip(&theirs.medias) {
        assert_eq!(ours.kind_text.to_string(), theirs.media);
        assert_eq!(
            (ours.port, ours.port_count),
            (theirs.port, theirs.num_ports.unwrap_or(1))
        );
        assert_eq!(ours.protocol_text.to_string(), theirs.proto);
        assert_eq!(ours.formats_text.to_string(), theirs.fmt);
        let connection = ours.connection.as_ref().map(|c| c.address.host.to_string());
        assert_eq!(
            connection,
            theirs.connections.first().map(|c| c.connection_address.clone())
        );
        let their_bandwidths: Vec<_> = theirs
            .bandwidths
            .iter()
            .map(|b| (b.bwtype.clone(), b.bandwidth))
            .collect();
        assert_eq!(bandwidths(&ours.bandwidths), their_bandwidths);
        assert_eq!(pairs(&ours.attributes), their_pairs(&theirs.attributes));
    }
}

proptest! {
    #[test]
    fn well_formed_bodies_read_the_same(body in body()) {
        same(&body);
    }
}
