//! x86-64: what is there, and which of it is used for what.

mod aes;
mod ghash;
mod lanes;
mod lanes16;
mod lanes8;
mod lanes8vl;
mod pairs;
mod plan;
mod vaes;

use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

pub(crate) use aes::Keys as AesKeys;
pub(crate) use ghash::Powers;

use super::Backend;
use crate::hmac::{self, TAG_LEN, Text};

/// What a step of all lanes costs, in blocks that are hashed with the SHA instructions, and in blocks that are hashed
/// without them: fewer texts than that have no use for lanes (docs/decisions/0010-simd.md).
struct Worth {
    with_sha: usize,
    without: usize,
}

const SIXTEEN: Worth = Worth {
    with_sha: 9,
    without: 9,
};
const EIGHT_VL: Worth = Worth {
    with_sha: 3,
    without: 1,
};
const EIGHT: Worth = Worth {
    with_sha: 5,
    without: 2,
};

impl Worth {
    fn here(&self) -> usize {
        if has_sha() { self.with_sha } else { self.without }
    }
}

/// Bytes that memory is fetched by.
const LINE: usize = 64;

/// Has a value fetched from memory, without waiting for it.
#[inline]
pub(crate) fn prefetch<T>(value: &T) {
    let start = std::ptr::from_ref(value).cast::<i8>();
    for offset in (0..size_of::<T>()).step_by(LINE) {
        // SAFETY: the place lies within the value; SSE is part of x86-64, and fetching ahead changes nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(start.add(offset)) };
    }
}

/// Whether this machine has what a backend is made of.
pub(super) fn has(backend: Backend) -> bool {
    let aes = has_aes();
    match backend {
        Backend::Portable => true,
        Backend::ShaNi => aes && has_sha(),
        Backend::Avx2 => aes && is_x86_feature_detected!("avx2"),
        Backend::Avx512 => {
            aes && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
        }
    }
}

/// The round keys of a key, if `backend`, which is here, has instructions for them.
pub(super) fn round_keys(backend: Backend, key: &[u8]) -> Option<AesKeys> {
    let wide = backend == Backend::Avx512 && has_vaes();
    (backend != Backend::Portable).then(|| AesKeys::new(key, wide))?
}

/// The powers of a hash key, if `backend`, which is here, has instructions for them.
pub(super) fn powers(backend: Backend, key: &[u8; 16]) -> Option<Powers> {
    (backend == Backend::Avx512).then(|| Powers::new(key))?
}

fn has_vpclmul() -> bool {
    is_x86_feature_detected!("vpclmulqdq")
        && is_x86_feature_detected!("pclmulqdq")
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
}

fn has_aes() -> bool {
    is_x86_feature_detected!("aes") && is_x86_feature_detected!("sse4.1")
}

fn has_vaes() -> bool {
    is_x86_feature_detected!("vaes")
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
}

#[inline]
fn has_sha() -> bool {
    is_x86_feature_detected!("sha") && is_x86_feature_detected!("sse4.1")
}

/// Hashes texts in lanes as far as that pays, the others in pairs or alone. `backend` is here.
pub(super) fn tags(backend: Backend, texts: &[Text<'_>], tag: &mut impl FnMut(usize, &[u8; TAG_LEN])) {
    let order = plan::order(texts);
    let mut rest = &order[..];
    while !rest.is_empty() {
        let taken = in_lanes(backend, texts, rest, tag);
        let taken = if taken == 0 { few(texts, rest, tag) } else { taken };
        rest = rest.get(taken..).unwrap_or_default();
    }
}

/// Hashes the next texts in the widest lanes that pay, and says how many those were.
fn in_lanes(
    backend: Backend,
    texts: &[Text<'_>],
    rest: &[(usize, usize)],
    tag: &mut impl FnMut(usize, &[u8; TAG_LEN]),
) -> usize {
    let group = |lanes, worth: Worth| &rest[..plan::group(rest, lanes, worth.here())];
    match backend {
        Backend::Avx512 => {
            let wide = group(lanes16::N, SIXTEEN);
            if !wide.is_empty() {
                // SAFETY: the backend is here, so AVX-512F and AVX-512BW are.
                return done(wide, &unsafe { lanes16::hmac(&fill(texts, wide)) }, tag);
            }
            let narrow = group(lanes8::N, EIGHT_VL);
            if !narrow.is_empty() {
                // SAFETY: the backend is here, so AVX-512F, AVX-512VL and AVX2 are.
                return done(narrow, &unsafe { lanes8vl::hmac(&fill(texts, narrow)) }, tag);
            }
        }
        Backend::Avx2 => {
            let narrow = group(lanes8::N, EIGHT);
            if !narrow.is_empty() {
                // SAFETY: the backend is here, so AVX2 is.
                return done(narrow, &unsafe { lanes8::hmac(&fill(texts, narrow)) }, tag);
            }
        }
        Backend::ShaNi | Backend::Portable => {}
    }
    0
}

/// Hashes the next text, or two if they are about as long, and says how many those were.
fn few(texts: &[Text<'_>], rest: &[(usize, usize)], tag: &mut impl FnMut(usize, &[u8; TAG_LEN])) -> usize {
    let pair = rest.get(..2).filter(|pair| pair[0].1 < 2 * pair[1].1);
    let group = pair.unwrap_or(&rest[..1]);
    match group {
        [(first, _), ..] if !has_sha() => {
            tag(*first, &hmac::tag(&texts[*first]));
            1
        }
        // SAFETY: the SHA instructions are here, and SSE4.1 with them.
        [_, _] => done(group, &unsafe { pairs::hmac::<2>(&fill(texts, group)) }, tag),
        // SAFETY: as before.
        _ => done(group, &unsafe { pairs::hmac::<1>(&fill(texts, group)) }, tag),
    }
}

/// The texts of a group, each in its lane; lanes that are left over do what the first one does.
#[inline]
fn fill<'t, const N: usize>(texts: &'t [Text<'t>], group: &[(usize, usize)]) -> [&'t Text<'t>; N] {
    std::array::from_fn(|lane| {
        let (nth, _) = group.get(lane).unwrap_or(&group[0]);
        &texts[*nth]
    })
}

fn done<const N: usize>(
    group: &[(usize, usize)],
    tags: &[[u8; TAG_LEN]; N],
    tag: &mut impl FnMut(usize, &[u8; TAG_LEN]),
) -> usize {
    group
        .iter()
        .zip(tags)
        .for_each(|((nth, _), whole)| tag(*nth, whole));
    group.len()
}
