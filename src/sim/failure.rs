//! How calls fail.

use crate::cloud::{Call, CloudError, CloudErrorKind};

/// A failure with AWS's code and words.
pub(super) fn failed(
    call: Call,
    kind: CloudErrorKind,
    code: &str,
    message: impl Into<String>,
) -> CloudError {
    CloudError {
        call,
        region: None,
        kind,
        code: Some(code.to_owned()),
        message: message.into(),
        request_id: None,
    }
}

/// A request that is refused as it is.
pub(super) fn refused(call: Call, message: impl Into<String>) -> CloudError {
    failed(call, CloudErrorKind::Refused, "ValidationError", message)
}

/// A thing that does not exist.
pub(super) fn not_found(call: Call, code: &str, message: impl Into<String>) -> CloudError {
    failed(call, CloudErrorKind::NotFound, code, message)
}

/// A call without an answer.
pub(super) fn unreachable(call: Call) -> CloudError {
    CloudError {
        call,
        region: None,
        kind: CloudErrorKind::Unreachable,
        code: None,
        message: "the connection was lost (injected)".to_owned(),
        request_id: None,
    }
}
