//! The SDK's errors in our terms.

use std::error::Error;

use aws_sdk_sts::{
    error::{ProvideErrorMetadata, SdkError},
    operation::RequestId as _,
};

use crate::{
    cloud::{Call, CloudError, CloudErrorKind},
    ids::Region,
};

/// Makes of the SDK's error one that names the call and gives AWS's own words.
pub(super) fn failure<E>(call: Call, region: Option<&Region>) -> impl Fn(SdkError<E>) -> CloudError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    move |error| of(call, region, &error)
}

fn of<E>(call: Call, region: Option<&Region>, error: &SdkError<E>) -> CloudError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    let (kind, message) = match error {
        SdkError::ServiceError(service) => {
            let told = service.err().message().map(str::trim).unwrap_or_default();
            let code = service.err().code().unwrap_or_default();
            let message = if told.is_empty() { no_reason(status) } else { told.to_owned() };
            (kind(code, told, status), message)
        }
        SdkError::TimeoutError(_) => {
            (CloudErrorKind::Unreachable, "there was no answer within the time limit".to_owned())
        }
        SdkError::DispatchFailure(dispatch) => {
            let kind = if chain(error).contains("credential") {
                CloudErrorKind::NoCredentials
            } else if dispatch.is_user() {
                CloudErrorKind::Other
            } else {
                CloudErrorKind::Unreachable
            };
            (kind, innermost(error))
        }
        SdkError::ResponseError(_) => {
            // An answer that breaks off says nothing of whether the call had its effect.
            let kind = match kind("", "", status) {
                CloudErrorKind::Other => CloudErrorKind::Unreachable,
                kind => kind,
            };
            (kind, format!("the answer could not be read ({})", innermost(error)))
        }
        _ => (CloudErrorKind::Other, innermost(error)),
    };
    CloudError {
        call,
        region: region.cloned(),
        kind,
        code: error.code().map(str::to_owned),
        message,
        request_id: error.request_id().map(str::to_owned),
    }
}

fn no_reason(status: Option<u16>) -> String {
    status.map_or_else(
        || "AWS gave no reason".to_owned(),
        |status| format!("AWS gave no reason (HTTP {status})"),
    )
}

/// What went wrong in the end: the last two of a chain of causes, without the SDK's wrapping.
fn innermost<E>(error: &SdkError<E>) -> String
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let texts = texts(error);
    let last = texts.len().saturating_sub(2).max(usize::from(texts.len() > 1));
    texts[last..].join(": ")
}

/// An error and its causes, each told once.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    texts(error).join(": ")
}

fn texts(error: &(dyn Error + 'static)) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        let text = cause.to_string();
        if !texts.iter().any(|told| told.contains(&text)) {
            texts.push(text);
        }
        next = cause.source();
    }
    texts
}

/// The kind of an error by its code, else by the status of the answer.
pub(super) fn kind(code: &str, message: &str, status: Option<u16>) -> CloudErrorKind {
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| code.starts_with(prefix));
    match code.strip_suffix("Exception").unwrap_or(code) {
        "AWSOrganizationsNotInUse" => CloudErrorKind::NoOrganization,
        "OperationInProgress" => CloudErrorKind::Busy,
        "OperationIdAlreadyExists" => CloudErrorKind::OperationExists,
        "StaleRequest" | "PreconditionFailed" | "ConditionalRequestConflict" => {
            CloudErrorKind::Stale
        }
        "NameAlreadyExists" | "AlreadyExists" | "CreatedButModified" => {
            CloudErrorKind::AlreadyExists
        }
        // CloudFormation has no code for it.
        "ValidationError" if message.starts_with("Stack") && message.contains("does not exist") => {
            CloudErrorKind::NotFound
        }
        "ValidationError" if message.contains("not found in StackSet") => CloudErrorKind::NotFound,
        "NoSuchKey" | "NoSuchBucket" | "NoSuchVersion" | "DoesNotExist" => CloudErrorKind::NotFound,
        "RequestTimeTooSkewed" | "RequestExpired" => CloudErrorKind::WrongClock,
        "SignatureDoesNotMatch" | "InvalidSignature"
            if message.contains("Signature expired") || message.contains("not yet current") =>
        {
            CloudErrorKind::WrongClock
        }
        "InvalidClientTokenId"
        | "InvalidAccessKeyId"
        | "InvalidToken"
        | "UnrecognizedClient"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "MissingAuthenticationToken" => CloudErrorKind::NoCredentials,
        "UnauthorizedOperation" | "AuthorizationError" | "Forbidden" => CloudErrorKind::Denied,
        "RequestLimitExceeded" | "SlowDown" | "BandwidthLimitExceeded" => CloudErrorKind::Throttled,
        "LimitExceeded"
        | "ResourceLimitExceeded"
        | "InsufficientCapabilities"
        | "StackSetNotEmpty" => CloudErrorKind::Refused,
        "InternalFailure"
        | "InternalError"
        | "InternalServerError"
        | "ServiceUnavailable"
        | "ServiceException" => CloudErrorKind::Unavailable,
        _ if code.contains("NotFound") => CloudErrorKind::NotFound,
        _ if starts(&["ExpiredToken"]) => CloudErrorKind::NoCredentials,
        _ if starts(&["AccessDenied", "NotAuthorized"]) => CloudErrorKind::Denied,
        _ if starts(&["Throttl", "TooManyRequests", "RequestThrottled"]) => {
            CloudErrorKind::Throttled
        }
        _ if starts(&["Validation", "Invalid", "Malformed"]) => CloudErrorKind::Refused,
        "" => match status {
            Some(403) => CloudErrorKind::Denied,
            Some(404) => CloudErrorKind::NotFound,
            Some(412) => CloudErrorKind::Stale,
            Some(429) => CloudErrorKind::Throttled,
            _ => of_status(status),
        },
        _ => of_status(status),
    }
}

/// What the status alone says.
fn of_status(status: Option<u16>) -> CloudErrorKind {
    match status {
        Some(500..) => CloudErrorKind::Unavailable,
        _ => CloudErrorKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_says_what_kind_of_failure_it_is() {
        let of = |code| kind(code, "", Some(400));

        for (code, expected) in [
            ("AccessDenied", CloudErrorKind::Denied),
            ("AccessDeniedException", CloudErrorKind::Denied),
            ("UnauthorizedOperation", CloudErrorKind::Denied),
            ("NotAuthorized", CloudErrorKind::Denied),
            ("ExpiredToken", CloudErrorKind::NoCredentials),
            ("ExpiredTokenException", CloudErrorKind::NoCredentials),
            ("InvalidClientTokenId", CloudErrorKind::NoCredentials),
            ("UnrecognizedClientException", CloudErrorKind::NoCredentials),
            ("SignatureDoesNotMatch", CloudErrorKind::NoCredentials),
            ("AWSOrganizationsNotInUseException", CloudErrorKind::NoOrganization),
            ("OperationInProgressException", CloudErrorKind::Busy),
            ("StaleRequestException", CloudErrorKind::Stale),
            ("PreconditionFailed", CloudErrorKind::Stale),
            ("ConditionalRequestConflict", CloudErrorKind::Stale),
            ("OperationIdAlreadyExistsException", CloudErrorKind::OperationExists),
            ("NameAlreadyExistsException", CloudErrorKind::AlreadyExists),
            ("AlreadyExistsException", CloudErrorKind::AlreadyExists),
            ("StackSetNotFoundException", CloudErrorKind::NotFound),
            ("OperationNotFoundException", CloudErrorKind::NotFound),
            ("ChangeSetNotFound", CloudErrorKind::NotFound),
            ("ChangeSetNotFoundException", CloudErrorKind::NotFound),
            ("NoSuchKey", CloudErrorKind::NotFound),
            ("NoSuchBucket", CloudErrorKind::NotFound),
            ("DoesNotExistException", CloudErrorKind::NotFound),
            ("ValidationError", CloudErrorKind::Refused),
            ("InvalidOperationException", CloudErrorKind::Refused),
            ("MalformedPolicyDocumentException", CloudErrorKind::Refused),
            ("LimitExceededException", CloudErrorKind::Refused),
            ("StackSetNotEmptyException", CloudErrorKind::Refused),
            ("Throttling", CloudErrorKind::Throttled),
            ("TooManyRequestsException", CloudErrorKind::Throttled),
            ("RequestLimitExceeded", CloudErrorKind::Throttled),
            ("SlowDown", CloudErrorKind::Throttled),
            ("InternalFailure", CloudErrorKind::Unavailable),
            ("ServiceUnavailable", CloudErrorKind::Unavailable),
            ("InternalServerError", CloudErrorKind::Unavailable),
            ("SomethingNew", CloudErrorKind::Other),
        ] {
            assert_eq!(of(code), expected, "{code}");
        }
    }

    #[test]
    fn a_stack_that_does_not_exist_is_told_by_its_message() {
        let of = |message| kind("ValidationError", message, Some(400));

        assert_eq!(of("Stack with id x does not exist"), CloudErrorKind::NotFound);
        assert_eq!(of("Stack [x] does not exist"), CloudErrorKind::NotFound);
        assert_eq!(of("Template error: resource X does not exist"), CloudErrorKind::Refused);
    }

    #[test]
    fn a_wrong_clock_is_told_from_a_wrong_key() {
        let of = |code, message| kind(code, message, Some(403));
        let expired = "Signature expired: 20261124T090000Z is now earlier than 20261124T091000Z";

        assert_eq!(of("RequestTimeTooSkewed", ""), CloudErrorKind::WrongClock);
        assert_eq!(of("SignatureDoesNotMatch", expired), CloudErrorKind::WrongClock);
        assert_eq!(of("InvalidSignatureException", expired), CloudErrorKind::WrongClock);
        assert_eq!(of("SignatureDoesNotMatch", "The key is wrong"), CloudErrorKind::NoCredentials);
    }

    #[test]
    fn without_a_code_the_status_decides() {
        let of = |status| kind("", "", Some(status));

        assert_eq!(of(404), CloudErrorKind::NotFound);
        assert_eq!(of(412), CloudErrorKind::Stale);
        assert_eq!(of(403), CloudErrorKind::Denied);
        assert_eq!(of(500), CloudErrorKind::Unavailable);
        assert_eq!(of(503), CloudErrorKind::Unavailable);
        assert_eq!(of(400), CloudErrorKind::Other);
    }
}
