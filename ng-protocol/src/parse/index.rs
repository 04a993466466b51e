//! The tables by name, built once: which key, flag or prefix a spelling stands for.

use std::collections::HashMap;
use std::sync::LazyLock;

use foldhash::fast::FixedState;

use super::draft::Draft;
use super::flags::{self, Flag};
use super::keys::{self, Key, Set};
use super::name::Name;
use super::{enums, nested};

/// A prefix of flags that carry a value.
pub(super) struct Prefix {
    /// In canonical spelling, the hyphen included.
    prefix: String,
    /// For warnings.
    pub(super) key: String,
    pub(super) set: PrefixSetter,
}

pub(super) type PrefixSetter = Box<dyn Fn(&mut Draft, &[u8]) -> bool + Send + Sync>;

/// The longest prefix of `flag` that has a meaning, and what follows it.
pub(super) fn prefix_of(flag: &[u8]) -> Option<(&'static Prefix, &[u8])> {
    let flag = flag.trim_ascii();
    let name = Name::new(flag);
    let prefix = PREFIXES.iter().find(|p| name.starts_with(&p.prefix))?;
    let rest = flag.get(prefix.prefix.len()..)?;
    (!rest.is_empty()).then_some((prefix, rest))
}

/// Only ever asked for single names: its order is nobody's business, and its names are ours, not those of an attacker.
type Index<T> = HashMap<Vec<u8>, &'static T, FixedState>;

fn index<T>(table: &'static [T], names: fn(&T) -> (&'static str, &'static [&'static str])) -> Index<T> {
    let mut index = Index::with_hasher(FixedState::default());
    for entry in table {
        let (name, aliases) = names(entry);
        for spelling in std::iter::once(&name).chain(aliases) {
            index.insert(Name::new(spelling.as_bytes()).as_bytes().to_vec(), entry);
        }
    }
    index
}

pub(super) static KEYS: LazyLock<Index<Key>> =
    LazyLock::new(|| index(keys::table(), |key| (key.name, key.aliases)));

pub(super) static FLAGS: LazyLock<Index<Flag>> =
    LazyLock::new(|| index(flags::table(), |flag| (flag.name, flag.aliases)));

/// Longest first.
static PREFIXES: LazyLock<Vec<Prefix>> = LazyLock::new(|| {
    let mut prefixes = Vec::new();
    let mut add = |name: String, key: String, set: PrefixSetter| {
        let prefix = Name::new(format!("{name}-").as_bytes()).into_string();
        prefixes.push(Prefix { prefix, key, set });
    };
    for key in keys::table() {
        if let Set::Each(set) = key.set {
            for name in std::iter::once(&key.name).chain(key.aliases) {
                add((*name).to_owned(), key.name.to_owned(), Box::new(set));
            }
        }
    }
    for field in nested::CODEC_FIELDS {
        let word = field.word;
        for name in [format!("codec-{word}"), format!("codecs-{word}")] {
            let set =
                |d: &mut Draft, item: &[u8]| nested::codec_item((field.list)(&mut d.settings.codec), item);
            add(name, format!("codec/{word}"), Box::new(set));
        }
    }
    let transcode = |d: &mut Draft, item: &[u8]| nested::codec_item(&mut d.settings.codec.transcode, item);
    add("transcode".into(), "codec/transcode".into(), Box::new(transcode));
    add(
        "sdp-attr".into(),
        "sdp-attr".into(),
        Box::new(nested::sdp_attr_flag),
    );
    add(
        "extmap-strip".into(),
        "extmap/strip".into(),
        Box::new(enums::EXTMAP_STRIP),
    );
    add(
        "extmap-mask".into(),
        "extmap/mask".into(),
        Box::new(enums::EXTMAP_MASK),
    );
    prefixes.sort_by_key(|p| std::cmp::Reverse(p.prefix.len()));
    prefixes
});
