//! The shapes of replies that are the same for every command.

use crate::{Dict, NgError, Value};

/// `result: ok`, to be extended.
pub fn ok<'a>() -> Dict<'a> {
    Dict::with_capacity(2).with("result", "ok")
}

/// `result: pong`.
pub fn pong<'a>() -> Dict<'a> {
    Value::dict().with("result", "pong")
}

/// `result: error` with its reason.
pub fn error<'a>(error: &NgError) -> Dict<'a> {
    Value::dict()
        .with("result", "error")
        .with("error-reason", error.to_string())
}

/// `result: ok` with a warning.
pub fn warning<'a>(text: impl Into<Value<'a>>) -> Dict<'a> {
    ok().with("warning", text)
}

/// A new call refused because of a limit. `supported` is [`crate::Common::load_limit`]: whether the client knows
/// the result `load limit`.
pub fn load_limit<'a>(limit: &NgError, supported: bool) -> Dict<'a> {
    if !supported {
        // COMPAT(rtpengine): older clients fail over on this one text, whichever limit it was.
        return error(&NgError::SessionLimit);
    }
    Value::dict()
        .with("result", "load limit")
        .with("message", limit.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::{Format, encode};

    #[test]
    fn shapes() {
        for (dict, json) in [
            (ok(), r#"{"result":"ok"}"#),
            (pong(), r#"{"result":"pong"}"#),
            (
                error(&NgError::NoCommand),
                r#"{"result":"error","error-reason":"Dictionary contains no key \"command\""}"#,
            ),
            (warning("w"), r#"{"result":"ok","warning":"w"}"#),
            (
                load_limit(&NgError::CpuLimit, true),
                r#"{"result":"load limit","message":"CPU usage limit exceeded"}"#,
            ),
            (
                load_limit(&NgError::CpuLimit, false),
                r#"{"result":"error","error-reason":"Parallel session limit reached"}"#,
            ),
        ] {
            assert_eq!(
                String::from_utf8(encode(Format::Json, &dict)).as_deref(),
                Ok(json)
            );
        }
    }
}
