//! Single keys from the terminal, without waiting and without Enter.

use std::io::IsTerminal;
use std::mem::MaybeUninit;

/// A terminal that hands over each key at once; as it was before when this is dropped.
pub(crate) struct Keys {
    before: libc::termios,
}

impl Keys {
    /// `None` if standard input is no terminal.
    pub(crate) fn open() -> Option<Self> {
        if !std::io::stdin().is_terminal() {
            return None;
        }
        let mut before = MaybeUninit::uninit();
        // SAFETY: room for the settings, which are read only if the call succeeded.
        let before = unsafe {
            if libc::tcgetattr(libc::STDIN_FILENO, before.as_mut_ptr()) < 0 {
                return None;
            }
            before.assume_init()
        };
        let mut raw: libc::termios = before;
        raw.c_lflag &= !(libc::ICANON | libc::ECHO);
        raw.c_cc[libc::VMIN] = 0;
        raw.c_cc[libc::VTIME] = 0;
        // SAFETY: valid settings, only read.
        (unsafe { libc::tcsetattr(libc::STDIN_FILENO, libc::TCSANOW, &raw const raw) } == 0)
            .then_some(Self { before })
    }

    /// The next key that was pressed.
    pub(crate) fn pressed(&self) -> Option<u8> {
        let mut key = 0_u8;
        // SAFETY: room for the one byte asked for. The terminal returns at once: VMIN and VTIME are 0.
        (unsafe { libc::read(libc::STDIN_FILENO, (&raw mut key).cast(), 1) } == 1).then_some(key)
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        // SAFETY: settings that the terminal had before.
        unsafe { libc::tcsetattr(libc::STDIN_FILENO, libc::TCSANOW, &raw const self.before) };
    }
}
