//! Every intended difference between our replies and those of Debian's rtpengine 10.5, by its name in
//! docs/compatibility.md.

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

pub(crate) const KNOWN: &[Known] = &[];
