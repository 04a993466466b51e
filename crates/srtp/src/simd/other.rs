//! Architectures for which there is nothing here: no backend but the portable one.

use super::Backend;
use crate::hmac::{self, TAG_LEN, Text};

/// Round keys for instructions that are not there.
pub(crate) enum AesKeys {}

impl AesKeys {
    pub(crate) fn counter_mode(&self, _: [u8; 16], _: &mut [u8]) {
        match *self {}
    }

    pub(crate) fn encrypt_one(&self, _: [u8; 16]) -> [u8; 16] {
        match *self {}
    }
}

/// Powers for instructions that are not there.
pub(crate) enum Powers {}

impl Powers {
    pub(crate) fn hash(&self, _: (&[u8], &[u8]), _: &[u8]) -> [u8; 16] {
        match *self {}
    }
}

pub(super) fn has(backend: Backend) -> bool {
    backend == Backend::Portable
}

pub(super) fn round_keys(_: Backend, _: &[u8]) -> Option<AesKeys> {
    None
}

pub(super) fn powers(_: Backend, _: &[u8; 16]) -> Option<Powers> {
    None
}

pub(super) fn tags(_: Backend, texts: &[Text<'_>], tag: &mut impl FnMut(usize, &[u8; TAG_LEN])) {
    for (nth, text) in texts.iter().enumerate() {
        tag(nth, &hmac::tag(text));
    }
}

pub(crate) fn prefetch<T>(_: &T) {}
