//! Socket addresses in the form system calls want.

use std::net::{SocketAddr, SocketAddrV6};

/// An address in the form system calls want, kept in one place so that message headers can point at it.
#[derive(Clone, Copy)]
pub struct RawAddr {
    storage: libc::sockaddr_storage,
    len: libc::socklen_t,
}

impl RawAddr {
    /// Room for any address.
    pub const fn empty() -> Self {
        Self {
            // SAFETY: all-zero bytes are a valid sockaddr_storage (family unspecified).
            storage: unsafe { std::mem::zeroed() },
            len: size_of::<libc::sockaddr_storage>() as libc::socklen_t,
        }
    }

    /// Room for any address again, as [`empty`](Self::empty).
    pub fn clear(&mut self) {
        self.storage.ss_family = libc::AF_UNSPEC as libc::sa_family_t;
        self.len = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    }

    /// Takes the form of `addr`.
    pub fn set(&mut self, addr: SocketAddr) {
        match addr {
            SocketAddr::V4(a) => {
                let raw = libc::sockaddr_in {
                    sin_family: libc::AF_INET as libc::sa_family_t,
                    sin_port: a.port().to_be(),
                    sin_addr: libc::in_addr {
                        s_addr: u32::from_ne_bytes(a.ip().octets()),
                    },
                    sin_zero: [0; 8],
                };
                self.put(raw);
            }
            SocketAddr::V6(a) => {
                let raw = libc::sockaddr_in6 {
                    sin6_family: libc::AF_INET6 as libc::sa_family_t,
                    sin6_port: a.port().to_be(),
                    sin6_flowinfo: a.flowinfo(),
                    sin6_addr: libc::in6_addr {
                        s6_addr: a.ip().octets(),
                    },
                    sin6_scope_id: a.scope_id(),
                };
                self.put(raw);
            }
        }
    }

    /// Takes what the kernel wrote elsewhere; too much or too little of it is no address.
    pub fn copy_from(&mut self, bytes: &[u8]) {
        self.clear();
        let (least, most) = (size_of::<libc::sockaddr_in>(), size_of::<libc::sockaddr_in6>());
        if !(least..=most).contains(&bytes.len()) {
            return;
        }
        // SAFETY: at most a sockaddr_in6 is copied, which the storage is large enough for; any bytes are valid in it.
        unsafe {
            let storage = (&raw mut self.storage).cast::<u8>();
            storage.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        }
        if self.storage.ss_family == libc::AF_INET6 as libc::sa_family_t && bytes.len() < most {
            self.clear();
        }
        self.len = bytes.len() as libc::socklen_t;
    }

    /// The address, if it is an IP one.
    pub fn addr(&self) -> Option<SocketAddr> {
        match libc::c_int::from(self.storage.ss_family) {
            libc::AF_INET => {
                // SAFETY: the kernel (or `set`) wrote a sockaddr_in, which the storage is large and aligned enough for.
                let raw = unsafe { &*(&raw const self.storage).cast::<libc::sockaddr_in>() };
                let ip = raw.sin_addr.s_addr.to_ne_bytes();
                Some(SocketAddr::from((ip, u16::from_be(raw.sin_port))))
            }
            libc::AF_INET6 => {
                // SAFETY: as above, for sockaddr_in6.
                let raw = unsafe { &*(&raw const self.storage).cast::<libc::sockaddr_in6>() };
                Some(SocketAddr::V6(SocketAddrV6::new(
                    raw.sin6_addr.s6_addr.into(),
                    u16::from_be(raw.sin6_port),
                    raw.sin6_flowinfo,
                    raw.sin6_scope_id,
                )))
            }
            _ => None,
        }
    }

    /// Where a message header points for an address to be filled in or sent to.
    pub fn as_mut_ptr(&mut self) -> *mut libc::c_void {
        (&raw mut self.storage).cast()
    }

    /// Length of what is in it.
    pub fn socklen(&self) -> libc::socklen_t {
        self.len
    }

    /// Where a system call puts the length of what it fills in.
    pub fn socklen_mut(&mut self) -> *mut libc::socklen_t {
        &raw mut self.len
    }

    fn put<T>(&mut self, raw: T) {
        const { assert!(size_of::<T>() <= size_of::<libc::sockaddr_storage>()) };
        // SAFETY: T is a plain sockaddr_in or sockaddr_in6, checked above to fit into the storage.
        unsafe { (&raw mut self.storage).cast::<T>().write(raw) };
        self.len = size_of::<T>() as libc::socklen_t;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_survive_the_raw_form() {
        for text in ["192.0.2.1:30000", "[2001:db8::1]:30001", "[fe80::1%7]:5"] {
            let addr: SocketAddr = text.parse().expect(text);
            let mut raw = RawAddr::empty();
            raw.set(addr);
            assert_eq!(raw.addr(), Some(addr));
        }
        assert_eq!(RawAddr::empty().addr(), None);
    }
}
