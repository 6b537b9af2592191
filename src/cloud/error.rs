//! What any AWS could answer instead of what it was asked for.

use crate::cloud::Call;

/// A call that failed for good: what could be retried has been.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{call} failed{}: {message}{}", place(.region.as_ref()), suffix(.code.as_deref(), .request_id.as_deref()))]
pub struct CloudError {
    /// Service and operation, as IAM spells them: `cloudformation:CreateStackSet`.
    pub call: Call,
    /// In which Region, where that matters.
    pub region: Option<crate::ids::Region>,
    /// What kind of failure it is.
    pub kind: CloudErrorKind,
    /// AWS's code for it.
    pub code: Option<String>,
    /// AWS's own words.
    pub message: String,
    /// What AWS support asks for.
    pub request_id: Option<String>,
}

fn place(region: Option<&crate::ids::Region>) -> String {
    region.map_or_else(String::new, |region| format!(" in {region}"))
}

fn suffix(code: Option<&str>, request_id: Option<&str>) -> String {
    match (code, request_id) {
        (None, None) => String::new(),
        (Some(code), None) => format!(" ({code})"),
        (None, Some(id)) => format!(" (request {id})"),
        (Some(code), Some(id)) => format!(" ({code}, request {id})"),
    }
}

/// What kind of failure it is: what a caller may need to tell apart, and no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloudErrorKind {
    /// The thing does not exist.
    NotFound,
    /// There are no usable credentials.
    NoCredentials,
    /// A setting is missing or wrong, so that nothing could be called.
    Settings,
    /// The caller may not do this.
    Denied,
    /// The account is in no organization.
    NoOrganization,
    /// Too many requests, even after waiting.
    Throttled,
    /// Another operation runs on the same thing (`OperationInProgressException`).
    Busy,
    /// The thing has been changed since it was read (`StaleRequestException`, `PreconditionFailed`).
    Stale,
    /// A thing of that name exists.
    AlreadyExists,
    /// An operation of that ID exists, which means that it is ours.
    OperationExists,
    /// AWS refuses the request as it is: a template, a parameter, a name.
    Refused,
    /// The clock of this machine is wrong by more than AWS allows, so that no signature is taken.
    WrongClock,
    /// AWS has failed inside (HTTP 5xx), for as long as was tried.
    Unavailable,
    /// No answer: time-out, connection, name resolution.
    Unreachable,
    /// Anything else.
    Other,
}

impl CloudError {
    /// The error without what differs from call to call, so that the same fault is always told the same.
    pub fn reason(&self) -> String {
        Self { request_id: None, ..self.clone() }.to_string()
    }

    /// What the reader can do about it, as full sentences.
    pub fn help(&self) -> Option<&'static str> {
        Some(match self.kind {
            CloudErrorKind::NoCredentials => {
                "Set AWS_PROFILE or --profile to a profile that works, or run `aws sso login`; `aws sts get-caller-identity` shows whether it does."
            }
            CloudErrorKind::Denied => {
                "The caller lacks this permission. The README lists the permissions that orgpatch needs; a service control policy may deny it too."
            }
            CloudErrorKind::WrongClock => {
                "The clock of this machine is wrong by some minutes, so AWS takes no request from it. Set it (with NTP, for example), then run the same command again."
            }
            CloudErrorKind::NoOrganization => {
                "orgpatch works on an AWS Organization. Use the credentials of its management account, or of a delegated administrator of StackSets."
            }
            CloudErrorKind::Throttled => {
                "Other tools may be using up the same quota. Run the same command again in a few minutes; what is done is not done twice."
            }
            CloudErrorKind::Busy => {
                "Another operation runs on this stack set. Wait for it, then run the same command again."
            }
            CloudErrorKind::Stale => {
                "Somebody else changed it in the meantime. Run `orgpatch plan` again and look at what is different."
            }
            CloudErrorKind::AlreadyExists => {
                "Something of that name exists already. It may be this policy's own, made by a call whose answer was lost: run the same command again first. If that says the same, look at it in the console: if it is not needed, delete it; otherwise rename the policy."
            }
            CloudErrorKind::Unavailable => {
                "AWS has trouble of its own (health.aws.amazon.com may say more). Run the same command again in a few minutes; what is done is not done twice."
            }
            CloudErrorKind::Unreachable => {
                "Check the network, the proxy (HTTPS_PROXY) and the Region, then run the same command again."
            }
            CloudErrorKind::Refused => {
                "AWS does not take the request as it is; its message says why. If it is about a template or parameter that orgpatch made, please report it."
            }
            CloudErrorKind::Other => {
                "Run the same command again; what is done is not done twice. If it stays, the code and the request ID are what AWS support asks for."
            }
            CloudErrorKind::Settings
            | CloudErrorKind::NotFound
            | CloudErrorKind::OperationExists => return None,
        })
    }
}
